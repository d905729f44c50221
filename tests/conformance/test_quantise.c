// SPDX-License-Identifier: Apache-2.0
/*
 * test_quantise.c - rows to I8, I8X2 and E4M3, against the contract and float64.
 */
#include "harness.h"

static const uint32_t qu_outs[] = { AIOS_I8, AIOS_I8X2, AIOS_E4M3 };
static const uint32_t qu_ins[] = { AIOS_F32, AIOS_BF16, AIOS_F16 };

/* What row r, column i of an output stands for. */
static double qu_value(uint32_t out, const uint8_t *q, const float *scale, uint64_t n,
		       uint32_t cols, uint64_t i)
{
	double v;

	if (out == AIOS_E4M3)
		v = (double)aios_e4m3_to_f32(q[i]);
	else if (out == AIOS_I8)
		v = (double)(int8_t)q[i];
	else
		v = 256.0 * (int8_t)q[i] + (int8_t)q[n + i];
	return v * (double)scale[i / cols];
}

/* A finite row: half a step, and three roundings; a row below 2^-96 is zeros. */
static void qu_check_value(uint32_t out, double got, double x, double absmax)
{
	double step = out == AIOS_I8 ? absmax / 127 : absmax / 32639, bound;

	if (absmax < 0x1p-96) {
		ck_assert_double_eq(got, 0);
		return;
	}
	if (out == AIOS_E4M3)
		step = fmax(fabs(x) * 0x1p-3, absmax / 448 * 0x1p-9);
	bound = step / 2 * (1 + 0x1p-10) + absmax * 0x1p-21;
	ck_assert_msg(fabs(got - x) <= bound, "quantise to %s: %a became %a (row maximum %a)",
		      aios_dtype_name(out), x, got, absmax);
}

static uint64_t qu_case(uint32_t in, uint32_t out, uint32_t rows, uint32_t cols, enum ct_dist dist)
{
	uint64_t n = (uint64_t)rows * cols, bytes = ct_tensor_bytes(out, rows, cols), i;
	void *x = ct_alloc(n * 4);
	uint8_t *want = ct_alloc(bytes), *got = ct_alloc(bytes);
	float *v = ct_alloc(n * 4), *scale = ct_alloc(rows * 4), *want_scale = ct_alloc(rows * 4);
	double absmax;
	uint32_t r, j;

	ct_fill(dist, in, cols + out, n, x);
	for (i = 0; i < n; i++)
		v[i] = ct_widen(in, x, i);
	ct_round_rows(out, rows, cols, v, want, want_scale);
	ct_each(t)
	{
		struct aios_op_quantise op = {
			.op = AIOS_OP_INIT(struct aios_op_quantise, AIOS_OP_QUANTISE),
		};

		op.in = ct_tensor_in(t, in, rows, cols, x, NULL, 1);
		op.out = ct_tensor_out(t, out, rows, cols, 1);
		ct_run(t, &op.op, NULL);
		ct_tensor_get(t, &op.out, got, scale);
		ct_same(t, "quantise", got, want, out, bytes);
		ct_same(t, "quantise scale", scale, want_scale, AIOS_F32, rows);
		ct_release(t);
	}
	for (r = 0; r < rows; r++) {
		for (absmax = 0, j = 0; j < cols; j++)
			absmax = fmax(absmax, isfinite(v[r * cols + j]) ?
						      fabs((double)v[r * cols + j]) :
						      (double)INFINITY);
		for (j = 0; j < cols && isfinite(absmax) && absmax < 0x1p120; j++)
			qu_check_value(out, qu_value(out, got, scale, n, cols, r * cols + j),
				       (double)v[r * cols + j], absmax);
		if (!isfinite(absmax)) /* scale NaN, all zeros */
			ck_assert_uint_eq(aios_bits(scale[r]), AIOS_NAN_F32);
	}
	return digest_bytes(digest_bytes(DIGEST_START, got, bytes), scale, rows * 4);
}

START_TEST(test_all)
{
	if (!ct_can(AIOS_OP_QUANTISE, AIOS_PROFILE_FMA32))
		return;

	static const uint32_t cols[] = { 1, 2, 255, 256, 257, 1000, 4097, 5003, 12301 };
	int i, dist;

	for (i = 0; i < 9; i++)
		qu_case(qu_ins[i % 3], qu_outs[_i], 3, cols[i], CT_NORMAL);
	for (dist = 0; dist < CT_DISTS; dist++)
		for (i = 0; i < 3; i++)
			qu_case(qu_ins[i], qu_outs[_i], 7, 60, (enum ct_dist)dist);
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_QUANTISE, AIOS_PROFILE_FMA32))
		return;

	char name[64];

	snprintf(name, sizeof(name), "quantise.%s", aios_dtype_name(qu_outs[_i]));
	ct_frozen(name, qu_case(AIOS_F32, qu_outs[_i], 4, 333, CT_WIDE));
}
END_TEST

Suite *test_quantise_suite(void);

Suite *test_quantise_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance quantise", &tc);

	tcase_add_loop_test(tc, test_all, 0, 3);
	tcase_add_loop_test(tc, test_frozen, 0, 3);
	return s;
}
