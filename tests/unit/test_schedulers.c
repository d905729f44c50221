// SPDX-License-Identifier: Apache-2.0
/*
 * test_schedulers.c - every policy under 100,000 random events, with a checker of what
 * holds after each plan; the bounds that their headers state; their speed.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <aios/plugin/scheduler.h>

Suite *test_schedulers_suite(void);

/* The plugins' sources are compiled into this test as built-in modules. */
extern const struct aios_module aios_module_fcfs, aios_module_priority, aios_module_fair,
	aios_module_deadline;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND 1000000000ull
#define AGING (2 * SECOND)
#define BOUND (5 * SECOND)

enum {
	QUEUED = 64,
	RUNNING = 12,
	SLOTS = QUEUED + RUNNING,
	TENANTS = 5,
	PAGE = 4,
	PAGES = 60,
	LIMIT = 120, /* tokens of the largest request */
	EVENTS = 100000,
};

static const struct aios_module *const policies[] = {
	&aios_module_fcfs,
	&aios_module_priority,
	&aios_module_fair,
	&aios_module_deadline,
};

/* ---- a host that only has parameters ---------------------------------------- */

static const char *param(void *ctx, const char *name)
{
	(void)ctx;
	if (strcmp(name, "aging") == 0)
		return "2";
	if (strcmp(name, "bound") == 0)
		return "5";
	return strcmp(name, "preempt") == 0 ? "on" : NULL;
}

static const struct aios_host host = { .size = sizeof(host), .param = param };

/* ---- an engine that only counts ---------------------------------------------- */

enum state {
	FREE = 0,
	WAITS,
	RUNS,
};

struct one {
	enum state state;
	struct aios_sched_request r;
	struct aios_sched_facts f; /* pages 0 while it waits */
	uint32_t total;            /* tokens when it ends */
	uint32_t swapped;          /* pages */
	bool just_preempted;
};

struct bed {
	const struct aios_scheduler_ops *ops;
	const char *name;
	void *sched;
	struct aios_sched_limits limits;
	struct one *all;
	uint32_t n_slots, pages_used, n_wait, n_run, swap_used;
	struct aios_sched_tenant tenants[TENANTS];
	uint64_t now, next_id, random, digest, swap_room;
	struct aios_sched_plan plan;
	struct aios_sched_done *done;
	uint64_t ended, preempted, refused, steps, drafts;
	double device[TENANTS];
};

static uint32_t below(struct bed *b, uint32_t n)
{
	b->random = b->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((b->random >> 33) % n);
}

static void note(struct bed *b, uint64_t value)
{
	b->digest = (b->digest ^ value) * 0x100000001b3ull;
}

static uint32_t pages_for(const struct bed *b, uint32_t tokens)
{
	return (tokens + b->limits.page_size - 1) / b->limits.page_size;
}

static void bed_open(struct bed *b, const struct aios_module *module,
		     const struct aios_sched_limits *limits)
{
	struct aios_status st = { 0 };

	memset(b, 0, sizeof(*b));
	b->ops = module->ops;
	b->name = module->name;
	b->limits = *limits;
	b->n_slots = limits->max_queued + limits->max_running;
	b->now = SECOND;
	b->next_id = 1;
	b->random = 42;
	b->digest = 0xcbf29ce484222325ull;
	b->all = calloc(b->n_slots, sizeof(*b->all));
	b->plan.preempt = calloc(limits->max_running, sizeof(*b->plan.preempt));
	b->plan.admit = calloc(limits->max_running, sizeof(*b->plan.admit));
	b->plan.grant = calloc(limits->max_running, sizeof(*b->plan.grant));
	b->done = calloc(limits->max_running, sizeof(*b->done));
	b->tenants[0].weight = 1;
	ck_assert_int_eq(b->ops->open(&host, limits, &b->sched, &st), 0);
}

static void bed_close(struct bed *b)
{
	b->ops->close(b->sched);
	free(b->all);
	free(b->plan.preempt);
	free(b->plan.admit);
	free(b->plan.grant);
	free(b->done);
}

