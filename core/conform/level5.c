// SPDX-License-Identifier: Apache-2.0
/*
 * level5.c - stress: many ops in flight, two devices in two threads, memory to the last
 * byte, large shapes.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/conform.h"
#include "core/lib/clock.h"

/* --- many ops in flight --------------------------------------------------------------- */

/* The bufs added since `from` are of op number `n`. */
static void number_bufs(struct prog *p, size_t from, uint32_t n)
{
	char name[24];

	for (; from < p->n_bufs; from++) {
		snprintf(name, sizeof(name), "%u.%.18s", n % 1000, p->bufs[from].name);
		memcpy(p->bufs[from].name, name, sizeof(name));
	}
}

/* A random small case that the device declares. */
static bool random_case(const struct aios_conform *c, struct conform_key key, uint32_t n,
			struct gen_case *out)
{
	const struct gen *g = gen_all[conform_below(key, 1, n, 0, (uint32_t)gen_n)];
	uint32_t profile = conform_below(key, 1, n, 1, AIOS_PROFILE_COUNT);

	if (!(c->dut.dev->info.op_types >> g->type & 1))
		return false;
	if (g->profiled && !conform_has_profile(c, profile))
		return false;
	gen_make(g, profile, conform_below(key, 1, n, 2, g->quick), c->options.seed, out);
	return true;
}

/* Does the device say EXACT to this case? */
static int accepted(struct aios_conform *c, const struct gen_case *one, bool *yes)
{
	struct prog_how how = conform_how(0);
	struct prog_result got = { 0 };
	struct prog p;
	int rc = gen_build(one, &p);

	if (!rc)
		rc = prog_run(&p, c->dut.queues, &how, &got);
	*yes = !rc && got.outcome == PROG_RAN;
	prog_result_finish(&got);
	prog_finish(&p);
	return rc == -EINVAL ? 0 : rc;
}

/* Programs of many unrelated ops, launched without a wait between them. */
static int build_mix(struct aios_conform *c, struct conform_key key, uint32_t ops, struct prog *p)
{
	struct gen_case one;
	bool yes;
	int rc = 0;

	prog_init(p, key);
	for (uint32_t i = 0; i < ops && !rc; i++) {
		size_t from = p->n_bufs;

		if (!random_case(c, key, i, &one))
			continue;
		rc = accepted(c, &one, &yes);
		if (rc || !yes)
			continue;
		one.key = key; /* values of this program, choices too */
		rc = one.gen->build(&one, p);
		number_bufs(p, from, (uint32_t)p->n_ops - 1);
	}
	return rc ? rc : p->failed ? -ENOMEM : 0;
}

static int run_mix(struct aios_conform *c, const struct conform_job *job,
		   struct aios_conform_case *r)
{
	struct conform_key key = conform_key_of(c->options.seed, job->id);
	struct prog_how how = conform_how(3);
	struct prog_result got = { 0 }, want = { 0 };
	struct prog_diff diff;
	struct prog p;
	int rc = build_mix(c, key, 40, &p);

	snprintf(r->shape, sizeof(r->shape), "ops=%zu buffers=%zu", p.n_ops, p.n_bufs);
	if (!rc && !p.n_ops)
		conform_skip(r, "the driver runs none of the chosen cases");
	if (!rc && p.n_ops)
		rc = conform_run_prog(c, &p, r);
	/* Once more, over two queues. */
	how.queues = 2;
	if (!rc && r->status == AIOS_CONFORM_PASS)
		rc = prog_run(&p, c->dut.queues, &how, &got);
	if (!rc && r->status == AIOS_CONFORM_PASS && conform_ran(&got, "over two queues", r)) {
		how = conform_how(0);
		rc = prog_run(&p, c->ref.queues, &how, &want);
		if (!rc && want.outcome == PROG_RAN) {
			prog_compare(&p, &got, &want, &diff);
			if (diff.differs)
				conform_note_diff(r, &diff, "over two queues");
		}
	}
	prog_result_finish(&got);
	prog_result_finish(&want);
	prog_finish(&p);
	return rc;
}

/* --- two devices in two threads ----------------------------------------------------------- */

struct worker {
	struct aios_conform *c;
	struct conform_side side;
	const struct conform_job *job;
	pthread_t thread;
	uint32_t first;
	int rc;
	char (*digests)[CONFORM_DIGEST]; /* "": refused */
	char why[512];
};

#define THREAD_CASES 60

