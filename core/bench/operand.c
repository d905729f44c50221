// SPDX-License-Identifier: Apache-2.0
/*
 * operand.c - operands for an op: where they lie, what is in them, how many bytes the
 * op must move. One function a task for each type of op; the addresses in a template
 * only say which optional operands are there.
 */
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/bench/bench.h"
#include "core/lib/array.h"

#define PENALTIES 64 /* tokens with a penalty in a row of LOGITS */
#define BIASES 16    /* tokens with a bias */

/* ---- bind -------------------------------------------------------------------- */

static int bind_bytes(struct mm_arena *arena, uint64_t bytes, aios_addr *out,
		      struct aios_status *st)
{
	return mm_arena_alloc(arena, bytes ? bytes : 1, out, st);
}

static int bind_tensor(struct mm_arena *arena, struct aios_tensor *t, struct aios_status *st)
{
	return mm_arena_tensor(arena, t->dtype, t->rows, t->cols, t, st);
}

/* The same when the template has it. */
static int bind_optional(struct mm_arena *arena, struct aios_tensor *t, struct aios_status *st)
{
	return t->data ? bind_tensor(arena, t, st) : 0;
}

static int bind_vector(struct mm_arena *arena, aios_addr *at, uint32_t dtype, uint64_t n,
		       struct aios_status *st)
{
	return *at ? bind_bytes(arena, n * aios_dtype_bytes(dtype), at, st) : 0;
}

/* A weight, packed as the device wants it. */
static int bind_weight(struct aios_bench *b, uint32_t profile, struct mm_arena *arena,
		       struct aios_tensor *w, struct aios_status *st)
{
	struct aios_tensor t = { .dtype = w->dtype, .rows = w->rows, .cols = w->cols };
	uint64_t bytes;
	int rc = device_weight_layout(b->device, profile, &t, &bytes, st);

	if (rc == 0)
		rc = bind_bytes(arena, bytes, &t.data, st);
	if (rc == 0 && aios_dtype_scaled(t.dtype))
		rc = bind_bytes(arena, (uint64_t)t.rows * sizeof(float), &t.scale, st);
	*w = t;
	return rc;
}

static int bind_matmul(struct aios_bench *b, struct aios_op_matmul *m, struct mm_arena *arena,
		       struct aios_status *st)
{
	int rc = bind_weight(b, m->profile, arena, &m->w, st);

	if (rc == 0)
		rc = bind_tensor(arena, &m->x, st);
	if (rc == 0)
		rc = bind_tensor(arena, &m->out, st);
	if (rc == 0)
		rc = bind_optional(arena, &m->residual, st);
	return rc < 0 ? rc : bind_vector(arena, &m->bias, m->bias_dtype, m->w.rows, st);
}

static int bind_rmsnorm(struct aios_op_rmsnorm *n, struct mm_arena *arena, struct aios_status *st)
{
	int rc = bind_tensor(arena, &n->x, st);

	if (rc == 0)
		rc = bind_optional(arena, &n->add, st);
	if (rc == 0)
		rc = bind_bytes(arena, (uint64_t)n->x.cols * aios_dtype_bytes(n->weight_dtype),
				&n->weight, st);
	return rc < 0 ? rc : bind_tensor(arena, &n->out, st);
}

/* Keys that a layer's pages hold, and rows that each sequence has. */
static void batch_shape(struct aios_batch *batch, struct aios_kv_layer *kv)
{
	batch->n_seqs = batch->n_seqs ? batch->n_seqs : 1;
	batch->max_q = (batch->n_tokens + batch->n_seqs - 1) / batch->n_seqs;
	if (batch->max_kv < batch->max_q)
		batch->max_kv = batch->max_q;
	batch->max_blocks = (batch->max_kv + kv->page_size - 1) / kv->page_size;
	kv->n_pages = batch->n_seqs * batch->max_blocks;
}

static int bind_batch(struct mm_arena *arena, struct aios_batch *batch, struct aios_kv_layer *kv,
		      struct aios_status *st)
{
	uint64_t word = sizeof(int32_t), half;
	int rc;

