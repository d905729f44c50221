// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/engine/beams.h"
#include "core/engine/request.h"
#include "core/lib/array.h"
#include "core/lib/clock.h"

#define CONTEXT_IDS 16u /* prompt tokens that tell the detokenizer where the answer begins */

#define BIT(state) (1u << AIOS_REQUEST_##state)
#define ENDS (BIT(FAILED) | BIT(CANCELLED))

/* Legal transitions: bit `to` of row `from`. */
static const uint16_t legal[AIOS_REQUEST_STATES] = {
	[AIOS_REQUEST_QUEUED] = BIT(PREFILLING) | ENDS,
	[AIOS_REQUEST_PREFILLING] = BIT(DECODING) | BIT(SWAPPED) | BIT(DROPPED) | ENDS,
	[AIOS_REQUEST_DECODING] = BIT(SWAPPED) | BIT(DROPPED) | BIT(FINISHED) | ENDS,
	[AIOS_REQUEST_SWAPPED] = BIT(PREFILLING) | BIT(DECODING) | BIT(DROPPED) | ENDS,
	[AIOS_REQUEST_DROPPED] = BIT(PREFILLING) | ENDS,
	[AIOS_REQUEST_FINISHED] = 0,
	[AIOS_REQUEST_FAILED] = 0,
	[AIOS_REQUEST_CANCELLED] = 0,
};

bool request_may(enum aios_request_state from, enum aios_request_state to)
{
	return legal[from] >> to & 1;
}

/* Charge the time since the last transition to the state that is left. */
static void charge_state(struct request *r, uint64_t now)
{
	uint64_t spent = now - r->entered_ns;

	switch (r->state) {
	case AIOS_REQUEST_QUEUED:
		r->usage.queued_ns += spent;
		break;
	case AIOS_REQUEST_PREFILLING:
		r->usage.prefill_ns += spent;
		break;
	case AIOS_REQUEST_DECODING:
		r->usage.decode_ns += spent;
		break;
	case AIOS_REQUEST_SWAPPED:
	case AIOS_REQUEST_DROPPED:
		r->usage.preempted_ns += spent;
		break;
	default:
		break;
	}
	r->entered_ns = now;
}

static void remember(struct request *r, enum aios_request_state to, uint64_t now)
{
	r->timeline[r->n_timeline++ % REQUEST_TIMELINE] =
		(struct aios_transition){ now, to, r->computed };
}

int request_transition(struct request *r, enum aios_request_state to, uint64_t now)
{
	if (!request_may(r->state, to))
		return -EINVAL;
	charge_state(r, now);
	remember(r, to, now);
	if (to == AIOS_REQUEST_PREFILLING && !r->usage.started)
		r->usage.started = now;
	if (to == AIOS_REQUEST_SWAPPED || to == AIOS_REQUEST_DROPPED)
		r->usage.preemptions += r->state != AIOS_REQUEST_SWAPPED;
	r->state = to;
	if (request_ended(r))
		r->usage.finished = now;
	return 0;
}

uint32_t request_timeline(const struct request *r, struct aios_transition *out)
{
	uint32_t n = r->n_timeline < REQUEST_TIMELINE ? r->n_timeline : REQUEST_TIMELINE;

	for (uint32_t i = 0; i < n; i++)
		out[i] = r->timeline[(r->n_timeline - n + i) % REQUEST_TIMELINE];
	return n;
}

bool request_has_penalties(const struct request *r)
{
	const struct aios_sampling *s = &r->sampling;

	return (s->repetition != 1.0f && s->repetition != 0.0f) || s->frequency != 0.0f ||
	       s->presence != 0.0f;
}

/* Count a token: in the prompt (0 more) or in the output (1 more). */
static int count_token(struct request *r, int32_t id, uint32_t more)
{
	uint32_t at = r->count_of[id];

	if (at == 0) {
		if (array_reserve((void **)&r->counts, &r->cap_counts, r->n_counts + 1,
				  sizeof(*r->counts)) < 0)
			return -ENOMEM;
		r->counts[r->n_counts] = (struct aios_token_count){ id, 0 };
		at = (uint32_t)++r->n_counts;
		r->count_of[id] = at;
	}
	r->counts[at - 1].count += more;
	return 0;
}

static int copy_bias(struct request *r, const struct aios_request *req)
{
	if (req->n_bias == 0)
		return 0;
	r->bias = calloc(req->n_bias, sizeof(*r->bias));
	if (!r->bias)
		return -ENOMEM;
	for (uint32_t i = 0; i < req->n_bias; i++)
		r->bias[i] = (struct aios_token_bias){ req->bias[i].id, req->bias[i].bias };
	r->n_bias = req->n_bias;
	return 0;
}

static int count_prompt(struct request *r, uint32_t vocab)
{
	int rc = 0;

	if (!request_has_penalties(r))
		return 0;
	r->count_of = calloc(vocab, sizeof(*r->count_of));
	if (!r->count_of)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->n_prompt && rc == 0; i++)
		rc = count_token(r, r->tokens[i], 0);
	return rc;
}

