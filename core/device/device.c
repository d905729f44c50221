// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/device/device.h"
#include "core/lib/array.h"
#include "core/lib/clock.h"

#define QUIESCE_NS (30u * 1000000000ull)

/* Name the failing slot and remember a lost device. */
static int device_result(struct device *dev, const char *slot, int rc, struct aios_status *st)
{
	if (rc >= 0)
		return rc;
	if (rc == -AIOS_DEVICE_LOST)
		dev->lost = true;
	if (st) {
		if (st->code == 0)
			aios_fail(st, rc, "%s failed: %s", slot, strerror(-rc));
		snprintf(st->where, sizeof(st->where), "driver %s: %s", dev->driver, slot);
	}
	return rc;
}

static int device_check(struct device *dev, const char *slot, struct aios_status *st)
{
	aios_status_clear(st);
	if (!dev->lost)
		return 0;
	aios_fail(st, -AIOS_DEVICE_LOST, "device %s was lost; restart, or reset it", dev->info.id);
	return device_result(dev, slot, -AIOS_DEVICE_LOST, st);
}

int device_adopt(const char *driver, const struct aios_driver_ops *ops,
		 const struct aios_host *host, void *opened, struct device **out,
		 struct aios_status *st)
{
	struct device *dev = calloc(1, sizeof(*dev));
	int rc;

	if (!dev) {
		rc = aios_fail(st, -ENOMEM, "no memory for a device of driver %s", driver);
		goto close_opened;
	}
	dev->ops = ops;
	dev->host = host;
	dev->dev = opened;
	dev->refs = 1;
	snprintf(dev->driver, sizeof(dev->driver), "%s", driver);
	dev->info.size = sizeof(dev->info);
	rc = device_result(dev, "device_info", ops->device_info(opened, &dev->info, st), st);
	if (rc < 0)
		goto free_device;
	dev->info.id[sizeof(dev->info.id) - 1] = '\0';
	dev->info.name[sizeof(dev->info.name) - 1] = '\0';
	dev->info.runtime[sizeof(dev->info.runtime) - 1] = '\0';
	*out = dev;
	return 0;

free_device:
	free(dev);
close_opened:
	ops->close(opened);
	return rc;
}

int device_open(const char *driver, const struct aios_driver_ops *ops, const struct aios_host *host,
		uint32_t index, struct device **out, struct aios_status *st)
{
	void *opened = NULL;
	int rc;

	aios_status_clear(st);
	rc = ops->open(host, index, &opened, st);
	if (rc < 0) {
		if (st && st->code == 0)
			aios_fail(st, rc, "open failed: %s", strerror(-rc));
		if (st)
			snprintf(st->where, sizeof(st->where), "driver %s: open", driver);
		return rc;
	}
	return device_adopt(driver, ops, host, opened, out, st);
}

struct device *device_get(struct device *dev)
{
	dev->refs++;
	return dev;
}

void device_put(struct device *dev)
{
	if (!dev || --dev->refs > 0)
		return;
	if (!dev->lost)
		dev->ops->quiesce(dev->dev, clock_ns() + QUIESCE_NS, NULL);
	dev->ops->close(dev->dev);
	if (dev->owner_put)
		dev->owner_put(dev->owner);
	free(dev);
}

int device_reset(struct device *dev, struct aios_status *st)
{
	int rc;

	aios_status_clear(st);
	rc = device_result(dev, "reset", dev->ops->reset(dev->dev, st), st);
	if (rc < 0)
		return rc;
	dev->lost = false;
	memset(dev->heaps, 0, sizeof(dev->heaps));
	return 0;
}

void device_set_budget(struct device *dev, uint32_t heap, uint64_t bytes)
{
	dev->heaps[heap].budget = bytes;
}

int device_heap_info(struct device *dev, uint32_t heap, struct aios_heap_info *info,
		     struct aios_status *st)
{
	memset(info, 0, sizeof(*info));
	aios_status_clear(st);
	return device_result(dev, "heap_info", dev->ops->heap_info(dev->dev, heap, info, st), st);
}

int device_alloc(struct device *dev, uint32_t heap, uint64_t bytes, const char *what,
		 struct aios_mem *out, struct aios_status *st)
{
	struct device_heap *h = &dev->heaps[heap];
	int rc = device_check(dev, "mem_alloc", st);

