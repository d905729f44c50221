// SPDX-License-Identifier: Apache-2.0
/*
 * stage.c - copies from and to pageable memory, by way of a ring of pinned memory
 * in each queue. The vendors' own path would block the thread until the stream reaches
 * the copy, with no deadline; this one returns as soon as the ring has room.
 *
 * In: the bytes are copied into the ring by several threads (one core alone is
 * slower than the bus), then enqueued. Out: the GPU writes into the ring and a
 * host function in the stream moves the bytes on, so that whoever waits for later
 * work in any queue finds them there.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

/* --- threads that copy ------------------------------------------------------- */

#define COPIER_MAX 16
#define COPIER_ALONE ((uint64_t)512 << 10) /* smaller copies are made by the caller */
#define COPIER_ALIGN 4096

struct gpu_copier {
	pthread_mutex_t user; /* one copy at a time */
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t work, done;
	pthread_t threads[COPIER_MAX];
	uint32_t n;       /* running threads */
	uint32_t wanted;  /* threads to run; they start with the first large copy */
	uint32_t pending; /* slices not yet copied */
	uint32_t taken;   /* slices taken by a thread */
	uint32_t slices;
	bool stop;
	unsigned char *dst;
	const unsigned char *src;
	uint64_t bytes, slice;
};

/* Copy slices until none is left. Called and returns with the lock held. */
static void copier_slices(struct gpu_copier *c)
{
	uint64_t from, bytes;

	while (c->taken < c->slices) {
		from = c->taken++ * c->slice;
		bytes = c->bytes - from < c->slice ? c->bytes - from : c->slice;
		pthread_mutex_unlock(&c->lock);
		memcpy(c->dst + from, c->src + from, bytes);
		pthread_mutex_lock(&c->lock);
		if (--c->pending == 0)
			pthread_cond_signal(&c->done);
	}
}

static void *copier_main(void *arg)
{
	struct gpu_copier *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		copier_slices(c);
		if (!c->stop)
			pthread_cond_wait(&c->work, &c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

struct gpu_copier *gpu_copier_create(uint32_t threads)
{
	struct gpu_copier *c = calloc(1, sizeof(*c));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!c)
		return NULL;
	if (cpus > 0 && threads > (uint32_t)cpus)
		threads = (uint32_t)cpus;
	c->wanted = threads > COPIER_MAX ? COPIER_MAX : threads;
	c->wanted -= c->wanted > 0; /* the caller copies too */
	pthread_mutex_init(&c->user, NULL);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	pthread_cond_init(&c->done, NULL);
	return c;
}

void gpu_copier_destroy(struct gpu_copier *c)
{
	uint32_t i;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (i = 0; i < c->n; i++)
		pthread_join(c->threads[i], NULL);
	pthread_cond_destroy(&c->done);
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->user);
	free(c);
}

/* With fewer threads than wanted, or none, the copy is only slower. */
static void copier_start(struct gpu_copier *c)
{
	while (c->n < c->wanted && pthread_create(&c->threads[c->n], NULL, copier_main, c) == 0)
		c->n++;
	c->wanted = c->n;
}

void gpu_copier_copy(struct gpu_copier *c, void *dst, const void *src, uint64_t bytes)
{
	if (bytes < COPIER_ALONE || c->wanted == 0) {
		memcpy(dst, src, bytes);
		return;
	}
	pthread_mutex_lock(&c->user);
	pthread_mutex_lock(&c->lock);
	copier_start(c);
	c->dst = dst;
	c->src = src;
	c->bytes = bytes;
	c->slice = (bytes / (c->n + 1) + COPIER_ALIGN) / COPIER_ALIGN * COPIER_ALIGN;
	c->slices = (uint32_t)((bytes + c->slice - 1) / c->slice);
	c->pending = c->slices;
	c->taken = 0;
	pthread_cond_broadcast(&c->work);
	copier_slices(c);
	while (c->pending > 0)
		pthread_cond_wait(&c->done, &c->lock);
	pthread_mutex_unlock(&c->lock);
	pthread_mutex_unlock(&c->user);
}

/* --- the ring ---------------------------------------------------------------- */

#define RING_ALIGN 256
#define RING_PIECES 8 /* a large copy goes in pieces of an eighth of the ring */
/* The work in front of a copy may take long; beyond this the device counts as stuck. */
#define RING_PATIENCE_NS (120 * 1000000000ull)

static int ring_create(struct gpu_device *dev, struct gpu_ring *ring, struct aios_status *st)
{
	void *base = NULL;
	uint32_t i;
	int ret;

	ret = gpu_result(dev, dev->api->host_alloc(&base, dev->stage_bytes, GPU_HOST_PORTABLE),
			 dev->api->name.host_alloc, st);
	if (ret)
		return ret;
	for (i = 0; i < GPU_MARKS; i++) {
		ret = gpu_result(dev, dev->api->event_create(&ring->events[i], GPU_EVENT_NO_TIMING),
				 dev->api->name.event_create, st);
		if (ret)
			goto destroy_events;
	}
	ring->bytes = dev->stage_bytes;
	ring->base = base;
	return 0;

destroy_events:
	while (i-- > 0)
		dev->api->event_destroy(ring->events[i]);
	dev->api->host_free(base);
	return ret;
}

