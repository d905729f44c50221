// SPDX-License-Identifier: Apache-2.0
/* run.c - a conformance run: open both sides, make the list of cases, run them, count. */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <aios/numerics.h>

#include "core/conform/conform.h"
#include "core/lib/array.h"
#include "core/lib/clock.h"

const char *aios_conform_status_name(uint32_t status)
{
	static const char *const names[AIOS_CONFORM_STATUSES] = { "pass", "fail", "skip",
								  "expected", "unexpected-pass" };

	return status < AIOS_CONFORM_STATUSES ? names[status] : "unknown";
}

const char *aios_conform_level_name(uint32_t level)
{
	static const char *const names[AIOS_CONFORM_LEVELS] = { "load",       "memory",
								"ops",        "compositions",
								"invariance", "stress" };

	return level < AIOS_CONFORM_LEVELS ? names[level] : "unknown";
}

bool conform_has_profile(const struct aios_conform *c, uint32_t profile)
{
	const char *only = c->options.profile;

	if (!(c->summary.profiles >> profile & 1))
		return false;
	return !only || strcmp(only, aios_profile_info_of(profile).name) == 0;
}

/* Does --case or --filter leave this one out? */
static bool wanted(const struct aios_conform *c, const char *id)
{
	if (c->options.only)
		return strcmp(c->options.only, id) == 0;
	return !c->options.filter || fnmatch(c->options.filter, id, 0) == 0;
}

int conform_add(struct aios_conform *c, const struct conform_job *job, const char *fmt, ...)
{
	struct conform_job *to;
	va_list ap;

	if (array_reserve((void **)&c->jobs, &c->cap_jobs, c->n_jobs + 1, sizeof(*c->jobs)))
		return -ENOMEM;
	to = &c->jobs[c->n_jobs];
	*to = *job;
	va_start(ap, fmt);
	vsnprintf(to->id, sizeof(to->id), fmt, ap);
	va_end(ap);
	if (wanted(c, to->id))
		c->n_jobs++;
	return 0;
}

struct aios_conform_case *conform_case_new(struct aios_conform *c)
{
	struct aios_conform_case *r;

	if (array_reserve((void **)&c->cases, &c->cap_cases, c->n_cases + 1, sizeof(*c->cases)))
		return NULL;
	r = &c->cases[c->n_cases++];
	memset(r, 0, sizeof(*r));
	return r;
}

/* --- checking what was asked for ------------------------------------------------- */

static int check_profile(const struct aios_conform *c, struct aios_status *st)
{
	const char *name = c->options.profile;

	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT && name; p++) {
		if (strcmp(name, aios_profile_info_of(p).name) != 0)
			continue;
		if (c->summary.profiles >> p & 1)
			return 0;
		return aios_fail(st, -EINVAL, "driver %s does not declare profile %s",
				 c->summary.driver, name);
	}
	return name ? aios_fail(st, -EINVAL,
				"no profile is called '%.40s'; there are fma32, tc-sm90, "
				"tc-sm90-e4m3, tc-sm80, i8, i8x2, tc-cdna1, tc-cdna2, tc-cdna3",
				name) :
		      0;
}

static int list_jobs(struct aios_conform *c, struct aios_status *st)
{
	static int (*const levels[AIOS_CONFORM_LEVELS])(struct aios_conform *) = {
		conform_level0, conform_level1, conform_level2,
		conform_level3, conform_level4, conform_level5,
	};
	int rc = check_profile(c, st);

	for (uint32_t l = 0; l <= c->options.level && !rc; l++) {
		rc = levels[l](c);
		if (rc)
			aios_fail(st, rc, "no memory for the list of cases");
	}
	if (rc || c->n_jobs)
		return rc;
	if (c->options.only)
		return aios_fail(st, -ENOENT,
				 "there is no case '%.63s' up to level %u%s; 'aios conform --list' "
				 "prints all",
				 c->options.only, c->options.level,
				 c->options.quick ? " in the quick set" : "");
	return aios_fail(st, -ENOENT, "no case matches '%.63s'; 'aios conform --list' prints all",
			 c->options.filter ? c->options.filter : "");
}

/* --- one job ---------------------------------------------------------------------- */

