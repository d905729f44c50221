// SPDX-License-Identifier: Apache-2.0
/* tree.c - finding, adding and giving up pages. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "tree.h"

/* ---- orders ------------------------------------------------------------------ */

static const int32_t *tokens_of(const struct cache *c, uint32_t i)
{
	return c->tokens + (size_t)i * c->limits.page_size;
}

static uint32_t common(const int32_t *a, uint32_t na, const int32_t *b, uint32_t nb)
{
	uint32_t n = 0;

	while (n < na && n < nb && a[n] == b[n])
		n++;
	return n;
}

/* By tokens; what another begins with comes before it. */
static bool sibling_before(const void *ctx, uint32_t a, uint32_t b)
{
	const struct cache *c = ctx;
	uint32_t na = c->nodes[a].tokens, nb = c->nodes[b].tokens;
	uint32_t n = common(tokens_of(c, a), na, tokens_of(c, b), nb);

	if (n == na || n == nb)
		return na < nb;
	return tokens_of(c, a)[n] < tokens_of(c, b)[n];
}

/* The policy's order; then the deeper, then the lower number. */
static bool less_valuable(const void *ctx, uint32_t a, uint32_t b)
{
	const struct cache *c = ctx;
	const struct cache_node *x = &c->nodes[a], *y = &c->nodes[b];

	if (c->before(x, y))
		return true;
	if (c->before(y, x))
		return false;
	return x->depth != y->depth ? x->depth > y->depth : a < b;
}

static const struct treap_kind sibling_kind = { offsetof(struct cache_node, sibling),
						sizeof(struct cache_node), sibling_before };
static const struct treap_kind all_kind = { offsetof(struct cache_node, all),
					    sizeof(struct cache_node), less_valuable };
static const struct treap_kind own_kind = { offsetof(struct cache_node, own),
					    sizeof(struct cache_node), less_valuable };

/* The children of a node, or of a space: a treap made from their root for the time of a change. */
static struct treap children_of(struct cache *c, uint32_t space, uint32_t parent)
{
	struct treap t;

	treap_init(&t, &sibling_kind, c->nodes, c);
	if (parent == CACHE_NONE) {
		t.root = c->spaces[space].children;
		t.n = c->spaces[space].n_children;
	} else {
		t.root = c->nodes[parent].children;
		t.n = c->nodes[parent].n_children;
	}
	return t;
}

static void set_children(struct cache *c, uint32_t space, uint32_t parent, const struct treap *t)
{
	if (parent == CACHE_NONE) {
		c->spaces[space].children = t->root;
		c->spaces[space].n_children = t->n;
	} else {
		c->nodes[parent].children = t->root;
		c->nodes[parent].n_children = t->n;
	}
}

/* ---- life -------------------------------------------------------------------- */

int tree_open(cache_before before, const struct aios_cache_limits *limits, void **cache,
	      struct aios_status *st)
{
	struct cache *c;

	if (limits->size < sizeof(*limits) || !limits->page_size || !limits->max_pages ||
	    !limits->max_tenants || limits->max_pages > INT32_MAX)
		return aios_fail(st, -EINVAL,
				 "a cache's limits must be 1 at least; found page_size %u, "
				 "max_pages %u, max_tenants %u",
				 limits->page_size, limits->max_pages, limits->max_tenants);
	c = calloc(1, sizeof(*c));
	if (!c)
		return aios_fail(st, -ENOMEM, "no memory for a prefix cache");
	c->before = before;
	c->limits = *limits;
	c->free_space = CACHE_NONE;
	for (c->n_buckets = 64; c->n_buckets < limits->max_pages; c->n_buckets *= 2)
		;
	c->nodes = calloc(limits->max_pages, sizeof(*c->nodes));
	c->tokens = calloc((size_t)limits->max_pages * limits->page_size, sizeof(*c->tokens));
	c->buckets = calloc(c->n_buckets, sizeof(*c->buckets));
	c->n_ghosts = 8 * c->n_buckets;
	c->ghosts = calloc(c->n_ghosts, sizeof(*c->ghosts));
	c->tenants = calloc(limits->max_tenants, sizeof(*c->tenants));
	if (!c->nodes || !c->tokens || !c->buckets || !c->ghosts || !c->tenants) {
		tree_close(c);
		return aios_fail(st, -ENOMEM, "no memory for a prefix cache of %u pages",
				 limits->max_pages);
	}
	treap_init(&c->order, &all_kind, c->nodes, c);
	for (uint32_t i = 0; i < limits->max_tenants; i++) {
		treap_init(&c->tenants[i].order, &own_kind, c->nodes, c);
		c->tenants[i].share = UINT32_MAX;
	}
	for (uint32_t i = 0; i < c->n_buckets; i++)
		c->buckets[i] = CACHE_NONE;
	for (uint32_t i = 0; i < limits->max_pages; i++)
		c->nodes[i].next = i + 1 < limits->max_pages ? i + 1 : CACHE_NONE;
	*cache = c;
	return 0;
}

