/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - one request's life: its tokens, its pages, its text, its state.
 * A request for n answers is n of these: the first computes the prompt, the
 * others share its pages.
 */
#ifndef CORE_ENGINE_REQUEST_H
#define CORE_ENGINE_REQUEST_H

#include <aios/aios.h>

#include "core/engine/draft_seq.h"
#include "core/engine/event.h"
#include "core/engine/propose.h"
#include "core/engine/swap.h"
#include "core/engine/text.h"
#include "core/engine/tokenizer.h"
#include "core/mm/pages.h"

#define REQUEST_TIMELINE 32u /* transitions that are remembered with their time */
#define REQUEST_NO_SLOT UINT32_MAX
#define REQUEST_DRAFTS DRAFT_MOST

struct request {
	struct request *next; /* in the list of held ones, or of the inbox */
	struct request *hash_next;
	uint64_t id;
	void *user;
	uint32_t choice; /* number of the answer, from 0 */
	uint32_t slot;   /* the scheduler's name for it, or REQUEST_NO_SLOT */
	enum aios_request_state state;
	enum aios_end_reason
		ending; /* set in a step: how it ends when the step is done; 0: it goes on */
	enum aios_end_reason reason; /* once it has ended */
	struct aios_status status;   /* once FAILED */

	uint32_t tenant;
	int32_t priority;
	uint64_t deadline_ns;
	uint32_t space; /* of the prefix cache, when it has one */
	bool has_space;
	char *salt;       /* owned; NULL: none */
	bool no_cache;    /* uses no cached KV and leaves none */
	uint64_t touched; /* step whose copies concern it: it falls with that step */

	struct aios_sampling sampling;
	int32_t top_logprobs;
	int32_t prompt_logprobs; /* -1: none */
	uint32_t scored; /* leading rows of the prompt that have told of the token after them */
	bool ignore_eos;
	struct aios_token_bias *bias;
	uint32_t n_bias;

	int32_t *tokens; /* prompt, then output */
	size_t cap_tokens;
	uint32_t n_prompt, n_tokens;
	uint32_t limit;    /* n_tokens never exceeds it */
	uint32_t computed; /* tokens whose KV is in the pages, or swapped out */
	uint32_t redo;     /* rows below this are computed again after a drop */

	int32_t *pages; /* -1: given back, no row sees it any more */
	size_t cap_pages;
	uint32_t n_pages;
	uint32_t n_gone; /* leading pages that are -1 */
	bool shared;     /* some page may have another holder too */
	uint32_t pin;    /* of the prefix cache, while it has pages from there */
	struct swap_slots swapped;

	struct request *leader;     /* its prompt's pages are to be shared, or NULL */
	struct request **followers; /* [n_followers]: of a leader; NULL where one went its own way */
	uint32_t n_followers;

	struct beams *beams; /* the search that it is a beam of, or NULL */
	double score;        /* of a beam that has ended */

	struct propose propose;
	struct draft_seq draft_seq;    /* what the draft model has of it */
	int32_t draft[REQUEST_DRAFTS]; /* guesses of the tokens after the newest */
	uint32_t n_draft;

	struct aios_token_count *counts; /* distinct tokens, when penalties need them */
	size_t n_counts, cap_counts;
	uint32_t *count_of; /* [vocabulary]: index into counts + 1, 0: not there */

	struct aios_detokenizer *detok; /* NULL without a tokenizer */
	struct text_out text;
	struct aios_usage usage;
	uint64_t entered_ns;    /* the state it is in */
	uint64_t last_token_ns; /* when its newest token came */
	struct aios_transition timeline[REQUEST_TIMELINE];
	uint32_t n_timeline; /* all transitions; the last REQUEST_TIMELINE are there */
	struct aios_transition told[REQUEST_TIMELINE]; /* what its END event shows */
	struct queued_event end;                       /* its END event */
};

/* Move to `to` at time `now`; -EINVAL for a transition that is not legal (a bug, never silent). */
int request_transition(struct request *r, enum aios_request_state to, uint64_t now);

/* Can a request in state `from` move to `to`? */
bool request_may(enum aios_request_state from, enum aios_request_state to);

static inline bool request_ended(const struct request *r)
{
	return r->state >= AIOS_REQUEST_FINISHED;
}

/* Rows of its prompt have yet to tell the log-probability of the token after them. */
static inline bool request_unscored(const struct request *r)
{
	return r->prompt_logprobs >= 0 && r->scored + 1 < r->n_prompt;
}

/* True in the states in which it has pages and takes part in steps. */
static inline bool request_running(const struct request *r)
{
	return r->state == AIOS_REQUEST_PREFILLING || r->state == AIOS_REQUEST_DECODING;
}

/*
 * Copy what the caller asked for. `ids` is the tokenized prompt (ownership moves
 * here on success); `limit` as above; `vocab` sizes the penalty index.
 */
int request_create(const struct aios_request *req, int32_t *ids, uint32_t n_ids, uint32_t limit,
		   uint32_t vocab, struct aios_tokenizer *tok, struct request **out,
		   struct aios_status *st);
void request_destroy(struct request *r); /* takes NULL; its pages were given back */

/* Give back pages [0, n_pages). */
void request_give_pages(struct request *r, struct mm_pages *pages);

/* Give back leading pages below place `first`: no row to come sees them. */
void request_give_leading(struct request *r, struct mm_pages *pages, uint32_t first);

/* Give back the last pages, so that `n` are left. */
void request_give_trailing(struct request *r, struct mm_pages *pages, uint32_t n);

/* Of its pages, those that come back when it lets go. */
uint32_t request_own_pages(const struct request *r, const struct mm_pages *pages);

/* True when some penalty needs the token counts. */
bool request_has_penalties(const struct request *r);

/* Append an output token: to the tokens and, when needed, the counts. 0 or -ENOMEM. */
int request_append(struct request *r, int32_t id);

/* A follower forgets its leader, and is forgotten by it. */
void request_leave(struct request *r);

/* Forget leader and followers, so that neither side keeps a pointer. */
void request_part(struct request *r);

/* Copy the remembered transitions, oldest first, to out[REQUEST_TIMELINE]; how many. */
uint32_t request_timeline(const struct request *r, struct aios_transition *out);

#endif /* CORE_ENGINE_REQUEST_H */
