// SPDX-License-Identifier: Apache-2.0
/*
 * test_generate.c - answers of the demo model: the same whatever stands around
 * them (threads, neighbours, chunks, pages), and what each parameter does.
 */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

Suite *test_generate_suite(void);

#define DEMO source_path("share/demo")
#define PROMPT "Once upon a time, in a small village by the sea,"

static struct aios_request request(uint32_t tokens, float temperature, uint64_t seed)
{
	struct aios_request req = AIOS_REQUEST_INIT;

	req.max_tokens = tokens;
	req.sampling.temperature = temperature;
	req.sampling.seed = seed;
	return req;
}

/* The answer every other way of running must give. */
static void baseline(float temperature, struct answer *out)
{
	struct aios_request req = request(48, temperature, 7);
	struct session s;

	session_open(&s, DEMO, NULL);
	session_ask(&s, PROMPT, &req, out);
	session_close(&s);
}

START_TEST(test_settings_do_not_matter)
{
	static const char *const settings[][3] = {
		{ "aios.threads=1" },
		{ "aios.threads=2" },
		{ "aios.threads=7" },
		{ "engine.max_batch_tokens=8" },
		{ "engine.max_batch_tokens=9" },
		{ "engine.page_size=1" },
		{ "engine.page_size=7" },
		{ "engine.page_size=64" },
		{ "engine.context_length=100" },
		{ "driver.cpu-ref.isa=base" },
	};
	static struct answer want, got;
	float temperature = _i % 2 ? 0.8f : 0.0f;
	struct aios_request req = request(48, temperature, 7);
	const char *const *set = settings[_i / 2];
	struct session s;

	baseline(temperature, &want);
	session_open(&s, DEMO, set);
	session_ask(&s, PROMPT, &req, &got);
	session_close(&s);
	answers_equal(&want, &got, set[0]);
}
END_TEST

/* Neighbours of many lengths join before and after, more than fit in a batch. */
START_TEST(test_neighbours_do_not_matter)
{
	enum {
		N = 19
	};
	static const char *const prompts[] = { "The", "A dog", "One day, Lily and her brother Tom",
					       "\n\n", "42" };
	static struct answer want, got, others[N];
	float temperature = _i ? 0.8f : 0.0f;
	struct session s;

	baseline(temperature, &want);
	session_open(&s, DEMO, NULL);
	for (uint32_t i = 0; i < N; i++) {
		struct aios_request other = request(1 + i * 3, i % 3 ? 1.0f : 0.0f, i);
		struct aios_request req = request(48, temperature, 7);

		if (i == N / 2) {
			req.text = PROMPT;
			req.text_len = strlen(PROMPT);
			session_submit(&s, &req, &got);
		}
		other.text = prompts[i % 5];
		other.text_len = strlen(other.text);
		if (i % 4 == 0)
			other.sampling.repetition = 1.3f;
		session_submit(&s, &other, &others[i]);
	}
	session_run(&s);
	answers_equal(&want, &got, "among neighbours");
	for (uint32_t i = 0; i < N; i++)
		ck_assert_uint_ne(others[i].reason, 0);
	session_close(&s);
}
END_TEST

START_TEST(test_seeds)
{
	static struct answer a, b, c;
	struct aios_request one = request(32, 1.0f, 1), again = one, two = request(32, 1.0f, 2);
	struct session s;

	session_open(&s, DEMO, NULL);
	session_ask(&s, PROMPT, &one, &a);
	session_ask(&s, PROMPT, &again, &b);
	session_ask(&s, PROMPT, &two, &c);
	answers_equal(&a, &b, "the same seed");
	ck_assert_msg(strcmp(a.text, c.text) != 0, "another seed gave the same text");
	session_close(&s);
}
END_TEST

/* Logits of prompt + answer, one row a position. malloc'ed. */
static float *all_logits(struct session *s, const char *prompt, const struct answer *a,
			 size_t *n_prompt)
{
	size_t vocab = aios_engine_vocab_size(s->engine), n;
	struct aios_status st;
	int32_t *ids;
	float *out;

	ck_assert_int_eq(aios_tokenize(aios_engine_tokenizer(s->engine), prompt, strlen(prompt),
				       AIOS_ENCODE_SPECIAL, &ids, n_prompt, &st),
			 0);
	n = *n_prompt + a->n;
	ids = realloc(ids, n * sizeof(*ids));
	out = malloc(n * vocab * sizeof(*out));
	ck_assert(ids && out);
	memcpy(ids + *n_prompt, a->ids, a->n * sizeof(*ids));
	ck_assert_msg(aios_logits(s->engine, ids, n, out, &st) == 0, "%s", st.message);
	free(ids);
	return out;
}

