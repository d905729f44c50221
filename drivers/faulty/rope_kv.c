// SPDX-License-Identifier: Apache-2.0
/*
 * rope_kv.c - a head at a time.
 */
#include "plain.h"

#include "batch.h"   /* include-ok: cpu-ref's */
#include "ops.h"     /* include-ok: cpu-ref's */
#include "rmsnorm.h" /* include-ok: cpu-ref's */
#include "rows.h"    /* include-ok: cpu-ref's */

static void rope_norm(const struct aios_op_rope_kv *op, aios_addr weight, float *head)
{
	uint32_t dim = op->kv.head_dim, i;
	float r = aios_rms_factor(ref_sumsq(head, dim), dim, op->eps);

	for (i = 0; i < dim; i++)
		head[i] = aios_rms_apply(head[i], r, plain_get(ref_ptr(weight), op->norm_dtype, i),
					 op->weight_offset);
}

static void rotate(float *x0, float *x1, float c, float s)
{
	float a = *x0, b = *x1;

	if (faulty_has(BUG_RO_FUSED)) {
		*x0 = aios_sub(aios_mul(a, c), aios_mul(b, s));
		*x1 = aios_add(aios_mul(b, c), aios_mul(a, s));
		return;
	}
	aios_rope_pair(a, b, c, s, x0, x1);
}

static void rope_rotate(const struct aios_op_rope_kv *op, uint32_t position, float *head)
{
	uint32_t half = op->rot_dim / 2, i;
	const float *c, *s;

	if (faulty_has(BUG_RO_TABLE) && position + 1 < op->table_rows)
		position++;
	c = (const float *)ref_ptr(op->cos) + (uint64_t)position * half;
	s = (const float *)ref_ptr(op->sin) + (uint64_t)position * half;
	for (i = 0; i < half; i++) {
		if (faulty_has(BUG_RO_INTERLEAVED))
			rotate(&head[2 * i], &head[2 * i + 1], c[i], s[i]);
		else
			rotate(&head[i], &head[i + half], c[i], s[i]);
	}
}

/* Where the key or value of row t lies, in elements. */
static uint64_t rope_slot(const struct aios_op_rope_kv *op, uint32_t t, uint32_t kv_head)
{
	uint32_t seq = ref_sequence(&op->batch, t), p = (uint32_t)ref_position(&op->batch, t);
	uint32_t page = op->kv.page_size;
	const int32_t *first = ref_ptr(op->batch.block_table);

	if (faulty_has(BUG_RO_SEQUENCE) && p / page < op->batch.max_blocks && first[p / page] >= 0)
		seq = 0;
	if (faulty_has(BUG_RO_SLOT) && page > 1 && p % page == page - 1)
		p--;
	return ref_key_index(&op->batch, &op->kv, seq, kv_head, p);
}

static void rope_row(const struct aios_op_rope_kv *op, uint32_t t)
{
	uint32_t dim = op->kv.head_dim, n = op->n_heads, n_kv = op->kv.n_kv_heads, h;
	uint32_t p = (uint32_t)ref_position(&op->batch, t);
	uint16_t *k = ref_ptr(op->kv.k), *v = ref_ptr(op->kv.v);
	float head[REF_MAX_HEAD_DIM];

	for (h = 0; h < n + 2 * n_kv; h++) {
		ref_load(ref_row(&op->qkv, t), op->qkv.dtype, h * dim, dim, head);
		if (h >= n + n_kv) {
			ref_store(v + rope_slot(op, t, h - n - n_kv), op->kv.dtype, 0, dim, head);
			continue;
		}
		if (op->q_norm && (h < n || !faulty_has(BUG_RO_K_NORM)))
			rope_norm(op, h < n ? op->q_norm : op->k_norm, head);
		rope_rotate(op, p, head);
		if (h < n)
			ref_store(ref_row(&op->q, t), op->kv.dtype, h * dim, dim, head);
		else
			ref_store(k + rope_slot(op, t, h - n), op->kv.dtype, 0, dim, head);
	}
}

int faulty_run_rope_kv(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_rope_kv *r = (const struct aios_op_rope_kv *)op;
	uint32_t t;
	int ret;

	if (!faulty_plain(AIOS_OP_ROPE_KV))
		return ref_run_rope_kv(dev, op, st);
	ret = ref_batch_check(&r->batch, &r->kv, 1, st);
	for (t = 0; t < r->batch.n_tokens && !ret; t++)
		if (ref_position(&r->batch, t) >= (int64_t)r->table_rows)
			ret = aios_fail(st, -EINVAL, "rope_kv: row %u is past the tables", t);
	for (t = 0; t < r->batch.n_tokens && !ret; t++) {
		if (ref_position(&r->batch, t) != -1)
			rope_row(r, t);
		else if (!faulty_has(BUG_RO_PADDING))
			ref_store_zero_row(&r->q, t);
	}
	return ret;
}
