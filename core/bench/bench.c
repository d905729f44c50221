// SPDX-License-Identifier: Apache-2.0
/* bench.c - a bench's life, and one op measured. */
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/bench/bench.h"
#include "core/graph/run.h"
#include "core/numerics/id.h"

#define COPIES_MOST 256u /* sets of operands */
#define SPREAD 4 /* memory taken, as a multiple of options.rotate, for ops that use little of it */
#define SAMPLES_LEAST 5

int bench_copy(struct aios_bench *b, aios_addr dst, aios_addr src, uint64_t bytes,
	       struct aios_status *st)
{
	struct device *dev = b->device;

	aios_status_clear(st);
	return dev->ops->copy(dev->dev, b->queue.queue, AIOS_COPY_ON_DEVICE, dst, src, bytes, st);
}

int bench_sync(struct aios_bench *b, struct aios_status *st)
{
	return queue_sync(&b->queue, BENCH_SYNC_NS, st);
}

int aios_bench_create(struct aios *aios, const struct aios_bench_options *options,
		      struct aios_bench **out, struct aios_status *st)
{
	struct aios_bench *b;
	int rc;

	aios_status_clear(st);
	if (options->size < sizeof(*options))
		return aios_fail(st, -EINVAL,
				 "aios_bench_options.size is %u, not %zu: use AIOS_BENCH_INIT",
				 options->size, sizeof(*options));
	b = calloc(1, sizeof(*b));
	if (!b)
		return aios_fail(st, -ENOMEM, "no memory for a benchmark");
	b->aios = aios;
	b->options = *options;
	if (b->options.samples < SAMPLES_LEAST)
		b->options.samples = SAMPLES_LEAST;
	rc = context_open_device(aios, &b->device, st);
	if (rc == 0)
		rc = queue_open(b->device, &b->queue, st);
	if (rc == 0)
		rc = bench_store_init(&b->store, &b->queue, b->options.seed, b->options.rotate, st);
	if (rc < 0) {
		aios_bench_destroy(b);
		return rc;
	}
	*out = b;
	return 0;
}

void aios_bench_destroy(struct aios_bench *b)
{
	if (!b)
		return;
	if (b->device)
		bench_store_finish(&b->store, b->device);
	queue_close(&b->queue);
	device_put(b->device);
	free(b);
}

const struct aios_device_info *aios_bench_device(const struct aios_bench *b)
{
	return &b->device->info;
}

int aios_bench_profile(const struct aios_bench *b, uint32_t *profile, struct aios_status *st)
{
	const char *name = aios_config_get(b->aios->config, "aios", "numerics");
	int rc = 0;

	aios_status_clear(st);
	*profile = b->device->info.best_profile;
	if (name && name[0] && strcmp(name, "auto") != 0)
		rc = numerics_profile_parse(name, profile, st);
	if (rc == 0 && !(b->device->info.profiles >> *profile & 1))
		rc = aios_fail(st, -ENOTSUP, "driver %s has no numerics profile %s",
			       b->device->driver, aios_profile_info_of(*profile).name);
	return rc;
}

/* ---- one op ------------------------------------------------------------------- */

/* An op with its sets of operands. */
struct subject {
	struct aios_bench *b;
	union aios_op_any op; /* bound to no memory: the template */
	struct mm_arena data, temp, scratch;
	union aios_op_any *sets; /* [copies] */
	uint32_t copies;
};

static void subject_finish(struct subject *s)
{
	mm_arena_finish(&s->data);
	mm_arena_finish(&s->temp);
	mm_arena_finish(&s->scratch);
	free(s->sets);
}

/* As many sets as make up options.rotate of bytes that are touched, in bounded memory. */
static uint32_t choose_copies(const struct aios_bench *b, uint64_t touched, uint64_t taken)
{
	uint64_t n = b->options.rotate / (touched ? touched : 1) + 1;
	uint64_t most = b->options.rotate * SPREAD / (taken ? taken : 1);

	if (n > most)
		n = most;
	return n < 1 ? 1 : n > COPIES_MOST ? COPIES_MOST : (uint32_t)n;
}

/* Bind dry to learn the sizes; then memory for everything. */
static int subject_reserve(struct subject *s, struct aios_bench_result *out, struct aios_status *st)
{
	struct device *dev = s->b->device;
	struct graph_run plan = { dev, NULL, &s->scratch };
	union aios_op_any dry = s->op;
	struct aios_op_support whole;
	uint64_t one, scratch;
	int rc;

	mm_arena_init_dry(&s->data, "operands");
	mm_arena_init_dry(&s->scratch, "the scratch of an op");
	rc = bench_bind(s->b, &dry, &s->data, st);
	if (rc == 0)
		rc = graph_emit(&plan, &dry.op, st);
	if (rc < 0)
		return rc;
	out->parts = device_query(dev, &dry.op, &whole) ? 1 : 2;
	bench_cost(&dry, &out->bytes, &out->flops);
	one = s->data.used;
	scratch = s->scratch.peak;
	s->copies = choose_copies(s->b, out->bytes, one);
	s->sets = calloc(s->copies, sizeof(*s->sets));
	if (!s->sets)
		return aios_fail(st, -ENOMEM, "no host memory for %u sets of operands", s->copies);
	rc = mm_arena_init(&s->data, dev, AIOS_HEAP_DEVICE, one * s->copies, "operands", st);
	if (rc == 0)
		rc = mm_arena_init(&s->temp, dev, AIOS_HEAP_DEVICE, bench_temp(&dry),
				   "converting operands", st);
	if (rc == 0)
		rc = mm_arena_init(&s->scratch, dev, AIOS_HEAP_DEVICE, scratch,
				   "the scratch of an op", st);
	return rc;
}

static int subject_fill(struct subject *s, struct aios_status *st)
{
	int rc = 0;

	for (uint32_t i = 0; i < s->copies && rc == 0; i++) {
		s->sets[i] = s->op;
		rc = bench_bind(s->b, &s->sets[i], &s->data, st);
		if (rc == 0)
			rc = bench_fill(s->b, &s->sets[i], &s->temp, st);
	}
	if (rc == 0)
		rc = bench_sync(s->b, st);
	mm_arena_finish(&s->temp);
	return rc;
}

static int subject_launch(void *ctx, uint64_t i, struct aios_status *st)
{
	struct subject *s = ctx;
	struct graph_run run = { s->b->device, &s->b->queue, &s->scratch };

	return graph_emit(&run, &s->sets[i].op, st);
}

int aios_bench_op(struct aios_bench *b, const struct aios_op *op, struct aios_bench_result *out,
		  struct aios_status *st)
{
	struct subject s = { .b = b };
	int rc;

	aios_status_clear(st);
	memset(out, 0, sizeof(*out));
	if (op->size > sizeof(s.op) || op->size < sizeof(*op))
		return aios_fail(st, -EINVAL, "%s: descriptor of %u bytes", aios_op_name(op->type),
				 op->size);
	memcpy(&s.op, op, op->size);
	rc = subject_reserve(&s, out, st);
	if (rc == 0)
		rc = subject_fill(&s, st);
	if (rc == 0)
		rc = bench_measure(b, subject_launch, &s, s.copies, out, st);
	subject_finish(&s);
	return rc;
}

double aios_bench_limit(const struct aios_bench_result *r, double read, double matmul, bool *memory)
{
	double bytes = read > 0 ? (double)r->bytes / read * 1e9 : 0;
	double flops = matmul > 0 ? (double)r->flops / matmul * 1e9 : 0;

	*memory = bytes >= flops;
	return bytes >= flops ? bytes : flops;
}
