// SPDX-License-Identifier: Apache-2.0
/*
 * quantise.c - rows to I8, I8X2 or E4M3 with one scale each.
 */
#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

bool ref_check_quantise(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_quantise *t = (const struct aios_op_quantise *)op;

	return ref_check_tensor(c, "in", &t->in, REF_FLOAT, REF_ANY, REF_ANY) &&
	       ref_check_tensor(c, "out", &t->out, REF_SCALED, t->in.rows, t->in.cols);
}

static void quantise_make(const void *ctx, uint32_t row, uint32_t first, uint32_t n, float *v)
{
	const struct aios_op_quantise *op = ctx;

	ref_load(ref_row(&op->in, row), op->in.dtype, first, n, v);
}

static void quantise_item(void *ctx, uint32_t row)
{
	const struct aios_op_quantise *op = ctx;

	ref_store_row(&op->out, row, quantise_make, op);
}

int ref_run_quantise(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_quantise *t = (const struct aios_op_quantise *)op;

	(void)st;
	ref_pool_run(dev->pool, t->in.rows, quantise_item, (void *)(uintptr_t)t);
	return 0;
}
