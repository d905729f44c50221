// SPDX-License-Identifier: Apache-2.0
/*
 * test_numerics_cdna.c - the units of CDNA against an independent evaluation of what the
 * literature says of them (Documentation/numerics.md), in integers of 1,024 bits.
 *
 * The model shares nothing with the definition: every product and sum is made whole on a grid of
 * 2^-400 and rounded, cut or floored there. No silicon was at hand: that AMD's hardware does the
 * same is not shown by this.
 */
#include <check.h>

#include "numerics/dots.h"

Suite *test_numerics_cdna_suite(void);

#define CASES 6000 /* of each of seven distributions, for each unit */
#define BLOCK 16

struct unit {
	const char *name;
	uint32_t profile, dtype;
	int group, emin;
	bool flush, fused;
};

static const struct unit units[] = {
	{ "tc-cdna1 bf16", AIOS_PROFILE_TC_CDNA1, AIOS_BF16, 2, -126, false, false },
	{ "tc-cdna1 f16", AIOS_PROFILE_TC_CDNA1, AIOS_F16, 4, -14, false, false },
	{ "tc-cdna2 bf16", AIOS_PROFILE_TC_CDNA2, AIOS_BF16, 4, -126, true, false },
	{ "tc-cdna2 f16", AIOS_PROFILE_TC_CDNA2, AIOS_F16, 4, -14, true, false },
	{ "tc-cdna3 bf16", AIOS_PROFILE_TC_CDNA3, AIOS_BF16, 8, -126, false, true },
	{ "tc-cdna3 f16", AIOS_PROFILE_TC_CDNA3, AIOS_F16, 8, -14, false, true },
};

#define UNITS ((int)(sizeof(units) / sizeof(units[0])))

/* --- the model ------------------------------------------------------------------ */

static struct wide signed_wide(double x)
{
	struct wide zero = { { 0 } }, a = wide_of(x);

	if (x < 0) {
		wide_add(&zero, &a, true);
		a = zero;
	}
	return a;
}

/* `sum`, in two's complement, as fp32: to nearest, ties to even. Zero is +0. */
static float wide_nearest(struct wide sum)
{
	struct wide zero = { { 0 } };
	bool neg = bit(&sum, 32 * WORDS - 1), sticky = false;
	int top = 32 * WORDS - 1, last;
	double v = 0;

	if (neg) {
		wide_add(&zero, &sum, true);
		sum = zero;
	}
	while (top >= 0 && !bit(&sum, top))
		top--;
	if (top < 0)
		return 0.0f;
	last = (top - GRID < -126 ? -126 : top - GRID) - 23 + GRID; /* the last place kept */
	for (int i = top; i >= last; i--)
		v += bit(&sum, i) ? ldexp(1.0, i - last) : 0;
	for (int i = 0; i < last - 1; i++)
		sticky = sticky || bit(&sum, i);
	if (bit(&sum, last - 1) && (sticky || fmod(v, 2) == 1))
		v += 1;
	v = ldexp(v, last - GRID);
	v = v >= 0x1p128 ? (double)INFINITY : v;
	return (float)(neg ? -v : v);
}

/* a * b or a + b with one rounding, and flushed where the unit does. */
static float node(const struct unit *u, double a, double b, bool product)
{
	struct wide sum, term;
	float r;

	if (product && isfinite(a * b)) {
		r = wide_nearest(signed_wide(a * b)); /* 22 bits: exact in double */
	} else if (product || !isfinite(a) || !isfinite(b)) {
		r = (float)(product ? a * b : a + b);
	} else {
		sum = signed_wide(a);
		term = signed_wide(b);
		wide_add(&sum, &term, false);
		r = wide_nearest(sum);
	}
	return u->flush && fabsf(r) < 0x1p-126f ? 0.0f : r;
}

static float pairs(const struct unit *u, const double *x, const double *y, int n)
{
	if (n == 1)
		return node(u, *x, *y, true);
	return node(u, (double)pairs(u, x, y, n / 2), (double)pairs(u, x + n / 2, y + n / 2, n / 2),
		    false);
}

