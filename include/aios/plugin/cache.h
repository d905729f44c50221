/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h - what a prefix cache plugin implements: which pages of KV hold the
 * beginning of a sequence that was computed before, and which to give up first.
 * It deals in page numbers; memory and reference counts of pages are the caller's.
 *
 * A page number that insert() took is the cache's until evict() hands it
 * back: the caller holds one reference for it meanwhile. Pages on the way to a
 * pin are never handed back.
 *
 * Sequences are told apart by space first: an exact byte string in which the caller
 * writes all that must agree (model, numerics id, tenant, salt). Nothing of one
 * space can be found from another. Tokens are compared, every one; hashes may find
 * a candidate, never confirm it.
 *
 * Threads: one at a time. Which page is found or given up is a function of the calls
 * alone. match() costs O(pages * log n), evict() O(pages * log n).
 */
#ifndef AIOS_PLUGIN_CACHE_H
#define AIOS_PLUGIN_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>
#include <aios/module.h>

#define AIOS_CACHE_NO_PIN 0u
#define AIOS_CACHE_ANY UINT32_MAX /* evict() from every tenant */

/* What is fixed while a cache is open. */
struct aios_cache_limits {
	uint32_t size;
	uint32_t page_size;   /* tokens */
	uint32_t max_pages;   /* pages it may hold at once */
	uint32_t max_tenants; /* at least 1 */
};

/* Why a match ended where it did. */
enum aios_cache_miss {
	AIOS_CACHE_WHOLE = 0,     /* it did not: all tokens were found */
	AIOS_CACHE_COLD = 1,      /* nothing with these tokens was ever here */
	AIOS_CACHE_NAMESPACE = 2, /* they are here, in another space only */
	AIOS_CACHE_EVICTED = 3,   /* they were here, and were given up */
	AIOS_CACHE_DIVERGED = 4,  /* what is here goes on with other tokens */
	AIOS_CACHE_ENDED = 5,     /* what is here ends, the prompt goes on */
	AIOS_CACHE_MISSES
};

/* What match() found. */
struct aios_cache_hit {
	uint32_t pages;          /* whole pages, written to the caller's array */
	uint32_t partial_tokens; /* tokens of partial_page that fit too; 0: none */
	int32_t partial_page;    /* to be copied, not shared; -1: none */
	uint32_t pin;    /* holds all of it (the partial page too) until unpin(); or NO_PIN */
	uint32_t tokens; /* pages * page_size + partial_tokens */
	uint32_t fresh;  /* of all its pages, those that only this pin holds: evictable before */
	uint32_t miss;   /* enum aios_cache_miss: why not more; at token `tokens` */
};

/* Counters since open(), and what is there. */
struct aios_cache_stats {
	uint32_t size; /* set by the caller */
	uint32_t pages, pinned_pages, spaces;
	uint64_t matches, tokens_wanted, tokens_hit, tokens_partial;
	uint64_t inserted, duplicates, evicted, over_share; /* pages */
	uint64_t misses[AIOS_CACHE_MISSES];                 /* matches, by why they ended */
	uint64_t missed_tokens[AIOS_CACHE_MISSES];          /* wanted and not found, likewise */
};

struct aios_cache_ops {
	uint32_t size;
	uint32_t reserved;

	int (*open)(const struct aios_host *host, const struct aios_cache_limits *limits,
		    void **cache, struct aios_status *st); /* mandatory */
	void (*close)(void *cache);                        /* mandatory; takes NULL */

	/*
	 * Mandatory. The number of a space, made when it is new: `len` bytes that are compared
	 * exactly, and the tenant who is charged for its pages. -EINVAL: it is another tenant's.
	 * The number is valid until space_put(), one for each space(); a space that nobody has
	 * and that holds no page is forgotten.
	 */
	int (*space)(void *cache, const void *name, size_t len, uint32_t tenant, uint32_t *space,
		     struct aios_status *st);

	void (*space_put)(void *cache, uint32_t space); /* mandatory */

	/* Mandatory. Pages that a tenant's spaces may hold together; UINT32_MAX (as in the beginning): all. */
	int (*share)(void *cache, uint32_t tenant, uint32_t max_pages, struct aios_status *st);

	/*
	 * Mandatory. The longest beginning of tokens[0, n) that is here. pages[] has room for
	 * n / page_size. Counts as use. hit->pin is the caller's to unpin(), one unpin() a match.
	 */
	void (*match)(void *cache, uint32_t space, const int32_t *tokens, uint32_t n,
		      int32_t *pages, struct aios_cache_hit *hit);

	/* Mandatory. The same without any effect: no use, no pin, no counters; for planning. */
	void (*peek)(void *cache, uint32_t space, const int32_t *tokens, uint32_t n,
		     struct aios_cache_hit *hit);

	/*
	 * Mandatory. pages[i] holds the KV of tokens[i * page_size ...) of tokens[0, n); the last may
	 * be partly filled. taken[i] (one byte a page) says whether the cache took page i (1) or
	 * not (0), being full, over the tenant's share, or having the same tokens in another page.
	 * *pin, when not NULL: the old one is released, the new one holds the whole path that is
	 * here now, so that nothing is lost between. Returns how many pages it took, or -ENOMEM
	 * (then nothing was taken and *pin is as before).
	 */
	int (*insert)(void *cache, uint32_t space, const int32_t *tokens, uint32_t n,
		      const int32_t *pages, uint8_t *taken, uint32_t *pin, struct aios_status *st);

	void (*unpin)(void *cache, uint32_t pin); /* mandatory; takes NO_PIN */

	/* Mandatory. Give up at most n pages of a tenant (or AIOS_CACHE_ANY), least valuable first; how many. */
	uint32_t (*evict)(void *cache, uint32_t tenant, uint32_t n, int32_t *pages);

	/* Mandatory. How many pages evict() could give up now, exactly; O(1). */
	uint32_t (*evictable)(void *cache, uint32_t tenant);

	/* Mandatory. Pages that a tenant's insert() may still add: of its share and of max_pages. */
	uint32_t (*room)(void *cache, uint32_t tenant);

	void (*stats)(void *cache, struct aios_cache_stats *stats); /* mandatory */
};

#endif /* AIOS_PLUGIN_CACHE_H */
