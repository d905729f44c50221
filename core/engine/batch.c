// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/engine/batch.h"
#include "core/lib/array.h"

/* Reserve `n` elements of `size` bytes at *at; returns the offset. */
static uint64_t region(uint64_t *at, uint64_t n, uint64_t size)
{
	uint64_t offset = *at;

	*at = align_up(offset + n * size, 64);
	return offset;
}

/* Point the arrays of a layout into the mirror; returns the layout's bytes. `a` may be NULL. */
static uint64_t lay_out(const struct batch_size *s, char *host, struct batch_arrays *a)
{
	uint64_t at = 0, word = sizeof(int32_t);
	uint64_t ids = region(&at, s->tokens, word);
	uint64_t positions = region(&at, s->tokens, word);
	uint64_t seq_ids = region(&at, s->tokens, word);
	uint64_t seq_start = region(&at, s->seqs + 1ull, word);
	uint64_t seq_len = region(&at, s->seqs, word);
	uint64_t logit_rows = region(&at, s->logits, word);
	uint64_t sample = region(&at, s->logits, sizeof(struct aios_sample_row));
	uint64_t table = region(&at, (uint64_t)s->seqs * s->blocks, word);

	if (!a)
		return at;
	a->ids = (int32_t *)(void *)(host + ids);
	a->positions = (int32_t *)(void *)(host + positions);
	a->seq_ids = (int32_t *)(void *)(host + seq_ids);
	a->seq_start = (int32_t *)(void *)(host + seq_start);
	a->seq_len = (int32_t *)(void *)(host + seq_len);
	a->logit_rows = (int32_t *)(void *)(host + logit_rows);
	a->sample = (struct aios_sample_row *)(void *)(host + sample);
	a->block_table = (int32_t *)(void *)(host + table);
	return at;
}

/* Pinned memory makes the upload asynchronous and cheap; without it the driver stages. */
static void pin_mirror(struct batch *b, struct device *dev)
{
	struct aios_heap_info heap;

	if (device_heap_info(dev, AIOS_HEAP_PINNED, &heap, NULL) < 0 || heap.total == 0 ||
	    device_alloc(dev, AIOS_HEAP_PINNED, 2 * b->bytes, "the batch arrays", &b->pinned,
			 NULL) < 0)
		return;
	if (!b->pinned.host) {
		device_free(dev, &b->pinned);
		return;
	}
	b->owner = device_get(dev);
	b->mirrors = b->pinned.host;
	memset(b->mirrors, 0, 2 * b->bytes);
}

int batch_init(struct batch *b, struct mm_arena *arena, const struct batch_size *max,
	       struct aios_status *st)
{
	int rc;

	memset(b, 0, sizeof(*b));
	b->max = *max;
	b->bytes = lay_out(max, NULL, NULL);
	rc = mm_arena_alloc(arena, b->bytes, &b->device, st);
	if (rc < 0)
		return rc;
	if (arena->device)
		pin_mirror(b, arena->device);
	if (!b->mirrors)
		b->mirrors = calloc(2, b->bytes);
	if (!b->mirrors)
		return aios_fail(st, -ENOMEM, "no host memory for the batch arrays");
	batch_begin(b, max);
	return 0;
}

void batch_finish(struct batch *b)
{
	if (b->owner) {
		device_free(b->owner, &b->pinned);
		device_put(b->owner);
	} else {
		free(b->mirrors);
	}
	memset(b, 0, sizeof(*b));
}

void batch_begin(struct batch *b, const struct batch_size *size)
{
	b->turn ^= 1;
	b->host = b->mirrors + b->turn * b->bytes;
	b->size = *size;
	b->used = lay_out(size, b->host, &b->a);
	b->n_tokens = 0;
	b->n_seqs = 0;
	b->n_logits = 0;
	b->max_q = 0;
	b->max_kv = 0;
	b->a.seq_start[0] = 0;
}

void batch_add_seq(struct batch *b, const int32_t *pages, uint32_t n_gone, uint32_t n_pages,
		   uint32_t kv_len)
{
	uint32_t s = b->n_seqs++;
	int32_t *table = &b->a.block_table[(size_t)s * b->size.blocks];

	memset(table, 0, n_gone * sizeof(*table));
	memcpy(table + n_gone, pages + n_gone, (n_pages - n_gone) * sizeof(*pages));
	b->a.seq_start[s] = (int32_t)b->n_tokens;
	b->a.seq_start[s + 1] = (int32_t)b->n_tokens;
	b->a.seq_len[s] = (int32_t)kv_len;
	if (kv_len > b->max_kv)
		b->max_kv = kv_len;
}

void batch_add_row(struct batch *b, int32_t id, uint32_t position)
{
	uint32_t t = b->n_tokens++, s = b->n_seqs - 1, q;

	b->a.ids[t] = id;
	b->a.positions[t] = (int32_t)position;
	b->a.seq_ids[t] = (int32_t)s;
	b->a.seq_start[s + 1] = (int32_t)b->n_tokens;
	q = b->n_tokens - (uint32_t)b->a.seq_start[s];
	if (q > b->max_q)
		b->max_q = q;
}

uint32_t batch_add_logits(struct batch *b)
{
	b->a.logit_rows[b->n_logits] = (int32_t)b->n_tokens - 1;
	return b->n_logits++;
}

void batch_pad(struct batch *b)
{
	uint32_t t;

	while (b->n_seqs < b->size.seqs) {
		t = b->n_tokens++;
		b->a.ids[t] = -1;
		b->a.positions[t] = -1;
		b->a.seq_ids[t] = (int32_t)b->n_seqs;
		b->a.seq_len[b->n_seqs] = 0;
		memset(&b->a.block_table[(size_t)b->n_seqs * b->size.blocks], 0,
		       b->size.blocks * sizeof(int32_t));
		b->a.seq_start[++b->n_seqs] = (int32_t)b->n_tokens;
		b->a.logit_rows[b->n_logits] = -1;
		memset(&b->a.sample[b->n_logits++], 0, sizeof(*b->a.sample));
	}
}

int batch_upload(struct batch *b, struct queue *q, struct aios_status *st)
{
	return queue_upload(q, b->device, b->host, b->used, st);
}

void batch_view(const struct batch *b, struct aios_batch *out)
{
	memset(out, 0, sizeof(*out));
	out->n_tokens = b->n_tokens;
	out->n_seqs = b->n_seqs;
	out->max_blocks = b->size.blocks;
	out->max_q = b->max_q;
	out->max_kv = b->max_kv;
	out->positions = batch_addr(b, b->a.positions);
	out->seq_ids = batch_addr(b, b->a.seq_ids);
	out->seq_start = batch_addr(b, b->a.seq_start);
	out->seq_len = batch_addr(b, b->a.seq_len);
	out->block_table = batch_addr(b, b->a.block_table);
}
