/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - size-class pool for small, short-lived device blocks (the sampling
 * lists of a step). Classes are powers of two from 256 bytes to 1 MiB, cut from
 * slabs of 2 MiB; larger requests are allocations of their own. Slabs are kept
 * until the pool is finished.
 */
#ifndef CORE_MM_POOL_H
#define CORE_MM_POOL_H

#include <stddef.h>

#include "core/device/device.h"

#define MM_POOL_MIN_SHIFT 8
#define MM_POOL_MAX_SHIFT 20
#define MM_POOL_CLASSES (MM_POOL_MAX_SHIFT - MM_POOL_MIN_SHIFT + 1)

/* A block from the pool. Plain data; give it back once. */
struct mm_block {
	aios_addr addr;
	void *host; /* NULL for pure device memory */
	uint64_t bytes;
	struct aios_mem own; /* only for blocks above the largest class */
};

struct mm_pool_class {
	struct mm_block *free;
	size_t n_free, cap_free;
};

struct mm_pool {
	struct device *device;
	uint32_t heap;
	struct aios_mem *slabs;
	size_t n_slabs, cap_slabs;
	uint64_t slab_used; /* of the newest slab */
	struct mm_pool_class classes[MM_POOL_CLASSES];
	uint64_t used, peak; /* bytes handed out */
};

void mm_pool_init(struct mm_pool *pool, struct device *dev, uint32_t heap);
void mm_pool_finish(struct mm_pool *pool); /* every block was given back; takes a zeroed pool */
int mm_pool_alloc(struct mm_pool *pool, uint64_t bytes, const char *what, struct mm_block *out,
		  struct aios_status *st);
void mm_pool_free(struct mm_pool *pool, struct mm_block *block); /* takes a zeroed block */

#endif /* CORE_MM_POOL_H */
