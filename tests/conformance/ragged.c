// SPDX-License-Identifier: Apache-2.0
/*
 * ragged.c - see ragged.h.
 */
#include "ragged.h"

static void rg_rows(struct rg *r)
{
	uint32_t s, i, row = 0, len;

	for (s = 0; s < r->n_seqs; s++) {
		r->seq_start[s] = (int32_t)row;
		len = r->seqs[s].past + r->seqs[s].rows;
		r->seq_len[s] = (int32_t)len;
		r->max_kv = len > r->max_kv ? len : r->max_kv;
		for (i = 0; i < r->seqs[s].rows; i++, row++) {
			r->positions[row] = (int32_t)(r->seqs[s].past + i);
			r->seq_ids[row] = (int32_t)s;
		}
	}
	r->seq_start[s] = (int32_t)row;
	for (; row < r->n_tokens; row++)
		r->positions[row] = r->seq_ids[row] = -1;
}

/* Deal the pages out in a shuffled order; some stay unused. */
static void rg_pages(struct rg *r)
{
	uint32_t s, b, i, j, next = 0, need = 0;
	int32_t *deck, swap;

	r->max_blocks = r->max_kv / r->page_size + 2;
	for (s = 0; s < r->n_seqs; s++)
		need += (uint32_t)r->seq_len[s] / r->page_size + 1;
	r->n_pages = need + 3;
	deck = ct_alloc(r->n_pages * sizeof(*deck));
	for (i = 0; i < r->n_pages; i++)
		deck[i] = (int32_t)i;
	for (i = r->n_pages - 1; i > 0 && r->order; i--) {
		j = (uint32_t)(ct_random(r->order, i) % (i + 1));
		swap = deck[i];
		deck[i] = deck[j];
		deck[j] = swap;
	}
	r->table = ct_alloc((uint64_t)r->n_seqs * r->max_blocks * sizeof(*r->table));
	for (s = 0; s < r->n_seqs; s++)
		for (b = 0; b < r->max_blocks; b++)
			r->table[s * r->max_blocks + b] =
				b * r->page_size < (uint32_t)r->seq_len[s] ? deck[next++] : -7;
}

void rg_make(struct rg *r)
{
	uint32_t s;

	r->n_tokens = r->padding;
	r->max_kv = 0;
	for (s = 0; s < r->n_seqs; s++)
		r->n_tokens += r->seqs[s].rows;
	r->positions = ct_alloc(r->n_tokens * 4);
	r->seq_ids = ct_alloc(r->n_tokens * 4);
	r->seq_start = ct_alloc((r->n_seqs + 1) * 4);
	r->seq_len = ct_alloc(r->n_seqs * 4);
	rg_rows(r);
	rg_pages(r);
}

uint64_t rg_slot(const struct rg *r, uint32_t s, uint32_t key, uint32_t head, uint32_t d)
{
	uint64_t page = (uint64_t)r->table[s * r->max_blocks + key / r->page_size];

	return ((page * r->n_kv_heads + head) * r->page_size + key % r->page_size) * r->head_dim +
	       d;
}

uint64_t rg_cache_elements(const struct rg *r)
{
	return (uint64_t)r->n_pages * r->n_kv_heads * r->page_size * r->head_dim;
}

uint16_t *rg_cache(const struct rg *r, enum ct_dist dist, uint64_t seed, bool with_rows)
{
	uint16_t *cache = ct_alloc(rg_cache_elements(r) * 2);
	uint32_t s, key, h, d, len;

	memset(cache, 0xff, rg_cache_elements(r) * 2);
	for (s = 0; s < r->n_seqs; s++) {
		len = r->seqs[s].past + (with_rows ? r->seqs[s].rows : 0);
		for (key = 0; key < len; key++)
			for (h = 0; h < r->n_kv_heads; h++)
				for (d = 0; d < r->head_dim; d++) {
					float x = ct_value(
						dist, r->dtype, seed + s * 1000003ull,
						(((uint64_t)key * r->n_kv_heads + h) << 10) + d);

					cache[rg_slot(r, s, key, h, d)] =
						r->dtype == AIOS_BF16 ? aios_f32_to_bf16(x) :
									aios_f32_to_f16(x);
				}
	}
	return cache;
}

struct aios_batch rg_batch(struct ct *t, const struct rg *r)
{
	struct aios_batch b = {
		.n_tokens = r->n_tokens,
		.n_seqs = r->n_seqs,
		.max_blocks = r->max_blocks,
		.max_q = r->n_tokens,
		.max_kv = r->max_kv,
	};

	b.positions = ct_in(t, r->positions, r->n_tokens * 4);
	b.seq_ids = ct_in(t, r->seq_ids, r->n_tokens * 4);
	b.seq_start = ct_in(t, r->seq_start, (r->n_seqs + 1) * 4);
	b.seq_len = ct_in(t, r->seq_len, r->n_seqs * 4);
	b.block_table = ct_in(t, r->table, (uint64_t)r->n_seqs * r->max_blocks * 4);
	return b;
}