/* NaN and infinities among the terms, then products past fp32: the value, or 0 for none of these. */
static float specials(const double *x, const double *y, int n, double c)
{
	bool nan = isnan(c), pos = c == INFINITY, neg = c == -INFINITY, over = false, under = false;

	for (int i = 0; i < n; i++) {
		double p = x[i] * y[i];

		nan = nan || isnan(p);
		pos = pos || p == INFINITY;
		neg = neg || p == -INFINITY;
		over = over || p >= 0x1p128;
		under = under || p <= -0x1p128;
	}
	if (nan || (pos && neg))
		return NAN;
	if (!pos && !neg) {
		pos = over;
		neg = under;
	}
	if (pos && neg)
		return NAN;
	return pos ? INFINITY : neg ? -INFINITY : 0.0f;
}

static float fused(const struct unit *u, const double *x, const double *y, int n, double c)
{
	struct wide sum = { { 0 } }, term;
	float special = specials(x, y, n, c);
	int e[8], top = 0, ec;
	bool some = false;

	if (special != 0)
		return special;
	for (int i = 0; i < n; i++) {
		if (x[i] * y[i] == 0)
			continue;
		e[i] = exponent(x[i], u->emin) + exponent(y[i], u->emin);
		top = !some || e[i] > top ? e[i] : top;
		some = true;
	}
	if (!some)
		return (float)c;
	for (int i = 0; i < n; i++) {
		if (x[i] * y[i] == 0)
			continue;
		term = wide_of(x[i] * y[i]);
		wide_cut(&term, top - 24);
		wide_add(&sum, &term, x[i] * y[i] < 0);
	}
	ec = exponent(c, -126);
	top = c != 0 && ec > top ? ec : top;
	wide_cut(&sum, top - 31); /* of two's complement: downwards */
	term = signed_wide(c);
	wide_cut(&term, top - 24);
	wide_add(&sum, &term, false);
	return wide_nearest(sum);
}

static float model(const struct unit *u, const uint16_t *a, const uint16_t *b, float c)
{
	double x[BLOCK], y[BLOCK];

	for (int i = 0; i < BLOCK; i++) {
		x[i] = number(u->dtype, a, i);
		y[i] = number(u->dtype, b, i);
		if (u->flush && fabs(x[i]) < ldexp(1, u->emin))
			x[i] = 0;
		if (u->flush && fabs(y[i]) < ldexp(1, u->emin))
			y[i] = 0;
	}
	if (u->flush && fabsf(c) < 0x1p-126f)
		c = 0;
	for (int i = 0; i < BLOCK; i += u->group)
		c = u->fused ? fused(u, x + i, y + i, u->group, (double)c) :
			       node(u, (double)c, (double)pairs(u, x + i, y + i, u->group), false);
	return c == 0 ? 0.0f : c;
}

/* Bits, one for all NaN. */
static uint32_t bits(float x)
{
	return aios_bits(aios_canon(x));
}

/* --- the suite -------------------------------------------------------------------- */

START_TEST(against_wide_integers)
{
	const struct unit *u = &units[_i];
	struct aios_cdna_unit t = aios_cdna_of(u->profile, u->dtype);
	uint32_t seen[4] = { 0, 0, 0, 0 }; /* zero, finite, infinite, NaN */
	uint16_t a[BLOCK], b[BLOCK];

	ck_assert(t.terms == BLOCK && t.group == u->group && t.flush == u->flush);
	for (int d = 0; d < DISTRIBUTIONS; d++) {
		for (uint64_t n = 0; n < CASES; n++) {
			float c = gen_c(d, 40, n);
			uint32_t got, want;

			for (int i = 0; i < BLOCK; i++) {
				a[i] = (uint16_t)gen(u->dtype, d, 41, n * BLOCK + (uint64_t)i);
				b[i] = (uint16_t)gen(u->dtype, d, 42, n * BLOCK + (uint64_t)i);
			}
			/* Every fourth block cancels: sums of zero, and what rounding leaves. */
			for (int i = 1; i < BLOCK && n % 4 == 3; i += 2) {
				a[i] = a[i - 1];
				b[i] = n % 8 == 3 ? b[i - 1] ^ 0x8000 : b[i - 1] ^ 0x8001;
			}
			got = bits(aios_cdna(t, a, b, BLOCK, c));
			want = bits(model(u, a, b, c));
			if (got != want)
				ck_abort_msg(
					"%s, distribution %d, case %u: got %08x, expected %08x",
					u->name, d, (unsigned int)n, got, want);
			seen[(want & 0x7fffffffu) > 0x7f800000u  ? 3 :
			     (want & 0x7fffffffu) == 0x7f800000u ? 2 :
			     want << 1                           ? 1 :
								   0]++;
		}
	}
	ck_assert_msg(seen[0] && seen[1] && seen[2] && seen[3],
		      "%s: the cases miss a kind of result (%u %u %u %u)", u->name, seen[0],
		      seen[1], seen[2], seen[3]);
}
END_TEST

