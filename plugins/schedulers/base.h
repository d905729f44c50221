/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base.h - what all schedulers here share: the queue, quotas, page arithmetic, the
 * cut of a step into rows, the choice between swap and recompute. A policy adds an
 * order, and what it wants to count.
 *
 * How a step is planned:
 *
 *  1. Pages. Each admitted request is promised the pages of the tokens it has. When
 *     the free pages do not cover that, requests are preempted, those that the
 *     policy calls worst first; of the four worst the one that costs the least for
 *     a page. The best by key never is, so something always goes on.
 *  2. Rows. Requests with one row to compute (decoding) get it, then the others in
 *     the policy's order as many as are left.
 *  3. Admission, while rows, places and pages are left, unless something was
 *     preempted for pages: the policy names the tenant, the tenant's first by key comes. It
 *     needs the pages of its tokens, and a page of headroom for each other request
 *     that runs, so that it is not preempted at once. Whoever is first and does not
 *     fit is waited for, nobody passes; a tenant who is held back by a quota of
 *     its own holds back nobody else.
 *  4. Guesses (draft rows) get what is left.
 */
#ifndef PLUGINS_SCHEDULERS_BASE_H
#define PLUGINS_SCHEDULERS_BASE_H

#include <aios/plugin/scheduler.h>

#include "treap.h"

#define SCHED_NONE UINT32_MAX
#define SCHED_SECOND 1000000000ll
#define SCHED_PRIORITY 100 /* priorities are from -100 to 100 */

enum item_state {
	ITEM_FREE = 0,
	ITEM_QUEUED = 1,
	ITEM_RUNNING = 2,
};

struct item {
	struct treap_link queue; /* in its tenant's queue */
	struct aios_sched_request request;
	struct aios_sched_facts facts; /* while running */
	int64_t key;                   /* lower first, equals by id */
	double prepaid;                /* fair: of its estimated cost, not used up yet */
	double charged;                /* fair: device time so far */
	uint32_t state;                /* enum item_state */
	uint32_t need;                 /* plan: pages it is promised and has not */
	uint32_t rows;                 /* plan: granted */
	uint64_t preempted_in;         /* the number of the plan that preempted it */
	bool admitted_before;
};

struct tenant {
	struct treap_link ready; /* in sched.ready or sched.resting */
	struct aios_sched_tenant limits;
	struct treap queue; /* of items */
	uint32_t head;      /* the first of them, while READY or RESTING */
	uint32_t running, pages;
	uint32_t promised; /* plan: pages its requests need beyond those they have */
	uint32_t where;    /* enum tenant_where */
	bool made, touched;
	uint64_t row_ns;   /* of its rate; 0: none */
	uint64_t paid_to;  /* rate: rows computed so far are paid for at this time */
	double virtual_ns; /* fair: device time over weight */
	double mean_ns;    /* fair: what a request of its costs */
	struct aios_sched_stats stats;
};

enum tenant_where {
	TENANT_IDLE = 0,    /* nothing is queued */
	TENANT_READY = 1,   /* in sched.ready */
	TENANT_HELD = 2,    /* by a quota, until one of its requests goes on or away */
	TENANT_RESTING = 3, /* by its rate, in sched.resting */
};

struct sched;

/* A policy. Those that are NULL are left out. */
struct policy {
	/* Read parameters. */
	int (*init)(struct sched *s, const struct aios_host *host, struct aios_status *st);
	/* The order in the queue, fixed at arrival. NULL: by id alone. */
	int64_t (*key)(const struct sched *s, const struct aios_sched_request *r);
	/* Which of two tenants with queued requests is served first; NULL: the one with the first key. */
	bool (*tenant_before)(const struct sched *s, const struct tenant *a, const struct tenant *b,
			      bool *equal);
	/* Of two running requests, is a preempted before b? NULL: the later key. */
	bool (*worse)(const struct sched *s, const struct item *a, const struct item *b);
	/* Are two of the worst so alike that the cheaper may go? NULL: always. */
	bool (*alike)(const struct sched *s, const struct item *a, const struct item *b);
	/* May a queued request preempt a running one to be admitted? NULL: never. */
	bool (*ousts)(const struct sched *s, const struct item *queued, const struct item *running);
	/* How many requests are served before one that arrives now. NULL: all that are queued. */
	uint64_t (*ahead)(const struct sched *s, const struct aios_sched_request *r);
	/* The tenant's first request in the queue is there. */
	void (*awakes)(struct sched *s, struct tenant *t);
	void (*admits)(struct sched *s, struct tenant *t, struct item *i);
	void (*charges)(struct sched *s, struct tenant *t, struct item *i, uint64_t device_ns);
	/* It leaves the admitted: preempted, or (ended) for good. */
	void (*leaves)(struct sched *s, struct tenant *t, struct item *i, bool ended);
};

