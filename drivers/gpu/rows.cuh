/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.cuh - what a block of 256 threads does with one row: lane sums, and storing a row of any
 * float or scaled type. Thread j owns lane j: columns j, j + 256, ...
 */
#ifndef GPU_ROWS_CUH
#define GPU_ROWS_CUH

#include "args.h"
#include "gpu.h"

/*
 * The halving tree over 256 partial sums in shared memory, by each 32 threads for themselves: the
 * levels over 32 from there, those below by xor, where both partners add the same two numbers.
 */
GPU_FN float rows_sum(const float *lanes)
{
	const uint32_t lane = gpu_tid() % 32;
	float q[4], v;

	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++)
		q[i] = aios_add(lanes[i * 32 + lane], lanes[i * 32 + lane + 128]);
	v = aios_add(aios_add(q[0], q[2]), aios_add(q[1], q[3]));
	GPU_UNROLL
	for (uint32_t h = 16; h > 0; h /= 2)
		v = aios_add(v, gpu_shfl_xor_f32(v, h));
	return v;
}

/* The same over one partial sum from each of the 256 threads; every thread gets the result. */
GPU_FN float rows_tree(float *lanes, float partial)
{
	gpu_barrier(); /* what the last call left has been read */
	lanes[gpu_tid()] = partial;
	gpu_barrier();
	return rows_sum(lanes);
}

/* The maximum of one value from each of the 256 threads; any order gives the same. */
GPU_FN float rows_max(float *lanes, float v)
{
	uint32_t tid = gpu_tid();

	GPU_UNROLL
	for (uint32_t h = 16; h > 0; h /= 2)
		v = aios_max_step(v, gpu_shfl_xor_f32(v, h));
	gpu_barrier();
	if (tid % 32 == 0)
		lanes[tid / 32] = v;
	gpu_barrier();
	v = lanes[0];
	GPU_UNROLL
	for (uint32_t i = 1; i < AIOS_LANES / 32; i++)
		v = aios_max_step(v, lanes[i]);
	return v;
}

GPU_FN float rows_qmax(uint32_t dtype)
{
	if (dtype == AIOS_E4M3)
		return AIOS_QMAX_E4M3;
	return dtype == AIOS_I8 ? AIOS_QMAX_I8 : AIOS_QMAX_I8X2;
}

/*
 * x * inv as an integer of at most `most` in magnitude, in the low bits: aios_quant_clamp() and
 * aios_rint() of finite numbers. Where a row is not finite, inv is 0, and so are its codes.
 */
GPU_FN uint32_t rows_int(float x, float inv, float most)
{
	float v = gpu_max(gpu_min(aios_mul(x, inv), most), -most);

	return aios_bits(aios_add(inv == 0.0f ? 0.0f : v, 0x1.8p23f));
}

/* Element i of a row of I8X2: q = 256 * hi + lo, so that q + 128 has hi above and lo + 128 below. */
GPU_FN void rows_put_i8x2(const struct aios_tensor *t, unsigned char *row, uint32_t i, float v,
			  float inv)
{
	uint32_t q = rows_int(v, inv, AIOS_QMAX_I8X2) + 128;

	row[i] = (unsigned char)(q >> 8);
	row[t->plane_bytes + i] = (unsigned char)(q ^ 0x80u);
}

/* Element i of a row whose scale, and so inv, is rows_scale()'s. */
GPU_FN void rows_quantise(const struct aios_tensor *t, unsigned char *row, uint32_t i, float v,
			  float inv)
{
	if (t->dtype == AIOS_E4M3)
		row[i] = aios_quant_e4m3(v, inv);
	else if (t->dtype == AIOS_I8)
		row[i] = (unsigned char)rows_int(v, inv, AIOS_QMAX_I8);
	else
		rows_put_i8x2(t, row, i, v, inv);
}

