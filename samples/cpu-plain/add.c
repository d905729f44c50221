// SPDX-License-Identifier: Apache-2.0
/*
 * add.c - out = a + b. The smallest op, and the shape of all: what is not meant to work is refused
 * with a reason; what works has the bits of <aios/numerics.h>.
 */
#include "driver.h"

bool drv_check_add(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_add *add = (const struct aios_op_add *)op;

	return drv_check_tensor(out, "out", &add->out, DRV_T(AIOS_F32), DRV_ANY, DRV_ANY) &&
	       drv_check_tensor(out, "a", &add->a, DRV_T(AIOS_F32), add->out.rows, add->out.cols) &&
	       drv_check_tensor(out, "b", &add->b, DRV_T(AIOS_F32) | DRV_T(AIOS_BF16),
				add->out.rows, add->out.cols);
}

void drv_run_add(const struct aios_op *op)
{
	const struct aios_op_add *add = (const struct aios_op_add *)op;

	for (uint32_t row = 0; row < add->out.rows; row++) {
		const float *a = drv_row(&add->a, row);
		const void *b = drv_row(&add->b, row);
		float *out = drv_row(&add->out, row);

		for (uint32_t i = 0; i < add->out.cols; i++) {
			float term = add->b.dtype == AIOS_F32 ?
					     ((const float *)b)[i] :
					     aios_bf16_to_f32(((const uint16_t *)b)[i]);

			/* Every NaN that an op stores is the canonical one. */
			out[i] = aios_canon(aios_add(a[i], term));
		}
	}
}
