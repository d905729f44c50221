/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quantise.cuh - rows to I8, I8X2 or E4M3 with one scale each; out may be in panels (I8), whose
 * padding becomes zeros. One row a block, which is copied to shared memory at once: that takes no
 * registers, so that a multiprocessor has as many rows on their way as fit there. A row that is too
 * long is read twice. Few rows of F32 to I8 or I8X2: gpu_quantise_wide, at the end.
 */
#ifndef GPU_QUANTISE_CUH
#define GPU_QUANTISE_CUH

#include "panels.h"
#include "rows.cuh"

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

/* The same for each type. */
GPU_FN struct aios_quant_scale quantise_scale_of(uint32_t dtype, uint32_t most)
{
	if (dtype == AIOS_I8X2)
		return quantise_scale<AIOS_I8X2>(most);
	if (dtype == AIOS_I8)
		return quantise_scale<AIOS_I8>(most);
	return aios_quant_scale_of(aios_float(most), most < 0x7f800000u, AIOS_QMAX_E4M3);
}

/* --- many rows ------------------------------------------------------------------------- */

/* Where codes of a row go. */
struct quantise_to {
	unsigned char *row;
	uint64_t plane; /* bytes to the lower slices of I8X2 */
};

GPU_FN struct quantise_to quantise_to_of(const struct aios_tensor &t, bool panels, uint32_t row)
{
	unsigned char *at = panels ? gpu_ptr(t.data) + GPU_PANEL_OFFSET(row, 0, t.row_bytes) :
				     gpu_row(&t, row);

	return quantise_to{ gpu_keep_at(at), t.plane_bytes };
}

/* Codes of n columns, four or one, from i on. */
GPU_FN void quantise_put(const struct quantise_to &to, uint32_t dtype, bool panels, uint32_t i,
			 const float v[4], float inv, uint32_t n)
{
	unsigned char *at = to.row + (panels ? GPU_PANEL_OFFSET(0, i, 0) : i);
	uint32_t lo, hi = quantise_codes(dtype, v, inv, &lo);

	if (n == 1) {
		*at = (unsigned char)hi;
		if (dtype == AIOS_I8X2)
			at[to.plane] = (unsigned char)lo;
		return;
	}
	*(uint32_t *)at = hi;
	if (dtype == AIOS_I8X2)
		*(uint32_t *)(at + to.plane) = lo;
}

/* Codes of a row whose columns lie at `in`. */
GPU_FN void quantise_put_row(const struct aios_tensor &t, uint32_t dtype, bool panels, uint32_t row,
			     const unsigned char *in, uint32_t in_dtype, float inv)
{
	const struct quantise_to to = quantise_to_of(t, panels, row);
	const uint32_t i = t.cols / 4 * 4 + gpu_tid();

	rows_walk(in, in_dtype, t.cols, gpu_threads(), [&](uint32_t at, const float v[4]) {
		quantise_put(to, dtype, panels, at, v, inv, 4);
	});
	if (gpu_tid() < t.cols % 4) {
		const float last[4] = { gpu_load(in, in_dtype, i), 0.0f, 0.0f, 0.0f };

		quantise_put(to, dtype, panels, i, last, inv, 1);
	}
}

/* Bits of the largest magnitude of the thread's columns; of an infinity or a NaN if one is such. */
GPU_FN uint32_t quantise_most(const unsigned char *in, uint32_t dtype, uint32_t cols)
{
	float most[4] = { 0.0f, 0.0f, 0.0f, 0.0f };

	rows_walk(in, dtype, cols, gpu_threads(), [&](uint32_t, const float v[4]) {
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			most[e] = gpu_absmax(most[e], v[e]);
	});
	if (gpu_tid() < cols % 4)
		most[0] = gpu_absmax(most[0], gpu_load(in, dtype, cols / 4 * 4 + gpu_tid()));
	most[0] = gpu_absmax(gpu_absmax(most[0], most[1]), gpu_absmax(most[2], most[3]));
	return aios_bits(most[0]);
}

/* A row whose columns lie at `in`. The types are apart from `op` where the code is to know them. */
GPU_FN void quantise_row(const struct aios_op_quantise &op, bool panels, uint32_t row,
			 const unsigned char *in, uint32_t in_dtype, uint32_t dtype)
{
	struct gpu_many_shared *sh = (struct gpu_many_shared *)gpu_shared();
	const uint32_t most = rows_most(sh->most, quantise_most(in, in_dtype, op.in.cols));
	const struct aios_quant_scale s = quantise_scale_of(dtype, most);

	if (gpu_tid() == 0)
		((float *)gpu_ptr(op.out.scale))[row] = s.scale;
	quantise_put_row(op.out, dtype, panels, row, in, in_dtype, s.inv);
}

/* The same of types that are often met, then of any. */
GPU_FN void quantise_rows(const struct aios_op_quantise &op, uint32_t row, const unsigned char *in)
{
	const uint32_t dtype = op.out.dtype;

	if (op.in.dtype == AIOS_F32 && dtype == AIOS_I8X2)
		quantise_row(op, false, row, in, AIOS_F32, AIOS_I8X2);
	else if (op.in.dtype == AIOS_F32 && dtype == AIOS_I8)
		quantise_row(op, false, row, in, AIOS_F32, AIOS_I8);
	else
		quantise_row(op, false, row, in, op.in.dtype, dtype);
}

/* Has a barrier: the row is in shared memory. */
GPU_FN const unsigned char *quantise_stage(const struct aios_op_quantise &op, uint32_t row)
{
	unsigned char *to = gpu_shared() + sizeof(struct gpu_many_shared);

	rows_stage(to, gpu_row(&op.in, row), op.in.cols * gpu_dtype_bytes(op.in.dtype));
	gpu_async_wait(0);
	gpu_barrier();
	return to;
}

GPU_KERNEL_MIN(GPU_MANY_THREADS, 6) gpu_quantise(const struct gpu_quantise_args a)
{
	const uint32_t row = gpu_bx();

	gpu_grid_enter();
	if (a.staged)
		quantise_rows(a.op, row, quantise_stage(a.op, row));
	else
		quantise_row(a.op, false, row, gpu_keep_at(gpu_row(&a.op.in, row)), a.op.in.dtype,
			     a.op.out.dtype);
}

/* Zeros in the panels' padding: all of a row from column `from` on. */
GPU_FN void quantise_pad(const struct aios_tensor &t, uint32_t row, uint32_t from)
{
	for (uint64_t i = from + gpu_tid(); i < t.row_bytes; i += gpu_threads())
		gpu_ptr(t.data)[GPU_PANEL_OFFSET(row, i, t.row_bytes)] = 0;
}

/* Grid: rows, those that are padding too. */
GPU_KERNEL_MIN(GPU_MANY_THREADS, 6) gpu_quantise_panels(const struct gpu_quantise_args a)
{
	const uint32_t row = gpu_bx(), dtype = a.op.in.dtype;

	gpu_grid_enter();
	quantise_pad(a.op.out, row, row < a.op.in.rows ? a.op.in.cols : 0);
	if (row >= a.op.in.rows)
		return;
	if (a.staged)
		quantise_row(a.op, true, row, quantise_stage(a.op, row), dtype, AIOS_I8);
	else
		quantise_row(a.op, true, row, gpu_keep_at(gpu_row(&a.op.in, row)), dtype, AIOS_I8);
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
