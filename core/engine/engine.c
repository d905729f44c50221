// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/aios.h"
#include "core/engine/engine.h"
#include "core/lib/array.h"
#include "core/lib/clock.h"

void request_list_init(struct request_list *l)
{
	l->first = NULL;
	l->end = &l->first;
	l->n = 0;
}

void request_list_add(struct request_list *l, struct request *r)
{
	r->next = NULL;
	*l->end = r;
	l->end = &r->next;
	l->n++;
}

bool request_list_remove(struct request_list *l, struct request *r)
{
	struct request **at = &l->first;

	while (*at && *at != r)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = r->next;
	if (!r->next)
		l->end = at;
	l->n--;
	return true;
}

/* What the detokenizer and the stop texts still hold back belongs to the answer. */
static void end_text(struct request *r, const char **text, size_t *len)
{
	if (!r->detok || r->text.stopped || r->usage.completion_tokens == 0)
		return;
	if (detokenizer_flush(r->detok, text, len, NULL) < 0)
		*len = 0;
	if (text_end(&r->text, *text, *len, text, len) < 0)
		*len = 0;
}

void engine_end(struct aios_engine *e, struct request *r, enum aios_end_reason reason,
		const struct aios_status *st)
{
	const char *text = "";
	size_t len = 0;

	if (r->state == REQUEST_ENDED)
		return;
	if (!request_list_remove(&e->running, r))
		request_list_remove(&e->waiting, r);
	request_give_pages(r, &e->kv.pages);
	request_transition(r, REQUEST_ENDED);
	r->reason = reason;
	if (st)
		r->status = *st;
	end_text(r, &text, &len);
	event_push_end(&e->events, r, text, len);
}

void engine_admit(struct aios_engine *e)
{
	struct request *r;
	int rc;

	while ((r = e->waiting.first) != NULL && e->running.n < e->plan.max_batch_size) {
		rc = request_take_pages(r, &e->kv.pages, kv_pages_for(&e->kv, r->limit));
		if (rc == -AIOS_EXHAUSTED && e->running.n > 0)
			return; /* a running request will give pages back */
		if (rc < 0) {
			struct aios_status st;

			aios_status_clear(&st);
			aios_fail(&st, rc, "no memory for the request's list of pages");
			engine_end(e, r, AIOS_END_ERROR, &st);
			continue;
		}
		request_list_remove(&e->waiting, r);
		request_transition(r, REQUEST_PREFILL);
		request_list_add(&e->running, r);
	}
}

/* Requests that aios_cancel() named since the last call. */
static void engine_take_cancels(struct aios_engine *e)
{
	struct request *r;

	pthread_mutex_lock(&e->cancel_lock);
	for (size_t i = 0; i < e->n_cancels; i++) {
		r = engine_find(e, e->cancels[i]);
		if (r)
			engine_end(e, r, AIOS_END_CANCELLED, NULL);
	}
	e->n_cancels = 0;
	pthread_mutex_unlock(&e->cancel_lock);
}

struct request *engine_find(struct aios_engine *e, uint64_t id)
{
	for (struct request *r = e->running.first; r; r = r->next) {
		if (r->id == id)
			return r;
	}
	for (struct request *r = e->waiting.first; r; r = r->next) {
		if (r->id == id)
			return r;
	}
	return NULL;
}

int aios_cancel(struct aios_engine *e, uint64_t id)
{
	int rc = 0;

	pthread_mutex_lock(&e->cancel_lock);
	if (id == 0 || id >= atomic_load(&e->next_id))
		rc = -ENOENT;
	if (rc == 0)
		rc = array_reserve((void **)&e->cancels, &e->cap_cancels, e->n_cancels + 1,
				   sizeof(*e->cancels));
	if (rc == 0)
		e->cancels[e->n_cancels++] = id;
	pthread_mutex_unlock(&e->cancel_lock);
	return rc;
}

void aios_engine_interrupt(struct aios_engine *e)
{
	atomic_store(&e->interrupted, true);
}

