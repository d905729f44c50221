// SPDX-License-Identifier: Apache-2.0
/*
 * test_caches.c - every prefix cache against a slow model that keeps whole prefixes in a
 * list, under 100,000 random calls; what explains a miss; spaces and shares.
 */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <aios/plugin/cache.h>

Suite *test_caches_suite(void);

/* The plugins' sources are compiled into this test as built-in modules. */
extern const struct aios_module aios_module_radix, aios_module_lfu;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct aios_module *const caches[] = { &aios_module_radix, &aios_module_lfu };

enum {
	PAGE = 4,
	PAGES = 40,
	TENANTS = 2,
	SPACES = 3,
	LONGEST = 24,
	CALLS = 100000,
	PINS = 8,
};

static const struct aios_cache_limits small = {
	.size = sizeof(small),
	.page_size = PAGE,
	.max_pages = PAGES,
	.max_tenants = TENANTS,
};

/* ---- the model: each page with all tokens up to its end ------------------------ */

struct entry {
	bool here;
	uint32_t space, n; /* tokens in all */
	int32_t tokens[LONGEST];
	int32_t page;
	uint64_t used, uses;
};

struct bed {
	const struct aios_cache_ops *ops;
	bool lfu;
	void *cache;
	uint32_t spaces[SPACES], tenant_of[SPACES], share[TENANTS];
	struct entry all[PAGES];
	struct {
		uint32_t pin, entry;
	} pins[PINS];
	uint64_t random, clock, hits, evictions, partials, misses[AIOS_CACHE_MISSES];
	int32_t next_page;
};

static uint32_t below(struct bed *b, uint32_t n)
{
	b->random = b->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((b->random >> 33) % n);
}

static uint32_t start_of(const struct entry *e)
{
	return (e->n - 1) / PAGE * PAGE;
}

/* Is `up` on the way to `e` (or `e` itself)? */
static bool on_path(const struct entry *up, const struct entry *e)
{
	return up->here && up->space == e->space && up->n <= e->n &&
	       (up == e || up->n % PAGE == 0) &&
	       memcmp(up->tokens, e->tokens, up->n * sizeof(int32_t)) == 0;
}

static bool held(const struct bed *b, const struct entry *e)
{
	for (uint32_t i = 0; i < PINS; i++) {
		if (b->pins[i].pin && on_path(e, &b->all[b->pins[i].entry]))
			return true;
	}
	return false;
}

static bool is_leaf(const struct bed *b, const struct entry *e)
{
	if (e->n % PAGE)
		return true;
	for (uint32_t i = 0; i < PAGES; i++) {
		if (&b->all[i] != e && b->all[i].n > e->n && on_path(e, &b->all[i]) &&
		    b->all[i].here)
			return false;
	}
	return true;
}

static uint32_t common(const int32_t *a, const int32_t *b, uint32_t n)
{
	uint32_t k = 0;

	while (k < n && a[k] == b[k])
		k++;
	return k;
}

/* The entry that holds exactly these tokens, or, with `within`, at least these on the same page. */
static struct entry *find(struct bed *b, uint32_t space, const int32_t *tokens, uint32_t n,
			  bool within)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		struct entry *e = &b->all[i];

		if (!e->here || e->space != space || e->n < n || (!within && e->n != n) ||
		    start_of(e) != (n - 1) / PAGE * PAGE)
			continue;
		if (memcmp(e->tokens, tokens, n * sizeof(*tokens)) == 0)
			return e;
	}
	return NULL;
}

static uint32_t n_within(const struct bed *b, uint32_t space, const int32_t *tokens, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PAGES; i++) {
		const struct entry *e = &b->all[i];

		count += e->here && e->space == space && e->n >= n &&
			 start_of(e) == (n - 1) / PAGE * PAGE &&
			 memcmp(e->tokens, tokens, n * sizeof(*tokens)) == 0;
	}
	return count;
}

