// SPDX-License-Identifier: Apache-2.0
/*
 * memory.c - what goes wrong with allocations.
 */
#include <string.h>

#include "slots.h"

#define ARENA ((uint64_t)64 << 20)
#define ARENA_MOST ((uint64_t)1 << 20) /* larger ones do not come from it */

int faulty_heap_info(void *arg, uint32_t heap, struct aios_heap_info *info, struct aios_status *st)
{
	struct faulty_device *dev = arg;
	int ret = ref_heap_info(dev->below, heap, info, st);

	if (faulty_has(BUG_ME_FREE) && info->total)
		info->free = info->total + 4096;
	return ret;
}

/* The next piece of the arena; each begins inside the one before. */
static int arena_take(struct faulty_device *dev, uint32_t heap, uint64_t bytes,
		      struct aios_mem *out, struct aios_status *st)
{
	uint64_t size = (bytes + 255) / 256 * 256;
	int ret = 0;

	if (!dev->arena.addr)
		ret = ref_mem_alloc(dev->below, AIOS_HEAP_DEVICE, ARENA, &dev->arena, st);
	if (ret)
		return ret;
	if (dev->arena_at + size > ARENA)
		dev->arena_at = 0;
	memset(out, 0, sizeof(*out));
	out->addr = dev->arena.addr + dev->arena_at;
	out->host = ref_ptr(out->addr);
	out->bytes = bytes;
	out->heap = heap;
	dev->arena_at += size > 256 ? size - 256 : size;
	return 0;
}

static int exhausted(struct aios_mem *out, struct aios_status *st)
{
	if (faulty_has(BUG_ME_CRASH))
		__builtin_trap();
	if (faulty_has(BUG_ME_CODE))
		return aios_fail(st, -EIO, "something went wrong");
	if (faulty_has(BUG_ME_NULL)) {
		memset(out, 0, sizeof(*out));
		return 0;
	}
	return -AIOS_EXHAUSTED;
}

int faulty_mem_alloc(void *arg, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		     struct aios_status *st)
{
	struct faulty_device *dev = arg;
	uint64_t more = faulty_has(BUG_ME_ALIGN) && bytes < UINT64_MAX / 2 ? 64 : 0;
	int ret;

	if (faulty_has(BUG_ME_SHORT) && bytes > 4096)
		bytes = bytes / 4096 * 4096;
	if (faulty_has(BUG_ME_OVERLAP) && bytes && bytes < ARENA_MOST && heap < AIOS_HEAP_COUNT)
		return arena_take(dev, heap, bytes, out, st);
	ret = ref_mem_alloc(dev->below, heap, bytes + (bytes ? more : 0), out, st);
	if (ret == -AIOS_EXHAUSTED)
		ret = exhausted(out, st);
	if (ret && faulty_has(BUG_DV_MESSAGE) && st)
		st->message[0] = '\0';
	if (ret || !out->addr)
		return ret;
	out->bytes = bytes;
	out->addr += more;
	out->host = (char *)out->host + more;
	if (faulty_has(BUG_ME_PINNED) && heap == AIOS_HEAP_PINNED)
		out->host = NULL;
	return 0;
}

int faulty_mem_import(void *arg, const void *host, uint64_t bytes, struct aios_mem *out,
		      struct aios_status *st)
{
	struct faulty_device *dev = arg;

	return ref_mem_import(dev->below, host, bytes, out, st);
}

void faulty_mem_free(void *arg, struct aios_mem *mem)
{
	struct faulty_device *dev = arg;
	struct aios_status st = { 0 };

	if (faulty_has(BUG_DV_NULL) && mem->addr == 0) /* reads through NULL */
		return;
	faulty_flush(dev, &st);
	if (faulty_has(BUG_ME_LEAK) && mem)
		memset(mem, 0, sizeof(*mem));
	ref_mem_free(dev->below, mem);
}