/* Tell the detokenizer what stands before the answer, without its text. */
static int open_text(struct request *r, struct aios_tokenizer *tok, bool keep_special,
		     struct aios_status *st)
{
	uint32_t from = r->n_prompt > CONTEXT_IDS ? r->n_prompt - CONTEXT_IDS : 0;
	const char *text;
	size_t len;
	int rc;

	if (!tok)
		return 0;
	rc = detokenizer_open(tok, keep_special ? 0 : AIOS_DECODE_SKIP_SPECIAL, &r->detok, st);
	for (uint32_t i = from; i < r->n_prompt && rc == 0; i++) {
		/* Ids that only the model knows (padding of its vocabulary) have no text. */
		rc = detokenizer_push(r->detok, r->tokens[i], &text, &len, NULL);
		if (rc == -EINVAL)
			rc = 0;
	}
	return rc;
}

int request_create(const struct aios_request *req, int32_t *ids, uint32_t n_ids, uint32_t limit,
		   uint32_t vocab, struct aios_tokenizer *tok, struct request **out,
		   struct aios_status *st)
{
	struct request *r = calloc(1, sizeof(*r));
	int rc = -ENOMEM;

	if (!r)
		return aios_fail(st, -ENOMEM, "no memory for a request");
	r->user = req->user;
	r->sampling = req->sampling;
	r->top_logprobs = req->top_logprobs;
	r->prompt_logprobs = req->prompt_logprobs;
	r->ignore_eos = req->ignore_eos;
	r->tokens = ids;
	r->cap_tokens = n_ids;
	r->n_prompt = n_ids;
	r->n_tokens = n_ids;
	r->limit = limit;
	r->usage.prompt_tokens = n_ids;
	r->slot = REQUEST_NO_SLOT;
	r->tenant = req->tenant;
	r->priority = req->priority;
	r->deadline_ns = req->deadline_ns;
	r->no_cache = req->no_cache;
	r->usage.submitted = clock_ns();
	r->entered_ns = r->usage.submitted;
	remember(r, AIOS_REQUEST_QUEUED, r->usage.submitted);
	aios_status_clear(st);
	rc = text_init(&r->text, req->stop, req->n_stop);
	if (rc == 0)
		rc = copy_bias(r, req);
	if (rc == 0)
		rc = count_prompt(r, vocab);
	if (rc == 0 && req->cache_salt) {
		r->salt = strdup(req->cache_salt);
		rc = r->salt ? 0 : -ENOMEM;
	}
	if (rc == 0)
		rc = open_text(r, tok, req->keep_special, st);
	if (rc < 0) {
		r->tokens = NULL; /* still the caller's */
		request_destroy(r);
		return st && st->code ? rc : aios_fail(st, rc, "no memory for a request");
	}
	*out = r;
	return 0;
}

void request_give_pages(struct request *r, struct mm_pages *pages)
{
	for (uint32_t i = r->n_gone; i < r->n_pages; i++)
		mm_pages_put(pages, r->pages[i]);
	r->n_pages = 0;
	r->n_gone = 0;
	r->shared = false;
}

void request_give_leading(struct request *r, struct mm_pages *pages, uint32_t first)
{
	for (; r->n_gone < first && r->n_gone < r->n_pages; r->n_gone++) {
		mm_pages_put(pages, r->pages[r->n_gone]);
		r->pages[r->n_gone] = -1;
	}
}

void request_give_trailing(struct request *r, struct mm_pages *pages, uint32_t n)
{
	while (r->n_pages > n && r->n_pages > r->n_gone)
		mm_pages_put(pages, r->pages[--r->n_pages]);
}

uint32_t request_own_pages(const struct request *r, const struct mm_pages *pages)
{
	uint32_t own = 0;

	if (!r->shared)
		return r->n_pages - r->n_gone;
	for (uint32_t i = r->n_gone; i < r->n_pages; i++)
		own += pages->refs[r->pages[i]] == 1;
	return own;
}

void request_part(struct request *r)
{
	for (uint32_t i = 0; i < r->n_followers; i++) {
		if (r->followers[i])
			r->followers[i]->leader = NULL;
	}
	r->n_followers = 0;
	request_leave(r);
}

void request_leave(struct request *r)
{
	if (!r->leader)
		return;
	for (uint32_t i = 0; i < r->leader->n_followers; i++) {
		if (r->leader->followers[i] == r)
			r->leader->followers[i] = NULL;
	}
	r->leader = NULL;
}

void request_destroy(struct request *r)
{
	if (!r)
		return;
	beams_leave(r);
	propose_finish(&r->propose);
	draft_seq_finish(&r->draft_seq);
	detokenizer_close(r->detok);
	text_finish(&r->text);
	free(r->swapped.slots);
	free(r->followers);
	free(r->salt);
	free(r->count_of);
	free(r->counts);
	free(r->bias);
	free(r->pages);
	free(r->tokens);
	free(r);
}

int request_append(struct request *r, int32_t id)
{
	int rc = array_reserve((void **)&r->tokens, &r->cap_tokens, (size_t)r->n_tokens + 1,
			       sizeof(*r->tokens));

	if (rc == 0 && r->count_of)
		rc = count_token(r, id, 1);
	if (rc < 0)
		return rc;
	r->tokens[r->n_tokens++] = id;
	r->usage.completion_tokens++;
	return 0;
}
