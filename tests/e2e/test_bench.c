// SPDX-License-Identifier: Apache-2.0
/* test_bench.c - aios bench: what scripts may rely on, with shapes that take no time. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

Suite *test_bench_suite(void);

#define FAST "bench --driver cpu-ref --rotate 64K --samples 5 --sample-ms 0 "
#define OP FAST "--no-rates "

/* ---- usage ------------------------------------------------------------------ */

static const struct usage_case {
	const char *line;
	const char *message;
} usage_cases[] = {
	{ "bench", "nothing to measure" },
	{ "bench online", "unknown 'bench online'" },
	{ "bench ofline", "unknown 'bench ofline' (did you mean 'offline'?)" },
	{ "bench offline", "bench offline needs a model" },
	{ "bench start", "bench start needs a model" },
	{ "bench offline --shape tiny --input 9",
	  "--input: expected the shortest and the longest" },
	{ "bench offline --shape tiny --output 9,8", "--output: expected the shortest" },
	{ "bench --shape tiny --pp 4x", "--pp: '4x' is no list" },
	{ "bench --shape tiny --pp 0x4", "--pp: '0x4' is no list" },
	{ "bench --shape tiny --pp 4x-18446744073709551615", "is no list" },
	{ "bench --shape tiny --pp 4x+1", "--pp: '4x+1' is no list" },
	{ "bench --shape tiny --tg 4x8", "--tg: '4x8' is no list" },
	{ "bench --shape tiny --batch 0", "--batch: '0' is no list" },
	{ "bench --shape tiny --pp 0 --tg 0", "leave nothing to measure" },
	{ "bench --op matmull", "there is no op 'matmull'; the ops are embed, rmsnorm, matmul" },
	{ "bench --op all", "there is no op 'all'" },
	{ "bench --op matmul --m 1,x", "--m: '1,x' is no list of numbers from 1 on" },
	{ "bench --op matmul --m 0", "--m: '0' is no list" },
	{ "bench --op matmul --m 1,", "--m: '1,' is no list" },
	{ "bench --op matmul --m -1", "--m: '-1' is no list" },
	{ "bench --op matmul --n 0", "[command] n: '0' is not valid" },
	{ "bench --op matmul --act relu", "expected one of none|silu|gelu" },
	{ "bench --op matmul --dtype int4", "--dtype: there is no type 'int4'" },
	{ "bench --op matmul --profile fp8", "expected one of auto|fma32" },
	{ "bench --op matmul --samples 2", "[command] samples: '2' is not valid" },
	{ "bench --op matmul --json --csv", "--json and --csv both say what to write" },
	{ "bench --op matmul --shape tiny -m x", "--shape and -m both name a model" },
	{ "bench --op attention --kv 4096,", "--kv: '4096,' is no list" },
	{ "run -m x -p y --op matmul", "--op is not an option of 'aios run' but of bench" },
};

START_TEST(wrong_usage_exits_2)
{
	const struct usage_case *c = &usage_cases[_i];
	struct cli_result r = cli_run(c->line, NULL);

	ck_assert_msg(r.code == 2, "aios %s: exit %d, not 2\n%s%s", c->line, r.code, r.out, r.err);
	ck_assert_msg(!r.out_len && strstr(r.err, c->message), "aios %s:\n%s%s", c->line, r.out,
		      r.err);
	cli_free(&r);
}
END_TEST

/* What the driver or the model refuses is no matter of usage, and says which op it was. */
START_TEST(refusals_exit_1)
{
	static const char *const cases[][2] = {
		{ OP "--op attention --head-dim 7", "head_dim is 7" },
		{ OP "--op matmul --to i8", "matmul m=1" },
		{ OP "--op matmul -m no/such/folder", "no/such/folder" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cli_result r = cli_run(cases[i][0], NULL);

		ck_assert_msg(r.code == 1, "aios %s: exit %d\n%s%s", cases[i][0], r.code, r.out,
			      r.err);
		ck_assert_msg(strstr(r.err, cases[i][1]), "aios %s:\n%s", cases[i][0], r.err);
		cli_free(&r);
	}
}
END_TEST

/* ---- one op ------------------------------------------------------------------ */

static double number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_number(value), "no number '%s'", key);
	return json_number_value(value);
}

