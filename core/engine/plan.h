/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - every size of an engine, decided before anything is allocated. The
 * arenas of the engine are carved by the same functions that count here.
 */
#ifndef CORE_ENGINE_PLAN_H
#define CORE_ENGINE_PLAN_H

#include <aios/aios.h>

#include "core/device/device.h"
#include "core/engine/source.h"
#include "core/engine/weights.h"
#include "core/engine/workspace.h"

struct draft;

/* What the configuration asks for, read once. */
struct engine_config {
	uint32_t context_length; /* 0: the model's */
	uint32_t max_batch_size, max_batch_tokens, page_size;
	uint64_t kv_memory;    /* 0: as much as is useful and fits */
	uint64_t memory_limit; /* 0: what is free */
	uint32_t tensor_parallel;
	uint32_t segments; /* S */
	bool graphs;       /* capture decode steps where the driver can */
	/* Enqueue a decode step before the last one's tokens are known; auto: on a GPU. */
	bool run_ahead, run_ahead_auto;
	bool log_steps;
	bool check_idle, check_step; /* invariants */
	uint32_t max_queue, max_tenants, max_wait_ms;
	uint32_t speculate;      /* tokens guessed for a decoding request */
	const char *draft_model; /* folder of the model that guesses; "": the sequence itself does */
	uint64_t draft_kv_memory; /* 0: pages for as many tokens as the model's own cache has */
	uint32_t preempt;         /* enum aios_sched_how always; 0: what costs less */
	uint64_t swap_memory;
	const char *scheduler, *cache; /* plugins; the configuration's strings */
};

int engine_config_read(const struct aios_config *cfg, struct engine_config *out,
		       struct aios_status *st);

/* The types of a run: `numerics` of the configuration, the device, the checkpoint. */
int engine_types(const struct aios_config *cfg, const struct device *dev, const struct source *src,
		 const struct engine_config *ec, struct aios_model_types *out,
		 struct aios_status *st);

/*
 * Fill *plan and lay out `w` and `ws` dry. Both are the caller's to finish. `draft`: the draft model
 * by plan_draft(), whose pool is decided here, or one that is not open.
 */
int plan_make(const struct engine_config *ec, struct device *dev, const struct source *src,
	      const struct aios_model_types *types, const char *path, const struct draft *draft,
	      struct weights *w, struct workspace *ws, struct aios_plan *plan,
	      struct aios_status *st);

/*
 * The same for a draft model of a model made for `max_positions`: everything but its pool of pages;
 * plan->total is what it takes besides.
 */
int plan_draft(const struct engine_config *ec, struct device *dev, const struct source *src,
	       const struct aios_model_types *types, uint32_t max_positions, struct weights *w,
	       struct workspace *ws, struct aios_plan *plan, struct aios_status *st);

#endif /* CORE_ENGINE_PLAN_H */
