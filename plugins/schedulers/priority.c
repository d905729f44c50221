// SPDX-License-Identifier: Apache-2.0
/*
 * priority.c - higher priority first, and waiting raises it: each `aging` seconds
 * count as one level. A request may take the place of a running one of lower
 * priority.
 *
 * Bound: a request of priority p that arrives at t is admitted before every request
 * of priority q that arrives after t + (q - p) * aging. So at the default of 10
 * seconds a request of priority 0 waits for nobody of priority 1 who came more
 * than 10 seconds after it; no stream of important requests starves it.
 */
#include <string.h>

#include "base.h"

static int init(struct sched *s, const struct aios_host *host, struct aios_status *st)
{
	(void)st;
	s->aging_ns = sched_seconds(host, "aging");
	s->ousting = strcmp(host->param(host->ctx, "preempt"), "on") == 0;
	return 0;
}

/* Every order by "arrival, and a constant for each level" ages all that wait alike. */
static int64_t key(const struct sched *s, const struct aios_sched_request *r)
{
	return (int64_t)r->arrival_ns - r->priority * s->aging_ns;
}

static bool worse(const struct sched *s, const struct item *a, const struct item *b)
{
	(void)s;
	if (a->request.priority != b->request.priority)
		return a->request.priority < b->request.priority;
	return item_before(b, a);
}

static bool alike(const struct sched *s, const struct item *a, const struct item *b)
{
	(void)s;
	return a->request.priority == b->request.priority;
}

static bool ousts(const struct sched *s, const struct item *queued, const struct item *running)
{
	return s->ousting && queued->request.priority > running->request.priority &&
	       item_before(queued, running);
}

/* Those of its own priority and above; how long the others have waited is not counted. */
static uint64_t ahead(const struct sched *s, const struct aios_sched_request *r)
{
	uint64_t n = 0;

	for (int p = r->priority; p <= SCHED_PRIORITY; p++)
		n += s->queued_at[p + SCHED_PRIORITY];
	return n;
}

static const struct policy policy = {
	.init = init,
	.key = key,
	.worse = worse,
	.alike = alike,
	.ousts = ousts,
	.ahead = ahead,
};

static int open(const struct aios_host *host, const struct aios_sched_limits *limits, void **sched,
		struct aios_status *st)
{
	return sched_open(&policy, host, limits, sched, st);
}

static const struct aios_scheduler_ops ops = SCHED_OPS(open);

static const struct aios_param params[] = {
	{ .name = "aging",
	  .type = AIOS_PARAM_FLOAT,
	  .default_text = "10",
	  .min = 0.001,
	  .max = 1000000,
	  .help = "Seconds of waiting that count as one level of priority." },
	{ .name = "preempt",
	  .type = AIOS_PARAM_CHOICE,
	  .default_text = "on",
	  .choices = "on|off",
	  .help = "Preempt running requests for waiting ones of higher priority." },
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "Higher priority first, raised by waiting");
AIOS_SCHEDULER(priority, "priority", &ops, params, 2);
