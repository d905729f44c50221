// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "core/graph/run.h"

static int run_whole(struct graph_run *run, const struct aios_op *op, uint64_t scratch_bytes,
		     struct aios_status *st)
{
	struct aios_scratch *scratch;
	union aios_op_any copy;
	int rc;

	if (op->size > sizeof(copy))
		return aios_fail(st, -EINVAL, "%s: descriptor of %u bytes", aios_op_name(op->type),
				 op->size);
	memcpy(&copy, op, op->size);
	scratch = aios_op_scratch(&copy);
	if (scratch && scratch_bytes > 0) {
		scratch->bytes = scratch_bytes;
		rc = mm_arena_alloc(run->scratch, scratch_bytes, &scratch->data, st);
		if (rc < 0)
			return rc;
	}
	return run->queue ? queue_launch(run->queue, &copy.op, st) : 0;
}

static int run_op(struct graph_run *run, const struct aios_op *op, struct aios_status *st);

/* A temporary with the shape of `like` and another type. */
static int run_tmp(struct graph_run *run, const struct aios_tensor *like, uint32_t dtype,
		   uint32_t cols, struct aios_tensor *out, struct aios_status *st)
{
	return mm_arena_tensor(run->scratch, dtype, like->rows, cols, out, st);
}

static int run_quantise(struct graph_run *run, uint8_t layer, const struct aios_tensor *in,
			const struct aios_tensor *out, struct aios_status *st)
{
	struct aios_op_quantise q = {
		.op = AIOS_OP_INIT(struct aios_op_quantise, AIOS_OP_QUANTISE),
		.in = *in,
		.out = *out,
	};

	q.op.layer = layer;
	return run_op(run, &q.op, st);
}

static int run_add(struct graph_run *run, uint8_t layer, const struct aios_tensor *a,
		   const struct aios_tensor *b, const struct aios_tensor *out,
		   struct aios_status *st)
{
	struct aios_op_add add = {
		.op = AIOS_OP_INIT(struct aios_op_add, AIOS_OP_ADD),
		.a = *a,
		.b = *b,
		.out = *out,
	};

	add.op.layer = layer;
	return run_op(run, &add.op, st);
}

/* matmul with act: matmul of both halves, then GLU. */
static int split_act(struct graph_run *run, const struct aios_op_matmul *m, struct aios_status *st)
{
	struct aios_op_matmul part = *m;
	struct aios_op_glu glu = {
		.op = AIOS_OP_INIT(struct aios_op_glu, AIOS_OP_GLU),
		.act = m->act,
		.out = m->out,
	};
	int rc;

	glu.op.layer = m->op.layer;
	part.act = AIOS_ACT_NONE;
	rc = run_tmp(run, &m->out, m->mid_type, 2 * m->out.cols, &part.out, st);
	if (rc < 0)
		return rc;
	glu.in = part.out;
	rc = run_op(run, &part.op, st);
	return rc < 0 ? rc : run_op(run, &glu.op, st);
}

/* matmul with residual: matmul to F32, then ADD. */
static int split_residual(struct graph_run *run, const struct aios_op_matmul *m,
			  struct aios_status *st)
{
	struct aios_op_matmul part = *m;
	int rc;

	memset(&part.residual, 0, sizeof(part.residual));
	rc = run_tmp(run, &m->out, AIOS_F32, m->out.cols, &part.out, st);
	if (rc < 0)
		return rc;
	rc = run_op(run, &part.op, st);
	return rc < 0 ? rc : run_add(run, m->op.layer, &m->residual, &part.out, &m->out, st);
}

static int split_rmsnorm(struct graph_run *run, const struct aios_op_rmsnorm *n,
			 struct aios_status *st)
{
	struct aios_op_rmsnorm part = *n;
	int rc;

	if (n->add.data) {
		memset(&part.add, 0, sizeof(part.add));
		rc = run_add(run, n->op.layer, &n->x, &n->add, &n->x, st);
		return rc < 0 ? rc : run_op(run, &part.op, st);
	}
	rc = run_tmp(run, &n->out, AIOS_F32, n->out.cols, &part.out, st);
	if (rc < 0)
		return rc;
	rc = run_op(run, &part.op, st);
	return rc < 0 ? rc : run_quantise(run, n->op.layer, &part.out, &n->out, st);
}

static int split_attention(struct graph_run *run, const struct aios_op_attention *a,
			   struct aios_status *st)
{
	struct aios_op_attention part = *a;
	int rc = run_tmp(run, &a->out, AIOS_F32, a->out.cols, &part.out, st);

	if (rc < 0)
		return rc;
	rc = run_op(run, &part.op, st);
	return rc < 0 ? rc : run_quantise(run, a->op.layer, &part.out, &a->out, st);
}

static int split_glu(struct graph_run *run, const struct aios_op_glu *g, struct aios_status *st)
{
	struct aios_op_glu part = *g;
	int rc = run_tmp(run, &g->out, AIOS_F32, g->out.cols, &part.out, st);

	if (rc < 0)
		return rc;
	rc = run_op(run, &part.op, st);
	return rc < 0 ? rc : run_quantise(run, g->op.layer, &part.out, &g->out, st);
}

/* Split an op that the device refused; -ENOTSUP when there is nothing to split. */
static int run_split(struct graph_run *run, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_matmul *m = (const struct aios_op_matmul *)op;
	const struct aios_op_rmsnorm *n = (const struct aios_op_rmsnorm *)op;
	const struct aios_op_attention *a = (const struct aios_op_attention *)op;
	const struct aios_op_glu *g = (const struct aios_op_glu *)op;

	if (op->type == AIOS_OP_MATMUL && m->act != AIOS_ACT_NONE)
		return split_act(run, m, st);
	if (op->type == AIOS_OP_MATMUL && m->residual.data)
		return split_residual(run, m, st);
	if (op->type == AIOS_OP_RMSNORM && (n->add.data || aios_dtype_scaled(n->out.dtype)))
		return split_rmsnorm(run, n, st);
	if (op->type == AIOS_OP_ATTENTION && aios_dtype_scaled(a->out.dtype))
		return split_attention(run, a, st);
	if (op->type == AIOS_OP_GLU && aios_dtype_scaled(g->out.dtype))
		return split_glu(run, g, st);
	return -ENOTSUP;
}

static int run_op(struct graph_run *run, const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_support answer;
	int rc;

	if (device_query(run->device, op, &answer))
		return run_whole(run, op, answer.scratch_bytes, st);
	rc = run_split(run, op, st);
	if (rc == -ENOTSUP && (!st || st->code == 0))
		return aios_fail(st, -ENOTSUP, "driver %s cannot run %s: %s", run->device->driver,
				 aios_op_name(op->type), answer.reason);
	return rc;
}

int graph_emit(void *ctx, const struct aios_op *op, struct aios_status *st)
{
	struct graph_run *run = ctx;
	uint64_t mark = run->scratch->used;
	int rc;

	aios_status_clear(st);
	rc = run_op(run, op, st);
	mm_arena_reset(run->scratch, mark);
	return rc;
}
