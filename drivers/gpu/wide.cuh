/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wide.cuh - rmsnorm of few rows, 1,024 threads each: a thread has four neighbouring columns, then
 * the four 4,096 further on. Such a block does nothing twice, and to fetch code takes longer than to
 * execute it: what counts is how few instructions there are. The columns are a multiple of four.
 */
#ifndef GPU_WIDE_CUH
#define GPU_WIDE_CUH

#include "quantise.cuh"

#define WIDE_STEP (4 * GPU_WIDE_THREADS)

/* Columns i to i + 3 of a vector of F32, BF16 or F16, widened; the launch ahead may write them. */
GPU_FN void wide_load(const unsigned char *src, uint32_t dtype, uint32_t i, float v[4])
{
	if (dtype == AIOS_F32) {
		const struct gpu_vec four = gpu_load16_late(src + 4 * (uint64_t)i);

		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			v[e] = aios_float(four.w[e]);
		return;
	}
	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e += 2) {
		const uint32_t two = gpu_load_late((const uint32_t *)(src + 2 * (uint64_t)(i + e)));

		v[e] = dtype == AIOS_F16 ? gpu_half<true>(two & 0xffffu) :
					   gpu_half<false>(two & 0xffffu);
		v[e + 1] = dtype == AIOS_F16 ? gpu_half<true>(two >> 16) :
					       gpu_half<false>(two >> 16);
	}
}

/* inv of the row's scale, which is stored; a maximum of bits, all ones where one is not finite. */
template <int N>
GPU_FN float wide_scale(const struct aios_tensor *t, uint32_t row, struct gpu_wide_shared *sh,
			uint32_t real, const float v[N][4])
{
	struct aios_quant_scale s;
	float absmax = 0.0f;
	bool finite = true;
	uint32_t most;

	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++) {
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			absmax = aios_absmax_step(absmax, v[k][e], &finite);
	}
	most = finite ? aios_bits(absmax) : UINT32_MAX;
	GPU_NO_UNROLL
	for (uint32_t turn = 0; turn < 2; turn++) {
		for (uint32_t h = 16; h > 0; h /= 2) {
			const uint32_t other = gpu_shfl_xor(most, h);

			most = other > most ? other : most;
		}
		if (turn)
			break;
		if (gpu_tid() % 32 == 0)
			sh->most[gpu_tid() / 32] = most;
		gpu_barrier();
		most = sh->most[gpu_tid() % 32];
	}
	s = aios_quant_scale_of(aios_float(most), most != UINT32_MAX, rows_qmax(t->dtype));
	if (real && gpu_tid() == 0)
		((float *)gpu_ptr(t->scale))[row] = s.scale;
	return s.inv;
}

/* Four columns from i on of a row that is not scaled. */
GPU_FN void wide_put(const struct aios_tensor *t, unsigned char *row, uint32_t i, const float v[4])
{
	if (t->dtype == AIOS_F32) {
		struct gpu_vec four;

		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			four.w[e] = aios_bits(aios_canon(v[e]));
		*(struct gpu_vec *)(row + 4 * (uint64_t)i) = four;
		return;
	}
	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e += 2) {
		const uint32_t lo = t->dtype == AIOS_BF16 ? aios_f32_to_bf16(v[e]) :
							    aios_f32_to_f16(v[e]);
		const uint32_t hi = t->dtype == AIOS_BF16 ? aios_f32_to_bf16(v[e + 1]) :
							    aios_f32_to_f16(v[e + 1]);

		*(uint32_t *)(row + 2 * (uint64_t)(i + e)) = lo | hi << 16;
	}
}

