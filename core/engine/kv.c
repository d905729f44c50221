// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/engine/kv.h"
#include "core/lib/array.h"

uint64_t kv_token_bytes(const struct aios_model_info *info, uint32_t dtype)
{
	return 2ull * info->n_layers * info->n_kv_heads * info->head_dim * aios_dtype_bytes(dtype);
}

/* Bytes of one layer's keys (or values). */
static uint64_t half_layer_bytes(const struct aios_model_info *info, uint32_t dtype,
				 uint32_t n_pages, uint32_t page_size)
{
	return (uint64_t)n_pages * page_size * info->n_kv_heads * info->head_dim *
	       aios_dtype_bytes(dtype);
}

uint64_t kv_pool_bytes(const struct aios_model_info *info, uint32_t dtype, uint32_t n_pages,
		       uint32_t page_size)
{
	return 2ull * info->n_layers *
	       align_up(half_layer_bytes(info, dtype, n_pages, page_size), MM_ALIGN);
}

int kv_init(struct kv_cache *kv, struct mm_arena *arena, const struct aios_model_info *info,
	    uint32_t dtype, uint32_t n_pages, uint32_t page_size, struct aios_status *st)
{
	uint64_t bytes = half_layer_bytes(info, dtype, n_pages, page_size);
	struct aios_kv_layer *l;
	int rc;

	memset(kv, 0, sizeof(*kv));
	rc = mm_pages_init(&kv->pages, n_pages, st);
	if (rc < 0)
		return rc;
	kv->layers = calloc(info->n_layers, sizeof(*kv->layers));
	if (!kv->layers) {
		rc = aios_fail(st, -ENOMEM, "no host memory for the KV cache's layers");
		goto finish;
	}
	kv->n_layers = info->n_layers;
	kv->page_size = page_size;
	for (uint32_t i = 0; i < info->n_layers; i++) {
		l = &kv->layers[i];
		l->dtype = dtype;
		l->n_pages = n_pages;
		l->page_size = page_size;
		l->n_kv_heads = info->n_kv_heads;
		l->head_dim = info->head_dim;
		rc = mm_arena_alloc(arena, bytes, &l->k, st);
		if (rc == 0)
			rc = mm_arena_alloc(arena, bytes, &l->v, st);
		if (rc < 0)
			goto finish;
	}
	return 0;

finish:
	kv_finish(kv);
	return rc;
}

void kv_finish(struct kv_cache *kv)
{
	mm_pages_finish(&kv->pages);
	free(kv->layers);
	memset(kv, 0, sizeof(*kv));
}
