// SPDX-License-Identifier: Apache-2.0
/*
 * test_numerics_tfdpa.c - the tensor-core dot product against an independent
 * evaluation in wide fixed-point integers, and against facts measured on an H100.
 *
 * The model shares nothing with the definition: numbers are taken apart by frexp
 * on their double value, terms are placed whole on one grid of 2^-400, cut there,
 * and added as 1,024-bit two's complement integers.
 */
#include <check.h>
#include <string.h>

#include "numerics/dots.h"

Suite *test_numerics_tfdpa_suite(void);

#define CASES 15000 /* of each of seven distributions, for each unit */

struct unit {
	const char *name;
	uint32_t profile, dtype;
	int l, f, keep, emin;
};

static const struct unit units[] = {
	{ "tc-sm90 bf16", AIOS_PROFILE_TC_SM90, AIOS_BF16, 16, 25, 23, -126 },
	{ "tc-sm90 f16", AIOS_PROFILE_TC_SM90, AIOS_F16, 16, 25, 23, -14 },
	{ "tc-sm80 bf16", AIOS_PROFILE_TC_SM80, AIOS_BF16, 8, 24, 23, -126 },
	{ "tc-sm80 f16", AIOS_PROFILE_TC_SM80, AIOS_F16, 8, 24, 23, -14 },
	{ "tc-sm90-e4m3", AIOS_PROFILE_TC_SM90_E4M3, AIOS_E4M3, 32, 13, 13, -6 },
};

#define UNITS ((int)(sizeof(units) / sizeof(units[0])))

/* `sum` as fp32, cut toward zero, where there is one zero; *sum is destroyed. */
static uint32_t wide_round(struct wide *sum, const struct unit *u)
{
	struct wide zero = { { 0 } };
	bool neg = bit(sum, 32 * WORDS - 1);
	int top = 32 * WORDS - 1;
	double v = 0;

	if (neg) {
		wide_add(&zero, sum, true);
		*sum = zero;
	}
	while (top >= 0 && !bit(sum, top))
		top--;
	if (top < 0)
		return 0;
	if (top - GRID >= 128)
		return neg ? 0xff800000u : 0x7f800000u;
	wide_cut(sum, (top - GRID < -126 ? -126 : top - GRID) - u->keep);
	for (int i = top; i >= 0 && i > top - 60; i--)
		if (bit(sum, i))
			v += ldexp(1.0, i - GRID);
	return v == 0 ? 0 : aios_bits((float)(neg ? -v : v));
}

static uint32_t model(const struct unit *u, const uint16_t *a, const uint16_t *b, float c)
{
	struct wide sum = { { 0 } }, term;
	double x[33];
	int e[33], n = 0, top = 0;
	bool nan = isnan(c), pos = c == INFINITY, neg = c == -INFINITY;

	for (int i = 0; i < u->l; i++) {
		double p = number(u->dtype, a, i), q = number(u->dtype, b, i);

		x[n] = p * q; /* exact: 22 bits */
		nan = nan || isnan(x[n]);
		pos = pos || x[n] == INFINITY;
		neg = neg || x[n] == -INFINITY;
		if (x[n] == 0 || !isfinite(x[n]))
			continue;
		e[n] = exponent(p, u->emin) + exponent(q, u->emin);
		n++;
	}
	if (nan || (pos && neg))
		return 0x7fffffffu;
	if (pos || neg)
		return pos ? 0x7f800000u : 0xff800000u;
	if (c != 0) {
		x[n] = (double)c;
		e[n++] = exponent((double)c, -126);
	}
	for (int i = 0; i < n; i++)
		top = i == 0 || e[i] > top ? e[i] : top;
	for (int i = 0; i < n; i++) {
		term = wide_of(x[i]);
		wide_cut(&term, top - u->f);
		wide_add(&sum, &term, x[i] < 0);
	}
	return wide_round(&sum, u);
}

static void put(const struct unit *u, uint16_t *v, int i, uint32_t code)
{
	if (u->dtype == AIOS_E4M3)
		((uint8_t *)v)[i] = (uint8_t)code;
	else
		v[i] = (uint16_t)code;
}