	batch_shape(batch, kv);
	half = (uint64_t)kv->n_pages * kv->page_size * kv->n_kv_heads * kv->head_dim *
	       aios_dtype_bytes(kv->dtype);
	rc = bind_bytes(arena, half, &kv->k, st);
	if (rc == 0)
		rc = bind_bytes(arena, half, &kv->v, st);
	if (rc == 0)
		rc = bind_bytes(arena, word * batch->n_tokens, &batch->positions, st);
	if (rc == 0)
		rc = bind_bytes(arena, word * batch->n_tokens, &batch->seq_ids, st);
	if (rc == 0)
		rc = bind_bytes(arena, word * (batch->n_seqs + 1ull), &batch->seq_start, st);
	if (rc == 0)
		rc = bind_bytes(arena, word * batch->n_seqs, &batch->seq_len, st);
	return rc < 0 ? rc : bind_bytes(arena, word * kv->n_pages, &batch->block_table, st);
}

static int bind_rope(struct aios_op_rope_kv *r, struct mm_arena *arena, struct aios_status *st)
{
	uint64_t table;
	int rc = bind_batch(arena, &r->batch, &r->kv, st);

	if (r->table_rows < r->batch.max_kv)
		r->table_rows = r->batch.max_kv;
	table = (uint64_t)r->table_rows * (r->rot_dim / 2) * sizeof(float);
	if (rc == 0)
		rc = bind_tensor(arena, &r->qkv, st);
	if (rc == 0)
		rc = bind_tensor(arena, &r->q, st);
	if (rc == 0)
		rc = bind_bytes(arena, table, &r->cos, st);
	if (rc == 0)
		rc = bind_bytes(arena, table, &r->sin, st);
	if (rc == 0)
		rc = bind_vector(arena, &r->q_norm, r->norm_dtype, r->kv.head_dim, st);
	return rc < 0 ? rc : bind_vector(arena, &r->k_norm, r->norm_dtype, r->kv.head_dim, st);
}

static int bind_attention(struct aios_op_attention *a, struct mm_arena *arena,
			  struct aios_status *st)
{
	int rc = bind_batch(arena, &a->batch, &a->kv, st);

	if (rc == 0)
		rc = bind_tensor(arena, &a->q, st);
	return rc < 0 ? rc : bind_tensor(arena, &a->out, st);
}

static int bind_pair(struct aios_tensor *in, struct aios_tensor *out, struct mm_arena *arena,
		     struct aios_status *st)
{
	int rc = bind_tensor(arena, in, st);

	return rc < 0 ? rc : bind_tensor(arena, out, st);
}

static int bind_add(struct aios_op_add *a, struct mm_arena *arena, struct aios_status *st)
{
	int rc = bind_pair(&a->a, &a->b, arena, st);

	return rc < 0 ? rc : bind_tensor(arena, &a->out, st);
}

static int bind_embed(struct aios_op_embed *e, struct mm_arena *arena, struct aios_status *st)
{
	int rc = bind_pair(&e->table, &e->out, arena, st);

	return rc < 0 ? rc : bind_bytes(arena, e->n_tokens * sizeof(int32_t), &e->ids, st);
}

static int bind_gather(struct aios_op_gather_rows *g, struct mm_arena *arena,
		       struct aios_status *st)
{
	int rc = bind_pair(&g->src, &g->out, arena, st);

	return rc < 0 ? rc : bind_bytes(arena, g->n_rows * sizeof(int32_t), &g->rows, st);
}

static int bind_copy_pages(struct aios_op_copy_pages *c, struct mm_arena *arena,
			   struct aios_status *st)
{
	struct aios_kv_layer *kv = &c->kv;
	uint64_t half;
	int rc;

	kv->n_pages = 2 * c->n_pairs;
	half = (uint64_t)kv->n_pages * kv->page_size * kv->n_kv_heads * kv->head_dim *
	       aios_dtype_bytes(kv->dtype);
	rc = bind_bytes(arena, half, &kv->k, st);
	if (rc == 0)
		rc = bind_bytes(arena, half, &kv->v, st);
	return rc < 0 ? rc : bind_bytes(arena, c->n_pairs * 2ull * sizeof(int32_t), &c->pairs, st);
}

