/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft_seq.h - what a draft model knows about one request: its pages in the draft
 * model's own pool, and of which tokens they hold keys and values. Pure: no device.
 * Guesses are computed before it is known whether they are right, so of what was
 * fed the part that did not come true is forgotten by draft_seq_settle().
 */
#ifndef CORE_ENGINE_DRAFT_SEQ_H
#define CORE_ENGINE_DRAFT_SEQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mm/pages.h"

#define DRAFT_MOST 16u /* guesses at most */

/* Zero-initialise it. */
struct draft_seq {
	int32_t *pages;
	size_t cap_pages;
	uint32_t n_pages;
	uint32_t have;           /* tokens whose KV is in the pages */
	uint32_t known;          /* of these, so many were the request's; the rest are guesses: */
	int32_t fed[DRAFT_MOST]; /* [have - known] */
	bool given_up;           /* the pool was exhausted under it: no more guesses */
};

/* Forget what was fed beyond the first guess that differs from tokens[0, n); how many are left. */
uint32_t draft_seq_settle(struct draft_seq *s, const int32_t *tokens, uint32_t n);

/*
 * Pages for `n_pages` in all. A sequence that has none takes all or nothing; one that has some
 * and cannot grow gives them up for good, so that others can. False: there are none.
 */
bool draft_seq_reserve(struct draft_seq *s, struct mm_pages *pool, uint32_t n_pages);

/* Give the pages back and forget everything but that it has given up. */
void draft_seq_drop(struct draft_seq *s, struct mm_pages *pool);

void draft_seq_finish(struct draft_seq *s); /* its pages were given back; takes a zeroed one */

/* A request's part in a round of guesses. */
struct draft_row {
	void *who;
	uint32_t rows; /* to compute before the first guess: tokens without KV, at least one */
	uint32_t most; /* guesses; 0: it only catches up */
};

/*
 * Share `room` rows and `spare` guesses among rows[0, n): who lacks least comes first, so that a long
 * prompt delays nobody else; who cannot have all its rows gets what is left and guesses nothing yet.
 * Guesses are shared evenly. What is left over leaves the list; the rest is ordered by falling
 * `most`. How many remain.
 */
uint32_t draft_share(struct draft_row *rows, uint32_t n, uint32_t room, uint32_t spare);

#endif /* CORE_ENGINE_DRAFT_SEQ_H */
