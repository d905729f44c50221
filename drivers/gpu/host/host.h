/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - the host side of a GPU driver: a device, its queues and graphs. Shared by drivers/cuda
 * and drivers/hip, each of which is linked with its own copy and one `gpu_vendor`, which says what
 * the vendor does differently.
 *
 * Contexts: every slot that calls the library makes the device current for its own
 * duration (gpu_enter, gpu_leave), so nothing is assumed of the thread.
 *
 * Loss: an error after which the vendor's context is broken sets `lost`; from then on
 * every call fails with -AIOS_DEVICE_LOST until reset(). What was made before a
 * reset carries an older generation: it can be destroyed and nothing else.
 */
#ifndef GPU_HOST_H
#define GPU_HOST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <aios/driver/driver.h>

#include "api.h"
#include "fuse.h"  /* include-ok: drivers/gpu, part of this module */
#include "order.h" /* include-ok: drivers/gpu, part of this module */
#include "plan.h"  /* include-ok: drivers/gpu, part of this module */

struct gpu_copier;

/* Host memory that the device copies from and to directly; a node of the device's list. */
struct gpu_pinned {
	struct gpu_pinned *next, **link;
	void *host;
	uint64_t bytes;
};

#define GPU_MODULES 4 /* device images of a device, at most */

/* Another device whose memory this one may use. Its context is the peer's own, and not held. */
#define GPU_PEERS 15
struct gpu_peer {
	int ordinal;
	void *ctx;
	uint32_t access; /* enum aios_peer_access */
};

struct gpu_device {
	const struct aios_host *host;
	struct gpu_api *api; /* the first member of the vendor's own */
	int ordinal;         /* the library's number of the device */
	void *ctx;           /* the vendor's */
	bool opened;         /* the context is there, with the kernels in it */
	uint32_t n_modules;
	void *modules[GPU_MODULES];
	void *kernels[GPU_KERNEL_COUNT]; /* NULL: not in the images loaded */
	struct gpu_caps caps;
	char arch[48];        /* for people: "compute capability 9.0" */
	uint64_t memory;      /* bytes */
	uint64_t spin_ns;     /* how long a wait polls before it sleeps */
	uint64_t stage_bytes; /* of a queue's staging ring */
	uint64_t pinned_max;  /* bytes of host memory that may be locked; 0: a quarter of it */
	bool overlap;         /* launches may */
	bool fuse;            /* ops may become one launch with the next */
	struct gpu_copier *copier;
	atomic_int lost; /* 0, or the result that broke the context */
	atomic_uint generation;
	pthread_mutex_t lock; /* of all that follows */
	struct gpu_queue *queues;
	struct gpu_pinned *pinned;
	uint64_t pinned_bytes;
	struct gpu_peer peers[GPU_PEERS];
	uint32_t n_peers;
};

/*
 * A vendor. Functions that return a "result" return the library's code, which the caller judges;
 * the others a negative errno with the status filled. Unless it says so the device is not current.
 */
struct gpu_vendor {
	const char *name;       /* of the driver: "cuda" */
	const char *product;    /* a device's name when the library tells none */
	const char *no_devices; /* one sentence: the library works and counts none */
	size_t api_size;        /* of the type that begins with struct gpu_api */
	const int *losses;      /* results after which a context is broken; ends with 0 */
	const char *comm;       /* what communicators are made by, for people: "NCCL" */
	const char *comm_library;

	/* Find the library, bind and initialise it, fill api->runtime. *api is zeroed. */
	int (*open)(struct gpu_api *api, struct aios_status *st);
	/* "CUDA_ERROR_OUT_OF_MEMORY"; what it means. NULL when the library does not know. */
	const char *(*error_name)(const struct gpu_api *api, int result);
	const char *(*error_text)(const struct gpu_api *api, int result);

	/* "cuda:GPU-...", stable over reboots. */
	void (*device_id)(const struct gpu_api *api, int ordinal, char *id, size_t cap);
	/* Set score and reason; the score stays -1 when the kernels cannot run on it. */
	void (*rate)(const struct gpu_api *api, int ordinal, struct aios_device_desc *d);
	/* Fill caps and arch of dev->ordinal; -ENOTSUP when the kernels cannot run on it. */
	int (*identify)(struct gpu_device *dev, uint32_t index, struct aios_status *st);

