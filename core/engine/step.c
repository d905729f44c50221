// SPDX-License-Identifier: Apache-2.0
/*
 * step.c - one step: the scheduler's grants become a ragged batch, the batch is
 * computed, and what was drawn becomes events. What a request gets never depends on
 * the others in the batch.
 */
#include <stdlib.h>
#include <string.h>

#include "core/engine/beams.h"
#include "core/engine/engine.h"
#include "core/engine/forward.h"
#include "core/engine/score.h"
#include "core/lib/array.h"
#include "core/lib/clock.h"

#define STEP_NS (600ull * 1000000000ull)
#define MAX_CHAIN 64u     /* steps that run ahead before the scheduler is asked again */
#define MAX_CHAIN_WAIT 8u /* the same while requests wait */

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
	s->now.members[s->now.n++] =
		(struct member){ r, rows + drafts, drafts, rows, -1, r->n_tokens };
	return true;
}

/* Beams take part, each with a sequence and a logits row of its own. */
static bool step_beams(struct aios_engine *e, struct request *r, uint32_t granted, uint32_t *room,
		       uint32_t *spare, uint32_t *seats)
{
	uint32_t n = e->step.now.n, places = 1 + (*spare < *seats ? *spare : *seats);
	uint32_t rows = beams_choose(e, r, granted < *room ? granted : *room, places);

	if (rows == 0)
		return false;
	n = e->step.now.n - n;
	*room -= rows;
	*spare -= n - 1;
	*seats -= n - 1;
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
	uint32_t seats = e->plan.max_batch_size - plan->n_grant; /* for more than one beam */
	struct request *r, *refused = NULL;

	s->now.n = 0;
	for (uint32_t i = 0; i < plan->n_grant; i++) {
		r = e->sched.slots[plan->grant[i].slot];
		if (!r || !request_running(r))
			continue;
		if (r->beams && !beams_alone(r)) {
			if (!step_beams(e, r, plan->grant[i].rows, &room, &spare, &seats))
				refused = r;
			continue;
		}
		rows = r->n_tokens - r->computed;
		rows = plan->grant[i].rows < rows ? plan->grant[i].rows : rows;
		rows = rows < room ? rows : room;
		drafts = step_drafts(r, plan->grant[i].rows, spare);
		drafts = drafts < room - rows ? drafts : room - rows;
		rows = score_fit(r, rows, spare);
		if (rows > 0 && step_take(e, r, rows, drafts)) {
			room -= s->now.members[s->now.n - 1].rows;
			spare -= s->now.members[s->now.n - 1].drafts;
			spare -= score_spare(r, rows);
		} else {
			refused = r;
		}
	}
	/* Nobody got pages: somebody has to go, or this would go on for ever. */
	if (s->now.n == 0 && refused) {
		refused->no_cache = true; /* a page it would share may be the one it lacks */
		sched_preempt(e, refused, AIOS_SCHED_DROP, true);
	}
}

