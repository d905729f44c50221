/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_norm.cuh - RMSNorm in front of matmul_stream: every block normalises the few rows of x
 * for itself, in shared memory, which costs less than a launch of its own. Block 0 also stores
 * what the norm alone would have.
 */
#ifndef GPU_MATMUL_NORM_CUH
#define GPU_MATMUL_NORM_CUH

#include "norm_factor.cuh"
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

#define NORM_QUADS (AIOS_LANES / 4) /* threads of a row: each has four neighbouring lanes */
#define NORM_AHEAD 4                /* columns of a lane that are loaded together */

/*
 * Four columns of a row as it comes, and those 256, 512, ... further on; zeros behind the `left`
 * that there are, which leave a sum of squares as it is. Plain loads, whose answers come sooner
 * than a bulk copy's, in flight together.
 */
GPU_FN void norm_load(const unsigned char *x, uint32_t left, struct gpu_vec v[NORM_AHEAD])
{
	GPU_UNROLL
	for (uint32_t i = 0; i < NORM_AHEAD; i++) {
		v[i] = { { 0, 0, 0, 0 } };
		if (i * AIOS_LANES < left)
			v[i] = gpu_load16_late(x + i * AIOS_LANES * sizeof(float));
	}
}

/* Four neighbouring lanes' sums of squares go on. */
GPU_FN void norm_sum(const struct gpu_vec v[NORM_AHEAD], struct gpu_vec *sum)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < NORM_AHEAD; i++) {
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			sum->w[e] = aios_bits(
				aios_sumsq_step(aios_float(sum->w[e]), aios_float(v[i].w[e])));
	}
}

GPU_FN const unsigned char *norm_row(const struct gpu_stream_args &a, const struct stream_job &j,
				     uint32_t r)
{
	return gpu_ptr(a.norm.x + (j.t0 + r) * a.norm.x_row_bytes);
}

/* The partial sums of all rows; what is read stays in shared memory. */
GPU_FN void norm_lanes(const struct gpu_stream_args &a, const struct stream_job &j,
		       const struct norm_parts &p, uint32_t tid, uint32_t threads)
{
	const uint32_t cols = a.op.x.cols;

	for (uint32_t k = tid; k < j.rows * NORM_QUADS; k += threads) {
		const uint32_t r = k / NORM_QUADS, lane = k % NORM_QUADS * 4;
		struct gpu_vec sum = { { 0, 0, 0, 0 } };

		for (uint32_t c = lane; c < cols; c += NORM_AHEAD * AIOS_LANES) {
			struct gpu_vec v[NORM_AHEAD];

			norm_load(norm_row(a, j, r) + c * sizeof(float), cols - c, v);
			norm_sum(v, &sum);
			GPU_UNROLL
			for (uint32_t i = 0; i < NORM_AHEAD; i++)
				if (c + i * AIOS_LANES < cols)
					*(struct gpu_vec *)(p.in + r * cols + c + i * AIOS_LANES) =
						v[i];
		}
		*(struct gpu_vec *)(p.lanes + r * AIOS_LANES + lane) = sum;
	}
}

/* Four of the norm's weights from column c on, with the offset. */
GPU_FN void norm_weights(const struct gpu_stream_args &a, const unsigned char *weight, uint32_t c,
			 float w[4])
{
	if (a.norm.weight_dtype == AIOS_F32) {
		const struct gpu_vec v = gpu_load16(weight + c * 4);

		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			w[e] = aios_float(v.w[e]);
	} else {
		const uint64_t v = *(const uint64_t *)(weight + c * 2);

		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++) {
			const uint32_t bits = (uint32_t)(v >> 16 * e) & 0xffffu;

			w[e] = a.norm.weight_dtype == AIOS_F16 ? gpu_half<true>(bits) :
								 gpu_half<false>(bits);
		}
	}
	if (a.norm.weight_offset != 0.0f) {
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			w[e] = aios_add(a.norm.weight_offset, w[e]);
	}
}

