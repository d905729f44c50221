/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rmsnorm_row.cuh - rmsnorm of few rows without `add`, of at most 16 columns a lane and a multiple
 * of four, to BF16, I8 or I8X2. A row is a block, and what counts is how soon its last column is
 * stored. Thread j reads lane j for the sum of squares, by 16 loads that are in flight together;
 * behind them, while they are on their way, come the columns that it normalises and stores: four
 * neighbouring ones, then the four 1,024 further on, and so on. To exchange them in shared memory
 * would take longer than to read them twice.
 */
#ifndef GPU_RMSNORM_ROW_CUH
#define GPU_RMSNORM_ROW_CUH

#include "args.h"
#include "norm_factor.cuh"
#include "quantise.cuh"

#define NORM_ROW_STEPS GPU_NORM_ROW_STEPS
#define NORM_ROW_FOURS (NORM_ROW_STEPS / 4)
#define NORM_ROW_STEP (4 * GPU_NORM_ROW_THREADS) /* columns from four to four */

/* What a thread knows of its row before it is there. */
struct norm_row {
	struct gpu_norm_row_shared *sh;
	const float *lane, *fours; /* its lane, its first four columns */
	float w[NORM_ROW_STEPS];   /* the weights of all its fours, with the offset */
	unsigned char *out;        /* of its first four */
	uint32_t *scale;           /* the row's, if its type has one */
};

/* Are the thread's columns of number i there? */
GPU_FN bool norm_row_there(uint32_t i, uint32_t cols)
{
	return 4 * gpu_tid() + i * NORM_ROW_STEP < cols;
}

/* The weights of the thread's fours, as they lie there: 8 or 16 bytes of each. */
GPU_FN void norm_row_fetch(const struct aios_op_rmsnorm &op, struct gpu_vec raw[NORM_ROW_FOURS])
{
	const uint32_t bytes = gpu_dtype_bytes(op.weight_dtype);
	const unsigned char *at = gpu_ptr(op.weight) + 4 * gpu_tid() * bytes;

	GPU_UNROLL
	for (uint32_t i = 0; i < NORM_ROW_FOURS; i++) {
		raw[i] = { { 0, 0, 0, 0 } };
		if (!norm_row_there(i, op.x.cols))
			continue;
		if (bytes == 4) {
			raw[i] = gpu_load16(at + i * NORM_ROW_STEP * 4);
		} else {
			const uint64_t four = *(const uint64_t *)(at + i * NORM_ROW_STEP * 2);

			raw[i].w[0] = (uint32_t)four;
			raw[i].w[1] = (uint32_t)(four >> 32);
		}
	}
}

/* Weight e of such four, with the offset. */
GPU_FN float norm_row_weight(const struct aios_op_rmsnorm &op, const struct gpu_vec &raw,
			     uint32_t e)
{
	const uint32_t half = raw.w[e / 2] >> 16 * (e % 2) & 0xffffu;
	const float w = op.weight_dtype == AIOS_F32 ? aios_float(raw.w[e]) :
			op.weight_dtype == AIOS_F16 ? gpu_half<true>(half) :
						      gpu_half<false>(half);

	return op.weight_offset != 0.0f ? aios_add(op.weight_offset, w) : w;
}

GPU_FN void norm_row_begin(const struct aios_op_rmsnorm &op, struct norm_row *n)
{
	const uint32_t tid = gpu_tid(), row = gpu_bx();
	const float *x = (const float *)gpu_row(&op.x, row);
	struct gpu_vec raw[NORM_ROW_FOURS];

	n->sh = (struct gpu_norm_row_shared *)gpu_shared();
	n->lane = gpu_keep_at(x + tid);
	n->fours = gpu_keep_at(x + 4 * tid);
	n->out = gpu_keep_at(gpu_row(&op.out, row) + 4 * tid * gpu_dtype_bytes(op.out.dtype));
	n->scale = gpu_keep_at((uint32_t *)gpu_ptr(op.out.scale) + row);
	norm_row_fetch(op, raw);
	GPU_UNROLL
	for (uint32_t e = 0; e < NORM_ROW_STEPS; e++)
		n->w[e] = norm_row_weight(op, raw[e / 4], e % 4);
}

/*
 * The lane's sum of squares, and the thread's fours; what is not there is zeros. Has a barrier: no
 * warp asks for a four before all have asked for their lanes, and what a rehearsal left in shared
 * memory has been read.
 */
GPU_FN float norm_row_load(const struct norm_row &n, uint32_t cols,
			   struct gpu_vec x[NORM_ROW_FOURS])
{
	float v[NORM_ROW_STEPS], sum = 0.0f;

	GPU_UNROLL
	for (uint32_t k = 0; k < NORM_ROW_STEPS; k++) {
		v[k] = 0.0f;
		if (gpu_tid() + k * AIOS_LANES < cols)
			v[k] = gpu_load_late(n.lane + k * AIOS_LANES);
	}
	gpu_barrier();
	GPU_UNROLL
	for (uint32_t i = 0; i < NORM_ROW_FOURS; i++) {
		x[i] = { { 0, 0, 0, 0 } };
		if (norm_row_there(i, cols))
			x[i] = gpu_load16_late(n.fours + i * NORM_ROW_STEP);
	}
	GPU_UNROLL
	for (uint32_t k = 0; k < NORM_ROW_STEPS; k++)
		sum = aios_sumsq_step(sum, v[k]);
	return sum;
}

