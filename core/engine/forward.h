/* SPDX-License-Identifier: Apache-2.0 */
/* forward.h - one forward pass of a batch, and what follows it on the logits. */
#ifndef CORE_ENGINE_FORWARD_H
#define CORE_ENGINE_FORWARD_H

#include "core/engine/kv.h"
#include "core/engine/workspace.h"
#include "core/graph/run.h"

/* Emit the model's pass for the batch in `ws` (its counts); the logits are in forward_logits(). */
int forward_model(struct graph_run *run, const struct source *src,
		  const struct aios_model_types *types, const struct weights *w,
		  const struct workspace *ws, const struct kv_cache *kv, struct aios_status *st);

/*
 * Largest window of the model's attention ops when all of them have one, else 0: rows never see
 * keys further back. `ws` may be dry.
 */
int forward_window(const struct source *src, const struct aios_model_types *types,
		   const struct weights *w, const struct workspace *ws, const struct kv_cache *kv,
		   uint32_t *window, struct aios_status *st);

/* The emit() of <aios/plugin/model.h>. */
typedef int (*forward_emit_fn)(void *ctx, const struct aios_op *op, struct aios_status *st);

/* The same, each op given to `emit`. */
int forward_emit(const struct source *src, const struct aios_model_types *types,
		 const struct weights *w, const struct workspace *ws, const struct kv_cache *kv,
		 forward_emit_fn emit, void *ctx, struct aios_status *st);

/* The logits tensor of the batch's n_logits rows. */
void forward_logits(const struct source *src, const struct workspace *ws, struct aios_tensor *out);

/* What is wanted of the logits of a step. */
struct forward_tail {
	bool sample;    /* draw (else argmax) */
	bool adjust;    /* apply bias and penalties */
	uint32_t n_top; /* of LOGPROBS */
	bool logprobs;
	aios_addr counts, bias; /* lists that the sample rows point into */
};

/* LOGPROBS of the logits at ws->out_ids. */
int forward_logprobs(struct graph_run *run, const struct source *src, const struct workspace *ws,
		     uint32_t n_top, struct aios_status *st);

/* LOGITS, SAMPLE or ARGMAX, LOGPROBS: ids to ws->out_ids, log-probabilities to the others. */
int forward_tail(struct graph_run *run, const struct source *src, const struct workspace *ws,
		 const struct forward_tail *tail, struct aios_status *st);

#endif /* CORE_ENGINE_FORWARD_H */
