/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dots.h - for the suites of the dot units: integers of 1,024 bits in which sums of
 * products are exact, and inputs of seven distributions.
 */
#ifndef TESTS_NUMERICS_DOTS_H
#define TESTS_NUMERICS_DOTS_H

#include <math.h>
#include <string.h>

#include "numerics/util.h"

#define WORDS 32 /* of 32 bits */
#define GRID 400 /* the lowest bit is 2^-GRID */

struct wide {
	uint32_t w[WORDS];
};

static inline int bit(const struct wide *a, int i)
{
	return a->w[i / 32] >> (i % 32) & 1;
}

/* a += b or, with `minus`, a -= b, modulo 2^1024. */
static inline void wide_add(struct wide *a, const struct wide *b, bool minus)
{
	uint64_t carry = minus;

	for (int i = 0; i < WORDS; i++) {
		carry += (uint64_t)a->w[i] + (minus ? ~b->w[i] : b->w[i]);
		a->w[i] = (uint32_t)carry;
		carry >>= 32;
	}
}

/* Clear all bits below 2^exponent. */
static inline void wide_cut(struct wide *a, int exponent)
{
	int n = exponent + GRID;

	for (int i = 0; i < WORDS && n > 0; i++, n -= 32)
		a->w[i] &= n >= 32 ? 0 : ~((1u << n) - 1);
}

/* |x|, which must be a multiple of the grid. */
static inline struct wide wide_of(double x)
{
	struct wide a = { { 0 } };
	uint64_t m;
	int e;

	m = (uint64_t)ldexp(frexp(fabs(x), &e), 53);
	e += GRID - 53;
	for (int i = 0; i < 53; i++)
		if (m >> i & 1)
			a.w[(e + i) / 32] |= 1u << ((e + i) % 32);
	return a;
}

/* Exponent of x != 0 as its format stores it: that of a subnormal is the smallest normal's. */
static inline int exponent(double x, int emin)
{
	int e;

	frexp(x, &e);
	return e - 1 < emin ? emin : e - 1;
}

/* Value of code i; the conversions have their own tests. */
static inline double number(uint32_t dtype, const uint16_t *v, int i)
{
	uint8_t byte;

	if (dtype == AIOS_BF16)
		return (double)aios_bf16_to_f32(v[i]);
	if (dtype == AIOS_F16)
		return (double)aios_f16_to_f32(v[i]);
	memcpy(&byte, (const uint8_t *)v + i, 1);
	return (double)aios_e4m3_to_f32(byte);
}

static inline double gauss(uint64_t stream, uint64_t i)
{
	double u = (double)(test_random(stream, 2 * i) >> 11) * 0x1p-53 + 1e-300;
	double v = (double)(test_random(stream, 2 * i + 1) >> 11) * 0x1p-53;

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static inline uint32_t code_of(uint32_t dtype, double x)
{
	float f = (float)x;

	return dtype == AIOS_BF16 ? aios_f32_to_bf16(f) :
	       dtype == AIOS_F16  ? aios_f32_to_f16(f) :
				    aios_f32_to_e4m3(f);
}

enum {
	NORMAL,
	WIDE,
	BITS,
	ZEROS,
	SUBNORMAL,
	TIES,
	SPECIALS,
	DISTRIBUTIONS
};

/* The i-th input of a distribution; streams differ for a, b and c. */
static inline uint32_t gen(uint32_t dtype, int dist, uint64_t stream, uint64_t i)
{
	uint64_t r = test_random(stream + 1000, i);
	int exp_bits = dtype == AIOS_BF16 ? 8 : dtype == AIOS_F16 ? 5 : 4;
	int man_bits = dtype == AIOS_BF16 ? 7 : dtype == AIOS_F16 ? 10 : 3;
	uint32_t all = (1u << (1 + exp_bits + man_bits)) - 1, sign = ~(all >> 1) & all;
	uint32_t top = ((1u << exp_bits) - 1) << man_bits, code = (uint32_t)r & all;
	static const double tie[8] = { 0, 0, 1, 2, 4, 8, 0.25, 0.5 };

	switch (dist) {
	case NORMAL:
		return code_of(dtype, gauss(stream, i));
	case WIDE:
		return code_of(dtype, ldexp(gauss(stream, i), (int)(r % 25) - 12));
	case ZEROS:
		if (r % 3 == 0)
			return code & sign;
		return code_of(dtype, ldexp(gauss(stream, i), (int)(r % 25) - 12));
	case SUBNORMAL:
		return (code & ~top) | (r >> 32 & 3 ? 0 : (uint32_t)(r >> 40 & 1) << man_bits);
	case TIES:
		return code_of(dtype, r >> 32 & 1 ? -tie[r & 7] : tie[r & 7]);
	case SPECIALS:
		if (r >> 33 & 15)
			return code_of(dtype, ldexp(gauss(stream, i), (int)(r % 25) - 12));
		return top | (r >> 40 & 1 ? code & sign : 0) | (r >> 41 & 7 ? 0 : 1);
	default: /* BITS: any finite code */
		if (dtype == AIOS_E4M3)
			return (code & 0x7f) == 0x7f ? code ^ 1 : code;
		return (code & top) == top ? code ^ (1u << man_bits) : code;
	}
}

static inline float gen_c(int dist, uint64_t stream, uint64_t i)
{
	uint64_t r = test_random(stream + 2000, i);

	switch (dist) {
	case NORMAL:
		return (float)gauss(stream, i);
	case BITS:
		return aios_float(((uint32_t)r & 0x807fffffu) | (uint32_t)(r >> 32) % 255u << 23);
	case ZEROS:
		return r % 3 ? (float)ldexp(gauss(stream, i), (int)(r % 41) - 20) :
			       aios_float((uint32_t)r & 0x80000000u);
	case SUBNORMAL:
		return aios_float(((uint32_t)r & 0x807fffffu) | (uint32_t)(r >> 32) % 20u << 23);
	case TIES:
		return (float)((int)(r % 9) - 4) * (r >> 32 & 1 ? 1.0f : -1.0f) *
		       (r >> 33 & 3 ? 1.0f : 0.0f);
	case SPECIALS:
		if (r >> 33 & 15)
			return (float)gauss(stream, i);
		return aios_float(0x7f800000u | ((uint32_t)r & 0x80000000u) |
				  (r >> 37 & 3 ? 0 : 5));
	default:
		return (float)ldexp(gauss(stream, i), (int)(r % 41) - 20);
	}
}

#endif /* TESTS_NUMERICS_DOTS_H */
