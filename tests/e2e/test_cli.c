// SPDX-License-Identifier: Apache-2.0
/* test_cli.c - the aios program as scripts and people meet it: output, messages, exit codes. */
#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

Suite *test_cli_suite(void);

#define MODEL "-m DEMO --driver cpu-ref "

/* Run, compare the exit code, require texts in both outputs (NULL: must be empty). */
static void expect(const char *line, int code, const char *out, const char *err)
{
	struct cli_result r = cli_run(line, NULL);

	ck_assert_msg(r.code == code, "aios %s: exit %d, not %d\n%s%s", line, r.code, code, r.out,
		      r.err);
	ck_assert_msg(out ? strstr(r.out, out) != NULL : !r.out_len,
		      "aios %s: stdout lacks '%s':\n%s", line, out ? out : "(nothing)", r.out);
	ck_assert_msg(err ? strstr(r.err, err) != NULL : !r.err_len,
		      "aios %s: stderr lacks '%s':\n%s", line, err ? err : "(nothing)", r.err);
	cli_free(&r);
}

/* ---- usage ------------------------------------------------------------------ */

static const struct usage_case {
	const char *line;
	const char *message;
} usage_cases[] = {
	{ "rnu", "unknown command 'rnu' (did you mean 'run'?); the commands are run, devices" },
	{ "serve", "unknown command 'serve'" },
	{ "--treads 3", "unknown option --treads; did you mean --threads?" },
	{ "run --no-json=1 -p x", "--no-json takes no value" },
	{ "plan -Z", "unknown option -Z" },
	{ "-p", "-p needs a value" },
	{ "run -m x --temp", "--temp needs a value: a number from 0 to 100" },
	{ "run -m x -p y --temp hot", "--temp: [sampling] temperature: 'hot' is not valid" },
	{ "run -m x -p y --top-p 1.5", "[sampling] top_p: '1.5' is not valid" },
	{ "run -m x -p y -n -3", "[sampling] max_tokens: '-3' is not valid" },
	{ "run -m x -p y --numerics fp8", "expected one of auto|fma32" },
	{ "plan -m x --temp 0", "--temp is not an option of 'aios plan' but of run" },
	{ "run -m x -p y extra", "unexpected 'extra'; usage: aios [run] -m DIR" },
	{ "run -p x", "no model: give its folder with -m DIR" },
	{ "run -m x -p y -f z", "-p and -f both give a text" },
	{ "run -m x -p y --logprobs 2", "--logprobs needs --json" },
	{ "run -m x -p y --prompt-logprobs 2", "--prompt-logprobs needs --json" },
	{ "run -m x -p y --beams 2", "nothing can be streamed before the search is over" },
	{ "run -m x -p y --early-stopping no", "false|true|never" },
	{ "run -m x --ids 5,x7", "'x7' is not a token id" },
	{ "run -m x --ids 5,99999999999", "'99999999999' is not a token id" },
	{ "run -m x --ids ,", "--ids gives no id" },
	{ "logits -m x --ids 5", "no file to write: give --out FILE.npy" },
	{ "driver shwo", "unknown 'driver shwo' (did you mean 'show'?)" },
	{ "driver show", "'driver show' needs the name of a driver" },
	{ "driver list all", "unexpected 'all' after 'driver list'" },
	{ "config engine.page_sice", "no section and no key is called 'engine.page_sice'" },
	{ "help samplign", "(did you mean 'Sampling'?)" },
	{ "completion csh", "completion is written for bash, zsh or fish, not for csh" },
	{ "--set engine.page_sice=3 config",
	  "unknown key page_sice in [engine], did you mean page_size" },
	{ "--set nonsense config", "'nonsense' is not SECTION.KEY=VALUE" },
};

START_TEST(wrong_usage_exits_2)
{
	const struct usage_case *c = &usage_cases[_i];

	expect(c->line, 2, NULL, c->message);
}
END_TEST

START_TEST(errors_are_one_line)
{
	for (size_t i = 0; i < sizeof(usage_cases) / sizeof(usage_cases[0]); i += 5) {
		struct cli_result r = cli_run(usage_cases[i].line, NULL);

		ck_assert_msg(strncmp(r.err, "aios: error: ", 13) == 0, "%s", r.err);
		ck_assert_msg(strchr(r.err, '\n') == r.err + r.err_len - 1, "%s", r.err);
		cli_free(&r);
	}
}
END_TEST

/* ---- help ------------------------------------------------------------------- */

static const char *const command_names[] = { "run",       "devices", "driver",     "plan",
					     "tokenize",  "logits",  "detokenize", "config",
					     "bench",     "doctor",  "version",    "help",
					     "completion" };
enum {
	COMMANDS = sizeof(command_names) / sizeof(command_names[0])
};

static void check_width(const char *text, const char *what)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		ck_assert_msg(len <= 100, "%s: %zu columns: %.*s", what, len, (int)len, line);
		line += len + (line[len] == '\n');
	}
}

START_TEST(help_lists_commands)
{
	struct cli_result r = cli_run("help", NULL);

	ck_assert_int_eq(r.code, 0);
	check_width(r.out, "help");
	for (size_t i = 0; i < COMMANDS; i++)
		ck_assert_msg(strstr(r.out, command_names[i]), "%s", command_names[i]);
	cli_free(&r);
}
END_TEST

