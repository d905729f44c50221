// SPDX-License-Identifier: Apache-2.0
/*
 * dot.c - the dot units of dot.h in plain loops that a compiler turns into SIMD.
 *
 * TFDPA without integers of 64 bits: all terms of a block are brought to units
 * of 2^(E - F) by an exact multiplication with a power of two, and truncated by
 * the conversion to int32. That is exact while every power and product is a
 * normal number, i.e. for E in [TC_E_MIN, TC_E_MAX]; a term too small to be
 * normal is far below one unit there and truncates to 0 either way. Sixteen
 * products stay below 2^31 in sum ((2047/1024)^2 * 16 * 2^25); c can carry the
 * sum past it, so the sign is worked out apart. Blocks outside the range, and
 * those with infinities or NaN, go to aios_tfdpa(), which is the definition.
 */
#include <string.h>

#include "dot.h"

#define TC_E_MIN (-100)
#define TC_E_MAX 120
#define TC_E_EMPTY (-600) /* below it: no term at all */

/* --- taking apart ---------------------------------------------------------- */

/* n <= REF_TILE_K elements of a row widened to fp32. */
static void dot_widen(const struct ref_unit *u, float *v, const void *row, uint32_t first,
		      uint32_t n)
{
	const uint16_t *half = (const uint16_t *)row + first;
	const uint8_t *byte = (const uint8_t *)row + first;
	uint32_t k;

	if (u->dtype == AIOS_BF16)
		for (k = 0; k < n; k++)
			v[k] = aios_bf16_to_f32(half[k]);
	else if (u->dtype == AIOS_F16)
		for (k = 0; k < n; k++)
			v[k] = aios_f16_to_f32(half[k]);
	else
		for (k = 0; k < n; k++)
			v[k] = aios_e4m3_to_f32(byte[k]);
}

/* The exponents of n values, with zeros and specials marked. */
static void dot_exponents(const struct ref_unit *u, int32_t *e, const float *v, uint32_t n)
{
	int32_t exp_min = u->exp_min, x;
	uint32_t k, a;

	for (k = 0; k < n; k++) {
		a = aios_bits(v[k]) & 0x7fffffffu;
		x = (int32_t)(a >> 23) - 127;
		x = x < exp_min ? exp_min : x;
		x = a == 0 ? REF_EXP_ZERO : x;
		e[k] = a >= 0x7f800000u ? REF_EXP_SPECIAL : x;
	}
}

static void dot_load_rows(const struct ref_unit *u, struct ref_tile *tile,
			  const void *const rows[REF_LANES], uint32_t first, uint32_t n)
{
	float v[REF_TILE_K];
	uint32_t j, k;

	for (j = 0; j < REF_LANES; j++) {
		if (!rows[j]) {
			for (k = 0; k < n; k++)
				tile->v[k][j] = 0.0f;
			continue;
		}
		dot_widen(u, v, rows[j], first, n);
		for (k = 0; k < n; k++)
			tile->v[k][j] = v[k];
	}
	if (u->tc.terms)
		dot_exponents(u, tile->e[0], tile->v[0], n * REF_LANES);
}

static void dot_load_cols(const struct ref_unit *u, struct ref_tile *tile, const void *const *rows,
			  uint32_t n_rows, uint32_t first, uint32_t n)
{
	uint32_t k;

	for (k = 0; k < n_rows; k++) {
		if (n < REF_LANES || !rows[k])
			memset(tile->v[k], 0, sizeof(tile->v[k]));
		if (rows[k])
			dot_widen(u, tile->v[k], rows[k], first, n);
	}
	if (u->tc.terms)
		dot_exponents(u, tile->e[0], tile->v[0], n_rows * REF_LANES);
}

static void dot_load_vec(const struct ref_unit *u, struct ref_vec *vec, const void *row,
			 uint32_t first, uint32_t n)
{
	dot_widen(u, vec->v, row, first, n);
	if (u->tc.terms)
		dot_exponents(u, vec->e, vec->v, n);
}

static void dot_set_vec(const struct ref_unit *u, struct ref_vec *vec, const float *v, uint32_t n)
{
	memcpy(vec->v, v, n * sizeof(*v));
	if (u->tc.terms)
		dot_exponents(u, vec->e, vec->v, n);
}