void tree_close(void *cache)
{
	struct cache *c = cache;

	if (!c)
		return;
	for (uint32_t i = 0; i < c->n_spaces; i++)
		free(c->spaces[i].name);
	free(c->spaces);
	free(c->space_buckets);
	free(c->tenants);
	free(c->ghosts);
	free(c->buckets);
	free(c->tokens);
	free(c->nodes);
	free(c);
}

int tree_share(void *cache, uint32_t tenant, uint32_t max_pages, struct aios_status *st)
{
	struct cache *c = cache;

	if (tenant >= c->limits.max_tenants)
		return aios_fail(st, -EINVAL, "tenant %u: the prefix cache was opened for %u",
				 tenant, c->limits.max_tenants);
	c->tenants[tenant].share = max_pages;
	return 0;
}

/* ---- what can be given up ------------------------------------------------------ */

static struct cache_tenant *tenant_of(struct cache *c, uint32_t i)
{
	return &c->tenants[c->spaces[c->nodes[i].space].tenant];
}

static bool in_order(const struct cache *c, uint32_t i)
{
	return c->nodes[i].n_children == 0 && c->nodes[i].held == 0;
}

static void order_add(struct cache *c, uint32_t i)
{
	treap_insert(&c->order, i);
	treap_insert(&tenant_of(c, i)->order, i);
}

static void order_remove(struct cache *c, uint32_t i)
{
	treap_remove(&c->order, i);
	treap_remove(&tenant_of(c, i)->order, i);
}

static void pin(struct cache *c, uint32_t i)
{
	while (i != CACHE_NONE) {
		if (in_order(c, i))
			order_remove(c, i);
		if (c->nodes[i].held++ > 0)
			return;
		c->n_evictable--;
		tenant_of(c, i)->evictable--;
		i = c->nodes[i].parent;
	}
}

static void unpin(struct cache *c, uint32_t i)
{
	while (i != CACHE_NONE) {
		if (--c->nodes[i].held > 0)
			return;
		c->n_evictable++;
		tenant_of(c, i)->evictable++;
		if (in_order(c, i))
			order_add(c, i);
		i = c->nodes[i].parent;
	}
}

void tree_unpin(void *cache, uint32_t handle)
{
	struct cache *c = cache;

	if (handle != AIOS_CACHE_NO_PIN && handle <= c->limits.max_pages)
		unpin(c, handle - 1);
}

uint32_t tree_evictable(void *cache, uint32_t tenant)
{
	const struct cache *c = cache;

	if (tenant == AIOS_CACHE_ANY)
		return c->n_evictable;
	return tenant < c->limits.max_tenants ? c->tenants[tenant].evictable : 0;
}

uint32_t tree_room(void *cache, uint32_t tenant)
{
	const struct cache *c = cache;
	uint32_t room = c->limits.max_pages - c->n_used, own;

	if (tenant >= c->limits.max_tenants)
		return 0;
	own = c->tenants[tenant].share > c->tenants[tenant].pages ?
		      c->tenants[tenant].share - c->tenants[tenant].pages :
		      0;
	return own < room ? own : room;
}

/* ---- finding ------------------------------------------------------------------- */

/* Where a walk along the tokens has come. */
struct walk {
	uint32_t at;      /* the last page that fits wholly, CACHE_NONE: none */
	uint32_t pages;   /* how many do */
	uint32_t partial; /* a page whose beginning fits the rest, or CACHE_NONE */
	uint32_t partial_tokens;
	uint64_t hash; /* of the tokens of the pages */
};