/* A row must agree with itself: rates are amounts over time, extremes enclose the median. */
static void check_row(const json_t *row, const char *what)
{
	double us = number(row, "us"), bytes = number(row, "bytes"), flops = number(row, "flops");

	ck_assert_msg(us > 0 && us >= number(row, "us_min") && us <= number(row, "us_max"), "%s",
		      what);
	ck_assert_msg(bytes > 0, "%s", what);
	ck_assert_double_eq_tol(number(row, "gb_per_s"), bytes / us / 1e3, 1e-6 * bytes / us / 1e3);
	if (flops > 0)
		ck_assert_double_eq_tol(number(row, "tflop_per_s"), flops / us / 1e6,
					1e-6 * flops / us / 1e6);
	ck_assert_msg(number(row, "samples") >= 5 && number(row, "launches") >= 1 &&
			      number(row, "copies") >= 1,
		      "%s", what);
}

static const struct op_case {
	const char *options, *shape;
	double bytes, flops; /* 0: not compared */
} op_cases[] = {
	{ "--op matmul --m 2 --n 32 --k 64", "m=2 n=32 k=64 bf16 to bf16", 32 * 64 * 2 + 384,
	  2 * 2 * 32 * 64 },
	{ "--op matmul --m 2 --n 32 --k 64 --act silu --profile tc-sm90",
	  "m=2 n=32 k=64 bf16 to bf16 silu", 64 * 64 * 2 + 384, 2 * 2 * 64 * 64 },
	{ "--op matmul --n 32 --k 64 --residual --bias", "m=1 n=32 k=64 bf16 to f32 residual bias",
	  32 * 64 * 2 + 128 + 128 + 128 + 64, 2 * 32 * 64 },
	{ "--op matmul --n 32 --k 64 --profile i8x2", "m=1 n=32 k=64 i8x2 to bf16",
	  32 * 64 + 32 * 4 + 2 * 64 + 4 + 64, 2 * 32 * 64 },
	{ "--op matmul --n 32 --k 64 --dtype f16 --to f16", "m=1 n=32 k=64 f16 to f16", 0, 0 },
	{ "--op rmsnorm --m 2 --n 64 --residual --profile i8", "m=2 n=64 f32 to i8 add", 0, 0 },
	{ "--op attention --seqs 2 --q 3 --kv 20 --heads 4 --kv-heads 2 --head-dim 16",
	  "seqs=2 q=3 kv=20 heads=4/2 dim=16 page=16 bf16",
	  2 * 6 * 4 * 16 * 2 + 2 * 2 * 2 * 20 * 16 * 2, 4 * 4 * 16 * 2 * (18 + 19 + 20) },
	{ "--op rope_kv --seqs 2 --kv 20 --heads 4 --kv-heads 2 --head-dim 16",
	  "seqs=2 q=1 kv=20 heads=4/2 dim=16 page=16 bf16", 0, 0 },
	{ "--op glu --m 2 --n 64", "m=2 n=128 bf16 to bf16 silu", 0, 0 },
	{ "--op add --m 2 --n 64", "m=2 n=64 f32 to f32", 3 * 2 * 64 * 4, 0 },
	{ "--op gather_rows --m 3 --n 64", "m=3 n=64 f32", 0, 0 },
	{ "--op cast --m 3 --n 64", "m=3 n=64 f32 to bf16", 3 * 64 * 6, 0 },
	{ "--op quantise --m 3 --n 64", "m=3 n=64 bf16 to i8x2", 3 * (64 * 4 + 4), 0 },
	{ "--op copy_pages --m 3 --kv-heads 2 --head-dim 16", "pages=3 of 16 keys", 0, 0 },
	{ "--op logits --m 2 --n 512", "m=2 n=512 f32", 0, 0 },
	{ "--op argmax --m 2 --n 512", "m=2 n=512 f32", 2 * 512 * 4, 0 },
	{ "--op sample --m 2 --n 512", "m=2 n=512 f32", 0, 0 },
	{ "--op logprobs --m 2 --n 512", "m=2 n=512 f32", 0, 0 },
	{ "--op all_reduce --m 2 --n 64", "m=2 n=64 f32", 0, 0 },
	{ "--op all_gather --m 2 --n 64", "m=2 n=128 bf16", 0, 0 },
};

