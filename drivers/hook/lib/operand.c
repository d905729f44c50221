// SPDX-License-Identifier: Apache-2.0
/* operand.c - see operand.h. One function an op; what it lists follows <aios/op.h>. */
#include "lib/operand.h"

#include <string.h>

#define T(dtype) (1u << (dtype))
#define HALF (T(AIOS_BF16) | T(AIOS_F16))
#define FLOAT (T(AIOS_F32) | HALF)
#define SCALED (T(AIOS_E4M3) | T(AIOS_I8) | T(AIOS_I8X2))
#define F32 T(AIOS_F32)

/* A list in the making. */
struct lister {
	const struct aios_op *op;
	struct hook_operands *out;
};

static struct hook_operand *add(struct lister *l, const char *name, uint32_t flags,
				const aios_addr *addr)
{
	struct hook_operand *o = &l->out->v[l->out->n++];

	memset(o, 0, sizeof(*o));
	o->name = name;
	o->flags = flags;
	o->field = (uint32_t)((const char *)addr - (const char *)l->op);
	o->addr = *addr;
	o->alias = HOOK_NO_ALIAS;
	return o;
}

/* Elements one after the other. */
static struct hook_operand *add_array(struct lister *l, const char *name, uint32_t flags,
				      const aios_addr *addr, uint32_t dtype, uint32_t rows,
				      uint32_t cols)
{
	struct hook_operand *o = add(l, name, flags, addr);

	o->dtype = dtype;
	o->types = T(dtype);
	o->rows = rows;
	o->cols = cols;
	o->row_bytes = (uint64_t)cols * aios_dtype_bytes(dtype);
	return o;
}

/* A tensor, and its scales when its type has them. Returns the index of the tensor. */
static uint32_t add_tensor(struct lister *l, const char *name, const char *scale_name,
			   uint32_t flags, const struct aios_tensor *t, uint32_t types)
{
	struct hook_operand *o = add(l, name, flags | HOOK_TENSOR | HOOK_STRIDED, &t->data);
	uint32_t index = l->out->n - 1;

	o->types = types;
	o->dtype = t->dtype;
	o->layout = t->layout;
	o->rows = t->rows;
	o->cols = t->cols;
	o->row_bytes = t->row_bytes;
	o->plane_bytes = t->plane_bytes;
	if (aios_dtype_scaled(t->dtype))
		add_array(l, scale_name, flags & ~(uint32_t)HOOK_ANY_LAYOUT, &t->scale, AIOS_F32,
			  t->rows, 1);
	return index;
}

static void add_batch(struct lister *l, const struct aios_batch *b)
{
	add_array(l, "batch.positions", HOOK_READ, &b->positions, AIOS_I32, b->n_tokens, 1);
	add_array(l, "batch.seq_ids", HOOK_READ, &b->seq_ids, AIOS_I32, b->n_tokens, 1);
	add_array(l, "batch.seq_start", HOOK_READ, &b->seq_start, AIOS_I32,
		  b->n_seqs < UINT32_MAX ? b->n_seqs + 1 : 0, 1);
	add_array(l, "batch.seq_len", HOOK_READ, &b->seq_len, AIOS_I32, b->n_seqs, 1);
	add_array(l, "batch.block_table", HOOK_READ, &b->block_table, AIOS_I32, b->n_seqs,
		  b->max_blocks);
}

/* Elements of a page; 0 when 32 bits do not hold them (then the descriptor is broken). */
static uint32_t page_elements(const struct aios_kv_layer *kv)
{
	uint64_t n = (uint64_t)kv->n_kv_heads * kv->page_size;

	if (n > UINT32_MAX || (kv->head_dim && n > UINT32_MAX / kv->head_dim))
		return 0;
	return (uint32_t)(n * kv->head_dim);
}

static void add_kv(struct lister *l, uint32_t flags, const struct aios_kv_layer *kv)
{
	struct hook_operand *k, *v;
	uint32_t cols = page_elements(kv);

	k = add_array(l, "kv.k", flags | HOOK_PAGES, &kv->k, kv->dtype < 32 ? kv->dtype : 0,
		      kv->n_pages, cols);
	v = add_array(l, "kv.v", flags | HOOK_PAGES, &kv->v, kv->dtype < 32 ? kv->dtype : 0,
		      kv->n_pages, cols);
	k->types = HALF;
	v->types = HALF;
}

