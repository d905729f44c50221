// SPDX-License-Identifier: Apache-2.0
/*
 * queue.c - queues as streams: launches, copies, the timeline.
 */
#include <stdlib.h>
#include <string.h>

#include "host.h"

static void queue_link(struct gpu_device *dev, struct gpu_queue *queue)
{
	pthread_mutex_lock(&dev->lock);
	queue->next = dev->queues;
	queue->link = &dev->queues;
	if (queue->next)
		queue->next->link = &queue->next;
	dev->queues = queue;
	pthread_mutex_unlock(&dev->lock);
}

static void queue_unlink(struct gpu_device *dev, struct gpu_queue *queue)
{
	pthread_mutex_lock(&dev->lock);
	*queue->link = queue->next;
	if (queue->next)
		queue->next->link = queue->link;
	pthread_mutex_unlock(&dev->lock);
}

/* The context is current. */
static void queue_free_events(struct gpu_device *dev, struct gpu_queue *queue)
{
	uint32_t i;

	for (i = 0; i < GPU_EVENTS && queue->events[i]; i++)
		dev->api->event_destroy(queue->events[i]);
}

static int queue_make(struct gpu_device *dev, struct gpu_queue *queue, struct aios_status *st)
{
	uint32_t i;
	int ret;

	ret = gpu_result(dev, dev->api->stream_create(&queue->stream, GPU_STREAM_NON_BLOCKING),
			 dev->api->name.stream_create, st);
	if (ret)
		return ret;
	for (i = 0; i < GPU_EVENTS && ret == 0; i++)
		ret = gpu_result(dev, dev->api->event_create(&queue->events[i], 0),
				 dev->api->name.event_create, st);
	if (ret == 0)
		return 0;
	queue->events[i - 1] = NULL;
	queue_free_events(dev, queue);
	dev->api->stream_destroy(queue->stream);
	return ret;
}

