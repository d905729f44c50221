// SPDX-License-Identifier: Apache-2.0
/*
 * test_beams.c - beam search against a search that knows no pages: it computes the logits of every
 * prefix anew, orders all continuations of all beams, and follows the rule of Documentation/engine.md
 * word for word. And the same ids and the same bits of scores whatever neighbours, chunks, pages and
 * preemptions there are.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "bed.h"
#include "core/engine/beams.h"

Suite *test_beams_suite(void);

enum {
	PROMPT = 21,
	OTHERS = 7,
	MOST = 40 /* tokens of an answer */
};

/* What a test asks for. */
struct search {
	uint32_t beams;
	uint32_t early;
	float penalty;
	uint32_t tokens;
	uint32_t n_eos; /* of eos_ids */
	uint32_t prompt;
	uint32_t n_prompt;
};

/* Frequent tokens of the demo model, taken for ends of sequence so that answers end at all lengths. */
static const int32_t eos_ids[] = { 13, 11, 290 };

static void make_prompt(int32_t *ids, uint32_t n, uint32_t salt)
{
	static const int32_t story[] = { 514, 258, 425, 11, 258, 704 };

	for (uint32_t i = 0; i < n; i++)
		ids[i] = salt == 0 && i < 6 ?
				 story[i] :
				 (int32_t)((i * 43 + salt * 1019 + i * i % 7) % 700 + 3);
}

/* ---- the search that knows no pages ------------------------------------------------- */

struct naive_beam {
	int32_t ids[MOST];
	double score; /* a sum; of an answer: divided */
	uint32_t n;
};

struct naive_next {
	double score;
	int32_t id;
	uint32_t beam;
};

struct naive {
	const struct search *s;
	struct aios_engine *e;
	int32_t prefix[PROMPT + MOST];
	uint32_t n_prompt, vocab;
	float *logits;
	struct naive_next *next; /* [beams][vocab] */
	struct naive_beam running[BEAMS_MAX], answers[2 * BEAMS_MAX];
	uint32_t n_running, n_answers;
};

static float log_sum(const float *x, uint32_t n)
{
	float lanes[AIOS_LANES] = { 0 }, max = x[0];

	for (uint32_t i = 1; i < n; i++)
		max = aios_max_step(max, x[i]);
	for (uint32_t i = 0; i < n; i++)
		lanes[i % AIOS_LANES] =
			aios_sum_step(lanes[i % AIOS_LANES], aios_exp(aios_sub(x[i], max)));
	return aios_logsumexp(max, aios_halving_tree(lanes, AIOS_LANES));
}

/* Every continuation of beam `b`. */
static void continue_beam(struct naive *a, uint32_t b)
{
	const struct naive_beam *beam = &a->running[b];
	uint32_t n = a->n_prompt + beam->n;
	struct aios_status st;
	const float *row;
	float sum;

	memcpy(a->prefix + a->n_prompt, beam->ids, beam->n * sizeof(int32_t));
	ck_assert_msg(aios_logits(a->e, a->prefix, n, a->logits, &st) == 0, "%s", st.message);
	row = a->logits + (size_t)(n - 1) * a->vocab;
	sum = log_sum(row, a->vocab);
	for (uint32_t i = 0; i < a->vocab; i++)
		a->next[b * a->vocab + i] = (struct naive_next){
			beam->score + (double)aios_canon(aios_sub(row[i], sum)), (int32_t)i, b
		};
}

static int by_rule(const void *x, const void *y)
{
	const struct naive_next *a = x, *b = y;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->beam < b->beam ? -1 : 1;
}

static bool ends(const struct naive *a, int32_t id)
{
	for (uint32_t i = 0; i < a->s->n_eos; i++) {
		if (eos_ids[i] == id)
			return true;
	}
	return false;
}

static struct naive_beam extend(const struct naive *a, const struct naive_next *next)
{
	struct naive_beam beam = a->running[next->beam];

	beam.ids[beam.n++] = next->id;
	beam.score = next->score;
	return beam;
}

