// SPDX-License-Identifier: Apache-2.0
/*
 * test_speculate.c - guesses change how many steps an answer takes, and not a bit of it:
 * ids and fp32 logits with 0 to 16 guesses a step are the same, for prompts and answers
 * that repeat themselves, with every way an answer can end.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "bed.h"

Suite *test_speculate_suite(void);

enum {
	PROMPT = 60,
	TOKENS = 48,
	OTHERS = 5
};

/* A prompt that repeats itself every `period` tokens: answers to it do too. */
static void make_prompt(int32_t *ids, uint32_t period)
{
	for (uint32_t i = 0; i < PROMPT; i++)
		ids[i] = (int32_t)(300 + i % period * 17);
}

static struct aios_request subject(const int32_t *ids, float temperature)
{
	struct aios_request req = AIOS_REQUEST_INIT;

	req.ids = ids;
	req.n_ids = PROMPT;
	req.max_tokens = TOKENS;
	req.ignore_eos = true;
	req.sampling.temperature = temperature;
	req.sampling.seed = 3;
	return req;
}

/* Without guesses, on cpu-ref. */
static const char *const plain[] = { "aios.driver=cpu-ref", "aios.threads=1", NULL };

/* A request and a few others; what it got, and how often guesses were right. */
static void run(int model, const char *const *settings, struct aios_request *req, uint32_t others,
		struct result *out, struct aios_stats *stats)
{
	static struct result rest[OTHERS];
	int32_t ids[PROMPT];
	struct aios_status st;
	struct bed b;

	memset(rest, 0, sizeof(rest));
	memset(out, 0, sizeof(*out));
	bed_open(&b, bed_model(model), settings);
	b.digests = true;
	for (uint32_t i = 0; i < others; i++) {
		struct aios_request r;

		make_prompt(ids, 3 + i);
		r = subject(ids, i % 2 ? 0.3f : 0.0f);
		r.max_tokens = 5 + 9 * i;
		ck_assert_uint_ne(bed_submit(&b, &r, &rest[i], &st), 0);
		bed_step(&b);
	}
	ck_assert_uint_ne(bed_submit(&b, req, out, &st), 0);
	bed_run(&b);
	*stats = b.e->stats;
	bed_close(&b);
}

static const struct {
	const char *what;
	const char *settings[4];
	uint32_t others;
	bool quick;
} cases[] = {
	{ "1 guess", { "engine.speculate=1" }, 0, true },
	{ "2 guesses", { "engine.speculate=2" }, 0, false },
	{ "3 guesses, pages of 1", { "engine.speculate=3", "engine.page_size=1" }, 0, true },
	{ "4 guesses", { "engine.speculate=4" }, 0, false },
	{ "5 guesses, pages of 7", { "engine.speculate=5", "engine.page_size=7" }, 0, false },
	{ "6 guesses", { "engine.speculate=6" }, 3, false },
	{ "7 guesses, others", { "engine.speculate=7" }, OTHERS, true },
	{ "8 guesses", { "engine.speculate=8" }, 0, true },
	{ "16 guesses, a large batch",
	  { "engine.speculate=16", "engine.max_batch_size=64", "engine.cache=off" },
	  OTHERS,
	  false },
	{ "8 guesses, few rows",
	  { "engine.speculate=8", "engine.max_batch_tokens=9" },
	  OTHERS,
	  true },
	{ "8 guesses, swap",
	  { "engine.speculate=8", "engine.kv_memory=512K", "engine.preempt=swap" },
	  OTHERS,
	  true },
	{ "8 guesses, drop",
	  { "engine.speculate=8", "engine.kv_memory=512K", "engine.preempt=drop" },
	  OTHERS,
	  true },
};

#define CASES (int)(sizeof(cases) / sizeof(cases[0]))

