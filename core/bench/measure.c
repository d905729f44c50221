// SPDX-License-Identifier: Apache-2.0
/*
 * measure.c - how long a launch takes. Launches are captured in a graph where the
 * driver has graphs, as the engine does, and repeated until a sample is long enough
 * to be timed; what is told is the median of several samples.
 */
#include <stdlib.h>
#include <string.h>

#include "core/bench/bench.h"
#include "core/lib/clock.h"

#define GRAPH_LEAST 32u /* launches in a graph, so that its own start does not count */
#define GRAPH_MOST 512u
#define GRAPH_NS 50000000.0 /* a graph of slow launches is cut to about so long */
#define REPEATS_MOST 10000u
#define WARM_SAMPLES 2u /* clocks go up, caches take their state */

/* A measurement under way. */
struct timer {
	struct aios_bench *b;
	bench_launch_fn fn;
	void *ctx;
	uint32_t copies;
	uint64_t next;     /* number of the next launch, without a graph */
	void *graph;       /* NULL: none */
	uint32_t launches; /* in the graph, or in one round without */
	uint32_t repeats;  /* rounds in a sample */
};

static int launch_round(struct timer *t, struct aios_status *st)
{
	int rc = 0;

	if (t->graph)
		return queue_graph_launch(&t->b->queue, t->graph, st);
	for (uint32_t i = 0; i < t->launches && rc == 0; i++)
		rc = t->fn(t->ctx, t->next++ % t->copies, st);
	return rc;
}

/* One sample: ns a launch. *device: the device told the time. */
static int sample(struct timer *t, double *ns, bool *device, struct aios_status *st)
{
	struct queue *q = &t->b->queue;
	uint64_t from = 0, to = 0, began, took = 0;
	int rc = bench_sync(t->b, st);

	began = clock_ns();
	if (rc == 0)
		rc = queue_mark(q, &from, st);
	for (uint32_t i = 0; i < t->repeats && rc == 0; i++)
		rc = launch_round(t, st);
	if (rc == 0)
		rc = queue_mark(q, &to, st);
	if (rc == 0)
		rc = bench_sync(t->b, st);
	if (rc < 0)
		return rc;
	*ns = (double)(clock_ns() - began);
	*device = queue_elapsed(q, from, to, &took, st) == 0 && took > 0;
	if (*device)
		*ns = (double)took;
	aios_status_clear(st);
	*ns /= (double)t->launches * t->repeats;
	return 0;
}

/* A first round that touches every copy, then one by the clock, to know what is ahead. */
static int look_ahead(struct timer *t, double *ns, struct aios_status *st)
{
	bool device;
	int rc;

	t->launches = 1;
	t->repeats = 1;
	rc = sample(t, ns, &device, st);
	if (rc < 0 || *ns > GRAPH_NS)
		return rc;
	t->launches = t->copies;
	rc = sample(t, ns, &device, st);
	return rc < 0 ? rc : sample(t, ns, &device, st);
}

/* Launches of a round: whole turns through the copies, unless launches are slow. */
static uint32_t round_size(const struct timer *t, double ns)
{
	double most = GRAPH_NS / (ns > 1 ? ns : 1);
	uint32_t n = t->copies;

	while (n < GRAPH_LEAST)
		n += t->copies;
	if (n > GRAPH_MOST)
		n = GRAPH_MOST;
	if (n > most)
		n = most < 1 ? 1 : (uint32_t)most;
	return n;
}

/* Capture a round. Without graphs in the driver t->graph stays NULL. */
static int capture(struct timer *t, struct aios_status *st)
{
	struct queue *q = &t->b->queue;
	int rc = queue_graph_begin(q, st), ended;

	if (rc == -ENOSYS) {
		aios_status_clear(st);
		return 0;
	}
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < t->launches && rc == 0; i++)
		rc = t->fn(t->ctx, i % t->copies, st);
	ended = queue_graph_end(q, &t->graph, rc < 0 ? NULL : st);
	return rc < 0 ? rc : ended;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int take_samples(struct timer *t, struct aios_bench_result *out, struct aios_status *st)
{
	uint32_t n = t->b->options.samples;
	double *ns = calloc(n, sizeof(*ns));
	int rc = 0;

	if (!ns)
		return aios_fail(st, -ENOMEM, "no host memory for %u samples", n);
	for (uint32_t i = 0; i < WARM_SAMPLES && rc == 0; i++)
		rc = sample(t, &ns[0], &out->device_clock, st);
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = sample(t, &ns[i], &out->device_clock, st);
	if (rc == 0) {
		qsort(ns, n, sizeof(*ns), compare_double);
		out->ns = (ns[(n - 1) / 2] + ns[n / 2]) / 2;
		out->min_ns = ns[0];
		out->max_ns = ns[n - 1];
	}
	free(ns);
	return rc;
}

int bench_measure(struct aios_bench *b, bench_launch_fn fn, void *ctx, uint32_t copies,
		  struct aios_bench_result *out, struct aios_status *st)
{
	struct timer t = { .b = b, .fn = fn, .ctx = ctx, .copies = copies };
	double ns = 0, repeats;
	int rc = look_ahead(&t, &ns, st);

	if (rc < 0)
		return rc;
	t.launches = round_size(&t, ns);
	repeats = (double)b->options.sample_ns / (ns * t.launches);
	t.repeats = repeats < 1 ? 1 : repeats > REPEATS_MOST ? REPEATS_MOST : (uint32_t)repeats;
	rc = capture(&t, st);
	if (rc == 0)
		rc = take_samples(&t, out, st);
	bench_sync(b, NULL);
	out->graph = t.graph != NULL;
	device_graph_destroy(b->device, t.graph);
	out->samples = b->options.samples;
	out->launches = t.launches * t.repeats;
	out->copies = copies;
	return rc;
}
