// SPDX-License-Identifier: Apache-2.0
/* argmax.c - the id of the largest logit of each row. */
#include "driver.h"

bool drv_check_argmax(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_argmax *a = (const struct aios_op_argmax *)op;

	return drv_check_tensor(out, "logits", &a->logits, DRV_T(AIOS_F32), DRV_ANY, DRV_ANY);
}

int32_t drv_argmax(const float *logits, uint32_t n)
{
	uint64_t best = aios_rank_key(logits[0], 0);

	for (uint32_t i = 1; i < n; i++) {
		uint64_t key = aios_rank_key(logits[i], i);

		best = key > best ? key : best;
	}
	return (int32_t)aios_rank_id(best);
}

void drv_run_argmax(const struct aios_op *op)
{
	const struct aios_op_argmax *a = (const struct aios_op_argmax *)op;

	for (uint32_t row = 0; row < a->logits.rows; row++)
		((int32_t *)drv_ptr(a->ids))[row] =
			drv_argmax(drv_row(&a->logits, row), a->logits.cols);
}