/* Longest match: whole pages in *pages, tokens of a further page in *partial. */
static void model_match(struct bed *b, uint32_t space, const int32_t *tokens, uint32_t n,
			uint32_t *pages, uint32_t *partial)
{
	uint32_t at = 0;

	while (at + PAGE <= n && find(b, space, tokens, at + PAGE, false))
		at += PAGE;
	*pages = at / PAGE;
	*partial = 0;
	for (uint32_t i = 0; i < PAGES; i++) {
		const struct entry *e = &b->all[i];
		uint32_t end = e->n < n ? e->n : n, k;

		if (!e->here || e->space != space || start_of(e) != at || end <= at)
			continue;
		k = common(e->tokens, tokens, end);
		if (k > at && k - at > *partial)
			*partial = k - at;
	}
}

/* ---- calls and what they must answer ---------------------------------------------- */

static void bed_open(struct bed *b, const struct aios_module *module)
{
	static const char *const names[SPACES] = { "model-a\0one", "model-b\0one", "model-a\0two" };
	struct aios_status st = { 0 };

	memset(b, 0, sizeof(*b));
	b->ops = module->ops;
	b->lfu = module == &aios_module_lfu;
	b->random = 7;
	b->share[0] = b->share[1] = UINT32_MAX;
	ck_assert_int_eq(b->ops->open(NULL, &small, &b->cache, &st), 0);
	for (uint32_t i = 0; i < SPACES; i++) {
		b->tenant_of[i] = i == 2;
		ck_assert_int_eq(b->ops->space(b->cache, names[i], 11, b->tenant_of[i],
					       &b->spaces[i], &st),
				 0);
	}
}

static uint32_t model_pages(const struct bed *b, uint32_t tenant)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < PAGES; i++)
		n += b->all[i].here &&
		     (tenant == AIOS_CACHE_ANY || b->tenant_of[b->all[i].space] == tenant);
	return n;
}

static void check_counts(struct bed *b)
{
	struct aios_cache_stats stats = { .size = sizeof(stats) };
	uint32_t evictable[TENANTS] = { 0 }, all = 0, pinned = 0;

	for (uint32_t i = 0; i < PAGES; i++) {
		if (!b->all[i].here)
			continue;
		pinned += held(b, &b->all[i]);
		if (held(b, &b->all[i]))
			continue;
		evictable[b->tenant_of[b->all[i].space]]++;
		all++;
	}
	ck_assert_uint_eq(b->ops->evictable(b->cache, AIOS_CACHE_ANY), all);
	for (uint32_t t = 0; t < TENANTS; t++) {
		uint32_t room = PAGES - model_pages(b, AIOS_CACHE_ANY);
		uint32_t own = b->share[t] > model_pages(b, t) ? b->share[t] - model_pages(b, t) :
								 0;

		ck_assert_uint_eq(b->ops->evictable(b->cache, t), evictable[t]);
		ck_assert_uint_eq(b->ops->room(b->cache, t), own < room ? own : room);
	}
	b->ops->stats(b->cache, &stats);
	ck_assert_uint_eq(stats.pages, model_pages(b, AIOS_CACHE_ANY));
	ck_assert_uint_eq(stats.pinned_pages, pinned);
}

static uint32_t free_pin(const struct bed *b)
{
	uint32_t i = 0;

	while (i < PINS && b->pins[i].pin)
		i++;
	return i;
}

static void touch(struct bed *b, const struct entry *end, bool found)
{
	b->clock++;
	for (uint32_t i = 0; i < PAGES; i++) {
		if (!on_path(&b->all[i], end))
			continue;
		b->all[i].used = b->clock;
		b->all[i].uses += found;
	}
}

