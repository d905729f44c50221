// SPDX-License-Identifier: Apache-2.0
/* memory.c - allocations: which are alive, what is inside them, who still works with them. */
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char *heap_name(uint32_t heap)
{
	static const char *const names[AIOS_HEAP_COUNT] = { "device", "pinned", "mapped" };

	return heap < AIOS_HEAP_COUNT ? names[heap] : "unknown";
}

void check_alloc_text(const struct check_alloc *a, char *text, size_t size)
{
	snprintf(text, size, "allocation %llu (call %llu, %llu bytes, %s heap%s)",
		 (unsigned long long)a->number, (unsigned long long)a->call,
		 (unsigned long long)a->bytes, heap_name(a->heap), a->imported ? ", imported" : "");
}

/* Index of the first allocation that begins behind `addr`. */
static uint32_t behind(const struct check *c, aios_addr addr)
{
	uint32_t low = 0, high = c->n_allocs;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (c->allocs[middle].addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct check_alloc *check_find(struct check *c, aios_addr addr)
{
	uint32_t i = behind(c, addr);
	struct check_alloc *a = i > 0 ? &c->allocs[i - 1] : NULL;

	return a && addr - a->addr < a->bytes ? a : NULL;
}

struct check_alloc *check_find_host(struct check *c, const void *host)
{
	for (uint32_t i = 0; i < c->n_allocs; i++) {
		struct check_alloc *a = &c->allocs[i];

		if (a->host && (uintptr_t)host - (uintptr_t)a->host < a->bytes)
			return a;
	}
	return NULL;
}

bool check_add(struct check *c, const struct aios_mem *mem, bool imported, uint64_t call)
{
	uint32_t at = behind(c, mem->addr), cap = c->cap_allocs ? 2 * c->cap_allocs : 64;
	struct check_alloc *allocs = c->allocs;

	if (c->n_allocs == c->cap_allocs) {
		allocs = realloc(allocs, cap * sizeof(*allocs));
		if (!allocs)
			return false;
		c->allocs = allocs;
		c->cap_allocs = cap;
	}
	memmove(&allocs[at + 1], &allocs[at], (c->n_allocs - at) * sizeof(*allocs));
	c->n_allocs++;
	memset(&allocs[at], 0, sizeof(*allocs));
	allocs[at].addr = mem->addr;
	allocs[at].bytes = mem->bytes;
	allocs[at].host = mem->host;
	allocs[at].heap = mem->heap;
	allocs[at].imported = imported;
	allocs[at].number = ++c->n_numbers;
	allocs[at].call = call;
	return true;
}

void check_forget(struct check *c, struct check_alloc *a, uint64_t call)
{
	uint32_t at = (uint32_t)(a - c->allocs);

	a->freed = call;
	c->freed[c->n_freed++ % CHECK_FREED] = *a;
	c->n_allocs--;
	memmove(a, a + 1, (c->n_allocs - at) * sizeof(*a));
}

/* The allocation freed last that held this address, or NULL. */
static const struct check_alloc *find_freed(const struct check *c, aios_addr addr)
{
	const struct check_alloc *found = NULL;

	for (uint32_t i = 0; i < CHECK_FREED; i++) {
		const struct check_alloc *a = &c->freed[i];

		if (a->freed && addr - a->addr < a->bytes && (!found || a->freed > found->freed))
			found = a;
	}
	return found;
}

/* An address that no live allocation holds: which rule is broken? */
static void explain(struct check_call *call, const char *what, aios_addr addr)
{
	const struct check_alloc *freed = find_freed(call->c, addr);
	char text[160];

	if (!freed) {
		check_bad(call, "%s at 0x%llx is in no allocation of this device", what,
			  (unsigned long long)addr);
		return;
	}
	check_alloc_text(freed, text, sizeof(text));
	check_bad(call, "%s at 0x%llx is used after free: it was in %s, freed by call %llu", what,
		  (unsigned long long)addr, text, (unsigned long long)freed->freed);
}

struct check_alloc *check_range(struct check_call *call, const char *what, aios_addr addr,
				uint64_t bytes, bool write, bool operand)
{
	struct check_alloc *a = check_find(call->c, addr);
	char text[160];

	if (!a) {
		explain(call, what, addr);
		return NULL;
	}
	check_alloc_text(a, text, sizeof(text));
	if (bytes > a->bytes - (addr - a->addr))
		check_bad(call, "%s: %llu bytes from byte %llu on run %llu past the end of %s",
			  what, (unsigned long long)bytes, (unsigned long long)(addr - a->addr),
			  (unsigned long long)(bytes - (a->bytes - (addr - a->addr))), text);
	else if (operand && a->heap == AIOS_HEAP_PINNED)
		check_bad(call, "%s is in %s: that is host memory, for copies", what, text);
	else if (write && a->imported)
		check_bad(call, "%s writes to %s, which is read only", what, text);
	else
		return a;
	return NULL;
}

void check_host_range(struct check_call *call, struct check_queue *q, uint64_t host, uint64_t bytes,
		      bool write)
{
	const void *at = (const void *)(uintptr_t)host;
	struct check_alloc *a = check_find_host(call->c, at);
	uint64_t offset;
	char text[160];

	if (!host) {
		check_bad(call, "the host's side of the copy is NULL");
		return;
	}
	if (!a)
		return;
	offset = (uint64_t)((uintptr_t)at - (uintptr_t)a->host);
	if (bytes > a->bytes - offset) {
		check_alloc_text(a, text, sizeof(text));
		check_bad(call,
			  "the host's side: %llu bytes from byte %llu on run past the end of %s",
			  (unsigned long long)bytes, (unsigned long long)offset, text);
		return;
	}
	/* Pinned memory is in use until the copy has completed. */
	if (a->heap != AIOS_HEAP_DEVICE)
		check_use(call, q, a, "the host's side", a->addr + offset, bytes, write);
}

void check_freeing(struct check_call *call, const struct aios_mem *mem)
{
	struct check_alloc *a = check_find(call->c, mem->addr);
	struct check_mark by;
	char text[160];

	if (!a || a->addr != mem->addr) {
		const struct check_alloc *freed = find_freed(call->c, mem->addr);

		if (!a && freed && freed->addr == mem->addr) {
			check_alloc_text(freed, text, sizeof(text));
			check_bad(call, "freed twice: %s was freed by call %llu", text,
				  (unsigned long long)freed->freed);
		} else {
			check_bad(call, "0x%llx is not the start of an allocation",
				  (unsigned long long)mem->addr);
		}
		return;
	}
	check_alloc_text(a, text, sizeof(text));
	if (a->bytes != mem->bytes || a->heap != mem->heap)
		check_bad(call, "%s is freed as %llu bytes of heap %u", text,
			  (unsigned long long)mem->bytes, mem->heap);
	if (check_pending(call->c, a, &by))
		check_bad(call,
			  "%s is freed while work %llu of queue %llu may use it: wait for a signal "
			  "behind it first",
			  text, (unsigned long long)by.seq,
			  (unsigned long long)call->c->queues[by.queue].number);
}

void check_leaks(struct check_call *call)
{
	char text[160];

	for (uint32_t i = 0; i < call->c->n_allocs; i++) {
		check_alloc_text(&call->c->allocs[i], text, sizeof(text));
		check_bad(call, "%s is leaked", text);
	}
}
