/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quantise.cuh - rows to I8, I8X2 or E4M3 with one scale each; out may be in panels (I8), whose
 * padding becomes zeros. One row a block; a thread has eight neighbouring elements, then the eight
 * 2048 further on, and so on, in registers where the row is not too long.
 */
#ifndef GPU_QUANTISE_CUH
#define GPU_QUANTISE_CUH

#include "panels.h"
#include "rows.cuh"

#define QUANTISE_STEP (8 * AIOS_LANES)

/* Eight elements from element i on, as floats; zeros from `cols` on. */
GPU_FN void quantise_eight(const unsigned char *in, uint32_t dtype, uint32_t i, uint32_t cols,
			   float v[8])
{
	struct gpu_vec lo = { { 0, 0, 0, 0 } }, hi = { { 0, 0, 0, 0 } };

	if (dtype == AIOS_F32) {
		if (i < cols)
			lo = gpu_load16(in + 4 * (uint64_t)i);
		if (i + 4 < cols)
			hi = gpu_load16(in + 4 * (uint64_t)i + 16);
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++) {
			v[e] = aios_float(lo.w[e]);
			v[4 + e] = aios_float(hi.w[e]);
		}
	} else {
		if (i < cols)
			lo = gpu_load16(in + 2 * (uint64_t)i);
		if (dtype == AIOS_F16)
			gpu_halves<true>(lo, v);
		else
			gpu_halves<false>(lo, v);
	}
	GPU_UNROLL
	for (uint32_t e = 0; e < 8; e++)
		v[e] = i + e < cols ? v[e] : 0.0f; /* what lies in the row's padding is no matter */
}

GPU_FN float quantise_absmax(float absmax, const float v[8], bool *finite)
{
	GPU_UNROLL
	for (uint32_t e = 0; e < 8; e++)
		absmax = aios_absmax_step(absmax, v[e], finite);
	return absmax;
}

/* Four codes of I8. */
GPU_FN uint32_t quantise_i8(const float v[4], float inv)
{
	uint32_t q[4];

	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e++)
		q[e] = rows_int(v[e], inv, AIOS_QMAX_I8);
	return gpu_bytes(gpu_bytes(q[0], q[1], 0x40), gpu_bytes(q[2], q[3], 0x40), 0x5410);
}

/* Four codes of I8X2: q = 256 * hi + lo, so that q + 128 has hi above and lo + 128 below. */
GPU_FN uint32_t quantise_i8x2(const float v[4], float inv, uint32_t *lo)
{
	uint32_t q[4];

	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e++)
		q[e] = rows_int(v[e], inv, AIOS_QMAX_I8X2) + 128;
	q[0] = gpu_bytes(q[0], q[1], 0x5410);
	q[2] = gpu_bytes(q[2], q[3], 0x5410);
	*lo = gpu_bytes(q[0], q[2], 0x6420) ^ 0x80808080u;
	return gpu_bytes(q[0], q[2], 0x7531);
}

/* Four codes; of I8X2 the upper slices, and the lower ones in *lo. */
GPU_FN uint32_t quantise_codes(uint32_t dtype, const float v[4], float inv, uint32_t *lo)
{
	uint32_t codes = 0;

	*lo = 0;
	if (dtype == AIOS_I8)
		return quantise_i8(v, inv);
	if (dtype == AIOS_I8X2)
		return quantise_i8x2(v, inv, lo);
	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e++)
		codes |= (uint32_t)aios_quant_e4m3(v[e], inv) << 8 * e;
	return codes;
}

/* n <= 8 bytes of `pair` to `to`, which is aligned to 8. */
GPU_FN void quantise_put(unsigned char *to, const uint32_t pair[2], uint32_t n)
{
	if (n >= 8) {
		((uint32_t *)to)[0] = pair[0];
		((uint32_t *)to)[1] = pair[1];
		return;
	}
	for (uint32_t e = 0; e < n; e++)
		to[e] = (unsigned char)(pair[e / 4] >> 8 * (e % 4));
}

