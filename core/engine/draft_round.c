// SPDX-License-Identifier: Apache-2.0
/*
 * draft_round.c - a round of guesses. All requests are in each pass: the first one is a
 * ragged batch of the tokens that the draft model has not seen and gives everybody's first
 * guess; each further one has a row a request, whose id the pass before drew, copied on
 * the device. So the host waits once, whatever the number of guesses.
 */
#include <string.h>

#include "core/engine/engine.h"
#include "core/lib/clock.h"

#define ROUND_NS (600ull * 1000000000ull)
#define MAX_FAILURES 3u /* rounds in a row before the draft model is given up */
#define MOST_ROWS 64u   /* to catch up, for a token that may still come; more are not worth it */

/* Guesses that are of use: the last token is never computed, the one after the guesses is drawn. */
static uint32_t useful(const struct aios_engine *e, const struct request *r)
{
	uint32_t most = e->config.speculate, context = e->draft.plan.context_length;

	if (!e->draft.on || r->beams || !request_running(r) || r->state != AIOS_REQUEST_DECODING ||
	    r->ending || request_has_penalties(r) || r->n_tokens > context)
		return 0;
	most = most < DRAFT_MOST ? most : DRAFT_MOST;
	most = most < r->limit - r->n_tokens - 1 ? most : r->limit - r->n_tokens - 1;
	/* The last guess is not fed, so the token before it has to fit. */
	return most < context - r->n_tokens + 1 ? most : context - r->n_tokens + 1;
}

/* Who of the step takes part: requests that decode, as far as there are pages. */
static void choose(struct aios_engine *e)
{
	struct draft *d = &e->draft;
	const struct step *s = &e->step;
	uint32_t guessing = 0, logits = e->workspace.batch.max.logits;

	d->n = 0;
	for (uint32_t i = 0; i < s->now.n; i++) {
		struct request *r = s->now.members[i].r;
		uint32_t most, have;

		if (!r)
			continue;
		r->n_draft = 0;
		most = useful(e, r);
		have = draft_seq_settle(&r->draft_seq, r->tokens, r->n_tokens - 1);
		if (most == 0 || (r->n_tokens - have) / MOST_ROWS >= r->limit - r->n_tokens ||
		    !draft_seq_reserve(&r->draft_seq, &d->kv.pages,
				       kv_pages_for(&d->kv, r->n_tokens + most - 1)))
			continue;
		d->rows[d->n++] = (struct draft_row){ r, r->n_tokens - have, most };
		guessing++;
	}
	/* What the engine's own step has no rows of logits for is not worth guessing. */
	d->n = draft_share(d->rows, d->n, d->plan.max_batch_tokens,
			   logits > guessing ? logits - guessing : 0);
}

/* Of the list, which is ordered so, those that guess more than `pass` tokens. */
static uint32_t guessing_in(const struct draft *d, uint32_t pass)
{
	uint32_t n = 0;

	while (n < d->n && d->rows[n].most > pass)
		n++;
	return n;
}

/* A request's rows of a pass: what is missing, then one guess each. */
static void add_rows(struct draft *d, const struct draft_row *row, uint32_t pass)
{
	const struct request *r = row->who;
	const struct draft_seq *seq = &r->draft_seq;
	struct batch *b = &d->workspace.batch;
	uint32_t from = pass == 0 ? seq->have : r->n_tokens + pass - 1;
	uint32_t kv_len = pass == 0 ? seq->have + row->rows : from + 1;

	batch_add_seq(b, seq->pages, 0, kv_pages_for(&d->kv, kv_len), kv_len);
	for (uint32_t at = from; at < kv_len; at++)
		batch_add_row(b, at < r->n_tokens ? r->tokens[at] : 0, at);
	if (row->most > pass)
		batch_add_logits(b);
}

/* The counts of a pass of the first `n` requests. */
static struct batch_size pass_size(const struct draft *d, uint32_t n, uint32_t pass,
				   uint32_t *max_kv)
{
	struct batch_size size = { .seqs = n, .logits = guessing_in(d, pass) };

	*max_kv = 1;
	for (uint32_t i = 0; i < n; i++) {
		const struct request *r = d->rows[i].who;
		uint32_t rows = pass == 0 ? d->rows[i].rows : 1;
		uint32_t kv_len = pass == 0 ? r->draft_seq.have + rows : r->n_tokens + pass;

		size.tokens += rows;
		*max_kv = kv_len > *max_kv ? kv_len : *max_kv;
	}
	size.blocks = kv_pages_for(&d->kv, *max_kv);
	return size;
}

/* The arrays of a pass; true when it has the size of a graph. */
static bool build(struct draft *d, uint32_t n, uint32_t pass)
{
	struct batch *b = &d->workspace.batch;
	uint32_t max_kv, seqs = graphs_seqs(n, d->plan.max_batch_size);
	struct batch_size size = pass_size(d, n, pass, &max_kv);
	bool graph = !d->graphs.off && size.tokens == n && size.logits == n && seqs > 0;

	if (graph) {
		max_kv = graphs_kv(max_kv, d->plan.context_length);
		size = (struct batch_size){ seqs, seqs, seqs, kv_pages_for(&d->kv, max_kv) };
	}
	batch_begin(b, &size);
	for (uint32_t i = 0; i < n; i++)
		add_rows(d, &d->rows[i], pass);
	if (graph) {
		batch_pad(b);
		b->max_kv = max_kv;
	}
	return graph;
}