static void add_answer(struct naive *a, struct naive_beam beam)
{
	uint32_t at = a->n_answers++;

	beam.score /= pow((double)beam.n, (double)a->s->penalty);
	for (; at > 0 && a->answers[at - 1].score < beam.score; at--)
		a->answers[at] = a->answers[at - 1];
	a->answers[at] = beam;
	if (a->n_answers > a->s->beams)
		a->n_answers = a->s->beams;
}

static bool over(const struct naive *a)
{
	double best = a->running[0].score, n = (double)a->running[0].n;

	if (a->n_answers < a->s->beams)
		return false;
	if (a->s->early == AIOS_EARLY_FULL)
		return true;
	if (a->s->early == AIOS_EARLY_NEVER && a->s->penalty > 0)
		n = (double)a->s->tokens;
	return best / pow(n, (double)a->s->penalty) <= a->answers[a->n_answers - 1].score;
}

/* One token more; false: the search is over. */
static bool advance(struct naive *a)
{
	bool last = a->running[0].n + 1 == a->s->tokens;
	struct naive_beam running[BEAMS_MAX];
	uint32_t n = 0;

	for (uint32_t b = 0; b < a->n_running; b++)
		continue_beam(a, b);
	qsort(a->next, (size_t)a->n_running * a->vocab, sizeof(*a->next), by_rule);
	for (uint32_t i = 0; i < (1 + a->s->n_eos) * a->s->beams; i++) {
		struct naive_beam beam = extend(a, &a->next[i]);

		if (!last && !ends(a, a->next[i].id)) {
			if (n < a->s->beams)
				running[n++] = beam;
		} else if (i < a->s->beams) {
			add_answer(a, beam);
		}
	}
	memcpy(a->running, running, n * sizeof(running[0]));
	a->n_running = n;
	return !last && !over(a);
}

static void search_naively(struct bed *b, const struct search *s, struct naive *a)
{
	memset(a, 0, sizeof(*a));
	a->s = s;
	a->e = b->e;
	a->n_prompt = s->n_prompt;
	a->vocab = b->e->source.info.vocab_size;
	make_prompt(a->prefix, s->n_prompt, s->prompt);
	a->logits = malloc((size_t)(PROMPT + MOST) * a->vocab * sizeof(*a->logits));
	a->next = malloc((size_t)s->beams * a->vocab * sizeof(*a->next));
	ck_assert(a->logits && a->next);
	a->n_running = 1;
	while (advance(a))
		;
	free(a->logits);
	free(a->next);
	ck_assert_uint_eq(a->n_answers, s->beams);
}

/* ---- asking --------------------------------------------------------------------------- */

static uint64_t ask(struct bed *b, const struct search *s, struct result *out)
{
	static int32_t ids[PROMPT];
	struct aios_request req = AIOS_REQUEST_INIT;
	struct aios_status st;
	uint64_t id;

	for (uint32_t i = 0; i < s->n_eos; i++)
		b->e->source.eos[i] = eos_ids[i];
	b->e->source.n_eos = s->n_eos;
	make_prompt(ids, s->n_prompt, s->prompt);
	req.ids = ids;
	req.n_ids = s->n_prompt;
	req.max_tokens = s->tokens;
	req.beams = s->beams;
	req.early_stopping = s->early;
	req.length_penalty = s->penalty;
	id = bed_submit(b, &req, out, &st);
	ck_assert_msg(id != 0, "%s", st.message);
	for (uint32_t i = 1; i < s->beams; i++)
		memset(&out[i], 0, sizeof(out[i]));
	return id;
}

