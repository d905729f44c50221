// SPDX-License-Identifier: Apache-2.0
/*
 * plan.c - see plan.h. The shape of a launch never shows in values; it follows from the
 * descriptor and the device alone, so that a captured graph can be replayed.
 */
#include <stddef.h>
#include <string.h>

#include <aios/numerics.h>

#include "emit.h"
#include "panels.h"

/* --- tables from kernels.h ------------------------------------------------------ */

#define KERNEL_NAME(name, args, threads) [GPU_K_##name] = "gpu_" #name,
#define KERNEL_THREADS(name, args, threads) [GPU_K_##name] = (threads),
#define KERNEL_ARGS(name, args, threads) [GPU_K_##name] = sizeof(struct args),

static const char *const kernel_names[GPU_KERNEL_COUNT] = { GPU_ALL_KERNELS(KERNEL_NAME) };
static const uint32_t kernel_threads[GPU_KERNEL_COUNT] = { GPU_ALL_KERNELS(KERNEL_THREADS) };
static const uint32_t kernel_args[GPU_KERNEL_COUNT] = { GPU_ALL_KERNELS(KERNEL_ARGS) };

_Static_assert(sizeof(union aios_op_any) + 64 <= GPU_ARGS_MAX, "GPU_ARGS_MAX is too small");

const char *gpu_kernel_name(uint32_t kernel)
{
	return kernel < GPU_KERNEL_COUNT ? kernel_names[kernel] : "";
}

uint32_t gpu_kernel_threads(uint32_t kernel)
{
	return kernel < GPU_KERNEL_COUNT ? kernel_threads[kernel] : 0;
}

uint32_t gpu_cdna_profile(const struct gpu_caps *caps)
{
	return caps->cdna ? AIOS_PROFILE_TC_CDNA1 + caps->cdna - 1 : AIOS_PROFILE_COUNT;
}

uint32_t gpu_profiles(const struct gpu_caps *caps)
{
	uint32_t all = 1u << AIOS_PROFILE_FMA32 | 1u << AIOS_PROFILE_I8 | 1u << AIOS_PROFILE_I8X2;

	if (caps->cdna)
		all |= 1u << gpu_cdna_profile(caps);
	return caps->arch == 90 ? all | 1u << AIOS_PROFILE_TC_SM90 : all;
}

/* --- launches -------------------------------------------------------------------- */

int gpu_emit(struct plan *p, uint32_t kernel, const void *args, uint64_t x, uint64_t y, uint64_t z,
	     size_t shared)
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

/* --- the others ------------------------------------------------------------------ */

static int plan_logits(struct plan *p, const struct aios_op_logits *op)
{
	uint32_t rows = op->logits.rows, cols = op->logits.cols;
	int ret = 0;

	if (op->softcap != 0.0f)
		ret = gpu_emit(p, GPU_K_logits_cap, op, rows, row_parts(p, rows, cols), 1, 0);
	if (!ret && op->params)
		ret = gpu_emit(p, GPU_K_logits_tokens, op, rows, 1, 1, 0);
	return ret;
}

/* Many rows, and heads that rope_kv_rows takes. */
static bool rope_rows_fits(const struct plan *p, const struct aios_op_rope_kv *op)
{
	const uint32_t dim = op->kv.head_dim;

	return op->batch.n_tokens > p->caps->units && op->rot_dim == dim && dim >= 16 &&
	       dim <= 256 && !(dim & (dim - 1));
}

/* With many rows a block takes all heads of one, so that it finds the angles once. */
static int plan_rope_kv(struct plan *p, const struct aios_op_rope_kv *op)
{
	const uint64_t heads = (uint64_t)op->n_heads + 2 * (uint64_t)op->kv.n_kv_heads;
	const uint32_t dim = op->kv.head_dim, rows = op->batch.n_tokens;
	const bool many = rope_rows_fits(p, op);
	const uint64_t most = div_up(heads, many ? GPU_ROPE_THREADS / (dim / 16) : GPU_ROPE_HEADS);
	const uint64_t blocks = (many ? 4 : 16) * (uint64_t)p->caps->units;
	uint64_t want = div_up(blocks, rows ? rows : 1);

	if (many)
		return gpu_emit(p, GPU_K_rope_kv_rows, op, rows, most < want ? most : want, 1, 0);
	return gpu_emit(p, dim > 128 ? GPU_K_rope_kv_long : GPU_K_rope_kv, op, rows,
			most < want ? most : want, 1, sizeof(struct gpu_rope_shared));
}

/* A part has enough to keep its block's loads in flight. */
static int plan_argmax(struct plan *p, const struct aios_op_argmax *op)
{
	uint64_t rows = op->logits.rows, most = div_up(op->logits.cols, 4096);
	uint64_t want = div_up(4 * (uint64_t)p->caps->units, rows ? rows : 1);
	uint64_t parts = most < want ? most : want;
	int ret = 0;

	if (parts > 1)
		ret = gpu_emit(p, GPU_K_argmax_start, op, div_up(rows, 256), 1, 1, 0);
	return ret ? ret :
		     gpu_emit(p, GPU_K_argmax, op, rows, parts, 1,
			      sizeof(struct gpu_argmax_shared));
}

