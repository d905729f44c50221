// SPDX-License-Identifier: Apache-2.0
#include "treap.h"

/* The heap's order: a mix of the number, never equal for two (it is a bijection). */
static uint32_t rank(uint32_t i)
{
	i ^= i >> 16;
	i *= 0x7feb352du;
	i ^= i >> 15;
	i *= 0x846ca68bu;
	return i ^ i >> 16;
}

struct treap_link *treap_link(const struct treap *t, uint32_t i)
{
	char *node = (char *)t->nodes + (size_t)i * t->kind->node_size;

	return (struct treap_link *)(void *)(node + t->kind->link_offset);
}

void treap_init(struct treap *t, const struct treap_kind *kind, void *nodes, const void *ctx)
{
	t->kind = kind;
	t->nodes = nodes;
	t->ctx = ctx;
	t->root = TREAP_NONE;
	t->n = 0;
}

/* Cut the tree at `i`: what comes before it to *low, the rest to *high. */
static void split(struct treap *t, uint32_t root, uint32_t i, uint32_t *low, uint32_t *high)
{
	while (root != TREAP_NONE) {
		struct treap_link *link = treap_link(t, root);

		if (t->kind->before(t->ctx, root, i)) {
			*low = root;
			low = &link->right;
			root = link->right;
		} else {
			*high = root;
			high = &link->left;
			root = link->left;
		}
	}
	*low = TREAP_NONE;
	*high = TREAP_NONE;
}

void treap_insert(struct treap *t, uint32_t i)
{
	struct treap_link *link = treap_link(t, i);
	uint32_t *at = &t->root;

	while (*at != TREAP_NONE && rank(*at) > rank(i)) {
		struct treap_link *l = treap_link(t, *at);

		at = t->kind->before(t->ctx, i, *at) ? &l->left : &l->right;
	}
	split(t, *at, i, &link->left, &link->right);
	*at = i;
	t->n++;
}

void treap_remove(struct treap *t, uint32_t i)
{
	uint32_t *at = &t->root, low, high;

	while (*at != i) {
		struct treap_link *l = treap_link(t, *at);

		at = t->kind->before(t->ctx, i, *at) ? &l->left : &l->right;
	}
	low = treap_link(t, i)->left;
	high = treap_link(t, i)->right;
	while (low != TREAP_NONE && high != TREAP_NONE) {
		if (rank(low) > rank(high)) {
			*at = low;
			at = &treap_link(t, low)->right;
			low = *at;
		} else {
			*at = high;
			at = &treap_link(t, high)->left;
			high = *at;
		}
	}
	*at = low != TREAP_NONE ? low : high;
	t->n--;
}

uint32_t treap_first(const struct treap *t)
{
	uint32_t i = t->root;

	while (i != TREAP_NONE && treap_link(t, i)->left != TREAP_NONE)
		i = treap_link(t, i)->left;
	return i;
}