/* The model, and the likeliest token of each logits row. */
static int emit_pass(void *ctx, struct aios_status *st)
{
	struct draft *d = ctx;
	struct graph_run run = { d->queue.device, &d->queue, &d->workspace.scratch };
	const struct forward_tail argmax = { .sample = false };
	int rc = forward_model(&run, &d->source, &d->types, &d->weights, &d->workspace, &d->kv, st);

	if (rc < 0 || d->workspace.batch.n_logits == 0)
		return rc;
	return forward_tail(&run, &d->source, &d->workspace, &argmax, st);
}

static int launch(struct draft *d, bool graph, struct aios_status *st)
{
	const struct batch *b = &d->workspace.batch;
	const struct graph_key key = { b->n_seqs, b->max_kv, GRAPH_TAIL_ARGMAX };
	int rc = graph ? graphs_run(&d->graphs, &d->queue, &key, emit_pass, d, st) : 0;

	if (rc != 0)
		return rc < 0 ? rc : 0;
	return emit_pass(d, st);
}

/* Enqueue a pass of the first `n` requests and the download of what it draws. */
static int run_pass(struct draft *d, uint32_t n, uint32_t pass, struct aios_status *st)
{
	const struct workspace *ws = &d->workspace;
	uint32_t drawn = guessing_in(d, pass);
	int32_t *out = d->ids + (size_t)pass * d->plan.max_batch_size;
	bool graph;
	int rc = 0;

	/* The mirror that is built now was uploaded two passes ago. */
	if (pass >= 2)
		rc = queue_wait(&d->queue, d->marks[pass % 2], ROUND_NS, st);
	if (rc < 0)
		return rc;
	graph = build(d, n, pass);
	rc = batch_upload(&d->workspace.batch, &d->queue, st);
	if (rc == 0)
		rc = queue_mark(&d->queue, &d->marks[pass % 2], st);
	if (rc == 0 && pass > 0)
		rc = queue_copy(&d->queue, batch_addr(&ws->batch, ws->batch.a.ids), ws->out_ids,
				n * sizeof(int32_t), st);
	if (rc == 0)
		rc = launch(d, graph, st);
	if (rc == 0 && drawn > 0)
		rc = queue_download(&d->queue, out, ws->out_ids, drawn * sizeof(int32_t), st);
	return rc;
}

/* All passes; the guesses are on the host. */
static int run_passes(struct aios_engine *e, struct aios_status *st)
{
	struct draft *d = &e->draft;
	uint32_t n = d->n;
	int rc = 0;

	for (uint32_t i = 0; i < n; i++)
		e->stats.draft_rows += d->rows[i].rows;
	for (uint32_t pass = 0; n > 0 && rc == 0; n = guessing_in(d, ++pass)) {
		rc = run_pass(d, n, pass, st);
		e->stats.draft_passes++;
		e->stats.draft_rows += pass > 0 ? n : 0;
	}
	return rc < 0 ? rc : queue_sync(&d->queue, ROUND_NS, st);
}

/* What was drawn becomes guesses; what was fed is remembered, to be compared with what comes. */
static void take(struct draft *d, uint32_t at)
{
	const struct draft_row *row = &d->rows[at];
	struct request *r = row->who;
	struct draft_seq *seq = &r->draft_seq;

	seq->have += row->rows;
	seq->known = seq->have;
	if (row->most == 0)
		return;
	for (uint32_t i = 0; i < row->most; i++)
		r->draft[i] = d->ids[(size_t)i * d->plan.max_batch_size + at];
	r->n_draft = row->most;
	memcpy(seq->fed, r->draft, (row->most - 1) * sizeof(*seq->fed));
	seq->have += row->most - 1;
}

/* The requests go on without guesses; what the round left behind is not to be believed. */
static void fail(struct aios_engine *e, const struct aios_status *st)
{
	struct draft *d = &e->draft;
	bool idle = queue_sync(&d->queue, ROUND_NS, NULL) == 0;

	e->stats.draft_failures++;
	d->on = idle && ++d->failures < MAX_FAILURES;
	engine_log(e, AIOS_LOG_WARN, "the draft model failed%s: %s",
		   d->on ? "" : " and makes no more guesses", st->message);
	/* Pages that the device may still write are not given to anybody: there are no more rounds. */
	for (uint32_t i = 0; i < d->n; i++)
		draft_forget(e, d->rows[i].who);
}

uint64_t draft_guess(struct aios_engine *e)
{
	struct draft *d = &e->draft;
	uint64_t start = clock_ns(), ns;
	struct aios_status st;

	choose(e);
	if (d->n == 0)
		return 0;
	aios_status_clear(&st);
	if (run_passes(e, &st) < 0) {
		fail(e, &st);
	} else {
		d->failures = 0;
		for (uint32_t i = 0; i < d->n; i++)
			take(d, i);
	}
	ns = clock_ns() - start;
	e->stats.draft_ns += ns;
	return ns;
}

void draft_forget(struct aios_engine *e, struct request *r)
{
	draft_seq_drop(&r->draft_seq, &e->draft.kv.pages);
	r->draft_seq.given_up = false;
}
