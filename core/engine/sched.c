// SPDX-License-Identifier: Apache-2.0
/*
 * sched.c - the scheduler's decisions carried out. The plugin decides who comes in,
 * who goes and who computes how much; here are the moves: matching prefixes,
 * sharing a leader's pages, swapping, dropping.
 */
#include <stdlib.h>
#include <string.h>

#include "core/aios.h"
#include "core/engine/beams.h"
#include "core/engine/engine.h"
#include "core/lib/array.h"
#include "core/lib/clock.h"
#include "core/module/registry.h"

#define GUESS_ROW_NS 100000u /* a row computed again, until one was timed */

int sched_open(struct aios_engine *e, struct aios_status *st)
{
	struct sched *s = &e->sched;
	uint32_t running = e->plan.max_batch_size, slots = e->config.max_queue + running;
	const struct aios_sched_limits limits = {
		.size = sizeof(limits),
		.max_queued = e->config.max_queue,
		.max_running = running,
		.max_tenants = e->config.max_tenants,
		.page_size = e->plan.page_size,
		.total_pages = e->plan.kv_pages,
		.max_wait_ns = e->config.max_wait_ms * 1000000ull,
	};
	int rc;

	s->slots = calloc(slots, sizeof(struct request *));
	s->free = calloc(slots, sizeof(*s->free));
	s->plan.preempt = calloc(running, sizeof(*s->plan.preempt));
	s->plan.admit = calloc(running, sizeof(*s->plan.admit));
	s->plan.grant = calloc(running, sizeof(*s->plan.grant));
	s->done = calloc(running, sizeof(*s->done));
	for (e->hash_size = 64; e->hash_size < slots; e->hash_size *= 2)
		;
	e->hash = calloc(e->hash_size, sizeof(struct request *));
	if (!s->slots || !s->free || !s->plan.preempt || !s->plan.admit || !s->plan.grant ||
	    !s->done || !e->hash)
		return aios_fail(st, -ENOMEM, "no host memory for %u requests", slots);
	s->n_slots = slots;
	for (uint32_t i = slots; i > 0; i--)
		s->free[s->n_free++] = i - 1;
	rc = module_get(e->aios->modules, AIOS_KIND_SCHEDULER, e->config.scheduler, &s->module, st);
	if (rc < 0)
		return rc;
	s->ops = module_ops(s->module);
	return s->ops->open(module_host(s->module), &limits, &s->policy, st);
}

void sched_close(struct aios_engine *e)
{
	struct sched *s = &e->sched;

	if (s->policy)
		s->ops->close(s->policy);
	module_put(s->module);
	free(s->slots);
	free(s->free);
	free(s->plan.preempt);
	free(s->plan.admit);
	free(s->plan.grant);
	free(s->done);
	free(e->hash);
	memset(s, 0, sizeof(*s));
	e->hash = NULL;
}

/* Tokens whose pages it may take. */
static uint32_t sched_limit(const struct aios_engine *e, const struct request *r)
{
	uint32_t shared = e->kv.window ? 0 : r->n_prompt;

	if (!r->beams)
		return r->limit;
	return (uint32_t)beams_pages(r->beams->n, shared, r->limit, e->kv.page_size) *
	       e->kv.page_size;
}

int sched_arrive(struct aios_engine *e, struct request *r, struct aios_status *st)
{
	struct sched *s = &e->sched;
	struct aios_sched_request q = {
		.id = s->arrivals + 1,
		.tenant = r->tenant,
		.priority = r->priority,
		.prompt = r->n_prompt,
		.limit = sched_limit(e, r),
		.arrival_ns = clock_ns(),
		.deadline_ns = r->deadline_ns,
	};
	int rc;

	if (s->n_free == 0)
		return aios_fail(st, -AIOS_NOT_NOW,
				 "the queue is full: %u requests wait (engine.max_queue)",
				 e->config.max_queue);
	q.slot = s->free[s->n_free - 1];
	rc = s->ops->arrive(s->policy, &q, st);
	if (rc < 0)
		return rc;
	s->n_free--;
	s->arrivals++;
	s->slots[q.slot] = r;
	r->slot = q.slot;
	return 0;
}

void sched_finished(struct aios_engine *e, struct request *r)
{
	struct sched *s = &e->sched;

	if (r->slot == REQUEST_NO_SLOT)
		return;
	s->ops->finished(s->policy, r->slot, clock_ns());
	s->slots[r->slot] = NULL;
	s->free[s->n_free++] = r->slot;
	r->slot = REQUEST_NO_SLOT;
}

