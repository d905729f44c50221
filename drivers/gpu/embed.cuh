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

/* Eight elements of a 16-bit table, from element i on. */
template <bool F16>
GPU_FN void embed_eight(const struct aios_op_embed &op, const unsigned char *src, uint32_t *out,
			uint64_t i)
{
	struct gpu_vec v;
	float f[8];

	gpu_halves<F16>(gpu_load16(src + 2 * i), f);
	GPU_UNROLL
	for (uint32_t half = 0; half < 2; half++) {
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++) {
			float x = f[4 * half + e];

			v.w[e] =
				aios_bits(aios_canon(op.scale != 1.0f ? aios_mul(x, op.scale) : x));
		}
		*(struct gpu_vec *)(out + i + 4 * half) = v;
	}
}

GPU_KERNEL(256) gpu_embed(const struct gpu_embed_args a)
{
	const struct aios_op_embed &op = a.op;
	uint32_t row = gpu_bx(), step = gpu_threads() * gpu_grid_y();
	uint32_t thread = gpu_by() * gpu_threads() + gpu_tid();
	uint64_t first = 0, cols = op.out.cols;
	uint32_t *out = (uint32_t *)gpu_row(&op.out, row);
	const unsigned char *src;
	bool known;
	int32_t id;

	gpu_grid_enter();
	id = ((const int32_t *)gpu_ptr(op.ids))[row];
	known = id >= 0 && (uint32_t)id < op.table.rows;
	src = gpu_row(&op.table, known ? (uint32_t)id : 0);
	if (known && op.table.dtype != AIOS_F32) {
		first = cols & ~(uint64_t)7;
		for (uint64_t i = 8 * (uint64_t)thread; i < first; i += 8 * (uint64_t)step) {
			if (op.table.dtype == AIOS_F16)
				embed_eight<true>(op, src, out, i);
			else
				embed_eight<false>(op, src, out, i);
		}
	}
	for (uint64_t i = first + thread; i < cols; i += step) {
		if (known)
			out[i] = embed_bits(op, src, i);
		else
			out[i] = id == -1 ? 0 : AIOS_NAN_F32;
	}
}
