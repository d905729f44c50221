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

int batch_init(struct batch *b, struct mm_arena *arena, uint32_t max_tokens, uint32_t max_seqs,
	       uint32_t max_blocks, uint32_t max_logits, struct aios_status *st)
{
	uint64_t at = 0, ids, positions, seq_ids, seq_start, seq_len, logit_rows, sample, table;
	int rc;

	memset(b, 0, sizeof(*b));
	b->max_tokens = max_tokens;
	b->max_seqs = max_seqs;
	b->max_blocks = max_blocks;
	b->max_logits = max_logits;
	ids = region(&at, max_tokens, sizeof(int32_t));
	positions = region(&at, max_tokens, sizeof(int32_t));
	seq_ids = region(&at, max_tokens, sizeof(int32_t));
	seq_start = region(&at, max_seqs + 1ull, sizeof(int32_t));
	seq_len = region(&at, max_seqs, sizeof(int32_t));
	logit_rows = region(&at, max_logits, sizeof(int32_t));
	sample = region(&at, max_logits, sizeof(struct aios_sample_row));
	table = region(&at, (uint64_t)max_seqs * max_blocks, sizeof(int32_t));
	b->bytes = at;
	rc = mm_arena_alloc(arena, at, &b->device, st);
	if (rc < 0)
		return rc;
	b->host = calloc(1, at);
	if (!b->host)
		return aios_fail(st, -ENOMEM, "no host memory for the batch arrays");
	b->a.ids = (int32_t *)(void *)(b->host + ids);
	b->a.positions = (int32_t *)(void *)(b->host + positions);
	b->a.seq_ids = (int32_t *)(void *)(b->host + seq_ids);
	b->a.seq_start = (int32_t *)(void *)(b->host + seq_start);
	b->a.seq_len = (int32_t *)(void *)(b->host + seq_len);
	b->a.logit_rows = (int32_t *)(void *)(b->host + logit_rows);
	b->a.sample = (struct aios_sample_row *)(void *)(b->host + sample);
	b->a.block_table = (int32_t *)(void *)(b->host + table);
	return 0;
}

void batch_finish(struct batch *b)
{
	free(b->host);
	memset(b, 0, sizeof(*b));
}

void batch_clear(struct batch *b)
{
	b->n_tokens = 0;
	b->n_seqs = 0;
	b->n_logits = 0;
	b->max_q = 0;
	b->max_kv = 0;
	b->a.seq_start[0] = 0;
}

void batch_add_seq(struct batch *b, const int32_t *pages, uint32_t n_pages, uint32_t kv_len)
{
	uint32_t s = b->n_seqs++;

	memcpy(&b->a.block_table[(size_t)s * b->max_blocks], pages, n_pages * sizeof(*pages));
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

int batch_upload(struct batch *b, struct queue *q, struct aios_status *st)
{
	const char *end = (const char *)&b->a.block_table[(size_t)b->n_seqs * b->max_blocks];

	return queue_upload(q, b->device, b->host, (uint64_t)(end - b->host), st);
}

void batch_view(const struct batch *b, struct aios_batch *out)
{
	memset(out, 0, sizeof(*out));
	out->n_tokens = b->n_tokens;
	out->n_seqs = b->n_seqs;
	out->max_blocks = b->max_blocks;
	out->max_q = b->max_q;
	out->max_kv = b->max_kv;
	out->positions = batch_addr(b, b->a.positions);
	out->seq_ids = batch_addr(b, b->a.seq_ids);
	out->seq_start = batch_addr(b, b->a.seq_start);
	out->seq_len = batch_addr(b, b->a.seq_len);
	out->block_table = batch_addr(b, b->a.block_table);
}
