// SPDX-License-Identifier: Apache-2.0
/* base.c - the queue, tenants and their quotas, events; plan.c has the planning. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

#define MINUTE (60ull * 1000000000ull)

bool item_before(const struct item *a, const struct item *b)
{
	return a->key != b->key ? a->key < b->key : a->request.id < b->request.id;
}

static bool slot_before(const void *ctx, uint32_t a, uint32_t b)
{
	const struct sched *s = ctx;

	return item_before(&s->items[a], &s->items[b]);
}

static bool ready_before(const void *ctx, uint32_t a, uint32_t b)
{
	const struct sched *s = ctx;
	const struct tenant *x = &s->tenants[a], *y = &s->tenants[b];
	bool equal = true, before = false;

	if (s->policy->tenant_before)
		before = s->policy->tenant_before(s, x, y, &equal);
	return equal ? item_before(&s->items[x->head], &s->items[y->head]) : before;
}

static bool resting_before(const void *ctx, uint32_t a, uint32_t b)
{
	const struct sched *s = ctx;
	const struct tenant *x = &s->tenants[a], *y = &s->tenants[b];

	return x->paid_to != y->paid_to ? x->paid_to < y->paid_to : a < b;
}

static const struct treap_kind queue_kind = { offsetof(struct item, queue), sizeof(struct item),
					      slot_before };
static const struct treap_kind ready_kind = { offsetof(struct tenant, ready), sizeof(struct tenant),
					      ready_before };
static const struct treap_kind resting_kind = { offsetof(struct tenant, ready),
						sizeof(struct tenant), resting_before };

/* ---- life ------------------------------------------------------------------ */

static int check_limits(const struct aios_sched_limits *l, struct aios_status *st)
{
	if (l->size < sizeof(*l))
		return aios_fail(st, -EINVAL, "aios_sched_limits.size is %u, expected %zu", l->size,
				 sizeof(*l));
	if (!l->max_queued || !l->max_running || !l->max_tenants || !l->page_size ||
	    !l->total_pages)
		return aios_fail(st, -EINVAL,
				 "a scheduler's limits must be 1 at least; found max_queued %u, "
				 "max_running %u, max_tenants %u, page_size %u, total_pages %u",
				 l->max_queued, l->max_running, l->max_tenants, l->page_size,
				 l->total_pages);
	if (l->max_queued > INT32_MAX || l->max_running > INT32_MAX || l->max_tenants > INT32_MAX)
		return aios_fail(st, -EINVAL, "a scheduler's limits must be below 2^31");
	return 0;
}

int sched_open(const struct policy *policy, const struct aios_host *host,
	       const struct aios_sched_limits *limits, void **sched, struct aios_status *st)
{
	static const struct aios_sched_tenant usual = { .weight = 1.0 };
	struct sched *s;
	int rc = check_limits(limits, st);

	if (rc < 0)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s)
		return aios_fail(st, -ENOMEM, "no memory for a scheduler");
	s->policy = policy;
	s->limits = *limits;
	s->n_items = limits->max_queued + limits->max_running;
	s->items = calloc(s->n_items, sizeof(*s->items));
	s->tenants = calloc(limits->max_tenants, sizeof(*s->tenants));
	s->running = calloc(limits->max_running, sizeof(*s->running));
	s->order = calloc(limits->max_running, sizeof(*s->order));
	s->touched = calloc(limits->max_tenants, sizeof(*s->touched));
	if (!s->items || !s->tenants || !s->running || !s->order || !s->touched) {
		rc = aios_fail(st, -ENOMEM,
			       "no memory for a scheduler of %u requests and %u tenants",
			       s->n_items, limits->max_tenants);
		goto fail;
	}
	treap_init(&s->ready, &ready_kind, s->tenants, s);
	treap_init(&s->resting, &resting_kind, s->tenants, s);
	for (uint32_t i = 0; i < limits->max_tenants; i++)
		treap_init(&s->tenants[i].queue, &queue_kind, s->items, s);
	rc = policy->init ? policy->init(s, host, st) : 0;
	if (rc == 0)
		rc = sched_tenant(s, 0, &usual, st);
	if (rc < 0)
		goto fail;
	*sched = s;
	return 0;
