/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quantise.cuh - rows to I8, I8X2 or E4M3 with one scale each; out may be in panels (I8), whose
 * padding becomes zeros. One row a block; a thread has eight neighbouring elements, then the eight
 * 2048 further on, and so on, in registers where the row is not too long. Few rows of F32 to I8 or
 * I8X2: gpu_quantise_wide, at the end.
 */
#ifndef GPU_QUANTISE_CUH
#define GPU_QUANTISE_CUH

#include "panels.h"
#include "rows.cuh"

#define QUANTISE_STEP (8 * AIOS_LANES)

/* Eight elements from element i on, as floats; zeros from `cols` on. */
GPU_FN void quantise_eight(const unsigned char *in, uint32_t dtype, uint32_t i, uint32_t cols,
			   float v[8])
{
	struct gpu_vec lo = { { 0, 0, 0, 0 } }, hi = { { 0, 0, 0, 0 } };

	if (dtype == AIOS_F32) {
		if (i < cols)
			lo = gpu_load16(in + 4 * (uint64_t)i);
		if (i + 4 < cols)
			hi = gpu_load16(in + 4 * (uint64_t)i + 16);
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++) {
			v[e] = aios_float(lo.w[e]);
			v[4 + e] = aios_float(hi.w[e]);
		}
	} else {
		if (i < cols)
			lo = gpu_load16(in + 2 * (uint64_t)i);
		if (dtype == AIOS_F16)
			gpu_halves<true>(lo, v);
		else
			gpu_halves<false>(lo, v);
	}
	GPU_UNROLL
	for (uint32_t e = 0; e < 8; e++)
		v[e] = i + e < cols ? v[e] : 0.0f; /* what lies in the row's padding is no matter */
}

GPU_FN float quantise_absmax(float absmax, const float v[8], bool *finite)
{
	GPU_UNROLL
	for (uint32_t e = 0; e < 8; e++)
		absmax = aios_absmax_step(absmax, v[e], finite);
	return absmax;
}

/*
 * aios_rint(aios_quant_clamp()) of an element of a finite row whose scale is not 0, plus what
 * `magic` has over 1.5 * 2^23 (an even number), in the low bits. Nothing is there to be clamped: inv
 * is at most qmax / absmax * (1 + 2^-24), so x * inv exceeds qmax by one unit of its last place at
 * most, which rounds to qmax.
 */
GPU_FN uint32_t quantise_int(float x, float inv, float magic)
{
	return aios_bits(aios_add(aios_mul(x, inv), magic));
}

/* The codes of a row that is not finite, or all but zeros, are zeros; there inv is 0. */
GPU_FN uint32_t quantise_mask(float inv)
{
	return inv == 0.0f ? 0 : UINT32_MAX;
}

/* Four codes of I8. */
GPU_FN uint32_t quantise_i8(const float v[4], float inv)
{
	uint32_t q[4];

	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e++)
		q[e] = quantise_int(v[e], inv, 0x1.8p23f);
	q[0] = gpu_bytes(gpu_bytes(q[0], q[1], 0x40), gpu_bytes(q[2], q[3], 0x40), 0x5410);
	return q[0] & quantise_mask(inv);
}

/* Four codes of I8X2: q = 256 * hi + lo, so that q + 128 has hi above and lo + 128 below. */
GPU_FN uint32_t quantise_i8x2(const float v[4], float inv, uint32_t *lo)
{
	uint32_t q[4];

	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e++)
		q[e] = quantise_int(v[e], inv, 0x1.8p23f + 128.0f);
	q[0] = gpu_bytes(q[0], q[1], 0x5410);
	q[2] = gpu_bytes(q[2], q[3], 0x5410);
	*lo = (gpu_bytes(q[0], q[2], 0x6420) ^ 0x80808080u) & quantise_mask(inv);
	return gpu_bytes(q[0], q[2], 0x7531) & quantise_mask(inv);
}

