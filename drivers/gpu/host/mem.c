// SPDX-License-Identifier: Apache-2.0
/*
 * mem.c - the three heaps: memory of the GPU, and host memory that is locked and
 * in the GPU's address space (PINNED and MAPPED are the same memory here, since
 * all addresses are unified). Arenas and pools on top are the core's.
 *
 * Locked memory is taken from every other process of the machine, so that there is
 * a limit on it, the parameter `pinned`; the two heaps share it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

/* priv of device memory: the generation it was made in; of host memory: its record. */
struct mem_host {
	struct gpu_pinned pinned;
	unsigned int generation;
};

static uint64_t host_total(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

static uint64_t host_available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * 1024;
}

static uint64_t pinned_limit(const struct gpu_device *dev)
{
	return dev->pinned_max ? dev->pinned_max : host_total() / 4;
}

static uint64_t pinned_free(struct gpu_device *dev)
{
	uint64_t limit = pinned_limit(dev), used;

	pthread_mutex_lock(&dev->lock);
	used = dev->pinned_bytes;
	pthread_mutex_unlock(&dev->lock);
	return used < limit ? limit - used : 0;
}

int gpu_slot_heap_info(void *arg, uint32_t heap, struct aios_heap_info *info,
		       struct aios_status *st)
{
	struct gpu_device *dev = arg;
	size_t free_bytes = 0, total = 0;
	int ret;

	if (heap >= AIOS_HEAP_COUNT)
		return aios_fail(st, -EINVAL, "heap %u does not exist; expected 0 to %u", heap,
				 AIOS_HEAP_COUNT - 1);
	if (heap != AIOS_HEAP_DEVICE) {
		info->total = pinned_limit(dev);
		info->free = pinned_free(dev);
		if (info->free > host_available())
			info->free = host_available();
		return 0;
	}
	ret = gpu_enter(dev, atomic_load(&dev->generation), st);
	if (ret)
		return ret;
	ret = gpu_result(dev, dev->api->mem_info(&free_bytes, &total), dev->api->name.mem_info, st);
	gpu_leave(dev);
	info->total = total;
	info->free = free_bytes;
	return ret;
}

bool gpu_is_pinned(struct gpu_device *dev, const void *host, uint64_t bytes)
{
	const struct gpu_pinned *p;
	uintptr_t addr = (uintptr_t)host, base;
	bool found = false;

	pthread_mutex_lock(&dev->lock);
	for (p = dev->pinned; p && !found; p = p->next) {
		base = (uintptr_t)p->host;
		found = addr >= base && addr - base <= p->bytes &&
			bytes <= p->bytes - (addr - base);
	}
	pthread_mutex_unlock(&dev->lock);
	return found;
}

static void pinned_link(struct gpu_device *dev, struct gpu_pinned *p)
{
	pthread_mutex_lock(&dev->lock);
	p->next = dev->pinned;
	p->link = &dev->pinned;
	if (p->next)
		p->next->link = &p->next;
	dev->pinned = p;
	dev->pinned_bytes += p->bytes;
	pthread_mutex_unlock(&dev->lock);
}

static void pinned_unlink(struct gpu_device *dev, struct gpu_pinned *p)
{
	pthread_mutex_lock(&dev->lock);
	if (p->link) {
		*p->link = p->next;
		if (p->next)
			p->next->link = p->link;
		dev->pinned_bytes -= p->bytes;
	}
	pthread_mutex_unlock(&dev->lock);
}

/* An allocation failed: how much there is, for the message. The context is current. */
static int alloc_failed(struct gpu_device *dev, int result, uint64_t bytes, const char *what,
			struct aios_status *st)
{
	size_t free_bytes = 0, total = 0;

	if (result != GPU_OUT_OF_MEMORY)
		return gpu_result(dev, result, what, st);
	dev->api->mem_info(&free_bytes, &total);
	aios_fail(st, -AIOS_EXHAUSTED,
		  "%s: no %llu bytes; the GPU has %zu free of %zu, in pieces perhaps", what,
		  (unsigned long long)bytes, free_bytes, total);
	if (st)
		st->vendor = result;
	return -AIOS_EXHAUSTED;
}

static int alloc_device(struct gpu_device *dev, uint64_t bytes, struct aios_mem *out,
			struct aios_status *st)
{
	uint64_t addr = 0;
	int result = dev->api->mem_alloc(&addr, bytes);