/* --- fma32 ------------------------------------------------------------------ */

static void dot_fma_1(float *acc, const float *x, const float (*w)[REF_LANES], uint32_t n)
{
	float a[REF_LANES];
	uint32_t j, k;

	memcpy(a, acc, sizeof(a));
	for (k = 0; k < n; k++)
		for (j = 0; j < REF_LANES; j++)
			a[j] = aios_fma(x[k], w[k][j], a[j]);
	memcpy(acc, a, sizeof(a));
}

/* Four rows of x at once: enough independent chains to hide the latency of fma. */
static void dot_fma_4(float (*acc)[REF_LANES], const struct ref_vec *x, uint32_t k0,
		      const float (*w)[REF_LANES], uint32_t n)
{
	float a0[REF_LANES], a1[REF_LANES], a2[REF_LANES], a3[REF_LANES];
	const float *x0 = x[0].v + k0, *x1 = x[1].v + k0, *x2 = x[2].v + k0, *x3 = x[3].v + k0;
	uint32_t j, k;

	memcpy(a0, acc[0], sizeof(a0));
	memcpy(a1, acc[1], sizeof(a1));
	memcpy(a2, acc[2], sizeof(a2));
	memcpy(a3, acc[3], sizeof(a3));
	for (k = 0; k < n; k++) {
		for (j = 0; j < REF_LANES; j++) {
			a0[j] = aios_fma(x0[k], w[k][j], a0[j]);
			a1[j] = aios_fma(x1[k], w[k][j], a1[j]);
			a2[j] = aios_fma(x2[k], w[k][j], a2[j]);
			a3[j] = aios_fma(x3[k], w[k][j], a3[j]);
		}
	}
	memcpy(acc[0], a0, sizeof(a0));
	memcpy(acc[1], a1, sizeof(a1));
	memcpy(acc[2], a2, sizeof(a2));
	memcpy(acc[3], a3, sizeof(a3));
}

/* --- TFDPA ------------------------------------------------------------------ */

/* The code of a value that is of the unit's type. */
static uint32_t dot_code(const struct ref_unit *u, float v)
{
	if (u->dtype == AIOS_BF16)
		return aios_f32_to_bf16(v);
	return u->dtype == AIOS_F16 ? aios_f32_to_f16(v) : aios_f32_to_e4m3(v);
}

/* One block by the definition. */
static void dot_block_exact(const struct ref_unit *u, float *acc, const float *x,
			    const float (*w)[REF_LANES], uint32_t n)
{
	uint16_t a[AIOS_TC_MAX_L], b[AIOS_TC_MAX_L];
	uint8_t a8[AIOS_TC_MAX_L], b8[AIOS_TC_MAX_L];
	bool narrow = u->dtype == AIOS_E4M3;
	uint32_t j, k;

	for (j = 0; j < REF_LANES; j++) {
		for (k = 0; k < n; k++) {
			a[k] = (uint16_t)dot_code(u, x[k]);
			b[k] = (uint16_t)dot_code(u, w[k][j]);
			a8[k] = (uint8_t)a[k];
			b8[k] = (uint8_t)b[k];
		}
		acc[j] = aios_tfdpa(u->tc, narrow ? (void *)a8 : (void *)a,
				    narrow ? (void *)b8 : (void *)b, n, acc[j]);
	}
}

/* E of each lane: the largest exponent among the terms of the block and c. */
static void dot_block_exponent(int32_t *e_max, const float *acc, const int32_t *xe,
			       const int32_t (*we)[REF_LANES], uint32_t n)
{
	int32_t top[REF_LANES], e;
	uint32_t j, k, a;

	for (j = 0; j < REF_LANES; j++) {
		a = aios_bits(acc[j]) & 0x7fffffffu;
		e = (int32_t)(a >> 23) - 127;
		e = a == 0 ? REF_EXP_ZERO : e;
		top[j] = a >= 0x7f800000u ? REF_EXP_SPECIAL : e;
	}
	for (k = 0; k < n; k++) {
		for (j = 0; j < REF_LANES; j++) {
			e = xe[k] + we[k][j];
			top[j] = e > top[j] ? e : top[j];
		}
	}
	memcpy(e_max, top, sizeof(top));
}