START_TEST(against_wide_integers)
{
	const struct unit *u = &units[_i];
	struct aios_tfdpa_unit t = aios_tfdpa_of(u->profile, u->dtype);
	uint32_t seen[4] = { 0, 0, 0, 0 }; /* zero, finite, infinite, NaN */

	ck_assert(t.terms == u->l && t.frac == u->f && t.keep == u->keep);
	for (int d = 0; d < DISTRIBUTIONS; d++) {
		for (uint64_t n = 0; n < CASES; n++) {
			uint16_t a[32], b[32];
			float c = gen_c(d, 10, n);
			uint32_t got, want;

			for (int i = 0; i < u->l; i++) {
				put(u, a, i, gen(u->dtype, d, 11, n * 32 + (uint64_t)i));
				put(u, b, i, gen(u->dtype, d, 12, n * 32 + (uint64_t)i));
			}
			got = aios_bits(aios_tfdpa(t, a, b, (uint32_t)u->l, c));
			want = model(u, a, b, c);
			if (got != want)
				ck_abort_msg(
					"%s, distribution %d, case %u: got %08x, expected %08x",
					u->name, d, (unsigned int)n, got, want);
			seen[want == 0x7fffffffu                 ? 3 :
			     (want & 0x7fffffffu) == 0x7f800000u ? 2 :
			     want << 1                           ? 1 :
								   0]++;
		}
	}
	ck_assert_msg(seen[0] && seen[1] && seen[3] && (seen[2] || u->dtype == AIOS_E4M3),
		      "%s: the cases miss a kind of result (%u %u %u %u)", u->name, seen[0],
		      seen[1], seen[2], seen[3]);
}
END_TEST

struct probe {
	const char *name;
	float a[3], b[3], c;
	uint32_t want;
};

/* Observed on an H100: mma.sync.m16n8k16, bf16, fp32 accumulator. */
static const struct probe probes[] = {
	{ "zero terms take no part", { 0, 0x1p-12f }, { 0x1p127f, 0x1p-13f }, 0, 0x33000000u },
	{ "inf * 1 + 1", { INFINITY, 1 }, { 1, 1 }, 0, 0x7f800000u },
	{ "inf - inf", { INFINITY, -INFINITY }, { 1, 1 }, 0, 0x7fffffffu },
	{ "inf * 0", { INFINITY }, { 0 }, 0, 0x7fffffffu },
	{ "NaN", { NAN }, { 1 }, 0, 0x7fffffffu },
	{ "-NaN", { -NAN }, { 1 }, 0, 0x7fffffffu },
	{ "NaN * 0", { NAN }, { 0 }, 0, 0x7fffffffu },
	{ "overflow", { 0x1p127f, 0x1p127f }, { 2, 2 }, 0, 0x7f800000u },
	{ "negative overflow", { -0x1p127f }, { 32 }, 0, 0xff800000u },
	{ "-0 * 1 - 0", { -0.0f }, { 1 }, -0.0f, 0 },
	{ "1 - 1", { 1, -1 }, { 1, 1 }, 0, 0 },
	{ "all -0", { -0.0f, -0.0f }, { 1, 1 }, -0.0f, 0 },
	{ "c = NaN", { 1 }, { 1 }, NAN, 0x7fffffffu },
	{ "c = -inf", { 1 }, { 1 }, -INFINITY, 0xff800000u },
	{ "c = inf against -inf", { -INFINITY }, { 1 }, INFINITY, 0x7fffffffu },
	{ "2^128 - 2^128 + 1", { 0x1p127f, -0x1p127f }, { 2, 2 }, 1, 0 },
	{ "a negative sum cut to zero", { -0x1p-100f }, { 0x1p-100f }, 0, 0 },
	{ "the same beside c = -0", { -0x1p-100f }, { 0x1p-100f }, -0.0f, 0 },
	{ "negative subnormals, cut to zero", { -0x1p-130f }, { 0x1p-130f }, 0, 0 },
	{ "c alone", { 0 }, { 0 }, 0x1.234568p-3f, 0x3e11a2b4u },
	{ "a smallest subnormal c", { 0 }, { 0 }, 0x1p-149f, 1 },
	{ "truncation, not rounding", { 1, 1 }, { 1, 0x1.8p-24f }, 0, 0x3f800000u },
};

START_TEST(hopper_probes)
{
	const struct probe *p = &probes[_i];
	struct aios_tfdpa_unit t = aios_tfdpa_of(AIOS_PROFILE_TC_SM90, AIOS_BF16);
	uint16_t a[16] = { 0 }, b[16] = { 0 };
	uint32_t got;

	for (int i = 0; i < 3; i++) {
		a[i] = aios_f32_to_bf16(p->a[i]);
		b[i] = aios_f32_to_bf16(p->b[i]);
	}
	got = aios_bits(aios_tfdpa(t, a, b, 16, p->c));
	ck_assert_msg(got == p->want, "%s: got %08x, expected %08x", p->name, got, p->want);
	got = model(&units[0], a, b, p->c);
	ck_assert_msg(got == p->want, "%s: the model gives %08x, expected %08x", p->name, got,
		      p->want);
}
END_TEST

