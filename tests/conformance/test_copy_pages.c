// SPDX-License-Identifier: Apache-2.0
/*
 * test_copy_pages.c - pages inside a layer; nothing else moves.
 */
#include "harness.h"

START_TEST(test_pairs)
{
	if (!ct_can(AIOS_OP_COPY_PAGES, AIOS_PROFILE_FMA32))
		return;

	static const int32_t pairs[][2] = { { 3, 0 }, { 3, 5 }, { 1, 2 }, { 6, 6 } };
	uint32_t page = 3 * 5 * 8, n = 7 * page, i, j;
	uint16_t *k = ct_alloc(n * 2), *v = ct_alloc(n * 2), *want_k, *want_v, *got;
	struct aios_status st = { 0 };

	for (i = 0; i < n; i++) {
		k[i] = (uint16_t)ct_random(1, i); /* NaN with payloads too */
		v[i] = (uint16_t)ct_random(2, i);
	}
	want_k = ct_alloc(n * 2);
	want_v = ct_alloc(n * 2);
	got = ct_alloc(n * 2);
	memcpy(want_k, k, n * 2);
	memcpy(want_v, v, n * 2);
	for (i = 0; i < 4; i++)
		for (j = 0; j < page; j++) {
			want_k[(uint32_t)pairs[i][1] * page + j] =
				k[(uint32_t)pairs[i][0] * page + j];
			want_v[(uint32_t)pairs[i][1] * page + j] =
				v[(uint32_t)pairs[i][0] * page + j];
		}
	ct_each(t)
	{
		struct aios_op_copy_pages op = {
			.op = AIOS_OP_INIT(struct aios_op_copy_pages, AIOS_OP_COPY_PAGES),
			.n_pairs = 4,
			.kv = { .dtype = AIOS_BF16,
				.n_pages = 7,
				.page_size = 5,
				.n_kv_heads = 3,
				.head_dim = 8 },
		};

		op.pairs = ct_in(t, pairs, sizeof(pairs));
		op.kv.k = ct_inout(t, k, n * 2);
		op.kv.v = ct_inout(t, v, n * 2);
		ct_run(t, &op.op, NULL);
		ct_get(t, op.kv.k, got, n * 2);
		ct_same(t, "copy_pages k", got, want_k, AIOS_BF16, n);
		ct_get(t, op.kv.v, got, n * 2);
		ct_same(t, "copy_pages v", got, want_v, AIOS_BF16, n);
		op.kv.n_pages = 6;
		if (ct_is_reference())
			ck_assert_int_eq(t->ops->launch(t->dev, t->queue, &op.op, &st), -EINVAL);
		ct_release(t);
	}
}
END_TEST

Suite *test_copy_pages_suite(void);

Suite *test_copy_pages_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance copy_pages", &tc);

	tcase_add_test(tc, test_pairs);
	return s;
}