/* Is the prompt that `r` waits for computed, so far as it can be shared? */
static bool leader_ready(const struct request *r)
{
	return !r->leader || r->leader->computed >= r->n_prompt ||
	       (!request_running(r->leader) && r->leader->state != AIOS_REQUEST_QUEUED);
}

void sched_release_held(struct aios_engine *e)
{
	struct request **at = &e->held, *r;
	struct aios_status st;
	int rc;

	while ((r = *at) != NULL) {
		if (!leader_ready(r)) {
			at = &r->next;
			continue;
		}
		rc = sched_arrive(e, r, &st);
		if (rc == -AIOS_NOT_NOW) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		r->next = NULL;
		if (rc < 0)
			engine_end(e, r, AIOS_END_ERROR, &st);
	}
}

/* ---- facts ---------------------------------------------------------------------- */

void sched_facts(const struct aios_engine *e, const struct request *r,
		 struct aios_sched_facts *facts)
{
	uint32_t block = r->computed / e->kv.page_size;
	const struct mm_pages *pages = &e->kv.pages;

	if (r->beams && !beams_alone(r)) {
		beams_facts(e, r, facts);
		return;
	}
	memset(facts, 0, sizeof(*facts));
	facts->computed = r->computed;
	facts->known = r->n_tokens;
	facts->draft = r->state == AIOS_REQUEST_DECODING ? r->n_draft : 0;
	facts->pages = r->n_pages;
	if (r->shared && block < r->n_pages && block >= r->n_gone &&
	    pages->refs[r->pages[block]] > 1)
		facts->pages--;
	facts->frees = request_own_pages(r, pages);
}

/* Tokens of the prompt that a follower can share with its leader now. */
static uint32_t forkable(const struct request *r)
{
	const struct request *l = r->leader;

	if (!l || !request_running(l) || l->computed < r->n_prompt || r->n_tokens > r->n_prompt)
		return 0;
	return r->n_prompt - 1;
}

static void look(void *ctx, uint32_t slot, struct aios_sched_facts *facts)
{
	const struct aios_engine *e = ctx;
	const struct request *r = e->sched.slots[slot];
	struct aios_cache_hit hit;

	memset(facts, 0, sizeof(*facts));
	facts->known = r->n_tokens;
	if (r->state == AIOS_REQUEST_SWAPPED) {
		facts->computed = r->computed;
		return;
	}
	if (forkable(r)) {
		facts->computed = forkable(r);
		facts->pages = facts->computed / e->kv.page_size;
		return;
	}
	prefix_peek(&e->prefix, r, &hit);
	facts->computed = hit.tokens;
	facts->pages = hit.pages;
	facts->takes = hit.fresh;
}

/* ---- coming in ------------------------------------------------------------------- */

/* Share the prompt's pages with the leader; the last one is copied when it is written. */
static int fork_pages(struct aios_engine *e, struct request *r)
{
	const struct request *l = r->leader;
	uint32_t tokens = forkable(r), n = kv_pages_for(&e->kv, tokens);

	if (tokens == 0)
		return 0;
	if (array_reserve((void **)&r->pages, &r->cap_pages, n, sizeof(*r->pages)) < 0)
		return -ENOMEM;
	memcpy(r->pages, l->pages, n * sizeof(*r->pages));
	r->n_pages = n;
	r->n_gone = l->n_gone < n ? l->n_gone : n;
	for (uint32_t i = r->n_gone; i < n; i++)
		mm_pages_get(&e->kv.pages, r->pages[i]);
	r->computed = tokens;
	r->shared = true;
	((struct request *)l)->shared = true;
	return 0;
}

/* Begin from what the prefix cache has; the page that fits in part is copied. */
static int match_prefix(struct aios_engine *e, struct request *r)
{
	struct aios_cache_hit hit;
	int rc = prefix_match(&e->prefix, r, &hit);
	int32_t page;

	if (rc < 0)
		return rc;
	if (hit.partial_tokens == 0 || blocks_take(e, 1, &page) < 0)
		return 0;
	/* The cache may have given up the very page, which then is its own copy. */
	if (page != hit.partial_page && blocks_copy(e, hit.partial_page, page) < 0) {
		mm_pages_put(&e->kv.pages, page);
		return 0;
	}
	r->pages[r->n_pages++] = page;
	r->computed += hit.partial_tokens;
	return 0;
}

static int admit_swapped(struct aios_engine *e, struct request *r)
{
	struct aios_status st;
	int rc = blocks_take(e, r->swapped.n, r->pages + r->n_gone);

	if (rc < 0)
		return rc;
	r->n_pages = r->n_gone + r->swapped.n;
	rc = swap_in(&e->swap, &e->queue, &e->kv, r->pages + r->n_gone, &r->swapped, &st);
	if (rc < 0) { /* the device's trouble, which the step will meet too */
		engine_end(e, r, AIOS_END_ERROR, &st);
		return 0;
	}
	engine_move(e, r,
		    r->n_tokens - r->computed == 1 && r->usage.completion_tokens > 0 ?
			    AIOS_REQUEST_DECODING :
			    AIOS_REQUEST_PREFILLING);
	return 0;
}

