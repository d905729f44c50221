/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rmsnorm.cuh - x += add, then out = x / rms(x) * weight, of many rows. One row a block, which is
 * copied to shared memory at once: that takes no registers, so that a multiprocessor has as many
 * rows on their way as fit there. A row that is too long is read where it is. 64 threads have four
 * neighbouring lanes each of the sum of squares; else a thread has four neighbouring columns, then
 * the four 4 * threads further on, and so on. Few rows: rmsnorm_row.cuh, wide.cuh.
 */
#ifndef GPU_RMSNORM_CUH
#define GPU_RMSNORM_CUH

#include "args.h"
#include "norm_factor.cuh"
#include "quantise.cuh"

#define NORM_FOURS 4 /* of a thread, whose weights are on their way together */

/* x += add, to the row's memory and, where that is another place, to `x`. Has a barrier. */
template <bool STAGED>
GPU_FN void norm_add(const struct aios_op_rmsnorm &op, uint32_t row, unsigned char *x,
		     const unsigned char *add)
{
	const uint32_t cols = op.x.cols, i = cols / 4 * 4 + gpu_tid();
	unsigned char *to = gpu_keep_at(gpu_row(&op.x, row));
	float v[4];

	rows_walk(x, AIOS_F32, cols, gpu_threads(), [&](uint32_t at, const float four[4]) {
		rows_four(add, op.add.dtype, at, v);
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			v[e] = aios_canon(aios_add(four[e], v[e]));
		rows_keep(to, at, v, 4);
		if (STAGED)
			rows_keep(x, at, v, 4);
	});
	if (gpu_tid() < cols % 4) {
		v[0] = aios_add(((const float *)x)[i], gpu_load(add, op.add.dtype, i));
		v[0] = aios_canon(v[0]);
		rows_keep(to, i, v, 1);
		if (STAGED)
			rows_keep(x, i, v, 1);
	}
	gpu_barrier();
}

/* The factor of the row at x. Has a barrier. */
GPU_FN float norm_factor_of(const struct aios_op_rmsnorm &op, const unsigned char *x, float *lanes)
{
	const uint32_t fours = op.x.cols / 4, left = op.x.cols % 4, own = AIOS_LANES / 4;
	const uint32_t tid = gpu_tid();
	float sum[4] = { 0.0f, 0.0f, 0.0f, 0.0f };

	if (tid < own) {
		rows_walk(x, AIOS_F32, op.x.cols, own, [&](uint32_t, const float v[4]) {
			GPU_UNROLL
			for (uint32_t e = 0; e < 4; e++)
				sum[e] = aios_sumsq_step(sum[e], v[e]);
		});
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++) {
			if (e < left && tid == fours % own)
				sum[e] = aios_sumsq_step(sum[e], ((const float *)x)[4 * fours + e]);
		}
		rows_keep((unsigned char *)lanes, 4 * tid, sum, 4);
	}
	gpu_barrier();
	return norm_factor(rows_sum(lanes), op.x.cols, op.eps);
}

/* The weights of N fours of the thread, from number k on, with the offset. */
template <uint32_t N>
GPU_FN void norm_weights(const struct aios_op_rmsnorm &op, uint32_t dtype, uint32_t k,
			 float w[N][4])
{
	GPU_UNROLL
	for (uint32_t j = 0; j < N; j++)
		rows_four(gpu_ptr(op.weight), dtype, 4 * (k + j * gpu_threads()), w[j]);
	if (op.weight_offset == 0.0f)
		return;
	GPU_UNROLL
	for (uint32_t j = 0; j < N; j++) {
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			w[j][e] = aios_add(op.weight_offset, w[j][e]);
	}
}

/* put() of N fours, from number k on; see norm_each(). */
template <uint32_t N, typename P>
GPU_FN void norm_fours(const struct aios_op_rmsnorm &op, const unsigned char *x, uint32_t k,
		       float factor, P put)
{
	float w[N][4], v[N][4];

	if (op.weight_dtype == AIOS_F32)
		norm_weights<N>(op, AIOS_F32, k, w);
	else if (op.weight_dtype == AIOS_BF16)
		norm_weights<N>(op, AIOS_BF16, k, w);
	else
		norm_weights<N>(op, AIOS_F16, k, w);
	GPU_UNROLL
	for (uint32_t j = 0; j < N; j++)
		rows_four(x, AIOS_F32, 4 * (k + j * gpu_threads()), v[j]);
	GPU_UNROLL
	for (uint32_t j = 0; j < N; j++) {
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			v[j][e] = aios_rms_apply(v[j][e], factor, w[j][e], 0.0f);
		put(4 * (k + j * gpu_threads()), v[j], 4);
	}
}

