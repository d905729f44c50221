// SPDX-License-Identifier: Apache-2.0
/*
 * dense.c - the dense decoder: its weights, its buffers and its list of ops.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dense.h"

#define LOG2E 1.4426950408889634

/* The weights of a layer, in their order; those a family lacks are left out. */
enum slot {
	SLOT_ATTN_NORM,
	SLOT_QKV,
	SLOT_QKV_BIAS,
	SLOT_Q_NORM,
	SLOT_K_NORM,
	SLOT_O,
	SLOT_O_BIAS,
	SLOT_MLP_NORM,
	SLOT_GATE_UP,
	SLOT_GATE_UP_BIAS,
	SLOT_DOWN,
	SLOT_DOWN_BIAS,
	SLOT_COUNT
};

/* Sizes that shapes are made of. */
enum dim {
	DIM_NONE,
	DIM_HIDDEN,
	DIM_Q,
	DIM_KV,
	DIM_HEAD,
	DIM_INTER,
	DIM_VOCAB,
	DIM_COUNT
};

/* A weight as data. A VECTOR has one row; its parts follow each other in it. */
struct weight_desc {
	const char *name;
	uint32_t kind;
	enum dim cols; /* not for VECTOR */
	struct {
		const char *tensor; /* in the checkpoint, below its layer */
		enum dim rows;
	} parts[AIOS_WEIGHT_PARTS];
};

static const struct weight_desc layer_weights[SLOT_COUNT] = {
	[SLOT_ATTN_NORM] = { "attn_norm",
			     AIOS_WEIGHT_VECTOR,
			     DIM_NONE,
			     { { "input_layernorm.weight", DIM_HIDDEN } } },
	[SLOT_QKV] = { "qkv",
		       AIOS_WEIGHT_MATRIX,
		       DIM_HIDDEN,
		       { { "self_attn.q_proj.weight", DIM_Q },
			 { "self_attn.k_proj.weight", DIM_KV },
			 { "self_attn.v_proj.weight", DIM_KV } } },
	[SLOT_QKV_BIAS] = { "qkv_bias",
			    AIOS_WEIGHT_VECTOR,
			    DIM_NONE,
			    { { "self_attn.q_proj.bias", DIM_Q },
			      { "self_attn.k_proj.bias", DIM_KV },
			      { "self_attn.v_proj.bias", DIM_KV } } },
	[SLOT_Q_NORM] = { "q_norm",
			  AIOS_WEIGHT_VECTOR,
			  DIM_NONE,
			  { { "self_attn.q_norm.weight", DIM_HEAD } } },
	[SLOT_K_NORM] = { "k_norm",
			  AIOS_WEIGHT_VECTOR,
			  DIM_NONE,
			  { { "self_attn.k_norm.weight", DIM_HEAD } } },
	[SLOT_O] = { "o", AIOS_WEIGHT_MATRIX, DIM_Q, { { "self_attn.o_proj.weight", DIM_HIDDEN } } },
	[SLOT_O_BIAS] = { "o_bias",
			  AIOS_WEIGHT_VECTOR,
			  DIM_NONE,
			  { { "self_attn.o_proj.bias", DIM_HIDDEN } } },
	[SLOT_MLP_NORM] = { "mlp_norm",
			    AIOS_WEIGHT_VECTOR,
			    DIM_NONE,
			    { { "post_attention_layernorm.weight", DIM_HIDDEN } } },
	[SLOT_GATE_UP] = { "gate_up",
			   AIOS_WEIGHT_MATRIX,
			   DIM_HIDDEN,
			   { { "mlp.gate_proj.weight", DIM_INTER },
			     { "mlp.up_proj.weight", DIM_INTER } } },
	[SLOT_GATE_UP_BIAS] = { "gate_up_bias",
				AIOS_WEIGHT_VECTOR,
				DIM_NONE,
				{ { "mlp.gate_proj.bias", DIM_INTER },
				  { "mlp.up_proj.bias", DIM_INTER } } },
	[SLOT_DOWN] = { "down",
			AIOS_WEIGHT_MATRIX,
			DIM_INTER,
			{ { "mlp.down_proj.weight", DIM_HIDDEN } } },
	[SLOT_DOWN_BIAS] = { "down_bias",
			     AIOS_WEIGHT_VECTOR,
			     DIM_NONE,
			     { { "mlp.down_proj.bias", DIM_HIDDEN } } },
};

