// SPDX-License-Identifier: Apache-2.0
/* fuse.c - see fuse.h. */
#include "fuse.h"

#include "emit.h"

bool gpu_fuse_begins(const struct aios_op *op)
{
	return op->type == AIOS_OP_ROPE_KV &&
	       ((const struct aios_op_rope_kv *)(const void *)op)->batch.max_q == 1;
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
	*n = p.n;
	return ret;
}
