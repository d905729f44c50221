// SPDX-License-Identifier: Apache-2.0
/*
 * queue.c - queues as streams: launches, copies, the timeline.
 */
#include <stdlib.h>
#include <string.h>

#include "device.h"

static void queue_link(struct cuda_device *dev, struct cuda_queue *queue)
{
	pthread_mutex_lock(&dev->lock);
	queue->next = dev->queues;
	queue->link = &dev->queues;
	if (queue->next)
		queue->next->link = &queue->next;
	dev->queues = queue;
	pthread_mutex_unlock(&dev->lock);
}

static void queue_unlink(struct cuda_device *dev, struct cuda_queue *queue)
{
	pthread_mutex_lock(&dev->lock);
	*queue->link = queue->next;
	if (queue->next)
		queue->next->link = queue->link;
	pthread_mutex_unlock(&dev->lock);
}

/* The context is current. */
static void queue_free_events(struct cuda_device *dev, struct cuda_queue *queue)
{
	uint32_t i;

	for (i = 0; i < CUDA_EVENTS && queue->events[i]; i++)
		dev->api.event_destroy(queue->events[i]);
}

static int queue_make(struct cuda_device *dev, struct cuda_queue *queue, struct aios_status *st)
{
	uint32_t i;
	int ret;

	ret = cuda_check(dev, dev->api.stream_create(&queue->stream, CUDA_STREAM_NON_BLOCKING),
			 "cuStreamCreate", st);
	if (ret)
		return ret;
	for (i = 0; i < CUDA_EVENTS && ret == 0; i++)
		ret = cuda_check(dev, dev->api.event_create(&queue->events[i], 0), "cuEventCreate",
				 st);
	if (ret == 0)
		return 0;
	queue->events[i - 1] = NULL;
	queue_free_events(dev, queue);
	dev->api.stream_destroy(queue->stream);
	return ret;
}

int cuda_queue_create(void *arg, void **out, struct aios_status *st)
{
	struct cuda_device *dev = arg;
	struct cuda_queue *queue = calloc(1, sizeof(*queue));
	int ret;

	if (!queue)
		return aios_fail(st, -ENOMEM, "no memory for a queue");
	queue->generation = atomic_load(&dev->generation);
	ret = cuda_enter(dev, queue->generation, st);
	if (ret)
		goto free_queue;
	ret = queue_make(dev, queue, st);
	cuda_leave(dev);
	if (ret)
		goto free_queue;
	pthread_mutex_init(&queue->lock, NULL);
	queue_link(dev, queue);
	*out = queue;
	return 0;

free_queue:
	free(queue);
	return ret;
}

