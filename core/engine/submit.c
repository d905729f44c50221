// SPDX-License-Identifier: Apache-2.0
/* submit.c - from a caller's struct to a request that the engine knows, or to its refusal. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/beams.h"
#include "core/engine/engine.h"

#define MAX_CHOICES 128u

/* The prompt as ids: the caller's or tokenized. malloc'ed. */
static int submit_ids(struct aios_engine *e, const struct aios_request *req, int32_t **ids,
		      size_t *n, struct aios_status *st)
{
	if (req->text && !e->tokenizer)
		return aios_fail(st, -EINVAL,
				 "%s has no tokenizer.json; give the prompt as token ids",
				 e->plan.model);
	if (req->text)
		return aios_tokenize(e->tokenizer, req->text, req->text_len, AIOS_ENCODE_SPECIAL,
				     ids, n, st);
	*n = req->n_ids;
	*ids = malloc((*n ? *n : 1) * sizeof(**ids));
	if (!*ids)
		return aios_fail(st, -ENOMEM, "no memory for a prompt of %zu tokens", *n);
	if (*n > 0)
		memcpy(*ids, req->ids, *n * sizeof(**ids));
	return 0;
}

int engine_check_ids(const struct aios_engine *e, const int32_t *ids, size_t n,
		     struct aios_status *st)
{
	if (n == 0)
		return aios_fail(st, -EINVAL, "the prompt is empty; it needs one token at least");
	if (n > e->plan.context_length)
		return aios_fail(st, -E2BIG,
				 "the prompt has %zu tokens, the context %u "
				 "(engine.context_length)",
				 n, e->plan.context_length);
	for (size_t i = 0; i < n; i++) {
		if (ids[i] < 0 || (uint32_t)ids[i] >= e->source.info.vocab_size)
			return aios_fail(st, -EINVAL,
					 "token id %d at position %zu is outside the vocabulary of "
					 "%u",
					 ids[i], i, e->source.info.vocab_size);
	}
	return 0;
}

static int check_bias(const struct aios_engine *e, const struct aios_request *req,
		      struct aios_status *st)
{
	for (uint32_t i = 0; i < req->n_bias; i++) {
		if (req->bias[i].id < 0 || (uint32_t)req->bias[i].id >= e->source.info.vocab_size)
			return aios_fail(st, -EINVAL,
					 "logit bias for token id %d, which is outside the "
					 "vocabulary of %u",
					 req->bias[i].id, e->source.info.vocab_size);
		if (isnan(req->bias[i].bias))
			return aios_fail(st, -EINVAL, "logit bias for token id %d is not a number",
					 req->bias[i].id);
	}
	return 0;
}

static int submit_check(const struct aios_engine *e, const struct aios_request *req,
			struct aios_status *st)
{
	int rc;

	if (req->size < sizeof(*req))
		return aios_fail(st, -EINVAL,
				 "aios_request.size is %u, not %zu: use "
				 "AIOS_REQUEST_INIT",
				 req->size, sizeof(*req));
	if (req->top_logprobs < -1 || req->top_logprobs > MAX_TOP_LOGPROBS)
		return aios_fail(st, -EINVAL, "top_logprobs is %d; -1 (none) to %d is possible",
				 req->top_logprobs, MAX_TOP_LOGPROBS);
	if (req->prompt_logprobs < -1 || req->prompt_logprobs > MAX_TOP_LOGPROBS)
		return aios_fail(st, -EINVAL, "prompt_logprobs is %d; -1 (none) to %d is possible",
				 req->prompt_logprobs, MAX_TOP_LOGPROBS);
	if (req->n > MAX_CHOICES)
		return aios_fail(st, -EINVAL, "n is %u; up to %u answers to a prompt are possible",
				 req->n, MAX_CHOICES);
	if (req->priority < -100 || req->priority > 100)
		return aios_fail(st, -EINVAL, "priority is %d; -100 to 100 is possible",
				 req->priority);
	if (req->tenant >= e->config.max_tenants)
		return aios_fail(st, -EINVAL, "tenant %u: there are %u (engine.max_tenants)",
				 req->tenant, e->config.max_tenants);
	rc = beams_check(req, req->ignore_eos ? 0 : e->source.n_eos, e->source.info.vocab_size, st);
	if (rc == 0)
		rc = check_bias(e, req, st);
	return rc < 0 ? rc : e->sampler->check(&req->sampling, st);
}

