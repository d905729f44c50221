// SPDX-License-Identifier: Apache-2.0
/*
 * rope_kv.c - per-head norm of q and k, rotary embedding, k and v into the pages.
 */
#include "batch.h"
#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rmsnorm.h"
#include "rows.h"

bool ref_check_rope_kv(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_rope_kv *r = (const struct aios_op_rope_kv *)op;
	uint32_t dim = r->kv.head_dim;
	bool norm = r->q_norm || r->k_norm;

	if (r->n_heads == 0 || r->n_heads > 65536 || r->kv.n_kv_heads > 65536)
		return ref_no(c, "%u heads over %u KV heads", r->n_heads, r->kv.n_kv_heads);
	if (!ref_check_kv(c, &r->kv, r->n_heads) || !ref_check_batch(c, &r->batch))
		return false;
	if (r->rot_dim == 0 || r->rot_dim % 2 || r->rot_dim > dim)
		return ref_no(c, "rot_dim is %u, expected even, up to head_dim %u", r->rot_dim,
			      dim);
	if (r->table_rows == 0)
		return ref_no(c, "the cos and sin tables have no rows");
	if (norm && !(r->q_norm && r->k_norm))
		return ref_no(c, "one of q_norm and k_norm is absent");
	if (norm &&
	    !(ref_check_dtype(c, "norm", r->norm_dtype, REF_FLOAT) &&
	      ref_check_addr(c, "q_norm", r->q_norm) && ref_check_addr(c, "k_norm", r->k_norm)))
		return false;
	return ref_check_addr(c, "cos", r->cos) && ref_check_addr(c, "sin", r->sin) &&
	       ref_check_tensor(c, "qkv", &r->qkv, REF_T(AIOS_F32) | REF_T(AIOS_BF16),
				r->batch.n_tokens, (r->n_heads + 2 * r->kv.n_kv_heads) * dim) &&
	       ref_check_tensor(c, "q", &r->q, REF_T(r->kv.dtype), r->batch.n_tokens,
				r->n_heads * dim);
}

static void rope_norm(const struct aios_op_rope_kv *op, aios_addr weight, float *head)
{
	uint32_t dim = op->kv.head_dim, i;
	float w[REF_MAX_HEAD_DIM], r;

	ref_load(ref_ptr(weight), op->norm_dtype, 0, dim, w);
	r = aios_rms_factor(ref_sumsq(head, dim), dim, op->eps);
	for (i = 0; i < dim; i++)
		head[i] = aios_rms_apply(head[i], r, w[i], op->weight_offset);
}

static void rope_rotate(const struct aios_op_rope_kv *op, uint32_t position, float *head)
{
	uint32_t half = op->rot_dim / 2, i;
	const float *c = (const float *)ref_ptr(op->cos) + (uint64_t)position * half;
	const float *s = (const float *)ref_ptr(op->sin) + (uint64_t)position * half;

	for (i = 0; i < half; i++)
		aios_rope_pair(head[i], head[i + half], c[i], s[i], &head[i], &head[i + half]);
}

static void rope_item(void *ctx, uint32_t row)
{
	const struct aios_op_rope_kv *op = ctx;
	uint32_t dim = op->kv.head_dim, n_heads = op->n_heads, n_kv = op->kv.n_kv_heads, h, p, seq;
	const void *qkv = ref_row(&op->qkv, row);
	float head[REF_MAX_HEAD_DIM];
	uint64_t at;

	if (ref_position(&op->batch, row) == -1) {
		ref_store_zero_row(&op->q, row);
		return;
	}
	p = (uint32_t)ref_position(&op->batch, row);
	seq = ref_sequence(&op->batch, row);
	for (h = 0; h < n_heads + n_kv; h++) {
		ref_load(qkv, op->qkv.dtype, h * dim, dim, head);
		if (op->q_norm)
			rope_norm(op, h < n_heads ? op->q_norm : op->k_norm, head);
		rope_rotate(op, p, head);
		if (h < n_heads) {
			ref_store(ref_row(&op->q, row), op->kv.dtype, h * dim, dim, head);
			continue;
		}
		at = ref_key_index(&op->batch, &op->kv, seq, h - n_heads, p);
		ref_store((uint16_t *)ref_ptr(op->kv.k) + at, op->kv.dtype, 0, dim, head);
	}
	for (h = 0; h < n_kv; h++) {
		ref_load(qkv, op->qkv.dtype, (n_heads + n_kv + h) * dim, dim, head);
		at = ref_key_index(&op->batch, &op->kv, seq, h, p);
		ref_store((uint16_t *)ref_ptr(op->kv.v) + at, op->kv.dtype, 0, dim, head);
	}
}

int ref_run_rope_kv(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_rope_kv *r = (const struct aios_op_rope_kv *)op;
	uint32_t row;
	int ret;

	ret = ref_batch_check(&r->batch, &r->kv, 1, st);
	if (ret)
		return ret;
	for (row = 0; row < r->batch.n_tokens; row++)
		if (ref_position(&r->batch, row) >= (int64_t)r->table_rows)
			return aios_fail(st, -EINVAL,
					 "rope_kv: row %u has position %d, the tables hold %u", row,
					 ref_position(&r->batch, row), r->table_rows);
	ref_pool_run(dev->pool, r->batch.n_tokens, rope_item, (void *)(uintptr_t)r);
	return 0;
}
