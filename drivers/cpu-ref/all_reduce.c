// SPDX-License-Identifier: Apache-2.0
/*
 * all_reduce.c - the tree over ranks: neighbours pairwise, level by level.
 */
#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

bool ref_check_all_reduce(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_all_reduce *a = (const struct aios_op_all_reduce *)op;
	uint32_t r;

	if (!ref_check_power(c, "n_ranks", a->n_ranks, AIOS_MAX_RANKS) ||
	    !ref_check_tensor(c, "out", &a->out, REF_T(AIOS_F32), REF_ANY, REF_ANY))
		return false;
	for (r = 0; r < a->n_ranks && a->out.rows; r++)
		if (!ref_check_addr(c, "a part", a->parts[r]))
			return false;
	return true;
}

static void all_reduce_make(const void *ctx, uint32_t row, uint32_t first, uint32_t n, float *v)
{
	const struct aios_op_all_reduce *op = ctx;
	float parts[AIOS_MAX_RANKS];
	uint32_t i, r;

	for (i = 0; i < n; i++) {
		for (r = 0; r < op->n_ranks; r++)
			parts[r] = ((const float *)ref_ptr(op->parts[r] +
							   row * op->out.row_bytes))[first + i];
		v[i] = aios_pair_tree(parts, op->n_ranks);
	}
}

static void all_reduce_item(void *ctx, uint32_t row)
{
	const struct aios_op_all_reduce *op = ctx;

	ref_store_row(&op->out, row, all_reduce_make, op);
}

int ref_run_all_reduce(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_all_reduce *a = (const struct aios_op_all_reduce *)op;

	(void)st;
	ref_pool_run(dev->pool, a->out.rows, all_reduce_item, (void *)(uintptr_t)a);
	return 0;
}
