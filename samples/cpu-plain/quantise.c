// SPDX-License-Identifier: Apache-2.0
/* quantise.c - rows to I8, I8X2 or E4M3 with one scale each. */
#include "driver.h"

bool drv_check_quantise(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_quantise *q = (const struct aios_op_quantise *)op;

	return drv_check_tensor(out, "in", &q->in, DRV_FLOAT, DRV_ANY, DRV_ANY) &&
	       drv_check_tensor(out, "out", &q->out, DRV_SCALED, q->in.rows, q->in.cols);
}

static float value(const void *ctx, uint32_t row, uint32_t i)
{
	const struct aios_op_quantise *q = ctx;

	return drv_get(drv_row(&q->in, row), q->in.dtype, i);
}

void drv_run_quantise(const struct aios_op *op)
{
	const struct aios_op_quantise *q = (const struct aios_op_quantise *)op;

	for (uint32_t row = 0; row < q->in.rows; row++)
		drv_store_row(&q->out, row, value, q);
}