static size_t argmax(const float *row, size_t n)
{
	size_t best = 0;

	for (size_t i = 1; i < n; i++)
		best = row[i] > row[best] ? i : best;
	return best;
}

/* One pass over everything sees the logits that the steps saw. */
START_TEST(test_greedy_is_argmax_of_logits)
{
	static struct answer a;
	struct aios_request req = request(40, 0.0f, 0);
	struct session s;
	size_t n, vocab;
	float *logits;

	session_open(&s, DEMO, NULL);
	vocab = aios_engine_vocab_size(s.engine);
	session_ask(&s, PROMPT, &req, &a);
	logits = all_logits(&s, PROMPT, &a, &n);
	for (size_t i = 0; i < a.n; i++)
		ck_assert_uint_eq(argmax(logits + (n - 1 + i) * vocab, vocab), (size_t)a.ids[i]);
	free(logits);
	session_close(&s);
}
END_TEST

START_TEST(test_logprobs)
{
	static struct answer a;
	struct aios_request req = request(24, 0.9f, 5);
	struct session s;
	size_t n, vocab;
	float *logits;

	session_open(&s, DEMO, NULL);
	vocab = aios_engine_vocab_size(s.engine);
	req.top_logprobs = 5;
	req.sampling.repetition = 1.2f; /* log-probabilities are those of the raw logits */
	session_ask(&s, PROMPT, &req, &a);
	logits = all_logits(&s, PROMPT, &a, &n);
	for (size_t i = 0; i < a.n; i++) {
		const float *row = logits + (n - 1 + i) * vocab;
		double best = (double)row[argmax(row, vocab)], sum = 0, want;

		for (size_t k = 0; k < vocab; k++)
			sum += exp((double)row[k] - best);
		want = (double)row[a.ids[i]] - best - log(sum);
		ck_assert_msg(fabs(want - (double)a.logprobs[i]) < 1e-5 * (1 + fabs(want)),
			      "token %zu: %.9g, not %.9g", i, (double)a.logprobs[i], want);
		ck_assert_uint_eq((size_t)a.top_ids[i][0], argmax(row, vocab));
		for (int k = 0; k < 5; k++) {
			ck_assert(k == 0 || a.top[i][k] <= a.top[i][k - 1]);
			if (a.top_ids[i][k] == a.ids[i]) /* to the bit */
				ck_assert_int_eq(
					memcmp(&a.top[i][k], &a.logprobs[i], sizeof(float)), 0);
		}
	}
	free(logits);
	session_close(&s);
}
END_TEST

/* Greedy with penalties, against the same rules applied here to raw logits. */
START_TEST(test_penalties)
{
	static struct answer a;
	struct aios_request req = request(40, 0.0f, 0);
	struct session s;
	size_t n, vocab, n_ids;
	int32_t *prompt;
	uint32_t *seen, *count;
	struct aios_status st;
	float *logits;

	session_open(&s, DEMO, NULL);
	vocab = aios_engine_vocab_size(s.engine);
	req.sampling.repetition = 1.15f;
	req.sampling.frequency = 0.25f;
	req.sampling.presence = 0.5f;
	session_ask(&s, PROMPT, &req, &a);
	logits = all_logits(&s, PROMPT, &a, &n);
	seen = calloc(vocab, sizeof(*seen));
	count = calloc(vocab, sizeof(*count));
	aios_tokenize(aios_engine_tokenizer(s.engine), PROMPT, strlen(PROMPT), AIOS_ENCODE_SPECIAL,
		      &prompt, &n_ids, &st);
	for (size_t i = 0; i < n_ids; i++)
		seen[prompt[i]] = 1;
	for (size_t i = 0; i < a.n; i++) {
		float *row = logits + (n - 1 + i) * vocab;

		for (size_t k = 0; k < vocab; k++) {
			if (seen[k])
				row[k] = row[k] > 0 ? row[k] / 1.15f : row[k] * 1.15f;
			if (count[k])
				row[k] = fmaf(-0.25f, (float)count[k], row[k]) - 0.5f;
		}
		ck_assert_msg(argmax(row, vocab) == (size_t)a.ids[i], "token %zu", i);
		seen[a.ids[i]] = 1;
		count[a.ids[i]]++;
	}
	free(prompt);
	free(seen);
	free(count);
	free(logits);
	session_close(&s);
}
END_TEST

