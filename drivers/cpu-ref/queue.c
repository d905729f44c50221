// SPDX-License-Identifier: Apache-2.0
/*
 * queue.c - queues that do the work at once, in the thread that launches it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ref.h"

int ref_queue_create(void *arg, void **out, struct aios_status *st)
{
	struct ref_device *dev = arg;
	struct ref_queue *queue = calloc(1, sizeof(*queue));
	pthread_condattr_t attr;

	if (!queue)
		return aios_fail(st, -ENOMEM, "no memory for a queue");
	pthread_mutex_init(&queue->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->advanced, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_lock(&dev->lock);
	dev->queues++;
	pthread_mutex_unlock(&dev->lock);
	*out = queue;
	return 0;
}

void ref_queue_destroy(void *arg, void *q)
{
	struct ref_device *dev = arg;
	struct ref_queue *queue = q;

	if (!queue)
		return;
	ref_graph_destroy(dev, queue->capture);
	pthread_mutex_lock(&dev->lock);
	dev->queues--;
	pthread_mutex_unlock(&dev->lock);
	pthread_cond_destroy(&queue->advanced);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

int ref_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out)
{
	(void)dev;
	ref_op_check(op, false, out);
	return 0;
}

int ref_launch(void *dev, void *q, const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_support answer = { .size = sizeof(answer) };
	struct ref_queue *queue = q;

	if (!queue->capture)
		return ref_op_run(dev, op, st);
	if (!ref_op_check(op, true, &answer))
		return aios_fail(st, -ENOTSUP, "%s: %s", aios_op_name(op->type), answer.reason);
	return ref_graph_add_op(queue->capture, op, st);
}

int ref_copy(void *dev, void *q, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
	     struct aios_status *st)
{
	struct ref_queue *queue = q;
	bool snapshot;

	if (dir > AIOS_COPY_ON_DEVICE)
		return aios_fail(st, -EINVAL, "copy: direction %u; expected 0 to 2", dir);
	if (bytes == 0)
		return 0;
	if (!dst || !src)
		return aios_fail(st, -EINVAL, "copy: %llu bytes with a null %s",
				 (unsigned long long)bytes, dst ? "source" : "destination");
	if (queue->capture) {
		/* What is not ours may be gone when the graph runs: keep its bytes now. */
		snapshot = dir == AIOS_COPY_TO_DEVICE && !ref_mem_owns(dev, src, bytes);
		return ref_graph_add_copy(queue->capture, dst, src, bytes, snapshot, st);
	}
	memmove(ref_ptr(dst), ref_ptr(src), bytes);
	return 0;
}

int ref_fill(void *dev, void *q, aios_addr dst, uint8_t value, uint64_t bytes,
	     struct aios_status *st)
{
	struct ref_queue *queue = q;

	(void)dev;
	if (bytes == 0)
		return 0;
	if (!dst)
		return aios_fail(st, -EINVAL, "fill: %llu bytes at address 0",
				 (unsigned long long)bytes);
	if (queue->capture)
		return ref_graph_add_fill(queue->capture, dst, value, bytes, st);
	memset(ref_ptr(dst), value, bytes);
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int ref_signal(void *dev, void *q, uint64_t *value, struct aios_status *st)
{
	struct ref_queue *queue = q;

	(void)dev;
	if (queue->capture)
		return aios_fail(st, -EINVAL,
				 "signal: the queue is capturing a graph; end it first");
	pthread_mutex_lock(&queue->lock);
	*value = ++queue->timeline;
	queue->times[*value % REF_TIMES] = now_ns();
	pthread_cond_broadcast(&queue->advanced);
	pthread_mutex_unlock(&queue->lock);
	return 0;
}

int ref_wait(void *dev, void *q, uint64_t value, uint64_t deadline_ns, struct aios_status *st)
{
	struct timespec until = { .tv_sec = (time_t)(deadline_ns / 1000000000u),
				  .tv_nsec = (long)(deadline_ns % 1000000000u) };
	struct ref_queue *queue = q;
	uint64_t timeline;
	int err = 0;

	(void)dev;
	pthread_mutex_lock(&queue->lock);
	while (queue->timeline < value && err != ETIMEDOUT && err != EINVAL)
		err = pthread_cond_timedwait(&queue->advanced, &queue->lock, &until);
	timeline = queue->timeline;
	pthread_mutex_unlock(&queue->lock);
	if (timeline >= value)
		return 0;
	return aios_fail(st, -ETIMEDOUT, "wait: the timeline is at %llu, %llu was not signalled",
			 (unsigned long long)timeline, (unsigned long long)value);
}

int ref_queue_wait(void *dev, void *q, void *other, uint64_t value, struct aios_status *st)
{
	struct ref_queue *queue = q, *first = other;
	uint64_t timeline;

	(void)dev;
	if (queue->capture)
		return aios_fail(st, -EINVAL,
				 "queue_wait: the queue is capturing a graph; end it first");
	pthread_mutex_lock(&first->lock);
	timeline = first->timeline;
	pthread_mutex_unlock(&first->lock);
	if (timeline >= value)
		return 0;
	return aios_fail(st, -EINVAL,
			 "queue_wait: %llu was not signalled on the other queue, which is at %llu",
			 (unsigned long long)value, (unsigned long long)timeline);
}

int ref_elapsed(void *dev, void *q, uint64_t from, uint64_t to, uint64_t *ns,
		struct aios_status *st)
{
	struct ref_queue *queue = q;
	int err = 0;

	(void)dev;
	pthread_mutex_lock(&queue->lock);
	if (from == 0 || from > to || to > queue->timeline)
		err = aios_fail(st, -EINVAL,
				"elapsed: from signal %llu to %llu, and the timeline is at %llu",
				(unsigned long long)from, (unsigned long long)to,
				(unsigned long long)queue->timeline);
	else if (queue->timeline - from >= REF_TIMES)
		err = aios_fail(st, -ENOENT,
				"elapsed: only the last %u signals have a time, %llu is too old",
				REF_TIMES, (unsigned long long)from);
	else
		*ns = queue->times[to % REF_TIMES] - queue->times[from % REF_TIMES];
	pthread_mutex_unlock(&queue->lock);
	return err;
}
