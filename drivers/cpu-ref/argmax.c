// SPDX-License-Identifier: Apache-2.0
/*
 * argmax.c - the id of the largest logit of each row.
 */
#include "argmax.h"
#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

bool ref_check_argmax(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_argmax *a = (const struct aios_op_argmax *)op;

	return ref_check_tensor(c, "logits", &a->logits, REF_T(AIOS_F32), REF_ANY, REF_ANY) &&
	       (a->logits.rows == 0 || ref_check_addr(c, "ids", a->ids));
}

uint32_t ref_argmax(const float *logits, uint32_t n)
{
	uint64_t best = 0, key;
	uint32_t i;

	for (i = 0; i < n; i++) {
		key = aios_rank_key(logits[i], i);
		best = key > best ? key : best;
	}
	return aios_rank_id(best);
}

static void argmax_item(void *ctx, uint32_t row)
{
	const struct aios_op_argmax *op = ctx;

	((int32_t *)ref_ptr(op->ids))[row] =
		(int32_t)ref_argmax(ref_row(&op->logits, row), op->logits.cols);
}

int ref_run_argmax(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_argmax *a = (const struct aios_op_argmax *)op;

	(void)st;
	ref_pool_run(dev->pool, a->logits.rows, argmax_item, (void *)(uintptr_t)a);
	return 0;
}
