/* SPDX-License-Identifier: Apache-2.0 */
/* cast.cuh - between F32, BF16 and F16. Grid: rows, parts of a row. */
#include "panels.h"
#include "rows.cuh"

GPU_KERNEL(256) gpu_cast(const struct gpu_cast_args a)
{
	const struct aios_op_cast &op = a.op;
	uint32_t row = gpu_bx();
	const void *in = gpu_row(&op.in, row);

	gpu_grid_enter();
	rows_store(&op.out, row, (struct gpu_row_shared *)gpu_shared(),
		   [&](uint32_t i) { return gpu_load(in, op.in.dtype, i); });
}

/*
 * To BF16 or F16 in panels, the padding too. A thread makes a row's part of a unit: eight threads
 * write 128 bytes side by side. Grid: panels, parts of 2048 bytes of a row.
 */
GPU_KERNEL(256) gpu_cast_panels(const struct gpu_cast_args a)
{
	const struct aios_op_cast &op = a.op;
	const uint32_t r = gpu_tid() % GPU_PANEL_ROWS, row = gpu_bx() * GPU_PANEL_ROWS + r;
	const uint32_t units = (uint32_t)(op.out.row_bytes / GPU_PANEL_UNIT);
	const void *in = gpu_row(&op.in, row);
	unsigned char *out = gpu_row(&op.out, gpu_bx() * GPU_PANEL_ROWS) + r * GPU_PANEL_UNIT;

	gpu_grid_enter();
	for (uint32_t i = gpu_tid() / GPU_PANEL_ROWS; i < 128; i += 256 / GPU_PANEL_ROWS) {
		uint32_t unit = gpu_by() * 128 + i;
		uint16_t v[8];

		if (unit >= units)
			return;
		GPU_UNROLL
		for (uint32_t e = 0; e < 8; e++) {
			uint64_t k = (uint64_t)unit * 8 + e;
			bool there = row < op.in.rows && k < op.in.cols;

			gpu_store(v, op.out.dtype, e, there ? gpu_load(in, op.in.dtype, k) : 0.0f);
		}
		*(struct gpu_vec *)(out + (uint64_t)unit * GPU_PANEL_UNIT_BYTES) = {
			{ v[0] | (uint32_t)v[1] << 16, v[2] | (uint32_t)v[3] << 16,
			  v[4] | (uint32_t)v[5] << 16, v[6] | (uint32_t)v[7] << 16 }
		};
	}
}
