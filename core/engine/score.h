/* SPDX-License-Identifier: Apache-2.0 */
/*
 * score.h - log-probabilities of prompts. Row p of a prompt, scored, tells of token p + 1. Its
 * logits take a logits row of the step like those that tokens are drawn from, so a chunk of
 * such a prompt is cut to the rows that are left: the logits of a prompt are never there at once.
 * LOGPROBS computes the values; the rank of a token that is not among the best is counted here.
 */
#ifndef CORE_ENGINE_SCORE_H
#define CORE_ENGINE_SCORE_H

#include "core/engine/forward.h"
#include "core/engine/request.h"
#include "core/engine/step.h"

struct aios_engine;

/* Is row `at` to be scored? */
static inline bool score_wants(const struct request *r, uint32_t at)
{
	return r->prompt_logprobs >= 0 && at >= r->scored && at + 1 < r->n_prompt;
}

/* Rows to be scored among the request's next `rows`. */
uint32_t score_rows(const struct request *r, uint32_t rows);

/* As many of the next `rows` as take one logits row and `spare` more at most. */
uint32_t score_fit(const struct request *r, uint32_t rows, uint32_t spare);

/* How much of `spare` those take. */
uint32_t score_spare(const struct request *r, uint32_t rows);

/* The member's next scored row has this logits row. */
void score_add(struct member *m, uint32_t row);

/* What the member's scored rows want of the tail. */
void score_tail(struct aios_engine *e, const struct member *m);

/* Upload the tokens that scored rows are asked about. */
int score_upload(struct aios_engine *e, struct aios_status *st);

/* The tail of a step with scored rows. */
int score_launch(struct aios_engine *e, struct graph_run *run, struct aios_status *st);

/* The step is done, its logits are still there: count the ranks that the best do not tell. */
int score_rank(struct aios_engine *e, struct aios_status *st);

/* Queue the events of the member's scored rows. -ENOMEM: its status says so. */
int score_tell(struct aios_engine *e, const struct member *m);

#endif /* CORE_ENGINE_SCORE_H */
