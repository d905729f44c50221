/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h - checked wrappers over a driver's table. The only callers of driver
 * slots; everything above deals in struct device and struct queue.
 *
 * Threads: as the driver ABI says; a device's memory accounting is not locked,
 * so one thread allocates and frees on a device.
 */
#ifndef CORE_DEVICE_DEVICE_H
#define CORE_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <aios/driver/driver.h>

/* Bytes of one heap as the core accounts for them. */
struct device_heap {
	uint64_t budget; /* 0: none */
	uint64_t used, peak;
	uint64_t allocs, failures;
};

struct device {
	const struct aios_driver_ops *ops; /* core-owned table, outlives the device */
	const struct aios_host *host;
	void *dev;
	void *owner; /* what keeps the driver's code loaded; given to owner_put() after close */
	void (*owner_put)(void *owner);
	char driver[32];
	struct aios_device_info info;
	struct device_heap heaps[AIOS_HEAP_COUNT];
	uint32_t refs;
	uint32_t queues; /* open ones */
	bool lost;       /* sticky until device_reset() */
};

struct queue {
	struct device *device;
	void *queue;
	uint64_t last; /* timeline value of the last signal */
};

/* Open device `index` of a driver; *out has one reference. `ops` and `host` outlive it. */
int device_open(const char *driver, const struct aios_driver_ops *ops, const struct aios_host *host,
		uint32_t index, struct device **out, struct aios_status *st);

/*
 * Make a device of a driver object that is open already (a hook's). On failure the
 * object is closed and *out is left alone.
 */
int device_adopt(const char *driver, const struct aios_driver_ops *ops,
		 const struct aios_host *host, void *opened, struct device **out,
		 struct aios_status *st);

struct device *device_get(struct device *dev);
void device_put(struct device *dev); /* takes NULL; the last reference quiesces and closes */

/* Drop all of a lost device's state. Optional in drivers: -ENOSYS. */
int device_reset(struct device *dev, struct aios_status *st);

/* Limit what mem_alloc may take of a heap; 0: no limit. */
void device_set_budget(struct device *dev, uint32_t heap, uint64_t bytes);

int device_heap_info(struct device *dev, uint32_t heap, struct aios_heap_info *info,
		     struct aios_status *st);

/*
 * Allocate `bytes` > 0 for `what` (for messages). 0, -AIOS_OVER_BUDGET,
 * -AIOS_EXHAUSTED (both with the numbers in the message), -AIOS_NOT_NOW or an error.
 */
int device_alloc(struct device *dev, uint32_t heap, uint64_t bytes, const char *what,
		 struct aios_mem *out, struct aios_status *st);
void device_free(struct device *dev, struct aios_mem *mem); /* takes a zeroed mem */

/* Can the device run this op? Fills *out; false also when the driver's answer is broken. */
bool device_query(struct device *dev, const struct aios_op *op, struct aios_op_support *out);

/* The packing of a matmul weight: plain rows (row_bytes a multiple of 16) unless the driver says otherwise. */
int device_weight_layout(struct device *dev, uint32_t profile, struct aios_tensor *w,
			 uint64_t *bytes, struct aios_status *st);

/*
 * Make `peer`, a device of the same driver with the same hooks, known to `dev`, which may then use its
 * memory as *access (enum aios_peer_access) says. -ENOSYS when the driver cannot.
 */
int device_peer(struct device *dev, struct device *peer, uint32_t *access, struct aios_status *st);

int queue_open(struct device *dev, struct queue *out, struct aios_status *st);
void queue_close(struct queue *q); /* waits for its work; takes a zeroed queue */
int queue_launch(struct queue *q, const struct aios_op *op, struct aios_status *st);
int queue_fill(struct queue *q, aios_addr dst, uint8_t value, uint64_t bytes,
	       struct aios_status *st);
int queue_upload(struct queue *q, aios_addr dst, const void *src, uint64_t bytes,
		 struct aios_status *st);
/* The bytes are in dst after the next queue_sync(). */
int queue_download(struct queue *q, void *dst, aios_addr src, uint64_t bytes,
		   struct aios_status *st);
int queue_copy(struct queue *q, aios_addr dst, aios_addr src, uint64_t bytes,
	       struct aios_status *st);
/* Wait until the timeline has reached a mark, at most timeout_ns. */
int queue_wait(struct queue *q, uint64_t value, uint64_t timeout_ns, struct aios_status *st);
/* Wait for everything enqueued so far, at most timeout_ns. */
int queue_sync(struct queue *q, uint64_t timeout_ns, struct aios_status *st);

/* Enqueue a signal; *value names it for queue_wait() and queue_elapsed(). */
int queue_mark(struct queue *q, uint64_t *value, struct aios_status *st);

/* Device time between two marks that were waited for. -ENOSYS when the driver keeps none. */
int queue_elapsed(struct queue *q, uint64_t from, uint64_t to, uint64_t *ns,
		  struct aios_status *st);

/*
 * Capture: what is enqueued between begin and end becomes a graph instead of running. -ENOSYS when
 * the driver has none. After a begin that worked, end is called whatever happened in between. An
 * end that fails leaves the queue as it was before begin, or the device is lost.
 */
int queue_graph_begin(struct queue *q, struct aios_status *st);
int queue_graph_end(struct queue *q, void **graph, struct aios_status *st);
int queue_graph_launch(struct queue *q, void *graph, struct aios_status *st);
void device_graph_destroy(struct device *dev, void *graph); /* takes NULL; it is not running */

/* Fill a rows tensor: row_bytes padded to 16; scale and plane 0. Returns the bytes of the elements. */
uint64_t tensor_rows(struct aios_tensor *t, uint32_t dtype, uint32_t rows, uint32_t cols);

#endif /* CORE_DEVICE_DEVICE_H */
