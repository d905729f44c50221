// SPDX-License-Identifier: Apache-2.0
/*
 * test_numerics_math.c - the elementary functions against double libm, within
 * the errors that Documentation/numerics.md states, and their exact properties.
 */
#include <check.h>

#include "numerics/util.h"

Suite *test_numerics_math_suite(void);

static double sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

static double silu(double x)
{
	return x * sigmoid(x);
}

static double gelu_tanh(double x)
{
	double u = sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);

	return x * sigmoid(2 * u);
}

static double softcap30(double x)
{
	return 30 * tanh(x / 30);
}

static float aios_softcap30(float x)
{
	return aios_softcap(x, 30.0f);
}

struct bound {
	const char *name;
	float (*got)(float);
	double (*want)(double);
	float from, to; /* same sign; every `stride`-th float between them */
	uint32_t stride;
	double ulp; /* the documented error */
};

static const struct bound bounds[] = {
	{ "exp2", aios_exp2, exp2, -0x1p-30f, -1.0f, 509, 1.8 },
	{ "exp2", aios_exp2, exp2, -1.0f, -126.0f, 127, 1.8 },
	{ "exp", aios_exp, exp, -0x1p-30f, -1.0f, 1009, 2.5 },
	{ "exp", aios_exp, exp, -1.0f, -10.0f, 101, 8.5 },
	{ "exp", aios_exp, exp, -10.0f, -87.0f, 101, 64 },
	{ "sigmoid", aios_sigmoid, sigmoid, 0x1p-30f, 100.0f, 2003, 1.7 },
	{ "sigmoid", aios_sigmoid, sigmoid, -0x1p-30f, -1.0f, 2003, 2.9 },
	{ "sigmoid", aios_sigmoid, sigmoid, -1.0f, -8.0f, 101, 9.5 },
	{ "silu", aios_silu, silu, 0x1p-30f, 100.0f, 2003, 2.9 },
	{ "silu", aios_silu, silu, -0x1p-30f, -1.0f, 2003, 3.4 },
	{ "silu", aios_silu, silu, -1.0f, -8.0f, 101, 10.5 },
	{ "tanh", aios_tanh, tanh, 0x1p-100f, 0.625f, 4001, 0.8 },
	{ "tanh", aios_tanh, tanh, 0.625f, 30.0f, 101, 2.3 },
	{ "gelu_tanh", aios_gelu_tanh, gelu_tanh, 0x1p-60f, 10.0f, 4001, 2.9 },
	{ "gelu_tanh", aios_gelu_tanh, gelu_tanh, -0x1p-60f, -1.0f, 4001, 4.2 },
	{ "gelu_tanh", aios_gelu_tanh, gelu_tanh, -1.0f, -3.0f, 101, 16 },
	{ "softcap", aios_softcap30, softcap30, 0x1p-40f, 1000.0f, 2003, 2.7 },
	{ "log2", aios_log2, log2, 0x1p-149f, 0.5f, 5003, 0.75 },
	{ "log2", aios_log2, log2, 0.5f, 2.0f, 53, 1.0 },
	{ "log2", aios_log2, log2, 2.0f, 0x1.fffffep127f, 5003, 0.75 },
	{ "ln", aios_ln, log, 0x1p-149f, 0.5f, 5003, 1.5 },
	{ "ln", aios_ln, log, 0.5f, 2.0f, 53, 1.8 },
	{ "ln", aios_ln, log, 2.0f, 0x1.fffffep127f, 5003, 1.5 },
};

START_TEST(within_bounds)
{
	const struct bound *b = &bounds[_i];
	uint32_t lo = aios_bits(b->from), hi = aios_bits(b->to), u;
	double worst = 0;
	float where = 0;

	if (lo > hi) {
		u = lo;
		lo = hi;
		hi = u;
	}
	for (u = lo; u <= hi; u += b->stride) {
		float x = aios_float(u);
		double err = test_ulp(b->got(x), b->want((double)x));

		if (!(err <= worst)) {
			worst = err;
			where = x;
		}
	}
	ck_assert_msg(worst <= b->ulp, "%s(%a): %.3f ulp, documented %.3f", b->name, (double)where,
		      worst, b->ulp);
	/* A bound far above what is seen would test nothing. */
	ck_assert_msg(worst >= 0.4 * b->ulp, "%s: only %.3f ulp seen, documented %.3f", b->name,
		      worst, b->ulp);
}
END_TEST

START_TEST(exp2_exact)
{
	for (int n = 0; n <= 126; n++)
		ck_assert_uint_eq(aios_bits(aios_exp2(-(float)n)), (uint32_t)(127 - n) << 23);
	ck_assert_uint_eq(aios_bits(aios_exp2(-0.0f)), 0x3f800000u);
	ck_assert_uint_eq(aios_bits(aios_exp2(aios_float(aios_bits(-126.0f) + 1))), 0);
	ck_assert_uint_eq(aios_bits(aios_exp2(-1e30f)), 0);
	ck_assert_uint_eq(aios_bits(aios_exp2(-INFINITY)), 0);
	ck_assert(isnan(aios_exp2(NAN)));
	ck_assert(isnan(aios_exp2(INFINITY - INFINITY)));
	ck_assert_uint_eq(aios_bits(aios_exp(0.0f)), 0x3f800000u);
	ck_assert_uint_eq(aios_bits(aios_exp(-200.0f)), 0);
}
END_TEST

