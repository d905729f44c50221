// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/mm/pages.h"

int mm_pages_init(struct mm_pages *p, uint32_t total, struct aios_status *st)
{
	memset(p, 0, sizeof(*p));
	p->free = calloc(total ? total : 1, sizeof(*p->free));
	p->refs = calloc(total ? total : 1, sizeof(*p->refs));
	if (!p->free || !p->refs) {
		mm_pages_finish(p);
		return aios_fail(st, -ENOMEM, "no host memory for the list of %u KV pages", total);
	}
	p->total = total;
	for (uint32_t i = 0; i < total; i++)
		p->free[i] = (int32_t)(total - 1 - i);
	return 0;
}

void mm_pages_finish(struct mm_pages *p)
{
	free(p->free);
	free(p->refs);
	memset(p, 0, sizeof(*p));
}

int mm_pages_alloc(struct mm_pages *p, uint32_t n, int32_t *out)
{
	if (n > p->total - p->used)
		return -AIOS_EXHAUSTED;
	for (uint32_t i = 0; i < n; i++) {
		out[i] = p->free[p->total - p->used - 1];
		p->refs[out[i]] = 1;
		p->used++;
	}
	if (p->used > p->peak)
		p->peak = p->used;
	return 0;
}

void mm_pages_get(struct mm_pages *p, int32_t page)
{
	p->refs[page]++;
}

void mm_pages_put(struct mm_pages *p, int32_t page)
{
	if (--p->refs[page] > 0)
		return;
	p->used--;
	p->free[p->total - p->used - 1] = page;
}

bool mm_pages_consistent(const struct mm_pages *p)
{
	uint32_t held = 0;

	for (uint32_t i = 0; i < p->total; i++)
		held += p->refs[i] > 0;
	if (held != p->used)
		return false;
	for (uint32_t i = 0; i < p->total - p->used; i++) {
		if (p->free[i] < 0 || (uint32_t)p->free[i] >= p->total || p->refs[p->free[i]] != 0)
			return false;
	}
	return true;
}