/* Store eight elements from element i on; in panels also those that are padding. */
GPU_FN void quantise_store(const struct aios_tensor *t, uint32_t row, uint32_t i, const float v[8],
			   float inv)
{
	uint32_t hi[2], lo[2], n = t->cols - i < 8 ? t->cols - i : 8;

	hi[0] = quantise_codes(t->dtype, v, inv, &lo[0]);
	hi[1] = quantise_codes(t->dtype, v + 4, inv, &lo[1]);
	if (t->layout == GPU_LAYOUT_PANELS) {
		quantise_put(gpu_ptr(t->data) + GPU_PANEL_OFFSET(row, i, t->row_bytes), hi, 8);
		return;
	}
	quantise_put(gpu_row(t, row) + i, hi, n);
	if (t->dtype == AIOS_I8X2)
		quantise_put(gpu_row(t, row) + t->plane_bytes + i, lo, n);
}

/* Zeros in the panels' padding: all of a row from element `from` on. */
GPU_FN void quantise_pad(const struct aios_tensor *t, uint32_t row, uint32_t from)
{
	const uint32_t zero[2] = { 0, 0 };

	for (uint64_t i = ((from + 7) & ~7u) + 8 * gpu_tid(); i < t->row_bytes; i += QUANTISE_STEP)
		quantise_put(gpu_ptr(t->data) + GPU_PANEL_OFFSET(row, i, t->row_bytes), zero, 8);
}

/* A row of at most N * QUANTISE_STEP elements. */
template <int N>
GPU_FN void quantise_short(const struct aios_op_quantise &op, uint32_t row,
			   struct gpu_row_shared *shared)
{
	const unsigned char *in = gpu_row(&op.in, row);
	uint32_t first = 8 * gpu_tid(), cols = op.in.cols;
	float v[N][8], absmax = 0.0f, inv;
	bool finite = true;

	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++)
		quantise_eight(in, op.in.dtype, first + k * QUANTISE_STEP, cols, v[k]);
	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++)
		absmax = quantise_absmax(absmax, v[k], &finite);
	inv = rows_scale(&op.out, row, shared, absmax, finite);
	GPU_UNROLL
	for (uint32_t k = 0; k < N; k++)
		if (first + k * QUANTISE_STEP < cols)
			quantise_store(&op.out, row, first + k * QUANTISE_STEP, v[k], inv);
}

/* Any row, read twice. */
GPU_FN void quantise_long(const struct aios_op_quantise &op, uint32_t row,
			  struct gpu_row_shared *shared)
{
	const unsigned char *in = gpu_row(&op.in, row);
	uint32_t first = 8 * gpu_tid(), cols = op.in.cols;
	float v[8], absmax = 0.0f, inv;
	bool finite = true;

	for (uint64_t i = first; i < cols; i += QUANTISE_STEP) {
		quantise_eight(in, op.in.dtype, (uint32_t)i, cols, v);
		absmax = quantise_absmax(absmax, v, &finite);
	}
	inv = rows_scale(&op.out, row, shared, absmax, finite);
	for (uint64_t i = first; i < cols; i += QUANTISE_STEP) {
		quantise_eight(in, op.in.dtype, (uint32_t)i, cols, v);
		quantise_store(&op.out, row, (uint32_t)i, v, inv);
	}
}

GPU_FN void quantise_row(const struct aios_op_quantise &op, uint32_t row)
{
	struct gpu_row_shared *shared = (struct gpu_row_shared *)gpu_shared();
	uint32_t cols = op.in.cols;

	if (cols <= 2 * QUANTISE_STEP)
		quantise_short<2>(op, row, shared);
	else if (cols <= 6 * QUANTISE_STEP)
		quantise_short<6>(op, row, shared);
	else
		quantise_long(op, row, shared);
}

GPU_KERNEL(256) gpu_quantise(const struct gpu_quantise_args a)
{
	gpu_grid_enter();
	quantise_row(a.op, gpu_bx());
}

/* Grid: rows, those that are padding too. */
GPU_KERNEL(256) gpu_quantise_panels(const struct gpu_quantise_args a)
{
	uint32_t row = gpu_bx();

	gpu_grid_enter();
	quantise_pad(&a.op.out, row, row < a.op.in.rows ? a.op.in.cols : 0);
	if (row < a.op.in.rows)
		quantise_row(a.op, row);
}

#endif /* GPU_QUANTISE_CUH */
