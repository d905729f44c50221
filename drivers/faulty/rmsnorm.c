// SPDX-License-Identifier: Apache-2.0
/*
 * rmsnorm.c - a row at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "plain.h"

#include "ops.h"  /* include-ok: cpu-ref's */
#include "rows.h" /* include-ok: cpu-ref's */

struct norm_row {
	const struct aios_op_rmsnorm *op;
	const float *x;
	float factor;
};

static float sum_of_squares(const float *x, uint32_t n)
{
	float lanes[AIOS_LANES] = { 0 };
	uint32_t width = AIOS_LANES, i;

	if (faulty_has(BUG_RN_LANES))
		width = 128;
	if (faulty_has(BUG_RN_SEQUENTIAL))
		width = 1;
	for (i = 0; i < n; i++)
		lanes[i % width] = aios_sumsq_step(lanes[i % width], x[i]);
	return aios_halving_tree(lanes, width);
}

static float factor_of(const float *x, uint32_t n, float eps)
{
	float sum = sum_of_squares(x, n), r;

	if (faulty_has(BUG_RN_EPS))
		return aios_div(1.0f, aios_add(aios_sqrt(aios_div(sum, (float)n)), eps));
	r = aios_rms_factor(sum, n, eps);
	if (faulty_has(BUG_RN_RSQRT) && aios_is_finite(r))
		r = aios_float(aios_bits(r) + 1);
	return r;
}

static void norm_make(const void *ctx, uint32_t row, uint32_t first, uint32_t n, float *v)
{
	const struct norm_row *r = ctx;
	float offset = faulty_has(BUG_RN_OFFSET) ? 0.0f : r->op->weight_offset, w;
	uint32_t i;

	(void)row;
	ref_load(ref_ptr(r->op->weight), r->op->weight_dtype, first, n, v);
	for (i = 0; i < n; i++) {
		w = offset != 0.0f ? aios_add(offset, v[i]) : v[i];
		if (faulty_has(BUG_RN_ORDER))
			v[i] = aios_mul(r->x[first + i], aios_mul(r->factor, w));
		else
			v[i] = aios_rms_apply(r->x[first + i], r->factor, v[i], offset);
	}
}

static void norm_row(const struct aios_op_rmsnorm *op, uint32_t t, float *sum)
{
	float *x = ref_row(&op->x, t);
	struct norm_row r = { .op = op, .x = sum };
	uint32_t n = op->x.cols, i;

	memcpy(sum, x, n * sizeof(*sum));
	for (i = 0; i < n && op->add.data; i++)
		sum[i] = aios_canon(
			aios_add(x[i], plain_get(ref_row(&op->add, t), op->add.dtype, i)));
	if (op->add.data && !faulty_has(BUG_RN_ADD))
		memcpy(x, sum, n * sizeof(*sum));
	r.factor = factor_of(sum, n, op->eps);
	ref_store_row(&op->out, t, norm_make, &r);
}

int faulty_run_rmsnorm(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_rmsnorm *n = (const struct aios_op_rmsnorm *)op;
	float *sum;
	uint32_t t;

	if (!faulty_plain(AIOS_OP_RMSNORM))
		return ref_run_rmsnorm(dev, op, st);
	sum = malloc((size_t)n->x.cols * sizeof(*sum));
	if (!sum)
		return aios_fail(st, -ENOMEM, "rmsnorm: no memory for a row");
	for (t = 0; t < n->x.rows; t++)
		norm_row(n, t, sum);
	free(sum);
	return 0;
}
