// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/engine/swap.h"
#include "core/lib/clock.h"

#define SLAB_BYTES (64ull << 20)

int swap_init(struct swap *s, struct device *dev, const struct kv_cache *kv, uint64_t bytes,
	      struct aios_status *st)
{
	const struct aios_kv_layer *l = &kv->layers[0];
	uint64_t slots;

	memset(s, 0, sizeof(*s));
	s->half_bytes =
		(uint64_t)l->page_size * l->n_kv_heads * l->head_dim * aios_dtype_bytes(l->dtype);
	s->slot_bytes = 2 * s->half_bytes * kv->n_layers;
	slots = bytes / s->slot_bytes;
	s->max_slots = slots < UINT32_MAX ? (uint32_t)slots : UINT32_MAX;
	s->per_slab = (uint32_t)(SLAB_BYTES / s->slot_bytes);
	if (s->per_slab == 0)
		s->per_slab = 1;
	if (s->per_slab > s->max_slots)
		s->per_slab = s->max_slots;
	if (s->max_slots == 0)
		return 0;
	s->free = calloc(s->max_slots, sizeof(*s->free));
	s->slabs = calloc(s->max_slots / s->per_slab + 1, sizeof(*s->slabs));
	if (!s->free || !s->slabs)
		return aios_fail(st, -ENOMEM, "no host memory for the list of %u swap slots",
				 s->max_slots);
	s->device = device_get(dev);
	return 0;
}

void swap_finish(struct swap *s)
{
	for (uint32_t i = 0; i < s->n_slabs; i++) {
		if (s->slabs[i].pinned.addr)
			device_free(s->device, &s->slabs[i].pinned);
		else
			free(s->slabs[i].host);
	}
	free(s->slabs);
	free(s->free);
	device_put(s->device);
	memset(s, 0, sizeof(*s));
}

static bool pin_slab(struct swap *s, struct swap_slab *slab, uint64_t bytes)
{
	struct aios_heap_info heap;

	if (device_heap_info(s->device, AIOS_HEAP_PINNED, &heap, NULL) < 0 || heap.total == 0 ||
	    device_alloc(s->device, AIOS_HEAP_PINNED, bytes, "swapped KV pages", &slab->pinned,
			 NULL) < 0)
		return false;
	slab->host = slab->pinned.host;
	if (!slab->host)
		device_free(s->device, &slab->pinned);
	return slab->host != NULL;
}

static int add_slab(struct swap *s, struct aios_status *st)
{
	uint32_t have = s->n_slabs * s->per_slab, n = s->max_slots - have;
	struct swap_slab *slab = &s->slabs[s->n_slabs];

	n = n < s->per_slab ? n : s->per_slab;
	if (!pin_slab(s, slab, n * s->slot_bytes))
		slab->host = malloc(n * s->slot_bytes);
	if (!slab->host)
		return aios_fail(st, -ENOMEM, "no host memory for %u swapped KV pages", n);
	s->n_slabs++;
	for (uint32_t i = n; i > 0; i--)
		s->free[s->n_free++] = have + i - 1;
	return 0;
}

static char *slot_host(const struct swap *s, uint32_t slot)
{
	return s->slabs[slot / s->per_slab].host + slot % s->per_slab * s->slot_bytes;
}

/* Enqueue one page's copies, one way or the other. */
static int copy_page(const struct swap *s, struct queue *q, const struct kv_cache *kv, int32_t page,
		     uint32_t slot, bool out, struct aios_status *st)
{
	uint64_t at = (uint64_t)page * s->half_bytes;
	char *host = slot_host(s, slot);
	int rc = 0;

	for (uint32_t i = 0; i < kv->n_layers && rc == 0; i++, host += 2 * s->half_bytes) {
		const struct aios_kv_layer *l = &kv->layers[i];
		char *v = host + s->half_bytes;

		rc = out ? queue_download(q, host, l->k + at, s->half_bytes, st) :
			   queue_upload(q, l->k + at, host, s->half_bytes, st);
		if (rc == 0)
			rc = out ? queue_download(q, v, l->v + at, s->half_bytes, st) :
				   queue_upload(q, l->v + at, v, s->half_bytes, st);
	}
	return rc;
}

#define GUESS_BYTES_PER_US 8000u /* until a copy was timed: what a PCIe 3.0 slot moves */

static void time_begin(struct swap *s, struct queue *q)
{
	if (s->timed_pages == 0 && queue_mark(q, &s->mark_from, NULL) < 0)
		s->mark_from = 0;
}

static void time_end(struct swap *s, struct queue *q, uint64_t start, uint32_t n)
{
	s->timed_pages += n;
	s->timed_ns += clock_ns() - start;
	if (queue_mark(q, &s->mark_to, NULL) < 0)
		s->mark_to = 0;
}

void swap_settle(struct swap *s, struct queue *q)
{
	uint64_t ns = 0;

	if (s->timed_pages == 0)
		return;
	/* A driver that keeps no times copies while the host waits, so the host's time will do. */
	if (!s->mark_from || !s->mark_to ||
	    queue_elapsed(q, s->mark_from, s->mark_to, &ns, NULL) < 0)
		ns = s->timed_ns;
	ns /= s->timed_pages;
	s->page_ns = s->page_ns ? (7 * s->page_ns + ns) / 8 : ns;
	s->timed_pages = 0;
	s->timed_ns = 0;
}

uint64_t swap_cost(const struct swap *s)
{
	return 2 * (s->page_ns ? s->page_ns : s->slot_bytes * 1000 / GUESS_BYTES_PER_US);
}

int swap_out(struct swap *s, struct queue *q, const struct kv_cache *kv, const int32_t *pages,
	     uint32_t n, struct swap_slots *out, struct aios_status *st)
{
	uint64_t start = clock_ns();
	int rc = 0;

	out->n = 0;
	if (n > swap_room(s))
		return aios_fail(st, -ENOSPC, "%u pages, but swap has room for %u", n,
				 swap_room(s));
	out->slots = calloc(n ? n : 1, sizeof(*out->slots));
	if (!out->slots)
		return aios_fail(st, -ENOMEM, "no host memory for a list of %u swap slots", n);
	while (s->n_free < n && rc == 0)
		rc = add_slab(s, st);
	time_begin(s, q);
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		out->slots[out->n++] = s->free[--s->n_free];
		s->used++;
		rc = copy_page(s, q, kv, pages[i], out->slots[i], true, st);
	}
	if (rc < 0) {
		swap_drop(s, out);
		return rc;
	}
	s->bytes_out += n * s->slot_bytes;
	time_end(s, q, start, n);
	return 0;
}

int swap_in(struct swap *s, struct queue *q, const struct kv_cache *kv, const int32_t *pages,
	    struct swap_slots *from, struct aios_status *st)
{
	uint64_t start = clock_ns();
	int rc = 0;

	time_begin(s, q);
	for (uint32_t i = 0; i < from->n && rc == 0; i++)
		rc = copy_page(s, q, kv, pages[i], from->slots[i], false, st);
	if (rc < 0)
		return rc;
	s->bytes_in += from->n * s->slot_bytes;
	time_end(s, q, start, from->n);
	swap_drop(s, from);
	return 0;
}

void swap_drop(struct swap *s, struct swap_slots *slots)
{
	for (uint32_t i = 0; i < slots->n; i++)
		s->free[s->n_free++] = slots->slots[i];
	s->used -= slots->n;
	free(slots->slots);
	slots->slots = NULL;
	slots->n = 0;
}