/* Tokens that each of the beams may have in all, as far as the pages go; at least those of the prompt. */
static uint64_t beams_pool(const struct aios_engine *e, uint32_t beams, uint64_t n)
{
	uint64_t shared = e->kv.window ? 0 : n / e->plan.page_size;
	uint64_t pages = e->plan.kv_pages, fixed = shared + beams;

	return pages > fixed ? (shared + (pages - fixed) / beams) * e->plan.page_size : 0;
}

/* Tokens the sequence may have in all. */
static int submit_limit(const struct aios_engine *e, const struct aios_request *req, size_t n,
			uint32_t *limit, struct aios_status *st)
{
	uint64_t pool = (uint64_t)e->plan.kv_pages * e->plan.page_size;
	uint64_t most = e->plan.context_length;

	if (req->beams > 0)
		pool = beams_pool(e, req->beams, n);
	if (req->max_tokens && n + (uint64_t)req->max_tokens < most)
		most = n + (uint64_t)req->max_tokens;
	if (n >= most)
		return aios_fail(st, -E2BIG,
				 "the prompt has %zu tokens and leaves no room for an answer: the "
				 "context has %u (engine.context_length)",
				 n, e->plan.context_length);
	if (n >= pool || (req->max_tokens && most > pool))
		return aios_fail(st, -ENOSPC,
				 "the request may need %" PRIu64 " tokens of KV cache, which has "
				 "room for %" PRIu64 " in all%s (engine.kv_memory)",
				 most, pool, req->beams ? " for each beam" : "");
	*limit = (uint32_t)(most < pool ? most : pool);
	return 0;
}

/* Count the answers in, unless that were more than the queue takes. */
static int submit_count(struct aios_engine *e, uint32_t n, struct aios_status *st)
{
	uint32_t queued = atomic_fetch_add(&e->queued, n);

	if (queued + n <= e->config.max_queue)
		return 0;
	atomic_fetch_sub(&e->queued, n);
	return aios_fail(st, -AIOS_NOT_NOW,
			 "the queue is full: %u requests wait, %u may (engine.max_queue)", queued,
			 e->config.max_queue);
}

/* How many a request gets. */
static uint32_t answers(const struct aios_request *req)
{
	if (req->beams > 0)
		return req->beams;
	return req->n ? req->n : 1;
}

static void destroy_chain(struct request *chain)
{
	struct request *next;

	for (; chain; chain = next) {
		next = chain->next;
		request_destroy(chain);
	}
}

/* Answers 1 .. n-1, which follow the first. */
static int create_followers(struct aios_engine *e, const struct aios_request *req,
			    struct request *first, uint32_t n, struct aios_status *st)
{
	struct request **end = &first->next, *r;
	int32_t *ids;
	int rc;

	first->followers = calloc(n, sizeof(struct request *));
	if (!first->followers)
		return aios_fail(st, -ENOMEM, "no memory for %u answers", n);
	for (uint32_t i = 1; i < n; i++) {
		ids = malloc(first->n_prompt * sizeof(*ids));
		if (!ids)
			return aios_fail(st, -ENOMEM, "no memory for %u answers", n);
		memcpy(ids, first->tokens, first->n_prompt * sizeof(*ids));
		rc = request_create(req, ids, first->n_prompt, first->limit,
				    e->source.info.vocab_size, e->tokenizer, &r, st);
		if (rc < 0) {
			free(ids);
			return rc;
		}
		r->choice = i;
		r->prompt_logprobs = -1; /* the first tells them */
		r->leader = first;
		first->followers[first->n_followers++] = r;
		*end = r;
		end = &r->next;
	}
	return 0;
}

static int create_chain(struct aios_engine *e, const struct aios_request *req, struct request **out,
			struct aios_status *st)
{
	struct request *r = NULL;
	int32_t *ids = NULL;
	uint32_t limit = 0;
	size_t n = 0;
	int rc = submit_ids(e, req, &ids, &n, st);

