// SPDX-License-Identifier: Apache-2.0
/* plan.c - one step: pages, rows, admission, guesses (see base.h). */
#include <string.h>

#include "base.h"

enum {
	CHEAP = 4, /* the cheapest of so many of the worst is preempted */
};

/* What is left of the step's budgets. */
struct budget {
	const struct aios_sched_step *step;
	struct aios_sched_plan *plan;
	int64_t pages; /* free ones that nobody is promised */
	uint32_t rows;
	uint32_t swap;
	bool short_of_pages; /* something was preempted for those that run */
};

static struct item *running(const struct sched *s, uint32_t n)
{
	return &s->items[s->running[n]];
}

static struct tenant *tenant_of(const struct sched *s, const struct item *i)
{
	return &s->tenants[i->request.tenant];
}

/* Rows that a request needs. */
static uint32_t wanted(const struct item *i)
{
	return i->facts.known - i->facts.computed;
}

static uint32_t pages_needed(const struct sched *s, const struct aios_sched_facts *f)
{
	uint32_t all = sched_pages(s, f->known);

	return all > f->pages ? all - f->pages : 0;
}

/* ---- pages ------------------------------------------------------------------- */

static bool worse(const struct sched *s, const struct item *a, const struct item *b)
{
	return s->policy->worse ? s->policy->worse(s, a, b) : item_before(b, a);
}

/* What preempting costs in device time, and how it is done best. */
static uint64_t cost_of(const struct budget *b, const struct item *i, uint32_t *how)
{
	uint64_t drop = i->facts.computed * b->step->recompute_row_ns;
	uint64_t swap = i->facts.frees * b->step->swap_page_ns;

	*how = AIOS_SCHED_DROP;
	if (i->facts.frees > b->swap || swap >= drop)
		return drop;
	*how = AIOS_SCHED_SWAP;
	return swap;
}

static uint32_t gain_of(const struct item *i)
{
	return i->facts.frees + i->need;
}

/* Send a running request back to the queue. */
static void preempt(struct sched *s, struct budget *b, struct item *i)
{
	struct aios_sched_preempt *out = &b->plan->preempt[b->plan->n_preempt++];

	out->slot = i->request.slot;
	cost_of(b, i, &out->how);
	if (out->how == AIOS_SCHED_SWAP)
		b->swap -= i->facts.frees;
	b->pages += gain_of(i);
	tenant_of(s, i)->promised -= i->need;
	i->need = 0;
	i->preempted_in = s->n_plans;
	item_requeue(s, i);
}

/* May `i` be preempted so that others of `only` (NULL: all) can go on? Never the best of them. */
static bool may_go(const struct sched *s, const struct item *i, const struct tenant *only,
		   const struct item *best)
{
	return i != best && gain_of(i) > 0 && (!only || tenant_of(s, i) == only);
}

/* Of the CHEAP worst that may go, the one with the least cost for a page; NULL: there is none. */
static struct item *choose_victim(const struct sched *s, const struct budget *b,
				  const struct tenant *only)
{
	struct item *worst[CHEAP], *best = NULL, *least = NULL;
	uint64_t least_cost = 0, cost;
	uint32_t n = 0, how;

	for (uint32_t k = 0; k < s->n_running; k++) {
		struct item *i = running(s, k);
		uint32_t at = n;

		if (!best && (!only || tenant_of(s, i) == only))
			best = i;
		if (!may_go(s, i, only, best))
			continue;
		while (at > 0 && worse(s, i, worst[at - 1]))
			at--;
		if (at == CHEAP)
			continue;
		n = n < CHEAP ? n + 1 : CHEAP;
		memmove(&worst[at + 1], &worst[at], (n - at - 1) * sizeof(*worst));
		worst[at] = i;
	}
	for (uint32_t k = 0; k < n; k++) {
		if (s->policy->alike && !s->policy->alike(s, worst[0], worst[k]))
			break;
		cost = cost_of(b, worst[k], &how) / gain_of(worst[k]);
		if (!least || cost < least_cost) {
			least = worst[k];
			least_cost = cost;
		}
	}
	return least;
}

/* Promise every running request the pages of its tokens. */
static void promise(struct sched *s, struct budget *b)
{
	b->pages = b->step->free_pages;
	for (uint32_t k = 0; k < s->n_running; k++)
		tenant_of(s, running(s, k))->promised = 0;
	for (uint32_t k = 0; k < s->n_running; k++) {
		struct item *i = running(s, k);

		i->rows = 0;
		i->need = pages_needed(s, &i->facts);
		tenant_of(s, i)->promised += i->need;
		b->pages -= i->need;
	}
}

