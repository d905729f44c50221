// SPDX-License-Identifier: Apache-2.0
/* memory.c - heaps, copies, fills. Every heap is memory of this process. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

#define DRV_ALIGN 256u /* of every allocation's start */

int drv_heap_info(void *arg, uint32_t heap, struct aios_heap_info *info, struct aios_status *st)
{
	struct drv_device *dev = arg;

	if (heap >= AIOS_HEAP_COUNT)
		return aios_fail(st, -EINVAL, "there is no heap %u", heap);
	info->total = dev->limit;
	info->free = dev->limit - dev->allocated;
	return 0;
}

/* A full heap is an answer, -AIOS_EXHAUSTED, and changes nothing. */
int drv_mem_alloc(void *arg, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		  struct aios_status *st)
{
	struct drv_device *dev = arg;

	if (heap >= AIOS_HEAP_COUNT || bytes == 0)
		return aios_fail(st, -EINVAL, "heap %u, %llu bytes", heap,
				 (unsigned long long)bytes);
	if (bytes > dev->limit - dev->allocated)
		return aios_fail(st, -AIOS_EXHAUSTED, "%llu bytes wanted, %llu of %llu left",
				 (unsigned long long)bytes,
				 (unsigned long long)(dev->limit - dev->allocated),
				 (unsigned long long)dev->limit);
	out->host = aligned_alloc(DRV_ALIGN, (bytes + DRV_ALIGN - 1) / DRV_ALIGN * DRV_ALIGN);
	if (!out->host)
		return aios_fail(st, -AIOS_EXHAUSTED, "the system has no %llu bytes",
				 (unsigned long long)bytes);
	out->addr = (aios_addr)(uintptr_t)out->host;
	out->bytes = bytes;
	out->priv = NULL;
	out->heap = heap;
	dev->allocated += bytes;
	return 0;
}

void drv_mem_free(void *arg, struct aios_mem *mem)
{
	struct drv_device *dev = arg;

	if (!mem)
		return;
	dev->allocated -= mem->bytes;
	free(mem->host);
}

int drv_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
	     struct aios_status *st)
{
	(void)dev;
	(void)queue;
	if (dir > AIOS_COPY_ON_DEVICE)
		return aios_fail(st, -EINVAL, "there is no copy direction %u", dir);
	if (bytes)
		memmove(drv_ptr(dst), drv_ptr(src), bytes);
	return 0;
}

int drv_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
	     struct aios_status *st)
{
	(void)dev;
	(void)queue;
	(void)st;
	if (bytes)
		memset(drv_ptr(dst), value, bytes);
	return 0;
}
