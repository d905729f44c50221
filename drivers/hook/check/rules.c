// SPDX-License-Identifier: Apache-2.0
/* rules.c - a descriptor against the rules of <aios/op.h>. */
#include <string.h>

#include <aios/numerics.h>

#include "check.h"

#define ALIGN 16u
#define LONGEST_ROW (UINT64_MAX >> 33) /* so that rows * row_bytes stays in 64 bits */

/* ---- shapes of each op ------------------------------------------------------------- */

static bool same_shape(const struct aios_tensor *a, const struct aios_tensor *b)
{
	return a->rows == b->rows && a->cols == b->cols;
}

static bool is_half(uint32_t dtype)
{
	return dtype == AIOS_BF16 || dtype == AIOS_F16;
}

static const char *shapes_embed(const struct aios_op_embed *p)
{
	if (p->out.rows != p->n_tokens || p->out.cols != p->table.cols)
		return "out is not [n_tokens][columns of table]";
	return NULL;
}

static const char *shapes_rmsnorm(const struct aios_op_rmsnorm *p)
{
	if (!same_shape(&p->x, &p->out))
		return "out has not the shape of x";
	if (p->add.data && !same_shape(&p->x, &p->add))
		return "add has not the shape of x";
	return NULL;
}

static const char *matmul_types(const struct aios_op_matmul *p)
{
	struct aios_profile_info info = aios_profile_info_of(p->profile);

	if (!info.name)
		return "there is no such profile";
	if (info.act_dtype == AIOS_BF16)
		return is_half(p->x.dtype) && p->w.dtype == p->x.dtype ?
			       NULL :
			       "x and w are not both BF16 or both F16, as the profile wants";
	if (p->x.dtype != info.act_dtype || p->w.dtype != info.weight_dtype)
		return "x or w has not the type of the profile";
	return NULL;
}

static const char *shapes_matmul(const struct aios_op_matmul *p)
{
	uint32_t l = aios_profile_info_of(p->profile).dot_l, s = p->segments;
	uint64_t outputs = (uint64_t)p->out.cols * (p->act ? 2 : 1);

	if (matmul_types(p))
		return matmul_types(p);
	if (p->act > AIOS_ACT_GELU_TANH_MUL)
		return "there is no such activation";
	if (p->act && p->residual.data)
		return "an activation and a residual cannot be together";
	if (p->act && p->mid_type != AIOS_F32 && !is_half(p->mid_type))
		return "mid_type is not F32, BF16 or F16";
	if (p->x.cols != p->w.cols)
		return "x and w have different numbers of columns";
	if (p->w.rows != outputs)
		return p->act ? "w has not twice as many rows as out has columns" :
				"w has not as many rows as out has columns";
	if (p->out.rows != p->x.rows)
		return "out has not as many rows as x";
	if (p->residual.data && !same_shape(&p->residual, &p->out))
		return "residual has not the shape of out";
	if (s == 0 || (s & (s - 1)))
		return "segments is not a power of two";
	if (s > 1 && p->x.cols % ((uint64_t)l * s))
		return "the columns of x are not cut evenly by segments and the profile's L";
	return NULL;
}

static const char *shapes_kv(const struct aios_kv_layer *kv, uint32_t n_heads)
{
	if (!is_half(kv->dtype))
		return "the KV cache is not BF16 or F16";
	if (!kv->n_pages || !kv->page_size || !kv->n_kv_heads || !kv->head_dim)
		return "the KV cache has a dimension of 0";
	if (!n_heads || n_heads % kv->n_kv_heads)
		return "n_heads is not a multiple of n_kv_heads";
	if ((uint64_t)kv->n_kv_heads * kv->page_size > UINT32_MAX / kv->head_dim)
		return "a page of the KV cache has 2^32 elements or more";
	return NULL;
}

static const char *shapes_batch(const struct aios_batch *b)
{
	if (b->n_tokens > INT32_MAX || b->n_seqs > INT32_MAX)
		return "the batch's counts do not fit in 31 bits";
	if (b->n_tokens && (!b->n_seqs || !b->max_blocks))
		return "a batch with rows has no sequences, or no blocks";
	if (b->max_q > b->n_tokens)
		return "max_q is larger than n_tokens";
	return NULL;
}

static const char *shapes_rope_kv(const struct aios_op_rope_kv *p)
{
	const char *why = shapes_kv(&p->kv, p->n_heads);
	uint64_t dim = p->kv.head_dim;

	if (!why)
		why = shapes_batch(&p->batch);
	if (why)
		return why;
	if (p->qkv.rows != p->batch.n_tokens || p->q.rows != p->batch.n_tokens)
		return "qkv or q has not n_tokens rows";
	if (p->qkv.cols != ((uint64_t)p->n_heads + 2ull * p->kv.n_kv_heads) * dim)
		return "qkv has not (n_heads + 2 * n_kv_heads) * head_dim columns";
	if (p->q.cols != p->n_heads * dim)
		return "q has not n_heads * head_dim columns";
	if (!p->rot_dim || p->rot_dim % 2 || p->rot_dim > dim)
		return "rot_dim is not an even number up to head_dim";
	if (!p->q_norm != !p->k_norm)
		return "one of q_norm and k_norm is absent";
	return p->table_rows ? NULL : "the rope tables have no rows";
}

