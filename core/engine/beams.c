// SPDX-License-Identifier: Apache-2.0
/* beams.c - beam search: candidates, answers that have ended, beams that share pages. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/beams.h"
#include "core/engine/engine.h"
#include "core/lib/array.h"
#include "core/numerics/dmath.h"

#define MAX_PENALTY 8.0f

/* ---- requests ------------------------------------------------------------------------ */

static int not_with(const char *what, struct aios_status *st)
{
	return aios_fail(st, -EINVAL, "beams do not go with %s", what);
}

/* What draws, changes logits or looks at the text while it grows has no place in a search. */
static int check_company(const struct aios_request *req, struct aios_status *st)
{
	const struct aios_sampling *s = &req->sampling;

	if (req->n > 1)
		return not_with("n: they are the answers", st);
	if (s->temperature != 0.0f)
		return not_with("a temperature: nothing is drawn", st);
	if ((s->repetition != 1.0f && s->repetition != 0.0f) || s->frequency != 0.0f ||
	    s->presence != 0.0f)
		return not_with("penalties of tokens", st);
	if (req->n_bias > 0)
		return not_with("a logit bias", st);
	if (req->n_stop > 0)
		return not_with("stop texts", st);
	if (req->top_logprobs > 0)
		return not_with("top_logprobs above 0", st);
	return 0;
}

int beams_check(const struct aios_request *req, uint32_t n_eos, uint32_t vocab,
		struct aios_status *st)
{
	uint32_t offered = req->beams + n_eos;

	if (req->beams == 0)
		return 0;
	if (req->beams > BEAMS_MAX)
		return aios_fail(st, -EINVAL, "beams is %u; up to %u are possible", req->beams,
				 BEAMS_MAX);
	if (!(fabsf(req->length_penalty) <= MAX_PENALTY))
		return aios_fail(st, -EINVAL, "length_penalty is %g; -%g to %g is possible",
				 (double)req->length_penalty, (double)MAX_PENALTY,
				 (double)MAX_PENALTY);
	if (req->early_stopping > AIOS_EARLY_NEVER)
		return aios_fail(st, -EINVAL, "early_stopping is %u; 0 to %u is possible",
				 req->early_stopping, AIOS_EARLY_NEVER);
	if (offered > MAX_TOP_LOGPROBS || offered > vocab)
		return aios_fail(st, -EINVAL,
				 "%u beams and %u end-of-sequence ids need the %u best tokens, "
				 "there are %u at most",
				 req->beams, n_eos, offered,
				 vocab < MAX_TOP_LOGPROBS ? vocab : MAX_TOP_LOGPROBS);
	return check_company(req, st);
}

static void beams_destroy(struct beams *g)
{
	for (uint32_t i = 0; i < g->n_done; i++) {
		free(g->done[i].ids);
		free(g->done[i].logprobs);
	}
	for (uint32_t i = 0; i < BEAMS_MAX; i++)
		free(g->logprobs[i]);
	free(g->candidates);
	free(g->ids);
	free(g->probs);
	free(g->pages);
	free(g);
}

int beams_create(const struct aios_request *req, uint32_t n_eos, struct request *chain)
{
	struct beams *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->n = req->beams;
	g->active = 1;
	g->offered = g->n + n_eos;
	g->penalty = (double)req->length_penalty;
	g->early = req->early_stopping;
	g->candidates = calloc((size_t)g->n * g->offered, sizeof(*g->candidates));
	if (!g->candidates) {
		beams_destroy(g);
		return -ENOMEM;
	}
	chain->n_followers = 0;
	for (struct request *r = chain; r; r = r->next) {
		g->lanes[r->choice] = r;
		r->leader = NULL;
		r->beams = g;
	}
	return 0;
}

void beams_leave(struct request *r)
{
	struct beams *g = r ? r->beams : NULL;
	bool others = false;

	if (!g)
		return;
	g->lanes[r->choice] = NULL;
	r->beams = NULL;
	for (uint32_t i = 0; i < g->n; i++)
		others |= g->lanes[i] != NULL;
	if (!others)
		beams_destroy(g);
}

/* ---- pages --------------------------------------------------------------------------- */

/* Whole pages of the prompt are there once; copies under way hold what they copy from. */
uint64_t beams_pages(uint32_t beams, uint64_t n_prompt, uint64_t limit, uint32_t page_size)
{
	uint64_t shared = n_prompt / page_size, all = (limit + page_size - 1) / page_size;

	return shared + beams * (all - shared) + beams;
}