/* Those outside the layers: the first weight and the last two. */
static const struct weight_desc embed_weight = {
	"embed", AIOS_WEIGHT_TABLE, DIM_HIDDEN, { { "model.embed_tokens.weight", DIM_VOCAB } }
};
static const struct weight_desc norm_weight = {
	"norm", AIOS_WEIGHT_VECTOR, DIM_NONE, { { "model.norm.weight", DIM_HIDDEN } }
};
static const struct weight_desc lm_head_weight = {
	"lm_head", AIOS_WEIGHT_MATRIX, DIM_HIDDEN, { { "lm_head.weight", DIM_VOCAB } }
};

/*
 * The buffers. ACT holds what feeds the next matmul; WIDE holds the fused qkv
 * rows and later the gated product, which never live at the same time.
 */
enum buffer {
	BUF_X, /* F32: the residual stream */
	BUF_ACT,
	BUF_WIDE,
	BUF_Q,      /* q after rope */
	BUF_LAST_X, /* rows of X whose logits are wanted */
	BUF_LAST_ACT,
	BUF_LOGITS,
	BUF_COUNT
};

struct dense_model {
	struct dense_config cfg;
	uint32_t dims[DIM_COUNT];
	uint32_t qkv_cols;
	uint32_t n_layer_weights; /* of one layer */
	uint32_t n_weights;
	enum slot slots[SLOT_COUNT];    /* [n_layer_weights]: those that are there */
	int32_t slot_index[SLOT_COUNT]; /* the reverse; -1: not there */
	float scale, scale_log2;        /* of attention */
};

static bool has_slot(const struct dense_config *c, enum slot slot)
{
	switch (slot) {
	case SLOT_QKV_BIAS:
		return c->qkv_bias;
	case SLOT_O_BIAS:
		return c->o_bias;
	case SLOT_Q_NORM:
	case SLOT_K_NORM:
		return c->qk_norm;
	case SLOT_GATE_UP_BIAS:
	case SLOT_DOWN_BIAS:
		return c->mlp_bias;
	default:
		return true;
	}
}

static void lay_out(struct dense_model *m)
{
	const struct dense_config *c = &m->cfg;
	const double root = sqrt((double)c->head_dim);

	m->dims[DIM_HIDDEN] = c->hidden;
	m->dims[DIM_Q] = c->n_heads * c->head_dim;
	m->dims[DIM_KV] = c->n_kv_heads * c->head_dim;
	m->dims[DIM_HEAD] = c->head_dim;
	m->dims[DIM_INTER] = c->intermediate;
	m->dims[DIM_VOCAB] = c->vocab_size;
	m->qkv_cols = m->dims[DIM_Q] + 2 * m->dims[DIM_KV];
	m->scale = (float)(1.0 / root);
	m->scale_log2 = (float)(LOG2E / root);
	for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
		m->slot_index[slot] = -1;
		if (!has_slot(c, slot))
			continue;
		m->slot_index[slot] = (int32_t)m->n_layer_weights;
		m->slots[m->n_layer_weights++] = slot;
	}
	m->n_weights = 1 + c->n_layers * m->n_layer_weights + 2;
}

static void fill_info(const struct dense_model *m, struct aios_model_info *info)
{
	const struct dense_config *c = &m->cfg;

	info->vocab_size = c->vocab_size;
	info->hidden = c->hidden;
	info->n_layers = c->n_layers;
	info->n_heads = c->n_heads;
	info->n_kv_heads = c->n_kv_heads;
	info->head_dim = c->head_dim;
	info->intermediate = c->intermediate;
	info->max_positions = c->max_positions;
	info->sliding_window = c->window;
	info->n_weights = m->n_weights;
	info->n_buffers = BUF_COUNT;
	info->dtype = c->dtype;
	info->bos_id = c->bos_id;
	info->eos_id = c->eos_id;
	info->logit_softcap = 0.0f;
	info->rope = c->rope;
	memcpy(info->architecture, c->architecture, sizeof(info->architecture));
}

