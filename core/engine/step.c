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

static bool wants_sampling(const struct request *r)
{
	return r->sampling.temperature > 0.0f;
}

/* A request takes part with its next `rows` tokens. */
static void step_take(struct step *s, struct request *r, uint32_t rows)
{
	s->members[s->n++] = (struct member){ r, rows, -1 };
}

/* Who takes part, and with how many rows. */
static void step_choose(struct aios_engine *e, struct step *s)
{
	uint32_t room = e->plan.max_batch_tokens, rows;

	s->n = 0;
	for (struct request *r = e->running.first; r; r = r->next) {
		if (r->state == REQUEST_DECODE) {
			step_take(s, r, 1);
			room--;
		}
	}
	for (struct request *r = e->running.first; r && room > 0; r = r->next) {
		if (r->state != REQUEST_PREFILL)
			continue;
		rows = r->n_tokens - r->computed;
		rows = rows < room ? rows : room;
		step_take(s, r, rows);
		room -= rows;
	}
}

/* Counts of the members' rows. */
static void step_size(const struct aios_engine *e, const struct step *s, struct batch_size *size,
		      uint32_t *max_kv)
{
	memset(size, 0, sizeof(*size));
	*max_kv = 1;
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t kv_len = s->members[i].r->computed + s->members[i].rows;

		size->tokens += s->members[i].rows;
		size->logits += kv_len == s->members[i].r->n_tokens;
		if (kv_len > *max_kv)
			*max_kv = kv_len;
	}
	size->seqs = s->n;
	size->blocks = kv_pages_for(&e->kv, *max_kv);
}

/* A step of one row and one logits row a sequence gets the size of a graph. */
static bool step_graph_size(const struct aios_engine *e, struct batch_size *size, uint32_t *max_kv)
{
	uint32_t seqs = graphs_seqs(size->seqs, e->plan.max_batch_size);

	if (e->step.graphs.off || size->tokens != size->seqs || size->logits != size->seqs ||
	    seqs == 0)
		return false;
	*max_kv = graphs_kv(*max_kv, e->plan.context_length);
	*size = (struct batch_size){ seqs, seqs, seqs, kv_pages_for(&e->kv, *max_kv) };
	return true;
}

static void step_add(struct aios_engine *e, struct member *m)
{
	struct batch *b = &e->workspace.batch;
	const struct request *r = m->r;
	uint32_t kv_len = r->computed + m->rows;

	batch_add_seq(b, r->pages, kv_pages_for(&e->kv, kv_len), kv_len);
	for (uint32_t i = 0; i < m->rows; i++)
		batch_add_row(b, r->tokens[r->computed + i], r->computed + i);
	if (kv_len == r->n_tokens)
		m->logits = (int32_t)batch_add_logits(b);
}

/* The members' rows in the batch arrays; true when it has the size of a graph. */
static bool step_build(struct aios_engine *e, struct step *s)
{
	struct batch *b = &e->workspace.batch;
	struct batch_size size;
	uint32_t max_kv;
	bool graph;

	step_size(e, s, &size, &max_kv);
	graph = step_graph_size(e, &size, &max_kv);
	batch_begin(b, &size);
	for (uint32_t i = 0; i < s->n; i++)
		step_add(e, &s->members[i]);
	if (graph) {
		batch_pad(b);
		b->max_kv = max_kv;
	}
	return graph;
}

/* Sampling rows of the members that get logits, and what the tail has to do. */
static void step_sampling(struct aios_engine *e, struct step *s)
{
	memset(&s->tail, 0, sizeof(s->tail));
	s->counts.n = 0;
	s->bias.n = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct request *r = s->members[i].r;
		struct aios_sample_row *row;

		if (s->members[i].logits < 0)
			continue;
		row = &e->workspace.batch.a.sample[s->members[i].logits];
		memset(row, 0, sizeof(*row));
		e->sampler->row(&r->sampling, r->n_tokens, 0, row);
		row->counts_start = (uint32_t)s->counts.n;
		row->counts_n = (uint32_t)r->n_counts;
		row->bias_start = (uint32_t)s->bias.n;
		row->bias_n = r->n_bias;
		s->counts.n += r->n_counts;
		s->bias.n += r->n_bias;
		s->tail.sample |= wants_sampling(r);
		s->tail.adjust |= request_has_penalties(r) || r->n_bias > 0;
		if (r->top_logprobs < 0)
			continue;
		s->tail.logprobs = true;
		if ((uint32_t)r->top_logprobs > s->tail.n_top)
			s->tail.n_top = (uint32_t)r->top_logprobs;
	}
}

