/* SPDX-License-Identifier: Apache-2.0 */
/*
 * propose.h - guesses of the next tokens from the sequence itself (prompt look-up): the
 * longest of its last few tokens that were there before, and what followed then. Pure:
 * a guess is a function of the tokens. Guesses are verified by the step that computes
 * them, so a bad one costs a row and nothing else.
 */
#ifndef CORE_ENGINE_PROPOSE_H
#define CORE_ENGINE_PROPOSE_H

#include <stdint.h>

#define PROPOSE_SHORTEST 2u /* tokens that must have been there before */
#define PROPOSE_LONGEST 4u  /* tokens that are looked for at most */

/* Where each run of tokens was last. Zero-initialise it; one for each sequence, which only grows. */
struct propose {
	uint32_t *table;  /* [size]: end of a run and its length, 0: empty */
	uint32_t size;    /* a power of two, or 0 */
	uint32_t indexed; /* runs that end before this are in the table */
};

void propose_finish(struct propose *p);

/*
 * Up to `most` tokens that may follow tokens[0, n) into out[]; how many. Of the runs of 4, 3, 2
 * tokens at the end the first that was there before counts, at its latest place. O(1) a new token;
 * without memory for the table there are no guesses.
 */
uint32_t propose(struct propose *p, const int32_t *tokens, uint32_t n, uint32_t most, int32_t *out);

#endif /* CORE_ENGINE_PROPOSE_H */
