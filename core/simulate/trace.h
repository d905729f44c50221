/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h - requests in order of arrival, from a file or a generator. */
#ifndef CORE_SIMULATE_TRACE_H
#define CORE_SIMULATE_TRACE_H

#include <aios/simulate.h>

#define TRACE_MAX_TENANTS 4096u
#define TRACE_MAX_TOKENS 1000000u

struct trace_request {
	uint64_t arrival_ns, deadline_ns; /* 0: no deadline */
	uint32_t prompt, output;          /* tokens, 1 at least */
	uint32_t prefix;        /* requests with the same number, not 0, begin alike ... */
	uint32_t prefix_tokens; /* ... for so many tokens, at most prompt */
	uint16_t tenant;
	int8_t priority;
};

struct aios_sim_trace {
	struct trace_request *requests;
	size_t n, cap;
	uint32_t n_tenants;
	uint32_t longest; /* prompt + output */
};

/* Append a request that may be checked already. 0 or -ENOMEM. */
int trace_add(struct aios_sim_trace *t, const struct trace_request *r, struct aios_status *st);

/* Fill an empty trace by a generator. */
int trace_generate(struct aios_sim_trace *t, const struct aios_sim_source *source,
		   const struct aios_sim_options *options, struct aios_status *st);

#endif /* CORE_SIMULATE_TRACE_H */
