/* SPDX-License-Identifier: Apache-2.0 */
/* argmax.cuh - the id of the largest logit. One row a block. */
#include "keymax.cuh"

GPU_KERNEL(512) gpu_argmax(const struct gpu_argmax_args a)
{
	struct gpu_argmax_shared *s = (struct gpu_argmax_shared *)gpu_shared();
	uint32_t row = gpu_bx();
	uint32_t id =
		keymax_argmax(s->keys, (const float *)gpu_row(&a.op.logits, row), a.op.logits.cols);

	if (gpu_tid() == 0)
		((int32_t *)gpu_ptr(a.op.ids))[row] = (int32_t)id;
}
