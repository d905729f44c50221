// SPDX-License-Identifier: Apache-2.0
/*
 * test_gather_rows.c - rows of any type, bits kept; rows outside are zeros.
 */
#include "harness.h"

static void ga_case(uint32_t dtype, uint32_t cols)
{
	static const int32_t rows[] = { 4, 0, -1, 4, 5, 2, INT32_MIN, 1000 };
	uint32_t n_src = 5, n = sizeof(rows) / sizeof(rows[0]), bytes = aios_dtype_bytes(dtype), i,
		 p;
	uint64_t src_bytes = ct_tensor_bytes(dtype, n_src, cols), row = (uint64_t)cols * bytes;
	uint64_t out_bytes = ct_tensor_bytes(dtype, n, cols), planes = dtype == AIOS_I8X2 ? 2 : 1,
		 j;
	uint8_t *src = ct_alloc(src_bytes), *want = ct_alloc(out_bytes), *got = ct_alloc(out_bytes);
	float scale[5], want_scale[8] = { 0 }, got_scale[8];

	for (j = 0; j < src_bytes; j++) /* any bits, NaN with payloads among them */
		src[j] = (uint8_t)ct_random(dtype, j);
	for (i = 0; i < n_src; i++)
		scale[i] = aios_float(0x7fa00000u + i);
	for (i = 0; i < n; i++) {
		if (rows[i] < 0 || (uint32_t)rows[i] >= n_src)
			continue;
		for (p = 0; p < planes; p++)
			memcpy(want + (p * n + i) * row,
			       src + (p * n_src + (uint32_t)rows[i]) * row, row);
		want_scale[i] = scale[rows[i]];
	}
	ct_each(t)
	{
		struct aios_op_gather_rows op = {
			.op = AIOS_OP_INIT(struct aios_op_gather_rows, AIOS_OP_GATHER_ROWS),
			.n_rows = n,
		};

		op.rows = ct_in(t, rows, sizeof(rows));
		op.src = ct_tensor_in(t, dtype, n_src, cols, src, scale, 2);
		op.out = ct_tensor_out(t, dtype, n, cols, 1);
		ct_run(t, &op.op, NULL);
		ct_tensor_get(t, &op.out, got, aios_dtype_scaled(dtype) ? got_scale : NULL);
		ct_same(t, "gather_rows", got, want, AIOS_U8, out_bytes);
		if (aios_dtype_scaled(dtype))
			ct_same(t, "gather_rows scale", got_scale, want_scale, AIOS_F32, n);
		ct_release(t);
	}
}

START_TEST(test_types)
{
	if (!ct_can(AIOS_OP_GATHER_ROWS, AIOS_PROFILE_FMA32))
		return;

	ga_case((uint32_t)_i, 1);
	ga_case((uint32_t)_i, 37);
	ga_case((uint32_t)_i, 512);
}
END_TEST

Suite *test_gather_rows_suite(void);

Suite *test_gather_rows_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance gather_rows", &tc);

	tcase_add_loop_test(tc, test_types, AIOS_NONE + 1, AIOS_DTYPE_COUNT);
	return s;
}
