// SPDX-License-Identifier: Apache-2.0
/*
 * step.c - one step: choose rows, compute, and turn what was drawn into events.
 * Decoding requests come first with one row each, then prompts in order of
 * arrival, cut to what is left of the token budget. What a request gets never
 * depends on the others in the batch.
 */
#include <stdlib.h>
#include <string.h>

#include "core/engine/engine.h"
#include "core/engine/forward.h"
#include "core/lib/array.h"
#include "core/lib/clock.h"

#define STEP_NS (600ull * 1000000000ull)

/* A request's part in a step. */
struct member {
	struct request *r;
	uint32_t rows;
	int32_t logits; /* index of its logits row, or -1 */
};

struct step {
	struct member *members; /* [max_batch_size] */
	uint32_t n;
	struct forward_tail tail;
	struct mm_block counts, bias;
	size_t n_counts, n_bias;
	int32_t *ids;     /* [logits rows] */
	float *logprobs;  /* [logits rows] */
	int32_t *top_ids; /* [logits rows][n_top] */
	float *top;
};

static bool wants_sampling(const struct request *r)
{
	return r->sampling.temperature > 0.0f;
}

/* The request's next rows join the batch; its logits when they reach the last token. */
static void step_add(struct aios_engine *e, struct step *s, struct request *r, uint32_t rows)
{
	struct batch *b = &e->workspace.batch;
	struct member *m = &s->members[s->n++];
	uint32_t kv_len = r->computed + rows;

	m->r = r;
	m->rows = rows;
	m->logits = -1;
	batch_add_seq(b, r->pages, kv_pages_for(&e->kv, kv_len), kv_len);
	for (uint32_t i = 0; i < rows; i++)
		batch_add_row(b, r->tokens[r->computed + i], r->computed + i);
	if (kv_len == r->n_tokens)
		m->logits = (int32_t)batch_add_logits(b);
}

static void step_choose(struct aios_engine *e, struct step *s)
{
	struct batch *b = &e->workspace.batch;
	uint32_t room, rows;

	batch_clear(b);
	for (struct request *r = e->running.first; r; r = r->next) {
		if (r->state == REQUEST_DECODE)
			step_add(e, s, r, 1);
	}
	for (struct request *r = e->running.first; r; r = r->next) {
		room = e->plan.max_batch_tokens - b->n_tokens;
		if (r->state != REQUEST_PREFILL || room == 0)
			continue;
		rows = r->n_tokens - r->computed;
		step_add(e, s, r, rows < room ? rows : room);
	}
}

/* Sampling rows of the members that get logits, and what the tail has to do. */
static void step_sampling(struct aios_engine *e, struct step *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct request *r = s->members[i].r;
		struct aios_sample_row *row;

		if (s->members[i].logits < 0)
			continue;
		row = &e->workspace.batch.a.sample[s->members[i].logits];
		memset(row, 0, sizeof(*row));
		e->sampler->row(&r->sampling, r->n_tokens, 0, row);
		row->counts_start = (uint32_t)s->n_counts;
		row->counts_n = (uint32_t)r->n_counts;
		row->bias_start = (uint32_t)s->n_bias;
		row->bias_n = r->n_bias;
		s->n_counts += r->n_counts;
		s->n_bias += r->n_bias;
		s->tail.sample |= wants_sampling(r);
		s->tail.adjust |= request_has_penalties(r) || r->n_bias > 0;
		if (r->top_logprobs < 0)
			continue;
		s->tail.logprobs = true;
		if ((uint32_t)r->top_logprobs > s->tail.n_top)
			s->tail.n_top = (uint32_t)r->top_logprobs;
	}
}

/* Gather the members' lists and upload them; *block stays until the step is done. */
static int upload_list(struct aios_engine *e, const struct step *s, bool counts, size_t n,
		       struct mm_block *block, struct aios_status *st)
{
	size_t elem = counts ? sizeof(struct aios_token_count) : sizeof(struct aios_token_bias);
	char *host, *at;
	int rc;

	if (n == 0)
		return 0;
	host = malloc(n * elem);
	if (!host)
		return aios_fail(st, -ENOMEM, "no host memory for the token lists of a step");
	at = host;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct request *r = s->members[i].r;
		const void *src = counts ? (const void *)r->counts : (const void *)r->bias;
		size_t len = counts ? r->n_counts : r->n_bias;

		if (s->members[i].logits < 0 || len == 0)
			continue;
		memcpy(at, src, len * elem);
		at += len * elem;
	}
	rc = mm_pool_alloc(&e->pool, n * elem, "the token lists of a step", block, st);
	if (rc == 0)
		rc = queue_upload(&e->queue, block->addr, host, n * elem, st);
	free(host);
	return rc;
}