static const struct search searches[] = {
	{ 1, AIOS_EARLY_BOUND, 1.0f, 12, 1, 0, 6 },  { 2, AIOS_EARLY_BOUND, 1.0f, 16, 1, 0, 6 },
	{ 4, AIOS_EARLY_BOUND, 1.0f, 16, 2, 0, 6 },  { 8, AIOS_EARLY_BOUND, 1.0f, 12, 1, 0, 6 },
	{ 3, AIOS_EARLY_FULL, 1.0f, 16, 3, 0, 6 },   { 5, AIOS_EARLY_NEVER, 1.0f, 12, 2, 0, 6 },
	{ 4, AIOS_EARLY_NEVER, 0.5f, 14, 2, 1, 21 }, { 4, AIOS_EARLY_BOUND, 0.0f, 14, 2, 1, 21 },
	{ 4, AIOS_EARLY_BOUND, 2.0f, 14, 3, 2, 17 }, { 4, AIOS_EARLY_NEVER, -1.0f, 14, 2, 2, 16 },
	{ 6, AIOS_EARLY_FULL, -0.7f, 10, 3, 3, 15 }, { 4, AIOS_EARLY_BOUND, 1.0f, 10, 0, 4, 1 },
	{ 8, AIOS_EARLY_NEVER, 1.3f, 10, 3, 5, 12 }, { 3, AIOS_EARLY_BOUND, 1.0f, 1, 1, 0, 6 },
	{ 2, AIOS_EARLY_FULL, 1.0f, 2, 1, 6, 9 },
};

#define SEARCHES (int)(sizeof(searches) / sizeof(searches[0]))

START_TEST(test_against_naive)
{
	static const char *const list[] = { "engine.page_size=4", NULL };
	const struct search *s = &searches[_i];
	static struct result got[BEAMS_MAX];
	static struct naive want;
	uint32_t peak;
	struct bed b;

	if (!bed_full() && _i % 2 && _i > 3)
		return;
	bed_open(&b, bed_demo(), list);
	ask(&b, s, got);
	bed_run(&b);
	peak = b.e->kv.pages.peak;
	search_naively(&b, s, &want);
	for (uint32_t i = 0; i < s->beams; i++) {
		const struct naive_beam *w = &want.answers[i];

		ck_assert_uint_eq(got[i].ends, 1);
		ck_assert_msg(got[i].n == w->n, "answer %u: %u tokens, not %u", i, got[i].n, w->n);
		for (uint32_t k = 0; k < w->n; k++)
			ck_assert_msg(got[i].ids[k] == w->ids[k],
				      "answer %u: token %u is %d, not %d", i, k, got[i].ids[k],
				      w->ids[k]);
		ck_assert_msg(fabs(got[i].score - w->score) <= 1e-13 * fabs(w->score),
			      "answer %u: score %.17g, not %.17g", i, got[i].score, w->score);
		ck_assert(i == 0 || got[i].score <= got[i - 1].score);
		ck_assert_uint_eq(got[i].reason,
				  ends(&want, w->ids[w->n - 1]) ? AIOS_END_STOP : AIOS_END_LENGTH);
		ck_assert_uint_eq(got[i].usage.completion_tokens, w->n);
	}
	/* The prompt was computed once, and its pages are shared. */
	ck_assert_uint_eq(b.e->stats.prompt_tokens, s->n_prompt);
	if (s->beams > 1 && s->tokens > 2)
		ck_assert_uint_gt(b.e->stats.copied_pages, 0);
	ck_assert_uint_le(peak, beams_pages(s->beams, s->n_prompt, s->n_prompt + s->tokens, 4));
	bed_close(&b);
}
END_TEST

/* One beam without an end finds what greedy decoding finds. */
START_TEST(test_one_beam_is_greedy)
{
	const struct search s = { 1, AIOS_EARLY_BOUND, 1.0f, 20, 0, 1, 21 };
	static struct result beam[1], greedy;
	struct aios_request req = AIOS_REQUEST_INIT;
	int32_t ids[PROMPT];
	struct aios_status st;
	struct bed b;

	bed_open(&b, bed_demo(), NULL);
	ask(&b, &s, beam);
	bed_run(&b);
	make_prompt(ids, PROMPT, 1);
	req.ids = ids;
	req.n_ids = PROMPT;
	req.max_tokens = 20;
	ck_assert_uint_ne(bed_submit(&b, &req, &greedy, &st), 0);
	bed_run(&b);
	ck_assert_uint_eq(beam->n, 20);
	ck_assert_int_eq(memcmp(beam->ids, greedy.ids, 20 * sizeof(int32_t)), 0);
	bed_close(&b);
}
END_TEST