START_TEST(help_of_each_command)
{
	struct cli_result r, again;
	char line[64];

	snprintf(line, sizeof(line), "help %s", command_names[_i]);
	r = cli_run(line, NULL);
	ck_assert_int_eq(r.code, 0);
	ck_assert_ptr_nonnull(strstr(r.out, "Usage: aios"));
	ck_assert_ptr_nonnull(strstr(r.out, command_names[_i]));
	ck_assert_msg(!strchr(r.out, '\033'), "colour in a pipe");
	check_width(r.out, line);
	snprintf(line, sizeof(line), "%s --help", command_names[_i]);
	again = cli_run(line, NULL);
	/* `aios help --help` is the list of commands. */
	if (strcmp(command_names[_i], "help") != 0)
		ck_assert_str_eq(r.out, again.out);
	cli_free(&r);
	cli_free(&again);
}
END_TEST

START_TEST(help_names_env_and_ini)
{
	expect("help Sampling", 0, "[env AIOS_SEED, ini sampling.seed, default 0]", NULL);
	expect("help sampling", 0, "--repetition-penalty", NULL);
	expect("run -h", 0, "-n, --max-tokens N", NULL);
}
END_TEST

/* What the manual takes from the tables is in the format of scdoc. */
START_TEST(manual_can_be_made)
{
	const char *name = _i < COMMANDS ? command_names[_i] : _i == COMMANDS ? "ini" : "";
	struct cli_result part, page;
	char line[64], *source;

	snprintf(line, sizeof(line), "scdoc %s", name);
	part = cli_run(line, NULL);
	ck_assert_int_eq(part.code, 0);
	if (access("/usr/bin/scdoc", X_OK) != 0) {
		printf("skipped: scdoc is not installed\n");
		cli_free(&part);
		return;
	}
	source = malloc(part.out_len + 64);
	ck_assert_ptr_nonnull(source);
	snprintf(source, part.out_len + 64, "aios-test(1)\n\n%s", part.out);
	page = cli_run_program("scdoc", "", source);
	ck_assert_msg(page.code == 0, "aios %s: %s", line, page.err);
	ck_assert_ptr_nonnull(strstr(page.out, "\n.S"));
	free(source);
	cli_free(&page);
	cli_free(&part);
}
END_TEST

START_TEST(version_has_three_spellings)
{
	expect("version", 0, "aios ", NULL);
	expect("--version", 0, "module ABI", NULL);
	expect("-V", 0, "module ABI", NULL);
	expect("run -m x --version", 0, "module ABI", NULL);
	expect("version --json", 0, "\"version\": \"", NULL);
}
END_TEST

/* Every option of the help is in every completion, and the shells can read the scripts. */
START_TEST(completion_is_complete)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };
	const char *shell = shells[_i];
	struct cli_result script, help, check;
	char line[64];

	snprintf(line, sizeof(line), "completion %s", shell);
	script = cli_run(line, NULL);
	ck_assert_int_eq(script.code, 0);
	help = cli_run("help run", NULL);
	for (const char *at = help.out; (at = strstr(at, " --")); at += 3) {
		char name[64];

		/* Only where an option is described: at the start of a line. */
		if (at > help.out && !memchr(at - 6 < help.out ? help.out : at - 6, '\n', 6))
			continue;
		snprintf(name, sizeof(name), "%s%.*s", _i == 2 ? "-l " : "--",
			 (int)strcspn(at + 3, " \n"), at + 3);
		ck_assert_msg(strstr(script.out, name), "%s: %s is missing", shell, name);
	}
	cli_write_file("script", script.out);
	if (access("/usr/bin/bash", X_OK) == 0 && _i == 0) {
		check = cli_run_program("bash", "-n script", NULL);
		ck_assert_msg(check.code == 0, "%s", check.err);
		cli_free(&check);
		check = cli_run_program("bash",
					"-c source~./script;COMP_WORDS=(aios~run~--tem);"
					"COMP_CWORD=2;_aios;echo~${COMPREPLY[@]}",
					NULL);
		ck_assert_str_eq(check.out, "--temp\n");
		cli_free(&check);
	}
	cli_free(&script);
	cli_free(&help);
}
END_TEST

/* ---- configuration ---------------------------------------------------------- */

START_TEST(command_line_beats_environment_beats_ini)
{
	const char *line = "config --show-origin sampling.seed";
	struct cli_result r;

	expect(line, 0, "0  ; default\n", NULL);
	cli_write_file("aios.ini", "; a comment\n[sampling]\nseed = 5\n");
	r = cli_run(line, NULL);
	ck_assert_msg(strncmp(r.out, "5  ; ini ", 9) == 0 && strstr(r.out, "aios.ini:3\n"), "%s",
		      r.out);
	cli_free(&r);
	r = cli_run_env("AIOS_SEED=6", line, NULL);
	ck_assert_str_eq(r.out, "6  ; env AIOS_SEED\n");
	cli_free(&r);
	r = cli_run_env("AIOS_SEED=6", "config --set sampling.seed=7 sampling.seed", NULL);
	ck_assert_str_eq(r.out, "7\n");
	cli_free(&r);
	expect("--no-config config sampling.seed", 0, "0\n", NULL);
	cli_remove("aios.ini");
}
END_TEST