	/* Make the context; let go of it; drop everything in it, a result. */
	int (*ctx_open)(struct gpu_device *dev, struct aios_status *st);
	void (*ctx_close)(struct gpu_device *dev);
	int (*ctx_reset)(struct gpu_device *dev);
	/* Make it current in this thread; what was current before comes back. They do not nest. */
	int (*enter)(struct gpu_device *dev, struct aios_status *st);
	void (*leave)(struct gpu_device *dev);

	/* Let kernels of the device, which is current, use the peer's memory; a result. */
	int (*peer_enable)(struct gpu_device *dev, const struct gpu_peer *peer);
	/* Enqueue a copy from the peer's memory; a result. The device is current. */
	int (*peer_copy)(struct gpu_device *dev, const struct gpu_peer *peer, uint64_t dst,
			 uint64_t src, size_t bytes, void *stream);

	/* Load the device images by gpu_load(), one or several. It is current. */
	int (*load)(struct gpu_device *dev, struct aios_status *st);
	/* Optional: what each kernel needs before its first launch; a result. It is current. */
	int (*prepare)(struct gpu_device *dev, void *function);
	/* Optional, but not where caps.maps is set: write GPU_MAP_BYTES to `out`; a result. */
	int (*encode)(struct gpu_device *dev, const struct gpu_map *map, void *out);
	/* Optional: enqueue a launch in another way than api->launch; a result. It is current. */
	int (*launch)(struct gpu_device *dev, struct gpu_queue *queue,
		      const struct gpu_launch *launch, void **params);
};

extern const struct gpu_vendor gpu_vendor;

/* What is moved on by the host once the device has written it. */
struct gpu_delivery {
	void *dst;
	const void *src;
	uint64_t bytes;
};

/*
 * The staging ring of a queue: pinned memory through which copies from and to
 * pageable memory go. Bytes [tail, head) modulo `bytes` are in use; a mark says
 * up to where the ring is free once its event has completed.
 */
#define GPU_MARKS 16
struct gpu_ring {
	unsigned char *base; /* NULL: not made yet */
	uint64_t bytes;
	uint64_t head, tail; /* ever growing */
	uint64_t marked;     /* head at the last mark */
	uint32_t first, n;   /* marks in flight, oldest first */
	void *events[GPU_MARKS];
	uint64_t ends[GPU_MARKS];
};

/*
 * A queue is a stream; value v of its timeline is an event of a ring, recorded
 * again for v + GPU_EVENTS: who waits that late waits a little longer, never less.
 * `lock` protects the timeline, which queue_wait() on another queue reads, and the order of
 * launches, which quiesce() may end.
 *
 * An op that may become one launch with the next is held back: whatever comes next enqueues it.
 */
#define GPU_EVENTS 320 /* elapsed() asks for 256 */
struct gpu_queue {
	struct gpu_queue *next, **link; /* of the device's list */
	unsigned int generation;
	void *stream;
	struct gpu_graph *capture; /* being recorded, or NULL */
	struct gpu_ring ring;
	pthread_mutex_t lock;
	struct gpu_order order;
	union aios_op_any held;
	bool holds; /* `held` is to be launched first */
	uint64_t timeline, reached;
	void *events[GPU_EVENTS];
};

/* Pinned memory and, for a copy to the host, where it goes; owned by a graph. */
struct gpu_snapshot {
	struct gpu_snapshot *next;
	void *host;
	struct gpu_delivery delivery;
};

struct gpu_graph {
	unsigned int generation;
	void *exec;
	struct gpu_snapshot *snapshots;
};

/* --- errors and contexts (device.c) --- */

/*
 * 0 for GPU_OK; otherwise fills the status ("cuMemAlloc_v2: CUDA_ERROR_...") and
 * returns a negative errno. Notes a lost device.
 */
int gpu_result(struct gpu_device *dev, int result, const char *what, struct aios_status *st);
/* -AIOS_DEVICE_LOST with the reason when the device is lost, or `generation` is not today's. */
int gpu_check_lost(struct gpu_device *dev, unsigned int generation, struct aios_status *st);
/* Make the context current, after gpu_check_lost(). Each success needs one gpu_leave(). */
int gpu_enter(struct gpu_device *dev, unsigned int generation, struct aios_status *st);
void gpu_leave(struct gpu_device *dev);