START_TEST(each_op_as_json)
{
	const struct op_case *c = &op_cases[_i];
	char line[300];
	struct cli_result r;
	json_t *top, *row;

	snprintf(line, sizeof(line), OP "--json %s", c->options);
	r = cli_run(line, NULL);
	ck_assert_msg(r.code == 0, "aios %s\n%s", line, r.err);
	top = cli_json(&r);
	ck_assert_uint_eq(json_array_size(json_object_get(top, "results")), 1);
	row = json_array_get(json_object_get(top, "results"), 0);
	check_row(row, line);
	ck_assert_msg(strncmp(json_string_value(json_object_get(row, "shape")), c->shape,
			      strlen(c->shape)) == 0,
		      "%s: %s", line, json_string_value(json_object_get(row, "shape")));
	if (c->bytes > 0)
		ck_assert_double_eq(number(row, "bytes"), c->bytes);
	if (c->flops > 0)
		ck_assert_double_eq(number(row, "flops"), c->flops);
	ck_assert_ptr_null(json_object_get(row, "share"));
	json_decref(top);
	cli_free(&r);
}
END_TEST

/* Every operand that the driver gets must be in order: the check hook looks at each call. */
START_TEST(operands_pass_the_check_hook)
{
	static const char *const lines[] = {
		OP "--hook check --op all -m DEMO --m 3 --kv 40",
		OP "--hook check --op all -m DEMO --m 6 --q 3 --kv 40 --profile i8x2",
		OP "--hook check --op sample --m 3 --n 300",
		OP "--hook check --op logits --m 3 --n 300",
		OP "--hook check --op copy_pages --m 3",
	};

	if (cli_skip_model())
		return;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct cli_result r = cli_run(lines[i], NULL);

		ck_assert_msg(r.code == 0, "aios %s\n%s", lines[i], r.err);
		cli_free(&r);
	}
}
END_TEST

/* ---- forms --------------------------------------------------------------------- */

static size_t count(const char *line, char c)
{
	size_t n = 0;

	for (; *line && *line != '\n'; line++)
		n += *line == c;
	return n;
}

START_TEST(csv_has_a_heading_and_even_rows)
{
	struct cli_result r = cli_run(OP "--csv --op matmul --m 1,2,3 --n 32 --k 64", NULL);
	size_t columns, lines = 0;

	ck_assert_int_eq(r.code, 0);
	ck_assert_msg(strncmp(r.out, "op,shape,count,us,", 18) == 0, "%s", r.out);
	columns = count(r.out, ',');
	for (const char *line = r.out; *line; line = strchr(line, '\n') + 1, lines++)
		ck_assert_msg(count(line, ',') == columns, "%s", line);
	ck_assert_uint_eq(lines, 4);
	cli_free(&r);
}
END_TEST

START_TEST(markdown_is_a_table)
{
	struct cli_result r = cli_run(OP "--op matmul --m 1,2 --n 32 --k 64", NULL);
	const char *table = strstr(r.out, "\n| op ");
	size_t columns, lines = 0;

	ck_assert_int_eq(r.code, 0);
	ck_assert_msg(strstr(r.out, "numerics fma32") == NULL || table, "%s", r.out);
	ck_assert_msg(table, "%s", r.out);
	columns = count(++table, '|');
	for (; *table; table = strchr(table, '\n') + 1, lines++)
		ck_assert_msg(count(table, '|') == columns, "%s", table);
	ck_assert_uint_eq(lines, 4);
	cli_free(&r);
}
END_TEST

START_TEST(rates_and_shares)
{
	static const char *const rates[] = { "copy_rate", "fill_rate", "reduce_rate", "argmax_rate",
					     "stream_rate" };
	struct cli_result r = cli_run(FAST "--json --op matmul --n 32 --k 64", NULL);
	json_t *top, *row;
	double read, limit;

	ck_assert_msg(r.code == 0, "%s", r.err);
	top = cli_json(&r);
	read = number(top, "read_rate");
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		ck_assert_msg(number(top, rates[i]) > 0, "%s", rates[i]);
	ck_assert_double_ge(read, number(top, "stream_rate"));
	ck_assert_double_ge(read, number(top, "copy_rate"));
	row = json_array_get(json_object_get(top, "results"), 0);
	limit = number(row, "bytes") / read;
	if (number(row, "flops") / number(top, "matmul_rate") > limit)
		limit = number(row, "flops") / number(top, "matmul_rate");
	ck_assert_double_eq_tol(number(row, "share"), limit / number(row, "us") * 1e6, 1e-6);
	json_decref(top);
	cli_free(&r);
}
END_TEST

