/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - how long does an op take on a device, and how near is that to what the
 * device can do? Runs single ops through the driver's table, as the engine would:
 * weights in the driver's layout, fused ops split where the driver asks for it.
 * `aios bench --op` is a front end to this; what is measured and how:
 * Documentation/bench.md.
 *
 *	aios_create -> aios_bench_create -> aios_bench_rates, aios_bench_op ...
 *	-> aios_bench_destroy
 *
 * Threads: one call at a time.
 */
#ifndef AIOS_BENCH_H
#define AIOS_BENCH_H

#include <aios/aios.h>
#include <aios/op.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How to measure. Zero-initialise with AIOS_BENCH_INIT. */
struct aios_bench_options {
	uint32_t size;
	uint32_t samples;   /* the median of so many is reported; 5 at least */
	uint64_t rotate;    /* bytes of operands that launches take in turn, more than any cache */
	uint64_t sample_ns; /* a sample lasts at least so long, when one launch does not */
	uint64_t seed;      /* of the operands' contents */
};

#define AIOS_BENCH_INIT                                                                            \
	{                                                                                          \
		.size = sizeof(struct aios_bench_options), .samples = 7, .rotate = 256ull << 20,   \
		.sample_ns = 10000000,                                                             \
	}

struct aios_bench;

/* Open the configured device, with the configured hooks over it. Options are copied. */
AIOS_API int aios_bench_create(struct aios *aios, const struct aios_bench_options *options,
			       struct aios_bench **out, struct aios_status *st);
AIOS_API void aios_bench_destroy(struct aios_bench *bench); /* takes NULL */

/* The device; lives as long as the bench. */
AIOS_API const struct aios_device_info *aios_bench_device(const struct aios_bench *bench);

/* The configured numerics profile, checked against the device's. */
AIOS_API int aios_bench_profile(const struct aios_bench *bench, uint32_t *profile,
				struct aios_status *st);

/*
 * What the device does at best, measured through the same table: bytes and operations
 * a second. 0: the driver has no op for it.
 */
struct aios_bench_rates {
	double copy;   /* ON_DEVICE copy, bytes read + bytes written */
	double fill;   /* bytes written */
	double reduce; /* ALL_REDUCE of 16 parts: 16 of 17 bytes are reads */
	double argmax; /* ARGMAX over many long rows: reads alone */
	double stream; /* MATMUL of one row by a large weight: reads of the weight */
	double read;   /* the largest of copy, reduce, argmax and stream: the memory limit */
	double matmul; /* MATMUL of squares in the profile, 2 m n k operations: the other limit */
	uint32_t matmul_size; /* m = n = k of the best square */
	uint32_t profile;
};

/* Measure the rates of a profile. Takes some seconds. */
AIOS_API int aios_bench_rates(struct aios_bench *bench, uint32_t profile,
			      struct aios_bench_rates *out, struct aios_status *st);

/* One op, measured. */
struct aios_bench_result {
	uint64_t bytes;             /* that it must read and write at least: each operand once */
	uint64_t flops;             /* operations of its dots, 2 a multiply-add; 0: it has none */
	double ns, min_ns, max_ns;  /* of one launch: median and extremes of the samples */
	uint32_t samples, launches; /* how many samples, launches in each */
	uint32_t copies;            /* sets of operands taken in turn */
	uint32_t parts;    /* launches that the op was split into; 1: the driver has it whole */
	bool device_clock; /* timed by the device, else by the host */
	bool graph;        /* launched from a captured graph */
};

/*
 * Measure one op. `op` is a template: shapes, types and parameters count; an address
 * that is not 0 says that an optional operand is there, and is replaced. Batches are
 * even: n_tokens / n_seqs rows for each sequence, the last of max_kv keys. Weights
 * take the driver's layout. -ENOTSUP when the driver has it in no form.
 */
AIOS_API int aios_bench_op(struct aios_bench *bench, const struct aios_op *op,
			   struct aios_bench_result *out, struct aios_status *st);

/* The shape of an op for people: "m=1 n=4096 k=4096 bf16 silu". Returns `text`. */
AIOS_API const char *aios_bench_shape(const struct aios_op *op, char *text, size_t size);

/*
 * The limit of an op at these rates, in ns: the longer of its bytes at the memory
 * rate and its operations at the matmul rate. *memory says which one it is.
 */
AIOS_API double aios_bench_limit(const struct aios_bench_result *result, double read, double matmul,
				 bool *memory);

/* One op of a model's pass, with how often the pass has it. Valid during the call. Non-zero stops. */
typedef int (*aios_bench_op_fn)(void *ctx, const union aios_op_any *op, uint32_t count,
				struct aios_status *st);

/*
 * The ops of one pass of a model over n_seqs sequences with `rows` rows and `kv` keys
 * each, equal ones once, as the engine would launch them (greedy sampling included).
 */
AIOS_API int aios_bench_model(struct aios_bench *bench, const char *path, uint32_t n_seqs,
			      uint32_t rows, uint32_t kv, aios_bench_op_fn fn, void *ctx,
			      struct aios_status *st);

#ifdef __cplusplus
}
#endif

#endif /* AIOS_BENCH_H */