/* Counts of the members' rows. */
static void step_size(const struct aios_engine *e, const struct step *s, struct batch_size *size,
		      uint32_t *max_kv)
{
	memset(size, 0, sizeof(*size));
	*max_kv = 1;
	for (uint32_t i = 0; i < s->now.n; i++) {
		uint32_t kv_len = s->now.members[i].r->computed + s->now.members[i].rows;

		size->tokens += s->now.members[i].rows;
		size->logits += score_rows(s->now.members[i].r, s->now.members[i].rows);
		if (kv_len >= s->now.members[i].r->n_tokens)
			size->logits += 1 + s->now.members[i].drafts;
		if (kv_len > *max_kv)
			*max_kv = kv_len;
	}
	size->seqs = s->now.n;
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
		else if (score_wants(r, at))
			score_add(m, batch_add_logits(b));
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
	for (uint32_t i = 0; i < s->now.n; i++)
		step_add(e, &s->now.members[i]);
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
	s->scored.n = 0;
	for (uint32_t i = 0; i < s->now.n; i++) {
		const struct request *r = s->now.members[i].r;

		score_tail(e, &s->now.members[i]);
		if (s->now.members[i].logits < 0)
			continue;
		sampling_rows(e, s, &s->now.members[i]);
		s->counts.n += r->n_counts;
		s->bias.n += r->n_bias;
		s->tail.sample |= wants_sampling(r);
		if (r->beams)
			beams_tail(s, r);
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
	for (uint32_t i = 0; i < s->now.n; i++) {
		const struct request *r = s->now.members[i].r;
		const void *src = counts ? (const void *)r->counts : (const void *)r->bias;
		size_t len = counts ? r->n_counts : r->n_bias;

		if (s->now.members[i].logits < 0 || len == 0)
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
	if (e->step.scored.n > 0)
		return score_launch(e, &run, st);
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
	rc = queue_download(&e->queue, s->now.ids, ws->out_ids, rows * sizeof(int32_t), st);
	if (rc < 0 || !s->tail.logprobs)
		return rc;
	rc = queue_download(&e->queue, s->logprobs, ws->out_logprobs, rows * sizeof(float), st);
	if (rc == 0)
		rc = queue_download(&e->queue, s->top_ids, ws->out_top_ids, top, st);
	return rc < 0 ? rc : queue_download(&e->queue, s->top, ws->out_top, top, st);
}

/* All of a flight is enqueued. */
static int step_enqueued(struct aios_engine *e, struct flight *f, struct aios_status *st)
{
	f->launched_ns = clock_ns();
	if (e->step.enqueued)
		e->step.enqueued(e->step.enqueued_ctx, f);
	return queue_mark(&e->queue, &f->mark, st);
}

/* Enqueue everything: arrays, lists, the model, the tail, the downloads. */
static int step_compute(struct aios_engine *e, struct step *s, bool graph, struct aios_status *st)
{
	int rc = blocks_launch_copies(e, st);

	if (rc == 0)
		rc = batch_upload(&e->workspace.batch, &e->queue, st);
	if (rc == 0)
		rc = upload_list(e, s, &s->counts, sizeof(struct aios_token_count), st);
	if (rc == 0)
		rc = upload_list(e, s, &s->bias, sizeof(struct aios_token_bias), st);
	if (rc == 0)
		rc = score_upload(e, st);
	s->tail.counts = s->counts.block.addr;
	s->tail.bias = s->bias.block.addr;
	if (rc == 0)
		rc = step_launch(e, graph, st);
	if (rc == 0)
		rc = step_download(e, s, st);
	return rc < 0 ? rc : step_enqueued(e, &s->now, st);
}

/* ---- running ahead ---------------------------------------------------------------- */

/* Can the member's next token be followed by another without asking anybody? */
static bool member_goes_on(struct aios_engine *e, const struct member *m)
{
	struct request *r = m->r;
	uint32_t block = (r->computed + 1) / e->kv.page_size;

	if (!request_running(r) || r->state != AIOS_REQUEST_DECODING || r->n_tokens + 1 >= r->limit)
		return false;
	if (r->shared && block < r->n_pages && e->kv.pages.refs[r->pages[block]] > 1)
		return false; /* it would have to be copied */
	return blocks_prepare(e, r, 2) == 0;
}

/* The key of the graph for the step after this one, whose sequences are all one longer. */
static struct graph_key next_key(const struct aios_engine *e)
{
	const struct step *s = &e->step;
	uint32_t max_kv = 1;

	for (uint32_t i = 0; i < s->now.n; i++) {
		uint32_t kv_len = s->now.members[i].r->computed + 2;

		max_kv = kv_len > max_kv ? kv_len : max_kv;
	}
	return (struct graph_key){ graphs_seqs(s->now.n, e->plan.max_batch_size),
				   graphs_kv(max_kv, e->plan.context_length),
				   graph_tail(&s->tail) };
}

/*
 * Would the scheduler do what it did last? Everybody who runs is in the step, and whoever waits could not be
 * let in when it was asked; since then nobody came or ended, and pages became fewer. What time alone
 * may change (a deadline that passes, a quota that fills) it says a few steps later.
 */
static bool plan_holds(const struct aios_engine *e)
{
	const struct step *s = &e->step;
	const struct aios_sched_plan *plan = &e->sched.plan;
	uint32_t running =
		e->stats.states[AIOS_REQUEST_PREFILLING] + e->stats.states[AIOS_REQUEST_DECODING];

	if (running != s->now.n || e->held || !inbox_empty(&e->inbox))
		return false;
	if (running == e->alive)
		return s->chain < MAX_CHAIN;
	return plan->n_admit + plan->n_preempt == 0 && s->chain < MAX_CHAIN_WAIT;
}

/*
 * May the next step be enqueued before this one's tokens are known? When every request that runs
 * decodes in it and draws on the device by a graph that is there, the scheduler has nothing to
 * decide, and pages can be had.
 */
static bool may_run_ahead(struct aios_engine *e, struct graph_key *key)
{
	const struct step *s = &e->step;

	if (!e->config.run_ahead || !s->captured || e->config.speculate > 0 ||
	    graph_tail(&s->tail) == GRAPH_TAIL_NONE || !plan_holds(e))
		return false;
	for (uint32_t i = 0; i < s->now.n; i++) {
		if (!s->now.members[i].r || !member_goes_on(e, &s->now.members[i]))
			return false;
	}
	*key = next_key(e);
	return graphs_has(&s->graphs, key);
}

/* The next step's arrays: all that the host knows already, which is everything but the ids. */
static void build_ahead(struct aios_engine *e, const struct graph_key *key)
{
	struct batch *b = &e->workspace.batch;
	struct step *s = &e->step;
	const struct batch_size size = { key->seqs, key->seqs, key->seqs,
					 kv_pages_for(&e->kv, key->kv) };

	batch_begin(b, &size);
	s->ahead.n = s->now.n;
	for (uint32_t i = 0; i < s->now.n; i++) {
		const struct request *r = s->now.members[i].r;
		uint32_t kv_len = r->computed + 2;
		struct aios_sample_row *row;

		batch_add_seq(b, r->pages, r->n_gone, kv_pages_for(&e->kv, kv_len), kv_len);
		batch_add_row(b, 0, kv_len - 1);
		row = &b->a.sample[batch_add_logits(b)];
		memset(row, 0, sizeof(*row));
		e->sampler->row(&r->sampling, r->n_tokens + 1, r->choice, row);
		s->ahead.members[i] = (struct member){ s->now.members[i].r, 1, 0, 1, (int32_t)i,
						       r->n_tokens + 1 };
	}
	batch_pad(b);
	b->max_kv = key->kv;
}

/*
 * Enqueue the step after this one. Its ids are what this one draws, copied on the device. A request
 * that turns out to end has drawn in vain: its row writes KV behind its last token, in pages that
 * whoever gets them next writes later in the same queue.
 */
static int run_ahead(struct aios_engine *e, const struct graph_key *key, struct aios_status *st)
{
	const struct workspace *ws = &e->workspace;
	struct step *s = &e->step;
	uint64_t bytes = s->now.n * sizeof(int32_t);
	int rc;

	build_ahead(e, key);
	rc = batch_upload(&e->workspace.batch, &e->queue, st);
	if (rc == 0)
		rc = queue_copy(&e->queue, batch_addr(&ws->batch, ws->batch.a.ids), ws->out_ids,
				bytes, st);
	if (rc == 0)
		rc = graphs_run(&s->graphs, &e->queue, key, emit_captured, e, st);
	if (rc == 0)
		rc = aios_fail(st, -EINVAL, "internal error: a captured step is gone");
	if (rc > 0)
		rc = queue_download(&e->queue, s->ahead.ids, ws->out_ids, bytes, st);
	if (rc < 0)
		return rc;
	e->stats.steps_ahead++;
	return step_enqueued(e, &s->ahead, st);
}

/* The step that was enqueued ahead is now the one that is computed. */
static void take_ahead(struct step *s)
{
	struct flight f = s->now;

	s->now = s->ahead;
	s->ahead = f;
	s->ahead.n = 0;
	s->chain++;
}

void step_forget(struct aios_engine *e, const struct request *r)
{
	struct flight *f = &e->step.ahead;

	for (uint32_t i = 0; i < f->n; i++) {
		if (f->members[i].r == r)
			f->members[i].r = NULL;
	}
}

/* ---- what came out ------------------------------------------------------------------ */

bool step_is_eos(const struct aios_engine *e, const struct request *r, int32_t id)
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
	} else if (!r->beams) { /* those of a beam come all at once */
		histogram_add(&e->stats.itl_ns, now - r->last_token_ns);
	}
	r->last_token_ns = now;
}

