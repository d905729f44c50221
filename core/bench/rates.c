// SPDX-License-Identifier: Apache-2.0
/*
 * rates.c - what the device does at best, through the driver's own table. There is no
 * op that only reads, so several that nearly do are tried, on more and more bytes
 * until a launch is long enough that its start and end do not count.
 */
#include <string.h>

#include <aios/numerics.h>

#include "core/bench/bench.h"

#define LONG_NS 300000.0       /* a launch so long is long enough */
#define SIZE_MOST (2ull << 30) /* bytes */
#define SQUARE_LEAST 256u
#define SQUARE_MOST 8192u
#define SQUARE_NS 1000000.0
#define WIDE 131072u /* columns of a row of logits */
#define DEPTH 4096u  /* k of the streaming matmul */

/* Bytes that a measurement begins with: a quarter of what goes past every cache. */
static uint64_t first_size(const struct aios_bench *b)
{
	uint64_t bytes = b->options.rotate / 4;

	return bytes < 1 << 16 ? 1 << 16 : bytes;
}

/* The rate of a result when it beats *best. */
static void take(double amount, const struct aios_bench_result *r, double *best)
{
	double rate = r->ns > 0 ? amount / r->ns * 1e9 : 0;

	if (rate > *best)
		*best = rate;
}

/* ---- copy and fill ------------------------------------------------------------- */

struct block {
	struct aios_bench *b;
	struct aios_mem mem;
	uint64_t half;
	bool copy;
};

static int block_launch(void *ctx, uint64_t i, struct aios_status *st)
{
	struct block *k = ctx;

	(void)i;
	if (k->copy)
		return bench_copy(k->b, k->mem.addr + k->half, k->mem.addr, k->half, st);
	return queue_fill(&k->b->queue, k->mem.addr, 0x5a, 2 * k->half, st);
}

static int rate_block(struct aios_bench *b, bool copy, double *best, struct aios_status *st)
{
	struct aios_bench_result r = { 0 };
	struct block k = { .b = b, .copy = copy };
	int rc = 0;

	/* One set of operands: it must be larger than the caches by itself. */
	for (uint64_t bytes = 4 * first_size(b); bytes <= SIZE_MOST && rc == 0 && r.ns < LONG_NS;
	     bytes *= 2) {
		k.half = bytes / 2 & ~(uint64_t)255;
		rc = device_alloc(b->device, AIOS_HEAP_DEVICE, 2 * k.half, "a copy", &k.mem, st);
		if (rc == 0)
			rc = bench_store_fill(b, k.mem.addr, AIOS_BF16, 2 * k.half, st);
		if (rc == 0)
			rc = bench_measure(b, block_launch, &k, 1, &r, st);
		if (rc == 0)
			take((double)(2 * k.half), &r, best);
		if (k.mem.addr)
			device_free(b->device, &k.mem);
	}
	return rc;
}

/* ---- ops ------------------------------------------------------------------------ */

/* A refusal of the driver, or memory that is short, leaves a rate out. */
static int tolerate(int rc, struct aios_status *st)
{
	if (rc != -ENOTSUP && rc != -AIOS_EXHAUSTED && rc != -AIOS_OVER_BUDGET)
		return rc;
	aios_status_clear(st);
	return 1;
}

static void make_argmax(union aios_op_any *op, uint64_t bytes)
{
	uint32_t cols = bytes / 4 < WIDE ? (uint32_t)(bytes / 4) : WIDE;

	op->argmax = (struct aios_op_argmax){
		.op = AIOS_OP_INIT(struct aios_op_argmax, AIOS_OP_ARGMAX),
		.logits = { .dtype = AIOS_F32, .rows = (uint32_t)(bytes / 4 / cols), .cols = cols },
	};
}