START_TEST(test_bias)
{
	static struct answer a, b;
	struct aios_request req = request(20, 0.0f, 0);
	struct aios_logit_bias bias[2];
	struct session s;

	session_open(&s, DEMO, NULL);
	session_ask(&s, PROMPT, &req, &a);
	bias[0] = (struct aios_logit_bias){ a.ids[0], -INFINITY };
	bias[1] = (struct aios_logit_bias){ a.ids[3] == a.ids[0] ? a.ids[4] : a.ids[3], 100.0f };
	req.bias = bias;
	req.n_bias = 2;
	session_ask(&s, PROMPT, &req, &b);
	for (size_t i = 0; i < b.n; i++)
		ck_assert_int_eq(b.ids[i], bias[1].id);
	session_close(&s);
}
END_TEST

/* top_k = 1 and a tiny top_p leave the best token only, at any temperature. */
START_TEST(test_truncation)
{
	static struct answer greedy, got;
	struct aios_request req = request(24, 0.0f, 3);
	struct session s;

	session_open(&s, DEMO, NULL);
	session_ask(&s, PROMPT, &req, &greedy);
	req.sampling.temperature = 1.5f;
	req.sampling.top_k = 1;
	session_ask(&s, PROMPT, &req, &got);
	answers_equal(&greedy, &got, "top_k = 1");
	req.sampling.top_k = 0;
	req.sampling.top_p = 1e-6f;
	session_ask(&s, PROMPT, &req, &got);
	answers_equal(&greedy, &got, "top_p = 1e-6");
	req.sampling.top_p = 1.0f;
	req.sampling.min_p = 0.9999f;
	session_ask(&s, PROMPT, &req, &got);
	answers_equal(&greedy, &got, "min_p = 0.9999");
	session_close(&s);
}
END_TEST

START_TEST(test_stop_texts)
{
	static struct answer whole, cut;
	struct aios_request req = request(60, 0.0f, 0);
	char stop[3][24];
	const char *stops[3];
	struct session s;

	session_open(&s, DEMO, NULL);
	session_ask(&s, PROMPT, &req, &whole);
	ck_assert_uint_gt(whole.text_len, 80);
	/* Pieces of the answer, at odd places, so that they cross token borders. */
	for (int i = 0; i < 3; i++) {
		size_t at = 21 + 17 * (size_t)i;

		memcpy(stop[i], whole.text + at, 9);
		stop[i][9] = '\0';
		stops[i] = stop[i];
	}
	req.stop = stops;
	req.n_stop = 3;
	session_ask(&s, PROMPT, &req, &cut);
	ck_assert_uint_eq(cut.reason, AIOS_END_STOP);
	ck_assert_uint_le(cut.text_len, 21);
	ck_assert_int_eq(memcmp(cut.text, whole.text, cut.text_len), 0);
	ck_assert_ptr_null(strstr(cut.text, stop[0]));
	session_close(&s);
}
END_TEST

START_TEST(test_ends)
{
	static struct answer a;
	struct aios_request req = request(0, 0.0f, 0);
	struct session s;

	/* Until the end-of-sequence token: stories end. */
	session_open(&s, DEMO, NULL);
	req.max_tokens = 500;
	session_ask(&s, "Once upon a time", &req, &a);
	ck_assert_uint_eq(a.reason, AIOS_END_STOP);
	ck_assert_uint_lt(a.n, 500);
	ck_assert_uint_eq(a.usage.completion_tokens, a.n);
	ck_assert(a.usage.submitted <= a.usage.started && a.usage.started <= a.usage.first_token &&
		  a.usage.first_token <= a.usage.finished);
	session_close(&s);
	/* Until the context is full. */
	session_open(&s, DEMO, (const char *const[]){ "engine.context_length=50", NULL });
	req.max_tokens = 0;
	req.ignore_eos = true;
	session_ask(&s, "Once upon a time", &req, &a);
	ck_assert_uint_eq(a.reason, AIOS_END_LENGTH);
	ck_assert_uint_eq(a.usage.prompt_tokens + a.usage.completion_tokens, 50);
	session_close(&s);
}
END_TEST

