// SPDX-License-Identifier: Apache-2.0
/* ops.c - which ops there are; query_op() and launch(). A new op is a file and a row. */
#include "driver.h"

const struct drv_op drv_ops[AIOS_OP_COUNT] = {
	[AIOS_OP_EMBED] = { sizeof(struct aios_op_embed), drv_check_embed, drv_run_embed },
	[AIOS_OP_RMSNORM] = { sizeof(struct aios_op_rmsnorm), drv_check_rmsnorm, drv_run_rmsnorm },
	[AIOS_OP_MATMUL] = { sizeof(struct aios_op_matmul), drv_check_matmul, drv_run_matmul },
	[AIOS_OP_ROPE_KV] = { sizeof(struct aios_op_rope_kv), drv_check_rope_kv, drv_run_rope_kv },
	[AIOS_OP_ATTENTION] = { sizeof(struct aios_op_attention), drv_check_attention,
				drv_run_attention },
	[AIOS_OP_GLU] = { sizeof(struct aios_op_glu), drv_check_glu, drv_run_glu },
	[AIOS_OP_ADD] = { sizeof(struct aios_op_add), drv_check_add, drv_run_add },
	[AIOS_OP_GATHER_ROWS] = { sizeof(struct aios_op_gather_rows), drv_check_gather_rows,
				  drv_run_gather_rows },
	[AIOS_OP_CAST] = { sizeof(struct aios_op_cast), drv_check_cast, drv_run_cast },
	[AIOS_OP_QUANTISE] = { sizeof(struct aios_op_quantise), drv_check_quantise,
			       drv_run_quantise },
	[AIOS_OP_COPY_PAGES] = { sizeof(struct aios_op_copy_pages), drv_check_copy_pages,
				 drv_run_copy_pages },
	[AIOS_OP_LOGITS] = { sizeof(struct aios_op_logits), drv_check_logits, drv_run_logits },
	[AIOS_OP_ARGMAX] = { sizeof(struct aios_op_argmax), drv_check_argmax, drv_run_argmax },
	[AIOS_OP_SAMPLE] = { sizeof(struct aios_op_sample), drv_check_sample, drv_run_sample },
	[AIOS_OP_LOGPROBS] = { sizeof(struct aios_op_logprobs), drv_check_logprobs,
			       drv_run_logprobs },
};

static bool supported(const struct aios_op *op, struct aios_op_support *out)
{
	const struct drv_op *row;

	out->scratch_bytes = 0;
	if (op->type >= AIOS_OP_COUNT || !drv_ops[op->type].run)
		return drv_no(out, "%s has no %s", DRIVER_NAME, aios_op_name(op->type));
	row = &drv_ops[op->type];
	if (op->size < row->size)
		return drv_no(out, "its descriptor has %u bytes, expected %u", op->size, row->size);
	if (op->flags)
		return drv_no(out, "flags %u", op->flags);
	return row->check(op, out);
}

/* NO has no side effect; EXACT is a promise that `make conform` tests. */
int drv_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out)
{
	(void)dev;
	out->level = supported(op, out) ? AIOS_SUPPORT_EXACT : AIOS_SUPPORT_NO;
	return 0;
}

int drv_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_support answer = { .size = sizeof(answer) };

	(void)dev;
	(void)queue;
	if (!supported(op, &answer))
		return aios_fail(st, -ENOTSUP, "%s: %s", aios_op_name(op->type), answer.reason);
	drv_ops[op->type].run(op);
	return 0;
}