	memset(out, 0, sizeof(*out));
	if (rc < 0)
		return rc;
	if (h->budget && (bytes > h->budget || h->used > h->budget - bytes)) {
		h->failures++;
		return aios_fail(st, -AIOS_OVER_BUDGET,
				 "no room for %s: %" PRIu64 " bytes wanted, %" PRIu64
				 " of the budget of %" PRIu64
				 " taken. Raise engine.memory_limit or lower engine.context_length",
				 what, bytes, h->used, h->budget);
	}
	rc = dev->ops->mem_alloc(dev->dev, heap, bytes, out, st);
	if (rc < 0) {
		h->failures++;
		if (rc == -AIOS_EXHAUSTED && st) {
			st->code = 0;
			aios_fail(st, rc,
				  "no room for %s: %" PRIu64 " bytes wanted of %s, %" PRIu64
				  " allocated so far",
				  what, bytes, dev->info.id, h->used);
		}
		return device_result(dev, "mem_alloc", rc, st);
	}
	h->allocs++;
	h->used += out->bytes;
	if (h->used > h->peak)
		h->peak = h->used;
	return 0;
}

void device_free(struct device *dev, struct aios_mem *mem)
{
	if (!mem->addr)
		return;
	dev->heaps[mem->heap].used -= mem->bytes;
	dev->ops->mem_free(dev->dev, mem);
	memset(mem, 0, sizeof(*mem));
}

bool device_query(struct device *dev, const struct aios_op *op, struct aios_op_support *out)
{
	memset(out, 0, sizeof(*out));
	out->size = sizeof(*out);
	if (dev->ops->query_op(dev->dev, op, out) < 0) {
		out->level = AIOS_SUPPORT_NO;
		if (!out->reason[0])
			snprintf(out->reason, sizeof(out->reason), "query_op failed");
	}
	out->reason[sizeof(out->reason) - 1] = '\0';
	return out->level == AIOS_SUPPORT_EXACT;
}

uint64_t tensor_rows(struct aios_tensor *t, uint32_t dtype, uint32_t rows, uint32_t cols)
{
	t->dtype = dtype;
	t->layout = AIOS_LAYOUT_ROWS;
	t->rows = rows;
	t->cols = cols;
	t->row_bytes = align_up((uint64_t)cols * aios_dtype_bytes(dtype), 16);
	t->plane_bytes = dtype == AIOS_I8X2 ? align_up(t->row_bytes * rows, 256) : 0;
	return dtype == AIOS_I8X2 ? 2 * t->plane_bytes : t->row_bytes * rows;
}

int device_weight_layout(struct device *dev, uint32_t profile, struct aios_tensor *w,
			 uint64_t *bytes, struct aios_status *st)
{
	int rc;

	*bytes = tensor_rows(w, w->dtype, w->rows, w->cols);
	aios_status_clear(st);
	rc = dev->ops->weight_layout(dev->dev, profile, w, bytes, st);
	if (rc == -ENOSYS) {
		aios_status_clear(st);
		return 0;
	}
	return device_result(dev, "weight_layout", rc, st);
}

int device_peer(struct device *dev, struct device *peer, uint32_t *access, struct aios_status *st)
{
	int rc = device_check(dev, "peer", st);

	*access = 0;
	if (rc < 0)
		return rc;
	/* The slot is the driver's, or the outermost hook's, which looks into its own device. */
	if (dev->ops->peer != peer->ops->peer || strcmp(dev->driver, peer->driver) != 0)
		return aios_fail(st, -EXDEV, "%s and %s are not of one driver with the same hooks",
				 dev->info.id, peer->info.id);
	return device_result(dev, "peer", dev->ops->peer(dev->dev, peer->dev, access, st), st);
}

int queue_open(struct device *dev, struct queue *out, struct aios_status *st)
{
	int rc = device_check(dev, "queue_create", st);

	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = device_result(dev, "queue_create",
				   dev->ops->queue_create(dev->dev, &out->queue, st), st);
	if (rc < 0)
		return rc;
	out->device = device_get(dev);
	dev->queues++;
	return 0;
}

void queue_close(struct queue *q)
{
	struct device *dev = q->device;

	if (!dev)
		return;
	if (!dev->lost)
		queue_sync(q, QUIESCE_NS, NULL);
	dev->ops->queue_destroy(dev->dev, q->queue);
	dev->queues--;
	memset(q, 0, sizeof(*q));
	device_put(dev);
}

int queue_launch(struct queue *q, const struct aios_op *op, struct aios_status *st)
{
	struct device *dev = q->device;
	int rc = device_check(dev, aios_op_name(op->type), st);

	if (rc < 0)
		return rc;
	return device_result(dev, aios_op_name(op->type),
			     dev->ops->launch(dev->dev, q->queue, op, st), st);
}

