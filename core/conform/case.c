// SPDX-License-Identifier: Apache-2.0
/* case.c - one case: run on both sides, compare, say what is wrong. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/conform.h"

#define TIMEOUT_NS (60u * 1000000000ull)

int conform_fail(struct aios_conform_case *r, const char *fmt, ...)
{
	va_list ap;

	if (r->status == AIOS_CONFORM_FAIL)
		return 0;
	r->status = AIOS_CONFORM_FAIL;
	va_start(ap, fmt);
	vsnprintf(r->message, sizeof(r->message), fmt, ap);
	va_end(ap);
	return 0;
}

int conform_skip(struct aios_conform_case *r, const char *fmt, ...)
{
	va_list ap;

	if (r->status != AIOS_CONFORM_PASS)
		return 0;
	r->status = AIOS_CONFORM_SKIP;
	va_start(ap, fmt);
	vsnprintf(r->message, sizeof(r->message), fmt, ap);
	va_end(ap);
	return 0;
}

char *conform_bits(const char *dtype, uint64_t v, char out[24])
{
	int digits = 16;

	for (uint32_t t = 1; t < AIOS_DTYPE_COUNT; t++)
		if (strcmp(aios_dtype_name(t), dtype) == 0)
			digits = (int)aios_dtype_bytes(t) * 2;
	snprintf(out, 24, "0x%0*" PRIx64, digits, v);
	return out;
}

struct prog_how conform_how(uint32_t run)
{
	static const uint8_t guards[] = { 0xff, 0x5a, 0x7f, 0x00 };
	static const uint8_t poisons[] = { 0xcd, 0x32, 0x99, 0x41 };
	struct prog_how how = { .skew = 16 * ((run * 5) % 16),
				.guard = guards[run % 4],
				.poison = poisons[run % 4],
				.queues = 1,
				.timeout_ns = TIMEOUT_NS };

	return how;
}

bool conform_ran(const struct prog_result *run, const char *who, struct aios_conform_case *r)
{
	switch (run->outcome) {
	case PROG_RAN:
		return true;
	case PROG_REFUSED:
		conform_skip(r, "%s: %s", who, run->why);
		return false;
	default:
		conform_fail(r, "%s: %s", who, run->why);
		return false;
	}
}

void conform_note_diff(struct aios_conform_case *r, const struct prog_diff *d, const char *what)
{
	char got[24], want[24], where[64], far[48] = "";

	if (r->status == AIOS_CONFORM_FAIL)
		return;
	snprintf(r->buffer, sizeof(r->buffer), "%s", d->buf);
	snprintf(r->dtype, sizeof(r->dtype), "%s", aios_dtype_name(d->dtype));
	r->differs = true;
	r->plane = d->plane;
	r->row = d->row;
	r->col = d->col;
	r->got = d->got;
	r->want = d->want;
	r->ulp = d->ulp;
	r->n_diff = d->n_diff;
	r->n_elements = d->n_total;
	snprintf(where, sizeof(where), "%s[%u][%u]%s", d->buf, d->row, d->col,
		 d->plane ? " (lo plane)" : "");
	if (d->ulp != UINT64_MAX)
		snprintf(far, sizeof(far), ", %" PRIu64 " ulp apart", d->ulp);
	conform_fail(r,
		     "%s: %s is %s, expected %s (%s%s); %" PRIu64 " of %" PRIu64 " elements differ",
		     what, where, conform_bits(r->dtype, d->got, got),
		     conform_bits(r->dtype, d->want, want), r->dtype, far, d->n_diff, d->n_total);
}

/* The second run on the device: other addresses, other bytes around; the same bits. */
static int run_again(struct aios_conform *c, const struct prog *p, const struct prog_result *first,
		     struct aios_conform_case *r)
{
	struct prog_how how = conform_how(1);
	struct prog_result again;
	struct prog_diff diff;
	int rc = prog_run(p, c->dut.queues, &how, &again);

	if (!rc && again.outcome != first->outcome)
		conform_fail(r, "the second run %s, the first one %s%s%s",
			     again.outcome == PROG_RAN ? "ran" : again.why,
			     first->outcome == PROG_RAN ? "ran" : "was refused",
			     first->outcome == PROG_RAN ? "" : ": ", first->why);
	if (!rc && again.outcome == PROG_RAN && first->outcome == PROG_RAN) {
		prog_compare(p, &again, first, &diff);
		if (diff.differs)
			conform_note_diff(
				r, &diff,
				"two runs at other addresses, with other bytes around and in "
				"the outputs, differ");
	}
	prog_result_finish(&again);
	return rc;
}

int conform_run_prog(struct aios_conform *c, const struct prog *p, struct aios_conform_case *r)
{
	struct prog_how how = conform_how(0), ref_how = conform_how(2);
	struct prog_result got = { 0 }, want = { 0 };
	struct prog_diff diff;
	int rc = prog_run(p, c->dut.queues, &how, &got);

	if (rc)
		goto out;
	r->ns = got.ns;
	if (got.outcome != PROG_BROKEN)
		rc = run_again(c, p, &got, r);
	if (rc ||
	    !conform_ran(&got, got.outcome == PROG_REFUSED ? "query_op says NO" : c->summary.driver,
			 r))
		goto out;
	rc = prog_run(p, c->ref.queues, &ref_how, &want);
	if (rc)
		goto out;
	if (want.outcome != PROG_RAN) {
		conform_fail(r, "the reference %s cannot run this case: %s", c->summary.reference,
			     want.why);
		goto out;
	}
	r->reference_ns = want.ns;
	prog_compare(p, &got, &want, &diff);
	r->n_elements = diff.n_total;
	/* Against the reference first: a wrong value says more than an unstable one. */
	if (diff.differs) {
		if (r->status == AIOS_CONFORM_FAIL && r->differs)
			r->status = AIOS_CONFORM_PASS;
		conform_note_diff(r, &diff, "differs from the reference");
	}
	if (r->status == AIOS_CONFORM_PASS)
		prog_digest(p, &got, r->digest);
out:
	prog_result_finish(&got);
	prog_result_finish(&want);
	return rc;
}

int conform_run_gen(struct aios_conform *c, const struct conform_job *job,
		    struct aios_conform_case *r)
{
	struct gen_case one;
	struct prog p;
	int rc;

	gen_make(job->gen, job->profile, job->index, c->options.seed, &one);
	gen_describe(&one, r->shape, sizeof(r->shape));
	rc = gen_build(&one, &p);
	if (!rc)
		rc = conform_run_prog(c, &p, r);
	prog_finish(&p);
	if (rc == -EINVAL)
		return conform_fail(r, "the generator made no case of this (a bug in the kit)");
	if (!rc && r->status == AIOS_CONFORM_FAIL && !c->options.no_shrink)
		rc = conform_shrink(c, &one, r);
	return rc;
}
