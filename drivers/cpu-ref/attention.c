// SPDX-License-Identifier: Apache-2.0
/*
 * attention.c - causal grouped-query attention over pages.
 *
 * A "query" here is one row and one head. An item of work takes the queries of
 * one KV head and of a few adjacent rows, because they share decoded keys and
 * values; each keeps a state of its own, so what shares an item cannot matter.
 */
#include <string.h>

#include "batch.h"
#include "check.h"
#include "dot.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

#define ATTN_ROWS 8     /* rows of an item */
#define ATTN_QUERIES 16 /* queries that walk the keys together */
#define ATTN_BLOCK AIOS_ATTN_BLOCK

/* One query. */
struct attn_query {
	uint32_t row, head, position, first; /* it sees keys first .. position */
	bool in_chunk, merged;               /* has the chunk, has the total a visible key? */
	struct aios_attn_state chunk, total;
	float acc[REF_MAX_HEAD_DIM], sum[REF_MAX_HEAD_DIM]; /* outputs of the chunk, the total */
	struct ref_vec q[REF_MAX_HEAD_DIM / REF_TILE_K];
	float dots[ATTN_BLOCK]; /* of the current block */
	struct ref_vec p;
	uint32_t lo, hi; /* visible slots of the current block: lo .. hi - 1 */
	float alpha;
};

struct attn_job {
	const struct aios_op_attention *op;
	const struct ref_dot *dot;
	struct ref_unit unit;
	struct aios_tensor out; /* op->out, or F32 rows in the scratch when that is a scaled type */
};

/* --- checks ----------------------------------------------------------------- */

bool ref_check_attention(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_attention *a = (const struct aios_op_attention *)op;
	uint32_t rows = a->batch.n_tokens, cols;

	if (!aios_profile_info_of(a->profile).name)
		return ref_no(c, "profile %u is unknown", a->profile);
	if (a->n_heads == 0 || a->n_heads > 65536)
		return ref_no(c, "%u heads", a->n_heads);
	if (a->chunk == 0 || a->chunk % ATTN_BLOCK)
		return ref_no(c, "chunk is %u, expected a multiple of %d", a->chunk, ATTN_BLOCK);
	if (!(a->softcap >= 0.0f))
		return ref_no(c, "softcap is %g, expected 0 or more", (double)a->softcap);
	if (!ref_check_kv(c, &a->kv, a->n_heads) || !ref_check_batch(c, &a->batch))
		return false;
	cols = a->n_heads * a->kv.head_dim;
	return ref_check_tensor(c, "q", &a->q, REF_T(a->kv.dtype), rows, cols) &&
	       ref_check_tensor(c, "out", &a->out, REF_FLOAT | REF_SCALED, rows, cols) &&
	       ref_check_scratch(c, &a->scratch,
				 aios_dtype_scaled(a->out.dtype) ? (uint64_t)rows * cols * 4 : 0);
}

/* --- one block of keys ------------------------------------------------------ */

/* Addresses of n rows of K or V from key `first` on; NULL outside [lo, hi). */
static void attn_rows(const struct attn_job *job, const struct attn_query *q, aios_addr base,
		      uint32_t first, uint32_t n, uint32_t lo, uint32_t hi, const void **rows)
{
	const struct aios_op_attention *op = job->op;
	uint32_t group = op->n_heads / op->kv.n_kv_heads, seq = ref_sequence(&op->batch, q->row), i;

	for (i = 0; i < n; i++) {
		rows[i] = NULL;
		if (first + i >= lo && first + i < hi)
			rows[i] =
				(const uint16_t *)ref_ptr(base) +
				ref_key_index(&op->batch, &op->kv, seq, q->head / group, first + i);
	}
}