static int bind_logits(struct aios_op_logits *l, struct mm_arena *arena, struct aios_status *st)
{
	uint64_t rows = l->logits.rows;
	int rc = bind_tensor(arena, &l->logits, st);

	if (rc == 0)
		rc = bind_bytes(arena, rows * sizeof(struct aios_sample_row), &l->params, st);
	if (rc == 0)
		rc = bind_bytes(arena, rows * PENALTIES * sizeof(struct aios_token_count),
				&l->counts, st);
	return rc < 0 ? rc :
			bind_bytes(arena, rows * BIASES * sizeof(struct aios_token_bias), &l->bias,
				   st);
}

static int bind_argmax(struct aios_op_argmax *a, struct mm_arena *arena, struct aios_status *st)
{
	int rc = bind_tensor(arena, &a->logits, st);

	return rc < 0 ? rc : bind_bytes(arena, a->logits.rows * sizeof(int32_t), &a->ids, st);
}

static int bind_sample(struct aios_op_sample *s, struct mm_arena *arena, struct aios_status *st)
{
	uint64_t rows = s->logits.rows;
	int rc = bind_tensor(arena, &s->logits, st);

	if (rc == 0)
		rc = bind_bytes(arena, rows * sizeof(struct aios_sample_row), &s->params, st);
	return rc < 0 ? rc : bind_bytes(arena, rows * sizeof(int32_t), &s->ids, st);
}

static int bind_logprobs(struct aios_op_logprobs *l, struct mm_arena *arena, struct aios_status *st)
{
	uint64_t word = l->logits.rows * sizeof(int32_t);
	int rc = bind_tensor(arena, &l->logits, st);

	if (rc == 0)
		rc = bind_bytes(arena, word, &l->ids, st);
	if (rc == 0)
		rc = bind_bytes(arena, word, &l->out, st);
	if (rc == 0)
		rc = bind_bytes(arena, word * l->n_top, &l->top_ids, st);
	return rc < 0 ? rc : bind_bytes(arena, word * l->n_top, &l->top, st);
}

static int bind_reduce(struct aios_op_all_reduce *r, struct mm_arena *arena, struct aios_status *st)
{
	struct aios_tensor part = r->out;
	int rc = bind_tensor(arena, &r->out, st);

	for (uint32_t i = 0; i < r->n_ranks && i < AIOS_MAX_RANKS && rc == 0; i++) {
		rc = bind_tensor(arena, &part, st);
		r->parts[i] = part.data;
	}
	return rc;
}

static int bind_all_gather(struct aios_op_all_gather *g, struct mm_arena *arena,
			   struct aios_status *st)
{
	struct aios_tensor part = g->out;
	int rc = bind_tensor(arena, &g->out, st);

	part.cols = g->part_cols;
	for (uint32_t i = 0; i < g->n_ranks && i < AIOS_MAX_RANKS && rc == 0; i++) {
		rc = bind_tensor(arena, &part, st);
		g->parts[i] = part.data;
		g->part_row_bytes = part.row_bytes;
	}
	return rc;
}