START_TEST(config_prints_what_it_reads)
{
	const char *line = "config --set engine.page_size=32 --driver cpu-ref --threads 3";
	struct cli_result first = cli_run(line, NULL), second;

	ck_assert_int_eq(first.code, 0);
	ck_assert_ptr_nonnull(strstr(first.out, "page_size = 32\n"));
	ck_assert_ptr_nonnull(strstr(first.out, "threads = 3\n"));
	ck_assert_ptr_null(strstr(first.out, "[command]"));
	cli_write_file("again.ini", first.out);
	second = cli_run("config --config again.ini", NULL);
	ck_assert_msg(second.code == 0, "%s", second.err);
	ck_assert_str_eq(first.out, second.out);
	cli_free(&first);
	cli_free(&second);
}
END_TEST

START_TEST(config_mistakes_name_the_place)
{
	struct cli_result r;

	cli_write_file("bad.ini", "[engine]\n\npage_sice = 3\n");
	expect("config --config bad.ini", 1, NULL, "bad.ini:3");
	expect("config --config bad.ini", 1, NULL, "did you mean page_size");
	cli_write_file("bad.ini", "[engine]\npage_size = many\n");
	expect("config --config bad.ini", 1, NULL, "bad.ini:2");
	expect("config --config absent.ini", 1, NULL, "absent.ini");
	expect("config --set driver.nosuch.x=1", 1, NULL, "driver.nosuch");
	r = cli_run_env("AIOS_SEEED=1", "config", NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_ptr_nonnull(strstr(r.err, "did you mean AIOS_SEED"));
	cli_free(&r);
	/* What needs no configuration works without a good one. */
	r = cli_run_env("AIOS_SEEED=1", "help", NULL);
	ck_assert_int_eq(r.code, 0);
	cli_free(&r);
	r = cli_run_env("AIOS_SEEED=1", "doctor", NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_ptr_nonnull(strstr(r.out, "fail  config"));
	cli_free(&r);
}
END_TEST

START_TEST(config_as_json)
{
	struct cli_result r = cli_run("config --json --set sampling.seed=9", NULL);
	json_t *list = cli_json(&r), *row;
	size_t i;
	bool found = false;

	ck_assert(json_is_array(list));
	json_array_foreach(list, i, row) {
		if (strcmp(json_string_value(json_object_get(row, "key")), "seed") != 0)
			continue;
		found = true;
		ck_assert_str_eq(json_string_value(json_object_get(row, "value")), "9");
		ck_assert_str_eq(json_string_value(json_object_get(row, "env")), "AIOS_SEED");
	}
	ck_assert(found);
	json_decref(list);
	cli_free(&r);
}
END_TEST

/* ---- drivers and devices ---------------------------------------------------- */

START_TEST(drivers_and_devices_as_json)
{
	struct cli_result r = cli_run("driver list --json --why", NULL);
	json_t *root = cli_json(&r), *row;
	size_t i;

	ck_assert_int_eq(r.code, 0);
	json_array_foreach(json_object_get(root, "drivers"), i, row) {
		bool accepted = json_is_true(json_object_get(row, "accepted"));
		const char *reason = json_string_value(json_object_get(row, "reason"));

		ck_assert_ptr_nonnull(json_string_value(json_object_get(row, "path")));
		ck_assert_msg(accepted || reason[0], "refused without a reason");
	}
	ck_assert_uint_gt(i, 0);
	json_decref(root);
	cli_free(&r);

	r = cli_run("devices --json", NULL);
	root = cli_json(&r);
	json_array_foreach(json_object_get(root, "devices"), i, row) {
		ck_assert_ptr_nonnull(json_string_value(json_object_get(row, "driver")));
		ck_assert_ptr_nonnull(json_string_value(json_object_get(row, "id")));
	}
	json_decref(root);
	cli_free(&r);
}
END_TEST

START_TEST(a_driver_that_is_not_there_is_explained)
{
	expect("devices --driver nosuch", 1, NULL, "no driver is named 'nosuch'");
	expect("devices --driver nosuch", 1, NULL, "looked in:\n");
	expect("driver show nosuch", 1, NULL, "there is no driver nosuch");
	cli_write_file("not-a-driver.so", "This is not an ELF file.");
	expect("devices --driver ./not-a-driver.so", 1, NULL, "not-a-driver.so");
	expect("driver list --why --driver-path .", 0, "not-a-driver.so: refused: ", NULL);
}
END_TEST

START_TEST(driver_show_prints_parameters)
{
	struct cli_result r = cli_run("driver list", NULL);
	bool there = strstr(r.out, "cpu-ref") != NULL;

	cli_free(&r);
	if (!there) {
		printf("skipped: driver cpu-ref is not built\n");
		return;
	}
	expect("driver show cpu-ref --set driver.cpu-ref.threads=3", 0,
	       "threads = 3  (command line --set driver.cpu-ref.threads)", NULL);
	expect("driver show cpu-ref", 0, "cpu:0", NULL);
	expect("driver show cpu-ref --json", 0, "\"params\": [", NULL);
	expect("driver show cpu-rfe", 1, NULL, "(did you mean 'cpu-ref'?)");
}
END_TEST

/* ---- tokenizer -------------------------------------------------------------- */

static const char story[] =
	"Once upon a time,\nthere was a \xc3\xa9l\xc3\xa8ve \xf0\x9f\x90\x89.\n\n";

START_TEST(tokens_come_back_as_text)
{
	struct cli_result ids, back;
	char line[4096];

	if (cli_skip_model())
		return;
	ids = cli_run("tokenize -m DEMO", story);
	ck_assert_msg(ids.code == 0, "%s", ids.err);
	ck_assert_ptr_eq(strchr(ids.out, '\n'), ids.out + ids.out_len - 1);
	back = cli_run("detokenize -m DEMO", ids.out);
	ck_assert_msg(back.code == 0, "%s", back.err);
	ck_assert_uint_eq(back.out_len, sizeof(story));
	ck_assert_mem_eq(back.out, story, sizeof(story) - 1);
	cli_free(&back);
	/* Ids as words of the command line. */
	snprintf(line, sizeof(line), "detokenize -m DEMO %s", ids.out);
	line[strcspn(line, "\n")] = '\0';
	back = cli_run(line, NULL);
	ck_assert_uint_eq(back.out_len, sizeof(story));
	cli_free(&back);
	/* ... and with commas. */
	for (char *c = ids.out; *c; c++)
		*c = *c == ' ' ? ',' : *c;
	snprintf(line, sizeof(line), "detokenize -m DEMO --ids %s", ids.out);
	line[strcspn(line, "\n")] = '\0';
	back = cli_run(line, NULL);
	ck_assert_uint_eq(back.out_len, sizeof(story));
	cli_free(&back);
	cli_free(&ids);
}
END_TEST

START_TEST(jsonl_goes_both_ways)
{
	struct cli_result ids, back;

	if (cli_skip_model())
		return;
	ids = cli_run("tokenize -m DEMO --no-special --jsonl",
		      "\"One\\n\"\n\n\"\"\n\"\\u00e9\\ud83d\\udc09\"\n");
	ck_assert_msg(ids.code == 0, "%s", ids.err);
	ck_assert_msg(strncmp(ids.out, "{\"ids\":[", 8) == 0, "%s", ids.out);
	ck_assert_ptr_nonnull(strstr(ids.out, "{\"ids\":[]}\n"));
	back = cli_run("detokenize -m DEMO --jsonl", ids.out);
	ck_assert_str_eq(back.out, "{\"text\":\"One\\n\"}\n{\"text\":\"\"}\n"
				   "{\"text\":\"\xc3\xa9\xf0\x9f\x90\x89\"}\n");
	cli_free(&back);
	cli_free(&ids);
}
END_TEST

START_TEST(bad_lines_are_named)
{
	struct cli_result r;

	if (cli_skip_model())
		return;
	r = cli_run("tokenize -m DEMO --jsonl", "\"fine\"\n{bad\n");
	ck_assert_int_eq(r.code, 1);
	ck_assert_msg(strstr(r.err, "standard input, line 2: not JSON"), "%s", r.err);
	ck_assert_msg(strncmp(r.out, "{\"ids\":", 7) == 0, "%s", r.out);
	cli_free(&r);
	r = cli_run("tokenize -m DEMO --jsonl", "[1]\n");
	ck_assert_msg(strstr(r.err, "line 1: expected a JSON string"), "%s", r.err);
	cli_free(&r);
	r = cli_run("detokenize -m DEMO --jsonl", "[1,-2]\n");
	ck_assert_msg(strstr(r.err, "line 1: element 1 is not a token id"), "%s", r.err);
	cli_free(&r);
	r = cli_run("detokenize -m DEMO --ids 999999", NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_msg(strstr(r.err, "999999"), "%s", r.err);
	cli_free(&r);
	r = cli_run("tokenize -m /nonexistent -p x", NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_msg(strstr(r.err, "/nonexistent"), "%s", r.err);
	cli_free(&r);
}
END_TEST

/* ---- run -------------------------------------------------------------------- */

START_TEST(threads_do_not_change_the_answer)
{
	struct cli_result one, two, seven, other;

	if (cli_skip_model())
		return;
	one = cli_run(MODEL "-p Once~upon~a~time -n 24 --seed 7 --threads 1", NULL);
	ck_assert_msg(one.code == 0, "%s", one.err);
	ck_assert_msg(!one.err_len, "stderr is not empty in a pipe: %s", one.err);
	ck_assert_uint_gt(one.out_len, 24);
	ck_assert_int_eq(one.out[one.out_len - 1], '\n');
	two = cli_run("run " MODEL "-p Once~upon~a~time -n 24 -s 7 --threads=2", NULL);
	seven = cli_run(MODEL "--prompt=Once~upon~a~time -n24 --seed 7 --threads 7", NULL);
	ck_assert_str_eq(one.out, two.out);
	ck_assert_str_eq(one.out, seven.out);
	other = cli_run(MODEL "-p Once~upon~a~time -n 24 --seed 8", NULL);
	ck_assert_str_ne(one.out, other.out);
	cli_free(&one);
	cli_free(&two);
	cli_free(&seven);
	cli_free(&other);
}
END_TEST

static json_int_t usage_of(const json_t *root, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(root, "usage"), key));
}

START_TEST(json_agrees_with_text)
{
	struct cli_result plain, json;
	json_t *root, *token, *prompt;
	size_t i;

	if (cli_skip_model())
		return;
	plain = cli_run(MODEL "-p Once~upon~a~time -n 12 --temp 0", NULL);
	json = cli_run(MODEL "-p Once~upon~a~time -n 12 --temp 0 --json --logprobs 3 "
			     "--prompt-logprobs 2",
		       NULL);
	ck_assert_msg(json.code == 0, "%s", json.err);
	root = cli_json(&json);
	ck_assert_uint_eq(json_string_length(json_object_get(root, "text")) + 1, plain.out_len);
	ck_assert_int_eq(strncmp(plain.out, json_string_value(json_object_get(root, "text")),
				 plain.out_len - 1),
			 0);
	ck_assert_str_eq(json_string_value(json_object_get(root, "finish_reason")), "length");
	ck_assert_uint_eq(json_array_size(json_object_get(root, "ids")), 12);
	ck_assert_int_eq(usage_of(root, "completion_tokens"), 12);
	ck_assert_int_gt(usage_of(root, "prompt_tokens"), 0);
	ck_assert_int_eq(usage_of(root, "total_tokens"), 12 + usage_of(root, "prompt_tokens"));
	ck_assert_ptr_nonnull(json_string_value(json_object_get(root, "numerics_id")));
	ck_assert(json_is_object(json_object_get(root, "timings")));
	ck_assert_uint_eq(json_array_size(json_object_get(root, "logprobs")), 12);
	json_array_foreach(json_object_get(root, "logprobs"), i, token) {
		const json_t *top = json_object_get(token, "top");

		ck_assert_uint_eq(json_array_size(top), 3);
		/* Greedy: the token is the likeliest. */
		ck_assert_int_eq(json_integer_value(json_object_get(token, "id")),
				 json_integer_value(json_object_get(json_array_get(top, 0), "id")));
		ck_assert(json_real_value(json_object_get(token, "logprob")) <= 0);
	}
	prompt = json_object_get(root, "prompt_logprobs");
	ck_assert_int_eq((int)json_array_size(prompt), usage_of(root, "prompt_tokens"));
	json_array_foreach(prompt, i, token) {
		if (i == 0) {
			ck_assert(json_is_null(token));
			continue;
		}
		ck_assert_uint_eq(json_array_size(json_object_get(token, "top")), 2);
		ck_assert_int_ge(json_integer_value(json_object_get(token, "rank")), 1);
		ck_assert(json_is_real(json_object_get(token, "logprob")));
	}
	json_decref(root);
	cli_free(&plain);
	cli_free(&json);
}
END_TEST

START_TEST(prompts_come_from_anywhere)
{
	const char *const lines[] = {
		MODEL "-n 6 --temp 0",
		MODEL "-n 6 --temp 0 -p -",
		MODEL "-n 6 --temp 0 -f prompt.txt",
		MODEL "-n 6 --temp 0 --file -",
	};
	struct cli_result given, r;

	if (cli_skip_model())
		return;
	cli_write_file("prompt.txt", "There was a king\n");
	given = cli_run(MODEL "-n 6 --temp 0 -p There~was~a~king", NULL);
	ck_assert_msg(given.code == 0, "%s", given.err);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		r = cli_run(lines[i], "There was a king\n");
		ck_assert_str_eq(r.out, given.out);
		cli_free(&r);
	}
	r = cli_run(MODEL "-n 6 --temp 0 -p There~was~a~king --echo", NULL);
	ck_assert_int_eq(strncmp(r.out, "There was a king", 16), 0);
	ck_assert_str_eq(r.out + 16, given.out);
	cli_free(&r);
	r = cli_run_env("AIOS_MAX_TOKENS=6", MODEL "--temp 0 -p There~was~a~king", NULL);
	ck_assert_str_eq(r.out, given.out);
	cli_free(&r);
	cli_free(&given);
}
END_TEST

/* The ids of a prompt answer as its text does. */
START_TEST(ids_are_a_prompt)
{
	struct cli_result ids, by_ids, by_text;
	char line[512];

	if (cli_skip_model())
		return;
	ids = cli_run("tokenize -m DEMO -p The~old~man", NULL);
	ids.out[strcspn(ids.out, "\n")] = '\0';
	for (char *c = ids.out; *c; c++)
		*c = *c == ' ' ? ',' : *c;
	snprintf(line, sizeof(line), MODEL "-n 6 --temp 0 --ids %s", ids.out);
	by_ids = cli_run(line, NULL);
	by_text = cli_run(MODEL "-n 6 --temp 0 -p The~old~man", NULL);
	ck_assert_int_eq(by_ids.code, 0);
	ck_assert_str_eq(by_ids.out, by_text.out);
	cli_free(&ids);
	cli_free(&by_ids);
	cli_free(&by_text);
}
END_TEST

START_TEST(stop_texts_end_the_answer)
{
	struct cli_result whole, cut;
	json_t *root;
	char line[256], stop[8] = "";
	const char *blank;

	if (cli_skip_model())
		return;
	whole = cli_run(MODEL "-p Once~upon~a~time -n 12 --temp 0", NULL);
	/* The two letters after the answer's first blank, and the blank, end it there. */
	blank = strchr(whole.out + 1, ' ');
	ck_assert_ptr_nonnull(blank);
	snprintf(stop, sizeof(stop), "~%.2s", blank + 1);
	snprintf(line, sizeof(line),
		 MODEL "-p Once~upon~a~time -n 12 --temp 0 --json --stop %s --stop never-said",
		 stop);
	cut = cli_run(line, NULL);
	root = cli_json(&cut);
	ck_assert_str_eq(json_string_value(json_object_get(root, "finish_reason")), "stop");
	stop[0] = ' ';
	ck_assert_ptr_null(strstr(json_string_value(json_object_get(root, "text")), stop));
	ck_assert_int_eq(strncmp(whole.out, json_string_value(json_object_get(root, "text")),
				 json_string_length(json_object_get(root, "text"))),
			 0);
	json_decref(root);
	cli_free(&whole);
	cli_free(&cut);
}
END_TEST

/* ---- when output or the user stops it --------------------------------------- */

START_TEST(a_full_disk_is_an_error)
{
	static const char *const lines[] = { "help run", "config", "version --json",
					     "driver list" };
	struct cli_result r;

	if (access("/dev/full", W_OK) != 0) {
		printf("skipped: there is no /dev/full\n");
		return;
	}
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		r = cli_run_to("/dev/full", lines[i]);
		ck_assert_msg(r.code == 1, "aios %s >/dev/full: exit %d", lines[i], r.code);
		ck_assert_msg(strstr(r.err, "cannot write to standard output"), "%s", r.err);
		cli_free(&r);
	}
	if (cli_skip_model())
		return;
	r = cli_run_to("/dev/full", MODEL "-p Once~upon~a~time --temp 0 --ignore-eos");
	ck_assert_int_eq(r.code, 1);
	ck_assert_msg(strstr(r.err, "cannot write to standard output"), "%s", r.err);
	cli_free(&r);
}
END_TEST

