// SPDX-License-Identifier: Apache-2.0
/* rmsnorm.c - x += add, then out = x / rms(x) * weight. */
#include "driver.h"

bool drv_check_rmsnorm(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_rmsnorm *n = (const struct aios_op_rmsnorm *)op;

	if (n->weight_dtype >= AIOS_DTYPE_COUNT || !(DRV_FLOAT & DRV_T(n->weight_dtype)))
		return drv_no(out, "weight is of type %s", aios_dtype_name(n->weight_dtype));
	if (n->add.data &&
	    !drv_check_tensor(out, "add", &n->add, DRV_T(AIOS_F32) | DRV_T(AIOS_BF16), n->x.rows,
			      n->x.cols))
		return false;
	return drv_check_tensor(out, "x", &n->x, DRV_T(AIOS_F32), DRV_ANY, DRV_ANY) &&
	       drv_check_tensor(out, "out", &n->out, DRV_FLOAT | DRV_SCALED, n->x.rows, n->x.cols);
}

struct norm {
	const struct aios_op_rmsnorm *op;
	const float *x;
	float factor;
};

static float value(const void *ctx, uint32_t row, uint32_t i)
{
	const struct norm *n = ctx;
	float w = drv_get(drv_ptr(n->op->weight), n->op->weight_dtype, i);

	(void)row;
	return aios_rms_apply(n->x[i], n->factor, w, n->op->weight_offset);
}

void drv_run_rmsnorm(const struct aios_op *op)
{
	const struct aios_op_rmsnorm *n = (const struct aios_op_rmsnorm *)op;

	for (uint32_t row = 0; row < n->x.rows; row++) {
		float *x = drv_row(&n->x, row);
		struct norm norm = { .op = n, .x = x };

		for (uint32_t i = 0; n->add.data && i < n->x.cols; i++)
			x[i] = aios_canon(
				aios_add(x[i], drv_get(drv_row(&n->add, row), n->add.dtype, i)));
		norm.factor = aios_rms_factor(aios_lane_sumsq(x, n->x.cols), n->x.cols, n->eps);
		drv_store_row(&n->out, row, value, &norm);
	}
}