/* ---- the search of another program ------------------------------------------------------ */

static FILE *open_vector(void)
{
	const char *src = getenv("AIOS_TEST_SRC");
	char path[4096];
	FILE *f;

	ck_assert_ptr_nonnull(src);
	snprintf(path, sizeof(path), "%s/tests/vectors/beams/transformers.txt", src);
	f = fopen(path, "re");
	ck_assert_msg(f != NULL, "no %s", path);
	return f;
}

static uint32_t read_ids(FILE *f, int32_t *ids, uint32_t most)
{
	uint32_t n = 0;

	ck_assert_int_eq(fscanf(f, "%u", &n), 1);
	ck_assert_uint_le(n, most);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_int_eq(fscanf(f, "%d", &ids[i]), 1);
	return n;
}

/* The next search of the file; false: no more. */
static bool read_case(FILE *f, struct aios_request *req, int32_t *ids, int32_t *eos,
		      uint32_t *n_eos)
{
	int n = fscanf(f, " case %u %f %u %u", &req->beams, &req->length_penalty,
		       &req->early_stopping, &req->max_tokens);

	if (n == EOF)
		return false;
	ck_assert_int_eq(n, 4);
	*n_eos = read_ids(f, eos, 4);
	req->ids = ids;
	req->n_ids = read_ids(f, ids, PROMPT);
	return true;
}

/* Scores to what bf16 activations leave of them, when lengths multiply them too. */
static void check_answer(FILE *f, const struct result *got, const struct aios_request *req)
{
	int32_t ids[MOST];
	double score, scale;
	uint32_t n;

	ck_assert_int_eq(fscanf(f, " answer %lf", &score), 1);
	n = read_ids(f, ids, MOST);
	ck_assert_uint_eq(got->n, n);
	ck_assert_int_eq(memcmp(got->ids, ids, n * sizeof(*ids)), 0);
	scale = pow((double)n, 1.0 - (double)req->length_penalty);
	ck_assert_msg(fabs(got->score - score) <= 0.01 * scale, "score %.6f, not %.6f", got->score,
		      score);
}

START_TEST(test_against_transformers)
{
	static struct result got[BEAMS_MAX];
	struct aios_request req = AIOS_REQUEST_INIT;
	uint32_t cases = 0, n_eos = 0;
	int32_t ids[PROMPT], eos[4];
	FILE *f = open_vector();
	struct aios_status st;
	struct bed b;

	if (!bed_frozen()) {
		fclose(f);
		printf("skipped: transformers' searches are those of fma32\n");
		return;
	}
	bed_open(&b, bed_demo(), NULL);
	for (; read_case(f, &req, ids, eos, &n_eos); cases++) {
		memcpy(b.e->source.eos, eos, n_eos * sizeof(*eos));
		b.e->source.n_eos = n_eos;
		memset(got, 0, sizeof(got));
		ck_assert_msg(bed_submit(&b, &req, got, &st) != 0, "%s", st.message);
		bed_run(&b);
		for (uint32_t i = 0; i < req.beams; i++)
			check_answer(f, &got[i], &req);
	}
	ck_assert_uint_eq(cases, 15);
	fclose(f);
	bed_close(&b);
}
END_TEST

/* ---- the same bits ----------------------------------------------------------------------- */

static const struct search subject = { 5, AIOS_EARLY_NEVER, 1.3f, 24, 2, 1, PROMPT };

static const struct result *alone(void)
{
	static const char *const plain[] = { "engine.graphs=off", "engine.cache=off", NULL };
	static struct result out[BEAMS_MAX];
	struct bed b;

	if (out[0].ends)
		return out;
	bed_open(&b, bed_demo(), plain);
	ask(&b, &subject, out);
	bed_run(&b);
	bed_close(&b);
	return out;
}