static void make_reduce(union aios_op_any *op, uint64_t bytes)
{
	op->all_reduce = (struct aios_op_all_reduce){
		.op = AIOS_OP_INIT(struct aios_op_all_reduce, AIOS_OP_ALL_REDUCE),
		.n_ranks = AIOS_MAX_RANKS,
		.out = { .dtype = AIOS_F32,
			 .rows = (uint32_t)(bytes / 17 / 4 / DEPTH) + 1,
			 .cols = DEPTH },
	};
}

/* Types of a profile's matmul. */
static void make_matmul(union aios_op_any *op, uint32_t profile, uint32_t m, uint32_t n, uint32_t k)
{
	struct aios_profile_info unit = aios_profile_info_of(profile);

	op->matmul = (struct aios_op_matmul){
		.op = AIOS_OP_INIT(struct aios_op_matmul, AIOS_OP_MATMUL),
		.profile = (uint8_t)profile,
		.segments = 1,
		.x = { .dtype = unit.act_dtype, .rows = m, .cols = k },
		.w = { .dtype = unit.weight_dtype, .rows = n, .cols = k },
		.out = { .dtype = AIOS_BF16, .rows = m, .cols = n },
	};
}

static void make_stream(union aios_op_any *op, uint32_t profile, uint64_t bytes)
{
	uint32_t size = aios_dtype_bytes(aios_profile_info_of(profile).weight_dtype);
	uint32_t k = bytes < 1 << 22 ? 256 : DEPTH;

	make_matmul(op, profile, 1, (uint32_t)(bytes / size / k), k);
}

/* Grow a reading op until it is long enough. */
static int rate_reads(struct aios_bench *b, uint32_t type, uint32_t profile, double *best,
		      struct aios_status *st)
{
	struct aios_bench_result r = { 0 };
	union aios_op_any op;
	int rc = 0;

	for (uint64_t bytes = first_size(b); bytes <= SIZE_MOST && rc == 0 && r.ns < LONG_NS;
	     bytes *= 2) {
		if (type == AIOS_OP_ARGMAX)
			make_argmax(&op, bytes);
		else if (type == AIOS_OP_ALL_REDUCE)
			make_reduce(&op, bytes);
		else
			make_stream(&op, profile, bytes);
		rc = tolerate(aios_bench_op(b, &op.op, &r, st), st);
		if (rc == 0)
			take((double)r.bytes, &r, best);
	}
	return rc < 0 ? rc : 0;
}

static int rate_matmul(struct aios_bench *b, struct aios_bench_rates *out, struct aios_status *st)
{
	struct aios_bench_result r = { 0 };
	union aios_op_any op;
	double before;
	int rc = 0;

	for (uint32_t n = SQUARE_LEAST; n <= SQUARE_MOST && rc == 0 && r.ns < SQUARE_NS; n *= 2) {
		make_matmul(&op, out->profile, n, n, n);
		before = out->matmul;
		rc = tolerate(aios_bench_op(b, &op.op, &r, st), st);
		if (rc == 0)
			take((double)r.flops, &r, &out->matmul);
		if (out->matmul > before)
			out->matmul_size = n;
	}
	return rc < 0 ? rc : 0;
}

int aios_bench_rates(struct aios_bench *b, uint32_t profile, struct aios_bench_rates *out,
		     struct aios_status *st)
{
	double *const reads[] = { &out->copy, &out->reduce, &out->argmax, &out->stream };
	int rc;

	aios_status_clear(st);
	memset(out, 0, sizeof(*out));
	out->profile = profile;
	rc = rate_block(b, true, &out->copy, st);
	if (rc == 0)
		rc = rate_block(b, false, &out->fill, st);
	if (rc == 0)
		rc = rate_reads(b, AIOS_OP_ALL_REDUCE, profile, &out->reduce, st);
	if (rc == 0)
		rc = rate_reads(b, AIOS_OP_ARGMAX, profile, &out->argmax, st);
	if (rc == 0)
		rc = rate_reads(b, AIOS_OP_MATMUL, profile, &out->stream, st);
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
		out->read = *reads[i] > out->read ? *reads[i] : out->read;
	return rc < 0 ? rc : rate_matmul(b, out, st);
}
