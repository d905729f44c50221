/* SPDX-License-Identifier: Apache-2.0 */
/* embed.cuh - rows of a table, scaled. Grid: rows, parts of a row. */
#include "rows.cuh"

/* Bits of element i: F32 without a scale is moved, not computed. */
GPU_FN uint32_t embed_bits(const struct aios_op_embed &op, const void *src, uint64_t i)
{
	if (op.scale != 1.0f)
		return aios_bits(aios_canon(aios_mul(gpu_load(src, op.table.dtype, i), op.scale)));
	if (op.table.dtype == AIOS_F32)
		return ((const uint32_t *)src)[i];
	return aios_bits(aios_canon(gpu_load(src, op.table.dtype, i)));
}

GPU_KERNEL(256) gpu_embed(const struct gpu_embed_args a)
{
	const struct aios_op_embed &op = a.op;
	uint32_t row = gpu_bx(), step = gpu_threads() * gpu_grid_y();
	int32_t id = ((const int32_t *)gpu_ptr(op.ids))[row];
	uint32_t *out = (uint32_t *)gpu_row(&op.out, row);
	bool known = id >= 0 && (uint32_t)id < op.table.rows;
	const void *src = gpu_row(&op.table, known ? (uint32_t)id : 0);

	for (uint64_t i = gpu_by() * gpu_threads() + gpu_tid(); i < op.out.cols; i += step) {
		if (known)
			out[i] = embed_bits(op, src, i);
		else
			out[i] = id == -1 ? 0 : AIOS_NAN_F32;
	}
}
