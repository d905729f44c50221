// SPDX-License-Identifier: Apache-2.0
/*
 * attention.c - causal grouped-query attention over pages, one row and head at a time: blocks of 64
 * keys at absolute positions, an online softmax inside a chunk, a merge between chunks.
 */
#include <string.h>

#include "driver.h"

#define BLOCK AIOS_ATTN_BLOCK

/* An output of a scaled type needs the whole row first: it is gathered in the scratch as F32. */
bool drv_check_attention(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_attention *a = (const struct aios_op_attention *)op;
	uint32_t cols = a->n_heads * a->kv.head_dim;
	uint64_t scratch = (uint64_t)a->batch.n_tokens * cols * sizeof(float);

	if (a->profile != AIOS_PROFILE_FMA32 && a->profile != AIOS_PROFILE_I8)
		return drv_no(out, "profile %u", a->profile);
	if (!a->chunk || a->chunk % BLOCK)
		return drv_no(out, "chunk %u is no multiple of %d", a->chunk, BLOCK);
	if (!(a->softcap >= 0.0f))
		return drv_no(out, "softcap is %g", (double)a->softcap);
	return drv_check_kv(out, &a->kv, a->n_heads) &&
	       drv_check_tensor(out, "q", &a->q, DRV_T(a->kv.dtype), a->batch.n_tokens, cols) &&
	       drv_check_tensor(out, "out", &a->out, DRV_FLOAT | DRV_SCALED, a->batch.n_tokens,
				cols) &&
	       drv_scratch(out, aios_dtype_scaled(a->out.dtype) ? scratch : 0);
}

/* One row and head. */
struct query {
	const struct aios_op_attention *op;
	uint32_t row, kv_head;
	uint32_t first, last; /* it sees keys first .. last */
	float q[DRV_MAX_HEAD_DIM];
	struct aios_attn_state state; /* of the chunk */
	float acc[DRV_MAX_HEAD_DIM];
};

/* Element d of the key or value at a position. */
static float element(const struct query *q, aios_addr base, int64_t key, uint32_t d)
{
	return drv_get(drv_ptr(base), q->op->kv.dtype, (uint64_t)key + d);
}

static float score(const struct query *q, int64_t key)
{
	float dot = 0.0f;

	for (uint32_t d = 0; d < q->op->kv.head_dim; d++)
		dot = aios_fma(q->q[d], element(q, q->op->kv.k, key, d), dot);
	if (q->op->softcap != 0.0f)
		return aios_attn_score_capped(dot, q->op->scale, q->op->softcap);
	return aios_attn_score(dot, q->op->scale_log2);
}

/* The visible keys lo .. hi of the block at `start`. */
static void block(struct query *q, uint32_t start, uint32_t lo, uint32_t hi)
{
	float s[BLOCK], p[BLOCK] = { 0 }, sums[BLOCK], m = q->state.m, alpha;
	uint32_t dim = q->op->kv.head_dim;
	int64_t keys[BLOCK];

	for (uint32_t k = lo; k <= hi; k++) {
		keys[k - start] = drv_key(&q->op->batch, &q->op->kv, q->row, q->kv_head, k);
		/* Without a page there is no key: the row becomes NaN. */
		s[k - start] = keys[k - start] < 0 ? aios_nan() : score(q, keys[k - start]);
		m = aios_max_step(m, s[k - start]);
	}
	for (uint32_t k = lo; k <= hi; k++)
		p[k - start] = aios_attn_p(s[k - start], m, q->op->kv.dtype);
	alpha = aios_attn_rescale(q->state.m, m);
	memcpy(sums, p, sizeof(sums));
	q->state.m = m;
	q->state.l = aios_attn_l(q->state.l, alpha, aios_halving_tree(sums, BLOCK));
	for (uint32_t d = 0; d < dim; d++)
		q->acc[d] = aios_mul(q->acc[d], alpha);
	for (uint32_t k = lo; k <= hi; k++)
		for (uint32_t d = 0; keys[k - start] >= 0 && d < dim; d++)
			q->acc[d] = aios_fma(p[k - start],
					     element(q, q->op->kv.v, keys[k - start], d),
					     q->acc[d]);
}

/* The visible part of the chunk at `start`: state and acc begin anew. */
static void chunk(struct query *q, uint32_t start)
{
	uint64_t end = (uint64_t)start + q->op->chunk;

	q->state = (struct aios_attn_state){ .m = -aios_inf(), .l = 0.0f };
	memset(q->acc, 0, sizeof(q->acc));
	for (uint64_t at = start; at < end && at <= q->last; at += BLOCK) {
		uint32_t lo = at > q->first ? (uint32_t)at : q->first;
		uint32_t hi = at + BLOCK - 1 < q->last ? (uint32_t)at + BLOCK - 1 : q->last;

		if (lo <= hi)
			block(q, (uint32_t)at, lo, hi);
	}
}

static void attend(struct query *q, float *out)
{
	struct aios_attn_state total = { 0 };
	uint32_t dim = q->op->kv.head_dim, start = q->first / q->op->chunk * q->op->chunk;
	float sum[DRV_MAX_HEAD_DIM], e_total, e_chunk, factor;

	for (uint64_t at = start; at <= q->last; at += q->op->chunk) {
		chunk(q, (uint32_t)at);
		if (at == start) {
			total = q->state;
			memcpy(sum, q->acc, sizeof(sum));
			continue;
		}
		aios_attn_merge(&total, q->state.m, q->state.l, &e_total, &e_chunk);
		for (uint32_t d = 0; d < dim; d++)
			sum[d] = aios_attn_merge_acc(sum[d], e_total, q->acc[d], e_chunk);
	}
	factor = aios_attn_final(total.l);
	for (uint32_t d = 0; d < dim; d++)
		out[d] = aios_mul(sum[d], factor);
}

static float value(const void *ctx, uint32_t row, uint32_t i)
{
	(void)row;
	return ((const float *)ctx)[i];
}

static void one_row(const struct aios_op_attention *a, uint32_t row, uint32_t position)
{
	uint32_t dim = a->kv.head_dim, group = a->n_heads / a->kv.n_kv_heads;
	bool scaled = aios_dtype_scaled(a->out.dtype);
	float *whole = (float *)drv_ptr(a->scratch.data) + (uint64_t)row * a->n_heads * dim;
	struct query q = { .op = a, .row = row, .last = position };
	float head[DRV_MAX_HEAD_DIM];

	q.first = a->window && position >= a->window ? position - a->window + 1 : 0;
	for (uint32_t h = 0; h < a->n_heads; h++) {
		uint64_t at = (uint64_t)h * dim;

		q.kv_head = h / group;
		for (uint32_t d = 0; d < dim; d++)
			q.q[d] = drv_get(drv_row(&a->q, row), a->q.dtype, at + d);
		attend(&q, scaled ? whole + at : head);
		for (uint32_t d = 0; !scaled && d < dim; d++)
			drv_put(drv_row(&a->out, row), a->out.dtype, at + d, head[d]);
	}
	if (scaled)
		drv_store_row(&a->out, row, value, whole);
}

void drv_run_attention(const struct aios_op *op)
{
	const struct aios_op_attention *a = (const struct aios_op_attention *)op;

	for (uint32_t row = 0; row < a->batch.n_tokens; row++) {
		int32_t position = drv_position(&a->batch, row);

		if (position < 0)
			drv_store_zeros(&a->out, row);
		else
			one_row(a, row, (uint32_t)position);
	}
}
