// SPDX-License-Identifier: Apache-2.0
/*
 * fcfs.c - first come, first served, by id.
 *
 * Bound: a request is admitted before every request that arrives later, unless a
 * quota of its own tenant holds it back; so it waits for those before it only. A
 * running request is preempted only for requests that arrived before it.
 */
#include "base.h"

static const struct policy policy = { 0 };

static int open(const struct aios_host *host, const struct aios_sched_limits *limits, void **sched,
		struct aios_status *st)
{
	return sched_open(&policy, host, limits, sched, st);
}

static const struct aios_scheduler_ops ops = SCHED_OPS(open);

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "First come, first served");
AIOS_SCHEDULER(fcfs, "fcfs", &ops, NULL, 0);
