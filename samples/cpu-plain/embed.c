// SPDX-License-Identifier: Apache-2.0
/* embed.c - out[t] = F32(table[ids[t]]) * scale. */
#include <string.h>

#include "driver.h"

bool drv_check_embed(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_embed *e = (const struct aios_op_embed *)op;

	return drv_check_tensor(out, "table", &e->table, DRV_FLOAT, DRV_ANY, DRV_ANY) &&
	       drv_check_tensor(out, "out", &e->out, DRV_T(AIOS_F32), e->n_tokens, e->table.cols);
}

static void one_row(const struct aios_op_embed *e, uint32_t id, float *out)
{
	const void *from = drv_row(&e->table, id);

	/* Nothing is computed: even the bits of a NaN are kept. */
	if (e->table.dtype == AIOS_F32 && e->scale == 1.0f) {
		memcpy(out, from, e->table.cols * sizeof(*out));
		return;
	}
	for (uint32_t i = 0; i < e->table.cols; i++) {
		float x = drv_get(from, e->table.dtype, i);

		out[i] = aios_canon(e->scale == 1.0f ? x : aios_mul(x, e->scale));
	}
}

void drv_run_embed(const struct aios_op *op)
{
	const struct aios_op_embed *e = (const struct aios_op_embed *)op;
	const int32_t *ids = drv_ptr(e->ids);

	for (uint32_t t = 0; t < e->n_tokens; t++) {
		float *out = drv_row(&e->out, t);

		if (ids[t] >= 0 && (uint32_t)ids[t] < e->table.rows) {
			one_row(e, (uint32_t)ids[t], out);
			continue;
		}
		for (uint32_t i = 0; i < e->out.cols; i++)
			out[i] = ids[t] == -1 ? 0.0f : aios_nan();
	}
}