static void set_tenant(struct bed *b, uint32_t index, const struct aios_sched_tenant *t)
{
	struct aios_status st = { 0 };

	b->tenants[index] = *t;
	ck_assert_int_eq(b->ops->tenant(b->sched, index, t, &st), 0);
}

/* A request arrives in a free slot; `total` tokens in the end. */
static int arrive(struct bed *b, uint32_t tenant, uint32_t prompt, uint32_t total, int priority,
		  uint64_t deadline, uint32_t *slot)
{
	struct aios_status st = { 0 };
	struct one *o;
	uint32_t at = 0;
	int rc;

	while (at < b->n_slots && b->all[at].state != FREE)
		at++;
	ck_assert_uint_lt(at, b->n_slots);
	o = &b->all[at];
	memset(o, 0, sizeof(*o));
	o->r = (struct aios_sched_request){ .id = b->next_id++,
					    .slot = at,
					    .tenant = tenant,
					    .priority = priority,
					    .prompt = prompt,
					    .limit = total,
					    .arrival_ns = b->now,
					    .deadline_ns = deadline };
	o->f.known = prompt;
	o->total = total;
	rc = b->ops->arrive(b->sched, &o->r, &st);
	note(b, (uint64_t)rc);
	if (rc < 0) {
		ck_assert(st.message[0]);
		b->refused++;
		return rc;
	}
	o->state = WAITS;
	b->n_wait++;
	*slot = at;
	return 0;
}

static void look(void *ctx, uint32_t slot, struct aios_sched_facts *facts)
{
	const struct bed *b = ctx;

	ck_assert_int_eq(b->all[slot].state, WAITS);
	ck_assert(!b->all[slot].just_preempted);
	*facts = b->all[slot].f;
}

static void leave(struct bed *b, struct one *o)
{
	b->pages_used -= o->f.pages;
	b->n_run -= o->state == RUNS;
	b->n_wait -= o->state == WAITS;
	b->swap_used -= o->swapped;
}

static void finish(struct bed *b, uint32_t slot)
{
	leave(b, &b->all[slot]);
	b->all[slot].state = FREE;
	b->ended++;
	b->ops->finished(b->sched, slot, b->now);
}

/* It goes back to the queue; its tokens stay, its pages do not. */
static void go_back(struct bed *b, struct one *o, bool swap)
{
	b->pages_used -= o->f.pages;
	if (swap) {
		o->swapped = o->f.pages;
		b->swap_used += o->swapped;
		ck_assert_uint_le(b->swap_used, b->swap_room);
	} else {
		o->f.computed = 0;
	}
	o->f.pages = o->f.frees = o->f.draft = 0;
	o->state = WAITS;
	b->n_run--;
	b->n_wait++;
	b->preempted++;
}

/* ---- what each policy's header promises --------------------------------------- */

/* The latest arrival that may be admitted before a request that arrived at t. */
static bool may_pass(const struct bed *b, const struct one *late, const struct one *early)
{
	const struct aios_sched_request *l = &late->r, *e = &early->r;

	if (l->id < e->id)
		return true;
	if (strcmp(b->name, "priority") == 0)
		return (int64_t)l->arrival_ns <=
		       (int64_t)e->arrival_ns +
			       (int64_t)(l->priority - e->priority) * (int64_t)AGING;
	if (strcmp(b->name, "deadline") == 0)
		return l->arrival_ns <= e->arrival_ns + BOUND;
	/* Of two tenants the fair policy's order is that of their virtual times; see test_fair. */
	return strcmp(b->name, "fair") == 0 && l->tenant != e->tenant;
}

/* Tenants that a quota of theirs may hold back: their requests may be passed by anybody's. */
static bool free_of_quotas(const struct aios_sched_tenant *t)
{
	return !t->max_running && !t->max_pages && !t->tokens_per_minute;
}

static void check_order(const struct bed *b, const struct one *admitted)
{
	for (uint32_t i = 0; i < b->n_slots; i++) {
		const struct one *o = &b->all[i];

		if (o->state != WAITS || o->just_preempted ||
		    (o->r.tenant != admitted->r.tenant &&
		     !free_of_quotas(&b->tenants[o->r.tenant])))
			continue;
		ck_assert_msg(may_pass(b, admitted, o),
			      "%s: request %llu was admitted before request %llu", b->name,
			      (unsigned long long)admitted->r.id, (unsigned long long)o->r.id);
	}
}

