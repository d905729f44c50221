// SPDX-License-Identifier: Apache-2.0
/* order.c - see order.h. */
#include "order.h"
#include "panels.h"

/* --- what an op touches ----------------------------------------------------------- */

/* A list of spans in the making. */
struct list {
	struct gpu_span *spans;
	uint32_t n;
};

static void add(struct list *l, aios_addr from, uint64_t bytes)
{
	if (from && bytes)
		l->spans[l->n++] = (struct gpu_span){ from, from + bytes };
}

static void add_tensor(struct list *l, const struct aios_tensor *t)
{
	uint64_t rows = t->layout == GPU_LAYOUT_PANELS ? GPU_PANEL_PAD_ROWS(t->rows) : t->rows;

	add(l, t->data, rows * t->row_bytes + t->plane_bytes);
	if (aios_dtype_scaled(t->dtype))
		add(l, t->scale, (uint64_t)t->rows * sizeof(float));
}

static void add_vector(struct list *l, aios_addr at, uint64_t n, uint32_t dtype)
{
	add(l, at, n * aios_dtype_bytes(dtype));
}

static void add_cache(struct list *l, const struct aios_kv_layer *kv)
{
	uint64_t bytes = (uint64_t)kv->n_pages * kv->n_kv_heads * kv->page_size * kv->head_dim *
			 aios_dtype_bytes(kv->dtype);

	add(l, kv->k, bytes);
	add(l, kv->v, bytes);
}

static void write_logprobs(struct list *l, const struct aios_op_logprobs *op)
{
	uint64_t rows = op->logits.rows;

	add(l, op->out, rows * sizeof(float));
	add(l, op->top_ids, rows * op->n_top * sizeof(int32_t));
	add(l, op->top, rows * op->n_top * sizeof(float));
	add(l, op->scratch.data, op->scratch.bytes);
}

uint32_t gpu_op_writes(const struct aios_op *op, struct gpu_span out[GPU_OP_SPANS])
{
	const union aios_op_any *any = (const void *)op;
	struct list l = { .spans = out };

	switch (op->type) {
	case AIOS_OP_EMBED:
		add_tensor(&l, &any->embed.out);
		break;
	case AIOS_OP_RMSNORM:
		add_tensor(&l, &any->rmsnorm.out);
		if (any->rmsnorm.add.data)
			add_tensor(&l, &any->rmsnorm.x);
		break;
	case AIOS_OP_MATMUL:
		add_tensor(&l, &any->matmul.out);
		add(&l, any->matmul.scratch.data, any->matmul.scratch.bytes);
		break;
	case AIOS_OP_ROPE_KV:
		add_tensor(&l, &any->rope_kv.q);
		add_cache(&l, &any->rope_kv.kv);
		break;
	case AIOS_OP_ATTENTION:
		add_tensor(&l, &any->attention.out);
		add(&l, any->attention.scratch.data, any->attention.scratch.bytes);
		break;
	case AIOS_OP_GLU:
		add_tensor(&l, &any->glu.out);
		break;
	case AIOS_OP_ADD:
		add_tensor(&l, &any->add.out);
		break;
	case AIOS_OP_GATHER_ROWS:
		add_tensor(&l, &any->gather_rows.out);
		break;
	case AIOS_OP_CAST:
		add_tensor(&l, &any->cast.out);
		break;
	case AIOS_OP_QUANTISE:
		add_tensor(&l, &any->quantise.out);
		break;
	case AIOS_OP_COPY_PAGES:
		add_cache(&l, &any->copy_pages.kv);
		break;
	case AIOS_OP_LOGITS:
		add_tensor(&l, &any->logits.logits);
		break;
	case AIOS_OP_ARGMAX:
		add(&l, any->argmax.ids, (uint64_t)any->argmax.logits.rows * sizeof(int32_t));
		break;
	case AIOS_OP_SAMPLE:
		add(&l, any->sample.ids, (uint64_t)any->sample.logits.rows * sizeof(int32_t));
		add(&l, any->sample.scratch.data, any->sample.scratch.bytes);
		break;
	case AIOS_OP_LOGPROBS:
		write_logprobs(&l, &any->logprobs);
		break;
	case AIOS_OP_ALL_REDUCE:
		add_tensor(&l, &any->all_reduce.out);
		break;
	case AIOS_OP_ALL_GATHER:
		add_tensor(&l, &any->all_gather.out);
		break;
	default:
		break;
	}
	return l.n;
}

