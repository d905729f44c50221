// SPDX-License-Identifier: Apache-2.0
/* score.c - log-probabilities and ranks of the tokens of prompts. */
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/engine/engine.h"
#include "core/engine/score.h"
#include "core/lib/array.h"

#define RANK_ROWS 8u /* logits rows on the host at a time */
#define RANK_NS (600ull * 1000000000ull)

/* The first row that is to be scored, of the next ones. */
static uint32_t score_from(const struct request *r)
{
	return r->computed > r->scored ? r->computed : r->scored;
}

uint32_t score_rows(const struct request *r, uint32_t rows)
{
	uint32_t from = score_from(r), to = r->computed + rows;

	if (!request_unscored(r))
		return 0;
	to = to < r->n_prompt - 1 ? to : r->n_prompt - 1;
	return to > from ? to - from : 0;
}

uint32_t score_fit(const struct request *r, uint32_t rows, uint32_t spare)
{
	uint32_t most = score_from(r) - r->computed + 1 + spare;

	return request_unscored(r) && rows > most ? most : rows;
}

uint32_t score_spare(const struct request *r, uint32_t rows)
{
	uint32_t scored = score_rows(r, rows);

	if (scored > 0 && r->computed + rows < r->n_tokens)
		scored--; /* nothing is drawn: that row is its */
	return scored;
}

void score_add(struct member *m, uint32_t row)
{
	if (m->scored++ == 0)
		m->score = row;
}

void score_tail(struct aios_engine *e, const struct member *m)
{
	uint32_t vocab = e->source.info.vocab_size;
	struct step *s = &e->step;

	if (m->scored == 0)
		return;
	s->scored.n += m->scored;
	s->tail.logprobs = true;
	/* All that there may be: a rank among them need not be counted. */
	s->tail.n_top = vocab < MAX_TOP_LOGPROBS ? vocab : MAX_TOP_LOGPROBS;
	memset(&e->workspace.batch.a.sample[m->score], 0,
	       m->scored * sizeof(struct aios_sample_row));
}

int score_upload(struct aios_engine *e, struct aios_status *st)
{
	struct step_list *list = &e->step.scored;
	uint64_t bytes = list->n * sizeof(int32_t);
	int32_t *at;
	int rc;

	if (list->n == 0)
		return 0;
	if (array_reserve(&list->host, &list->cap, bytes, 1) < 0)
		return aios_fail(st, -ENOMEM, "no host memory for the tokens of scored prompts");
	at = list->host;
	for (uint32_t i = 0; i < e->step.now.n; i++) {
		const struct member *m = &e->step.now.members[i];

		if (m->scored == 0)
			continue;
		memcpy(at, m->r->tokens + m->r->scored + 1, m->scored * sizeof(*at));
		at += m->scored;
	}
	rc = mm_pool_alloc(&e->pool, bytes, "the tokens of scored prompts", &list->block, st);
	return rc < 0 ? rc : queue_upload(&e->queue, list->block.addr, list->host, bytes, st);
}

/* The ids that LOGPROBS is asked about: drawn ones, and in scored rows the prompt's. */
int score_launch(struct aios_engine *e, struct graph_run *run, struct aios_status *st)
{
	const struct workspace *ws = &e->workspace;
	struct forward_tail tail = e->step.tail;
	aios_addr at = e->step.scored.block.addr;
	int rc;

	tail.logprobs = false;
	rc = forward_tail(run, &e->source, ws, &tail, st);
	for (uint32_t i = 0; i < e->step.now.n && rc == 0; i++) {
		const struct member *m = &e->step.now.members[i];
		uint64_t bytes = m->scored * sizeof(int32_t);

		if (m->scored == 0)
			continue;
		rc = queue_copy(&e->queue, ws->out_ids + m->score * sizeof(int32_t), at, bytes, st);
		at += bytes;
	}
	return rc < 0 ? rc : forward_logprobs(run, &e->source, ws, tail.n_top, st);
}

/* Rank by the best of the row, or 0. */
static uint32_t rank_among_best(const struct step *s, uint32_t row)
{
	const int32_t *best = s->top_ids + (size_t)row * s->tail.n_top;

	for (uint32_t k = 0; k < s->tail.n_top; k++) {
		if (best[k] == s->now.ids[row])
			return k + 1;
	}
	return 0;
}

static uint32_t count_rank(const float *logits, uint32_t n, int32_t id)
{
	uint64_t key = aios_rank_key(logits[id], (uint32_t)id);
	uint32_t before = 0;

	for (uint32_t i = 0; i < n; i++)
		before += aios_rank_key(logits[i], i) > key;
	return before + 1;
}

/* The logits of these rows come to the host, and the ranks are counted. */
static int rank_rows(struct aios_engine *e, const uint32_t *rows, uint32_t n,
		     struct aios_status *st)
{
	struct step *s = &e->step;
	struct aios_tensor t;
	int rc = 0;

	forward_logits(&e->source, &e->workspace, &t);
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = queue_download(&e->queue, s->ranked + (size_t)i * t.cols,
				    t.data + rows[i] * t.row_bytes,
				    (uint64_t)t.cols * sizeof(float), st);
	if (rc == 0 && n > 0)
		rc = queue_sync(&e->queue, RANK_NS, st);
	for (uint32_t i = 0; i < n && rc == 0; i++)
		s->ranks[rows[i]] =
			count_rank(s->ranked + (size_t)i * t.cols, t.cols, s->now.ids[rows[i]]);
	return rc;
}

static int rank_memory(struct aios_engine *e, struct aios_status *st)
{
	struct step *s = &e->step;

	if (!s->ranks)
		s->ranks = malloc(e->workspace.batch.max.logits * sizeof(*s->ranks));
	if (!s->ranked)
		s->ranked = malloc((uint64_t)RANK_ROWS * e->source.info.vocab_size *
				   sizeof(*s->ranked));
	return s->ranks && s->ranked ?
		       0 :
		       aios_fail(st, -ENOMEM, "no host memory to rank %u tokens", RANK_ROWS);
}

int score_rank(struct aios_engine *e, struct aios_status *st)
{
	struct step *s = &e->step;
	uint32_t rows[RANK_ROWS], n = 0;
	int rc = s->scored.n > 0 ? rank_memory(e, st) : 0;

	for (uint32_t i = 0; i < s->now.n && s->scored.n > 0; i++) {
		const struct member *m = &s->now.members[i];

		for (uint32_t row = m->score; row < m->score + m->scored && rc == 0; row++) {
			s->ranks[row] = rank_among_best(s, row);
			if (s->ranks[row] == 0)
				rows[n++] = row;
			if (n < RANK_ROWS)
				continue;
			rc = rank_rows(e, rows, n, st);
			n = 0;
		}
	}
	return rc < 0 || n == 0 ? rc : rank_rows(e, rows, n, st);
}

int score_tell(struct aios_engine *e, const struct member *m)
{
	const struct step *s = &e->step;
	struct request *r = m->r;
	int rc;

	for (uint32_t row = m->score; row < m->score + m->scored; row++) {
		size_t top = (size_t)row * s->tail.n_top;
		uint32_t n_top = (uint32_t)r->prompt_logprobs;

		n_top = n_top < s->tail.n_top ? n_top : s->tail.n_top;
		rc = event_push_prompt(&e->events, r, r->scored + 1, s->logprobs[row],
				       s->ranks[row], s->top_ids + top, s->top + top, n_top);
		if (rc < 0)
			return aios_fail(&r->status, rc,
					 "no memory for a prompt's log-probability");
		r->scored++;
	}
	return 0;
}
