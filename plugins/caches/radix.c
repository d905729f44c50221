// SPDX-License-Identifier: Apache-2.0
/* radix.c - the page that was not used for the longest time is given up first. */
#include "tree.h"

static bool before(const struct cache_node *a, const struct cache_node *b)
{
	return a->used < b->used;
}

static int open(const struct aios_host *host, const struct aios_cache_limits *limits, void **cache,
		struct aios_status *st)
{
	(void)host;
	return tree_open(before, limits, cache, st);
}

static const struct aios_cache_ops ops = TREE_OPS(open);

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "Radix tree of pages, least recently used first out");
AIOS_CACHE(radix, "radix", &ops, NULL, 0);
