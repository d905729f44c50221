// SPDX-License-Identifier: Apache-2.0
/*
 * deadline.c - earliest deadline first; a request without one has `bound` seconds
 * from its arrival, and none has more.
 *
 * Bound: a request that arrives at t is admitted before every request that arrives
 * after t + bound, whatever deadlines those have: a stream of urgent requests
 * delays it by no more than what arrives within `bound`. A deadline that has
 * passed when the request arrives counts as "now".
 */
#include "base.h"

static int init(struct sched *s, const struct aios_host *host, struct aios_status *st)
{
	(void)st;
	s->aging_ns = sched_seconds(host, "bound");
	return 0;
}

static int64_t key(const struct sched *s, const struct aios_sched_request *r)
{
	int64_t arrival = (int64_t)r->arrival_ns, latest = arrival + s->aging_ns;

	if (r->deadline_ns == 0 || r->deadline_ns > (uint64_t)latest)
		return latest;
	return r->deadline_ns < r->arrival_ns ? arrival : (int64_t)r->deadline_ns;
}

static const struct policy policy = { .init = init, .key = key };

static int open(const struct aios_host *host, const struct aios_sched_limits *limits, void **sched,
		struct aios_status *st)
{
	return sched_open(&policy, host, limits, sched, st);
}

static const struct aios_scheduler_ops ops = SCHED_OPS(open);

static const struct aios_param params[] = {
	{ .name = "bound",
	  .type = AIOS_PARAM_FLOAT,
	  .default_text = "60",
	  .min = 0.001,
	  .max = 1000000,
	  .help = "Seconds after its arrival that a request's deadline is at most." },
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "Earliest deadline first");
AIOS_SCHEDULER(deadline, "deadline", &ops, params, 1);
