// SPDX-License-Identifier: Apache-2.0
/*
 * dot.c - the dot units of dot.h: vectors of eight outputs, two at a time.
 *
 * TFDPA without integers of 64 bits: all terms of a block are brought to units
 * of 2^(E - F) by an exact multiplication with a power of two, and truncated by
 * the conversion to int32. That is exact while every power and product is a
 * normal number, i.e. for E in [TC_E_MIN, TC_E_MAX]; a term too small to be
 * normal is far below one unit there and truncates to 0 either way. Sixteen
 * products stay below 2^31 in sum ((2047/1024)^2 * 16 * 2^25); c can carry the
 * sum past it, so the sign is worked out apart. Blocks outside the range, and
 * those with infinities or NaN, go to aios_tfdpa(), which is the definition. The
 * fused groups of CDNA3 are summed in the same way.
 */
#include <string.h>

#include "dot.h"

#define TC_E_MIN (-100)
#define TC_E_MAX 120
#define TC_E_EMPTY (-600) /* below it: no term at all */

/* --- lanes ------------------------------------------------------------------ */

/*
 * Vectors of GNU C: the ordinary operators, element by element, on any machine.
 * The compiler makes one instruction of each function here where there is one.
 */
#define LANES 8
typedef float vfloat __attribute__((vector_size(4 * LANES)));
typedef int32_t vint __attribute__((vector_size(4 * LANES)));
typedef uint32_t vuint __attribute__((vector_size(4 * LANES)));

_Static_assert(REF_LANES == 2 * LANES, "the loops below take two vectors at a time");

