// SPDX-License-Identifier: Apache-2.0
/* fuse.c - see fuse.h. */
#include "fuse.h"

#include "emit.h"
#include "order.h"

#define NORM_ROWS 8 /* of a norm that may be part of a matmul */

/*
 * Longer rows are normalised sooner by a launch of their own, under whose time the matmul's
 * first weights arrive: Qwen3-8B decodes 169.4 tokens/s so, 168.2 with its norms (4,096) fused.
 */
#define NORM_COLS 2048

bool gpu_fuse_begins(const struct gpu_caps *caps, const struct aios_op *op)
{
	const union aios_op_any *any = (const void *)op;

	if (op->type == AIOS_OP_ROPE_KV)
		return any->rope_kv.batch.max_q == 1;
	return op->type == AIOS_OP_RMSNORM && caps->arch == 90 && !any->rmsnorm.add.data &&
	       any->rmsnorm.x.rows <= NORM_ROWS && any->rmsnorm.x.cols <= NORM_COLS &&
	       (any->rmsnorm.out.dtype == AIOS_BF16 || any->rmsnorm.out.dtype == AIOS_F16);
}

/* Do the tensors share memory? Both are plain rows. */
static bool meet(const struct aios_tensor *a, const struct aios_tensor *b)
{
	return a->data < b->data + b->rows * b->row_bytes &&
	       b->data < a->data + a->rows * a->row_bytes;
}

static bool same(const struct aios_tensor *a, const struct aios_tensor *b)
{
	return a->data == b->data && a->dtype == b->dtype && a->layout == b->layout &&
	       a->rows == b->rows && a->cols == b->cols && a->row_bytes == b->row_bytes;
}

/* Does the op fetch, or read as its residual, what is written to `out`? */
static bool reads(const struct aios_op_matmul *m, const struct aios_tensor *out)
{
	struct gpu_span ahead[GPU_OP_SPANS];
	uint64_t end = out->data + out->rows * out->row_bytes;
	uint32_t n = gpu_op_ahead(&m->op, ahead), i;

	for (i = 0; i < n; i++)
		if (ahead[i].from < end && out->data < ahead[i].end)
			return true;
	return m->residual.data && meet(&m->residual, out);
}

/* Every block makes the norm for itself, so nothing that it reads may be written by another. */
static bool norm_then_matmul(const struct aios_op_rmsnorm *norm, const struct aios_op_matmul *m)
{
	uint64_t weight = norm->weight,
		 weight_end = weight + norm->x.cols * aios_dtype_bytes(norm->weight_dtype);

	return !norm->add.data && same(&norm->out, &m->x) && !meet(&norm->x, &norm->out) &&
	       !meet(&m->out, &norm->x) && !meet(&m->out, &norm->out) && !reads(m, &norm->out) &&
	       !(weight < m->out.data + m->out.rows * m->out.row_bytes && m->out.data < weight_end);
}

int gpu_fuse(const struct gpu_caps *caps, const struct aios_op *a, const struct aios_op *b,
	     struct gpu_launch *launches, unsigned int cap, unsigned int *n, struct aios_status *st)
{
	struct plan p = { .caps = caps, .launches = launches, .cap = cap, .st = st };
	const union aios_op_any *first = (const void *)a, *second = (const void *)b;
	struct aios_op_support answer = { .size = sizeof(answer) };
	int ret = 0;

	*n = 0;
	if (!gpu_check_launch(caps, a, &answer) || !gpu_check_launch(caps, b, &answer))
		return 0;
	if (a->type == AIOS_OP_ROPE_KV && b->type == AIOS_OP_ATTENTION)
		ret = gpu_plan_rope_attention(&p, &first->rope_kv, &second->attention);
	else if (a->type == AIOS_OP_RMSNORM && b->type == AIOS_OP_MATMUL &&
		 norm_then_matmul(&first->rmsnorm, &second->matmul))
		ret = gpu_plan_norm_matmul(&p, &first->rmsnorm, &second->matmul);
	*n = p.n;
	return ret;
}
