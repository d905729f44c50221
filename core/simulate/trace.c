// SPDX-License-Identifier: Apache-2.0
/*
 * trace.c - traces as files: comma separated values, the first line names the columns,
 * of which arrival, prompt and output must be there. Lines with '#' are left out.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/lib/array.h"
#include "core/simulate/trace.h"

enum column {
	ARRIVAL,
	PROMPT,
	OUTPUT,
	TENANT,
	PRIORITY,
	DEADLINE,
	PREFIX,
	PREFIX_TOKENS,
	COLUMNS
};

static const struct {
	const char *name;
	double low, high;
	bool needed;
	bool time; /* in seconds; all others are whole numbers */
} columns[COLUMNS] = {
	[ARRIVAL] = { "arrival", 0, 1e9, true, true },
	[PROMPT] = { "prompt", 1, TRACE_MAX_TOKENS, true, false },
	[OUTPUT] = { "output", 1, TRACE_MAX_TOKENS, true, false },
	[TENANT] = { "tenant", 0, TRACE_MAX_TENANTS - 1, false, false },
	[PRIORITY] = { "priority", -100, 100, false, false },
	[DEADLINE] = { "deadline", 0, 1e9, false, true },
	[PREFIX] = { "prefix", 0, 4294967295.0, false, false },
	[PREFIX_TOKENS] = { "prefix_tokens", 0, TRACE_MAX_TOKENS, false, false },
};

struct reader {
	const char *path;
	size_t line;
	int at[COLUMNS]; /* where in a line, -1: nowhere */
	int n;           /* fields of a line */
};

int trace_add(struct aios_sim_trace *t, const struct trace_request *r, struct aios_status *st)
{
	if (array_reserve((void **)&t->requests, &t->cap, t->n + 1, sizeof(*r)) < 0)
		return aios_fail(st, -ENOMEM, "no memory for a trace of %zu requests", t->n + 1);
	t->requests[t->n++] = *r;
	if (r->tenant >= t->n_tenants)
		t->n_tenants = r->tenant + 1u;
	if (r->prompt + r->output > t->longest)
		t->longest = r->prompt + r->output;
	return 0;
}

static int read_head(struct reader *r, char *line, struct aios_status *st)
{
	char *save = NULL;

	for (int c = 0; c < COLUMNS; c++)
		r->at[c] = -1;
	for (char *word = strtok_r(line, ", \t\r\n", &save); word;
	     word = strtok_r(NULL, ", \t\r\n", &save)) {
		int c = 0;

		while (c < COLUMNS && strcmp(columns[c].name, word) != 0)
			c++;
		if (c == COLUMNS || r->at[c] >= 0)
			return aios_fail(st, -EINVAL,
					 "%s:%zu: column '%.40s' is unknown or there twice; there "
					 "are arrival, prompt, output, tenant, priority, deadline, "
					 "prefix, prefix_tokens",
					 r->path, r->line, word);
		r->at[c] = r->n++;
	}
	for (int c = 0; c < COLUMNS; c++) {
		if (columns[c].needed && r->at[c] < 0)
			return aios_fail(st, -EINVAL, "%s:%zu: there is no column '%s'", r->path,
					 r->line, columns[c].name);
	}
	return 0;
}

/* Numbers of one line, by column; those that are not there stay 0. */
static int read_fields(const struct reader *r, const char *line, double values[COLUMNS],
		       struct aios_status *st)
{
	double fields[COLUMNS];
	char *end;

	for (int i = 0; i < r->n; i++) {
		fields[i] = strtod(line, &end);
		if (end == line || !isfinite(fields[i]))
			return aios_fail(st, -EINVAL, "%s:%zu: field %d is not a number", r->path,
					 r->line, i + 1);
		line = end + strspn(end, " \t\r\n");
		if (i + 1 < r->n && *line++ != ',')
			return aios_fail(st, -EINVAL, "%s:%zu: expected %d fields, found %d",
					 r->path, r->line, r->n, i + 1);
	}
	if (*line)
		return aios_fail(st, -EINVAL, "%s:%zu: expected %d fields, found more", r->path,
				 r->line, r->n);
	for (int c = 0; c < COLUMNS; c++) {
		values[c] = r->at[c] >= 0 ? fields[r->at[c]] : 0;
		if (r->at[c] >= 0 && (values[c] < columns[c].low || values[c] > columns[c].high))
			return aios_fail(st, -EINVAL, "%s:%zu: %s: expected %.0f to %.0f, found %g",
					 r->path, r->line, columns[c].name, columns[c].low,
					 columns[c].high, values[c]);
		if (!columns[c].time && values[c] != floor(values[c]))
			return aios_fail(st, -EINVAL,
					 "%s:%zu: %s: expected a whole number, found %g", r->path,
					 r->line, columns[c].name, values[c]);
	}
	return 0;
}

