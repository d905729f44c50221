/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rmsnorm.cuh - x += add, then out = x / rms(x) * weight. One row a block; thread j has lane j,
 * columns j, j + 256, ..., in registers where the row is not too long. Few rows: wide.cuh.
 */
#include "rows.cuh"

/* Columns of one thread from `first` on: x, with `add` added and stored. */
template <int N>
GPU_FN void rmsnorm_take(const struct aios_op_rmsnorm &op, uint32_t row, uint32_t first, float v[N])
{
	float *x = (float *)gpu_row(&op.x, row);
	uint32_t cols = op.x.cols;
	float plus[N];

	rows_load<N>(x, AIOS_F32, first, cols, v);
	if (!op.add.data)
		return;
	rows_load<N>(gpu_row(&op.add, row), op.add.dtype, first, cols, plus);
	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++) {
		if (first + k * AIOS_LANES < cols) {
			v[k] = aios_canon(aios_add(v[k], plus[k]));
			x[first + k * AIOS_LANES] = v[k];
		}
	}
}

/* Store a thread's columns of a row, all of them. */
template <int N>
GPU_FN void rmsnorm_store(const struct aios_tensor *out, uint32_t row,
			  struct gpu_row_shared *shared, const float v[N])
{
	unsigned char *to = gpu_row(out, row);
	float absmax = 0.0f, inv = 0.0f;
	bool finite = true, scaled = gpu_scaled(out->dtype);

	if (scaled) {
		GPU_UNROLL
		for (uint32_t k = 0; k < N; k++)
			if (gpu_tid() + k * AIOS_LANES < out->cols)
				absmax = aios_absmax_step(absmax, v[k], &finite);
		inv = rows_scale(out, row, shared, absmax, finite);
	}
	if (out->dtype == AIOS_I8X2)
		rows_put<N>(out->cols,
			    [&](uint32_t k, uint32_t i) { rows_put_i8x2(out, to, i, v[k], inv); });
	else if (scaled)
		rows_put<N>(out->cols,
			    [&](uint32_t k, uint32_t i) { rows_quantise(out, to, i, v[k], inv); });
	else if (out->dtype == AIOS_BF16)
		rows_put<N>(out->cols, [&](uint32_t k, uint32_t i) {
			((uint16_t *)to)[i] = aios_f32_to_bf16(v[k]);
		});
	else
		rows_put<N>(out->cols,
			    [&](uint32_t k, uint32_t i) { gpu_store(to, out->dtype, i, v[k]); });
}

/* The factor of a row from a thread's columns of it. */
template <int N>
GPU_FN float rmsnorm_factor(const struct aios_op_rmsnorm &op, struct gpu_row_shared *shared,
			    const float v[N])
{
	float sum = 0.0f;

	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++)
		if (gpu_tid() + k * AIOS_LANES < op.x.cols)
			sum = aios_sumsq_step(sum, v[k]);
	return aios_rms_factor(rows_tree(shared->lanes, sum), op.x.cols, op.eps);
}

/* A row of at most N * 256 columns, in few registers: many rows are on their way together. */
template <int N>
GPU_FN void rmsnorm_short(const struct aios_op_rmsnorm &op, uint32_t row,
			  struct gpu_row_shared *shared)
{
	const void *weight = gpu_ptr(op.weight);
	uint32_t cols = op.x.cols, tid = gpu_tid();
	float v[N], r;

	gpu_grid_wait();
	rmsnorm_take<N>(op, row, tid, v);
	r = rmsnorm_factor<N>(op, shared, v);
	GPU_UNROLL
	for (uint32_t first = 0; first < N; first += 4) {
		float w[4];

		rows_load<4>(weight, op.weight_dtype, tid + first * AIOS_LANES, cols, w);
		GPU_UNROLL
		for (uint32_t k = 0; k < 4; k++)
			v[first + k] = aios_rms_apply(v[first + k], r, w[k], op.weight_offset);
	}
	rmsnorm_store<N>(&op.out, row, shared, v);
}

#define RMSNORM_PIECE 8

/* Any row: x is read again, by the thread that wrote it. */
GPU_FN void rmsnorm_long(const struct aios_op_rmsnorm &op, uint32_t row,
			 struct gpu_row_shared *shared)
{
	const float *x = (const float *)gpu_row(&op.x, row);
	float v[RMSNORM_PIECE], sum = 0.0f, r;
	uint32_t cols = op.x.cols;

	gpu_grid_wait();
	for (uint32_t i = gpu_tid(); i < cols; i += RMSNORM_PIECE * AIOS_LANES) {
		rmsnorm_take<RMSNORM_PIECE>(op, row, i, v);
		GPU_UNROLL
		for (uint32_t k = 0; k < RMSNORM_PIECE; k++)
			if (i + k * AIOS_LANES < cols)
				sum = aios_sumsq_step(sum, v[k]);
	}
	r = aios_rms_factor(rows_tree(shared->lanes, sum), cols, op.eps);
	rows_store(&op.out, row, shared, [&](uint32_t i) {
		return aios_rms_apply(x[i], r, gpu_load(gpu_ptr(op.weight), op.weight_dtype, i),
				      op.weight_offset);
	});
}

GPU_KERNEL_MIN(256, 5) gpu_rmsnorm(const struct gpu_rmsnorm_args a)
{
	struct gpu_row_shared *shared = (struct gpu_row_shared *)gpu_shared();
	uint32_t row = gpu_bx(), cols = a.op.x.cols;

	gpu_grid_go();
	if (cols <= 4 * AIOS_LANES)
		rmsnorm_short<4>(a.op, row, shared);
	else if (cols <= 16 * AIOS_LANES)
		rmsnorm_short<16>(a.op, row, shared);
	else
		rmsnorm_long(a.op, row, shared);
}
