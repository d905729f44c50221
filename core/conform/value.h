/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h - the numbers that cases are made of. Everything is a pure function of
 * (seed, case id, stream, row, column), computed by Philox and exact arithmetic, so
 * that a case can be made again from its name on any machine, and a row keeps its
 * values when the shape around it changes.
 */
#ifndef CORE_CONFORM_VALUE_H
#define CORE_CONFORM_VALUE_H

#include <stdint.h>

#include <aios/types.h>

/* The key of one case. A plain value. */
struct conform_key {
	uint32_t k[2];
};

/* Distributions of tensor elements. */
enum conform_dist {
	DIST_NORMAL,    /* about N(0, 1), all mantissa bits alive */
	DIST_WIDE,      /* normal times 2^-12 .. 2^12 */
	DIST_EXTREME,   /* every finite exponent */
	DIST_SUBNORMAL, /* subnormal in the type itself */
	DIST_ZEROS,     /* a third signed zeros, a third +-1 */
	DIST_TIES,      /* halfway between two values of a narrower type; few bits */
	DIST_INTEGERS,  /* small integers: every sum exact */
	DIST_ALIGN,     /* exponents about the width of a dot unit's accumulator apart */
	DIST_FINITE,    /* number of the distributions without infinities and NaN */
	DIST_SPECIAL = DIST_FINITE, /* normal with a few infinities and NaN */
	DIST_COUNT
};

const char *conform_dist_name(uint32_t dist);

/* The key of case `id` under `seed`. */
struct conform_key conform_key_of(uint64_t seed, const char *id);

/* 64 random bits at (stream, row, column). */
uint64_t conform_random(struct conform_key key, uint32_t stream, uint32_t row, uint32_t col);

/* A number below n (> 0). */
uint32_t conform_below(struct conform_key key, uint32_t stream, uint32_t row, uint32_t col,
		       uint32_t n);

/* An fp32 value from 64 random bits. */
float conform_value(uint32_t dist, uint64_t random);

/*
 * `cols` elements of `dtype` at dst: row `row` of stream `stream`. I8 and the hi
 * plane of I8X2 are -127 .. 127, as quantisation gives them; U8 (a lo plane) is any
 * byte, I32 any number that is not negative.
 */
void conform_fill_row(struct conform_key key, uint32_t stream, uint32_t row, uint32_t dist,
		      uint32_t dtype, uint32_t cols, void *dst);

#endif /* CORE_CONFORM_VALUE_H */