/* ---- the checker ---------------------------------------------------------------- */

static void check_tenants(const struct bed *b)
{
	for (uint32_t t = 0; t < TENANTS; t++) {
		uint32_t n = 0, pages = 0, waits = 0;
		struct aios_sched_stats stats = { .size = sizeof(stats) };

		for (uint32_t i = 0; i < b->n_slots; i++) {
			if (b->all[i].r.tenant != t || b->all[i].state == FREE)
				continue;
			n += b->all[i].state == RUNS;
			waits += b->all[i].state == WAITS;
			pages += b->all[i].f.pages;
		}
		if (b->tenants[t].max_running)
			ck_assert_uint_le(n, b->tenants[t].max_running);
		if (b->tenants[t].max_pages && n > 1)
			ck_assert_uint_le(pages, b->tenants[t].max_pages);
		b->ops->stats(b->sched, t, &stats);
		ck_assert_uint_eq(stats.running, n);
		ck_assert_uint_eq(stats.queued, waits);
		ck_assert_uint_eq(stats.arrived,
				  stats.refused + stats.finished + stats.queued + stats.running);
	}
}

static void carry_out(struct bed *b, const struct aios_sched_step *step)
{
	const struct aios_sched_plan *p = &b->plan;

	for (uint32_t i = 0; i < p->n_preempt; i++) {
		struct one *o = &b->all[p->preempt[i].slot];

		ck_assert_int_eq(o->state, RUNS);
		ck_assert(p->preempt[i].how == AIOS_SCHED_SWAP ||
			  p->preempt[i].how == AIOS_SCHED_DROP);
		go_back(b, o, p->preempt[i].how == AIOS_SCHED_SWAP);
		o->just_preempted = true;
		note(b, p->preempt[i].slot + 1000u * p->preempt[i].how);
	}
	for (uint32_t i = 0; i < p->n_admit; i++) {
		struct one *o = &b->all[p->admit[i]];

		ck_assert_int_eq(o->state, WAITS);
		ck_assert(!o->just_preempted);
		o->state = RUNS;
		b->n_wait--;
		b->n_run++;
		check_order(b, o);
		note(b, p->admit[i]);
	}
	ck_assert_uint_le(b->n_run, b->limits.max_running);
	ck_assert_uint_le(p->n_grant, step->max_grants);
}

/* Take the pages, compute the rows, tell what came of it. */
static void compute(struct bed *b, const struct aios_sched_step *step)
{
	const struct aios_sched_plan *p = &b->plan;
	uint32_t rows = 0, n = p->n_grant;

	for (uint32_t i = 0; i < n; i++) {
		struct one *o = &b->all[p->grant[i].slot];
		uint32_t get = p->grant[i].rows, need;

		ck_assert_int_eq(o->state, RUNS);
		for (uint32_t k = 0; k < i; k++)
			ck_assert_uint_ne(p->grant[k].slot, p->grant[i].slot);
		ck_assert_uint_ge(get, 1);
		ck_assert_uint_le(get, o->f.known - o->f.computed + o->f.draft);
		b->drafts += get > o->f.known - o->f.computed;
		rows += get;
		note(b, p->grant[i].slot * 4096u + get);
		need = pages_for(b, o->f.computed + get);
		if (need > o->f.pages)
			b->pages_used += need - o->f.pages;
		o->f.pages = need > o->f.pages ? need : o->f.pages;
		b->swap_used -= o->swapped;
		o->swapped = 0;
		o->f.frees = o->f.pages;
		/* Of guesses some turn out right; one token more comes for free at the end. */
		if (o->f.computed + get > o->f.known)
			get = o->f.known - o->f.computed +
			      below(b, o->f.computed + get - o->f.known + 1);
		o->f.computed += get;
		if (o->f.computed >= o->f.known)
			o->f.known = o->f.computed + 1;
		o->f.draft = 0;
		if (o->f.known - o->f.computed == 1 && o->f.known + 3 < o->total)
			o->f.draft = below(b, 3);
		b->done[i].slot = p->grant[i].slot;
		b->done[i].rows = get;
		b->done[i].device_ns = 1000000 + get * 10000;
		b->done[i].facts = o->f;
		b->device[o->r.tenant] += (double)b->done[i].device_ns;
	}
	ck_assert_uint_le(rows, step->max_rows);
	ck_assert_msg(b->pages_used <= b->limits.total_pages, "%s: %u pages of %u", b->name,
		      b->pages_used, b->limits.total_pages);
	b->now += 2000000 + rows * 10000;
	b->ops->stepped(b->sched, b->now, b->done, n);
	for (uint32_t i = 0; i < n; i++) {
		if (b->all[b->done[i].slot].f.known >= b->all[b->done[i].slot].total)
			finish(b, b->done[i].slot);
	}
}

