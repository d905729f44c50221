// SPDX-License-Identifier: Apache-2.0
/*
 * simulate.c - an engine without a device: the scheduler plugin, the prefix cache's plugin
 * and the pool's page accounting are real, a step is as long as the cost model says.
 *
 * What is modelled: arrivals, the queue, chunked prefill and decoding under the step's
 * budgets, pages with shared prefixes, preemption by swap and by recompute. What is
 * not: tokens (each request has its number of output tokens), the host's time, and of the
 * prefix cache all but the shared beginnings that the trace names.
 */
#include <stdlib.h>
#include <string.h>

#include <aios/plugin/cache.h>
#include <aios/plugin/scheduler.h>

#include "core/aios.h"
#include "core/lib/clock.h"
#include "core/mm/pages.h"
#include "core/module/registry.h"
#include "core/simulate/measure.h"
#include "core/simulate/trace.h"

#define NONE UINT32_MAX

enum sim_state {
	SIM_FREE = 0,
	SIM_QUEUED = 1,
	SIM_RUNNING = 2,
};

struct sim_item {
	const struct trace_request *r;
	struct aios_sched_facts facts;
	enum sim_state state;
	uint32_t table;    /* row of sim.tables while running, NONE otherwise */
	uint32_t total;    /* tokens when it ends */
	uint32_t reached;  /* most tokens ever computed: rows below are computed again */
	uint32_t swapped;  /* pages in swap */
	uint32_t pin;      /* in the cache */
	uint32_t next;     /* free slots */
	uint64_t token_ns; /* when its last token came; 0: none yet */
	bool cached;       /* its prefix is in the cache */
	bool swap_in;      /* its pages come back with the next rows */
};

struct sim {
	const struct aios_sim_trace *trace;
	const struct aios_sim_options *o;
	struct module *sched_module, *cache_module;
	const struct aios_scheduler_ops *ops;
	const struct aios_cache_ops *cache_ops; /* NULL: no cache */
	void *sched, *cache;
	uint32_t space;
	struct mm_pages pages;
	struct sim_item *items;
	int32_t *tables; /* [max_running][table_size] */
	uint32_t *free_tables;
	uint32_t n_items, n_free_tables, table_size, first_free, swap_used, n_live;
	struct aios_sched_plan plan;
	struct aios_sched_done *done;
	int32_t *prefix;  /* tokens of a prompt's beginning */
	int32_t *evicted; /* page numbers from the cache */
	uint8_t *taken;
	size_t next; /* in the trace */
	uint64_t now;
	struct measure m;
};

/* ---- life ------------------------------------------------------------------- */

static int open_scheduler(struct sim *s, struct aios *aios, const char *policy,
			  struct aios_status *st)
{
	const struct aios_sched_limits limits = {
		.size = sizeof(limits),
		.max_queued = s->o->max_queued,
		.max_running = s->o->max_running,
		.max_tenants = s->trace->n_tenants,
		.page_size = s->o->page_size,
		.total_pages = s->o->pages,
	};
	struct aios_sched_tenant tenant = { 0 };
	int rc = module_get(aios->modules, AIOS_KIND_SCHEDULER, policy, &s->sched_module, st);

	if (rc < 0)
		return rc;
	s->ops = module_ops(s->sched_module);
	rc = s->ops->open(module_host(s->sched_module), &limits, &s->sched, st);
	for (uint32_t i = 0; i < s->trace->n_tenants && rc == 0; i++) {
		tenant.weight = s->m.tenants[i].weight;
		rc = s->ops->tenant(s->sched, i, &tenant, st);
	}
	return rc;
}

static int open_cache(struct sim *s, struct aios *aios, struct aios_status *st)
{
	const struct aios_cache_limits limits = {
		.size = sizeof(limits),
		.page_size = s->o->page_size,
		.max_pages = s->o->pages,
		.max_tenants = 1,
	};
	int rc;

	if (!s->o->cache)
		return 0;
	rc = module_get(aios->modules, AIOS_KIND_CACHE, s->o->cache, &s->cache_module, st);
	if (rc < 0)
		return rc;
	s->cache_ops = module_ops(s->cache_module);
	rc = s->cache_ops->open(module_host(s->cache_module), &limits, &s->cache, st);
	if (rc == 0)
		rc = s->cache_ops->space(s->cache, "all", 3, 0, &s->space, st);
	return rc;
}