void cuda_queue_destroy(void *arg, void *q)
{
	struct cuda_device *dev = arg;
	struct cuda_queue *queue = q;
	bool alive;

	if (!queue)
		return;
	queue_unlink(dev, queue);
	if (queue->capture) {
		void *graph;

		if (cuda_graph_end(dev, queue, &graph, NULL) == 0)
			cuda_graph_destroy(dev, graph);
	}
	alive = cuda_enter(dev, queue->generation, NULL) == 0;
	cuda_ring_finish(dev, &queue->ring, !alive);
	if (alive) {
		queue_free_events(dev, queue);
		dev->api.stream_destroy(queue->stream);
		cuda_leave(dev);
	}
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

/* --- ops --------------------------------------------------------------------- */

int cuda_query_op(void *arg, const struct aios_op *op, struct aios_op_support *out)
{
	struct cuda_device *dev = arg;

	return gpu_query(&dev->caps, op, out);
}

int cuda_launch(void *arg, void *q, const struct aios_op *op, struct aios_status *st)
{
	struct gpu_launch launches[GPU_MAX_LAUNCHES], *l;
	struct cuda_device *dev = arg;
	struct cuda_queue *queue = q;
	unsigned int n = 0, i;
	void *params[1];
	int ret;

	ret = gpu_plan(&dev->caps, op, launches, GPU_MAX_LAUNCHES, &n, st);
	if (ret)
		return ret;
	ret = cuda_enter(dev, queue->generation, st);
	if (ret)
		return ret;
	for (i = 0; i < n && ret == 0; i++) {
		l = &launches[i];
		params[0] = l->args.bytes;
		ret = cuda_check(dev,
				 dev->api.launch(dev->kernels[l->kernel], l->grid[0], l->grid[1],
						 l->grid[2], l->block[0], l->block[1], l->block[2],
						 l->shared, queue->stream, params, NULL),
				 gpu_kernel_name(l->kernel), st);
	}
	cuda_leave(dev);
	return ret;
}

/* --- copies ------------------------------------------------------------------ */

static int copy_in(struct cuda_device *dev, struct cuda_queue *queue, uint64_t dst, uint64_t src,
		   uint64_t bytes, struct aios_status *st)
{
	const void *host = (const void *)(uintptr_t)src;

	if (cuda_is_pinned(dev, host, bytes))
		return cuda_check(dev, dev->api.copy_in(dst, host, bytes, queue->stream),
				  "cuMemcpyHtoDAsync", st);
	if (queue->capture)
		return cuda_graph_copy_in(dev, queue, dst, host, bytes, st);
	return cuda_stage_in(dev, queue, dst, host, bytes, st);
}

static int copy_out(struct cuda_device *dev, struct cuda_queue *queue, uint64_t dst, uint64_t src,
		    uint64_t bytes, struct aios_status *st)
{
	void *host = (void *)(uintptr_t)dst;

	if (cuda_is_pinned(dev, host, bytes))
		return cuda_check(dev, dev->api.copy_out(host, src, bytes, queue->stream),
				  "cuMemcpyDtoHAsync", st);
	if (queue->capture)
		return cuda_graph_copy_out(dev, queue, host, src, bytes, st);
	return cuda_stage_out(dev, queue, host, src, bytes, st);
}

int cuda_copy(void *arg, void *q, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
	      struct aios_status *st)
{
	struct cuda_device *dev = arg;
	struct cuda_queue *queue = q;
	int ret;

	if (dir > AIOS_COPY_ON_DEVICE)
		return aios_fail(st, -EINVAL, "copy: direction %u; expected 0 to 2", dir);
	if (bytes == 0)
		return 0;
	if (!dst || !src)
		return aios_fail(st, -EINVAL, "copy: %llu bytes with a null %s",
				 (unsigned long long)bytes, dst ? "source" : "destination");
	ret = cuda_enter(dev, queue->generation, st);
	if (ret)
		return ret;
	if (dir == AIOS_COPY_TO_DEVICE)
		ret = copy_in(dev, queue, dst, src, bytes, st);
	else if (dir == AIOS_COPY_TO_HOST)
		ret = copy_out(dev, queue, dst, src, bytes, st);
	else
		ret = cuda_check(dev, dev->api.copy(dst, src, bytes, queue->stream),
				 "cuMemcpyAsync", st);
	cuda_leave(dev);
	return ret;
}

int cuda_fill(void *arg, void *q, aios_addr dst, uint8_t value, uint64_t bytes,
	      struct aios_status *st)
{
	struct cuda_device *dev = arg;
	struct cuda_queue *queue = q;
	int ret;

	if (bytes == 0)
		return 0;
	if (!dst)
		return aios_fail(st, -EINVAL, "fill: %llu bytes at address 0",
				 (unsigned long long)bytes);
	ret = cuda_enter(dev, queue->generation, st);
	if (ret)
		return ret;
	ret = cuda_check(dev, dev->api.fill(dst, value, bytes, queue->stream), "cuMemsetD8Async",
			 st);
	cuda_leave(dev);
	return ret;
}

/* --- the timeline ------------------------------------------------------------ */

static int timeline_refuse(const struct cuda_queue *queue, const char *what, struct aios_status *st)
{
	if (!queue->capture)
		return 0;
	return aios_fail(st, -EINVAL, "%s: the queue is capturing a graph; end it first", what);
}

int cuda_signal(void *arg, void *q, uint64_t *value, struct aios_status *st)
{
	struct cuda_device *dev = arg;
	struct cuda_queue *queue = q;
	void *event;
	int ret;

	ret = timeline_refuse(queue, "signal", st);
	if (ret == 0)
		ret = cuda_enter(dev, queue->generation, st);
	if (ret)
		return ret;
	pthread_mutex_lock(&queue->lock);
	event = queue->events[(queue->timeline + 1) % CUDA_EVENTS];
	ret = cuda_check(dev, dev->api.event_record(event, queue->stream), "cuEventRecord", st);
	if (ret == 0)
		*value = ++queue->timeline;
	pthread_mutex_unlock(&queue->lock);
	cuda_leave(dev);
	return ret;
}

/* 0: reached, CUDA_NOT_READY, or an error. */
static int timeline_poll(struct cuda_device *dev, struct cuda_queue *queue, uint64_t value)
{
	int result = CUDA_OK;

	pthread_mutex_lock(&queue->lock);
	if (value > queue->reached) {
		result = dev->api.event_query(queue->events[value % CUDA_EVENTS]);
		if (result == CUDA_OK)
			queue->reached = value;
	}
	pthread_mutex_unlock(&queue->lock);
	return result;
}

static uint64_t timeline_now(struct cuda_queue *queue)
{
	uint64_t value;

	pthread_mutex_lock(&queue->lock);
	value = queue->timeline;
	pthread_mutex_unlock(&queue->lock);
	return value;
}

/* A value that nobody has signalled may be signalled by another thread until the deadline. */
static int timeline_await_signal(struct cuda_device *dev, struct cuda_queue *queue, uint64_t value,
				 uint64_t deadline_ns, struct aios_status *st)
{
	struct cuda_backoff backoff;

	cuda_backoff_start(&backoff, dev, deadline_ns);
	while (timeline_now(queue) < value)
		if (!cuda_backoff_wait(&backoff))
			return aios_fail(st, -ETIMEDOUT,
					 "wait: the timeline is at %llu, %llu was not signalled",
					 (unsigned long long)timeline_now(queue),
					 (unsigned long long)value);
	return 0;
}

int cuda_wait(void *arg, void *q, uint64_t value, uint64_t deadline_ns, struct aios_status *st)
{
	struct cuda_device *dev = arg;
	struct cuda_queue *queue = q;
	struct cuda_backoff backoff;
	int ret, result;

	ret = timeline_await_signal(dev, queue, value, deadline_ns, st);
	if (ret == 0)
		ret = cuda_enter(dev, queue->generation, st);
	if (ret)
		return ret;
	cuda_backoff_start(&backoff, dev, deadline_ns);
	do
		result = timeline_poll(dev, queue, value);
	while (result == CUDA_NOT_READY && cuda_backoff_wait(&backoff));
	cuda_leave(dev);
	if (result == CUDA_NOT_READY)
		return aios_fail(st, -ETIMEDOUT, "wait: %llu of the timeline was not reached",
				 (unsigned long long)value);
	return cuda_check(dev, result, "the work before this point", st);
}

int cuda_queue_wait(void *arg, void *q, void *other, uint64_t value, struct aios_status *st)
{
	struct cuda_queue *queue = q, *first = other;
	struct cuda_device *dev = arg;
	int ret;

	ret = timeline_refuse(queue, "queue_wait", st);
	if (ret == 0 && timeline_now(first) < value)
		ret = aios_fail(st, -EINVAL,
				"queue_wait: %llu was not signalled on the other queue, which is "
				"at %llu",
				(unsigned long long)value, (unsigned long long)timeline_now(first));
	if (ret == 0)
		ret = cuda_enter(dev, queue->generation, st);
	if (ret)
		return ret;
	pthread_mutex_lock(&first->lock);
	if (value > first->reached)
		ret = cuda_check(dev,
				 dev->api.stream_wait(queue->stream,
						      first->events[value % CUDA_EVENTS], 0),
				 "cuStreamWaitEvent", st);
	pthread_mutex_unlock(&first->lock);
	cuda_leave(dev);
	return ret;
}

/* CUDA tells milliseconds in a float, in steps of about half a microsecond. */
int cuda_elapsed(void *arg, void *q, uint64_t from, uint64_t to, uint64_t *ns,
		 struct aios_status *st)
{
	struct cuda_device *dev = arg;
	struct cuda_queue *queue = q;
	uint64_t now = timeline_now(queue);
	float ms = 0;
	int ret;

	if (from == 0 || from >= to || to > now)
		return aios_fail(st, -EINVAL,
				 "elapsed: from %llu to %llu; expected two signals in order, up to "
				 "%llu",
				 (unsigned long long)from, (unsigned long long)to,
				 (unsigned long long)now);
	if (now - from >= CUDA_EVENTS)
		return aios_fail(st, -ENOENT,
				 "elapsed: signal %llu is too old; the queue is at %llu",
				 (unsigned long long)from, (unsigned long long)now);
	ret = cuda_enter(dev, queue->generation, st);
	if (ret)
		return ret;
	pthread_mutex_lock(&queue->lock);
	ret = cuda_check(dev,
			 dev->api.event_elapsed(&ms, queue->events[from % CUDA_EVENTS],
						queue->events[to % CUDA_EVENTS]),
			 "cuEventElapsedTime", st);
	pthread_mutex_unlock(&queue->lock);
	cuda_leave(dev);
	if (ret == 0)
		*ns = ms > 0 ? (uint64_t)((double)ms * 1e6) : 0;
	return ret;
}
