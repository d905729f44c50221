/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h - a loaded model on a device and the requests it works on. One thread
 * owns all of it at a time (see aios.h); the inbox alone is shared.
 *
 * Who is where: a request that the scheduler knows has a slot in `slots`; one that
 * waits for the prompt of its first answer is in `held`; one that has ended lives
 * in the event queue until its END is polled.
 */
#ifndef CORE_ENGINE_ENGINE_H
#define CORE_ENGINE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include <aios/aios.h>
#include <aios/plugin/sampler.h>
#include <aios/plugin/scheduler.h>

#include "core/device/device.h"
#include "core/engine/draft.h"
#include "core/engine/event.h"
#include "core/engine/inbox.h"
#include "core/engine/kv.h"
#include "core/engine/plan.h"
#include "core/engine/prefix.h"
#include "core/engine/request.h"
#include "core/engine/source.h"
#include "core/engine/step.h"
#include "core/engine/swap.h"
#include "core/engine/tokenizer.h"
#include "core/engine/weights.h"
#include "core/engine/workspace.h"
#include "core/mm/pool.h"

struct module;

/* The scheduler plugin and the slots by which it knows requests. */
struct sched {
	struct module *module;
	const struct aios_scheduler_ops *ops;
	void *policy;
	struct request **slots; /* [n_slots]; NULL: free */
	uint32_t n_slots;
	uint32_t *free; /* stack of n_free slots */
	uint32_t n_free;
	struct aios_sched_plan plan; /* its arrays have room for max_batch_size */
	struct aios_sched_done *done;
	uint64_t arrivals;
	uint64_t row_ns; /* measured: a row of a prompt */
};

/* The engine's own thread, between aios_engine_start() and aios_engine_stop(). */
struct engine_thread {
	pthread_t id;
	bool running; /* set before the thread begins, cleared after it was joined */
	atomic_bool stop;
	aios_event_fn on_event;
	void *ctx;
	pthread_mutex_t lock;    /* guards what follows */
	struct aios_stats stats; /* as of the last step */
	struct aios_status broken;
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
	struct prefix prefix;
	struct swap swap;
	struct sched sched;
	struct mm_pool pool; /* small lists of a step on the device */
	struct step step;
	struct draft draft;

	struct request *held;  /* followers whose leader is not ready; by `next` */
	struct request **hash; /* [hash_size] by id, chained by hash_next */
	uint32_t hash_size;    /* a power of two */
	uint32_t alive;        /* requests that have not ended */
	uint32_t idle_plans;   /* since the last step that computed something */
	struct event_queue events;
	struct aios_stats stats;
	struct aios_status broken; /* code != 0: every call fails with it */
	struct inbox inbox;        /* what other threads have to say */
	_Atomic uint64_t next_id;
	_Atomic uint32_t queued; /* submitted and never admitted, for the bound */
	_Atomic uint32_t refused;
	struct engine_thread thread;
};

/*
 * One step: plan, move requests, compute, tell. 1 when something was computed, 0 when there was
 * nothing to do before *wake_ns (0: no time is known), negative when the device failed (those in
 * the step have ended with it).
 */
int engine_step(struct aios_engine *e, uint64_t *wake_ns, struct aios_status *st);

/* Why the engine is broken, or 0. Any thread. */
int engine_check(struct aios_engine *e, struct aios_status *st);

/* Take in what other threads said: new requests, cancels. */
void engine_take_inbox(struct aios_engine *e);

/* Copy counters and gauges. The owner's thread. */
void engine_fill_stats(const struct aios_engine *e, struct aios_stats *out);

/* Log one line under the name "engine". */
void engine_log(struct aios_engine *e, int level, const char *fmt, ...) AIOS_PRINTF(3, 4);

/* ---- submit.c: from a caller's struct to a request --------------------------- */

/* Ids inside the vocabulary, at least one, no more than the context. */
int engine_check_ids(const struct aios_engine *e, const int32_t *ids, size_t n,
		     struct aios_status *st);

/* A new request (a chain of `n` by `next`) becomes known; refused: it is the caller's again. */
int engine_arrive(struct aios_engine *e, struct request *chain, struct aios_status *st);

/* ---- life.c: where requests are ------------------------------------------------ */

/* Change the state; counts and times follow. A transition that is not legal breaks the engine. */
void engine_move(struct aios_engine *e, struct request *r, enum aios_request_state to);

/* End a request now: an END event with the reason; everything it held goes back. `st` for AIOS_END_ERROR. */
void engine_end(struct aios_engine *e, struct request *r, enum aios_end_reason reason,
		const struct aios_status *st);

/* The next answer of this id after `from` (NULL: the first) that has not ended, or NULL. */
struct request *engine_find(struct aios_engine *e, uint64_t id, struct request *from);

/* Each known request once, in no order: start with *at = 0; NULL: no more. */
struct request *engine_next(const struct aios_engine *e, uint32_t *at);

/* ---- sched.c: the scheduler's decisions carried out ---------------------------- */

int sched_open(struct aios_engine *e, struct aios_status *st);
void sched_close(struct aios_engine *e); /* takes a zeroed struct */

/* Make a request known to the scheduler. -AIOS_NOT_NOW and other refusals as the plugin says. */
int sched_arrive(struct aios_engine *e, struct request *r, struct aios_status *st);
void sched_finished(struct aios_engine *e, struct request *r); /* fine when it has no slot */

/* Hand over followers whose leader has computed its prompt, or is gone. */
void sched_release_held(struct aios_engine *e);

/* Facts of an admitted request. */
void sched_facts(const struct aios_engine *e, const struct request *r,
		 struct aios_sched_facts *facts);

/* Ask for a plan; preempt and admit as it says. Grants are the step's. */
void sched_plan(struct aios_engine *e);

/*
 * Take a running request's pages: to swap (falling back to a drop when there is no room) or dropped.
 * `tell`: the scheduler does not know yet.
 */
void sched_preempt(struct aios_engine *e, struct request *r, enum aios_sched_how how, bool tell);

/* ---- blocks.c: pages of requests ------------------------------------------------ */

/* `n` free pages into out[], from the prefix cache when need be. -AIOS_EXHAUSTED: nothing was taken. */
int blocks_take(struct aios_engine *e, uint32_t n, int32_t *out);

/*
 * Make a request ready to write KV of tokens [computed, computed + rows): pages for all of them,
 * a copy of a shared one. -AIOS_EXHAUSTED or -ENOMEM: as it was.
 */
int blocks_prepare(struct aios_engine *e, struct request *r, uint32_t rows);

/* Note that page dst becomes a copy of src in this step; a reference on src is kept until then. */
int blocks_copy(struct aios_engine *e, int32_t src, int32_t dst);

/* Enqueue the copies that were noted; after the step blocks_copied() lets go of the sources. */
int blocks_launch_copies(struct aios_engine *e, struct aios_status *st);
void blocks_copied(struct aios_engine *e);

/* ---- check.c -------------------------------------------------------------------- */

/*
 * Do reference counts, lists, tables and counters agree? -EINVAL with the first contradiction.
 * Between steps only. Costs O(pages + requests).
 */
int engine_check_invariants(struct aios_engine *e, struct aios_status *st);

/* ---- observe.c ------------------------------------------------------------------ */

void histogram_add(struct aios_histogram *h, uint64_t value);
void observe_step(struct aios_engine *e, uint64_t start,
		  uint64_t end); /* counters, and a line of the log */

#endif /* CORE_ENGINE_ENGINE_H */
