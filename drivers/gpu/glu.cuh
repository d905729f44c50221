/* SPDX-License-Identifier: Apache-2.0 */
/* glu.cuh - act(gate) * up. Grid: rows, parts of a row. */
#include "rows.cuh"

GPU_KERNEL(256) gpu_glu(const struct gpu_glu_args a)
{
	const struct aios_op_glu &op = a.op;
	uint32_t row = gpu_bx(), n = op.out.cols;
	const void *in = gpu_row(&op.in, row);

	gpu_grid_enter();
	rows_store(&op.out, row, (struct gpu_row_shared *)gpu_shared(), [&](uint32_t i) {
		float gate = gpu_load(in, op.in.dtype, i);
		float up = gpu_load(in, op.in.dtype, (uint64_t)n + i);

		gate = op.act == AIOS_ACT_SILU_MUL ? aios_silu(gate) : aios_gelu_tanh(gate);
		return aios_mul(gate, up);
	});
}
