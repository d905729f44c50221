/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulate.h - a scheduler plugin against a cost model in place of a device: what a
 * policy does to a million requests, in seconds. The plugin, the prefix cache's
 * plugin and the page accounting are the engine's own; time is what the model
 * says. `aios simulate` is a front end to this; Documentation/scheduling.md says
 * what is modelled and compares the policies.
 *
 *	aios_create -> aios_sim_trace_open -> aios_simulate ... -> aios_sim_result_free
 *	-> aios_sim_trace_close
 *
 * Threads: one call at a time. The same trace and options give the same result,
 * except for host_ns and policy_ns.
 */
#ifndef AIOS_SIMULATE_H
#define AIOS_SIMULATE_H

#include <aios/aios.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Device time of a step: step + weights + row * rows + kv * tokens of KV that its sequences have. */
struct aios_sim_cost {
	double step_us;      /* launches and synchronisation */
	double weights_us;   /* all weights read once */
	double row_us;       /* a row computed */
	double kv_us;        /* a token of KV read */
	double swap_page_us; /* a page written to swap and read back */
};

/*
 * An 8B model of 36 layers, 8 KV heads of 128, bf16, on an H100: 15.1 GB of weights and 147,456
 * bytes of KV a token at 3.1 TB/s; 37,000 rows a second of prefill; 50 GB/s each way to swap.
 */
#define AIOS_SIM_COST_H100_8B                                                                      \
	{                                                                                          \
		.step_us = 200, .weights_us = 4870, .row_us = 27, .kv_us = 0.0476,                 \
		.swap_page_us = 94,                                                                \
	}

/* Where requests come from. Zero-initialise with AIOS_SIM_SOURCE_INIT. */
struct aios_sim_source {
	uint32_t size;
	uint32_t requests; /* how many are generated */
	uint32_t tenants;  /* at least 1 */
	uint32_t reserved;
	const char *path; /* a trace file, or NULL */
	const char *kind; /* else: poisson, bursty, prefixes, long-tail, flood, classes */
	uint64_t seed;
	double rate; /* requests a second; 0: by load */
	double load; /* of what the device can do, as the cost model says; 1: all of it */
};

#define AIOS_SIM_SOURCE_INIT                                                                       \
	{                                                                                          \
		.size = sizeof(struct aios_sim_source), .requests = 20000, .tenants = 4,           \
		.kind = "poisson", .load = 0.9,                                                    \
	}

/* The engine that is simulated. */
struct aios_sim_options {
	uint32_t size;
	uint32_t max_running, max_rows; /* sequences and rows of a step */
	uint32_t max_queued;
	uint32_t page_size, pages;
	uint32_t swap_pages; /* 0: no swap */
	uint32_t n_weights;  /* of tenants 0, 1, ...; the others have weight 1 */
	const double *weights;
	const char *cache; /* prefix cache plugin, or NULL for none */
	struct aios_sim_cost cost;
};

#define AIOS_SIM_OPTIONS_INIT                                                                      \
	{                                                                                          \
		.size = sizeof(struct aios_sim_options), .max_running = 256, .max_rows = 2048,     \
		.max_queued = 100000, .page_size = 16, .pages = 20000, .swap_pages = 20000,        \
		.cache = "radix", .cost = AIOS_SIM_COST_H100_8B,                                   \
	}

struct aios_sim_trace;

/* Read or make a trace; `options` say what a generator's load is relative to. */
AIOS_API int aios_sim_trace_open(const struct aios_sim_source *source,
				 const struct aios_sim_options *options,
				 struct aios_sim_trace **out, struct aios_status *st);
AIOS_API void aios_sim_trace_close(struct aios_sim_trace *trace); /* takes NULL */

/* Write it as a file that `path` of a source reads. */
AIOS_API int aios_sim_trace_write(const struct aios_sim_trace *trace, const char *path,
				  struct aios_status *st);

/* Names of the generators, ending with NULL. Static. */
AIOS_API const char *const *aios_sim_kinds(void);

/* Percentiles of times in seconds, within 1 %. */
struct aios_sim_times {
	double p50, p99, max;
};

struct aios_sim_tenant {
	double weight;
	uint64_t requests, refused, prompt_tokens, output_tokens;
	double device_s;
	/*
	 * share: its part of the device time while it had requests queued. due: 1 when that is
	 * what its weight entitles it to of the time of all who had requests queued; more when it
	 * got more; when it got less, all device time it had, relative to that and what is
	 * missing. -1: it never waited.
	 */
	double share, due;
	struct aios_sim_times ttft, itl;
};

struct aios_sim_result {
	char policy[64];
	uint64_t requests, finished, refused, steps, rows;
	uint64_t prompt_tokens, cached_tokens, output_tokens;
	double seconds,
		busy_s;      /* from the first arrival to the last end; of that the device worked */
	double output_per_s; /* output tokens a second */
	struct aios_sim_times ttft, itl;
	double jain;               /* index of the tenants' min(due, 1) */
	uint64_t swapped, dropped; /* preemptions */
	uint64_t recomputed_rows;
	double wasted; /* part of the device time that went into rows computed before and into swap */
	uint64_t with_deadline, met_deadline;
	uint64_t policy_ns; /* host time a step in the plugin: measured, not simulated */
	uint64_t host_ns;   /* of the whole simulation */
	uint32_t n_tenants;
	uint32_t reserved;
	struct aios_sim_tenant *tenants;
};

/* Run a trace under the scheduler plugin `policy`. */
AIOS_API int aios_simulate(struct aios *aios, const struct aios_sim_trace *trace,
			   const char *policy, const struct aios_sim_options *options,
			   struct aios_sim_result **out, struct aios_status *st);
AIOS_API void aios_sim_result_free(struct aios_sim_result *result); /* takes NULL */

#ifdef __cplusplus
}
#endif

#endif /* AIOS_SIMULATE_H */
