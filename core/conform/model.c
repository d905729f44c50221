// SPDX-License-Identifier: Apache-2.0
/* model.c - see model.h. */
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/model.h"
#include "core/lib/array.h"

/* Streams of the weights: 16 a layer. */
enum {
	W_QKV,
	W_O,
	W_GATE,
	W_DOWN,
	W_NORM1,
	W_NORM2,
	W_Q,
	W_K,
	W_BIAS
};
enum {
	STREAM_TABLE = 0x200,
	STREAM_HEAD,
	STREAM_FINAL,
	STREAM_COS,
	STREAM_SIN,
	STREAM_INPUT,
	STREAM_LAYER = 0x300
};

struct builder {
	const struct model_plan *plan;
	const struct model_shape *s;
	struct prog *p;
	struct prog_tensor *weights; /* 4 a layer, then the head */
	int *kv;                     /* k and v of each layer */
	uint32_t *pages;             /* of all sequences */
	const uint32_t *first[MODEL_SEQS];
	uint32_t n_pages;
	int table, cos, sin;
	uint32_t positions; /* rows of the tables */
	char tag[12];
};

void model_shape_pick(struct conform_key key, uint32_t profile, struct model_shape *out)
{
	static const uint8_t dims[] = { 16, 32, 64, 64, 80, 128 };
	static const uint16_t inters[] = { 64, 96, 160, 256, 288 };
	struct aios_profile_info info = aios_profile_info_of(profile);
	struct model_shape s = { .profile = profile, .layers = 2, .window = 0 };

#define CHOOSE(slot, n) conform_below(key, STREAM_SHAPE, slot, 0, n)
	s.kv = CHOOSE(0, 3) ? AIOS_BF16 : AIOS_F16;
	s.act = info.act_dtype == AIOS_BF16 ? s.kv : info.act_dtype;
	s.qkv = CHOOSE(1, 2) ? AIOS_F32 : AIOS_BF16;
	s.kv_heads = 1 + CHOOSE(2, 2);
	s.heads = s.kv_heads * (1 + CHOOSE(3, 4));
	s.dim = dims[CHOOSE(4, sizeof(dims))];
	s.rot = CHOOSE(5, 4) ? s.dim : s.dim / 2;
	s.segments = 1u << CHOOSE(6, 3);
	s.hidden = 32 * (2 + CHOOSE(7, 7));
	s.inter = inters[CHOOSE(8, sizeof(inters) / sizeof(inters[0]))];
	s.vocab = 97 + CHOOSE(9, 200);
	s.norm = CHOOSE(10, 2);
	s.window = CHOOSE(11, 4) ? 0 : 24;
#undef CHOOSE
	/* Row-parallel sums are cut into segments of whole blocks. */
	while (s.segments > 1 &&
	       (s.heads * s.dim % (info.dot_l * s.segments) || s.inter % (info.dot_l * s.segments)))
		s.segments /= 2;
	*out = s;
}

char *model_describe(const struct model_plan *plan, char *out, size_t size)
{
	const struct model_shape *s = &plan->shape;

	snprintf(
		out, size,
		"layers=%u hidden=%u heads=%u/%u dim=%u rot=%u inter=%u vocab=%u S=%u act=%s kv=%s "
		"qkv=%s%s window=%u page=%u steps=%u",
		s->layers, s->hidden, s->heads, s->kv_heads, s->dim, s->rot, s->inter, s->vocab,
		s->segments, aios_dtype_name(s->act), aios_dtype_name(s->kv),
		aios_dtype_name(s->qkv), s->norm ? " norms" : "", s->window, plan->page_size,
		plan->n_steps);
	return out;
}

/* --- what is made once --------------------------------------------------------- */

/* A matmul weight as a checkpoint has it, and its conversion on the device. */
static struct prog_tensor load_weight(struct builder *b, const char *name, uint32_t stream,
				      uint32_t rows, uint32_t cols)
{
	uint32_t type = b->s->act == AIOS_I8X2 ? AIOS_I8 : b->s->act;
	struct prog_tensor in, w;
	struct aios_op_cast *op; /* quantise has the same fields */
	char label[24];

	snprintf(label, sizeof(label), "%.12s.file", name);
	in = prog_tensor(b->p, label, PROG_IN, aios_dtype_scaled(type) ? AIOS_BF16 : type, rows,
			 cols, 0, stream, 0, DIST_NORMAL);
	w = prog_weight(b->p, name, b->s->profile, type, rows, cols);
	op = prog_op(b->p, aios_dtype_scaled(type) ? AIOS_OP_QUANTISE : AIOS_OP_CAST, sizeof(*op));
	prog_put(b->p, &op->in, &in);
	prog_put(b->p, &op->out, &w);
	return w;
}

