// SPDX-License-Identifier: Apache-2.0
/* plan_attention.c - how blocks share queries, heads and chunks. */
#include <aios/numerics.h>

#include "emit.h"

_Static_assert(sizeof(struct gpu_rope_attention_args) <= GPU_ARGS_MAX, "GPU_ARGS_MAX is too small");

static bool is_tc(const struct aios_op_attention *op)
{
	return aios_profile_info_of(op->profile).attention == AIOS_PROFILE_TC_SM90;
}

static bool is_cdna(const struct aios_op_attention *op)
{
	return aios_profile_info_of(op->profile).attention >= AIOS_PROFILE_TC_CDNA1;
}

/* --- a block for each row and KV head -------------------------------------------- */

/* Shared memory beside keys and values, cut up for a span; the bytes. */
static uint32_t decode_carve(struct gpu_attention_args *a, uint32_t span)
{
	const struct aios_op_attention *op = &a->op;
	uint32_t padded = (uint32_t)div_up(op->kv.head_dim, 16) * 16, elem = is_tc(op) ? 2 : 4;
	uint32_t at = (uint32_t)div_up(sizeof(struct gpu_decode_shared), 16) * 16;

	a->span = span;
	a->pitch = padded * 2 + 16;
	a->q_pitch = padded * elem + 16;
	a->p_pitch = span * elem + 16;
	a->at_rows = at;
	at += span * 8;
	a->at_own = at;
	at += 2 * GPU_DECODE_ROPE_DIM * 2;
	a->at_q = at;
	at += GPU_DECODE_QUERIES * a->q_pitch;
	a->at_p = at;
	at += GPU_DECODE_QUERIES * a->p_pitch;
	a->at_k = at;
	a->at_v = at + span * a->pitch;
	return at + 2 * span * a->pitch;
}

/*
 * The longest span that is of use and leaves room on the multiprocessor: where there are many
 * blocks for a second one, else for one of the launch before or after it, which takes `room`. Bytes
 * of shared memory; 0: not even one block of keys fits.
 */
static uint32_t decode_span(const struct gpu_caps *caps, struct gpu_attention_args *a,
			    uint64_t blocks, uint32_t room)
{
	const struct aios_op_attention *op = &a->op;
	uint32_t most = caps->shared_max, span = GPU_DECODE_BLOCKS * AIOS_ATTN_BLOCK;
	uint64_t keys = op->batch.max_kv < op->chunk ? op->batch.max_kv : op->chunk;

	if (most > 2 * GPU_SHARED_MIN)
		most = blocks > caps->units ? most / 2 - 1024 : most - room;
	while (span > AIOS_ATTN_BLOCK &&
	       (span >= keys + AIOS_ATTN_BLOCK || decode_carve(a, span) > most))
		span -= AIOS_ATTN_BLOCK;
	most = decode_carve(a, span);
	return most <= caps->shared_max ? most : 0;
}

/* --- the shape ---------------------------------------------------------------------- */

/* One block for each chunk where a block for all would leave the device idle. */
static void share_chunks(const struct gpu_caps *caps, struct gpu_attention_args *a, uint64_t blocks)
{
	uint64_t chunks = div_up(a->op.batch.max_kv, a->op.chunk);

	a->n_chunks = 0;
	if (chunks > 1 && chunks <= GRID_YZ && blocks < 4 * (uint64_t)caps->units)
		a->n_chunks = (uint32_t)chunks;
}

/* A block for each row and KV head; bytes of shared memory, 0: not in this way. */
static uint32_t decode_shape(const struct gpu_caps *caps, struct gpu_attention_args *a)
{
	uint32_t group = a->op.n_heads / a->op.kv.n_kv_heads;
	uint64_t blocks;

	if (is_cdna(&a->op) || (a->op.batch.max_q != 1 && !is_tc(&a->op)))
		return 0;
	a->heads = group < GPU_DECODE_QUERIES ? group : GPU_DECODE_QUERIES;
	blocks = (uint64_t)a->op.batch.n_tokens * a->op.kv.n_kv_heads;
	/* fma32's arithmetic takes longer than reading the keys again. */
	while (!is_tc(&a->op) && a->heads > 1 &&
	       blocks * div_up(group, a->heads / 2) <= caps->units)
		a->heads /= 2;
	a->groups = (uint32_t)div_up(group, a->heads);
	a->rows = 1;
	blocks *= a->groups;
	share_chunks(caps, a, blocks);
	return decode_span(caps, a, a->n_chunks ? blocks * a->n_chunks : blocks,
			   2 * GPU_SHARED_MIN);
}

