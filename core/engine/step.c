// SPDX-License-Identifier: Apache-2.0
/*
 * step.c - one step: the scheduler's grants become a ragged batch, the batch is
 * computed, and what was drawn becomes events. What a request gets never depends on
 * the others in the batch.
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

/* Guesses that may be verified for a request that was granted so many rows. */
static uint32_t step_drafts(const struct request *r, uint32_t granted, uint32_t spare)
{
	uint32_t drafts = r->state == AIOS_REQUEST_DECODING ? r->n_draft : 0;

	if (r->n_tokens - r->computed != 1)
		return 0;
	drafts = drafts < granted - 1 ? drafts : granted - 1;
	return drafts < spare ? drafts : spare;
}

/* A request takes part with its next tokens, and with guesses while there are pages for them. */
static bool step_take(struct aios_engine *e, struct request *r, uint32_t rows, uint32_t drafts)
{
	struct step *s = &e->step;

	if (drafts > 0 && blocks_prepare(e, r, rows + drafts) < 0)
		drafts = 0;
	if (drafts == 0 && blocks_prepare(e, r, rows) < 0)
		return false;
	s->members[s->n++] = (struct member){ r, rows + drafts, drafts, rows, -1 };
	return true;
}

/* Who takes part, and with how many rows: the grants whose pages could be had. */
static void step_choose(struct aios_engine *e, struct step *s)
{
	const struct aios_sched_plan *plan = &e->sched.plan;
	uint32_t room = e->plan.max_batch_tokens, rows, drafts;
	/* Every grant may want one logits row; guesses take those that are left. */
	uint32_t most = e->workspace.batch.max.logits;
	uint32_t spare = most > plan->n_grant ? most - plan->n_grant : 0;
	struct request *r, *refused = NULL;

	s->n = 0;
	for (uint32_t i = 0; i < plan->n_grant; i++) {
		r = e->sched.slots[plan->grant[i].slot];
		if (!r || !request_running(r))
			continue;
		rows = r->n_tokens - r->computed;
		rows = plan->grant[i].rows < rows ? plan->grant[i].rows : rows;
		rows = rows < room ? rows : room;
		drafts = step_drafts(r, plan->grant[i].rows, spare);
		drafts = drafts < room - rows ? drafts : room - rows;
		if (rows > 0 && step_take(e, r, rows, drafts)) {
			room -= s->members[s->n - 1].rows;
			spare -= s->members[s->n - 1].drafts;
		} else {
			refused = r;
		}
	}
	/* Nobody got pages: somebody has to go, or this would go on for ever. */
	if (s->n == 0 && refused)
		sched_preempt(e, refused, AIOS_SCHED_DROP, true);
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
		if (kv_len >= s->members[i].r->n_tokens)
			size->logits += 1 + s->members[i].drafts;
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

	batch_add_seq(b, r->pages, r->n_gone, kv_pages_for(&e->kv, kv_len), kv_len);
	for (uint32_t at = r->computed; at < kv_len; at++) {
		batch_add_row(b, at < r->n_tokens ? r->tokens[at] : r->draft[at - r->n_tokens], at);
		if (at + 1 == r->n_tokens)
			m->logits = (int32_t)batch_add_logits(b);
		else if (at >= r->n_tokens)
			batch_add_logits(b);
	}
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

/* Sampling rows of a member: of the token after its newest, and after each guess. */
static void sampling_rows(struct aios_engine *e, const struct step *s, const struct member *m)
{
	const struct request *r = m->r;

	for (uint32_t i = 0; i <= m->drafts; i++) {
		struct aios_sample_row *row = &e->workspace.batch.a.sample[(uint32_t)m->logits + i];

		memset(row, 0, sizeof(*row));
		e->sampler->row(&r->sampling, r->n_tokens + i, r->choice, row);
		row->counts_start = (uint32_t)s->counts.n;
		row->counts_n = (uint32_t)r->n_counts;
		row->bias_start = (uint32_t)s->bias.n;
		row->bias_n = r->n_bias;
	}
}

/* Sampling rows of the members that get logits, and what the tail has to do. */
static void step_sampling(struct aios_engine *e, struct step *s)
{
	memset(&s->tail, 0, sizeof(s->tail));
	s->counts.n = 0;
	s->bias.n = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct request *r = s->members[i].r;

		if (s->members[i].logits < 0)
			continue;
		sampling_rows(e, s, &s->members[i]);
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
	int rc = blocks_launch_copies(e, st);

	if (rc == 0)
		rc = batch_upload(&e->workspace.batch, &e->queue, st);
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

static void observe_token(struct aios_engine *e, struct request *r, uint64_t now)
{
	e->stats.generated_tokens++;
	if (r->usage.completion_tokens == 1) {
		r->usage.first_token = now;
		histogram_add(&e->stats.ttft_ns, now - r->usage.submitted);
	} else {
		histogram_add(&e->stats.itl_ns, now - r->last_token_ns);
	}
	r->last_token_ns = now;
}

/* A drawn token: append, tell, and note when it ends the request. */
static int take_token(struct aios_engine *e, const struct step *s, struct request *r, size_t row,
		      uint64_t now, struct aios_status *st)
{
	int32_t id = s->ids[row];
	uint32_t n_top = r->top_logprobs > 0 ? (uint32_t)r->top_logprobs : 0;
	size_t len = 0;
	bool eos = is_eos(e, r, id);
	const char *text = "";
	int rc = request_append(r, id);

	if (rc == 0) {
		observe_token(e, r, now);
		rc = token_text(r, id, eos, &text, &len, st);
	}
	if (rc == 0)
		rc = event_push_token(&e->events, r, id, text, len,
				      r->top_logprobs >= 0 ? s->logprobs[row] : 0.0f,
				      n_top ? s->top_ids + row * s->tail.n_top : NULL,
				      n_top ? s->top + row * s->tail.n_top : NULL, n_top);
	if (rc < 0)
		return st->code ? rc : aios_fail(st, rc, "no memory for the answer's text");
	if (eos || r->text.stopped)
		r->ending = AIOS_END_STOP;
	else if (r->n_tokens >= r->limit)
		r->ending = AIOS_END_LENGTH;
	return 0;
}

/* Rows of a prompt, and those among them that were computed before. */
static void count_rows(struct aios_engine *e, struct request *r, uint32_t rows)
{
	uint32_t again = r->computed < r->redo ? r->redo - r->computed : 0;

	again = again < rows ? again : rows;
	r->usage.recomputed_tokens += again;
	e->stats.recomputed_tokens += again;
	if (r->state == AIOS_REQUEST_PREFILLING)
		e->stats.prompt_tokens += rows - again;
}

/*
 * Draw the member's tokens: the one after its newest, then one for each guess that turned out to be
 * what was drawn, for its row computed what the token's own row would have.
 */
static int take_tokens(struct aios_engine *e, const struct step *s, struct member *m, uint64_t now,
		       struct aios_status *st)
{
	struct request *r = m->r;
	size_t row = (size_t)m->logits;
	int rc = take_token(e, s, r, row, now, st);

	for (uint32_t i = 0; i < m->drafts && rc == 0 && !r->ending; i++) {
		if (r->tokens[r->n_tokens - 1] != r->draft[i])
			break;
		r->computed++;
		m->kept++;
		e->stats.accepted_tokens++;
		rc = take_token(e, s, r, row + i + 1, now, st);
	}
	e->stats.drafted_tokens += m->drafts;
	return rc;
}

/* Guess what comes next. Penalties look at all tokens before, which a guess would have to be among. */
static void guess_tokens(const struct aios_engine *e, struct request *r)
{
	uint32_t most = e->config.speculate;

	r->n_draft = 0;
	if (most == 0 || r->ending || request_has_penalties(r))
		return;
	/* The last token is never computed, and the one after the guesses is drawn. */
	most = most < r->limit - r->n_tokens - 1 ? most : r->limit - r->n_tokens - 1;
	most = most < REQUEST_DRAFTS ? most : REQUEST_DRAFTS;
	r->n_draft = propose(&r->propose, r->tokens, r->n_tokens, most, r->draft);
}

static void step_finish_member(struct aios_engine *e, const struct step *s, struct member *m,
			       uint64_t now)
{
	struct request *r = m->r;
	bool whole;

	count_rows(e, r, m->kept);
	r->computed += m->kept;
	if (m->logits < 0)
		return;
	whole = r->state == AIOS_REQUEST_PREFILLING;
	if (whole)
		engine_move(e, r, AIOS_REQUEST_DECODING);
	aios_status_clear(&r->status);
	if (take_tokens(e, s, m, now, &r->status) < 0)
		r->ending = AIOS_END_ERROR;
	/* Pages that only wrong guesses needed. */
	if (m->drafts > 0)
		request_give_trailing(r, &e->kv.pages, kv_pages_for(&e->kv, r->n_tokens));
	/* Whole pages of a prompt are there for others from now on. */
	if (whole && !r->ending)
		prefix_insert(&e->prefix, r, r->computed - r->computed % e->kv.page_size);
	guess_tokens(e, r);
}

/* Tell the scheduler what was computed: half of the time is shared by heads, half by rows. */
static void step_tell(struct aios_engine *e, const struct step *s, uint64_t ns)
{
	struct aios_sched_done *done = e->sched.done;
	uint64_t rows = 0, drafts = 0, left = ns;

	for (uint32_t i = 0; i < s->n; i++) {
		rows += s->members[i].rows;
		drafts += s->members[i].drafts;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		const struct member *m = &s->members[i];
		uint64_t part = ns / 2 / s->n + ns / 2 * m->rows / rows;

		part = i + 1 < s->n && part < left ? part : left;
		left -= part;
		done[i] = (struct aios_sched_done){ .slot = m->r->slot,
						    .rows = m->kept,
						    .device_ns = part };
		sched_facts(e, m->r, &done[i].facts);
	}
	e->sched.ops->stepped(e->sched.policy, clock_ns(), done, s->n);
	if (rows - drafts > s->n) { /* prompts were in it: what a row costs */
		ns /= rows;
		e->sched.row_ns = e->sched.row_ns ? (7 * e->sched.row_ns + ns) / 8 : ns;
	}
}

static void step_finish(struct aios_engine *e, struct step *s, uint64_t ns)
{
	uint64_t now = clock_ns();

	for (uint32_t i = 0; i < s->n; i++)
		step_finish_member(e, s, &s->members[i], now);
	step_tell(e, s, ns);
	for (uint32_t i = 0; i < s->n; i++) {
		struct request *r = s->members[i].r;

		if (r->ending)
			engine_end(e, r, r->ending,
				   r->ending == AIOS_END_ERROR ? &r->status : NULL);
	}
}

/* The device failed: who was in the step ends, and who had copies under way, for they may not have come. */
static void step_fail(struct aios_engine *e, const struct aios_status *st)
{
	struct request *r;
	uint32_t at = 0;

	while ((r = engine_next(e, &at)) != NULL) {
		if (request_running(r) ||
		    (r->state == AIOS_REQUEST_SWAPPED && r->touched == e->stats.steps))
			engine_end(e, r, AIOS_END_ERROR, st);
	}
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
	free(s->copies.host);
	memset(s, 0, sizeof(*s));
}

int engine_step(struct aios_engine *e, uint64_t *wake_ns, struct aios_status *st)
{
	struct step *s = &e->step;
	uint64_t start = clock_ns(), computing;
	int rc;

	sched_release_held(e);
	sched_plan(e);
	step_choose(e, s);
	*wake_ns = e->sched.plan.wake_ns;
	if (s->n == 0 && s->copies.n == 0 && e->swap.timed_pages == 0)
		return e->sched.plan.n_grant + e->sched.plan.n_preempt + e->sched.plan.n_admit > 0;
	computing = clock_ns();
	if (s->n > 0) {
		s->captured = step_build(e, s);
		step_sampling(e, s);
		rc = step_compute(e, s, s->captured, st);
	} else { /* pages were copied or swapped for somebody who has to wait */
		rc = blocks_launch_copies(e, st);
		if (rc == 0)
			rc = queue_sync(&e->queue, STEP_NS, st);
	}
	mm_pool_free(&e->pool, &s->counts.block);
	mm_pool_free(&e->pool, &s->bias.block);
	blocks_copied(e);
	if (rc == 0) {
		swap_settle(&e->swap, &e->queue);
		if (s->n > 0)
			step_finish(e, s, clock_ns() - computing);
	} else {
		step_fail(e, st);
	}
	if (s->n > 0)
		observe_step(e, start, clock_ns());
	return rc < 0 ? rc : 1;
}
