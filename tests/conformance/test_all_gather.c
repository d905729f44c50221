// SPDX-License-Identifier: Apache-2.0
/*
 * test_all_gather.c - columns of the ranks side by side, bits kept.
 */
#include "harness.h"

START_TEST(test_ranks)
{
	if (!ct_can(AIOS_OP_ALL_GATHER, AIOS_PROFILE_FMA32))
		return;

	uint32_t ranks = 1 + (uint32_t)_i, rows = 3, cols = 37 + (uint32_t)_i, r, i;
	uint32_t dtype = _i % 2 ? AIOS_F32 : AIOS_BF16, bytes = aios_dtype_bytes(dtype);
	uint8_t *part = ct_alloc((uint64_t)ranks * rows * cols * bytes);
	uint8_t *want = ct_alloc((uint64_t)ranks * rows * cols * bytes);
	uint8_t *got = ct_alloc((uint64_t)ranks * rows * cols * bytes);

	for (i = 0; i < ranks * rows * cols * bytes; i++)
		part[i] = (uint8_t)ct_random(1, i);
	for (r = 0; r < ranks; r++)
		for (i = 0; i < rows; i++)
			memcpy(want + (i * ranks + r) * cols * bytes,
			       part + (r * rows + i) * cols * bytes, cols * bytes);
	ct_each(t)
	{
		struct aios_op_all_gather op = {
			.op = AIOS_OP_INIT(struct aios_op_all_gather, AIOS_OP_ALL_GATHER),
			.n_ranks = ranks,
			.part_cols = cols,
		};
		struct aios_tensor x;

		for (r = 0; r < ranks; r++) {
			x = ct_tensor_in(t, dtype, rows, cols, part + r * rows * cols * bytes, NULL,
					 1);
			op.parts[r] = x.data;
			op.part_row_bytes = x.row_bytes;
		}
		op.out = ct_tensor_out(t, dtype, rows, ranks * cols, 2);
		ct_run(t, &op.op, NULL);
		ct_tensor_get(t, &op.out, got, NULL);
		ct_same(t, "all_gather", got, want, AIOS_U8, (uint64_t)ranks * rows * cols * bytes);
		op.part_row_bytes = 16;
		ct_refuse(t, &op.op, "part_row_bytes is 16");
		ct_release(t);
	}
}
END_TEST

Suite *test_all_gather_suite(void);

Suite *test_all_gather_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance all_gather", &tc);

	tcase_add_loop_test(tc, test_ranks, 0, 16);
	return s;
}