/* To the nearest, so that a trace that was written reads as it was. */
static uint64_t nanoseconds(double seconds)
{
	return (uint64_t)llround(seconds * 1e9);
}

static int read_request(const struct reader *r, const char *line, struct aios_sim_trace *t,
			struct aios_status *st)
{
	struct trace_request q = { 0 };
	double v[COLUMNS];
	uint64_t left;
	int rc = read_fields(r, line, v, st);

	if (rc < 0)
		return rc;
	q.arrival_ns = nanoseconds(v[ARRIVAL]);
	q.prompt = (uint32_t)v[PROMPT];
	q.output = (uint32_t)v[OUTPUT];
	q.tenant = (uint16_t)v[TENANT];
	q.priority = (int8_t)v[PRIORITY];
	left = nanoseconds(v[DEADLINE]);
	q.deadline_ns = left ? q.arrival_ns + left : 0;
	q.prefix = (uint32_t)v[PREFIX];
	q.prefix_tokens = q.prefix ? (uint32_t)v[PREFIX_TOKENS] : 0;
	if (q.prefix_tokens > q.prompt)
		return aios_fail(st, -EINVAL, "%s:%zu: prefix_tokens %u is more than prompt %u",
				 r->path, r->line, q.prefix_tokens, q.prompt);
	if (t->n && q.arrival_ns < t->requests[t->n - 1].arrival_ns)
		return aios_fail(st, -EINVAL,
				 "%s:%zu: arrival %g is before that of the line above; sort the "
				 "file by it",
				 r->path, r->line, v[ARRIVAL]);
	return trace_add(t, &q, st);
}

static int read_file(struct aios_sim_trace *t, const char *path, struct aios_status *st)
{
	struct reader r = { .path = path };
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int rc = 0;

	if (!file)
		return aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	while (rc == 0 && (len = getline(&line, &room, file)) >= 0) {
		r.line++;
		if (strlen(line) != (size_t)len)
			rc = aios_fail(st, -EINVAL, "%s:%zu: there is a NUL byte; expected text",
				       path, r.line);
		if (rc < 0 || line[0] == '#' || line[strspn(line, " \t\r\n")] == '\0')
			continue;
		rc = r.n ? read_request(&r, line, t, st) : read_head(&r, line, st);
	}
	if (rc == 0 && ferror(file))
		rc = aios_fail(st, -EIO, "%s: cannot be read", path);
	if (rc == 0 && t->n == 0)
		rc = aios_fail(st, -EINVAL, "%s: there is no request in it", path);
	free(line);
	fclose(file);
	return rc;
}

int aios_sim_trace_open(const struct aios_sim_source *source,
			const struct aios_sim_options *options, struct aios_sim_trace **out,
			struct aios_status *st)
{
	struct aios_sim_trace *t = calloc(1, sizeof(*t));
	int rc;

	aios_status_clear(st);
	if (!t)
		return aios_fail(st, -ENOMEM, "no memory for a trace");
	rc = source->path ? read_file(t, source->path, st) : trace_generate(t, source, options, st);
	if (rc < 0) {
		aios_sim_trace_close(t);
		return rc;
	}
	*out = t;
	return 0;
}

void aios_sim_trace_close(struct aios_sim_trace *trace)
{
	if (!trace)
		return;
	free(trace->requests);
	free(trace);
}

int aios_sim_trace_write(const struct aios_sim_trace *trace, const char *path,
			 struct aios_status *st)
{
	FILE *file = fopen(path, "we");
	bool bad;

	if (!file)
		return aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	fputs("arrival,prompt,output,tenant,priority,deadline,prefix,prefix_tokens\n", file);
	for (size_t i = 0; i < trace->n; i++) {
		const struct trace_request *r = &trace->requests[i];
		uint64_t left = r->deadline_ns ? r->deadline_ns - r->arrival_ns : 0;

		fprintf(file, "%.9f,%u,%u,%u,%d,%.9f,%u,%u\n", (double)r->arrival_ns / 1e9,
			r->prompt, r->output, r->tenant, r->priority, (double)left / 1e9, r->prefix,
			r->prefix_tokens);
	}
	bad = ferror(file);
	if (fclose(file) != 0 || bad)
		return aios_fail(st, -EIO, "%s: cannot be written", path);
	return 0;
}