static int plan_copy_pages(struct plan *p, const struct aios_op_copy_pages *op)
{
	uint64_t bytes = (uint64_t)op->kv.n_kv_heads * op->kv.page_size * op->kv.head_dim * 2;
	uint64_t parts = div_up(bytes, 16384);

	return gpu_emit(p, GPU_K_copy_pages, op, op->n_pairs, parts < 64 ? parts : 64, 2, 0);
}

/*
 * Many rows, one a block with so much shared memory. Fewer threads repeat less of what is done once
 * a row; but a multiprocessor with few rows has nothing else to do meanwhile.
 */
static int plan_many(struct plan *p, uint32_t kernel, const void *args, uint64_t rows,
		     uint32_t cols, uint64_t shared)
{
	const uint32_t threads = rows <= 4 * (uint64_t)p->caps->units ? GPU_MANY_THREADS :
				 cols <= 2048                         ? 64 :
				 cols <= 4096                         ? 128 :
									GPU_MANY_THREADS;
	const int ret = gpu_emit(p, kernel, args, rows, 1, 1, (size_t)shared);

	if (!ret && rows)
		p->launches[p->n - 1].block[0] = threads;
	return ret;
}

/* Are rows with so much shared memory staged? If a multiprocessor has two of them then. */
static bool many_staged(const struct plan *p, uint64_t bytes)
{
	return bytes + 1024 <= p->caps->shared_max / 2;
}

static int plan_rmsnorm_many(struct plan *p, const struct aios_op_rmsnorm *op)
{
	const uint32_t cols = op->x.cols;
	const uint64_t lead = sizeof(struct gpu_norm_shared);
	const uint64_t add = op->add.data ? aios_dtype_bytes(op->add.dtype) : 0;
	const uint64_t all =
		lead + GPU_STAGED_BYTES(cols, sizeof(float)) + GPU_STAGED_BYTES(cols, add);
	const struct gpu_rmsnorm_args args = { .op = *op, .staged = many_staged(p, all) };

	return plan_many(p, GPU_K_rmsnorm, &args, op->x.rows, cols, args.staged ? all : lead);
}

static int plan_quantise_many(struct plan *p, uint32_t kernel, const struct aios_op_quantise *op,
			      uint64_t rows)
{
	const uint32_t cols = op->in.cols;
	const uint64_t lead = sizeof(struct gpu_many_shared);
	const uint64_t all = lead + GPU_STAGED_BYTES(cols, aios_dtype_bytes(op->in.dtype));
	const struct gpu_quantise_args args = { .op = *op, .staged = many_staged(p, all) };

	return plan_many(p, kernel, &args, rows, cols, args.staged ? all : lead);
}

/* Rows that rmsnorm_row takes; their columns are a multiple of four. */
static bool norm_row_fits(const struct aios_op_rmsnorm *op)
{
	const uint32_t dtype = op->out.dtype;

	return !op->add.data && op->x.cols <= GPU_NORM_ROW_COLS &&
	       (dtype == AIOS_BF16 || dtype == AIOS_I8 || dtype == AIOS_I8X2);
}

static int plan_rmsnorm(struct plan *p, const struct aios_op_rmsnorm *op)
{
	const uint32_t rows = op->x.rows, cols = op->x.cols;
	const struct gpu_rmsnorm_args args = { .op = *op };

	if (rows > p->caps->units || cols % 4 || cols > GPU_WIDE_NORM_COLS)
		return plan_rmsnorm_many(p, op);
	if (norm_row_fits(op))
		return gpu_emit(p, GPU_K_rmsnorm_row, &args, rows, 1, 1,
				sizeof(struct gpu_norm_row_shared));
	return gpu_emit(p, GPU_K_rmsnorm_wide, &args, rows, 1, 1,
			offsetof(struct gpu_wide_shared, x) + (size_t)cols * sizeof(float));
}

/* Blocks that share a row only while there is one for each multiprocessor: all read all of it. */
int gpu_plan_quantise(struct plan *p, const struct aios_op_quantise *op)
{
	const uint32_t rows = op->in.rows, cols = op->in.cols;
	const uint64_t steps = div_up(cols, 4 * GPU_QUANTISE_THREADS);
	const struct gpu_quantise_args args = { .op = *op };

	if (rows > p->caps->units || cols % 4 || steps > GPU_QUANTISE_STEPS ||
	    op->in.dtype != AIOS_F32 || op->out.dtype == AIOS_E4M3)
		return plan_quantise_many(p, GPU_K_quantise, op, rows);
	return gpu_emit(p, GPU_K_quantise_wide, &args, rows,
			rows * steps <= p->caps->units ? steps : 1, 1,
			sizeof(struct gpu_quantise_shared));
}