/* A story that would go on for long, interrupted when its first words are there. */
static pid_t start_story(int *out, int err, const char *env)
{
	pid_t pid = cli_start(MODEL "-p Once~upon~a~time --temp 0 --ignore-eos", out, err, env);
	char first[4];

	ck_assert_int_gt((int)read(*out, first, sizeof(first)), 0);
	return pid;
}

START_TEST(ctrl_c_ends_the_answer)
{
	char last = 0, buffer[4096], said[256] = "";
	FILE *err = tmpfile();
	ssize_t n;
	pid_t pid;
	int out;

	if (cli_skip_model())
		return;
	pid = start_story(&out, fileno(err), NULL);
	ck_assert_int_eq(kill(pid, SIGINT), 0);
	while ((n = read(out, buffer, sizeof(buffer))) > 0)
		last = buffer[n - 1];
	ck_assert_int_eq(cli_wait(pid), 130);
	ck_assert_int_eq(last, '\n');
	rewind(err);
	ck_assert_msg(!fgets(said, sizeof(said), err), "%s", said);
	close(out);
	fclose(err);
}
END_TEST

START_TEST(a_closed_pipe_is_quiet)
{
	char said[256] = "";
	FILE *err = tmpfile();
	pid_t pid;
	int out, code;

	if (cli_skip_model())
		return;
	pid = start_story(&out, fileno(err), NULL);
	close(out);
	code = cli_wait(pid);
	ck_assert_msg(code == 128 + SIGPIPE || code == 1, "exit %d", code);
	rewind(err);
	ck_assert_msg(!fgets(said, sizeof(said), err), "%s", said);
	fclose(err);
}
END_TEST