static void same(const struct result *got, const char *what)
{
	const struct result *want = alone();

	for (uint32_t i = 0; i < subject.beams; i++) {
		ck_assert_msg(got[i].ends == 1, "%s: answer %u ended %u times", what, i,
			      got[i].ends);
		ck_assert_msg(got[i].reason == want[i].reason, "%s: answer %u ended with %s: %s",
			      what, i, aios_end_reason_name(got[i].reason), got[i].status.message);
		ck_assert_msg(got[i].n == want[i].n, "%s: answer %u has %u tokens, not %u", what, i,
			      got[i].n, want[i].n);
		ck_assert_msg(memcmp(got[i].ids, want[i].ids, want[i].n * sizeof(int32_t)) == 0,
			      "%s: answer %u differs", what, i);
		ck_assert_msg(memcmp(&got[i].score, &want[i].score, sizeof(double)) == 0,
			      "%s: score %u is %.17g, not %.17g", what, i, got[i].score,
			      want[i].score);
	}
}

static const struct {
	const char *what;
	const char *settings[4];
	uint32_t others;
} settings[] = {
	{ "neighbours", { NULL }, OTHERS },
	{ "graphs", { "engine.graphs=on" }, 2 },
	{ "rows one by one", { "engine.max_batch_size=1", "engine.max_batch_tokens=1" }, 0 },
	{ "three sequences", { "engine.max_batch_size=3", "engine.max_batch_tokens=7" }, OTHERS },
	{ "40 sequences", { "engine.max_batch_size=40" }, OTHERS },
	{ "pages of 1", { "engine.page_size=1" }, 2 },
	{ "pages of 8", { "engine.page_size=8" }, 4 },
	{ "pages of 32", { "engine.page_size=32" }, OTHERS },
	{ "no cache", { "engine.cache=off" }, 3 },
	{ "guesses", { "engine.speculate=4" }, OTHERS },
	{ "priority", { "engine.scheduler=priority" }, OTHERS },
	{ "fair", { "engine.scheduler=fair" }, OTHERS },
	{ "a small pool", { "engine.kv_memory=1088K" }, OTHERS },
	{ "a small pool, pages of 4", { "engine.kv_memory=768K", "engine.page_size=4" }, OTHERS },
	{ "a small pool, no cache", { "engine.kv_memory=1088K", "engine.cache=off" }, OTHERS },
	{ "a small pool, fair",
	  { "engine.kv_memory=1088K", "engine.scheduler=fair", "engine.preempt=swap" },
	  OTHERS },
};

START_TEST(test_settings)
{
	static struct result got[BEAMS_MAX], others[OTHERS], second[BEAMS_MAX];
	struct search again = subject;
	int32_t ids[PROMPT];
	struct aios_status st;
	struct bed b;

	bed_open(&b, bed_demo(), settings[_i].settings);
	for (uint32_t i = 0; i < settings[_i].others; i++) {
		struct aios_request req = AIOS_REQUEST_INIT;

		make_prompt(ids, PROMPT, i % 3);
		req.ids = ids;
		req.n_ids = 1 + i * 5 % PROMPT;
		req.max_tokens = 9 + i * 7;
		req.ignore_eos = true;
		req.priority = (int32_t)(i % 3) - 1;
		req.top_logprobs = i % 3 ? -1 : 2;
		req.sampling.temperature = i % 2 ? 1.0f : 0.0f;
		ck_assert_uint_ne(bed_submit(&b, &req, &others[i], &st), 0);
	}
	bed_step(&b);
	ask(&b, &subject, got);
	bed_step(&b);
	again.prompt = 2;
	if (settings[_i].others > 0)
		ask(&b, &again, second);
	bed_run(&b);
	for (uint32_t i = 0; i < settings[_i].others; i++)
		ck_assert_uint_eq(others[i].ends, 1);
	for (uint32_t i = 0; i < subject.beams && settings[_i].others > 0; i++)
		ck_assert_uint_eq(second[i].ends, 1);
	same(got, settings[_i].what);
	if (strstr(settings[_i].what, "a small pool"))
		ck_assert_uint_gt(b.e->stats.dropped + b.e->stats.swapped, 0);
	bed_close(&b);
}
END_TEST

