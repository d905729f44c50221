// SPDX-License-Identifier: Apache-2.0
/*
 * logits.c - soft cap, bias and penalties, in place.
 */
#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

bool ref_check_logits(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_logits *l = (const struct aios_op_logits *)op;

	if (!(l->softcap >= 0.0f))
		return ref_no(c, "softcap is %g, expected 0 or more", (double)l->softcap);
	return ref_check_tensor(c, "logits", &l->logits, REF_T(AIOS_F32), REF_ANY, REF_ANY) &&
	       (!l->params || ref_check_addr(c, "params", l->params)) &&
	       (!l->counts || ref_check_addr(c, "counts", l->counts)) &&
	       (!l->bias || ref_check_addr(c, "bias", l->bias));
}

static void logits_penalise(const struct aios_op_logits *op, const struct aios_sample_row *p,
			    float *logits)
{
	const struct aios_token_count *counts = ref_ptr(op->counts);
	const struct aios_token_bias *bias = ref_ptr(op->bias);
	uint32_t i, id;

	for (i = 0; i < p->bias_n; i++) {
		id = (uint32_t)bias[p->bias_start + i].id;
		if (id < op->logits.cols)
			logits[id] = aios_canon(aios_add(logits[id], bias[p->bias_start + i].bias));
	}
	for (i = 0; i < p->counts_n; i++) {
		id = (uint32_t)counts[p->counts_start + i].id;
		if (id < op->logits.cols)
			logits[id] = aios_canon(
				aios_penalise(logits[id], counts[p->counts_start + i].count,
					      p->repetition, p->frequency, p->presence));
	}
}

static void logits_item(void *ctx, uint32_t row)
{
	const struct aios_op_logits *op = ctx;
	const struct aios_sample_row *params = ref_ptr(op->params);
	float *logits = ref_row(&op->logits, row);
	uint32_t i;

	if (op->softcap != 0.0f)
		for (i = 0; i < op->logits.cols; i++)
			logits[i] = aios_canon(aios_softcap(logits[i], op->softcap));
	if (params)
		logits_penalise(op, &params[row], logits);
}

int ref_run_logits(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_logits *l = (const struct aios_op_logits *)op;
	const struct aios_sample_row *params = ref_ptr(l->params);
	uint32_t row;

	for (row = 0; params && row < l->logits.rows; row++)
		if ((params[row].bias_n && !l->bias) || (params[row].counts_n && !l->counts))
			return aios_fail(st, -EINVAL,
					 "logits: row %u has %u biases and %u counts, "
					 "but the op has no such array",
					 row, params[row].bias_n, params[row].counts_n);
	ref_pool_run(dev->pool, l->logits.rows, logits_item, (void *)(uintptr_t)l);
	return 0;
}