int bench_bind(struct aios_bench *b, union aios_op_any *op, struct mm_arena *arena,
	       struct aios_status *st)
{
	switch (op->op.type) {
	case AIOS_OP_EMBED:
		return bind_embed(&op->embed, arena, st);
	case AIOS_OP_RMSNORM:
		return bind_rmsnorm(&op->rmsnorm, arena, st);
	case AIOS_OP_MATMUL:
		return bind_matmul(b, &op->matmul, arena, st);
	case AIOS_OP_ROPE_KV:
		return bind_rope(&op->rope_kv, arena, st);
	case AIOS_OP_ATTENTION:
		return bind_attention(&op->attention, arena, st);
	case AIOS_OP_GLU:
		return bind_pair(&op->glu.in, &op->glu.out, arena, st);
	case AIOS_OP_ADD:
		return bind_add(&op->add, arena, st);
	case AIOS_OP_GATHER_ROWS:
		return bind_gather(&op->gather_rows, arena, st);
	case AIOS_OP_CAST:
		return bind_pair(&op->cast.in, &op->cast.out, arena, st);
	case AIOS_OP_QUANTISE:
		return bind_pair(&op->quantise.in, &op->quantise.out, arena, st);
	case AIOS_OP_COPY_PAGES:
		return bind_copy_pages(&op->copy_pages, arena, st);
	case AIOS_OP_LOGITS:
		return bind_logits(&op->logits, arena, st);
	case AIOS_OP_ARGMAX:
		return bind_argmax(&op->argmax, arena, st);
	case AIOS_OP_SAMPLE:
		return bind_sample(&op->sample, arena, st);
	case AIOS_OP_LOGPROBS:
		return bind_logprobs(&op->logprobs, arena, st);
	case AIOS_OP_ALL_REDUCE:
		return bind_reduce(&op->all_reduce, arena, st);
	case AIOS_OP_ALL_GATHER:
		return bind_all_gather(&op->all_gather, arena, st);
	default:
		return aios_fail(st, -EINVAL, "there is no op of type %u to measure", op->op.type);
	}
}

/* ---- fill -------------------------------------------------------------------- */

/* What one bench_fill() needs everywhere. */
struct filler {
	struct aios_bench *b;
	struct mm_arena *temp;
	struct aios_status *st;
};

/* Upload and forget: the list is the caller's again. */
static int fill_list(struct filler *f, aios_addr dst, const void *list, uint64_t bytes)
{
	int rc = queue_upload(&f->b->queue, dst, list, bytes, f->st);

	return rc < 0 ? rc : bench_sync(f->b, f->st);
}

/* The type of the numbers that become the tensor. */
static uint32_t source_dtype(const struct aios_tensor *t)
{
	return t->dtype == AIOS_F32 || t->dtype == AIOS_F16 ? t->dtype : AIOS_BF16;
}

static bool needs_temp(const struct aios_tensor *t)
{
	return aios_dtype_scaled(t->dtype) || t->layout != AIOS_LAYOUT_ROWS;
}

/* Random numbers, converted by the device when it has its own packing or type. */
static int fill_tensor(struct filler *f, const struct aios_tensor *t)
{
	struct aios_op_quantise q = {
		.op = AIOS_OP_INIT(struct aios_op_quantise, AIOS_OP_QUANTISE),
		.out = *t,
	};
	struct aios_op_cast c = {
		.op = AIOS_OP_INIT(struct aios_op_cast, AIOS_OP_CAST),
		.out = *t,
	};
	struct aios_tensor in = { 0 };
	int rc;

	if (!t->data)
		return 0;
	if (!needs_temp(t))
		return bench_store_fill(f->b, t->data, t->dtype, t->row_bytes * t->rows, f->st);
	mm_arena_reset(f->temp, 0);
	rc = mm_arena_tensor(f->temp, source_dtype(t), t->rows, t->cols, &in, f->st);
	if (rc == 0)
		rc = bench_store_fill(f->b, in.data, in.dtype, in.row_bytes * in.rows, f->st);
	q.in = in;
	c.in = in;
	if (rc < 0)
		return rc;
	return queue_launch(&f->b->queue, aios_dtype_scaled(t->dtype) ? &q.op : &c.op, f->st);
}

static int fill_vector(struct filler *f, aios_addr at, uint32_t dtype, uint64_t n)
{
	return at ? bench_store_fill(f->b, at, dtype, n * aios_dtype_bytes(dtype), f->st) : 0;
}

/* `n` numbers of 0 .. limit - 1, spread over the range, all different while n <= limit. */
static int fill_ids(struct filler *f, aios_addr at, uint32_t n, uint32_t limit)
{
	int32_t *ids = malloc((n ? n : 1) * sizeof(*ids));
	uint64_t step = limit / 2 + limit / 8 + 1;
	int rc;

	if (!ids)
		return aios_fail(f->st, -ENOMEM, "no host memory for %u ids", n);
	while (limit > 1) { /* a step without a common divisor visits everything */
		uint64_t a = limit, c = step % limit, r;

		for (; c; c = r) {
			r = a % c;
			a = c;
		}
		if (a == 1)
			break;
		step++;
	}
	for (uint32_t i = 0; i < n; i++)
		ids[i] = (int32_t)(i * step % (limit ? limit : 1));
	rc = fill_list(f, at, ids, n * sizeof(*ids));
	free(ids);
	return rc;
}

