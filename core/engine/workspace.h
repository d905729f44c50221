/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace.h - what an engine needs besides weights and KV pages: activation
 * buffers, the outputs of a step, batch arrays, rope tables, scratch of ops.
 */
#ifndef CORE_ENGINE_WORKSPACE_H
#define CORE_ENGINE_WORKSPACE_H

#include <aios/aios.h>

#include "core/device/device.h"
#include "core/engine/batch.h"
#include "core/engine/source.h"
#include "core/engine/weights.h"
#include "core/mm/arena.h"

#define MAX_TOP_LOGPROBS 20

struct workspace {
	struct mm_arena act;         /* buffers, then the outputs of a step */
	struct mm_arena tables;      /* batch arrays, rope tables */
	struct mm_arena scratch;     /* of ops, reset after each */
	uint64_t scratch_bytes;      /* what the largest step takes of it */
	struct aios_tensor *buffers; /* [n_buffers], rows = the largest batch */
	struct aios_tensor *sized; /* [n_buffers], rows = this step's: forward_model() sets them */
	uint32_t *per_logit_row;   /* [n_buffers] */
	struct batch batch;
	aios_addr rope_cos, rope_sin; /* F32[rope_rows][rot_dim / 2] */
	uint32_t rope_rows;
	uint32_t window; /* when planned: largest of all attention ops' windows; 0: one has none */
	aios_addr out_ids, out_logprobs; /* I32, F32 [logits rows] */
	aios_addr out_top_ids, out_top;  /* [logits rows][n_top of the step] */
};

/*
 * Carve everything that `plan` (context_length, page_size, batch limits) asks for.
 * Without `planned` nothing is allocated: arenas are dry and tell the sizes, and
 * every op of the largest steps is asked of the device, so an op that it cannot
 * run is an error here. With it: in memory of exactly those sizes.
 */
int workspace_init(struct workspace *ws, struct device *dev, const struct source *src,
		   const struct aios_model_types *types, const struct weights *w,
		   const struct aios_plan *plan, const struct workspace *planned,
		   struct aios_status *st);
void workspace_finish(struct workspace *ws); /* takes a zeroed struct */

/* Compute and upload the rope tables. */
int workspace_fill_rope(struct workspace *ws, struct queue *q, const struct aios_rope *rope,
			struct aios_status *st);

/* Bytes of an (unallocated) workspace. */
static inline uint64_t workspace_act_bytes(const struct workspace *ws)
{
	return ws->act.peak + ws->scratch_bytes;
}

#endif /* CORE_ENGINE_WORKSPACE_H */
