// SPDX-License-Identifier: Apache-2.0
/*
 * attention.c - one row and head after the other.
 */
#include <stdlib.h>
#include <string.h>

#include "plain.h"

#include "batch.h" /* include-ok: cpu-ref's */
#include "ops.h"   /* include-ok: cpu-ref's */
#include "rows.h"  /* include-ok: cpu-ref's */

#define BLOCK AIOS_ATTN_BLOCK

/* One query: a row and a head, with its keys first .. end - 1. */
struct query {
	const struct aios_op_attention *op;
	struct aios_tfdpa_unit unit; /* terms 0: cdna, or fma */
	struct aios_cdna_unit cdna;  /* terms 0: no such */
	const uint16_t *q;
	uint32_t seq, kv_head, first, end;
	uint32_t block, chunk;
};

/* A softmax in progress. */
struct softmax {
	struct aios_attn_state s;
	bool any;
	float acc[REF_MAX_HEAD_DIM];
};

static const uint16_t *key_of(const struct query *q, aios_addr base, uint32_t position)
{
	return (const uint16_t *)ref_ptr(base) +
	       ref_key_index(&q->op->batch, &q->op->kv, q->seq, q->kv_head, position);
}

/* The dot unit goes on from acc over n elements. */
static float dot_unit(const struct query *q, const uint16_t *a, const uint16_t *b, uint32_t n,
		      float acc)
{
	uint32_t dtype = q->op->kv.dtype, i;

	if (q->unit.terms)
		return aios_tfdpa_chain(q->unit, a, b, n, acc);
	if (q->cdna.terms)
		return aios_cdna_chain(q->cdna, a, b, n, acc);
	for (i = 0; i < n; i++)
		acc = aios_fma(plain_get(a, dtype, i), plain_get(b, dtype, i), acc);
	return acc;
}

static float score_of(const struct query *q, uint32_t position)
{
	const struct aios_op_attention *op = q->op;
	float dot = dot_unit(q, q->q, key_of(q, op->kv.k, position), op->kv.head_dim, 0.0f);

	if (op->softcap != 0.0f && faulty_has(BUG_AT_SOFTCAP))
		return aios_mul(aios_mul(dot, op->scale), AIOS_LOG2E);
	if (op->softcap != 0.0f)
		return aios_attn_score_capped(dot, op->scale, op->softcap);
	return aios_attn_score(dot, op->scale_log2);
}

/* From scores to p; m and l are brought forward. Returns alpha. */
static float weigh(const struct query *q, struct softmax *s, float *p, uint32_t start, uint32_t lo,
		   uint32_t hi)
{
	uint32_t dtype = q->op->kv.dtype, j;
	float m = s->s.m, exact[BLOCK] = { 0 }, sum = 0.0f, alpha;

	for (j = lo; j < hi; j++) {
		p[j] = score_of(q, start + j);
		m = aios_max_step(m, p[j]);
	}
	for (j = lo; j < hi; j++) {
		exact[j] = aios_exp2(aios_sub(p[j], m));
		p[j] = faulty_has(BUG_AT_P) ? exact[j] : aios_attn_p(p[j], m, dtype);
		if (!faulty_has(BUG_AT_L))
			exact[j] = p[j];
		sum = aios_add(sum, exact[j]);
	}
	if (!faulty_has(BUG_AT_BLOCK_SUM))
		sum = aios_halving_tree(exact, BLOCK);
	alpha = aios_attn_rescale(s->s.m, m);
	s->s.l = aios_attn_l(s->s.l, alpha, sum);
	s->s.m = m;
	return alpha;
}

/* Element d of the values of keys start + lo .. start + hi - 1, weighed by p. */
static float value_of(const struct query *q, const float *p, uint32_t d, uint32_t start,
		      uint32_t lo, uint32_t hi, float acc)
{
	uint32_t l = q->unit.terms ? (uint32_t)q->unit.terms : BLOCK, dtype = q->op->kv.dtype, j, n;
	uint16_t a[BLOCK] = { 0 }, b[BLOCK] = { 0 };
	bool fma = !q->unit.terms && !q->cdna.terms;

	for (j = lo; j < hi && fma; j++)
		acc = aios_fma(p[j], plain_get(key_of(q, q->op->kv.v, start + j), dtype, d), acc);
	if (fma)
		return acc;
	for (j = lo; j < hi; j++) {
		a[j] = dtype == AIOS_BF16 ? aios_f32_to_bf16(p[j]) : aios_f32_to_f16(p[j]);
		b[j] = key_of(q, q->op->kv.v, start + j)[d];
	}
	if (q->cdna.terms) {
		j = lo / AIOS_CDNA_L * AIOS_CDNA_L; /* zeros have their place in a block */
		return aios_cdna_chain(q->cdna, a + j, b + j, hi - j, acc);
	}
	for (j = lo; j < hi; j += n) {
		n = j / l * l + l - j;
		n = n < hi - j ? n : hi - j;
		acc = aios_tfdpa_chain(q->unit, a + j, b + j, n, acc);
	}
	return acc;
}