static void repeat_command(const struct aios_conform *c, struct aios_conform_case *r)
{
	const char *against = c->options.against;
	char other[96] = "";

	if (against && strcmp(against, "cpu-ref") != 0)
		snprintf(other, sizeof(other), " --against '%.80s'", against);
	snprintf(r->repeat, sizeof(r->repeat),
		 "aios conform --driver '%.120s'%s%s --case '%.63s' --seed %llu", c->driver_text,
		 other, c->options.quick && r->level != 2 ? " --quick" : "", r->id,
		 (unsigned long long)c->options.seed);
}

static void name_case(const struct conform_job *job, struct aios_conform_case *r)
{
	const char *op = strchr(job->id, '/'), *set = op ? strchr(op + 1, '/') : NULL;
	size_t n;

	snprintf(r->id, sizeof(r->id), "%s", job->id);
	r->level = job->level;
	if (!op)
		return;
	n = set ? (size_t)(set - op - 1) : strlen(op + 1);
	snprintf(r->op, sizeof(r->op), "%.*s", (int)n, op + 1);
	snprintf(r->profile, sizeof(r->profile), "%.*s", set ? (int)strcspn(set + 1, "/") : 3,
		 set ? set + 1 : "any");
}

/* A device that was lost, or a queue that no longer answers, would fail every case after it. */
static int recover(struct aios_conform *c, struct aios_conform_case *r)
{
	struct aios_status st = { 0 };

	if (r->status != AIOS_CONFORM_FAIL)
		return 0;
	conform_side_close(&c->dut);
	if (conform_side_open(c->aios, &c->dut, &st) == 0)
		return 0;
	snprintf(r->message + strlen(r->message), sizeof(r->message) - strlen(r->message),
		 "; afterwards the device could not be opened again: %.100s", st.message);
	return -ENODEV;
}

static int run_job(struct aios_conform *c, const struct conform_job *job, struct aios_status *st)
{
	struct aios_conform_case *r = conform_case_new(c);
	int rc, lost;

	if (!r)
		return aios_fail(st, -ENOMEM, "no memory for a result");
	name_case(job, r);
	if (c->options.list) {
		r->status = AIOS_CONFORM_SKIP;
		return 0;
	}
	if (c->options.begin)
		c->options.begin(c->options.ctx, r->id);
	rc = job->run(c, job, r);
	if (rc)
		return aios_fail(st, rc, "case %s: the host ran out of memory", r->id);
	conform_digest_check(c, r);
	if (r->status == AIOS_CONFORM_FAIL)
		repeat_command(c, r);
	lost = recover(c, r);
	conform_expect_apply(c, r);
	if (lost)
		return aios_fail(st, lost, "case %s: %s", r->id, r->message);
	return 0;
}

static void count(struct aios_conform *c)
{
	struct aios_conform_summary *s = &c->summary;

	memset(s->counts, 0, sizeof(s->counts));
	memset(s->level_counts, 0, sizeof(s->level_counts));
	for (size_t i = 0; i < c->n_cases; i++) {
		s->counts[c->cases[i].status]++;
		s->level_counts[c->cases[i].level][c->cases[i].status]++;
	}
	s->passed = s->complete && !s->counts[AIOS_CONFORM_FAIL] &&
		    !s->counts[AIOS_CONFORM_UNEXPECTED_PASS];
}

static int run_jobs(struct aios_conform *c, struct aios_status *st)
{
	int rc = 0;

	for (size_t i = 0; i < c->n_jobs && !rc; i++) {
		rc = run_job(c, &c->jobs[i], st);
		if (!rc && c->options.progress &&
		    c->options.progress(c->options.ctx, i + 1, c->n_jobs,
					&c->cases[c->n_cases - 1]))
			rc = aios_fail(st, -EINTR, "stopped after %zu of %zu cases", i + 1,
				       c->n_jobs);
	}
	return rc;
}

/* --- the run ----------------------------------------------------------------------- */