static void one_step(struct bed *b, uint32_t max_rows, bool unfair_budget)
{
	struct aios_sched_step step = {
		.size = sizeof(step),
		.max_rows = max_rows,
		.max_grants = b->limits.max_running,
		.free_pages = b->limits.total_pages - b->pages_used,
		.swap_pages = (uint32_t)b->swap_room - b->swap_used,
		.now_ns = b->now,
		.swap_page_ns = 20000,
		.recompute_row_ns = 10000,
		.look = look,
		.ctx = b,
	};

	b->ops->plan(b->sched, &step, &b->plan);
	carry_out(b, &step);
	/* Something goes on, unless quotas hold everybody back until a time that is told. */
	if (b->plan.n_grant == 0 && !unfair_budget && b->n_run + b->n_wait > 0) {
		ck_assert_uint_gt(b->plan.wake_ns, b->now);
		b->now = b->plan.wake_ns;
	}
	for (uint32_t i = 0; i < b->n_slots; i++)
		b->all[i].just_preempted = false;
	compute(b, &step);
	b->steps++;
}

/* ---- 100,000 random events -------------------------------------------------------- */

static const struct aios_sched_limits small = {
	.size = sizeof(small),
	.max_queued = QUEUED,
	.max_running = RUNNING,
	.max_tenants = TENANTS,
	.page_size = PAGE,
	.total_pages = PAGES,
};

static void random_arrival(struct bed *b)
{
	uint32_t prompt = 1 + below(b, LIMIT / 2), slot;
	uint32_t total = prompt + 1 + below(b, LIMIT - prompt);
	uint64_t deadline = below(b, 2) ? b->now + below(b, 10) * SECOND / 2 : 0;
	int rc;

	if (b->n_wait + b->n_run == b->n_slots)
		return;
	rc = arrive(b, below(b, TENANTS), prompt, total, (int)below(b, 5) - 2, deadline, &slot);
	ck_assert(rc == 0 || rc == -AIOS_NOT_NOW || rc == -AIOS_OVER_BUDGET);
}

/* The engine ends a request, or sends one back, for reasons of its own. */
static void random_blow(struct bed *b, bool kill)
{
	uint32_t slot = below(b, b->n_slots);
	struct one *o = &b->all[slot];

	if (o->state == FREE)
		return;
	if (kill) {
		finish(b, slot);
	} else if (o->state == RUNS) {
		go_back(b, o, false);
		b->ops->preempted(b->sched, slot);
	}
}

static void random_events(struct bed *b, const struct aios_module *module)
{
	static const struct aios_sched_tenant tenants[TENANTS] = {
		{ .weight = 1 },
		{ .weight = 2, .max_running = 3 },
		{ .weight = 0.5, .max_pages = 31 },
		{ .weight = 3, .max_queued = 10, .tokens_per_minute = 20000 },
		{ .weight = 1 },
	};

	bed_open(b, module, &small);
	b->swap_room = 40;
	for (uint32_t t = 0; t < TENANTS; t++)
		set_tenant(b, t, &tenants[t]);
	for (uint32_t i = 0; i < EVENTS; i++) {
		uint32_t what = below(b, 100);

		if (what < 24)
			random_arrival(b);
		else if (what < 26)
			random_blow(b, true);
		else if (what < 27)
			random_blow(b, false);
		else
			one_step(b, what < 30 ? below(b, 4) : 32, what < 30);
		if (i % 16 == 0)
			check_tenants(b);
	}
	/* Without new ones all come to their end. */
	for (uint32_t i = 0; b->n_run + b->n_wait > 0; i++) {
		ck_assert_uint_lt(i, 100000);
		one_step(b, 32, false);
	}
	check_tenants(b);
	ck_assert_uint_eq(b->pages_used, 0);
	ck_assert_uint_eq(b->swap_used, 0);
}