/* +0 or -0 when the weights are finite, else NaN. */
GPU_FN float norm_finite(const float w[4])
{
	float none = 0.0f;

	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e++)
		none = aios_fma(w[e], 0.0f, none);
	return none;
}

/* Four columns in x's type. PLAIN: the factor is, and w finite, so that none of them is a NaN. */
template <bool F16, bool PLAIN>
GPU_FN uint64_t norm_unit(const struct gpu_vec &x, const float w[4], float factor)
{
	uint64_t four = 0;
	float y[4];

	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e++) /* the offset is in w */
		y[e] = aios_rms_apply(aios_float(x.w[e]), factor, w[e], 0.0f);
	GPU_UNROLL
	for (uint32_t e = 0; e < 2; e++) {
		const float lo = y[2 * e], hi = y[2 * e + 1];
		const uint32_t two =
			PLAIN ? gpu_round_pair<F16>(lo, hi) :
			F16   ? aios_f32_to_f16(lo) | (uint32_t)aios_f32_to_f16(hi) << 16 :
				aios_f32_to_bf16(lo) | (uint32_t)aios_f32_to_bf16(hi) << 16;

		four |= (uint64_t)two << 32 * e;
	}
	return four;
}

/* Where a row of x goes: into the shared memory, and where it would be without this kernel. */
struct norm_to {
	unsigned char *shared;
	unsigned char *global; /* null: that is another block's; a rehearsal's: as `shared` */
};

GPU_FN struct norm_to norm_to_of(const struct gpu_stream_args &a, const struct stream_job &j,
				 const struct norm_parts &p, uint32_t real, uint32_t r)
{
	unsigned char *shared = p.x + r * j.x_pitch;

	if (!real)
		return { shared, shared };
	return { shared, gpu_bx() == 0 ? gpu_row(&a.op.x, j.t0 + r) : nullptr };
}

/* Columns c to c + 3, c + step to c + step + 3, ... of a row that is in shared memory. */
template <bool F16>
GPU_FN void norm_columns(const struct gpu_stream_args &a, const struct norm_to &to, const float *in,
			 const unsigned char *weight, uint32_t c, uint32_t step, float factor,
			 bool plain)
{
	GPU_NO_UNROLL
	for (; c < a.op.x.cols; c += step) {
		const struct gpu_vec x = gpu_load16(in + c);
		uint64_t four;
		float w[4];

		norm_weights(a, weight, c, w);
		if (plain && norm_finite(w) == 0.0f)
			four = norm_unit<F16, true>(x, w, factor);
		else
			four = norm_unit<F16, false>(x, w, factor);
		*(uint64_t *)(to.shared + c * 2) = four;
		if (to.global)
			*(uint64_t *)(to.global + c * 2) = four;
	}
}

/* The weights, which are there then. A rehearsal reads nothing that is being copied there. */
GPU_FN const unsigned char *norm_wait(const struct stream_job &j, const struct norm_parts &p,
				      uint32_t real)
{
	if (!real)
		return (const unsigned char *)p.in;
	gpu_mbar_wait(j.x_full, 0);
	return p.weight;
}

#define NORM_KEPT (NORM_AHEAD * AIOS_LANES) /* columns of a row that stays in registers */

/* A thread's columns of such a row, and their weights, which become floats while x is on its way. */
struct norm_part {
	struct gpu_vec x[NORM_AHEAD];
	float w[NORM_AHEAD][4];
	bool finite; /* all of w */
};

GPU_FN void norm_take(const struct gpu_stream_args &a, const struct stream_job &j,
		      const struct norm_parts &p, uint32_t real, uint32_t r, uint32_t lane,
		      struct norm_part *own)
{
	const unsigned char *weight;
	float none = 0.0f;

	norm_load(norm_row(a, j, r) + lane * sizeof(float), NORM_KEPT, own->x);
	weight = norm_wait(j, p, real);
	GPU_UNROLL
	for (uint32_t i = 0; i < NORM_AHEAD; i++) {
		norm_weights(a, weight, lane + i * AIOS_LANES, own->w[i]);
		none = aios_add(none, norm_finite(own->w[i]));
	}
	own->finite = none == 0.0f || !real;
}