static int load_vector(struct builder *b, const char *name, uint32_t stream, uint32_t n)
{
	int buf = prog_buf(b->p, name, PROG_IN, AIOS_BF16, 1, n, 0);

	prog_fill(b->p, buf, stream, 0, DIST_NORMAL);
	return buf;
}

static void load_layer(struct builder *b, uint32_t l)
{
	const struct model_shape *s = b->s;
	uint32_t q = s->heads * s->dim, kv = s->kv_heads * s->dim, stream = STREAM_LAYER + 16 * l;
	uint32_t slots = b->n_pages * s->kv_heads * b->plan->page_size;
	struct prog_tensor *w = b->weights + 4 * (size_t)l;
	char name[24];

#define NAME(what) (snprintf(name, sizeof(name), "l%u.%s", l, what), name)
	w[0] = load_weight(b, NAME("qkv"), stream + W_QKV, q + 2 * kv, s->hidden);
	w[1] = load_weight(b, NAME("o"), stream + W_O, s->hidden, q);
	w[2] = load_weight(b, NAME("gate-up"), stream + W_GATE, 2 * s->inter, s->hidden);
	w[3] = load_weight(b, NAME("down"), stream + W_DOWN, s->hidden, s->inter);
	b->kv[2 * l] = prog_buf(b->p, NAME("k"), PROG_INOUT, s->kv, slots, s->dim, 0);
	b->kv[2 * l + 1] = prog_buf(b->p, NAME("v"), PROG_INOUT, s->kv, slots, s->dim, 0);
#undef NAME
}

static int table_of(struct builder *b, const char *name, uint32_t stream)
{
	uint32_t half = b->s->rot / 2;
	int buf = prog_buf(b->p, name, PROG_IN, AIOS_F32, 1, b->positions * half, 0);
	float *row = prog_row(b->p, buf, 0);

	for (uint32_t i = 0; row && i < b->positions * half; i++)
		row[i] = (float)((int32_t)(conform_random(b->p->key, stream, i / half, i % half) >>
					   40) -
				 (1 << 23)) *
			 0x1p-23f;
	return buf;
}

/* Pages of every sequence out of one shuffled pool. */
static int lay_pages(struct builder *b)
{
	uint32_t n = 0, i, j, swap, at = 0;

	for (i = 0; i < MODEL_SEQS; i++)
		n += (b->plan->lengths[i] + b->plan->page_size - 1) / b->plan->page_size;
	b->n_pages = n + 1;
	b->pages = malloc(b->n_pages * sizeof(*b->pages));
	if (!b->pages)
		return -ENOMEM;
	for (i = 0; i < b->n_pages; i++)
		b->pages[i] = i;
	for (i = b->n_pages - 1; i > 0; i--) {
		j = conform_below(b->p->key, STREAM_PAGES, b->plan->page_order, i, i + 1);
		swap = b->pages[i];
		b->pages[i] = b->pages[j];
		b->pages[j] = swap;
	}
	for (i = 0; i < MODEL_SEQS; i++) {
		b->first[i] = b->pages + at;
		at += (b->plan->lengths[i] + b->plan->page_size - 1) / b->plan->page_size;
	}
	return 0;
}

/* --- one step -------------------------------------------------------------------- */

/* Buffers of a step. */
struct step {
	struct gen_seq seqs[MODEL_SEQS];
	struct gen_batch batch;
	struct prog_tensor x;
	uint32_t rows;
};

static struct prog_tensor out_tensor(struct builder *b, const char *what, uint32_t dtype,
				     uint32_t rows, uint32_t cols)
{
	char name[24];

	snprintf(name, sizeof(name), "%s.%s", b->tag, what);
	return prog_tensor(b->p, name, PROG_OUT, dtype, rows, cols, 0, 0, 0, 0);
}

