// SPDX-License-Identifier: Apache-2.0
/* space.c - the names of spaces: exact bytes, found by hash, compared. */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "tree.h"

static uint32_t *bucket_of(struct cache *c, uint64_t hash)
{
	return &c->space_buckets[hash & (c->space_room - 1)];
}

/* Twice the room; all are hashed again. */
static int grow(struct cache *c, struct aios_status *st)
{
	uint32_t room = c->space_room ? 2 * c->space_room : 64;
	struct cache_space *spaces = realloc(c->spaces, room * sizeof(*spaces));
	uint32_t *buckets;

	if (spaces)
		c->spaces = spaces;
	buckets = spaces ? malloc(room * sizeof(*buckets)) : NULL;
	if (!buckets)
		return aios_fail(st, -ENOMEM, "no memory for %u spaces of the prefix cache", room);
	free(c->space_buckets);
	c->space_buckets = buckets;
	c->space_room = room;
	for (uint32_t i = 0; i < room; i++)
		buckets[i] = CACHE_NONE;
	for (uint32_t i = 0; i < c->n_spaces; i++) {
		uint32_t *at = bucket_of(c, spaces[i].hash);

		spaces[i].next = *at;
		*at = i;
	}
	return 0;
}

static int take_number(struct cache *c, uint32_t *space, struct aios_status *st)
{
	if (c->free_space != CACHE_NONE) {
		*space = c->free_space;
		c->free_space = c->spaces[*space].next;
		return 0;
	}
	/* Growing hashes all numbers below n_spaces: none of them is free here. */
	if (c->n_spaces == c->space_room) {
		int rc = grow(c, st);

		if (rc < 0)
			return rc;
	}
	*space = c->n_spaces++;
	return 0;
}

static int make(struct cache *c, const void *name, size_t len, uint32_t tenant, uint64_t hash,
		uint32_t *space, struct aios_status *st)
{
	char *copy = malloc(len ? len : 1);
	struct cache_space *s;
	int rc;

	if (!copy)
		return aios_fail(st, -ENOMEM, "no memory for a space of the prefix cache");
	rc = take_number(c, space, st);
	if (rc < 0) {
		free(copy);
		return rc;
	}
	if (len)
		memcpy(copy, name, len);
	s = &c->spaces[*space];
	memset(s, 0, sizeof(*s));
	s->name = copy;
	s->len = len;
	s->hash = hash;
	s->tenant = tenant;
	s->children = TREAP_NONE;
	s->users = 1;
	s->next = *bucket_of(c, hash);
	*bucket_of(c, hash) = *space;
	c->live_spaces++;
	return 0;
}

int tree_space(void *cache, const void *name, size_t len, uint32_t tenant, uint32_t *space,
	       struct aios_status *st)
{
	struct cache *c = cache;
	uint64_t hash = XXH64(name, len, 0);
	uint32_t i;

	if (tenant >= c->limits.max_tenants)
		return aios_fail(st, -EINVAL, "tenant %u: the prefix cache was opened for %u",
				 tenant, c->limits.max_tenants);
	for (i = c->space_room ? *bucket_of(c, hash) : CACHE_NONE; i != CACHE_NONE;
	     i = c->spaces[i].next) {
		struct cache_space *s = &c->spaces[i];

		if (s->len != len || (len && memcmp(s->name, name, len) != 0))
			continue;
		if (s->tenant != tenant)
			return aios_fail(st, -EINVAL,
					 "the space belongs to tenant %u, not to tenant %u; a "
					 "space's name must hold the tenant's",
					 s->tenant, tenant);
		s->users++;
		*space = i;
		return 0;
	}
	return make(c, name, len, tenant, hash, space, st);
}

void space_release(struct cache *c, uint32_t space)
{
	struct cache_space *s = &c->spaces[space];
	uint32_t *at;

	if (s->users > 0 || s->pages > 0)
		return;
	at = bucket_of(c, s->hash);
	while (*at != space)
		at = &c->spaces[*at].next;
	*at = s->next;
	free(s->name);
	s->name = NULL;
	s->next = c->free_space;
	c->free_space = space;
	c->live_spaces--;
}

void tree_space_put(void *cache, uint32_t space)
{
	struct cache *c = cache;

	if (space >= c->n_spaces || !c->spaces[space].name || c->spaces[space].users == 0)
		return;
	c->spaces[space].users--;
	space_release(c, space);
}
