// SPDX-License-Identifier: Apache-2.0
/* engine.c - the public calls that drive an engine and ask about it. */
#include <string.h>

#include "core/aios.h"
#include "core/engine/engine.h"
#include "core/lib/clock.h"

#define MAX_IDLE_PLANS 10000u

int engine_check(struct aios_engine *e, struct aios_status *st)
{
	const struct aios_status *broken = &e->broken;
	int code;

	aios_status_clear(st);
	if (e->thread.running) {
		pthread_mutex_lock(&e->thread.lock);
		broken = &e->thread.broken;
	}
	code = broken->code;
	if (code && st)
		*st = *broken;
	if (e->thread.running)
		pthread_mutex_unlock(&e->thread.lock);
	return code;
}

static void take_cancel(struct aios_engine *e, uint64_t id)
{
	struct request *r = engine_find(e, id, NULL), *next;

	for (; r; r = next) {
		next = engine_find(e, id, r);
		engine_end(e, r, AIOS_END_CANCELLED, NULL);
	}
}

/* Refused by the scheduler after aios_submit() had returned: each answer ends with the reason. */
static void refuse_late(struct aios_engine *e, struct request *chain, const struct aios_status *st)
{
	struct request *next;

	for (struct request *r = chain; r; r = next) {
		next = r->next;
		r->next = NULL;
		request_part(r);
		atomic_fetch_sub(&e->queued, 1);
		request_transition(r, AIOS_REQUEST_FAILED, clock_ns());
		r->reason = AIOS_END_ERROR;
		r->status = *st;
		e->stats.failed++;
		event_push_end(&e->events, r, "", 0);
	}
}

void engine_take_inbox(struct aios_engine *e)
{
	struct inbox_message message;
	struct aios_status st;

	while (inbox_pop(&e->inbox, &message)) {
		if (!message.submit)
			take_cancel(e, message.cancel);
		else if (engine_arrive(e, message.submit, &st) < 0)
			refuse_late(e, message.submit, &st);
	}
}

void aios_engine_interrupt(struct aios_engine *e)
{
	inbox_interrupt(&e->inbox);
}

/*
 * Requests are there and the scheduler has no use for any of them, now or later, or its plans come to
 * nothing for ever: a bug of the plugin.
 */
static void end_stuck(struct aios_engine *e)
{
	struct aios_status st;
	struct request *r;
	uint32_t at = 0;

	aios_status_clear(&st);
	aios_fail(&st, -EDEADLK, "scheduler %s plans nothing though %u requests wait",
		  e->config.scheduler, e->alive);
	engine_log(e, AIOS_LOG_ERROR, "%s", st.message);
	while ((r = engine_next(e, &at)) != NULL)
		engine_end(e, r, AIOS_END_ERROR, &st);
}

/* A contradiction breaks the engine: what it would compute from here on cannot be believed. */
static void check_invariants(struct aios_engine *e, bool wanted)
{
	struct aios_status st;

	if (!wanted || e->broken.code || engine_check_invariants(e, &st) == 0)
		return;
	e->broken = st;
	engine_log(e, AIOS_LOG_ERROR, "%s", st.message);
}

/* One step, or a sleep until there may be one. */
static void poll_step(struct aios_engine *e, uint64_t deadline_ns, struct aios_status *st)
{
	uint64_t wake_ns = 0, steps = e->stats.steps;
	int rc = engine_step(e, &wake_ns, st);

	/* Its requests have ended with the error; a lost device ends the engine too. */
	if (rc == -AIOS_DEVICE_LOST && e->broken.code == 0)
		e->broken = *st;
	aios_status_clear(st);
	check_invariants(e, e->alive ? e->config.check_step : e->config.check_idle);
	e->idle_plans = rc == 0 || e->stats.steps != steps ? 0 : e->idle_plans + 1;
	if (rc != 0 && e->idle_plans < MAX_IDLE_PLANS)
		return;
	if (rc != 0 || wake_ns == 0) {
		end_stuck(e);
		return;
	}
	inbox_wait(&e->inbox, deadline_ns && deadline_ns < wake_ns ? deadline_ns : wake_ns);
}

int aios_poll(struct aios_engine *e, struct aios_event *event, uint64_t deadline_ns,
	      struct aios_status *st)
{
	struct aios_status own;
	struct queued_event *ev;
	int rc;

	st = st ? st : &own;
	aios_status_clear(st);
	if (e->thread.running)
		return aios_fail(st, -EBUSY,
				 "the engine has a thread of its own, which gets the events");
	for (;;) {
		engine_take_inbox(e);
		ev = event_pop(&e->events);
		if (ev) {
			*event = ev->event;
			return 1;
		}
		if (inbox_interrupted(&e->inbox))
			return -EINTR;
		rc = engine_check(e, st);
		if (rc < 0)
			return rc;
		if (e->alive == 0 || (deadline_ns && clock_ns() >= deadline_ns))
			return 0;
		poll_step(e, deadline_ns, st);
	}
}