static void add_scratch(struct lister *l, const struct aios_scratch *s)
{
	struct hook_operand *o = add(l, "scratch", HOOK_SCRATCH | HOOK_OPTIONAL, &s->data);

	o->dtype = AIOS_U8;
	o->types = T(AIOS_U8);
	o->rows = s->bytes > 0;
	/* cols is 32 bits wide: larger scratch is that many rows */
	o->row_bytes = s->bytes;
	if (s->bytes > UINT32_MAX) {
		o->row_bytes = (uint64_t)1 << 30;
		o->rows = (uint32_t)((s->bytes + o->row_bytes - 1) >> 30);
	}
	o->cols = (uint32_t)o->row_bytes;
}

static void list_embed(struct lister *l)
{
	const struct aios_op_embed *p = (const struct aios_op_embed *)l->op;

	add_array(l, "ids", HOOK_READ, &p->ids, AIOS_I32, p->n_tokens, 1);
	add_tensor(l, "table", "table.scale", HOOK_READ | HOOK_WEIGHT, &p->table, FLOAT);
	add_tensor(l, "out", "out.scale", HOOK_WRITE, &p->out, F32);
}

static void list_rmsnorm(struct lister *l)
{
	const struct aios_op_rmsnorm *p = (const struct aios_op_rmsnorm *)l->op;
	uint32_t flags = HOOK_READ | (p->add.data ? (uint32_t)HOOK_WRITE : 0);
	struct hook_operand *w;

	add_tensor(l, "x", "x.scale", flags, &p->x, F32);
	if (p->add.data)
		add_tensor(l, "add", "add.scale", HOOK_READ, &p->add, F32 | T(AIOS_BF16));
	w = add_array(l, "weight", HOOK_READ | HOOK_WEIGHT, &p->weight,
		      p->weight_dtype < 32 ? p->weight_dtype : 0, 1, p->x.cols);
	w->types = FLOAT;
	add_tensor(l, "out", "out.scale", HOOK_WRITE, &p->out, FLOAT | SCALED);
}

static void list_matmul(struct lister *l)
{
	const struct aios_op_matmul *p = (const struct aios_op_matmul *)l->op;
	struct hook_operand *bias;
	uint32_t residual;

	add_tensor(l, "x", "x.scale", HOOK_READ, &p->x, HALF | SCALED);
	add_tensor(l, "w", "w.scale", HOOK_READ | HOOK_WEIGHT | HOOK_ANY_LAYOUT, &p->w,
		   HALF | SCALED);
	if (p->bias) {
		bias = add_array(l, "bias", HOOK_READ | HOOK_WEIGHT, &p->bias,
				 p->bias_dtype < 32 ? p->bias_dtype : 0, 1, p->w.rows);
		bias->types = FLOAT;
	}
	residual = HOOK_NO_ALIAS;
	if (p->residual.data)
		residual =
			add_tensor(l, "residual", "residual.scale", HOOK_READ, &p->residual, F32);
	l->out->v[add_tensor(l, "out", "out.scale", HOOK_WRITE, &p->out, FLOAT)].alias = residual;
	add_scratch(l, &p->scratch);
}

static void list_rope_kv(struct lister *l)
{
	const struct aios_op_rope_kv *p = (const struct aios_op_rope_kv *)l->op;
	const uint32_t table = HOOK_READ | HOOK_WEIGHT;
	uint32_t norm = p->norm_dtype < 32 ? p->norm_dtype : 0;

	add_batch(l, &p->batch);
	add_kv(l, HOOK_WRITE, &p->kv);
	add_tensor(l, "qkv", "qkv.scale", HOOK_READ, &p->qkv, F32 | T(AIOS_BF16));
	add_tensor(l, "q", "q.scale", HOOK_WRITE, &p->q,
		   p->kv.dtype < 32 ? T(p->kv.dtype) & HALF : 0);
	add_array(l, "cos", table, &p->cos, AIOS_F32, p->table_rows, p->rot_dim / 2);
	add_array(l, "sin", table, &p->sin, AIOS_F32, p->table_rows, p->rot_dim / 2);
	if (p->q_norm)
		add_array(l, "q_norm", table, &p->q_norm, norm, 1, p->kv.head_dim)->types = FLOAT;
	if (p->k_norm)
		add_array(l, "k_norm", table, &p->k_norm, norm, 1, p->kv.head_dim)->types = FLOAT;
}