/*
 * The thread's fours, normalised; one that is not there is finite when the row is. Has barriers.
 */
GPU_FN void norm_row_make(const struct aios_op_rmsnorm &op, const struct norm_row &n,
			  float y[NORM_ROW_STEPS])
{
	struct gpu_vec x[NORM_ROW_FOURS];
	float factor;

	n.sh->lanes[gpu_tid()] = norm_row_load(n, op.x.cols, x);
	gpu_barrier();
	factor = norm_factor(rows_sum(n.sh->lanes), op.x.cols, op.eps);
	GPU_UNROLL
	for (uint32_t e = 0; e < NORM_ROW_STEPS; e++)
		y[e] = aios_rms_apply(aios_float(x[e / 4].w[e % 4]), factor, n.w[e], 0.0f);
}

/* Bits of the row's largest magnitude; of an infinity or a NaN when it is not finite. Has a barrier. */
GPU_FN uint32_t norm_row_most(struct gpu_norm_row_shared *sh, const float y[NORM_ROW_STEPS])
{
	float part[4] = { 0.0f, 0.0f, 0.0f, 0.0f };
	struct gpu_vec lo, hi;
	uint32_t most;

	GPU_UNROLL
	for (uint32_t e = 0; e < NORM_ROW_STEPS; e++)
		part[e % 4] = gpu_absmax(part[e % 4], y[e]);
	part[0] = gpu_absmax(gpu_absmax(part[0], part[1]), gpu_absmax(part[2], part[3]));
	most = gpu_most(aios_bits(part[0]));
	if (gpu_tid() % 32 == 0)
		sh->most[gpu_tid() / 32] = most;
	gpu_barrier();
	lo = gpu_load16(sh->most);
	hi = gpu_load16(sh->most + 4);
	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++)
		lo.w[i] = hi.w[i] > lo.w[i] ? hi.w[i] : lo.w[i];
	lo.w[0] = lo.w[2] > lo.w[0] ? lo.w[2] : lo.w[0];
	lo.w[1] = lo.w[3] > lo.w[1] ? lo.w[3] : lo.w[1];
	return lo.w[1] > lo.w[0] ? lo.w[1] : lo.w[0];
}

template <uint32_t DTYPE>
GPU_FN void norm_row_quantise(const struct aios_op_rmsnorm &op, const struct norm_row &n, bool real,
			      const float y[NORM_ROW_STEPS])
{
	const struct aios_quant_scale s = quantise_scale<DTYPE>(norm_row_most(n.sh, y));
	uint32_t *hi = (uint32_t *)n.out, *lo = (uint32_t *)(n.out + op.out.plane_bytes);

	GPU_UNROLL
	for (uint32_t i = 0; i < NORM_ROW_FOURS; i++) {
		const bool there = real && norm_row_there(i, op.out.cols);
		uint32_t low, high = quantise_codes(DTYPE, y + 4 * i, s.inv, &low);

		gpu_put32_if(there, hi + i * (NORM_ROW_STEP / 4), high);
		if (DTYPE == AIOS_I8X2)
			gpu_put32_if(there, lo + i * (NORM_ROW_STEP / 4), low);
	}
	gpu_put32_if(real && gpu_tid() == 0, n.scale, aios_bits(s.scale));
}

GPU_FN void norm_row_round(const struct aios_op_rmsnorm &op, const struct norm_row &n, bool real,
			   const float y[NORM_ROW_STEPS])
{
	GPU_UNROLL
	for (uint32_t e = 0; e < NORM_ROW_STEPS; e += 2) {
		const bool there = real && norm_row_there(e / 4, op.out.cols);
		uint32_t *to = (uint32_t *)n.out + e / 4 * (NORM_ROW_STEP / 2) + e % 4 / 2;

		gpu_put32_if(there, to,
			     aios_f32_to_bf16(y[e]) | (uint32_t)aios_f32_to_bf16(y[e + 1]) << 16);
	}
}

GPU_KERNEL_WIDE(GPU_NORM_ROW_THREADS) gpu_rmsnorm_row(const struct gpu_rmsnorm_args a)
{
	struct norm_row n;
	float y[NORM_ROW_STEPS];

	gpu_grid_go();
	norm_row_begin(a.op, &n);
	GPU_NO_UNROLL
	for (uint32_t real = gpu_rehearsal(); real < 2; real++) {
		if (real)
			gpu_grid_wait();
		norm_row_make(a.op, n, y);
		if (a.op.out.dtype == AIOS_I8X2)
			norm_row_quantise<AIOS_I8X2>(a.op, n, real, y);
		else if (a.op.out.dtype == AIOS_I8)
			norm_row_quantise<AIOS_I8>(a.op, n, real, y);
		else
			norm_row_round(a.op, n, real, y);
	}
}

#endif /* GPU_RMSNORM_ROW_CUH */
