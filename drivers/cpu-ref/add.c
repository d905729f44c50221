// SPDX-License-Identifier: Apache-2.0
/*
 * add.c - out = a + b.
 */
#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

bool ref_check_add(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_add *a = (const struct aios_op_add *)op;

	return ref_check_tensor(c, "a", &a->a, REF_T(AIOS_F32), a->out.rows, a->out.cols) &&
	       ref_check_tensor(c, "b", &a->b, REF_T(AIOS_F32) | REF_T(AIOS_BF16), a->out.rows,
				a->out.cols) &&
	       ref_check_tensor(c, "out", &a->out, REF_T(AIOS_F32), REF_ANY, REF_ANY);
}

static void add_make(const void *ctx, uint32_t row, uint32_t first, uint32_t n, float *v)
{
	const struct aios_op_add *op = ctx;
	float b[REF_SPAN];
	uint32_t i;

	ref_load(ref_row(&op->a, row), AIOS_F32, first, n, v);
	ref_load(ref_row(&op->b, row), op->b.dtype, first, n, b);
	for (i = 0; i < n; i++)
		v[i] = aios_add(v[i], b[i]);
}

static void add_item(void *ctx, uint32_t row)
{
	const struct aios_op_add *op = ctx;

	ref_store_row(&op->out, row, add_make, op);
}

int ref_run_add(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_add *a = (const struct aios_op_add *)op;

	(void)st;
	ref_pool_run(dev->pool, a->out.rows, add_item, (void *)(uintptr_t)a);
	return 0;
}
