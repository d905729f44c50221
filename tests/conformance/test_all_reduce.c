// SPDX-License-Identifier: Apache-2.0
/*
 * test_all_reduce.c - the tree over ranks.
 */
#include "harness.h"

static float ar_tree(float **parts, uint32_t n, uint64_t i)
{
	return n == 1 ? parts[0][i] : ar_tree(parts, n / 2, i) + ar_tree(parts + n / 2, n / 2, i);
}

static uint64_t ar_case(uint32_t ranks, uint32_t rows, uint32_t cols, bool in_place,
			enum ct_dist dist)
{
	uint64_t n = (uint64_t)rows * cols, i;
	float *parts[AIOS_MAX_RANKS], *want = ct_alloc(n * 4), *got = ct_alloc(n * 4);
	uint32_t r;

	for (r = 0; r < ranks; r++) {
		parts[r] = ct_alloc(n * 4);
		ct_fill(dist, AIOS_F32, r, n, parts[r]);
	}
	for (i = 0; i < n; i++)
		want[i] = aios_canon(ar_tree(parts, ranks, i));
	ct_each(t)
	{
		struct aios_op_all_reduce op = {
			.op = AIOS_OP_INIT(struct aios_op_all_reduce, AIOS_OP_ALL_REDUCE),
			.n_ranks = ranks,
		};

		for (r = 0; r < ranks; r++)
			op.parts[r] = ct_tensor_in(t, AIOS_F32, rows, cols, parts[r], NULL, 1).data;
		op.out = in_place ? ct_tensor_inout(t, AIOS_F32, rows, cols, parts[0], 1) :
				    ct_tensor_out(t, AIOS_F32, rows, cols, 1);
		if (in_place)
			op.parts[0] = op.out.data;
		ct_run(t, &op.op, NULL);
		ct_tensor_get(t, &op.out, got, NULL);
		ct_same(t, "all_reduce", got, want, AIOS_F32, n);
		ct_release(t);
	}
	return digest_bytes(DIGEST_START, got, n * 4);
}

START_TEST(test_ranks)
{
	if (!ct_can(AIOS_OP_ALL_REDUCE, AIOS_PROFILE_FMA32))
		return;

	uint32_t ranks;
	int dist;

	for (ranks = 1; ranks <= 16; ranks *= 2) {
		ar_case(ranks, 3, 257, ranks % 4 == 0, CT_NORMAL);
		for (dist = 0; dist < CT_DISTS; dist++)
			ar_case(ranks, 2, 100, false, (enum ct_dist)dist);
	}
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_ALL_REDUCE, AIOS_PROFILE_FMA32))
		return;

	ct_frozen("all_reduce.8", ar_case(8, 3, 100, false, CT_WIDE));
}
END_TEST

START_TEST(test_refusals)
{
	if (!ct_can(AIOS_OP_ALL_REDUCE, AIOS_PROFILE_FMA32))
		return;

	struct aios_op_all_reduce op = {
		.op = AIOS_OP_INIT(struct aios_op_all_reduce, AIOS_OP_ALL_REDUCE),
		.n_ranks = 3,
		.out = { .data = 4096, .dtype = AIOS_F32, .rows = 1, .cols = 4, .row_bytes = 16 },
	};

	ct_refuse(&ct_dev[0], &op.op, "power of two");
	op.n_ranks = 32;
	ct_refuse(&ct_dev[0], &op.op, "power of two up to 16");
}
END_TEST

Suite *test_all_reduce_suite(void);

Suite *test_all_reduce_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance all_reduce", &tc);

	tcase_add_test(tc, test_ranks);
	tcase_add_test(tc, test_frozen);
	tcase_add_test(tc, test_refusals);
	return s;
}
