// SPDX-License-Identifier: Apache-2.0
/*
 * cast.c - element-wise conversion between F32, BF16 and F16.
 */
#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

bool ref_check_cast(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_cast *t = (const struct aios_op_cast *)op;

	return ref_check_tensor(c, "in", &t->in, REF_FLOAT, REF_ANY, REF_ANY) &&
	       ref_check_tensor(c, "out", &t->out, REF_FLOAT, t->in.rows, t->in.cols);
}

static void cast_make(const void *ctx, uint32_t row, uint32_t first, uint32_t n, float *v)
{
	const struct aios_op_cast *op = ctx;

	ref_load(ref_row(&op->in, row), op->in.dtype, first, n, v);
}

static void cast_item(void *ctx, uint32_t row)
{
	const struct aios_op_cast *op = ctx;

	ref_store_row(&op->out, row, cast_make, op);
}

int ref_run_cast(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_cast *t = (const struct aios_op_cast *)op;

	(void)st;
	ref_pool_run(dev->pool, t->in.rows, cast_item, (void *)(uintptr_t)t);
	return 0;
}
