// SPDX-License-Identifier: Apache-2.0
/* batch.c - see batch.h. */
#include "lib/batch.h"

#include <stdlib.h>
#include <string.h>

int hook_pages_init(struct hook_pages *p, uint32_t n_pages, struct aios_status *st)
{
	p->n = 0;
	p->n_pages = n_pages;
	p->number = malloc((n_pages ? n_pages : 1) * sizeof(*p->number));
	p->pages = malloc((n_pages ? n_pages : 1) * sizeof(*p->pages));
	if (!p->number || !p->pages) {
		hook_pages_free(p);
		return aios_fail(st, -ENOMEM, "no memory to look at %u pages", n_pages);
	}
	memset(p->number, 0xff, n_pages * sizeof(*p->number));
	return 0;
}

void hook_pages_free(struct hook_pages *p)
{
	free(p->number);
	free(p->pages);
	memset(p, 0, sizeof(*p));
}

void hook_pages_add(struct hook_pages *p, int32_t page)
{
	if (p->number[page] >= 0)
		return;
	p->number[page] = (int32_t)p->n;
	p->pages[p->n++] = page;
}

static int check_seqs(const struct aios_batch *b, const struct hook_batch *a,
		      struct aios_status *st)
{
	for (uint32_t s = 0; s < b->n_seqs; s++) {
		int32_t first = a->seq_start[s], end = a->seq_start[s + 1];

		if (first < 0 || end < first || (uint32_t)end > b->n_tokens)
			return aios_fail(st, -EINVAL,
					 "seq_start of sequence %u is %d, of the next %d; expected "
					 "ascending numbers up to the %u rows",
					 s, first, end, b->n_tokens);
		if ((uint32_t)(end - first) > b->max_q)
			return aios_fail(st, -EINVAL, "sequence %u has %d rows, max_q says %u", s,
					 end - first, b->max_q);
		if (a->seq_len[s] < 0 || (uint32_t)a->seq_len[s] > b->max_kv)
			return aios_fail(st, -EINVAL, "seq_len of sequence %u is %d, max_kv is %u",
					 s, a->seq_len[s], b->max_kv);
	}
	return 0;
}

static int check_row(const struct aios_batch *b, const struct hook_batch *a, uint32_t row,
		     struct aios_status *st)
{
	int32_t position = a->positions[row], seq = a->seq_ids[row];

	if (position < -1)
		return aios_fail(st, -EINVAL, "row %u has position %d, expected -1 or more", row,
				 position);
	if (position == -1)
		return 0;
	if (seq < 0 || (uint32_t)seq >= b->n_seqs)
		return aios_fail(st, -EINVAL, "row %u is of sequence %d, expected 0 to %u", row,
				 seq, b->n_seqs - 1);
	if ((int32_t)row < a->seq_start[seq] || (int32_t)row >= a->seq_start[seq + 1])
		return aios_fail(st, -EINVAL,
				 "row %u is of sequence %d, whose rows are %d up to %d (seq_start)",
				 row, seq, a->seq_start[seq], a->seq_start[seq + 1]);
	if (position >= a->seq_len[seq])
		return aios_fail(st, -EINVAL,
				 "row %u has position %d, but sequence %d has %d keys (seq_len)",
				 row, position, seq, a->seq_len[seq]);
	if (row > 0 && a->seq_ids[row - 1] == seq && a->positions[row - 1] >= position)
		return aios_fail(st, -EINVAL,
				 "row %u of sequence %d has position %d after %d; expected "
				 "ascending positions",
				 row, seq, position, a->positions[row - 1]);
	return 0;
}

/* Pages of keys first..last of the row's sequence. */
static int check_pages(const struct aios_batch *b, const struct aios_kv_layer *kv,
		       const struct hook_batch *a, uint32_t row, uint32_t first, uint32_t last,
		       struct hook_pages *used, struct aios_status *st)
{
	const int32_t *table = a->block_table + (size_t)a->seq_ids[row] * b->max_blocks;

	if (last / kv->page_size >= b->max_blocks)
		return aios_fail(st, -EINVAL, "row %u: key %u lies past the %u blocks of %u keys",
				 row, last, b->max_blocks, kv->page_size);
	for (uint32_t block = first / kv->page_size; block <= last / kv->page_size; block++) {
		if (table[block] < 0 || (uint32_t)table[block] >= kv->n_pages)
			return aios_fail(st, -EINVAL,
					 "row %u: block %u of sequence %d is page %d, expected 0 "
					 "to %u",
					 row, block, a->seq_ids[row], table[block],
					 kv->n_pages - 1);
		if (used)
			hook_pages_add(used, table[block]);
	}
	return 0;
}

int hook_batch_check(const struct aios_batch *b, const struct aios_kv_layer *kv,
		     const struct hook_batch *a, uint32_t window, struct hook_pages *used,
		     struct aios_status *st)
{
	int rc = b->n_tokens ? check_seqs(b, a, st) : 0;

	if (rc == 0 && b->n_tokens && (!kv->page_size || !kv->n_pages))
		return aios_fail(st, -EINVAL, "kv has %u pages of %u keys", kv->n_pages,
				 kv->page_size);
	for (uint32_t row = 0; row < b->n_tokens && rc == 0; row++) {
		uint32_t p, first;

		rc = check_row(b, a, row, st);
		if (rc < 0 || a->positions[row] == -1)
			continue;
		p = (uint32_t)a->positions[row];
		first = window && p >= window ? p - window + 1 : 0;
		/* The next row of a prefill sees one key more than the one before. */
		if (row && a->seq_ids[row] == a->seq_ids[row - 1] &&
		    a->positions[row - 1] == (int32_t)p - 1)
			first = p;
		rc = check_pages(b, kv, a, row, first, p, used, st);
	}
	return rc;
}

int hook_pairs_check(const struct aios_kv_layer *kv, const int32_t *pairs, uint32_t n,
		     struct hook_pages *used, struct aios_status *st)
{
	struct hook_pages written = { 0 };
	int rc = hook_pages_init(&written, kv->n_pages, st);

	for (uint32_t i = 0; i < n && rc == 0; i++) {
		const int32_t *pair = pairs + 2 * (size_t)i;

		for (int k = 0; k < 2 && rc == 0; k++) {
			if (pair[k] < 0 || (uint32_t)pair[k] >= kv->n_pages)
				rc = aios_fail(st, -EINVAL, "pair %u has page %d, expected 0 to %u",
					       i, pair[k], kv->n_pages - 1);
			else if (used)
				hook_pages_add(used, pair[k]);
		}
		if (rc == 0 && written.number[pair[1]] >= 0)
			rc = aios_fail(st, -EINVAL, "pair %u writes page %d a second time", i,
				       pair[1]);
		if (rc == 0)
			hook_pages_add(&written, pair[1]);
	}
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		const int32_t *pair = pairs + 2 * (size_t)i;

		if (pair[0] != pair[1] && written.number[pair[0]] >= 0)
			rc = aios_fail(st, -EINVAL,
				       "pair %u reads page %d, which another pair writes", i,
				       pair[0]);
	}
	hook_pages_free(&written);
	return rc;
}
