// SPDX-License-Identifier: Apache-2.0
/*
 * test_batch.c - aios run --batch: every line has one answer, the one it would have alone,
 * whatever stops the batch in between; what is no request says so.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

Suite *test_batch_suite(void);

#define RUN "run -m DEMO --driver cpu-ref --batch in.jsonl --out out.jsonl "
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	LINES = 40
};

static const char *in_folder(const char *name)
{
	static char path[4352];

	snprintf(path, sizeof(path), "%s/%s", cli_folder(), name);
	return path;
}

/* Answers by line number; each at most once. */
static void read_answers(json_t *answers[LINES + 1])
{
	FILE *file = fopen(in_folder("out.jsonl"), "r");
	char *line = NULL;
	size_t room = 0;

	memset(answers, 0, (LINES + 1) * sizeof(*answers));
	ck_assert_ptr_nonnull(file);
	while (getline(&line, &room, file) > 0) {
		json_t *object = json_loads(line, 0, NULL);
		json_int_t n = json_integer_value(json_object_get(object, "line"));

		ck_assert_msg(n >= 1 && n <= LINES && !answers[n], "%s", line);
		answers[n] = object;
	}
	free(line);
	fclose(file);
}

static void free_answers(json_t *answers[LINES + 1])
{
	for (int i = 0; i <= LINES; i++)
		json_decref(answers[i]);
}

/* Requests of several lengths, seeds and ways to say it; line 7 is empty. */
static void write_batch(uint32_t tokens)
{
	static char text[16384];
	size_t at = 0;

	for (uint32_t i = 1; i <= LINES; i++) {
		if (i == 7)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "\n");
		else if (i % 3 == 0)
			at += (size_t)snprintf(text + at, sizeof(text) - at,
					       "{\"ids\":[%u,17,9],\"max_tokens\":%u,\"id\":%u}\n",
					       i, tokens + i % 5, i * 10);
		else
			at += (size_t)snprintf(text + at, sizeof(text) - at,
					       "{\"prompt\":\"Once upon %u\",\"max_tokens\":%u,"
					       "\"seed\":%u,\"id\":\"line %u\"}\n",
					       i, tokens + i % 5, i, i);
	}
	cli_write_file("in.jsonl", text);
}

static void check_equal(json_t *a[LINES + 1], json_t *b[LINES + 1])
{
	for (int i = 1; i <= LINES; i++)
		ck_assert_msg((!a[i] && !b[i]) || json_equal(a[i], b[i]), "line %d", i);
}

/* Run the batch to its end. */
static void run_all(void)
{
	struct cli_result r = cli_run(RUN, NULL);

	ck_assert_msg(r.code == 0, "exit %d: %s", r.code, r.err);
	ck_assert_uint_eq(r.out_len, 0);
	cli_free(&r);
}

/* Each line's answer is the one that a run of its own gives. */
START_TEST(test_alone)
{
	static const int lines[] = { 1, 5, 9 };
	json_t *answers[LINES + 1], *alone;
	struct cli_result r;
	char line[256];

	write_batch(6);
	run_all();
	read_answers(answers);
	for (int i = 1; i <= LINES; i++)
		ck_assert_int_eq(answers[i] != NULL, i != 7);
	ck_assert_str_eq(json_string_value(json_object_get(answers[1], "id")), "line 1");
	ck_assert_int_eq(json_integer_value(json_object_get(answers[9], "id")), 90);
	for (size_t i = 0; i < COUNT(lines); i++) {
		int n = lines[i];

		if (n % 3 == 0)
			snprintf(line, sizeof(line),
				 "run -m DEMO --driver cpu-ref --ids %d,17,9 -n %d --json", n,
				 6 + n % 5);
		else
			snprintf(line, sizeof(line),
				 "run -m DEMO --driver cpu-ref -p Once~upon~%d -n %d -s %d --json",
				 n, 6 + n % 5, n);
		r = cli_run(line, NULL);
		alone = cli_json(&r);
		ck_assert(json_equal(json_object_get(alone, "ids"),
				     json_object_get(answers[n], "ids")));
		ck_assert(json_equal(json_object_get(alone, "text"),
				     json_object_get(answers[n], "text")));
		ck_assert(json_equal(json_object_get(alone, "numerics_id"),
				     json_object_get(answers[n], "numerics_id")));
		json_decref(alone);
		cli_free(&r);
	}
	free_answers(answers);
}
END_TEST

