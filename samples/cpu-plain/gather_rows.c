// SPDX-License-Identifier: Apache-2.0
/* gather_rows.c - out[i] = src[rows[i]], of any type, bits kept; a row outside src gives zeros. */
#include <string.h>

#include "driver.h"

#define ANY_TYPE (DRV_T(AIOS_DTYPE_COUNT) - 1 - DRV_T(AIOS_NONE))

bool drv_check_gather_rows(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_gather_rows *g = (const struct aios_op_gather_rows *)op;

	return drv_check_tensor(out, "src", &g->src, ANY_TYPE, DRV_ANY, DRV_ANY) &&
	       drv_check_tensor(out, "out", &g->out, DRV_T(g->src.dtype), g->n_rows, g->src.cols);
}

/* `from` NULL: zeros. */
static void copy_or_clear(void *to, const void *from, size_t bytes)
{
	if (from)
		memcpy(to, from, bytes);
	else
		memset(to, 0, bytes);
}

void drv_run_gather_rows(const struct aios_op *op)
{
	const struct aios_op_gather_rows *g = (const struct aios_op_gather_rows *)op;
	size_t bytes = (size_t)g->src.cols * aios_dtype_bytes(g->src.dtype);
	const int32_t *rows = drv_ptr(g->rows);

	for (uint32_t i = 0; i < g->n_rows; i++) {
		/* An index comes from outside: it is looked at before it is used. */
		bool inside = rows[i] >= 0 && (uint32_t)rows[i] < g->src.rows;
		const uint8_t *from = inside ? drv_row(&g->src, (uint32_t)rows[i]) : NULL;
		uint8_t *to = drv_row(&g->out, i);

		copy_or_clear(to, from, bytes);
		if (g->src.dtype == AIOS_I8X2)
			copy_or_clear(to + g->out.plane_bytes,
				      from ? from + g->src.plane_bytes : NULL, bytes);
		if (aios_dtype_scaled(g->src.dtype))
			((float *)drv_ptr(g->out.scale))[i] =
				from ? ((const float *)drv_ptr(g->src.scale))[rows[i]] : 0.0f;
	}
}