/* Never a subnormal; between neighbours at most one ulp back; monotone on a grid of 2^-17. */
START_TEST(exp2_monotone)
{
	uint32_t prev = aios_bits(1.0f), now, u;
	float x;

	for (u = aios_bits(-0x1p-3f); u < aios_bits(-0x1p-3f) + 2000000; u++) {
		now = aios_bits(aios_exp2(aios_float(u)));
		ck_assert_msg(now <= prev + 1, "at %a", (double)aios_float(u));
		prev = now;
	}
	prev = aios_bits(1.0f);
	for (x = 0; x >= -126.0f; x -= x > -4.0f ? 0x1p-17f : 0x1p-13f) {
		now = aios_bits(aios_exp2(x));
		ck_assert_msg(now <= prev && now >= 0x00800000u, "at %a", (double)x);
		prev = now;
	}
}
END_TEST

START_TEST(odd_and_limits)
{
	for (uint64_t i = 0; i < 100000; i++) {
		float x = test_float(10, i);

		if (isnan(x))
			continue;
		ck_assert_uint_eq(aios_bits(aios_tanh(-x)), aios_bits(aios_tanh(x)) ^ 0x80000000u);
		ck_assert(fabsf(aios_tanh(x)) <= 1.0f);
		ck_assert(aios_sigmoid(x) >= 0.0f && aios_sigmoid(x) <= 1.0f);
	}
	ck_assert_uint_eq(aios_bits(aios_tanh(INFINITY)), 0x3f800000u);
	ck_assert_uint_eq(aios_bits(aios_tanh(-0.0f)), 0x80000000u);
	ck_assert_uint_eq(aios_bits(aios_tanh(1e-8f)), aios_bits(1e-8f));
	ck_assert_uint_eq(aios_bits(aios_sigmoid(INFINITY)), 0x3f800000u);
	ck_assert_uint_eq(aios_bits(aios_sigmoid(-INFINITY)), 0);
	ck_assert_uint_eq(aios_bits(aios_sigmoid(0.0f)), 0x3f000000u);
	ck_assert_uint_eq(aios_bits(aios_silu(0.0f)), 0);
	ck_assert_uint_eq(aios_bits(aios_silu(1000.0f)), aios_bits(1000.0f));
	ck_assert_uint_eq(aios_bits(aios_gelu_tanh(1000.0f)), aios_bits(1000.0f));
	ck_assert_uint_eq(aios_bits(aios_softcap(1e30f, 30.0f)), aios_bits(30.0f));
	ck_assert(isnan(aios_tanh(NAN)) && isnan(aios_sigmoid(NAN)) && isnan(aios_silu(NAN)) &&
		  isnan(aios_gelu_tanh(NAN)) && isnan(aios_softcap(NAN, 30.0f)) &&
		  isnan(aios_exp(NAN)));
}
END_TEST

START_TEST(log2_exact)
{
	for (int n = -149; n <= 127; n++)
		ck_assert_uint_eq(aios_bits(aios_log2(ldexpf(1.0f, n))), aios_bits((float)n));
	ck_assert_uint_eq(aios_bits(aios_log2(0.0f)), aios_bits(-INFINITY));
	ck_assert_uint_eq(aios_bits(aios_log2(-0.0f)), aios_bits(-INFINITY));
	ck_assert_uint_eq(aios_bits(aios_log2(INFINITY)), aios_bits(INFINITY));
	ck_assert(isnan(aios_log2(-1.0f)) && isnan(aios_log2(NAN)) && isnan(aios_log2(-INFINITY)));
	ck_assert_uint_eq(aios_bits(aios_ln(1.0f)), 0);
	ck_assert_uint_eq(aios_bits(aios_logsumexp(3.0f, 1.0f)), aios_bits(3.0f));
}
END_TEST

/* The absolute error of exp, and of silu and gelu where the relative one is large. */
START_TEST(absolute_errors)
{
	double exp_err = 0, silu_err = 0, gelu_err = 0;

	for (int i = 0; i <= 1000000; i++) {
		float x = (float)i * -0x1p-13f;

		exp_err = fmax(exp_err, fabs((double)aios_exp(x) - exp((double)x)));
		silu_err = fmax(silu_err, fabs((double)aios_silu(x) - silu((double)x)));
		gelu_err = fmax(gelu_err, fabs((double)aios_gelu_tanh(x) - gelu_tanh((double)x)));
	}
	ck_assert_msg(exp_err <= 0x1p-23, "exp %a", exp_err);
	ck_assert_msg(silu_err <= 0x1p-23, "silu %a", silu_err);
	ck_assert_msg(gelu_err <= 0x1p-23, "gelu_tanh %a", gelu_err);
}
END_TEST

Suite *test_numerics_math_suite(void)
{
	Suite *s = suite_create("numerics_math");
	TCase *t = tcase_create("math");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, within_bounds, 0, (int)(sizeof(bounds) / sizeof(bounds[0])));
	tcase_add_test(t, exp2_exact);
	tcase_add_test(t, exp2_monotone);
	tcase_add_test(t, odd_and_limits);
	tcase_add_test(t, log2_exact);
	tcase_add_test(t, absolute_errors);
	suite_add_tcase(s, t);
	return s;
}
