/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_engine.c - aios bench: a model's prompt processing and generation, through
 * the same calls that every front end makes, beside what the device could do.
 */
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "bench.h"
#include "text.h"

enum {
	MOST_TESTS = 256,
	STEP_TOKENS = 8192, /* tokens of a step, unless a setting says otherwise */
	STEP_LEAST = 512,
};

/* One line of the report. */
struct test {
	bool generate;   /* tg, else pp */
	uint32_t n_seqs; /* at once */
	uint32_t prompt; /* tokens of each prompt */
	uint32_t tokens; /* tg: of each answer */
	double limit_s;  /* pp: of all prompts; tg: of one step; 0: not known */
	bool memory;     /* the limit is the memory's */
};

struct engine_bench {
	struct cli *cli;
	const char *path;
	struct test tests[MOST_TESTS];
	uint32_t n;
	uint32_t repeat;
	uint64_t seed;
	struct aios_bench_rates rates;
	struct report report;
	struct aios_engine *engine;
};

static const struct report_column columns[] = {
	{ "model", "model", 18, -1, 0 },
	{ "test", "test", 10, -1, 0 },
	{ "batch", "batch", 5, 0, 0 },
	{ "depth", "depth", 6, 0, 0 },
	{ "tokens_per_s", "tokens/s", 10, 1, 0 },
	{ "ms", "ms", 9, 3, 0 },
	{ "share", "limit %", 7, 1, 100 },
	{ "bound", "by", 6, -1, 0 },
	{ "ms_min", NULL, 0, 3, 0 },
	{ "ms_max", NULL, 0, 3, 0 },
	{ "repeats", NULL, 0, 0, 0 },
	{ "note", "note", 14, -1, 0 },
	{ NULL, NULL, 0, 0, 0 },
};

/* ---- the list of tests ------------------------------------------------------------- */

static int add(struct engine_bench *eb, const struct test *t, struct aios_status *st)
{
	if (eb->n == MOST_TESTS)
		return cli_usage(st, "--pp, --tg, --batch and --depth make more than %d tests",
				 MOST_TESTS);
	eb->tests[eb->n++] = *t;
	return 0;
}

static int list_tests(struct engine_bench *eb, struct aios_status *st)
{
	struct bench_list pp, tg, batch, depth;
	int rc = bench_list(eb->cli, "pp", true, 0, &pp, st);

	if (!rc)
		rc = bench_list(eb->cli, "tg", false, 0, &tg, st);
	if (!rc)
		rc = bench_list(eb->cli, "batch", false, 1, &batch, st);
	if (!rc)
		rc = bench_list(eb->cli, "depth", false, 1, &depth, st);
	for (uint32_t i = 0; !rc && i < pp.n; i++)
		if (pp.of[i])
			rc = add(eb, &(struct test){ .n_seqs = pp.times[i], .prompt = pp.of[i] },
				 st);
	for (uint32_t i = 0; !rc && i < tg.n * batch.n * depth.n; i++) {
		struct test t = { .generate = true,
				  .tokens = tg.of[i % tg.n],
				  .n_seqs = batch.of[i / tg.n % batch.n],
				  .prompt = depth.of[i / tg.n / batch.n] };

		if (t.tokens)
			rc = add(eb, &t, st);
	}
	if (!rc && !eb->n)
		rc = cli_usage(st, "--pp and --tg leave nothing to measure");
	return rc;
}

/* Prompts that need several steps start the first requests early; so many tokens more make up for it. */
static uint32_t slack(const struct engine_bench *eb, const struct test *t)
{
	uint64_t step = (uint64_t)cli_int(eb->cli, "engine", "max_batch_tokens");

	/* While others generate, a step has room for fewer prompt tokens. */
	step = step > 2ull * t->n_seqs ? step - t->n_seqs : t->n_seqs;
	return (uint32_t)(((uint64_t)t->n_seqs * t->prompt + step - 1) / step);
}

static uint32_t longest(const struct engine_bench *eb, const struct test *t)
{
	return t->prompt + (t->generate ? t->tokens + 1 + slack(eb, t) : 1);
}

/* ---- what the device could do ------------------------------------------------------ */

/* Sums over a pass. */
struct cost {
	double bytes; /* weights and keys and values, each once */
	double flops;
};

static int on_op(void *ctx, const union aios_op_any *op, uint32_t count, struct aios_status *st)
{
	struct cost *c = ctx;
	double bytes = 0, flops = 0;

	(void)st;
	if (op->op.type == AIOS_OP_MATMUL) {
		const struct aios_tensor *w = &op->matmul.w;

		bytes = (double)w->rows * w->cols * aios_dtype_bytes(w->dtype);
		flops = 2.0 * op->matmul.x.rows * w->rows * w->cols;
	}
	if (op->op.type == AIOS_OP_ATTENTION) {
		const struct aios_op_attention *a = &op->attention;
		double q = (double)a->batch.n_tokens / a->batch.n_seqs;
		double keys = a->window && a->window < a->batch.max_kv ? a->window :
									 a->batch.max_kv;

		bytes = 2.0 * a->batch.n_seqs * keys * a->kv.n_kv_heads * a->kv.head_dim *
			aios_dtype_bytes(a->kv.dtype);
		/* Of its own rows a query sees half on average. */
		flops = 4.0 * a->batch.n_tokens * (keys - (q - 1) / 2) * a->n_heads *
			a->kv.head_dim;
	}
	c->bytes += bytes * count;
	c->flops += flops * count;
	return 0;
}

