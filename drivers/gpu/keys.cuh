/* SPDX-License-Identifier: Apache-2.0 */
/* keys.cuh - the arrays of a ragged batch, and where keys lie. */
#ifndef GPU_KEYS_CUH
#define GPU_KEYS_CUH

#include "gpu.h"

GPU_FN int32_t keys_position(const struct aios_batch &b, uint32_t row)
{
	return ((const int32_t *)gpu_ptr(b.positions))[row];
}

/* Not to be used for a padding row. */
GPU_FN uint32_t keys_sequence(const struct aios_batch &b, uint32_t row)
{
	return (uint32_t)((const int32_t *)gpu_ptr(b.seq_ids))[row];
}

/* Page of the key at `position`; may be -1 where no visible key lies. */
GPU_FN int32_t keys_page(const struct aios_batch &b, const struct aios_kv_layer &kv, uint32_t seq,
			 uint32_t position)
{
	return ((const int32_t *)gpu_ptr(
		b.block_table))[(uint64_t)seq * b.max_blocks + position / kv.page_size];
}

/* Element index in k and v of the key at `position` of KV head `head`, in `page`. */
GPU_FN uint64_t keys_in_page(const struct aios_kv_layer &kv, uint32_t page, uint32_t head,
			     uint32_t position)
{
	return (((uint64_t)page * kv.n_kv_heads + head) * kv.page_size + position % kv.page_size) *
	       kv.head_dim;
}

GPU_FN uint64_t keys_index(const struct aios_batch &b, const struct aios_kv_layer &kv, uint32_t seq,
			   uint32_t head, uint32_t position)
{
	return keys_in_page(kv, (uint32_t)keys_page(b, kv, seq, position), head, position);
}

#endif /* GPU_KEYS_CUH */
