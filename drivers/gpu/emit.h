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

/* Plan one op; the descriptor has passed gpu_check(). */
int gpu_plan_matmul(struct plan *p, const struct aios_op_matmul *m);
int gpu_plan_attention(struct plan *p, const struct aios_op_attention *op);

/* Scratch that the op's descriptor must bring. */
uint64_t gpu_attention_scratch(const struct gpu_caps *caps, const struct aios_op_attention *op);

#endif /* GPU_EMIT_H */
