/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler.h - what a scheduler plugin implements: who computes how many rows in
 * the next step, who comes in, who has to go when pages run out. It is told what
 * happens and answers with a plan; it never sees a token, a page or a device. No
 * plan can change an answer, only when it comes.
 *
 * A life, as the plugin sees it:
 *
 *	arrive -> plan: admit -> plan: grant, stepped, ... -> finished
 *	                ^             | plan: preempt, or preempted()
 *	                +-------------+
 *
 * One step is plan(), the device's work, stepped(), then finished() for those that
 * ended. A plan is carried out in the order preempt, admit, grant. The plugin takes
 * its own plan as done; what the mechanism could not do, or did on its own, it
 * reports: preempted() sends a request back to the queue, finished() ends it.
 *
 * Threads: one at a time. Time is what the caller says it is (nanoseconds, never
 * falling), so that a policy runs the same in a simulation. Decisions are a function
 * of the events alone; equals are ordered by id. After open() and tenant() nothing
 * allocates and no call but those two and arrive() can fail. An event costs
 * O(log n), a plan O(running + decisions * log n).
 */
#ifndef AIOS_PLUGIN_SCHEDULER_H
#define AIOS_PLUGIN_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include <aios/error.h>
#include <aios/module.h>

/* What is fixed while a scheduler is open. */
struct aios_sched_limits {
	uint32_t size;
	uint32_t max_queued;  /* requests that have arrived and are not admitted, at least 1 */
	uint32_t max_running; /* requests that are admitted at once, at least 1 */
	uint32_t max_tenants; /* at least 1 */
	uint32_t page_size;   /* tokens a page of KV holds */
	uint32_t total_pages; /* of the pool */
	uint64_t max_wait_ns; /* refuse who would wait longer by estimate; 0: never */
};

/*
 * Whom requests are charged to. 0 in a quota: none. Tenant 0 is there from the
 * beginning with weight 1 and no quota.
 */
struct aios_sched_tenant {
	double weight;              /* share relative to the others'; > 0 and finite */
	uint32_t max_running;       /* requests admitted at once */
	uint32_t max_queued;        /* requests in the queue */
	uint32_t max_pages;         /* pages of KV held by admitted requests */
	uint32_t tokens_per_minute; /* rows computed; a minute's worth may be saved up */
};

/* A request as it arrives. */
struct aios_sched_request {
	uint64_t id;         /* rises with every arrival */
	uint32_t slot;       /* names it in all other calls; < max_queued + max_running, free now */
	uint32_t tenant;     /* index given to tenant() */
	int32_t priority;    /* higher first, -100 to 100; 0: usual */
	uint32_t prompt;     /* tokens, at least 1 */
	uint32_t limit;      /* tokens it may have in all; its pages fit into the pool */
	uint32_t reserved;   /* 0 */
	uint64_t arrival_ns; /* now */
	uint64_t deadline_ns; /* it should be finished by then; 0: none */
};

/* Where a request stands. Filled by the mechanism, exactly. */
struct aios_sched_facts {
	uint32_t computed; /* tokens whose KV is kept: in pages, in the prefix cache, swapped out */
	uint32_t known; /* tokens there are, > computed: the rows it needs are known - computed */
	uint32_t draft; /* guesses after them: so many rows more are useful, none is needed */
	/*
	 * The first `pages` places of its block table have a page. A shared page that
	 * must be copied before the next row is written is not counted. To compute up to
	 * token n it needs ceil(n / page_size) - pages new ones.
	 */
	uint32_t pages;
	uint32_t frees; /* of those, pages that come back when it is preempted or ends */
	uint32_t takes; /* look(): cached pages that are free for others until it is admitted */
};

