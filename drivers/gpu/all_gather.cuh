/* SPDX-License-Identifier: Apache-2.0 */
/* all_gather.cuh - parts side by side, bits kept. Grid: rows, ranks. */
#include "rows.cuh"

template <typename W>
GPU_FN void all_gather_words(unsigned char *dst, const unsigned char *src, uint64_t bytes)
{
	for (uint64_t i = gpu_tid(); i < bytes / sizeof(W); i += gpu_threads())
		((W *)dst)[i] = ((const W *)src)[i];
}

GPU_KERNEL(256) gpu_all_gather(const struct gpu_all_gather_args a)
{
	const struct aios_op_all_gather &op = a.op;
	uint64_t row = gpu_bx(), rank = gpu_by();
	uint64_t bytes = (uint64_t)op.part_cols * gpu_dtype_bytes(op.out.dtype);
	const unsigned char *src = gpu_ptr(op.parts[rank] + row * op.part_row_bytes);
	unsigned char *dst = gpu_row(&op.out, row) + rank * bytes;

	gpu_grid_enter();
	if (bytes % 16 == 0)
		all_gather_words<struct gpu_vec>(dst, src, bytes);
	else if (bytes % 4 == 0)
		all_gather_words<uint32_t>(dst, src, bytes);
	else
		all_gather_words<unsigned char>(dst, src, bytes);
}
