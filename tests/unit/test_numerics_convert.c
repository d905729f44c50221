// SPDX-License-Identifier: Apache-2.0
/*
 * test_numerics_convert.c - conversions: exhaustive for the narrow types, dense
 * around every rounding boundary for fp32, against double arithmetic.
 */
#include <check.h>

#include "numerics/util.h"

Suite *test_numerics_convert_suite(void);

/* A small format as numbers: what a code means, in double. */
struct format {
	int exp_bits, man_bits;
	bool has_inf; /* e4m3 has none: its top exponent is in use, its last code is NaN */
	uint32_t max; /* code of the largest finite number */
};

static const struct format bf16 = { 8, 7, true, 0x7f7f };
static const struct format f16 = { 5, 10, true, 0x7bff };
static const struct format e4m3 = { 4, 3, false, 0x7e };

/* Value of a finite code without its sign. */
static double value(const struct format *f, uint32_t code)
{
	int bias = (1 << (f->exp_bits - 1)) - 1;
	int e = (int)(code >> f->man_bits), m = (int)(code & ((1u << f->man_bits) - 1));

	if (e == 0)
		return ldexp(m, 1 - bias - f->man_bits);
	return ldexp((1 << f->man_bits) + m, e - bias - f->man_bits);
}

/*
 * The code nearest to |x|, ties to the even code, found by bisection over values;
 * max + 1 stands for "more than the largest rounds to" (as if the format went on).
 */
static uint32_t nearest(const struct format *f, double x)
{
	uint32_t lo = 0, hi = f->max + 1, mid;
	double half;

	while (hi - lo > 1) {
		mid = (lo + hi) / 2;
		if (value(f, mid) <= x)
			lo = mid;
		else
			hi = mid;
	}
	half = (value(f, lo) + value(f, lo + 1)) / 2;
	if (x > half || (x == half && (lo & 1)))
		lo++;
	return lo;
}

static uint32_t narrow(const struct format *f, float x)
{
	return f == &bf16 ? aios_f32_to_bf16(x) :
	       f == &f16  ? aios_f32_to_f16(x) :
			    aios_f32_to_e4m3(x);
}

static float widen(const struct format *f, uint32_t code)
{
	return f == &bf16 ? aios_bf16_to_f32((uint16_t)code) :
	       f == &f16  ? aios_f16_to_f32((uint16_t)code) :
			    aios_e4m3_to_f32((uint8_t)code);
}

static void check_one(const struct format *f, float x)
{
	uint32_t sign_bit = 1u << (f->exp_bits + f->man_bits);
	uint32_t sign = signbit(x) ? sign_bit : 0, want, got = narrow(f, x);

	if (isnan(x)) {
		want = f == &bf16 ? AIOS_NAN_BF16 : f == &f16 ? AIOS_NAN_F16 : AIOS_NAN_E4M3;
	} else {
		want = isinf(x) ? f->max + 1 : nearest(f, fabs((double)x));
		if (!f->has_inf && want > f->max)
			want = f->max;
		want |= sign;
	}
	if (got != want)
		ck_abort_msg("%a (%08x): got %x, expected %x", (double)x, aios_bits(x), got, want);
}

/* Every code widens to its value and narrows back to itself. */
static void check_codes(const struct format *f)
{
	uint32_t sign_bit = 1u << (f->exp_bits + f->man_bits), code;

	for (code = 0; code < 2 * sign_bit; code++) {
		uint32_t mag = code & (sign_bit - 1);
		float x = widen(f, code);

		if (mag <= f->max) {
			ck_assert_msg((double)fabsf(x) == value(f, mag), "code %x", code);
			ck_assert_msg(!!signbit(x) == !!(code & sign_bit), "code %x", code);
			ck_assert_msg(narrow(f, x) == code, "code %x", code);
		} else if (f->has_inf && mag == f->max + 1) {
			ck_assert_msg(isinf(x) && narrow(f, x) == code, "code %x", code);
		} else {
			ck_assert_msg(isnan(x), "code %x", code);
			if (f != &bf16)
				ck_assert_uint_eq(aios_bits(x), AIOS_NAN_F32);
		}
	}
}

