/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_norm.cuh - RMSNorm in front of matmul_stream: every block normalises the few rows of x
 * for itself, in shared memory, which costs less than a launch of its own. Block 0 also stores
 * what the norm alone would have.
 */
#ifndef GPU_MATMUL_NORM_CUH
#define GPU_MATMUL_NORM_CUH

#include "rows.cuh"
#include "stream_job.cuh"

/* What lies in the shared memory for a whole x: x as it will be multiplied, then these. */
struct norm_parts {
	unsigned char *x;
	float *in;    /* rows of x as they come, without gaps */
	float *lanes; /* 256 partial sums a row */
	unsigned char *weight;
};

GPU_FN struct norm_parts norm_parts_of(const struct gpu_stream_args &a, const struct stream_job &j)
{
	struct norm_parts p;

	p.x = gpu_shared() + GPU_STREAM_BARS;
	p.in = (float *)(p.x + j.rows * j.x_pitch);
	p.lanes = p.in + j.rows * a.op.x.cols;
	p.weight = (unsigned char *)(p.lanes + j.rows * AIOS_LANES);
	return p;
}

/* Fetch the norm's weights; the launch ahead need not have ended. One warp. */
GPU_FN void norm_fetch(const struct gpu_stream_args &a, const struct stream_job &j)
{
	const struct norm_parts p = norm_parts_of(a, j);
	const uint32_t weight_bytes = a.op.x.cols * gpu_dtype_bytes(a.norm.weight_dtype);

	if (gpu_tid() % 32 == 0) {
		gpu_mbar_expect(j.x_full, weight_bytes);
		gpu_bulk_copy(gpu_place_of(p.weight), gpu_ptr(a.norm.weight), weight_bytes,
			      j.x_full);
	}
}

#define NORM_AHEAD 16 /* loads of a thread in flight */

/*
 * Lanes i, i + threads, ... of a row's sum of squares, lane l from columns l, l + 256, ...; what is
 * read stays in shared memory. Loads of up to four columns of up to four lanes go out together:
 * plain ones, whose answers come sooner than a bulk copy's.
 */
GPU_FN void norm_lanes(const float *x, float *in, float *lanes, uint32_t cols, uint32_t tid,
		       uint32_t threads)
{
	for (uint32_t first = tid; first < AIOS_LANES; first += NORM_AHEAD / 4 * threads) {
		float sum[NORM_AHEAD / 4] = { 0.0f, 0.0f, 0.0f, 0.0f };

		for (uint32_t c0 = 0; c0 < cols; c0 += 4 * AIOS_LANES) {
			float v[NORM_AHEAD];

			GPU_UNROLL
			for (uint32_t i = 0; i < NORM_AHEAD; i++) {
				uint32_t lane = first + i / 4 * threads;
				uint32_t c = c0 + i % 4 * AIOS_LANES + lane;

				if (lane < AIOS_LANES && c < cols)
					v[i] = gpu_load_late(x + c);
			}
			GPU_UNROLL
			for (uint32_t i = 0; i < NORM_AHEAD; i++) {
				uint32_t lane = first + i / 4 * threads;
				uint32_t c = c0 + i % 4 * AIOS_LANES + lane;

				if (lane < AIOS_LANES && c < cols) {
					in[c] = v[i];
					sum[i / 4] = aios_sumsq_step(sum[i / 4], v[i]);
				}
			}
		}
		GPU_UNROLL
		for (uint32_t i = 0; i < NORM_AHEAD / 4; i++)
			if (first + i * threads < AIOS_LANES)
				lanes[first + i * threads] = sum[i];
	}
}

/* The tree over a row's partial sums, by each warp for itself. */
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

/* Eight of the norm's weights. */
GPU_FN void norm_weights(const struct gpu_stream_args &a, const unsigned char *weight, uint32_t c,
			 float w[8])
{
	if (a.norm.weight_dtype == AIOS_BF16) {
		gpu_halves<false>(gpu_load16(weight + c * 2), w);
	} else if (a.norm.weight_dtype == AIOS_F16) {
		gpu_halves<true>(gpu_load16(weight + c * 2), w);
	} else {
		GPU_UNROLL
		for (uint32_t i = 0; i < 8; i++)
			w[i] = ((const float *)weight)[c + i];
	}
}

/* Eight columns of a row from c on, in x's type. */
template <bool F16>
GPU_FN struct gpu_vec norm_unit(const struct gpu_stream_args &a, const float *in,
				const unsigned char *weight, uint32_t c, float factor)
{
	struct gpu_vec out = { { 0, 0, 0, 0 } },
		       v[2] = { gpu_load16(in + c), gpu_load16(in + c + 4) };
	float w[8];

	norm_weights(a, weight, c, w);
	GPU_UNROLL
	for (uint32_t i = 0; i < 8; i++) {
		float y = aios_rms_apply(aios_float(v[i / 4].w[i % 4]), factor, w[i],
					 a.norm.weight_offset);

		out.w[i / 2] |= (uint32_t)(F16 ? aios_f32_to_f16(y) : aios_f32_to_bf16(y))
				<< 16 * (i % 2);
	}
	return out;
}

/* By the warps that multiply, when the launch ahead has ended. */
template <bool F16>
GPU_FN void norm_rows(const struct gpu_stream_args &a, const struct stream_job &j, uint32_t real)
{
	const uint32_t tid = gpu_tid() - GPU_STREAM_FETCH, threads = a.warps * 32;
	const uint32_t cols = a.op.x.cols;
	const struct norm_parts p = norm_parts_of(a, j);
	/* A rehearsal reads nothing that is being copied there. */
	const unsigned char *weight = real ? p.weight : (const unsigned char *)p.in;

	for (uint32_t r = 0; r < j.rows; r++)
		norm_lanes((const float *)gpu_ptr(a.norm.x + (j.t0 + r) * a.norm.x_row_bytes),
			   p.in + r * cols, p.lanes + r * AIOS_LANES, cols, tid, threads);
	if (real)
		gpu_mbar_wait(j.x_full, 0); /* the weights */
	gpu_barrier_some(1, threads);
	for (uint32_t r = 0; r < j.rows; r++) {
		const float factor =
			aios_rms_factor(norm_tree(p.lanes + r * AIOS_LANES), cols, a.norm.eps);

		for (uint32_t u = tid; u < cols / 8; u += threads) {
			struct gpu_vec v =
				norm_unit<F16>(a, p.in + r * cols, weight, u * 8, factor);

			*(struct gpu_vec *)(p.x + r * j.x_pitch + u * 16) = v;
			if (real && gpu_bx() == 0)
				*(struct gpu_vec *)(gpu_row(&a.op.x, j.t0 + r) + u * 16) = v;
		}
	}
	gpu_barrier_some(1, threads);
}

#endif /* GPU_MATMUL_NORM_CUH */