/* Four codes; of I8X2 the upper slices, and the lower ones in *lo. */
GPU_FN uint32_t quantise_codes(uint32_t dtype, const float v[4], float inv, uint32_t *lo)
{
	uint32_t codes = 0;

	*lo = 0;
	if (dtype == AIOS_I8)
		return quantise_i8(v, inv);
	if (dtype == AIOS_I8X2)
		return quantise_i8x2(v, inv, lo);
	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e++)
		codes |= (uint32_t)aios_quant_e4m3(v[e], inv) << 8 * e;
	return codes;
}

/* n <= 8 bytes of `pair` to `to`, which is aligned to 8. */
GPU_FN void quantise_put(unsigned char *to, const uint32_t pair[2], uint32_t n)
{
	if (n >= 8) {
		((uint32_t *)to)[0] = pair[0];
		((uint32_t *)to)[1] = pair[1];
		return;
	}
	for (uint32_t e = 0; e < n; e++)
		to[e] = (unsigned char)(pair[e / 4] >> 8 * (e % 4));
}

/* Store eight elements from element i on; in panels also those that are padding. */
GPU_FN void quantise_store(const struct aios_tensor *t, uint32_t row, uint32_t i, const float v[8],
			   float inv)
{
	uint32_t hi[2], lo[2], n = t->cols - i < 8 ? t->cols - i : 8;

	hi[0] = quantise_codes(t->dtype, v, inv, &lo[0]);
	hi[1] = quantise_codes(t->dtype, v + 4, inv, &lo[1]);
	if (t->layout == GPU_LAYOUT_PANELS) {
		quantise_put(gpu_ptr(t->data) + GPU_PANEL_OFFSET(row, i, t->row_bytes), hi, 8);
		return;
	}
	quantise_put(gpu_row(t, row) + i, hi, n);
	if (t->dtype == AIOS_I8X2)
		quantise_put(gpu_row(t, row) + t->plane_bytes + i, lo, n);
}

/* Zeros in the panels' padding: all of a row from element `from` on. */
GPU_FN void quantise_pad(const struct aios_tensor *t, uint32_t row, uint32_t from)
{
	const uint32_t zero[2] = { 0, 0 };

	for (uint64_t i = ((from + 7) & ~7u) + 8 * gpu_tid(); i < t->row_bytes; i += QUANTISE_STEP)
		quantise_put(gpu_ptr(t->data) + GPU_PANEL_OFFSET(row, i, t->row_bytes), zero, 8);
}

/* A row of at most N * QUANTISE_STEP elements. */
template <int N>
GPU_FN void quantise_short(const struct aios_op_quantise &op, uint32_t row,
			   struct gpu_row_shared *shared)
{
	const unsigned char *in = gpu_row(&op.in, row);
	uint32_t first = 8 * gpu_tid(), cols = op.in.cols;
	float v[N][8], absmax = 0.0f, inv;
	bool finite = true;

	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++)
		quantise_eight(in, op.in.dtype, first + k * QUANTISE_STEP, cols, v[k]);
	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++)
		absmax = quantise_absmax(absmax, v[k], &finite);
	inv = rows_scale(&op.out, row, shared, absmax, finite);
	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++)
		if (first + k * QUANTISE_STEP < cols)
			quantise_store(&op.out, row, first + k * QUANTISE_STEP, v[k], inv);
}

/* Any row, read twice. */
GPU_FN void quantise_long(const struct aios_op_quantise &op, uint32_t row,
			  struct gpu_row_shared *shared)
{
	const unsigned char *in = gpu_row(&op.in, row);
	uint32_t first = 8 * gpu_tid(), cols = op.in.cols;
	float v[8], absmax = 0.0f, inv;
	bool finite = true;

	for (uint64_t i = first; i < cols; i += QUANTISE_STEP) {
		quantise_eight(in, op.in.dtype, (uint32_t)i, cols, v);
		absmax = quantise_absmax(absmax, v, &finite);
	}
	inv = rows_scale(&op.out, row, shared, absmax, finite);
	for (uint64_t i = first; i < cols; i += QUANTISE_STEP) {
		quantise_eight(in, op.in.dtype, (uint32_t)i, cols, v);
		quantise_store(&op.out, row, (uint32_t)i, v, inv);
	}
}

