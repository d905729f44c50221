// SPDX-License-Identifier: Apache-2.0
/*
 * rmsnorm.c - x += add, then out = x / rms(x) * weight.
 */
#include "rmsnorm.h"
#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

bool ref_check_rmsnorm(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_rmsnorm *r = (const struct aios_op_rmsnorm *)op;

	return ref_check_tensor(c, "x", &r->x, REF_T(AIOS_F32), REF_ANY, REF_ANY) &&
	       (!r->add.data ||
		ref_check_tensor(c, "add", &r->add, REF_T(AIOS_F32) | REF_T(AIOS_BF16), r->x.rows,
				 r->x.cols)) &&
	       ref_check_dtype(c, "weight", r->weight_dtype, REF_FLOAT) &&
	       ref_check_addr(c, "weight", r->weight) &&
	       ref_check_tensor(c, "out", &r->out, REF_FLOAT | REF_SCALED, r->x.rows, r->x.cols);
}

float ref_sumsq(const float *x, uint32_t n)
{
	float lanes[AIOS_LANES] = { 0 };
	uint32_t i;

	for (i = 0; i < n; i++)
		lanes[i % AIOS_LANES] = aios_sumsq_step(lanes[i % AIOS_LANES], x[i]);
	return aios_halving_tree(lanes, AIOS_LANES);
}

struct rmsnorm_row {
	const struct aios_op_rmsnorm *op;
	const float *x;
	float factor;
};

static void rmsnorm_make(const void *ctx, uint32_t row, uint32_t first, uint32_t n, float *v)
{
	const struct rmsnorm_row *r = ctx;
	uint32_t i;

	(void)row;
	ref_load(ref_ptr(r->op->weight), r->op->weight_dtype, first, n, v);
	for (i = 0; i < n; i++)
		v[i] = aios_rms_apply(r->x[first + i], r->factor, v[i], r->op->weight_offset);
}

static void rmsnorm_add(const struct aios_op_rmsnorm *op, uint32_t row, float *x)
{
	float v[REF_SPAN];
	uint32_t i, j, n;

	for (i = 0; i < op->x.cols; i += n) {
		n = op->x.cols - i < REF_SPAN ? op->x.cols - i : REF_SPAN;
		ref_load(ref_row(&op->add, row), op->add.dtype, i, n, v);
		for (j = 0; j < n; j++)
			x[i + j] = aios_canon(aios_add(x[i + j], v[j]));
	}
}

static void rmsnorm_item(void *ctx, uint32_t row)
{
	const struct aios_op_rmsnorm *op = ctx;
	float *x = ref_row(&op->x, row);
	struct rmsnorm_row r = { .op = op, .x = x };

	if (op->add.data)
		rmsnorm_add(op, row, x);
	r.factor = aios_rms_factor(ref_sumsq(x, op->x.cols), op->x.cols, op->eps);
	ref_store_row(&op->out, row, rmsnorm_make, &r);
}

int ref_run_rmsnorm(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_rmsnorm *r = (const struct aios_op_rmsnorm *)op;

	(void)st;
	ref_pool_run(dev->pool, r->x.rows, rmsnorm_item, (void *)(uintptr_t)r);
	return 0;
}