/* ---- a terminal ------------------------------------------------------------- */

/* Everything that `aios run` writes to a terminal at standard error. */
static void on_terminal(const char *env, char *said, size_t size)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave, out;
	struct winsize window = { .ws_row = 24, .ws_col = 72 };
	char drop[256];
	size_t at = 0;
	ssize_t n;
	pid_t pid;

	ck_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(slave, 0);
	ck_assert_int_eq(ioctl(slave, TIOCSWINSZ, &window), 0);
	pid = cli_start(MODEL "-p Once~upon~a~time --temp 0 -n 4", &out, slave, env);
	close(slave);
	while (read(out, drop, sizeof(drop)) > 0)
		;
	while (at + 1 < size && (n = read(master, said + at, size - 1 - at)) > 0)
		at += (size_t)n;
	said[at] = '\0';
	ck_assert_int_eq(cli_wait(pid), 0);
	close(out);
	close(master);
}

START_TEST(the_footer_fits_the_terminal)
{
	static const char *const facts[] = { "prompt ",     "first token ",  "answer 4 tokens",
					     "memory peak", "cpu-ref cpu:0", "numerics aios-" };
	char said[4096];

	if (cli_skip_model())
		return;
	on_terminal("TERM=xterm", said, sizeof(said));
	ck_assert_ptr_nonnull(strstr(said, "\033[2m"));
	on_terminal("TERM=dumb", said, sizeof(said));
	ck_assert_msg(!strstr(said, "\033[2m"), "%s", said);
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		ck_assert_msg(strstr(said, facts[i]), "no '%s' in\n%s", facts[i], said);
	for (char *line = strtok(said, "\r\n"); line; line = strtok(NULL, "\r\n"))
		ck_assert_msg(strlen(line) <= 72, "%zu columns: %s", strlen(line), line);
}
END_TEST

