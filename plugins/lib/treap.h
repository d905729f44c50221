/* SPDX-License-Identifier: Apache-2.0 */
/*
 * treap.h - an ordered set of numbered nodes whose links lie in the caller's own
 * array: nothing allocates, nothing can fail. Balanced by a hash of the number, so
 * the shape, and with it the time, is the same in every run: O(log n) expected,
 * whatever the order of insertion.
 */
#ifndef PLUGINS_LIB_TREAP_H
#define PLUGINS_LIB_TREAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREAP_NONE UINT32_MAX

struct treap_link {
	uint32_t left, right;
};

/* Where the links are and how two nodes compare; a node's order must not change while it is in. */
struct treap_kind {
	size_t link_offset; /* of the struct treap_link in a node */
	size_t node_size;
	/* True when a comes before b. Strict and total: different nodes are never equal. */
	bool (*before)(const void *ctx, uint32_t a, uint32_t b);
};

struct treap {
	const struct treap_kind *kind;
	void *nodes;     /* the array, borrowed; may move: the caller then sets it again */
	const void *ctx; /* for before() */
	uint32_t root, n;
};

void treap_init(struct treap *t, const struct treap_kind *kind, void *nodes, const void *ctx);

/* `i` is not in; after: it is. */
void treap_insert(struct treap *t, uint32_t i);

/* `i` is in; after: it is not. */
void treap_remove(struct treap *t, uint32_t i);

/* The first in order, or TREAP_NONE. */
uint32_t treap_first(const struct treap *t);

/* The links of a node, for walks of one's own. */
struct treap_link *treap_link(const struct treap *t, uint32_t i);

#endif /* PLUGINS_LIB_TREAP_H */
