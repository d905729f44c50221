// SPDX-License-Identifier: Apache-2.0
/*
 * floor.c - what must have passed, so that a driver which says NO to everything does
 * not pass: each mandatory op at least once, matmul and attention in each declared
 * profile, and profile fma32, which every driver must have.
 */
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/conform.h"

/* Generated cases of an op in a profile (or "any") that ran and passed. */
static uint32_t passed(const struct aios_conform *c, const char *op, const char *profile)
{
	uint32_t n = 0;

	for (size_t i = 0; i < c->n_cases; i++)
		if (c->cases[i].level == 2 && c->cases[i].status == AIOS_CONFORM_PASS &&
		    c->cases[i].digest[0] && strcmp(c->cases[i].op, op) == 0 &&
		    strcmp(c->cases[i].profile, profile) == 0)
			n++;
	return n;
}

static bool failed(const struct aios_conform *c, const char *op)
{
	for (size_t i = 0; i < c->n_cases; i++)
		if (c->cases[i].level == 2 && c->cases[i].status != AIOS_CONFORM_PASS &&
		    c->cases[i].status != AIOS_CONFORM_SKIP && strcmp(c->cases[i].op, op) == 0)
			return true;
	return false;
}

/* What query_op() answers when it is asked for the first case once more. */
static void ask(struct aios_conform *c, const struct gen *g, uint32_t profile, char *why,
		size_t size)
{
	struct prog_how how = conform_how(0);
	struct prog_result got;
	struct gen_case first;
	struct prog p;

	gen_make(g, profile, 0, c->options.seed, &first);
	if (gen_build(&first, &p) == 0 && prog_run(&p, c->dut.queues, &how, &got) == 0) {
		if (got.outcome != PROG_RAN && got.why[0])
			snprintf(why, size, "%.190s", got.why);
		prog_result_finish(&got);
	}
	prog_finish(&p);
}

static int one(struct aios_conform *c, const struct gen *g, uint32_t p, const char *profile)
{
	char why[200] = "every case was refused or left out";
	const char *op = g->name;
	struct aios_conform_case *r;
	uint32_t n = passed(c, op, profile);

	if (n == 0 && failed(c, op))
		return 0; /* said already */
	r = conform_case_new(c);
	if (!r)
		return -ENOMEM;
	snprintf(r->id, sizeof(r->id), "l2/floor/%.20s/%.20s", op, profile);
	snprintf(r->op, sizeof(r->op), "floor");
	snprintf(r->profile, sizeof(r->profile), "%s", profile);
	r->level = 2;
	if (!n) {
		ask(c, g, p, why, sizeof(why));
		conform_fail(r, "%s is mandatory%s%s, and no case of it was computed: %s", op,
			     g->profiled ? " in profile " : "", g->profiled ? profile : "", why);
	}
	conform_expect_apply(c, r);
	return 0;
}

/* At least one model from ids to logits, in fma32. */
static int composition(struct aios_conform *c)
{
	struct aios_conform_case *r;
	uint32_t n = 0, bad = 0;

	for (size_t i = 0; i < c->n_cases; i++) {
		if (c->cases[i].level != 3 || strcmp(c->cases[i].profile, "fma32") != 0)
			continue;
		n += c->cases[i].status == AIOS_CONFORM_PASS;
		bad += c->cases[i].status != AIOS_CONFORM_PASS &&
		       c->cases[i].status != AIOS_CONFORM_SKIP;
	}
	if (bad)
		return 0; /* said already */
	r = conform_case_new(c);
	if (!r)
		return -ENOMEM;
	snprintf(r->id, sizeof(r->id), "l3/floor/fma32");
	snprintf(r->op, sizeof(r->op), "floor");
	snprintf(r->profile, sizeof(r->profile), "fma32");
	r->level = 3;
	if (!n)
		conform_fail(
			r, "no layer and no model passed in profile fma32: every one was skipped");
	conform_expect_apply(c, r);
	return 0;
}

int conform_floor(struct aios_conform *c)
{
	int rc = 0;

	for (size_t i = 0; i < gen_n && !rc; i++) {
		const struct gen *g = gen_all[i];

		if (!g->mandatory)
			continue;
		if (!g->profiled)
			rc = one(c, g, AIOS_PROFILE_FMA32, "any");
		for (uint32_t p = 0; p < AIOS_PROFILE_COUNT && g->profiled && !rc; p++)
			if (p == AIOS_PROFILE_FMA32 || conform_has_profile(c, p))
				rc = one(c, g, p, aios_profile_info_of(p).name);
	}
	if (!rc && c->summary.level >= 3)
		rc = composition(c);
	return rc;
}