static void norm(struct builder *b, const struct step *t, int weight, const struct prog_tensor *out)
{
	struct aios_op_rmsnorm *op = prog_op(b->p, AIOS_OP_RMSNORM, sizeof(*op));

	op->eps = 1e-6f;
	op->weight_dtype = AIOS_BF16;
	prog_put(b->p, &op->x, &t->x);
	prog_addr(b->p, &op->weight, weight, 0);
	prog_put(b->p, &op->out, out);
}

static void matmul(struct builder *b, const struct prog_tensor *x, const struct prog_tensor *w,
		   const struct prog_tensor *out, uint32_t act, uint32_t segments,
		   const struct prog_tensor *residual)
{
	struct aios_op_matmul *op = prog_op(b->p, AIOS_OP_MATMUL, sizeof(*op));

	op->profile = (uint8_t)b->s->profile;
	op->act = (uint8_t)act;
	op->mid_type = AIOS_F32;
	op->segments = segments;
	prog_put(b->p, &op->x, x);
	prog_put(b->p, &op->w, w);
	prog_put(b->p, &op->out, out);
	if (residual)
		prog_put(b->p, &op->residual, residual);
}

static void put_kv(struct builder *b, struct aios_kv_layer *kv, uint32_t l)
{
	kv->dtype = b->s->kv;
	kv->n_pages = b->n_pages;
	kv->page_size = b->plan->page_size;
	kv->n_kv_heads = b->s->kv_heads;
	kv->head_dim = b->s->dim;
	prog_addr(b->p, &kv->k, b->kv[2 * l], 0);
	prog_addr(b->p, &kv->v, b->kv[2 * l + 1], 0);
}

static void rope(struct builder *b, const struct step *t, uint32_t l, const struct prog_tensor *qkv,
		 const struct prog_tensor *q)
{
	const struct model_shape *s = b->s;
	int q_norm = -1, k_norm = -1;
	struct aios_op_rope_kv *op;

	if (s->norm) {
		q_norm = load_vector(b, "q_norm", STREAM_LAYER + 16 * l + W_Q, s->dim);
		k_norm = load_vector(b, "k_norm", STREAM_LAYER + 16 * l + W_K, s->dim);
	}
	op = prog_op(b->p, AIOS_OP_ROPE_KV, sizeof(*op));
	op->eps = 1e-6f;
	op->n_heads = s->heads;
	op->rot_dim = s->rot;
	op->table_rows = b->positions;
	op->norm_dtype = AIOS_BF16;
	gen_batch_put(b->p, &op->batch, &t->batch);
	put_kv(b, &op->kv, l);
	prog_put(b->p, &op->qkv, qkv);
	prog_put(b->p, &op->q, q);
	prog_addr(b->p, &op->cos, b->cos, 0);
	prog_addr(b->p, &op->sin, b->sin, 0);
	if (s->norm) {
		prog_addr(b->p, &op->q_norm, q_norm, 0);
		prog_addr(b->p, &op->k_norm, k_norm, 0);
	}
}

static void attend(struct builder *b, const struct step *t, uint32_t l, const struct prog_tensor *q,
		   const struct prog_tensor *out)
{
	struct aios_op_attention *op = prog_op(b->p, AIOS_OP_ATTENTION, sizeof(*op));

	op->profile = (uint8_t)b->s->profile;
	op->n_heads = b->s->heads;
	op->scale = 1.0f / __builtin_sqrtf((float)b->s->dim);
	op->scale_log2 = aios_mul(op->scale, AIOS_LOG2E);
	op->window = b->s->window;
	op->chunk = AIOS_ATTN_BLOCK; /* the smallest: merges happen early */
	gen_batch_put(b->p, &op->batch, &t->batch);
	put_kv(b, &op->kv, l);
	prog_put(b->p, &op->q, q);
	prog_put(b->p, &op->out, out);
}

/* g (floats) as the down projection's input. */
static struct prog_tensor activation(struct builder *b, const struct prog_tensor *g, uint32_t rows)
{
	struct prog_tensor out = *g;
	struct aios_op_quantise *op;

	if (!aios_dtype_scaled(b->s->act))
		return out;
	out = out_tensor(b, "gq", b->s->act, rows, b->s->inter);
	op = prog_op(b->p, AIOS_OP_QUANTISE, sizeof(*op));
	prog_put(b->p, &op->in, g);
	prog_put(b->p, &op->out, &out);
	return out;
}