static uint64_t hash_page(const int32_t *tokens, uint32_t n, uint64_t before)
{
	return XXH64(tokens, n * sizeof(*tokens), before);
}

/* The child with the longest common beginning; its length in *n. It lies on the way to the wanted tokens' place. */
static uint32_t best_child(struct cache *c, uint32_t space, uint32_t parent, const int32_t *want,
			   uint32_t n_want, uint32_t *n)
{
	struct treap t = children_of(c, space, parent);
	uint32_t i = t.root, best = CACHE_NONE;

	*n = 0;
	while (i != TREAP_NONE) {
		uint32_t have = c->nodes[i].tokens;
		uint32_t k = common(tokens_of(c, i), have, want, n_want);
		struct treap_link *link = treap_link(&t, i);

		if (k > *n) {
			*n = k;
			best = i;
		}
		if (k == n_want && have == k)
			return best;
		if (k == n_want || (k < have && want[k] < tokens_of(c, i)[k]))
			i = link->left;
		else
			i = link->right;
	}
	return best;
}

static void walk(struct cache *c, uint32_t space, const int32_t *tokens, uint32_t n, struct walk *w)
{
	uint32_t size = c->limits.page_size, at = 0, child, k;

	memset(w, 0, sizeof(*w));
	w->at = w->partial = CACHE_NONE;
	while (at < n) {
		uint32_t want = n - at < size ? n - at : size;

		child = best_child(c, space, w->at, tokens + at, want, &k);
		if (k < size || c->nodes[child].tokens < size) {
			w->partial = k > 0 ? child : CACHE_NONE;
			w->partial_tokens = k;
			return;
		}
		w->at = child;
		w->pages++;
		w->hash = c->nodes[child].hash;
		at += size;
	}
}

/* A hash of a page's place that differs between spaces. */
static uint64_t ghost_of(const struct cache *c, uint32_t space, uint64_t hash)
{
	uint64_t both[2] = { hash, c->spaces[space].hash };

	return XXH64(both, sizeof(both), 1) | 1; /* never 0: an empty entry */
}

/* Is the page with these tokens and this hash in another space? */
static bool elsewhere(const struct cache *c, uint32_t space, const int32_t *tokens, uint64_t hash)
{
	uint32_t size = c->limits.page_size;
	uint32_t i = c->buckets[hash & (c->n_buckets - 1)];

	for (; i != CACHE_NONE; i = c->nodes[i].next) {
		if (c->nodes[i].hash == hash && c->nodes[i].space != space &&
		    common(tokens_of(c, i), c->nodes[i].tokens, tokens, size) == size)
			return true;
	}
	return false;
}

/* Why the walk did not come further. */
static uint32_t why(struct cache *c, uint32_t space, const int32_t *tokens, uint32_t n,
		    const struct walk *w)
{
	uint32_t size = c->limits.page_size, at = w->pages * size;
	struct treap children;
	uint64_t hash, ghost;

	if (at + w->partial_tokens == n)
		return AIOS_CACHE_WHOLE;
	if (n - at >= size) {
		hash = hash_page(tokens + at, size, w->hash);
		ghost = ghost_of(c, space, hash);
		if (c->ghosts[ghost & (c->n_ghosts - 1)] == ghost)
			return AIOS_CACHE_EVICTED;
		if (elsewhere(c, space, tokens + at, hash))
			return AIOS_CACHE_NAMESPACE;
	}
	if (w->partial != CACHE_NONE)
		return w->partial_tokens == c->nodes[w->partial].tokens ? AIOS_CACHE_ENDED :
									  AIOS_CACHE_DIVERGED;
	if (w->pages == 0)
		return AIOS_CACHE_COLD;
	children = children_of(c, space, w->at);
	return children.n ? AIOS_CACHE_DIVERGED : AIOS_CACHE_ENDED;
}

static uint32_t deepest(const struct walk *w)
{
	return w->partial != CACHE_NONE ? w->partial : w->at;
}

