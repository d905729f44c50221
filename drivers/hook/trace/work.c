// SPDX-License-Identifier: Apache-2.0
/* work.c - see work.h. */
#include "work.h"

#include <stdio.h>
#include <string.h>

static uint64_t elements_bytes(const struct hook_operand *o)
{
	return (uint64_t)o->rows * hook_operand_row(o) * hook_operand_planes(o);
}

/* Sum over a batch's rows of the keys each sees: exact for one sequence without padding. */
static uint64_t keys_seen(const struct aios_batch *b, uint32_t window)
{
	uint64_t rows = b->n_tokens, q = b->max_q, kv = b->max_kv, sum;
	uint64_t seqs = b->n_seqs ? b->n_seqs : 1;

	if (b->n_seqs > 1)
		q = (rows + seqs - 1) / seqs;
	if (q > kv)
		q = kv;
	/* The last row of a sequence sees kv keys, the one before it one less ... */
	sum = q ? rows / q * (q * kv - q * (q - 1) / 2) : 0;
	if (window && sum > rows * window)
		sum = rows * window;
	return sum;
}

static void attention_work(const struct aios_op_attention *p, struct trace_work *w)
{
	uint64_t keys = (uint64_t)p->batch.max_kv * p->batch.n_seqs;
	uint64_t key_bytes =
		2ull * p->kv.n_kv_heads * p->kv.head_dim * aios_dtype_bytes(p->kv.dtype);

	if (p->window && keys > (uint64_t)p->batch.n_tokens * p->window)
		keys = (uint64_t)p->batch.n_tokens * p->window;
	w->read += keys * key_bytes;
	/* q . k and p * v: two multiply-adds an element of the head */
	w->flops = 4 * keys_seen(&p->batch, p->window) * p->n_heads * p->kv.head_dim;
}

static uint64_t kv_written(const struct aios_op_rope_kv *p)
{
	return 2ull * p->batch.n_tokens * p->kv.n_kv_heads * p->kv.head_dim *
	       aios_dtype_bytes(p->kv.dtype);
}

/* Rows of a table that an op picks from, at most. */
static uint64_t picked(const struct hook_operand *o, uint32_t rows)
{
	return (uint64_t)(rows < o->rows ? rows : o->rows) * hook_operand_row(o);
}

void trace_work_of(const struct aios_op *op, const struct hook_operands *list,
		   struct trace_work *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < list->n; i++) {
		const struct hook_operand *o = &list->v[i];
		uint64_t bytes = elements_bytes(o);

		if (o->flags & (HOOK_PAGES | HOOK_SCRATCH))
			continue; /* counted by op, below */
		if (op->type == AIOS_OP_EMBED && strcmp(o->name, "table") == 0)
			bytes = picked(o, ((const struct aios_op_embed *)op)->n_tokens);
		if (op->type == AIOS_OP_GATHER_ROWS && strcmp(o->name, "src") == 0)
			bytes = picked(o, ((const struct aios_op_gather_rows *)op)->n_rows);
		if (op->type == AIOS_OP_ROPE_KV && (o->flags & HOOK_WEIGHT) && o->rows > 1)
			bytes = picked(o, ((const struct aios_op_rope_kv *)op)->batch.n_tokens);
		out->read += o->flags & HOOK_READ ? bytes : 0;
		out->written += o->flags & HOOK_WRITE ? bytes : 0;
	}
	if (op->type == AIOS_OP_MATMUL) {
		const struct aios_op_matmul *p = (const struct aios_op_matmul *)op;

		out->flops = 2ull * p->x.rows * p->w.rows * p->x.cols;
	} else if (op->type == AIOS_OP_ATTENTION) {
		attention_work((const struct aios_op_attention *)op, out);
	} else if (op->type == AIOS_OP_ROPE_KV) {
		out->written += kv_written((const struct aios_op_rope_kv *)op);
	} else if (op->type == AIOS_OP_COPY_PAGES) {
		const struct aios_op_copy_pages *p = (const struct aios_op_copy_pages *)op;
		uint64_t page = 2ull * p->kv.n_kv_heads * p->kv.page_size * p->kv.head_dim *
				aios_dtype_bytes(p->kv.dtype);

		out->read += p->n_pairs * page;
		out->written += p->n_pairs * page;
	}
}

void trace_shape_of(const struct hook_operands *list, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < list->n && at < size; i++) {
		const struct hook_operand *o = &list->v[i];

		if (!(o->flags & HOOK_TENSOR))
			continue;
		at += (size_t)snprintf(text + at, size - at, "%s%s %s[%u][%u]", at ? ", " : "",
				       o->name, aios_dtype_name(o->dtype), o->rows, o->cols);
	}
}
