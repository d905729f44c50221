/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order.h - which launches may overlap. A kernel waits for all work ahead of it before it touches
 * memory (gpu_grid_wait), but for a few inputs that are fetched before: weights and tables, which
 * do not change while a model runs. Where one of those was written by work that may not have ended,
 * the launch must be an ordinary one. Pure C; one user at a time.
 */
#ifndef GPU_ORDER_H
#define GPU_ORDER_H

#include <aios/op.h>

#define GPU_OP_SPANS 12     /* the most that gpu_op_writes() and gpu_op_ahead() tell */
#define GPU_ORDER_SPANS 192 /* a queue remembers; with more it orders once and begins anew */

/* Addresses [from, end) of a device. */
struct gpu_span {
	uint64_t from, end;
};

/* What the op's kernels write; how many spans. */
uint32_t gpu_op_writes(const struct aios_op *op, struct gpu_span out[GPU_OP_SPANS]);

/*
 * What they may read before gpu_grid_wait(): a matmul's weights, scales and bias, norm weights,
 * the tables of rotary embedding; where rope_kv may be part of attention, the cache and the batch's
 * arrays. A kernel that fetches anything else ahead must be told here.
 */
uint32_t gpu_op_ahead(const struct aios_op *op, struct gpu_span out[GPU_OP_SPANS]);

/* What was written by launches of a queue that may still run. All zero: nothing runs. */
struct gpu_order {
	uint32_t n;
	bool follows; /* the last thing enqueued was a launch of ours */
	struct gpu_span spans[GPU_ORDER_SPANS];
};

/* Something else than a launch of ours was enqueued: the next launch waits for all of it. */
void gpu_order_break(struct gpu_order *order);

/*
 * May the first launch of op a, or of a and b in the same launches, begin before what is ahead has
 * ended? It is enqueued now. b may be NULL.
 */
bool gpu_order_overlaps(struct gpu_order *order, const struct aios_op *a, const struct aios_op *b);

#endif /* GPU_ORDER_H */
