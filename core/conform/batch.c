// SPDX-License-Identifier: Apache-2.0
/* batch.c - ragged batches as buffers. */
#include <string.h>

#include "core/conform/gen.h"

static void measure(struct gen_batch *b)
{
	b->n_tokens = b->padding;
	b->max_blocks = 1;
	b->max_q = b->max_kv = 1;
	for (uint32_t s = 0; s < b->n_seqs; s++) {
		uint32_t len = b->seqs[s].past + b->seqs[s].rows;
		uint32_t blocks = (len + b->page_size - 1) / b->page_size;

		b->n_tokens += b->seqs[s].rows;
		b->max_blocks = blocks > b->max_blocks ? blocks : b->max_blocks;
		b->max_q = b->seqs[s].rows > b->max_q ? b->seqs[s].rows : b->max_q;
		b->max_kv = len > b->max_kv ? len : b->max_kv;
	}
	b->max_blocks++; /* a column that nobody needs */
}

void gen_batch_make(struct prog *p, struct gen_batch *b)
{
	int32_t *positions, *ids, *start, *len, *table;
	uint32_t row = 0;

	measure(b);
	b->positions = gen_ints(p, "positions", 1, b->n_tokens, &positions);
	b->seq_ids = gen_ints(p, "seq_ids", 1, b->n_tokens, &ids);
	b->seq_start = gen_ints(p, "seq_start", 1, b->n_seqs + 1, &start);
	b->seq_len = gen_ints(p, "seq_len", 1, b->n_seqs, &len);
	/* Dense, whatever its width: a row of the table is max_blocks numbers. */
	b->table = gen_ints(p, "block_table", 1, b->n_seqs * b->max_blocks, &table);
	if (!positions || !ids || !start || !len || !table)
		return;
	memset(table, 0xff, (size_t)b->n_seqs * b->max_blocks * sizeof(*table));
	for (uint32_t s = 0; s < b->n_seqs; s++) {
		const struct gen_seq *seq = &b->seqs[s];
		uint32_t keys = seq->past + seq->rows, i;

		start[s] = (int32_t)row;
		len[s] = (int32_t)keys;
		for (i = 0; i * b->page_size < keys; i++)
			table[s * b->max_blocks + i] = (int32_t)seq->pages[i];
		for (i = 0; i < seq->rows; i++, row++) {
			positions[row] = (int32_t)(seq->past + i);
			ids[row] = (int32_t)s;
		}
	}
	start[b->n_seqs] = (int32_t)row;
	for (; row < b->n_tokens; row++) {
		positions[row] = -1;
		ids[row] = -1;
	}
}

void gen_batch_put(struct prog *p, struct aios_batch *out, const struct gen_batch *b)
{
	out->n_tokens = b->n_tokens;
	out->n_seqs = b->n_seqs;
	out->max_blocks = b->max_blocks;
	out->max_q = b->max_q;
	out->max_kv = b->max_kv;
	prog_addr(p, &out->positions, b->positions, 0);
	prog_addr(p, &out->seq_ids, b->seq_ids, 0);
	prog_addr(p, &out->seq_start, b->seq_start, 0);
	prog_addr(p, &out->seq_len, b->seq_len, 0);
	prog_addr(p, &out->block_table, b->table, 0);
}
