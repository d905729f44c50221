// SPDX-License-Identifier: Apache-2.0
/* test_hooks.c - hooks on the demo model, as a user names them. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

Suite *test_hooks_suite(void);

#define RUN "run -m DEMO --driver cpu-ref -p Once --temp 0 "
#define BISECT "bisect -m DEMO --driver cpu-ref --against cpu-ref -p Once -n 3 --temp 0 "

/* Hooks are files of this build, or compiled in; else the test says "skipped". */
static bool skip(const char *hook)
{
	struct cli_result r;
	bool found;

	if (cli_skip_model())
		return true;
	r = cli_run("driver list", NULL);
	found = strstr(r.out, hook) != NULL;
	cli_free(&r);
	if (!found)
		printf("skipped: there is no hook %s\n", hook);
	return !found;
}

static void contains(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "'%s' is not in:\n%s", part, text);
}

static json_int_t integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* What a run answers without hooks and with these is the same. */
START_TEST(same_answer)
{
	static const char *const hooks[] = {
		"check:deep",
		"check,trace:t.json,shadow:cpu-ref,1/1",
		"shadow:cpu-ref,1/4,check,trace:t.json,sync",
		"trace:t.json,record:r.aios-replay,check",
	};
	struct cli_result plain, hooked;
	char line[300];

	if (skip("shadow") || skip("check") || skip("trace") || skip("record"))
		return;
	plain = cli_run(RUN "-n 6", NULL);
	ck_assert_int_eq(plain.code, 0);
	snprintf(line, sizeof(line), RUN "-n 6 --log-level info --hook %s", hooks[_i]);
	hooked = cli_run(line, NULL);
	ck_assert_msg(hooked.code == 0, "%s", hooked.err);
	ck_assert_str_eq(plain.out, hooked.out);
	if (strstr(hooks[_i], "check"))
		contains(hooked.err, " calls checked, 0 violations");
	if (strstr(hooks[_i], "shadow"))
		contains(hooked.err, ": 0 differ");
	cli_free(&plain);
	cli_free(&hooked);
}
END_TEST