static int make_arrays(struct sim *s, struct aios_status *st)
{
	size_t most = s->o->max_running;

	s->n_items = s->o->max_queued + s->o->max_running;
	s->table_size = (s->trace->longest + s->o->page_size - 1) / s->o->page_size;
	s->items = calloc(s->n_items, sizeof(*s->items));
	s->tables = calloc(most * s->table_size, sizeof(*s->tables));
	s->free_tables = calloc(most, sizeof(*s->free_tables));
	s->plan.preempt = calloc(most, sizeof(*s->plan.preempt));
	s->plan.admit = calloc(most, sizeof(*s->plan.admit));
	s->plan.grant = calloc(most, sizeof(*s->plan.grant));
	s->done = calloc(most, sizeof(*s->done));
	s->prefix = calloc(s->trace->longest, sizeof(*s->prefix));
	s->evicted = calloc(s->o->pages, sizeof(*s->evicted));
	s->taken = calloc(s->table_size, 1);
	if (!s->items || !s->tables || !s->free_tables || !s->plan.preempt || !s->plan.admit ||
	    !s->plan.grant || !s->done || !s->prefix || !s->evicted || !s->taken)
		return aios_fail(st, -ENOMEM, "no memory for a simulation of %u requests at once",
				 s->n_items);
	for (uint32_t i = 0; i < s->n_items; i++)
		s->items[i].next = i + 1 < s->n_items ? i + 1 : NONE;
	for (uint32_t i = 0; i < s->o->max_running; i++)
		s->free_tables[i] = i;
	s->n_free_tables = s->o->max_running;
	return mm_pages_init(&s->pages, s->o->pages, st);
}

static void finish(struct sim *s)
{
	if (s->cache)
		s->cache_ops->close(s->cache);
	if (s->sched)
		s->ops->close(s->sched);
	module_put(s->cache_module);
	module_put(s->sched_module);
	mm_pages_finish(&s->pages);
	free(s->taken);
	free(s->evicted);
	free(s->prefix);
	free(s->done);
	free(s->plan.grant);
	free(s->plan.admit);
	free(s->plan.preempt);
	free(s->free_tables);
	free(s->tables);
	free(s->items);
	measure_finish(&s->m);
}

/* ---- pages ------------------------------------------------------------------- */

static uint32_t pages_for(const struct sim *s, uint32_t tokens)
{
	return (tokens + s->o->page_size - 1) / s->o->page_size;
}

static int32_t *table_of(struct sim *s, const struct sim_item *i)
{
	return s->tables + (size_t)i->table * s->table_size;
}

static uint32_t free_pages(struct sim *s)
{
	uint32_t n = s->pages.total - s->pages.used;

	return s->cache ? n + s->cache_ops->evictable(s->cache, AIOS_CACHE_ANY) : n;
}

/* Let the request have its first `want` pages; what the cache can give up makes room. */
static int take_pages(struct sim *s, struct sim_item *i, uint32_t want, struct aios_status *st)
{
	uint32_t more = want > i->facts.pages ? want - i->facts.pages : 0;
	uint32_t have = s->pages.total - s->pages.used, n;

	if (more > have && s->cache) {
		n = s->cache_ops->evict(s->cache, AIOS_CACHE_ANY, more - have, s->evicted);
		for (uint32_t k = 0; k < n; k++)
			mm_pages_put(&s->pages, s->evicted[k]);
	}
	if (mm_pages_alloc(&s->pages, more, table_of(s, i) + i->facts.pages) < 0)
		return aios_fail(
			st, -EPROTO,
			"the scheduler's plan needs %u pages, %u are free: a defect of the "
			"plugin",
			more, s->pages.total - s->pages.used);
	i->facts.pages += more;
	return 0;
}

/* Pages that come back when it goes: those that nobody shares. */
static void count_freed(struct sim *s, struct sim_item *i)
{
	const int32_t *table = table_of(s, i);

	i->facts.frees = 0;
	/* Only the beginning may be shared; the cache holds whole pages of it. */
	for (uint32_t k = 0; k < i->facts.pages; k++) {
		if (!i->r->prefix || k * s->o->page_size >= i->r->prefix_tokens) {
			i->facts.frees += i->facts.pages - k;
			break;
		}
		i->facts.frees += s->pages.refs[table[k]] == 1;
	}
}