int dense_open(const struct dense_family *family, const char *path, const char *json, size_t len,
	       void **model, struct aios_model_info *info, struct aios_status *st)
{
	struct dense_model *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return aios_fail(st, -ENOMEM, "%s: no memory to describe the model", path);
	rc = config_read(family, path, json, len, &m->cfg, st);
	if (rc) {
		free(m);
		return rc;
	}
	lay_out(m);
	fill_info(m, info);
	*model = m;
	return 0;
}

void dense_close(void *model)
{
	free(model);
}

/* Weights ------------------------------------------------------------------ */

static void describe(const struct dense_model *m, const struct weight_desc *desc,
		     const char *name_prefix, const char *tensor_prefix, struct aios_weight *out)
{
	uint32_t total = 0;

	out->kind = desc->kind;
	out->same_as = -1;
	snprintf(out->name, sizeof(out->name), "%s%s", name_prefix, desc->name);
	for (uint32_t i = 0; i < AIOS_WEIGHT_PARTS && desc->parts[i].tensor; i++) {
		snprintf(out->parts[i].tensor, sizeof(out->parts[i].tensor), "%s%s", tensor_prefix,
			 desc->parts[i].tensor);
		out->parts[i].rows = m->dims[desc->parts[i].rows];
		total += out->parts[i].rows;
		out->n_parts = i + 1;
	}
	out->rows = desc->kind == AIOS_WEIGHT_VECTOR ? 1 : total;
	out->cols = desc->kind == AIOS_WEIGHT_VECTOR ? total : m->dims[desc->cols];
}

int dense_weight(void *model, uint32_t index, struct aios_weight *out, struct aios_status *st)
{
	const struct dense_model *m = model;
	char name[32], tensor[32];
	const uint32_t size = out->size;
	uint32_t layer, at;

	if (index >= m->n_weights)
		return aios_fail(st, -EINVAL, "weight %u of a model that has %u", index,
				 m->n_weights);
	memset(out, 0, sizeof(*out));
	out->size = size;
	if (index == 0) {
		describe(m, &embed_weight, "", "", out);
	} else if (index == m->n_weights - 2) {
		describe(m, &norm_weight, "", "", out);
	} else if (index == m->n_weights - 1 && m->cfg.tied) {
		describe(m, &lm_head_weight, "", "", out);
		memcpy(out->parts[0].tensor, embed_weight.parts[0].tensor,
		       strlen(embed_weight.parts[0].tensor) + 1);
		out->same_as = 0;
	} else if (index == m->n_weights - 1) {
		describe(m, &lm_head_weight, "", "", out);
	} else {
		layer = (index - 1) / m->n_layer_weights;
		at = (index - 1) % m->n_layer_weights;
		snprintf(name, sizeof(name), "layers.%u.", layer);
		snprintf(tensor, sizeof(tensor), "model.layers.%u.", layer);
		describe(m, &layer_weights[m->slots[at]], name, tensor, out);
	}
	return 0;
}

/* Buffers ------------------------------------------------------------------ */

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* A matmul cannot write a scaled type: there the gated product is F32 until it is quantised. */
static uint32_t product_type(const struct aios_model_types *types)
{
	return aios_dtype_scaled(types->act) ? AIOS_F32 : types->act;
}

/* Columns of F32 that hold the wider of its two tenants, whole 16 bytes. */
static uint32_t wide_cols(const struct dense_model *m, const struct aios_model_types *types)
{
	const uint32_t qkv = m->qkv_cols * aios_dtype_bytes(types->qkv);
	const uint32_t product = m->cfg.intermediate * aios_dtype_bytes(product_type(types));

	return (max_u32(qkv, product) + 15) / 16 * 4;
}

/* The widest input of a matmul; the down matmul reads it only when that is quantised. */
static uint32_t act_cols(const struct dense_model *m, const struct aios_model_types *types)
{
	const uint32_t cols = max_u32(m->cfg.hidden, m->dims[DIM_Q]);

	return aios_dtype_scaled(types->act) ? max_u32(cols, m->cfg.intermediate) : cols;
}

