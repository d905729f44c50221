// SPDX-License-Identifier: Apache-2.0
/*
 * all_gather.c - columns of the ranks side by side, bits kept.
 */
#include <string.h>

#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

#define ALL_GATHER_TYPES (REF_FLOAT | REF_T(AIOS_I32) | REF_T(AIOS_U8) | REF_T(AIOS_I64))

bool ref_check_all_gather(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_all_gather *a = (const struct aios_op_all_gather *)op;
	uint32_t r;

	if (a->n_ranks == 0 || a->n_ranks > AIOS_MAX_RANKS)
		return ref_no(c, "%u ranks, expected 1 to %d", a->n_ranks, AIOS_MAX_RANKS);
	if (a->part_cols == 0 || a->part_cols > UINT32_MAX / AIOS_MAX_RANKS)
		return ref_no(c, "parts of %u columns", a->part_cols);
	if (!ref_check_tensor(c, "out", &a->out, ALL_GATHER_TYPES, REF_ANY,
			      a->n_ranks * a->part_cols))
		return false;
	if (a->part_row_bytes < (uint64_t)a->part_cols * aios_dtype_bytes(a->out.dtype) ||
	    a->part_row_bytes % 16)
		return ref_no(c, "part_row_bytes is %llu for %u columns",
			      (unsigned long long)a->part_row_bytes, a->part_cols);
	for (r = 0; r < a->n_ranks && a->out.rows; r++)
		if (!ref_check_addr(c, "a part", a->parts[r]))
			return false;
	return true;
}

static void all_gather_item(void *ctx, uint32_t row)
{
	const struct aios_op_all_gather *op = ctx;
	size_t bytes = (size_t)op->part_cols * aios_dtype_bytes(op->out.dtype);
	char *out = ref_row(&op->out, row);
	uint32_t r;

	for (r = 0; r < op->n_ranks; r++)
		memcpy(out + r * bytes, ref_ptr(op->parts[r] + row * op->part_row_bytes), bytes);
}

int ref_run_all_gather(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_all_gather *a = (const struct aios_op_all_gather *)op;

	(void)st;
	ref_pool_run(dev->pool, a->out.rows, all_gather_item, (void *)(uintptr_t)a);
	return 0;
}
