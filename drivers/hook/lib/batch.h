/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h - the arrays of a ragged batch, in host memory: are they right, and which pages do they use? */
#ifndef HOOK_BATCH_H
#define HOOK_BATCH_H

#include <aios/error.h>
#include <aios/op.h>

/* Host copies of what a struct aios_batch points to. */
struct hook_batch {
	const int32_t *positions, *seq_ids; /* [n_tokens] */
	const int32_t *seq_start;           /* [n_seqs + 1] */
	const int32_t *seq_len;             /* [n_seqs] */
	int32_t *block_table;               /* [n_seqs][max_blocks] */
};

/*
 * A set of pages with a number for each, from 0 in the order they were added.
 * Zero-initialise it, then hook_pages_init(); hook_pages_free() takes a zeroed one.
 */
struct hook_pages {
	int32_t *number; /* [n_pages]: of a page, or -1 */
	int32_t *pages;  /* [n]: the pages */
	uint32_t n, n_pages;
};

int hook_pages_init(struct hook_pages *p, uint32_t n_pages, struct aios_status *st);
void hook_pages_free(struct hook_pages *p);
/* `page` is within n_pages. */
void hook_pages_add(struct hook_pages *p, int32_t page);

/*
 * Check the arrays against <aios/op.h>: sequences, positions and their order,
 * seq_start, seq_len, and the page of every key that a row sees (`window` as
 * hook_op_window() says). -EINVAL names the first thing that is wrong. `used`
 * (may be NULL) collects the pages.
 */
int hook_batch_check(const struct aios_batch *b, const struct aios_kv_layer *kv,
		     const struct hook_batch *a, uint32_t window, struct hook_pages *used,
		     struct aios_status *st);

/* Check the pairs of COPY_PAGES: pages in range, no dst is another pair's src or dst. */
int hook_pairs_check(const struct aios_kv_layer *kv, const int32_t *pairs, uint32_t n,
		     struct hook_pages *used, struct aios_status *st);

#endif /* HOOK_BATCH_H */
