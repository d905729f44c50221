/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_finish.cuh - what all matmul kernels share: where a weight row lies, the tree over
 * segments, and the epilogue of an output.
 */
#ifndef GPU_MATMUL_FINISH_CUH
#define GPU_MATMUL_FINISH_CUH

#include "args.h"
#include "gpu.h"
#include "panels.h"

/* A weight row in any layout: its 16-byte unit u is at data + u * step. */
struct matmul_row {
	const unsigned char *data; /* null: there is no such row */
	uint32_t step;
};

GPU_FN struct matmul_row matmul_weight(const struct aios_op_matmul &op, uint32_t n, bool there)
{
	struct matmul_row row = { nullptr, GPU_PANEL_UNIT };

	if (there && op.w.layout == GPU_LAYOUT_PANELS) {
		row.data = gpu_ptr(op.w.data) + GPU_PANEL_OFFSET(n, 0, op.w.row_bytes);
		row.step = GPU_PANEL_UNIT_BYTES;
	} else if (there) {
		row.data = gpu_row(&op.w, n);
	}
	return row;
}

/* Bytes of a row in slice `i` of rows cut into slices; the last may be shorter. */
GPU_FN uint32_t matmul_slice(uint32_t row_bytes, uint32_t slice, uint32_t i)
{
	uint32_t left = row_bytes - i * slice;

	return left < slice ? left : slice;
}

/* Dequantise (scaled types), + bias. n counts weight rows. */
GPU_FN float matmul_dot(const struct aios_op_matmul &op, uint32_t t, uint32_t n, float acc)
{
	if (gpu_scaled(op.x.dtype))
		acc = aios_dequant(acc, ((const float *)gpu_ptr(op.x.scale))[t],
				   ((const float *)gpu_ptr(op.w.scale))[n]);
	if (op.bias)
		acc = aios_add(acc, gpu_load(gpu_ptr(op.bias), op.bias_dtype, n));
	return acc;
}

/* + residual, round, store. */
GPU_FN void matmul_store(const struct aios_op_matmul &op, uint32_t t, uint32_t n, float v)
{
	if (op.residual.data)
		v = aios_add(((const float *)gpu_row(&op.residual, t))[n], v);
	gpu_store(gpu_row(&op.out, t), op.out.dtype, n, v);
}

/* What becomes of gate and up, both with their bias. */
GPU_FN float matmul_act(const struct aios_op_matmul &op, float gate, float up)
{
	float v = aios_round_to(gate, op.mid_type);

	up = aios_round_to(up, op.mid_type);
	v = op.act == AIOS_ACT_SILU_MUL ? aios_silu(v) : aios_gelu_tanh(v);
	return aios_mul(v, up);
}

/* Output n of row t from the accumulators of its weight row; with act, of gate and up. */
GPU_FN void matmul_finish(const struct aios_op_matmul &op, uint32_t t, uint32_t n, float acc,
			  float up)
{
	float v = matmul_dot(op, t, n, acc);

	if (op.act)
		v = matmul_act(op, v, matmul_dot(op, t, op.out.cols + n, up));
	matmul_store(op, t, n, v);
}

/*
 * The tree over segments: part[level] waits for its right neighbour, which is complete when bit
 * `level` of the number of segments done before turns 0. The result of the last is the dot.
 */
GPU_FN float matmul_join(float part[4], uint32_t done, float v)
{
	bool carry = true;

	GPU_UNROLL
	for (int level = 0; level < 4; level++) {
		if (carry && (done >> level & 1)) {
			v = aios_add(part[level], v);
		} else if (carry) {
			part[level] = v;
			carry = false;
		}
	}
	return v;
}

#endif /* GPU_MATMUL_FINISH_CUH */
