/* SPDX-License-Identifier: Apache-2.0 */
/* measure.h - what a simulation counts, and the result that becomes of it. */
#ifndef CORE_SIMULATE_MEASURE_H
#define CORE_SIMULATE_MEASURE_H

#include <aios/simulate.h>

#include "core/simulate/trace.h"

enum {
	TIMES_FINE = 128, /* buckets between a power of two and the next */
	TIMES_BUCKETS = 58 * TIMES_FINE,
};

/* Times in nanoseconds, counted in buckets less than 1 % wide. */
struct times {
	uint64_t count[TIMES_BUCKETS];
	uint64_t n, max;
};

struct tenant_measure {
	struct times ttft, itl;
	double weight;
	double waited_ns, got_ns; /* while it had requests queued: all device time, its own */
	double due_ns;            /* what its weight entitles it to, of that of all who waited */
	uint64_t device_ns, step_ns;
	uint32_t queued, running;
	uint64_t requests, refused, prompt_tokens, output_tokens;
};

struct measure {
	struct aios_sim_result *result; /* counters; the rest is made by measure_result() */
	struct tenant_measure *tenants; /* [n_tenants] */
	uint32_t n_tenants;
	uint64_t begin_ns, end_ns, busy_ns, policy_ns;
	double wasted_ns;
};

int measure_init(struct measure *m, const struct aios_sim_trace *trace,
		 const struct aios_sim_options *options, struct aios_status *st);
void measure_finish(
	struct measure *m); /* takes a zeroed struct; the result goes too, if it is there */

void times_add(struct times *t, uint64_t ns);

/* A step took so long; tenants[].step_ns say whose, queued who wanted more. */
void measure_step(struct measure *m, uint64_t ns);

/* The result; it is the caller's. */
struct aios_sim_result *measure_result(struct measure *m);

#endif /* CORE_SIMULATE_MEASURE_H */
