// SPDX-License-Identifier: Apache-2.0
/* glu.c - out[t][n] = act(in[t][n]) * in[t][N + n]. */
#include "driver.h"

bool drv_check_glu(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_glu *g = (const struct aios_op_glu *)op;

	if (g->act != AIOS_ACT_SILU_MUL && g->act != AIOS_ACT_GELU_TANH_MUL)
		return drv_no(out, "activation %u", g->act);
	if (g->out.cols > UINT32_MAX / 2)
		return drv_no(out, "out has %u columns", g->out.cols);
	return drv_check_tensor(out, "out", &g->out, DRV_FLOAT | DRV_SCALED, DRV_ANY, DRV_ANY) &&
	       drv_check_tensor(out, "in", &g->in, DRV_T(AIOS_F32) | DRV_T(AIOS_BF16), g->out.rows,
				2 * g->out.cols);
}

static float value(const void *ctx, uint32_t row, uint32_t i)
{
	const struct aios_op_glu *g = ctx;
	float gate = drv_get(drv_row(&g->in, row), g->in.dtype, i);
	float up = drv_get(drv_row(&g->in, row), g->in.dtype, (uint64_t)g->out.cols + i);

	return aios_mul(g->act == AIOS_ACT_SILU_MUL ? aios_silu(gate) : aios_gelu_tanh(gate), up);
}

void drv_run_glu(const struct aios_op *op)
{
	const struct aios_op_glu *g = (const struct aios_op_glu *)op;

	for (uint32_t row = 0; row < g->out.rows; row++)
		drv_store_row(&g->out, row, value, g);
}
