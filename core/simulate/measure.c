// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/simulate/measure.h"

int measure_init(struct measure *m, const struct aios_sim_trace *trace,
		 const struct aios_sim_options *options, struct aios_status *st)
{
	memset(m, 0, sizeof(*m));
	m->n_tenants = trace->n_tenants;
	m->tenants = calloc(m->n_tenants, sizeof(*m->tenants));
	m->result = calloc(1, sizeof(*m->result));
	if (m->result)
		m->result->tenants = calloc(m->n_tenants, sizeof(*m->result->tenants));
	if (!m->tenants || !m->result || !m->result->tenants) {
		measure_finish(m);
		return aios_fail(st, -ENOMEM, "no memory for the figures of %u tenants",
				 trace->n_tenants);
	}
	for (uint32_t i = 0; i < m->n_tenants; i++)
		m->tenants[i].weight = i < options->n_weights ? options->weights[i] : 1.0;
	m->begin_ns = trace->requests[0].arrival_ns;
	return 0;
}

void measure_finish(struct measure *m)
{
	aios_sim_result_free(m->result);
	free(m->tenants);
	memset(m, 0, sizeof(*m));
}

void aios_sim_result_free(struct aios_sim_result *result)
{
	if (!result)
		return;
	free(result->tenants);
	free(result);
}

/* ---- times ------------------------------------------------------------------- */

/* Below TIMES_FINE each has its own; then the seven bits after the first one say which. */
void times_add(struct times *t, uint64_t ns)
{
	unsigned power = ns < TIMES_FINE ? 0 : 56u - (unsigned)__builtin_clzll(ns);

	t->count[power * TIMES_FINE + (ns >> power)]++;
	t->n++;
	if (ns > t->max)
		t->max = ns;
}

/* The middle of a bucket. */
static double bucket_ns(uint32_t bucket)
{
	uint32_t power = bucket / TIMES_FINE ? bucket / TIMES_FINE - 1 : 0;
	double low = bucket < TIMES_FINE ?
			     bucket :
			     (double)(bucket % TIMES_FINE + TIMES_FINE) * (double)(1ull << power);

	return low + ((double)(1ull << power) - 1) / 2;
}

static double percentile(const struct times *t, double p)
{
	uint64_t wanted = (uint64_t)(p * (double)t->n), seen = 0;

	if (t->n == 0)
		return 0;
	for (uint32_t i = 0; i < TIMES_BUCKETS; i++) {
		seen += t->count[i];
		if (seen > wanted)
			return bucket_ns(i) < (double)t->max ? bucket_ns(i) / 1e9 :
							       (double)t->max / 1e9;
	}
	return (double)t->max / 1e9;
}

static void describe(const struct times *t, struct aios_sim_times *out)
{
	out->p50 = percentile(t, 0.5);
	out->p99 = percentile(t, 0.99);
	out->max = (double)t->max / 1e9;
}

static void merge(struct times *into, const struct times *from)
{
	for (uint32_t i = 0; i < TIMES_BUCKETS; i++)
		into->count[i] += from->count[i];
	into->n += from->n;
	if (from->max > into->max)
		into->max = from->max;
}

/* ---- shares ------------------------------------------------------------------- */

void measure_step(struct measure *m, uint64_t ns)
{
	double weights = 0, shared = 0;

	m->busy_ns += ns;
	for (uint32_t i = 0; i < m->n_tenants; i++) {
		if (m->tenants[i].queued == 0)
			continue;
		weights += m->tenants[i].weight;
		shared += (double)m->tenants[i].step_ns;
	}
	for (uint32_t i = 0; i < m->n_tenants; i++) {
		struct tenant_measure *t = &m->tenants[i];

		if (t->queued > 0) {
			t->waited_ns += (double)ns;
			t->got_ns += (double)t->step_ns;
			t->due_ns += shared * t->weight / weights;
		}
		t->device_ns += t->step_ns;
		t->step_ns = 0;
	}
}

/*
 * What it got of what it was due. A tenant that waits now and then, for a place, misses little
 * of what it gets in all.
 */
static double due_of(const struct tenant_measure *t)
{
	double missing = t->due_ns - t->got_ns;

	if (t->due_ns <= 0)
		return -1;
	if (missing <= 0)
		return t->got_ns / t->due_ns;
	return (double)t->device_ns / ((double)t->device_ns + missing);
}

static void tenant_result(struct tenant_measure *t, struct aios_sim_tenant *out)
{
	out->weight = t->weight;
	out->requests = t->requests;
	out->refused = t->refused;
	out->prompt_tokens = t->prompt_tokens;
	out->output_tokens = t->output_tokens;
	out->device_s = (double)t->device_ns / 1e9;
	out->share = t->waited_ns > 0 ? t->got_ns / t->waited_ns : -1;
	out->due = due_of(t);
	describe(&t->ttft, &out->ttft);
	describe(&t->itl, &out->itl);
}

/* Jain's index of min(due, 1): 1 when nobody gets less than it is entitled to. */
static double jain(const struct aios_sim_result *r)
{
	double sum = 0, squares = 0, n = 0;

	for (uint32_t i = 0; i < r->n_tenants; i++) {
		double x = r->tenants[i].due;

		if (x < 0)
			continue;
		x = x < 1 ? x : 1;
		sum += x;
		squares += x * x;
		n++;
	}
	return squares > 0 ? sum * sum / (n * squares) : 1;
}

struct aios_sim_result *measure_result(struct measure *m)
{
	struct aios_sim_result *r = m->result;
	struct tenant_measure *all = &m->tenants[0];

	r->n_tenants = m->n_tenants;
	for (uint32_t i = 0; i < m->n_tenants; i++) {
		struct tenant_measure *t = &m->tenants[i];

		tenant_result(t, &r->tenants[i]);
		r->requests += t->requests;
		r->refused += t->refused;
		r->prompt_tokens += t->prompt_tokens;
		r->output_tokens += t->output_tokens;
	}
	/* The first tenant's times are not needed any more: those of all are gathered there. */
	for (uint32_t i = 1; i < m->n_tenants; i++) {
		merge(&all->ttft, &m->tenants[i].ttft);
		merge(&all->itl, &m->tenants[i].itl);
	}
	describe(&all->ttft, &r->ttft);
	describe(&all->itl, &r->itl);
	r->seconds = (double)(m->end_ns - m->begin_ns) / 1e9;
	r->busy_s = (double)m->busy_ns / 1e9;
	r->output_per_s = r->seconds > 0 ? (double)r->output_tokens / r->seconds : 0;
	r->jain = jain(r);
	r->wasted = m->busy_ns ? m->wasted_ns / (double)m->busy_ns : 0;
	r->policy_ns = r->steps ? m->policy_ns / r->steps : 0;
	m->result = NULL;
	return r;
}
