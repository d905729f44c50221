// SPDX-License-Identifier: Apache-2.0
/*
 * mem.c - the three heaps are host memory. What is large comes from mmap: it
 * costs nothing until it is touched and goes back to the system when freed.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ref.h"

#define MEM_ALIGN 256
#define MEM_MMAP_FROM ((uint64_t)1 << 20)

/* Bookkeeping of one allocation; aios_mem.priv points to it. */
struct ref_alloc {
	struct ref_alloc *next, **link;
	void *base;
	uint64_t bytes;
	uint32_t heap;
	bool mapped;   /* from mmap */
	bool imported; /* the caller's */
};

uint64_t ref_mem_total(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

/* MemAvailable of /proc/meminfo: free memory and what the page cache would give back. */
static uint64_t mem_available(void)
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

int ref_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info, struct aios_status *st)
{
	(void)dev;
	(void)st;
	info->total = heap < AIOS_HEAP_COUNT ? ref_mem_total() : 0;
	info->free = heap < AIOS_HEAP_COUNT ? mem_available() : 0;
	if (info->free > info->total)
		info->free = info->total;
	return 0;
}

static void mem_link(struct ref_device *dev, struct ref_alloc *alloc)
{
	pthread_mutex_lock(&dev->lock);
	alloc->next = dev->allocs;
	alloc->link = &dev->allocs;
	if (alloc->next)
		alloc->next->link = &alloc->next;
	dev->allocs = alloc;
	pthread_mutex_unlock(&dev->lock);
}

static void mem_unlink(struct ref_device *dev, struct ref_alloc *alloc)
{
	pthread_mutex_lock(&dev->lock);
	*alloc->link = alloc->next;
	if (alloc->next)
		alloc->next->link = alloc->link;
	pthread_mutex_unlock(&dev->lock);
}

static void mem_describe(struct ref_alloc *alloc, struct aios_mem *out)
{
	out->addr = (uint64_t)(uintptr_t)alloc->base;
	out->bytes = alloc->bytes;
	out->host = alloc->base;
	out->priv = alloc;
	out->heap = alloc->heap;
	out->reserved = 0;
}

static void *mem_get(uint64_t bytes, bool *mapped)
{
	void *base;

	*mapped = bytes >= MEM_MMAP_FROM;
	if (!*mapped)
		return aligned_alloc(MEM_ALIGN, (bytes + MEM_ALIGN - 1) / MEM_ALIGN * MEM_ALIGN);
	base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return base == MAP_FAILED ? NULL : base;
}

int ref_mem_alloc(void *arg, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		  struct aios_status *st)
{
	struct ref_device *dev = arg;
	uint64_t total = ref_mem_total();
	struct ref_alloc *alloc;

	if (heap >= AIOS_HEAP_COUNT)
		return aios_fail(st, -EINVAL, "heap %u does not exist; expected 0 to %u", heap,
				 AIOS_HEAP_COUNT - 1);
	if (bytes == 0)
		return aios_fail(st, -EINVAL, "an allocation of 0 bytes; ask for at least 1");
	if ((total && bytes > total) || bytes > SIZE_MAX / 2)
		return aios_fail(st, -AIOS_EXHAUSTED,
				 "%llu bytes asked for, but this machine has %llu in all",
				 (unsigned long long)bytes, (unsigned long long)total);
	alloc = calloc(1, sizeof(*alloc));
	if (!alloc)
		return aios_fail(st, -AIOS_EXHAUSTED, "no memory for an allocation's record");
	alloc->base = mem_get(bytes, &alloc->mapped);
	if (!alloc->base) {
		free(alloc);
		return aios_fail(st, -AIOS_EXHAUSTED, "the system gave no %llu bytes: %s",
				 (unsigned long long)bytes, strerror(errno));
	}
	alloc->bytes = bytes;
	alloc->heap = heap;
	mem_link(dev, alloc);
	mem_describe(alloc, out);
	return 0;
}

int ref_mem_import(void *arg, const void *host, uint64_t bytes, struct aios_mem *out,
		   struct aios_status *st)
{
	struct ref_device *dev = arg;
	struct ref_alloc *alloc;

	if (!host || bytes == 0 || (uintptr_t)host % MEM_ALIGN)
		return aios_fail(
			st, -EINVAL,
			"cannot import %llu bytes at %p: expected some, at an address that is "
			"a multiple of %d; copy them instead",
			(unsigned long long)bytes, host, MEM_ALIGN);
	alloc = calloc(1, sizeof(*alloc));
	if (!alloc)
		return aios_fail(st, -AIOS_EXHAUSTED, "no memory for an import's record");
	alloc->base = (void *)(uintptr_t)host;
	alloc->bytes = bytes;
	alloc->heap = AIOS_HEAP_MAPPED;
	alloc->imported = true;
	mem_link(dev, alloc);
	mem_describe(alloc, out);
	return 0;
}

void ref_mem_free(void *arg, struct aios_mem *mem)
{
	struct ref_device *dev = arg;
	struct ref_alloc *alloc = mem ? mem->priv : NULL;

	if (!alloc)
		return;
	mem_unlink(dev, alloc);
	if (alloc->mapped)
		munmap(alloc->base, alloc->bytes);
	else if (!alloc->imported)
		free(alloc->base);
	free(alloc);
	memset(mem, 0, sizeof(*mem));
}

bool ref_mem_owns(struct ref_device *dev, uint64_t addr, uint64_t bytes)
{
	struct ref_alloc *alloc;
	uint64_t base;
	bool found = false;

	pthread_mutex_lock(&dev->lock);
	for (alloc = dev->allocs; alloc && !found; alloc = alloc->next) {
		base = (uint64_t)(uintptr_t)alloc->base;
		found = !alloc->imported && addr >= base && addr - base <= alloc->bytes &&
			bytes <= alloc->bytes - (addr - base);
	}
	pthread_mutex_unlock(&dev->lock);
	return found;
}
