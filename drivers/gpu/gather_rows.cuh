/* SPDX-License-Identifier: Apache-2.0 */
/* gather_rows.cuh - chosen rows of any type, bits kept. One row a block. */
#include "rows.cuh"

/* Copy or, without a source, clear `bytes` bytes; both ends are aligned to 16. */
GPU_FN void gather_bytes(unsigned char *dst, const unsigned char *src, uint64_t bytes)
{
	struct gpu_vec zero = { { 0, 0, 0, 0 } };

	for (uint64_t i = gpu_tid(); i < bytes / 16; i += gpu_threads())
		((struct gpu_vec *)dst)[i] = src ? gpu_load16(src + 16 * i) : zero;
	for (uint64_t i = (bytes & ~(uint64_t)15) + gpu_tid(); i < bytes; i += gpu_threads())
		dst[i] = src ? src[i] : (unsigned char)0;
}

GPU_KERNEL(128) gpu_gather_rows(const struct gpu_gather_rows_args a)
{
	const struct aios_op_gather_rows &op = a.op;
	uint32_t i = gpu_bx(), dtype = op.src.dtype;
	uint64_t bytes = (uint64_t)op.src.cols * gpu_dtype_bytes(dtype);
	const unsigned char *src;
	int32_t row;
	bool known;

	gpu_grid_enter();
	row = ((const int32_t *)gpu_ptr(op.rows))[i];
	known = row >= 0 && (uint32_t)row < op.src.rows;
	src = known ? gpu_row(&op.src, (uint32_t)row) : nullptr;
	gather_bytes(gpu_row(&op.out, i), src, bytes);
	if (dtype == AIOS_I8X2)
		gather_bytes(gpu_row(&op.out, i) + op.out.plane_bytes,
			     known ? src + op.src.plane_bytes : nullptr, bytes);
	if (gpu_scaled(dtype) && gpu_tid() == 0)
		((uint32_t *)gpu_ptr(op.out.scale))[i] =
			known ? ((const uint32_t *)gpu_ptr(op.src.scale))[row] : 0;
}
