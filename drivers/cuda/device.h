/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h - the objects of the CUDA driver: a device, its queues and graphs.
 *
 * Contexts: every slot that calls CUDA makes the device's context current for its
 * own duration (cuda_enter, cuda_leave), so nothing is assumed of the thread.
 *
 * Loss: an error after which CUDA's context is broken sets `lost`; from then on
 * every call fails with -AIOS_DEVICE_LOST until reset(). What was made before a
 * reset carries an older generation: it can be destroyed and nothing else.
 */
#ifndef CUDA_DEVICE_H
#define CUDA_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <aios/driver/driver.h>

#include "api.h"
#include "plan.h" /* include-ok: drivers/gpu, part of this module */

struct cuda_copier;

/* Host memory that the device copies from and to directly; a node of the device's list. */
struct cuda_pinned {
	struct cuda_pinned *next, **link;
	void *host;
	uint64_t bytes;
};

struct cuda_device {
	const struct aios_host *host;
	struct cuda_api api;
	int ordinal; /* CUDA's number of the device */
	void *ctx;   /* its primary context, retained */
	void *module;
	void *kernels[GPU_KERNEL_COUNT];
	struct gpu_caps caps;
	uint32_t major, minor; /* compute capability */
	uint64_t memory;       /* bytes */
	uint64_t spin_ns;      /* how long a wait polls before it sleeps */
	uint64_t stage_bytes;  /* of a queue's staging ring */
	uint64_t pinned_max;   /* bytes of host memory that may be locked; 0: a quarter of it */
	struct cuda_copier *copier;
	atomic_int lost; /* 0, or the result that broke the context */
	atomic_uint generation;
	pthread_mutex_t lock; /* of all that follows */
	struct cuda_queue *queues;
	struct cuda_pinned *pinned;
	uint64_t pinned_bytes;
};

/*
 * The staging ring of a queue: pinned memory through which copies from and to
 * pageable memory go. Bytes [tail, head) modulo `bytes` are in use; a mark says
 * up to where the ring is free once its event has completed.
 */
#define CUDA_MARKS 16
struct cuda_ring {
	unsigned char *base; /* NULL: not made yet */
	uint64_t bytes;
	uint64_t head, tail; /* ever growing */
	uint64_t marked;     /* head at the last mark */
	uint32_t first, n;   /* marks in flight, oldest first */
	void *events[CUDA_MARKS];
	uint64_t ends[CUDA_MARKS];
};

/*
 * A queue is a stream; value v of its timeline is an event of a ring, recorded
 * again for v + CUDA_EVENTS: who waits that late waits a little longer, never less.
 * `lock` protects the timeline, which queue_wait() on another queue reads.
 */
#define CUDA_EVENTS 320 /* elapsed() asks for 256 */
struct cuda_queue {
	struct cuda_queue *next, **link; /* of the device's list */
	unsigned int generation;
	void *stream;
	struct cuda_graph *capture; /* being recorded, or NULL */
	struct cuda_ring ring;
	pthread_mutex_t lock;
	uint64_t timeline, reached;
	void *events[CUDA_EVENTS];
};

/* Pinned memory and, for a copy to the host, where it goes; owned by a graph. */
struct cuda_snapshot {
	struct cuda_snapshot *next;
	void *host;
	void *dst;
	uint64_t bytes;
};

struct cuda_graph {
	unsigned int generation;
	void *exec;
	struct cuda_snapshot *snapshots;
};

/* --- errors and contexts (device.c) --- */

/*
 * 0 for CUDA_OK; otherwise fills the status ("cuMemAlloc: CUDA_ERROR_...") and
 * returns a negative errno. Notes a lost device.
 */
int cuda_check(struct cuda_device *dev, int result, const char *what, struct aios_status *st);
/* -AIOS_DEVICE_LOST with the reason when the device is lost, or `generation` is not today's. */
int cuda_check_lost(struct cuda_device *dev, unsigned int generation, struct aios_status *st);
/* Make the context current, after cuda_check_lost(). Each success needs one cuda_leave(). */
int cuda_enter(struct cuda_device *dev, unsigned int generation, struct aios_status *st);
void cuda_leave(struct cuda_device *dev);

