// SPDX-License-Identifier: Apache-2.0
/*
 * test_numerics_quant.c - scales, elements and slices of the quantised types.
 */
#include <check.h>

#include "numerics/util.h"

Suite *test_numerics_quant_suite(void);

START_TEST(scales)
{
	static const float qmax[] = { AIOS_QMAX_I8, AIOS_QMAX_I8X2, AIOS_QMAX_E4M3 };
	struct aios_quant_scale s;

	for (int k = 0; k < 3; k++) {
		/* Over the whole range both factors are normal numbers: nothing overflows or flushes. */
		for (int e = -96; e < 128; e++) {
			s = aios_quant_scale_of(ldexpf(1.5f, e), true, qmax[k]);
			ck_assert(isnormal(s.scale) && isnormal(s.inv));
			ck_assert_float_eq(s.scale, ldexpf(1.5f, e) / qmax[k]);
		}
		s = aios_quant_scale_of(0x1.fffffep-97f, true, qmax[k]);
		ck_assert(s.scale == 0.0f && s.inv == 0.0f);
		s = aios_quant_scale_of(0.0f, true, qmax[k]);
		ck_assert(s.scale == 0.0f && s.inv == 0.0f);
		s = aios_quant_scale_of(1.0f, false, qmax[k]);
		ck_assert(aios_bits(s.scale) == AIOS_NAN_F32 && s.inv == 0.0f);
	}
}
END_TEST

START_TEST(integers)
{
	for (uint64_t i = 0; i < 200000; i++) {
		float absmax = ldexpf(1.0f + (float)(test_random(61, i) & 0xffff) * 0x1p-16f,
				      (int)(test_random(62, i) % 200) - 90);
		float x = absmax * ((float)(int32_t)test_random(63, i) * 0x1p-31f);
		struct aios_quant_scale s8 = aios_quant_scale_of(absmax, true, AIOS_QMAX_I8);
		struct aios_quant_scale s16 = aios_quant_scale_of(absmax, true, AIOS_QMAX_I8X2);
		int q8 = aios_quant_i8(x, s8.inv);
		int32_t q16 = aios_quant_i8x2(x, s16.inv);

		/* Half a step, and a little for the rounding of the product. */
		ck_assert(fabs((double)x - q8 * (double)s8.scale) <= 0.50002 * (double)s8.scale);
		ck_assert(fabs((double)x - q16 * (double)s16.scale) <= 0.503 * (double)s16.scale);
		ck_assert_int_eq(aios_quant_i8(absmax, s8.inv), 127);
		ck_assert_int_eq(aios_quant_i8(-absmax, s8.inv), -127);
		ck_assert_int_eq(aios_quant_i8x2(absmax, s16.inv), 32639);
		ck_assert_int_eq(aios_quant_i8x2(-absmax, s16.inv), -32639);
	}
	ck_assert_int_eq(aios_quant_i8(2.5f, 1.0f), 2); /* ties to even */
	ck_assert_int_eq(aios_quant_i8(-3.5f, 1.0f), -4);
	ck_assert_int_eq(aios_quant_i8(INFINITY, 0.0f), 0);
	ck_assert_int_eq(aios_quant_i8(NAN, 0.0f), 0);
	ck_assert_int_eq(aios_quant_i8x2(NAN, 1.0f), 0);
	ck_assert_uint_eq(aios_quant_e4m3(-INFINITY, 0.0f), 0);
	ck_assert_uint_eq(aios_quant_e4m3(NAN, 1.0f), 0);
	ck_assert_uint_eq(aios_quant_e4m3(500.0f, 1.0f), 0x7e);
	ck_assert_uint_eq(aios_quant_e4m3(-0.5f, 2.0f), 0xb8);
}
END_TEST

START_TEST(slices)
{
	for (int32_t q = -32639; q <= 32639; q++) {
		int lo = aios_i8x2_lo(q), hi = aios_i8x2_hi(q);

		ck_assert_msg(256 * hi + lo == q && hi >= -127 && hi <= 127, "%d = 256 * %d + %d",
			      q, hi, lo);
	}
}
END_TEST

START_TEST(sums)
{
	ck_assert(aios_i8_acc(16777217) == 16777216.0f); /* tie to even, once */
	ck_assert(aios_i8_acc(16777219) == 16777220.0f);
	ck_assert(aios_i8_acc(-2147483647) == -2147483648.0f);
	/* 2^40 + 2^16 + 1: two roundings would lose the odd bit that breaks the tie. */
	ck_assert(aios_i8x2_acc((int64_t)1 << 32, 65537) == 0x1.000002p40f);
	ck_assert(aios_i8x2_acc((int64_t)1 << 32, 65536) == 0x1p40f);
	ck_assert(aios_i8x2_acc(-3, 5) == -763.0f);
	ck_assert(aios_dequant(3.0f, 0.5f, 0.25f) == 0.375f);
	/* Token scale first: the other order would overflow here. */
	ck_assert(aios_dequant(0x1p100f, 0x1p-100f, 0x1p100f) == 0x1p100f);
}
END_TEST

Suite *test_numerics_quant_suite(void)
{
	Suite *s = suite_create("numerics_quant");
	TCase *t = tcase_create("quant");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, scales);
	tcase_add_test(t, integers);
	tcase_add_test(t, slices);
	tcase_add_test(t, sums);
	suite_add_tcase(s, t);
	return s;
}
