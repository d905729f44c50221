// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/aios.h"
#include "core/engine/prefix.h"
#include "core/engine/request.h"
#include "core/lib/array.h"
#include "core/module/registry.h"

int prefix_open(struct prefix *p, struct aios *aios, const char *name, struct mm_pages *pages,
		uint32_t page_size, uint32_t max_tenants, struct aios_status *st)
{
	const struct aios_cache_limits limits = {
		.size = sizeof(limits),
		.page_size = page_size,
		.max_pages = pages->total,
		.max_tenants = max_tenants,
	};
	int rc;

	memset(p, 0, sizeof(*p));
	p->pages = pages;
	p->page_size = page_size;
	if (strcmp(name, "off") == 0)
		return 0;
	p->evicted = calloc(pages->total, sizeof(*p->evicted));
	p->taken = calloc(pages->total, sizeof(*p->taken));
	if (!p->evicted || !p->taken)
		return aios_fail(st, -ENOMEM, "no host memory for the prefix cache");
	rc = module_get(aios->modules, AIOS_KIND_CACHE, name, &p->module, st);
	if (rc < 0)
		return rc;
	p->ops = module_ops(p->module);
	return p->ops->open(module_host(p->module), &limits, &p->cache, st);
}

void prefix_close(struct prefix *p)
{
	if (p->cache) {
		prefix_evict(p, p->pages->total);
		p->ops->close(p->cache);
	}
	module_put(p->module);
	free(p->evicted);
	free(p->taken);
	memset(p, 0, sizeof(*p));
}

int prefix_space(struct prefix *p, const char *model, const char *numerics, struct request *r,
		 struct aios_status *st)
{
	size_t n_model = strlen(model) + 1, n_id = strlen(numerics) + 1;
	size_t n_salt = r->salt ? strlen(r->salt) + 1 : 0;
	size_t len = n_model + n_id + sizeof(r->tenant) + n_salt;
	char *name;
	int rc;

	if (!p->cache)
		return 0;
	name = malloc(len);
	if (!name)
		return aios_fail(st, -ENOMEM, "no memory for the name of a cache space");
	memcpy(name, model, n_model);
	memcpy(name + n_model, numerics, n_id);
	memcpy(name + n_model + n_id, &r->tenant, sizeof(r->tenant));
	if (r->salt)
		memcpy(name + len - n_salt, r->salt, n_salt);
	rc = p->ops->space(p->cache, name, len, r->tenant, &r->space, st);
	r->has_space = rc == 0;
	free(name);
	return rc;
}

void prefix_space_put(struct prefix *p, struct request *r)
{
	if (r->has_space)
		p->ops->space_put(p->cache, r->space);
	r->has_space = false;
}

/* Tokens that may come from the cache: all but the last, and no row that has yet to tell of its prompt. */
static uint32_t matchable(const struct prefix *p, const struct request *r)
{
	if (!p->cache || r->no_cache)
		return 0;
	return request_unscored(r) ? r->scored : r->n_tokens - 1;
}

static void no_hit(struct aios_cache_hit *hit)
{
	memset(hit, 0, sizeof(*hit));
	hit->partial_page = -1;
	hit->pin = AIOS_CACHE_NO_PIN;
	hit->miss = AIOS_CACHE_COLD;
}

void prefix_peek(const struct prefix *p, const struct request *r, struct aios_cache_hit *hit)
{
	struct aios_cache_hit whole;

	no_hit(hit);
	if (matchable(p, r) == 0)
		return;
	p->ops->peek(p->cache, r->space, r->tokens, matchable(p, r), hit);
	if (hit->partial_tokens == 0)
		return;
	p->ops->peek(p->cache, r->space, r->tokens, hit->pages * p->page_size, &whole);
	hit->fresh = whole.fresh;
}

/* Pin the first `tokens` tokens of r's pages, in place of what it pinned before. */
static void insert(struct prefix *p, struct request *r, uint32_t tokens)
{
	uint32_t n = (tokens + p->page_size - 1) / p->page_size;

	memset(p->taken, 0, n);
	if (p->ops->insert(p->cache, r->space, r->tokens, tokens, r->pages, p->taken, &r->pin,
			   NULL) < 0)
		return; /* no memory: it is not cached, nothing else is lost */
	for (uint32_t i = 0; i < n; i++) {
		if (!p->taken[i])
			continue;
		mm_pages_get(p->pages, r->pages[i]);
		r->shared = true;
	}
}

int prefix_match(struct prefix *p, struct request *r, struct aios_cache_hit *hit)
{
	uint32_t most = (r->n_tokens - 1) / p->page_size;

	no_hit(hit);
	if (matchable(p, r) == 0)
		return 0;
	if (array_reserve((void **)&r->pages, &r->cap_pages, most + 1, sizeof(*r->pages)) < 0)
		return -ENOMEM;
	p->ops->match(p->cache, r->space, r->tokens, matchable(p, r), r->pages, hit);
	for (uint32_t i = 0; i < hit->pages; i++)
		mm_pages_get(p->pages, r->pages[i]);
	r->n_pages = hit->pages;
	r->computed = hit->pages * p->page_size;
	r->shared = hit->pages > 0;
	r->pin = hit->pin;
	/* The pin holds the partial page too, and a small pool may need just that one. */
	if (hit->partial_tokens > 0 && hit->pages > 0)
		insert(p, r, r->computed);
	else if (hit->partial_tokens > 0)
		prefix_unpin(p, r);
	return 0;
}

void prefix_insert(struct prefix *p, struct request *r, uint32_t tokens)
{
	if (p->cache && !r->no_cache && tokens > 0 && r->n_gone == 0)
		insert(p, r, tokens);
}

void prefix_unpin(struct prefix *p, struct request *r)
{
	if (p->cache && r->pin != AIOS_CACHE_NO_PIN)
		p->ops->unpin(p->cache, r->pin);
	r->pin = AIOS_CACHE_NO_PIN;
}

void prefix_evict(struct prefix *p, uint32_t n)
{
	uint32_t given;

	if (!p->cache || n == 0)
		return;
	given = p->ops->evict(p->cache, AIOS_CACHE_ANY, n, p->evicted);
	for (uint32_t i = 0; i < given; i++)
		mm_pages_put(p->pages, p->evicted[i]);
}

uint32_t prefix_evictable(const struct prefix *p)
{
	return p->cache ? p->ops->evictable(p->cache, AIOS_CACHE_ANY) : 0;
}
