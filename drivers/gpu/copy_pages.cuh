/* SPDX-License-Identifier: Apache-2.0 */
/* copy_pages.cuh - page dst = page src. Grid: pairs, parts of a page, K and V. */
#include "rows.cuh"

GPU_KERNEL(256) gpu_copy_pages(const struct gpu_copy_pages_args a)
{
	const struct aios_op_copy_pages &op = a.op;
	const int32_t *pair = (const int32_t *)gpu_ptr(op.pairs) + 2 * (uint64_t)gpu_bx();
	uint64_t bytes = (uint64_t)op.kv.n_kv_heads * op.kv.page_size * op.kv.head_dim * 2;
	uint64_t step = (uint64_t)gpu_threads() * gpu_grid_y();
	unsigned char *base = gpu_ptr(gpu_bz() ? op.kv.v : op.kv.k);
	int32_t src, dst;

	gpu_grid_enter();
	src = pair[0];
	dst = pair[1];
	if (src == dst || src < 0 || dst < 0 || (uint32_t)src >= op.kv.n_pages ||
	    (uint32_t)dst >= op.kv.n_pages)
		return;
	for (uint64_t i = (uint64_t)gpu_by() * gpu_threads() + gpu_tid(); i < bytes / 16; i += step)
		((struct gpu_vec *)(base + (uint64_t)dst * bytes))[i] =
			gpu_load16(base + (uint64_t)src * bytes + 16 * i);
}