START_TEST(given_rates_replace_measured_ones)
{
	struct cli_result r = cli_run(OP "--json --op argmax --n 512 --read-rate 2", NULL);
	json_t *top, *row;

	ck_assert_msg(r.code == 0, "%s", r.err);
	top = cli_json(&r);
	ck_assert_double_eq(number(top, "read_rate"), 2e9);
	row = json_array_get(json_object_get(top, "results"), 0);
	ck_assert_double_eq_tol(number(row, "share"), number(row, "gb_per_s") / 2, 1e-6);
	ck_assert_str_eq(json_string_value(json_object_get(row, "bound")), "memory");
	json_decref(top);
	cli_free(&r);
}
END_TEST

/* ---- a model's ops --------------------------------------------------------------- */

START_TEST(ops_of_a_model_add_up)
{
	struct cli_result r;
	json_t *top, *rows, *row = NULL;
	double us = 0, bytes = 0;
	size_t i;

	if (cli_skip_model())
		return;
	r = cli_run(OP "--json --op all -m DEMO --m 2 --kv 40", NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	top = cli_json(&r);
	rows = json_object_get(top, "results");
	ck_assert_uint_gt(json_array_size(rows), 8);
	json_array_foreach(rows, i, row) {
		if (i + 1 == json_array_size(rows))
			break;
		check_row(row, "op of the demo model");
		us += number(row, "us") * number(row, "count");
		bytes += number(row, "bytes") * number(row, "count");
	}
	ck_assert_str_eq(json_string_value(json_object_get(row, "op")), "sum");
	ck_assert_double_eq_tol(number(row, "us"), us, 1e-3);
	ck_assert_double_eq_tol(number(row, "bytes"), bytes, 1e-3);
	json_decref(top);
	cli_free(&r);
}
END_TEST

/* ---- models without files ----------------------------------------------------------- */

/* Parameters as the models' makers count them; both embeddings of the larger ones. */
START_TEST(shapes_have_the_sizes_of_the_models)
{
	static const struct {
		const char *name;
		double parameters;
	} cases[] = {
		{ "qwen3-0.6b", 596049920 },    { "qwen3-1.7b", 1720574976 },
		{ "qwen3-8b", 8190735360 },     { "llama-3.1-8b", 8030261248 },
		{ "llama-3.2-1b", 1235814400 }, { "qwen2.5-0.5b", 494032768 },
	};

	if (cli_skip_model())
		return;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[128];
		struct cli_result r;
		json_t *top;

		snprintf(line, sizeof(line),
			 "plan --driver cpu-ref --context-length 64 --json -m shape:%s",
			 cases[i].name);
		r = cli_run(line, NULL);
		top = cli_json(&r);
		ck_assert_double_eq(number(top, "parameters"), cases[i].parameters);
		json_decref(top);
		cli_free(&r);
	}
}
END_TEST

START_TEST(a_shape_is_a_model)
{
	static const char line[] = "run --driver cpu-ref -m shape:tiny,tied=0 --ids 1,2,3 -n 12 "
				   "--temp 0 --ignore-eos";
	struct cli_result a, b, c;

	if (cli_skip_model())
		return;
	a = cli_run(line, NULL);
	b = cli_run(line, NULL);
	c = cli_run("run --driver cpu-ref -m shape:tiny,tied=0,seed=2 --ids 1,2,3 -n 12 --temp 0 "
		    "--ignore-eos",
		    NULL);
	ck_assert_msg(a.code == 0 && c.code == 0, "%s%s", a.err, c.err);
	ck_assert_str_eq(a.out, b.out);
	ck_assert_str_ne(a.out, c.out);
	cli_free(&a);
	cli_free(&b);
	cli_free(&c);
}
END_TEST

START_TEST(wrong_shapes_say_what_there_is)
{
	static const char *const cases[][2] = {
		{ "shape:tinny", "there is no shape 'tinny'; the shapes are tiny, qwen3-0.6b" },
		{ "shape:", "there is no shape ''" },
		{ "shape:tiny,", "'' is no change of a shape; expected KEY=NUMBER" },
		{ "shape:tiny,layers=0", "'layers=0': expected a number from 1 to 512" },
		{ "shape:tiny,layers=3x", "'layers=3x': expected a number" },
		{ "shape:tiny,layers=-1", "'layers=-1': expected a number" },
		{ "shape:tiny,layer=3", "'layer=3' is no change of a shape" },
		{ "shape:tiny,heads=5", "is not a multiple of" },
	};

	if (cli_skip_model())
		return;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[128];
		struct cli_result r;

		snprintf(line, sizeof(line), "plan --driver cpu-ref -m %s", cases[i][0]);
		r = cli_run(line, NULL);
		ck_assert_msg(r.code == 1 && strstr(r.err, cases[i][1]), "aios %s: exit %d\n%s",
			      line, r.code, r.err);
		cli_free(&r);
	}
}
END_TEST

