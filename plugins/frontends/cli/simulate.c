// SPDX-License-Identifier: Apache-2.0
/* simulate.c - aios simulate: schedulers against a cost model, as a table, JSON or CSV. */
#include <stdlib.h>
#include <string.h>

#include <aios/simulate.h>

#include "cli.h"
#include "out.h"
#include "simulate.h"
#include "table.h"
#include "text.h"

enum {
	MOST_POLICIES = 16,
	MOST_WEIGHTS = 4096,
};

struct simulation {
	struct cli *cli;
	struct aios_sim_source source;
	struct aios_sim_options options;
	struct aios_sim_trace *trace;
	double weights[MOST_WEIGHTS];
	char policies[MOST_POLICIES][64];
	struct aios_sim_result *results[MOST_POLICIES];
	uint32_t n;
};

/* ---- options ------------------------------------------------------------------ */

static const char *text(const struct simulation *s, const char *key)
{
	return cli_text(s->cli, AIOS_SECTION_COMMAND, key);
}

static uint32_t number(const struct simulation *s, const char *key)
{
	return (uint32_t)cli_int(s->cli, AIOS_SECTION_COMMAND, key);
}

static int add_policy(struct simulation *s, const char *name, size_t len, struct aios_status *st)
{
	if (s->n == MOST_POLICIES || len >= sizeof(s->policies[0]))
		return cli_usage(st, "--policy: at most %d names of at most %zu bytes",
				 MOST_POLICIES, sizeof(s->policies[0]) - 1);
	snprintf(s->policies[s->n++], sizeof(s->policies[0]), "%.*s", (int)len, name);
	return 0;
}

/* The names of --policy; "all": every scheduler there is. */
static int read_policies(struct simulation *s, struct aios_status *st)
{
	const char *at = text(s, "policy");
	struct aios_module_report report;
	int rc = 0;

	if (at && strcmp(at, "all") == 0) {
		for (uint32_t i = 0; aios_module(s->cli->aios, i, &report) && !rc; i++) {
			if (report.kind == AIOS_KIND_SCHEDULER && report.accepted)
				rc = add_policy(s, report.name, strlen(report.name), st);
		}
		at = NULL;
	}
	while (at && *at && !rc) {
		size_t len = strcspn(at, ",");

		if (len > 0)
			rc = add_policy(s, at, len, st);
		at += len + (at[len] == ',');
	}
	if (rc)
		return rc;
	return s->n ? 0 : cli_usage(st, "--policy: there is no scheduler to simulate");
}

static int read_options(struct simulation *s, struct aios_status *st)
{
	struct aios_sim_source source = AIOS_SIM_SOURCE_INIT;
	struct aios_sim_options options = AIOS_SIM_OPTIONS_INIT;
	int rc;

	source.path = text(s, "trace");
	source.kind = text(s, "generate");
	source.requests = number(s, "count");
	source.tenants = number(s, "tenants");
	source.seed = (uint64_t)cli_int(s->cli, "sampling", "seed");
	source.rate = cli_float(s->cli, AIOS_SECTION_COMMAND, "rate");
	source.load = cli_float(s->cli, AIOS_SECTION_COMMAND, "demand");
	options.max_running = number(s, "running");
	options.max_rows = number(s, "rows");
	options.max_queued = number(s, "queue");
	options.pages = number(s, "pages");
	options.swap_pages = number(s, "swap");
	options.cache = text(s, "prefix_cache");
	if (options.cache && strcmp(options.cache, "off") == 0)
		options.cache = NULL;
	s->source = source;
	s->options = options;
	s->options.weights = s->weights;
	rc = simulate_cost(text(s, "cost"), &s->options.cost, st);
	return rc ? rc :
		    simulate_weights(text(s, "weights"), s->weights, MOST_WEIGHTS,
				     &s->options.n_weights, st);
}

/* ---- output --------------------------------------------------------------------- */

static json_t *times_json(const struct aios_sim_times *t)
{
	json_t *object = json_object();

	json_put(&object, "p50", json_number(t->p50));
	json_put(&object, "p99", json_number(t->p99));
	json_put(&object, "max", json_number(t->max));
	return object;
}