/* Several sequences, penalties and log-probabilities: check finds nothing there either. */
START_TEST(nothing_to_find)
{
	struct cli_result r;

	if (skip("check"))
		return;
	r = cli_run("run -m DEMO --driver cpu-ref -p Once --seed 3 --temp 1 --top-k 20 --top-p 0.9 "
		    "--frequency-penalty 0.5 --logprobs 3 --json -n 8 --max-batch-tokens 2 "
		    "--max-batch-size 1 "
		    "--log-level info --hook check:deep",
		    NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	contains(r.err, " calls checked, 0 violations");
	cli_free(&r);
	r = cli_run("logits -m DEMO --driver cpu-ref --ids 5,17,9,3,4,5,6 --out l.npy "
		    "--log-level info --hook check:deep",
		    NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	contains(r.err, " calls checked, 0 violations");
	cli_free(&r);
}
END_TEST

START_TEST(trace_of_a_run)
{
	struct cli_result r;
	char path[4200];
	json_t *root;
	const json_t *events, *e;
	json_error_t error;
	unsigned ops = 0;
	size_t i;

	if (skip("trace"))
		return;
	r = cli_run(RUN "-n 4 --hook trace:out.json", NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	cli_free(&r);
	snprintf(path, sizeof(path), "%s/out.json", cli_folder());
	root = json_load_file(path, 0, &error);
	ck_assert_msg(root != NULL, "line %d: %s", error.line, error.text);
	events = json_object_get(root, "traceEvents");
	json_array_foreach(events, i, e) {
		const char *cat = json_string_value(json_object_get(e, "cat"));
		const json_t *args = json_object_get(e, "args");

		if (!cat || strcmp(cat, "op") != 0)
			continue;
		ops++;
		ck_assert_int_eq(integer(args, "result"), 0);
		ck_assert_int_gt(integer(args, "bytes_written"), 0);
		ck_assert(json_number_value(json_object_get(e, "dur")) > 0);
	}
	/* 69 launches a step: 8 layers of 8 ops and what is before and after them */
	ck_assert_uint_eq(ops, 4 * 69);
	json_decref(root);
	cli_remove("out.json");
}
END_TEST

START_TEST(bisect_agrees)
{
	struct cli_result r;
	json_t *report;

	if (skip("shadow"))
		return;
	r = cli_run(BISECT, NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	contains(r.out, "cpu-ref and cpu-ref agree in every bit of 207 launches");
	cli_free(&r);
	r = cli_run(BISECT "--json", NULL);
	ck_assert_int_eq(r.code, 0);
	report = cli_json(&r);
	ck_assert(json_is_true(json_object_get(report, "equal")));
	ck_assert(json_is_null(json_object_get(report, "first")));
	ck_assert_int_eq(integer(report, "compared"), 207);
	json_decref(report);
	cli_free(&r);
}
END_TEST

struct flip {
	const char *spec, *op;
	int layer, row, col, bit;
};

static const struct flip flips[] = {
	{ "flip:op=matmul,layer=3,nth=1,row=0,col=5,bit=12", "matmul", 3, 0, 5, 12 },
	{ "flip:op=attention,layer=7,nth=2,row=0,col=255,bit=0", "attention", 7, 0, 255, 0 },
	{ "flip:op=rmsnorm,layer=0,nth=1,row=0,col=100,bit=15", "rmsnorm", 0, 0, 100, 15 },
	{ "flip:op=rope_kv,layer=5,nth=1,row=0,col=17,bit=3", "rope_kv", 5, 0, 17, 3 },
	{ "flip:op=embed,nth=1,row=0,col=1,bit=31", "embed", -1, 0, 1, 31 },
	{ "flip:op=argmax,nth=2,row=0,col=0,bit=4", "argmax", -1, 0, 0, 4 },
};

/* One bit of one element of one op of one layer is flipped: all of them are named. */
START_TEST(bisect_names_the_bit)
{
	const struct flip *f = &flips[_i];
	struct cli_result r;
	json_t *report, *first;
	char line[400];
	json_int_t bits;

	if (skip("shadow") || skip("fault") || skip("replay"))
		return;
	snprintf(line, sizeof(line), BISECT "--json --capsule . --hook %s%s", "fault:", f->spec);
	r = cli_run(line, NULL);
	ck_assert_msg(r.code == 1, "exit code %d: %s", r.code, r.err);
	report = cli_json(&r);
	first = json_object_get(report, "first");
	ck_assert(json_is_false(json_object_get(report, "equal")));
	ck_assert_str_eq(json_string_value(json_object_get(first, "op")), f->op);
	ck_assert_int_eq(integer(first, "layer"), f->layer);
	ck_assert_int_eq(integer(first, "row"), f->row);
	ck_assert_int_eq(integer(first, "col"), f->col);
	ck_assert_int_eq(integer(first, "count"), 1);
	bits = integer(first, "got") ^ integer(first, "want");
	ck_assert_int_eq(bits, (json_int_t)1 << f->bit);

	/* The capsule repeats it: equal on a sound device. */
	snprintf(line, sizeof(line), "replay shadow-%d.aios-replay --driver cpu-ref --json",
		 (int)integer(first, "launch"));
	json_decref(report);
	cli_free(&r);
	r = cli_run(line, NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	report = cli_json(&r);
	ck_assert_int_eq(integer(report, "launches"), 1);
	ck_assert_int_eq(integer(report, "equal"), 1);
	json_decref(report);
	cli_free(&r);
	line[strcspn(line + 7, " ") + 7] = '\0';
	cli_remove(line + 7);
}
END_TEST

/* run --hook shadow: the request fails and says the same. */
START_TEST(shadow_stops)
{
	struct cli_result r;

	if (skip("shadow") || skip("fault"))
		return;
	r = cli_run(RUN "-n 3 --hook "
			"shadow:cpu-ref,1/1,fault:flip:op=matmul,layer=3,nth=1,row=0,col=5,bit=12",
		    NULL);
	ck_assert_int_eq(r.code, 1);
	contains(r.err, "matmul, layer 3: out[0][5] is 0x");
	contains(r.err, "1 of ");
	cli_free(&r);
}
END_TEST

START_TEST(record_and_replay)
{
	struct cli_result r;
	json_t *report;

	if (skip("record") || skip("replay") || skip("fault"))
		return;
	r = cli_run(RUN "-n 3 --hook record:r.aios-replay", NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	cli_free(&r);
	r = cli_run("replay r.aios-replay --driver cpu-ref", NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	contains(r.out, "207 launches recorded by cpu-ref, on cpu-ref: 207 equal, 0 different");
	cli_free(&r);
	r = cli_run("replay r.aios-replay --driver cpu-ref --against cpu-ref --json --hook "
		    "fault:flip:op=matmul,layer=1,nth=2,row=0,col=3,bit=2",
		    NULL);
	ck_assert_int_eq(r.code, 1);
	report = cli_json(&r);
	ck_assert_int_eq(integer(report, "different"), 1);
	ck_assert_str_eq(
		json_string_value(json_object_get(json_object_get(report, "first"), "place")),
		"out[0][3]");
	json_decref(report);
	cli_free(&r);
	cli_write_file("text",
		       "this is no capsule, though it is longer than the header of one: 64");
	r = cli_run("replay text --driver cpu-ref", NULL);
	ck_assert_int_eq(r.code, 1);
	contains(r.err, "not a sound capsule");
	cli_free(&r);
	r = cli_run("replay", NULL);
	ck_assert_int_eq(r.code, 2);
	cli_free(&r);
	cli_remove("r.aios-replay");
	cli_remove("text");
}
END_TEST

/* Injected failures end the run with a message, never with a crash. */
START_TEST(faults)
{
	static const char *const specs[] = {
		"fault:launch@17=EIO",      "fault:alloc@1=ENOMEM",
		"fault:alloc@3=ENOMEM",     "fault:copy@3=lost",
		"fault:wait@2=EIO",         "fault:queue_create@1=EIO",
		"fault:launch@40=lost",     "fault:query@5=EIO",
		"fault:signal@3=ETIMEDOUT", "fault:exhaust:heap=0,bytes=1M",
	};
	struct cli_result r;
	char line[200];

	if (skip("fault") || skip("check"))
		return;
	snprintf(line, sizeof(line), RUN "-n 4 --hook check,%s", specs[_i]);
	r = cli_run(line, NULL);
	ck_assert_msg(r.code == 1, "%s: exit code %d, %s", specs[_i], r.code, r.err);
	contains(r.err, "aios: error: ");
	/* What fails is also cleaned up: nothing is leaked, freed early or used late. */
	ck_assert_msg(strstr(r.err, "check: call") == NULL, "%s: %s", specs[_i], r.err);
	cli_free(&r);
}
END_TEST

Suite *test_hooks_suite(void)
{
	Suite *s = suite_create("hooks");
	TCase *tc = tcase_create("hooks");

	tcase_add_checked_fixture(tc, cli_setup, cli_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, same_answer, 0, 4);
	tcase_add_test(tc, nothing_to_find);
	tcase_add_test(tc, trace_of_a_run);
	tcase_add_test(tc, bisect_agrees);
	tcase_add_loop_test(tc, bisect_names_the_bit, 0, (int)(sizeof(flips) / sizeof(flips[0])));
	tcase_add_test(tc, shadow_stops);
	tcase_add_test(tc, record_and_replay);
	tcase_add_loop_test(tc, faults, 0, 10);
	suite_add_tcase(s, tc);
	return s;
}