static int find_limit(struct engine_bench *eb, struct aios_bench *bench, struct test *t,
		      struct aios_status *st)
{
	uint32_t rows = t->generate ? 1 : t->prompt;
	uint32_t kv = t->generate ? t->prompt + t->tokens / 2 : t->prompt;
	struct cost c = { 0 };
	double bytes, flops;
	int rc = aios_bench_model(bench, eb->path, t->n_seqs, rows, kv, on_op, &c, st);

	if (rc || eb->rates.read <= 0 || eb->rates.matmul <= 0)
		return rc;
	bytes = c.bytes / eb->rates.read;
	flops = c.flops / eb->rates.matmul;
	t->memory = bytes >= flops;
	t->limit_s = t->memory ? bytes : flops;
	return 0;
}

/* Facts and limits come first, with a device of their own that is closed again. */
static int find_limits(struct engine_bench *eb, struct aios_status *st)
{
	struct aios_bench *bench = NULL;
	uint32_t profile;
	int rc = bench_open(eb->cli, &bench, st);

	if (!rc)
		rc = aios_bench_profile(bench, &profile, st);
	if (!rc) {
		bench_facts(bench, profile, &eb->report);
		rc = bench_rates(eb->cli, bench, profile, &eb->rates, &eb->report, st);
	}
	for (uint32_t i = 0; i < eb->n && !rc; i++)
		rc = find_limit(eb, bench, &eb->tests[i], st);
	aios_bench_destroy(bench);
	return rc;
}

/* ---- settings ------------------------------------------------------------------------ */

static int set_batch(struct engine_bench *eb, struct aios_status *st)
{
	uint64_t seqs = 1, tokens = STEP_LEAST;
	int rc;

	for (uint32_t i = 0; i < eb->n; i++) {
		const struct test *t = &eb->tests[i];
		uint64_t all = (uint64_t)t->n_seqs * t->prompt;

		seqs = t->n_seqs > seqs ? t->n_seqs : seqs;
		tokens = all > tokens ? all : tokens;
	}
	if (tokens > STEP_TOKENS)
		tokens = STEP_TOKENS;
	if (tokens < seqs)
		tokens = seqs;
	rc = bench_engine_default(eb->cli, "max_batch_size", seqs, st);
	return rc ? rc : bench_engine_default(eb->cli, "max_batch_tokens", tokens, st);
}

static uint64_t pages_of(const struct engine_bench *eb, const struct test *t, uint64_t page)
{
	return t->n_seqs * ((longest(eb, t) + page - 1) / page + 1);
}

/* Room for the largest test that fits; those that do not are left out and said so. */
static int set_memory(struct engine_bench *eb, struct aios_status *st)
{
	uint64_t pages = 0, context = 0, room, need;
	struct aios_plan plan = { 0 };
	int rc;

	for (uint32_t i = 0; i < eb->n; i++) {
		uint64_t len = longest(eb, &eb->tests[i]);

		context = len > context ? len : context;
	}
	rc = bench_engine_default(eb->cli, "context_length", context, st);
	if (!rc)
		rc = aios_plan_model(eb->cli->aios, eb->path, &plan, st);
	if (rc)
		return rc;
	room = plan.budget && plan.budget < plan.heap_free ? plan.budget : plan.heap_free;
	need = plan.weights + plan.activations + plan.tables;
	room = room > need ? room - need : 0;
	room = room / 100 * 98 / (plan.kv_token * plan.page_size);
	for (uint32_t i = 0; i < eb->n; i++) {
		need = pages_of(eb, &eb->tests[i], plan.page_size);
		if (need > pages && need <= room)
			pages = need;
	}
	if (!pages)
		return 0; /* opening the engine says what is missing */
	return bench_engine_default(eb->cli, "kv_memory", pages * plan.page_size * plan.kv_token,
				    st);
}

/* ---- measuring ------------------------------------------------------------------------- */

/* Seconds: of a step (tg) or of all prompts (pp). */
static int measure(struct engine_bench *eb, const struct test *t, uint64_t seed, double *seconds,
		   struct aios_status *st)
{
	struct flight f = { 0 };
	struct load l;
	uint32_t output = t->generate ? t->tokens + 1 + slack(eb, t) : 1, last = 0;
	int rc = load_even(&l, t->n_seqs, t->prompt, output, aios_engine_vocab_size(eb->engine),
			   seed, st);