START_TEST(test_same_bits)
{
	static const float temperatures[] = { 0.0f, 0.2f };
	static const struct aios_logit_bias few[] = { { 300, 50 }, { 317, 50 }, { 334, 50 } };
	static struct result want, got;
	struct aios_stats none, some;
	struct aios_request req;
	int32_t ids[PROMPT];

	const char *what = cases[_i % CASES].what;
	uint32_t others = cases[_i % CASES].others;
	int model = _i / CASES;

	if (!bed_model(model) || (!bed_full() && !cases[_i % CASES].quick))
		return;
	for (uint32_t t = 0; t < 2; t++) {
		make_prompt(ids, 6);
		req = subject(ids, temperatures[t]);
		/* Random weights say nothing twice, unless they have little to choose from. */
		req.bias = few;
		req.n_bias = model > 0 ? 3 : 0;
		run(model, plain, &req, 0, &want, &none);
		run(model, cases[_i % CASES].settings, &req, others, &got, &some);
		bed_equal(&want, &got, what);
		ck_assert_uint_eq(none.drafted_tokens, 0);
		ck_assert_uint_gt(some.drafted_tokens, 0);
		ck_assert_uint_le(some.accepted_tokens, some.drafted_tokens);
		/* The point of it: fewer steps. Sampled answers repeat themselves less. */
		if (others == 0 && t == 0) {
			if (bed_frozen())
				ck_assert_uint_gt(some.accepted_tokens, 0);
			ck_assert_uint_eq(some.steps + some.accepted_tokens, none.steps);
		}
	}
}
END_TEST

/* Answers that end in the middle of guesses: by length, by an end token, by a text. */
START_TEST(test_ends)
{
	static const char *const settings[] = { "engine.speculate=8", NULL };
	static struct result want, got;
	struct aios_stats none, some;
	struct aios_request req;
	char stop[64] = "";
	const char *stops[] = { stop };
	int32_t ids[PROMPT];

	make_prompt(ids, 6);
	req = subject(ids, 0.0f);
	req.max_tokens = 1 + (uint32_t)_i;
	if (_i >= 12) {
		/* Something that the answer has: a few of its letters. */
		struct aios_tokenizer *tok;
		struct bed b;
		char *text;
		size_t len;
		struct aios_status st;

		req.max_tokens = TOKENS;
		run(0, plain, &req, 0, &want, &none);
		bed_open(&b, bed_demo(), NULL);
		tok = aios_engine_tokenizer(b.e);
		ck_assert_int_eq(aios_detokenize(tok, want.ids + _i, 2, 0, &text, &len, &st), 0);
		snprintf(stop, sizeof(stop), "%.60s", text);
		free(text);
		bed_close(&b);
		ck_assert_uint_gt(strlen(stop), 0);
		req.stop = stops;
		req.n_stop = 1;
	}
	run(0, plain, &req, 0, &want, &none);
	run(0, settings, &req, 0, &got, &some);
	bed_equal(&want, &got, "an early end");
	ck_assert_int_eq(want.reason, _i >= 12 ? AIOS_END_STOP : AIOS_END_LENGTH);
}
END_TEST

/* With penalties a guess would change what comes after it: none is made. */
START_TEST(test_penalties)
{
	static const char *const settings[] = { "engine.speculate=8", NULL };
	static struct result want, got;
	struct aios_stats none, some;
	struct aios_request req;
	int32_t ids[PROMPT];

	make_prompt(ids, 6);
	req = subject(ids, 0.0f);
	req.sampling.repetition = 1.3f;
	run(0, plain, &req, 0, &want, &none);
	run(0, settings, &req, 0, &got, &some);
	bed_equal(&want, &got, "penalties");
	ck_assert_uint_eq(some.drafted_tokens, 0);
}
END_TEST

Suite *test_speculate_suite(void)
{
	Suite *s = suite_create("speculate");
	TCase *tc = tcase_create("speculate");

	tcase_set_timeout(tc, 120);
	bed_add(tc, test_same_bits, CASES * BED_MODELS);
	bed_add(tc, test_ends, 15);
	bed_add(tc, test_penalties, 1);
	suite_add_tcase(s, tc);
	return s;
}
