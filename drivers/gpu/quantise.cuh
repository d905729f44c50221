/* SPDX-License-Identifier: Apache-2.0 */
/* quantise.cuh - rows to I8, I8X2 or E4M3 with one scale each. One row a block. */
#include "rows.cuh"

GPU_KERNEL(256) gpu_quantise(const struct gpu_quantise_args a)
{
	const struct aios_op_quantise &op = a.op;
	uint32_t row = gpu_bx();
	const void *in = gpu_row(&op.in, row);

	rows_store_scaled(&op.out, row, (struct gpu_row_shared *)gpu_shared(),
			  [&](uint32_t i) { return gpu_load(in, op.in.dtype, i); });
}