/* fp32 neighbours of every code's value and of every midpoint, both signs. */
static void check_boundaries(const struct format *f)
{
	for (uint32_t code = 0; code <= f->max; code++) {
		double v = value(f, code), next = value(f, code + 1);
		float at[2] = { (float)v, (float)((v + next) / 2) };

		for (int k = 0; k < 2; k++) {
			uint32_t u = aios_bits(at[k]);

			for (uint32_t d = u < 2 ? 0 : u - 2; d <= u + 2 && d <= 0x7f800000u; d++) {
				check_one(f, aios_float(d));
				check_one(f, aios_float(d | 0x80000000u));
			}
		}
	}
}

static void check_random(const struct format *f, uint64_t stream)
{
	for (uint64_t i = 0; i < 200000; i++)
		check_one(f, test_float(stream, i));
}

START_TEST(bf16_all)
{
	check_codes(&bf16);
	check_boundaries(&bf16);
	check_random(&bf16, 1);
}
END_TEST

START_TEST(f16_all)
{
	check_codes(&f16);
	check_boundaries(&f16);
	check_random(&f16, 2);
}
END_TEST

START_TEST(e4m3_all)
{
	check_codes(&e4m3);
	check_boundaries(&e4m3);
	check_random(&e4m3, 3);
}
END_TEST

START_TEST(specials)
{
	ck_assert_uint_eq(aios_f32_to_f16(65519.996f), 0x7bff);
	ck_assert_uint_eq(aios_f32_to_f16(65520.0f), 0x7c00); /* tie above the largest */
	ck_assert_uint_eq(aios_f32_to_f16(0x1p-25f), 0x0000); /* tie to even zero */
	ck_assert_uint_eq(aios_f32_to_f16(0x1.000002p-25f), 0x0001);
	ck_assert_uint_eq(aios_f32_to_bf16(0x1.fffffep127f), 0x7f80);
	ck_assert_uint_eq(aios_f32_to_e4m3(INFINITY), 0x7e);
	ck_assert_uint_eq(aios_f32_to_e4m3(-1e30f), 0xfe);
	ck_assert_uint_eq(aios_f32_to_e4m3(-0.0f), 0x80);
	ck_assert_uint_eq(aios_bits(aios_canon(aios_float(0xffc00001u))), AIOS_NAN_F32);
	ck_assert_uint_eq(aios_bits(aios_canon(-0.0f)), 0x80000000u);
	ck_assert_uint_eq(aios_bits(aios_round_to(1.00390625f, AIOS_F32)), 0x3f808000u);
	ck_assert_uint_eq(aios_bits(aios_round_to(1.00390625f, AIOS_BF16)), 0x3f800000u);
	ck_assert_uint_eq(aios_bits(aios_round_to(1.00390625f, AIOS_F16)), 0x3f808000u);
}
END_TEST

/* rint by the added constant equals the library's, ties and signs included. */
START_TEST(rint_is_nearest_even)
{
	for (int i = -100000; i <= 100000; i++) {
		float x = (float)i * 0.125f;

		ck_assert_int_eq(aios_rint(x), (int)rint((double)x));
	}
	ck_assert_int_eq(aios_rint(32639.0f), 32639);
	ck_assert_int_eq(aios_rint(-32638.5f), -32638);
}
END_TEST

/* The compiler kept the two roundings apart, and fma has one. */
START_TEST(no_contraction)
{
	volatile float a = 1.0f + 0x1p-12f, b = a, c = -1.0f - 0x1p-11f;

	ck_assert_uint_eq(aios_bits(aios_add(aios_mul(a, b), c)), aios_bits(0.0f));
	ck_assert_uint_eq(aios_bits(aios_fma(a, b, c)), aios_bits(0x1p-24f));
	ck_assert_uint_eq(aios_bits(aios_mul(0x1p-126f, 0x1p-1f)),
			  0x00400000u); /* no flush to zero */
}
END_TEST

Suite *test_numerics_convert_suite(void)
{
	Suite *s = suite_create("numerics_convert");
	TCase *t = tcase_create("convert");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, bf16_all);
	tcase_add_test(t, f16_all);
	tcase_add_test(t, e4m3_all);
	tcase_add_test(t, specials);
	tcase_add_test(t, rint_is_nearest_even);
	tcase_add_test(t, no_contraction);
	suite_add_tcase(s, t);
	return s;
}
