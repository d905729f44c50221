// SPDX-License-Identifier: Apache-2.0
/*
 * test_graphs.c - captured decode steps change no bit: not by their padding, not
 * by the size they are captured for, not when capturing fails.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../e2e/session.h"
#include "bed.h"

Suite *test_graphs_suite(void);

#define DEMO source_path("share/demo")
#define PROMPT "Once upon a time, in a small village by the sea,"

enum {
	N = 19
};

static struct aios_stats stats_of(struct session *s)
{
	struct aios_stats stats = { .size = sizeof(stats) };

	ck_assert_int_eq(aios_engine_stats(s->engine, &stats), 0);
	return stats;
}

/* N requests of all kinds that leave one after the other, so that a step has every size. */
static struct aios_stats run_crowd(const char *const *settings, struct answer out[N])
{
	struct aios_stats stats;
	struct session s;

	session_open(&s, DEMO, settings);
	for (uint32_t i = 0; i < N; i++) {
		struct aios_request req = AIOS_REQUEST_INIT;

		req.text = i % 2 ? PROMPT : "The";
		req.text_len = strlen(req.text);
		req.max_tokens = 2 + i;
		req.ignore_eos = true;
		req.sampling.temperature = i % 3 ? 0.8f : 0.0f;
		req.sampling.seed = i;
		if (i == 11)
			req.top_logprobs = 3;
		if (i == 6)
			req.sampling.repetition = 1.3f;
		session_submit(&s, &req, &out[i]);
	}
	session_run(&s);
	stats = stats_of(&s);
	session_close(&s);
	return stats;
}

static void crowds_equal(const struct answer *a, const struct answer *b, const char *what)
{
	char name[64];

	for (uint32_t i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "%s, request %u", what, i);
		answers_equal(&a[i], &b[i], name);
		ck_assert_int_eq(memcmp(a[i].logprobs, b[i].logprobs, sizeof(a[i].logprobs)), 0);
		ck_assert_int_eq(memcmp(a[i].top, b[i].top, sizeof(a[i].top)), 0);
	}
}

START_TEST(test_every_size)
{
	static const char *const off[] = { "engine.graphs=off", "engine.max_batch_size=20", NULL };
	static const char *const on[] = { "engine.max_batch_size=20", NULL };
	static struct answer want[N], got[N];
	struct aios_stats stats = run_crowd(off, want);

	ck_assert_uint_eq(stats.graph_launches, 0);
	stats = run_crowd(on, got);
	/* Sizes 20 (24, cut to the batch), 16, 8, 4, 2, 1, most of them with two tails. */
	ck_assert_uint_ge(stats.graph_captures, 6);
	ck_assert_uint_le(stats.graph_captures, 18);
	ck_assert_uint_gt(stats.graph_launches, stats.graph_captures);
	crowds_equal(want, got, "with graphs");
}
END_TEST

/* A sequence grows past the keys that its first graph was captured for. */
START_TEST(test_growing_sequence)
{
	static const char *const modes[] = { "engine.graphs=off", "engine.graphs=on" };
	static struct answer answers[2];
	static int32_t prompt[500];
	struct aios_stats stats;
	struct session s;

	for (int32_t i = 0; i < 500; i++)
		prompt[i] = i * 7 % 4000;
	for (int i = 0; i < 2; i++) {
		struct aios_request req = AIOS_REQUEST_INIT;
		const char *settings[] = { modes[i], "aios.hook=check", NULL };

		session_open(&s, DEMO, settings);
		req.ids = prompt;
		req.n_ids = 500;
		req.max_tokens = 24;
		req.ignore_eos = true;
		req.top_logprobs = 0;
		session_submit(&s, &req, &answers[i]);
		session_run(&s);
		stats = stats_of(&s);
		session_close(&s);
	}
	ck_assert_uint_eq(stats.graph_captures, 2);
	ck_assert_uint_eq(stats.graph_launches, 23);
	answers_equal(&answers[0], &answers[1], "past 512 keys");
	ck_assert_int_eq(
		memcmp(answers[0].logprobs, answers[1].logprobs, sizeof(answers[0].logprobs)), 0);
}
END_TEST

/* Captures that fail leave plain launches; hooks switch graphs off unless they are asked for. */
START_TEST(test_failing_captures)
{
	static const struct {
		const char *hook, *graphs;
		uint64_t captures; /* at most */
	} cases[] = {
		{ "aios.hook=fault:graph_begin@1=ENOSYS", "engine.graphs=on", 0 },
		{ "aios.hook=fault:graph_begin%1=EIO", "engine.graphs=on", 0 },
		{ "aios.hook=fault:graph_end@2=EIO", "engine.graphs=on", 17 },
		{ "aios.hook=fault:graph_begin@1=delay:1us", "engine.graphs=auto", 0 },
	};
	static struct answer want[N], got[N];
	const char *settings[] = { cases[_i].hook, cases[_i].graphs, NULL };
	struct aios_stats stats = run_crowd(NULL, want);

	ck_assert_uint_gt(stats.graph_launches, 0);
	stats = run_crowd(settings, got);
	ck_assert_uint_le(stats.graph_captures, cases[_i].captures);
	ck_assert_int_eq(stats.graph_launches > 0, cases[_i].captures > 0);
	crowds_equal(want, got, cases[_i].hook);
}
END_TEST

/* A queue that stays in capture computes nothing: the engine must not believe what it left. */
START_TEST(test_endless_capture)
{
	static const char *const settings[] = { "aios.hook=fault:graph_end%1=EIO",
						"engine.graphs=on", NULL };
	static struct answer answers[2];
	struct aios_request req = AIOS_REQUEST_INIT;
	struct aios_event ev;
	struct aios_status st;
	struct session s;
	int rc, ends = 0;

	session_open(&s, DEMO, settings);
	req.text = PROMPT;
	req.text_len = strlen(PROMPT);
	req.max_tokens = 8;
	for (int i = 0; i < 2; i++)
		session_submit(&s, &req, &answers[i]);
	while ((rc = aios_poll(s.engine, &ev, 0, &st)) > 0) {
		if (ev.type != AIOS_EVENT_END)
			continue;
		ck_assert_uint_eq(ev.reason, AIOS_END_ERROR);
		ck_assert_ptr_nonnull(strstr(ev.status.message, "does not leave capture"));
		ends++;
	}
	ck_assert_int_eq(ends, 2);
	ck_assert_int_eq(rc, -AIOS_DEVICE_LOST);
	ck_assert_int_eq(aios_submit(s.engine, &req, &(uint64_t){ 0 }, &st), -AIOS_DEVICE_LOST);
	session_close(&s);
}
END_TEST

Suite *test_graphs_suite(void)
{
	Suite *s = suite_create("graphs");
	TCase *tc = tcase_create("graphs");

	tcase_set_timeout(tc, 120);
	bed_add(tc, test_every_size, 1);
	bed_add(tc, test_growing_sequence, 1);
	bed_add(tc, test_failing_captures, 4);
	bed_add(tc, test_endless_capture, 1);
	suite_add_tcase(s, tc);
	return s;
}