	if (rc)
		return rc;
	l.mark = t->generate ? t->tokens + 1 : 1;
	rc = load_fly(&l, eb->engine, &f, st);
	for (uint32_t i = 0; i < t->n_seqs && !rc; i++)
		last = f.first[i] > f.first[last] ? i : last;
	/* A few first tokens are alike by chance; more are not. */
	if (!rc && f.cached_tokens * 10 > f.prompt_tokens + 40ull * t->n_seqs)
		rc = aios_fail(st, -EIO, "%llu tokens of random prompts came from the prefix cache",
			       (unsigned long long)f.cached_tokens);
	/* From the last request's first token on all of them generate, until its last one counts. */
	if (!rc && t->generate && f.first_end < f.first[last])
		rc = aios_fail(st, -AIOS_EXHAUSTED,
			       "the engine did not run %u sequences at once; raise "
			       "engine.max_batch_size or engine.kv_memory",
			       t->n_seqs);
	if (!rc && t->generate)
		*seconds = (double)(f.marked[last] - f.first[last]) / 1e9 / t->tokens;
	else if (!rc)
		*seconds = (double)(f.ended - f.began) / 1e9;
	flight_finish(&f);
	load_finish(&l);
	return rc;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static json_t *row_json(const struct engine_bench *eb, const struct test *t)
{
	const char *slash = strrchr(eb->path, '/');
	const char *name = strncmp(eb->path, "shape:", 6) == 0 ? eb->path + 6 :
			   slash && slash[1]                   ? slash + 1 :
								 eb->path;
	json_t *row = json_object();
	char test[48];

	if (t->generate)
		snprintf(test, sizeof(test), "tg%u", t->tokens);
	else if (t->n_seqs > 1)
		snprintf(test, sizeof(test), "pp%ux%u", t->n_seqs, t->prompt);
	else
		snprintf(test, sizeof(test), "pp%u", t->prompt);
	json_put(&row, "model", json_text(name, strlen(name)));
	json_put(&row, "test", json_string(test));
	json_put(&row, "batch", json_integer(t->n_seqs));
	json_put(&row, "depth", json_integer(t->generate ? t->prompt : 0));
	return row;
}

static int report_test(struct engine_bench *eb, const struct test *t, double *s,
		       struct aios_status *st)
{
	uint32_t n = eb->repeat;
	double median, tokens = t->generate ? t->n_seqs : (double)t->n_seqs * t->prompt;
	json_t *row = row_json(eb, t);

	qsort(s, n, sizeof(*s), compare_double);
	median = (s[(n - 1) / 2] + s[n / 2]) / 2;
	if (median <= 0) {
		json_decref(row);
		return aios_fail(st, -EIO, "the clock did not move during a test");
	}
	json_put(&row, "tokens_per_s", json_real(tokens / median));
	json_put(&row, "ms", json_real(median * 1e3));
	json_put(&row, "ms_min", json_real(s[0] * 1e3));
	json_put(&row, "ms_max", json_real(s[n - 1] * 1e3));
	json_put(&row, "repeats", json_integer(n));
	if (t->limit_s > 0) {
		json_put(&row, "share", json_real(t->limit_s / median));
		json_put(&row, "bound", json_string(t->memory ? "memory" : "matmul"));
	}
	report_row(&eb->report, row);
	return 0;
}

static int run_test(struct engine_bench *eb, const struct test *t, struct aios_status *st)
{
	const struct aios_plan *plan = aios_engine_plan(eb->engine);
	double *s = calloc(eb->repeat, sizeof(*s)), warm;
	json_t *row;
	int rc = s ? 0 : aios_fail(st, -ENOMEM, "no memory for %u repeats", eb->repeat);

	if (!rc && (pages_of(eb, t, plan->page_size) > plan->kv_pages ||
		    longest(eb, t) > plan->context_length || t->n_seqs > plan->max_batch_size)) {
		row = row_json(eb, t);
		json_put(&row, "note", json_string("does not fit"));
		report_row(&eb->report, row);
		free(s);
		return 0;
	}
	/* The first run captures graphs and warms everything up. No prompt comes twice. */
	if (!rc)
		rc = measure(eb, t, eb->seed++, &warm, st);
	for (uint32_t i = 0; i < eb->repeat && !rc; i++)
		rc = measure(eb, t, eb->seed++, &s[i], st);
	if (!rc)
		rc = report_test(eb, t, s, st);
	free(s);
	return rc;
}

int bench_engine_main(struct cli *cli, struct aios_status *st)
{
	struct engine_bench eb = { .cli = cli, .path = bench_model(cli) };
	int rc = list_tests(&eb, st);

	eb.repeat = (uint32_t)cli_int(cli, AIOS_SECTION_COMMAND, "repeat");
	eb.seed = (uint64_t)cli_int(cli, "sampling", "seed") * 1000003;
	if (!rc)
		rc = set_batch(&eb, st);
	if (rc)
		return rc;
	report_init(&eb.report, cli, columns);
	rc = find_limits(&eb, st);
	if (!rc)
		rc = set_memory(&eb, st);
	if (!rc)
		rc = bench_load(cli, eb.path, &eb.engine, &eb.report, st);
	for (uint32_t i = 0; i < eb.n && !rc; i++)
		rc = run_test(&eb, &eb.tests[i], st);
	if (!rc)
		rc = report_end(&eb.report, st);
	aios_engine_close(eb.engine);
	report_finish(&eb.report);
	return rc;
}
