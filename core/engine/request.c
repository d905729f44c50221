// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/engine/request.h"
#include "core/lib/array.h"
#include "core/lib/clock.h"

#define CONTEXT_IDS 16u /* prompt tokens that tell the detokenizer where the answer begins */

/* Legal transitions: bit `to` of row `from`. */
static const uint8_t legal[REQUEST_STATES] = {
	[REQUEST_QUEUED] = 1u << REQUEST_PREFILL | 1u << REQUEST_ENDED,
	[REQUEST_PREFILL] = 1u << REQUEST_DECODE | 1u << REQUEST_ENDED,
	[REQUEST_DECODE] = 1u << REQUEST_ENDED,
	[REQUEST_ENDED] = 0,
};

int request_transition(struct request *r, enum request_state to)
{
	if (!(legal[r->state] & 1u << to))
		return -EINVAL;
	r->state = to;
	if (to == REQUEST_PREFILL)
		r->usage.started = clock_ns();
	if (to == REQUEST_ENDED)
		r->usage.finished = clock_ns();
	return 0;
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
	r->ignore_eos = req->ignore_eos;
	r->tokens = ids;
	r->cap_tokens = n_ids;
	r->n_prompt = n_ids;
	r->n_tokens = n_ids;
	r->limit = limit;
	r->usage.prompt_tokens = n_ids;
	r->usage.submitted = clock_ns();
	aios_status_clear(st);
	rc = text_init(&r->text, req->stop, req->n_stop);
	if (rc == 0)
		rc = copy_bias(r, req);
	if (rc == 0)
		rc = count_prompt(r, vocab);
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

int request_take_pages(struct request *r, struct mm_pages *pages, uint32_t n)
{
	int rc;

	r->pages = malloc((n ? n : 1) * sizeof(*r->pages));
	if (!r->pages)
		return -ENOMEM;
	rc = mm_pages_alloc(pages, n, r->pages);
	if (rc < 0) {
		free(r->pages);
		r->pages = NULL;
		return rc;
	}
	r->n_pages = n;
	return 0;
}

void request_give_pages(struct request *r, struct mm_pages *pages)
{
	for (uint32_t i = 0; i < r->n_pages; i++)
		mm_pages_put(pages, r->pages[i]);
	r->n_pages = 0;
}

void request_destroy(struct request *r)
{
	if (!r)
		return;
	detokenizer_close(r->detok);
	text_finish(&r->text);
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
