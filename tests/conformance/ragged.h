/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ragged.h - ragged batches for tests: sequences with cached keys and new rows,
 * pages in a shuffled order, padding rows, unused slots full of NaN.
 */
#ifndef CT_RAGGED_H
#define CT_RAGGED_H

#include "harness.h"

#define RG_MAX_SEQS 8

struct rg_seq {
	uint32_t past, rows; /* keys in the cache before this step, rows of this step */
};

struct rg {
	struct rg_seq seqs[RG_MAX_SEQS];
	uint32_t n_seqs;
	uint32_t padding; /* rows of position -1 at the end */
	uint32_t page_size, n_kv_heads, head_dim, dtype;
	uint64_t order; /* seed of the page order */
	/* Made by rg_make(): */
	uint32_t n_tokens, n_pages, max_blocks, max_kv;
	int32_t *positions, *seq_ids, *seq_start, *seq_len, *table;
};

void rg_make(struct rg *r);

/* Element (key, head, d) of sequence s in a cache [n_pages][n_kv_heads][page_size][head_dim]. */
uint64_t rg_slot(const struct rg *r, uint32_t s, uint32_t key, uint32_t head, uint32_t d);
uint64_t rg_cache_elements(const struct rg *r);

/*
 * A host cache: keys below each sequence's length get values of (seed, sequence,
 * key, head, d) only; all other slots are 0xffff, a NaN. `with_rows` false: only
 * the keys of the past.
 */
uint16_t *rg_cache(const struct rg *r, enum ct_dist dist, uint64_t seed, bool with_rows);

/* The batch with its arrays on the device. */
struct aios_batch rg_batch(struct ct *t, const struct rg *r);

#endif /* CT_RAGGED_H */
