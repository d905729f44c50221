// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include <aios/numerics.h>
#include <aios/plugin/scheduler.h>

#include "core/engine/draft.h"
#include "core/engine/kv.h"
#include "core/engine/plan.h"
#include "core/numerics/id.h"

#define DRAFT_CHUNK 2048u /* rows of a pass of the draft model, unless the batch needs more */

static uint32_t config_u32(const struct aios_config *cfg, const char *key)
{
	int64_t v = 0;

	aios_config_get_int(cfg, "engine", key, &v);
	return (uint32_t)v;
}

/* Under "auto" not when a hook is there: it wants to see every launch. */
static bool want_graphs(const struct aios_config *cfg)
{
	const char *graphs = aios_config_get(cfg, "engine", "graphs");
	const char *hook = aios_config_get(cfg, "aios", "hook");

	if (graphs && strcmp(graphs, "on") == 0)
		return true;
	return (!graphs || strcmp(graphs, "auto") == 0) && (!hook || !hook[0]);
}

static void read_policies(const struct aios_config *cfg, struct engine_config *out)
{
	const char *preempt = aios_config_get(cfg, "engine", "preempt");
	const char *log = aios_config_get(cfg, "aios", "log");
	const char *ahead = aios_config_get(cfg, "engine", "run_ahead");
	const char *check = aios_config_get(cfg, "engine", "check");

	out->max_queue = config_u32(cfg, "max_queue");
	out->max_tenants = config_u32(cfg, "max_tenants");
	out->max_wait_ms = config_u32(cfg, "max_wait");
	out->speculate = config_u32(cfg, "speculate");
	out->draft_model = aios_config_get(cfg, "engine", "draft_model");
	aios_config_get_size(cfg, "engine", "draft_kv_memory", &out->draft_kv_memory);
	out->scheduler = aios_config_get(cfg, "engine", "scheduler");
	out->cache = aios_config_get(cfg, "engine", "cache");
	aios_config_get_size(cfg, "engine", "swap_memory", &out->swap_memory);
	if (preempt && strcmp(preempt, "swap") == 0)
		out->preempt = AIOS_SCHED_SWAP;
	if (preempt && strcmp(preempt, "drop") == 0)
		out->preempt = AIOS_SCHED_DROP;
	out->check_step = check && strcmp(check, "step") == 0;
	out->check_idle = out->check_step || (check && strcmp(check, "idle") == 0);
	out->run_ahead = ahead && strcmp(ahead, "on") == 0;
	out->run_ahead_auto = !ahead || strcmp(ahead, "auto") == 0;
	out->log_steps = log && strcmp(log, "steps") == 0;
}

int engine_config_read(const struct aios_config *cfg, struct engine_config *out,
		       struct aios_status *st)
{
	memset(out, 0, sizeof(*out));
	out->context_length = config_u32(cfg, "context_length");
	out->max_batch_size = config_u32(cfg, "max_batch_size");
	out->max_batch_tokens = config_u32(cfg, "max_batch_tokens");
	out->page_size = config_u32(cfg, "page_size");
	out->segments = config_u32(cfg, "tp_max");
	out->graphs = want_graphs(cfg);
	read_policies(cfg, out);
	aios_config_get_size(cfg, "engine", "kv_memory", &out->kv_memory);
	aios_config_get_size(cfg, "engine", "memory_limit", &out->memory_limit);
	if (config_u32(cfg, "tensor_parallel") != 1)
		return aios_fail(st, -ENOTSUP,
				 "engine.tensor_parallel = %u: one device a model is what this "
				 "version can use; set it to 1",
				 config_u32(cfg, "tensor_parallel"));
	if (out->segments == 0 || (out->segments & (out->segments - 1)) != 0)
		return aios_fail(st, -EINVAL,
				 "engine.tp_max = %u: it must be a power of two (1, 2, 4, ...)",
				 out->segments);
	if (out->max_batch_tokens && out->max_batch_tokens < out->max_batch_size)
		return aios_fail(
			st, -EINVAL,
			"engine.max_batch_tokens = %u is less than engine.max_batch_size = "
			"%u; a step needs one token a sequence at least",
			out->max_batch_tokens, out->max_batch_size);
	return 0;
}

static const char *profile_name(uint32_t profile)
{
	return aios_profile_info_of(profile).name;
}

