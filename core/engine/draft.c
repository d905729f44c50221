// SPDX-License-Identifier: Apache-2.0
/* draft.c - the draft model: opened, planned, loaded, closed. What it does is in draft_round.c. */
#include <stdlib.h>
#include <string.h>

#include "core/engine/draft.h"
#include "core/engine/tokenizer.h"

int draft_source(struct aios *aios, const struct engine_config *ec, const struct source *src,
		 bool meta_only, struct draft *d, struct aios_status *st)
{
	int rc;

	if (!ec->draft_model || !ec->draft_model[0] || ec->speculate == 0)
		return 0;
	rc = source_open(aios, ec->draft_model, meta_only, &d->source, st);
	if (rc < 0)
		return rc;
	d->open = true;
	if (d->source.info.vocab_size != src->info.vocab_size)
		return aios_fail(
			st, -EINVAL,
			"engine.draft_model = %s has a vocabulary of %u, the model of %u; a "
			"draft model needs the same one",
			ec->draft_model, d->source.info.vocab_size, src->info.vocab_size);
	return 0;
}

static int compare_tokens(struct aios_tokenizer *draft, struct aios_tokenizer *tok,
			  const char *draft_path, const char *path, struct aios_status *st)
{
	int32_t n = aios_tokenizer_vocab_size(tok), m = aios_tokenizer_vocab_size(draft);
	const char *want, *have;

	for (int32_t id = 0; id < n || id < m; id++) {
		want = id < n ? aios_tokenizer_token(tok, id) : NULL;
		have = id < m ? aios_tokenizer_token(draft, id) : NULL;
		if (want == have || (want && have && strcmp(want, have) == 0))
			continue;
		return aios_fail(
			st, -EINVAL,
			"token %d is \"%.64s\" in engine.draft_model = %s and \"%.64s\" in "
			"%s; a draft model needs the same tokenizer",
			id, have ? have : "", draft_path, want ? want : "", path);
	}
	return 0;
}

int draft_check_tokens(struct aios *aios, const struct draft *d, struct aios_tokenizer *tok,
		       const char *model, struct aios_status *st)
{
	const struct aios_checkpoint *c = d->source.contents;
	struct aios_tokenizer *draft = NULL;
	int rc;

	if (!tok || !c->tokenizer.text)
		return 0;
	rc = tokenizer_open_texts(aios, &c->tokenizer, &c->tokenizer_config, &draft, st);
	if (rc == 0)
		rc = compare_tokens(draft, tok, c->tokenizer.path, model, st);
	aios_tokenizer_close(draft);
	return rc;
}

int draft_plan(const struct aios_config *cfg, const struct engine_config *ec, struct device *dev,
	       const struct source *src, struct draft *d, struct workspace *planned,
	       struct aios_status *st)
{
	int rc = engine_types(cfg, dev, &d->source, ec, &d->types, st);

	return rc < 0 ? rc :
			plan_draft(ec, dev, &d->source, &d->types, src->info.max_positions,
				   &d->weights, planned, &d->plan, st);
}

/* Room for what a round draws; pinned memory makes the downloads asynchronous and cheap. */
static int draft_outputs(struct draft *d, struct device *dev, struct aios_status *st)
{
	uint64_t n = d->plan.max_batch_size, bytes = DRAFT_MOST * n * sizeof(*d->ids);
	struct aios_heap_info heap;

	d->rows = calloc(n, sizeof(*d->rows));
	if (device_heap_info(dev, AIOS_HEAP_PINNED, &heap, NULL) == 0 && heap.total > 0 &&
	    device_alloc(dev, AIOS_HEAP_PINNED, bytes, "the draft model's guesses", &d->pinned,
			 NULL) == 0) {
		d->ids = d->pinned.host;
		if (!d->ids)
			device_free(dev, &d->pinned);
	}
	if (!d->ids)
		d->ids = malloc(bytes);
	if (!d->rows || !d->ids)
		return aios_fail(st, -ENOMEM, "no host memory for the draft model's guesses");
	return 0;
}

int draft_load(struct draft *d, struct device *dev, const struct workspace *planned,
	       uint32_t kv_pages, bool graphs, struct aios_status *st)
{
	uint64_t pool = kv_pool_bytes(&d->source.info, d->types.kv, kv_pages, d->plan.page_size);
	int rc = queue_open(dev, &d->queue, st);

	if (rc < 0)
		return rc;
	rc = weights_load(&d->weights, &d->queue, &d->source, &d->types, NULL, NULL, st);
	if (rc == 0)
		rc = workspace_init(&d->workspace, dev, &d->source, &d->types, &d->weights,
				    &d->plan, planned, st);
	if (rc == 0)
		rc = workspace_fill_rope(&d->workspace, &d->queue, &d->source.info.rope, st);
	if (rc == 0)
		rc = mm_arena_init(&d->kv_arena, dev, AIOS_HEAP_DEVICE, pool,
				   "the draft model's KV cache", st);
	if (rc == 0)
		rc = kv_init(&d->kv, &d->kv_arena, &d->source.info, d->types.kv, kv_pages,
			     d->plan.page_size, st);
	if (rc == 0)
		rc = draft_outputs(d, dev, st);
	d->graphs.off = !graphs;
	d->on = rc == 0;
	return rc;
}

void draft_close(struct draft *d, struct device *dev)
{
	graphs_finish(&d->graphs, dev);
	queue_close(&d->queue);
	if (d->pinned.addr)
		device_free(dev, &d->pinned);
	else
		free(d->ids);
	free(d->rows);
	kv_finish(&d->kv);
	mm_arena_finish(&d->kv_arena);
	workspace_finish(&d->workspace);
	weights_finish(&d->weights);
	source_close(&d->source);
	memset(d, 0, sizeof(*d));
}