/* Tokens that two beams have in common, so far as the second can share the first one's keys. */
static uint32_t in_common(const struct aios_engine *e, const struct request *first,
			  const struct request *r)
{
	uint32_t n = r->n_prompt, window = e->kv.window, seen;

	while (n < r->n_tokens - 1 && r->tokens[n] == first->tokens[n])
		n++;
	n = n < r->n_tokens - 1 ? n : r->n_tokens - 1;
	/* Of a sliding window, what the first row sees may be gone. */
	seen = window && n + 1 > window ? n + 1 - window : 0;
	return first->n_gone > seen / e->kv.page_size ? 0 : n;
}

/* Begin from what the first beam has. */
static int join(struct aios_engine *e, struct request *first, struct request *r)
{
	uint32_t tokens = in_common(e, first, r), n = kv_pages_for(&e->kv, tokens);

	if (array_reserve((void **)&r->pages, &r->cap_pages, n + 1, sizeof(*r->pages)) < 0)
		return -ENOMEM;
	if (n > 0)
		memcpy(r->pages, first->pages, n * sizeof(*r->pages));
	r->n_pages = n;
	r->n_gone = first->n_gone < n ? first->n_gone : n;
	for (uint32_t i = r->n_gone; i < n; i++)
		mm_pages_get(&e->kv.pages, r->pages[i]);
	r->computed = tokens;
	r->shared = true;
	first->shared = true;
	engine_move(e, r, AIOS_REQUEST_PREFILLING);
	return 0;
}

/* The page at place `at` of beam `lane`, or -1. */
static int32_t page_of(const struct beams *g, uint32_t lane, uint32_t at)
{
	const struct request *r = g->lanes[lane];

	return at < r->n_pages ? r->pages[at] : -1;
}

/* Pages at one place of all beams: each counted once, and those that nobody else holds. */
static void count_place(const struct beams *g, const struct mm_pages *pages, uint32_t at,
			struct aios_sched_facts *facts)
{
	uint32_t holders, before;
	int32_t page;

	for (uint32_t i = 0; i < g->active; i++) {
		page = page_of(g, i, at);
		holders = 0;
		before = 0;
		for (uint32_t k = 0; k < g->active && page >= 0; k++) {
			holders += page_of(g, k, at) == page;
			before += k < i && page_of(g, k, at) == page;
		}
		if (page < 0 || before > 0)
			continue;
		facts->pages++;
		facts->frees += pages->refs[page] == holders;
		if (holders == g->active)
			return;
	}
}

/* Rows that a beam has yet to compute, and pages that they take. */
static uint32_t count_wants(const struct aios_engine *e, const struct beams *g, uint32_t lane,
			    uint32_t *pages)
{
	const struct request *r = g->lanes[lane];
	uint32_t all = kv_pages_for(&e->kv, r->n_tokens), block = r->computed / e->kv.page_size;
	uint32_t common;

	if (!request_running(r)) {
		common = in_common(e, g->lanes[0], r);
		*pages += all - common / e->kv.page_size;
		return r->n_tokens - common;
	}
	*pages += all > r->n_pages ? all - r->n_pages : 0;
	if (block < r->n_pages && block >= r->n_gone && e->kv.pages.refs[r->pages[block]] > 1)
		(*pages)++;
	return r->n_tokens - r->computed;
}

/*
 * The scheduler counts tokens of one table. The beams are told as one request whose table has all
 * their pages, whose tokens fill them and the pages that they want, and whose last tokens are the
 * rows to compute.
 */
void beams_facts(const struct aios_engine *e, const struct request *r,
		 struct aios_sched_facts *facts)
{
	const struct beams *g = r->beams;
	uint32_t rows = 0, pages = 0, places = 0;

	memset(facts, 0, sizeof(*facts));
	for (uint32_t i = 0; i < g->active; i++) {
		places = g->lanes[i]->n_pages > places ? g->lanes[i]->n_pages : places;
		if (!g->ready[i])
			rows += count_wants(e, g, i, &pages);
	}
	for (uint32_t at = 0; at < places; at++)
		count_place(g, &e->kv.pages, at, facts);
	rows = rows ? rows : 1;
	facts->known = (facts->pages + pages) * e->kv.page_size;
	facts->known = facts->known > rows ? facts->known : rows;
	facts->computed = facts->known - rows;
}