static inline vfloat lanes_load(const float *p)
{
	vfloat v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline vint lanes_load_int(const int32_t *p)
{
	vint v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void lanes_store(float *p, vfloat v)
{
	memcpy(p, &v, sizeof(v));
}

static inline vfloat lanes_fma(float x, vfloat w, vfloat acc)
{
	int j;

	for (j = 0; j < LANES; j++)
		acc[j] = aios_fma(x, w[j], acc[j]);
	return acc;
}

/* `value` where the mask is all ones, `otherwise` where it is 0. */
static inline vint lanes_select(vint mask, int32_t value, vint otherwise)
{
	return (mask & value) | (~mask & otherwise);
}

static inline vint lanes_max(vint a, vint b)
{
	int j;

	for (j = 0; j < LANES; j++)
		b[j] = a[j] > b[j] ? a[j] : b[j];
	return b;
}

/* --- taking apart ---------------------------------------------------------- */

/* Inputs that the unit takes for zeros. */
static void dot_flush(const struct ref_unit *u, float *v, uint32_t n)
{
	uint32_t least = (uint32_t)(u->exp_min + 127) << 23, k;

	for (k = 0; k < n; k++)
		v[k] = (aios_bits(v[k]) & 0x7fffffffu) < least ? 0.0f : v[k];
}

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
	if (u->cdna.flush)
		dot_flush(u, v, n);
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
	if (u->exponents)
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
	if (u->exponents)
		dot_exponents(u, tile->e[0], tile->v[0], n_rows * REF_LANES);
}

static void dot_load_vec(const struct ref_unit *u, struct ref_vec *vec, const void *row,
			 uint32_t first, uint32_t n)
{
	dot_widen(u, vec->v, row, first, n);
	if (u->exponents)
		dot_exponents(u, vec->e, vec->v, n);
}

static void dot_set_vec(const struct ref_unit *u, struct ref_vec *vec, const float *v, uint32_t n)
{
	memcpy(vec->v, v, n * sizeof(*v));
	if (u->cdna.flush)
		dot_flush(u, vec->v, n);
	if (u->exponents)
		dot_exponents(u, vec->e, vec->v, n);
}

/* --- fma32 ------------------------------------------------------------------ */

static void dot_fma_1(float *acc, const float *x, const float (*w)[REF_LANES], uint32_t n)
{
	vfloat a = lanes_load(acc), b = lanes_load(acc + LANES);
	uint32_t k;

	for (k = 0; k < n; k++) {
		a = lanes_fma(x[k], lanes_load(w[k]), a);
		b = lanes_fma(x[k], lanes_load(w[k] + LANES), b);
	}
	lanes_store(acc, a);
	lanes_store(acc + LANES, b);
}

/* Four rows of x at once: enough independent chains to hide the latency of fma. */
static void dot_fma_4(float (*acc)[REF_LANES], const struct ref_vec *x, uint32_t k0,
		      const float (*w)[REF_LANES], uint32_t n)
{
	const float *x0 = x[0].v + k0, *x1 = x[1].v + k0, *x2 = x[2].v + k0, *x3 = x[3].v + k0;
	vfloat a[REF_VECS], b[REF_VECS], v;
	uint32_t i, k;

	for (i = 0; i < REF_VECS; i++) {
		a[i] = lanes_load(acc[i]);
		b[i] = lanes_load(acc[i] + LANES);
	}
	for (k = 0; k < n; k++) {
		v = lanes_load(w[k]);
		a[0] = lanes_fma(x0[k], v, a[0]);
		a[1] = lanes_fma(x1[k], v, a[1]);
		a[2] = lanes_fma(x2[k], v, a[2]);
		a[3] = lanes_fma(x3[k], v, a[3]);
		v = lanes_load(w[k] + LANES);
		b[0] = lanes_fma(x0[k], v, b[0]);
		b[1] = lanes_fma(x1[k], v, b[1]);
		b[2] = lanes_fma(x2[k], v, b[2]);
		b[3] = lanes_fma(x3[k], v, b[3]);
	}
	for (i = 0; i < REF_VECS; i++) {
		lanes_store(acc[i], a[i]);
		lanes_store(acc[i] + LANES, b[i]);
	}
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

/* A block of eight chains. */
struct dot_block {
	vfloat c;     /* the accumulators, a term like the products */
	vint e;       /* E: the largest exponent of the terms so far */
	vfloat scale; /* 2^(F - E) */
	vint sum;     /* of the products, in units of 2^(E - F) */
};

static inline void block_begin(struct dot_block *b, const float *acc)
{
	vint mag, e;

	b->c = lanes_load(acc);
	mag = (vint)b->c & INT32_MAX;
	e = (mag >> 23) - 127;
	e = lanes_select(mag == 0, REF_EXP_ZERO, e);
	e = lanes_select(mag >= 0x7f800000, REF_EXP_SPECIAL, e);
	b->e = e;
}

/* Not 0 where a lane's E is out of range. */
static inline vint block_bad(const struct dot_block *b)
{
	return (b->e > TC_E_MAX) | ((b->e < TC_E_MIN) & (b->e > TC_E_EMPTY));
}

static inline void block_scale(struct dot_block *b, int32_t frac)
{
	b->e &= b->e >= TC_E_MIN; /* no terms: any scale will do */
	b->scale = (vfloat)((frac + 127 - b->e) << 23);
	b->sum = b->e & 0;
}

static inline void block_add(struct dot_block *b, float x, const float *w)
{
	b->sum += __builtin_convertvector(x * lanes_load(w) * b->scale, vint);
}

/* Add c, round, store. `cut` clears what the result does not keep. */
static inline void block_end(const struct dot_block *b, int32_t frac, int32_t cut, float *acc)
{
	vint c = __builtin_convertvector(b->c * b->scale, vint), neg;
	vuint t = (vuint)b->sum + (vuint)c, mag, wide;
	vfloat f;

	/* |sum + c| < 2^32: the sign is the operands' where both agree, else t's. */
	neg = ((b->sum & c) | ((b->sum | c) & (vint)t)) >> 31;
	mag = (t ^ (vuint)neg) - (vuint)neg;
	wide = mag >> 31;
	mag = mag >> wide;
	/* Without the bit 24 places below the leading one nothing rounds up. */
	f = __builtin_convertvector((vint)(mag & ~(mag >> 24)), vfloat);
	f = f * (vfloat)((vint)(wide + 127) << 23) * (vfloat)((b->e - frac + 127) << 23);
	lanes_store(acc, (vfloat)(((vint)f & cut) | (neg & INT32_MIN)));
}

static inline bool lanes_any(vint v)
{
	int64_t part[sizeof(v) / 8], any = 0;
	size_t i;

	memcpy(part, &v, sizeof(v));
	for (i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		any |= part[i];
	return any != 0;
}

/* n terms of sixteen chains; false, with nothing done, when a lane is out of range. */
static inline bool dot_block_fast(float *acc, int32_t frac, int32_t cut, const float *x,
				  const int32_t *xe, const float (*w)[REF_LANES],
				  const int32_t (*we)[REF_LANES], uint32_t n)
{
	struct dot_block a, b;
	uint32_t k;

	block_begin(&a, acc);
	block_begin(&b, acc + LANES);
	for (k = 0; k < n; k++) {
		a.e = lanes_max(lanes_load_int(we[k]) + xe[k], a.e);
		b.e = lanes_max(lanes_load_int(we[k] + LANES) + xe[k], b.e);
	}
	if (lanes_any(block_bad(&a) | block_bad(&b)))
		return false;
	block_scale(&a, frac);
	block_scale(&b, frac);
	for (k = 0; k < n; k++) {
		block_add(&a, x[k], w[k]);
		block_add(&b, x[k], w[k] + LANES);
	}
	block_end(&a, frac, cut, acc);
	block_end(&b, frac, cut, acc + LANES);
	return true;
}

static void dot_tfdpa(const struct ref_unit *u, float *acc, const struct ref_vec *x,
		      const struct ref_tile *tile, uint32_t k0, uint32_t n)
{
	int32_t cut = (int32_t) ~((1u << (23 - u->tc.keep)) - 1);
	uint32_t l = (uint32_t)u->tc.terms, k = k0, end = k0 + n, len;

	for (; k < end; k += len) {
		len = end - k < l ? end - k : l;
		if (!dot_block_fast(acc, u->tc.frac, cut, x->v + k, x->e + k, tile->v + k,
				    tile->e + k, len))
			dot_block_exact(u, acc, x->v + k, tile->v + k, len);
	}
}

/* --- CDNA ------------------------------------------------------------------- */

/* Subnormals become zeros, of their sign. */
static inline vfloat lanes_flush(vfloat v)
{
	vint bits = (vint)v;

	return (vfloat)(bits & (((bits & 0x7f800000) != 0) | INT32_MIN));
}

static inline vfloat lanes_node(vfloat v, bool flush)
{
	return flush ? lanes_flush(v) : v;
}

/* Four products, two where the group has no more, added pairwise; eight outputs. */
static inline vfloat pairs_sum(const float *x, const float (*w)[REF_LANES], uint32_t lane,
			       uint32_t group, bool flush)
{
	vfloat p0 = lanes_node(x[0] * lanes_load(w[0] + lane), flush);
	vfloat p1 = lanes_node(x[1] * lanes_load(w[1] + lane), flush);

	p0 = lanes_node(p0 + p1, flush);
	if (group == 2)
		return p0;
	p1 = lanes_node(lanes_node(x[2] * lanes_load(w[2] + lane), flush) +
				lanes_node(x[3] * lanes_load(w[3] + lane), flush),
			flush);
	return lanes_node(p0 + p1, flush);
}

/* n elements, a multiple of the group. Products of zeros may be -0 here, which shows nowhere. */
static inline void dot_pairs(float *acc, uint32_t group, bool flush, const float *x,
			     const float (*w)[REF_LANES], uint32_t n)
{
	vfloat a = lanes_node(lanes_load(acc), flush);
	vfloat b = lanes_node(lanes_load(acc + LANES), flush);
	uint32_t k;

	for (k = 0; k < n; k += group) {
		a = lanes_node(a + pairs_sum(x + k, w + k, 0, group, flush), flush);
		b = lanes_node(b + pairs_sum(x + k, w + k, LANES, group, flush), flush);
	}
	lanes_store(acc, a);
	lanes_store(acc + LANES, b);
}

/* A fused group: the sums of the products of eight chains, and what they are relative to. */
static inline bool fused_sums(const float *x, const int32_t *xe, const float (*w)[REF_LANES],
			      const int32_t (*we)[REF_LANES], uint32_t lane, int32_t *e,
			      int32_t *sum)
{
	struct dot_block b = { .e = { 0 } };
	uint32_t k;

	b.e = lanes_load_int(we[0] + lane) + xe[0];
	for (k = 1; k < 8; k++)
		b.e = lanes_max(lanes_load_int(we[k] + lane) + xe[k], b.e);
	if (lanes_any(block_bad(&b)))
		return false;
	memcpy(e, &b.e, sizeof(b.e));
	block_scale(&b, 24);
	for (k = 0; k < 8; k++)
		block_add(&b, x[k], w[k] + lane);
	memcpy(sum, &b.sum, sizeof(b.sum));
	return true;
}

/* One group of eight by the definition; x, w and acc in any state. */
static void dot_fused_exact(const struct ref_unit *u, float *acc, const float *x,
			    const float (*w)[REF_LANES])
{
	uint16_t a[8], b[8];
	uint32_t j, k;

	for (j = 0; j < REF_LANES; j++) {
		for (k = 0; k < 8; k++) {
			a[k] = (uint16_t)dot_code(u, x[k]);
			b[k] = (uint16_t)dot_code(u, w[k][j]);
		}
		acc[j] = aios_cdna_fused(u->cdna, a, b, 0, 8, acc[j]);
	}
}

static void dot_fused(const struct ref_unit *u, float *acc, const float *x, const int32_t *xe,
		      const float (*w)[REF_LANES], const int32_t (*we)[REF_LANES])
{
	int32_t e[REF_LANES], sum[REF_LANES];
	uint32_t j;

	for (j = 0; j < REF_LANES; j++)
		if (!aios_is_finite(acc[j])) {
			dot_fused_exact(u, acc, x, w);
			return;
		}
	if (!fused_sums(x, xe, w, we, 0, e, sum) ||
	    !fused_sums(x, xe, w, we, LANES, e + LANES, sum + LANES)) {
		dot_fused_exact(u, acc, x, w);
		return;
	}
	for (j = 0; j < REF_LANES; j++)
		acc[j] = aios_cdna_join(sum[j], e[j], e[j] > TC_E_EMPTY, acc[j]);
}

/* A last group that is not whole is filled up with zeros. */
static void dot_groups(const struct ref_unit *u, float *acc, const struct ref_vec *x,
		       const struct ref_tile *tile, uint32_t k0, uint32_t n)
{
	uint32_t group = (uint32_t)u->cdna.group, whole = n / group * group, k;
	float tail_x[8] = { 0 }, tail_w[8][REF_LANES] = { { 0 } };
	int32_t tail_xe[8], tail_we[8][REF_LANES];

	for (k = 0; k < whole && u->cdna.fused; k += group)
		dot_fused(u, acc, x->v + k0 + k, x->e + k0 + k, tile->v + k0 + k, tile->e + k0 + k);
	if (!u->cdna.fused)
		dot_pairs(acc, group, u->cdna.flush, x->v + k0, tile->v + k0, whole);
	if (n == whole)
		return;
	k = k0 + whole;
	memcpy(tail_x, x->v + k, (n - whole) * sizeof(tail_x[0]));
	memcpy(tail_w, tile->v + k, (n - whole) * sizeof(tail_w[0]));
	if (u->cdna.fused) {
		dot_exponents(u, tail_xe, tail_x, 8);
		dot_exponents(u, tail_we[0], tail_w[0], 8 * REF_LANES);
		dot_fused(u, acc, tail_x, tail_xe, (const float(*)[REF_LANES])tail_w,
			  (const int32_t(*)[REF_LANES])tail_we);
	} else {
		dot_pairs(acc, group, u->cdna.flush, tail_x, (const float(*)[REF_LANES])tail_w,
			  group);
	}
}

static void dot_cdna(const struct ref_unit *u, float *acc, const struct ref_vec *x,
		     const struct ref_tile *tile, uint32_t k0, uint32_t n)
{
	uint32_t j;

	dot_groups(u, acc, x, tile, k0, n);
	for (j = 0; j < REF_LANES; j++)
		acc[j] = aios_add(acc[j], 0.0f); /* no -0 */
}

static void dot_chain(const struct ref_unit *u, float (*acc)[REF_LANES], const struct ref_vec *vecs,
		      uint32_t n_vecs, const struct ref_tile *tile, uint32_t k0, uint32_t n)
{
	uint32_t i;

	if (u->block == 1 && n_vecs == REF_VECS) {
		dot_fma_4(acc, vecs, k0, tile->v + k0, n);
		return;
	}
	for (i = 0; i < n_vecs; i++) {
		if (u->tc.terms)
			dot_tfdpa(u, acc[i], &vecs[i], tile, k0, n);
		else if (u->cdna.terms)
			dot_cdna(u, acc[i], &vecs[i], tile, k0, n);
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
