// SPDX-License-Identifier: Apache-2.0
/* plan_attention.c - how blocks share queries, heads and chunks. */
#include <aios/numerics.h>

#include "emit.h"

/* How blocks share the queries; and whether each chunk gets a block of its own. */
static void attention_shape(const struct gpu_caps *caps, struct gpu_attention_args *a)
{
	const struct aios_op_attention *op = &a->op;
	uint32_t group = op->n_heads / op->kv.n_kv_heads;
	uint64_t blocks, chunks = div_up(op->batch.max_kv, op->chunk);

	a->heads = group < GPU_ATTN_QUERIES ? group : GPU_ATTN_QUERIES;
	a->groups = (uint32_t)div_up(group, a->heads);
	a->rows = op->batch.max_q == 1 ? 1 : GPU_ATTN_QUERIES / a->heads;
	blocks = div_up(op->batch.n_tokens, a->rows) * op->kv.n_kv_heads * a->groups;
	a->n_chunks = 0;
	if (chunks > 1 && chunks <= GRID_YZ && blocks < 4 * (uint64_t)caps->units)
		a->n_chunks = (uint32_t)chunks;
}

/* Bytes of F32 rows before they are quantised; a multiple of 256. */
static uint64_t attention_rows_bytes(const struct aios_op_attention *op)
{
	if (!aios_dtype_scaled(op->out.dtype))
		return 0;
	return div_up((uint64_t)op->out.rows * op->out.cols * 4, 256) * 256;
}

uint64_t gpu_attention_scratch(const struct gpu_caps *caps, const struct aios_op_attention *op)
{
	struct gpu_attention_args a = { .op = *op };

	if (op->batch.n_tokens == 0)
		return 0;
	attention_shape(caps, &a);
	return attention_rows_bytes(op) + (uint64_t)op->batch.n_tokens * op->n_heads * a.n_chunks *
						  (op->kv.head_dim + GPU_ATTN_STATE) * 4;
}

int gpu_plan_attention(struct plan *p, const struct aios_op_attention *op)
{
	struct gpu_attention_args a = { .op = *op };
	struct gpu_quantise_args quantise = { .op.op = AIOS_OP_INIT(struct aios_op_quantise,
								    AIOS_OP_QUANTISE) };
	uint32_t dim = op->kv.head_dim, kernel = GPU_K_attention_512;
	int ret;

	if (op->batch.n_tokens == 0)
		return 0;
	attention_shape(p->caps, &a);
	if (aios_dtype_scaled(op->out.dtype)) {
		a.op.out.dtype = AIOS_F32;
		a.op.out.data = op->scratch.data;
		a.op.out.row_bytes = (uint64_t)op->out.cols * 4;
		a.op.scratch.data += attention_rows_bytes(op);
		quantise.op.in = a.op.out;
		quantise.op.out = op->out;
	}
	if (dim <= 256)
		kernel = dim <= 64  ? GPU_K_attention_64 :
			 dim <= 128 ? GPU_K_attention_128 :
				      GPU_K_attention_256;
	ret = gpu_emit(p, kernel, &a, div_up(op->batch.n_tokens, a.rows),
		       (uint64_t)op->kv.n_kv_heads * a.groups, a.n_chunks ? a.n_chunks : 1,
		       sizeof(struct gpu_attention_shared));
	if (!ret && a.n_chunks)
		ret = gpu_emit(p, GPU_K_attention_merge, &a, op->batch.n_tokens, op->n_heads, 1, 0);
	if (!ret && aios_dtype_scaled(op->out.dtype))
		ret = gpu_emit(p, GPU_K_quantise, &quantise, op->out.rows, 1, 1,
			       sizeof(struct gpu_row_shared));
	return ret;
}
