// SPDX-License-Identifier: Apache-2.0
/*
 * test_glu.c - act(gate) * up, in every type of output.
 */
#include "harness.h"

static const uint32_t gl_outs[] = { AIOS_F32, AIOS_BF16, AIOS_F16, AIOS_E4M3, AIOS_I8, AIOS_I8X2 };

/* In float64; the bound is 60 ulp of the product (exp below 0 grows to 47 ulp), or tiny. */
static void gl_float64(uint32_t act, double g, double u, double *exact, double *bound)
{
	double z = act == AIOS_ACT_SILU_MUL ? g : 2 * sqrt(2 / M_PI) * (g + 0.044715 * g * g * g);

	*exact = g / (1 + exp(-z)) * u;
	*bound = fabs(*exact) * (60 + 3 * fabs(z)) * 0x1p-24 + fabs(g * u) * 0x1p-125 + 0x1p-140;
	if (fabs(g) > 0x1p40 || fabs(g * u) > 0x1p126)
		*bound = (double)INFINITY;
}

static uint64_t gl_case(uint32_t act, uint32_t in, uint32_t out, uint32_t rows, uint32_t cols,
			enum ct_dist dist)
{
	uint64_t n = (uint64_t)rows * cols, bytes = ct_tensor_bytes(out, rows, cols), i, at;
	void *x = ct_alloc(2 * n * 4), *got = ct_alloc(bytes), *want = ct_alloc(bytes);
	float *y = ct_alloc(n * 4), *scale = ct_alloc(rows * 4), *want_scale = ct_alloc(rows * 4);
	double *exact = ct_alloc(n * 8), *bound = ct_alloc(n * 8);
	float g, u;

	ct_fill(dist, in, cols, 2 * n, x);
	for (i = 0; i < n; i++) {
		at = i / cols * 2 * cols + i % cols;
		g = ct_widen(in, x, at);
		u = ct_widen(in, x, at + cols);
		y[i] = (act == AIOS_ACT_SILU_MUL ? aios_silu(g) : aios_gelu_tanh(g)) * u;
		gl_float64(act, (double)g, (double)u, &exact[i], &bound[i]);
	}
	ct_round_rows(out, rows, cols, y, want, want_scale);
	ct_each(t)
	{
		struct aios_op_glu op = {
			.op = AIOS_OP_INIT(struct aios_op_glu, AIOS_OP_GLU),
			.act = (uint8_t)act,
		};

		op.in = ct_tensor_in(t, in, rows, 2 * cols, x, NULL, 1);
		op.out = ct_tensor_out(t, out, rows, cols, 1);
		ct_run(t, &op.op, NULL);
		ct_tensor_get(t, &op.out, got, aios_dtype_scaled(out) ? scale : NULL);
		ct_same(t, "glu", got, want, out, out == AIOS_I8X2 ? 2 * n : n);
		if (aios_dtype_scaled(out))
			ct_same(t, "glu scale", scale, want_scale, AIOS_F32, rows);
		ct_release(t);
	}
	if (dist != CT_SPECIAL)
		ct_near("glu", AIOS_F32, y, exact, bound, n);
	return digest_bytes(DIGEST_START, got, bytes);
}

START_TEST(test_outputs)
{
	if (!ct_can(AIOS_OP_GLU, AIOS_PROFILE_FMA32))
		return;

	static const uint32_t cols[] = { 1, 31, 255, 256, 257, 700 };
	int i;

	for (i = 0; i < 6; i++) {
		gl_case(AIOS_ACT_SILU_MUL, AIOS_F32, gl_outs[i], 4, cols[i], CT_NORMAL);
		gl_case(AIOS_ACT_GELU_TANH_MUL, AIOS_BF16, gl_outs[i], 3, cols[5 - i], CT_NORMAL);
	}
	ct_report("glu");
}
END_TEST

START_TEST(test_distributions)
{
	if (!ct_can(AIOS_OP_GLU, AIOS_PROFILE_FMA32))
		return;

	int i, j;

	for (i = 0; i < CT_DISTS; i++)
		for (j = 0; j < 6; j++)
			gl_case(1 + (uint32_t)j % 2, j % 3 ? AIOS_F32 : AIOS_BF16, gl_outs[j], 5,
				130, (enum ct_dist)i);
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_GLU, AIOS_PROFILE_FMA32))
		return;

	ct_frozen("glu.silu", gl_case(1, AIOS_F32, AIOS_F32, 3, 300, CT_WIDE));
	ct_frozen("glu.gelu_tanh", gl_case(2, AIOS_F32, AIOS_F32, 3, 300, CT_WIDE));
}
END_TEST

Suite *test_glu_suite(void);

Suite *test_glu_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance glu", &tc);

	tcase_add_test(tc, test_outputs);
	tcase_add_test(tc, test_distributions);
	tcase_add_test(tc, test_frozen);
	return s;
}