/* q . k for the visible keys of the block at `start`, sixteen keys at a time. */
static void attn_scores(const struct attn_job *job, struct attn_query *qs, uint32_t n_q,
			uint32_t start, uint32_t lo, uint32_t hi)
{
	const void *rows[REF_LANES];
	uint32_t dim = job->op->kv.head_dim, g, d, n, i;
	struct ref_tile tile;

	for (i = 0; i < n_q; i++)
		memset(qs[i].dots, 0, sizeof(qs[i].dots));
	for (g = 0; g < ATTN_BLOCK; g += REF_LANES) {
		if (start + g >= hi || start + g + REF_LANES <= lo)
			continue;
		attn_rows(job, qs, job->op->kv.k, start + g, REF_LANES, lo, hi, rows);
		for (d = 0; d < dim; d += n) {
			n = dim - d < REF_TILE_K ? dim - d : REF_TILE_K;
			job->dot->load_rows(&job->unit, &tile, rows, d, n);
			for (i = 0; i < n_q; i++)
				if (qs[i].lo < qs[i].hi)
					job->dot->chain(&job->unit,
							(float(*)[REF_LANES])(qs[i].dots + g),
							&qs[i].q[d / REF_TILE_K], 1, &tile, 0, n);
		}
	}
}

/* The online softmax: from dots to p, with m, l and alpha brought forward. */
static void attn_softmax(const struct attn_job *job, struct attn_query *q)
{
	const struct aios_op_attention *op = job->op;
	float s[ATTN_BLOCK], p[ATTN_BLOCK] = { 0 }, m_new = q->chunk.m;
	uint32_t j;

	for (j = q->lo; j < q->hi; j++) {
		s[j] = op->softcap != 0.0f ?
			       aios_attn_score_capped(q->dots[j], op->scale, op->softcap) :
			       aios_attn_score(q->dots[j], op->scale_log2);
		m_new = aios_max_step(m_new, s[j]);
	}
	for (j = q->lo; j < q->hi; j++)
		p[j] = aios_attn_p(s[j], m_new, op->kv.dtype);
	q->alpha = aios_attn_rescale(q->chunk.m, m_new);
	q->chunk.m = m_new;
	job->dot->set_vec(&job->unit, &q->p, p, ATTN_BLOCK);
	q->chunk.l = aios_attn_l(q->chunk.l, q->alpha, aios_halving_tree(p, ATTN_BLOCK));
}

/* One block of a CDNA unit from slot b on: what the query does not see is zeros, in its place. */
static void attn_values_of(const struct attn_job *job, struct attn_query *q, float *acc,
			   const struct ref_tile *tile, uint32_t b)
{
	uint32_t l = job->unit.block, j, i;
	struct ref_tile seen;

	if (b >= q->lo && b + l <= q->hi) {
		job->dot->chain(&job->unit, (float(*)[REF_LANES])acc, &q->p, 1, tile, b, l);
		return;
	}
	for (j = b; j < b + l; j++) {
		bool sees = j >= q->lo && j < q->hi;

		for (i = 0; i < REF_LANES; i++) {
			seen.v[j][i] = sees ? tile->v[j][i] : 0.0f;
			seen.e[j][i] = sees ? tile->e[j][i] : REF_EXP_ZERO;
		}
	}
	job->dot->chain(&job->unit, (float(*)[REF_LANES])acc, &q->p, 1, &seen, b, l);
}

/*
 * Sixteen outputs go on over the block's keys. A TFDPA block takes the visible
 * keys it has: the same as zeros in the place of the others, whatever lies in
 * their slots. Blocks without any would change nothing.
 */
static void attn_values(const struct attn_job *job, struct attn_query *q, float *acc,
			const struct ref_tile *tile)
{
	uint32_t l = job->unit.tc.terms ? (uint32_t)job->unit.tc.terms : ATTN_BLOCK, lo, hi;

	if (job->unit.cdna.terms) {
		for (lo = q->lo / job->unit.block * job->unit.block; lo < q->hi;
		     lo += job->unit.block)
			attn_values_of(job, q, acc, tile, lo);
		return;
	}
	for (lo = q->lo; lo < q->hi; lo = hi) {
		hi = lo / l * l + l < q->hi ? lo / l * l + l : q->hi;
		job->dot->chain(&job->unit, (float(*)[REF_LANES])acc, &q->p, 1, tile, lo, hi - lo);
	}
}

