// SPDX-License-Identifier: Apache-2.0
/* logits.c - the logits of every position of a token sequence. */
#include <stdlib.h>
#include <string.h>

#include "core/engine/engine.h"
#include "core/engine/forward.h"

#define PASS_NS (600ull * 1000000000ull)

static int download_logits(struct aios_engine *e, float *out, struct aios_status *st)
{
	struct aios_tensor t;
	uint64_t line;
	int rc = 0;

	forward_logits(&e->source, &e->workspace, &t);
	line = (uint64_t)t.cols * sizeof(float);
	if (line == t.row_bytes)
		rc = queue_download(&e->queue, out, t.data, line * t.rows, st);
	for (uint32_t r = 0; line != t.row_bytes && r < t.rows && rc == 0; r++)
		rc = queue_download(&e->queue, out + (size_t)r * t.cols, t.data + r * t.row_bytes,
				    line, st);
	return rc < 0 ? rc : queue_sync(&e->queue, PASS_NS, st);
}

/* Tokens at .. at+n-1 of ids, whose earlier keys are in `pages`. */
static int logits_pass(struct aios_engine *e, const int32_t *ids, uint32_t at, uint32_t n,
		       const int32_t *pages, float *out, struct aios_status *st)
{
	struct workspace *ws = &e->workspace;
	struct graph_run run = { e->device, &e->queue, &ws->scratch };
	const struct batch_size size = { n, 1, n, kv_pages_for(&e->kv, at + n) };
	int rc;

	batch_begin(&ws->batch, &size);
	batch_add_seq(&ws->batch, pages, 0, size.blocks, at + n);
	for (uint32_t i = 0; i < n; i++) {
		batch_add_row(&ws->batch, ids[at + i], at + i);
		batch_add_logits(&ws->batch);
	}
	rc = batch_upload(&ws->batch, &e->queue, st);
	if (rc == 0)
		rc = forward_model(&run, &e->source, &e->types, &e->weights, ws, &e->kv, st);
	if (rc == 0)
		rc = download_logits(e, out + (size_t)at * e->source.info.vocab_size, st);
	return rc;
}

int aios_logits(struct aios_engine *e, const int32_t *ids, size_t n, float *out,
		struct aios_status *st)
{
	uint32_t step = e->workspace.batch.max.logits, total = (uint32_t)n, pages_n, rows;
	int32_t *pages;
	int rc;

	aios_status_clear(st);
	if (e->thread.running || e->alive > 0)
		return aios_fail(st, -EBUSY, "requests are running; logits need the engine alone");
	rc = engine_check_ids(e, ids, n, st);
	if (rc < 0)
		return rc;
	if (step > e->plan.max_batch_tokens)
		step = e->plan.max_batch_tokens;
	pages_n = kv_pages_for(&e->kv, n);
	pages = calloc(pages_n, sizeof(*pages));
	if (!pages)
		return aios_fail(st, -ENOMEM, "no memory for a list of %u pages", pages_n);
	if (blocks_take(e, pages_n, pages) < 0) {
		free(pages);
		return aios_fail(st, -AIOS_EXHAUSTED,
				 "%zu tokens need %u KV pages, the cache has %u (engine.kv_memory)",
				 n, pages_n, e->kv.pages.total);
	}
	for (uint32_t at = 0; at < total && rc == 0; at += rows) {
		rows = total - at < step ? total - at : step;
		rc = logits_pass(e, ids, at, rows, pages, out, st);
	}
	for (uint32_t i = 0; i < pages_n; i++)
		mm_pages_put(&e->kv.pages, pages[i]);
	free(pages);
	return rc;
}