struct preempting {
	uint64_t id;
	uint32_t seen, steps;
	bool every_token;
};

/* At every token, or wherever every eleventh step finds it: some beams ready, others not. */
static void preempt_often(struct bed *b)
{
	struct preempting *p = b->ctx;
	struct request *r = engine_find(b->e, p->id, NULL);
	struct aios_status st;

	if (!r || !request_running(r))
		return;
	if (p->every_token ? r->n_tokens == p->seen : ++p->steps % 11 != 0)
		return;
	p->seen = r->n_tokens;
	sched_preempt(b->e, r, AIOS_SCHED_SWAP, true);
	ck_assert_msg(engine_check_invariants(b->e, &st) == 0, "%s", st.message);
}

START_TEST(test_preempted)
{
	static const char *const lists[][4] = {
		{ "engine.cache=off", "engine.page_size=4" },
		{ "engine.cache=radix" },
		{ "engine.cache=off", "engine.max_batch_size=2", "engine.page_size=8" },
		{ "engine.cache=radix", "engine.max_batch_size=2", "engine.page_size=4" },
	};
	struct preempting p = { .every_token = _i < 4 };
	static struct result got[BEAMS_MAX];
	struct bed b;

	bed_open(&b, bed_demo(), lists[_i % 4]);
	b.after_step = preempt_often;
	b.ctx = &p;
	p.id = ask(&b, &subject, got);
	bed_run(&b);
	same(got, "preempted");
	ck_assert_uint_gt(got[0].usage.preemptions, p.every_token ? 5 : 1);
	ck_assert_uint_gt(b.e->stats.recomputed_tokens, 0);
	bed_close(&b);
}
END_TEST

/* Cancelled at any step: one END each, and everything is back. */
START_TEST(test_cancel)
{
	static struct result got[BEAMS_MAX];
	struct bed b;

	bed_open(&b, bed_demo(), (const char *const[]){ "engine.max_batch_size=3", NULL });
	for (uint32_t steps = 0; steps < 9; steps++) {
		uint64_t id = ask(&b, &subject, got);

		for (uint32_t i = 0; i < steps; i++)
			bed_step(&b);
		ck_assert_int_eq(aios_cancel(b.e, id), 0);
		bed_run(&b);
		for (uint32_t i = 0; i < subject.beams; i++) {
			ck_assert_uint_eq(got[i].ends, 1);
			ck_assert_uint_eq(got[i].reason, AIOS_END_CANCELLED);
			ck_assert_uint_eq(got[i].n, 0);
		}
	}
	ck_assert_uint_eq(atomic_load(&b.e->queued), 0);
	bed_close(&b);
}
END_TEST

/* ---- what cannot be ------------------------------------------------------------------------ */

static const struct aios_logit_bias bias[] = { { 5, 1.0f } };
static const char *const stops[] = { "x" };
static const int32_t prompt[] = { 5, 6, 7 };

#define REQ(count, penalty, top, tokens, ...)                                                      \
	{                                                                                          \
		.size = sizeof(struct aios_request), .ids = prompt, .n_ids = 3,                    \
		.max_tokens = (tokens), .top_logprobs = (top), .beams = (count),                   \
		.length_penalty = (penalty), __VA_ARGS__                                           \
	}