struct sched {
	const struct policy *policy;
	struct aios_sched_limits limits;
	struct item *items;     /* [max_queued + max_running], by slot */
	struct tenant *tenants; /* [max_tenants] */
	uint32_t *running;      /* slots; [n_running], best key first */
	uint32_t *order;        /* plan: slots that want more than a row; [max_running] */
	uint32_t *touched;      /* tenants; [max_tenants] */
	uint32_t n_items, n_running, n_queued, n_touched;
	struct treap ready;   /* tenants that may be served, in order */
	struct treap resting; /* tenants whose rate holds them back, by time */
	uint64_t now_ns, n_plans;
	/* For estimates: how far apart requests end while others wait. */
	uint64_t last_end_ns, mean_gap_ns;
	/* Policies' own. */
	int64_t aging_ns;                           /* priority, deadline: their parameter */
	bool ousting;                               /* priority: its parameter */
	double virtual_ns;                          /* fair: of the tenant served last */
	double weights;                             /* fair: of all tenants with queued requests */
	uint32_t queued_at[2 * SCHED_PRIORITY + 1]; /* priority: queued requests of each */
};

/* The slots of aios_scheduler_ops, all but open(). */
int sched_open(const struct policy *policy, const struct aios_host *host,
	       const struct aios_sched_limits *limits, void **sched, struct aios_status *st);
void sched_close(void *sched);
int sched_tenant(void *sched, uint32_t index, const struct aios_sched_tenant *tenant,
		 struct aios_status *st);
int sched_arrive(void *sched, const struct aios_sched_request *request, struct aios_status *st);
void sched_plan(void *sched, const struct aios_sched_step *step, struct aios_sched_plan *plan);
void sched_stepped(void *sched, uint64_t now_ns, const struct aios_sched_done *done, uint32_t n);
void sched_preempted(void *sched, uint32_t slot);
void sched_finished(void *sched, uint32_t slot, uint64_t now_ns);
uint64_t sched_wait(void *sched, const struct aios_sched_request *request);
void sched_stats(void *sched, uint32_t tenant, struct aios_sched_stats *stats);

/* ---- between base.c and plan.c ------------------------------------------------ */

/* Is a before b by (key, id)? */
bool item_before(const struct item *a, const struct item *b);

/* Take a tenant out of the order before anything that decides its place changes; put it back after. */
void tenant_out(struct sched *s, struct tenant *t);
void tenant_in(struct sched *s, struct tenant *t);

/* An item goes from the queue to the running and back. */
void item_admit(struct sched *s, struct item *i, const struct aios_sched_facts *facts);
void item_requeue(struct sched *s, struct item *i);

/* A parameter in seconds as nanoseconds. */
int64_t sched_seconds(const struct aios_host *host, const char *name);

/* Pages that hold the first `tokens` tokens. */
static inline uint32_t sched_pages(const struct sched *s, uint64_t tokens)
{
	return (uint32_t)((tokens + s->limits.page_size - 1) / s->limits.page_size);
}

#define SCHED_OPS(open_fn)                                                                         \
	{                                                                                          \
		.size = sizeof(struct aios_scheduler_ops), .open = (open_fn),                      \
		.close = sched_close, .tenant = sched_tenant, .arrive = sched_arrive,              \
		.plan = sched_plan, .stepped = sched_stepped, .preempted = sched_preempted,        \
		.finished = sched_finished, .wait = sched_wait, .stats = sched_stats,              \
	}

#endif /* PLUGINS_SCHEDULERS_BASE_H */