static int fill_batch(struct filler *f, const struct aios_batch *batch,
		      const struct aios_kv_layer *kv)
{
	uint32_t t = batch->n_tokens, s = batch->n_seqs, at = 0;
	int32_t *words = calloc(2ull * t + 2ull * s + 1, sizeof(*words));
	int32_t *positions = words, *seqs = words + t, *start = seqs + t, *len = start + s + 1;
	uint64_t half = (uint64_t)kv->n_pages * kv->page_size * kv->n_kv_heads * kv->head_dim;
	int rc;

	if (!words)
		return aios_fail(f->st, -ENOMEM, "no host memory for a batch of %u rows", t);
	for (uint32_t i = 0; i < s; i++) {
		/* The first ones have a row more when it does not come out even. */
		uint32_t rows = t / s + (i < t % s);

		start[i] = (int32_t)at;
		len[i] = (int32_t)batch->max_kv;
		for (uint32_t r = 0; r < rows; r++, at++) {
			positions[at] = (int32_t)(batch->max_kv - rows + r);
			seqs[at] = (int32_t)i;
		}
	}
	start[s] = (int32_t)t;
	rc = fill_list(f, batch->positions, positions, t * sizeof(*words));
	if (rc == 0)
		rc = fill_list(f, batch->seq_ids, seqs, t * sizeof(*words));
	if (rc == 0)
		rc = fill_list(f, batch->seq_start, start, (s + 1ull) * sizeof(*words));
	if (rc == 0)
		rc = fill_list(f, batch->seq_len, len, s * sizeof(*words));
	if (rc == 0)
		rc = fill_ids(f, batch->block_table, kv->n_pages, kv->n_pages);
	if (rc == 0)
		rc = fill_vector(f, kv->k, kv->dtype, half);
	if (rc == 0)
		rc = fill_vector(f, kv->v, kv->dtype, half);
	free(words);
	return rc;
}

static int fill_rope(struct filler *f, const struct aios_op_rope_kv *r)
{
	uint64_t table = (uint64_t)r->table_rows * (r->rot_dim / 2);
	int rc = fill_batch(f, &r->batch, &r->kv);

	if (rc == 0)
		rc = fill_tensor(f, &r->qkv);
	if (rc == 0)
		rc = fill_vector(f, r->cos, AIOS_F32, table);
	if (rc == 0)
		rc = fill_vector(f, r->sin, AIOS_F32, table);
	if (rc == 0)
		rc = fill_vector(f, r->q_norm, r->norm_dtype, r->kv.head_dim);
	return rc < 0 ? rc : fill_vector(f, r->k_norm, r->norm_dtype, r->kv.head_dim);
}

/* Rows of parameters that use every stage: temperature 0.8, top-k 50, top-p 0.95, penalties. */
static int fill_params(struct filler *f, aios_addr at, uint32_t rows)
{
	struct aios_sample_row *list = calloc(rows ? rows : 1, sizeof(*list));
	int rc;

	if (!list)
		return aios_fail(f->st, -ENOMEM, "no host memory for %u rows of parameters", rows);
	for (uint32_t i = 0; i < rows; i++)
		list[i] = (struct aios_sample_row){
			.seed = f->b->options.seed,
			.position = i,
			.temperature = 0.8f,
			.top_p = 0.95f,
			.top_k = 50,
			.repetition = 1.1f,
			.frequency = 0.1f,
			.presence = 0.1f,
			.counts_start = i * PENALTIES,
			.counts_n = PENALTIES,
			.bias_start = i * BIASES,
			.bias_n = BIASES,
		};
	rc = fill_list(f, at, list, rows * sizeof(*list));
	free(list);
	return rc;
}

