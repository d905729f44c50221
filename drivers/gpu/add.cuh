/* SPDX-License-Identifier: Apache-2.0 */
/* add.cuh - a + b. Grid: rows, parts of a row. */
#include "rows.cuh"

GPU_KERNEL(256) gpu_add(const struct gpu_add_args a)
{
	const struct aios_op_add &op = a.op;
	uint32_t row = gpu_bx();
	const float *x = (const float *)gpu_row(&op.a, row);
	const void *y = gpu_row(&op.b, row);

	gpu_grid_enter();
	rows_store(&op.out, row, (struct gpu_row_shared *)gpu_shared(),
		   [&](uint32_t i) { return aios_add(x[i], gpu_load(y, op.b.dtype, i)); });
}