/* Slots of the block that hold no visible key, times zero: what masking must not be. */
static float masked_values(const struct query *q, uint32_t d, uint32_t start, uint32_t lo,
			   uint32_t hi, float acc)
{
	const struct aios_batch *b = &q->op->batch;
	const int32_t *table = (const int32_t *)ref_ptr(b->block_table) + q->seq * b->max_blocks;
	uint32_t j, at;

	for (j = 0; j < BLOCK; j++) {
		at = (start + j) / q->op->kv.page_size;
		if ((j >= lo && j < hi) || at >= b->max_blocks || table[at] < 0)
			continue;
		acc = aios_fma(0.0f,
			       plain_get(key_of(q, q->op->kv.v, start + j), q->op->kv.dtype, d),
			       acc);
	}
	return acc;
}

static void walk_block(const struct query *q, struct softmax *s, uint32_t start, uint32_t stop)
{
	uint32_t lo = q->first > start ? q->first - start : 0, d;
	uint32_t hi = (q->end < stop ? q->end : stop) - start;
	float p[BLOCK] = { 0 }, alpha;

	alpha = weigh(q, s, p, start, lo, hi);
	s->any = true;
	for (d = 0; d < q->op->kv.head_dim; d++) {
		s->acc[d] = aios_mul(s->acc[d], alpha);
		s->acc[d] = value_of(q, p, d, start, lo, hi, s->acc[d]);
		if (faulty_has(BUG_AT_MASKED))
			s->acc[d] = masked_values(q, d, start, lo, hi, s->acc[d]);
	}
}

/* The chunk of keys start .. stop - 1. */
static void walk_chunk(const struct query *q, struct softmax *s, uint32_t start, uint32_t stop)
{
	uint32_t at, end;

	memset(s, 0, sizeof(*s));
	s->s.m = -aios_inf();
	for (at = start; at < stop; at += q->block) {
		end = stop - at < q->block ? stop : at + q->block;
		if (end > q->first && at < q->end)
			walk_block(q, s, at, end);
	}
}

static void merge(struct softmax *total, const struct softmax *s, uint32_t dim)
{
	float e_total, e_chunk;
	uint32_t d;

	if (!s->any)
		return;
	if (!total->any) {
		*total = *s;
		return;
	}
	aios_attn_merge(&total->s, s->s.m, s->s.l, &e_total, &e_chunk);
	for (d = 0; d < dim; d++)
		total->acc[d] = aios_attn_merge_acc(total->acc[d], e_total, s->acc[d], e_chunk);
}

static void walk(const struct query *q, struct softmax *total)
{
	uint32_t n = (q->end + q->chunk - 1) / q->chunk, i, at;
	struct softmax s;

	total->any = false;
	for (i = 0; i < n; i++) {
		at = faulty_has(BUG_AT_DESCENDING) ? n - 1 - i : i;
		at *= q->chunk;
		walk_chunk(q, &s, at, q->end - at < q->chunk ? q->end : at + q->chunk);
		merge(total, &s, q->op->kv.head_dim);
	}
}

/* Chunks and blocks end where they begin again, except at the last key. */
static void query_shape(struct query *q, uint32_t rows)
{
	q->block = faulty_has(BUG_AT_BLOCK) ? 32 : BLOCK;
	if (faulty_has(BUG_AT_PAGE) && q->op->kv.page_size < BLOCK)
		q->block = q->op->kv.page_size;
	q->chunk = q->op->chunk;
	if (faulty_has(BUG_AT_CHUNK))
		q->chunk = (q->end / BLOCK + 1) * BLOCK;
	if (faulty_has(BUG_AT_DECODE) && rows == 1)
		q->chunk = BLOCK;
}