static void call_match(struct bed *b, uint32_t space, const int32_t *tokens, uint32_t n)
{
	struct aios_cache_hit hit, peek;
	int32_t pages[LONGEST / PAGE];
	uint32_t want_pages, want_partial, fresh = 0, at = free_pin(b);
	struct entry *end = NULL;

	model_match(b, space, tokens, n, &want_pages, &want_partial);
	b->ops->peek(b->cache, b->spaces[space], tokens, n, &peek);
	ck_assert_uint_eq(peek.pin, AIOS_CACHE_NO_PIN);
	b->ops->match(b->cache, b->spaces[space], tokens, n, pages, &hit);
	ck_assert_uint_eq(hit.pages, want_pages);
	ck_assert_uint_eq(hit.partial_tokens, want_partial);
	ck_assert_uint_eq(hit.tokens, want_pages * PAGE + want_partial);
	ck_assert_int_eq(hit.miss == AIOS_CACHE_WHOLE, hit.tokens == n);
	ck_assert_int_eq(hit.partial_page >= 0, want_partial > 0);
	for (uint32_t i = 0; i < want_pages; i++)
		ck_assert_int_eq(pages[i], find(b, space, tokens, (i + 1) * PAGE, false)->page);
	if (want_pages)
		end = find(b, space, tokens, want_pages * PAGE, false);
	for (uint32_t i = 0; want_partial && i < PAGES; i++) {
		struct entry *e = &b->all[i];

		/* A page may be in two entries, as short as it was and as long as it is. */
		if (e->here && e->page == hit.partial_page && e->space == space &&
		    common(e->tokens, tokens, hit.tokens < e->n ? hit.tokens : e->n) == hit.tokens)
			end = e;
	}
	ck_assert(!want_partial || (end && start_of(end) == want_pages * PAGE));
	for (uint32_t i = 0; end && i < PAGES; i++)
		fresh += on_path(&b->all[i], end) && !held(b, &b->all[i]);
	ck_assert_uint_eq(hit.fresh, fresh);
	ck_assert_uint_eq(peek.fresh, fresh);
	ck_assert_uint_eq(peek.tokens, hit.tokens);
	ck_assert_uint_eq(peek.miss, hit.miss);
	ck_assert_int_eq(hit.pin != AIOS_CACHE_NO_PIN, end != NULL);
	b->hits += hit.pages;
	b->partials += want_partial > 0;
	b->misses[hit.miss]++;
	if (!end)
		return;
	touch(b, end, true);
	if (at == PINS) {
		b->ops->unpin(b->cache, hit.pin);
		return;
	}
	b->pins[at].pin = hit.pin;
	b->pins[at].entry = (uint32_t)(end - b->all);
}

static void call_insert(struct bed *b, uint32_t space, const int32_t *tokens, uint32_t n)
{
	uint32_t all = (n + PAGE - 1) / PAGE, tenant = b->tenant_of[space], at = free_pin(b);
	uint32_t pin = AIOS_CACHE_NO_PIN;
	struct aios_status st = { 0 };
	int32_t pages[LONGEST / PAGE];
	uint8_t taken[LONGEST / PAGE];
	struct entry *end = NULL;
	int count = 0, rc;

	/* Of several pages that have the tokens of the last any may be taken: not here. */
	if (n % PAGE && n_within(b, space, tokens, n) > 1)
		all--, n -= n % PAGE;
	if (n == 0)
		return;
	for (uint32_t i = 0; i < all; i++)
		pages[i] = b->next_page++;
	rc = b->ops->insert(b->cache, b->spaces[space], tokens, n, pages, taken,
			    at < PINS ? &pin : NULL, &st);
	for (uint32_t i = 0; i < all; i++) {
		uint32_t len = n < (i + 1) * PAGE ? n : (i + 1) * PAGE;
		struct entry *e = find(b, space, tokens, len, true), *fresh = b->all;

		if (e) {
			ck_assert_uint_eq(taken[i], 0);
			end = e;
			continue;
		}
		if (model_pages(b, AIOS_CACHE_ANY) == PAGES ||
		    model_pages(b, tenant) >= b->share[tenant]) {
			for (; i < all; i++)
				ck_assert_uint_eq(taken[i], 0);
			break;
		}
		ck_assert_uint_eq(taken[i], 1);
		count++;
		while (fresh->here)
			fresh++;
		memset(fresh, 0, sizeof(*fresh));
		fresh->here = true;
		fresh->space = space;
		fresh->n = len;
		memcpy(fresh->tokens, tokens, len * sizeof(*tokens));
		fresh->page = pages[i];
		end = fresh;
	}
	ck_assert_int_eq(rc, count);
	if (end)
		touch(b, end, false);
	if (at == PINS)
		return;
	ck_assert_int_eq(pin != AIOS_CACHE_NO_PIN, end != NULL);
	b->pins[at].pin = pin;
	b->pins[at].entry = end ? (uint32_t)(end - b->all) : 0;
}

/* Of two entries the one that goes first, by the policy. */
static bool goes_first(const struct bed *b, const struct entry *x, const struct entry *y)
{
	if (b->lfu && x->uses != y->uses)
		return x->uses < y->uses;
	return x->used < y->used;
}