/* Store a thread's columns of a row; a rehearsal does all but that. Has a barrier. */
template <int N>
GPU_FN void wide_store(const struct aios_tensor *t, uint32_t row, struct gpu_wide_shared *sh,
		       uint32_t real, const float v[N][4])
{
	unsigned char *to = gpu_row(t, row);
	const bool scaled = gpu_scaled(t->dtype);
	const float inv = scaled ? wide_scale<N>(t, row, sh, real, v) : 0.0f;

	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++) {
		const uint32_t i = 4 * gpu_tid() + k * WIDE_STEP;
		uint32_t hi, lo;

		if (i >= t->cols)
			continue;
		if (!scaled) {
			if (real)
				wide_put(t, to, i, v[k]);
			continue;
		}
		hi = quantise_codes(t->dtype, v[k], inv, &lo);
		if (real)
			*(uint32_t *)(to + i) = hi;
		if (real && t->dtype == AIOS_I8X2)
			*(uint32_t *)(to + t->plane_bytes + i) = lo;
	}
}

/* A thread's columns of x, with `add` added, and all of the row in shared memory. */
template <int N>
GPU_FN void wide_take(const struct aios_op_rmsnorm &op, uint32_t row, struct gpu_wide_shared *sh,
		      uint32_t real, float v[N][4])
{
	unsigned char *x = gpu_row(&op.x, row);

	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++) {
		const uint32_t i = 4 * gpu_tid() + k * WIDE_STEP;

		v[k][0] = v[k][1] = v[k][2] = v[k][3] = 0.0f;
		if (i >= op.x.cols)
			continue;
		wide_load(x, AIOS_F32, i, v[k]);
		if (op.add.data) {
			float plus[4];

			wide_load(gpu_row(&op.add, row), op.add.dtype, i, plus);
			GPU_UNROLL
			for (uint32_t e = 0; e < 4; e++)
				v[k][e] = aios_canon(aios_add(v[k][e], plus[e]));
			if (real)
				wide_put(&op.x, x, i, v[k]);
		}
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			sh->x[i + e] = v[k][e];
	}
	gpu_barrier();
}

/* The factor of the row in shared memory: 256 lanes, then the tree, by each wave for itself. */
GPU_FN float wide_factor(const struct aios_op_rmsnorm &op, struct gpu_wide_shared *sh)
{
	float sum = 0.0f;

	if (gpu_tid() < AIOS_LANES) {
		for (uint32_t c = gpu_tid(); c < op.x.cols; c += AIOS_LANES)
			sum = aios_sumsq_step(sum, sh->x[c]);
		sh->lanes[gpu_tid()] = sum;
	}
	gpu_barrier();
	return aios_rms_factor(rows_sum(sh->lanes), op.x.cols, op.eps);
}

template <int N>
GPU_FN void wide_rmsnorm(const struct aios_op_rmsnorm &op, uint32_t row, struct gpu_wide_shared *sh)
{
	const unsigned char *weight = gpu_ptr(op.weight);
	float v[N][4], w[N][4];

	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++) {
		const uint32_t i = 4 * gpu_tid() + k * WIDE_STEP;

		w[k][0] = w[k][1] = w[k][2] = w[k][3] = 0.0f;
		if (i < op.x.cols)
			wide_load(weight, op.weight_dtype, i, w[k]);
	}
	GPU_NO_UNROLL
	for (uint32_t real = gpu_rehearsal(); real < 2; real++) {
		float factor;

		if (real)
			gpu_grid_wait();
		wide_take<N>(op, row, sh, real, v);
		factor = wide_factor(op, sh);
		GPU_UNROLL
		for (uint32_t k = 0; k < N; k++) {
			GPU_UNROLL
			for (uint32_t e = 0; e < 4; e++)
				v[k][e] =
					aios_rms_apply(v[k][e], factor, w[k][e], op.weight_offset);
		}
		wide_store<N>(&op.out, row, sh, real, v);
	}
}

GPU_KERNEL(GPU_WIDE_THREADS) gpu_rmsnorm_wide(const struct gpu_rmsnorm_args a)
{
	struct gpu_wide_shared *sh = (struct gpu_wide_shared *)gpu_shared();

	gpu_grid_go();
	if (a.op.x.cols <= WIDE_STEP)
		wide_rmsnorm<1>(a.op, gpu_bx(), sh);
	else
		wide_rmsnorm<2>(a.op, gpu_bx(), sh);
}

#endif /* GPU_WIDE_CUH */
