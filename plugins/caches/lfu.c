// SPDX-License-Identifier: Apache-2.0
/*
 * lfu.c - the page that was found the fewest times is given up first; of equals the one that was
 * not used for the longest time. It keeps a system prompt of many through a flood of single ones,
 * and never forgets: what was popular once goes last.
 */
#include "tree.h"

static bool before(const struct cache_node *a, const struct cache_node *b)
{
	return a->uses != b->uses ? a->uses < b->uses : a->used < b->used;
}

static int open(const struct aios_host *host, const struct aios_cache_limits *limits, void **cache,
		struct aios_status *st)
{
	(void)host;
	return tree_open(before, limits, cache, st);
}

static const struct aios_cache_ops ops = TREE_OPS(open);

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "Radix tree of pages, least frequently used first out");
AIOS_CACHE(lfu, "lfu", &ops, NULL, 0);