/* The scale of a row, from each thread's absmax and whether all it saw is finite; stores it. */
GPU_FN float rows_scale(const struct aios_tensor *t, uint32_t row, struct gpu_row_shared *shared,
			float absmax, bool finite)
{
	struct aios_quant_scale s;

	gpu_barrier();
	if (gpu_tid() == 0)
		shared->bad = 0;
	gpu_barrier();
	if (!finite)
		shared->bad = 1;
	absmax = rows_max(shared->lanes, absmax);
	s = aios_quant_scale_of(absmax, shared->bad == 0, rows_qmax(t->dtype));
	if (gpu_tid() == 0)
		((float *)gpu_ptr(t->scale))[row] = s.scale;
	return s.inv;
}

/* A row of a scaled type: one walk for the absmax, one to quantise. make(i) is called in both. */
template <typename F>
GPU_FN void rows_store_scaled(const struct aios_tensor *t, uint32_t row,
			      struct gpu_row_shared *shared, F make)
{
	unsigned char *out = gpu_row(t, row);
	float absmax = 0.0f, inv;
	bool finite = true;

	for (uint32_t i = gpu_tid(); i < t->cols; i += AIOS_LANES)
		absmax = aios_absmax_step(absmax, make(i), &finite);
	inv = rows_scale(t, row, shared, absmax, finite);
	for (uint32_t i = gpu_tid(); i < t->cols; i += AIOS_LANES)
		rows_quantise(t, out, i, make(i), inv);
}

#define ROWS_AHEAD 4 /* elements that a thread makes before it stores them */

/* Store make(0 .. cols). A float row may be shared by the blocks along y; a scaled one may not. */
template <typename F>
GPU_FN void rows_store(const struct aios_tensor *t, uint32_t row, struct gpu_row_shared *shared,
		       F make)
{
	uint64_t step = AIOS_LANES * (uint64_t)gpu_grid_y();
	unsigned char *out = gpu_row(t, row);
	float v[ROWS_AHEAD];

	if (gpu_scaled(t->dtype)) {
		rows_store_scaled(t, row, shared, make);
		return;
	}
	for (uint64_t i = gpu_by() * AIOS_LANES + gpu_tid(); i < t->cols; i += ROWS_AHEAD * step) {
		GPU_UNROLL
		for (uint32_t j = 0; j < ROWS_AHEAD; j++)
			if (i + j * step < t->cols)
				v[j] = make((uint32_t)(i + j * step));
		GPU_UNROLL
		for (uint32_t j = 0; j < ROWS_AHEAD; j++)
			if (i + j * step < t->cols)
				gpu_store(out, t->dtype, i + j * step, v[j]);
	}
}

/*
 * N elements of a vector of F32, BF16 or F16, columns first, first + 256, ..., widened; those from
 * `cols` on are left alone. All loads are in flight at once.
 */
template <int N>
GPU_FN void rows_load(const void *src, uint32_t dtype, uint32_t first, uint32_t cols, float v[N])
{
	if (dtype == AIOS_F32) {
		GPU_UNROLL
		for (uint32_t k = 0; k < N; k++)
			if (first + k * AIOS_LANES < cols)
				v[k] = ((const float *)src)[first + k * AIOS_LANES];
	} else if (dtype == AIOS_BF16) {
		GPU_UNROLL
		for (uint32_t k = 0; k < N; k++)
			if (first + k * AIOS_LANES < cols)
				v[k] = aios_bf16_to_f32(
					((const uint16_t *)src)[first + k * AIOS_LANES]);
	} else {
		GPU_UNROLL
		for (uint32_t k = 0; k < N; k++)
			if (first + k * AIOS_LANES < cols)
				v[k] = gpu_f16_to_f32(
					((const uint16_t *)src)[first + k * AIOS_LANES]);
	}
}

/* --- many rows, each whole in shared memory ------------------------------------------------ */

/*
 * A row's first `bytes`, rounded up to 16, on their way to shared memory, by all threads. They are
 * there after gpu_async_wait(0) and a barrier.
 */
