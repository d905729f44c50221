// SPDX-License-Identifier: Apache-2.0
/*
 * copy_pages.c - copy pages of K and V inside one layer.
 */
#include <string.h>

#include "check.h"
#include "ops.h"
#include "pool.h"

bool ref_check_copy_pages(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_copy_pages *p = (const struct aios_op_copy_pages *)op;

	return ref_check_kv(c, &p->kv, p->kv.n_kv_heads) &&
	       (p->n_pairs == 0 || ref_check_addr(c, "pairs", p->pairs));
}

static void copy_pages_item(void *ctx, uint32_t i)
{
	const struct aios_op_copy_pages *op = ctx;
	const int32_t *pair = (const int32_t *)ref_ptr(op->pairs) + 2 * (size_t)i;
	size_t bytes = (size_t)op->kv.n_kv_heads * op->kv.page_size * op->kv.head_dim *
		       aios_dtype_bytes(op->kv.dtype);
	char *k = ref_ptr(op->kv.k), *v = ref_ptr(op->kv.v);
	size_t src = (size_t)pair[0] * bytes, dst = (size_t)pair[1] * bytes;

	if (src == dst)
		return;
	memcpy(k + dst, k + src, bytes);
	memcpy(v + dst, v + src, bytes);
}

int ref_run_copy_pages(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_copy_pages *p = (const struct aios_op_copy_pages *)op;
	const int32_t *pairs = ref_ptr(p->pairs);
	size_t i;

	for (i = 0; i < 2 * (size_t)p->n_pairs; i++)
		if (pairs[i] < 0 || (uint32_t)pairs[i] >= p->kv.n_pages)
			return aios_fail(st, -EINVAL,
					 "copy_pages: pair %zu has page %d, expected 0 to %u",
					 i / 2, pairs[i], p->kv.n_pages - 1);
	ref_pool_run(dev->pool, p->n_pairs, copy_pages_item, (void *)(uintptr_t)p);
	return 0;
}
