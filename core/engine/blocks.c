// SPDX-License-Identifier: Apache-2.0
/* blocks.c - pages of requests: growing as tokens come, copied before a shared one is written. */
#include <string.h>

#include "core/engine/engine.h"
#include "core/lib/array.h"

int blocks_take(struct aios_engine *e, uint32_t n, int32_t *out)
{
	struct mm_pages *pages = &e->kv.pages;
	uint32_t have = pages->total - pages->used, could;

	/* A page that the cache gives up is free only when no request shares it. */
	while (have < n) {
		could = prefix_evictable(&e->prefix);
		if (could == 0)
			return -AIOS_EXHAUSTED;
		prefix_evict(&e->prefix, n - have < could ? n - have : could);
		have = pages->total - pages->used;
	}
	return mm_pages_alloc(pages, n, out);
}

int blocks_copy(struct aios_engine *e, int32_t src, int32_t dst)
{
	struct step_list *list = &e->step.copies;
	int32_t *pair;

	if (array_reserve(&list->host, &list->cap, (list->n + 1) * 2 * sizeof(*pair), 1) < 0)
		return -ENOMEM;
	pair = (int32_t *)list->host + 2 * list->n++;
	pair[0] = src;
	pair[1] = dst;
	mm_pages_get(&e->kv.pages, src);
	return 0;
}

/* The page that the next row is written to is somebody else's too: take a copy of it. */
static int own_block(struct aios_engine *e, struct request *r)
{
	uint32_t block = r->computed / e->kv.page_size;
	int32_t page;
	int rc;

	if (!r->shared || block >= r->n_pages || block < r->n_gone ||
	    e->kv.pages.refs[r->pages[block]] == 1)
		return 0;
	rc = blocks_take(e, 1, &page);
	if (rc < 0)
		return rc;
	rc = blocks_copy(e, r->pages[block], page);
	if (rc < 0) {
		mm_pages_put(&e->kv.pages, page);
		return rc;
	}
	mm_pages_put(&e->kv.pages, r->pages[block]);
	r->pages[block] = page;
	return 0;
}

int blocks_prepare(struct aios_engine *e, struct request *r, uint32_t rows)
{
	uint32_t need = kv_pages_for(&e->kv, (uint64_t)r->computed + rows), more;
	uint32_t window = e->kv.window, seen;
	int rc;

	if (window) { /* of rows to come, the first sees least far forward and most far back */
		seen = r->computed + 1 > window ? r->computed + 1 - window : 0;
		request_give_leading(r, &e->kv.pages, seen / e->kv.page_size);
	}
	rc = own_block(e, r);
	if (rc < 0 || need <= r->n_pages)
		return rc;
	more = need - r->n_pages;
	if (array_reserve((void **)&r->pages, &r->cap_pages, need, sizeof(*r->pages)) < 0)
		return -ENOMEM;
	rc = blocks_take(e, more, r->pages + r->n_pages);
	if (rc == 0)
		r->n_pages = need;
	return rc;
}

int blocks_launch_copies(struct aios_engine *e, struct aios_status *st)
{
	struct step_list *list = &e->step.copies;
	struct graph_run run = { e->device, &e->queue, &e->workspace.scratch };
	uint64_t bytes = list->n * 2 * sizeof(int32_t);
	struct aios_op_copy_pages op = {
		.op = AIOS_OP_INIT(struct aios_op_copy_pages, AIOS_OP_COPY_PAGES),
		.n_pairs = (uint32_t)list->n,
	};
	int rc;

	if (list->n == 0)
		return 0;
	rc = mm_pool_alloc(&e->pool, bytes, "the page copies of a step", &list->block, st);
	if (rc == 0)
		rc = queue_upload(&e->queue, list->block.addr, list->host, bytes, st);
	op.pairs = list->block.addr;
	for (uint32_t i = 0; i < e->kv.n_layers && rc == 0; i++) {
		op.kv = e->kv.layers[i];
		op.op.layer = (uint8_t)(i < UINT8_MAX ? i + 1 : UINT8_MAX);
		rc = graph_emit(&run, &op.op, st);
	}
	return rc;
}

void blocks_copied(struct aios_engine *e)
{
	struct step_list *list = &e->step.copies;
	const int32_t *pair = list->host;

	for (size_t i = 0; i < list->n; i++)
		mm_pages_put(&e->kv.pages, pair[2 * i]);
	e->stats.copied_pages += list->n;
	list->n = 0;
	mm_pool_free(&e->pool, &list->block);
}
