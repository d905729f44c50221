// SPDX-License-Identifier: Apache-2.0
/*
 * plan.c - see plan.h. The shape of a launch never shows in values; it follows from the
 * descriptor and the device alone, so that a captured graph can be replayed.
 */
#include <string.h>

#include <aios/numerics.h>

#include "args.h"
#include "check.h"

/* A plan in progress. */
struct plan {
	const struct gpu_caps *caps;
	struct gpu_launch *launches;
	unsigned int cap, n;
	struct aios_status *st;
};

#define GRID_X 0x7fffffffu
#define GRID_YZ 65535u

/* --- tables from kernels.h ------------------------------------------------------ */

#define KERNEL_NAME(name, args, threads) [GPU_K_##name] = "gpu_" #name,
#define KERNEL_THREADS(name, args, threads) [GPU_K_##name] = (threads),
#define KERNEL_ARGS(name, args, threads) [GPU_K_##name] = sizeof(struct args),

static const char *const kernel_names[GPU_KERNEL_COUNT] = { GPU_KERNELS(KERNEL_NAME) };
static const uint32_t kernel_threads[GPU_KERNEL_COUNT] = { GPU_KERNELS(KERNEL_THREADS) };
static const uint32_t kernel_args[GPU_KERNEL_COUNT] = { GPU_KERNELS(KERNEL_ARGS) };

_Static_assert(sizeof(union aios_op_any) + 64 <= GPU_ARGS_MAX, "GPU_ARGS_MAX is too small");

const char *gpu_kernel_name(uint32_t kernel)
{
	return kernel < GPU_KERNEL_COUNT ? kernel_names[kernel] : "";
}

uint32_t gpu_kernel_threads(uint32_t kernel)
{
	return kernel < GPU_KERNEL_COUNT ? kernel_threads[kernel] : 0;
}

uint32_t gpu_profiles(const struct gpu_caps *caps)
{
	(void)caps;
	return 1u << AIOS_PROFILE_FMA32 | 1u << AIOS_PROFILE_I8 | 1u << AIOS_PROFILE_I8X2;
}

/* --- launches -------------------------------------------------------------------- */

/* Append a launch of `kernel` with the argument struct at `args`; its block is the largest. */
static int emit(struct plan *p, uint32_t kernel, const void *args, uint64_t x, uint64_t y,
		uint64_t z, size_t shared)
{
	struct gpu_launch *l = &p->launches[p->n];

	if (p->n == p->cap)
		return aios_fail(p->st, -ENOSPC, "%s: the plan has more than %u launches",
				 kernel_names[kernel], p->cap);
	if (x > GRID_X || y > GRID_YZ || z > GRID_YZ)
		return aios_fail(p->st, -EINVAL, "%s: a grid of %llu x %llu x %llu is too large",
				 kernel_names[kernel], (unsigned long long)x, (unsigned long long)y,
				 (unsigned long long)z);
	if (shared > p->caps->shared_max)
		return aios_fail(p->st, -ENOTSUP,
				 "%s: needs %zu bytes of shared memory, the device has %u",
				 kernel_names[kernel], shared, p->caps->shared_max);
	if (x == 0 || y == 0 || z == 0)
		return 0;
	memset(l, 0, sizeof(*l));
	l->kernel = kernel;
	l->grid[0] = (uint32_t)x;
	l->grid[1] = (uint32_t)y;
	l->grid[2] = (uint32_t)z;
	l->block[0] = kernel_threads[kernel];
	l->block[1] = l->block[2] = 1;
	l->shared = (uint32_t)shared;
	l->args_bytes = kernel_args[kernel];
	memcpy(l->args.bytes, args, kernel_args[kernel]);
	p->n++;
	return 0;
}

static uint64_t div_up(uint64_t a, uint64_t b)
{
	return (a + b - 1) / b;
}

/* Blocks that share a row of `cols` elements: enough to fill the device, no more than useful. */
static uint64_t row_parts(const struct plan *p, uint64_t rows, uint64_t cols)
{
	uint64_t most = div_up(cols, 1024),
		 want = div_up(4 * (uint64_t)p->caps->units, rows ? rows : 1);

	return most < want ? most : want;
}

/* As row_parts(), but a scaled row needs one block. */
static uint64_t out_parts(const struct plan *p, const struct aios_tensor *out)
{
	return aios_dtype_scaled(out->dtype) ? 1 : row_parts(p, out->rows, out->cols);
}

/* --- matmul ---------------------------------------------------------------------- */

/* Weight rows of a block of matmul_rows: as many as leave work for every unit. */
static uint32_t rows_w(const struct plan *p, const struct aios_op_matmul *m)
{
	uint64_t weights = (uint64_t)m->out.cols * (m->act ? 2 : 1);
	uint32_t w = GPU_ROWS_W;

	while (w > 8 && div_up(weights, w) < p->caps->units)
		w /= 2;
	return w;
}

