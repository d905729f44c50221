// SPDX-License-Identifier: Apache-2.0
/*
 * test_add.c - one IEEE addition an element; in place too.
 */
#include "harness.h"

static uint64_t ad_case(uint32_t b_type, uint32_t rows, uint32_t cols, bool in_place,
			enum ct_dist dist)
{
	uint64_t n = (uint64_t)rows * cols, i;
	float *a = ct_alloc(n * 4), *want = ct_alloc(n * 4), *got = ct_alloc(n * 4);
	double *exact = ct_alloc(n * 8), *bound = ct_alloc(n * 8);
	void *b = ct_alloc(n * 4);

	ct_fill(dist, AIOS_F32, 1, n, a);
	ct_fill(dist, b_type, 2, n, b);
	for (i = 0; i < n; i++) {
		want[i] = aios_canon(a[i] + ct_widen(b_type, b, i));
		exact[i] = (double)a[i] + (double)ct_widen(b_type, b, i);
		bound[i] = fabs(exact[i]) * 0x1p-24 + 0x1p-150;
		if (fabs(exact[i]) > 0x1p127)
			bound[i] = (double)INFINITY;
	}
	ct_each(t)
	{
		struct aios_op_add op = { .op = AIOS_OP_INIT(struct aios_op_add, AIOS_OP_ADD) };

		op.b = ct_tensor_in(t, b_type, rows, cols, b, NULL, 0);
		if (in_place) {
			op.out = op.a = ct_tensor_inout(t, AIOS_F32, rows, cols, a, 1);
		} else {
			op.a = ct_tensor_in(t, AIOS_F32, rows, cols, a, NULL, 2);
			op.out = ct_tensor_out(t, AIOS_F32, rows, cols, 1);
		}
		ct_run(t, &op.op, NULL);
		ct_tensor_get(t, &op.out, got, NULL);
		ct_same(t, "add", got, want, AIOS_F32, n);
		ct_release(t);
	}
	ct_near("add", AIOS_F32, want, exact, bound, n);
	return digest_bytes(DIGEST_START, got, n * 4);
}

START_TEST(test_all)
{
	if (!ct_can(AIOS_OP_ADD, AIOS_PROFILE_FMA32))
		return;

	static const uint32_t cols[] = { 1, 5, 256, 257, 1000 };
	int i;

	for (i = 0; i < 5; i++) {
		ad_case(AIOS_F32, 3, cols[i], i % 2, CT_NORMAL);
		ad_case(AIOS_BF16, 4, cols[i], !(i % 2), CT_NORMAL);
	}
	for (i = 0; i < CT_DISTS; i++)
		ad_case(i % 2 ? AIOS_F32 : AIOS_BF16, 9, 150, i % 3, (enum ct_dist)i);
	ct_report("add");
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_ADD, AIOS_PROFILE_FMA32))
		return;

	ct_frozen("add.f32", ad_case(AIOS_F32, 3, 200, false, CT_WIDE));
}
END_TEST

Suite *test_add_suite(void);

Suite *test_add_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance add", &tc);

	tcase_add_test(tc, test_all);
	tcase_add_test(tc, test_frozen);
	return s;
}
