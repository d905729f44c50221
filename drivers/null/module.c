// SPDX-License-Identifier: Apache-2.0
/*
 * null - every mandatory slot of a driver and nothing else: the least that loads, short
 * enough to copy. (`aios driver new NAME` begins one out of tree, with two ops.) Its
 * memory is the host's, its queue runs at once, and query_op() answers NO to
 * everything, so nothing that needs arithmetic can be asked of it by mistake.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <aios/driver/driver.h>

#define NULL_ALIGN 256u

/* An opened device. Mutable state lives here or in a queue, never at file scope. */
struct null_device {
	const struct aios_host *host;
	uint64_t limit;     /* bytes that may be allocated at once */
	uint64_t allocated; /* bytes that are */
};

struct null_queue {
	uint64_t timeline; /* value of the last signal, all of them reached */
};

static int null_probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		      struct aios_status *st)
{
	(void)host;
	(void)st;
	if (cap > 0) {
		out[0].score = 0; /* usable, and never the best */
		out[0].memory = 0;
		out[0].index = 0;
		snprintf(out[0].id, sizeof(out[0].id), "null:0");
		snprintf(out[0].name, sizeof(out[0].name), "no device");
		snprintf(out[0].reason, sizeof(out[0].reason), "computes nothing");
	}
	return 1;
}

static int null_open(const struct aios_host *host, uint32_t index, void **out,
		     struct aios_status *st)
{
	struct null_device *dev;

	if (index != 0)
		return aios_fail(st, -ENODEV, "there is no device %u, only 0", index);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return aios_fail(st, -ENOMEM, "no memory for the device");
	dev->host = host;
	dev->limit = (uint64_t)strtoull(host->param(host->ctx, "memory"), NULL, 10) << 20;
	*out = dev;
	return 0;
}

static int null_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st)
{
	(void)dev;
	(void)deadline_ns;
	(void)st;
	return 0; /* queues run at once: there is nothing to wait for */
}

static void null_close(void *dev)
{
	free(dev);
}

static int null_device_info(void *dev, struct aios_device_info *info, struct aios_status *st)
{
	(void)dev;
	(void)st;
	info->wave = 1;
	info->profiles = 0;
	info->best_profile = 0;
	info->units = 1;
	info->op_types = 0;
	snprintf(info->id, sizeof(info->id), "null:0");
	snprintf(info->name, sizeof(info->name), "no device");
	snprintf(info->runtime, sizeof(info->runtime), "none");
	return 0;
}

static int null_heap_info(void *arg, uint32_t heap, struct aios_heap_info *info,
			  struct aios_status *st)
{
	struct null_device *dev = arg;

	if (heap >= AIOS_HEAP_COUNT)
		return aios_fail(st, -EINVAL, "there is no heap %u", heap);
	info->total = dev->limit;
	info->free = dev->limit - dev->allocated;
	return 0;
}

static int null_mem_alloc(void *arg, uint32_t heap, uint64_t bytes, struct aios_mem *out,
			  struct aios_status *st)
{
	struct null_device *dev = arg;
	uint64_t size;

	if (heap >= AIOS_HEAP_COUNT || bytes == 0)
		return aios_fail(st, -EINVAL, "heap %u, %llu bytes", heap,
				 (unsigned long long)bytes);
	if (bytes > dev->limit - dev->allocated)
		return -AIOS_EXHAUSTED;
	size = (bytes + NULL_ALIGN - 1) / NULL_ALIGN * NULL_ALIGN;
	out->host = aligned_alloc(NULL_ALIGN, size);
	if (!out->host)
		return -AIOS_EXHAUSTED;
	out->addr = (aios_addr)(uintptr_t)out->host;
	out->bytes = bytes;
	out->priv = NULL;
	out->heap = heap;
	dev->allocated += bytes;
	return 0;
}

static void null_mem_free(void *arg, struct aios_mem *mem)
{
	struct null_device *dev = arg;

	if (!mem)
		return;
	dev->allocated -= mem->bytes;
	free(mem->host);
}

static int null_queue_create(void *dev, void **queue, struct aios_status *st)
{
	(void)dev;
	*queue = calloc(1, sizeof(struct null_queue));
	return *queue ? 0 : aios_fail(st, -ENOMEM, "no memory for a queue");
}

static void null_queue_destroy(void *dev, void *queue)
{
	(void)dev;
	free(queue);
}

static int null_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out)
{
	(void)dev;
	out->level = AIOS_SUPPORT_NO;
	out->scratch_bytes = 0;
	snprintf(out->reason, sizeof(out->reason), "null has no %s", aios_op_name(op->type));
	return 0;
}

static int null_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	(void)dev;
	(void)queue;
	return aios_fail(st, -ENOTSUP, "null has no %s", aios_op_name(op->type));
}

static int null_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src,
		     uint64_t bytes, struct aios_status *st)
{
	(void)dev;
	(void)queue;
	if (dir > AIOS_COPY_ON_DEVICE)
		return aios_fail(st, -EINVAL, "there is no copy direction %u", dir);
	memmove((void *)(uintptr_t)dst, (const void *)(uintptr_t)src, bytes);
	return 0;
}

static int null_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		     struct aios_status *st)
{
	(void)dev;
	(void)queue;
	(void)st;
	memset((void *)(uintptr_t)dst, value, bytes);
	return 0;
}

static int null_signal(void *dev, void *arg, uint64_t *value, struct aios_status *st)
{
	struct null_queue *queue = arg;

	(void)dev;
	(void)st;
	*value = ++queue->timeline;
	return 0;
}

/* Every signal was reached when it was made; for one that was not made there is the deadline. */
static int null_wait(void *dev, void *arg, uint64_t value, uint64_t deadline_ns,
		     struct aios_status *st)
{
	struct null_queue *queue = arg;
	struct timespec end = { .tv_sec = (time_t)(deadline_ns / 1000000000u),
				.tv_nsec = (long)(deadline_ns % 1000000000u) };

	(void)dev;
	if (value <= queue->timeline)
		return 0;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
	return aios_fail(st, -ETIMEDOUT, "value %llu was not signalled, the last was %llu",
			 (unsigned long long)value, (unsigned long long)queue->timeline);
}

static const struct aios_driver_ops null_ops = {
	.size = sizeof(null_ops),
	.probe = null_probe,
	.open = null_open,
	.quiesce = null_quiesce,
	.close = null_close,
	.device_info = null_device_info,
	.heap_info = null_heap_info,
	.mem_alloc = null_mem_alloc,
	.mem_free = null_mem_free,
	.queue_create = null_queue_create,
	.queue_destroy = null_queue_destroy,
	.query_op = null_query_op,
	.launch = null_launch,
	.copy = null_copy,
	.fill = null_fill,
	.signal = null_signal,
	.wait = null_wait,
};

static const struct aios_param null_params[] = {
	{ "memory", AIOS_PARAM_INT, "1024", 1, 1 << 20, NULL, "size of each heap, MiB" },
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "every mandatory call, nothing computed: the least a driver can be");
AIOS_DRIVER(null, "null", &null_ops, null_params, 1);