static void give_pages(struct sim *s, struct sim_item *i)
{
	int32_t *table = table_of(s, i);

	for (uint32_t k = 0; k < i->facts.pages; k++)
		mm_pages_put(&s->pages, table[k]);
	i->facts.pages = i->facts.frees = 0;
	s->free_tables[s->n_free_tables++] = i->table;
	i->table = NONE;
	if (s->cache)
		s->cache_ops->unpin(s->cache, i->pin);
	i->pin = AIOS_CACHE_NO_PIN;
	i->cached = false;
}

/* ---- the prefix cache ---------------------------------------------------------- */

/* How many tokens of the prompt's beginning are worth looking for; a row is left to compute. */
static uint32_t prefix_tokens(struct sim *s, const struct sim_item *i)
{
	uint32_t n = i->r->prefix_tokens, known = i->facts.known;

	if (!s->cache || !i->r->prefix)
		return 0;
	n = n < known ? n : known - 1;
	for (uint32_t k = 0; k < n; k++)
		s->prefix[k] = (int32_t)((i->r->prefix * 2654435761u + k * 40503u) >> 1);
	return n;
}

static void find_prefix(struct sim *s, struct sim_item *i, struct aios_sched_facts *facts)
{
	struct aios_cache_hit hit;
	uint32_t n = prefix_tokens(s, i);

	if (n == 0)
		return;
	s->cache_ops->peek(s->cache, s->space, s->prefix, n, &hit);
	facts->computed = hit.tokens;
	facts->pages = hit.pages;
	facts->takes = hit.fresh;
}

/* The hit's pages become the request's; a partial page is copied into one of its own. */
static void use_prefix(struct sim *s, struct sim_item *i)
{
	int32_t *table = table_of(s, i);
	struct aios_cache_hit hit;
	uint32_t n = prefix_tokens(s, i);

	if (n == 0)
		return;
	s->cache_ops->match(s->cache, s->space, s->prefix, n, table, &hit);
	for (uint32_t k = 0; k < hit.pages; k++)
		mm_pages_get(&s->pages, table[k]);
	i->facts.pages = hit.pages;
	i->facts.computed = hit.tokens;
	i->pin = hit.pin;
	s->m.result->cached_tokens += hit.tokens;
}

/* Its prompt's beginning is computed: let others have it. */
static void store_prefix(struct sim *s, struct sim_item *i)
{
	uint32_t n = prefix_tokens(s, i);
	int32_t *table = table_of(s, i);

	i->cached = true;
	if (n == 0 || s->cache_ops->insert(s->cache, s->space, s->prefix, n, table, s->taken,
					   &i->pin, NULL) <= 0)
		return;
	for (uint32_t k = 0; k < pages_for(s, n); k++) {
		if (s->taken[k])
			mm_pages_get(&s->pages, table[k]);
	}
}

/* ---- events ------------------------------------------------------------------- */

static void arrive(struct sim *s, const struct trace_request *r)
{
	uint32_t slot = s->first_free;
	struct tenant_measure *t = &s->m.tenants[r->tenant];
	struct sim_item *i = slot != NONE ? &s->items[slot] : NULL;
	const struct aios_sched_request request = {
		.id = s->next,
		.slot = slot,
		.tenant = r->tenant,
		.priority = r->priority,
		.prompt = r->prompt,
		.limit = r->prompt + r->output,
		.arrival_ns = s->now,
		.deadline_ns = r->deadline_ns,
	};

	t->requests++;
	if (!i || s->ops->arrive(s->sched, &request, NULL) < 0) {
		t->refused++;
		return;
	}
	s->first_free = i->next;
	memset(i, 0, sizeof(*i));
	i->r = r;
	i->state = SIM_QUEUED;
	i->table = NONE;
	i->total = r->prompt + r->output;
	i->facts.known = r->prompt;
	t->queued++;
	s->n_live++;
}

static void end(struct sim *s, uint32_t slot)
{
	struct sim_item *i = &s->items[slot];
	struct aios_sim_result *r = s->m.result;

	give_pages(s, i);
	s->m.tenants[i->r->tenant].running--;
	r->finished++;
	if (i->r->deadline_ns) {
		r->with_deadline++;
		r->met_deadline += s->now <= i->r->deadline_ns;
	}
	i->state = SIM_FREE;
	i->next = s->first_free;
	s->first_free = slot;
	s->n_live--;
	s->ops->finished(s->sched, slot, s->now);
}

static void look(void *ctx, uint32_t slot, struct aios_sched_facts *facts)
{
	struct sim *s = ctx;
	struct sim_item *i = &s->items[slot];

	*facts = i->facts;
	if (!i->swap_in)
		find_prefix(s, i, facts);
}

/* ---- a step ------------------------------------------------------------------- */

