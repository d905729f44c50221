/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h - weights on the reference device: copies of operands that seldom
 * change, found by where they lie on the shadowed device. A write to that memory
 * makes a copy stale.
 */
#ifndef SHADOW_CACHE_H
#define SHADOW_CACHE_H

#include "lib/image.h"

struct cache_entry {
	aios_addr addr; /* on the shadowed device */
	uint64_t bytes; /* there; 1 when the layout is the driver's own */
	uint32_t rows, cols, dtype;
	uint64_t row_bytes; /* of the copy */
	uint64_t plane_bytes;
	uint32_t layout; /* on the shadowed device; not ROWS: the copy is plain rows, made when it was packed */
	bool fresh;
	uint64_t used; /* last use, in launches */
	struct aios_mem mem;
};

struct cache {
	struct cache_entry *entries;
	uint32_t n, cap;
	uint64_t bytes, limit; /* of copies */
	uint64_t clock;
	uint64_t pin; /* entries used from here on stay */
};

/* A launch begins: what it uses from here on stays until the next. */
void cache_begin(struct cache *c);

/* The entry for an operand, or NULL. */
struct cache_entry *cache_find(struct cache *c, const struct hook_operand *o);

/*
 * An entry for the operand with memory for its copy, not fresh; the oldest give
 * way. NULL in *out (and 0) when there is no room: more than the limit, or than
 * the reference has.
 */
int cache_make(struct cache *c, const struct hook_io *io, const struct hook_operand *o,
	       const struct aios_tensor *plain, uint64_t copy_bytes, struct cache_entry **out,
	       struct aios_status *st);

/* This memory of the shadowed device was written, or freed. */
void cache_written(struct cache *c, aios_addr addr, uint64_t bytes);

/* Forget all copies. */
void cache_clear(struct cache *c, const struct hook_io *io);

#endif /* SHADOW_CACHE_H */