/* put(i, v, n) of the thread's columns of the row at x, normalised: n, four or one, from i on. */
template <typename P>
GPU_FN void norm_each(const struct aios_op_rmsnorm &op, const unsigned char *x, float factor, P put)
{
	const uint32_t fours = op.x.cols / 4, step = gpu_threads(), i = 4 * fours + gpu_tid();
	uint32_t k = gpu_tid();

	GPU_NO_UNROLL
	for (; k + (NORM_FOURS - 1) * step < fours; k += NORM_FOURS * step)
		norm_fours<NORM_FOURS>(op, x, k, factor, put);
	GPU_NO_UNROLL
	for (; k < fours; k += step)
		norm_fours<1>(op, x, k, factor, put);
	if (gpu_tid() < op.x.cols % 4) {
		const float w = gpu_load(gpu_ptr(op.weight), op.weight_dtype, i);
		const float v[4] = { aios_rms_apply(((const float *)x)[i], factor, w,
						    op.weight_offset),
				     0.0f, 0.0f, 0.0f };

		put(i, v, 1);
	}
}

/* The row at x, where it may be replaced if STAGED, to a scaled type. Has a barrier. */
template <bool STAGED>
GPU_FN void norm_quantise(const struct aios_op_rmsnorm &op, uint32_t row, unsigned char *x,
			  float factor, struct gpu_many_shared *sh)
{
	const struct quantise_to to = quantise_to_of(op.out, false, row);
	struct aios_quant_scale s;
	float most[4] = { 0.0f, 0.0f, 0.0f, 0.0f };

	norm_each(op, x, factor, [&](uint32_t i, const float v[4], uint32_t n) {
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			most[e] = gpu_absmax(most[e], v[e]);
		if (STAGED)
			rows_keep(x, i, v, n);
	});
	most[0] = gpu_absmax(gpu_absmax(most[0], most[1]), gpu_absmax(most[2], most[3]));
	s = quantise_scale_of(op.out.dtype, rows_most(sh->most, aios_bits(most[0])));
	if (gpu_tid() == 0)
		((float *)gpu_ptr(op.out.scale))[row] = s.scale;
	if (!STAGED)
		norm_each(op, x, factor, [&](uint32_t i, const float v[4], uint32_t n) {
			quantise_put(to, op.out.dtype, false, i, v, s.inv, n);
		});
	else if (op.out.dtype == AIOS_I8X2)
		quantise_put_row(op.out, AIOS_I8X2, false, row, x, AIOS_F32, s.inv);
	else if (op.out.dtype == AIOS_I8)
		quantise_put_row(op.out, AIOS_I8, false, row, x, AIOS_F32, s.inv);
	else
		quantise_put_row(op.out, AIOS_E4M3, false, row, x, AIOS_F32, s.inv);
}

/* The row at x to one of F32, BF16 or F16. */
GPU_FN void norm_round(const struct aios_op_rmsnorm &op, uint32_t dtype, const unsigned char *x,
		       float factor, unsigned char *to)
{
	norm_each(op, x, factor,
		  [&](uint32_t i, const float v[4], uint32_t n) { rows_put(to, dtype, i, v, n); });
}

/* The row whose x is at x, and `add` at `add`. */
template <bool STAGED>
GPU_FN void norm_row_many(const struct aios_op_rmsnorm &op, uint32_t row, unsigned char *x,
			  const unsigned char *add)
{
	struct gpu_norm_shared *sh = (struct gpu_norm_shared *)gpu_shared();
	unsigned char *to = gpu_keep_at(gpu_row(&op.out, row));
	float factor;

	if (op.add.data)
		norm_add<STAGED>(op, row, x, add);
	factor = norm_factor_of(op, x, sh->lanes);
	if (gpu_scaled(op.out.dtype))
		norm_quantise<STAGED>(op, row, x, factor, &sh->many);
	else if (op.out.dtype == AIOS_BF16)
		norm_round(op, AIOS_BF16, x, factor, to);
	else if (op.out.dtype == AIOS_F16)
		norm_round(op, AIOS_F16, x, factor, to);
	else
		norm_round(op, AIOS_F32, x, factor, to);
}

GPU_FN void norm_row_staged(const struct aios_op_rmsnorm &op, uint32_t row)
{
	unsigned char *x = gpu_shared() + sizeof(struct gpu_norm_shared);
	unsigned char *add = x + (uint32_t)GPU_STAGED_BYTES(op.x.cols, sizeof(float));

	rows_stage(x, gpu_row(&op.x, row), op.x.cols * (uint32_t)sizeof(float));
	if (op.add.data)
		rows_stage(add, gpu_row(&op.add, row), op.x.cols * gpu_dtype_bytes(op.add.dtype));
	gpu_async_wait(0);
	gpu_barrier();
	norm_row_many<true>(op, row, x, add);
}

GPU_KERNEL_MIN(GPU_MANY_THREADS, 5) gpu_rmsnorm(const struct gpu_rmsnorm_args a)
{
	const uint32_t row = gpu_bx();

	gpu_grid_enter();
	if (a.staged)
		norm_row_staged(a.op, row);
	else
		norm_row_many<false>(a.op, row, gpu_keep_at(gpu_row(&a.op.x, row)),
				     gpu_row(&a.op.add, row));
}

#endif /* GPU_RMSNORM_CUH */