static void preempt(struct sim *s, const struct aios_sched_preempt *p)
{
	struct sim_item *i = &s->items[p->slot];
	struct aios_sim_result *r = s->m.result;
	uint32_t pages = i->facts.frees;

	if (p->how == AIOS_SCHED_SWAP) {
		i->swap_in = true;
		i->swapped = pages;
		s->swap_used += pages;
		r->swapped++;
		s->m.wasted_ns += pages * s->o->cost.swap_page_us * 1000;
	} else {
		i->facts.computed = 0;
		r->dropped++;
	}
	give_pages(s, i);
	i->state = SIM_QUEUED;
	s->m.tenants[i->r->tenant].running--;
	s->m.tenants[i->r->tenant].queued++;
}

static void admit(struct sim *s, uint32_t slot)
{
	struct sim_item *i = &s->items[slot];

	i->state = SIM_RUNNING;
	i->table = s->free_tables[--s->n_free_tables];
	s->m.tenants[i->r->tenant].queued--;
	s->m.tenants[i->r->tenant].running++;
	if (!i->swap_in)
		use_prefix(s, i);
}

/* Compute granted rows: pages, tokens, and its part of the time in *us. */
static int compute(struct sim *s, const struct aios_sched_grant *g, double *us,
		   struct aios_status *st)
{
	struct sim_item *i = &s->items[g->slot];
	const struct aios_sim_cost *c = &s->o->cost;
	uint32_t end_at = i->facts.computed + g->rows, again;
	int rc = take_pages(s, i, pages_for(s, end_at), st);

	if (rc < 0)
		return rc;
	*us = g->rows * c->row_us + end_at * c->kv_us;
	if (i->swap_in) {
		*us += i->swapped * c->swap_page_us;
		s->swap_used -= i->swapped;
		i->swapped = 0;
		i->swap_in = false;
	}
	again = i->reached > i->facts.computed ? i->reached - i->facts.computed : 0;
	again = again < g->rows ? again : g->rows;
	s->m.result->recomputed_rows += again;
	s->m.wasted_ns += again * c->row_us * 1000;
	i->facts.computed = end_at;
	i->reached = end_at > i->reached ? end_at : i->reached;
	if (!i->cached && s->cache && i->facts.computed >= i->r->prefix_tokens)
		store_prefix(s, i);
	count_freed(s, i);
	return 0;
}

/* The step is over: its time, tokens that came of it, those that ended. */
static void conclude(struct sim *s, uint32_t n)
{
	double fixed = (s->o->cost.step_us + s->o->cost.weights_us) / n;
	uint64_t ns = 0;

	for (uint32_t k = 0; k < n; k++) {
		s->done[k].device_ns += (uint64_t)(fixed * 1000);
		ns += s->done[k].device_ns;
	}
	s->now += ns;
	for (uint32_t k = 0; k < n; k++) {
		struct sim_item *i = &s->items[s->done[k].slot];
		struct tenant_measure *t = &s->m.tenants[i->r->tenant];

		t->step_ns += s->done[k].device_ns;
		if (i->facts.computed == i->facts.known) {
			if (i->token_ns)
				times_add(&t->itl, s->now - i->token_ns);
			else
				times_add(&t->ttft, s->now - i->r->arrival_ns);
			t->prompt_tokens += i->token_ns ? 0 : i->r->prompt;
			i->token_ns = s->now;
			i->facts.known++;
			t->output_tokens++;
		}
		s->done[k].facts = i->facts;
	}
	measure_step(&s->m, ns);
}

static int carry_out(struct sim *s, struct aios_status *st)
{
	double us = 0;
	int rc = 0;

	for (uint32_t k = 0; k < s->plan.n_preempt; k++)
		preempt(s, &s->plan.preempt[k]);
	for (uint32_t k = 0; k < s->plan.n_admit; k++)
		admit(s, s->plan.admit[k]);
	for (uint32_t k = 0; k < s->plan.n_grant && rc == 0; k++) {
		rc = compute(s, &s->plan.grant[k], &us, st);
		s->done[k].slot = s->plan.grant[k].slot;
		s->done[k].rows = s->plan.grant[k].rows;
		s->done[k].device_ns = (uint64_t)(us * 1000);
		s->m.result->rows += s->plan.grant[k].rows;
	}
	if (rc == 0 && s->plan.n_grant > 0)
		conclude(s, s->plan.n_grant);
	return rc;
}