static void list_attention(struct lister *l)
{
	const struct aios_op_attention *p = (const struct aios_op_attention *)l->op;

	add_batch(l, &p->batch);
	add_kv(l, HOOK_READ, &p->kv);
	add_tensor(l, "q", "q.scale", HOOK_READ, &p->q,
		   p->kv.dtype < 32 ? T(p->kv.dtype) & HALF : 0);
	add_tensor(l, "out", "out.scale", HOOK_WRITE, &p->out, FLOAT | SCALED);
	add_scratch(l, &p->scratch);
}

static void list_glu(struct lister *l)
{
	const struct aios_op_glu *p = (const struct aios_op_glu *)l->op;

	add_tensor(l, "in", "in.scale", HOOK_READ, &p->in, F32 | T(AIOS_BF16));
	add_tensor(l, "out", "out.scale", HOOK_WRITE, &p->out, FLOAT | SCALED);
}

static void list_add(struct lister *l)
{
	const struct aios_op_add *p = (const struct aios_op_add *)l->op;
	uint32_t a;

	a = add_tensor(l, "a", "a.scale", HOOK_READ, &p->a, F32);
	add_tensor(l, "b", "b.scale", HOOK_READ, &p->b, F32 | T(AIOS_BF16));
	l->out->v[add_tensor(l, "out", "out.scale", HOOK_WRITE, &p->out, F32)].alias = a;
}

static void list_gather_rows(struct lister *l)
{
	const struct aios_op_gather_rows *p = (const struct aios_op_gather_rows *)l->op;
	const uint32_t any = FLOAT | SCALED | T(AIOS_I32) | T(AIOS_U8) | T(AIOS_I64) | T(AIOS_F64);

	add_array(l, "rows", HOOK_READ, &p->rows, AIOS_I32, p->n_rows, 1);
	add_tensor(l, "src", "src.scale", HOOK_READ, &p->src, any);
	add_tensor(l, "out", "out.scale", HOOK_WRITE, &p->out,
		   p->src.dtype < 32 ? T(p->src.dtype) & any : 0);
}

static void list_cast(struct lister *l)
{
	const struct aios_op_cast *p = (const struct aios_op_cast *)l->op;

	add_tensor(l, "in", "in.scale", HOOK_READ, &p->in, FLOAT);
	add_tensor(l, "out", "out.scale", HOOK_WRITE | HOOK_ANY_LAYOUT, &p->out, FLOAT);
}

static void list_quantise(struct lister *l)
{
	const struct aios_op_quantise *p = (const struct aios_op_quantise *)l->op;

	add_tensor(l, "in", "in.scale", HOOK_READ, &p->in, FLOAT);
	add_tensor(l, "out", "out.scale", HOOK_WRITE | HOOK_ANY_LAYOUT, &p->out, SCALED);
}

static void list_copy_pages(struct lister *l)
{
	const struct aios_op_copy_pages *p = (const struct aios_op_copy_pages *)l->op;

	add_array(l, "pairs", HOOK_READ, &p->pairs, AIOS_I32, p->n_pairs, 2);
	add_kv(l, HOOK_READ | HOOK_WRITE, &p->kv);
}

static void list_logits(struct lister *l)
{
	const struct aios_op_logits *p = (const struct aios_op_logits *)l->op;
	const uint32_t list = HOOK_READ | HOOK_BY_PARAMS;

	add_tensor(l, "logits", "logits.scale", HOOK_READ | HOOK_WRITE, &p->logits, F32);
	if (!p->params)
		return;
	add_array(l, "params", HOOK_READ, &p->params, AIOS_U8, p->logits.rows,
		  sizeof(struct aios_sample_row));
	if (p->counts)
		add_array(l, "counts", list, &p->counts, AIOS_I64, 0, 1);
	if (p->bias)
		add_array(l, "bias", list, &p->bias, AIOS_I64, 0, 1);
}

static void list_argmax(struct lister *l)
{
	const struct aios_op_argmax *p = (const struct aios_op_argmax *)l->op;

	add_tensor(l, "logits", "logits.scale", HOOK_READ, &p->logits, F32);
	add_array(l, "ids", HOOK_WRITE, &p->ids, AIOS_I32, p->logits.rows, 1);
}

