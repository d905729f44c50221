/* SPDX-License-Identifier: Apache-2.0 */
/* emit.h - a plan in the making, for the files that plan one op each. Private to drivers/gpu. */
#ifndef GPU_EMIT_H
#define GPU_EMIT_H

#include "args.h"
#include "check.h"

/* A plan in progress. */
struct plan {
	const struct gpu_caps *caps;
	struct gpu_launch *launches;
	unsigned int cap, n;
	struct aios_status *st;
};

#define GRID_X 0x7fffffffu
#define GRID_YZ 65535u

/*
 * Append a launch of `kernel` with the argument struct at `args`; its block is the largest that
 * kernels.h states. A grid of no blocks appends nothing. 0 or -errno.
 */
int gpu_emit(struct plan *p, uint32_t kernel, const void *args, uint64_t x, uint64_t y, uint64_t z,
	     size_t shared);

static inline uint64_t div_up(uint64_t a, uint64_t b)
{
	return (a + b - 1) / b;
}

/* gpu_check() of a launch, and of the scratch that it brings. */
bool gpu_check_launch(const struct gpu_caps *caps, const struct aios_op *op,
		      struct aios_op_support *out);

/* Plan one op; the descriptor has passed gpu_check(). */
int gpu_plan_matmul(struct plan *p, const struct aios_op_matmul *m);
int gpu_plan_attention(struct plan *p, const struct aios_op_attention *op);
int gpu_plan_quantise(struct plan *p, const struct aios_op_quantise *op); /* to plain rows */

/*
 * rope_kv and then attention in one kernel: the same memory after as from both. 1: planned; 0: they
 * are no such pair, or of shapes there is no kernel for (more than one row a sequence, heads of
 * other than 64 or 128 elements, a part of the head that is not turned). Both have been checked.
 */
int gpu_plan_rope_attention(struct plan *p, const struct aios_op_rope_kv *r,
			    const struct aios_op_attention *op);

/* Does matmul_wgmma take it, and is it meant to? gpu_plan_wgmma() plans what it takes. */
bool gpu_wgmma_takes(const struct gpu_caps *caps, const struct aios_op_matmul *m);
int gpu_plan_wgmma(struct plan *p, const struct aios_op_matmul *m);

/*
 * How matmul_stream works on an op whose `items` (and, with act, pairs of panels) are all there:
 * fills everything but op and items. What is 0 here is chosen by the shape.
 */
struct gpu_stream_tune {
	uint32_t warps;  /* the most that multiply */
	uint32_t panels; /* of a warp at a time: 1 or 2 */
	uint32_t slice;
	uint32_t budget; /* bytes of shared memory */
	uint32_t whole;  /* 1: x whole where it fits */
	uint32_t grid;
};

/* The kernel, its argument struct, and its launch's grid and block; false: no such kernel. */
bool gpu_stream_shape(const struct gpu_caps *caps, const struct aios_op_matmul *m,
		      const struct gpu_stream_tune *tune, struct gpu_stream_args *a,
		      struct gpu_launch *l);

/* The same for matmul_batch, and the maps of the launch; of the tuning it heeds budget and grid. */
bool gpu_batch_shape(const struct gpu_caps *caps, const struct aios_op_matmul *m,
		     const struct gpu_stream_tune *tune, struct gpu_batch_args *a,
		     struct gpu_launch *l);

/* Scratch that the op's descriptor must bring. */
uint64_t gpu_attention_scratch(const struct gpu_caps *caps, const struct aios_op_attention *op);

#endif /* GPU_EMIT_H */