int step_token(struct aios_engine *e, struct request *r, int32_t id, float logprob,
	       const int32_t *top_ids, const float *top, uint32_t n_top, uint64_t now,
	       struct aios_status *st)
{
	size_t len = 0;
	bool eos = step_is_eos(e, r, id);
	const char *text = "";
	int rc = request_append(r, id);

	if (rc == 0) {
		observe_token(e, r, now);
		rc = token_text(r, id, eos, &text, &len, st);
	}
	if (rc == 0)
		rc = event_push_token(&e->events, r, id, text, len,
				      r->top_logprobs >= 0 ? logprob : 0.0f, top_ids, top, n_top);
	if (rc < 0)
		return st->code ? rc : aios_fail(st, rc, "no memory for the answer's text");
	if (eos || r->text.stopped)
		r->ending = AIOS_END_STOP;
	else if (r->n_tokens >= r->limit)
		r->ending = AIOS_END_LENGTH;
	return 0;
}

/* A drawn token. */
static int take_token(struct aios_engine *e, const struct step *s, struct request *r, size_t row,
		      uint64_t now, struct aios_status *st)
{
	uint32_t n_top = r->top_logprobs > 0 ? (uint32_t)r->top_logprobs : 0;

	return step_token(e, r, s->now.ids[row], r->top_logprobs >= 0 ? s->logprobs[row] : 0.0f,
			  n_top ? s->top_ids + row * s->tail.n_top : NULL,
			  n_top ? s->top + row * s->tail.n_top : NULL, n_top, now, st);
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
		e->stats.model_accepted_tokens += e->draft.open;
		rc = take_token(e, s, r, row + i + 1, now, st);
	}
	e->stats.drafted_tokens += m->drafts;
	e->stats.model_drafted_tokens += e->draft.open ? m->drafts : 0;
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
	if (m->scored > 0 && score_tell(e, m) < 0) {
		r->ending = AIOS_END_ERROR;
		return;
	}
	if (m->logits < 0)
		return;
	if (r->beams) {
		beams_take(e, m, now);
		return;
	}
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
	if (!e->draft.open)
		guess_tokens(e, r);
}

