/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.cuh - what a block of 256 threads does with one row: lane sums, and storing a row of any
 * float or scaled type. Thread j owns lane j: columns j, j + 256, ...
 */
#ifndef GPU_ROWS_CUH
#define GPU_ROWS_CUH

#include "args.h"
#include "gpu.h"

/*
 * The halving tree over 256 partial sums, one from each thread; every thread gets the result.
 * The lower levels by xor: both partners add the same two numbers.
 */
GPU_FN float rows_tree(float *lanes, float partial)
{
	uint32_t tid = gpu_tid();
	float v;

	gpu_barrier();
	lanes[tid] = partial;
	gpu_barrier();
	for (uint32_t h = AIOS_LANES / 2; h >= 32; h /= 2) {
		if (tid < h)
			lanes[tid] = aios_add(lanes[tid], lanes[tid + h]);
		gpu_barrier();
	}
	v = lanes[tid & 31];
	for (uint32_t h = 16; h > 0; h /= 2)
		v = aios_add(v, gpu_shfl_xor_f32(v, h));
	return v;
}

/* The maximum of one value from each of the 256 threads. */
GPU_FN float rows_max(float *lanes, float v)
{
	uint32_t tid = gpu_tid();

	gpu_barrier();
	lanes[tid] = v;
	gpu_barrier();
	for (uint32_t h = AIOS_LANES / 2; h >= 32; h /= 2) {
		if (tid < h)
			lanes[tid] = aios_max_step(lanes[tid], lanes[tid + h]);
		gpu_barrier();
	}
	v = lanes[tid & 31];
	for (uint32_t h = 16; h > 0; h /= 2)
		v = aios_max_step(v, gpu_shfl_xor_f32(v, h));
	return v;
}

GPU_FN float rows_qmax(uint32_t dtype)
{
	if (dtype == AIOS_E4M3)
		return AIOS_QMAX_E4M3;
	return dtype == AIOS_I8 ? AIOS_QMAX_I8 : AIOS_QMAX_I8X2;
}

GPU_FN void rows_quantise(const struct aios_tensor *t, unsigned char *row, uint32_t i, float v,
			  float inv)
{
	int32_t q;

	if (t->dtype == AIOS_E4M3) {
		row[i] = aios_quant_e4m3(v, inv);
	} else if (t->dtype == AIOS_I8) {
		row[i] = (unsigned char)aios_quant_i8(v, inv);
	} else {
		q = aios_quant_i8x2(v, inv);
		row[i] = (unsigned char)aios_i8x2_hi(q);
		row[t->plane_bytes + i] = (unsigned char)aios_i8x2_lo(q);
	}
}

/* A row of a scaled type: one walk for the absmax, one to quantise. make(i) is called in both. */
template <typename F>
GPU_FN void rows_store_scaled(const struct aios_tensor *t, uint32_t row,
			      struct gpu_row_shared *shared, F make)
{
	unsigned char *out = gpu_row(t, row);
	struct aios_quant_scale s;
	float absmax = 0.0f;
	bool finite = true;

	gpu_barrier();
	if (gpu_tid() == 0)
		shared->bad = 0;
	gpu_barrier();
	for (uint32_t i = gpu_tid(); i < t->cols; i += AIOS_LANES)
		absmax = aios_absmax_step(absmax, make(i), &finite);
	if (!finite)
		shared->bad = 1;
	absmax = rows_max(shared->lanes, absmax);
	s = aios_quant_scale_of(absmax, shared->bad == 0, rows_qmax(t->dtype));
	if (gpu_tid() == 0)
		((float *)gpu_ptr(t->scale))[row] = s.scale;
	for (uint32_t i = gpu_tid(); i < t->cols; i += AIOS_LANES)
		rows_quantise(t, out, i, make(i), s.inv);
}

/* Store make(0 .. cols). A float row may be shared by the blocks along y; a scaled one may not. */
template <typename F>
GPU_FN void rows_store(const struct aios_tensor *t, uint32_t row, struct gpu_row_shared *shared,
		       F make)
{
	uint32_t step = AIOS_LANES * gpu_grid_y();

	if (gpu_scaled(t->dtype)) {
		rows_store_scaled(t, row, shared, make);
		return;
	}
	for (uint64_t i = gpu_by() * AIOS_LANES + gpu_tid(); i < t->cols; i += step)
		gpu_store(gpu_row(t, row), t->dtype, i, make((uint32_t)i));
}

#endif /* GPU_ROWS_CUH */
