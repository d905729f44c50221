// SPDX-License-Identifier: Apache-2.0
/*
 * gather_rows.c - out[i] = src[rows[i]], bits kept; a row outside src: zeros.
 */
#include <string.h>

#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

#define GATHER_TYPES ((1u << AIOS_DTYPE_COUNT) - 1 - REF_T(AIOS_NONE))

bool ref_check_gather_rows(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_gather_rows *g = (const struct aios_op_gather_rows *)op;

	return ref_check_tensor(c, "src", &g->src, GATHER_TYPES, REF_ANY, REF_ANY) &&
	       ref_check_tensor(c, "out", &g->out, REF_T(g->src.dtype), g->n_rows, g->src.cols) &&
	       (g->n_rows == 0 || ref_check_addr(c, "rows", g->rows));
}

static void gather_item(void *ctx, uint32_t i)
{
	const struct aios_op_gather_rows *op = ctx;
	int32_t row = ((const int32_t *)ref_ptr(op->rows))[i];
	size_t bytes = (size_t)op->src.cols * aios_dtype_bytes(op->src.dtype);

	if (row < 0 || (uint32_t)row >= op->src.rows) {
		ref_store_zero_row(&op->out, i);
		return;
	}
	memcpy(ref_row(&op->out, i), ref_row(&op->src, (uint32_t)row), bytes);
	if (op->src.dtype == AIOS_I8X2)
		memcpy((char *)ref_row(&op->out, i) + op->out.plane_bytes,
		       (const char *)ref_row(&op->src, (uint32_t)row) + op->src.plane_bytes, bytes);
	if (aios_dtype_scaled(op->src.dtype))
		memcpy((float *)ref_ptr(op->out.scale) + i,
		       (const float *)ref_ptr(op->src.scale) + row, sizeof(float));
}

int ref_run_gather_rows(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_gather_rows *g = (const struct aios_op_gather_rows *)op;

	(void)st;
	ref_pool_run(dev->pool, g->n_rows, gather_item, (void *)(uintptr_t)g);
	return 0;
}
