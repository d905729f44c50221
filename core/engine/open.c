// SPDX-License-Identifier: Apache-2.0
/* open.c - a model folder and a device become an engine, and back. */
#include <stdlib.h>
#include <string.h>

#include "core/aios.h"
#include "core/engine/engine.h"
#include "core/lib/clock.h"
#include "core/module/registry.h"

#define CLOSE_NS (30ull * 1000000000ull)

/* Everything that the plan decided, allocated and filled. */
static int engine_allocate(struct aios_engine *e, const struct workspace *planned,
			   aios_progress_fn progress, void *progress_ctx, struct aios_status *st)
{
	int rc = queue_open(e->device, &e->queue, st);

	if (rc < 0)
		return rc;
	mm_pool_init(&e->pool, e->device, AIOS_HEAP_DEVICE);
	rc = weights_load(&e->weights, &e->queue, &e->source, &e->types, progress, progress_ctx,
			  st);
	if (rc == 0)
		rc = workspace_init(&e->workspace, e->device, &e->source, &e->types, &e->weights,
				    &e->plan, planned, st);
	if (rc == 0)
		rc = workspace_fill_rope(&e->workspace, &e->queue, &e->source.info.rope, st);
	if (rc == 0)
		rc = mm_arena_init(&e->kv_arena, e->device, AIOS_HEAP_DEVICE, e->plan.kv_pool,
				   "the KV cache", st);
	if (rc == 0)
		rc = kv_init(&e->kv, &e->kv_arena, &e->source.info, e->types.kv, e->plan.kv_pages,
			     e->plan.page_size, st);
	e->kv.window = planned->window;
	if (rc == 0)
		rc = step_open(e, st);
	if (rc == 0)
		rc = swap_init(&e->swap, e->device, &e->kv, e->config.swap_memory, st);
	if (rc == 0)
		rc = prefix_open(&e->prefix, e->aios, e->config.cache, &e->kv.pages,
				 e->plan.page_size, e->config.max_tenants, st);
	if (rc == 0)
		rc = inbox_init(&e->inbox, e->config.max_queue + e->plan.max_batch_size, st);
	return rc < 0 ? rc : sched_open(e, st);
}

static void bytes_text(uint64_t bytes, char *out, size_t size)
{
	if (bytes >= 1ull << 30)
		snprintf(out, size, "%.2f GiB", (double)bytes / (1ull << 30));
	else
		snprintf(out, size, "%.1f MiB", (double)bytes / (1ull << 20));
}

static int does_not_fit(const struct aios_plan *p, struct aios_status *st)
{
	char total[24], weights[24], kv[24], room[24];

	bytes_text(p->total, total, sizeof(total));
	bytes_text(p->weights, weights, sizeof(weights));
	bytes_text(p->kv_pool, kv, sizeof(kv));
	bytes_text(p->budget && p->budget < p->heap_free ? p->budget : p->heap_free, room,
		   sizeof(room));
	return aios_fail(st, -AIOS_EXHAUSTED,
			 "%s needs %s on %s (weights %s, KV cache %s for %u tokens), and %s are "
			 "free; lower engine.context_length, engine.kv_memory or "
			 "engine.max_batch_size, or choose a smaller model ('aios plan' has the "
			 "numbers)",
			 p->model, total, p->device, weights, kv, p->kv_pages * p->page_size, room);
}

/* Plan, check that it fits, allocate, load. */
static int engine_build(struct aios_engine *e, const char *path, aios_progress_fn progress,
			void *progress_ctx, struct aios_status *st)
{
	struct workspace planned, draft;
	int rc = 0;

	memset(&planned, 0, sizeof(planned));
	memset(&draft, 0, sizeof(draft));
	if (e->draft.open)
		rc = draft_plan(e->aios->config, &e->config, e->device, &e->source, &e->draft,
				&draft, st);
	if (rc == 0)
		rc = plan_make(&e->config, e->device, &e->source, &e->types, path, &e->draft,
			       &e->weights, &planned, &e->plan, st);
	if (rc == 0 && !e->plan.fits)
		rc = does_not_fit(&e->plan, st);
	if (rc == 0) {
		device_set_budget(e->device, AIOS_HEAP_DEVICE, e->config.memory_limit);
		rc = engine_allocate(e, &planned, progress, progress_ctx, st);
	}
	if (rc == 0 && e->draft.open)
		rc = draft_load(&e->draft, e->device, &draft, e->plan.draft_pages, e->config.graphs,
				st);
	workspace_finish(&draft);
	workspace_finish(&planned);
	return rc;
}

