/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_norm.cuh - RMSNorm in front of matmul_stream: every block normalises the few rows of x
 * for itself, straight into shared memory, which costs less than a launch of its own. Block 0
 * also stores what the norm alone would have.
 */
#ifndef GPU_MATMUL_NORM_CUH
#define GPU_MATMUL_NORM_CUH

#include "matrix.h"
#include "rows.cuh"
#include "stream_job.cuh"

/* What may be read before the launch ahead has ended: the norm's weights are on their way. */
GPU_FN void norm_prefetch(const struct gpu_stream_args &a)
{
	const uint32_t bytes = a.op.x.cols * gpu_dtype_bytes(a.norm.weight_dtype);

	for (uint32_t at = (gpu_tid() - GPU_STREAM_FETCH) * 128; at < bytes;
	     at += a.warps * 32 * 128)
		gpu_prefetch(gpu_ptr(a.norm.weight) + at);
}

GPU_FN const float *norm_row(const struct gpu_stream_args &a, uint32_t t)
{
	return (const float *)gpu_ptr(a.norm.x + t * a.norm.x_row_bytes);
}

/* The 256 partial sums of every row. */
GPU_FN void norm_sums(const struct gpu_stream_args &a, const struct stream_job &j, float *lanes)
{
	const uint32_t cols = a.op.x.cols;

	for (uint32_t i = gpu_tid() - GPU_STREAM_FETCH; i < j.rows * AIOS_LANES;
	     i += a.warps * 32) {
		const float *x = norm_row(a, j.t0 + i / AIOS_LANES);
		float v[8], sum = 0.0f;

		for (uint32_t c = i % AIOS_LANES; c < cols; c += 8 * AIOS_LANES) {
			rows_load<8>(x, AIOS_F32, c, cols, v);
			GPU_UNROLL
			for (uint32_t k = 0; k < 8; k++)
				if (c + k * AIOS_LANES < cols)
					sum = aios_sumsq_step(sum, v[k]);
		}
		lanes[i] = sum;
	}
}

/* The tree over a row's sums, by each warp for itself. */
GPU_FN float norm_tree(const float *lanes)
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

/* Eight columns of a row from c on, in x's type. */
template <bool F16>
GPU_FN struct gpu_vec norm_unit(const struct gpu_stream_args &a, const float *x, uint32_t c,
				float factor)
{
	const struct gpu_norm &n = a.norm;
	struct gpu_vec out = { { 0, 0, 0, 0 } },
		       v[2] = { gpu_load16(x + c), gpu_load16(x + c + 4) };

	GPU_UNROLL
	for (uint32_t i = 0; i < 8; i++) {
		float w = gpu_load(gpu_ptr(n.weight), n.weight_dtype, c + i);
		float y = aios_rms_apply(aios_float(v[i / 4].w[i % 4]), factor, w, n.weight_offset);

		out.w[i / 2] |= (uint32_t)(F16 ? aios_f32_to_f16(y) : aios_f32_to_bf16(y))
				<< 16 * (i % 2);
	}
	return out;
}

/* Rows of x into shared memory, by the warps that multiply. */
template <bool F16>
GPU_FN void norm_rows(const struct gpu_stream_args &a, const struct stream_job &j)
{
	const uint32_t threads = a.warps * 32, cols = a.op.x.cols;
	unsigned char *x = gpu_shared() + GPU_STREAM_BARS;
	float *lanes = (float *)(x + a.whole - j.rows * AIOS_LANES * sizeof(float));

	norm_sums(a, j, lanes);
	gpu_barrier_some(1, threads);
	for (uint32_t r = 0; r < j.rows; r++) {
		const float factor =
			aios_rms_factor(norm_tree(lanes + r * AIOS_LANES), cols, a.norm.eps);

		for (uint32_t u = gpu_tid() - GPU_STREAM_FETCH; u < cols / 8; u += threads) {
			struct gpu_vec v = norm_unit<F16>(a, norm_row(a, j.t0 + r), u * 8, factor);

			*(struct gpu_vec *)(x + r * j.x_pitch + u * 16) = v;
			if (gpu_bx() == 0)
				*(struct gpu_vec *)(gpu_row(&a.op.x, j.t0 + r) + u * 16) = v;
		}
	}
	gpu_barrier_some(1, threads);
}

#endif /* GPU_MATMUL_NORM_CUH */
