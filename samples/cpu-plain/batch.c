// SPDX-License-Identifier: Apache-2.0
/* batch.c - rows of a ragged batch, and where their keys lie. */
#include "driver.h"

int32_t drv_position(const struct aios_batch *b, uint32_t row)
{
	return ((const int32_t *)drv_ptr(b->positions))[row];
}

int64_t drv_key(const struct aios_batch *b, const struct aios_kv_layer *kv, uint32_t row,
		uint32_t head, uint32_t position)
{
	int32_t seq = ((const int32_t *)drv_ptr(b->seq_ids))[row], page;
	uint32_t block = position / kv->page_size;

	if (seq < 0 || (uint32_t)seq >= b->n_seqs || block >= b->max_blocks)
		return -1;
	page = ((const int32_t *)drv_ptr(b->block_table))[(uint64_t)seq * b->max_blocks + block];
	if (page < 0 || (uint32_t)page >= kv->n_pages)
		return -1;
	return (int64_t)((((uint64_t)page * kv->n_kv_heads + head) * kv->page_size +
			  position % kv->page_size) *
			 kv->head_dim);
}