/* CLOCK_MONOTONIC, and waiting for something: first polling, then sleeping longer and longer. */
uint64_t gpu_now(void);
struct gpu_backoff {
	uint64_t start, deadline, spin_ns;
};
void gpu_backoff_start(struct gpu_backoff *b, const struct gpu_device *dev, uint64_t deadline);
/* False once the deadline has passed. */
bool gpu_backoff_wait(const struct gpu_backoff *b);

/* An attribute of the device, 0 when the library does not know it. */
int gpu_attribute(const struct gpu_api *api, int attribute, int ordinal);

/*
 * Load one device image and find kernels [first, first + n) of enum gpu_kernel in it. What was
 * loaded is unloaded by the caller of the vendor's load(), also after a failure.
 */
int gpu_load(struct gpu_device *dev, const void *image, uint32_t first, uint32_t n,
	     struct aios_status *st);
/* Find kernels [first, first + n) in an image that was loaded before. */
int gpu_find(struct gpu_device *dev, void *module, uint32_t first, uint32_t n,
	     struct aios_status *st);

/* --- queues (queue.c) --- */

/* Launch what the queue holds back; the device is current. */
int gpu_queue_flush(struct gpu_device *dev, struct gpu_queue *queue, struct aios_status *st);
/*
 * gpu_enter() for a slot that enqueues something else than a launch, which is ordered after all
 * launches so far.
 */
int gpu_queue_enter(struct gpu_device *dev, struct gpu_queue *queue, struct aios_status *st);

/* Enqueue: move the delivery's bytes once the work so far is done. It stays until then. */
int gpu_deliver(struct gpu_device *dev, struct gpu_queue *queue, struct gpu_delivery *delivery,
		struct aios_status *st);

/* --- staging (stage.c) --- */

/* Threads that copy large pieces of host memory. The copier is made with `threads` - 1 of them. */
struct gpu_copier *gpu_copier_create(uint32_t threads);
void gpu_copier_destroy(struct gpu_copier *copier);
/* memcpy by all threads; any thread may call, one copy at a time. */
void gpu_copier_copy(struct gpu_copier *copier, void *dst, const void *src, uint64_t bytes);

/* Enqueue a copy of pageable memory; the source may be reused on return. The context is current. */
int gpu_stage_in(struct gpu_device *dev, struct gpu_queue *queue, uint64_t dst, const void *src,
		 uint64_t bytes, struct aios_status *st);
/* Enqueue a copy to pageable memory. */
int gpu_stage_out(struct gpu_device *dev, struct gpu_queue *queue, void *dst, uint64_t src,
		  uint64_t bytes, struct aios_status *st);
/* Destroy the ring; the queue is idle and the context current, or `broken` and nothing is called. */
void gpu_ring_finish(struct gpu_device *dev, struct gpu_ring *ring, bool broken);

/* Is all of [host, host + bytes) in one allocation of the PINNED or MAPPED heap? */
bool gpu_is_pinned(struct gpu_device *dev, const void *host, uint64_t bytes);

/* Copies of pageable memory into the graph being captured: its bytes as they are now. */
int gpu_graph_copy_in(struct gpu_device *dev, struct gpu_queue *queue, uint64_t dst,
		      const void *src, uint64_t bytes, struct aios_status *st);
int gpu_graph_copy_out(struct gpu_device *dev, struct gpu_queue *queue, void *dst, uint64_t src,
		       uint64_t bytes, struct aios_status *st);

/* --- peers (peer.c) --- */

/* Enqueue a copy whose source may be a peer's. The device is current. */
int gpu_peer_copy(struct gpu_device *dev, struct gpu_queue *queue, uint64_t dst, uint64_t src,
		  uint64_t bytes, struct aios_status *st);
/* Can the device read the op's parts? Only ops with parts are looked at. */
int gpu_peer_check(struct gpu_device *dev, const struct aios_op *op, struct aios_status *st);
/* Forget all of them: the context that they were enabled in is gone. */
void gpu_peers_drop(struct gpu_device *dev);

/* --- slots of the driver's table, by file --- */