/* The cases one by one on a side; the digest of each. */
static int run_all(struct worker *w)
{
	struct conform_key key = conform_key_of(w->c->options.seed, w->job->id);
	struct gen_case one;

	for (uint32_t k = 0; k < THREAD_CASES; k++) {
		uint32_t i = (k + w->first) % THREAD_CASES;
		struct prog_how how = conform_how(i);
		struct prog_result got = { 0 };
		struct prog p;
		int rc;

		if (!random_case(w->c, key, i, &one))
			continue;
		rc = gen_build(&one, &p);
		if (!rc)
			rc = prog_run(&p, w->side.queues, &how, &got);
		if (!rc && got.outcome == PROG_RAN)
			prog_digest(&p, &got, w->digests[i]);
		if (!rc && got.outcome == PROG_BROKEN && !w->why[0])
			snprintf(w->why, sizeof(w->why), "%.60s: %.400s", one.id, got.why);
		prog_result_finish(&got);
		prog_finish(&p);
		if (rc && rc != -EINVAL)
			return rc;
	}
	return 0;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	w->rc = run_all(w);
	return NULL;
}

static int worker_init(struct worker *w, struct aios_conform *c, const struct conform_job *job,
		       uint32_t first, struct aios_conform_case *r)
{
	struct aios_status st = { 0 };

	memset(w, 0, sizeof(*w));
	w->c = c;
	w->job = job;
	w->first = first;
	w->digests = calloc(THREAD_CASES, sizeof(*w->digests));
	if (!w->digests)
		return -ENOMEM;
	if (conform_side_open(c->aios, &w->side, &st))
		conform_fail(r, "a device for a thread cannot be opened: %s", st.message);
	return 0;
}

static void compare_workers(const struct worker *w, const struct worker *alone,
			    struct aios_conform_case *r)
{
	if (w->why[0])
		conform_fail(r, "beside another thread: %s", w->why);
	for (uint32_t i = 0; i < THREAD_CASES; i++)
		if (strcmp(w->digests[i], alone->digests[i]) != 0)
			conform_fail(
				r,
				"case %u of %d gives other bits beside another thread than alone",
				i, THREAD_CASES);
}

static int run_threads(struct aios_conform *c, const struct conform_job *job,
		       struct aios_conform_case *r)
{
	struct worker w[3];
	int rc = 0, n, started = 0;

	memset(w, 0, sizeof(w));
	for (n = 0; n < 3 && !rc; n++)
		rc = worker_init(&w[n], c, job, (uint32_t)n * 17, r);
	if (rc || r->status != AIOS_CONFORM_PASS)
		goto out;
	rc = run_all(&w[2]); /* alone, first */
	if (!rc && w[2].why[0])
		conform_fail(r, "%s", w[2].why);
	for (; started < 2 && !rc; started++)
		if (pthread_create(&w[started].thread, NULL, worker_main, &w[started]))
			rc = -ENOMEM;
	while (started-- > 0)
		pthread_join(w[started].thread, NULL);
	for (n = 0; n < 2 && !rc; n++) {
		rc = w[n].rc;
		if (!rc)
			compare_workers(&w[n], &w[2], r);
	}
out:
	for (n = 0; n < 3; n++) {
		conform_side_close(&w[n].side);
		free(w[n].digests);
	}
	return rc;
}

/* --- memory to the last byte --------------------------------------------------------------- */

#define MOST_BLOCKS 48
#define MOST_HOST (4ull << 30)

/*
 * Take memory in large blocks until there is none. What overcommits (host memory) may
 * never say so: then two times the total is the end. Pinned and mapped memory is the whole
 * machine's, and slow to take: of it no more than MOST_HOST bytes. Afterwards all is as before.
 */
static int run_exhaust(struct aios_conform *c, const struct conform_job *job,
		       struct aios_conform_case *r)
{
	struct aios_mem *blocks = calloc(MOST_BLOCKS, sizeof(*blocks)), small = { 0 };
	struct device *dev = c->dut.dev;
	struct aios_status st = { 0 };
	struct aios_heap_info info;
	uint64_t bytes;
	int n = 0, rc = 0;

	if (!blocks)
		return -ENOMEM;
	if (device_heap_info(dev, job->index, &info, &st) || !info.total) {
		conform_skip(r, "heap %u does not exist", job->index);
		goto out;
	}
	bytes = info.total / (MOST_BLOCKS / 2) + 1;
	if (job->index != AIOS_HEAP_DEVICE && bytes > MOST_HOST / MOST_BLOCKS)
		bytes = MOST_HOST / MOST_BLOCKS;
	for (; n < MOST_BLOCKS; n++) {
		memset(&st, 0, sizeof(st));
		rc = device_alloc(dev, job->index, bytes, "a test", &blocks[n], &st);
		if (rc)
			break;
	}
	if (rc && rc != -AIOS_EXHAUSTED && rc != -AIOS_NOT_NOW)
		conform_fail(r,
			     "mem_alloc of a full heap failed with %d (%s); expected "
			     "-AIOS_EXHAUSTED (%d)",
			     rc, st.message, -AIOS_EXHAUSTED);
	snprintf(r->shape, sizeof(r->shape), "blocks=%d of %" PRIu64 " bytes%s", n, bytes,
		 rc ? "" : ", overcommitted");
	rc = 0;
out:
	for (int i = 0; i < n; i++)
		device_free(dev, &blocks[i]);
	free(blocks);
	if (r->status == AIOS_CONFORM_PASS) {
		if (device_alloc(dev, job->index, 1 << 20, "a test", &small, &st))
			conform_fail(r, "after all was given back, 1 MiB cannot be had: %s",
				     st.message);
		device_free(dev, &small);
	}
	return rc;
}