static const char *shapes_attention(const struct aios_op_attention *p)
{
	const char *why = shapes_kv(&p->kv, p->n_heads);
	uint64_t cols = (uint64_t)p->n_heads * p->kv.head_dim;

	if (!why)
		why = shapes_batch(&p->batch);
	if (why)
		return why;
	if (!aios_profile_info_of(p->profile).name)
		return "there is no such profile";
	if (p->q.rows != p->batch.n_tokens || p->out.rows != p->batch.n_tokens)
		return "q or out has not n_tokens rows";
	if (p->q.cols != cols || p->out.cols != cols)
		return "q or out has not n_heads * head_dim columns";
	if (!p->chunk || p->chunk % 64)
		return "chunk is not a multiple of 64";
	return p->softcap >= 0.0f ? NULL : "softcap is negative or NaN";
}

static const char *shapes_glu(const struct aios_op_glu *p)
{
	if (p->act != AIOS_ACT_SILU_MUL && p->act != AIOS_ACT_GELU_TANH_MUL)
		return "act is not one of the two";
	if (p->in.rows != p->out.rows || p->in.cols != 2 * (uint64_t)p->out.cols)
		return "in is not [rows of out][2 * columns of out]";
	return NULL;
}

static const char *shapes_add(const struct aios_op_add *p)
{
	return same_shape(&p->a, &p->b) && same_shape(&p->a, &p->out) ?
		       NULL :
		       "a, b and out have different shapes";
}

static const char *shapes_gather_rows(const struct aios_op_gather_rows *p)
{
	if (p->out.rows != p->n_rows || p->out.cols != p->src.cols)
		return "out is not [n_rows][columns of src]";
	return NULL;
}

static const char *shapes_copy_pages(const struct aios_op_copy_pages *p)
{
	return shapes_kv(&p->kv, p->kv.n_kv_heads);
}

static const char *shapes_logits(const struct aios_op_logits *p)
{
	if (!p->params && (p->counts || p->bias))
		return "there are counts or biases, but no params to say whose";
	return p->softcap >= 0.0f ? NULL : "softcap is negative or NaN";
}

static const char *shapes_logprobs(const struct aios_op_logprobs *p)
{
	if (p->n_top > 32 || p->n_top > p->logits.cols)
		return "n_top is more than 32 or than there are logits";
	return NULL;
}

static const char *shapes_all_reduce(const struct aios_op_all_reduce *p)
{
	if (!p->n_ranks || p->n_ranks > AIOS_MAX_RANKS || (p->n_ranks & (p->n_ranks - 1)))
		return "n_ranks is not a power of two up to 16";
	return NULL;
}

static const char *shapes_all_gather(const struct aios_op_all_gather *p)
{
	if (!p->n_ranks || p->n_ranks > AIOS_MAX_RANKS)
		return "n_ranks is not a number from 1 to 16";
	if (p->out.cols != (uint64_t)p->n_ranks * p->part_cols)
		return "out has not n_ranks * part_cols columns";
	return NULL;
}

const char *check_shapes(const struct aios_op *op)
{
	const union aios_op_any *p = (const union aios_op_any *)op;

	switch (op->type) {
	case AIOS_OP_EMBED:
		return shapes_embed(&p->embed);
	case AIOS_OP_RMSNORM:
		return shapes_rmsnorm(&p->rmsnorm);
	case AIOS_OP_MATMUL:
		return shapes_matmul(&p->matmul);
	case AIOS_OP_ROPE_KV:
		return shapes_rope_kv(&p->rope_kv);
	case AIOS_OP_ATTENTION:
		return shapes_attention(&p->attention);
	case AIOS_OP_GLU:
		return shapes_glu(&p->glu);
	case AIOS_OP_ADD:
		return shapes_add(&p->add);
	case AIOS_OP_GATHER_ROWS:
		return shapes_gather_rows(&p->gather_rows);
	case AIOS_OP_CAST:
		return same_shape(&p->cast.in, &p->cast.out) ? NULL :
							       "in and out have different shapes";
	case AIOS_OP_QUANTISE:
		return same_shape(&p->quantise.in, &p->quantise.out) ?
			       NULL :
			       "in and out have different shapes";
	case AIOS_OP_COPY_PAGES:
		return shapes_copy_pages(&p->copy_pages);
	case AIOS_OP_LOGITS:
		return shapes_logits(&p->logits);
	case AIOS_OP_LOGPROBS:
		return shapes_logprobs(&p->logprobs);
	case AIOS_OP_ALL_REDUCE:
		return shapes_all_reduce(&p->all_reduce);
	case AIOS_OP_ALL_GATHER:
		return shapes_all_gather(&p->all_gather);
	default:
		return NULL;
	}
}

/* ---- rules for every operand --------------------------------------------------------- */