/* An op of one launch over rows. */
static int plan_simple(struct plan *p, const struct aios_op *op)
{
	const union aios_op_any *any = (const void *)op;
	const size_t row = sizeof(struct gpu_row_shared);

	switch (op->type) {
	case AIOS_OP_EMBED:
		return gpu_emit(p, GPU_K_embed, op, any->embed.n_tokens,
				row_parts(p, any->embed.n_tokens, any->embed.out.cols), 1, 0);
	case AIOS_OP_RMSNORM:
		return plan_rmsnorm(p, &any->rmsnorm);
	case AIOS_OP_GLU:
		return gpu_emit(p, GPU_K_glu, op, any->glu.out.rows, out_parts(p, &any->glu.out), 1,
				row);
	case AIOS_OP_ADD:
		return gpu_emit(p, GPU_K_add, op, any->add.out.rows, out_parts(p, &any->add.out), 1,
				row);
	case AIOS_OP_GATHER_ROWS:
		return gpu_emit(p, GPU_K_gather_rows, op, any->gather_rows.n_rows, 1, 1, 0);
	case AIOS_OP_CAST:
		if (any->cast.out.layout == GPU_LAYOUT_PANELS)
			return gpu_emit(p, GPU_K_cast_panels, op,
					GPU_PANEL_PAD_ROWS(any->cast.out.rows) / GPU_PANEL_ROWS,
					div_up(any->cast.out.row_bytes, 2048), 1, 0);
		return gpu_emit(p, GPU_K_cast, op, any->cast.in.rows, out_parts(p, &any->cast.out),
				1, row);
	case AIOS_OP_QUANTISE:
		if (any->quantise.out.layout == GPU_LAYOUT_PANELS)
			return plan_quantise_many(p, GPU_K_quantise_panels, &any->quantise,
						  GPU_PANEL_PAD_ROWS(any->quantise.out.rows));
		return gpu_plan_quantise(p, &any->quantise);
	case AIOS_OP_SAMPLE:
		return gpu_emit(p, GPU_K_sample, op, any->sample.logits.rows, 1, 1,
				sizeof(struct gpu_sample_shared));
	case AIOS_OP_LOGPROBS:
		return gpu_emit(p, GPU_K_logprobs, op, any->logprobs.logits.rows, 1, 1,
				sizeof(struct gpu_logprobs_shared));
	case AIOS_OP_ALL_REDUCE:
		return gpu_emit(p, GPU_K_all_reduce, op, any->all_reduce.out.rows,
				out_parts(p, &any->all_reduce.out), 1, row);
	default:
		return gpu_emit(p, GPU_K_all_gather, op, any->all_gather.out.rows,
				any->all_gather.n_ranks, 1, 0);
	}
}

static int plan_op(struct plan *p, const struct aios_op *op)
{
	const union aios_op_any *any = (const void *)op;

	switch (op->type) {
	case AIOS_OP_MATMUL:
		return gpu_plan_matmul(p, &any->matmul);
	case AIOS_OP_ATTENTION:
		return gpu_plan_attention(p, &any->attention);
	case AIOS_OP_ROPE_KV:
		return plan_rope_kv(p, &any->rope_kv);
	case AIOS_OP_LOGITS:
		return plan_logits(p, &any->logits);
	case AIOS_OP_COPY_PAGES:
		return plan_copy_pages(p, &any->copy_pages);
	case AIOS_OP_ARGMAX:
		return plan_argmax(p, &any->argmax);
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
	if (!gpu_check(caps, op, false, out))
		return 0;
	out->level = AIOS_SUPPORT_EXACT;
	if (op->type == AIOS_OP_ATTENTION)
		out->scratch_bytes = gpu_attention_scratch(caps, (const void *)op);
	return 0;
}

bool gpu_check_launch(const struct gpu_caps *caps, const struct aios_op *op,
		      struct aios_op_support *out)
{
	const struct aios_op_attention *attention = (const void *)op;

	if (!gpu_check(caps, op, true, out))
		return false;
	return op->type != AIOS_OP_ATTENTION ||
	       gpu_check_scratch(&attention->scratch, gpu_attention_scratch(caps, attention), out);
}

int gpu_plan(const struct gpu_caps *caps, const struct aios_op *op, struct gpu_launch *launches,
	     unsigned int cap, unsigned int *n, struct aios_status *st)
{
	struct plan p = { .caps = caps, .launches = launches, .cap = cap, .st = st };
	struct aios_op_support answer = { .size = sizeof(answer) };
	int ret;

	*n = 0;
	if (!gpu_check_launch(caps, op, &answer))
		return aios_fail(st, -ENOTSUP, "%s: %s", aios_op_name(op->type), answer.reason);
	ret = plan_op(&p, op);
	if (!ret)
		*n = p.n;
	return ret;
}