/* The names of the profiles in a mask, for messages. */
static void profile_list(uint32_t mask, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (uint32_t p = 0; p < AIOS_PROFILE_COUNT && at < size; p++) {
		if (mask & 1u << p)
			at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "",
					       profile_name(p));
	}
}

int engine_types(const struct aios_config *cfg, const struct device *dev, const struct source *src,
		 const struct engine_config *ec, struct aios_model_types *out,
		 struct aios_status *st)
{
	const char *name = aios_config_get(cfg, "aios", "numerics");
	uint32_t profile = dev->info.best_profile;
	struct aios_profile_info unit;
	uint8_t wide = src->info.dtype == AIOS_F16 ? AIOS_F16 : AIOS_BF16;
	char have[128];
	int rc = 0;

	if (name && name[0] && strcmp(name, "auto") != 0)
		rc = numerics_profile_parse(name, &profile, st);
	if (rc < 0)
		return rc;
	if (!(dev->info.profiles & 1u << profile)) {
		profile_list(dev->info.profiles, have, sizeof(have));
		return aios_fail(st, -ENOTSUP, "driver %s has no numerics profile %s; it has: %s",
				 dev->driver, profile_name(profile), have[0] ? have : "none");
	}
	unit = aios_profile_info_of(profile);
	memset(out, 0, sizeof(*out));
	out->profile = (uint8_t)profile;
	out->act = unit.act_dtype == AIOS_BF16 ? wide : (uint8_t)unit.act_dtype;
	out->kv = wide;
	/* Gate and up never leave registers in a fused matmul, so rounding them would only lose;
	 * qkv rows go through memory, and q and k are rounded after rope anyway. */
	out->mid = AIOS_F32;
	out->qkv = AIOS_BF16;
	out->segments = ec->segments;
	out->chunk = AIOS_ATTN_CHUNK;
	return 0;
}

/* The sequence length: what was asked for, checked against the model. */
static int plan_context(const struct engine_config *ec, const struct source *src, const char *path,
			struct aios_plan *plan, struct aios_status *st)
{
	plan->model_context = src->info.max_positions;
	plan->context_length = ec->context_length ? ec->context_length : src->info.max_positions;
	if (plan->context_length > src->info.max_positions)
		return aios_fail(st, -EINVAL,
				 "engine.context_length = %u, but the model in %s was made for %u "
				 "positions; ask for at most that",
				 plan->context_length, path, src->info.max_positions);
	return 0;
}

static uint64_t plan_fixed(const struct aios_plan *plan)
{
	return plan->weights + plan->activations + plan->tables + plan->draft;
}

/* What the engine may take of the heap. */
static uint64_t plan_room(const struct aios_plan *plan)
{
	if (plan->budget && plan->budget < plan->heap_free)
		return plan->budget;
	return plan->heap_free;
}

/* A device of many lanes: what a step costs hardly depends on how full it is. */
static bool is_gpu(const struct device *dev)
{
	return dev->info.wave > 1;
}

/*
 * Size of the page pool. Asked for: that. Else one full sequence where it fits,
 * and more, up to a full batch, while the whole stays within half of the room; nine
 * tenths of a GPU's, which has its memory for this. `beside`: bytes that each page entails
 * in the draft model's pool.
 */
static int plan_pages(const struct engine_config *ec, const struct source *src, uint32_t dtype,
		      bool gpu, uint64_t beside, struct aios_plan *plan, struct aios_status *st)
{
	uint64_t page = plan->kv_token * plan->page_size, room = plan_room(plan);
	uint64_t share = gpu ? room - room / 10 : room / 2;
	uint64_t one = (plan->context_length + (uint64_t)plan->page_size - 1) / plan->page_size;
	uint64_t most = one * plan->max_batch_size, fixed = plan_fixed(plan), pages;

	if (ec->kv_memory) {
		pages = ec->kv_memory / page;
		if (pages == 0)
			return aios_fail(st, -EINVAL,
					 "engine.kv_memory = %" PRIu64
					 " bytes: one page of %u tokens takes %" PRIu64 " with %s",
					 ec->kv_memory, plan->page_size, page, plan->model);
	} else {
		page += beside;
		pages = share > fixed ? (share - fixed) / page : 0;
		if (pages < one)
			pages = one;
		if (pages > most)
			pages = most;
		/* One full sequence does not fit: as much of it as does, unless it was asked for. */
		if (!ec->context_length && fixed + pages * page > room)
			pages = room > fixed ? (room - fixed) / page : 0;
		if (pages == 0)
			pages = 1;
	}
	if (pages > INT32_MAX)
		pages = INT32_MAX;
	plan->kv_pages = (uint32_t)pages;
	plan->kv_pool = kv_pool_bytes(&src->info, dtype, plan->kv_pages, plan->page_size);
	if (pages < one && !ec->context_length)
		plan->context_length = plan->kv_pages * plan->page_size;
	plan->full_sequences = (uint32_t)(pages * plan->page_size / plan->context_length);
	return 0;
}

