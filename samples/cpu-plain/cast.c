// SPDX-License-Identifier: Apache-2.0
/* cast.c - element-wise conversion between F32, BF16 and F16. */
#include "driver.h"

bool drv_check_cast(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_cast *c = (const struct aios_op_cast *)op;

	return drv_check_tensor(out, "in", &c->in, DRV_FLOAT, DRV_ANY, DRV_ANY) &&
	       drv_check_tensor(out, "out", &c->out, DRV_FLOAT, c->in.rows, c->in.cols);
}

void drv_run_cast(const struct aios_op *op)
{
	const struct aios_op_cast *c = (const struct aios_op_cast *)op;

	for (uint32_t row = 0; row < c->in.rows; row++)
		for (uint32_t i = 0; i < c->in.cols; i++)
			drv_put(drv_row(&c->out, row), c->out.dtype, i,
				drv_get(drv_row(&c->in, row), c->in.dtype, i));
}