static void layer(struct builder *b, struct step *t, uint32_t step, uint32_t l)
{
	const struct model_shape *s = b->s;
	const struct prog_tensor *w = b->weights + 4 * (size_t)l;
	uint32_t q_cols = s->heads * s->dim, stream = STREAM_LAYER + 16 * l, n = t->batch.n_tokens;
	struct prog_tensor h, qkv, q, a, h2, g, gq;

	snprintf(b->tag, sizeof(b->tag), "s%u.l%u", step % 1000, l % 100);
	h = out_tensor(b, "h", s->act, n, s->hidden);
	qkv = out_tensor(b, "qkv", s->qkv, n, q_cols + 2 * s->kv_heads * s->dim);
	q = out_tensor(b, "q", s->kv, n, q_cols);
	a = out_tensor(b, "attn", s->act, n, q_cols);
	h2 = out_tensor(b, "h2", s->act, n, s->hidden);
	g = out_tensor(b, "g", aios_dtype_scaled(s->act) ? AIOS_F32 : s->act, n, s->inter);
	norm(b, t, load_vector(b, "norm1", stream + W_NORM1, s->hidden), &h);
	matmul(b, &h, &w[0], &qkv, AIOS_ACT_NONE, 1, NULL);
	rope(b, t, l, &qkv, &q);
	attend(b, t, l, &q, &a);
	matmul(b, &a, &w[1], &t->x, AIOS_ACT_NONE, s->segments, &t->x);
	norm(b, t, load_vector(b, "norm2", stream + W_NORM2, s->hidden), &h2);
	matmul(b, &h2, &w[2], &g, AIOS_ACT_SILU_MUL, 1, NULL);
	gq = activation(b, &g, n);
	matmul(b, &gq, &w[3], &t->x, AIOS_ACT_NONE, s->segments, &t->x);
}

/* Token ids belong to (sequence, position). */
static void embed(struct builder *b, struct step *t, const struct model_step *plan)
{
	struct aios_op_embed *op;
	struct prog_tensor table = { .data = b->table, .scale = -1, .weight_profile = -1 };
	uint32_t row = 0, i, s;
	int32_t *ids;
	int buf = gen_ints(b->p, "ids", 1, t->batch.n_tokens, &ids);

	for (s = 0; s < plan->n_seqs && ids; s++)
		for (i = 0; i < plan->seqs[s].rows; i++)
			ids[row++] = (int32_t)conform_below(b->p->key, STREAM_IDS,
							    plan->seqs[s].name,
							    plan->seqs[s].past + i, b->s->vocab);
	for (; ids && row < t->batch.n_tokens; row++)
		ids[row] = -1;
	table.t = (struct aios_tensor){ .dtype = AIOS_BF16,
					.rows = b->s->vocab,
					.cols = b->s->hidden,
					.row_bytes = align_up(2ull * b->s->hidden, 16) };
	op = prog_op(b->p, AIOS_OP_EMBED, sizeof(*op));
	op->scale = 1.0f;
	op->n_tokens = t->batch.n_tokens;
	prog_addr(b->p, &op->ids, buf, 0);
	prog_put(b->p, &op->table, &table);
	prog_put(b->p, &op->out, &t->x);
}

/* Logits of every row that is not padding, then a token of each in three ways. */
static int head(struct builder *b, struct step *t)
{
	const struct model_shape *s = b->s;
	struct prog_tensor rows, h, logits;
	struct aios_op_gather_rows *gather;
	struct aios_op_argmax *argmax;
	struct aios_op_rmsnorm *op;
	int32_t *which;
	int buf = gen_ints(b->p, "logit_rows", 1, t->rows, &which), ids;

	for (uint32_t i = 0; which && i < t->rows; i++)
		which[i] = (int32_t)i;
	rows = out_tensor(b, "rows", AIOS_F32, t->rows, s->hidden);
	h = out_tensor(b, "final", s->act, t->rows, s->hidden);
	logits = out_tensor(b, "logits", AIOS_F32, t->rows, s->vocab);
	ids = prog_buf(b->p, "argmax", PROG_OUT, AIOS_I32, 1, t->rows, 0);
	gather = prog_op(b->p, AIOS_OP_GATHER_ROWS, sizeof(*gather));
	gather->n_rows = t->rows;
	prog_addr(b->p, &gather->rows, buf, 0);
	prog_put(b->p, &gather->src, &t->x);
	prog_put(b->p, &gather->out, &rows);
	buf = load_vector(b, "norm", STREAM_FINAL, s->hidden);
	op = prog_op(b->p, AIOS_OP_RMSNORM, sizeof(*op));
	op->eps = 1e-6f;
	op->weight_dtype = AIOS_BF16;
	prog_put(b->p, &op->x, &rows);
	prog_addr(b->p, &op->weight, buf, 0);
	prog_put(b->p, &op->out, &h);
	matmul(b, &h, &b->weights[4 * (size_t)s->layers], &logits, AIOS_ACT_NONE, 1, NULL);
	argmax = prog_op(b->p, AIOS_OP_ARGMAX, sizeof(*argmax));
	prog_put(b->p, &argmax->logits, &logits);
	prog_addr(b->p, &argmax->ids, ids, 0);
	return logits.data;
}