START_TEST(figures_and_colours_obey)
{
	struct cli_result r;

	if (cli_skip_model())
		return;
	expect(MODEL "-p x --temp 0 -n 2 --progress always", 0, "", "answer 2 tokens");
	expect(MODEL "-p x --temp 0 -n 2 --progress always --color always", 0, "", "\033[2m");
	r = cli_run_env("NO_COLOR=1", MODEL "-p x --temp 0 -n 2 --progress always", NULL);
	ck_assert_ptr_null(strchr(r.err, '\033'));
	cli_free(&r);
}
END_TEST

/* ---- logits, plan, doctor --------------------------------------------------- */

struct npy {
	size_t rows, cols;
	float *data;
};

static struct npy read_npy(const char *name)
{
	struct npy npy;
	unsigned char head[10];
	char path[PATH_MAX], text[256] = "", want[128];
	size_t len;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", cli_folder(), name);
	in = fopen(path, "re");
	ck_assert_msg(in, "%s is not there", path);
	ck_assert_uint_eq(fread(head, 1, sizeof(head), in), sizeof(head));
	ck_assert_mem_eq(head, "\x93NUMPY\x01\x00", 8);
	len = head[8] | (size_t)head[9] << 8;
	ck_assert_uint_eq((len + 10) % 64, 0);
	ck_assert_uint_lt(len, sizeof(text));
	ck_assert_uint_eq(fread(text, 1, len, in), len);
	ck_assert_int_eq(text[len - 1], '\n');
	ck_assert_int_eq(
		sscanf(strstr(text, "'shape'"), "'shape': (%zu, %zu)", &npy.rows, &npy.cols), 2);
	snprintf(want, sizeof(want),
		 "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", npy.rows,
		 npy.cols);
	ck_assert_int_eq(strncmp(text, want, strlen(want)), 0);
	npy.data = calloc(npy.rows * npy.cols, sizeof(float));
	ck_assert_uint_eq(fread(npy.data, sizeof(float), npy.rows * npy.cols, in),
			  npy.rows * npy.cols);
	ck_assert_int_eq(fgetc(in), EOF);
	fclose(in);
	return npy;
}

