// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "core/engine/forward.h"

/* Buffers at the batch's size. */
static const struct aios_tensor *sized_buffers(const struct source *src, const struct workspace *ws)
{
	memcpy(ws->sized, ws->buffers, src->info.n_buffers * sizeof(*ws->sized));
	for (uint32_t i = 0; i < src->info.n_buffers; i++)
		ws->sized[i].rows = ws->per_logit_row[i] ? ws->batch.n_logits : ws->batch.n_tokens;
	return ws->sized;
}

int forward_emit(const struct source *src, const struct aios_model_types *types,
		 const struct weights *w, const struct workspace *ws, const struct kv_cache *kv,
		 forward_emit_fn emit, void *ctx, struct aios_status *st)
{
	const struct batch *b = &ws->batch;
	struct aios_forward fw = {
		.size = sizeof(fw),
		.n_logit_rows = b->n_logits,
		.types = *types,
		.ids = batch_addr(b, b->a.ids),
		.logit_rows = batch_addr(b, b->a.logit_rows),
		.weights = w->tensors,
		.buffers = sized_buffers(src, ws),
		.kv = kv->layers,
		.rope_cos = ws->rope_cos,
		.rope_sin = ws->rope_sin,
		.rope_rows = ws->rope_rows,
		.ctx = ctx,
		.emit = emit,
	};

	batch_view(b, &fw.batch);
	return src->model_ops->forward(src->model, &fw, st);
}

int forward_model(struct graph_run *run, const struct source *src,
		  const struct aios_model_types *types, const struct weights *w,
		  const struct workspace *ws, const struct kv_cache *kv, struct aios_status *st)
{
	return forward_emit(src, types, w, ws, kv, graph_emit, run, st);
}

/* What the attention ops of a pass can see. */
struct reach {
	uint32_t window; /* largest */
	bool all;        /* one sees everything */
};

static int note_attention(void *ctx, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_attention *a = (const struct aios_op_attention *)op;
	struct reach *reach = ctx;

	(void)st;
	if (op->type != AIOS_OP_ATTENTION)
		return 0;
	reach->all |= a->window == 0;
	if (a->window > reach->window)
		reach->window = a->window;
	return 0;
}

int forward_window(const struct source *src, const struct aios_model_types *types,
		   const struct weights *w, const struct workspace *ws, const struct kv_cache *kv,
		   uint32_t *window, struct aios_status *st)
{
	struct reach reach = { 0, false };
	int rc = forward_emit(src, types, w, ws, kv, note_attention, &reach, st);

	*window = reach.all ? 0 : reach.window;
	return rc;
}

void forward_logits(const struct source *src, const struct workspace *ws, struct aios_tensor *out)
{
	*out = ws->buffers[src->info.n_buffers - 1];
	out->rows = ws->batch.n_logits;
}

int forward_logprobs(struct graph_run *run, const struct source *src, const struct workspace *ws,
		     uint32_t n_top, struct aios_status *st)
{
	struct aios_op_logprobs op = {
		.op = AIOS_OP_INIT(struct aios_op_logprobs, AIOS_OP_LOGPROBS),
		.n_top = n_top,
		.ids = ws->out_ids,
		.out = ws->out_logprobs,
		.top_ids = ws->out_top_ids,
		.top = ws->out_top,
	};

	forward_logits(src, ws, &op.logits);
	return graph_emit(run, &op.op, st);
}

static int tail_choose(struct graph_run *run, const struct aios_tensor *logits,
		       const struct workspace *ws, bool sample, struct aios_status *st)
{
	struct aios_op_argmax argmax = {
		.op = AIOS_OP_INIT(struct aios_op_argmax, AIOS_OP_ARGMAX),
		.logits = *logits,
		.ids = ws->out_ids,
	};
	struct aios_op_sample draw = {
		.op = AIOS_OP_INIT(struct aios_op_sample, AIOS_OP_SAMPLE),
		.logits = *logits,
		.params = batch_addr(&ws->batch, ws->batch.a.sample),
		.ids = ws->out_ids,
	};

	return graph_emit(run, sample ? &draw.op : &argmax.op, st);
}

/* Bias and penalties go to a copy, so that log-probabilities see the raw logits. */
static int tail_adjust(struct graph_run *run, const struct aios_tensor *logits,
		       const struct workspace *ws, const struct forward_tail *tail,
		       struct aios_tensor *out, struct aios_status *st)
{
	struct aios_op_cast copy = {
		.op = AIOS_OP_INIT(struct aios_op_cast, AIOS_OP_CAST),
		.in = *logits,
	};
	struct aios_op_logits adjust = {
		.op = AIOS_OP_INIT(struct aios_op_logits, AIOS_OP_LOGITS),
		.params = batch_addr(&ws->batch, ws->batch.a.sample),
		.counts = tail->counts,
		.bias = tail->bias,
	};
	int rc = mm_arena_tensor(run->scratch, AIOS_F32, logits->rows, logits->cols, out, st);

	if (rc < 0)
		return rc;
	copy.out = *out;
	adjust.logits = *out;
	rc = graph_emit(run, &copy.op, st);
	return rc < 0 ? rc : graph_emit(run, &adjust.op, st);
}

int forward_tail(struct graph_run *run, const struct source *src, const struct workspace *ws,
		 const struct forward_tail *tail, struct aios_status *st)
{
	uint64_t mark = run->scratch->used;
	struct aios_tensor logits, chosen;
	int rc = 0;

	forward_logits(src, ws, &logits);
	chosen = logits;
	if (tail->adjust)
		rc = tail_adjust(run, &logits, ws, tail, &chosen, st);
	if (rc == 0)
		rc = tail_choose(run, &chosen, ws, tail->sample, st);
	if (rc == 0 && tail->logprobs)
		rc = forward_logprobs(run, src, ws, tail->n_top, st);
	mm_arena_reset(run->scratch, mark);
	return rc;
}
