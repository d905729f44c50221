// SPDX-License-Identifier: Apache-2.0
/*
 * batch.c - see batch.h.
 */
#include "batch.h"

static int batch_check_pages(const struct aios_batch *b, const struct aios_kv_layer *kv,
			     uint32_t row, uint32_t first, uint32_t last, struct aios_status *st)
{
	uint32_t seq = ref_sequence(b, row), block;
	const int32_t *table =
		(const int32_t *)ref_ptr(b->block_table) + (uint64_t)seq * b->max_blocks;

	if (last / kv->page_size >= b->max_blocks)
		return aios_fail(st, -EINVAL, "row %u: key %u lies past the %u blocks of %u keys",
				 row, last, b->max_blocks, kv->page_size);
	for (block = first / kv->page_size; block <= last / kv->page_size; block++)
		if (table[block] < 0 || (uint32_t)table[block] >= kv->n_pages)
			return aios_fail(
				st, -EINVAL,
				"row %u: block %u of sequence %u is page %d, expected 0 to %u", row,
				block, seq, table[block], kv->n_pages - 1);
	return 0;
}

static int batch_check_row(const struct aios_batch *b, uint32_t row, struct aios_status *st)
{
	const int32_t *start = ref_ptr(b->seq_start), *len = ref_ptr(b->seq_len);
	int32_t position = ref_position(b, row), seq = (int32_t)ref_sequence(b, row);

	if (position < -1)
		return aios_fail(st, -EINVAL, "row %u: position %d, expected -1 or more", row,
				 position);
	if (position == -1)
		return 0;
	if (seq < 0 || (uint32_t)seq >= b->n_seqs)
		return aios_fail(st, -EINVAL, "row %u: sequence %d, expected 0 to %u", row, seq,
				 b->n_seqs - 1);
	if ((int32_t)row < start[seq] || (int32_t)row >= start[seq + 1])
		return aios_fail(st, -EINVAL,
				 "row %u is of sequence %d, whose rows are %d up to %d (seq_start)",
				 row, seq, start[seq], start[seq + 1]);
	if (position >= len[seq])
		return aios_fail(st, -EINVAL,
				 "row %u: position %d, but sequence %d has %d keys (seq_len)", row,
				 position, seq, len[seq]);
	return 0;
}

int ref_batch_check(const struct aios_batch *b, const struct aios_kv_layer *kv, uint32_t window,
		    struct aios_status *st)
{
	uint32_t row, p, first;
	int ret;

	for (row = 0; row < b->n_tokens; row++) {
		ret = batch_check_row(b, row, st);
		if (ret)
			return ret;
		if (ref_position(b, row) == -1)
			continue;
		p = (uint32_t)ref_position(b, row);
		first = window && p >= window ? p - window + 1 : 0;
		/* A prefill's next row of the same sequence sees the same pages and one key more. */
		if (row && ref_sequence(b, row) == ref_sequence(b, row - 1) &&
		    ref_position(b, row - 1) == (int32_t)p - 1)
			first = p;
		ret = batch_check_pages(b, kv, row, first, p, st);
		if (ret)
			return ret;
	}
	return 0;
}