static int plan_device(const struct engine_config *ec, struct device *dev, struct aios_plan *plan,
		       struct aios_status *st)
{
	struct aios_heap_info heap;
	int rc = device_heap_info(dev, AIOS_HEAP_DEVICE, &heap, st);

	if (rc < 0)
		return rc;
	plan->heap_total = heap.total;
	plan->heap_free = heap.free;
	plan->budget = ec->memory_limit;
	snprintf(plan->driver, sizeof(plan->driver), "%s", dev->driver);
	snprintf(plan->device, sizeof(plan->device), "%s", dev->info.id);
	snprintf(plan->device_name, sizeof(plan->device_name), "%s", dev->info.name);
	return 0;
}

/* Lay out the workspace for the plan's context length. */
static int plan_workspace(struct device *dev, const struct source *src,
			  const struct aios_model_types *types, const struct weights *w,
			  struct workspace *ws, struct aios_plan *plan, struct aios_status *st)
{
	int rc;

	workspace_finish(ws);
	rc = workspace_init(ws, dev, src, types, w, plan, NULL, st);
	if (rc < 0)
		return rc;
	plan->activations = workspace_act_bytes(ws);
	plan->tables = ws->tables.peak;
	return 0;
}

/* Sizes of the largest batch that nobody asked for, halved `shift` times; false: no smaller ones. */
static bool batch_default(const struct engine_config *ec, const struct device *dev, uint32_t shift,
			  struct aios_plan *plan)
{
	uint32_t size = is_gpu(dev) ? 256 : 8, tokens = is_gpu(dev) ? 8192 : 512;

	size = size >> shift > 8 ? size >> shift : 8;
	tokens = tokens >> shift > 512 ? tokens >> shift : 512;
	plan->max_batch_size = ec->max_batch_size ? ec->max_batch_size : size;
	plan->max_batch_tokens = ec->max_batch_tokens ? ec->max_batch_tokens : tokens;
	if (!ec->max_batch_size && plan->max_batch_size > plan->max_batch_tokens)
		plan->max_batch_size = plan->max_batch_tokens;
	if (!ec->max_batch_tokens && plan->max_batch_tokens < plan->max_batch_size)
		plan->max_batch_tokens = plan->max_batch_size;
	return (!ec->max_batch_size && size > 8) || (!ec->max_batch_tokens && tokens > 512);
}

/* Lay out the workspace for the batch that was asked for, or one that leaves room for KV. */
static int plan_batch(const struct engine_config *ec, struct device *dev, const struct source *src,
		      const struct aios_model_types *types, const struct weights *w,
		      struct workspace *ws, struct aios_plan *plan, struct aios_status *st)
{
	bool smaller = true;
	int rc = 0;

	for (uint32_t shift = 0; smaller && rc == 0; shift++) {
		smaller = batch_default(ec, dev, shift, plan);
		rc = plan_workspace(dev, src, types, w, ws, plan, st);
		if (plan_fixed(plan) <= plan_room(plan) / 4 * 3)
			break;
	}
	return rc;
}

/* Bytes of a page of the draft model's pool. */
static uint64_t draft_page(const struct draft *draft)
{
	return draft->plan.kv_token * draft->plan.page_size;
}

/* The draft model's pool: what was asked for, or pages for as many tokens as the model has. */
static int plan_draft_pool(const struct engine_config *ec, const struct draft *draft,
			   struct aios_plan *plan, struct aios_status *st)
{
	uint64_t one, pages = ec->draft_kv_memory / draft_page(draft);

