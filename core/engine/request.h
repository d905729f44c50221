/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - one request's life: its tokens, its pages, its text, its state.
 *
 *	QUEUED -> PREFILL -> DECODE -> ENDED
 *
 * and from each state to ENDED (cancelled, failed). Every request ends once, with
 * a reason; its end event is what frees it.
 */
#ifndef CORE_ENGINE_REQUEST_H
#define CORE_ENGINE_REQUEST_H

#include <aios/aios.h>

#include "core/engine/event.h"
#include "core/engine/text.h"
#include "core/engine/tokenizer.h"
#include "core/mm/pages.h"

enum request_state {
	REQUEST_QUEUED = 0,
	REQUEST_PREFILL = 1, /* has pages; some prompt tokens have no KV yet */
	REQUEST_DECODE = 2,  /* one row a step */
	REQUEST_ENDED = 3,
	REQUEST_STATES
};

struct request {
	struct request *next; /* in its list */
	uint64_t id;
	void *user;
	enum request_state state;
	enum aios_end_reason reason; /* once ENDED */
	struct aios_status status;   /* once ENDED with an error */

	struct aios_sampling sampling;
	int32_t top_logprobs;
	bool ignore_eos;
	struct aios_token_bias *bias;
	uint32_t n_bias;

	int32_t *tokens; /* prompt, then output */
	size_t cap_tokens;
	uint32_t n_prompt, n_tokens;
	uint32_t limit;    /* n_tokens never exceeds it */
	uint32_t computed; /* tokens whose KV is in the cache */

	int32_t *pages; /* enough for `limit` once admitted */
	uint32_t n_pages;

	struct aios_token_count *counts; /* distinct tokens, when penalties need them */
	size_t n_counts, cap_counts;
	uint32_t *count_of; /* [vocabulary]: index into counts + 1, 0: not there */

	struct aios_detokenizer *detok; /* NULL without a tokenizer */
	struct text_out text;
	struct aios_usage usage;
	struct queued_event end; /* its END event */
};

/* Move to `to`; -EINVAL for a transition that is not legal (a bug, never silent). */
int request_transition(struct request *r, enum request_state to);

/*
 * Copy what the caller asked for. `ids` is the tokenized prompt (ownership moves
 * here on success); `limit` as above; `vocab` sizes the penalty index.
 */
int request_create(const struct aios_request *req, int32_t *ids, uint32_t n_ids, uint32_t limit,
		   uint32_t vocab, struct aios_tokenizer *tok, struct request **out,
		   struct aios_status *st);
void request_destroy(struct request *r); /* takes NULL; its pages were given back */

/* Take `n` pages, all or nothing; give them back. */
int request_take_pages(struct request *r, struct mm_pages *pages, uint32_t n);
void request_give_pages(struct request *r, struct mm_pages *pages);

/* True when some penalty needs the token counts. */
bool request_has_penalties(const struct request *r);

/* Append an output token: to the tokens and, when needed, the counts. 0 or -ENOMEM. */
int request_append(struct request *r, int32_t id);

#endif /* CORE_ENGINE_REQUEST_H */
