// SPDX-License-Identifier: Apache-2.0
/*
 * test_simulate.c - whole simulations: fair shares under a flood, throughput of every
 * policy, preemption, deadlines, traces as files; and the command's output.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <aios/simulate.h>

#include "cli.h"

Suite *test_simulate_suite(void);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const policies[] = { "fcfs", "priority", "fair", "deadline" };

static struct aios_config *config;
static struct aios *aios;

static void setup(void)
{
	struct aios_status st;

	cli_setup();
	config = aios_config_create();
	ck_assert_ptr_nonnull(config);
	ck_assert_msg(aios_create(config, NULL, NULL, &aios, &st) == 0, "%s", st.message);
}

static void teardown(void)
{
	aios_destroy(aios);
	aios_config_destroy(config);
	cli_teardown();
}

static struct aios_sim_trace *make(const char *kind, uint32_t requests, uint32_t tenants,
				   double load)
{
	struct aios_sim_source source = AIOS_SIM_SOURCE_INIT;
	struct aios_sim_options options = AIOS_SIM_OPTIONS_INIT;
	struct aios_sim_trace *trace = NULL;
	struct aios_status st;

	source.kind = kind;
	source.requests = requests;
	source.tenants = tenants;
	source.load = load;
	source.seed = 5;
	ck_assert_msg(aios_sim_trace_open(&source, &options, &trace, &st) == 0, "%s", st.message);
	return trace;
}

static struct aios_sim_result *run(const struct aios_sim_trace *trace, const char *policy,
				   const struct aios_sim_options *options)
{
	struct aios_sim_result *r = NULL;
	struct aios_status st;

	ck_assert_msg(aios_simulate(aios, trace, policy, options, &r, &st) == 0, "%s", st.message);
	ck_assert_uint_eq(r->finished + r->refused, r->requests);
	return r;
}

/* ---- shares and throughput ------------------------------------------------------ */

/*
 * Tenant 0 floods, the others ask for more than their share too: each gets what its weight
 * entitles it to within 5 %, and all together no less than 97 % of first come, first served.
 */
START_TEST(test_fair_shares)
{
	static const uint32_t numbers[] = { 2, 3, 5, 10, 20, 50 };
	uint32_t n = numbers[_i / 2];
	struct aios_sim_options options = AIOS_SIM_OPTIONS_INIT;
	struct aios_sim_trace *trace = make("flood", (_i % 2 ? 4000 : 2000) + 400 * n, n, 8);
	struct aios_sim_result *fair, *fcfs;
	double weights[50];

	for (uint32_t i = 0; i < n; i++)
		weights[i] = _i % 2 ? 1 << i % 3 : 1;
	options.weights = weights;
	options.n_weights = n;
	fair = run(trace, "fair", &options);
	fcfs = run(trace, "fcfs", &options);
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_msg(fabs(fair->tenants[i].due - 1) < 0.05,
			      "%u tenants: %u has %.3f of its due", n, i, fair->tenants[i].due);
	}
	ck_assert_double_gt(fair->jain, 0.99);
	ck_assert_double_lt(fcfs->jain, fair->jain);
	ck_assert_double_ge(fair->output_per_s, 0.97 * fcfs->output_per_s);
	aios_sim_result_free(fair);
	aios_sim_result_free(fcfs);
	aios_sim_trace_close(trace);
}
END_TEST

/* Every kind of trace, in a roomy pool and in one that is too small. */
START_TEST(test_throughput)
{
	struct aios_sim_options options = AIOS_SIM_OPTIONS_INIT;
	const char *kind = aios_sim_kinds()[_i / 2];
	struct aios_sim_trace *trace = make(kind, 3000, 4, 1.2);
	struct aios_sim_result *fcfs, *r;

	if (_i % 2)
		options.pages = options.swap_pages = 3000;
	fcfs = run(trace, "fcfs", &options);
	for (size_t i = 0; i < COUNT(policies); i++) {
		r = run(trace, policies[i], &options);
		ck_assert_uint_eq(r->output_tokens, fcfs->output_tokens);
		ck_assert_msg(r->output_per_s >= 0.97 * fcfs->output_per_s,
			      "%s on %s: %.0f tokens/s, fcfs %.0f", policies[i], kind,
			      r->output_per_s, fcfs->output_per_s);
		aios_sim_result_free(r);
	}
	aios_sim_result_free(fcfs);
	aios_sim_trace_close(trace);
}
END_TEST

