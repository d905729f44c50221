// SPDX-License-Identifier: Apache-2.0
/*
 * test_score.c - log-probabilities of prompts: against the logits of one pass (aios_logits) in
 * float64, ranks counted anew; and the same bits whatever chunks, pages, neighbours, cached
 * prefixes and preemptions there are.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bed.h"

Suite *test_score_suite(void);

enum {
	PROMPT = 75,
	TOKENS = 4,
	OTHERS = 9
};

static void make_prompt(int32_t *ids, uint32_t n, uint32_t salt)
{
	for (uint32_t i = 0; i < n; i++)
		ids[i] = (int32_t)((i * 41 + salt * 1013 + i * i % 13) % 700 + 3);
}

static struct aios_request subject(const int32_t *ids, int32_t n_top)
{
	struct aios_request req = AIOS_REQUEST_INIT;

	req.ids = ids;
	req.n_ids = PROMPT;
	req.max_tokens = TOKENS;
	req.ignore_eos = true;
	req.prompt_logprobs = n_top;
	return req;
}

/* ---- the values ------------------------------------------------------------------ */

/* Ids before `id`: with a larger logit, or an equal one and a lower id. */
static uint32_t rank_of(const float *row, uint32_t vocab, int32_t id)
{
	uint32_t before = 0;

	for (int32_t i = 0; i < (int32_t)vocab; i++)
		before += row[i] > row[id] || (row[i] == row[id] && i < id);
	return before + 1;
}

static void check_score(const struct aios_event *ev, const float *row, uint32_t vocab,
			uint32_t n_top)
{
	double best = (double)row[0], sum = 0, want;

	for (uint32_t i = 1; i < vocab; i++)
		best = (double)row[i] > best ? (double)row[i] : best;
	for (uint32_t i = 0; i < vocab; i++)
		sum += exp((double)row[i] - best);
	want = (double)row[ev->id] - best - log(sum);
	ck_assert_msg(fabs(want - (double)ev->logprob) < 1e-5 * (1 + fabs(want)),
		      "position %u: %.9g, not %.9g", ev->position, (double)ev->logprob, want);
	ck_assert_uint_eq(ev->rank, rank_of(row, vocab, ev->id));
	ck_assert_uint_eq(ev->n_top, n_top);
	for (uint32_t k = 0; k < n_top; k++) {
		ck_assert_uint_eq(rank_of(row, vocab, ev->top_ids[k]), k + 1);
		want = (double)row[ev->top_ids[k]] - best - log(sum);
		ck_assert(fabs(want - (double)ev->top_logprobs[k]) < 1e-5 * (1 + fabs(want)));
		if (ev->top_ids[k] == ev->id)
			ck_assert_int_eq(
				memcmp(&ev->top_logprobs[k], &ev->logprob, sizeof(ev->logprob)), 0);
	}
}