int queue_fill(struct queue *q, aios_addr dst, uint8_t value, uint64_t bytes,
	       struct aios_status *st)
{
	struct device *dev = q->device;
	int rc = device_check(dev, "fill", st);

	if (rc < 0 || bytes == 0)
		return rc;
	return device_result(dev, "fill", dev->ops->fill(dev->dev, q->queue, dst, value, bytes, st),
			     st);
}

static int copy_bytes(struct queue *q, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
		      struct aios_status *st)
{
	struct device *dev = q->device;
	int rc = device_check(dev, "copy", st);

	if (rc < 0 || bytes == 0)
		return rc;
	return device_result(dev, "copy",
			     dev->ops->copy(dev->dev, q->queue, dir, dst, src, bytes, st), st);
}

int queue_upload(struct queue *q, aios_addr dst, const void *src, uint64_t bytes,
		 struct aios_status *st)
{
	return copy_bytes(q, AIOS_COPY_TO_DEVICE, dst, (uint64_t)(uintptr_t)src, bytes, st);
}

int queue_download(struct queue *q, void *dst, aios_addr src, uint64_t bytes,
		   struct aios_status *st)
{
	return copy_bytes(q, AIOS_COPY_TO_HOST, (uint64_t)(uintptr_t)dst, src, bytes, st);
}

int queue_copy(struct queue *q, aios_addr dst, aios_addr src, uint64_t bytes,
	       struct aios_status *st)
{
	return copy_bytes(q, AIOS_COPY_ON_DEVICE, dst, src, bytes, st);
}

int queue_mark(struct queue *q, uint64_t *value, struct aios_status *st)
{
	struct device *dev = q->device;
	int rc = device_check(dev, "signal", st);

	if (rc == 0)
		rc = device_result(dev, "signal",
				   dev->ops->signal(dev->dev, q->queue, &q->last, st), st);
	*value = q->last;
	return rc;
}

int queue_elapsed(struct queue *q, uint64_t from, uint64_t to, uint64_t *ns, struct aios_status *st)
{
	struct device *dev = q->device;
	int rc = device_check(dev, "elapsed", st);

	if (rc < 0)
		return rc;
	return device_result(dev, "elapsed",
			     dev->ops->elapsed(dev->dev, q->queue, from, to, ns, st), st);
}

void device_graph_destroy(struct device *dev, void *graph)
{
	if (graph)
		dev->ops->graph_destroy(dev->dev, graph);
}

int queue_graph_begin(struct queue *q, struct aios_status *st)
{
	struct device *dev = q->device;
	int rc = device_check(dev, "graph_begin", st);

	if (rc < 0)
		return rc;
	return device_result(dev, "graph_begin", dev->ops->graph_begin(dev->dev, q->queue, st), st);
}

int queue_graph_end(struct queue *q, void **graph, struct aios_status *st)
{
	struct device *dev = q->device;

	void *second = NULL;
	int rc, again;

	*graph = NULL;
	aios_status_clear(st);
	rc = device_result(dev, "graph_end", dev->ops->graph_end(dev->dev, q->queue, graph, st),
			   st);
	if (rc >= 0 || dev->lost)
		return rc;
	/* Is the capture over? Else work that follows would go into a graph that never runs. */
	again = dev->ops->graph_end(dev->dev, q->queue, &second, NULL);
	if (again == 0)
		device_graph_destroy(dev, second);
	else if (again != -EINVAL)
		return device_result(dev, "graph_end",
				     aios_fail(st, -AIOS_DEVICE_LOST,
					       "the queue does not leave capture: %s",
					       strerror(-again)),
				     st);
	return rc;
}

int queue_graph_launch(struct queue *q, void *graph, struct aios_status *st)
{
	struct device *dev = q->device;
	int rc = device_check(dev, "graph_launch", st);

	if (rc < 0)
		return rc;
	return device_result(dev, "graph_launch",
			     dev->ops->graph_launch(dev->dev, q->queue, graph, st), st);
}

int queue_wait(struct queue *q, uint64_t value, uint64_t timeout_ns, struct aios_status *st)
{
	struct device *dev = q->device;

	return device_result(dev, "wait",
			     dev->ops->wait(dev->dev, q->queue, value, clock_ns() + timeout_ns, st),
			     st);
}

int queue_sync(struct queue *q, uint64_t timeout_ns, struct aios_status *st)
{
	uint64_t value;
	int rc = queue_mark(q, &value, st);

	return rc < 0 ? rc : queue_wait(q, value, timeout_ns, st);
}
