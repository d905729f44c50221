// SPDX-License-Identifier: Apache-2.0
/* shape.c - the shape of an op in words. */
#include <stdio.h>

#include <aios/numerics.h>

#include "core/bench/bench.h"

static const char *const acts[] = { "", " silu", " gelu" };

static void matmul_text(const struct aios_op_matmul *m, char *text, size_t size)
{
	snprintf(text, size, "m=%u n=%u k=%u %s to %s%s%s%s", m->x.rows,
		 m->act ? m->w.rows / 2 : m->w.rows, m->w.cols, aios_dtype_name(m->x.dtype),
		 aios_dtype_name(m->out.dtype), m->act < 3 ? acts[m->act] : " act",
		 m->residual.data ? " residual" : "", m->bias ? " bias" : "");
}

static void batch_text(const struct aios_batch *b, uint32_t heads, const struct aios_kv_layer *kv,
		       uint32_t window, char *text, size_t size)
{
	char slides[24] = "";

	if (window)
		snprintf(slides, sizeof(slides), " window=%u", window);
	snprintf(text, size, "seqs=%u q=%u kv=%u heads=%u/%u dim=%u page=%u %s%s", b->n_seqs,
		 b->n_seqs ? b->n_tokens / b->n_seqs : 0, b->max_kv, heads, kv->n_kv_heads,
		 kv->head_dim, kv->page_size, aios_dtype_name(kv->dtype), slides);
}

static void pair_text(const struct aios_tensor *in, const struct aios_tensor *out, const char *more,
		      char *text, size_t size)
{
	snprintf(text, size, "m=%u n=%u %s to %s%s", in->rows, in->cols, aios_dtype_name(in->dtype),
		 aios_dtype_name(out->dtype), more);
}

static void rows_text(const struct aios_tensor *t, char *text, size_t size)
{
	snprintf(text, size, "m=%u n=%u %s", t->rows, t->cols, aios_dtype_name(t->dtype));
}

const char *aios_bench_shape(const struct aios_op *op, char *text, size_t size)
{
	const union aios_op_any *o = (const union aios_op_any *)op;

	text[0] = '\0';
	switch (op->type) {
	case AIOS_OP_EMBED:
		snprintf(text, size, "m=%u n=%u %s to %s", o->embed.n_tokens, o->embed.table.cols,
			 aios_dtype_name(o->embed.table.dtype),
			 aios_dtype_name(o->embed.out.dtype));
		break;
	case AIOS_OP_RMSNORM:
		pair_text(&o->rmsnorm.x, &o->rmsnorm.out, o->rmsnorm.add.data ? " add" : "", text,
			  size);
		break;
	case AIOS_OP_MATMUL:
		matmul_text(&o->matmul, text, size);
		break;
	case AIOS_OP_ROPE_KV:
		batch_text(&o->rope_kv.batch, o->rope_kv.n_heads, &o->rope_kv.kv, 0, text, size);
		break;
	case AIOS_OP_ATTENTION:
		batch_text(&o->attention.batch, o->attention.n_heads, &o->attention.kv,
			   o->attention.window, text, size);
		break;
	case AIOS_OP_GLU:
		pair_text(&o->glu.in, &o->glu.out, o->glu.act < 3 ? acts[o->glu.act] : "", text,
			  size);
		break;
	case AIOS_OP_ADD:
		pair_text(&o->add.b, &o->add.out, "", text, size);
		break;
	case AIOS_OP_GATHER_ROWS:
		rows_text(&o->gather_rows.out, text, size);
		break;
	case AIOS_OP_CAST:
		pair_text(&o->cast.in, &o->cast.out, "", text, size);
		break;
	case AIOS_OP_QUANTISE:
		pair_text(&o->quantise.in, &o->quantise.out, "", text, size);
		break;
	case AIOS_OP_COPY_PAGES:
		snprintf(text, size, "pages=%u of %u keys, heads=%u dim=%u", o->copy_pages.n_pairs,
			 o->copy_pages.kv.page_size, o->copy_pages.kv.n_kv_heads,
			 o->copy_pages.kv.head_dim);
		break;
	case AIOS_OP_LOGITS:
		rows_text(&o->logits.logits, text, size);
		break;
	case AIOS_OP_ARGMAX:
		rows_text(&o->argmax.logits, text, size);
		break;
	case AIOS_OP_SAMPLE:
		rows_text(&o->sample.logits, text, size);
		break;
	case AIOS_OP_LOGPROBS:
		rows_text(&o->logprobs.logits, text, size);
		break;
	case AIOS_OP_ALL_REDUCE:
		rows_text(&o->all_reduce.out, text, size);
		break;
	case AIOS_OP_ALL_GATHER:
		rows_text(&o->all_gather.out, text, size);
		break;
	default:
		break;
	}
	return text;
}
