/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prefix.h - the engine's side of the prefix cache plugin: page references follow
 * what the cache takes and gives up. Without a cache every call is a miss.
 */
#ifndef CORE_ENGINE_PREFIX_H
#define CORE_ENGINE_PREFIX_H

#include <aios/plugin/cache.h>

#include "core/mm/pages.h"

struct aios;
struct module;
struct request;

struct prefix {
	struct module *module; /* NULL: no cache */
	const struct aios_cache_ops *ops;
	void *cache;
	struct mm_pages *pages;
	uint32_t page_size;
	int32_t *evicted; /* [total pages] */
	uint8_t *taken;   /* [total pages] */
};

/* `name`: of the plugin, "off" for none. `pages` outlives the cache. */
int prefix_open(struct prefix *p, struct aios *aios, const char *name, struct mm_pages *pages,
		uint32_t page_size, uint32_t max_tenants, struct aios_status *st);
void prefix_close(struct prefix *p); /* gives all its pages back; takes a zeroed struct */

/* Give a request the space of the model, its numerics id, the request's tenant and salt. */
int prefix_space(struct prefix *p, const char *model, const char *numerics, struct request *r,
		 struct aios_status *st);
void prefix_space_put(struct prefix *p, struct request *r); /* fine when it has none */

/*
 * What match would find for a request: all of its tokens but the last, or those whose prompt
 * log-probabilities were told, while some were not. hit->fresh counts whole
 * pages only, for a partial one is copied and not held.
 */
void prefix_peek(const struct prefix *p, const struct request *r, struct aios_cache_hit *hit);

/*
 * Share what is there: whole pages into r->pages with a reference each, r->pin for those.
 * hit->partial_page is the caller's to copy now: nothing holds it. 0 or -ENOMEM.
 */
int prefix_match(struct prefix *p, struct request *r, struct aios_cache_hit *hit);

/* Give the first `tokens` computed tokens to the cache; r keeps its references and gets a pin. */
void prefix_insert(struct prefix *p, struct request *r, uint32_t tokens);

/* Let go of what r pins. */
void prefix_unpin(struct prefix *p, struct request *r);

/* Make up to n pages free. */
void prefix_evict(struct prefix *p, uint32_t n);

/* Pages that prefix_evict() could make free. */
uint32_t prefix_evictable(const struct prefix *p);

#endif /* CORE_ENGINE_PREFIX_H */