static json_t *count_json(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *tenant_json(const struct aios_sim_tenant *t)
{
	json_t *object = json_object();

	json_put(&object, "weight", json_number(t->weight));
	json_put(&object, "requests", count_json(t->requests));
	json_put(&object, "refused", count_json(t->refused));
	json_put(&object, "prompt_tokens", count_json(t->prompt_tokens));
	json_put(&object, "output_tokens", count_json(t->output_tokens));
	json_put(&object, "device_s", json_number(t->device_s));
	json_put(&object, "share", t->share < 0 ? json_null() : json_number(t->share));
	json_put(&object, "due", t->due < 0 ? json_null() : json_number(t->due));
	json_put(&object, "ttft_s", times_json(&t->ttft));
	json_put(&object, "itl_s", times_json(&t->itl));
	return object;
}

static json_t *result_json(const struct aios_sim_result *r)
{
	json_t *object = json_object(), *tenants = json_array();

	for (uint32_t i = 0; i < r->n_tenants; i++)
		json_add(&tenants, tenant_json(&r->tenants[i]));
	json_put(&object, "policy", json_string(r->policy));
	json_put(&object, "requests", count_json(r->requests));
	json_put(&object, "finished", count_json(r->finished));
	json_put(&object, "refused", count_json(r->refused));
	json_put(&object, "steps", count_json(r->steps));
	json_put(&object, "rows", count_json(r->rows));
	json_put(&object, "prompt_tokens", count_json(r->prompt_tokens));
	json_put(&object, "cached_tokens", count_json(r->cached_tokens));
	json_put(&object, "output_tokens", count_json(r->output_tokens));
	json_put(&object, "seconds", json_number(r->seconds));
	json_put(&object, "busy_s", json_number(r->busy_s));
	json_put(&object, "output_per_s", json_number(r->output_per_s));
	json_put(&object, "ttft_s", times_json(&r->ttft));
	json_put(&object, "itl_s", times_json(&r->itl));
	json_put(&object, "jain", json_number(r->jain));
	json_put(&object, "preempted_swap", count_json(r->swapped));
	json_put(&object, "preempted_drop", count_json(r->dropped));
	json_put(&object, "recomputed_rows", count_json(r->recomputed_rows));
	json_put(&object, "wasted", json_number(r->wasted));
	json_put(&object, "with_deadline", count_json(r->with_deadline));
	json_put(&object, "met_deadline", count_json(r->met_deadline));
	json_put(&object, "policy_us_per_step", json_number((double)r->policy_ns / 1000));
	json_put(&object, "host_s", json_number((double)r->host_ns / 1e9));
	json_put(&object, "tenants", tenants);
	return object;
}

static int print_json(const struct simulation *s, struct aios_status *st)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < s->n; i++)
		json_add(&array, result_json(s->results[i]));
	return out_json(array, 2, st);
}

static void print_csv(const struct simulation *s)
{
	out_printf("policy,tenant,weight,requests,refused,output_tokens,output_per_s,ttft_p50,"
		   "ttft_p99,ttft_max,itl_p50,itl_p99,itl_max,device_s,share,due,jain,preempted,"
		   "wasted,met_deadline\n");
	for (uint32_t i = 0; i < s->n; i++) {
		const struct aios_sim_result *r = s->results[i];
		double met = r->with_deadline ? (double)r->met_deadline / (double)r->with_deadline :
						1;

		out_printf("%s,all,,%llu,%llu,%llu,%.3f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,,,%.6f,"
			   "%llu,%.6f,%.6f\n",
			   r->policy, (unsigned long long)r->requests,
			   (unsigned long long)r->refused, (unsigned long long)r->output_tokens,
			   r->output_per_s, r->ttft.p50, r->ttft.p99, r->ttft.max, r->itl.p50,
			   r->itl.p99, r->itl.max, r->busy_s, r->jain,
			   (unsigned long long)(r->swapped + r->dropped), r->wasted, met);
		for (uint32_t k = 0; k < r->n_tenants; k++) {
			const struct aios_sim_tenant *t = &r->tenants[k];

			out_printf(
				"%s,%u,%g,%llu,%llu,%llu,%.3f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,"
				"%.6f,%.6f,,,,\n",
				r->policy, k, t->weight, (unsigned long long)t->requests,
				(unsigned long long)t->refused,
				(unsigned long long)t->output_tokens,
				r->seconds > 0 ? (double)t->output_tokens / r->seconds : 0,
				t->ttft.p50, t->ttft.p99, t->ttft.max, t->itl.p50, t->itl.p99,
				t->itl.max, t->device_s, t->share, t->due);
		}
	}
}

/* "0.13 / 2.4 s" */
static const char *pair(char *to, double p50, double p99, double scale)
{
	snprintf(to, 40, "%.3g / %.3g", p50 * scale, p99 * scale);
	return to;
}

