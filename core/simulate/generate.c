// SPDX-License-Identifier: Apache-2.0
/*
 * generate.c - traces of the usual kinds. Bodies (lengths, tenants) and the times
 * between arrivals in units of their mean are drawn first; then time is stretched so that
 * the requests are what was asked for: so many a second, or such a load.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/simulate/trace.h"

struct random {
	uint64_t state;
};

struct gen {
	struct random random;
	const struct aios_sim_source *source;
	double time;      /* of the request that is drawn, in mean times between two */
	double burst_end; /* bursty */
	bool bursting;
};

/* splitmix64 */
static uint64_t draw(struct random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* In (0, 1). */
static double unit(struct random *r)
{
	return ((double)(draw(r) >> 11) + 0.5) / 9007199254740992.0;
}

static uint32_t between(struct random *r, uint32_t low, uint32_t high)
{
	return low + (uint32_t)(draw(r) % (high - low + 1));
}

static double exponential(struct random *r)
{
	return -log(unit(r));
}

/* Heavy tailed: half are below low * 2^(1/alpha), the largest are cut. */
static uint32_t pareto(struct random *r, double low, double alpha, double high)
{
	double x = low * pow(unit(r), -1.0 / alpha);

	return (uint32_t)(x < high ? x : high);
}

/* ---- the kinds -------------------------------------------------------------- */

static void usual(struct gen *g, struct trace_request *q)
{
	q->tenant = (uint16_t)between(&g->random, 0, g->source->tenants - 1);
	q->prompt = between(&g->random, 32, 1024);
	q->output = between(&g->random, 16, 256);
}

static void poisson(struct gen *g, struct trace_request *q)
{
	g->time += exponential(&g->random);
	usual(g, q);
}

/* Four times the mean rate a fifth of the time, a quarter of it otherwise. */
static void bursty(struct gen *g, struct trace_request *q)
{
	while (g->time >= g->burst_end) {
		g->bursting = !g->bursting;
		g->burst_end += (g->bursting ? 200 : 800) * exponential(&g->random);
	}
	g->time += exponential(&g->random) / (g->bursting ? 4.0 : 0.25);
	usual(g, q);
}

/* One of 64 system prompts, each the more popular the lower its number (Zipf), then something short. */
static void prefixes(struct gen *g, struct trace_request *q)
{
	double u = unit(&g->random) * 4.7439, sum = 0;
	uint32_t k = 0;

	g->time += exponential(&g->random);
	while (k < 64 && sum < u)
		sum += 1.0 / ++k;
	q->tenant = (uint16_t)between(&g->random, 0, g->source->tenants - 1);
	q->prefix = k ? k : 1;
	q->prefix_tokens = 512 + q->prefix * 397 % 1536;
	q->prompt = q->prefix_tokens + between(&g->random, 8, 256);
	q->output = between(&g->random, 16, 256);
}

static void long_tail(struct gen *g, struct trace_request *q)
{
	g->time += exponential(&g->random);
	q->tenant = (uint16_t)between(&g->random, 0, g->source->tenants - 1);
	q->prompt = pareto(&g->random, 64, 1.0, 16384);
	q->output = pareto(&g->random, 32, 1.2, 4096);
}

/* Tenant 0 sends as much as all others together, and more: two thirds of all requests. */
static void flood(struct gen *g, struct trace_request *q)
{
	g->time += exponential(&g->random);
	usual(g, q);
	if (between(&g->random, 0, 2) > 0 || g->source->tenants == 1)
		q->tenant = 0;
	else
		q->tenant = (uint16_t)between(&g->random, 1, g->source->tenants - 1);
}

/* Tenant 0 chats: short, in a hurry. The others send long documents that can wait. */
static void classes(struct gen *g, struct trace_request *q)
{
	g->time += exponential(&g->random);
	if (between(&g->random, 0, 3) > 0) {
		q->tenant = 0;
		q->prompt = between(&g->random, 16, 256);
		q->output = between(&g->random, 16, 128);
		q->priority = 1;
		q->deadline_ns = 5000000000ull;
		return;
	}
	q->tenant = (uint16_t)(g->source->tenants == 1 ?
				       0 :
				       between(&g->random, 1, g->source->tenants - 1));
	q->prompt = between(&g->random, 1024, 8192);
	q->output = between(&g->random, 128, 512);
}

static const char *const names[] = { "poisson", "bursty",  "prefixes", "long-tail",
				     "flood",   "classes", NULL };

static void (*const kinds[])(struct gen *g, struct trace_request *q) = {
	poisson, bursty, prefixes, long_tail, flood, classes,
};

const char *const *aios_sim_kinds(void)
{
	return names;
}

/* ---- time --------------------------------------------------------------------- */

/* Device time of a request in a full batch: what a load of 1 is relative to. */
static double mean_cost_us(const struct aios_sim_trace *t, const struct aios_sim_options *o)
{
	double sum = 0, kv = 0, batch;

	for (size_t i = 0; i < t->n; i++) {
		const struct trace_request *r = &t->requests[i];
		double prompt = r->prompt, output = r->output, before = 0;

		if (o->cache && r->prefix)
			before = r->prefix_tokens;
		sum += (prompt - before + output) * o->cost.row_us +
		       output * (prompt + output / 2) * o->cost.kv_us;
		kv += prompt + output / 2;
	}
	kv /= (double)t->n;
	batch = (double)o->pages * o->page_size / kv;
	batch = batch < o->max_running ? batch : o->max_running;
	batch = batch < 1 ? 1 : batch;
	for (size_t i = 0; i < t->n; i++)
		sum += t->requests[i].output * (o->cost.step_us + o->cost.weights_us) / batch;
	return sum / (double)t->n;
}

static void stretch(struct aios_sim_trace *t, const double *times,
		    const struct aios_sim_source *source, const struct aios_sim_options *options)
{
	double span = times[t->n - 1] > 0 ? times[t->n - 1] : 1;
	double gap_ns = source->rate > 0 ? 1e9 / source->rate :
					   mean_cost_us(t, options) * 1000 / source->load;

	for (size_t i = 0; i < t->n; i++) {
		struct trace_request *r = &t->requests[i];

		/* The mean of the times drawn is near 1, not 1: the last arrives when it should. */
		r->arrival_ns = (uint64_t)(times[i] / span * (double)t->n * gap_ns);
		if (r->deadline_ns)
			r->deadline_ns += r->arrival_ns;
	}
}

int trace_generate(struct aios_sim_trace *t, const struct aios_sim_source *source,
		   const struct aios_sim_options *options, struct aios_status *st)
{
	struct gen g = { .random = { source->seed }, .source = source };
	size_t kind = 0;
	double *times;
	int rc = 0;

	while (names[kind] && strcmp(names[kind], source->kind) != 0)
		kind++;
	if (!names[kind])
		return aios_fail(
			st, -EINVAL,
			"'%.40s' is no kind of trace; there are poisson, bursty, prefixes, "
			"long-tail, flood, classes",
			source->kind);
	if (source->requests == 0 || source->tenants == 0 || source->tenants > TRACE_MAX_TENANTS)
		return aios_fail(st, -EINVAL,
				 "a trace needs 1 request at least and 1 to %u tenants, found %u "
				 "and %u",
				 TRACE_MAX_TENANTS, source->requests, source->tenants);
	if (!(source->rate > 0) && !(source->load > 0))
		return aios_fail(st, -EINVAL, "the load must be above 0, found %g", source->load);
	times = malloc(source->requests * sizeof(*times));
	if (!times)
		return aios_fail(st, -ENOMEM, "no memory for %u requests", source->requests);
	for (uint32_t i = 0; i < source->requests && rc == 0; i++) {
		struct trace_request q = { 0 };

		kinds[kind](&g, &q);
		times[i] = g.time;
		rc = trace_add(t, &q, st);
	}
	t->n_tenants = source->tenants;
	if (rc == 0)
		stretch(t, times, source, options);
	free(times);
	return rc;
}