static void call_evict(struct bed *b, uint32_t tenant, uint32_t n)
{
	int32_t pages[PAGES];
	uint32_t can = b->ops->evictable(b->cache, tenant);
	uint32_t got = b->ops->evict(b->cache, tenant, n, pages);

	ck_assert_uint_eq(got, n < can ? n : can);
	for (uint32_t i = 0; i < got; i++) {
		struct entry *gone = NULL;

		for (uint32_t k = 0; k < PAGES; k++) {
			if (b->all[k].here && b->all[k].page == pages[i])
				gone = &b->all[k];
		}
		ck_assert_ptr_nonnull(gone);
		ck_assert(is_leaf(b, gone) && !held(b, gone));
		ck_assert(tenant == AIOS_CACHE_ANY || b->tenant_of[gone->space] == tenant);
		for (uint32_t k = 0; k < PAGES; k++) {
			const struct entry *e = &b->all[k];

			if (!e->here || e == gone || !is_leaf(b, e) || held(b, e) ||
			    (tenant != AIOS_CACHE_ANY && b->tenant_of[e->space] != tenant))
				continue;
			ck_assert(!goes_first(b, e, gone));
		}
		gone->here = false;
		b->evictions++;
	}
}

static void call_unpin(struct bed *b)
{
	uint32_t i = below(b, PINS);

	b->ops->unpin(b->cache, b->pins[i].pin); /* takes NO_PIN */
	b->pins[i].pin = AIOS_CACHE_NO_PIN;
}

START_TEST(test_random)
{
	struct aios_status st = { 0 };
	int32_t tokens[LONGEST];
	struct bed b;

	bed_open(&b, caches[_i]);
	for (uint32_t i = 0; i < CALLS; i++) {
		uint32_t what = below(&b, 100), space = below(&b, SPACES);
		uint32_t n = 1 + below(&b, LONGEST);

		/* Mostly the same tokens, so that much is shared. */
		for (uint32_t k = 0; k < n; k++)
			tokens[k] = below(&b, 8) ? 1 : (int32_t)below(&b, 3);
		if (what < 40)
			call_match(&b, space, tokens, n);
		else if (what < 65)
			call_insert(&b, space, tokens, n);
		else if (what < 90)
			call_unpin(&b);
		else if (what < 96)
			call_evict(&b, below(&b, 2) ? AIOS_CACHE_ANY : below(&b, TENANTS),
				   below(&b, 8));
		else if (what < 97) {
			b.share[1] = below(&b, 3) ? 5 + below(&b, PAGES) : UINT32_MAX;
			b.ops->share(b.cache, 1, b.share[1], &st);
		}
		if (i % 8 == 0)
			check_counts(&b);
	}
	ck_assert_uint_gt(b.hits, 10000);
	ck_assert_uint_gt(b.partials, 10000);
	ck_assert_uint_gt(b.evictions, 1000);
	for (uint32_t m = 0; m < AIOS_CACHE_MISSES; m++)
		ck_assert_msg(b.misses[m] > 10, "reason %u: %llu times", m,
			      (unsigned long long)b.misses[m]);
	for (uint32_t i = 0; i < PINS; i++)
		b.ops->unpin(b.cache, b.pins[i].pin);
	memset(b.pins, 0, sizeof(b.pins));
	check_counts(&b);
	call_evict(&b, AIOS_CACHE_ANY, PAGES);
	ck_assert_uint_eq(model_pages(&b, AIOS_CACHE_ANY), 0);
	b.ops->close(b.cache);
}
END_TEST

/* ---- one thing at a time ------------------------------------------------------------ */

static uint32_t miss_of(struct bed *b, uint32_t space, const int32_t *tokens, uint32_t n,
			uint32_t *at)
{
	struct aios_cache_hit hit;

	b->ops->peek(b->cache, b->spaces[space], tokens, n, &hit);
	*at = hit.tokens;
	return hit.miss;
}

