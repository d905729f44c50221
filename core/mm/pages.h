/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages.h - who holds which page of the KV pool. Pages are numbers; the memory
 * is the pool's (core/engine/kv.h). Reference counted, so that sequences may
 * share pages; page 0 is handed out like any other.
 */
#ifndef CORE_MM_PAGES_H
#define CORE_MM_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include <aios/error.h>

struct mm_pages {
	uint32_t total, used, peak;
	int32_t *free;  /* stack of total - used page numbers */
	uint32_t *refs; /* [total] */
};

int mm_pages_init(struct mm_pages *p, uint32_t total, struct aios_status *st);
void mm_pages_finish(struct mm_pages *p); /* takes a zeroed struct */

/* `n` pages with one reference each into out[]; all or nothing: -AIOS_EXHAUSTED. */
int mm_pages_alloc(struct mm_pages *p, uint32_t n, int32_t *out);
void mm_pages_get(struct mm_pages *p, int32_t page);
void mm_pages_put(struct mm_pages *p, int32_t page);

/* True when the free stack and the counts agree. For tests and idle checks. */
bool mm_pages_consistent(const struct mm_pages *p);

#endif /* CORE_MM_PAGES_H */