START_TEST(test_random)
{
	struct bed first, second;

	random_events(&first, policies[_i]);
	ck_assert_uint_gt(first.ended, 1000);
	ck_assert_uint_gt(first.preempted, 100);
	ck_assert_uint_gt(first.refused, 100);
	ck_assert_uint_gt(first.drafts, 100);
	/* The same events, the same decisions. */
	random_events(&second, policies[_i]);
	ck_assert_uint_eq(first.digest, second.digest);
	bed_close(&first);
	bed_close(&second);
}
END_TEST

/* ---- bounds ------------------------------------------------------------------------- */

/* A victim arrives, then a stream that every policy likes better for as long as it may. */
START_TEST(test_starvation)
{
	static const uint64_t most[] = { 0, 3 * AGING, 0, BOUND };
	static const struct aios_sched_tenant usual = { .weight = 1 };
	uint64_t arrived, limit = most[_i];
	struct bed b;
	uint32_t victim, slot;

	bed_open(&b, policies[_i], &small);
	set_tenant(&b, 1, &usual);
	for (uint32_t i = 0; i < RUNNING; i++)
		arrive(&b, 1, 8, 20, 1, b.now, &slot);
	one_step(&b, 32, false);
	arrived = b.now;
	arrive(&b, 0, 8, 20, -2, 0, &victim);
	/* Passed by those who come until `limit` after it, and then by those that wait. */
	while (b.all[victim].state == WAITS && b.now < arrived + 60 * SECOND) {
		while (b.n_wait < QUEUED - 1 && arrive(&b, 1, 8, 20, 1, b.now, &slot) == 0)
			;
		one_step(&b, 32, false);
	}
	ck_assert_int_eq(b.all[victim].state, RUNS);
	/* Nobody is passed for no reason: the stream did hold it back. */
	ck_assert_uint_ge(b.now - arrived + SECOND / 10, limit);
	ck_assert_msg(b.now - arrived <= limit + SECOND, "%s: waited %.3f s", b.name,
		      (double)(b.now - arrived) / 1e9);
	bed_close(&b);
}
END_TEST

/* Weighted shares of device time, all tenants wanting more than they get. */
START_TEST(test_fair)
{
	static const double weights[TENANTS] = { 1, 2, 4, 1, 0.5 };
	struct aios_sched_tenant t = { 0 };
	double all = 0, weight = 0;
	struct bed b;
	uint32_t slot;

	bed_open(&b, &aios_module_fair, &small);
	for (uint32_t i = 0; i < TENANTS; i++) {
		t.weight = weights[i];
		set_tenant(&b, i, &t);
	}
	for (uint32_t k = 0; k < 40000; k++) {
		/* Tenant 0 floods: it always has more in the queue than all others. */
		for (uint32_t i = 0; i < TENANTS; i++) {
			struct aios_sched_stats s = { .size = sizeof(s) };

			b.ops->stats(b.sched, i, &s);
			for (uint32_t n = s.queued; n < (i == 0 ? 30u : 8u); n++)
				arrive(&b, i, 1 + below(&b, 40), 41 + below(&b, 10 + 6 * i), 0, 0,
				       &slot);
		}
		one_step(&b, 32, false);
	}
	for (uint32_t i = 0; i < TENANTS; i++) {
		all += b.device[i];
		weight += weights[i];
	}
	for (uint32_t i = 0; i < TENANTS; i++) {
		double share = b.device[i] / all / (weights[i] / weight);

		ck_assert_msg(share > 0.98 && share < 1.02, "tenant %u has %.3f of its share", i,
			      share);
	}
	bed_close(&b);
}
END_TEST