/* The state of affairs when a step is planned. */
struct aios_sched_step {
	uint32_t size;
	uint32_t max_rows;   /* rows of the step */
	uint32_t max_grants; /* requests in the step, at most max_running */
	uint32_t free_pages; /* pages to be had now, those included that the cache can give up */
	uint32_t swap_pages; /* room for pages in swap; 0: preempted requests are dropped */
	uint32_t reserved;
	uint64_t now_ns;
	/* What preemption costs in device time, there and back: measured, or a model's. */
	uint64_t swap_page_ns;     /* a page written out and read in again */
	uint64_t recompute_row_ns; /* a row computed again */
	/* Facts of a queued request, at this moment. Never NULL; valid during plan(). */
	void (*look)(void *ctx, uint32_t slot, struct aios_sched_facts *facts);
	void *ctx;
};

enum aios_sched_how {
	AIOS_SCHED_SWAP = 1, /* its pages go to swap and come back when it is admitted */
	AIOS_SCHED_DROP = 2, /* its pages go; its tokens are computed again */
};

struct aios_sched_preempt {
	uint32_t slot;
	uint32_t how; /* enum aios_sched_how */
};

struct aios_sched_grant {
	uint32_t slot; /* admitted, in the plan once */
	uint32_t rows; /* 1 to known - computed + draft */
};

/* What shall happen. The arrays are the caller's, each with room for max_running. */
struct aios_sched_plan {
	struct aios_sched_preempt *preempt;
	uint32_t *admit; /* slots */
	struct aios_sched_grant *grant;
	uint32_t n_preempt, n_admit, n_grant;
	uint32_t reserved;
	/* Nothing to do, but there will be at this time without any event (a quota); 0: no. */
	uint64_t wake_ns;
};

/* One request's part in a step that was computed. */
struct aios_sched_done {
	uint32_t slot;
	uint32_t rows;      /* that were computed and kept */
	uint64_t device_ns; /* its part of the step's device time; parts add up to the whole */
	struct aios_sched_facts facts; /* now */
};

/* Counters of one tenant. */
struct aios_sched_stats {
	uint32_t size; /* set by the caller */
	uint32_t queued, running, pages;
	uint64_t arrived, refused, admitted, preempted, finished;
	uint64_t rows, device_ns;
	uint64_t wait_ns; /* in the queue before the first admission, summed */
};

struct aios_scheduler_ops {
	uint32_t size;
	uint32_t reserved;

	/* Mandatory. All memory there will be for requests is allocated here. */
	int (*open)(const struct aios_host *host, const struct aios_sched_limits *limits,
		    void **sched, struct aios_status *st);
	void (*close)(void *sched); /* mandatory; takes NULL */

	/* Mandatory. Make tenant `index` (< max_tenants), or change it: for requests that arrive from now on. */
	int (*tenant)(void *sched, uint32_t index, const struct aios_sched_tenant *tenant,
		      struct aios_status *st);

	/*
	 * Mandatory. Take a request into the queue, or refuse it for good; then its slot stays free:
	 *	-AIOS_NOT_NOW      the queue (or the tenant's part of it) is full or the wait too long
	 *	-AIOS_OVER_BUDGET  the tenant's quotas can never admit it
	 *	-EINVAL            the request contradicts the limits
	 */
	int (*arrive)(void *sched, const struct aios_sched_request *request,
		      struct aios_status *st);

	/* Mandatory. Decide the next step. */
	void (*plan)(void *sched, const struct aios_sched_step *step, struct aios_sched_plan *plan);

	/* Mandatory. A step was computed: one entry for each grant that took part, in any order. */
	void (*stepped)(void *sched, uint64_t now_ns, const struct aios_sched_done *done,
			uint32_t n);

	/* Mandatory. The admitted request went back to the queue, without a plan or after one that could not be kept. */
	void (*preempted)(void *sched, uint32_t slot);

	/* Mandatory. The request ended, in whatever state it was; its slot is free. */
	void (*finished)(void *sched, uint32_t slot, uint64_t now_ns);

	/* Mandatory. How long a request that arrived now would be in the queue; an estimate. */
	uint64_t (*wait)(void *sched, const struct aios_sched_request *request);

	/* Mandatory. Counters of a tenant; of one that was never made: zeros. */
	void (*stats)(void *sched, uint32_t tenant, struct aios_sched_stats *stats);
};

#endif /* AIOS_PLUGIN_SCHEDULER_H */