/* Gather the members' entries of `elem` bytes and upload them; the block stays until the step is done. */
static int upload_list(struct aios_engine *e, const struct step *s, struct step_list *list,
		       size_t elem, struct aios_status *st)
{
	bool counts = list == &s->counts;
	char *at;
	int rc;

	if (list->n == 0)
		return 0;
	if (array_reserve(&list->host, &list->cap, list->n * elem, 1) < 0)
		return aios_fail(st, -ENOMEM, "no host memory for the token lists of a step");
	at = list->host;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct request *r = s->members[i].r;
		const void *src = counts ? (const void *)r->counts : (const void *)r->bias;
		size_t len = counts ? r->n_counts : r->n_bias;

		if (s->members[i].logits < 0 || len == 0)
			continue;
		memcpy(at, src, len * elem);
		at += len * elem;
	}
	rc = mm_pool_alloc(&e->pool, list->n * elem, "the token lists of a step", &list->block, st);
	if (rc == 0)
		rc = queue_upload(&e->queue, list->block.addr, list->host, list->n * elem, st);
	return rc;
}

static int step_model(struct aios_engine *e, struct aios_status *st)
{
	struct graph_run run = { e->device, &e->queue, &e->workspace.scratch };

	return forward_model(&run, &e->source, &e->types, &e->weights, &e->workspace, &e->kv, st);
}

static int step_tail(struct aios_engine *e, struct aios_status *st)
{
	struct graph_run run = { e->device, &e->queue, &e->workspace.scratch };

	if (e->workspace.batch.n_logits == 0)
		return 0;
	return forward_tail(&run, &e->source, &e->workspace, &e->step.tail, st);
}

/* The tail may be part of the graph when nothing in it belongs to this step alone. */
static uint32_t graph_tail(const struct forward_tail *tail)
{
	if (tail->adjust || tail->logprobs)
		return GRAPH_TAIL_NONE;
	return tail->sample ? GRAPH_TAIL_SAMPLE : GRAPH_TAIL_ARGMAX;
}

static int emit_captured(void *ctx, struct aios_status *st)
{
	struct aios_engine *e = ctx;
	int rc = step_model(e, st);

	if (rc == 0 && graph_tail(&e->step.tail) != GRAPH_TAIL_NONE)
		rc = step_tail(e, st);
	return rc;
}

/* Model and tail: the captured part by its graph when there is one, the rest launch by launch. */
static int step_launch(struct aios_engine *e, bool graph, struct aios_status *st)
{
	const struct batch *b = &e->workspace.batch;
	struct graph_key key = { b->n_seqs, b->max_kv, graph_tail(&e->step.tail) };
	int rc = 0;

	if (graph) {
		rc = graphs_run(&e->step.graphs, &e->queue, &key, emit_captured, e, st);
		if (rc == 0 && st->code != 0)
			engine_log(e, AIOS_LOG_DEBUG, "no graph for %u sequences: %s", key.seqs,
				   st->message);
		if (rc < 0 || (rc > 0 && key.tail != GRAPH_TAIL_NONE))
			return rc < 0 ? rc : 0;
	}
	if (rc == 0)
		rc = step_model(e, st);
	return rc < 0 ? rc : step_tail(e, st);
}