START_TEST(logits_agree_with_run)
{
	struct cli_result r;
	struct npy npy;
	json_t *root;
	size_t best = 0;
	float *last;

	if (cli_skip_model())
		return;
	expect("logits " MODEL "--ids 5,17,9 --out l.npy", 0, NULL, NULL);
	npy = read_npy("l.npy");
	ck_assert_uint_eq(npy.rows, 3);
	last = npy.data + 2 * npy.cols;
	for (size_t i = 1; i < npy.cols; i++)
		best = last[i] > last[best] ? i : best;
	r = cli_run(MODEL "--ids 5,17,9 -n 1 --temp 0 --json", NULL);
	root = cli_json(&r);
	ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(root, "ids"), 0)),
			 (json_int_t)best);
	json_decref(root);
	cli_free(&r);
	free(npy.data);
	expect("logits " MODEL "--ids 5~17 9 --out l2.npy --json", 0, "\"shape\":[3,", NULL);
}
END_TEST

START_TEST(a_failed_write_leaves_nothing)
{
	char path[PATH_MAX];
	struct stat info;

	if (cli_skip_model())
		return;
	expect("logits " MODEL "--ids 5 --out absent/l.npy", 1, NULL, "cannot write absent/l.npy");
	cli_write_file("keep.npy", "precious");
	expect("logits " MODEL "--ids 999999 --out keep.npy", 1, NULL, "999999");
	snprintf(path, sizeof(path), "%s/keep.npy", cli_folder());
	ck_assert_int_eq(stat(path, &info), 0);
	ck_assert_int_eq(info.st_size, 8);
	if (access("/dev/full", W_OK) == 0)
		expect("logits " MODEL "--ids 5 --out /dev/full", 1, NULL,
		       "cannot write /dev/full");
	/* A link stays a link. */
	snprintf(path, sizeof(path), "%s/link.npy", cli_folder());
	ck_assert_int_eq(symlink("keep.npy", path), 0);
	expect("logits " MODEL "--ids 5 --out link.npy", 0, NULL, NULL);
	ck_assert_int_eq(lstat(path, &info), 0);
	ck_assert(S_ISLNK(info.st_mode));
	ck_assert_int_eq(stat(path, &info), 0);
	ck_assert_int_gt(info.st_size, 128);
}
END_TEST

