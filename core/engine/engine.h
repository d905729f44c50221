/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h - a loaded model on a device and the requests it works on. One thread
 * owns all of it (see aios.h).
 */
#ifndef CORE_ENGINE_ENGINE_H
#define CORE_ENGINE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include <aios/aios.h>
#include <aios/plugin/sampler.h>

#include "core/device/device.h"
#include "core/engine/event.h"
#include "core/engine/kv.h"
#include "core/engine/plan.h"
#include "core/engine/request.h"
#include "core/engine/source.h"
#include "core/engine/step.h"
#include "core/engine/tokenizer.h"
#include "core/engine/weights.h"
#include "core/engine/workspace.h"
#include "core/mm/pool.h"

struct module;

/* A singly linked list in order of arrival. */
struct request_list {
	struct request *first, **end;
	uint32_t n;
};

struct aios_engine {
	struct aios *aios;
	struct aios_engine *next; /* in the context's list */
	struct engine_config config;
	struct source source;
	struct aios_tokenizer *tokenizer; /* NULL: the folder has none */
	struct module *sampler_module;
	const struct aios_sampler_ops *sampler;
	struct device *device;
	struct queue queue;
	struct aios_model_types types;
	struct aios_plan plan;
	struct weights weights;
	struct workspace workspace;
	struct mm_arena kv_arena;
	struct kv_cache kv;
	struct mm_pool pool; /* token counts and biases of a step */
	struct step step;

	struct request_list waiting, running;
	struct event_queue events;
	_Atomic uint64_t next_id;
	struct aios_stats stats;
	struct aios_status broken; /* code != 0: every call fails with it */
	atomic_bool interrupted;

	pthread_mutex_t cancel_lock; /* guards the list of ids to cancel */
	uint64_t *cancels;
	size_t n_cancels, cap_cancels;
};

/* One step over the running requests; their tokens become events. Fails when the device does. */
int engine_step(struct aios_engine *e, struct aios_status *st);

/* Move waiting requests to running while there is room, in order of arrival. */
void engine_admit(struct aios_engine *e);

/* End a request now: an END event with the reason; it leaves its list. `st` for AIOS_END_ERROR. */
void engine_end(struct aios_engine *e, struct request *r, enum aios_end_reason reason,
		const struct aios_status *st);

/* Log one line under the name "engine". */
void engine_log(struct aios_engine *e, int level, const char *fmt, ...) AIOS_PRINTF(3, 4);

/* The running or waiting request with this id, or NULL. */
struct request *engine_find(struct aios_engine *e, uint64_t id);

/* Ids inside the vocabulary, at least one, no more than the context. */
int engine_check_ids(const struct aios_engine *e, const int32_t *ids, size_t n,
		     struct aios_status *st);

void request_list_init(struct request_list *l);
void request_list_add(struct request_list *l, struct request *r);
bool request_list_remove(struct request_list *l, struct request *r);

#endif /* CORE_ENGINE_ENGINE_H */