START_TEST(test_reasons)
{
	static const int32_t a[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	static const int32_t fork[] = { 1, 2, 3, 4, 5, 6, 0, 0 };
	static const int32_t other[] = { 9, 9, 9, 9, 9 };
	struct aios_status st = { 0 };
	int32_t pages[3] = { 10, 11, 12 };
	uint8_t taken[3];
	struct bed b;
	uint32_t at;

	bed_open(&b, caches[_i]);
	ck_assert_uint_eq(miss_of(&b, 0, a, 8, &at), AIOS_CACHE_COLD);
	ck_assert_int_eq(b.ops->insert(b.cache, b.spaces[0], a, 8, pages, taken, NULL, &st), 2);
	ck_assert_uint_eq(miss_of(&b, 0, a, 8, &at), AIOS_CACHE_WHOLE);
	ck_assert_uint_eq(miss_of(&b, 0, a, 7, &at), AIOS_CACHE_WHOLE);
	ck_assert_uint_eq(at, 7);
	ck_assert_uint_eq(miss_of(&b, 0, a, 10, &at), AIOS_CACHE_ENDED);
	ck_assert_uint_eq(at, 8);
	ck_assert_uint_eq(miss_of(&b, 0, fork, 8, &at), AIOS_CACHE_DIVERGED);
	ck_assert_uint_eq(at, 6);
	ck_assert_uint_eq(miss_of(&b, 0, other, 5, &at), AIOS_CACHE_COLD);
	ck_assert_uint_eq(miss_of(&b, 1, a, 8, &at), AIOS_CACHE_NAMESPACE);
	ck_assert_uint_eq(at, 0);
	ck_assert_uint_eq(b.ops->evict(b.cache, AIOS_CACHE_ANY, 1, pages), 1);
	ck_assert_int_eq(pages[0], 11);
	ck_assert_uint_eq(miss_of(&b, 0, a, 8, &at), AIOS_CACHE_EVICTED);
	ck_assert_uint_eq(at, 4);
	b.ops->close(b.cache);
}
END_TEST

/* A page that its sequence goes on to fill is one page in the cache, not two. */
START_TEST(test_growth)
{
	static const int32_t a[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	static const int32_t pages[] = { 3, 4, 5 };
	struct aios_cache_stats stats = { .size = sizeof(stats) };
	uint32_t pin = AIOS_CACHE_NO_PIN, at;
	struct aios_status st = { 0 };
	uint8_t taken[3];
	struct bed b;

	bed_open(&b, caches[_i]);
	ck_assert_int_eq(b.ops->insert(b.cache, b.spaces[0], a, 5, pages, taken, &pin, &st), 2);
	ck_assert_int_eq(b.ops->insert(b.cache, b.spaces[0], a, 7, pages, taken, &pin, &st), 0);
	ck_assert_uint_eq(miss_of(&b, 0, a, 7, &at), AIOS_CACHE_WHOLE);
	ck_assert_int_eq(b.ops->insert(b.cache, b.spaces[0], a, 9, pages, taken, &pin, &st), 1);
	ck_assert_uint_eq(miss_of(&b, 0, a, 9, &at), AIOS_CACHE_WHOLE);
	b.ops->stats(b.cache, &stats);
	ck_assert_uint_eq(stats.pages, 3);
	ck_assert_uint_eq(stats.pinned_pages, 3);
	ck_assert_uint_eq(b.ops->evictable(b.cache, AIOS_CACHE_ANY), 0);
	b.ops->unpin(b.cache, pin);
	ck_assert_uint_eq(b.ops->evictable(b.cache, AIOS_CACHE_ANY), 3);
	b.ops->close(b.cache);
}
END_TEST

START_TEST(test_spaces)
{
	static const int32_t a[] = { 1, 2, 3, 4 };
	struct aios_cache_stats stats = { .size = sizeof(stats) };
	struct aios_status st = { 0 };
	int32_t page = 1;
	uint32_t again, many[1000];
	uint8_t taken;
	char name[32];
	struct bed b;

	bed_open(&b, caches[_i]);
	ck_assert_int_eq(b.ops->space(b.cache, "model-a\0one", 11, 0, &again, &st), 0);
	ck_assert_uint_eq(again, b.spaces[0]);
	ck_assert_int_eq(b.ops->space(b.cache, "model-a\0one", 11, 1, &again, &st), -EINVAL);
	ck_assert_ptr_nonnull(strstr(st.message, "tenant 0"));
	ck_assert_int_eq(b.ops->space(b.cache, "x", 1, TENANTS, &again, &st), -EINVAL);
	/* A name is its bytes: a prefix of it, or one more, is another. */
	ck_assert_int_eq(b.ops->space(b.cache, "model-a", 7, 0, &again, &st), 0);
	ck_assert_uint_ne(again, b.spaces[0]);
	b.ops->space_put(b.cache, again);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 1000; i++) {
			snprintf(name, sizeof(name), "%u of %u", i, round);
			ck_assert_int_eq(
				b.ops->space(b.cache, name, strlen(name), 0, &many[i], &st), 0);
		}
		b.ops->stats(b.cache, &stats);
		ck_assert_uint_eq(stats.spaces, SPACES + 1000);
		for (uint32_t i = 0; i < 1000; i++)
			b.ops->space_put(b.cache, many[i]);
	}
	b.ops->stats(b.cache, &stats);
	ck_assert_uint_eq(stats.spaces, SPACES);
	/* With a page in it a space stays, until the page goes. */
	ck_assert_int_eq(b.ops->space(b.cache, "last", 4, 0, &again, &st), 0);
	ck_assert_int_eq(b.ops->insert(b.cache, again, a, 4, &page, &taken, NULL, &st), 1);
	b.ops->space_put(b.cache, again);
	b.ops->stats(b.cache, &stats);
	ck_assert_uint_eq(stats.spaces, SPACES + 1);
	ck_assert_uint_eq(b.ops->evict(b.cache, 0, 1, &page), 1);
	b.ops->stats(b.cache, &stats);
	ck_assert_uint_eq(stats.spaces, SPACES);
	b.ops->close(b.cache);
}
END_TEST