START_TEST(test_cancel_and_interrupt)
{
	static struct answer a, b;
	struct aios_request req = request(200, 1.0f, 1);
	struct aios_stats stats = { .size = sizeof(stats) };
	struct aios_status st;
	struct aios_event ev;
	struct session s;
	uint64_t id, other;
	int n = 0, rc;

	session_open(&s, DEMO, NULL);
	req.text = PROMPT;
	req.text_len = strlen(PROMPT);
	req.ignore_eos = true;
	id = session_submit(&s, &req, &a);
	other = session_submit(&s, &req, &b);
	while ((rc = aios_poll(s.engine, &ev, 0, &st)) > 0) {
		if (++n == 5)
			ck_assert_int_eq(aios_cancel(s.engine, id), 0);
		if (n == 9)
			aios_engine_interrupt(s.engine);
		ck_assert(n < 5 || ev.request == other || ev.type == AIOS_EVENT_END || n < 8);
		if (ev.type == AIOS_EVENT_END) {
			ck_assert_uint_eq(ev.request, id);
			ck_assert_uint_eq(ev.reason, AIOS_END_CANCELLED);
			a.reason = ev.reason;
		}
	}
	ck_assert_int_eq(rc, -EINTR);
	ck_assert_uint_eq(a.reason, AIOS_END_CANCELLED);
	ck_assert_int_eq(aios_cancel(s.engine, other), 0);
	ck_assert_int_eq(aios_cancel(s.engine, 12345), -ENOENT);
	session_run(&s);
	ck_assert_uint_eq(b.reason, AIOS_END_CANCELLED);
	aios_engine_stats(s.engine, &stats);
	ck_assert_uint_eq(stats.kv_pages_used, 0);
	ck_assert_uint_eq(stats.running + stats.waiting, 0);
	session_close(&s);
}
END_TEST

struct canceller {
	struct aios_engine *engine;
	uint64_t first, last;
};

static void *cancel_all(void *arg)
{
	const struct canceller *c = arg;

	for (uint64_t id = c->first; id <= c->last; id++)
		ck_assert_int_eq(aios_cancel(c->engine, id), 0);
	aios_engine_interrupt(c->engine);
	return NULL;
}

/* Another thread cancels while this one polls; each request ends once. */
START_TEST(test_cancel_from_another_thread)
{
	enum {
		N = 12
	};
	static struct answer answers[N];
	struct aios_request req = request(400, 1.0f, 1);
	struct canceller c = { .first = 0 };
	struct aios_status st;
	struct aios_event ev;
	struct session s;
	pthread_t thread;
	int rc, ends = 0;

	session_open(&s, DEMO, NULL);
	req.text = PROMPT;
	req.text_len = strlen(PROMPT);
	req.ignore_eos = true;
	c.engine = s.engine;
	for (int i = 0; i < N; i++)
		c.last = session_submit(&s, &req, &answers[i]);
	c.first = c.last - N + 1;
	ck_assert_int_eq(aios_poll(s.engine, &ev, 0, &st), 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, cancel_all, &c), 0);
	while ((rc = aios_poll(s.engine, &ev, 0, &st)) > 0 || rc == -EINTR) {
		if (rc < 0 || ev.type != AIOS_EVENT_END)
			continue;
		ck_assert_uint_eq(ev.reason, AIOS_END_CANCELLED);
		ends++;
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(ends, N);
	pthread_join(thread, NULL);
	session_close(&s);
}
END_TEST

/* Closing with requests of every state gives everything back (a sanitizer build sees leaks). */
START_TEST(test_close_while_running)
{
	static struct answer answers[12];
	struct aios_request req = request(100, 1.0f, 1);
	struct aios_event ev;
	struct aios_status st;
	struct session s;

	session_open(&s, DEMO, NULL);
	req.text = PROMPT;
	req.text_len = strlen(PROMPT);
	req.top_logprobs = 3;
	for (int i = 0; i < 12; i++)
		session_submit(&s, &req, &answers[i]);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(aios_poll(s.engine, &ev, 0, &st), 1);
	session_close(&s);
}
END_TEST

struct bad_request {
	struct aios_request req;
	int code;
	const char *message;
};

