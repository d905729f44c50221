/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_i8.cuh - the integer profiles: exact sums, so their order is free. X2: activations come
 * as two planes, hi and lo, over the same weights.
 */
#include "matmul_finish.cuh"

/* 16 bytes of a row from k on, a multiple of 16; zeros from `end` on. */
GPU_FN struct gpu_vec i8_fetch(const struct matmul_row &row, uint32_t k, uint32_t end)
{
	struct gpu_vec v = { { 0, 0, 0, 0 } };

	if (!row.data || k >= end)
		return v;
	v = gpu_load16(row.data + (uint64_t)(k / 16) * row.step);
	if (end - k >= 16)
		return v;
	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t left = end - k > 4 * i ? end - k - 4 * i : 0;

		v.w[i] = left >= 4 ? v.w[i] : v.w[i] & ((1u << 8 * left) - 1);
	}
	return v;
}

/* The accumulator as fp32. */
GPU_FN float i8_acc(const struct aios_op_matmul &op, int32_t hi, int32_t lo)
{
	return op.profile == AIOS_PROFILE_I8 ? aios_i8_acc(hi) : aios_i8x2_acc(hi, lo);
}

GPU_FN int32_t i8_sum32(int32_t v)
{
	uint32_t u = (uint32_t)v;

	for (uint32_t h = 16; h > 0; h /= 2)
		u += gpu_shfl_xor(u, h);
	return (int32_t)u;
}

/* The dots of weight row n with rows t0 .. t0 + GPU_I8_ROWS_MAX_T - 1, by 32 threads. */
GPU_FN void i8_rows_dots(const struct aios_op_matmul &op, uint32_t n, bool there, uint32_t t0,
			 float out[GPU_I8_ROWS_MAX_T])
{
	const struct matmul_row w = matmul_weight(op, n, there);
	int32_t hi[GPU_I8_ROWS_MAX_T] = { 0 }, lo[GPU_I8_ROWS_MAX_T] = { 0 };
	bool two = op.profile == AIOS_PROFILE_I8X2;

	for (uint32_t k = gpu_tid() % 32 * 16; there && k < op.x.cols; k += 512) {
		struct gpu_vec wk = i8_fetch(w, k, op.x.cols), xk;

		GPU_UNROLL
		for (int i = 0; i < GPU_I8_ROWS_MAX_T; i++) {
			const unsigned char *x = gpu_row(&op.x, t0 + (uint32_t)i) + k;

			if (t0 + (uint32_t)i >= op.x.rows)
				continue;
			xk = gpu_load16(x);
			GPU_UNROLL
			for (int e = 0; e < 4; e++)
				hi[i] = gpu_dot4(xk.w[e], wk.w[e], hi[i]);
			if (!two)
				continue;
			xk = gpu_load16(x + op.x.plane_bytes);
			GPU_UNROLL
			for (int e = 0; e < 4; e++)
				lo[i] = gpu_dot4(xk.w[e], wk.w[e], lo[i]);
		}
	}
	GPU_UNROLL
	for (int i = 0; i < GPU_I8_ROWS_MAX_T; i++) {
		hi[i] = i8_sum32(hi[i]);
		lo[i] = i8_sum32(lo[i]);
		out[i] = i8_acc(op, hi[i], lo[i]);
	}
}

/* 32 threads an output. Grid: groups of outputs, groups of rows of x. */
GPU_KERNEL(256) gpu_matmul_i8_rows(const struct gpu_matmul_args a)
{
	const struct aios_op_matmul &op = a.op;
	uint32_t n = gpu_bx() * GPU_I8_ROWS_N + gpu_tid() / 32, t0 = gpu_by() * GPU_I8_ROWS_MAX_T;
	float acc[GPU_I8_ROWS_MAX_T], up[GPU_I8_ROWS_MAX_T] = { 0.0f };
	bool there = n < op.out.cols;

	gpu_grid_enter();
	n = there ? n : 0;
	i8_rows_dots(op, n, there, t0, acc);
	if (op.act)
		i8_rows_dots(op, op.out.cols + n, there, t0, up);
	GPU_UNROLL
	for (int i = 0; i < GPU_I8_ROWS_MAX_T; i++)
		if (there && gpu_tid() % 32 == (uint32_t)i && t0 + (uint32_t)i < op.x.rows)
			matmul_finish(op, t0 + (uint32_t)i, n, acc[i], up[i]);
}

/* --- tiles ---------------------------------------------------------------------- */

/*
 * Output of the tile's weight row r: a thread has rows r, r + 16, r + 32, r + 48; with act the
 * first two are gates and the last two their ups.
 */
GPU_FN uint32_t i8_output(const struct aios_op_matmul &op, uint32_t r)
{
	return op.act ? gpu_bx() * (GPU_I8_TILE / 2) + r % 32 : gpu_bx() * GPU_I8_TILE + r;
}

GPU_FN void i8_put(int8_t *dst, const struct gpu_vec &v)
{
	GPU_UNROLL
	for (int i = 0; i < 4; i++)
		((uint32_t *)dst)[i] = v.w[i];
}