/* Keep promises within the pool, and each tenant's within its quota. */
static void make_room(struct sched *s, struct budget *b)
{
	struct item *victim;

	for (uint32_t k = 0; k < s->n_running; k++) {
		struct tenant *t = tenant_of(s, running(s, k));

		if (!t->limits.max_pages || t->pages + t->promised <= t->limits.max_pages)
			continue;
		victim = choose_victim(s, b, t);
		if (!victim)
			continue;
		preempt(s, b, victim);
		k = UINT32_MAX; /* the array has changed: from the beginning */
	}
	while (b->pages < 0) {
		victim = choose_victim(s, b, NULL);
		if (!victim)
			break;
		preempt(s, b, victim);
		b->short_of_pages = true;
	}
}

/* ---- rows -------------------------------------------------------------------- */

/* Give rows to a running request; a plan names it once. */
static void grant(struct budget *b, struct item *i, uint32_t rows)
{
	struct aios_sched_plan *plan = b->plan;

	if (rows > b->rows)
		rows = b->rows;
	if (rows == 0 || plan->n_grant == b->step->max_grants)
		return;
	plan->grant[plan->n_grant].slot = i->request.slot;
	plan->grant[plan->n_grant].rows = rows;
	plan->n_grant++;
	i->rows = rows;
	b->rows -= rows;
}

/* Rows whose pages are there: only without enough pages for the last one that runs is it less than it wants. */
static uint32_t affordable(const struct sched *s, const struct budget *b, const struct item *i)
{
	int64_t pages = (int64_t)i->facts.pages + i->need;
	int64_t tokens;

	if (b->pages < 0)
		pages += b->pages;
	tokens = pages * s->limits.page_size - i->facts.computed;
	if (tokens <= 0)
		return 0;
	return tokens < wanted(i) ? (uint32_t)tokens : wanted(i);
}

/* Is `a` to be computed before `b`? Tenants first where a policy orders them. */
static bool sooner(const struct sched *s, const struct item *a, const struct item *b)
{
	bool equal = true, before = false;

	if (s->policy->tenant_before && a->request.tenant != b->request.tenant)
		before = s->policy->tenant_before(s, tenant_of(s, a), tenant_of(s, b), &equal);
	return equal ? item_before(a, b) : before;
}

static void share_rows(struct sched *s, struct budget *b)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < s->n_running; k++) {
		struct item *i = running(s, k);
		uint32_t at = n;

		if (wanted(i) == 1) {
			grant(b, i, affordable(s, b, i));
			continue;
		}
		while (at > 0 && sooner(s, i, &s->items[s->order[at - 1]]))
			at--;
		memmove(&s->order[at + 1], &s->order[at], (n - at) * sizeof(*s->order));
		s->order[at] = i->request.slot;
		n++;
	}
	for (uint32_t k = 0; k < n; k++)
		grant(b, &s->items[s->order[k]], affordable(s, b, &s->items[s->order[k]]));
}

/* ---- admission --------------------------------------------------------------- */

/*
 * Preempt running requests that the policy lets `i` displace until there is a place (there
 * are `places`) and `pages` more pages, or nobody when that cannot be had. Rows that they have
 * in this plan are taken back.
 */
static bool oust(struct sched *s, struct budget *b, const struct item *i, int64_t pages,
		 uint32_t places)
{
	int64_t gain = 0;
	uint32_t can = 0;

	if (!s->policy->ousts)
		return false;
	for (uint32_t k = 0; k < s->n_running; k++) {
		if (!s->policy->ousts(s, i, running(s, k)))
			continue;
		gain += gain_of(running(s, k));
		can++;
	}
	if (gain < pages || places + can == 0)
		return false;
	while (pages > 0 || places == 0) {
		struct item *victim = NULL;
		uint32_t gained;

		for (uint32_t k = 0; k < s->n_running; k++) {
			struct item *r = running(s, k);

			if (s->policy->ousts(s, i, r) && (!victim || worse(s, r, victim)))
				victim = r;
		}
		if (!victim)
			return false;
		gained = gain_of(victim);
		for (uint32_t k = 0; k < b->plan->n_grant; k++) {
			if (b->plan->grant[k].slot != victim->request.slot)
				continue;
			b->rows += victim->rows;
			victim->rows = 0;
			b->plan->n_grant--;
			memmove(&b->plan->grant[k], &b->plan->grant[k + 1],
				(b->plan->n_grant - k) * sizeof(*b->plan->grant));
			break;
		}
		preempt(s, b, victim);
		pages -= gained;
		places++;
	}
	return true;
}

