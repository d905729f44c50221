// SPDX-License-Identifier: Apache-2.0
/*
 * test_cast.c - every pair of float types, on all 2^16 codes of the narrow ones.
 */
#include "harness.h"

static const uint32_t ca_types[] = { AIOS_F32, AIOS_BF16, AIOS_F16 };

/* Nearest value of the type, ties to even, by search in float64: not the header's way. */
static uint32_t ca_round(uint32_t dtype, float x)
{
	uint32_t lo = 0, hi = dtype == AIOS_BF16 ? 0x7f80 : 0x7c00, mid;
	uint32_t sign = aios_bits(x) >> 31 ? 0x8000 : 0;
	double a = fabs((double)x), top = dtype == AIOS_BF16 ? ldexp(1.99609375, 127) : 65520, d;
	uint16_t code;

	if (isnan(x))
		return dtype == AIOS_BF16 ? 0x7fc0 : 0x7e00;
	if (a >= top)
		return sign | hi;
	while (hi - lo > 1) { /* the largest code that is not above a */
		mid = (lo + hi) / 2;
		code = (uint16_t)mid;
		if ((double)ct_widen(dtype, &code, 0) <= a)
			lo = mid;
		else
			hi = mid;
	}
	code = (uint16_t)lo;
	d = a - (double)ct_widen(dtype, &code, 0);
	code = (uint16_t)(lo + 1);
	if (dtype == AIOS_BF16 ? lo + 1 < 0x7f80 : lo + 1 < 0x7c00) {
		double e = (double)ct_widen(dtype, &code, 0) - a;

		if (e < d || (e == d && (lo & 1)))
			lo++;
	} else if (d > 0) {
		lo += a >= top;
	}
	return sign | lo;
}

static void ca_case(uint32_t from, uint32_t to, uint32_t rows, uint32_t cols, const void *in)
{
	uint64_t n = (uint64_t)rows * cols, i;
	void *want = ct_alloc(n * 4), *got = ct_alloc(n * 4);
	float x;

	for (i = 0; i < n; i++) {
		x = ct_widen(from, in, i);
		if (to == AIOS_F32)
			((float *)want)[i] = isnan(x) ? aios_nan() : x;
		else
			((uint16_t *)want)[i] = (uint16_t)ca_round(to, x);
	}
	ct_each(t)
	{
		struct aios_op_cast op = { .op = AIOS_OP_INIT(struct aios_op_cast, AIOS_OP_CAST) };

		op.in = ct_tensor_in(t, from, rows, cols, in, NULL, 1);
		op.out = ct_tensor_out(t, to, rows, cols, 1);
		ct_run(t, &op.op, NULL);
		ct_tensor_get(t, &op.out, got, NULL);
		ct_same(t, "cast", got, want, to, n);
		ct_release(t);
	}
}

START_TEST(test_all_codes)
{
	if (!ct_can(AIOS_OP_CAST, AIOS_PROFILE_FMA32))
		return;

	uint16_t *codes = ct_alloc(65536 * 2);
	uint32_t i, to;

	for (i = 0; i < 65536; i++)
		codes[i] = (uint16_t)i;
	for (to = 0; to < 3; to++)
		ca_case(ca_types[_i], ca_types[to], 64, 1024, codes);
}
END_TEST

START_TEST(test_f32)
{
	if (!ct_can(AIOS_OP_CAST, AIOS_PROFILE_FMA32))
		return;

	float *x = ct_alloc(9 * 1111 * 4);
	uint32_t to, i;
	int dist;

	for (dist = 0; dist < CT_DISTS; dist++)
		for (to = 0; to < 3; to++) {
			ct_fill((enum ct_dist)dist, AIOS_F32, to, 9 * 1111, x);
			ca_case(AIOS_F32, ca_types[to], 9, 1111, x);
		}
	/* Halfway cases and their neighbours, up to overflow. */
	for (i = 0; i < 9 * 1111; i++)
		x[i] = aios_float((uint32_t)(ct_random(1, i) & 0xffff0000u) + 0x7fffu + i % 3);
	ca_case(AIOS_F32, AIOS_BF16, 9, 1111, x);
	for (i = 0; i < 9 * 1111; i++)
		x[i] = aios_float(0x33000000u + (uint32_t)(ct_random(2, i) % 0x15000) * 0x2000u +
				  0xfffu + i % 3);
	ca_case(AIOS_F32, AIOS_F16, 9, 1111, x);
}
END_TEST

Suite *test_cast_suite(void);

Suite *test_cast_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance cast", &tc);

	tcase_add_loop_test(tc, test_all_codes, 1, 3);
	tcase_add_test(tc, test_f32);
	return s;
}