#define NONE 0x7fc00000u

/* bf16; what tc-cdna1, -2 and -3 give, worked out by hand from the page. */
struct probe {
	const char *name;
	float a[3], b[3], c;
	uint32_t want[3];
};

static const struct probe probes[] = {
	{ "a tie in the first pair",
	  { 1, 0x1p-24f },
	  { 1, 1 },
	  0,
	  { 0x3f800000, 0x3f800000, 0x3f800000 } },
	{ "pairs, or fours: 1 with 2^-24 twice",
	  { 1, 0x1p-12f, 0x1p-12f },
	  { 1, 0x1p-12f, 0x1p-12f },
	  0,
	  { 0x3f800000, 0x3f800000, 0x3f800001 } },
	{ "a subnormal input", { 0x1p-130f }, { 0x1p100f }, 0, { 0x30800000, 0, 0x30800000 } },
	{ "a subnormal accumulator", { 0 }, { 0 }, 0x1p-140f, { 0x200, 0, 0x200 } },
	{ "a subnormal product", { 0x1p-64f }, { 0x1p-64f }, 0, { 0x200000, 0, 0x200000 } },
	{ "a negative one: no -0", { -0x1p-64f }, { 0x1p-64f }, 0, { 0x80200000, 0, 0x80200000 } },
	{ "a subnormal sum of normal ones",
	  { 0x1p-63f, -0x1.8p-63f },
	  { 0x1p-63f, 0x1p-63f },
	  0,
	  { 0x80400000, 0, 0x80400000 } },
	{ "down: 2 - 2^-24", { 2 }, { 1 }, -0x1p-24f, { 0x40000000, 0x40000000, 0x3fffffff } },
	{ "down: 2 + 2^-24", { 2 }, { 1 }, 0x1p-24f, { 0x40000000, 0x40000000, 0x40000000 } },
	{ "zeros take no part",
	  { 0, 0x1p-12f },
	  { 0x1p127f, 0x1p-13f },
	  0,
	  { 0x33000000, 0x33000000, 0x33000000 } },
	{ "cut below the largest product",
	  { 1, 0x1p-12f },
	  { 1, 0x1p-13f },
	  0,
	  { 0x3f800000, 0x3f800000, 0x3f800000 } },
	{ "cancelling products reach c",
	  { 0x1p10f, -0x1p10f },
	  { 0x1p10f, 0x1p10f },
	  0x1p-6f,
	  { 0x3c800000, 0x3c800000, 0 } },
	{ "a product of 2^128", { 0x1p127f }, { 2 }, 0, { 0x7f800000, 0x7f800000, 0x7f800000 } },
	{ "2^128 and -2^128", { 0x1p127f, -0x1p127f }, { 2, 2 }, 0, { NONE, NONE, NONE } },
	{ "inf against a product of -2^128",
	  { INFINITY, -0x1p127f },
	  { 1, 2 },
	  0,
	  { NONE, NONE, 0x7f800000 } },
	{ "2^127 twice",
	  { 0x1p127f, 0x1p127f },
	  { 1, 1 },
	  0,
	  { 0x7f800000, 0x7f800000, 0x7f800000 } },
	{ "inf - inf", { INFINITY, -INFINITY }, { 1, 1 }, 0, { NONE, NONE, NONE } },
	{ "inf * 0", { INFINITY }, { 0 }, 0, { NONE, NONE, NONE } },
	{ "NaN", { NAN }, { 1 }, 0, { NONE, NONE, NONE } },
	{ "c = -inf", { 1 }, { 1 }, -INFINITY, { 0xff800000, 0xff800000, 0xff800000 } },
	{ "all -0", { -0.0f, -0.0f }, { 1, 1 }, -0.0f, { 0, 0, 0 } },
	{ "1 - 1", { 1, -1 }, { 1, 1 }, 0, { 0, 0, 0 } },
};