int dense_buffer(void *model, const struct aios_model_types *types, uint32_t index,
		 struct aios_buffer *out, struct aios_status *st)
{
	const struct dense_model *m = model;
	const struct aios_buffer all[BUF_COUNT] = {
		[BUF_X] = { .dtype = AIOS_F32, .cols = m->cfg.hidden, .name = "x" },
		[BUF_ACT] = { .dtype = types->act, .cols = act_cols(m, types), .name = "act" },
		[BUF_WIDE] = { .dtype = AIOS_F32, .cols = wide_cols(m, types), .name = "wide" },
		[BUF_Q] = { .dtype = types->kv, .cols = m->dims[DIM_Q], .name = "q" },
		[BUF_LAST_X] = { .dtype = AIOS_F32,
				 .cols = m->cfg.hidden,
				 .per_logit_row = 1,
				 .name = "last_x" },
		[BUF_LAST_ACT] = { .dtype = types->act,
				   .cols = m->cfg.hidden,
				   .per_logit_row = 1,
				   .name = "last_act" },
		[BUF_LOGITS] = { .dtype = AIOS_F32,
				 .cols = m->cfg.vocab_size,
				 .per_logit_row = 1,
				 .name = "logits" },
	};
	const uint32_t size = out->size;

	if (index >= BUF_COUNT)
		return aios_fail(st, -EINVAL, "buffer %u of a model that has %d", index, BUF_COUNT);
	*out = all[index];
	out->size = size;
	return 0;
}

/* The forward pass --------------------------------------------------------- */

/* One pass in the making. */
struct pass {
	const struct dense_model *m;
	const struct aios_forward *fw;
	uint32_t layer;
	uint32_t label; /* of ops: layer + 1, 0 before and after the layers */
	struct aios_status *st;
};

/* A descriptor's header, labelled with the layer. */
static struct aios_op op_header(const struct pass *p, size_t size, uint16_t type)
{
	struct aios_op op = { .size = (uint32_t)size, .type = type, .layer = (uint8_t)p->label };

	return op;
}

static int emit(const struct pass *p, const struct aios_op *op)
{
	return p->fw->emit(p->fw->ctx, op, p->st);
}

/* A buffer as [rows][cols] of a type; rows are packed, whole 16 bytes each. */
static struct aios_tensor view(const struct pass *p, enum buffer buffer, uint32_t dtype,
			       uint32_t cols)
{
	struct aios_tensor t = p->fw->buffers[buffer];

	t.dtype = dtype;
	t.cols = cols;
	t.row_bytes = ((uint64_t)cols * aios_dtype_bytes(dtype) + 15) & ~UINT64_C(15);
	return t;
}

static struct aios_tensor act_view(const struct pass *p, uint32_t cols)
{
	return view(p, BUF_ACT, p->fw->types.act, cols);
}

static bool has(const struct pass *p, enum slot slot)
{
	return p->m->slot_index[slot] >= 0;
}

/* A weight of the layer at hand that has(). */
static const struct aios_tensor *weight(const struct pass *p, enum slot slot)
{
	return &p->fw->weights[1 + p->layer * p->m->n_layer_weights +
			       (uint32_t)p->m->slot_index[slot]];
}

static int emit_norm(const struct pass *p, const struct aios_tensor *weight,
		     const struct aios_tensor *x, const struct aios_tensor *out)
{
	const struct aios_op_rmsnorm op = {
		.op = op_header(p, sizeof(struct aios_op_rmsnorm), AIOS_OP_RMSNORM),
		.eps = p->m->cfg.eps,
		.x = *x,
		.weight = weight->data,
		.weight_dtype = weight->dtype,
		.out = *out,
	};

	return emit(p, &op.op);
}