START_TEST(test_bad_limits)
{
	const struct aios_cache_ops *ops = caches[_i]->ops;
	struct aios_cache_limits limits = small;
	struct aios_status st = { 0 };
	void *cache;

	limits.page_size = 0;
	ck_assert_int_eq(ops->open(NULL, &limits, &cache, &st), -EINVAL);
	limits = small;
	limits.size = 8;
	ck_assert_int_eq(ops->open(NULL, &limits, &cache, &st), -EINVAL);
	ops->close(NULL);
}
END_TEST

/* What many ask for stays under lfu when a flood of single prompts comes, and goes under lru. */
START_TEST(test_policies_differ)
{
	int32_t prompt[PAGE] = { 5, 5, 5, 5 }, page;
	struct aios_cache_hit hit;
	struct aios_status st = { 0 };
	uint8_t taken;
	struct bed b;

	bed_open(&b, caches[_i]);
	page = 1000;
	b.ops->insert(b.cache, b.spaces[0], prompt, PAGE, &page, &taken, NULL, &st);
	for (uint32_t i = 0; i < 5; i++) {
		b.ops->match(b.cache, b.spaces[0], prompt, PAGE, &page, &hit);
		b.ops->unpin(b.cache, hit.pin);
	}
	for (int32_t i = 0; i < 60; i++) {
		int32_t single[PAGE] = { i, 6, 6, 6 };

		if (b.ops->room(b.cache, 0) == 0)
			ck_assert_uint_eq(b.ops->evict(b.cache, 0, 1, &page), 1);
		page = i;
		b.ops->insert(b.cache, b.spaces[0], single, PAGE, &page, &taken, NULL, &st);
	}
	b.ops->peek(b.cache, b.spaces[0], prompt, PAGE, &hit);
	ck_assert_uint_eq(hit.miss, b.lfu ? AIOS_CACHE_WHOLE : AIOS_CACHE_EVICTED);
	b.ops->close(b.cache);
}
END_TEST

Suite *test_caches_suite(void)
{
	Suite *s = suite_create("caches");
	TCase *tc = tcase_create("caches");

	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, test_random, 0, (int)COUNT(caches));
	tcase_add_loop_test(tc, test_reasons, 0, (int)COUNT(caches));
	tcase_add_loop_test(tc, test_growth, 0, (int)COUNT(caches));
	tcase_add_loop_test(tc, test_spaces, 0, (int)COUNT(caches));
	tcase_add_loop_test(tc, test_bad_limits, 0, (int)COUNT(caches));
	tcase_add_loop_test(tc, test_policies_differ, 0, (int)COUNT(caches));
	suite_add_tcase(s, tc);
	return s;
}
