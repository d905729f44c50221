/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - what the caches here share: a radix tree of pages for each space. A node
 * is a page, its children are ordered by their tokens, so the longest common beginning
 * is found beside the place where the wanted tokens would stand. A policy adds
 * which of two pages is given up first.
 *
 * Only leaves without a pin are given up. A pin on a node holds the path to it: `held`
 * counts a node's pins and its children that are held, so that the number of
 * pages that can be given up is known at every moment.
 *
 * All memory for pages is allocated by open(); space() allocates names.
 */
#ifndef PLUGINS_CACHES_TREE_H
#define PLUGINS_CACHES_TREE_H

#include <stdbool.h>

#include <aios/plugin/cache.h>

#include "treap.h"

#define CACHE_NONE UINT32_MAX

struct cache_node {
	struct treap_link sibling; /* among its parent's children */
	struct treap_link all;     /* in cache.order, while it can be given up next */
	struct treap_link own;     /* in its tenant's order, likewise */
	uint64_t used;             /* the call that found it last */
	uint64_t uses;             /* times it was found */
	uint64_t hash;             /* of the tokens from the beginning to its end */
	uint32_t next;     /* with the same hash bucket; of a free node: the next free one */
	uint32_t parent;   /* CACHE_NONE: the space */
	uint32_t children; /* root of their tree */
	uint32_t n_children;
	uint32_t space, depth;
	uint32_t held;
	uint32_t tokens; /* in its page */
	int32_t page;
};

struct cache_space {
	char *name; /* NULL: a free number */
	size_t len;
	uint64_t hash;
	uint32_t tenant, children, n_children;
	uint32_t pages, users;
	uint32_t next; /* with the same hash bucket; the next free one */
};

struct cache_tenant {
	struct treap order; /* leaves that can be given up */
	uint32_t pages, evictable, share;
};

struct cache;

/* Is page a given up before b? May call both equal by answering false twice. */
typedef bool (*cache_before)(const struct cache_node *a, const struct cache_node *b);

struct cache {
	cache_before before;
	struct aios_cache_limits limits;
	struct cache_node *nodes; /* [max_pages] */
	int32_t *tokens;          /* [max_pages][page_size] */
	uint32_t *buckets;        /* [n_buckets]: nodes by hash */
	uint64_t *ghosts; /* [n_ghosts]: hashes of pages that were given up, as far as they fit */
	uint32_t n_buckets, n_ghosts; /* powers of two */
	uint32_t free, n_used, n_evictable;
	struct cache_tenant *tenants; /* [max_tenants] */
	struct treap order;           /* leaves that can be given up */
	struct cache_space *spaces;
	uint32_t *space_buckets; /* [space_room], a power of two */
	uint32_t n_spaces, space_room, free_space, live_spaces;
	uint64_t clock;
	struct aios_cache_stats stats;
};

/* The slots of aios_cache_ops, all but open(). */
int tree_open(cache_before before, const struct aios_cache_limits *limits, void **cache,
	      struct aios_status *st);
void tree_close(void *cache);
int tree_space(void *cache, const void *name, size_t len, uint32_t tenant, uint32_t *space,
	       struct aios_status *st);
void tree_space_put(void *cache, uint32_t space);
int tree_share(void *cache, uint32_t tenant, uint32_t max_pages, struct aios_status *st);
void tree_match(void *cache, uint32_t space, const int32_t *tokens, uint32_t n, int32_t *pages,
		struct aios_cache_hit *hit);
void tree_peek(void *cache, uint32_t space, const int32_t *tokens, uint32_t n,
	       struct aios_cache_hit *hit);
int tree_insert(void *cache, uint32_t space, const int32_t *tokens, uint32_t n,
		const int32_t *pages, uint8_t *taken, uint32_t *pin, struct aios_status *st);
void tree_unpin(void *cache, uint32_t pin);
uint32_t tree_evict(void *cache, uint32_t tenant, uint32_t n, int32_t *pages);
uint32_t tree_evictable(void *cache, uint32_t tenant);
uint32_t tree_room(void *cache, uint32_t tenant);
void tree_stats(void *cache, struct aios_cache_stats *stats);

/* ---- space.c to tree.c ---------------------------------------------------------- */

/* Forget a space that has no page and no user. */
void space_release(struct cache *c, uint32_t space);

#define TREE_OPS(open_fn)                                                                          \
	{                                                                                          \
		.size = sizeof(struct aios_cache_ops), .open = (open_fn), .close = tree_close,     \
		.space = tree_space, .space_put = tree_space_put, .share = tree_share,             \
		.match = tree_match, .peek = tree_peek, .insert = tree_insert,                     \
		.unpin = tree_unpin, .evict = tree_evict, .evictable = tree_evictable,             \
		.room = tree_room, .stats = tree_stats,                                            \
	}

#endif /* PLUGINS_CACHES_TREE_H */