/* A matmul without epilogue; callers add what they need. */
static struct aios_op_matmul matmul(const struct pass *p, const struct aios_tensor *x,
				    const struct aios_tensor *w, const struct aios_tensor *out)
{
	return (struct aios_op_matmul){
		.op = op_header(p, sizeof(struct aios_op_matmul), AIOS_OP_MATMUL),
		.profile = p->fw->types.profile,
		.act = AIOS_ACT_NONE,
		.mid_type = AIOS_F32,
		.segments = 1,
		.x = *x,
		.w = *w,
		.out = *out,
	};
}

static void add_bias(const struct pass *p, struct aios_op_matmul *op, enum slot slot)
{
	if (!has(p, slot))
		return;
	op->bias = weight(p, slot)->data;
	op->bias_dtype = (uint8_t)weight(p, slot)->dtype;
}

static int emit_embed(const struct pass *p)
{
	const struct aios_op_embed op = {
		.op = op_header(p, sizeof(struct aios_op_embed), AIOS_OP_EMBED),
		.scale = 1.0f,
		.n_tokens = p->fw->batch.n_tokens,
		.ids = p->fw->ids,
		.table = p->fw->weights[0],
		.out = p->fw->buffers[BUF_X],
	};

	return emit(p, &op.op);
}

static int emit_qkv(const struct pass *p)
{
	const struct aios_tensor x = act_view(p, p->m->cfg.hidden);
	const struct aios_tensor out = view(p, BUF_WIDE, p->fw->types.qkv, p->m->qkv_cols);
	struct aios_op_matmul op = matmul(p, &x, weight(p, SLOT_QKV), &out);

	add_bias(p, &op, SLOT_QKV_BIAS);
	return emit(p, &op.op);
}

static int emit_rope(const struct pass *p)
{
	struct aios_op_rope_kv op = {
		.op = op_header(p, sizeof(struct aios_op_rope_kv), AIOS_OP_ROPE_KV),
		.eps = p->m->cfg.eps,
		.batch = p->fw->batch,
		.kv = p->fw->kv[p->layer],
		.qkv = view(p, BUF_WIDE, p->fw->types.qkv, p->m->qkv_cols),
		.q = p->fw->buffers[BUF_Q],
		.n_heads = p->m->cfg.n_heads,
		.rot_dim = p->m->cfg.rope.rot_dim,
		.cos = p->fw->rope_cos,
		.sin = p->fw->rope_sin,
		.table_rows = p->fw->rope_rows,
	};

	if (has(p, SLOT_Q_NORM)) {
		const struct aios_tensor *q = weight(p, SLOT_Q_NORM);
		const struct aios_tensor *k = weight(p, SLOT_K_NORM);

		if (q->dtype != k->dtype)
			return aios_fail(
				p->st, -EINVAL,
				"layer %u: q_norm is %s but k_norm %s; they must have one type",
				p->layer, aios_dtype_name(q->dtype), aios_dtype_name(k->dtype));
		op.norm_dtype = q->dtype;
		op.q_norm = q->data;
		op.k_norm = k->data;
	}
	return emit(p, &op.op);
}

static int emit_attention(const struct pass *p)
{
	const struct dense_config *c = &p->m->cfg;
	const struct aios_op_attention op = {
		.op = op_header(p, sizeof(struct aios_op_attention), AIOS_OP_ATTENTION),
		.profile = p->fw->types.profile,
		.n_heads = c->n_heads,
		.batch = p->fw->batch,
		.kv = p->fw->kv[p->layer],
		.q = p->fw->buffers[BUF_Q],
		.out = act_view(p, p->m->dims[DIM_Q]),
		.scale = p->m->scale,
		.scale_log2 = p->m->scale_log2,
		.window = c->slides[p->layer] ? c->window : 0,
		.chunk = p->fw->types.chunk,
	};

	return emit(p, &op.op);
}

/* x = x + w * in: the end of both halves of a layer. */
static int emit_residual(const struct pass *p, const struct aios_tensor *in, enum slot w,
			 enum slot bias)
{
	const struct aios_tensor *x = &p->fw->buffers[BUF_X];
	struct aios_op_matmul op = matmul(p, in, weight(p, w), x);

	op.segments = p->fw->types.segments;
	op.residual = *x;
	add_bias(p, &op, bias);
	return emit(p, &op.op);
}