/* Tiles of `queries` queries. */
static void tile_queries(struct gpu_attention_args *a, uint32_t queries)
{
	const struct aios_op_attention *op = &a->op;
	uint32_t group = op->n_heads / op->kv.n_kv_heads;

	a->heads = group < queries ? group : queries;
	a->groups = (uint32_t)div_up(group, a->heads);
	a->rows = queries / a->heads;
	a->n_chunks = 0;
	for (a->page_shift = 0; a->page_shift < 32; a->page_shift++)
		if (op->kv.page_size == 1u << a->page_shift)
			break;
}

/* No more tiles than rows and sequences can give, for each KV head and head group. */
static uint64_t tile_blocks(const struct gpu_attention_args *a)
{
	const struct aios_op_attention *op = &a->op;

	return (div_up(op->batch.n_tokens, a->rows) + op->batch.n_seqs) * op->kv.n_kv_heads *
	       a->groups;
}

/* Prompts in tc-sm90: as many queries as a block takes; bytes of shared memory, 0: not so. */
static uint32_t tc_shape(const struct gpu_caps *caps, struct gpu_attention_args *a)
{
	const struct aios_op_attention *op = &a->op;
	uint32_t dim = op->kv.head_dim, bytes;

	if (!is_tc(op) || op->batch.max_q == 1 || (dim != 64 && dim != 128))
		return 0;
	tile_queries(a, GPU_TC_QUERIES);
	a->pitch = dim * 2 + 16;
	a->at_k = GPU_TILES_SHARED(GPU_TC_THREADS);
	a->at_v = a->at_k + 2 * AIOS_ATTN_BLOCK * a->pitch;
	a->at_p = a->at_v + 2 * AIOS_ATTN_BLOCK * a->pitch;
	bytes = a->at_p + (op->batch.max_kv > op->chunk ? GPU_TC_QUERIES * dim * 4 : 0);
	return bytes <= caps->shared_max ? bytes : 0;
}

/* Prompts with the fma32 unit, on CUDA; bytes of shared memory, 0: not so. */
static uint32_t fma_shape(const struct gpu_caps *caps, struct gpu_attention_args *a)
{
	const struct aios_op_attention *op = &a->op;
	uint32_t dim = op->kv.head_dim, bytes;

	if (!caps->arch || is_tc(op) || op->batch.max_q == 1 || (dim != 64 && dim != 128))
		return 0;
	tile_queries(a, GPU_FMA_QUERIES);
	a->at_q = GPU_TILES_SHARED(GPU_FMA_THREADS);
	a->at_v = a->at_q + GPU_FMA_QUERIES * (dim + 4) * 4;
	a->at_k = a->at_v + AIOS_ATTN_BLOCK * dim * 4;
	a->at_p = a->at_k;
	bytes = dim + 4 > GPU_FMA_P_PITCH ? dim + 4 : GPU_FMA_P_PITCH;
	bytes = a->at_k + AIOS_ATTN_BLOCK * bytes * 4;
	share_chunks(caps, a, tile_blocks(a));
	return bytes <= caps->shared_max ? bytes : 0;
}

/* Blocks of 16 queries of adjacent rows. */
static void rows_shape(const struct gpu_caps *caps, struct gpu_attention_args *a)
{
	const struct aios_op_attention *op = &a->op;
	uint32_t group = op->n_heads / op->kv.n_kv_heads;

	a->heads = group < GPU_ATTN_QUERIES ? group : GPU_ATTN_QUERIES;
	a->groups = (uint32_t)div_up(group, a->heads);
	a->rows = op->batch.max_q == 1 ? 1 : GPU_ATTN_QUERIES / a->heads;
	share_chunks(caps, a, div_up(op->batch.n_tokens, a->rows) * op->kv.n_kv_heads * a->groups);
}

enum attention_way {
	BY_TILE,  /* attention_tc, attention_fma */
	BY_ROW,   /* attention_decode, also for what attention_tc does not take */
	BY_GROUP, /* attention_<dim>, attention_mfma_<dim> */
};

/* Which kernel, and the shape in *a with *shared bytes of shared memory. */
static enum attention_way attention_shape(const struct gpu_caps *caps, struct gpu_attention_args *a,
					  uint32_t *shared)
{
	*shared = tc_shape(caps, a);
	if (*shared)
		return BY_TILE;
	*shared = decode_shape(caps, a);
	if (*shared)
		return BY_ROW;
	*shared = fma_shape(caps, a);
	if (*shared)
		return BY_TILE;
	rows_shape(caps, a);
	*shared = sizeof(struct gpu_attention_shared);
	return BY_GROUP;
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
	uint32_t shared;

	if (op->batch.n_tokens == 0)
		return 0;
	attention_shape(caps, &a, &shared);
	return attention_rows_bytes(op) + (uint64_t)op->batch.n_tokens * op->n_heads * a.n_chunks *
						  (op->kv.head_dim + GPU_ATTN_STATE) * 4;
}