int gpu_slot_queue_create(void *arg, void **out, struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = calloc(1, sizeof(*queue));
	int ret;

	if (!queue)
		return aios_fail(st, -ENOMEM, "no memory for a queue");
	queue->generation = atomic_load(&dev->generation);
	ret = gpu_enter(dev, queue->generation, st);
	if (ret)
		goto free_queue;
	ret = queue_make(dev, queue, st);
	gpu_leave(dev);
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

void gpu_slot_queue_destroy(void *arg, void *q)
{
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = q;
	bool alive;

	if (!queue)
		return;
	queue_unlink(dev, queue);
	if (queue->capture) {
		void *graph;

		if (gpu_slot_graph_end(dev, queue, &graph, NULL) == 0)
			gpu_slot_graph_destroy(dev, graph);
	}
	alive = gpu_enter(dev, queue->generation, NULL) == 0;
	if (alive)
		gpu_queue_flush(dev, queue, NULL);
	gpu_ring_finish(dev, &queue->ring, !alive);
	if (alive) {
		queue_free_events(dev, queue);
		dev->api->stream_destroy(queue->stream);
		gpu_leave(dev);
	}
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

/* --- ops --------------------------------------------------------------------- */

int gpu_slot_query_op(void *arg, const struct aios_op *op, struct aios_op_support *out)
{
	struct gpu_device *dev = arg;

	return gpu_query(&dev->caps, op, out);
}

int gpu_slot_weight_layout(void *arg, uint32_t profile, struct aios_tensor *w, uint64_t *bytes,
			   struct aios_status *st)
{
	struct gpu_device *dev = arg;

	return gpu_weight_layout(&dev->caps, profile, w, bytes, st);
}

/* The device is current. */
static int launch_one(struct gpu_device *dev, struct gpu_queue *queue, struct gpu_launch *l,
		      struct aios_status *st)
{
	void *params[1] = { l->args.bytes };
	int result = GPU_OK;
	uint32_t i;

	for (i = 0; i < l->n_maps && result == GPU_OK; i++)
		result = gpu_vendor.encode(dev, &l->maps[i], l->args.bytes + l->maps[i].at);
	if (result != GPU_OK)
		return gpu_result(dev, result, gpu_kernel_name(l->kernel), st);
	if (gpu_vendor.launch)
		result = gpu_vendor.launch(dev, queue, l, params);
	else
		result = dev->api->launch(dev->kernels[l->kernel], l->grid[0], l->grid[1],
					  l->grid[2], l->block[0], l->block[1], l->block[2],
					  l->shared, queue->stream, params, NULL);
	return gpu_result(dev, result, gpu_kernel_name(l->kernel), st);
}

/* Launches of op a, or of a and b. The device is current, the queue locked. */
static int launch_all(struct gpu_device *dev, struct gpu_queue *queue, const struct aios_op *a,
		      const struct aios_op *b, struct gpu_launch *launches, unsigned int n,
		      struct aios_status *st)
{
	bool overlaps = n > 0 && gpu_order_overlaps(&queue->order, a, b);
	unsigned int i;
	int ret = 0;

	for (i = 0; i < n && ret == 0; i++) {
		launches[i].overlaps = dev->overlap && (i > 0 || overlaps);
		ret = launch_one(dev, queue, &launches[i], st);
	}
	return ret;
}

/* Plan and launch what is held back. The device is current, the queue locked. */
static int launch_held(struct gpu_device *dev, struct gpu_queue *queue, struct aios_status *st)
{
	struct gpu_launch launches[GPU_MAX_LAUNCHES];
	unsigned int n = 0;
	int ret;

	if (!queue->holds)
		return 0;
	queue->holds = false;
	ret = gpu_plan(&dev->caps, &queue->held.op, launches, GPU_MAX_LAUNCHES, &n, st);
	return ret ? ret : launch_all(dev, queue, &queue->held.op, NULL, launches, n, st);
}

int gpu_queue_flush(struct gpu_device *dev, struct gpu_queue *queue, struct aios_status *st)
{
	int ret;

	pthread_mutex_lock(&queue->lock);
	ret = launch_held(dev, queue, st);
	pthread_mutex_unlock(&queue->lock);
	return ret;
}

int gpu_queue_enter(struct gpu_device *dev, struct gpu_queue *queue, struct aios_status *st)
{
	int ret = gpu_enter(dev, queue->generation, st);

	if (ret)
		return ret;
	pthread_mutex_lock(&queue->lock);
	ret = launch_held(dev, queue, st);
	gpu_order_break(&queue->order);
	pthread_mutex_unlock(&queue->lock);
	if (ret)
		gpu_leave(dev);
	return ret;
}

static void hold(struct gpu_queue *queue, const struct aios_op *op)
{
	size_t bytes = op->size < sizeof(queue->held) ? op->size : sizeof(queue->held);

	memcpy(&queue->held, op, bytes);
	queue->holds = true;
}

/* The op, whose own launches are given: with the one held back, alone, or later. */
static int launch_next(struct gpu_device *dev, struct gpu_queue *queue, const struct aios_op *op,
		       struct gpu_launch *launches, unsigned int n, struct aios_status *st)
{
	struct gpu_launch both[GPU_MAX_LAUNCHES];
	unsigned int n_both = 0;
	int ret = 0;

	if (queue->holds)
		ret = gpu_fuse(&dev->caps, &queue->held.op, op, both, GPU_MAX_LAUNCHES, &n_both,
			       st);
	if (ret == 1) {
		queue->holds = false;
		return launch_all(dev, queue, &queue->held.op, op, both, n_both, st);
	}
	if (ret == 0)
		ret = launch_held(dev, queue, st);
	if (ret)
		return ret;
	if (!dev->fuse || n == 0 || !gpu_fuse_begins(op))
		return launch_all(dev, queue, op, NULL, launches, n, st);
	hold(queue, op);
	return 0;
}

int gpu_slot_launch(void *arg, void *q, const struct aios_op *op, struct aios_status *st)
{
	struct gpu_launch launches[GPU_MAX_LAUNCHES];
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = q;
	unsigned int n = 0;
	int ret;

	ret = gpu_plan(&dev->caps, op, launches, GPU_MAX_LAUNCHES, &n, st);
	if (ret)
		return ret;
	ret = gpu_enter(dev, queue->generation, st);
	if (ret)
		return ret;
	ret = gpu_peer_check(dev, op, st);
	if (ret == 0) {
		pthread_mutex_lock(&queue->lock);
		ret = launch_next(dev, queue, op, launches, n, st);
		pthread_mutex_unlock(&queue->lock);
	}
	gpu_leave(dev);
	return ret;
}

/* --- bytes that the host moves on ----------------------------------------------- */

/* Runs in a thread of the library's, in stream order; calls nothing of the library. */
static void deliver(void *arg)
{
	const struct gpu_delivery *d = arg;

	memcpy(d->dst, d->src, d->bytes);
}

/* As the older kind of callback, which is told how the work before it ended. */
static void deliver_if(void *stream, int result, void *arg)
{
	(void)stream;
	if (result == GPU_OK)
		deliver(arg);
}

int gpu_deliver(struct gpu_device *dev, struct gpu_queue *queue, struct gpu_delivery *delivery,
		struct aios_status *st)
{
	const struct gpu_api *api = dev->api;

	if (api->host_call)
		return gpu_result(dev, api->host_call(queue->stream, deliver, delivery),
				  api->name.host_call, st);
	return gpu_result(dev, api->host_callback(queue->stream, deliver_if, delivery, 0),
			  api->name.host_callback, st);
}

/* --- copies ------------------------------------------------------------------ */

static int copy_in(struct gpu_device *dev, struct gpu_queue *queue, uint64_t dst, uint64_t src,
		   uint64_t bytes, struct aios_status *st)
{
	const void *host = (const void *)(uintptr_t)src;

	if (gpu_is_pinned(dev, host, bytes))
		return gpu_result(dev, dev->api->copy_in(dst, host, bytes, queue->stream),
				  dev->api->name.copy_in, st);
	if (queue->capture)
		return gpu_graph_copy_in(dev, queue, dst, host, bytes, st);
	return gpu_stage_in(dev, queue, dst, host, bytes, st);
}

static int copy_out(struct gpu_device *dev, struct gpu_queue *queue, uint64_t dst, uint64_t src,
		    uint64_t bytes, struct aios_status *st)
{
	void *host = (void *)(uintptr_t)dst;

	if (gpu_is_pinned(dev, host, bytes))
		return gpu_result(dev, dev->api->copy_out(host, src, bytes, queue->stream),
				  dev->api->name.copy_out, st);
	if (queue->capture)
		return gpu_graph_copy_out(dev, queue, host, src, bytes, st);
	return gpu_stage_out(dev, queue, host, src, bytes, st);
}

int gpu_slot_copy(void *arg, void *q, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
		  struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = q;
	int ret;

	if (dir > AIOS_COPY_ON_DEVICE)
		return aios_fail(st, -EINVAL, "copy: direction %u; expected 0 to 2", dir);
	if (bytes == 0)
		return 0;
	if (!dst || !src)
		return aios_fail(st, -EINVAL, "copy: %llu bytes with a null %s",
				 (unsigned long long)bytes, dst ? "source" : "destination");
	ret = gpu_queue_enter(dev, queue, st);
	if (ret)
		return ret;
	if (dir == AIOS_COPY_TO_DEVICE)
		ret = copy_in(dev, queue, dst, src, bytes, st);
	else if (dir == AIOS_COPY_TO_HOST)
		ret = copy_out(dev, queue, dst, src, bytes, st);
	else
		ret = gpu_peer_copy(dev, queue, dst, src, bytes, st);
	gpu_leave(dev);
	return ret;
}

int gpu_slot_fill(void *arg, void *q, aios_addr dst, uint8_t value, uint64_t bytes,
		  struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = q;
	int ret;

	if (bytes == 0)
		return 0;
	if (!dst)
		return aios_fail(st, -EINVAL, "fill: %llu bytes at address 0",
				 (unsigned long long)bytes);
	ret = gpu_queue_enter(dev, queue, st);
	if (ret)
		return ret;
	ret = gpu_result(dev, dev->api->fill(dst, value, bytes, queue->stream), dev->api->name.fill,
			 st);
	gpu_leave(dev);
	return ret;
}

/* --- the timeline ------------------------------------------------------------ */

static int timeline_refuse(const struct gpu_queue *queue, const char *what, struct aios_status *st)
{
	if (!queue->capture)
		return 0;
	return aios_fail(st, -EINVAL, "%s: the queue is capturing a graph; end it first", what);
}

int gpu_slot_signal(void *arg, void *q, uint64_t *value, struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = q;
	void *event;
	int ret;

	ret = timeline_refuse(queue, "signal", st);
	if (ret == 0)
		ret = gpu_queue_enter(dev, queue, st);
	if (ret)
		return ret;
	pthread_mutex_lock(&queue->lock);
	event = queue->events[(queue->timeline + 1) % GPU_EVENTS];
	ret = gpu_result(dev, dev->api->event_record(event, queue->stream),
			 dev->api->name.event_record, st);
	if (ret == 0)
		*value = ++queue->timeline;
	pthread_mutex_unlock(&queue->lock);
	gpu_leave(dev);
	return ret;
}

/* 0: reached, GPU_NOT_READY, or an error. */
static int timeline_poll(struct gpu_device *dev, struct gpu_queue *queue, uint64_t value)
{
	int result = GPU_OK;

	pthread_mutex_lock(&queue->lock);
	if (value > queue->reached) {
		result = dev->api->event_query(queue->events[value % GPU_EVENTS]);
		if (result == GPU_OK)
			queue->reached = value;
	}
	pthread_mutex_unlock(&queue->lock);
	return result;
}

static uint64_t timeline_now(struct gpu_queue *queue)
{
	uint64_t value;

	pthread_mutex_lock(&queue->lock);
	value = queue->timeline;
	pthread_mutex_unlock(&queue->lock);
	return value;
}

/* A value that nobody has signalled may be signalled by another thread until the deadline. */
static int timeline_await_signal(struct gpu_device *dev, struct gpu_queue *queue, uint64_t value,
				 uint64_t deadline_ns, struct aios_status *st)
{
	struct gpu_backoff backoff;

	gpu_backoff_start(&backoff, dev, deadline_ns);
	while (timeline_now(queue) < value)
		if (!gpu_backoff_wait(&backoff))
			return aios_fail(st, -ETIMEDOUT,
					 "wait: the timeline is at %llu, %llu was not signalled",
					 (unsigned long long)timeline_now(queue),
					 (unsigned long long)value);
	return 0;
}

int gpu_slot_wait(void *arg, void *q, uint64_t value, uint64_t deadline_ns, struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = q;
	struct gpu_backoff backoff;
	int ret, result;

	ret = timeline_await_signal(dev, queue, value, deadline_ns, st);
	if (ret == 0)
		ret = gpu_enter(dev, queue->generation, st);
	if (ret)
		return ret;
	gpu_backoff_start(&backoff, dev, deadline_ns);
	do
		result = timeline_poll(dev, queue, value);
	while (result == GPU_NOT_READY && gpu_backoff_wait(&backoff));
	gpu_leave(dev);
	if (result == GPU_NOT_READY)
		return aios_fail(st, -ETIMEDOUT, "wait: %llu of the timeline was not reached",
				 (unsigned long long)value);
	return gpu_result(dev, result, "the work before this point", st);
}

int gpu_slot_queue_wait(void *arg, void *q, void *other, uint64_t value, struct aios_status *st)
{
	struct gpu_queue *queue = q, *first = other;
	struct gpu_device *dev = arg;
	int ret;

	ret = timeline_refuse(queue, "queue_wait", st);
	if (ret == 0 && timeline_now(first) < value)
		ret = aios_fail(st, -EINVAL,
				"queue_wait: %llu was not signalled on the other queue, which is "
				"at %llu",
				(unsigned long long)value, (unsigned long long)timeline_now(first));
	if (ret == 0)
		ret = gpu_queue_enter(dev, queue, st);
	if (ret)
		return ret;
	pthread_mutex_lock(&first->lock);
	if (value > first->reached)
		ret = gpu_result(dev,
				 dev->api->stream_wait(queue->stream,
						       first->events[value % GPU_EVENTS], 0),
				 dev->api->name.stream_wait, st);
	pthread_mutex_unlock(&first->lock);
	gpu_leave(dev);
	return ret;
}

/* The library tells milliseconds in a float, in steps of about half a microsecond. */
int gpu_slot_elapsed(void *arg, void *q, uint64_t from, uint64_t to, uint64_t *ns,
		     struct aios_status *st)
{
	struct gpu_device *dev = arg;
	struct gpu_queue *queue = q;
	uint64_t now = timeline_now(queue);
	float ms = 0;
	int ret;

	if (from == 0 || from >= to || to > now)
		return aios_fail(st, -EINVAL,
				 "elapsed: from %llu to %llu; expected two signals in order, up to "
				 "%llu",
				 (unsigned long long)from, (unsigned long long)to,
				 (unsigned long long)now);
	if (now - from >= GPU_EVENTS)
		return aios_fail(st, -ENOENT,
				 "elapsed: signal %llu is too old; the queue is at %llu",
				 (unsigned long long)from, (unsigned long long)now);
	ret = gpu_enter(dev, queue->generation, st);
	if (ret)
		return ret;
	pthread_mutex_lock(&queue->lock);
	ret = gpu_result(dev,
			 dev->api->event_elapsed(&ms, queue->events[from % GPU_EVENTS],
						 queue->events[to % GPU_EVENTS]),
			 dev->api->name.event_elapsed, st);
	pthread_mutex_unlock(&queue->lock);
	gpu_leave(dev);
	if (ret == 0)
		*ns = ms > 0 ? (uint64_t)((double)ms * 1e6) : 0;
	return ret;
}
