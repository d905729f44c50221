/* SPDX-License-Identifier: Apache-2.0 */
/* cast.cuh - between F32, BF16 and F16. Grid: rows, parts of a row. */
#include "rows.cuh"

GPU_KERNEL(256) gpu_cast(const struct gpu_cast_args a)
{
	const struct aios_op_cast &op = a.op;
	uint32_t row = gpu_bx();
	const void *in = gpu_row(&op.in, row);

	rows_store(&op.out, row, (struct gpu_row_shared *)gpu_shared(),
		   [&](uint32_t i) { return gpu_load(in, op.in.dtype, i); });
}