/* p . V for the block at `start`, sixteen elements of the head at a time. */
static void attn_outputs(const struct attn_job *job, struct attn_query *qs, uint32_t n_q,
			 uint32_t start, uint32_t lo, uint32_t hi)
{
	uint32_t dim = job->op->kv.head_dim, d, n, i, j;
	const void *rows[ATTN_BLOCK];
	float acc[REF_LANES] = { 0 };
	struct ref_tile tile;

	attn_rows(job, qs, job->op->kv.v, start, ATTN_BLOCK, lo, hi, rows);
	for (d = 0; d < dim; d += n) {
		n = dim - d < REF_LANES ? dim - d : REF_LANES;
		job->dot->load_cols(&job->unit, &tile, rows, ATTN_BLOCK, d, n);
		for (i = 0; i < n_q; i++) {
			if (qs[i].lo >= qs[i].hi)
				continue;
			for (j = 0; j < n; j++)
				acc[j] = aios_mul(qs[i].acc[d + j], qs[i].alpha);
			attn_values(job, &qs[i], acc, &tile);
			memcpy(qs[i].acc + d, acc, n * sizeof(acc[0]));
		}
	}
}

/* --- chunks ----------------------------------------------------------------- */

static void attn_begin_chunk(struct attn_query *q)
{
	q->in_chunk = false;
	q->chunk.m = -aios_inf();
	q->chunk.l = 0.0f;
	memset(q->acc, 0, sizeof(q->acc));
}

static void attn_end_chunk(struct attn_query *q, uint32_t dim)
{
	float e_total, e_chunk;
	uint32_t d;

	if (!q->in_chunk)
		return;
	if (!q->merged) {
		q->merged = true;
		q->total = q->chunk;
		memcpy(q->sum, q->acc, sizeof(q->sum));
	} else {
		aios_attn_merge(&q->total, q->chunk.m, q->chunk.l, &e_total, &e_chunk);
		for (d = 0; d < dim; d++)
			q->sum[d] = aios_attn_merge_acc(q->sum[d], e_total, q->acc[d], e_chunk);
	}
	attn_begin_chunk(q);
}

/* Which slots of the block at `start` each query sees; the union is [*lo, *hi) in keys. */
static bool attn_visible(struct attn_query *qs, uint32_t n_q, uint32_t start, uint32_t *lo,
			 uint32_t *hi)
{
	uint32_t i;

	*lo = UINT32_MAX;
	*hi = 0;
	for (i = 0; i < n_q; i++) {
		qs[i].lo = qs[i].hi = 0;
		if (qs[i].position < start || qs[i].first >= start + ATTN_BLOCK)
			continue;
		qs[i].lo = qs[i].first > start ? qs[i].first - start : 0;
		qs[i].hi = qs[i].position - start + 1;
		qs[i].hi = qs[i].hi < ATTN_BLOCK ? qs[i].hi : ATTN_BLOCK;
		qs[i].in_chunk = true;
		*lo = start + qs[i].lo < *lo ? start + qs[i].lo : *lo;
		*hi = start + qs[i].hi > *hi ? start + qs[i].hi : *hi;
	}
	return *lo < *hi;
}

/* Walk the keys of one sequence for up to ATTN_QUERIES queries of one KV head. */
static void attn_walk(const struct attn_job *job, struct attn_query *qs, uint32_t n_q)
{
	uint32_t first = UINT32_MAX, last = 0, start, lo, hi, i, d, dim = job->op->kv.head_dim;

	for (i = 0; i < n_q; i++) {
		attn_begin_chunk(&qs[i]);
		qs[i].merged = false;
		for (d = 0; d < dim; d += REF_TILE_K)
			job->dot->load_vec(&job->unit, &qs[i].q[d / REF_TILE_K],
					   ref_row(&job->op->q, qs[i].row), qs[i].head * dim + d,
					   dim - d < REF_TILE_K ? dim - d : REF_TILE_K);
		first = qs[i].first < first ? qs[i].first : first;
		last = qs[i].position > last ? qs[i].position : last;
	}
	for (start = first / ATTN_BLOCK * ATTN_BLOCK; start <= last; start += ATTN_BLOCK) {
		if (start % job->op->chunk == 0)
			for (i = 0; i < n_q; i++)
				attn_end_chunk(&qs[i], dim);
		if (!attn_visible(qs, n_q, start, &lo, &hi))
			continue;
		attn_scores(job, qs, n_q, start, lo, hi);
		for (i = 0; i < n_q; i++)
			if (qs[i].lo < qs[i].hi)
				attn_softmax(job, &qs[i]);
		attn_outputs(job, qs, n_q, start, lo, hi);
	}
	for (i = 0; i < n_q; i++)
		attn_end_chunk(&qs[i], dim);
}

