/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv.h - the paged KV cache: one pool of pages per layer in device memory, one
 * list of who holds which page number for all layers together.
 */
#ifndef CORE_ENGINE_KV_H
#define CORE_ENGINE_KV_H

#include <aios/plugin/model.h>

#include "core/mm/arena.h"
#include "core/mm/pages.h"

struct kv_cache {
	struct aios_kv_layer *layers; /* [n_layers] */
	uint32_t n_layers, page_size;
	uint32_t window; /* no row sees further back than so many keys, in any layer; 0: some do */
	struct mm_pages pages;
};

/* Bytes of one token's keys and values in all layers. */
uint64_t kv_token_bytes(const struct aios_model_info *info, uint32_t dtype);

/* Bytes of the pool, as kv_init() carves it. */
uint64_t kv_pool_bytes(const struct aios_model_info *info, uint32_t dtype, uint32_t n_pages,
		       uint32_t page_size);

/* Carve n_pages pages for every layer from the arena (dry or not). */
int kv_init(struct kv_cache *kv, struct mm_arena *arena, const struct aios_model_info *info,
	    uint32_t dtype, uint32_t n_pages, uint32_t page_size, struct aios_status *st);
void kv_finish(struct kv_cache *kv); /* takes a zeroed cache */

/* Pages that hold `tokens` keys. */
static inline uint32_t kv_pages_for(const struct kv_cache *kv, uint64_t tokens)
{
	return (uint32_t)((tokens + kv->page_size - 1) / kv->page_size);
}

#endif /* CORE_ENGINE_KV_H */
