// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/lib/array.h"
#include "core/mm/pool.h"

#define SLAB_BYTES (2u << 20)

void mm_pool_init(struct mm_pool *pool, struct device *dev, uint32_t heap)
{
	memset(pool, 0, sizeof(*pool));
	pool->device = device_get(dev);
	pool->heap = heap;
}

void mm_pool_finish(struct mm_pool *pool)
{
	if (!pool->device)
		return;
	for (size_t i = 0; i < pool->n_slabs; i++)
		device_free(pool->device, &pool->slabs[i]);
	for (size_t c = 0; c < MM_POOL_CLASSES; c++)
		free(pool->classes[c].free);
	free(pool->slabs);
	device_put(pool->device);
	memset(pool, 0, sizeof(*pool));
}

/* The smallest class that holds `bytes`, or MM_POOL_CLASSES. */
static size_t pool_class(uint64_t bytes)
{
	size_t c = 0;

	while (c < MM_POOL_CLASSES && bytes > 1ull << (c + MM_POOL_MIN_SHIFT))
		c++;
	return c;
}

static int pool_grow(struct mm_pool *pool, const char *what, struct aios_status *st)
{
	int rc;

	if (array_reserve((void **)&pool->slabs, &pool->cap_slabs, pool->n_slabs + 1,
			  sizeof(*pool->slabs)) < 0)
		return aios_fail(st, -ENOMEM, "no host memory for the pool of %s", what);
	rc = device_alloc(pool->device, pool->heap, SLAB_BYTES, what, &pool->slabs[pool->n_slabs],
			  st);
	if (rc < 0)
		return rc;
	pool->n_slabs++;
	pool->slab_used = 0;
	return 0;
}

/* Cut a fresh block of 1 << shift bytes from the newest slab. */
static int pool_cut(struct mm_pool *pool, uint64_t bytes, const char *what, struct mm_block *out,
		    struct aios_status *st)
{
	const struct aios_mem *slab;
	int rc;

	if (pool->n_slabs == 0 || pool->slab_used + bytes > SLAB_BYTES) {
		rc = pool_grow(pool, what, st);
		if (rc < 0)
			return rc;
	}
	slab = &pool->slabs[pool->n_slabs - 1];
	out->addr = slab->addr + pool->slab_used;
	out->host = slab->host ? (char *)slab->host + pool->slab_used : NULL;
	out->bytes = bytes;
	pool->slab_used += bytes;
	return 0;
}

static int pool_alloc_own(struct mm_pool *pool, uint64_t bytes, const char *what,
			  struct mm_block *out, struct aios_status *st)
{
	int rc = device_alloc(pool->device, pool->heap, bytes, what, &out->own, st);

	if (rc < 0)
		return rc;
	out->addr = out->own.addr;
	out->host = out->own.host;
	out->bytes = out->own.bytes;
	return 0;
}

int mm_pool_alloc(struct mm_pool *pool, uint64_t bytes, const char *what, struct mm_block *out,
		  struct aios_status *st)
{
	size_t c = pool_class(bytes);
	int rc = 0;

	memset(out, 0, sizeof(*out));
	if (c == MM_POOL_CLASSES) {
		rc = pool_alloc_own(pool, bytes, what, out, st);
	} else if (pool->classes[c].n_free > 0) {
		*out = pool->classes[c].free[--pool->classes[c].n_free];
	} else {
		/* Room in the free list first, so that giving back cannot fail. */
		struct mm_pool_class *k = &pool->classes[c];

		if (array_reserve((void **)&k->free, &k->cap_free,
				  SLAB_BYTES / (1u << (c + MM_POOL_MIN_SHIFT)) *
					  (pool->n_slabs + 1),
				  sizeof(*k->free)) < 0)
			return aios_fail(st, -ENOMEM, "no host memory for the pool of %s", what);
		rc = pool_cut(pool, 1ull << (c + MM_POOL_MIN_SHIFT), what, out, st);
	}
	if (rc < 0)
		return rc;
	pool->used += out->bytes;
	if (pool->used > pool->peak)
		pool->peak = pool->used;
	return 0;
}

void mm_pool_free(struct mm_pool *pool, struct mm_block *block)
{
	struct mm_pool_class *k;

	if (!block->addr)
		return;
	pool->used -= block->bytes;
	if (block->own.addr) {
		device_free(pool->device, &block->own);
	} else {
		k = &pool->classes[pool_class(block->bytes)];
		k->free[k->n_free++] = *block;
	}
	memset(block, 0, sizeof(*block));
}