	if (result != GPU_OK)
		return alloc_failed(dev, result, bytes, dev->api->name.mem_alloc, st);
	out->addr = addr;
	out->host = NULL;
	out->priv = (void *)(uintptr_t)atomic_load(&dev->generation);
	return 0;
}

static int alloc_host(struct gpu_device *dev, uint64_t bytes, struct aios_mem *out,
		      struct aios_status *st)
{
	struct mem_host *m = calloc(1, sizeof(*m));
	uint64_t addr = 0;
	void *host = NULL;
	int ret;

	if (!m)
		return aios_fail(st, -AIOS_EXHAUSTED, "no memory for an allocation's record");
	ret = dev->api->host_alloc(&host, bytes, GPU_HOST_PORTABLE | GPU_HOST_DEVICE_MAP);
	if (ret == GPU_OUT_OF_MEMORY) {
		ret = aios_fail(st, -AIOS_EXHAUSTED,
				"%s: the system gave no %llu bytes of locked memory",
				dev->api->name.host_alloc, (unsigned long long)bytes);
		goto free_record;
	}
	ret = gpu_result(dev, ret, dev->api->name.host_alloc, st);
	if (ret)
		goto free_record;
	ret = gpu_result(dev, dev->api->host_addr(&addr, host, 0), dev->api->name.host_addr, st);
	if (ret)
		goto free_host;
	m->generation = atomic_load(&dev->generation);
	m->pinned.host = host;
	m->pinned.bytes = bytes;
	pinned_link(dev, &m->pinned);
	out->addr = addr;
	out->host = host;
	out->priv = m;
	return 0;

free_host:
	dev->api->host_free(host);
free_record:
	free(m);
	return ret;
}

int gpu_slot_mem_alloc(void *arg, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		       struct aios_status *st)
{
	struct gpu_device *dev = arg;
	int ret;

	if (heap >= AIOS_HEAP_COUNT)
		return aios_fail(st, -EINVAL, "heap %u does not exist; expected 0 to %u", heap,
				 AIOS_HEAP_COUNT - 1);
	if (bytes == 0)
		return aios_fail(st, -EINVAL, "an allocation of 0 bytes; ask for at least 1");
	if (heap == AIOS_HEAP_DEVICE && bytes > dev->memory)
		return aios_fail(st, -AIOS_EXHAUSTED,
				 "%llu bytes asked for, but the GPU has %llu in all",
				 (unsigned long long)bytes, (unsigned long long)dev->memory);
	if (heap != AIOS_HEAP_DEVICE && bytes > pinned_free(dev))
		return aios_fail(st, -AIOS_EXHAUSTED,
				 "%llu bytes of locked memory asked for, but %llu are free of the "
				 "%llu that may be locked; [driver.%s] pinned raises that",
				 (unsigned long long)bytes, (unsigned long long)pinned_free(dev),
				 (unsigned long long)pinned_limit(dev), gpu_vendor.name);
	ret = gpu_enter(dev, atomic_load(&dev->generation), st);
	if (ret)
		return ret;
	memset(out, 0, sizeof(*out));
	out->bytes = bytes;
	out->heap = heap;
	ret = heap == AIOS_HEAP_DEVICE ? alloc_device(dev, bytes, out, st) :
					 alloc_host(dev, bytes, out, st);
	gpu_leave(dev);
	return ret;
}

/* Of a lost or an older context nothing is left to free. */
void gpu_slot_mem_free(void *arg, struct aios_mem *mem)
{
	struct gpu_device *dev = arg;
	struct mem_host *m = NULL;
	unsigned int generation;

	if (!mem || !mem->addr)
		return;
	if (mem->heap == AIOS_HEAP_DEVICE) {
		generation = (unsigned int)(uintptr_t)mem->priv;
	} else {
		m = mem->priv;
		generation = m->generation;
		pinned_unlink(dev, &m->pinned);
	}
	if (gpu_enter(dev, generation, NULL) == 0) {
		if (m)
			dev->api->host_free(mem->host);
		else
			dev->api->mem_free(mem->addr);
		gpu_leave(dev);
	}
	free(m);
	memset(mem, 0, sizeof(*mem));
}