/* A crash in the middle of a line of answers, at several places. */
START_TEST(test_goes_on)
{
	json_t *whole[LINES + 1], *again[LINES + 1];
	struct stat info;

	write_batch(3);
	run_all();
	read_answers(whole);
	ck_assert_int_eq(stat(in_folder("out.jsonl"), &info), 0);
	for (off_t cut = 0; cut < 4; cut++) {
		ck_assert_int_eq(
			truncate(in_folder("out.jsonl"), info.st_size * cut / 4 - (cut > 0)), 0);
		run_all();
		read_answers(again);
		check_equal(whole, again);
		free_answers(again);
	}
	/* With nothing left to do it stays as it is. */
	run_all();
	read_answers(again);
	check_equal(whole, again);
	free_answers(again);
	free_answers(whole);
}
END_TEST

START_TEST(test_interrupt)
{
	json_t *whole[LINES + 1], *again[LINES + 1];
	struct stat info = { 0 };
	int out, error, code;
	pid_t pid;

	write_batch(40);
	error = open(in_folder("error.txt"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(error, 0);
	pid = cli_start(RUN, &out, error, NULL);
	/* Some lines are there, most are not. */
	while (stat(in_folder("out.jsonl"), &info) < 0 || info.st_size == 0) {
		ck_assert_int_eq(kill(pid, 0), 0);
		usleep(1000);
	}
	kill(pid, SIGINT);
	code = cli_wait(pid);
	close(out);
	close(error);
	/* It may have been through before the signal came; then there is nothing to go on with. */
	ck_assert(code == 130 || code == 0);
	run_all();
	read_answers(again);
	ck_assert_int_eq(unlink(in_folder("out.jsonl")), 0);
	run_all();
	read_answers(whole);
	check_equal(whole, again);
	free_answers(again);
	free_answers(whole);
}
END_TEST

static const struct {
	const char *line, *message;
} bad_lines[] = {
	{ "nonsense", "not JSON" },
	{ "{\"prompt\":\"x\"", "not JSON" },
	{ "[1]", "not a JSON object" },
	{ "\"x\"", "not" },
	{ "{}", "a line needs \"prompt\" or \"ids\"" },
	{ "{\"prompt\":\"x\",\"ids\":[1]}", "one of them" },
	{ "{\"prompt\":\"x\",\"prompt\":\"y\"}", "duplicate" },
	{ "{\"promt\":\"x\"}", "did you mean \"prompt\"?" },
	{ "{\"prompt\":7}", "\"prompt\": expected a text" },
	{ "{\"prompt\":\"x\",\"id\":[]}", "\"id\": expected a text or an integer" },
	{ "{\"ids\":[1,\"2\"]}", "\"ids\"[1] is not a token id" },
	{ "{\"ids\":[-1]}", "\"ids\"[0] is not a token id" },
	{ "{\"ids\":[99999]}", "outside the vocabulary" },
	{ "{\"ids\":[]}", "the prompt is empty" },
	{ "{\"prompt\":\"x\",\"max_tokens\":0}", "\"max_tokens\": expected an integer of 1" },
	{ "{\"prompt\":\"x\",\"seed\":-1}", "\"seed\": expected an integer of 0" },
	{ "{\"prompt\":\"x\",\"seed\":1.5}", "\"seed\"" },
	{ "{\"prompt\":\"x\",\"temperature\":\"hot\"}", "\"temperature\": expected a number" },
	{ "{\"prompt\":\"x\",\"temperature\":-1}", "temperature" },
	{ "{\"prompt\":\"x\",\"top_p\":2}", "top_p" },
	{ "{\"prompt\":\"x\",\"stop\":[\"\"]}", "\"stop\": expected a text" },
	{ "{\"prompt\":\"x\",\"stop\":[1]}", "\"stop\": expected a text" },
	{ "{\"prompt\":\"x\",\"ignore_eos\":1}", "\"ignore_eos\": expected true or false" },
	{ "{\"prompt\":\"x\",\"priority\":1000}", "priority" },
	{ "{\"prompt\":\"x\",\"beams\":9}", "beams is 9" },
	{ "{\"prompt\":\"x\",\"beams\":2,\"temperature\":1}", "do not go with a temperature" },
	{ "{\"prompt\":\"x\",\"early_stopping\":1}", "\"early_stopping\": expected true" },
	{ "{\"prompt\":\"x\",\"prompt_logprobs\":21}", "prompt_logprobs is 21" },
	{ "{\"prompt\":\"x\",\"prompt_logprobs\":true}", "\"prompt_logprobs\": expected an" },
	{ "\xff\xfe", "not JSON" },
};

/* Bad lines between two good ones: these are answered, those have their errors and numbers. */
START_TEST(test_bad_lines)
{
	static char text[4096];
	const int n = (int)COUNT(bad_lines);
	json_t *answers[LINES + 1];
	struct cli_result r;
	size_t at;

	at = (size_t)snprintf(text, sizeof(text), "{\"ids\":[5],\"max_tokens\":1}\n");
	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s\n", bad_lines[i].line);
	snprintf(text + at, sizeof(text) - at, "{\"ids\":[6],\"max_tokens\":1}");
	cli_write_file("in.jsonl", text);
	for (int round = 0; round < 2; round++) {
		r = cli_run(RUN, NULL);
		ck_assert_int_eq(r.code, 1);
		snprintf(text, sizeof(text), "%d of %d lines", n, n + 2);
		ck_assert_msg(strstr(r.err, text) != NULL, "%s", r.err);
		cli_free(&r);
	}
	read_answers(answers);
	ck_assert(answers[1] && !json_object_get(answers[1], "error"));
	ck_assert(answers[n + 2] && !json_object_get(answers[n + 2], "error"));
	for (int i = 0; i < n; i++) {
		json_t *error = json_object_get(answers[i + 2], "error");
		const char *message = json_string_value(json_object_get(error, "message"));

		ck_assert_int_lt(json_integer_value(json_object_get(error, "code")), 0);
		ck_assert_msg(message && strstr(message, bad_lines[i].message),
			      "expected '%s' in '%s'", bad_lines[i].message, message);
	}
	free_answers(answers);
}
END_TEST

static const struct {
	const char *line;
	int code;
	const char *message;
} bad_commands[] = {
	{ "run -m DEMO --batch in.jsonl", 2, "--batch FILE needs --out FILE" },
	{ "run -m DEMO --out x -p y", 2, "--out belongs to --batch" },
	{ RUN "-p x", 2, "--batch and --prompt exclude each other" },
	{ RUN "--json", 2, "--batch and --json exclude each other" },
	{ RUN "--logprobs 2", 2, "--batch gives no log-probabilities of answers" },
	{ "run --batch in.jsonl --out out.jsonl", 2, "no model" },
	{ "run -m DEMO --driver cpu-ref --batch nosuch --out o", 1, "nosuch: No such file" },
	{ "run -m DEMO --driver cpu-ref --batch /dev/null --out o", 1, "read twice" },
	{ "run -m DEMO --driver cpu-ref --batch in.jsonl --out in.jsonl", 1, "the same file" },
	{ "run -m DEMO --driver cpu-ref --batch in.jsonl --out no/such", 1,
	  "no/such: No such file" },
	{ "run -m DEMO --driver cpu-ref --batch in.jsonl --out /dev/null", 1, "go into a file" },
	{ "run -m DEMO --driver cpu-ref --batch in.jsonl --out foreign", 1,
	  "foreign:1: not an answer to a line of in.jsonl" },
	{ "run -m DEMO --driver cpu-ref --batch in.jsonl --out other", 1,
	  "other:2: not an answer to a line of in.jsonl" },
};

START_TEST(test_bad_commands)
{
	struct cli_result r;

	cli_write_file("in.jsonl", "{\"ids\":[5],\"max_tokens\":1}\n");
	cli_write_file("foreign", "some text\n");
	cli_write_file("other", "{\"line\":1,\"digest\":\"1\"}\n{\"line\":2,\"digest\":\"1\"}\n");
	r = cli_run(bad_commands[_i].line, NULL);
	ck_assert_msg(r.code == bad_commands[_i].code, "aios %s: exit %d\n%s",
		      bad_commands[_i].line, r.code, r.err);
	ck_assert_msg(strstr(r.err, bad_commands[_i].message) != NULL, "aios %s:\n%s",
		      bad_commands[_i].line, r.err);
	cli_free(&r);
}
END_TEST

/* Answers to other lines, or given with other options, are not mixed with these. */
START_TEST(test_other_batch)
{
	struct cli_result r;

	cli_write_file("in.jsonl", "{\"ids\":[5],\"max_tokens\":1}\n");
	run_all();
	r = cli_run(RUN "--temp 0.1", NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_ptr_nonnull(strstr(r.err, "or the model or the options were others"));
	cli_free(&r);
	/* More lines at the end are fine. */
	cli_write_file("in.jsonl",
		       "{\"ids\":[5],\"max_tokens\":1}\n{\"ids\":[7],\"max_tokens\":1}\n");
	run_all();
	cli_write_file("in.jsonl",
		       "{\"ids\":[6],\"max_tokens\":1}\n{\"ids\":[7],\"max_tokens\":1}\n");
	r = cli_run(RUN, NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_ptr_nonnull(strstr(r.err, "it was another line than that of in.jsonl"));
	cli_free(&r);
}
END_TEST

/* A line that asks for its prompt's log-probabilities has them in its answer, others have none. */
START_TEST(test_prompt_logprobs)
{
	json_t *answers[LINES + 1], *list;

	cli_write_file("in.jsonl", "{\"ids\":[5,17,9],\"max_tokens\":1,\"prompt_logprobs\":2}\n"
				   "{\"ids\":[5,17,9],\"max_tokens\":1}\n"
				   "{\"ids\":[5],\"max_tokens\":1,\"prompt_logprobs\":0}\n");
	run_all();
	read_answers(answers);
	list = json_object_get(answers[1], "prompt_logprobs");
	ck_assert_uint_eq(json_array_size(list), 3);
	ck_assert(json_is_null(json_array_get(list, 0)));
	for (size_t i = 1; i < 3; i++) {
		const json_t *token = json_array_get(list, i);

		ck_assert_int_eq(json_integer_value(json_object_get(token, "id")), i == 1 ? 17 : 9);
		ck_assert(json_is_real(json_object_get(token, "logprob")));
		ck_assert_int_ge(json_integer_value(json_object_get(token, "rank")), 1);
		ck_assert_uint_eq(json_array_size(json_object_get(token, "top")), 2);
	}
	ck_assert_ptr_null(json_object_get(answers[2], "prompt_logprobs"));
	ck_assert_uint_eq(json_array_size(json_object_get(answers[3], "prompt_logprobs")), 1);
	free_answers(answers);
}
END_TEST

/* Beams, best first, of which the answer is the first; the usual temperature is no obstacle. */
START_TEST(test_beam_lines)
{
	json_t *answers[LINES + 1], *beams;
	double last = 0;

	cli_write_file("in.jsonl",
		       "{\"ids\":[514,258,425],\"max_tokens\":5,\"beams\":3,\"length_penalty\":0.5,"
		       "\"early_stopping\":\"never\"}\n"
		       "{\"ids\":[514,258,425],\"max_tokens\":5,\"seed\":3}\n");
	run_all();
	read_answers(answers);
	beams = json_object_get(answers[1], "beams");
	ck_assert_uint_eq(json_array_size(beams), 3);
	ck_assert(json_equal(json_object_get(answers[1], "ids"),
			     json_object_get(json_array_get(beams, 0), "ids")));
	ck_assert(json_equal(json_object_get(answers[1], "text"),
			     json_object_get(json_array_get(beams, 0), "text")));
	for (size_t i = 0; i < 3; i++) {
		double score = json_real_value(json_object_get(json_array_get(beams, i), "score"));

		ck_assert(score < 0 && (i == 0 || score <= last));
		last = score;
	}
	ck_assert_ptr_null(json_object_get(answers[2], "beams"));
	free_answers(answers);
}
END_TEST

START_TEST(test_two_at_once)
{
	struct cli_result r;
	int fd;

	write_batch(1);
	fd = open(in_folder("out.jsonl"), O_RDWR | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	r = cli_run(RUN, NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_ptr_nonnull(strstr(r.err, "another batch writes to it"));
	cli_free(&r);
	close(fd);
}
END_TEST

/* The bar and the closing line go to standard error, only when they are wanted. */
START_TEST(test_progress)
{
	struct cli_result r;

	write_batch(30);
	r = cli_run(RUN "--progress always", NULL);
	ck_assert_int_eq(r.code, 0);
	ck_assert_uint_eq(r.out_len, 0);
	ck_assert_msg(strstr(r.err, "39 lines, 0 of them before") != NULL, "%s", r.err);
	cli_free(&r);
	r = cli_run(RUN, NULL);
	ck_assert_uint_eq(r.err_len, 0);
	cli_free(&r);
}
END_TEST

Suite *test_batch_suite(void)
{
	Suite *s = suite_create("batch");
	TCase *tc = tcase_create("batch");

	tcase_add_checked_fixture(tc, cli_setup, cli_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_alone);
	tcase_add_test(tc, test_goes_on);
	tcase_add_test(tc, test_interrupt);
	tcase_add_test(tc, test_bad_lines);
	tcase_add_loop_test(tc, test_bad_commands, 0, (int)COUNT(bad_commands));
	tcase_add_test(tc, test_other_batch);
	tcase_add_test(tc, test_two_at_once);
	tcase_add_test(tc, test_prompt_logprobs);
	tcase_add_test(tc, test_beam_lines);
	tcase_add_test(tc, test_progress);
	suite_add_tcase(s, tc);
	return s;
}
