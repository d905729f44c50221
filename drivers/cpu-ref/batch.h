/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h - the arrays of a ragged batch, and where keys lie. */
#ifndef REF_BATCH_H
#define REF_BATCH_H

#include "ref.h"

static inline int32_t ref_position(const struct aios_batch *b, uint32_t row)
{
	return ((const int32_t *)ref_ptr(b->positions))[row];
}

static inline uint32_t ref_sequence(const struct aios_batch *b, uint32_t row)
{
	return (uint32_t)((const int32_t *)ref_ptr(b->seq_ids))[row];
}

/* Element index in k and v of the key at `position` of sequence `seq`, KV head `head`. */
static inline uint64_t ref_key_index(const struct aios_batch *b, const struct aios_kv_layer *kv,
				     uint32_t seq, uint32_t head, uint32_t position)
{
	const int32_t *table =
		(const int32_t *)ref_ptr(b->block_table) + (uint64_t)seq * b->max_blocks;
	uint64_t page = (uint32_t)table[position / kv->page_size];

	return ((page * kv->n_kv_heads + head) * kv->page_size + position % kv->page_size) *
	       kv->head_dim;
}

/*
 * Check the arrays before anything is written: sequences, positions, and the
 * pages of keys from `position - window + 1` (window 0: from 0) to the position
 * of each row. `window` 1 looks at the row's own key only.
 */
int ref_batch_check(const struct aios_batch *b, const struct aios_kv_layer *kv, uint32_t window,
		    struct aios_status *st);

#endif /* REF_BATCH_H */