static bool dot_block_in_range(const int32_t *e_max)
{
	int32_t bad = 0, e;
	uint32_t j;

	for (j = 0; j < REF_LANES; j++) {
		e = e_max[j];
		bad |= (e > TC_E_MAX) | ((e < TC_E_MIN) & (e > TC_E_EMPTY));
	}
	return !bad;
}

/* One block of lanes that are all in range. `cut` clears what the result does not keep. */
static void dot_block_fast(float *acc, const int32_t *e_max, int32_t frac, uint32_t cut,
			   const float *x, const float (*w)[REF_LANES], uint32_t n)
{
	float scale[REF_LANES], back[REF_LANES], f;
	int32_t sum[REF_LANES], e, c, t, neg, wide;
	uint32_t j, k, mag;

	for (j = 0; j < REF_LANES; j++) {
		e = e_max[j] < TC_E_MIN ? 0 : e_max[j]; /* no terms: any scale will do */
		scale[j] = aios_float((uint32_t)(frac - e + 127) << 23);
		back[j] = aios_float((uint32_t)(e - frac + 127) << 23);
		sum[j] = 0;
	}
	for (k = 0; k < n; k++)
		for (j = 0; j < REF_LANES; j++)
			sum[j] += (int32_t)(x[k] * w[k][j] * scale[j]);
	for (j = 0; j < REF_LANES; j++) {
		c = (int32_t)(acc[j] * scale[j]);
		t = (int32_t)((uint32_t)sum[j] + (uint32_t)c);
		/* |sum + c| < 2^32: the sign is the operands' where both agree, else t's. */
		neg = ((sum[j] & c) | ((sum[j] | c) & t)) >> 31;
		mag = ((uint32_t)t ^ (uint32_t)neg) - (uint32_t)neg;
		wide = (int32_t)(mag >> 31);
		mag >>= wide;
		/* Without the bit 24 places below the leading one nothing rounds up. */
		f = (float)(int32_t)(mag & ~(mag >> 24));
		f = f * aios_float((uint32_t)(127 + wide) << 23) * back[j];
		acc[j] = aios_float((aios_bits(f) & cut) | ((uint32_t)neg & 0x80000000u));
	}
}

static void dot_tfdpa(const struct ref_unit *u, float *acc, const struct ref_vec *x,
		      const struct ref_tile *tile, uint32_t k0, uint32_t n)
{
	uint32_t l = (uint32_t)u->tc.terms, cut = ~((1u << (23 - u->tc.keep)) - 1), k = 0, len;
	int32_t e_max[REF_LANES];

	do {
		len = n - k < l ? n - k : l;
		dot_block_exponent(e_max, acc, x->e + k0 + k, tile->e + k0 + k, len);
		if (dot_block_in_range(e_max))
			dot_block_fast(acc, e_max, u->tc.frac, cut, x->v + k0 + k, tile->v + k0 + k,
				       len);
		else
			dot_block_exact(u, acc, x->v + k0 + k, tile->v + k0 + k, len);
		k += l;
	} while (k < n);
}

static void dot_chain(const struct ref_unit *u, float (*acc)[REF_LANES], const struct ref_vec *vecs,
		      uint32_t n_vecs, const struct ref_tile *tile, uint32_t k0, uint32_t n)
{
	uint32_t i;

	if (!u->tc.terms && n_vecs == REF_VECS) {
		dot_fma_4(acc, vecs, k0, tile->v + k0, n);
		return;
	}
	for (i = 0; i < n_vecs; i++) {
		if (u->tc.terms)
			dot_tfdpa(u, acc[i], &vecs[i], tile, k0, n);
		else
			dot_fma_1(acc[i], vecs[i].v + k0, tile->v + k0, n);
	}
}

/* --- integers --------------------------------------------------------------- */

static int32_t dot_sum_i8(const int8_t *x, const int8_t *w, uint32_t n)
{
	int32_t sum = 0;
	uint32_t k;

	for (k = 0; k < n; k++)
		sum += (int32_t)x[k] * w[k];
	return sum;
}

const struct ref_dot REF_DOT = {
	.isa = REF_DOT_ISA,
	.load_rows = dot_load_rows,
	.load_cols = dot_load_cols,
	.load_vec = dot_load_vec,
	.set_vec = dot_set_vec,
	.chain = dot_chain,
	.sum_i8 = dot_sum_i8,
};