static int remember(struct model_rows_map *map, const struct model_step *plan, int buf)
{
	uint32_t row = 0;

	for (uint32_t s = 0; s < plan->n_seqs; s++) {
		for (uint32_t i = 0; i < plan->seqs[s].rows; i++, row++) {
			if (array_reserve((void **)&map->rows, &map->cap, map->n + 1,
					  sizeof(*map->rows)))
				return -ENOMEM;
			map->rows[map->n++] = (struct model_row){ plan->seqs[s].name,
								  plan->seqs[s].past + i, row,
								  buf };
		}
	}
	return 0;
}

static int step(struct builder *b, uint32_t index, struct model_rows_map *map)
{
	const struct model_step *plan = &b->plan->steps[index];
	struct step t;
	int logits;

	memset(&t, 0, sizeof(t));
	for (uint32_t s = 0; s < plan->n_seqs; s++) {
		t.seqs[s] = (struct gen_seq){ .past = plan->seqs[s].past,
					      .rows = plan->seqs[s].rows,
					      .name = plan->seqs[s].name,
					      .pages = b->first[plan->seqs[s].name] };
		t.rows += plan->seqs[s].rows;
	}
	t.batch = (struct gen_batch){ .seqs = t.seqs,
				      .n_seqs = plan->n_seqs,
				      .padding = plan->padding,
				      .page_size = b->plan->page_size };
	gen_batch_make(b->p, &t.batch);
	snprintf(b->tag, sizeof(b->tag), "s%u", index % 1000);
	t.x = out_tensor(b, "x", AIOS_F32, t.batch.n_tokens, b->s->hidden);
	embed(b, &t, plan);
	for (uint32_t l = 0; l < b->s->layers; l++)
		layer(b, &t, index, l);
	snprintf(b->tag, sizeof(b->tag), "s%u", index % 1000);
	logits = head(b, &t);
	return map ? remember(map, plan, logits) : 0;
}

static int build(struct builder *b, struct model_rows_map *map)
{
	const struct model_shape *s = b->s;
	int rc = lay_pages(b);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < MODEL_SEQS; i++)
		if (b->plan->lengths[i] > b->positions)
			b->positions = b->plan->lengths[i];
	b->cos = table_of(b, "cos", STREAM_COS);
	b->sin = table_of(b, "sin", STREAM_SIN);
	b->table = prog_buf(b->p, "table", PROG_IN, AIOS_BF16, s->vocab, s->hidden, 0);
	prog_fill(b->p, b->table, STREAM_TABLE, 0, DIST_NORMAL);
	for (uint32_t l = 0; l < s->layers; l++)
		load_layer(b, l);
	b->weights[4 * (size_t)s->layers] =
		load_weight(b, "head", STREAM_HEAD, s->vocab, s->hidden);
	for (uint32_t i = 0; i < b->plan->n_steps && !rc; i++)
		rc = step(b, i, map);
	return rc;
}

int model_build(const struct model_plan *plan, struct prog *p, struct model_rows_map *map)
{
	struct builder b = { .plan = plan, .s = &plan->shape, .p = p };
	int rc = -ENOMEM;

	b.weights = calloc(4 * (size_t)plan->shape.layers + 1, sizeof(*b.weights));
	b.kv = calloc(2 * (size_t)plan->shape.layers + 1, sizeof(*b.kv));
	if (b.weights && b.kv)
		rc = build(&b, map);
	free(b.weights);
	free(b.kv);
	free(b.pages);
	return rc ? rc : p->failed ? -ENOMEM : 0;
}