template <bool F16>
GPU_FN void norm_put(const struct norm_to &to, const struct norm_part &own, uint32_t lane,
		     float factor)
{
	uint64_t four[NORM_AHEAD];

	GPU_UNROLL
	for (uint32_t i = 0; i < NORM_AHEAD; i++) {
		four[i] = norm_unit<F16, true>(own.x[i], own.w[i], factor);
		*(uint64_t *)(to.shared + (lane + i * AIOS_LANES) * 2) = four[i];
	}
	if (!to.global)
		return;
	GPU_UNROLL
	for (uint32_t i = 0; i < NORM_AHEAD; i++)
		*(uint64_t *)(to.global + (lane + i * AIOS_LANES) * 2) = four[i];
}

/*
 * Rows that stay in registers, by the first threads, one for each four lanes of each. Others have
 * nothing to do.
 */
template <bool F16>
GPU_FN void norm_kept(const struct gpu_stream_args &a, const struct stream_job &j,
		      const struct norm_parts &p, uint32_t real)
{
	const uint32_t tid = gpu_tid() - GPU_STREAM_FETCH, there = j.rows * NORM_QUADS;
	const uint32_t r = tid / NORM_QUADS, lane = tid % NORM_QUADS * 4;
	struct gpu_vec sum = { { 0, 0, 0, 0 } };
	struct norm_part own;
	float factor;
	bool plain;

	if (tid >= there)
		return;
	norm_take(a, j, p, real, r, lane, &own);
	norm_sum(own.x, &sum);
	*(struct gpu_vec *)(p.lanes + tid * 4) = sum;
	gpu_barrier_some(2, there);
	factor = norm_factor(norm_tree(p.lanes + r * AIOS_LANES), NORM_KEPT, a.norm.eps, &plain);
	if (plain && own.finite) {
		norm_put<F16>(norm_to_of(a, j, p, real, r), own, lane, factor);
		return;
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < NORM_AHEAD; i++)
		*(struct gpu_vec *)(p.in + r * NORM_KEPT + lane + i * AIOS_LANES) = own.x[i];
	norm_columns<F16>(a, norm_to_of(a, j, p, real, r), p.in + r * NORM_KEPT,
			  norm_wait(j, p, real), lane, AIOS_LANES, factor, false);
}

/* Any rows, by way of shared memory. */
template <bool F16>
GPU_FN void norm_any(const struct gpu_stream_args &a, const struct stream_job &j,
		     const struct norm_parts &p, uint32_t real)
{
	const uint32_t tid = gpu_tid() - GPU_STREAM_FETCH, threads = a.warps * 32;
	const uint32_t cols = a.op.x.cols;
	const unsigned char *weight;

	norm_lanes(a, j, p, tid, threads);
	weight = norm_wait(j, p, real);
	gpu_barrier_some(1, threads);
	for (uint32_t r = 0; r < j.rows; r++) {
		bool plain;
		const float factor =
			norm_factor(norm_tree(p.lanes + r * AIOS_LANES), cols, a.norm.eps, &plain);

		norm_columns<F16>(a, norm_to_of(a, j, p, real, r), p.in + r * cols, weight, tid * 4,
				  threads * 4, factor, plain);
	}
}

/* By the warps that multiply, when the launch ahead has ended. */
template <bool F16>
GPU_FN void norm_rows(const struct gpu_stream_args &a, const struct stream_job &j, uint32_t real)
{
	const struct norm_parts p = norm_parts_of(a, j);
	const uint32_t threads = a.warps * 32;

	if (a.op.x.cols == NORM_KEPT && j.rows * NORM_QUADS <= threads)
		norm_kept<F16>(a, j, p, real);
	else
		norm_any<F16>(a, j, p, real);
	gpu_barrier_some(1, threads);
}

#endif /* GPU_MATMUL_NORM_CUH */
