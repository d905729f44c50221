// SPDX-License-Identifier: Apache-2.0
/* logits.c - soft cap, bias and penalties, in place. */
#include "driver.h"

bool drv_check_logits(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_logits *l = (const struct aios_op_logits *)op;

	if (!(l->softcap >= 0.0f))
		return drv_no(out, "softcap is %g", (double)l->softcap);
	return drv_check_tensor(out, "logits", &l->logits, DRV_T(AIOS_F32), DRV_ANY, DRV_ANY);
}

static void penalise(const struct aios_op_logits *l, const struct aios_sample_row *row, float *x)
{
	const struct aios_token_bias *bias = drv_ptr(l->bias);
	const struct aios_token_count *counts = drv_ptr(l->counts);

	for (uint32_t i = 0; bias && i < row->bias_n; i++) {
		const struct aios_token_bias *b = &bias[row->bias_start + i];

		if (b->id >= 0 && (uint32_t)b->id < l->logits.cols)
			x[b->id] = aios_canon(aios_add(x[b->id], b->bias));
	}
	for (uint32_t i = 0; counts && i < row->counts_n; i++) {
		const struct aios_token_count *c = &counts[row->counts_start + i];

		if (c->id >= 0 && (uint32_t)c->id < l->logits.cols)
			x[c->id] = aios_canon(aios_penalise(x[c->id], c->count, row->repetition,
							    row->frequency, row->presence));
	}
}

void drv_run_logits(const struct aios_op *op)
{
	const struct aios_op_logits *l = (const struct aios_op_logits *)op;
	const struct aios_sample_row *params = drv_ptr(l->params);

	for (uint32_t row = 0; row < l->logits.rows; row++) {
		float *x = drv_row(&l->logits, row);

		for (uint32_t i = 0; l->softcap != 0.0f && i < l->logits.cols; i++)
			x[i] = aios_canon(aios_softcap(x[i], l->softcap));
		if (params)
			penalise(l, &params[row], x);
	}
}