static int fill_logits(struct filler *f, const struct aios_op_logits *l)
{
	uint32_t rows = l->logits.rows, cols = l->logits.cols;
	uint32_t n_counts = rows * PENALTIES, n_bias = rows * BIASES;
	struct aios_token_count *counts = calloc(n_counts ? n_counts : 1, sizeof(*counts));
	struct aios_token_bias *bias = calloc(n_bias ? n_bias : 1, sizeof(*bias));
	int rc = 0;

	if (!counts || !bias)
		rc = aios_fail(f->st, -ENOMEM, "no host memory for penalties of %u rows", rows);
	for (uint32_t i = 0; i < n_counts && rc == 0; i++)
		counts[i] = (struct aios_token_count){ (int32_t)(i % PENALTIES * 131 % cols), 1 };
	for (uint32_t i = 0; i < n_bias && rc == 0; i++)
		bias[i] = (struct aios_token_bias){ (int32_t)(i % BIASES * 257 % cols), 0.5f };
	if (rc == 0)
		rc = fill_tensor(f, &l->logits);
	if (rc == 0)
		rc = fill_params(f, l->params, rows);
	if (rc == 0)
		rc = fill_list(f, l->counts, counts, n_counts * sizeof(*counts));
	if (rc == 0)
		rc = fill_list(f, l->bias, bias, n_bias * sizeof(*bias));
	free(counts);
	free(bias);
	return rc;
}

static int fill_matmul(struct filler *f, const struct aios_op_matmul *m)
{
	int rc = fill_tensor(f, &m->w);

	if (rc == 0)
		rc = fill_tensor(f, &m->x);
	if (rc == 0)
		rc = fill_tensor(f, &m->residual);
	return rc < 0 ? rc : fill_vector(f, m->bias, m->bias_dtype, m->w.rows);
}

static int fill_rmsnorm(struct filler *f, const struct aios_op_rmsnorm *n)
{
	int rc = fill_tensor(f, &n->x);

	if (rc == 0)
		rc = fill_tensor(f, &n->add);
	return rc < 0 ? rc : fill_vector(f, n->weight, n->weight_dtype, n->x.cols);
}

static int fill_parts(struct filler *f, const aios_addr *parts, uint32_t n, uint32_t dtype,
		      uint64_t bytes)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = bench_store_fill(f->b, parts[i], dtype, bytes, f->st);
	return rc;
}

static int fill_pages(struct filler *f, const struct aios_op_copy_pages *c)
{
	const struct aios_kv_layer *kv = &c->kv;
	uint64_t half = (uint64_t)kv->n_pages * kv->page_size * kv->n_kv_heads * kv->head_dim;
	int rc = fill_vector(f, kv->k, kv->dtype, half);

	if (rc == 0)
		rc = fill_vector(f, kv->v, kv->dtype, half);
	/* Every page once, as source or destination. */
	return rc < 0 ? rc : fill_ids(f, c->pairs, kv->n_pages, kv->n_pages);
}

static int fill_rows(struct filler *f, const struct aios_tensor *t, aios_addr ids, uint32_t n)
{
	int rc = fill_tensor(f, t);

	return rc < 0 ? rc : fill_ids(f, ids, n, t->rows);
}

int bench_fill(struct aios_bench *b, const union aios_op_any *op, struct mm_arena *temp,
	       struct aios_status *st)
{
	struct filler f = { b, temp, st };
	int rc;

