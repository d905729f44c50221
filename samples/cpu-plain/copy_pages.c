// SPDX-License-Identifier: Apache-2.0
/* copy_pages.c - copy pages of K and V inside one layer. */
#include <string.h>

#include "driver.h"

bool drv_check_copy_pages(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_copy_pages *p = (const struct aios_op_copy_pages *)op;

	return drv_check_kv(out, &p->kv, p->kv.n_kv_heads);
}

void drv_run_copy_pages(const struct aios_op *op)
{
	const struct aios_op_copy_pages *p = (const struct aios_op_copy_pages *)op;
	size_t bytes = (size_t)p->kv.n_kv_heads * p->kv.page_size * p->kv.head_dim *
		       aios_dtype_bytes(p->kv.dtype);
	const int32_t *pairs = drv_ptr(p->pairs);

	for (uint32_t i = 0; i < p->n_pairs; i++) {
		int32_t src = pairs[2 * (size_t)i], dst = pairs[2 * (size_t)i + 1];

		if (src == dst || src < 0 || dst < 0 || (uint32_t)src >= p->kv.n_pages ||
		    (uint32_t)dst >= p->kv.n_pages)
			continue;
		memcpy((uint8_t *)drv_ptr(p->kv.k) + (size_t)dst * bytes,
		       (uint8_t *)drv_ptr(p->kv.k) + (size_t)src * bytes, bytes);
		memcpy((uint8_t *)drv_ptr(p->kv.v) + (size_t)dst * bytes,
		       (uint8_t *)drv_ptr(p->kv.v) + (size_t)src * bytes, bytes);
	}
}
