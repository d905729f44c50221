/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - the hook check: what it knows about a device, and the rules.
 *
 * Allocations, queues, signals and graphs are followed through the calls that
 * make and end them. Work is numbered on each queue; a number is complete when
 * the host has waited for a signal behind it. All state is behind one lock.
 */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include <pthread.h>

#include "lib/image.h"
#include "lib/operand.h"
#include "lib/pass.h"

#define CHECK_QUEUES 32     /* whose order is followed */
#define CHECK_FREED 64      /* freed allocations that are remembered */
#define CHECK_ACCESSES 4096 /* of unfinished work, when there are several queues */
#define CHECK_LINES 1000    /* violations that are logged */

/* Work on one queue. */
struct check_mark {
	uint32_t queue; /* index */
	uint64_t seq;
};

struct check_alloc {
	aios_addr addr;
	uint64_t bytes;
	void *host;
	uint32_t heap;
	bool imported;         /* read only */
	uint64_t number, call; /* which allocation, made by which call; freed: by which call ... */
	uint64_t freed;        /* ... it went, 0: it lives */
	struct check_mark last[CHECK_QUEUES]; /* last use, one a queue */
	uint32_t n_last;
};

/* A signal the host has not waited past yet. */
struct check_signal {
	uint64_t value, seq;
	uint64_t knows[CHECK_QUEUES]; /* what was ordered before the queue's work then */
};

struct check_queue {
	void *queue; /* the driver's; NULL: the place is free */
	uint64_t number, call;
	uint64_t seq, completed;      /* work enqueued, work known to be done */
	uint64_t last;                /* value of the last signal */
	uint64_t knows[CHECK_QUEUES]; /* work of others that is done before what comes next here */
	struct check_signal *signals;
	uint32_t n_signals, cap_signals;
	bool busy;                   /* a call is inside */
	struct check_graph *capture; /* being recorded */
};

/* Memory that work touches. */
struct check_access {
	aios_addr addr;
	uint64_t bytes;
	struct check_mark mark;
	bool write;
	uint64_t call;
};

/* What a graph will touch each time it runs. */
struct check_graph {
	void *graph; /* the driver's; NULL while it is being captured */
	struct check_access *accesses;
	uint32_t n, cap;
	bool forgot; /* memory was short: the list is not complete */
	struct check_graph *next;
};

struct check {
	struct hook_base base;
	pthread_mutex_t lock;
	bool warn; /* say it and go on */
	bool deep; /* read the batch's arrays of every op */
	bool busy; /* a call of the device's own slots is inside */
	bool lost; /* the device below is: its calls fail on their own */
	uint64_t calls, violations;
	struct check_alloc *allocs; /* by address */
	uint32_t n_allocs, cap_allocs;
	struct check_alloc freed[CHECK_FREED]; /* a ring */
	uint32_t n_freed;
	uint64_t n_numbers, n_queue_numbers;
	struct check_queue queues[CHECK_QUEUES];
	uint32_t n_queues;
	uint32_t lost_queues;          /* open ones that there was no place for */
	struct check_access *accesses; /* ring of CHECK_ACCESSES */
	uint64_t n_accesses;
	struct check_graph *graphs;
};

/* A call being checked. */
struct check_call {
	struct check *c;
	char what[48]; /* "launch matmul, layer 3" */
	uint64_t number;
	struct aios_status *st;
	int rc; /* -EINVAL after the first violation, unless check:warn */
	bool bad;
};

/* Begin a call: count it, take the lock. */
struct check_call check_begin(struct check *c, const char *what, struct aios_status *st);

/* Release the lock for the time of the call below, and take it again; end. */
void check_leave(struct check_call *call);
void check_enter(struct check_call *call);
int check_end(struct check_call *call, int rc);

/* A rule is broken: one line in the log, and -EINVAL for the call unless check:warn. */
void check_bad(struct check_call *call, const char *fmt, ...) AIOS_PRINTF(2, 3);

/* ---- memory.c -------------------------------------------------------------------- */

/* Remember an allocation; false when memory is short. */
bool check_add(struct check *c, const struct aios_mem *mem, bool imported, uint64_t call);

/* The live allocation that holds this address, or NULL. */
struct check_alloc *check_find(struct check *c, aios_addr addr);

/* The live allocation whose host memory holds this pointer, or NULL. */
struct check_alloc *check_find_host(struct check *c, const void *host);

/* "allocation 3 (call 12, 4096 bytes, device heap)" */
void check_alloc_text(const struct check_alloc *a, char *text, size_t size);

/*
 * Memory of the device: alive, inside one allocation, not imported when it is written, and (an
 * op's operand) not of the pinned heap. NULL after a violation.
 */
struct check_alloc *check_range(struct check_call *call, const char *what, aios_addr addr,
				uint64_t bytes, bool write, bool operand);

/* Memory of the host in a copy: when it is the driver's, all of it must be. */
void check_host_range(struct check_call *call, struct check_queue *q, uint64_t host, uint64_t bytes,
		      bool write);

void check_freeing(struct check_call *call, const struct aios_mem *mem);
void check_forget(struct check *c, struct check_alloc *a, uint64_t call);
void check_leaks(struct check_call *call);

/* ---- order.c ------------------------------------------------------------------------ */

/* The queue's record; NULL and a violation when the device has no such queue. */
struct check_queue *check_queue_of(struct check_call *call, const void *queue);

/* Work is about to be enqueued: the numbers go on. Call before the check_use()s. */
void check_work(struct check *c, struct check_queue *q);

/* The work being enqueued touches this memory; is it ordered behind what others do there? */
void check_use(struct check_call *call, struct check_queue *q, struct check_alloc *a,
	       const char *what, aios_addr addr, uint64_t bytes, bool write);

void check_signalled(struct check_call *call, struct check_queue *q, uint64_t value);
/* The host has waited for `value`. */
void check_waited(struct check *c, struct check_queue *q, uint64_t value);
/* Work on `q` waits for `value` of `other`. */
void check_queue_waits(struct check *c, struct check_queue *q, const struct check_queue *other,
		       uint64_t value);
void check_all_done(struct check *c);
bool check_idle(const struct check *c);
bool check_pending(const struct check *c, const struct check_alloc *a, struct check_mark *by);
bool check_open_queue(struct check *c, void *queue, uint64_t call);
void check_close_queue(struct check *c, struct check_queue *q);

/* ---- rules.c ---------------------------------------------------------------------- */

/* The descriptor and its operands; addresses only when `launch`. */
void check_op(struct check_call *call, const struct aios_op *op, const struct hook_operands *list,
	      bool launch);

/* What an op's own shapes must be: NULL, or what is wrong. */
const char *check_shapes(const struct aios_op *op);

#endif /* CHECK_CHECK_H */