static const struct {
	struct aios_request req;
	int code;
	const char *message;
} refusals[] = {
	{ REQ(9, 1, -1, 4, .n = 1), -EINVAL, "beams is 9; up to 8" },
	{ REQ(2, 9, -1, 4, .n = 1), -EINVAL, "length_penalty is 9" },
	{ REQ(2, NAN, -1, 4, .n = 1), -EINVAL, "length_penalty is" },
	{ REQ(2, 1, -1, 4, .early_stopping = 3), -EINVAL, "early_stopping is 3" },
	{ REQ(2, 1, -1, 4, .n = 2), -EINVAL, "do not go with n" },
	{ REQ(2, 1, -1, 4, .sampling = { .temperature = 0.5f }), -EINVAL, "with a temperature" },
	{ REQ(2, 1, -1, 4, .sampling = { .frequency = 0.5f }), -EINVAL, "with penalties" },
	{ REQ(2, 1, -1, 4, .bias = bias, .n_bias = 1), -EINVAL, "with a logit bias" },
	{ REQ(2, 1, -1, 4, .stop = stops, .n_stop = 1), -EINVAL, "with stop texts" },
	{ REQ(2, 1, 1, 4, .n = 1), -EINVAL, "with top_logprobs" },
	{ REQ(8, 1, -1, 80, .n = 1), -ENOSPC, "for each beam" },
};

START_TEST(test_refused)
{
	struct aios_request req = refusals[_i].req;
	static struct result out[BEAMS_MAX + 1];
	struct aios_status st;
	struct bed b;

	req.sampling.top_p = 1.0f;
	req.sampling.repetition = 1.0f;
	bed_open(&b, bed_demo(), (const char *const[]){ "engine.kv_memory=1M", NULL });
	ck_assert_uint_eq(bed_submit(&b, &req, out, &st), 0);
	ck_assert_int_eq(st.code, refusals[_i].code);
	ck_assert_msg(strstr(st.message, refusals[_i].message) != NULL, "%s", st.message);
	ck_assert_uint_eq(b.e->alive, 0);
	bed_close(&b);
}
END_TEST

/* With log-probabilities of the prompt and of the answers: the score is their sum. */
START_TEST(test_logprobs)
{
	struct aios_request req = REQ(4, 0, 0, 4, .prompt_logprobs = 1, .ignore_eos = true,
				      .sampling = { .top_p = 1.0f, .repetition = 1.0f });
	uint32_t scored = 0, tokens[4] = { 0 }, ended = 0;
	double sums[4] = { 0 };
	struct aios_status st;
	struct aios_event ev;
	uint64_t id;
	struct bed b;
	int rc;

	bed_open(&b, bed_demo(), NULL);
	ck_assert_int_eq(aios_submit(b.e, &req, &id, &st), 0);
	while ((rc = aios_poll(b.e, &ev, 0, &st)) > 0) {
		scored += ev.type == AIOS_EVENT_PROMPT;
		if (ev.type == AIOS_EVENT_TOKEN) {
			sums[ev.choice] += (double)ev.logprob;
			tokens[ev.choice]++;
		}
		if (ev.type == AIOS_EVENT_END) {
			ck_assert_uint_eq(ev.choice, ended++);
			ck_assert_uint_eq(ev.reason, AIOS_END_LENGTH);
			ck_assert_uint_eq(tokens[ev.choice], 4);
			ck_assert(ev.score == sums[ev.choice]);
		}
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(scored, 2);
	ck_assert_uint_eq(ended, 4);
	bed_close(&b);
}
END_TEST

Suite *test_beams_suite(void)
{
	Suite *s = suite_create("beams");
	TCase *tc = tcase_create("beams");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, test_against_naive, 0, SEARCHES);
	tcase_add_test(tc, test_against_transformers);
	tcase_add_test(tc, test_one_beam_is_greedy);
	tcase_add_loop_test(tc, test_settings, 0, (int)(sizeof(settings) / sizeof(settings[0])));
	tcase_add_loop_test(tc, test_preempted, 0, 8);
	tcase_add_test(tc, test_cancel);
	tcase_add_loop_test(tc, test_refused, 0, (int)(sizeof(refusals) / sizeof(refusals[0])));
	tcase_add_test(tc, test_logprobs);
	suite_add_tcase(s, tc);
	return s;
}