static void check_type(struct check_call *call, const struct hook_operand *o)
{
	if (o->dtype >= AIOS_DTYPE_COUNT || !(o->types & (1u << o->dtype)))
		check_bad(call, "%s is of type %s (%u), which this op does not take there", o->name,
			  aios_dtype_name(o->dtype), o->dtype);
	if (o->layout != AIOS_LAYOUT_ROWS &&
	    !((o->flags & HOOK_ANY_LAYOUT) && o->layout >= AIOS_LAYOUT_DRIVER))
		check_bad(call, "%s has layout %u; only plain rows are allowed there", o->name,
			  o->layout);
}

static void check_strides(struct check_call *call, const struct hook_operand *o)
{
	uint64_t row = hook_operand_row(o);

	if (!(o->flags & HOOK_STRIDED) || o->layout != AIOS_LAYOUT_ROWS)
		return;
	if (o->row_bytes % ALIGN || o->row_bytes < row || o->row_bytes > LONGEST_ROW)
		check_bad(call, "%s.row_bytes is %llu; expected a multiple of %u from %llu on",
			  o->name, (unsigned long long)o->row_bytes, ALIGN,
			  (unsigned long long)row);
	if (o->dtype == AIOS_I8X2 && (o->plane_bytes % ALIGN || o->plane_bytes < row))
		check_bad(call, "%s.plane_bytes is %llu; expected a multiple of %u from %llu on",
			  o->name, (unsigned long long)o->plane_bytes, ALIGN,
			  (unsigned long long)row);
	if (o->cols == 0)
		check_bad(call, "%s has no columns", o->name);
}

/* A tensor that has no scales says so with 0. */
static void check_scale(struct check_call *call, const struct aios_op *op,
			const struct hook_operand *o)
{
	aios_addr scale;

	if (!(o->flags & HOOK_TENSOR) || aios_dtype_scaled(o->dtype))
		return;
	scale = hook_get_addr(op, o->field + (uint32_t)offsetof(struct aios_tensor, scale));
	if (scale)
		check_bad(call, "%s has a scale, but its type %s has none", o->name,
			  aios_dtype_name(o->dtype));
}

static bool needed(const struct hook_operand *o)
{
	if (o->layout != AIOS_LAYOUT_ROWS)
		return o->rows > 0;
	return hook_operand_bytes(o) > 0;
}

/* Alive, large enough, aligned. */
static void check_address(struct check_call *call, const struct hook_operand *o)
{
	uint64_t bytes = hook_operand_bytes(o);

	if (!needed(o))
		return;
	if (!o->addr && (o->flags & HOOK_OPTIONAL) == 0) {
		check_bad(call, "%s has no address", o->name);
		return;
	}
	if (!o->addr)
		return;
	if (o->addr % ALIGN)
		check_bad(call, "%s at 0x%llx is not aligned to %u bytes", o->name,
			  (unsigned long long)o->addr, ALIGN);
	if (bytes == UINT64_MAX)
		check_bad(call, "%s has 2^64 bytes or more", o->name);
	else
		check_range(call, o->name, o->addr, bytes ? bytes : 1,
			    (o->flags & (HOOK_WRITE | HOOK_SCRATCH)) != 0, true);
}

static bool written(const struct hook_operand *o)
{
	return (o->flags & (HOOK_WRITE | HOOK_SCRATCH)) != 0;
}

/* The op may work in place there, and does so exactly. */
static bool in_place(const struct hook_operands *list, uint32_t out, uint32_t other)
{
	const struct hook_operand *a = &list->v[out], *b = &list->v[other];

	return a->alias == other && a->addr == b->addr && a->row_bytes == b->row_bytes &&
	       a->rows == b->rows && a->cols == b->cols;
}

static void check_overlaps(struct check_call *call, const struct hook_operands *list)
{
	for (uint32_t i = 0; i < list->n; i++) {
		for (uint32_t k = 0; k < i; k++) {
			const struct hook_operand *a = &list->v[i], *b = &list->v[k];

			if (!written(a) && !written(b))
				continue;
			if (!a->addr || !b->addr || in_place(list, i, k) || in_place(list, k, i) ||
			    !hook_operand_overlap(a, b))
				continue;
			check_bad(call, "%s (0x%llx) overlaps %s (0x%llx)%s", a->name,
				  (unsigned long long)a->addr, b->name, (unsigned long long)b->addr,
				  a->alias == k || b->alias == i ?
					  ": in place means exactly the same memory" :
					  "");
		}
	}
}

void check_op(struct check_call *call, const struct aios_op *op, const struct hook_operands *list,
	      bool launch)
{
	const char *why = check_shapes(op);

	if (op->flags)
		check_bad(call, "the descriptor's flags are 0x%x, expected 0", op->flags);
	if (why)
		check_bad(call, "%s", why);
	for (uint32_t i = 0; i < list->n; i++) {
		check_type(call, &list->v[i]);
		check_strides(call, &list->v[i]);
		check_scale(call, op, &list->v[i]);
	}
	/* Addresses mean something only when the sizes do. */
	if (!launch || call->bad)
		return;
	for (uint32_t i = 0; i < list->n; i++)
		check_address(call, &list->v[i]);
	check_overlaps(call, list);
}