static void list_sample(struct lister *l)
{
	const struct aios_op_sample *p = (const struct aios_op_sample *)l->op;

	add_tensor(l, "logits", "logits.scale", HOOK_READ, &p->logits, F32);
	add_array(l, "params", HOOK_READ, &p->params, AIOS_U8, p->logits.rows,
		  sizeof(struct aios_sample_row));
	add_array(l, "ids", HOOK_WRITE, &p->ids, AIOS_I32, p->logits.rows, 1);
	add_scratch(l, &p->scratch);
}

static void list_logprobs(struct lister *l)
{
	const struct aios_op_logprobs *p = (const struct aios_op_logprobs *)l->op;

	add_tensor(l, "logits", "logits.scale", HOOK_READ, &p->logits, F32);
	add_array(l, "ids", HOOK_READ, &p->ids, AIOS_I32, p->logits.rows, 1);
	add_array(l, "out", HOOK_WRITE, &p->out, AIOS_F32, p->logits.rows, 1);
	add_array(l, "top_ids", HOOK_WRITE, &p->top_ids, AIOS_I32, p->logits.rows, p->n_top);
	add_array(l, "top", HOOK_WRITE, &p->top, AIOS_F32, p->logits.rows, p->n_top);
	add_scratch(l, &p->scratch);
}

static const char *const part_names[AIOS_MAX_RANKS] = {
	"parts[0]",  "parts[1]",  "parts[2]",  "parts[3]",  "parts[4]",  "parts[5]",
	"parts[6]",  "parts[7]",  "parts[8]",  "parts[9]",  "parts[10]", "parts[11]",
	"parts[12]", "parts[13]", "parts[14]", "parts[15]",
};

/* The parts of a collective; they have no tensor of their own. */
static void add_parts(struct lister *l, const aios_addr *parts, uint32_t n, uint32_t dtype,
		      uint32_t rows, uint32_t cols, uint64_t row_bytes)
{
	for (uint32_t i = 0; i < n && i < AIOS_MAX_RANKS; i++)
		add_array(l, part_names[i], HOOK_READ | HOOK_STRIDED, &parts[i],
			  dtype < 32 ? dtype : 0, rows, cols)
			->row_bytes = row_bytes;
}

static void list_all_reduce(struct lister *l)
{
	const struct aios_op_all_reduce *p = (const struct aios_op_all_reduce *)l->op;

	add_parts(l, p->parts, p->n_ranks, AIOS_F32, p->out.rows, p->out.cols, p->out.row_bytes);
	l->out->v[add_tensor(l, "out", "out.scale", HOOK_WRITE, &p->out, F32)].alias =
		p->n_ranks ? 0 : HOOK_NO_ALIAS;
}

static void list_all_gather(struct lister *l)
{
	const struct aios_op_all_gather *p = (const struct aios_op_all_gather *)l->op;

	add_parts(l, p->parts, p->n_ranks, p->out.dtype, p->out.rows, p->part_cols,
		  p->part_row_bytes);
	add_tensor(l, "out", "out.scale", HOOK_WRITE, &p->out,
		   FLOAT | T(AIOS_I32) | T(AIOS_U8) | T(AIOS_I64) | T(AIOS_F64));
}

struct op_row {
	uint32_t size;
	void (*list)(struct lister *l);
};

