/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock.h - a whole driver that does nothing, for modules that are wrong in one
 * other way: MOCK_OPS fills every mandatory slot.
 */
#ifndef TESTS_MODULES_MOCK_H
#define TESTS_MODULES_MOCK_H

#include <stdlib.h>
#include <string.h>

#include <aios/driver/driver.h>

static inline int mock_probe(const struct aios_host *host, struct aios_device_desc *out,
			     uint32_t cap, struct aios_status *st)
{
	(void)host;
	(void)st;
	if (cap > 0) {
		out[0].score = 1;
		snprintf(out[0].id, sizeof(out[0].id), "mock:0");
	}
	return 1;
}

static inline int mock_open(const struct aios_host *host, uint32_t index, void **dev,
			    struct aios_status *st)
{
	(void)index;
	(void)st;
	*dev = (void *)(uintptr_t)host;
	return 0;
}

static inline int mock_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st)
{
	(void)dev;
	(void)deadline_ns;
	(void)st;
	return 0;
}

static inline void mock_close(void *dev)
{
	(void)dev;
}

static inline int mock_device_info(void *dev, struct aios_device_info *info, struct aios_status *st)
{
	(void)dev;
	(void)st;
	info->wave = 1;
	return 0;
}

static inline int mock_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info,
				 struct aios_status *st)
{
	(void)dev;
	(void)heap;
	(void)st;
	info->total = info->free = 0;
	return 0;
}

static inline int mock_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
				 struct aios_status *st)
{
	(void)dev;
	(void)heap;
	(void)bytes;
	(void)out;
	return aios_fail(st, -AIOS_EXHAUSTED, "the mock driver has no memory");
}

static inline void mock_mem_free(void *dev, struct aios_mem *mem)
{
	(void)dev;
	(void)mem;
}

static inline int mock_queue_create(void *dev, void **queue, struct aios_status *st)
{
	(void)st;
	*queue = dev;
	return 0;
}

static inline void mock_queue_destroy(void *dev, void *queue)
{
	(void)dev;
	(void)queue;
}

static inline int mock_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out)
{
	(void)dev;
	(void)op;
	out->level = AIOS_SUPPORT_NO;
	return 0;
}

static inline int mock_launch(void *dev, void *queue, const struct aios_op *op,
			      struct aios_status *st)
{
	(void)dev;
	(void)queue;
	(void)op;
	return aios_fail(st, -ENOTSUP, "the mock driver computes nothing");
}

static inline int mock_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src,
			    uint64_t bytes, struct aios_status *st)
{
	(void)dev;
	(void)queue;
	(void)dir;
	(void)dst;
	(void)src;
	(void)bytes;
	(void)st;
	return 0;
}

static inline int mock_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
			    struct aios_status *st)
{
	(void)dev;
	(void)queue;
	(void)dst;
	(void)value;
	(void)bytes;
	(void)st;
	return 0;
}

static inline int mock_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st)
{
	(void)dev;
	(void)queue;
	(void)st;
	*value = 1;
	return 0;
}

static inline int mock_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns,
			    struct aios_status *st)
{
	(void)dev;
	(void)queue;
	(void)value;
	(void)deadline_ns;
	(void)st;
	return 0;
}

/* Every mandatory slot but probe and launch, which some modules write themselves or leave out. */
#define MOCK_OPS_REST                                                                              \
	.size = sizeof(struct aios_driver_ops), .open = mock_open, .quiesce = mock_quiesce,        \
	.close = mock_close, .device_info = mock_device_info, .heap_info = mock_heap_info,         \
	.mem_alloc = mock_mem_alloc, .mem_free = mock_mem_free, .queue_create = mock_queue_create, \
	.queue_destroy = mock_queue_destroy, .query_op = mock_query_op, .copy = mock_copy,         \
	.fill = mock_fill, .signal = mock_signal, .wait = mock_wait

#define MOCK_OPS MOCK_OPS_REST, .probe = mock_probe, .launch = mock_launch

#endif /* TESTS_MODULES_MOCK_H */
