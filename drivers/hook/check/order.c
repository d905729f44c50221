// SPDX-License-Identifier: Apache-2.0
/*
 * order.c - what has happened before what. Each queue numbers its work; a host
 * that waits for a signal knows the work before it done, a queue that waits for
 * another's signal runs behind it. Two uses of the same memory on different
 * queues, one a write, must be ordered one of these ways.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"

struct check_queue *check_queue_of(struct check_call *call, const void *queue)
{
	struct check *c = call->c;

	for (uint32_t i = 0; i < CHECK_QUEUES; i++)
		if (queue && c->queues[i].queue == queue)
			return &c->queues[i];
	if (!c->lost_queues)
		check_bad(call, "queue %p is not a queue of this device", queue);
	return NULL;
}

static uint32_t index_of(const struct check *c, const struct check_queue *q)
{
	return (uint32_t)(q - c->queues);
}

bool check_open_queue(struct check *c, void *queue, uint64_t call)
{
	for (uint32_t i = 0; i < CHECK_QUEUES; i++) {
		struct check_queue *q = &c->queues[i];

		if (q->queue)
			continue;
		memset(q, 0, sizeof(*q));
		q->queue = queue;
		q->number = ++c->n_queue_numbers;
		q->call = call;
		c->n_queues++;
		return true;
	}
	c->lost_queues++;
	return false;
}

static void free_graph(struct check_graph *g)
{
	if (g)
		free(g->accesses);
	free(g);
}

void check_close_queue(struct check *c, struct check_queue *q)
{
	uint32_t at = index_of(c, q);

	free(q->signals);
	free_graph(q->capture);
	memset(q, 0, sizeof(*q));
	c->n_queues--;
	/* A later queue in this place begins with number 1 again. */
	for (uint32_t i = 0; i < CHECK_QUEUES; i++)
		c->queues[i].knows[at] = 0;
	for (uint32_t i = 0; i < c->n_allocs; i++)
		for (uint32_t k = 0; k < c->allocs[i].n_last; k++)
			if (c->allocs[i].last[k].queue == at)
				c->allocs[i].last[k].seq = 0;
	for (uint32_t i = 0; c->accesses && i < CHECK_ACCESSES; i++)
		if (c->accesses[i].mark.queue == at)
			c->accesses[i].bytes = 0;
}

void check_work(struct check *c, struct check_queue *q)
{
	(void)c;
	if (!q->capture)
		q->seq++;
}

static bool done(const struct check *c, struct check_mark m)
{
	return m.seq <= c->queues[m.queue].completed;
}

/* Is this work done before what queue q does next? */
static bool before(const struct check *c, struct check_mark m, const struct check_queue *q)
{
	return m.queue == index_of(c, q) || done(c, m) || m.seq <= q->knows[m.queue];
}

/* Compare with what other queues do, and remember. */
static void race(struct check_call *call, struct check_queue *q, const struct check_access *now,
		 const char *what)
{
	struct check *c = call->c;

	if (!c->accesses)
		c->accesses = calloc(CHECK_ACCESSES, sizeof(*c->accesses));
	if (!c->accesses)
		return;
	for (uint32_t i = 0; i < CHECK_ACCESSES && i < c->n_accesses; i++) {
		const struct check_access *old = &c->accesses[i];

		if (!old->bytes || !(old->write || now->write) ||
		    old->addr >= now->addr + now->bytes || now->addr >= old->addr + old->bytes ||
		    before(c, old->mark, q))
			continue;
		check_bad(
			call,
			"%s at 0x%llx is %s here on queue %llu and %s by call %llu on queue %llu, "
			"with no fence between them",
			what, (unsigned long long)now->addr, now->write ? "written" : "read",
			(unsigned long long)q->number, old->write ? "written" : "read",
			(unsigned long long)old->call,
			(unsigned long long)c->queues[old->mark.queue].number);
		break;
	}
	c->accesses[c->n_accesses++ % CHECK_ACCESSES] = *now;
}