static void describe(struct cache *c, uint32_t space, const int32_t *tokens, uint32_t n,
		     const struct walk *w, struct aios_cache_hit *hit)
{
	memset(hit, 0, sizeof(*hit));
	hit->pages = w->pages;
	hit->partial_tokens = w->partial_tokens;
	hit->partial_page = w->partial != CACHE_NONE ? c->nodes[w->partial].page : -1;
	hit->tokens = w->pages * c->limits.page_size + w->partial_tokens;
	hit->miss = why(c, space, tokens, n, w);
	for (uint32_t i = deepest(w); i != CACHE_NONE && c->nodes[i].held == 0;
	     i = c->nodes[i].parent)
		hit->fresh++;
}

void tree_peek(void *cache, uint32_t space, const int32_t *tokens, uint32_t n,
	       struct aios_cache_hit *hit)
{
	struct cache *c = cache;
	struct walk w;

	walk(c, space, tokens, n, &w);
	describe(c, space, tokens, n, &w, hit);
}

/* The path to `i`, which is pinned, was used. */
static void touch(struct cache *c, uint32_t i, bool found)
{
	c->clock++;
	for (; i != CACHE_NONE; i = c->nodes[i].parent) {
		c->nodes[i].used = c->clock;
		c->nodes[i].uses += found;
	}
}

void tree_match(void *cache, uint32_t space, const int32_t *tokens, uint32_t n, int32_t *pages,
		struct aios_cache_hit *hit)
{
	struct cache *c = cache;
	struct walk w;
	uint32_t end;

	walk(c, space, tokens, n, &w);
	describe(c, space, tokens, n, &w, hit);
	end = deepest(&w);
	if (end != CACHE_NONE) {
		pin(c, end);
		hit->pin = end + 1;
		touch(c, end, true);
	}
	for (uint32_t i = w.at, k = w.pages; k > 0; i = c->nodes[i].parent)
		pages[--k] = c->nodes[i].page;
	c->stats.matches++;
	c->stats.tokens_wanted += n;
	c->stats.tokens_hit += hit->tokens;
	c->stats.tokens_partial += hit->partial_tokens;
	c->stats.misses[hit->miss]++;
	c->stats.missed_tokens[hit->miss] += n - hit->tokens;
}

/* ---- adding -------------------------------------------------------------------- */

static void bucket_add(struct cache *c, uint32_t i)
{
	uint32_t *at = &c->buckets[c->nodes[i].hash & (c->n_buckets - 1)];

	c->nodes[i].next = *at;
	*at = i;
}

static void bucket_remove(struct cache *c, uint32_t i)
{
	uint32_t *at = &c->buckets[c->nodes[i].hash & (c->n_buckets - 1)];

	while (*at != i)
		at = &c->nodes[*at].next;
	*at = c->nodes[i].next;
}

/* A page below `parent`, which is pinned or NONE; there is room. */
static uint32_t add_page(struct cache *c, uint32_t space, uint32_t parent, const int32_t *tokens,
			 uint32_t n, int32_t page, uint64_t hash)
{
	struct treap children = children_of(c, space, parent);
	uint32_t i = c->free;
	struct cache_node *node = &c->nodes[i];

	c->free = node->next;
	memset(node, 0, sizeof(*node));
	memcpy(c->tokens + (size_t)i * c->limits.page_size, tokens, n * sizeof(*tokens));
	node->space = space;
	node->parent = parent;
	node->children = TREAP_NONE;
	node->depth = parent == CACHE_NONE ? 0 : c->nodes[parent].depth + 1;
	node->tokens = n;
	node->page = page;
	node->hash = hash;
	node->used = c->clock + 1;
	bucket_add(c, i);
	treap_insert(&children, i);
	set_children(c, space, parent, &children);
	c->n_used++;
	c->n_evictable++;
	c->spaces[space].pages++;
	tenant_of(c, i)->pages++;
	tenant_of(c, i)->evictable++;
	order_add(c, i);
	c->stats.inserted++;
	return i;
}

/* The same page with more tokens in it than when it was added. */
static void extend_page(struct cache *c, uint32_t i, const int32_t *tokens, uint32_t n,
			uint64_t hash)
{
	struct cache_node *node = &c->nodes[i];
	struct treap children = children_of(c, node->space, node->parent);

	treap_remove(&children, i);
	bucket_remove(c, i);
	memcpy(c->tokens + (size_t)i * c->limits.page_size, tokens, n * sizeof(*tokens));
	node->tokens = n;
	node->hash = hash;
	bucket_add(c, i);
	treap_insert(&children, i);
	set_children(c, node->space, node->parent, &children);
}

