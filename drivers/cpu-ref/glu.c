// SPDX-License-Identifier: Apache-2.0
/*
 * glu.c - out[t][n] = act(in[t][n]) * in[t][N + n].
 */
#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

bool ref_check_glu(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_glu *g = (const struct aios_op_glu *)op;

	if (g->act != AIOS_ACT_SILU_MUL && g->act != AIOS_ACT_GELU_TANH_MUL)
		return ref_no(c, "activation %u is unknown", g->act);
	if (g->out.cols > UINT32_MAX / 2)
		return ref_no(c, "out has %u columns", g->out.cols);
	return ref_check_tensor(c, "out", &g->out, REF_FLOAT | REF_SCALED, REF_ANY, REF_ANY) &&
	       ref_check_tensor(c, "in", &g->in, REF_T(AIOS_F32) | REF_T(AIOS_BF16), g->out.rows,
				2 * g->out.cols);
}

static void glu_make(const void *ctx, uint32_t row, uint32_t first, uint32_t n, float *v)
{
	const struct aios_op_glu *op = ctx;
	float up[REF_SPAN], gate;
	uint32_t i;

	ref_load(ref_row(&op->in, row), op->in.dtype, first, n, v);
	ref_load(ref_row(&op->in, row), op->in.dtype, op->out.cols + first, n, up);
	for (i = 0; i < n; i++) {
		gate = op->act == AIOS_ACT_SILU_MUL ? aios_silu(v[i]) : aios_gelu_tanh(v[i]);
		v[i] = aios_mul(gate, up[i]);
	}
}

static void glu_item(void *ctx, uint32_t row)
{
	const struct aios_op_glu *op = ctx;

	ref_store_row(&op->out, row, glu_make, op);
}

int ref_run_glu(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_glu *g = (const struct aios_op_glu *)op;

	(void)st;
	ref_pool_run(dev->pool, g->out.rows, glu_item, (void *)(uintptr_t)g);
	return 0;
}
