/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - the insides of aios_bench: a device with a queue, a store of random
 * numbers on it, and the three steps of a measurement: bind() finds room for an
 * op's operands, fill() gives them contents, bench_measure() times launches.
 */
#ifndef CORE_BENCH_BENCH_H
#define CORE_BENCH_BENCH_H

#include <aios/bench.h>

#include "core/aios.h"
#include "core/device/device.h"
#include "core/mm/arena.h"

#define BENCH_SYNC_NS (120ull * 1000000000ull)

/* Random numbers in device memory, normal with deviation 1, to be copied from. */
struct bench_store {
	struct aios_mem mem;
	aios_addr block[AIOS_DTYPE_COUNT]; /* F32, F16, BF16; 0: not made */
	uint32_t elements;                 /* of each block, a power of two */
	uint64_t at;                       /* where the next copy begins, elements */
};

struct aios_bench {
	struct aios *aios;
	struct aios_bench_options options;
	struct device *device;
	struct queue queue;
	struct bench_store store;
};

/* ---- bench.c ---------------------------------------------------------------- */

/* Enqueue a copy inside the device's memory. */
int bench_copy(struct aios_bench *b, aios_addr dst, aios_addr src, uint64_t bytes,
	       struct aios_status *st);

/* Wait for everything enqueued. */
int bench_sync(struct aios_bench *b, struct aios_status *st);

/* ---- store.c ---------------------------------------------------------------- */

/* `rotate`: bytes of operands there will be, so that small ones do not wait for a large store. */
int bench_store_init(struct bench_store *s, struct queue *queue, uint64_t seed, uint64_t rotate,
		     struct aios_status *st);
void bench_store_finish(struct bench_store *s, struct device *dev); /* takes a zeroed store */

/* Fill `bytes` bytes at `dst` with numbers of `dtype` (F32, F16 or BF16), elsewhere each time. */
int bench_store_fill(struct aios_bench *b, aios_addr dst, uint32_t dtype, uint64_t bytes,
		     struct aios_status *st);

/* ---- operand.c -------------------------------------------------------------- */

/* Carve every operand of the op from the arena (dry: count) and put its address in. */
int bench_bind(struct aios_bench *b, union aios_op_any *op, struct mm_arena *arena,
	       struct aios_status *st);

/* Contents for the operands of a bound op. `temp`: at least bench_temp() bytes. */
int bench_fill(struct aios_bench *b, const union aios_op_any *op, struct mm_arena *temp,
	       struct aios_status *st);

/* Bytes of the largest temporary that bench_fill() needs for the op. */
uint64_t bench_temp(const union aios_op_any *op);

/* Bytes that the op must move and operations that it does. */
void bench_cost(const union aios_op_any *op, uint64_t *bytes, uint64_t *flops);

/* ---- measure.c -------------------------------------------------------------- */

/* Enqueue launch number `i` of what is measured. */
typedef int (*bench_launch_fn)(void *ctx, uint64_t i, struct aios_status *st);

/* Time launches of `fn`, numbers 0 .. `copies` - 1 in turn. Fills ns .. launches, copies, clock, graph. */
int bench_measure(struct aios_bench *b, bench_launch_fn fn, void *ctx, uint32_t copies,
		  struct aios_bench_result *out, struct aios_status *st);

#endif /* CORE_BENCH_BENCH_H */