START_TEST(test_bad_requests)
{
	static const int32_t outside[] = { 5, 4096 }, negative[] = { -1 }, fine[] = { 5 };
	static const struct aios_logit_bias bad_bias[] = { { 99999, 1.0f } },
					    nan_bias[] = { { 5, NAN } };
	static int32_t longest[101];
#define REQ(...)                                                                                   \
	{                                                                                          \
		.size = sizeof(struct aios_request), .top_logprobs = -1, __VA_ARGS__               \
	}
#define OFF .top_p = 1.0f, .repetition = 1.0f
	const struct bad_request cases[] = {
		{ REQ(.text = "", .text_len = 0, .sampling = { OFF }), -EINVAL, "empty" },
		{ REQ(.ids = outside, .n_ids = 2, .sampling = { OFF }), -EINVAL,
		  "token id 4096 at position 1 is outside the vocabulary of 4096" },
		{ REQ(.ids = negative, .n_ids = 1, .sampling = { OFF }), -EINVAL, "token id -1" },
		{ REQ(.ids = longest, .n_ids = 101, .sampling = { OFF }), -E2BIG,
		  "101 tokens, the context 100" },
		{ REQ(.ids = longest, .n_ids = 100, .sampling = { OFF }), -E2BIG,
		  "leaves no room for an answer" },
		{ REQ(.ids = fine, .n_ids = 1, .sampling = { OFF, .temperature = -1.0f }), -EINVAL,
		  "temperature" },
		{ REQ(.ids = fine, .n_ids = 1, .sampling = { OFF, .temperature = NAN }), -EINVAL,
		  "temperature" },
		{ REQ(.ids = fine, .n_ids = 1, .sampling = { .top_p = 1.5f, .repetition = 1.0f }),
		  -EINVAL, "top_p" },
		{ REQ(.ids = fine, .n_ids = 1, .sampling = { OFF, .min_p = 1.0f }), -EINVAL,
		  "min_p" },
		{ REQ(.ids = fine, .n_ids = 1, .sampling = { OFF, .frequency = 3.0f }), -EINVAL,
		  "frequency" },
		{ REQ(.ids = fine, .n_ids = 1, .bias = bad_bias, .n_bias = 1, .sampling = { OFF }),
		  -EINVAL, "99999" },
		{ REQ(.ids = fine, .n_ids = 1, .bias = nan_bias, .n_bias = 1, .sampling = { OFF }),
		  -EINVAL, "not a number" },
	};
	struct aios_request req = request(4, 0, 0);
	struct aios_status st;
	struct session s;
	uint64_t id;

	for (size_t i = 0; i < 101; i++)
		longest[i] = 5;
	session_open(&s, DEMO, (const char *const[]){ "engine.context_length=100", NULL });
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(aios_submit(s.engine, &cases[i].req, &id, &st), cases[i].code);
		ck_assert_msg(strstr(st.message, cases[i].message), "case %zu: %s", i, st.message);
	}
	req.ids = fine;
	req.n_ids = 1;
	req.top_logprobs = 21;
	ck_assert_int_eq(aios_submit(s.engine, &req, &id, &st), -EINVAL);
	req.top_logprobs = -1;
	for (int32_t n = -2; n <= 21; n += 23) {
		req.prompt_logprobs = n;
		ck_assert_int_eq(aios_submit(s.engine, &req, &id, &st), -EINVAL);
		ck_assert_ptr_nonnull(strstr(st.message, "prompt_logprobs"));
	}
	req.prompt_logprobs = -1;
	req.size = 8;
	ck_assert_int_eq(aios_submit(s.engine, &req, &id, &st), -EINVAL);
	session_close(&s);
}
END_TEST

Suite *test_generate_suite(void)
{
	Suite *s = suite_create("generate");
	TCase *tc = tcase_create("invariance");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, test_settings_do_not_matter, 0, 20);
	tcase_add_loop_test(tc, test_neighbours_do_not_matter, 0, 2);
	tcase_add_test(tc, test_greedy_is_argmax_of_logits);
	suite_add_tcase(s, tc);
	tc = tcase_create("parameters");
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, test_seeds);
	tcase_add_test(tc, test_logprobs);
	tcase_add_test(tc, test_penalties);
	tcase_add_test(tc, test_bias);
	tcase_add_test(tc, test_truncation);
	tcase_add_test(tc, test_stop_texts);
	suite_add_tcase(s, tc);
	tc = tcase_create("life");
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, test_ends);
	tcase_add_test(tc, test_cancel_and_interrupt);
	tcase_add_test(tc, test_cancel_from_another_thread);
	tcase_add_test(tc, test_close_while_running);
	tcase_add_test(tc, test_bad_requests);
	suite_add_tcase(s, tc);
	return s;
}