	if (ec->draft_kv_memory && pages == 0)
		return aios_fail(st, -EINVAL,
				 "engine.draft_kv_memory = %" PRIu64
				 " bytes: one page of %u tokens takes %" PRIu64 " with %s",
				 ec->draft_kv_memory, plan->page_size, draft_page(draft),
				 draft->plan.model);
	if (!ec->draft_kv_memory) {
		one = (draft->plan.context_length + (uint64_t)plan->page_size - 1) /
		      plan->page_size;
		pages = one * plan->max_batch_size;
		pages = pages < plan->kv_pages ? pages : plan->kv_pages;
	}
	plan->draft_pages = (uint32_t)(pages < INT32_MAX ? pages : INT32_MAX);
	plan->draft = draft->plan.total + kv_pool_bytes(&draft->source.info, draft->types.kv,
							plan->draft_pages, plan->page_size);
	return 0;
}

int plan_draft(const struct engine_config *ec, struct device *dev, const struct source *src,
	       const struct aios_model_types *types, uint32_t max_positions, struct weights *w,
	       struct workspace *ws, struct aios_plan *plan, struct aios_status *st)
{
	uint32_t context = ec->context_length ? ec->context_length : max_positions, tokens;
	int rc;

	memset(plan, 0, sizeof(*plan));
	snprintf(plan->model, sizeof(plan->model), "%s", ec->draft_model);
	plan->page_size = ec->page_size;
	plan->kv_token = kv_token_bytes(&src->info, types->kv);
	plan->model_context = src->info.max_positions;
	plan->context_length = context < plan->model_context ? context : plan->model_context;
	batch_default(ec, dev, 0, plan);
	/* Two rows a request after all guesses were right; more are for catching up, in chunks. */
	tokens = plan->max_batch_tokens < DRAFT_CHUNK ? plan->max_batch_tokens : DRAFT_CHUNK;
	plan->max_batch_tokens = tokens > 2 * plan->max_batch_size ? tokens :
								     2 * plan->max_batch_size;
	rc = weights_plan(w, dev, src, types, st);
	plan->weights = w->arena.used;
	if (rc == 0)
		rc = plan_workspace(dev, src, types, w, ws, plan, st);
	plan->total = plan_fixed(plan);
	return rc;
}

int plan_make(const struct engine_config *ec, struct device *dev, const struct source *src,
	      const struct aios_model_types *types, const char *path, const struct draft *draft,
	      struct weights *w, struct workspace *ws, struct aios_plan *plan,
	      struct aios_status *st)
{
	uint64_t beside = draft->open && !ec->draft_kv_memory ? draft_page(draft) : 0;
	uint32_t context;
	int rc;

	memset(plan, 0, sizeof(*plan));
	plan->draft = draft->open ? draft->plan.total + ec->draft_kv_memory : 0;
	snprintf(plan->model, sizeof(plan->model), "%s", path);
	snprintf(plan->architecture, sizeof(plan->architecture), "%s", src->info.architecture);
	snprintf(plan->profile, sizeof(plan->profile), "%s", profile_name(types->profile));
	plan->page_size = ec->page_size;
	plan->kv_token = kv_token_bytes(&src->info, types->kv);
	rc = numerics_id(types, plan->numerics_id, sizeof(plan->numerics_id), st);
	if (rc == 0)
		rc = plan_device(ec, dev, plan, st);
	if (rc == 0)
		rc = plan_context(ec, src, path, plan, st);
	if (rc == 0)
		rc = weights_plan(w, dev, src, types, st);
	if (rc < 0)
		return rc;
	plan->parameters = w->elements;
	plan->weights = w->arena.used;
	plan->weights_file = w->file_bytes;
	rc = plan_batch(ec, dev, src, types, w, ws, plan, st);
	context = plan->context_length;
	if (rc == 0)
		rc = plan_pages(ec, src, types->kv, is_gpu(dev), beside, plan, st);
	if (rc == 0 && plan->context_length != context)
		rc = plan_workspace(dev, src, types, w, ws, plan, st);
	if (rc == 0 && draft->open)
		rc = plan_draft_pool(ec, draft, plan, st);
	if (rc < 0)
		return rc;
	plan->total = plan_fixed(plan) + plan->kv_pool;
	plan->fits = plan->total <= plan_room(plan) &&
		     plan->weights + w->staging_bytes <= plan_room(plan);
	return 0;
}