static int step_download(struct aios_engine *e, struct step *s, struct aios_status *st)
{
	const struct workspace *ws = &e->workspace;
	uint64_t rows = ws->batch.n_logits, top = rows * s->tail.n_top * sizeof(float);
	int rc;

	if (rows == 0)
		return 0;
	rc = queue_download(&e->queue, s->ids, ws->out_ids, rows * sizeof(int32_t), st);
	if (rc < 0 || !s->tail.logprobs)
		return rc;
	rc = queue_download(&e->queue, s->logprobs, ws->out_logprobs, rows * sizeof(float), st);
	if (rc == 0)
		rc = queue_download(&e->queue, s->top_ids, ws->out_top_ids, top, st);
	return rc < 0 ? rc : queue_download(&e->queue, s->top, ws->out_top, top, st);
}

/* Enqueue everything: arrays, lists, the model, the tail, the downloads; then wait. */
static int step_compute(struct aios_engine *e, struct step *s, bool graph, struct aios_status *st)
{
	int rc = batch_upload(&e->workspace.batch, &e->queue, st);

	if (rc == 0)
		rc = upload_list(e, s, &s->counts, sizeof(struct aios_token_count), st);
	if (rc == 0)
		rc = upload_list(e, s, &s->bias, sizeof(struct aios_token_bias), st);
	s->tail.counts = s->counts.block.addr;
	s->tail.bias = s->bias.block.addr;
	if (rc == 0)
		rc = step_launch(e, graph, st);
	if (rc == 0)
		rc = step_download(e, s, st);
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

/* Pinned memory makes the download asynchronous and cheap; without it the driver stages. */
static void pin_outputs(struct aios_engine *e, struct step *s, uint64_t bytes)
{
	struct aios_heap_info heap;

	if (device_heap_info(e->device, AIOS_HEAP_PINNED, &heap, NULL) < 0 || heap.total == 0 ||
	    device_alloc(e->device, AIOS_HEAP_PINNED, bytes, "a step's outputs", &s->pinned, NULL) <
		    0)
		return;
	s->host = s->pinned.host;
	if (!s->host)
		device_free(e->device, &s->pinned);
}

int step_open(struct aios_engine *e, struct aios_status *st)
{
	struct step *s = &e->step;
	uint64_t rows = e->workspace.batch.max.logits, word = sizeof(int32_t);
	uint64_t top = rows * MAX_TOP_LOGPROBS, bytes = (2 * rows + 2 * top) * word;

	s->graphs.off = !e->config.graphs;
	s->members = calloc(e->plan.max_batch_size, sizeof(*s->members));
	pin_outputs(e, s, bytes);
	if (!s->host)
		s->host = malloc(bytes);
	if (!s->members || !s->host)
		return aios_fail(st, -ENOMEM, "no host memory for a step");
	s->ids = (int32_t *)(void *)s->host;
	s->logprobs = (float *)(void *)(s->host + rows * word);
	s->top_ids = (int32_t *)(void *)(s->host + 2 * rows * word);
	s->top = (float *)(void *)(s->host + (2 * rows + top) * word);
	return 0;
}

void step_close(struct aios_engine *e)
{
	struct step *s = &e->step;

	graphs_finish(&s->graphs, e->device);
	if (s->pinned.addr)
		device_free(e->device, &s->pinned);
	else
		free(s->host);
	free(s->members);
	free(s->counts.host);
	free(s->bias.host);
	memset(s, 0, sizeof(*s));
}

int engine_step(struct aios_engine *e, struct aios_status *st)
{
	struct step *s = &e->step;
	uint64_t start = clock_ns();
	bool graph;
	int rc;

	step_choose(e, s);
	graph = step_build(e, s);
	step_sampling(e, s);
	rc = step_compute(e, s, graph, st);
	mm_pool_free(&e->pool, &s->counts.block);
	mm_pool_free(&e->pool, &s->bias.block);
	for (uint32_t i = 0; i < s->n; i++) {
		if (rc < 0)
			engine_end(e, s->members[i].r, AIOS_END_ERROR, st);
		else
			step_finish_member(e, s, &s->members[i]);
	}
	e->stats.steps++;
	e->stats.step_ns += clock_ns() - start;
	return rc;
}