/* --- large shapes ------------------------------------------------------------------------------ */

struct large {
	const char *op;
	uint32_t index;
	struct {
		const char *name;
		uint32_t value;
	} set[4];
};

/* Sizes past 16 and 17 bits, one dimension at a time. */
static const struct large larges[] = {
	{ "embed", 1, { { "T", 70001 }, { "C", 8 } } },
	{ "rmsnorm", 1, { { "T", 70001 }, { "C", 3 } } },
	{ "rmsnorm", 2, { { "T", 1 }, { "C", 140001 } } },
	{ "glu", 1, { { "T", 66001 }, { "N", 5 } } },
	{ "add", 1, { { "T", 140001 }, { "C", 3 } } },
	{ "gather_rows", 1, { { "R", 70001 }, { "S", 100 }, { "C", 3 } } },
	{ "cast", 1, { { "T", 2 }, { "C", 400001 } } },
	{ "quantise", 1, { { "T", 2 }, { "C", 140001 } } },
	{ "quantise", 2, { { "T", 70001 }, { "C", 9 } } },
	{ "argmax", 1, { { "R", 2 }, { "V", 262145 } } },
	{ "argmax", 2, { { "R", 70001 }, { "V", 3 } } },
	{ "sample", 1, { { "R", 1 }, { "V", 262145 } } },
	{ "logprobs", 3, { { "R", 2 }, { "V", 262145 } } },
	{ "logits", 1, { { "R", 2 }, { "V", 262145 } } },
	{ "matmul", 1, { { "T", 1 }, { "N", 3 }, { "K", 131040 }, { "S", 1 } } },
	{ "matmul", 2, { { "T", 1 }, { "N", 70001 }, { "K", 32 }, { "S", 1 } } },
	{ "matmul", 3, { { "T", 5001 }, { "N", 3 }, { "K", 32 }, { "S", 1 } } },
	{ "attention", 1, { { "seqs", 1 }, { "rows", 2 }, { "past", 9001 }, { "window", 0 } } },
	{ "attention", 2, { { "seqs", 1 }, { "rows", 1200 }, { "past", 3 }, { "dim", 16 } } },
};

static int run_large(struct aios_conform *c, const struct conform_job *job,
		     struct aios_conform_case *r)
{
	const struct large *large = job->arg;
	struct gen_case one;
	struct prog p;
	int rc;

	gen_make(job->gen, job->profile, large->index, c->options.seed, &one);
	for (uint32_t i = 0; i < 4 && large->set[i].name; i++)
		for (uint32_t k = 0; k < job->gen->n_params; k++)
			if (strcmp(job->gen->params[k].name, large->set[i].name) == 0)
				one.v[k] = large->set[i].value;
	gen_describe(&one, r->shape, sizeof(r->shape));
	rc = gen_build(&one, &p);
	if (!rc)
		rc = conform_run_prog(c, &p, r);
	prog_finish(&p);
	return rc == -EINVAL ?
		       conform_fail(r, "the generator made no case of this (a bug in the kit)") :
		       rc;
}

static int add_large(struct aios_conform *c)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(larges) / sizeof(larges[0]) && !rc; i++) {
		const struct gen *g = gen_find(larges[i].op);
		struct conform_job job = {
			.level = 5, .gen = g, .run = run_large, .arg = &larges[i]
		};

		if (!(c->dut.dev->info.op_types >> g->type & 1))
			continue;
		if (!g->profiled)
			rc = conform_add(c, &job, "l5/large-%s/any/%u", g->name, larges[i].index);
		for (job.profile = 0; job.profile < AIOS_PROFILE_COUNT && g->profiled && !rc;
		     job.profile++)
			if (conform_has_profile(c, job.profile))
				rc = conform_add(c, &job, "l5/large-%s/%s/%u", g->name,
						 aios_profile_info_of(job.profile).name,
						 larges[i].index);
	}
	return rc;
}

int conform_level5(struct aios_conform *c)
{
	struct conform_job job = { .level = 5, .run = run_mix };
	int rc = 0;

	for (uint32_t i = 0; i < (c->options.quick ? 2 : 12) && !rc; i++)
		rc = conform_add(c, &job, "l5/mix/any/%u", i);
	job.run = run_threads;
	for (uint32_t i = 0; i < (c->options.quick ? 1 : 3) && !rc; i++)
		rc = conform_add(c, &job, "l5/threads/any/%u", i);
	job.run = run_exhaust;
	for (job.index = 0; job.index < AIOS_HEAP_COUNT && !rc; job.index++)
		rc = conform_add(c, &job, "l5/exhaust/any/%u", job.index);
	return rc || c->options.quick ? rc : add_large(c);
}