GPU_FN void quantise_row(const struct aios_op_quantise &op, uint32_t row)
{
	struct gpu_row_shared *shared = (struct gpu_row_shared *)gpu_shared();
	uint32_t cols = op.in.cols;

	if (cols <= 2 * QUANTISE_STEP)
		quantise_short<2>(op, row, shared);
	else if (cols <= 6 * QUANTISE_STEP)
		quantise_short<6>(op, row, shared);
	else
		quantise_long(op, row, shared);
}

GPU_KERNEL(256) gpu_quantise(const struct gpu_quantise_args a)
{
	gpu_grid_enter();
	quantise_row(a.op, gpu_bx());
}

/* Grid: rows, those that are padding too. */
GPU_KERNEL(256) gpu_quantise_panels(const struct gpu_quantise_args a)
{
	uint32_t row = gpu_bx();

	gpu_grid_enter();
	quantise_pad(&a.op.out, row, row < a.op.in.rows ? a.op.in.cols : 0);
	if (row < a.op.in.rows)
		quantise_row(a.op, row);
}

/* --- few rows ------------------------------------------------------------------------- */

/*
 * Few rows of F32 to I8 or I8X2, columns a multiple of four: what counts is how long one row takes,
 * most of which is to load it and to make its codes. A thread has four neighbouring columns of a
 * step, then those a step further on. Where the grid's y is the number of steps, each block of a row
 * reads all of it for the scale, beginning with the step whose codes it stores; where y is 1, one
 * block stores all.
 */

#define WIDE_QUANTISE_STEP (4 * GPU_QUANTISE_THREADS)

/*
 * aios_quant_scale_of() of a maximum of bits of magnitudes, without a branch. Both quotients are
 * rounded correctly (compared for each fraction, and for each estimate of 1 / fraction in error by
 * four units of its last place at most): the scale's by the rounded 1 / qmax, that of inv at
 * exponent 0.
 */
template <uint32_t DTYPE> GPU_FN struct aios_quant_scale quantise_scale(uint32_t most)
{
	const uint32_t infinite = 0x7f800000u, one = 0x3f800000u, least = 0x0f800000u; /* 2^-96 */
	const bool plain = most - least < infinite - least;
	const float qmax = DTYPE == AIOS_I8 ? AIOS_QMAX_I8 : AIOS_QMAX_I8X2, part = 1.0f / qmax;
	const float x = aios_float(most), first = aios_mul(x, part);
	const float f = aios_float((most & ~infinite) | one), near = gpu_inverse_near(f);
	const float r = aios_fma(aios_fma(-f, near, 1.0f), near, near), q = aios_mul(qmax, r);
	const float inv = aios_fma(aios_fma(-f, q, qmax), r, q);
	struct aios_quant_scale s;

	s.scale = aios_fma(aios_fma(-first, qmax, x), part, first);
	s.scale = plain ? s.scale : most < least ? 0.0f : aios_nan();
	s.inv = plain ? aios_float(aios_bits(inv) - (most & infinite) + one) : 0.0f;
	return s;
}

/* The maximum of bits of a row's magnitudes, from a thread's columns of it. */
template <int N> GPU_FN uint32_t wide_quantise_most(const struct gpu_vec v[N], uint32_t most[])
{
	const uint32_t waves = GPU_QUANTISE_THREADS / 32;
	float absmax = 0.0f;
	uint32_t own;

	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++) {
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			absmax = gpu_absmax(absmax, aios_float(v[k].w[e]));
	}
	own = gpu_most(aios_bits(absmax));
	if (gpu_tid() % 32 == 0)
		most[gpu_tid() / 32] = own;
	gpu_barrier();
	return gpu_most(most[gpu_tid() % waves]);
}

/* Where a thread's codes go: those of its first step, with how many columns of the row from there. */
struct wide_quantise_to {
	unsigned char *hi, *lo;
	uint32_t *scale; /* of the row */
	uint32_t left, steps;
};