static int engine_open_parts(struct aios_engine *e, const char *path, struct aios_status *st)
{
	const struct aios_config *cfg = e->aios->config;
	int rc = engine_config_read(cfg, &e->config, st);

	if (rc == 0)
		rc = source_open(e->aios, path, false, &e->source, st);
	if (rc == 0 && e->source.contents->tokenizer.text)
		rc = tokenizer_open_texts(e->aios, &e->source.contents->tokenizer,
					  &e->source.contents->tokenizer_config, &e->tokenizer, st);
	if (rc == 0 && e->tokenizer)
		source_add_eos(&e->source, aios_tokenizer_eos(e->tokenizer));
	if (rc == 0)
		rc = draft_source(e->aios, &e->config, &e->source, false, &e->draft, st);
	if (rc == 0 && !e->draft.open && e->config.draft_model && e->config.draft_model[0])
		engine_log(e, AIOS_LOG_WARN,
			   "engine.draft_model is not used, for engine.speculate is 0: 4 is a good "
			   "number to begin with");
	if (rc == 0 && e->draft.open)
		rc = draft_check_tokens(e->aios, &e->draft, e->tokenizer, path, st);
	if (rc == 0)
		rc = context_sampler(e->aios, &e->sampler_module, &e->sampler, st);
	if (rc == 0)
		rc = context_open_device(e->aios, &e->device, st);
	if (rc == 0)
		rc = engine_types(cfg, e->device, &e->source, &e->config, &e->types, st);
	return rc;
}

int aios_engine_open(struct aios *aios, const char *path, aios_progress_fn progress,
		     void *progress_ctx, struct aios_engine **out, struct aios_status *st)
{
	struct aios_engine *e = calloc(1, sizeof(*e));
	uint64_t start = clock_ns();
	int rc;

	if (!e)
		return aios_fail(st, -ENOMEM, "no memory for an engine");
	aios_status_clear(st);
	e->aios = aios;
	atomic_store(&e->next_id, 1);
	pthread_mutex_init(&e->thread.lock, NULL);
	event_queue_init(&e->events);
	rc = engine_open_parts(e, path, st);
	if (rc == 0)
		rc = engine_build(e, path, progress, progress_ctx, st);
	if (rc < 0) {
		aios_engine_close(e);
		return rc;
	}
	e->stats.load_ns = clock_ns() - start;
	e->next = aios->engines;
	aios->engines = e;
	*out = e;
	return 0;
}

static void engine_unlink(struct aios_engine *e)
{
	struct aios_engine **at = &e->aios->engines;

	while (*at && *at != e)
		at = &(*at)->next;
	if (*at)
		*at = e->next;
}

static void end_requests(struct aios_engine *e)
{
	struct request *r;
	uint32_t at = 0;

	while (e->held)
		engine_end(e, e->held, AIOS_END_CANCELLED, NULL);
	while ((r = engine_next(e, &at)) != NULL)
		engine_end(e, r, AIOS_END_CANCELLED, NULL);
}

void aios_engine_close(struct aios_engine *e)
{
	if (!e)
		return;
	engine_unlink(e);
	aios_engine_stop(e);
	if (e->inbox.cells)
		engine_take_inbox(e);
	end_requests(e);
	event_queue_finish(&e->events);
	if (e->queue.device && !e->device->lost)
		queue_sync(&e->queue, CLOSE_NS, NULL);
	sched_close(e);
	inbox_finish(&e->inbox);
	prefix_close(&e->prefix);
	swap_finish(&e->swap);
	step_close(e);
	draft_close(&e->draft, e->device);
	queue_close(&e->queue);
	mm_pool_finish(&e->pool);
	kv_finish(&e->kv);
	mm_arena_finish(&e->kv_arena);
	workspace_finish(&e->workspace);
	weights_finish(&e->weights);
	device_put(e->device);
	module_put(e->sampler_module);
	aios_tokenizer_close(e->tokenizer);
	source_close(&e->source);
	pthread_mutex_destroy(&e->thread.lock);
	free(e);
}

int aios_plan_model(struct aios *aios, const char *path, struct aios_plan *out,
		    struct aios_status *st)
{
	struct engine_config config;
	struct aios_model_types types;
	struct workspace ws, draft_ws;
	struct weights w;
	struct source src;
	struct draft draft;
	struct device *dev = NULL;
	int rc;

	memset(&ws, 0, sizeof(ws));
	memset(&draft_ws, 0, sizeof(draft_ws));
	memset(&draft, 0, sizeof(draft));
	memset(&w, 0, sizeof(w));
	memset(&src, 0, sizeof(src));
	aios_status_clear(st);
	rc = engine_config_read(aios->config, &config, st);
	if (rc == 0)
		rc = source_open(aios, path, true, &src, st);
	if (rc == 0)
		rc = draft_source(aios, &config, &src, true, &draft, st);
	if (rc == 0)
		rc = context_open_device(aios, &dev, st);
	if (rc == 0)
		rc = engine_types(aios->config, dev, &src, &config, &types, st);
	if (rc == 0 && draft.open)
		rc = draft_plan(aios->config, &config, dev, &src, &draft, &draft_ws, st);
	if (rc == 0)
		rc = plan_make(&config, dev, &src, &types, path, &draft, &w, &ws, out, st);
	draft_close(&draft, dev);
	workspace_finish(&draft_ws);
	workspace_finish(&ws);
	weights_finish(&w);
	device_put(dev);
	source_close(&src);
	return rc;
}