static void ahead_matmul(struct list *l, const struct aios_op_matmul *op)
{
	add_tensor(l, &op->w);
	add_vector(l, op->bias, op->w.rows, op->bias_dtype);
}

static void ahead_rope_kv(struct list *l, const struct aios_op_rope_kv *op)
{
	uint64_t table = (uint64_t)op->table_rows * (op->rot_dim / 2);

	add_vector(l, op->cos, table, AIOS_F32);
	add_vector(l, op->sin, table, AIOS_F32);
	add_vector(l, op->q_norm, op->kv.head_dim, op->norm_dtype);
	add_vector(l, op->k_norm, op->kv.head_dim, op->norm_dtype);
	if (op->batch.max_q != 1)
		return;
	/* With attention after it: the keys of steps before, and where they lie. */
	add_cache(l, &op->kv);
	add_vector(l, op->batch.positions, op->batch.n_tokens, AIOS_I32);
	add_vector(l, op->batch.seq_ids, op->batch.n_tokens, AIOS_I32);
	add_vector(l, op->batch.block_table, (uint64_t)op->batch.n_seqs * op->batch.max_blocks,
		   AIOS_I32);
}

uint32_t gpu_op_ahead(const struct aios_op *op, struct gpu_span out[GPU_OP_SPANS])
{
	const union aios_op_any *any = (const void *)op;
	struct list l = { .spans = out };

	if (op->type == AIOS_OP_MATMUL)
		ahead_matmul(&l, &any->matmul);
	else if (op->type == AIOS_OP_ROPE_KV)
		ahead_rope_kv(&l, &any->rope_kv);
	else if (op->type == AIOS_OP_RMSNORM)
		add_vector(&l, any->rmsnorm.weight, any->rmsnorm.x.cols, any->rmsnorm.weight_dtype);
	return l.n;
}

/* --- the order of a queue ----------------------------------------------------------- */

void gpu_order_break(struct gpu_order *order)
{
	order->n = 0;
	order->follows = false;
}

/* Is anything that the op fetches ahead written by what may still run? */
static bool order_meets(const struct gpu_order *order, const struct aios_op *op)
{
	struct gpu_span ahead[GPU_OP_SPANS];
	uint32_t n = gpu_op_ahead(op, ahead), i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < order->n; j++)
			if (ahead[i].from < order->spans[j].end &&
			    order->spans[j].from < ahead[i].end)
				return true;
	return false;
}

/* Remember one more; most are there already, since a model's buffers serve all its layers. */
static void order_add(struct gpu_order *order, struct gpu_span span)
{
	uint32_t i;

	for (i = 0; i < order->n; i++)
		if (order->spans[i].from <= span.from && span.end <= order->spans[i].end)
			return;
	order->spans[order->n++] = span;
}

static void order_note(struct gpu_order *order, const struct aios_op *op)
{
	struct gpu_span writes[GPU_OP_SPANS];
	uint32_t n = gpu_op_writes(op, writes), i;

	for (i = 0; i < n; i++)
		order_add(order, writes[i]);
}

bool gpu_order_overlaps(struct gpu_order *order, const struct aios_op *a, const struct aios_op *b)
{
	bool overlaps = order->follows && order->n + 2 * GPU_OP_SPANS <= GPU_ORDER_SPANS &&
			!order_meets(order, a) && !(b && order_meets(order, b));

	if (!overlaps)
		order->n = 0;
	order->follows = true;
	order_note(order, a);
	if (b)
		order_note(order, b);
	return overlaps;
}
