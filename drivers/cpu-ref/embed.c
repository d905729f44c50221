// SPDX-License-Identifier: Apache-2.0
/*
 * embed.c - out[t] = F32(table[ids[t]]) * scale.
 */
#include <string.h>

#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

bool ref_check_embed(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_embed *e = (const struct aios_op_embed *)op;

	return ref_check_tensor(c, "table", &e->table, REF_FLOAT, REF_ANY, REF_ANY) &&
	       ref_check_tensor(c, "out", &e->out, REF_T(AIOS_F32), e->n_tokens, e->table.cols) &&
	       (e->n_tokens == 0 || ref_check_addr(c, "ids", e->ids));
}

/* A row of the table; F32 rows without a scale keep their bits. */
static void embed_row(const struct aios_op_embed *op, const void *src, float *out)
{
	uint32_t cols = op->table.cols, i;

	ref_load(src, op->table.dtype, 0, cols, out);
	if (op->scale != 1.0f)
		for (i = 0; i < cols; i++)
			out[i] = aios_mul(out[i], op->scale);
	if (op->scale != 1.0f || op->table.dtype != AIOS_F32)
		ref_store(out, AIOS_F32, 0, cols, out);
}

static void embed_item(void *ctx, uint32_t row)
{
	const struct aios_op_embed *op = ctx;
	int32_t id = ((const int32_t *)ref_ptr(op->ids))[row];
	float *out = ref_row(&op->out, row);
	uint32_t i;

	if (id == -1) {
		ref_store_zero_row(&op->out, row);
		return;
	}
	if (id >= 0 && (uint32_t)id < op->table.rows) {
		embed_row(op, ref_row(&op->table, (uint32_t)id), out);
		return;
	}
	for (i = 0; i < op->table.cols; i++)
		out[i] = aios_nan();
}

int ref_run_embed(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_embed *e = (const struct aios_op_embed *)op;

	(void)st;
	ref_pool_run(dev->pool, e->n_tokens, embed_item, (void *)(uintptr_t)e);
	return 0;
}