/* The terms of a block are a set, absent terms are zeros, and a chain is its blocks in order. */
START_TEST(freedom_and_chain)
{
	const struct unit *u = &units[_i];
	struct aios_tfdpa_unit t = aios_tfdpa_of(u->profile, u->dtype);
	uint32_t l = (uint32_t)u->l;

	for (uint64_t n = 0; n < 2000; n++) {
		uint16_t a[96] = { 0 }, b[96] = { 0 }, pa[32] = { 0 }, pb[32] = { 0 };
		uint32_t k = (uint32_t)(test_random(21, n) % (2 * l)) + 1, first;
		float c = gen_c(WIDE, 22, n), acc;

		for (uint32_t i = 0; i < k; i++) {
			put(u, a, (int)i, gen(u->dtype, WIDE, 23, n * 96 + i));
			put(u, b, (int)i, gen(u->dtype, WIDE, 24, n * 96 + i));
		}
		first = k < l ? k : l;
		for (uint32_t i = 0; i < l;
		     i++) { /* the first block, rotated by five and swapped */
			uint32_t j = (i + 5) % l;

			if (j < first) {
				put(u, pa, (int)i, gen(u->dtype, WIDE, 24, n * 96 + j));
				put(u, pb, (int)i, gen(u->dtype, WIDE, 23, n * 96 + j));
			} else {
				put(u, pb, (int)i, 0);
			}
		}
		acc = aios_tfdpa(t, a, b, first, c);
		ck_assert_uint_eq(aios_bits(acc), aios_bits(aios_tfdpa(t, pa, pb, l, c)));
		if (k > l)
			acc = aios_tfdpa(t, (uint8_t *)a + l * (u->dtype == AIOS_E4M3 ? 1 : 2),
					 (uint8_t *)b + l * (u->dtype == AIOS_E4M3 ? 1 : 2), k - l,
					 acc);
		ck_assert_uint_eq(aios_bits(acc), aios_bits(aios_tfdpa_chain(t, a, b, k, c)));
	}
}
END_TEST

START_TEST(profiles)
{
	static const char *const names[] = { "fma32", "tc-sm90",  "tc-sm90-e4m3", "tc-sm80", "i8",
					     "i8x2",  "tc-cdna1", "tc-cdna2",     "tc-cdna3" };

	for (uint32_t i = 0; i < AIOS_PROFILE_COUNT; i++) {
		struct aios_profile_info p = aios_profile_info_of(i);
		struct aios_tfdpa_unit t = aios_tfdpa_of(i, p.weight_dtype);
		struct aios_cdna_unit c = aios_cdna_of(i, p.weight_dtype);

		ck_assert_str_eq(p.name, names[i]);
		ck_assert_uint_eq((uint32_t)t.frac, p.dot_f);
		ck_assert(t.terms == 0 || (uint32_t)t.terms == p.dot_l);
		ck_assert(c.terms == 0 || (uint32_t)c.terms == p.dot_l);
		ck_assert(c.terms == 0 || (t.terms == 0 && c.terms % c.group == 0));
		ck_assert(AIOS_ATTN_BLOCK % aios_profile_info_of(p.attention).dot_l == 0);
	}
	ck_assert_ptr_null(aios_profile_info_of(AIOS_PROFILE_COUNT).name);
	ck_assert_int_eq(aios_tfdpa_of(AIOS_PROFILE_FMA32, AIOS_BF16).terms, 0);
	ck_assert_int_eq(aios_tfdpa_of(AIOS_PROFILE_TC_SM90, AIOS_E4M3).terms, 0);
	/* Attention under e4m3 weights uses the bf16 unit. */
	ck_assert_int_eq(aios_tfdpa_of(AIOS_PROFILE_TC_SM90_E4M3, AIOS_BF16).terms, 16);
}
END_TEST

START_TEST(fma_chain)
{
	float x[37], w[37], acc = 0.5f;

	for (int i = 0; i < 37; i++) {
		x[i] = (float)gauss(31, (uint64_t)i);
		w[i] = (float)gauss(32, (uint64_t)i);
	}
	for (int i = 0; i < 37; i++)
		acc = fmaf(x[i], w[i], acc);
	ck_assert_uint_eq(aios_bits(aios_fma_chain(x, w, 37, 0.5f)), aios_bits(acc));
	ck_assert_uint_eq(aios_bits(aios_fma_chain(x, w, 0, 0.0f)), 0);
}
END_TEST

Suite *test_numerics_tfdpa_suite(void)
{
	Suite *s = suite_create("numerics_tfdpa");
	TCase *t = tcase_create("tfdpa");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, against_wide_integers, 0, UNITS);
	tcase_add_loop_test(t, hopper_probes, 0, (int)(sizeof(probes) / sizeof(probes[0])));
	tcase_add_loop_test(t, freedom_and_chain, 0, UNITS);
	tcase_add_test(t, profiles);
	tcase_add_test(t, fma_chain);
	suite_add_tcase(s, t);
	return s;
}