/* A tenant that was idle gets no credit for it, and waits for nobody's past. */
START_TEST(test_fair_idle)
{
	static const struct aios_sched_tenant usual = { .weight = 1 };
	double before[2];
	struct bed b;
	uint32_t slot;

	bed_open(&b, &aios_module_fair, &small);
	set_tenant(&b, 1, &usual);
	for (uint32_t k = 0; k < 4000; k++) {
		while (b.n_wait < 20)
			arrive(&b, 0, 10, 40, 0, 0, &slot);
		one_step(&b, 32, false);
	}
	memcpy(before, b.device, sizeof(before));
	for (uint32_t k = 0; k < 4000; k++) {
		struct aios_sched_stats s[2] = { { .size = sizeof(s[0]) },
						 { .size = sizeof(s[0]) } };

		for (uint32_t i = 0; i < 2; i++) {
			b.ops->stats(b.sched, i, &s[i]);
			for (uint32_t n = s[i].queued; n < 20; n++)
				arrive(&b, i, 10, 40, 0, 0, &slot);
		}
		one_step(&b, 32, false);
	}
	ck_assert_double_eq_tol((b.device[1] - before[1]) / (b.device[0] - before[0]), 1.0, 0.03);
	bed_close(&b);
}
END_TEST

/* ---- preemption by priority, quotas, refusals ------------------------------------------ */

START_TEST(test_oust)
{
	struct bed b;
	uint32_t slot, high;

	bed_open(&b, &aios_module_priority, &small);
	for (uint32_t i = 0; i < RUNNING; i++)
		arrive(&b, 0, 8, 100, 0, 0, &slot);
	for (uint32_t i = 0; i < 4; i++)
		one_step(&b, 32, false);
	ck_assert_uint_gt(b.n_run, 1);
	arrive(&b, 0, 8, 20, 5, 0, &high);
	one_step(&b, 32, false);
	ck_assert_int_eq(b.all[high].state, RUNS);
	ck_assert_uint_gt(b.preempted, 0);
	/* The latest of the others had to go. */
	ck_assert_int_eq(b.all[0].state, RUNS);
	bed_close(&b);
}
END_TEST

START_TEST(test_rate)
{
	static const struct aios_sched_tenant slow = { .weight = 1, .tokens_per_minute = 600 };
	struct bed b;
	uint64_t begin, tokens = 0;
	uint32_t slot;

	bed_open(&b, policies[_i], &small);
	set_tenant(&b, 0, &slow);
	begin = b.now;
	while (b.now - begin < 600 * SECOND) {
		while (b.n_wait < 2)
			arrive(&b, 0, 20, 40, 0, 0, &slot);
		one_step(&b, 32, false);
	}
	tokens = b.ended * 39;
	/* Ten minutes, and the one that may be saved up; what runs may end. */
	ck_assert_uint_ge(tokens, 6000);
	ck_assert_uint_le(tokens, 6600 + RUNNING * 40);
	bed_close(&b);
}
END_TEST