/* The request that the scheduler knows the member by. */
static struct request *known_by(const struct member *m)
{
	return m->r && m->r->beams ? m->r->beams->lanes[0] : m->r;
}

/*
 * Tell the scheduler what was computed: half of the time is shared by heads, half by rows. guess_ns:
 * what the draft model took on top.
 */
static void step_tell(struct aios_engine *e, const struct step *s, uint64_t step_ns,
		      uint64_t guess_ns)
{
	struct aios_sched_done *done = e->sched.done;
	uint64_t rows = 0, drafts = 0, ns = step_ns + guess_ns, left = ns;
	uint32_t n = 0, heads = s->now.n;
	struct request *r;

	for (uint32_t i = 0; i < heads; i++) {
		rows += s->now.members[i].rows;
		drafts += s->now.members[i].drafts;
	}
	for (uint32_t i = 0; i < heads; i++) {
		const struct member *m = &s->now.members[i];
		uint64_t part = ns / 2 / heads + ns / 2 * m->rows / rows;

		part = i + 1 < heads && part < left ? part : left;
		left -= part;
		r = known_by(m);
		if (!r)
			continue;
		if (n > 0 && done[n - 1].slot == r->slot) { /* beams stand side by side */
			done[n - 1].rows += m->kept;
			done[n - 1].device_ns += part;
			continue;
		}
		done[n] = (struct aios_sched_done){ .slot = r->slot,
						    .rows = m->kept,
						    .device_ns = part };
		sched_facts(e, r, &done[n++].facts);
	}
	e->sched.ops->stepped(e->sched.policy, clock_ns(), done, n);
	if (rows - drafts > heads) { /* prompts were in it: what a row costs */
		ns = step_ns / rows;
		e->sched.row_ns = e->sched.row_ns ? (7 * e->sched.row_ns + ns) / 8 : ns;
	}
}