/* One page of an insertion below `parent`: the node that holds its tokens now, or CACHE_NONE. */
static uint32_t insert_page(struct cache *c, uint32_t space, uint32_t parent, const int32_t *tokens,
			    uint32_t n, int32_t page, uint64_t *hash, uint8_t *taken)
{
	uint32_t k, i = best_child(c, space, parent, tokens, n, &k);

	*hash = hash_page(tokens, n, *hash);
	if (i != CACHE_NONE && k == n) {
		c->stats.duplicates += c->nodes[i].page != page;
		return i;
	}
	if (i != CACHE_NONE && k == c->nodes[i].tokens && c->nodes[i].page == page) {
		extend_page(c, i, tokens, n, *hash);
		return i;
	}
	if (tree_room(c, c->spaces[space].tenant) == 0)
		return CACHE_NONE;
	*taken = 1;
	return add_page(c, space, parent, tokens, n, page, *hash);
}

int tree_insert(void *cache, uint32_t space, const int32_t *tokens, uint32_t n,
		const int32_t *pages, uint8_t *taken, uint32_t *handle, struct aios_status *st)
{
	struct cache *c = cache;
	uint32_t size = c->limits.page_size, at = CACHE_NONE, child;
	uint32_t all = n / size + (n % size > 0);
	uint64_t hash = 0;
	int count = 0;

	(void)st;
	if (all > 0)
		memset(taken, 0, all);
	for (uint32_t i = 0; i < all; i++) {
		uint32_t len = n - i * size < size ? n - i * size : size;

		child = insert_page(c, space, at, tokens + (size_t)i * size, len, pages[i], &hash,
				    &taken[i]);
		if (child == CACHE_NONE) {
			c->stats.over_share += all - i;
			break;
		}
		/* What was added is held while the rest comes. */
		pin(c, child);
		if (at != CACHE_NONE)
			unpin(c, at);
		at = child;
		count += taken[i];
	}
	if (at != CACHE_NONE)
		touch(c, at, false);
	if (handle) {
		tree_unpin(c, *handle);
		*handle = at == CACHE_NONE ? AIOS_CACHE_NO_PIN : at + 1;
	} else if (at != CACHE_NONE) {
		unpin(c, at);
	}
	return count;
}

/* ---- giving up ------------------------------------------------------------------- */

static int32_t give_up(struct cache *c, uint32_t i)
{
	struct cache_node *node = &c->nodes[i];
	struct treap children = children_of(c, node->space, node->parent);
	uint64_t ghost = ghost_of(c, node->space, node->hash);
	uint32_t space = node->space, parent = node->parent;

	order_remove(c, i);
	c->ghosts[ghost & (c->n_ghosts - 1)] = ghost;
	bucket_remove(c, i);
	treap_remove(&children, i);
	set_children(c, space, parent, &children);
	c->n_used--;
	c->n_evictable--;
	tenant_of(c, i)->pages--;
	tenant_of(c, i)->evictable--;
	c->spaces[space].pages--;
	c->stats.evicted++;
	if (parent != CACHE_NONE && in_order(c, parent))
		order_add(c, parent);
	node->next = c->free;
	c->free = i;
	space_release(c, space);
	return node->page;
}

uint32_t tree_evict(void *cache, uint32_t tenant, uint32_t n, int32_t *pages)
{
	struct cache *c = cache;
	const struct treap *order = &c->order;
	uint32_t count = 0;

	if (tenant != AIOS_CACHE_ANY && tenant >= c->limits.max_tenants)
		return 0;
	if (tenant != AIOS_CACHE_ANY)
		order = &c->tenants[tenant].order;
	while (count < n && order->n > 0)
		pages[count++] = give_up(c, treap_first(order));
	return count;
}

void tree_stats(void *cache, struct aios_cache_stats *stats)
{
	const struct cache *c = cache;
	struct aios_cache_stats out = c->stats;
	uint32_t size = stats->size;

	out.pages = c->n_used;
	out.pinned_pages = c->n_used - c->n_evictable;
	out.spaces = c->live_spaces;
	out.size = size < sizeof(out) ? size : (uint32_t)sizeof(out);
	memcpy(stats, &out, out.size);
}