static int plan_rows(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m, .rows_w = rows_w(p, m) };
	uint32_t per_block = m->act ? a.rows_w / 2 : a.rows_w, stage, budget = p->caps->shared_max;
	uint32_t kernel = m->x.dtype == AIOS_F16 ? GPU_K_matmul_rows_f16 : GPU_K_matmul_rows_bf16;

	a.n_tokens = m->x.rows < GPU_ROWS_MAX_T ? m->x.rows : GPU_ROWS_MAX_T;
	stage = (a.rows_w + a.n_tokens) * GPU_ROWS_PITCH;
	budget = budget < 98304 ? budget : 98304; /* leaves room for a second block */
	a.stages = budget / stage < GPU_ROWS_MAX_STAGES ? budget / stage : GPU_ROWS_MAX_STAGES;
	return emit(p, kernel, &a, div_up(m->out.cols, per_block), div_up(m->x.rows, a.n_tokens), 1,
		    (size_t)a.stages * stage);
}

static int plan_tile(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m };
	uint32_t n = m->act ? GPU_TILE_N / 2 : GPU_TILE_N, kernel, t = GPU_TILE_T;
	bool f16 = m->x.dtype == AIOS_F16;

	kernel = f16 ? GPU_K_matmul_tile_f16 : GPU_K_matmul_tile_bf16;
	if (m->segments > 1) {
		kernel = f16 ? GPU_K_matmul_tile_seg_f16 : GPU_K_matmul_tile_seg_bf16;
		t = 64;
	}
	return emit(p, kernel, &a, div_up(m->out.cols, n), div_up(m->x.rows, t), 1,
		    sizeof(struct gpu_tile_shared));
}

static int plan_i8(struct plan *p, const struct aios_op_matmul *m)
{
	struct gpu_matmul_args a = { .op = *m };
	uint32_t n = m->act ? GPU_I8_TILE / 2 : GPU_I8_TILE;

	if (m->x.rows <= 2 * GPU_I8_ROWS_MAX_T)
		return emit(p, GPU_K_matmul_i8_rows, &a, div_up(m->out.cols, GPU_I8_ROWS_N),
			    div_up(m->x.rows, GPU_I8_ROWS_MAX_T), 1, 0);
	return emit(p, GPU_K_matmul_i8_tile, &a, div_up(m->out.cols, n),
		    div_up(m->x.rows, GPU_I8_TILE), 1, sizeof(struct gpu_i8_tile_shared));
}

static int plan_matmul(struct plan *p, const struct aios_op_matmul *m)
{
	if (m->x.rows == 0)
		return 0;
	if (m->profile != AIOS_PROFILE_FMA32)
		return plan_i8(p, m);
	if (m->x.rows <= 2 * GPU_ROWS_MAX_T)
		return plan_rows(p, m);
	return plan_tile(p, m);
}

/* --- attention ------------------------------------------------------------------- */

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

static uint64_t attention_scratch(const struct gpu_caps *caps, const struct aios_op_attention *op)
{
	struct gpu_attention_args a = { .op = *op };

	if (op->batch.n_tokens == 0)
		return 0;
	attention_shape(caps, &a);
	return attention_rows_bytes(op) + (uint64_t)op->batch.n_tokens * op->n_heads * a.n_chunks *
						  (op->kv.head_dim + GPU_ATTN_STATE) * 4;
}

static int plan_attention(struct plan *p, const struct aios_op_attention *op)
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
	ret = emit(p, kernel, &a, div_up(op->batch.n_tokens, a.rows),
		   (uint64_t)op->kv.n_kv_heads * a.groups, a.n_chunks ? a.n_chunks : 1,
		   sizeof(struct gpu_attention_shared));
	if (!ret && a.n_chunks)
		ret = emit(p, GPU_K_attention_merge, &a, op->batch.n_tokens, op->n_heads, 1, 0);
	if (!ret && aios_dtype_scaled(op->out.dtype))
		ret = emit(p, GPU_K_quantise, &quantise, op->out.rows, 1, 1,
			   sizeof(struct gpu_row_shared));
	return ret;
}

/* --- the others ------------------------------------------------------------------ */

static int plan_logits(struct plan *p, const struct aios_op_logits *op)
{
	uint32_t rows = op->logits.rows, cols = op->logits.cols;
	int ret = 0;

	if (op->softcap != 0.0f)
		ret = emit(p, GPU_K_logits_cap, op, rows, row_parts(p, rows, cols), 1, 0);
	if (!ret && op->params)
		ret = emit(p, GPU_K_logits_tokens, op, rows, 1, 1, 0);
	return ret;
}

static int plan_rope_kv(struct plan *p, const struct aios_op_rope_kv *op)
{
	return emit(p, GPU_K_rope_kv, op, op->batch.n_tokens,
		    (uint64_t)op->n_heads + 2 * (uint64_t)op->kv.n_kv_heads, 1,
		    sizeof(struct gpu_rope_shared));
}