static void query_keys(struct query *q, uint32_t t)
{
	const struct aios_op_attention *op = q->op;
	const int32_t *start = ref_ptr(op->batch.seq_start), *len = ref_ptr(op->batch.seq_len);
	uint32_t p = (uint32_t)ref_position(&op->batch, t), window = op->window;
	uint32_t seq = ref_sequence(&op->batch, t), rows = (uint32_t)(start[seq + 1] - start[seq]);

	if (faulty_has(BUG_AT_WINDOW) && window)
		window++;
	q->first = window && p >= window ? p - window + 1 : 0;
	if (faulty_has(BUG_AT_LONG) && p >= 4096 && p - 4095 > q->first)
		q->first = p - 4095;
	q->end = p + 1;
	if (faulty_has(BUG_AT_FUTURE) && p + 1 < (uint32_t)len[seq])
		q->end++;
	/* Of the first sequence, as far as it goes. */
	q->seq = seq;
	if (faulty_has(BUG_AT_SEQUENCE) && p < (uint32_t)len[0])
		q->seq = 0;
	query_shape(q, rows);
}

static void attention_row(const struct aios_op_attention *op, const struct aios_tensor *out,
			  uint32_t unit, uint32_t t)
{
	uint32_t dim = op->kv.head_dim, n_kv = op->kv.n_kv_heads, h, d;
	struct query q = { .op = op,
			   .unit = aios_tfdpa_of(unit, op->kv.dtype),
			   .cdna = aios_cdna_of(unit, op->kv.dtype) };
	struct softmax s = { 0 };
	float inv;

	query_keys(&q, t);
	for (h = 0; h < op->n_heads; h++) {
		q.q = (const uint16_t *)ref_row(&op->q, t) + (size_t)h * dim;
		q.kv_head = faulty_has(BUG_AT_HEADS) ? h % n_kv : h / (op->n_heads / n_kv);
		walk(&q, &s);
		inv = aios_attn_final(s.s.l);
		for (d = 0; d < dim; d++)
			s.acc[d] = aios_mul(s.acc[d], inv);
		ref_store(ref_row(out, t), out->dtype, h * dim, dim, s.acc);
	}
}

static void attention_make(const void *ctx, uint32_t row, uint32_t first, uint32_t n, float *v)
{
	ref_load(ref_row(ctx, row), AIOS_F32, first, n, v);
}

static void attention_rows(const struct aios_op_attention *op, const struct aios_tensor *out,
			   uint32_t unit)
{
	bool scaled = aios_dtype_scaled(op->out.dtype);
	uint32_t t;

	for (t = 0; t < op->batch.n_tokens; t++) {
		if (ref_position(&op->batch, t) == -1) {
			if (!faulty_has(BUG_AT_PADDING))
				ref_store_zero_row(&op->out, t);
			continue;
		}
		attention_row(op, out, unit, t);
		if (scaled)
			ref_store_row(&op->out, t, attention_make, out);
	}
}

/* Scratch memory: what it held is used, what lies behind it is written. */
static void spoil_scratch(const struct aios_op_attention *op, uint32_t before)
{
	uint32_t *rows = ref_ptr(op->scratch.data);
	uint8_t *first = ref_ptr(op->out.data);

	if (!aios_dtype_scaled(op->out.dtype) || !op->batch.n_tokens)
		return;
	if (faulty_has(BUG_AT_STALE) && before != 0)
		*first ^= 1;
	if (faulty_has(BUG_AT_SCRATCH))
		rows[(size_t)op->out.rows * op->out.cols] ^= 1;
}

int faulty_run_attention(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_attention *a = (const struct aios_op_attention *)op;
	uint32_t profile = aios_profile_info_of(a->profile).attention, before = 0;
	struct aios_tensor out = a->out;
	int ret;

	if (!faulty_plain(AIOS_OP_ATTENTION))
		return ref_run_attention(dev, op, st);
	ret = ref_batch_check(&a->batch, &a->kv, a->window, st);
	if (ret)
		return ret;
	if (aios_dtype_scaled(a->out.dtype) && a->batch.n_tokens) {
		before = *(const uint32_t *)ref_ptr(a->scratch.data);
		out.data = a->scratch.data;
		out.dtype = AIOS_F32;
		out.row_bytes = (uint64_t)a->out.cols * sizeof(float);
	}
	if (faulty_has(BUG_AT_UNIT) && profile == AIOS_PROFILE_TC_SM80)
		profile = AIOS_PROFILE_TC_SM90;
	attention_rows(a, &out, profile);
	spoil_scratch(a, before);
	return 0;
}