START_TEST(test_refusals)
{
	static const struct aios_sched_tenant tight = { .weight = 1,
							.max_pages = 4,
							.max_queued = 2 };
	static const struct aios_sched_tenant bad = { .weight = 0 };
	struct aios_sched_request r = { .id = 1, .prompt = 4, .limit = 8 };
	struct aios_sched_limits limits = small;
	struct aios_status st = { 0 };
	struct bed b;
	uint32_t slot;

	bed_open(&b, policies[_i], &limits);
	set_tenant(&b, 1, &tight);
	ck_assert_int_eq(b.ops->tenant(b.sched, 2, &bad, &st), -EINVAL);
	ck_assert_int_eq(b.ops->tenant(b.sched, TENANTS, &tight, &st), -EINVAL);
	ck_assert_int_eq(arrive(&b, 1, 4, 17, 0, 0, &slot), -AIOS_OVER_BUDGET);
	ck_assert_int_eq(arrive(&b, 1, 4, 16, 0, 0, &slot), 0);
	ck_assert_int_eq(arrive(&b, 1, 4, 16, 0, 0, &slot), 0);
	ck_assert_int_eq(arrive(&b, 1, 4, 16, 0, 0, &slot), -AIOS_NOT_NOW);
	ck_assert_int_eq(arrive(&b, 2, 4, 16, 0, 0, &slot), -EINVAL);
	ck_assert_int_eq(arrive(&b, 0, 4, 3, 0, 0, &slot), -EINVAL);
	ck_assert_int_eq(arrive(&b, 0, 0, 3, 0, 0, &slot), -EINVAL);
	ck_assert_int_eq(arrive(&b, 0, 4, PAGES * PAGE + 1, 0, 0, &slot), -EINVAL);
	ck_assert_int_eq(arrive(&b, 0, 4, 8, 101, 0, &slot), -EINVAL);
	r.slot = 0; /* it is taken */
	ck_assert_int_eq(b.ops->arrive(b.sched, &r, &st), -EINVAL);
	r.slot = SLOTS;
	ck_assert_int_eq(b.ops->arrive(b.sched, &r, &st), -EINVAL);
	while (b.n_wait < QUEUED)
		ck_assert_int_eq(arrive(&b, 0, 4, 8, 0, 0, &slot), 0);
	ck_assert_int_eq(arrive(&b, 0, 4, 8, 0, 0, &slot), -AIOS_NOT_NOW);
	bed_close(&b);
	limits.page_size = 0;
	ck_assert_int_eq(((const struct aios_scheduler_ops *)policies[_i]->ops)
				 ->open(&host, &limits, &b.sched, &st),
			 -EINVAL);
	limits = small;
	limits.size = 4;
	ck_assert_int_eq(((const struct aios_scheduler_ops *)policies[_i]->ops)
				 ->open(&host, &limits, &b.sched, &st),
			 -EINVAL);
}
END_TEST

/* The estimate of the wait is of the right order, and refuses those who would wait too long. */
START_TEST(test_wait)
{
	struct aios_sched_limits limits = small;
	struct aios_sched_request r = { .prompt = 10, .limit = 40 };
	uint64_t estimate, begin;
	uint32_t slot;
	struct bed b;

	limits.max_wait_ns = 100 * SECOND;
	bed_open(&b, policies[_i], &limits);
	ck_assert_uint_eq(b.ops->wait(b.sched, &r), 0);
	for (uint32_t k = 0; k < 4000; k++) {
		while (b.n_wait < 40)
			arrive(&b, 0, 10, 40, 0, 0, &slot);
		one_step(&b, 32, false);
	}
	estimate = b.ops->wait(b.sched, &r);
	begin = b.now;
	arrive(&b, 0, 10, 40, 0, 0, &slot);
	while (b.all[slot].state == WAITS)
		one_step(&b, 32, false);
	ck_assert_double_eq_tol((double)estimate / (double)(b.now - begin), 1.0, 0.3);
	bed_close(&b);
	limits.max_wait_ns = 1;
	bed_open(&b, policies[_i], &limits);
	for (uint32_t k = 0; k < 400; k++) {
		while (b.n_wait < 2 && arrive(&b, 0, 10, 40, 0, 0, &slot) == 0)
			;
		one_step(&b, 32, false);
	}
	ck_assert_uint_gt(b.refused, 100);
	ck_assert_uint_gt(b.ended, 100);
	bed_close(&b);
}
END_TEST

/* ---- speed ------------------------------------------------------------------------------- */

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/*
 * 10,000 queued, 256 running, 50 tenants: at most 50 us a step, arrivals and ends
 * included. The best of ten rounds counts, for other processes are none of its business.
 */
