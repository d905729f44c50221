// SPDX-License-Identifier: Apache-2.0
/* rope_kv.c - per-head norm of q and k, rotary embedding, k and v into the pages. */
#include "driver.h"

bool drv_check_rope_kv(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_rope_kv *r = (const struct aios_op_rope_kv *)op;
	uint32_t dim = r->kv.head_dim, heads = r->n_heads + 2 * r->kv.n_kv_heads;

	if (!drv_check_kv(out, &r->kv, r->n_heads))
		return false;
	if (!r->rot_dim || r->rot_dim % 2 || r->rot_dim > dim)
		return drv_no(out, "rot_dim %u of a head of %u", r->rot_dim, dim);
	if (!r->q_norm != !r->k_norm)
		return drv_no(out, "one of q_norm and k_norm");
	if (r->q_norm && (r->norm_dtype >= AIOS_DTYPE_COUNT || !(DRV_FLOAT & DRV_T(r->norm_dtype))))
		return drv_no(out, "norm is of type %s", aios_dtype_name(r->norm_dtype));
	return drv_check_tensor(out, "qkv", &r->qkv, DRV_T(AIOS_F32) | DRV_T(AIOS_BF16),
				r->batch.n_tokens, heads * dim) &&
	       drv_check_tensor(out, "q", &r->q, DRV_T(r->kv.dtype), r->batch.n_tokens,
				r->n_heads * dim);
}

static void load(const struct aios_op_rope_kv *r, uint32_t row, uint32_t head, float *x)
{
	for (uint32_t i = 0; i < r->kv.head_dim; i++)
		x[i] = drv_get(drv_row(&r->qkv, row), r->qkv.dtype,
			       (uint64_t)head * r->kv.head_dim + i);
}

static void norm(const struct aios_op_rope_kv *r, aios_addr weight, float *x)
{
	uint32_t dim = r->kv.head_dim;
	float factor = aios_rms_factor(aios_lane_sumsq(x, dim), dim, r->eps);

	for (uint32_t i = 0; i < dim; i++)
		x[i] = aios_rms_apply(x[i], factor, drv_get(drv_ptr(weight), r->norm_dtype, i),
				      r->weight_offset);
}

static void rotate(const struct aios_op_rope_kv *r, uint32_t position, float *x)
{
	uint32_t half = r->rot_dim / 2;
	const float *c = (const float *)drv_ptr(r->cos) + (uint64_t)position * half;
	const float *s = (const float *)drv_ptr(r->sin) + (uint64_t)position * half;

	for (uint32_t i = 0; i < half; i++)
		aios_rope_pair(x[i], x[i + half], c[i], s[i], &x[i], &x[i + half]);
}

/* Where head `head` of a row's k or v goes; nothing is written where there is no page. */
static void store_key(const struct aios_op_rope_kv *r, aios_addr base, uint32_t row, uint32_t head,
		      uint32_t position, const float *x)
{
	int64_t at = drv_key(&r->batch, &r->kv, row, head, position);

	for (uint32_t i = 0; at >= 0 && i < r->kv.head_dim; i++)
		drv_put(drv_ptr(base), r->kv.dtype, (uint64_t)at + i, x[i]);
}

static void one_row(const struct aios_op_rope_kv *r, uint32_t row, uint32_t position)
{
	uint32_t dim = r->kv.head_dim, n_kv = r->kv.n_kv_heads;
	float x[DRV_MAX_HEAD_DIM];

	for (uint32_t h = 0; h < r->n_heads + n_kv; h++) {
		bool query = h < r->n_heads;

		load(r, row, h, x);
		if (r->q_norm)
			norm(r, query ? r->q_norm : r->k_norm, x);
		rotate(r, position, x);
		if (!query)
			store_key(r, r->kv.k, row, h - r->n_heads, position, x);
		for (uint32_t i = 0; query && i < dim; i++)
			drv_put(drv_row(&r->q, row), r->kv.dtype, (uint64_t)h * dim + i, x[i]);
	}
	for (uint32_t h = 0; h < n_kv; h++) {
		load(r, row, r->n_heads + n_kv + h, x);
		store_key(r, r->kv.v, row, h, position, x);
	}
}

void drv_run_rope_kv(const struct aios_op *op)
{
	const struct aios_op_rope_kv *r = (const struct aios_op_rope_kv *)op;

	for (uint32_t row = 0; row < r->batch.n_tokens; row++) {
		int32_t position = drv_position(&r->batch, row);

		if (position < 0 || (uint32_t)position >= r->table_rows)
			drv_store_zeros(&r->q, row);
		else
			one_row(r, row, (uint32_t)position);
	}
}