/* Enqueue everything: arrays, lists, the model, the tail, the downloads; then wait. */
static int step_compute(struct aios_engine *e, struct step *s, struct aios_status *st)
{
	struct workspace *ws = &e->workspace;
	struct graph_run run = { e->device, &e->queue, &ws->scratch };
	uint64_t rows = ws->batch.n_logits;
	int rc = batch_upload(&ws->batch, &e->queue, st);

	if (rc == 0)
		rc = upload_list(e, s, true, s->n_counts, &s->counts, st);
	if (rc == 0)
		rc = upload_list(e, s, false, s->n_bias, &s->bias, st);
	s->tail.counts = s->counts.addr;
	s->tail.bias = s->bias.addr;
	if (rc == 0)
		rc = forward_model(&run, &e->source, &e->types, &e->weights, ws, &e->kv, st);
	if (rc == 0 && rows > 0)
		rc = forward_tail(&run, &e->source, ws, &s->tail, st);
	if (rc == 0 && rows > 0)
		rc = queue_download(&e->queue, s->ids, ws->out_ids, rows * sizeof(int32_t), st);
	if (rc == 0 && rows > 0 && s->tail.logprobs) {
		uint64_t bytes = rows * s->tail.n_top * sizeof(float);

		rc = queue_download(&e->queue, s->logprobs, ws->out_logprobs, rows * sizeof(float),
				    st);
		if (rc == 0)
			rc = queue_download(&e->queue, s->top_ids, ws->out_top_ids, bytes, st);
		if (rc == 0)
			rc = queue_download(&e->queue, s->top, ws->out_top, bytes, st);
	}
	return rc < 0 ? rc : queue_sync(&e->queue, STEP_NS, st);
}

static bool is_eos(const struct aios_engine *e, const struct request *r, int32_t id)
{
	if (r->ignore_eos)
		return false;
	for (uint32_t i = 0; i < e->source.n_eos; i++) {
		if (e->source.eos[i] == id)
			return true;
	}
	return false;
}

/* The text that an output token lets out. An end-of-sequence token has none. */
static int token_text(struct request *r, int32_t id, bool eos, const char **text, size_t *len,
		      struct aios_status *st)
{
	int rc;

	*text = "";
	*len = 0;
	if (!r->detok || eos)
		return 0;
	rc = detokenizer_push(r->detok, id, text, len, st);
	if (rc == -EINVAL) { /* an id that only the model knows: no text */
		aios_status_clear(st);
		*len = 0;
		rc = 0;
	}
	return rc < 0 ? rc : text_push(&r->text, *text, *len, text, len);
}

/* A drawn token: append, tell, and end the request when it says so. */
static int take_token(struct aios_engine *e, const struct step *s, const struct member *m,
		      struct aios_status *st)
{
	struct request *r = m->r;
	int32_t id = s->ids[m->logits];
	uint32_t n_top = r->top_logprobs > 0 ? (uint32_t)r->top_logprobs : 0;
	size_t row = (size_t)m->logits, len;
	bool eos = is_eos(e, r, id);
	const char *text;
	int rc = request_append(r, id);

	if (r->usage.completion_tokens == 1)
		r->usage.first_token = clock_ns();
	e->stats.generated_tokens++;
	if (rc == 0)
		rc = token_text(r, id, eos, &text, &len, st);
	if (rc == 0)
		rc = event_push_token(&e->events, r, id, text, len,
				      r->top_logprobs >= 0 ? s->logprobs[row] : 0.0f,
				      n_top ? s->top_ids + row * s->tail.n_top : NULL,
				      n_top ? s->top + row * s->tail.n_top : NULL, n_top);
	if (rc < 0)
		return st->code ? rc : aios_fail(st, rc, "no memory for the answer's text");
	if (eos || r->text.stopped)
		engine_end(e, r, AIOS_END_STOP, NULL);
	else if (r->n_tokens >= r->limit)
		engine_end(e, r, AIOS_END_LENGTH, NULL);
	return 0;
}

static void step_finish_member(struct aios_engine *e, const struct step *s, const struct member *m)
{
	struct request *r = m->r;
	struct aios_status st;

	aios_status_clear(&st);
	if (r->state == REQUEST_PREFILL)
		e->stats.prompt_tokens += m->rows;
	r->computed += m->rows;
	if (m->logits < 0)
		return;
	if (r->state == REQUEST_PREFILL)
		request_transition(r, REQUEST_DECODE);
	if (take_token(e, s, m, &st) < 0)
		engine_end(e, r, AIOS_END_ERROR, &st);
}

static int step_alloc(struct aios_engine *e, struct step *s, struct aios_status *st)
{
	size_t rows = e->workspace.batch.max_logits;

	memset(s, 0, sizeof(*s));
	s->members = calloc(e->plan.max_batch_size, sizeof(*s->members));
	s->ids = calloc(rows, sizeof(*s->ids));
	s->logprobs = calloc(rows, sizeof(*s->logprobs));
	s->top_ids = calloc(rows * MAX_TOP_LOGPROBS, sizeof(*s->top_ids));
	s->top = calloc(rows * MAX_TOP_LOGPROBS, sizeof(*s->top));
	if (!s->members || !s->ids || !s->logprobs || !s->top_ids || !s->top)
		return aios_fail(st, -ENOMEM, "no host memory for a step");
	return 0;
}

static void step_free(struct aios_engine *e, struct step *s)
{
	mm_pool_free(&e->pool, &s->counts);
	mm_pool_free(&e->pool, &s->bias);
	free(s->members);
	free(s->ids);
	free(s->logprobs);
	free(s->top_ids);
	free(s->top);
}

int engine_step(struct aios_engine *e, struct aios_status *st)
{
	uint64_t start = clock_ns();
	struct step s;
	int rc = step_alloc(e, &s, st);

	if (rc == 0) {
		step_choose(e, &s);
		step_sampling(e, &s);
		rc = step_compute(e, &s, st);
	}
	for (uint32_t i = 0; i < s.n && rc == 0; i++)
		step_finish_member(e, &s, &s.members[i]);
	for (uint32_t i = 0; i < s.n && rc < 0; i++)
		engine_end(e, s.members[i].r, AIOS_END_ERROR, st);
	step_free(e, &s);
	e->stats.steps++;
	e->stats.step_ns += clock_ns() - start;
	return rc;
}