/* Nothing could be computed: on to the next arrival or to what the plan says. */
static int skip_time(struct sim *s, struct aios_status *st)
{
	uint64_t wake = s->plan.wake_ns;

	if (s->next < s->trace->n && (wake == 0 || s->trace->requests[s->next].arrival_ns < wake))
		wake = s->trace->requests[s->next].arrival_ns;
	if (wake <= s->now && s->plan.n_preempt == 0)
		return aios_fail(st, -EPROTO,
				 "the scheduler gives nothing to do with %u requests there, at "
				 "%.3f s: a defect of the plugin",
				 s->n_live, (double)s->now / 1e9);
	if (wake > s->now)
		s->now = wake;
	return 0;
}

static int step(struct sim *s, struct aios_status *st)
{
	const struct aios_sched_step in = {
		.size = sizeof(in),
		.max_rows = s->o->max_rows,
		.max_grants = s->o->max_running,
		.free_pages = free_pages(s),
		.swap_pages = s->o->swap_pages - s->swap_used,
		.now_ns = s->now,
		.swap_page_ns = (uint64_t)(s->o->cost.swap_page_us * 1000),
		.recompute_row_ns = (uint64_t)(s->o->cost.row_us * 1000),
		.look = look,
		.ctx = s,
	};
	uint64_t began = clock_ns();
	int rc;

	s->ops->plan(s->sched, &in, &s->plan);
	s->m.policy_ns += clock_ns() - began;
	rc = carry_out(s, st);
	if (rc < 0)
		return rc;
	if (s->plan.n_grant == 0)
		return skip_time(s, st);
	s->m.result->steps++;
	began = clock_ns();
	s->ops->stepped(s->sched, s->now, s->done, s->plan.n_grant);
	s->m.policy_ns += clock_ns() - began;
	for (uint32_t k = 0; k < s->plan.n_grant; k++) {
		const struct sim_item *i = &s->items[s->done[k].slot];

		if (i->facts.known >= i->total)
			end(s, s->done[k].slot);
	}
	return 0;
}

static int run(struct sim *s, struct aios_status *st)
{
	int rc = 0;

	s->now = s->trace->requests[0].arrival_ns;
	while (rc == 0 && (s->next < s->trace->n || s->n_live > 0)) {
		if (s->n_live == 0 && s->trace->requests[s->next].arrival_ns > s->now)
			s->now = s->trace->requests[s->next].arrival_ns;
		while (s->next < s->trace->n && s->trace->requests[s->next].arrival_ns <= s->now) {
			arrive(s, &s->trace->requests[s->next]);
			s->next++;
		}
		if (s->n_live > 0)
			rc = step(s, st);
	}
	s->m.end_ns = s->now;
	if (rc == 0 && !mm_pages_consistent(&s->pages))
		rc = aios_fail(st, -EPROTO, "pages were lost in the simulation");
	return rc;
}

static int check_options(const struct aios_sim_options *o, const struct aios_sim_trace *trace,
			 struct aios_status *st)
{
	uint64_t room = (uint64_t)o->pages * o->page_size;

	if (!o->max_running || !o->max_rows || !o->max_queued || !o->page_size || !o->pages)
		return aios_fail(st, -EINVAL,
				 "sequences, rows, queue, page size and pages must be 1 at least");
	if (trace->longest > room)
		return aios_fail(st, -EINVAL,
				 "the longest request has %u tokens, the pool of %u pages %llu; "
				 "give it more pages",
				 trace->longest, o->pages, (unsigned long long)room);
	return 0;
}

int aios_simulate(struct aios *aios, const struct aios_sim_trace *trace, const char *policy,
		  const struct aios_sim_options *options, struct aios_sim_result **out,
		  struct aios_status *st)
{
	struct sim s = { .trace = trace, .o = options };
	uint64_t began = clock_ns();
	int rc;

	aios_status_clear(st);
	rc = check_options(options, trace, st);
	if (rc == 0)
		rc = measure_init(&s.m, trace, options, st);
	if (rc == 0)
		rc = make_arrays(&s, st);
	if (rc == 0)
		rc = open_scheduler(&s, aios, policy, st);
	if (rc == 0)
		rc = open_cache(&s, aios, st);
	if (rc == 0)
		rc = run(&s, st);
	if (rc == 0) {
		*out = measure_result(&s.m);
		snprintf((*out)->policy, sizeof((*out)->policy), "%s", policy);
		(*out)->host_ns = clock_ns() - began;
	}
	finish(&s);
	return rc;
}
