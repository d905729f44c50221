// SPDX-License-Identifier: Apache-2.0
/* cache.c - see cache.h. A model has a few hundred weights, so that lists are searched from end to end. */
#include "cache.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_MAX 65536u /* entries */

static bool same(const struct cache_entry *e, const struct hook_operand *o)
{
	if (e->addr != o->addr || e->rows != o->rows || e->cols != o->cols ||
	    e->dtype != o->dtype || e->layout != o->layout)
		return false;
	return o->layout != AIOS_LAYOUT_ROWS || e->row_bytes == o->row_bytes;
}

struct cache_entry *cache_find(struct cache *c, const struct hook_operand *o)
{
	for (uint32_t i = 0; i < c->n; i++) {
		if (same(&c->entries[i], o)) {
			c->entries[i].used = ++c->clock;
			return &c->entries[i];
		}
	}
	return NULL;
}

static void drop(struct cache *c, const struct hook_io *io, uint32_t i)
{
	c->bytes -= c->entries[i].mem.bytes;
	io->below->ops->mem_free(io->below->dev, &c->entries[i].mem);
	c->entries[i] = c->entries[--c->n];
}

/* Stale copies go first, then those that were not used for longest. False: all are in use. */
static bool drop_oldest(struct cache *c, const struct hook_io *io)
{
	const struct cache_entry *oldest = NULL;

	for (uint32_t i = 0; i < c->n; i++) {
		const struct cache_entry *e = &c->entries[i];

		if (e->used >= c->pin)
			continue;
		if (!oldest || (e->fresh == oldest->fresh ? e->used < oldest->used : !e->fresh))
			oldest = e;
	}
	if (oldest)
		drop(c, io, (uint32_t)(oldest - c->entries));
	return oldest != NULL;
}

void cache_begin(struct cache *c)
{
	c->pin = c->clock + 1;
}

static int grow(struct cache *c, struct aios_status *st)
{
	uint32_t cap = c->cap ? 2 * c->cap : 64;
	struct cache_entry *entries;

	if (c->n < c->cap)
		return 0;
	entries = realloc(c->entries, cap * sizeof(*entries));
	if (!entries)
		return aios_fail(st, -ENOMEM, "no memory for a list of %u weights", cap);
	c->entries = entries;
	c->cap = cap;
	return 0;
}

int cache_make(struct cache *c, const struct hook_io *io, const struct hook_operand *o,
	       const struct aios_tensor *plain, uint64_t copy_bytes, struct cache_entry **out,
	       struct aios_status *st)
{
	struct cache_entry *e;
	int rc;

	*out = NULL;
	if (copy_bytes > c->limit)
		return 0;
	while (c->n >= CACHE_MAX || c->bytes > c->limit - copy_bytes)
		if (!drop_oldest(c, io))
			return 0;
	rc = grow(c, st);
	if (rc < 0)
		return rc;
	e = &c->entries[c->n];
	memset(e, 0, sizeof(*e));
	rc = io->below->ops->mem_alloc(io->below->dev, AIOS_HEAP_DEVICE, copy_bytes, &e->mem, st);
	if (rc == -AIOS_EXHAUSTED) { /* the reference is full: this one travels each time */
		aios_status_clear(st);
		return 0;
	}
	if (rc < 0)
		return rc;
	e->addr = o->addr;
	e->bytes = o->layout == AIOS_LAYOUT_ROWS ? hook_operand_bytes(o) : 1;
	e->rows = o->rows;
	e->cols = o->cols;
	e->dtype = o->dtype;
	e->layout = o->layout;
	e->row_bytes = plain->row_bytes;
	e->plane_bytes = plain->plane_bytes;
	e->used = ++c->clock;
	c->n++;
	c->bytes += e->mem.bytes;
	*out = e;
	return 0;
}

void cache_written(struct cache *c, aios_addr addr, uint64_t bytes)
{
	for (uint32_t i = 0; i < c->n; i++) {
		struct cache_entry *e = &c->entries[i];

		if (addr < e->addr + e->bytes && e->addr < addr + bytes)
			e->fresh = false;
	}
}

void cache_clear(struct cache *c, const struct hook_io *io)
{
	while (c->n)
		drop(c, io, c->n - 1);
	free(c->entries);
	c->entries = NULL;
	c->cap = 0;
}