/* ---- what it is made of ------------------------------------------------------------ */

/* The arithmetic of one request alone, by hand. */
START_TEST(test_one_request)
{
	struct aios_sim_options options = AIOS_SIM_OPTIONS_INIT;
	struct aios_sim_source source = AIOS_SIM_SOURCE_INIT;
	struct aios_sim_trace *trace;
	struct aios_sim_result *r;
	struct aios_status st;
	char path[4200];

	cli_write_file("one.csv", "# one\narrival,prompt,output\n1.5, 100, 3\n");
	snprintf(path, sizeof(path), "%s/one.csv", cli_folder());
	source.path = path;
	ck_assert_msg(aios_sim_trace_open(&source, &options, &trace, &st) == 0, "%s", st.message);
	options.cost = (struct aios_sim_cost){ 1000, 4000, 10, 1, 0 };
	options.max_rows = 60;
	r = run(trace, "fcfs", &options);
	/* 60 rows, 40 rows and the first token, then a row for each token more. */
	ck_assert_uint_eq(r->steps, 4);
	ck_assert_uint_eq(r->rows, 102);
	ck_assert_uint_eq(r->output_tokens, 3);
	ck_assert_double_eq_tol(r->ttft.max, (5000 + 600 + 60 + 5000 + 400 + 100) / 1e6, 1e-8);
	ck_assert_double_eq_tol(r->itl.max, (5000 + 10 + 102) / 1e6, 1e-8);
	ck_assert_double_eq_tol(r->seconds, (11160 + 5111 + 5112) / 1e6, 1e-8);
	aios_sim_result_free(r);
	aios_sim_trace_close(trace);
}
END_TEST

START_TEST(test_preemption)
{
	struct aios_sim_options options = AIOS_SIM_OPTIONS_INIT;
	struct aios_sim_trace *trace = make("long-tail", 3000, 4, 1.5);
	struct aios_sim_result *swap, *drop, *roomy;

	roomy = run(trace, policies[_i], &options);
	options.pages = 1500;
	swap = run(trace, policies[_i], &options);
	options.swap_pages = 0;
	drop = run(trace, policies[_i], &options);
	ck_assert_uint_eq(roomy->swapped + roomy->dropped, 0);
	ck_assert_uint_gt(swap->swapped, 10);
	ck_assert_uint_eq(drop->swapped, 0);
	ck_assert_uint_gt(drop->dropped, 10);
	ck_assert_uint_gt(drop->recomputed_rows, 0);
	ck_assert_double_gt(drop->wasted, 0);
	ck_assert_double_lt(drop->wasted, 0.2);
	ck_assert_double_lt(swap->wasted, drop->wasted);
	aios_sim_result_free(swap);
	aios_sim_result_free(drop);
	aios_sim_result_free(roomy);
	aios_sim_trace_close(trace);
}
END_TEST

START_TEST(test_prefix_cache)
{
	static const char *const caches[] = { "radix", "lfu" };
	struct aios_sim_options options = AIOS_SIM_OPTIONS_INIT;
	struct aios_sim_trace *trace = make("prefixes", 2000, 4, 0.8);
	struct aios_sim_result *with, *without;

	options.pages = 6000;
	options.cache = caches[_i];
	with = run(trace, "fcfs", &options);
	options.cache = NULL;
	without = run(trace, "fcfs", &options);
	ck_assert_uint_eq(without->cached_tokens, 0);
	ck_assert_uint_gt(with->cached_tokens, with->prompt_tokens / 2);
	ck_assert_double_lt(with->busy_s, without->busy_s * 0.7);
	aios_sim_result_free(with);
	aios_sim_result_free(without);
	aios_sim_trace_close(trace);
}
END_TEST