void beams_drop(struct aios_engine *e, struct request *r)
{
	struct beams *g = r->beams;

	memset(g->ready, 0, sizeof(g->ready));
	for (uint32_t i = 1; i < g->active; i++) {
		struct request *lane = g->lanes[i];

		if (!request_running(lane))
			continue;
		request_give_pages(lane, &e->kv.pages);
		if (lane->computed > lane->redo)
			lane->redo = lane->computed;
		engine_move(e, lane, AIOS_REQUEST_DROPPED);
		lane->computed = 0;
	}
}

/* ---- steps --------------------------------------------------------------------------- */

bool beams_alone(const struct request *r)
{
	return r->state != AIOS_REQUEST_DECODING;
}

uint32_t beams_choose(struct aios_engine *e, struct request *r, uint32_t rows, uint32_t places)
{
	struct beams *g = r->beams;
	struct flight *f = &e->step.now;
	uint32_t taken = 0, take;

	for (uint32_t i = 0; i < g->active && places > 0 && taken < rows; i++) {
		struct request *lane = g->lanes[i];

		if (g->ready[i] || (!request_running(lane) && join(e, r, lane) < 0))
			continue;
		take = lane->n_tokens - lane->computed;
		take = take < rows - taken ? take : rows - taken;
		if (blocks_prepare(e, lane, take) < 0)
			continue;
		f->members[f->n++] = (struct member){
			.r = lane, .rows = take, .kept = take, .logits = -1, .at = lane->n_tokens
		};
		taken += take;
		places--;
	}
	return taken;
}

void beams_tail(struct step *s, const struct request *r)
{
	s->tail.logprobs = true;
	if (s->tail.n_top < r->beams->offered)
		s->tail.n_top = r->beams->offered;
}

/* ---- the search ------------------------------------------------------------------------ */

/* Larger score first, then lower id, then lower beam. */
static int candidate_order(const void *a, const void *b)
{
	const struct beam_candidate *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->beam < y->beam ? -1 : x->beam > y->beam;
}

/* What a sum of log-probabilities is divided by. */
static double length_power(const struct beams *g, uint32_t n)
{
	return g->penalty == 1.0 ? (double)n : numerics_pow((double)n, g->penalty);
}

/* The tokens of the candidate's beam after the prompt. */
static uint32_t made(const struct beams *g)
{
	return g->lanes[0]->n_tokens - g->lanes[0]->n_prompt;
}

static int copy_answer(const struct beams *g, const struct beam_candidate *c,
		       struct beam_answer *out)
{
	const struct request *r = g->lanes[c->beam];
	uint32_t n = made(g);

	out->n = n + 1;
	out->ids = malloc(out->n * sizeof(*out->ids));
	out->logprobs = malloc(out->n * sizeof(*out->logprobs));
	if (!out->ids || !out->logprobs) {
		free(out->ids);
		free(out->logprobs);
		return -ENOMEM;
	}
	if (n > 0) {
		memcpy(out->ids, r->tokens + r->n_prompt, n * sizeof(*out->ids));
		memcpy(out->logprobs, g->logprobs[c->beam], n * sizeof(*out->logprobs));
	}
	out->ids[n] = c->id;
	out->logprobs[n] = c->logprob;
	return 0;
}

/* A candidate ends: it is kept when it is among the n best, after those with the same score. */
static int keep_answer(struct beams *g, const struct beam_candidate *c)
{
	struct beam_answer a = { .score = c->score / length_power(g, made(g) + 1) };
	uint32_t at = g->n_done;
	int rc;

	while (at > 0 && g->done[at - 1].score < a.score)
		at--;
	if (at == g->n)
		return 0;
	rc = copy_answer(g, c, &a);
	if (rc < 0)
		return rc;
	if (g->n_done == g->n) {
		g->n_done--;
		free(g->done[g->n_done].ids);
		free(g->done[g->n_done].logprobs);
	}
	memmove(&g->done[at + 1], &g->done[at], (g->n_done - at) * sizeof(g->done[0]));
	g->done[at] = a;
	g->n_done++;
	return 0;
}