/* CLOCK_MONOTONIC, and waiting for something: first polling, then sleeping longer and longer. */
uint64_t cuda_now(void);
struct cuda_backoff {
	uint64_t start, deadline, spin_ns;
};
void cuda_backoff_start(struct cuda_backoff *b, const struct cuda_device *dev, uint64_t deadline);
/* False once the deadline has passed. */
bool cuda_backoff_wait(const struct cuda_backoff *b);

/* Can the kernels of `archs` ("80 90a") run on compute capability major.minor? */
bool cuda_arch_runs(const char *archs, uint32_t major, uint32_t minor);

/* --- staging (stage.c) --- */

/* Threads that copy large pieces of host memory. The copier is made with `threads` - 1 of them. */
struct cuda_copier *cuda_copier_create(uint32_t threads);
void cuda_copier_destroy(struct cuda_copier *copier);
/* memcpy by all threads; any thread may call, one copy at a time. */
void cuda_copier_copy(struct cuda_copier *copier, void *dst, const void *src, uint64_t bytes);

/* Enqueue a copy of pageable memory; the source may be reused on return. The context is current. */
int cuda_stage_in(struct cuda_device *dev, struct cuda_queue *queue, uint64_t dst, const void *src,
		  uint64_t bytes, struct aios_status *st);
/* Enqueue a copy to pageable memory. */
int cuda_stage_out(struct cuda_device *dev, struct cuda_queue *queue, void *dst, uint64_t src,
		   uint64_t bytes, struct aios_status *st);
/* Destroy the ring; the queue is idle and the context current, or `broken` and nothing is called. */
void cuda_ring_finish(struct cuda_device *dev, struct cuda_ring *ring, bool broken);

/* Is all of [host, host + bytes) in one allocation of the PINNED or MAPPED heap? */
bool cuda_is_pinned(struct cuda_device *dev, const void *host, uint64_t bytes);

/* Copies of pageable memory into the graph being captured: its bytes as they are now. */
int cuda_graph_copy_in(struct cuda_device *dev, struct cuda_queue *queue, uint64_t dst,
		       const void *src, uint64_t bytes, struct aios_status *st);
int cuda_graph_copy_out(struct cuda_device *dev, struct cuda_queue *queue, void *dst, uint64_t src,
			uint64_t bytes, struct aios_status *st);

/* --- slots of the driver's table, by file --- */

int cuda_probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
	       struct aios_status *st);
int cuda_open(const struct aios_host *host, uint32_t index, void **dev, struct aios_status *st);
int cuda_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st);
void cuda_close(void *dev);
int cuda_device_info(void *dev, struct aios_device_info *info, struct aios_status *st);
int cuda_reset(void *dev, struct aios_status *st);

int cuda_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info, struct aios_status *st);
int cuda_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		   struct aios_status *st);
void cuda_mem_free(void *dev, struct aios_mem *mem);

int cuda_queue_create(void *dev, void **queue, struct aios_status *st);
void cuda_queue_destroy(void *dev, void *queue);
int cuda_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out);
int cuda_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st);
int cuda_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
	      struct aios_status *st);
int cuda_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
	      struct aios_status *st);
int cuda_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st);
int cuda_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns, struct aios_status *st);
int cuda_queue_wait(void *dev, void *queue, void *other, uint64_t value, struct aios_status *st);

int cuda_elapsed(void *dev, void *queue, uint64_t from, uint64_t to, uint64_t *ns,
		 struct aios_status *st);

int cuda_graph_begin(void *dev, void *queue, struct aios_status *st);
int cuda_graph_end(void *dev, void *queue, void **graph, struct aios_status *st);
int cuda_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st);
void cuda_graph_destroy(void *dev, void *graph);

#endif /* CUDA_DEVICE_H */