int gpu_slot_probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		   struct aios_status *st);
int gpu_slot_open(const struct aios_host *host, uint32_t index, void **dev, struct aios_status *st);
int gpu_slot_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st);
void gpu_slot_close(void *dev);
int gpu_slot_device_info(void *dev, struct aios_device_info *info, struct aios_status *st);
int gpu_slot_reset(void *dev, struct aios_status *st);

int gpu_slot_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info,
		       struct aios_status *st);
int gpu_slot_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		       struct aios_status *st);
void gpu_slot_mem_free(void *dev, struct aios_mem *mem);

int gpu_slot_queue_create(void *dev, void **queue, struct aios_status *st);
void gpu_slot_queue_destroy(void *dev, void *queue);
int gpu_slot_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out);
int gpu_slot_weight_layout(void *dev, uint32_t profile, struct aios_tensor *w, uint64_t *bytes,
			   struct aios_status *st);
int gpu_slot_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st);
int gpu_slot_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
		  struct aios_status *st);
int gpu_slot_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		  struct aios_status *st);
int gpu_slot_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st);
int gpu_slot_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns,
		  struct aios_status *st);
int gpu_slot_queue_wait(void *dev, void *queue, void *other, uint64_t value,
			struct aios_status *st);

int gpu_slot_elapsed(void *dev, void *queue, uint64_t from, uint64_t to, uint64_t *ns,
		     struct aios_status *st);

int gpu_slot_graph_begin(void *dev, void *queue, struct aios_status *st);
int gpu_slot_graph_end(void *dev, void *queue, void **graph, struct aios_status *st);
int gpu_slot_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st);
void gpu_slot_graph_destroy(void *dev, void *graph);

int gpu_slot_peer(void *dev, void *peer, uint32_t *access, struct aios_status *st);

int gpu_slot_comm_id(void *dev, struct aios_comm_id *id, struct aios_status *st);
int gpu_slot_comm_open(void *dev, const struct aios_comm_id *id, uint32_t rank, uint32_t n_ranks,
		       uint64_t deadline_ns, void **comm, struct aios_status *st);
int gpu_slot_comm_gather(void *dev, void *queue, void *comm, aios_addr dst, aios_addr src,
			 uint64_t bytes, uint64_t deadline_ns, struct aios_status *st);
int gpu_slot_comm_check(void *dev, void *comm, struct aios_status *st);
void gpu_slot_comm_close(void *dev, void *comm);

/* All of them, for a driver's table; a vendor may add to them. */
#define GPU_SLOTS                                                                                  \
	.probe = gpu_slot_probe, .open = gpu_slot_open, .quiesce = gpu_slot_quiesce,               \
	.close = gpu_slot_close, .device_info = gpu_slot_device_info,                              \
	.heap_info = gpu_slot_heap_info, .mem_alloc = gpu_slot_mem_alloc,                          \
	.mem_free = gpu_slot_mem_free, .queue_create = gpu_slot_queue_create,                      \
	.queue_destroy = gpu_slot_queue_destroy, .query_op = gpu_slot_query_op,                    \
	.launch = gpu_slot_launch, .copy = gpu_slot_copy, .fill = gpu_slot_fill,                   \
	.signal = gpu_slot_signal, .wait = gpu_slot_wait, .queue_wait = gpu_slot_queue_wait,       \
	.graph_begin = gpu_slot_graph_begin, .graph_end = gpu_slot_graph_end,                      \
	.graph_launch = gpu_slot_graph_launch, .graph_destroy = gpu_slot_graph_destroy,            \
	.reset = gpu_slot_reset, .elapsed = gpu_slot_elapsed,                                      \
	.weight_layout = gpu_slot_weight_layout, .peer = gpu_slot_peer,                            \
	.comm_id = gpu_slot_comm_id, .comm_open = gpu_slot_comm_open,                              \
	.comm_gather = gpu_slot_comm_gather, .comm_check = gpu_slot_comm_check,                    \
	.comm_close = gpu_slot_comm_close

/* The parameters that all have: GPU_PARAMS is their number. */
#define GPU_PARAMS 7
extern const struct aios_param gpu_params[GPU_PARAMS];

#endif /* GPU_HOST_H */