fail:
	sched_close(s);
	return rc;
}

void sched_close(void *sched)
{
	struct sched *s = sched;

	if (!s)
		return;
	free(s->touched);
	free(s->order);
	free(s->running);
	free(s->tenants);
	free(s->items);
	free(s);
}

int64_t sched_seconds(const struct aios_host *host, const char *name)
{
	return (int64_t)(strtod(host->param(host->ctx, name), NULL) * (double)SCHED_SECOND);
}

/* ---- tenants --------------------------------------------------------------- */

/* When the rate lets a tenant's next request in. */
static uint64_t rested_at(const struct tenant *t)
{
	return t->row_ns && t->paid_to > MINUTE ? t->paid_to - MINUTE : 0;
}

void tenant_out(struct sched *s, struct tenant *t)
{
	uint32_t index = (uint32_t)(t - s->tenants);

	if (t->where == TENANT_READY)
		treap_remove(&s->ready, index);
	if (t->where == TENANT_RESTING)
		treap_remove(&s->resting, index);
	t->where = TENANT_IDLE;
}

void tenant_in(struct sched *s, struct tenant *t)
{
	uint32_t index = (uint32_t)(t - s->tenants);

	t->head = treap_first(&t->queue);
	if (t->head == TREAP_NONE) {
		t->where = TENANT_IDLE;
	} else if (t->limits.max_running && t->running >= t->limits.max_running) {
		t->where = TENANT_HELD;
	} else if (rested_at(t) > s->now_ns) {
		t->where = TENANT_RESTING;
		treap_insert(&s->resting, index);
	} else {
		t->where = TENANT_READY;
		treap_insert(&s->ready, index);
	}
}

int sched_tenant(void *sched, uint32_t index, const struct aios_sched_tenant *tenant,
		 struct aios_status *st)
{
	struct sched *s = sched;
	struct tenant *t;

	if (index >= s->limits.max_tenants)
		return aios_fail(st, -EINVAL, "tenant %u: the scheduler was opened for %u", index,
				 s->limits.max_tenants);
	if (!isfinite(tenant->weight) || tenant->weight <= 0)
		return aios_fail(st, -EINVAL, "tenant %u: a weight must be above 0, found %g",
				 index, tenant->weight);
	t = &s->tenants[index];
	tenant_out(s, t);
	if (t->queue.n)
		s->weights += tenant->weight - t->limits.weight;
	t->made = true;
	t->limits = *tenant;
	t->row_ns = tenant->tokens_per_minute ? MINUTE / tenant->tokens_per_minute : 0;
	if (tenant->tokens_per_minute && !t->row_ns)
		t->row_ns = 1;
	tenant_in(s, t);
	return 0;
}

void sched_stats(void *sched, uint32_t tenant, struct aios_sched_stats *stats)
{
	struct sched *s = sched;
	uint32_t size = stats->size;
	struct aios_sched_stats out = { 0 };

	if (tenant < s->limits.max_tenants) {
		out = s->tenants[tenant].stats;
		out.queued = s->tenants[tenant].queue.n;
		out.running = s->tenants[tenant].running;
		out.pages = s->tenants[tenant].pages;
	}
	out.size = size < sizeof(out) ? size : (uint32_t)sizeof(out);
	memcpy(stats, &out, out.size);
}

/* ---- the queue -------------------------------------------------------------- */

static void queue_push(struct sched *s, struct item *i)
{
	struct tenant *t = &s->tenants[i->request.tenant];

	tenant_out(s, t);
	if (t->queue.n == 0) {
		s->weights += t->limits.weight;
		if (s->policy->awakes)
			s->policy->awakes(s, t);
	}
	treap_insert(&t->queue, i->request.slot);
	i->state = ITEM_QUEUED;
	s->n_queued++;
	s->queued_at[i->request.priority + SCHED_PRIORITY]++;
	tenant_in(s, t);
}

static void queue_remove(struct sched *s, struct item *i)
{
	struct tenant *t = &s->tenants[i->request.tenant];

	tenant_out(s, t);
	treap_remove(&t->queue, i->request.slot);
	if (t->queue.n == 0)
		s->weights -= t->limits.weight;
	s->n_queued--;
	s->queued_at[i->request.priority + SCHED_PRIORITY]--;
	tenant_in(s, t);
}