/* ---- whole models --------------------------------------------------------------------- */

START_TEST(prompts_and_generation)
{
	static const struct {
		const char *test;
		double batch, depth, tokens; /* tokens that `ms` is the time of */
	} rows[] = {
		{ "pp8", 1, 0, 8 }, { "pp4x6", 4, 0, 24 }, { "tg5", 1, 3, 1 },
		{ "tg5", 2, 3, 2 }, { "tg5", 1, 40, 1 },   { "tg5", 2, 40, 2 },
	};
	struct cli_result r;
	json_t *top, *results;

	if (cli_skip_model())
		return;
	r = cli_run(
		"bench --driver cpu-ref --shape tiny --pp 8,4x6 --tg 5 --batch 1,2 --depth 3,40 "
		"--repeat 1 --no-rates --read-rate 10 --matmul-rate 1 --json",
		NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	top = cli_json(&r);
	ck_assert_double_eq(number(top, "max_batch_size"), 4);
	ck_assert_double_gt(number(top, "memory_weights"), 0);
	results = json_object_get(top, "results");
	ck_assert_uint_eq(json_array_size(results), sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const json_t *row = json_array_get(results, i);

		ck_assert_str_eq(json_string_value(json_object_get(row, "test")), rows[i].test);
		ck_assert_double_eq(number(row, "batch"), rows[i].batch);
		ck_assert_double_eq(number(row, "depth"), rows[i].depth);
		ck_assert_double_eq_tol(number(row, "tokens_per_s") * number(row, "ms") / 1e3,
					rows[i].tokens, 1e-6 * rows[i].tokens);
		ck_assert_double_gt(number(row, "share"), 0);
	}
	json_decref(top);
	cli_free(&r);
}
END_TEST

/* One step takes the weights and the keys once: the limit can be worked out by hand. */
START_TEST(the_limit_of_a_step)
{
	/* Of "tiny": q 128, k and v 64 each, o, gate and up, down; the head; BF16. */
	const double layer = (256 * 64 + 64 * 128 + 256 * 64 + 64 * 128) * 2.0;
	const double bytes = 2 * layer + 512 * 64 * 2 + 2 * 2.0 * (40 + 2) * 2 * 32 * 2;
	struct cli_result r;
	json_t *top;
	const json_t *row;

	if (cli_skip_model())
		return;
	r = cli_run("bench --driver cpu-ref --shape tiny --pp 0 --tg 4 --depth 40 --repeat 1 "
		    "--no-rates --read-rate 1 --matmul-rate 1000 --json",
		    NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	top = cli_json(&r);
	row = json_array_get(json_object_get(top, "results"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(row, "bound")), "memory");
	ck_assert_double_eq_tol(number(row, "share") * number(row, "ms") * 1e6, bytes,
				1e-6 * bytes);
	json_decref(top);
	cli_free(&r);
}
END_TEST

START_TEST(what_does_not_fit_is_left_out)
{
	struct cli_result r;

	if (cli_skip_model())
		return;
	r = cli_run("bench --driver cpu-ref --shape tiny --pp 8 --tg 4 --batch 1,3 --depth 8 "
		    "--repeat 1 --no-rates --max-batch-size 2 --csv",
		    NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	ck_assert_msg(strstr(r.out, "tiny,tg4,1,8,"), "%s", r.out);
	ck_assert_msg(strstr(r.out, "tiny,tg4,3,8,,,,,,,,does not fit"), "%s", r.out);
	cli_free(&r);
}
END_TEST

/* The lengths are those of CPython's random module. */
START_TEST(offline_workload)
{
	static const struct {
		const char *seed;
		double prompt, output;
	} cases[] = { { "0", 335, 155 }, { "7", 233, 142 } };

	if (cli_skip_model())
		return;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[200];
		struct cli_result r;
		json_t *top;
		const json_t *row;

		snprintf(line, sizeof(line),
			 "bench offline --driver cpu-ref --shape tiny --requests 16 --input 4,32 "
			 "--output 4,16 --seed %s --json",
			 cases[i].seed);
		r = cli_run(line, NULL);
		ck_assert_msg(r.code == 0, "%s", r.err);
		top = cli_json(&r);
		row = json_array_get(json_object_get(top, "results"), 0);
		ck_assert_double_eq(number(row, "prompt_tokens"), cases[i].prompt);
		ck_assert_double_eq(number(row, "output_tokens"), cases[i].output);
		ck_assert_double_eq_tol(number(row, "output_tokens_per_s") * number(row, "seconds"),
					cases[i].output, 1e-6 * cases[i].output);
		ck_assert(number(row, "kv_peak") > 0 && number(row, "kv_peak") <= 1);
		ck_assert(number(row, "kv_mean") <= number(row, "kv_peak"));
		json_decref(top);
		cli_free(&r);
	}
}
END_TEST

START_TEST(offline_with_a_shared_prefix)
{
	struct cli_result r;

	if (cli_skip_model())
		return;
	r = cli_run("bench offline --driver cpu-ref --shape tiny --requests 4 --input 4,8 "
		    "--output 4,8 --shared 40 --csv",
		    NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	ck_assert_msg(strstr(r.out, "\nshape:tiny,4,"), "%s", r.out);
	cli_free(&r);
}
END_TEST

START_TEST(start_runs_the_program)
{
	struct cli_result r;
	json_t *top;
	const json_t *row;

	if (cli_skip_model())
		return;
	r = cli_run("bench start --driver cpu-ref --shape tiny --repeat 2 --json", NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	top = cli_json(&r);
	row = json_array_get(json_object_get(top, "results"), 0);
	ck_assert(number(row, "first_token_s") > 0 && number(row, "first_token_s") < 20);
	json_decref(top);
	cli_free(&r);
	r = cli_run("bench start --driver cpu-ref -m no/such/folder --repeat 1", NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_msg(strstr(r.err, "no/such/folder") && strstr(r.err, "without a token"), "%s",
		      r.err);
	cli_free(&r);
}
END_TEST

Suite *test_bench_suite(void)
{
	Suite *s = suite_create("bench");
	TCase *usage = tcase_create("usage");
	TCase *ops = tcase_create("ops");
	TCase *forms = tcase_create("forms");
	TCase *models = tcase_create("models");

	tcase_add_checked_fixture(usage, cli_setup, cli_teardown);
	tcase_add_loop_test(usage, wrong_usage_exits_2, 0,
			    sizeof(usage_cases) / sizeof(usage_cases[0]));
	tcase_add_test(usage, refusals_exit_1);
	suite_add_tcase(s, usage);

	tcase_add_checked_fixture(ops, cli_setup, cli_teardown);
	tcase_set_timeout(ops, 30);
	tcase_add_loop_test(ops, each_op_as_json, 0, sizeof(op_cases) / sizeof(op_cases[0]));
	tcase_add_test(ops, operands_pass_the_check_hook);
	tcase_add_test(ops, ops_of_a_model_add_up);
	suite_add_tcase(s, ops);

	tcase_add_checked_fixture(forms, cli_setup, cli_teardown);
	tcase_set_timeout(forms, 30);
	tcase_add_test(forms, csv_has_a_heading_and_even_rows);
	tcase_add_test(forms, markdown_is_a_table);
	tcase_add_test(forms, rates_and_shares);
	tcase_add_test(forms, given_rates_replace_measured_ones);
	suite_add_tcase(s, forms);

	tcase_add_checked_fixture(models, cli_setup, cli_teardown);
	tcase_set_timeout(models, 30);
	tcase_add_test(models, shapes_have_the_sizes_of_the_models);
	tcase_add_test(models, a_shape_is_a_model);
	tcase_add_test(models, wrong_shapes_say_what_there_is);
	tcase_add_test(models, prompts_and_generation);
	tcase_add_test(models, the_limit_of_a_step);
	tcase_add_test(models, what_does_not_fit_is_left_out);
	tcase_add_test(models, offline_workload);
	tcase_add_test(models, offline_with_a_shared_prefix);
	tcase_add_test(models, start_runs_the_program);
	suite_add_tcase(s, models);
	return s;
}
