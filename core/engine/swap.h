/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swap.h - KV pages in host memory. A slot holds one page of all layers. Slabs of
 * slots are allocated when they are first needed, pinned where the device has
 * that, and kept. Copies go through the engine's queue, in order with its steps:
 * a page may be given to somebody else as soon as its copy is enqueued.
 */
#ifndef CORE_ENGINE_SWAP_H
#define CORE_ENGINE_SWAP_H

#include "core/device/device.h"
#include "core/engine/kv.h"

/* The slots that one request's pages are in, in order of its pages. */
struct swap_slots {
	uint32_t *slots;
	uint32_t n;
};

struct swap_slab {
	char *host;
	struct aios_mem pinned; /* addr 0: malloc'ed */
};

struct swap {
	struct device *device;
	uint64_t slot_bytes, half_bytes; /* half: one layer's keys of a page */
	uint32_t max_slots, per_slab;    /* most there may be; of a slab */
	struct swap_slab *slabs;         /* [n_slabs] */
	uint32_t n_slabs;
	uint32_t *free; /* stack of n_free slots, room for max_slots */
	uint32_t n_free;
	uint32_t used;
	uint64_t bytes_out, bytes_in;
	uint64_t page_ns; /* measured: one page out or in; 0: not yet */
	/* Copies since the last swap_settle(). */
	uint32_t timed_pages;
	uint64_t timed_ns;           /* of the host, enqueuing */
	uint64_t mark_from, mark_to; /* on the queue's timeline */
};

/* At most `bytes` of host memory; 0: no swapping. */
int swap_init(struct swap *s, struct device *dev, const struct kv_cache *kv, uint64_t bytes,
	      struct aios_status *st);
void swap_finish(struct swap *s); /* the queue is idle; takes a zeroed struct */

/* Slots to be had. */
static inline uint32_t swap_room(const struct swap *s)
{
	return s->max_slots - s->used;
}

/* Enqueue copies of `n` pages to slots; -ENOSPC or -ENOMEM: nothing was done. */
int swap_out(struct swap *s, struct queue *q, const struct kv_cache *kv, const int32_t *pages,
	     uint32_t n, struct swap_slots *out, struct aios_status *st);

/* Enqueue copies of all slots to `pages` [from->n] and give the slots back. */
int swap_in(struct swap *s, struct queue *q, const struct kv_cache *kv, const int32_t *pages,
	    struct swap_slots *from, struct aios_status *st);

/* The queue is idle: take the time of the copies since the last call. */
void swap_settle(struct swap *s, struct queue *q);

/* What a page's way out and in again costs, nanoseconds; a guess until it was measured. */
uint64_t swap_cost(const struct swap *s);

/* Give the slots back. */
void swap_drop(struct swap *s, struct swap_slots *slots);

#endif /* CORE_ENGINE_SWAP_H */
