/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_mfma.cuh - matmul in tc-cdna1, tc-cdna2 and tc-cdna3, by the matrix units of waves of 64:
 * any N, K, number of rows and segments. A block makes GPU_MFMA_TILE weight rows times as many rows
 * of x; each of its four waves takes 16 rows of x and all weight rows. Slices of both pass through
 * shared memory; the next slice is on its way in registers while one is multiplied.
 */
#include "matmul_finish.cuh"
#include "mfma.h"

/* Eight elements of a row from k on, a multiple of 8; zeros from `end` on. */
GPU_FN struct gpu_vec mfma_fetch(const struct matmul_row &row, uint32_t k, uint32_t end)
{
	struct gpu_vec v = { { 0, 0, 0, 0 } };

	if (!row.data || k >= end)
		return v;
	v = gpu_load16(row.data + (uint64_t)(k / 8) * row.step);
	if (end - k >= 8)
		return v;
	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t left = end - k > 2 * i ? end - k - 2 * i : 0;

		v.w[i] = left >= 2 ? v.w[i] : left ? v.w[i] & 0xffffu : 0;
	}
	return v;
}

/* A thread's part of a slice: 16 elements of a row of x and of a weight row. */
struct mfma_part {
	struct gpu_vec x[2], w[2];
};

GPU_FN void mfma_take(const struct matmul_row &x, const struct matmul_row &w, uint32_t k,
		      uint32_t end, struct mfma_part *part)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < 2; i++) {
		part->x[i] = mfma_fetch(x, k + gpu_tid() % 4 * 16 + 8 * i, end);
		part->w[i] = mfma_fetch(w, k + gpu_tid() % 4 * 16 + 8 * i, end);
	}
}

GPU_FN void mfma_put(struct gpu_mfma_tile_shared *s, const struct mfma_part &part)
{
	uint32_t r = gpu_tid() / 4, at = gpu_tid() % 4 * 8;

	GPU_UNROLL
	for (uint32_t i = 0; i < 2; i++) {
		*(struct gpu_vec *)&s->x[r][at + 4 * i] = part.x[i];
		*(struct gpu_vec *)&s->w[r][at + 4 * i] = part.w[i];
	}
}

/* Blocks of 16 elements of the slice in shared memory, n of its elements: acc[j] of weight rows 16 * j on. */
template <bool F16>
GPU_FN void mfma_slice(const struct gpu_mfma_tile_shared *s, uint32_t n, float acc[4][4])
{
	uint32_t lane = gpu_tid() % 64, row = gpu_tid() / 64 * 16 + lane % 16, a[2], b[2];

	for (uint32_t k = 0; k < GPU_MFMA_TILE_K && k < n; k += 16) {
		GPU_UNROLL
		for (uint32_t i = 0; i < 2; i++)
			a[i] = s->x[row][(k + gpu_mfma_k(F16, i)) / 2];
		GPU_UNROLL
		for (uint32_t j = 0; j < 4; j++) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 2; i++)
				b[i] = s->w[16 * j + lane % 16][(k + gpu_mfma_k(F16, i)) / 2];
			gpu_mfma(F16, acc[j], a, b);
		}
	}
}

/* The chains of one segment, elements [from, end); a wave without rows of x only fetches. */
template <bool F16>
GPU_FN void mfma_segment(const struct matmul_row &x, const struct matmul_row &w, bool rows,
			 uint32_t from, uint32_t end, struct gpu_mfma_tile_shared *s,
			 float acc[4][4])
{
	struct mfma_part part;

	GPU_UNROLL
	for (int j = 0; j < 4; j++)
		acc[j][0] = acc[j][1] = acc[j][2] = acc[j][3] = 0.0f;
	mfma_take(x, w, from, end, &part);
	for (uint32_t k = from; k < end; k += GPU_MFMA_TILE_K) {
		gpu_barrier(); /* the slice before has been read */
		mfma_put(s, part);
		gpu_barrier();
		mfma_take(x, w, k + GPU_MFMA_TILE_K, end, &part);
		if (rows)
			mfma_slice<F16>(s, end - k, acc);
	}
	GPU_UNROLL
	for (int j = 0; j < 4; j++) {
		GPU_UNROLL
		for (int i = 0; i < 4; i++)
			acc[j][i] = aios_add(acc[j][i], 0.0f); /* no -0 */
	}
}

/* Output of the tile's weight row r; with act the first half are gates, the others their ups. */
GPU_FN uint32_t mfma_output(const struct aios_op_matmul &op, uint32_t r)
{
	return op.act ? gpu_bx() * (GPU_MFMA_TILE / 2) + r % (GPU_MFMA_TILE / 2) :
			gpu_bx() * GPU_MFMA_TILE + r;
}

GPU_FN void mfma_finish(const struct aios_op_matmul &op, const float acc[4][4])
{
	uint32_t lane = gpu_tid() % 64;
	uint32_t t0 = gpu_by() * GPU_MFMA_TILE + gpu_tid() / 64 * 16 + lane / 16 * 4;

	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++) {
		GPU_UNROLL
		for (uint32_t j = 0; j < 4; j++) {
			uint32_t n = mfma_output(op, 16 * j + lane % 16);

			if (t0 + i < op.x.rows && n < op.out.cols && !(op.act && j >= 2))
				matmul_finish(op, t0 + i, n, acc[j][i], acc[(j + 2) & 3][i]);
		}
	}
}

/* Grid: tiles of outputs, tiles of rows of x. */
template <bool F16> GPU_FN void mfma_kernel(const struct aios_op_matmul &op)
{
	struct gpu_mfma_tile_shared *s = (struct gpu_mfma_tile_shared *)gpu_shared();
	const uint32_t r = gpu_tid() / 4, n = mfma_output(op, r), t = gpu_by() * GPU_MFMA_TILE + r;
	const uint32_t len = op.segments > 1 ? op.x.cols / op.segments : op.x.cols;
	const bool up = op.act && r >= GPU_MFMA_TILE / 2;
	const bool rows = gpu_by() * GPU_MFMA_TILE + gpu_tid() / 64 * 16 < op.x.rows;
	float acc[4][4], part[4][4][4];
	struct matmul_row w, x = { nullptr, GPU_PANEL_UNIT };

	gpu_grid_enter();
	w = matmul_weight(op, up ? op.out.cols + n : n, n < op.out.cols);
	if (t < op.x.rows)
		x.data = gpu_row(&op.x, t);
	for (uint32_t g = 0; g < op.segments; g++) {
		mfma_segment<F16>(x, w, rows, g * len, g * len + len, s, acc);
		GPU_UNROLL
		for (int j = 0; j < 4; j++) {
			GPU_UNROLL
			for (int i = 0; i < 4; i++)
				acc[j][i] = matmul_join(part[j][i], g, acc[j][i]);
		}
	}
	mfma_finish(op, acc);
}

GPU_KERNEL_WIDE(GPU_MFMA_THREADS) gpu_matmul_mfma_bf16(const struct gpu_matmul_args a)
{
	mfma_kernel<false>(a.op);
}

GPU_KERNEL_WIDE(GPU_MFMA_THREADS) gpu_matmul_mfma_f16(const struct gpu_matmul_args a)
{
	mfma_kernel<true>(a.op);
}
