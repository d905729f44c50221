// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_trace.c - any bytes as a trace of `aios simulate`. What is accepted keeps the bounds that
 * the simulator relies on, and reads the same when it is written and read again.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/simulate/trace.h"

#define EXACT_NS (UINT64_C(1) << 51) /* up to here a double in seconds tells nanoseconds apart */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int files[2]; /* the input, what is written */
static char paths[2][32];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (int i = 0; i < 2; i++) {
		files[i] = memfd_create("trace.csv", MFD_CLOEXEC);
		if (files[i] < 0)
			abort();
		snprintf(paths[i], sizeof(paths[i]), "/proc/self/fd/%d", files[i]);
	}
	return 0;
}

static struct aios_sim_trace *open_trace(const char *path)
{
	struct aios_sim_options options = AIOS_SIM_OPTIONS_INIT;
	struct aios_sim_source source = AIOS_SIM_SOURCE_INIT;
	struct aios_sim_trace *trace = NULL;
	struct aios_status st = { 0 };

	source.path = path;
	/* every refusal has a code and a message */
	if (aios_sim_trace_open(&source, &options, &trace, &st) &&
	    (trace || st.code >= 0 || st.message[0] == '\0'))
		abort();
	return trace;
}

static void check_bounds(const struct aios_sim_trace *t)
{
	if (t->n == 0 || t->n_tenants == 0 || t->n_tenants > TRACE_MAX_TENANTS)
		abort();
	for (size_t i = 0; i < t->n; i++) {
		const struct trace_request *r = &t->requests[i];

		if (r->prompt == 0 || r->output == 0 || r->prompt > TRACE_MAX_TOKENS ||
		    r->output > TRACE_MAX_TOKENS || r->prompt + r->output > t->longest ||
		    r->prefix_tokens > r->prompt || r->tenant >= t->n_tenants ||
		    (i > 0 && r->arrival_ns < r[-1].arrival_ns) ||
		    (r->deadline_ns && r->deadline_ns < r->arrival_ns))
			abort();
	}
}

/* Times beyond EXACT_NS may move by what a double rounds. */
static void check_same(const struct trace_request *a, const struct trace_request *b)
{
	if (a->prompt != b->prompt || a->output != b->output || a->tenant != b->tenant ||
	    a->priority != b->priority || a->prefix != b->prefix ||
	    a->prefix_tokens != b->prefix_tokens || !a->deadline_ns != !b->deadline_ns)
		abort();
	if ((a->arrival_ns < EXACT_NS && a->arrival_ns != b->arrival_ns) ||
	    (a->deadline_ns < EXACT_NS && a->deadline_ns != b->deadline_ns))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct aios_sim_trace *trace, *again;
	struct aios_status st = { 0 };

	if (ftruncate(files[0], 0) < 0 || pwrite(files[0], data, size, 0) != (ssize_t)size)
		abort();
	trace = open_trace(paths[0]);
	if (!trace)
		return 0;
	check_bounds(trace);
	if (aios_sim_trace_write(trace, paths[1], &st))
		abort();
	again = open_trace(paths[1]);
	if (!again || again->n != trace->n || again->longest != trace->longest)
		abort();
	for (size_t i = 0; i < trace->n; i++)
		check_same(&trace->requests[i], &again->requests[i]);
	aios_sim_trace_close(again);
	aios_sim_trace_close(trace);
	return 0;
}