#define OP(name)                                                                                   \
	{                                                                                          \
		sizeof(struct aios_op_##name), list_##name                                         \
	}

static const struct op_row op_rows[AIOS_OP_COUNT] = {
	[AIOS_OP_EMBED] = OP(embed),
	[AIOS_OP_RMSNORM] = OP(rmsnorm),
	[AIOS_OP_MATMUL] = OP(matmul),
	[AIOS_OP_ROPE_KV] = OP(rope_kv),
	[AIOS_OP_ATTENTION] = OP(attention),
	[AIOS_OP_GLU] = OP(glu),
	[AIOS_OP_ADD] = OP(add),
	[AIOS_OP_GATHER_ROWS] = OP(gather_rows),
	[AIOS_OP_CAST] = OP(cast),
	[AIOS_OP_QUANTISE] = OP(quantise),
	[AIOS_OP_COPY_PAGES] = OP(copy_pages),
	[AIOS_OP_LOGITS] = OP(logits),
	[AIOS_OP_ARGMAX] = OP(argmax),
	[AIOS_OP_SAMPLE] = OP(sample),
	[AIOS_OP_LOGPROBS] = OP(logprobs),
	[AIOS_OP_ALL_REDUCE] = OP(all_reduce),
	[AIOS_OP_ALL_GATHER] = OP(all_gather),
};

uint32_t hook_op_size(uint32_t type)
{
	return type < AIOS_OP_COUNT ? op_rows[type].size : 0;
}

bool hook_operands(const struct aios_op *op, struct hook_operands *out)
{
	struct lister l = { op, out };

	out->n = 0;
	if (!hook_op_size(op->type) || op->size < hook_op_size(op->type))
		return false;
	op_rows[op->type].list(&l);
	return true;
}

uint32_t hook_operand_planes(const struct hook_operand *o)
{
	return o->dtype == AIOS_I8X2 ? 2 : 1;
}

uint64_t hook_operand_row(const struct hook_operand *o)
{
	return (uint64_t)o->cols * aios_dtype_bytes(o->dtype);
}

uint64_t hook_operand_bytes(const struct hook_operand *o)
{
	uint64_t row = hook_operand_row(o), bytes;

	if (o->rows == 0 || row == 0 || o->layout != AIOS_LAYOUT_ROWS)
		return 0;
	if (__builtin_mul_overflow(o->row_bytes, (uint64_t)(o->rows - 1), &bytes) ||
	    __builtin_add_overflow(bytes, row, &bytes))
		return UINT64_MAX;
	if (hook_operand_planes(o) == 2 && __builtin_add_overflow(bytes, o->plane_bytes, &bytes))
		return UINT64_MAX;
	return bytes;
}

bool hook_operand_overlap(const struct hook_operand *a, const struct hook_operand *b)
{
	uint64_t size_a = hook_operand_bytes(a), size_b = hook_operand_bytes(b);
	uint64_t pitch = a->row_bytes, shift;

	if (!size_a || !size_b || a->addr >= b->addr + size_b || b->addr >= a->addr + size_a)
		return false;
	/* Columns of the same wider rows: compare their windows inside a row. */
	if (pitch != b->row_bytes || !pitch || a->rows < 2 || b->rows < 2 ||
	    hook_operand_planes(a) == 2 || hook_operand_planes(b) == 2)
		return true;
	shift = a->addr >= b->addr ? (a->addr - b->addr) % pitch :
				     (pitch - (b->addr - a->addr) % pitch) % pitch;
	return shift < hook_operand_row(b) || shift + hook_operand_row(a) > pitch;
}

struct aios_batch *hook_op_batch(struct aios_op *op)
{
	if (op->type == AIOS_OP_ROPE_KV)
		return &((struct aios_op_rope_kv *)op)->batch;
	if (op->type == AIOS_OP_ATTENTION)
		return &((struct aios_op_attention *)op)->batch;
	return NULL;
}

struct aios_kv_layer *hook_op_kv(struct aios_op *op)
{
	if (op->type == AIOS_OP_COPY_PAGES)
		return &((struct aios_op_copy_pages *)op)->kv;
	if (op->type == AIOS_OP_ROPE_KV)
		return &((struct aios_op_rope_kv *)op)->kv;
	if (op->type == AIOS_OP_ATTENTION)
		return &((struct aios_op_attention *)op)->kv;
	return NULL;
}

uint32_t hook_op_window(const struct aios_op *op)
{
	if (op->type == AIOS_OP_ROPE_KV)
		return 1;
	return op->type == AIOS_OP_ATTENTION ? ((const struct aios_op_attention *)op)->window : 0;
}

aios_addr hook_get_addr(const struct aios_op *op, uint32_t field)
{
	aios_addr addr;

	memcpy(&addr, (const char *)op + field, sizeof(addr));
	return addr;
}

void hook_set_addr(struct aios_op *op, uint32_t field, aios_addr addr)
{
	memcpy((char *)op + field, &addr, sizeof(addr));
}

int hook_find_operand(const struct hook_operands *list, const char *name)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].name, name) == 0)
			return (int)i;
	return -1;
}