static void begin(struct aios_conform *c, struct aios *aios,
		  const struct aios_conform_options *options)
{
	const char *driver = aios_config_get(aios->config, "aios", "driver");
	time_t now = time(NULL);
	struct tm tm;

	memcpy(&c->options, options,
	       options->size < sizeof(c->options) ? options->size : sizeof(c->options));
	c->aios = aios;
	if (c->options.filter && strcmp(c->options.filter, "*") == 0)
		c->options.filter = NULL;
	c->restricted = c->options.only || c->options.filter || c->options.profile;
	snprintf(c->driver_text, sizeof(c->driver_text), "%s", driver ? driver : "");
	gmtime_r(&now, &tm);
	strftime(c->today, sizeof(c->today), "%Y-%m-%d", &tm);
	if (c->options.today)
		snprintf(c->today, sizeof(c->today), "%s", c->options.today);
	c->summary.level = c->options.level;
	c->summary.quick = c->options.quick;
	c->summary.seed = c->options.seed;
}

static int check_options(const struct aios_conform_options *o, struct aios_status *st)
{
	if (o->size < offsetof(struct aios_conform_options, progress))
		return aios_fail(st, -EINVAL,
				 "aios_conform_options.size is %u; use AIOS_CONFORM_INIT", o->size);
	if (o->level >= AIOS_CONFORM_LEVELS)
		return aios_fail(st, -EINVAL, "level %u; expected 0 to 5", o->level);
	return 0;
}

/* What is known only when all cases have run. */
static int conclude(struct aios_conform *c, struct aios_status *st)
{
	size_t ran = c->n_cases;
	int rc = 0;

	c->summary.complete = true;
	if (!c->restricted && !c->options.list && c->options.level >= 2)
		rc = conform_floor(c);
	if (rc)
		return aios_fail(st, rc, "no memory for a result");
	for (size_t i = ran; c->options.progress && i < c->n_cases; i++)
		c->options.progress(c->options.ctx, c->n_jobs, c->n_jobs, &c->cases[i]);
	conform_digest_all(c);
	if (c->compare_digests && !c->summary.compared && !c->options.list)
		return aios_fail(st, -EINVAL,
				 "no case of this run has a digest in %s: nothing was compared",
				 c->options.digests);
	if (c->options.digests && !c->compare_digests && !c->options.list)
		rc = conform_digests_write(c, c->options.digests, st);
	return rc;
}

static int run(struct aios_conform *c, struct aios_status *st)
{
	uint64_t began = clock_ns();
	int rc = 0;

	if (c->options.expect)
		rc = conform_expect_read(c, c->options.expect, st);
	if (!rc && c->options.digests)
		rc = conform_digests_read(c, c->options.digests, st);
	if (!rc)
		rc = conform_open(c, st);
	if (!rc)
		rc = list_jobs(c, st);
	if (!rc)
		rc = run_jobs(c, st);
	if (!rc)
		rc = conclude(c, st);
	conform_close(c);
	count(c);
	c->summary.ns = clock_ns() - began;
	return rc;
}

int aios_conform_run(struct aios *aios, const struct aios_conform_options *options,
		     struct aios_conform **out, struct aios_status *st)
{
	struct aios_conform *c;
	int rc = check_options(options, st);

	*out = NULL;
	if (rc)
		return rc;
	c = calloc(1, sizeof(*c));
	if (!c)
		return aios_fail(st, -ENOMEM, "no memory for a conformance run");
	aios_status_clear(st);
	begin(c, aios, options);
	rc = run(c, st);
	free(c->jobs);
	c->jobs = NULL;
	/* What was borrowed for the call. */
	memset(&c->options, 0, sizeof(c->options));
	if (rc && rc != -EINTR && rc != -ENODEV) {
		aios_conform_destroy(c);
		return rc;
	}
	*out = c;
	return rc == -ENODEV ? 0 : rc;
}

void aios_conform_destroy(struct aios_conform *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_expects; i++) {
		free(c->expects[i].pattern);
		free(c->expects[i].reason);
		free(c->expects[i].expires);
	}
	free(c->expects);
	free(c->known);
	free(c->cases);
	free(c);
}

const struct aios_conform_summary *aios_conform_summary(const struct aios_conform *c)
{
	return &c->summary;
}

const struct aios_conform_case *aios_conform_case(const struct aios_conform *c, size_t index)
{
	return index < c->n_cases ? &c->cases[index] : NULL;
}