START_TEST(the_plan_adds_up)
{
	static const char *const parts[] = { "weights", "kv_pool", "activations", "tables" };
	struct cli_result r;
	json_int_t sum = 0;
	json_t *root;

	if (cli_skip_model())
		return;
	r = cli_run("plan " MODEL "--json", NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	root = cli_json(&r);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		sum += json_integer_value(json_object_get(root, parts[i]));
	ck_assert_int_eq(sum, json_integer_value(json_object_get(root, "total")));
	ck_assert(json_is_true(json_object_get(root, "fits")));
	json_decref(root);
	cli_free(&r);
	expect("plan " MODEL, 0, "It fits.", NULL);
	r = cli_run("plan " MODEL "--memory-limit 1M", NULL);
	ck_assert_msg(r.code == 1, "a plan of 1 MiB: exit %d\n%s", r.code, r.out);
	ck_assert_msg(strncmp(r.err, "aios: error: ", 13) == 0, "%s", r.err);
	cli_free(&r);
}
END_TEST

START_TEST(the_doctor_finds_all_well)
{
	struct cli_result r;
	json_t *root;

	if (cli_skip_model())
		return;
	r = cli_run("doctor --json --driver cpu-ref", NULL);
	root = cli_json(&r);
	ck_assert_msg(r.code == 0 && json_is_true(json_object_get(root, "healthy")), "%s", r.out);
	ck_assert_ptr_nonnull(strstr(r.out, "the same bits alone, in a batch and in one pass"));
	json_decref(root);
	cli_free(&r);
	r = cli_run("doctor --driver nosuch", NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_msg(strstr(r.out, "fail"), "%s", r.out);
	cli_free(&r);
	r = cli_run("doctor --driver cpu-ref -m /nonexistent", NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_msg(strstr(r.out, "/nonexistent"), "%s", r.out);
	cli_free(&r);
}
END_TEST

START_TEST(a_bad_model_is_one_message)
{
	static const struct {
		const char *config, *message;
	} cases[] = {
		{ "{", "config.json" },
		{ "{\"architectures\":[\"Zebra\"],\"model_type\":\"zebra\"}", "ebra" },
		{ "[]", "config.json" },
	};
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/bad", cli_folder());
	ck_assert_int_eq(mkdir(path, 0755), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cli_result r;

		cli_write_file("bad/config.json", cases[i].config);
		r = cli_run("run -m bad --ids 5", NULL);
		ck_assert_int_eq(r.code, 1);
		ck_assert_msg(strncmp(r.err, "aios: error: ", 13) == 0 && strstr(r.err, "bad"),
			      "%s", r.err);
		ck_assert_uint_eq(r.out_len, 0);
		cli_free(&r);
	}
}
END_TEST

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, cli_setup, cli_teardown);
	tcase_set_timeout(tc, 300);
	suite_add_tcase(suite, tc);
	return tc;
}

Suite *test_cli_suite(void)
{
	Suite *suite = suite_create("cli");
	TCase *tc = new_case(suite, "usage");

	tcase_add_loop_test(tc, wrong_usage_exits_2, 0,
			    sizeof(usage_cases) / sizeof(usage_cases[0]));
	tcase_add_test(tc, errors_are_one_line);
	tcase_add_test(tc, help_lists_commands);
	tcase_add_loop_test(tc, help_of_each_command, 0, COMMANDS);
	tcase_add_test(tc, help_names_env_and_ini);
	tcase_add_loop_test(tc, manual_can_be_made, 0, COMMANDS + 2);
	tcase_add_test(tc, version_has_three_spellings);
	tcase_add_loop_test(tc, completion_is_complete, 0, 3);

	tc = new_case(suite, "config");
	tcase_add_test(tc, command_line_beats_environment_beats_ini);
	tcase_add_test(tc, config_prints_what_it_reads);
	tcase_add_test(tc, config_mistakes_name_the_place);
	tcase_add_test(tc, config_as_json);

	tc = new_case(suite, "drivers");
	tcase_add_test(tc, drivers_and_devices_as_json);
	tcase_add_test(tc, a_driver_that_is_not_there_is_explained);
	tcase_add_test(tc, driver_show_prints_parameters);

	tc = new_case(suite, "tokens");
	tcase_add_test(tc, tokens_come_back_as_text);
	tcase_add_test(tc, jsonl_goes_both_ways);
	tcase_add_test(tc, bad_lines_are_named);

	tc = new_case(suite, "run");
	tcase_add_test(tc, threads_do_not_change_the_answer);
	tcase_add_test(tc, json_agrees_with_text);
	tcase_add_test(tc, prompts_come_from_anywhere);
	tcase_add_test(tc, ids_are_a_prompt);
	tcase_add_test(tc, stop_texts_end_the_answer);
	tcase_add_test(tc, a_full_disk_is_an_error);
	tcase_add_test(tc, ctrl_c_ends_the_answer);
	tcase_add_test(tc, a_closed_pipe_is_quiet);
	tcase_add_test(tc, the_footer_fits_the_terminal);
	tcase_add_test(tc, figures_and_colours_obey);

	tc = new_case(suite, "model");
	tcase_add_test(tc, logits_agree_with_run);
	tcase_add_test(tc, a_failed_write_leaves_nothing);
	tcase_add_test(tc, the_plan_adds_up);
	tcase_add_test(tc, the_doctor_finds_all_well);
	tcase_add_test(tc, a_bad_model_is_one_message);
	return suite;
}