/* Is the search over, when the best beam that goes on has this score? */
static bool is_over(const struct beams *g, double best)
{
	const struct request *r = g->lanes[0];
	uint32_t n = made(g) + 1;

	if (g->n_done < g->n)
		return false;
	if (g->early == AIOS_EARLY_FULL)
		return true;
	if (g->early == AIOS_EARLY_NEVER && g->penalty > 0)
		n = r->limit - r->n_prompt;
	return !(best / length_power(g, n) > g->done[g->n - 1].score);
}

static void begin(struct aios_engine *e, struct request *r)
{
	if (r->state != AIOS_REQUEST_QUEUED)
		return;
	engine_move(e, r, AIOS_REQUEST_PREFILLING);
	engine_move(e, r, AIOS_REQUEST_DECODING);
	atomic_fetch_sub(&e->queued, 1);
}

/* Room for one more token in every beam, and for what it is moved from; nothing changes. */
static int move_memory(struct beams *g, uint32_t n, uint32_t pages)
{
	int rc = array_reserve(&g->ids, &g->cap_ids, (size_t)g->n * n, sizeof(int32_t));

	if (rc == 0)
		rc = array_reserve(&g->probs, &g->cap_probs, (size_t)g->n * n, sizeof(float));
	if (rc == 0)
		rc = array_reserve(&g->pages, &g->cap_pages, (size_t)g->n * pages, sizeof(int32_t));
	for (uint32_t i = 0; i < g->n && rc == 0; i++) {
		struct request *r = g->lanes[i];

		rc = array_reserve((void **)&r->tokens, &r->cap_tokens, (size_t)r->n_prompt + n,
				   sizeof(*r->tokens));
		if (rc == 0)
			rc = array_reserve((void **)&r->pages, &r->cap_pages, pages,
					   sizeof(*r->pages));
		if (rc == 0)
			rc = array_reserve((void **)&g->logprobs[i], &g->cap_logprobs[i], n,
					   sizeof(float));
	}
	return rc;
}

/* Column `to`: what the candidate continues, and its token; its pages get one more holder. */
static void lift(struct aios_engine *e, struct beams *g, const struct beam_candidate *c,
		 uint32_t to, uint32_t n, uint32_t pages)
{
	const struct request *r = g->lanes[c->beam];
	int32_t *ids = (int32_t *)g->ids + (size_t)to * n;
	float *probs = (float *)g->probs + (size_t)to * n;
	int32_t *table = (int32_t *)g->pages + (size_t)to * pages;

	if (n > 1) {
		memcpy(ids, r->tokens + r->n_prompt, (n - 1) * sizeof(*ids));
		memcpy(probs, g->logprobs[c->beam], (n - 1) * sizeof(*probs));
	}
	ids[n - 1] = c->id;
	probs[n - 1] = c->logprob;
	memcpy(table, r->pages, pages * sizeof(*table));
	for (uint32_t i = 0; i < pages; i++) {
		if (table[i] >= 0)
			mm_pages_get(&e->kv.pages, table[i]);
	}
}

/* Beam `at` becomes what was lifted into its column. */
static void lower(struct aios_engine *e, struct beams *g, uint32_t at, double score, uint32_t n,
		  uint32_t pages)
{
	struct request *r = g->lanes[at];

	request_give_pages(r, &e->kv.pages);
	memcpy(r->tokens + r->n_prompt, (int32_t *)g->ids + (size_t)at * n, n * sizeof(int32_t));
	memcpy(g->logprobs[at], (float *)g->probs + (size_t)at * n, n * sizeof(float));
	memcpy(r->pages, (int32_t *)g->pages + (size_t)at * pages, pages * sizeof(int32_t));
	r->n_pages = pages;
	while (r->n_gone < pages && r->pages[r->n_gone] < 0)
		r->n_gone++;
	r->shared = true;
	r->n_tokens = r->n_prompt + n;
	r->computed = r->n_tokens - 1;
	r->usage.completion_tokens = n;
	g->scores[at] = score;
	g->ready[at] = false;
	begin(e, r);
}

/* The beams become these continuations. */
static int move_on(struct aios_engine *e, struct beams *g, const struct beam_candidate *next)
{
	uint32_t n = made(g) + 1, pages = g->lanes[0]->n_pages;
	int rc = move_memory(g, n, pages);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < g->n; i++)
		lift(e, g, &next[i], i, n, pages);
	for (uint32_t i = 0; i < g->n; i++)
		lower(e, g, i, next[i].score, n, pages);
	g->active = g->n;
	return 0;
}

