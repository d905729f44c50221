/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weights.h - a model's weights in device memory, in the run's types and the
 * driver's layout.
 */
#ifndef CORE_ENGINE_WEIGHTS_H
#define CORE_ENGINE_WEIGHTS_H

#include <aios/aios.h>

#include "core/device/device.h"
#include "core/engine/source.h"
#include "core/mm/arena.h"

struct weights {
	struct aios_tensor *tensors; /* [info.n_weights] */
	struct mm_arena arena;       /* dry after weights_plan() */
	uint64_t elements;           /* parameters, shared ones once */
	uint64_t file_bytes;         /* of the tensors that are used, shared ones once */
	uint64_t staging_bytes;      /* device memory needed while loading, besides the arena */
};

/*
 * Check every tensor that the model names (presence, shape, type) and lay the
 * weights out in a dry arena: arena.used is the exact size.
 */
int weights_plan(struct weights *w, struct device *dev, const struct source *src,
		 const struct aios_model_types *types, struct aios_status *st);

/* After weights_plan(): allocate and fill. */
int weights_load(struct weights *w, struct queue *queue, const struct source *src,
		 const struct aios_model_types *types, aios_progress_fn progress,
		 void *progress_ctx, struct aios_status *st);
void weights_finish(struct weights *w); /* takes a zeroed struct */

#endif /* CORE_ENGINE_WEIGHTS_H */