template <int N, uint32_t DTYPE>
GPU_FN void wide_quantise_put(const struct wide_quantise_to &to, uint32_t real,
			      const struct gpu_vec v[N], float inv)
{
	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++) {
		const uint32_t at = k * WIDE_QUANTISE_STEP;
		const bool go = real && at < to.left;
		float four[4];
		uint32_t hi, lo;

		if (k && k >= to.steps)
			break;
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			four[e] = aios_float(v[k].w[e]);
		hi = quantise_codes(DTYPE, four, inv, &lo);
		gpu_put32_if(go, (uint32_t *)(to.hi + at), hi);
		if (DTYPE == AIOS_I8X2)
			gpu_put32_if(go, (uint32_t *)(to.lo + at), lo);
	}
}

/* Where a thread's columns of the row are, of all of its steps from the block's on. */
template <int N>
GPU_FN void wide_quantise_from(const struct aios_op_quantise &op, const unsigned char *from[N])
{
	const uint32_t cols = op.in.cols;
	const uint32_t steps = (cols + WIDE_QUANTISE_STEP - 1) / WIDE_QUANTISE_STEP;

	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++) {
		uint32_t step = gpu_by() + k, i;

		step -= step >= steps ? steps : 0;
		i = step * WIDE_QUANTISE_STEP + 4 * gpu_tid();
		i = k < steps && i < cols ? i : 0; /* to see a column again does no harm */
		from[k] = gpu_keep_at(gpu_row(&op.in, gpu_bx()) + i * sizeof(float));
	}
}

GPU_FN struct wide_quantise_to wide_quantise_to_of(const struct aios_op_quantise &op)
{
	const uint32_t i = gpu_by() * WIDE_QUANTISE_STEP + 4 * gpu_tid();
	const uint32_t steps = (op.in.cols + WIDE_QUANTISE_STEP - 1) / WIDE_QUANTISE_STEP;
	struct wide_quantise_to to;

	to.hi = gpu_keep_at(gpu_row(&op.out, gpu_bx()) + i);
	to.lo = gpu_keep_at(to.hi + op.out.plane_bytes);
	to.scale = gpu_keep_at((uint32_t *)gpu_ptr(op.out.scale) + gpu_bx());
	to.left = i < op.in.cols ? op.in.cols - i : 0;
	to.steps = gpu_grid_y() > 1 ? 1 : steps;
	return to;
}

/* A row of at most N steps. */
template <int N, uint32_t DTYPE>
GPU_FN void wide_quantise(const struct aios_op_quantise &op, struct gpu_quantise_shared *sh)
{
	const struct wide_quantise_to to = wide_quantise_to_of(op);
	const unsigned char *from[N];

	wide_quantise_from<N>(op, from);
	GPU_NO_UNROLL
	for (uint32_t real = gpu_rehearsal(); real < 2; real++) {
		struct aios_quant_scale s;
		struct gpu_vec v[N];

		if (real)
			gpu_grid_wait();
		GPU_UNROLL
		for (uint32_t k = 0; k < N; k++)
			v[k] = gpu_load16_late(from[k]);
		s = quantise_scale<DTYPE>(wide_quantise_most<N>(v, sh->most[real]));
		gpu_put32_if(real && gpu_tid() == 0 && gpu_by() == 0, to.scale, aios_bits(s.scale));
		wide_quantise_put<N, DTYPE>(to, real, v, s.inv);
	}
}

template <uint32_t DTYPE>
GPU_FN void wide_quantise_any(const struct aios_op_quantise &op, struct gpu_quantise_shared *sh)
{
	if (op.in.cols <= 2 * WIDE_QUANTISE_STEP)
		wide_quantise<2, DTYPE>(op, sh);
	else
		wide_quantise<GPU_QUANTISE_STEPS, DTYPE>(op, sh);
}

/* Grid: rows, 1 or the steps of a row. */
GPU_KERNEL(GPU_QUANTISE_THREADS) gpu_quantise_wide(const struct gpu_quantise_args a)
{
	struct gpu_quantise_shared *sh = (struct gpu_quantise_shared *)gpu_shared();

	gpu_grid_go();
	if (a.op.out.dtype == AIOS_I8X2)
		wide_quantise_any<AIOS_I8X2>(a.op, sh);
	else
		wide_quantise_any<AIOS_I8>(a.op, sh);
}

#endif /* GPU_QUANTISE_CUH */