/* Where an item stands among the running, or would: their order is by key. */
static uint32_t running_place(const struct sched *s, const struct item *i)
{
	uint32_t low = 0, high = s->n_running;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (item_before(&s->items[s->running[mid]], i))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void item_admit(struct sched *s, struct item *i, const struct aios_sched_facts *facts)
{
	struct tenant *t = &s->tenants[i->request.tenant];
	uint32_t at = running_place(s, i);

	queue_remove(s, i);
	tenant_out(s, t);
	memmove(&s->running[at + 1], &s->running[at], (s->n_running - at) * sizeof(*s->running));
	s->running[at] = i->request.slot;
	s->n_running++;
	i->state = ITEM_RUNNING;
	i->facts = *facts;
	t->running++;
	t->pages += facts->pages;
	t->stats.admitted++;
	if (!i->admitted_before)
		t->stats.wait_ns += s->now_ns - i->request.arrival_ns;
	i->admitted_before = true;
	if (s->policy->admits)
		s->policy->admits(s, t, i);
	tenant_in(s, t);
}

static void running_remove(struct sched *s, struct item *i, bool ended)
{
	struct tenant *t = &s->tenants[i->request.tenant];
	uint32_t at = running_place(s, i);

	tenant_out(s, t);
	s->n_running--;
	memmove(&s->running[at], &s->running[at + 1], (s->n_running - at) * sizeof(*s->running));
	t->running--;
	t->pages -= i->facts.pages;
	if (s->policy->leaves)
		s->policy->leaves(s, t, i, ended);
	tenant_in(s, t);
}

void item_requeue(struct sched *s, struct item *i)
{
	running_remove(s, i, false);
	s->tenants[i->request.tenant].stats.preempted++;
	queue_push(s, i);
}

/* ---- events ----------------------------------------------------------------- */

uint64_t sched_wait(void *sched, const struct aios_sched_request *request)
{
	const struct sched *s = sched;
	uint64_t ahead = s->n_queued;

	if (ahead == 0 && s->n_running < s->limits.max_running)
		return 0;
	if (s->policy->ahead)
		ahead = s->policy->ahead(s, request);
	if (s->mean_gap_ns && ahead + 1 > UINT64_MAX / s->mean_gap_ns)
		return UINT64_MAX;
	return (ahead + 1) * s->mean_gap_ns;
}

static int check_request(const struct sched *s, const struct aios_sched_request *r,
			 struct aios_status *st)
{
	if (r->slot >= s->n_items || s->items[r->slot].state != ITEM_FREE)
		return aios_fail(st, -EINVAL, "request slot %u of %u is not free", r->slot,
				 s->n_items);
	if (r->tenant >= s->limits.max_tenants || !s->tenants[r->tenant].made)
		return aios_fail(st, -EINVAL, "there is no tenant %u", r->tenant);
	if (r->priority < -SCHED_PRIORITY || r->priority > SCHED_PRIORITY)
		return aios_fail(st, -EINVAL, "priority %d: expected %d to %d", r->priority,
				 -SCHED_PRIORITY, SCHED_PRIORITY);
	if (r->prompt == 0 || r->limit < r->prompt ||
	    sched_pages(s, r->limit) > s->limits.total_pages)
		return aios_fail(st, -EINVAL,
				 "a request of %u prompt tokens and %u in all: expected a prompt "
				 "of 1 at least and no more than %u pages of %u tokens",
				 r->prompt, r->limit, s->limits.total_pages, s->limits.page_size);
	return 0;
}

static int check_quota(struct sched *s, const struct aios_sched_request *r, struct aios_status *st)
{
	const struct tenant *t = &s->tenants[r->tenant];
	uint64_t wait;

	if (t->limits.max_pages && sched_pages(s, r->limit) > t->limits.max_pages)
		return aios_fail(st, -AIOS_OVER_BUDGET,
				 "the request may need %u pages of KV, its tenant's quota is %u; "
				 "ask for fewer tokens",
				 sched_pages(s, r->limit), t->limits.max_pages);
	if (s->n_queued >= s->limits.max_queued ||
	    (t->limits.max_queued && t->queue.n >= t->limits.max_queued))
		return aios_fail(st, -AIOS_NOT_NOW,
				 "the queue is full: %u requests, %u of this tenant; try again in "
				 "about %.1f s",
				 s->n_queued, t->queue.n,
				 (double)sched_wait(s, r) / (double)SCHED_SECOND);
	wait = s->limits.max_wait_ns ? sched_wait(s, r) : 0;
	if (wait > s->limits.max_wait_ns)
		return aios_fail(st, -AIOS_NOT_NOW,
				 "the wait would be about %.1f s, more than the %.1f s that are "
				 "allowed; try again later",
				 (double)wait / (double)SCHED_SECOND,
				 (double)s->limits.max_wait_ns / (double)SCHED_SECOND);
	return 0;
}

int sched_arrive(void *sched, const struct aios_sched_request *request, struct aios_status *st)
{
	struct sched *s = sched;
	int rc = check_request(s, request, st);
	struct item *i;

	if (rc < 0)
		return rc;
	if (request->arrival_ns > s->now_ns)
		s->now_ns = request->arrival_ns;
	s->tenants[request->tenant].stats.arrived++;
	rc = check_quota(s, request, st);
	if (rc < 0) {
		s->tenants[request->tenant].stats.refused++;
		return rc;
	}
	i = &s->items[request->slot];
	memset(i, 0, sizeof(*i));
	i->request = *request;
	i->key = s->policy->key ? s->policy->key(s, request) : 0;
	queue_push(s, i);
	return 0;
}

/* Tenants whose place in the order, or in the queue of those that rest, depends on what was computed. */
static void touch(struct sched *s, struct tenant *t)
{
	if (t->touched || !(s->policy->charges || t->row_ns))
		return;
	t->touched = true;
	s->touched[s->n_touched++] = (uint32_t)(t - s->tenants);
	tenant_out(s, t);
}

void sched_stepped(void *sched, uint64_t now_ns, const struct aios_sched_done *done, uint32_t n)
{
	struct sched *s = sched;

	s->now_ns = now_ns;
	for (uint32_t k = 0; k < n; k++) {
		struct item *i = &s->items[done[k].slot];
		struct tenant *t = &s->tenants[i->request.tenant];

		if (i->state != ITEM_RUNNING)
			continue;
		touch(s, t);
		t->pages = t->pages - i->facts.pages + done[k].facts.pages;
		i->facts = done[k].facts;
		t->stats.rows += done[k].rows;
		t->stats.device_ns += done[k].device_ns;
		if (t->row_ns)
			t->paid_to = (t->paid_to > now_ns ? t->paid_to : now_ns) +
				     done[k].rows * t->row_ns;
		if (s->policy->charges)
			s->policy->charges(s, t, i, done[k].device_ns);
	}
	while (s->n_touched > 0) {
		struct tenant *t = &s->tenants[s->touched[--s->n_touched]];

		t->touched = false;
		tenant_in(s, t);
	}
}

void sched_preempted(void *sched, uint32_t slot)
{
	struct sched *s = sched;

	if (slot < s->n_items && s->items[slot].state == ITEM_RUNNING)
		item_requeue(s, &s->items[slot]);
}

/* A moving mean over about 32 ends, of the times between them while somebody waited. */
static void measure_end(struct sched *s)
{
	uint64_t gap = s->now_ns - s->last_end_ns;

	if (s->last_end_ns && s->n_queued > 0)
		s->mean_gap_ns = s->mean_gap_ns ? s->mean_gap_ns - s->mean_gap_ns / 32 + gap / 32 :
						  gap;
	s->last_end_ns = s->n_queued > 0 ? s->now_ns : 0;
}

void sched_finished(void *sched, uint32_t slot, uint64_t now_ns)
{
	struct sched *s = sched;
	struct item *i;

	if (slot >= s->n_items || s->items[slot].state == ITEM_FREE)
		return;
	i = &s->items[slot];
	if (now_ns > s->now_ns)
		s->now_ns = now_ns;
	if (i->state == ITEM_QUEUED) {
		queue_remove(s, i);
	} else {
		running_remove(s, i, true);
		measure_end(s);
	}
	s->tenants[i->request.tenant].stats.finished++;
	i->state = ITEM_FREE;
}