static int plan_copy_pages(struct plan *p, const struct aios_op_copy_pages *op)
{
	uint64_t bytes = (uint64_t)op->kv.n_kv_heads * op->kv.page_size * op->kv.head_dim * 2;
	uint64_t parts = div_up(bytes, 16384);

	return emit(p, GPU_K_copy_pages, op, op->n_pairs, parts < 64 ? parts : 64, 2, 0);
}

/* An op of one launch over rows. */
static int plan_simple(struct plan *p, const struct aios_op *op)
{
	const union aios_op_any *any = (const void *)op;
	const size_t row = sizeof(struct gpu_row_shared);

	switch (op->type) {
	case AIOS_OP_EMBED:
		return emit(p, GPU_K_embed, op, any->embed.n_tokens,
			    row_parts(p, any->embed.n_tokens, any->embed.out.cols), 1, 0);
	case AIOS_OP_RMSNORM:
		return emit(p, GPU_K_rmsnorm, op, any->rmsnorm.x.rows, 1, 1, row);
	case AIOS_OP_GLU:
		return emit(p, GPU_K_glu, op, any->glu.out.rows, out_parts(p, &any->glu.out), 1,
			    row);
	case AIOS_OP_ADD:
		return emit(p, GPU_K_add, op, any->add.out.rows, out_parts(p, &any->add.out), 1,
			    row);
	case AIOS_OP_GATHER_ROWS:
		return emit(p, GPU_K_gather_rows, op, any->gather_rows.n_rows, 1, 1, 0);
	case AIOS_OP_CAST:
		return emit(p, GPU_K_cast, op, any->cast.in.rows, out_parts(p, &any->cast.out), 1,
			    row);
	case AIOS_OP_QUANTISE:
		return emit(p, GPU_K_quantise, op, any->quantise.in.rows, 1, 1, row);
	case AIOS_OP_ARGMAX:
		return emit(p, GPU_K_argmax, op, any->argmax.logits.rows, 1, 1,
			    sizeof(struct gpu_argmax_shared));
	case AIOS_OP_SAMPLE:
		return emit(p, GPU_K_sample, op, any->sample.logits.rows, 1, 1,
			    sizeof(struct gpu_sample_shared));
	case AIOS_OP_LOGPROBS:
		return emit(p, GPU_K_logprobs, op, any->logprobs.logits.rows, 1, 1,
			    sizeof(struct gpu_logprobs_shared));
	case AIOS_OP_ALL_REDUCE:
		return emit(p, GPU_K_all_reduce, op, any->all_reduce.out.rows,
			    out_parts(p, &any->all_reduce.out), 1, row);
	default:
		return emit(p, GPU_K_all_gather, op, any->all_gather.out.rows,
			    any->all_gather.n_ranks, 1, 0);
	}
}

static int plan_op(struct plan *p, const struct aios_op *op)
{
	const union aios_op_any *any = (const void *)op;

	switch (op->type) {
	case AIOS_OP_MATMUL:
		return plan_matmul(p, &any->matmul);
	case AIOS_OP_ATTENTION:
		return plan_attention(p, &any->attention);
	case AIOS_OP_ROPE_KV:
		return plan_rope_kv(p, &any->rope_kv);
	case AIOS_OP_LOGITS:
		return plan_logits(p, &any->logits);
	case AIOS_OP_COPY_PAGES:
		return plan_copy_pages(p, &any->copy_pages);
	default:
		return plan_simple(p, op);
	}
}

/* --- the interface ---------------------------------------------------------------- */

int gpu_query(const struct gpu_caps *caps, const struct aios_op *op, struct aios_op_support *out)
{
	out->level = AIOS_SUPPORT_NO;
	out->scratch_bytes = 0;
	out->reason[0] = '\0';
	if (!gpu_check(op, false, out))
		return 0;
	out->level = AIOS_SUPPORT_EXACT;
	if (op->type == AIOS_OP_ATTENTION)
		out->scratch_bytes = attention_scratch(caps, (const void *)op);
	return 0;
}

int gpu_plan(const struct gpu_caps *caps, const struct aios_op *op, struct gpu_launch *launches,
	     unsigned int cap, unsigned int *n, struct aios_status *st)
{
	struct plan p = { .caps = caps, .launches = launches, .cap = cap, .st = st };
	struct aios_op_support answer = { .size = sizeof(answer) };
	const struct aios_op_attention *attention = (const void *)op;
	int ret;

	*n = 0;
	if (!gpu_check(op, true, &answer) ||
	    (op->type == AIOS_OP_ATTENTION &&
	     !gpu_check_scratch(&attention->scratch, attention_scratch(caps, attention), &answer)))
		return aios_fail(st, -ENOTSUP, "%s: %s", aios_op_name(op->type), answer.reason);
	ret = plan_op(&p, op);
	if (!ret)
		*n = p.n;
	return ret;
}