static int emit_gate_up(const struct pass *p, const struct aios_tensor *product)
{
	const struct aios_tensor x = act_view(p, p->m->cfg.hidden);
	struct aios_op_matmul op = matmul(p, &x, weight(p, SLOT_GATE_UP), product);

	op.act = (uint8_t)p->m->cfg.act;
	op.mid_type = p->fw->types.mid;
	add_bias(p, &op, SLOT_GATE_UP_BIAS);
	return emit(p, &op.op);
}

static int emit_quantise(const struct pass *p, const struct aios_tensor *in,
			 const struct aios_tensor *out)
{
	const struct aios_op_quantise op = {
		.op = op_header(p, sizeof(struct aios_op_quantise), AIOS_OP_QUANTISE),
		.in = *in,
		.out = *out,
	};

	return emit(p, &op.op);
}

static int attention_half(const struct pass *p)
{
	const struct aios_tensor normed = act_view(p, p->m->cfg.hidden);
	const struct aios_tensor mixed = act_view(p, p->m->dims[DIM_Q]);
	int rc = emit_norm(p, weight(p, SLOT_ATTN_NORM), &p->fw->buffers[BUF_X], &normed);

	if (rc == 0)
		rc = emit_qkv(p);
	if (rc == 0)
		rc = emit_rope(p);
	if (rc == 0)
		rc = emit_attention(p);
	if (rc == 0)
		rc = emit_residual(p, &mixed, SLOT_O, SLOT_O_BIAS);
	return rc;
}

static int mlp_half(const struct pass *p)
{
	const uint32_t inter = p->m->cfg.intermediate;
	const struct aios_tensor normed = act_view(p, p->m->cfg.hidden);
	const struct aios_tensor product = view(p, BUF_WIDE, product_type(&p->fw->types), inter);
	const struct aios_tensor scaled = act_view(p, inter);
	const bool quantise = aios_dtype_scaled(p->fw->types.act);
	int rc = emit_norm(p, weight(p, SLOT_MLP_NORM), &p->fw->buffers[BUF_X], &normed);

	if (rc == 0)
		rc = emit_gate_up(p, &product);
	if (rc == 0 && quantise)
		rc = emit_quantise(p, &product, &scaled);
	if (rc == 0)
		rc = emit_residual(p, quantise ? &scaled : &product, SLOT_DOWN, SLOT_DOWN_BIAS);
	return rc;
}

static int emit_logits(const struct pass *p)
{
	const struct aios_tensor *buffers = p->fw->buffers;
	const struct aios_tensor *weights = p->fw->weights;
	const struct aios_op_gather_rows gather = {
		.op = op_header(p, sizeof(struct aios_op_gather_rows), AIOS_OP_GATHER_ROWS),
		.n_rows = p->fw->n_logit_rows,
		.rows = p->fw->logit_rows,
		.src = buffers[BUF_X],
		.out = buffers[BUF_LAST_X],
	};
	const struct aios_op_matmul head = matmul(
		p, &buffers[BUF_LAST_ACT], &weights[p->m->n_weights - 1], &buffers[BUF_LOGITS]);
	int rc = emit(p, &gather.op);

	if (rc == 0)
		rc = emit_norm(p, &weights[p->m->n_weights - 2], &buffers[BUF_LAST_X],
			       &buffers[BUF_LAST_ACT]);
	if (rc == 0)
		rc = emit(p, &head.op);
	return rc;
}

int dense_forward(void *model, const struct aios_forward *fw, struct aios_status *st)
{
	struct pass p = { .m = model, .fw = fw, .st = st };
	int rc;

	if (fw->batch.n_tokens == 0)
		return 0;
	rc = emit_embed(&p);
	for (p.layer = 0; rc == 0 && p.layer < p.m->cfg.n_layers; p.layer++) {
		p.label = p.layer < UINT8_MAX ? p.layer + 1 : UINT8_MAX;
		rc = attention_half(&p);
		if (rc == 0)
			rc = mlp_half(&p);
	}
	p.label = 0;
	if (rc == 0 && fw->n_logit_rows > 0)
		rc = emit_logits(&p);
	return rc;
}
