// SPDX-License-Identifier: Apache-2.0
/* ops.c - which ops there are; query_op() and launch(). A new op is a file and a row. */
#include "driver.h"

const struct drv_op drv_ops[AIOS_OP_COUNT] = {
	[AIOS_OP_ADD] = { sizeof(struct aios_op_add), drv_check_add, drv_run_add },
	[AIOS_OP_GATHER_ROWS] = { sizeof(struct aios_op_gather_rows), drv_check_gather_rows,
				  drv_run_gather_rows },
};

static bool supported(const struct aios_op *op, struct aios_op_support *out)
{
	const struct drv_op *row;

	out->scratch_bytes = 0;
	if (op->type >= AIOS_OP_COUNT || !drv_ops[op->type].run)
		return drv_no(out, "%s has no %s yet: write %s.c as add.c is, and list it in ops.c",
			      DRIVER_NAME, aios_op_name(op->type), aios_op_name(op->type));
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