static void policy_row(struct table *t, const struct aios_sim_result *r)
{
	char rate[40], ttft[40], itl[40], jain[40], preempted[40], wasted[40], cost[40];

	snprintf(rate, sizeof(rate), "%.0f", r->output_per_s);
	snprintf(jain, sizeof(jain), "%.3f", r->jain);
	snprintf(preempted, sizeof(preempted), "%llu",
		 (unsigned long long)(r->swapped + r->dropped));
	snprintf(wasted, sizeof(wasted), "%.1f %%", r->wasted * 100);
	snprintf(cost, sizeof(cost), "%.1f", (double)r->policy_ns / 1000);
	table_row(t, r->policy, rate, pair(ttft, r->ttft.p50, r->ttft.p99, 1),
		  pair(itl, r->itl.p50, r->itl.p99, 1000), jain, preempted, wasted, cost, NULL);
}

static void tenant_rows(struct table *t, const struct aios_sim_result *r)
{
	for (uint32_t i = 0; i < r->n_tenants; i++) {
		const struct aios_sim_tenant *x = &r->tenants[i];
		char name[40], requests[40], tokens[40], ttft[40], itl[40], share[40], due[40];

		snprintf(name, sizeof(name), "%u (weight %g)", i, x->weight);
		snprintf(requests, sizeof(requests), "%llu", (unsigned long long)x->requests);
		snprintf(tokens, sizeof(tokens), "%llu", (unsigned long long)x->output_tokens);
		snprintf(share, sizeof(share), "%.1f %%", x->share * 100);
		snprintf(due, sizeof(due), "%.3f", x->due);
		table_row(t, r->policy, name, requests, tokens,
			  pair(ttft, x->ttft.p50, x->ttft.p99, 1),
			  pair(itl, x->itl.p50, x->itl.p99, 1000), x->share < 0 ? "-" : share,
			  x->due < 0 ? "-" : due, NULL);
	}
}

static void print_tenants(const struct simulation *s)
{
	struct table tenants = { 0 };

	table_row(&tenants, "POLICY", "TENANT", "REQUESTS", "TOKENS", "TTFT p50/p99 s",
		  "ITL p50/p99 ms", "SHARE", "OF DUE", NULL);
	for (uint32_t i = 0; i < s->n; i++)
		tenant_rows(&tenants, s->results[i]);
	out_printf("\n");
	table_print(&tenants, s->cli->term.color);
}

static void print_tables(const struct simulation *s)
{
	const struct aios_sim_result *first = s->results[0];
	struct table policies = { 0 };
	double host = 0;

	table_row(&policies, "POLICY", "TOKENS/S", "TTFT p50/p99 s", "ITL p50/p99 ms", "JAIN",
		  "PREEMPTED", "WASTED", "US/STEP", NULL);
	for (uint32_t i = 0; i < s->n; i++) {
		policy_row(&policies, s->results[i]);
		host += (double)s->results[i]->host_ns / 1e9;
	}
	table_print(&policies, s->cli->term.color);
	if (first->n_tenants > 1 && first->n_tenants <= 64)
		print_tenants(s);
	out_printf("\n%llu requests, %llu refused, %llu prompt tokens (%llu from the cache), %llu "
		   "output tokens in %.1f s of device time; simulated in %.1f s\n",
		   (unsigned long long)first->requests, (unsigned long long)first->refused,
		   (unsigned long long)first->prompt_tokens,
		   (unsigned long long)first->cached_tokens,
		   (unsigned long long)first->output_tokens, first->busy_s, host);
}

static int simulate(struct simulation *s, struct aios_status *st)
{
	const char *keep = text(s, "keep_trace");
	int rc = aios_sim_trace_open(&s->source, &s->options, &s->trace, st);

	if (rc == 0 && keep)
		rc = aios_sim_trace_write(s->trace, keep, st);
	for (uint32_t i = 0; i < s->n && rc == 0; i++)
		rc = aios_simulate(s->cli->aios, s->trace, s->policies[i], &s->options,
				   &s->results[i], st);
	if (rc)
		return rc;
	if (cli_flag(s->cli, AIOS_SECTION_COMMAND, "json"))
		return print_json(s, st);
	if (cli_flag(s->cli, AIOS_SECTION_COMMAND, "csv"))
		print_csv(s);
	else
		print_tables(s);
	return 0;
}

int simulate_main(struct cli *cli, struct aios_status *st)
{
	struct simulation *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return aios_fail(st, -ENOMEM, "out of memory");
	s->cli = cli;
	rc = read_options(s, st);
	if (!rc)
		rc = cli_boot(cli, st);
	if (!rc)
		rc = read_policies(s, st);
	if (!rc)
		rc = simulate(s, st);
	aios_sim_trace_close(s->trace);
	for (uint32_t i = 0; i < s->n; i++)
		aios_sim_result_free(s->results[i]);
	free(s);
	return rc;
}