START_TEST(test_values)
{
	static const int32_t tops[] = { 0, 1, 7, 20 };
	struct aios_event ev;
	struct aios_status st;
	struct aios_request req;
	int32_t ids[PROMPT];
	uint32_t vocab, scores = 0, tokens = 0, beyond = 0;
	float *logits;
	uint64_t id;
	struct bed b;
	int rc;

	make_prompt(ids, PROMPT, 0);
	/* Some tokens that the model expects, so that there are good ranks too. */
	ids[3] = 514;
	ids[4] = 258;
	ids[5] = 425;
	bed_open(&b, bed_demo(), NULL);
	vocab = aios_engine_vocab_size(b.e);
	logits = malloc((size_t)PROMPT * vocab * sizeof(*logits));
	ck_assert_ptr_nonnull(logits);
	ck_assert_int_eq(aios_logits(b.e, ids, PROMPT, logits, &st), 0);
	req = subject(ids, tops[_i]);
	ck_assert_int_eq(aios_submit(b.e, &req, &id, &st), 0);
	while ((rc = aios_poll(b.e, &ev, 0, &st)) > 0) {
		if (ev.type == AIOS_EVENT_PROMPT) {
			ck_assert_uint_eq(tokens, 0);
			ck_assert_uint_eq(ev.request, id);
			ck_assert_uint_eq(ev.position, ++scores);
			ck_assert_int_eq(ev.id, ids[ev.position]);
			check_score(&ev, logits + (size_t)(ev.position - 1) * vocab, vocab,
				    (uint32_t)tops[_i]);
			beyond += ev.rank > MAX_TOP_LOGPROBS;
		}
		tokens += ev.type == AIOS_EVENT_TOKEN;
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(scores, PROMPT - 1);
	ck_assert_uint_eq(tokens, TOKENS);
	ck_assert(beyond > 0 && beyond < scores); /* ranks of both kinds */
	free(logits);
	bed_close(&b);
}
END_TEST

/* ---- the same bits ------------------------------------------------------------------ */

static const struct result *alone(void)
{
	static const char *const plain[] = { "engine.graphs=off", "engine.cache=off", NULL };
	static struct result out;
	int32_t ids[PROMPT];
	struct aios_request req;
	struct aios_status st;
	struct bed b;

	if (out.ends)
		return &out;
	make_prompt(ids, PROMPT, 0);
	req = subject(ids, 5);
	bed_open(&b, bed_demo(), plain);
	b.digests = true;
	ck_assert_uint_ne(bed_submit(&b, &req, &out, &st), 0);
	bed_run(&b);
	bed_close(&b);
	ck_assert_uint_eq(out.n_scores, PROMPT - 1);
	return &out;
}

static const struct {
	const char *what;
	const char *settings[4];
	uint32_t others;
} settings[] = {
	{ "neighbours", { NULL }, OTHERS },
	{ "rows one by one", { "engine.max_batch_size=1", "engine.max_batch_tokens=1" }, 0 },
	{ "chunks of 7", { "engine.max_batch_size=3", "engine.max_batch_tokens=7" }, OTHERS },
	{ "chunks of 64", { "engine.max_batch_size=40", "engine.max_batch_tokens=64" }, OTHERS },
	{ "in one piece", { "engine.max_batch_size=100", "engine.max_batch_tokens=512" }, 3 },
	{ "pages of 1", { "engine.page_size=1" }, 2 },
	{ "pages of 8", { "engine.page_size=8" }, 4 },
	{ "pages of 32", { "engine.page_size=32" }, OTHERS },
	{ "guesses", { "engine.speculate=4" }, OTHERS },
	{ "a small pool, drop", { "engine.kv_memory=640K", "engine.preempt=drop" }, OTHERS },
	{ "a small pool, swap", { "engine.kv_memory=640K", "engine.preempt=swap" }, OTHERS },
};

START_TEST(test_settings)
{
	static struct result got, others[OTHERS];
	int32_t ids[PROMPT], other[PROMPT];
	struct aios_request req;
	struct aios_status st;
	struct bed b;

	bed_open(&b, bed_demo(), settings[_i].settings);
	b.digests = true;
	for (uint32_t i = 0; i < settings[_i].others; i++) {
		make_prompt(other, PROMPT, 1 + i % 3);
		req = subject(other, i % 2 ? -1 : (int32_t)i);
		req.n_ids = 1 + i * 17 % PROMPT;
		req.max_tokens = 3 + i * 5;
		req.top_logprobs = i % 3 ? -1 : 2;
		ck_assert_uint_ne(bed_submit(&b, &req, &others[i], &st), 0);
	}
	bed_step(&b);
	make_prompt(ids, PROMPT, 0);
	req = subject(ids, 5);
	ck_assert_uint_ne(bed_submit(&b, &req, &got, &st), 0);
	bed_run(&b);
	for (uint32_t i = 0; i < settings[_i].others; i++) {
		ck_assert_uint_eq(others[i].ends, 1);
		ck_assert_uint_eq(others[i].n_scores, i % 2 ? 0 : i * 17 % PROMPT);
	}
	bed_equal(alone(), &got, settings[_i].what);
	if (strstr(settings[_i].what, "a small pool"))
		ck_assert_uint_gt(b.e->stats.swapped + b.e->stats.dropped, 0);
	bed_close(&b);
}
END_TEST

/*
 * A cached prefix has no logits: a request that asks for them computes its whole prompt, gives it to
 * the cache all the same, and whoever does not ask finds it there.
 */
START_TEST(test_cached_prefix)
{
	static struct result first, got, after;
	int32_t ids[PROMPT];
	struct aios_request req;
	struct aios_status st;
	struct bed b;

	make_prompt(ids, PROMPT, 0);
	bed_open(&b, bed_demo(), NULL);
	b.digests = true;
	req = subject(ids, -1);
	bed_submit(&b, &req, &first, &st);
	bed_run(&b);
	req = subject(ids, 5);
	bed_submit(&b, &req, &got, &st);
	bed_run(&b);
	ck_assert_uint_eq(got.usage.cached_tokens, 0);
	bed_equal(alone(), &got, "over a warm prefix");
	req = subject(ids, -1);
	bed_submit(&b, &req, &after, &st);
	bed_run(&b);
	ck_assert_uint_eq(after.usage.cached_tokens, PROMPT - 1);
	bed_equal(&first, &after, "without log-probabilities");
	bed_close(&b);
	/* Nothing was cached before it: what it computed is there for others. */
	bed_open(&b, bed_demo(), NULL);
	b.digests = true;
	req = subject(ids, 5);
	bed_submit(&b, &req, &got, &st);
	bed_run(&b);
	req = subject(ids, -1);
	bed_submit(&b, &req, &after, &st);
	bed_run(&b);
	ck_assert_uint_eq(after.usage.cached_tokens, PROMPT - 1);
	bed_equal(&first, &after, "after a scored prompt");
	bed_close(&b);
}
END_TEST

struct preempting {
	uint64_t id;
	enum aios_sched_how how;
	uint32_t seen;
};

/* After every step in which it got on. What was told stays told; a drop computes it once more, unscored. */
static void preempt_often(struct bed *b)
{
	struct preempting *p = b->ctx;
	struct request *r = engine_find(b->e, p->id, NULL);
	struct aios_status st;

	if (!r || !request_running(r) || r->scored + r->n_tokens == p->seen)
		return;
	p->seen = r->scored + r->n_tokens;
	sched_preempt(b->e, r, p->how, true);
	ck_assert_msg(engine_check_invariants(b->e, &st) == 0, "%s", st.message);
}

START_TEST(test_preempted)
{
	static const char *const lists[2][4] = {
		{ "engine.max_batch_size=2", "engine.max_batch_tokens=16", "engine.cache=off" },
		{ "engine.max_batch_size=2", "engine.max_batch_tokens=16", "engine.cache=radix" },
	};
	struct preempting p = { .how = _i % 2 ? AIOS_SCHED_SWAP : AIOS_SCHED_DROP };
	static struct result got;
	int32_t ids[PROMPT];
	struct aios_request req;
	struct aios_status st;
	struct bed b;

	make_prompt(ids, PROMPT, 0);
	bed_open(&b, bed_demo(), lists[_i / 2]);
	b.digests = true;
	b.after_step = preempt_often;
	b.ctx = &p;
	req = subject(ids, 5);
	p.id = bed_submit(&b, &req, &got, &st);
	bed_run(&b);
	ck_assert_uint_gt(got.usage.preemptions, 5);
	bed_equal(alone(), &got, "preempted");
	bed_close(&b);
}
END_TEST

/* The first of several answers has them; a cancel leaves no more than what was told. */
START_TEST(test_answers_and_cancel)
{
	static struct result got[3];
	int32_t ids[PROMPT];
	struct aios_request req;
	struct aios_status st;
	uint64_t id;
	struct bed b;

	make_prompt(ids, PROMPT, 0);
	bed_open(&b, bed_demo(), NULL);
	b.digests = true;
	req = subject(ids, 5);
	req.n = 3;
	ck_assert_uint_ne(bed_submit(&b, &req, got, &st), 0);
	bed_run(&b);
	bed_equal(alone(), &got[0], "the first of three");
	for (int i = 1; i < 3; i++) {
		ck_assert_uint_eq(got[i].n_scores, 0);
		ck_assert_uint_eq(got[i].n, TOKENS);
	}
	req.n = 1;
	id = bed_submit(&b, &req, got, &st);
	bed_step(&b);
	ck_assert_uint_gt(got->n_scores, 0);
	ck_assert_uint_lt(got->n_scores, PROMPT - 1);
	ck_assert_int_eq(aios_cancel(b.e, id), 0);
	bed_run(&b);
	ck_assert_uint_eq(got->reason, AIOS_END_CANCELLED);
	bed_close(&b);
}
END_TEST

Suite *test_score_suite(void)
{
	Suite *s = suite_create("score");
	TCase *tc = tcase_create("score");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, test_values, 0, 4);
	tcase_add_loop_test(tc, test_settings, 0, (int)(sizeof(settings) / sizeof(settings[0])));
	tcase_add_test(tc, test_cached_prefix);
	tcase_add_loop_test(tc, test_preempted, 0, 4);
	tcase_add_test(tc, test_answers_and_cancel);
	suite_add_tcase(s, tc);
	return s;
}