/* --- the item --------------------------------------------------------------- */

static void attn_store(const struct attn_job *job, struct attn_query *q)
{
	uint32_t dim = job->op->kv.head_dim, d;
	float inv = aios_attn_final(q->total.l);

	for (d = 0; d < dim; d++)
		q->sum[d] = aios_mul(q->sum[d], inv);
	ref_store(ref_row(&job->out, q->row), job->out.dtype, q->head * dim, dim, q->sum);
}

/* Queries of rows [row, end), all of one sequence, and one KV head; in groups. */
static void attn_rows_of_sequence(const struct attn_job *job, uint32_t row, uint32_t end,
				  uint32_t kv_head)
{
	const struct aios_op_attention *op = job->op;
	uint32_t group = op->n_heads / op->kv.n_kv_heads, total = (end - row) * group, n = 0, i, j;
	struct attn_query qs[ATTN_QUERIES], *q;

	for (i = 0; i < total; i++) {
		q = &qs[n++];
		q->row = row + i / group;
		q->head = kv_head * group + i % group;
		q->position = (uint32_t)ref_position(&op->batch, q->row);
		q->first = op->window && q->position >= op->window ? q->position - op->window + 1 :
								     0;
		if (n < ATTN_QUERIES && i + 1 < total)
			continue;
		attn_walk(job, qs, n);
		for (j = 0; j < n; j++)
			attn_store(job, &qs[j]);
		n = 0;
	}
}

static void attn_item(void *ctx, uint32_t item)
{
	const struct attn_job *job = ctx;
	const struct aios_batch *b = &job->op->batch;
	uint32_t n_kv = job->op->kv.n_kv_heads, kv_head = item % n_kv;
	uint32_t row = item / n_kv * ATTN_ROWS, end, last;

	last = b->n_tokens - row < ATTN_ROWS ? b->n_tokens : row + ATTN_ROWS;
	for (; row < last; row = end) {
		end = row + 1;
		if (ref_position(b, row) == -1) {
			if (kv_head == 0)
				ref_store_zero_row(&job->out, row);
			continue;
		}
		while (end < last && ref_position(b, end) != -1 &&
		       ref_sequence(b, end) == ref_sequence(b, row))
			end++;
		attn_rows_of_sequence(job, row, end, kv_head);
	}
}

static void attn_make(const void *ctx, uint32_t row, uint32_t first, uint32_t n, float *v)
{
	const struct attn_job *job = ctx;

	ref_load(ref_row(&job->out, row), AIOS_F32, first, n, v);
}

static void attn_quantise_item(void *ctx, uint32_t row)
{
	const struct attn_job *job = ctx;

	if (ref_position(&job->op->batch, row) == -1)
		ref_store_zero_row(&job->op->out, row);
	else
		ref_store_row(&job->op->out, row, attn_make, job);
}

int ref_run_attention(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_attention *a = (const struct aios_op_attention *)op;
	struct attn_job job = { .op = a,
				.dot = dev->dot,
				.unit = ref_unit_of(aios_profile_info_of(a->profile).attention,
						    a->kv.dtype),
				.out = a->out };
	uint64_t items =
		((uint64_t)a->batch.n_tokens + ATTN_ROWS - 1) / ATTN_ROWS * a->kv.n_kv_heads;
	int ret;

	ret = ref_batch_check(&a->batch, &a->kv, a->window, st);
	if (ret)
		return ret;
	if (items > UINT32_MAX)
		return aios_fail(st, -EINVAL, "attention: %u rows of %u KV heads are too many",
				 a->batch.n_tokens, a->kv.n_kv_heads);
	if (aios_dtype_scaled(a->out.dtype)) {
		job.out.data = a->scratch.data;
		job.out.dtype = AIOS_F32;
		job.out.row_bytes = (uint64_t)a->out.cols * sizeof(float);
	}
	ref_pool_run(dev->pool, (uint32_t)items, attn_item, &job);
	if (aios_dtype_scaled(a->out.dtype))
		ref_pool_run(dev->pool, a->batch.n_tokens, attn_quantise_item, &job);
	return 0;
}
