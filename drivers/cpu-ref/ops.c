// SPDX-License-Identifier: Apache-2.0
/*
 * ops.c - the table of ops, and the one way to check and run one.
 */
#include <stdio.h>

#include "check.h"
#include "ops.h"

#define OP(name)                                                                                   \
	{                                                                                          \
		sizeof(struct aios_op_##name), ref_check_##name, ref_run_##name                    \
	}

static const struct ref_op ref_ops[AIOS_OP_COUNT] = {
	[AIOS_OP_EMBED] = OP(embed),
	[AIOS_OP_RMSNORM] = OP(rmsnorm),
	[AIOS_OP_MATMUL] = OP(matmul),
	[AIOS_OP_ROPE_KV] = OP(rope_kv),
	[AIOS_OP_ATTENTION] = OP(attention),
	[AIOS_OP_GLU] = OP(glu),
	[AIOS_OP_ADD] = OP(add),
	[AIOS_OP_GATHER_ROWS] = OP(gather_rows),
	[AIOS_OP_CAST] = OP(cast),
	[AIOS_OP_QUANTISE] = OP(quantise),
	[AIOS_OP_COPY_PAGES] = OP(copy_pages),
	[AIOS_OP_LOGITS] = OP(logits),
	[AIOS_OP_ARGMAX] = OP(argmax),
	[AIOS_OP_SAMPLE] = OP(sample),
	[AIOS_OP_LOGPROBS] = OP(logprobs),
	[AIOS_OP_ALL_REDUCE] = OP(all_reduce),
	[AIOS_OP_ALL_GATHER] = OP(all_gather),
};

const struct ref_op *ref_op_of(uint32_t type)
{
	return type < AIOS_OP_COUNT && ref_ops[type].run ? &ref_ops[type] : NULL;
}

uint64_t ref_op_types(void)
{
	uint64_t types = 0;
	uint32_t type;

	for (type = 0; type < AIOS_OP_COUNT; type++)
		if (ref_op_of(type))
			types |= (uint64_t)1 << type;
	return types;
}

static bool op_check(struct ref_check *c, const struct aios_op *op)
{
	const struct ref_op *ref = ref_op_of(op->type);

	if (!ref)
		return ref_no(c, "op type %u is unknown", op->type);
	if (op->size < ref->size)
		return ref_no(c, "descriptor has %u bytes, expected at least %u", op->size,
			      ref->size);
	if (op->flags)
		return ref_no(c, "flags 0x%x are unknown", op->flags);
	return ref->check(c, op);
}

bool ref_op_check(const struct aios_op *op, bool launch, struct aios_op_support *out)
{
	struct ref_check c = { .out = out, .launch = launch };
	bool ok;

	out->level = AIOS_SUPPORT_NO;
	out->scratch_bytes = 0;
	out->reason[0] = '\0';
	ok = op_check(&c, op);
	if (ok)
		out->level = AIOS_SUPPORT_EXACT;
	else
		out->scratch_bytes = 0;
	return ok;
}

int ref_op_run(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	struct aios_op_support answer = { .size = sizeof(answer) };

	if (!ref_op_check(op, true, &answer))
		return aios_fail(st, -ENOTSUP, "%s: %s", aios_op_name(op->type), answer.reason);
	return ref_op_of(op->type)->run(dev, op, st);
}
