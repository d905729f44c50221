/* SPDX-License-Identifier: Apache-2.0 */
/*
 * argmax.cuh - the id of the largest logit. Blocks share a row; the op brings no scratch, so they
 * meet in ids[row] itself: it begins as "none", and a block puts its best id there as long as what
 * it finds is worse. Keys are distinct, so the order of blocks does not show.
 */
#include "keymax.cuh"

#define ARGMAX_NONE UINT32_MAX

/* One thread a row. */
GPU_KERNEL(256) gpu_argmax_start(const struct gpu_argmax_args a)
{
	uint32_t row = gpu_bx() * gpu_threads() + gpu_tid();

	gpu_grid_enter();
	if (row < a.op.logits.rows)
		((uint32_t *)gpu_ptr(a.op.ids))[row] = ARGMAX_NONE;
}

/* By one thread of each block of a row. */
GPU_FN void argmax_offer(uint32_t *id, const float *logits, uint64_t key)
{
	uint32_t own = aios_rank_id(key), expected = ARGMAX_NONE, found;

	for (;;) {
		found = gpu_swap_if(id, expected, own);
		if (found == expected || aios_rank_key(logits[found], found) > key)
			return;
		expected = found;
	}
}

/* Grid: rows, parts of a row. */
GPU_KERNEL(512) gpu_argmax(const struct gpu_argmax_args a)
{
	struct gpu_argmax_shared *s = (struct gpu_argmax_shared *)gpu_shared();
	uint32_t row = gpu_bx(), n = a.op.logits.cols;
	const float *logits = (const float *)gpu_row(&a.op.logits, row);
	uint32_t *id = (uint32_t *)gpu_ptr(a.op.ids) + row;
	uint64_t key;

	gpu_grid_enter();
	key = keymax_part(s->keys, logits, n, gpu_by(), gpu_grid_y());
	if (gpu_tid() != 0)
		return;
	if (gpu_grid_y() == 1)
		*id = aios_rank_id(key);
	else
		argmax_offer(id, logits, key);
}