/* A chat beside long documents: priority and deadlines are worth something. */
START_TEST(test_classes)
{
	struct aios_sim_options options = AIOS_SIM_OPTIONS_INIT;
	struct aios_sim_trace *trace = make("classes", 3000, 3, 0.97);
	struct aios_sim_result *fcfs = run(trace, "fcfs", &options), *r;

	for (size_t i = 0; i < COUNT(policies); i++) {
		r = run(trace, policies[i], &options);
		ck_assert_uint_gt(r->with_deadline, 2000);
		ck_assert_msg(r->met_deadline >= fcfs->met_deadline, "%s meets %u, fcfs %u",
			      policies[i], (unsigned)r->met_deadline, (unsigned)fcfs->met_deadline);
		ck_assert_double_le(r->tenants[0].ttft.p99, fcfs->tenants[0].ttft.p99 * 1.02);
		aios_sim_result_free(r);
	}
	aios_sim_result_free(fcfs);
	aios_sim_trace_close(trace);
}
END_TEST

/* Tenants' figures are all of one result: twice the same, also from a file. */
START_TEST(test_same_again)
{
	struct aios_sim_options options = AIOS_SIM_OPTIONS_INIT;
	struct aios_sim_source source = AIOS_SIM_SOURCE_INIT;
	struct aios_sim_trace *trace = make(aios_sim_kinds()[_i], 500, 3, 1.1), *again;
	struct aios_sim_result *a, *b;
	struct aios_status st;
	char path[4200];

	snprintf(path, sizeof(path), "%s/trace.csv", cli_folder());
	ck_assert_int_eq(aios_sim_trace_write(trace, path, &st), 0);
	source.path = path;
	ck_assert_msg(aios_sim_trace_open(&source, &options, &again, &st) == 0, "%s", st.message);
	options.pages = 2000;
	for (size_t i = 0; i < COUNT(policies); i++) {
		a = run(trace, policies[i], &options);
		b = run(again, policies[i], &options);
		ck_assert_uint_eq(a->n_tenants, b->n_tenants);
		ck_assert_int_eq(memcmp(a->tenants, b->tenants, 3 * sizeof(*a->tenants)), 0);
		a->tenants = b->tenants = (free(a->tenants), free(b->tenants), NULL);
		a->policy_ns = b->policy_ns = a->host_ns = b->host_ns = 0;
		ck_assert_int_eq(memcmp(a, b, sizeof(*a)), 0);
		aios_sim_result_free(a);
		aios_sim_result_free(b);
	}
	aios_sim_trace_close(trace);
	aios_sim_trace_close(again);
}
END_TEST

/* ---- errors ---------------------------------------------------------------------------- */

static const struct {
	const char *text, *message;
} bad_traces[] = {
	{ "", "there is no request" },
	{ "arrival,prompt,output\n", "there is no request" },
	{ "arrival,prompt\n", "trace.csv:1: there is no column 'output'" },
	{ "arrival,prompt,output,x\n", "column 'x' is unknown" },
	{ "arrival,prompt,output,prompt\n", "column 'prompt' is unknown or there twice" },
	{ "arrival,prompt,output\n1,2\n", "trace.csv:2: expected 3 fields, found 2" },
	{ "arrival,prompt,output\n1,2,3,4\n", "expected 3 fields, found more" },
	{ "arrival,prompt,output\n1,x,3\n", "trace.csv:2: field 2 is not a number" },
	{ "arrival,prompt,output\n1,nan,3\n", "field 2 is not a number" },
	{ "arrival,prompt,output\n1,0,3\n", "prompt: expected 1 to 1000000, found 0" },
	{ "arrival,prompt,output\n1,2,3e9\n", "output: expected 1 to 1000000" },
	{ "arrival,prompt,output\n-1,2,3\n", "arrival: expected 0" },
	{ "arrival,prompt,output\n1,2.5,3\n", "prompt: expected a whole number, found 2.5" },
	{ "arrival,prompt,output,tenant\n1,2,3,4096\n", "tenant: expected 0 to 4095" },
	{ "arrival,prompt,output\n2,2,3\n\n1,2,3\n", "trace.csv:4: arrival 1 is before" },
	{ "arrival,prompt,output,prefix,prefix_tokens\n2,2,3,1,3\n",
	  "prefix_tokens 3 is more than prompt 2" },
	{ "arrival,prompt,output\n1,400000,3\n", "the longest request has 400003 tokens" },
};