	switch (op->op.type) {
	case AIOS_OP_EMBED:
		return fill_rows(&f, &op->embed.table, op->embed.ids, op->embed.n_tokens);
	case AIOS_OP_RMSNORM:
		return fill_rmsnorm(&f, &op->rmsnorm);
	case AIOS_OP_MATMUL:
		return fill_matmul(&f, &op->matmul);
	case AIOS_OP_ROPE_KV:
		return fill_rope(&f, &op->rope_kv);
	case AIOS_OP_ATTENTION:
		rc = fill_batch(&f, &op->attention.batch, &op->attention.kv);
		return rc < 0 ? rc : fill_tensor(&f, &op->attention.q);
	case AIOS_OP_GLU:
		return fill_tensor(&f, &op->glu.in);
	case AIOS_OP_ADD:
		rc = fill_tensor(&f, &op->add.a);
		return rc < 0 ? rc : fill_tensor(&f, &op->add.b);
	case AIOS_OP_GATHER_ROWS:
		return fill_rows(&f, &op->gather_rows.src, op->gather_rows.rows,
				 op->gather_rows.n_rows);
	case AIOS_OP_CAST:
		return fill_tensor(&f, &op->cast.in);
	case AIOS_OP_QUANTISE:
		return fill_tensor(&f, &op->quantise.in);
	case AIOS_OP_COPY_PAGES:
		return fill_pages(&f, &op->copy_pages);
	case AIOS_OP_LOGITS:
		return fill_logits(&f, &op->logits);
	case AIOS_OP_ARGMAX:
		return fill_tensor(&f, &op->argmax.logits);
	case AIOS_OP_SAMPLE:
		rc = fill_params(&f, op->sample.params, op->sample.logits.rows);
		return rc < 0 ? rc : fill_tensor(&f, &op->sample.logits);
	case AIOS_OP_LOGPROBS:
		return fill_rows(&f, &op->logprobs.logits, op->logprobs.ids,
				 op->logprobs.logits.rows);
	case AIOS_OP_ALL_REDUCE:
		return fill_parts(&f, op->all_reduce.parts, op->all_reduce.n_ranks, AIOS_F32,
				  op->all_reduce.out.row_bytes * op->all_reduce.out.rows);
	case AIOS_OP_ALL_GATHER:
		return fill_parts(&f, op->all_gather.parts, op->all_gather.n_ranks,
				  op->all_gather.out.dtype,
				  op->all_gather.part_row_bytes * op->all_gather.out.rows);
	default:
		return 0;
	}
}

uint64_t bench_temp(const union aios_op_any *op)
{
	const struct aios_tensor *w = &op->matmul.w, *x = &op->matmul.x;
	struct aios_tensor t = { 0 };
	uint64_t need = 0;

	if (op->op.type != AIOS_OP_MATMUL)
		return 0;
	if (needs_temp(w))
		need = tensor_rows(&t, source_dtype(w), w->rows, w->cols);
	if (needs_temp(x)) {
		uint64_t bytes = tensor_rows(&t, source_dtype(x), x->rows, x->cols);

		need = bytes > need ? bytes : need;
	}
	return need ? align_up(need, MM_ALIGN) : 0;
}

/* ---- cost -------------------------------------------------------------------- */

/* Bytes of a tensor's elements and scales, without padding. */
static uint64_t moved(const struct aios_tensor *t)
{
	uint64_t n = (uint64_t)t->rows * t->cols * aios_dtype_bytes(t->dtype);

	if (!t->data)
		return 0;
	if (t->dtype == AIOS_I8X2)
		n *= 2;
	return n + (aios_dtype_scaled(t->dtype) ? t->rows * sizeof(float) : 0);
}

static uint64_t vector(aios_addr at, uint32_t dtype, uint64_t n)
{
	return at ? n * aios_dtype_bytes(dtype) : 0;
}

static void cost_matmul(const struct aios_op_matmul *m, uint64_t *bytes, uint64_t *flops)
{
	*bytes = moved(&m->w) + moved(&m->x) + moved(&m->out) + moved(&m->residual) +
		 vector(m->bias, m->bias_dtype, m->w.rows);
	*flops = 2ull * m->x.rows * m->w.rows * m->w.cols;
}

/* Keys that the rows of one sequence see, summed; and keys that any of them sees. */
static uint64_t seen_by(uint32_t rows, uint32_t kv, uint32_t window, uint64_t *any)
{
	uint64_t sum = 0, keys;

	for (uint32_t r = 0; r < rows; r++) {
		keys = kv - rows + r + 1ull;
		sum += window && keys > window ? window : keys;
	}
	*any = window && kv > window + rows ? window + (uint64_t)rows : kv;
	return sum;
}