/* --- launches ------------------------------------------------------------------------ */

/* Kernels come in rows of head dimensions: 64, 128, any. */
static uint32_t by_dim(uint32_t kernel_64, uint32_t dim)
{
	return kernel_64 + (dim == 64 ? 0 : dim == 128 ? 1 : 2);
}

static uint32_t decode_kernel(const struct aios_op_attention *op)
{
	bool f16 = op->kv.dtype == AIOS_F16;
	uint32_t first = f16 ? GPU_K_attention_decode_f16_64 : GPU_K_attention_decode_bf16_64;

	if (is_tc(op))
		first = f16 ? GPU_K_attention_tc_decode_f16_64 : GPU_K_attention_tc_decode_bf16_64;
	return by_dim(first, op->kv.head_dim);
}

static uint32_t tile_kernel(const struct aios_op_attention *op)
{
	static const uint32_t first[2][2] = {
		{ GPU_K_attention_fma_bf16_64, GPU_K_attention_fma_f16_64 },
		{ GPU_K_attention_tc_bf16_64, GPU_K_attention_tc_f16_64 },
	};

	return by_dim(first[is_tc(op)][op->kv.dtype == AIOS_F16], op->kv.head_dim);
}

static uint32_t rope_kernel(const struct aios_op_attention *op, bool early)
{
	static const uint32_t first[2][2][2] = {
		{ { GPU_K_rope_attention_bf16_64, GPU_K_rope_attention_f16_64 },
		  { GPU_K_rope_attention_early_bf16_64, GPU_K_rope_attention_early_f16_64 } },
		{ { GPU_K_rope_attention_tc_bf16_64, GPU_K_rope_attention_tc_f16_64 },
		  { GPU_K_rope_attention_tc_early_bf16_64, GPU_K_rope_attention_tc_early_f16_64 } },
	};

	return by_dim(first[is_tc(op)][early][op->kv.dtype == AIOS_F16], op->kv.head_dim);
}

static uint32_t rows_kernel(const struct aios_op_attention *op)
{
	uint32_t dim = op->kv.head_dim;

	if (is_cdna(op))
		return dim <= 64  ? GPU_K_attention_mfma_64 :
		       dim <= 128 ? GPU_K_attention_mfma_128 :
		       dim <= 256 ? GPU_K_attention_mfma_256 :
				    GPU_K_attention_mfma_512;
	if (dim > 256)
		return GPU_K_attention_512;
	return dim <= 64  ? GPU_K_attention_64 :
	       dim <= 128 ? GPU_K_attention_128 :
			    GPU_K_attention_256;
}

/* Where the outputs go before they are quantised, and the chunks' states after them. */
static void attention_redirect(struct gpu_attention_args *a)
{
	const struct aios_op_attention op = a->op;

	if (!aios_dtype_scaled(op.out.dtype))
		return;
	a->op.out.dtype = AIOS_F32;
	a->op.out.data = op.scratch.data;
	a->op.out.row_bytes = (uint64_t)op.out.cols * 4;
	a->op.scratch.data += attention_rows_bytes(&op);
}

/* What follows the attention kernel. */
static int attention_finish(struct plan *p, const struct gpu_attention_args *a,
			    const struct aios_op_attention *op)
{
	struct gpu_quantise_args quantise = { .op.op = AIOS_OP_INIT(struct aios_op_quantise,
								    AIOS_OP_QUANTISE) };
	int ret = 0;

	if (a->n_chunks)
		ret = gpu_emit(p, GPU_K_attention_merge, a, op->batch.n_tokens, op->n_heads, 1,
			       sizeof(struct gpu_merge_shared));
	if (ret || !aios_dtype_scaled(op->out.dtype))
		return ret;
	quantise.op.in = a->op.out;
	quantise.op.out = op->out;
	return gpu_plan_quantise(p, &quantise.op);
}

int gpu_plan_attention(struct plan *p, const struct aios_op_attention *op)
{
	struct gpu_attention_args a = { .op = *op };
	enum attention_way way;
	uint32_t shared;
	int ret;

	if (op->batch.n_tokens == 0)
		return 0;
	way = attention_shape(p->caps, &a, &shared);
	attention_redirect(&a);
	if (way == BY_TILE)
		ret = gpu_emit(p, tile_kernel(op), &a, tile_blocks(&a), 1,
			       a.n_chunks ? a.n_chunks : 1, shared);
	else
		ret = gpu_emit(p, way == BY_ROW ? decode_kernel(op) : rows_kernel(op), &a,
			       div_up(op->batch.n_tokens, a.rows),
			       (uint64_t)op->kv.n_kv_heads * a.groups, a.n_chunks ? a.n_chunks : 1,
			       shared);
	return ret ? ret : attention_finish(p, &a, op);
}