START_TEST(by_hand)
{
	const struct probe *p = &probes[_i];

	for (int n = 0; n < 3; n++) {
		const struct unit *u = &units[2 * n];
		uint16_t a[BLOCK] = { 0 }, b[BLOCK] = { 0 };
		uint32_t got;

		for (int i = 0; i < 3; i++) {
			a[i] = aios_f32_to_bf16(p->a[i]);
			b[i] = aios_f32_to_bf16(p->b[i]);
		}
		got = bits(aios_cdna(aios_cdna_of(u->profile, u->dtype), a, b, BLOCK, p->c));
		ck_assert_msg(got == p->want[n], "%s, %s: got %08x, expected %08x", p->name,
			      u->name, got, p->want[n]);
		got = bits(model(u, a, b, p->c));
		ck_assert_msg(got == p->want[n], "%s, %s: the model gives %08x, expected %08x",
			      p->name, u->name, got, p->want[n]);
	}
}
END_TEST

/*
 * What the page promises: operands may be exchanged; absent elements are zeros, and so may whole
 * blocks be, but for an accumulator that CDNA2 flushes; a zero element takes no part, whatever
 * finite number it meets; a group of CDNA3 is a set; a chain is its blocks in order.
 */
START_TEST(freedom_and_chain)
{
	const struct unit *u = &units[_i];
	struct aios_cdna_unit t = aios_cdna_of(u->profile, u->dtype);
	uint16_t a[64], b[64], pa[BLOCK], pb[BLOCK];

	for (uint64_t n = 0; n < 4000; n++) {
		uint32_t k = (uint32_t)(test_random(51, n) % 48) + 1, at = n % BLOCK;
		int d = n % 2 ? WIDE : BITS;
		float c = gen_c(d, 52, n), acc = c, r;

		memset(a, 0, sizeof(a));
		memset(b, 0, sizeof(b));
		for (uint32_t i = 0; i < k; i++) {
			a[i] = (uint16_t)gen(u->dtype, d, 53, n * 64 + i);
			b[i] = (uint16_t)gen(u->dtype, d, 54, n * 64 + i);
		}
		r = aios_cdna(t, a, b, k < BLOCK ? k : BLOCK, c);
		ck_assert_uint_eq(bits(r), bits(aios_cdna(t, a, b, BLOCK, c)));
		ck_assert_uint_eq(bits(r), bits(aios_cdna(t, b, a, BLOCK, c)));
		for (uint32_t i = 0; i < BLOCK; i++) { /* rotated within its group of eight */
			pa[i] = a[i / 8 * 8 + (i + 3) % 8];
			pb[i] = b[i / 8 * 8 + (i + 3) % 8];
		}
		if (u->fused)
			ck_assert_uint_eq(bits(r), bits(aios_cdna(t, pa, pb, BLOCK, c)));
		memcpy(pa, a, sizeof(pa));
		memcpy(pb, b, sizeof(pb));
		pa[at] = pb[at] = 0;
		r = aios_cdna(t, pa, pb, BLOCK, c);
		pb[at] = (uint16_t)gen(u->dtype, BITS, 55, n);
		ck_assert_uint_eq(bits(r), bits(aios_cdna(t, pa, pb, BLOCK, c)));
		for (uint32_t i = 0; i < k; i += BLOCK)
			acc = aios_cdna(t, a + i, b + i, BLOCK, acc);
		ck_assert_uint_eq(bits(acc), bits(aios_cdna_chain(t, a, b, k, c)));
		ck_assert_uint_eq(bits(acc), bits(aios_cdna_chain(t, a, b, 64, c)));
	}
}
END_TEST

START_TEST(which)
{
	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT; p++) {
		bool cdna = p >= AIOS_PROFILE_TC_CDNA1 && p <= AIOS_PROFILE_TC_CDNA3;

		ck_assert_int_eq(aios_cdna_of(p, AIOS_BF16).terms, cdna ? BLOCK : 0);
		ck_assert_int_eq(aios_cdna_of(p, AIOS_F16).terms, cdna ? BLOCK : 0);
		ck_assert_int_eq(aios_cdna_of(p, AIOS_E4M3).terms, 0);
		ck_assert(aios_profile_unverified(p) == (cdna || p == AIOS_PROFILE_TC_SM80));
	}
}
END_TEST

Suite *test_numerics_cdna_suite(void)
{
	Suite *s = suite_create("numerics_cdna");
	TCase *t = tcase_create("cdna");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, against_wide_integers, 0, UNITS);
	tcase_add_loop_test(t, by_hand, 0, (int)(sizeof(probes) / sizeof(probes[0])));
	tcase_add_loop_test(t, freedom_and_chain, 0, UNITS);
	tcase_add_test(t, which);
	suite_add_tcase(s, t);
	return s;
}