GPU_FN void rows_stage(unsigned char *to, const unsigned char *from, uint32_t bytes)
{
	for (uint32_t at = 16 * gpu_tid(); at < bytes; at += 16 * gpu_threads())
		gpu_async_copy(to + at, from + at);
	gpu_async_commit();
}

/* Columns i to i + 3 of a vector of F32, BF16 or F16, widened; i is a multiple of four. */
GPU_FN void rows_four(const unsigned char *src, uint32_t dtype, uint32_t i, float v[4])
{
	if (dtype == AIOS_F32) {
		const struct gpu_vec four = gpu_load16((const float *)src + i);

		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			v[e] = aios_float(four.w[e]);
	} else {
		const uint64_t four = *(const uint64_t *)((const uint16_t *)src + i);

		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++) {
			const uint32_t half = (uint32_t)(four >> 16 * e) & 0xffffu;

			v[e] = dtype == AIOS_F16 ? gpu_half<true>(half) : gpu_half<false>(half);
		}
	}
}

/* each(i, v) of columns i to i + 3: every step-th of the row's whole fours, from number tid on. */
template <typename F>
GPU_FN void rows_walk(const unsigned char *row, uint32_t dtype, uint32_t cols, uint32_t step,
		      F each)
{
	const uint32_t fours = cols / 4;
	uint32_t k = gpu_tid();
	float v[4][4];

	GPU_NO_UNROLL
	for (; k + 3 * step < fours; k += 4 * step) {
		GPU_UNROLL
		for (uint32_t j = 0; j < 4; j++)
			rows_four(row, dtype, 4 * (k + j * step), v[j]);
		GPU_UNROLL
		for (uint32_t j = 0; j < 4; j++)
			each(4 * (k + j * step), v[j]);
	}
	GPU_NO_UNROLL
	for (; k < fours; k += step) {
		rows_four(row, dtype, 4 * k, v[0]);
		each(4 * k, v[0]);
	}
}

/* n columns, four or one, from i on to a row of F32 as they are. */
GPU_FN void rows_keep(unsigned char *row, uint32_t i, const float v[4], uint32_t n)
{
	struct gpu_vec four;

	if (n == 1) {
		((float *)row)[i] = v[0];
		return;
	}
	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e++)
		four.w[e] = aios_bits(v[e]);
	*(struct gpu_vec *)((float *)row + i) = four;
}

/* lo and hi as they are stored. */
template <bool F16> GPU_FN uint32_t rows_pair(float lo, float hi)
{
	return gpu_canon_pair<F16>(gpu_round_pair<F16>(lo, hi));
}

/* The same to a row of F32, BF16 or F16, rounded and NaN canonical. */
GPU_FN void rows_put(unsigned char *row, uint32_t dtype, uint32_t i, const float v[4], uint32_t n)
{
	if (n == 1) {
		gpu_store(row, dtype, i, v[0]);
	} else if (dtype == AIOS_F32) {
		const float f[4] = { aios_canon(v[0]), aios_canon(v[1]), aios_canon(v[2]),
				     aios_canon(v[3]) };

		rows_keep(row, i, f, 4);
	} else {
		uint32_t w[2];

		GPU_UNROLL
		for (uint32_t e = 0; e < 2; e++)
			w[e] = dtype == AIOS_BF16 ? rows_pair<false>(v[2 * e], v[2 * e + 1]) :
						    rows_pair<true>(v[2 * e], v[2 * e + 1]);
		*(uint64_t *)((uint16_t *)row + i) = (uint64_t)w[1] << 32 | w[0];
	}
}

/* The largest number of all threads of the block; most[] is for one of each 32. Has a barrier. */
GPU_FN uint32_t rows_most(uint32_t most[], uint32_t own)
{
	own = gpu_most(own);
	if (gpu_tid() % 32 == 0)
		most[gpu_tid() / 32] = own;
	gpu_barrier();
	return gpu_most(most[gpu_tid() & (gpu_threads() / 32 - 1)]); /* a power of two of them */
}

#endif /* GPU_ROWS_CUH */
