/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ref.h - the objects of the reference driver: a device, its queues, one entry
 * for each op. Device addresses are host pointers here.
 */
#ifndef REF_H
#define REF_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/driver/driver.h>
#include <aios/numerics.h>

struct ref_alloc;
struct ref_graph;
struct ref_pool;
struct ref_dot;

/* Largest sizes the ops take; query_op() says NO beyond them. */
#define REF_MAX_HEAD_DIM 512
#define REF_MAX_SEGMENTS AIOS_MAX_RANKS
#define REF_MAX_K 131071 /* of an i8 dot product: its sum must fit in int32 */

/* One opened device. The pool has a lock of its own; `lock` protects `allocs` and `queues`. */
struct ref_device {
	const struct aios_host *host;
	struct ref_pool *pool;
	const struct ref_dot *dot;
	pthread_mutex_t lock;
	struct ref_alloc *allocs;
	uint32_t queues;
};

/*
 * An in-order queue that does the work inside launch(): when a call returns, its
 * work is done. `lock` protects `timeline`; `capture` is the recording graph or NULL.
 */
#define REF_TIMES 1024u

struct ref_queue {
	pthread_mutex_t lock;
	pthread_cond_t advanced;
	uint64_t timeline;
	uint64_t times[REF_TIMES]; /* CLOCK_MONOTONIC ns of signal v at v % REF_TIMES */
	struct ref_graph *capture;
};

/* A check in progress: of a query (addresses may be 0) or of a launch (they may not). */
struct ref_check {
	struct aios_op_support *out;
	bool launch;
};

/* One op: `size` is what its descriptor has at least. */
struct ref_op {
	uint32_t size;
	/* True when the op can run; else the reason is in c->out->reason. Sets scratch_bytes. */
	bool (*check)(struct ref_check *c, const struct aios_op *op);
	/* Do it. Called after check(); fails, before any write, only for bad arrays in memory. */
	int (*run)(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);
};

/* The op of a type, or NULL. */
const struct ref_op *ref_op_of(uint32_t type);

/* All op types this driver has, as in aios_device_info. */
uint64_t ref_op_types(void);

/* query_op() and the check in launch(): true when `op` can run. */
bool ref_op_check(const struct aios_op *op, bool launch, struct aios_op_support *out);

/* Check and run one op now. */
int ref_op_run(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

/* A device address as a host pointer. */
static inline void *ref_ptr(aios_addr addr)
{
	return (void *)(uintptr_t)addr;
}

/* Slots of the driver's table, by file. */
int ref_probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
	      struct aios_status *st);
int ref_open(const struct aios_host *host, uint32_t index, void **out, struct aios_status *st);
int ref_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st);
void ref_close(void *dev);
int ref_device_info(void *dev, struct aios_device_info *info, struct aios_status *st);

int ref_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info, struct aios_status *st);
int ref_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		  struct aios_status *st);
int ref_mem_import(void *dev, const void *host, uint64_t bytes, struct aios_mem *out,
		   struct aios_status *st);
void ref_mem_free(void *dev, struct aios_mem *mem);
/* Do these bytes lie in an allocation of this device, imports aside? */
bool ref_mem_owns(struct ref_device *dev, uint64_t addr, uint64_t bytes);
/* Bytes of memory of this machine; 0 when unknown. */
uint64_t ref_mem_total(void);

int ref_queue_create(void *dev, void **queue, struct aios_status *st);
void ref_queue_destroy(void *dev, void *queue);
int ref_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out);
int ref_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st);
int ref_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
	     struct aios_status *st);
int ref_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
	     struct aios_status *st);
int ref_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st);
int ref_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns, struct aios_status *st);
int ref_elapsed(void *dev, void *queue, uint64_t from, uint64_t to, uint64_t *ns,
		struct aios_status *st);
int ref_queue_wait(void *dev, void *queue, void *other, uint64_t value, struct aios_status *st);

int ref_graph_begin(void *dev, void *queue, struct aios_status *st);
int ref_graph_end(void *dev, void *queue, void **graph, struct aios_status *st);
int ref_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st);
void ref_graph_destroy(void *dev, void *graph);
/* Record into a graph instead of running; the bytes behind `op` are copied. */
int ref_graph_add_op(struct ref_graph *graph, const struct aios_op *op, struct aios_status *st);
int ref_graph_add_copy(struct ref_graph *graph, uint64_t dst, uint64_t src, uint64_t bytes,
		       bool snapshot, struct aios_status *st);
int ref_graph_add_fill(struct ref_graph *graph, aios_addr dst, uint8_t value, uint64_t bytes,
		       struct aios_status *st);

#endif /* REF_H */