START_TEST(test_bad_traces)
{
	struct cli_result r;

	cli_write_file("trace.csv", bad_traces[_i].text);
	r = cli_run("simulate --trace trace.csv", NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_msg(strstr(r.err, bad_traces[_i].message) != NULL, "expected '%s':\n%s",
		      bad_traces[_i].message, r.err);
	cli_free(&r);
}
END_TEST

static const struct {
	const char *line;
	int code;
	const char *out, *err;
} cases[] = {
	{ "simulate --count 200", 0, "POLICY  TOKENS/S  TTFT p50/p99 s", NULL },
	{ "simulate --count 200 --tenants 1 --policy fcfs,fair", 0, "fair    ", NULL },
	{ "simulate --count 200 --csv --policy all", 0, "\npriority,all,,200,0,", NULL },
	{ "simulate --count 200 --weights 1,2 --csv", 0, "\nfcfs,1,2,", NULL },
	{ "simulate --policy nosuch --count 10", 1, NULL, "nosuch" },
	{ "simulate --policy ,", 2, NULL, "there is no scheduler to simulate" },
	{ "simulate --generate x", 2, NULL, "poisson|bursty" },
	{ "simulate --cost row=1,colum=2", 2, NULL, "found 'colum=2'" },
	{ "simulate --cost row=x", 2, NULL, "--cost: expected step=US" },
	{ "simulate --cost step=,row=1", 2, NULL, "found 'step=,row=1'" },
	{ "simulate --cost row=1,", 2, NULL, "found 'row=1,'" },
	{ "simulate --weights 1,", 2, NULL, "found '1,'" },
	{ "simulate --weights 1,0", 2, NULL, "--weights: expected numbers above 0" },
	{ "simulate --trace nosuch.csv", 1, NULL, "nosuch.csv: No such file" },
	{ "simulate --prefix-cache nosuch --count 10", 1, NULL, "nosuch" },
	{ "simulate --count 10 --keep-trace no/such", 1, NULL, "no/such: No such file" },
};

START_TEST(test_command)
{
	struct cli_result r = cli_run(cases[_i].line, NULL);

	ck_assert_msg(r.code == cases[_i].code, "aios %s: exit %d\n%s", cases[_i].line, r.code,
		      r.err);
	if (cases[_i].out)
		ck_assert_msg(strstr(r.out, cases[_i].out) != NULL, "aios %s:\n%s", cases[_i].line,
			      r.out);
	if (cases[_i].err)
		ck_assert_msg(strstr(r.err, cases[_i].err) != NULL, "aios %s:\n%s", cases[_i].line,
			      r.err);
	cli_free(&r);
}
END_TEST

START_TEST(test_json)
{
	struct cli_result r =
		cli_run("simulate --count 300 --generate flood --policy fcfs,fair --json", NULL);
	json_t *all = cli_json(&r), *fair = json_array_get(all, 1);

	ck_assert_int_eq(r.code, 0);
	ck_assert_uint_eq(json_array_size(all), 2);
	ck_assert_str_eq(json_string_value(json_object_get(fair, "policy")), "fair");
	ck_assert_int_eq(json_integer_value(json_object_get(fair, "finished")), 300);
	ck_assert_uint_eq(json_array_size(json_object_get(fair, "tenants")), 4);
	ck_assert(json_is_number(json_object_get(json_object_get(fair, "ttft_s"), "p99")));
	json_decref(all);
	cli_free(&r);
}
END_TEST

Suite *test_simulate_suite(void)
{
	Suite *s = suite_create("simulate");
	TCase *tc = tcase_create("simulate");
	int n_kinds = 0;

	while (aios_sim_kinds()[n_kinds])
		n_kinds++;
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, test_fair_shares, 0, 12);
	tcase_add_loop_test(tc, test_throughput, 0, 2 * n_kinds);
	tcase_add_test(tc, test_one_request);
	tcase_add_loop_test(tc, test_preemption, 0, (int)COUNT(policies));
	tcase_add_loop_test(tc, test_prefix_cache, 0, 2);
	tcase_add_test(tc, test_classes);
	tcase_add_loop_test(tc, test_same_again, 0, n_kinds);
	tcase_add_loop_test(tc, test_bad_traces, 0, (int)COUNT(bad_traces));
	tcase_add_loop_test(tc, test_command, 0, (int)COUNT(cases));
	tcase_add_test(tc, test_json);
	suite_add_tcase(s, tc);
	return s;
}
