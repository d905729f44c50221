// SPDX-License-Identifier: Apache-2.0
/* check.c - what the checks of all ops have in common. */
#include <stdarg.h>
#include <stdio.h>

#include "driver.h"

bool drv_no(struct aios_op_support *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->reason, sizeof(out->reason), fmt, ap);
	va_end(ap);
	return false;
}

bool drv_check_tensor(struct aios_op_support *out, const char *name, const struct aios_tensor *t,
		      uint32_t types, uint32_t rows, uint32_t cols)
{
	uint64_t need = (uint64_t)t->cols * aios_dtype_bytes(t->dtype);

	if (t->dtype >= AIOS_DTYPE_COUNT || !(types & DRV_T(t->dtype)))
		return drv_no(out, "%s is of type %s", name, aios_dtype_name(t->dtype));
	if (t->layout != AIOS_LAYOUT_ROWS)
		return drv_no(out, "%s has layout %u, not plain rows", name, t->layout);
	if ((rows != DRV_ANY && t->rows != rows) || (cols != DRV_ANY && t->cols != cols))
		return drv_no(out, "%s is [%u][%u], expected [%d][%d] (-1: any)", name, t->rows,
			      t->cols, (int)rows, (int)cols);
	if (!t->cols || t->row_bytes < need || t->row_bytes % 16)
		return drv_no(out, "%s has %u columns in rows of %llu bytes", name, t->cols,
			      (unsigned long long)t->row_bytes);
	if (t->dtype == AIOS_I8X2 && (t->plane_bytes < need || t->plane_bytes % 16))
		return drv_no(out, "%s has its planes %llu bytes apart", name,
			      (unsigned long long)t->plane_bytes);
	return true;
}

bool drv_scratch(struct aios_op_support *out, uint64_t bytes)
{
	out->scratch_bytes = bytes;
	return true;
}

bool drv_check_kv(struct aios_op_support *out, const struct aios_kv_layer *kv, uint32_t n_heads)
{
	if (kv->dtype != AIOS_BF16 && kv->dtype != AIOS_F16)
		return drv_no(out, "kv is of type %s", aios_dtype_name(kv->dtype));
	if (!kv->n_kv_heads || !n_heads || n_heads % kv->n_kv_heads)
		return drv_no(out, "%u heads over %u KV heads", n_heads, kv->n_kv_heads);
	if (!kv->head_dim || kv->head_dim > DRV_MAX_HEAD_DIM)
		return drv_no(out, "head_dim %u, at most %d", kv->head_dim, DRV_MAX_HEAD_DIM);
	if (!kv->page_size || !kv->n_pages)
		return drv_no(out, "%u pages of %u keys", kv->n_pages, kv->page_size);
	return true;
}