void gpu_ring_finish(struct gpu_device *dev, struct gpu_ring *ring, bool broken)
{
	uint32_t i;

	if (ring->base && !broken) {
		for (i = 0; i < GPU_MARKS; i++)
			dev->api->event_destroy(ring->events[i]);
		dev->api->host_free(ring->base);
	}
	ring->base = NULL;
}

/* What was enqueued so far uses the ring up to `head`: remember when it is done. */
static int ring_mark(struct gpu_device *dev, struct gpu_queue *queue, struct aios_status *st)
{
	struct gpu_ring *ring = &queue->ring;
	uint32_t i = (ring->first + ring->n) % GPU_MARKS;
	int ret;

	ret = gpu_result(dev, dev->api->event_record(ring->events[i], queue->stream),
			 dev->api->name.event_record, st);
	if (ret)
		return ret;
	ring->ends[i] = ring->marked = ring->head;
	ring->n++;
	return 0;
}

/* Wait for the oldest mark and give its part of the ring back. */
static int ring_retire(struct gpu_device *dev, struct gpu_ring *ring, struct aios_status *st)
{
	struct gpu_backoff backoff;
	int busy;

	gpu_backoff_start(&backoff, dev, gpu_now() + RING_PATIENCE_NS);
	do
		busy = dev->api->event_query(ring->events[ring->first]);
	while (busy == GPU_NOT_READY && gpu_backoff_wait(&backoff));
	if (busy == GPU_NOT_READY)
		return aios_fail(st, -ETIMEDOUT,
				 "the work in front of a copy took longer than %llu s",
				 RING_PATIENCE_NS / 1000000000ull);
	if (busy != GPU_OK)
		return gpu_result(dev, busy, dev->api->name.event_query, st);
	ring->tail = ring->ends[ring->first];
	ring->first = (ring->first + 1) % GPU_MARKS;
	ring->n--;
	return 0;
}

/* Where a piece of `bytes` begins when it must not wrap. */
static uint64_t ring_start(const struct gpu_ring *ring, uint64_t bytes)
{
	uint64_t at = ring->head % ring->bytes;

	return at + bytes <= ring->bytes ? ring->head : ring->head + (ring->bytes - at);
}

/*
 * Room for `bytes`, at most an eighth of the ring; waits for work that still uses
 * it. What is enqueued with the piece must be enqueued before the next call.
 */
static int ring_take(struct gpu_device *dev, struct gpu_queue *queue, uint64_t bytes, void **out,
		     struct aios_status *st)
{
	struct gpu_ring *ring = &queue->ring;
	uint64_t start;
	int ret = 0;

	if (!ring->base)
		ret = ring_create(dev, ring, st);
	bytes = (bytes + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN;
	if (ret == 0 && ring->head - ring->marked >= ring->bytes / RING_PIECES) {
		if (ring->n == GPU_MARKS)
			ret = ring_retire(dev, ring, st);
		if (ret == 0)
			ret = ring_mark(dev, queue, st);
	}
	while (ret == 0 && ring_start(ring, bytes) + bytes - ring->tail > ring->bytes)
		ret = ring->n ? ring_retire(dev, ring, st) : ring_mark(dev, queue, st);
	if (ret)
		return ret;
	start = ring_start(ring, bytes);
	*out = ring->base + start % ring->bytes;
	ring->head = start + bytes;
	return 0;
}

/* --- copies ------------------------------------------------------------------ */

int gpu_stage_in(struct gpu_device *dev, struct gpu_queue *queue, uint64_t dst, const void *src,
		 uint64_t bytes, struct aios_status *st)
{
	uint64_t piece = dev->stage_bytes / RING_PIECES, n, at;
	void *stage;
	int ret;

	for (at = 0; at < bytes; at += n) {
		n = bytes - at < piece ? bytes - at : piece;
		ret = ring_take(dev, queue, n, &stage, st);
		if (ret)
			return ret;
		gpu_copier_copy(dev->copier, stage, (const unsigned char *)src + at, n);
		ret = gpu_result(dev, dev->api->copy_in(dst + at, stage, n, queue->stream),
				 dev->api->name.copy_in, st);
		if (ret)
			return ret;
	}
	return 0;
}

/* At the start of a piece of the ring: where the bytes behind it go. */
struct stage_head {
	struct gpu_delivery delivery;
	unsigned char pad[RING_ALIGN - sizeof(struct gpu_delivery)];
};

int gpu_stage_out(struct gpu_device *dev, struct gpu_queue *queue, void *dst, uint64_t src,
		  uint64_t bytes, struct aios_status *st)
{
	uint64_t piece = dev->stage_bytes / RING_PIECES - sizeof(struct stage_head), n, at;
	struct stage_head *d;
	void *stage;
	int ret;

	for (at = 0; at < bytes; at += n) {
		n = bytes - at < piece ? bytes - at : piece;
		ret = ring_take(dev, queue, n + sizeof(*d), &stage, st);
		if (ret)
			return ret;
		d = stage;
		d->delivery = (struct gpu_delivery){ .dst = (unsigned char *)dst + at,
						     .src = d + 1,
						     .bytes = n };
		ret = gpu_result(dev, dev->api->copy_out(d + 1, src + at, n, queue->stream),
				 dev->api->name.copy_out, st);
		if (ret == 0)
			ret = gpu_deliver(dev, queue, &d->delivery, st);
		if (ret)
			return ret;
	}
	return 0;
}