	if (rc == 0)
		rc = engine_check_ids(e, ids, n, st);
	if (rc == 0)
		rc = submit_limit(e, req, n, &limit, st);
	if (rc == 0)
		rc = request_create(req, ids, (uint32_t)n, limit, e->source.info.vocab_size,
				    e->tokenizer, &r, st);
	if (rc < 0) {
		free(ids);
		return rc;
	}
	if (answers(req) > 1)
		rc = create_followers(e, req, r, answers(req), st);
	if (rc == 0 && req->beams > 0 &&
	    beams_create(req, req->ignore_eos ? 0 : e->source.n_eos, r) < 0)
		rc = aios_fail(st, -ENOMEM, "no memory for %u beams", req->beams);
	if (rc < 0) {
		destroy_chain(r);
		return rc;
	}
	*out = r;
	return 0;
}

static void known(struct aios_engine *e, struct request *r)
{
	struct request **bucket = &e->hash[r->id & (e->hash_size - 1)];

	while (*bucket)
		bucket = &(*bucket)->hash_next;
	*bucket = r;
	e->alive++;
	e->stats.submitted++;
	e->stats.states[AIOS_REQUEST_QUEUED]++;
}

int engine_arrive(struct aios_engine *e, struct request *chain, struct aios_status *st)
{
	struct request *r, *next;
	int rc = 0;

	for (r = chain; r && rc == 0; r = r->next)
		rc = prefix_space(&e->prefix, e->plan.model, e->plan.numerics_id, r, st);
	if (rc == 0)
		rc = sched_arrive(e, chain, st);
	if (rc < 0) {
		for (r = chain; r; r = r->next)
			prefix_space_put(&e->prefix, r);
		return rc;
	}
	next = chain->next;
	chain->next = NULL;
	known(e, chain);
	while ((r = next) != NULL) {
		next = r->next;
		r->next = NULL;
		known(e, r);
		if (r->beams) /* it goes where the first beam goes */
			continue;
		r->next = e->held;
		e->held = r;
	}
	return 0;
}

/* To the thread that owns the engine: this one, or the engine's own. */
static int submit_chain(struct aios_engine *e, struct request *chain, struct aios_status *st)
{
	const struct inbox_message message = { .submit = chain };

	if (!e->thread.running)
		return engine_arrive(e, chain, st);
	if (!inbox_push(&e->inbox, &message))
		return aios_fail(st, -AIOS_NOT_NOW, "the engine's inbox is full");
	return 0;
}

static int submit(struct aios_engine *e, const struct aios_request *req, uint32_t n, uint64_t *id,
		  struct aios_status *st)
{
	struct request *chain = NULL;
	int rc = engine_check(e, st);

	if (rc == 0)
		rc = submit_check(e, req, st);
	if (rc == 0)
		rc = create_chain(e, req, &chain, st);
	if (rc < 0)
		return rc;
	rc = submit_count(e, n, st);
	if (rc < 0)
		goto destroy;
	*id = atomic_fetch_add(&e->next_id, 1);
	for (struct request *r = chain; r; r = r->next)
		r->id = *id;
	rc = submit_chain(e, chain, st);
	if (rc == 0)
		return 0;
	atomic_fetch_sub(&e->queued, n);

destroy:
	destroy_chain(chain);
	return rc;
}

int aios_submit(struct aios_engine *e, const struct aios_request *req, uint64_t *id,
		struct aios_status *st)
{
	uint32_t n = answers(req);
	struct aios_status own;
	int rc = submit(e, req, n, id, st ? st : &own);

	if (rc < 0)
		atomic_fetch_add(&e->refused, n);
	return rc;
}

int aios_cancel(struct aios_engine *e, uint64_t id)
{
	const struct inbox_message message = { .cancel = id };

	if (id == 0 || id >= atomic_load(&e->next_id))
		return -ENOENT;
	return inbox_push(&e->inbox, &message) ? 0 : -AIOS_NOT_NOW;
}