static void step_finish(struct aios_engine *e, struct step *s)
{
	uint64_t now = clock_ns();
	uint64_t from = s->now.launched_ns > s->done_ns ? s->now.launched_ns : s->done_ns;
	uint64_t guess_ns;

	s->done_ns = now;
	for (uint32_t i = 0; i < s->now.n; i++) {
		if (s->now.members[i].r)
			step_finish_member(e, s, &s->now.members[i], now);
	}
	guess_ns = e->draft.open ? draft_guess(e) : 0;
	step_tell(e, s, now - from, guess_ns);
	for (uint32_t i = 0; i < s->now.n; i++) {
		struct request *r = known_by(&s->now.members[i]);

		if (r && r->ending)
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
	uint64_t top = rows * MAX_TOP_LOGPROBS, bytes = (3 * rows + 2 * top) * word;

	s->graphs.off = !e->config.graphs;
	/* A CPU computes while it is told to: the last tokens would only come later. */
	if (e->config.run_ahead_auto)
		e->config.run_ahead = e->device->info.wave > 1;
	s->now.members = calloc(e->plan.max_batch_size, sizeof(*s->now.members));
	s->ahead.members = calloc(e->plan.max_batch_size, sizeof(*s->ahead.members));
	pin_outputs(e, s, bytes);
	if (!s->host)
		s->host = malloc(bytes);
	if (!s->now.members || !s->ahead.members || !s->host)
		return aios_fail(st, -ENOMEM, "no host memory for a step");
	s->now.ids = (int32_t *)(void *)s->host;
	s->ahead.ids = (int32_t *)(void *)(s->host + rows * word);
	s->logprobs = (float *)(void *)(s->host + 2 * rows * word);
	s->top_ids = (int32_t *)(void *)(s->host + 3 * rows * word);
	s->top = (float *)(void *)(s->host + (3 * rows + top) * word);
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
	free(s->now.members);
	free(s->ahead.members);
	free(s->counts.host);
	free(s->bias.host);
	free(s->copies.host);
	free(s->scored.host);
	free(s->ranked);
	free(s->ranks);
	memset(s, 0, sizeof(*s));
}

/* Plan a step and enqueue it: 1, 0 when there is nothing to compute, negative when the device failed. */
static int step_begin(struct aios_engine *e, struct aios_status *st)
{
	struct step *s = &e->step;

	sched_release_held(e);
	sched_plan(e);
	step_choose(e, s);
	s->chain = 0;
	if (s->now.n == 0)
		return 0;
	s->captured = step_build(e, s);
	step_sampling(e, s);
	return step_compute(e, s, s->captured, st) < 0 ? st->code : 1;
}

/*
 * Requests run and the plan has nothing for any of them: the pages they lack are cached ones that their own
 * pins hold, twins of pages they have. They are dropped; what they computed they find in the cache.
 */
static bool drop_starved(struct aios_engine *e)
{
	bool dropped = false;
	struct request *r;
	uint32_t at = 0;

	while ((r = engine_next(e, &at)) != NULL) {
		if (!request_running(r))
			continue;
		sched_preempt(e, r, AIOS_SCHED_DROP, true);
		dropped = true;
	}
	return dropped;
}

/* Nobody computes; pages that were copied or swapped for somebody who has to wait have to come all the same. */
static int step_without_rows(struct aios_engine *e, struct aios_status *st)
{
	const struct aios_sched_plan *plan = &e->sched.plan;
	int rc;

	if (plan->n_grant + plan->n_preempt + plan->n_admit == 0 && plan->wake_ns == 0 &&
	    drop_starved(e))
		return 1;
	if (e->step.copies.n == 0 && e->swap.timed_pages == 0)
		return plan->n_grant + plan->n_preempt + plan->n_admit > 0;
	rc = blocks_launch_copies(e, st);
	if (rc == 0)
		rc = queue_sync(&e->queue, STEP_NS, st);
	blocks_copied(e);
	if (rc == 0)
		swap_settle(&e->swap, &e->queue);
	else
		step_fail(e, st);
	return rc < 0 ? rc : 1;
}

/* Wait for the step, having enqueued the next one where that may be done. */
static int step_wait(struct aios_engine *e, struct aios_status *st)
{
	struct step *s = &e->step;
	struct graph_key key;
	int rc = 0;

	if (may_run_ahead(e, &key))
		rc = run_ahead(e, &key, st);
	return rc < 0 ? rc : queue_wait(&e->queue, s->now.mark, STEP_NS, st);
}

int engine_step(struct aios_engine *e, uint64_t *wake_ns, struct aios_status *st)
{
	struct step *s = &e->step;
	uint64_t start = clock_ns();
	int rc = 1;

	*wake_ns = 0;
	if (s->ahead.n > 0) {
		take_ahead(s);
	} else {
		rc = step_begin(e, st);
		*wake_ns = e->sched.plan.wake_ns;
		if (rc == 0)
			return step_without_rows(e, st);
	}
	if (rc > 0)
		rc = step_wait(e, st);
	if (rc == 0)
		rc = score_rank(e, st);
	mm_pool_free(&e->pool, &s->counts.block);
	mm_pool_free(&e->pool, &s->bias.block);
	mm_pool_free(&e->pool, &s->scored.block);
	blocks_copied(e);
	if (rc == 0) {
		swap_settle(&e->swap, &e->queue);
		step_finish(e, s);
	} else { /* nothing that is under way is to be believed, or in the way of what follows */
		queue_sync(&e->queue, STEP_NS, NULL);
		step_fail(e, st);
		s->ahead.n = 0;
	}
	observe_step(e, start, clock_ns());
	return rc < 0 ? rc : 1;
}