void engine_log(struct aios_engine *e, int level, const char *fmt, ...)
{
	char line[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	e->aios->log(e->aios->log_ctx, level, "engine", line);
}

static int engine_check(struct aios_engine *e, struct aios_status *st)
{
	aios_status_clear(st);
	if (e->broken.code == 0)
		return 0;
	if (st)
		*st = e->broken;
	return e->broken.code;
}

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

static int submit_check(const struct aios_engine *e, const struct aios_request *req,
			struct aios_status *st)
{
	if (req->size < sizeof(*req))
		return aios_fail(st, -EINVAL,
				 "aios_request.size is %u, not %zu: use "
				 "AIOS_REQUEST_INIT",
				 req->size, sizeof(*req));
	if (req->top_logprobs < -1 || req->top_logprobs > MAX_TOP_LOGPROBS)
		return aios_fail(st, -EINVAL, "top_logprobs is %d; -1 (none) to %d is possible",
				 req->top_logprobs, MAX_TOP_LOGPROBS);
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
	return e->sampler->check(&req->sampling, st);
}

/* Tokens the sequence may have in all. */
static int submit_limit(const struct aios_engine *e, const struct aios_request *req, size_t n,
			uint32_t *limit, struct aios_status *st)
{
	uint64_t pool = (uint64_t)e->plan.kv_pages * e->plan.page_size;
	uint64_t most = e->plan.context_length;

	if (req->max_tokens && n + (uint64_t)req->max_tokens < most)
		most = n + (uint64_t)req->max_tokens;
	if (most > pool)
		most = pool;
	if (n >= most)
		return aios_fail(st, -E2BIG,
				 "the prompt has %zu tokens and leaves no room for an answer: the "
				 "context has %u (engine.context_length) and the KV cache %" PRIu64,
				 n, e->plan.context_length, pool);
	*limit = (uint32_t)most;
	return 0;
}

int aios_submit(struct aios_engine *e, const struct aios_request *req, uint64_t *id,
		struct aios_status *st)
{
	struct request *r;
	int32_t *ids = NULL;
	uint32_t limit = 0;
	size_t n = 0;
	int rc = engine_check(e, st);

	if (rc == 0)
		rc = submit_check(e, req, st);
	if (rc == 0)
		rc = submit_ids(e, req, &ids, &n, st);
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
	r->id = atomic_fetch_add(&e->next_id, 1);
	*id = r->id;
	request_list_add(&e->waiting, r);
	return 0;
}

int aios_poll(struct aios_engine *e, struct aios_event *event, uint64_t deadline_ns,
	      struct aios_status *st)
{
	struct aios_status own;
	struct queued_event *ev;
	int rc = 0;

	if (!st)
		st = &own;
	aios_status_clear(st);
	for (;;) {
		engine_take_cancels(e);
		ev = event_pop(&e->events);
		if (ev) {
			*event = ev->event;
			return 1;
		}
		if (atomic_exchange(&e->interrupted, false))
			return -EINTR;
		rc = engine_check(e, st);
		if (rc < 0)
			return rc;
		if (!e->running.first && !e->waiting.first)
			return 0;
		if (deadline_ns && clock_ns() >= deadline_ns)
			return 0;
		engine_admit(e);
		if (!e->running.first)
			continue;
		/* Its requests have ended with the error; a lost device ends the engine too. */
		if (engine_step(e, st) == -AIOS_DEVICE_LOST)
			e->broken = *st;
		aios_status_clear(st);
	}
}

int aios_engine_stats(struct aios_engine *e, struct aios_stats *out)
{
	uint32_t size = out->size;
	struct aios_stats s = e->stats;

	s.running = e->running.n;
	s.waiting = e->waiting.n;
	s.kv_pages_used = e->kv.pages.used;
	s.kv_pages_total = e->kv.pages.total;
	s.graph_captures = e->step.graphs.captures;
	s.graph_launches = e->step.graphs.launches;
	s.memory_used = e->device->heaps[AIOS_HEAP_DEVICE].used;
	s.memory_peak = e->device->heaps[AIOS_HEAP_DEVICE].peak;
	s.size = size < sizeof(s) ? size : (uint32_t)sizeof(s);
	memcpy(out, &s, s.size);
	return 0;
}

const struct aios_plan *aios_engine_plan(const struct aios_engine *e)
{
	return &e->plan;
}

struct aios_tokenizer *aios_engine_tokenizer(struct aios_engine *e)
{
	return e->tokenizer;
}

uint32_t aios_engine_vocab_size(const struct aios_engine *e)
{
	return e->source.info.vocab_size;
}

const char *aios_end_reason_name(uint32_t reason)
{
	static const char *const names[] = {
		[AIOS_END_STOP] = "stop",
		[AIOS_END_LENGTH] = "length",
		[AIOS_END_CANCELLED] = "cancelled",
		[AIOS_END_ERROR] = "error",
	};

	return reason >= AIOS_END_STOP && reason <= AIOS_END_ERROR ? names[reason] : "unknown";
}