START_TEST(test_speed)
{
	enum {
		MANY = 10000,
		MOST = 256,
		STEPS = 200,
	};
	static const struct aios_sched_tenant usual = { .weight = 1 };
	static struct aios_sched_done done[MOST];
	static uint32_t known[MANY + MOST];
	struct aios_sched_limits limits = { .size = sizeof(limits),
					    .max_queued = MANY,
					    .max_running = MOST,
					    .max_tenants = 50,
					    .page_size = 16,
					    .total_pages = 16384 };
	struct aios_sched_step step = { .size = sizeof(step),
					.max_rows = 2048,
					.max_grants = MOST,
					.swap_page_ns = 100,
					.recompute_row_ns = 100 };
	struct aios_sched_request r = { .prompt = 300, .limit = 600 };
	uint64_t best = UINT64_MAX, now = SECOND, pages = 0;
	struct aios_status st = { 0 };
	struct bed b;

	bed_open(&b, policies[_i], &limits);
	step.look = look;
	step.ctx = &b;
	for (uint32_t t = 0; t < 50; t++)
		b.ops->tenant(b.sched, t, &usual, &st);
	for (uint32_t i = 0; i < MANY; i++) {
		r.slot = i;
		r.tenant = i % 50;
		r.id = ++b.next_id;
		b.all[i].state = WAITS;
		b.all[i].r = r;
		b.all[i].f = (struct aios_sched_facts){ .known = r.prompt };
		ck_assert_int_eq(b.ops->arrive(b.sched, &r, &st), 0);
	}
	for (uint32_t round = 0; round < 10; round++) {
		uint64_t begin = cpu_ns(), spent;

		for (uint32_t k = 0; k < STEPS; k++) {
			uint32_t n;

			step.now_ns = now;
			step.free_pages = 16384 - (uint32_t)pages;
			b.ops->plan(b.sched, &step, &b.plan);
			n = b.plan.n_grant;
			for (uint32_t i = 0; i < b.plan.n_preempt; i++) {
				struct one *o = &b.all[b.plan.preempt[i].slot];

				pages -= o->f.pages;
				o->f = (struct aios_sched_facts){ .known = o->f.known };
			}
			for (uint32_t i = 0; i < n; i++) {
				struct one *o = &b.all[b.plan.grant[i].slot];
				struct aios_sched_facts *f = &o->f;
				uint32_t need;

				f->computed += b.plan.grant[i].rows;
				need = (f->computed + 15) / 16;
				pages += need - f->pages;
				f->pages = f->frees = need;
				f->known += f->known == f->computed;
				done[i] = (struct aios_sched_done){
					.slot = b.plan.grant[i].slot,
					.rows = b.plan.grant[i].rows,
					.device_ns = 40000,
					.facts = *f,
				};
			}
			now += 10000000;
			b.ops->stepped(b.sched, now, done, n);
			for (uint32_t i = 0; i < n; i++) {
				struct one *o = &b.all[done[i].slot];

				if (o->f.known < o->r.limit)
					continue;
				pages -= o->f.pages;
				b.ops->finished(b.sched, done[i].slot, now);
				o->r.id = ++b.next_id;
				o->r.arrival_ns = now;
				o->f = (struct aios_sched_facts){ .known = o->r.prompt };
				b.ops->arrive(b.sched, &o->r, &st);
			}
			known[k] = n;
		}
		spent = (cpu_ns() - begin) / STEPS;
		best = spent < best ? spent : best;
	}
	ck_assert_uint_gt(known[STEPS - 1], MOST / 2);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__OPTIMIZE__)
	ck_assert_msg(best <= 50000, "%s: %llu ns a step", b.name, (unsigned long long)best);
#endif
	printf("%s: %.1f us a step, the test's own work included\n", b.name, (double)best / 1000);
	bed_close(&b);
}
END_TEST

Suite *test_schedulers_suite(void)
{
	Suite *s = suite_create("schedulers");
	TCase *tc = tcase_create("schedulers");

	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, test_random, 0, (int)COUNT(policies));
	tcase_add_loop_test(tc, test_starvation, 0, (int)COUNT(policies));
	tcase_add_test(tc, test_fair);
	tcase_add_test(tc, test_fair_idle);
	tcase_add_test(tc, test_oust);
	tcase_add_loop_test(tc, test_rate, 0, (int)COUNT(policies));
	tcase_add_loop_test(tc, test_refusals, 0, (int)COUNT(policies));
	tcase_add_loop_test(tc, test_wait, 0, (int)COUNT(policies));
	tcase_add_loop_test(tc, test_speed, 0, (int)COUNT(policies));
	suite_add_tcase(s, tc);
	return s;
}