/* --- rope_kv and attention in one ------------------------------------------------------ */

static bool same_batch(const struct aios_batch *a, const struct aios_batch *b)
{
	return a->n_tokens == b->n_tokens && a->n_seqs == b->n_seqs &&
	       a->max_blocks == b->max_blocks && a->max_q == b->max_q && a->max_kv == b->max_kv &&
	       a->positions == b->positions && a->seq_ids == b->seq_ids &&
	       a->block_table == b->block_table;
}

static bool same_kv(const struct aios_kv_layer *a, const struct aios_kv_layer *b)
{
	return a->k == b->k && a->v == b->v && a->dtype == b->dtype && a->n_pages == b->n_pages &&
	       a->page_size == b->page_size && a->n_kv_heads == b->n_kv_heads &&
	       a->head_dim == b->head_dim;
}

static bool meets(aios_addr a, uint64_t a_bytes, aios_addr b, uint64_t b_bytes)
{
	return a < b + b_bytes && b < a + a_bytes;
}

/* The attention's outputs must not lie where other blocks still read qkv. */
static bool apart(const struct aios_op_rope_kv *r, const struct aios_op_attention *a)
{
	uint64_t qkv = (uint64_t)r->qkv.rows * r->qkv.row_bytes;

	return !meets(a->out.data, (uint64_t)a->out.rows * a->out.row_bytes, r->qkv.data, qkv) &&
	       !meets(a->scratch.data, a->scratch.bytes, r->qkv.data, qkv) &&
	       !meets(r->q.data, (uint64_t)r->q.rows * r->q.row_bytes, r->qkv.data, qkv);
}

static bool one_after_the_other(const struct aios_op_rope_kv *r, const struct aios_op_attention *a)
{
	uint32_t dim = a->kv.head_dim;

	return a->batch.n_tokens > 0 && a->batch.max_q == 1 && (dim == 64 || dim == 128) &&
	       r->rot_dim == dim && r->n_heads == a->n_heads && same_batch(&r->batch, &a->batch) &&
	       same_kv(&r->kv, &a->kv) && r->q.data == a->q.data &&
	       r->q.row_bytes == a->q.row_bytes && r->q.dtype == a->q.dtype && apart(r, a);
}

static struct gpu_rope rope_part(const struct aios_op_rope_kv *r)
{
	return (struct gpu_rope){ .qkv = r->qkv.data,
				  .row_bytes = r->qkv.row_bytes,
				  .dtype = r->qkv.dtype,
				  .rot_dim = r->rot_dim,
				  .cos = r->cos,
				  .sin = r->sin,
				  .q_norm = r->q_norm,
				  .k_norm = r->k_norm,
				  .norm_dtype = r->norm_dtype,
				  .eps = r->eps,
				  .weight_offset = r->weight_offset };
}

/*
 * After a short qkv matmul, whose blocks leave room for them, few blocks begin well before it ends.
 * Then there is time for a rehearsal, which takes as long as the attention itself (Qwen3-0.6B, with
 * 4,096 columns of qkv, gains 26 us a step, Qwen3-8B with 6,144 would lose 150), and room for longer
 * spans (another 40 us).
 */
#define SHORT_COLS 4096
#define SHORT_ROOM (80u << 10) /* of a block of such a matmul */

static uint64_t rope_blocks(const struct gpu_attention_args *a)
{
	return (uint64_t)a->op.batch.n_tokens * a->op.kv.n_kv_heads * a->groups *
	       (a->n_chunks ? a->n_chunks : 1);
}

int gpu_plan_rope_attention(struct plan *p, const struct aios_op_rope_kv *r,
			    const struct aios_op_attention *op)
{
	struct gpu_rope_attention_args a = { .attention.op = *op, .rope = rope_part(r) };
	uint32_t shared;
	bool early;
	int ret;

	if (!one_after_the_other(r, op))
		return 0;
	if (attention_shape(p->caps, &a.attention, &shared) != BY_ROW)
		return 0;
	attention_redirect(&a.attention);
	/* No more blocks than multiprocessors: they may as well have one each, and fetch ahead. */
	early = rope_blocks(&a.attention) <= p->caps->units;
	a.attention.rehearse = early && r->qkv.cols <= SHORT_COLS;
	if (a.attention.rehearse)
		shared = decode_span(p->caps, &a.attention, rope_blocks(&a.attention), SHORT_ROOM);
	ret = gpu_emit(p, rope_kernel(op, early), &a, op->batch.n_tokens,
		       (uint64_t)op->kv.n_kv_heads * a.attention.groups,
		       a.attention.n_chunks ? a.attention.n_chunks : 1, shared);
	if (!ret)
		ret = attention_finish(p, &a.attention, op);
	return ret ? ret : 1;
}