static void record(struct check_graph *g, const struct check_access *access)
{
	uint32_t cap = g->cap ? 2 * g->cap : 64;
	struct check_access *grown;

	if (g->n == g->cap) {
		grown = realloc(g->accesses, cap * sizeof(*grown));
		if (!grown) {
			g->forgot = true;
			return;
		}
		g->accesses = grown;
		g->cap = cap;
	}
	g->accesses[g->n++] = *access;
}

void check_use(struct check_call *call, struct check_queue *q, struct check_alloc *a,
	       const char *what, aios_addr addr, uint64_t bytes, bool write)
{
	struct check *c = call->c;
	struct check_access now = {
		.addr = addr,
		.bytes = bytes,
		.mark = { index_of(c, q), q->seq },
		.write = write,
		.call = call->number,
	};
	uint32_t i;

	if (q->capture) {
		record(q->capture, &now);
		return;
	}
	for (i = 0; i < a->n_last && a->last[i].queue != now.mark.queue; i++)
		;
	a->last[i] = now.mark;
	if (i == a->n_last)
		a->n_last++;
	if (c->n_queues > 1)
		race(call, q, &now, what);
}

void check_signalled(struct check_call *call, struct check_queue *q, uint64_t value)
{
	uint32_t cap = q->cap_signals ? 2 * q->cap_signals : 16;
	struct check_signal *s = q->signals;

	if (value <= q->last)
		check_bad(call, "the driver's timeline goes from %llu to %llu: it must ascend",
			  (unsigned long long)q->last, (unsigned long long)value);
	q->last = value;
	if (q->n_signals == q->cap_signals) {
		s = realloc(s, cap * sizeof(*s));
		if (!s)
			return; /* a later signal stands for this one */
		q->signals = s;
		q->cap_signals = cap;
	}
	s = &s[q->n_signals++];
	s->value = value;
	s->seq = q->seq;
	memcpy(s->knows, q->knows, sizeof(s->knows));
}

/* The last signal at or before `value`, or NULL. */
static const struct check_signal *signal_of(const struct check_queue *q, uint64_t value)
{
	const struct check_signal *found = NULL;

	for (uint32_t i = 0; i < q->n_signals && q->signals[i].value <= value; i++)
		found = &q->signals[i];
	return found;
}

static void raise_to(uint64_t *n, uint64_t to)
{
	if (to > *n)
		*n = to;
}

void check_waited(struct check *c, struct check_queue *q, uint64_t value)
{
	const struct check_signal *s = signal_of(q, value);
	uint32_t past;

	if (!s)
		return;
	raise_to(&q->completed, s->seq);
	for (uint32_t i = 0; i < CHECK_QUEUES; i++)
		raise_to(&c->queues[i].completed, s->knows[i]);
	/* Signals before this one will not be asked for again. */
	past = (uint32_t)(s - q->signals);
	q->n_signals -= past;
	memmove(q->signals, s, q->n_signals * sizeof(*s));
}

void check_queue_waits(struct check *c, struct check_queue *q, const struct check_queue *other,
		       uint64_t value)
{
	const struct check_signal *s = signal_of(other, value);

	if (!s)
		return;
	raise_to(&q->knows[index_of(c, other)], s->seq);
	for (uint32_t i = 0; i < CHECK_QUEUES; i++)
		raise_to(&q->knows[i], s->knows[i]);
}

void check_all_done(struct check *c)
{
	for (uint32_t i = 0; i < CHECK_QUEUES; i++)
		c->queues[i].completed = c->queues[i].seq;
}

bool check_idle(const struct check *c)
{
	for (uint32_t i = 0; i < CHECK_QUEUES; i++)
		if (c->queues[i].completed < c->queues[i].seq)
			return false;
	return true;
}

bool check_pending(const struct check *c, const struct check_alloc *a, struct check_mark *by)
{
	for (uint32_t i = 0; i < a->n_last; i++) {
		if (!done(c, a->last[i])) {
			*by = a->last[i];
			return true;
		}
	}
	return false;
}
