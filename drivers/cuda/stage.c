// SPDX-License-Identifier: Apache-2.0
/*
 * stage.c - copies from and to pageable memory, by way of a ring of pinned memory
 * in each queue. CUDA's own path would block the thread until the stream reaches
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

#include "device.h"

/* --- threads that copy ------------------------------------------------------- */

#define COPIER_MAX 16
#define COPIER_ALONE ((uint64_t)512 << 10) /* smaller copies are made by the caller */
#define COPIER_ALIGN 4096

struct cuda_copier {
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
static void copier_slices(struct cuda_copier *c)
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
	struct cuda_copier *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		copier_slices(c);
		if (!c->stop)
			pthread_cond_wait(&c->work, &c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

struct cuda_copier *cuda_copier_create(uint32_t threads)
{
	struct cuda_copier *c = calloc(1, sizeof(*c));
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

void cuda_copier_destroy(struct cuda_copier *c)
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
static void copier_start(struct cuda_copier *c)
{
	while (c->n < c->wanted && pthread_create(&c->threads[c->n], NULL, copier_main, c) == 0)
		c->n++;
	c->wanted = c->n;
}

void cuda_copier_copy(struct cuda_copier *c, void *dst, const void *src, uint64_t bytes)
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

static int ring_create(struct cuda_device *dev, struct cuda_ring *ring, struct aios_status *st)
{
	void *base = NULL;
	uint32_t i;
	int ret;

	ret = cuda_check(dev, dev->api.host_alloc(&base, dev->stage_bytes, CUDA_HOST_PORTABLE),
			 "cuMemHostAlloc of a queue's staging memory", st);
	if (ret)
		return ret;
	for (i = 0; i < CUDA_MARKS; i++) {
		ret = cuda_check(dev, dev->api.event_create(&ring->events[i], CUDA_EVENT_NO_TIMING),
				 "cuEventCreate", st);
		if (ret)
			goto destroy_events;
	}
	ring->bytes = dev->stage_bytes;
	ring->base = base;
	return 0;

destroy_events:
	while (i-- > 0)
		dev->api.event_destroy(ring->events[i]);
	dev->api.host_free(base);
	return ret;
}

void cuda_ring_finish(struct cuda_device *dev, struct cuda_ring *ring, bool broken)
{
	uint32_t i;

	if (ring->base && !broken) {
		for (i = 0; i < CUDA_MARKS; i++)
			dev->api.event_destroy(ring->events[i]);
		dev->api.host_free(ring->base);
	}
	ring->base = NULL;
}

/* What was enqueued so far uses the ring up to `head`: remember when it is done. */
static int ring_mark(struct cuda_device *dev, struct cuda_queue *queue, struct aios_status *st)
{
	struct cuda_ring *ring = &queue->ring;
	uint32_t i = (ring->first + ring->n) % CUDA_MARKS;
	int ret;

	ret = cuda_check(dev, dev->api.event_record(ring->events[i], queue->stream),
			 "cuEventRecord", st);
	if (ret)
		return ret;
	ring->ends[i] = ring->marked = ring->head;
	ring->n++;
	return 0;
}

/* Wait for the oldest mark and give its part of the ring back. */
static int ring_retire(struct cuda_device *dev, struct cuda_ring *ring, struct aios_status *st)
{
	struct cuda_backoff backoff;
	int busy;

	cuda_backoff_start(&backoff, dev, cuda_now() + RING_PATIENCE_NS);
	do
		busy = dev->api.event_query(ring->events[ring->first]);
	while (busy == CUDA_NOT_READY && cuda_backoff_wait(&backoff));
	if (busy == CUDA_NOT_READY)
		return aios_fail(st, -ETIMEDOUT,
				 "the work in front of a copy took longer than %llu s",
				 RING_PATIENCE_NS / 1000000000ull);
	if (busy != CUDA_OK)
		return cuda_check(dev, busy, "cuEventQuery", st);
	ring->tail = ring->ends[ring->first];
	ring->first = (ring->first + 1) % CUDA_MARKS;
	ring->n--;
	return 0;
}

/* Where a piece of `bytes` begins when it must not wrap. */
static uint64_t ring_start(const struct cuda_ring *ring, uint64_t bytes)
{
	uint64_t at = ring->head % ring->bytes;

	return at + bytes <= ring->bytes ? ring->head : ring->head + (ring->bytes - at);
}

/*
 * Room for `bytes`, at most an eighth of the ring; waits for work that still uses
 * it. What is enqueued with the piece must be enqueued before the next call.
 */
static int ring_take(struct cuda_device *dev, struct cuda_queue *queue, uint64_t bytes, void **out,
		     struct aios_status *st)
{
	struct cuda_ring *ring = &queue->ring;
	uint64_t start;
	int ret = 0;

	if (!ring->base)
		ret = ring_create(dev, ring, st);
	bytes = (bytes + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN;
	if (ret == 0 && ring->head - ring->marked >= ring->bytes / RING_PIECES) {
		if (ring->n == CUDA_MARKS)
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

int cuda_stage_in(struct cuda_device *dev, struct cuda_queue *queue, uint64_t dst, const void *src,
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
		cuda_copier_copy(dev->copier, stage, (const unsigned char *)src + at, n);
		ret = cuda_check(dev, dev->api.copy_in(dst + at, stage, n, queue->stream),
				 "cuMemcpyHtoDAsync", st);
		if (ret)
			return ret;
	}
	return 0;
}

/* At the start of a piece of the ring: where the bytes behind it go. */
struct stage_delivery {
	void *dst;
	uint64_t bytes;
	unsigned char pad[RING_ALIGN - sizeof(void *) - sizeof(uint64_t)];
};

/* Runs in a thread of CUDA's, in stream order; calls nothing of CUDA. */
static void stage_deliver(void *arg)
{
	const struct stage_delivery *d = arg;

	memcpy(d->dst, d + 1, d->bytes);
}

int cuda_stage_out(struct cuda_device *dev, struct cuda_queue *queue, void *dst, uint64_t src,
		   uint64_t bytes, struct aios_status *st)
{
	uint64_t piece = dev->stage_bytes / RING_PIECES - sizeof(struct stage_delivery), n, at;
	struct stage_delivery *d;
	void *stage;
	int ret;

	for (at = 0; at < bytes; at += n) {
		n = bytes - at < piece ? bytes - at : piece;
		ret = ring_take(dev, queue, n + sizeof(*d), &stage, st);
		if (ret)
			return ret;
		d = stage;
		d->dst = (unsigned char *)dst + at;
		d->bytes = n;
		ret = cuda_check(dev, dev->api.copy_out(d + 1, src + at, n, queue->stream),
				 "cuMemcpyDtoHAsync", st);
		if (ret == 0)
			ret = cuda_check(dev, dev->api.host_call(queue->stream, stage_deliver, d),
					 "cuLaunchHostFunc", st);
		if (ret)
			return ret;
	}
	return 0;
}