GPU_FN uint32_t i8_word(const int8_t *row, uint32_t k)
{
	return *(const uint32_t *)(row + k);
}

/*
 * A slice by the matrix units: a wave's 16 rows of x by the tile's four groups of 16 weight rows.
 * Its threads' sums are those of i8_slice().
 */
GPU_FN void i8_slice_mma(const struct gpu_i8_tile_shared *s, bool two, uint32_t words,
			 int32_t hi[4][4], int32_t lo[4][4])
{
	uint32_t lane = gpu_tid() % 64, row = gpu_tid() / 64 * 16 + lane % 16;
	uint32_t x[2] = { 0 }, l[2] = { 0 }, w[2] = { 0 }, k;

	for (uint32_t k0 = 0; k0 < GPU_I8_TILE_K; k0 += 16 * words) {
		k = k0 + lane / 16 * 4 * words;
		for (uint32_t i = 0; i < words; i++) {
			x[i] = i8_word(s->x[row], k + 4 * i);
			l[i] = two ? i8_word(s->lo[row], k + 4 * i) : 0;
		}
		GPU_UNROLL
		for (uint32_t j = 0; j < 4; j++) {
			for (uint32_t i = 0; i < words; i++)
				w[i] = i8_word(s->w[lane % 16 + 16 * j], k + 4 * i);
			gpu_mma_i8(hi[j], x, w);
			if (two)
				gpu_mma_i8(lo[j], l, w);
		}
	}
}

/* A slice of GPU_I8_TILE_K for a thread's 4 x 4 outputs: hi[j][i] of weight row j, row of x i. */
GPU_FN void i8_slice(const struct gpu_i8_tile_shared *s, bool two, int32_t hi[4][4],
		     int32_t lo[4][4])
{
	uint32_t tx = gpu_tid() % 16, ty = gpu_tid() / 16, x[4], l[4], w[4];

	for (uint32_t k = 0; k < GPU_I8_TILE_K; k += 4) {
		GPU_UNROLL
		for (uint32_t i = 0; i < 4; i++) {
			x[i] = i8_word(s->x[ty * 4 + i], k);
			l[i] = two ? i8_word(s->lo[ty * 4 + i], k) : 0;
			w[i] = i8_word(s->w[tx + 16 * i], k);
		}
		GPU_UNROLL
		for (int i = 0; i < 4; i++) {
			GPU_UNROLL
			for (int j = 0; j < 4; j++) {
				hi[j][i] = gpu_dot4(x[i], w[j], hi[j][i]);
				lo[j][i] = gpu_dot4(l[i], w[j], lo[j][i]);
			}
		}
	}
}

/* Grid: tiles of outputs, tiles of rows of x. */
GPU_KERNEL(256) gpu_matmul_i8_tile(const struct gpu_matmul_args a)
{
	const struct aios_op_matmul &op = a.op;
	struct gpu_i8_tile_shared *s = (struct gpu_i8_tile_shared *)gpu_shared();
	uint32_t tx = gpu_tid() % 16, ty = gpu_tid() / 16, r = gpu_tid() / 4;
	uint32_t part = gpu_tid() % 4 * 16, k = op.x.cols;
	uint32_t n = i8_output(op, r), t = gpu_by() * GPU_I8_TILE + r;
	struct matmul_row w, x = { nullptr, 16 }, lo_row = x;
	bool two = op.profile == AIOS_PROFILE_I8X2;
	int32_t hi[4][4] = { { 0 } }, lo[4][4] = { { 0 } };

	gpu_grid_enter();
	w = matmul_weight(op, op.act && r >= 32 ? op.out.cols + n : n, n < op.out.cols);
	if (t < op.x.rows)
		x.data = gpu_row(&op.x, t);
	if (x.data && two)
		lo_row.data = x.data + op.x.plane_bytes;
	for (uint32_t k0 = 0; k0 < k; k0 += GPU_I8_TILE_K) {
		gpu_barrier();
		i8_put(s->x[r] + part, i8_fetch(x, k0 + part, k));
		i8_put(s->w[r] + part, i8_fetch(w, k0 + part, k));
		if (two)
			i8_put(s->lo[r] + part, i8_fetch(lo_row, k0 + part, k));
		gpu_barrier();
		if (gpu_mma_i8_words())
			i8_slice_mma(s, two, gpu_mma_i8_words(), hi, lo);
		else
			i8_slice(s, two, hi, lo);
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++) {
		t = gpu_by() * GPU_I8_TILE + ty * 4 + i;
		GPU_UNROLL
		for (uint32_t j = 0; j < 4; j++) {
			n = i8_output(op, tx + 16 * j);
			if (t < op.x.rows && n < op.out.cols && !(op.act && j >= 2))
				matmul_finish(op, t, n, i8_acc(op, hi[j][i], lo[j][i]),
					      i8_acc(op, hi[(j + 2) & 3][i], lo[(j + 2) & 3][i]));
		}
	}
}