/* ---- the engine's own thread -------------------------------------------------- */

static void publish(struct aios_engine *e)
{
	pthread_mutex_lock(&e->thread.lock);
	engine_fill_stats(e, &e->thread.stats);
	e->thread.broken = e->broken;
	pthread_mutex_unlock(&e->thread.lock);
}

/* A broken engine computes nothing more: whoever is left ends with the reason. */
static void end_all(struct aios_engine *e)
{
	struct request *r;
	uint32_t at = 0;

	while (e->held)
		engine_end(e, e->held, AIOS_END_ERROR, &e->broken);
	while ((r = engine_next(e, &at)) != NULL)
		engine_end(e, r, AIOS_END_ERROR, &e->broken);
}

static void *thread_main(void *arg)
{
	struct aios_engine *e = arg;
	struct queued_event *ev;
	struct aios_status st;

	while (!atomic_load(&e->thread.stop)) {
		engine_take_inbox(e);
		if (e->broken.code)
			end_all(e);
		publish(e);
		while ((ev = event_pop(&e->events)) != NULL)
			e->thread.on_event(e->thread.ctx, &ev->event);
		if (e->alive == 0)
			inbox_wait(&e->inbox, 0);
		else
			poll_step(e, 0, &st);
		inbox_interrupted(&e->inbox);
	}
	return NULL;
}

int aios_engine_start(struct aios_engine *e, aios_event_fn on_event, void *ctx,
		      struct aios_status *st)
{
	int rc = engine_check(e, st);

	if (rc < 0)
		return rc;
	if (e->thread.running)
		return aios_fail(st, -EBUSY, "the engine has a thread already");
	e->thread.on_event = on_event;
	e->thread.ctx = ctx;
	atomic_store(&e->thread.stop, false);
	publish(e);
	e->thread.running = true;
	rc = pthread_create(&e->thread.id, NULL, thread_main, e);
	if (rc == 0)
		return 0;
	e->thread.running = false;
	return aios_fail(st, -rc, "no thread for the engine: %s", strerror(rc));
}

void aios_engine_stop(struct aios_engine *e)
{
	if (!e->thread.running)
		return;
	atomic_store(&e->thread.stop, true);
	inbox_interrupt(&e->inbox);
	pthread_join(e->thread.id, NULL);
	e->thread.running = false;
	inbox_interrupted(&e->inbox);
}

/* ---- what it is ------------------------------------------------------------------ */

int aios_engine_tenant(struct aios_engine *e, uint32_t index, const struct aios_tenant *tenant,
		       struct aios_status *st)
{
	const struct aios_sched_tenant t = {
		.weight = tenant->weight,
		.max_running = tenant->max_running,
		.max_queued = tenant->max_queued,
		.max_pages = tenant->max_pages,
		.tokens_per_minute = tenant->tokens_per_minute,
	};
	int rc;

	aios_status_clear(st);
	if (e->thread.running)
		return aios_fail(st, -EBUSY, "tenants are made before aios_engine_start()");
	if (index >= e->config.max_tenants)
		return aios_fail(st, -EINVAL, "tenant %u: there are %u (engine.max_tenants)", index,
				 e->config.max_tenants);
	rc = e->sched.ops->tenant(e->sched.policy, index, &t, st);
	if (rc == 0 && e->prefix.cache)
		rc = e->prefix.ops->share(
			e->prefix.cache, index,
			tenant->max_cached_pages ? tenant->max_cached_pages : UINT32_MAX, st);
	return rc;
}

int aios_engine_stats(struct aios_engine *e, struct aios_stats *out)
{
	uint32_t size = out->size;
	struct aios_stats s;

	if (e->thread.running) {
		pthread_mutex_lock(&e->thread.lock);
		s = e->thread.stats;
		pthread_mutex_unlock(&e->thread.lock);
	} else {
		engine_fill_stats(e, &s);
	}
	s.size = size < sizeof(s) ? size : (uint32_t)sizeof(s);
	memcpy(out, &s, s.size);
	return 0;
}

const struct aios_plan *aios_engine_plan(const struct aios_engine *e)
{
	return &e->plan;
}

struct aios_tokenizer *aios_engine_tokenizer(struct aios_engine *e)
{
	return e->tokenizer;
}

uint32_t aios_engine_vocab_size(const struct aios_engine *e)
{
	return e->source.info.vocab_size;
}