static void cost_attention(const struct aios_op_attention *a, uint64_t *bytes, uint64_t *flops)
{
	const struct aios_batch *batch = &a->batch;
	uint64_t key = 2ull * a->kv.n_kv_heads * a->kv.head_dim * aios_dtype_bytes(a->kv.dtype);
	uint32_t q = batch->n_tokens / batch->n_seqs, odd = batch->n_tokens % batch->n_seqs;
	uint64_t any, any_odd = 0, pairs;

	pairs = seen_by(q, batch->max_kv, a->window, &any) * (batch->n_seqs - odd);
	if (odd)
		pairs += seen_by(q + 1, batch->max_kv, a->window, &any_odd) * odd;
	*bytes =
		moved(&a->q) + moved(&a->out) + key * (any * (batch->n_seqs - odd) + any_odd * odd);
	*flops = 4ull * a->n_heads * a->kv.head_dim * pairs;
}

static uint64_t cost_rope(const struct aios_op_rope_kv *r)
{
	uint64_t key = 2ull * r->kv.n_kv_heads * r->kv.head_dim * aios_dtype_bytes(r->kv.dtype);

	return moved(&r->qkv) + moved(&r->q) + key * r->batch.n_tokens +
	       2ull * r->batch.n_tokens * (r->rot_dim / 2) * sizeof(float);
}

void bench_cost(const union aios_op_any *op, uint64_t *bytes, uint64_t *flops)
{
	const union aios_op_any *o = op;
	uint64_t page;

	*flops = 0;
	*bytes = 0;
	switch (op->op.type) {
	case AIOS_OP_EMBED:
		*bytes = moved(&o->embed.out) +
			 (uint64_t)o->embed.n_tokens *
				 (o->embed.table.cols * aios_dtype_bytes(o->embed.table.dtype) + 4);
		break;
	case AIOS_OP_RMSNORM: /* with an addend x is written too */
		*bytes = moved(&o->rmsnorm.x) * (o->rmsnorm.add.data ? 2 : 1) +
			 moved(&o->rmsnorm.add) + moved(&o->rmsnorm.out) +
			 vector(o->rmsnorm.weight, o->rmsnorm.weight_dtype, o->rmsnorm.x.cols);
		break;
	case AIOS_OP_MATMUL:
		cost_matmul(&o->matmul, bytes, flops);
		break;
	case AIOS_OP_ROPE_KV:
		*bytes = cost_rope(&o->rope_kv);
		break;
	case AIOS_OP_ATTENTION:
		cost_attention(&o->attention, bytes, flops);
		break;
	case AIOS_OP_GLU:
		*bytes = moved(&o->glu.in) + moved(&o->glu.out);
		break;
	case AIOS_OP_ADD:
		*bytes = moved(&o->add.a) + moved(&o->add.b) + moved(&o->add.out);
		break;
	case AIOS_OP_GATHER_ROWS:
		*bytes = 2 * moved(&o->gather_rows.out) + 4ull * o->gather_rows.n_rows;
		break;
	case AIOS_OP_CAST:
		*bytes = moved(&o->cast.in) + moved(&o->cast.out);
		break;
	case AIOS_OP_QUANTISE:
		*bytes = moved(&o->quantise.in) + moved(&o->quantise.out);
		break;
	case AIOS_OP_COPY_PAGES:
		page = (uint64_t)o->copy_pages.kv.page_size * o->copy_pages.kv.n_kv_heads *
		       o->copy_pages.kv.head_dim * aios_dtype_bytes(o->copy_pages.kv.dtype);
		*bytes = 4 * page * o->copy_pages.n_pairs;
		break;
	case AIOS_OP_LOGITS: /* the tokens that have something alone */
		*bytes = (uint64_t)o->logits.logits.rows * (PENALTIES + BIASES) * 16;
		break;
	case AIOS_OP_ARGMAX:
		*bytes = moved(&o->argmax.logits);
		break;
	case AIOS_OP_SAMPLE:
		*bytes = moved(&o->sample.logits);
		break;
	case AIOS_OP_LOGPROBS:
		*bytes = moved(&o->logprobs.logits);
		break;
	case AIOS_OP_ALL_REDUCE:
		*bytes = moved(&o->all_reduce.out) * (o->all_reduce.n_ranks + 1);
		break;
	case AIOS_OP_ALL_GATHER:
		*bytes = 2 * moved(&o->all_gather.out);
		break;
	default:
		break;
	}
}
