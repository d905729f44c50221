/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.h - one allocation, carved from the front. A dry arena has no memory: it
 * counts, and hands out addresses that nobody may use, so the code that carves
 * is also the code that plans, and the plan is exact.
 */
#ifndef CORE_MM_ARENA_H
#define CORE_MM_ARENA_H

#include "core/device/device.h"

#define MM_ALIGN 256u

struct mm_arena {
	struct device *device; /* NULL: dry */
	struct aios_mem mem;
	uint64_t used, peak;
	const char *what; /* for messages, static storage */
};

/* A dry arena. */
void mm_arena_init_dry(struct mm_arena *a, const char *what);

/* An arena of `bytes` in one allocation; bytes 0 is an arena without memory. */
int mm_arena_init(struct mm_arena *a, struct device *dev, uint32_t heap, uint64_t bytes,
		  const char *what, struct aios_status *st);
void mm_arena_finish(struct mm_arena *a); /* takes a zeroed arena */

/* `bytes` at MM_ALIGN; -ENOMEM when the plan was wrong (a bug, said so). */
int mm_arena_alloc(struct mm_arena *a, uint64_t bytes, aios_addr *out, struct aios_status *st);

/* Give back everything carved since `mark` (an earlier a->used). */
static inline void mm_arena_reset(struct mm_arena *a, uint64_t mark)
{
	a->used = mark;
}

/* A tensor with rows, planes and scales from the arena. */
int mm_arena_tensor(struct mm_arena *a, uint32_t dtype, uint32_t rows, uint32_t cols,
		    struct aios_tensor *out, struct aios_status *st);

#endif /* CORE_MM_ARENA_H */