static int admit_fresh(struct aios_engine *e, struct request *r)
{
	bool first = r->state == AIOS_REQUEST_QUEUED;
	int rc = fork_pages(e, r);

	if (rc == 0 && r->n_pages == 0)
		rc = match_prefix(e, r);
	if (rc < 0)
		return rc;
	engine_move(e, r, AIOS_REQUEST_PREFILLING);
	if (first) {
		r->usage.cached_tokens = r->computed;
		atomic_fetch_sub(&e->queued, 1);
		histogram_add(&e->stats.queue_ns, r->usage.started - r->usage.submitted);
	}
	request_leave(r);
	return 0;
}

static void sched_admit(struct aios_engine *e, uint32_t slot)
{
	struct request *r = e->sched.slots[slot];
	int rc;

	if (!r || request_running(r))
		return;
	r->touched = e->stats.steps;
	rc = r->state == AIOS_REQUEST_SWAPPED ? admit_swapped(e, r) : admit_fresh(e, r);
	if (rc < 0)
		e->sched.ops->preempted(e->sched.policy, slot);
}

/* ---- going out -------------------------------------------------------------------- */

static void drop(struct aios_engine *e, struct request *r)
{
	prefix_insert(&e->prefix, r, r->computed);
	prefix_unpin(&e->prefix, r);
	request_give_pages(r, &e->kv.pages);
	if (r->computed > r->redo)
		r->redo = r->computed;
	engine_move(e, r, AIOS_REQUEST_DROPPED);
	r->computed = 0;
	e->stats.dropped++;
	if (r->beams)
		beams_drop(e, r);
}

static bool swap(struct aios_engine *e, struct request *r)
{
	uint32_t n = r->n_pages - r->n_gone;

	if (n == 0 ||
	    swap_out(&e->swap, &e->queue, &e->kv, r->pages + r->n_gone, n, &r->swapped, NULL) < 0)
		return false;
	r->touched = e->stats.steps;
	r->usage.swapped_pages += n;
	prefix_unpin(&e->prefix, r);
	for (uint32_t i = r->n_gone; i < r->n_pages; i++)
		mm_pages_put(&e->kv.pages, r->pages[i]);
	r->n_pages = 0; /* the first n_gone places keep their -1 */
	r->shared = false;
	engine_move(e, r, AIOS_REQUEST_SWAPPED);
	e->stats.swapped++;
	return true;
}

void sched_preempt(struct aios_engine *e, struct request *r, enum aios_sched_how how, bool tell)
{
	if (!request_running(r))
		return;
	if (e->config.preempt)
		how = e->config.preempt;
	step_forget(e, r);
	draft_forget(e, r);
	/* Beams share pages: what each has is computed again from what they have in common. */
	if (how != AIOS_SCHED_SWAP || r->beams || !swap(e, r))
		drop(e, r);
	if (tell)
		e->sched.ops->preempted(e->sched.policy, r->slot);
}

/* ---- a plan ------------------------------------------------------------------------- */

void sched_plan(struct aios_engine *e)
{
	struct sched *s = &e->sched;
	struct aios_sched_plan *plan = &s->plan;
	uint64_t start = clock_ns();
	struct aios_sched_step step = {
		.size = sizeof(step),
		.max_rows = e->plan.max_batch_tokens,
		.max_grants = e->plan.max_batch_size,
		.free_pages = e->kv.pages.total - e->kv.pages.used + prefix_evictable(&e->prefix),
		.swap_pages = swap_room(&e->swap),
		.now_ns = start,
		.swap_page_ns = swap_cost(&e->swap),
		.recompute_row_ns = s->row_ns ? s->row_ns : GUESS_ROW_NS,
		.look = look,
		.ctx = e,
	};

	plan->n_preempt = 0;
	plan->n_admit = 0;
	plan->n_grant = 0;
	plan->wake_ns = 0;
	s->ops->plan(s->policy, &step, plan);
	e->stats.plan_ns += clock_ns() - start;
	for (uint32_t i = 0; i < plan->n_preempt; i++) {
		struct request *r = s->slots[plan->preempt[i].slot];

		if (r)
			sched_preempt(e, r, plan->preempt[i].how, false);
	}
	for (uint32_t i = 0; i < plan->n_admit; i++)
		sched_admit(e, plan->admit[i]);
}