/* Admit the first request of a tenant: 1, 0 when it has to wait, -1 when its tenant alone has to. */
static int admit_head(struct sched *s, struct budget *b, struct tenant *t)
{
	struct item *i = &s->items[t->head];
	struct aios_sched_facts facts = { 0 };
	uint32_t places = s->limits.max_running - s->n_running;
	int64_t need, headroom, lack;

	if (i->preempted_in == s->n_plans)
		return 0; /* its pages are not free before the plan is carried out */
	b->step->look(b->step->ctx, i->request.slot, &facts);
	i->need = pages_needed(s, &facts);
	need = (int64_t)i->need + facts.takes;
	if (t->limits.max_pages && t->running > 0 &&
	    t->pages + t->promised + facts.pages + i->need > t->limits.max_pages)
		return -1;
	headroom = s->n_running;
	lack = need + headroom - b->pages;
	/* Alone it needs no headroom, and may begin with fewer pages than all. */
	if (s->n_running == 0 && lack > 0)
		lack = 0;
	if (places > b->step->max_grants - b->plan->n_grant)
		places = b->step->max_grants - b->plan->n_grant;
	if ((lack > 0 || places == 0) && !oust(s, b, i, lack, places))
		return 0;
	item_admit(s, i, &facts);
	b->plan->admit[b->plan->n_admit++] = i->request.slot;
	b->pages -= need;
	t->promised = t->running == 1 ? i->need : t->promised + i->need;
	grant(b, i, affordable(s, b, i));
	return 1;
}

static void admit(struct sched *s, struct budget *b)
{
	while (b->rows > 0 && s->ready.n > 0 && b->plan->n_admit < s->limits.max_running) {
		struct tenant *t = &s->tenants[treap_first(&s->ready)];
		int rc = admit_head(s, b, t);

		if (rc == 0)
			return;
		if (rc < 0) {
			tenant_out(s, t);
			t->where = TENANT_HELD;
		}
	}
}

/* Tenants whose rate allows more by now. */
static void wake_rested(struct sched *s)
{
	while (s->resting.n > 0) {
		struct tenant *t = &s->tenants[treap_first(&s->resting)];

		tenant_out(s, t);
		tenant_in(s, t);
		if (t->where == TENANT_RESTING)
			return;
	}
}

/* ---- guesses ------------------------------------------------------------------ */

static bool over_quota(const struct tenant *t, uint32_t more)
{
	return t->limits.max_pages && t->pages + t->promised + more > t->limits.max_pages;
}

static void share_drafts(struct sched *s, struct budget *b)
{
	for (uint32_t k = 0; k < b->plan->n_grant && b->rows > 0; k++) {
		struct aios_sched_grant *g = &b->plan->grant[k];
		struct item *i = &s->items[g->slot];
		uint32_t draft = i->facts.draft, more;

		if (draft == 0 || g->rows != wanted(i))
			continue;
		if (draft > b->rows)
			draft = b->rows;
		more = sched_pages(s, (uint64_t)i->facts.known + draft) -
		       sched_pages(s, i->facts.known);
		if (more > 0 && (b->pages < more || over_quota(tenant_of(s, i), more)))
			continue;
		tenant_of(s, i)->promised += more;
		b->pages -= more;
		b->rows -= draft;
		g->rows += draft;
	}
}

void sched_plan(void *sched, const struct aios_sched_step *step, struct aios_sched_plan *plan)
{
	struct sched *s = sched;
	struct budget b = {
		.step = step, .plan = plan, .rows = step->max_rows, .swap = step->swap_pages
	};

	plan->n_preempt = plan->n_admit = plan->n_grant = 0;
	plan->wake_ns = 0;
	s->now_ns = step->now_ns;
	s->n_plans++;
	wake_rested(s);
	promise(s, &b);
	make_room(s, &b);
	share_rows(s, &b);
	if (!b.short_of_pages)
		admit(s, &b);
	share_drafts(s, &b);
	if (plan->n_grant == 0 && s->resting.n > 0) {
		const struct tenant *t = &s->tenants[treap_first(&s->resting)];

		plan->wake_ns = t->paid_to - 60ull * 1000000000ull;
	}
}