/* The answers, best first, become those of the requests. */
static void conclude(struct aios_engine *e, struct beams *g, uint64_t now)
{
	prefix_insert(&e->prefix, g->lanes[0], g->lanes[0]->computed);
	for (uint32_t i = 0; i < g->n; i++) {
		const struct beam_answer *a = &g->done[i];
		struct request *r = g->lanes[i];
		int rc = 0;

		begin(e, r);
		request_give_pages(r, &e->kv.pages);
		r->computed = 0;
		r->n_tokens = r->n_prompt;
		r->usage.completion_tokens = 0;
		r->score = a->score;
		aios_status_clear(&r->status);
		for (uint32_t k = 0; k < a->n && rc == 0; k++)
			rc = step_token(e, r, a->ids[k], a->logprobs[k], NULL, NULL, 0, now,
					&r->status);
		if (rc < 0)
			r->ending = AIOS_END_ERROR;
	}
}

/* All candidates are there: which answers end, which beams go on. */
static int decide(struct aios_engine *e, struct beams *g, uint64_t now)
{
	const struct request *first = g->lanes[0];
	bool last = first->n_tokens + 1 >= first->limit;
	uint32_t n = g->active * g->offered, kept = 0;
	struct beam_candidate *c = g->candidates, next[BEAMS_MAX];
	int rc = 0;

	qsort(c, n, sizeof(*c), candidate_order);
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		if (c[i].eos || last)
			rc = i < g->n ? keep_answer(g, &c[i]) : 0;
		else if (kept < g->n)
			next[kept++] = c[i];
	}
	if (rc < 0)
		return rc;
	if (!last && !is_over(g, next[0].score))
		return move_on(e, g, next);
	conclude(e, g, now);
	return 0;
}

/* The best tokens after a beam, its candidates. What is not a number is as unlikely as can be. */
static void offer(struct aios_engine *e, struct beams *g, uint32_t beam, size_t row)
{
	const struct step *s = &e->step;

	for (uint32_t k = 0; k < g->offered; k++) {
		struct beam_candidate *c = &g->candidates[(size_t)beam * g->offered + k];
		float logprob = s->top[row * s->tail.n_top + k];

		c->id = s->top_ids[row * s->tail.n_top + k];
		c->beam = beam;
		c->logprob = logprob;
		c->score = isnan(logprob) ? -INFINITY : g->scores[beam] + (double)logprob;
		c->eos = step_is_eos(e, g->lanes[beam], c->id);
	}
}

void beams_take(struct aios_engine *e, const struct member *m, uint64_t now)
{
	struct request *r = m->r, *first = r->beams->lanes[0];
	struct beams *g = r->beams;

	r->computed--; /* its row is the newest token's: the next begins with it when beams move on */
	if (r->state == AIOS_REQUEST_PREFILLING) {
		engine_move(e, r, AIOS_REQUEST_DECODING);
		if (r == first)
			prefix_insert(&e->prefix, r, r->n_tokens - r->n_tokens % e->kv.page_size);
	}
	offer(e, g, r->choice, (size_t)m->logits);
	g->ready[r->choice] = true;
	for (uint32_t i = 0; i < g->active; i++) {
		if (!g->ready[i])
			return;
	}
	aios_status_clear(&first->status);
	if (decide(e, g, now) < 0) {
		aios_fail(&first->status, -ENOMEM, "no memory for %u beams", g->n);
		first->ending = AIOS_END_ERROR;
	}
}

void beams_end(struct aios_engine *e, struct request *r, enum aios_end_reason reason,
	       const struct aios_status *st)
{
	bool over = reason == AIOS_END_STOP || reason == AIOS_END_LENGTH;
	struct request *lanes[BEAMS_MAX];
	uint32_t n = r->beams->n;

	memcpy(lanes, r->beams->lanes, sizeof(lanes));
	for (uint32_t i = 0; i < n; i++)
		beams_leave(lanes[i]);
	for (uint32_t i = 0; i < n; i++) {
		bool own = over && lanes[i]->ending == AIOS_END_ERROR;

		engine_end(e, lanes[i], over ? lanes[i]->ending : reason,
			   own ? &lanes[i]->status : st);
	}
}
