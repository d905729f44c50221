// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/engine/forward.h"
#include "core/engine/workspace.h"
#include "core/lib/array.h"
#include "core/numerics/rope.h"

#define TABLE_ROWS 1024u /* rope rows made at a time */
#define SYNC_NS (60ull * 1000000000ull)

/* The model's activation buffers for the largest batch. */
static int carve_buffers(struct workspace *ws, const struct source *src,
			 const struct aios_model_types *types, const struct aios_plan *plan,
			 uint32_t max_logits, struct aios_status *st)
{
	struct aios_buffer b;
	uint32_t rows;
	int rc = 0;

	ws->buffers = calloc(src->info.n_buffers, sizeof(*ws->buffers));
	ws->sized = calloc(src->info.n_buffers, sizeof(*ws->sized));
	ws->per_logit_row = calloc(src->info.n_buffers, sizeof(*ws->per_logit_row));
	if (!ws->buffers || !ws->sized || !ws->per_logit_row)
		return aios_fail(st, -ENOMEM, "no host memory for the list of buffers");
	for (uint32_t i = 0; i < src->info.n_buffers && rc == 0; i++) {
		memset(&b, 0, sizeof(b));
		b.size = sizeof(b);
		rc = src->model_ops->buffer(src->model, types, i, &b, st);
		if (rc < 0)
			break;
		rows = b.per_logit_row ? max_logits : plan->max_batch_tokens;
		ws->per_logit_row[i] = b.per_logit_row;
		rc = mm_arena_tensor(&ws->act, b.dtype, rows, b.cols, &ws->buffers[i], st);
	}
	return rc;
}

static int carve_outputs(struct workspace *ws, uint32_t max_logits, struct aios_status *st)
{
	uint64_t word = sizeof(int32_t) * (uint64_t)max_logits;
	int rc = mm_arena_alloc(&ws->act, word, &ws->out_ids, st);

	if (rc == 0)
		rc = mm_arena_alloc(&ws->act, word, &ws->out_logprobs, st);
	if (rc == 0)
		rc = mm_arena_alloc(&ws->act, word * MAX_TOP_LOGPROBS, &ws->out_top_ids, st);
	if (rc == 0)
		rc = mm_arena_alloc(&ws->act, word * MAX_TOP_LOGPROBS, &ws->out_top, st);
	return rc;
}

static int carve_tables(struct workspace *ws, const struct source *src,
			const struct aios_plan *plan, uint32_t max_logits, struct aios_status *st)
{
	uint64_t half = src->info.rope.rot_dim / 2;
	uint64_t bytes = half * plan->context_length * sizeof(float);
	const struct batch_size max = {
		.tokens = plan->max_batch_tokens,
		.seqs = plan->max_batch_size,
		.logits = max_logits,
		.blocks = (plan->context_length + plan->page_size - 1) / plan->page_size,
	};
	int rc;

	rc = batch_init(&ws->batch, &ws->tables, &max, st);
	ws->rope_rows = plan->context_length;
	if (rc == 0)
		rc = mm_arena_alloc(&ws->tables, bytes, &ws->rope_cos, st);
	if (rc == 0)
		rc = mm_arena_alloc(&ws->tables, bytes, &ws->rope_sin, st);
	return rc;
}

static int carve_arenas(struct workspace *ws, struct device *dev, const struct workspace *planned,
			struct aios_status *st)
{
	int rc;

	if (!planned) {
		mm_arena_init_dry(&ws->act, "the activations");
		mm_arena_init_dry(&ws->tables, "the batch and rope tables");
		mm_arena_init_dry(&ws->scratch, "the scratch of ops");
		return 0;
	}
	ws->scratch_bytes = planned->scratch_bytes;
	rc = mm_arena_init(&ws->act, dev, AIOS_HEAP_DEVICE, planned->act.peak, "the activations",
			   st);
	if (rc == 0)
		rc = mm_arena_init(&ws->tables, dev, AIOS_HEAP_DEVICE, planned->tables.peak,
				   "the batch and rope tables", st);
	if (rc == 0)
		rc = mm_arena_init(&ws->scratch, dev, AIOS_HEAP_DEVICE, planned->scratch_bytes,
				   "the scratch of ops", st);
	return rc;
}

/* Plans launches of a step. Of the layers, which are alike, the first speaks for all in `brief`. */
struct measure {
	struct graph_run run;
	bool brief;
};

static int measure_emit(void *ctx, const struct aios_op *op, struct aios_status *st)
{
	struct measure *m = ctx;

	/* Save attention: layers may differ in their windows. */
	if (m->brief && op->layer > 1 && op->type != AIOS_OP_ATTENTION)
		return 0;
	return graph_emit(&m->run, op, st);
}

/* Emit everything a step may emit at these counts, launching nothing; the scratch arena remembers its peak. */
static int measure_step(struct workspace *ws, struct device *dev, const struct source *src,
			const struct aios_model_types *types, const struct weights *w,
			const struct kv_cache *kv, const struct batch_size *size, bool brief,
			struct aios_status *st)
{
	struct measure m = { { dev, NULL, &ws->scratch }, brief };
	struct forward_tail tail = {
		.sample = true,
		.adjust = true,
		.n_top = MAX_TOP_LOGPROBS,
		.logprobs = true,
		.counts = MM_ALIGN,
		.bias = MM_ALIGN,
	};
	struct batch *b = &ws->batch;
	int rc;

	batch_begin(b, size);
	b->n_tokens = size->tokens;
	b->n_seqs = size->seqs;
	b->n_logits = size->logits;
	b->max_q = size->tokens - size->seqs + 1;
	b->max_kv = ws->rope_rows;
	rc = forward_emit(src, types, w, ws, kv, measure_emit, &m, st);
	if (rc == 0)
		rc = forward_tail(&m.run, src, ws, &tail, st);
	tail.sample = false;
	if (rc == 0)
		rc = forward_tail(&m.run, src, ws, &tail, st);
	batch_begin(b, &b->max);
	return rc;
}

static int measure_window(struct workspace *ws, const struct source *src,
			  const struct aios_model_types *types, const struct weights *w,
			  const struct kv_cache *kv, struct aios_status *st)
{
	const struct batch_size one = { 1, 1, 1, 1 };

	batch_begin(&ws->batch, &one);
	ws->batch.n_tokens = 1;
	ws->batch.n_seqs = 1;
	return forward_window(src, types, w, ws, kv, &ws->window, st);
}

/*
 * Scratch for every step there may be. What an op takes need not grow with the batch (a
 * small one may be split wider), so every size of a decode step is asked for, and
 * prompts at sizes so close that a margin covers what lies between.
 */
static int measure_scratch(struct workspace *ws, struct device *dev, const struct source *src,
			   const struct aios_model_types *types, const struct weights *w,
			   const struct aios_plan *plan, struct aios_status *st)
{
	uint32_t most = plan->max_batch_tokens, seqs = plan->max_batch_size, blocks, logits, n = 1;
	struct batch_size size;
	struct mm_arena pages;
	bool brief; /* the smallest and the largest step are asked about in full */
	struct kv_cache kv;
	int rc;

	mm_arena_init_dry(&pages, "the KV cache");
	blocks = ws->batch.max.blocks;
	rc = kv_init(&kv, &pages, &src->info, types->kv, 1, plan->page_size, st);
	for (; rc == 0; n += n / 16 + 1) {
		n = n < most ? n : most;
		brief = n != 1 && n != most;
		logits = n < ws->batch.max.logits ? n : ws->batch.max.logits;
		size = (struct batch_size){ n, n < seqs ? n : seqs, logits, blocks };
		rc = measure_step(ws, dev, src, types, w, &kv, &size, brief, st);
		size.seqs = 1;
		if (rc == 0)
			rc = measure_step(ws, dev, src, types, w, &kv, &size, brief, st);
		if (n == most)
			break;
	}
	for (n = 1; n <= seqs && rc == 0; n += n < 256 ? 1 : n / 16) {
		size = (struct batch_size){ n, n, n, blocks };
		rc = measure_step(ws, dev, src, types, w, &kv, &size, true, st);
	}
	if (rc == 0)
		rc = measure_window(ws, src, types, w, &kv, st);
	ws->scratch_bytes = align_up(ws->scratch.peak + ws->scratch.peak / 8, MM_ALIGN);
	kv_finish(&kv);
	return rc;
}

int workspace_init(struct workspace *ws, struct device *dev, const struct source *src,
		   const struct aios_model_types *types, const struct weights *w,
		   const struct aios_plan *plan, const struct workspace *planned,
		   struct aios_status *st)
{
	uint32_t logits = plan->max_batch_tokens < 32 ? plan->max_batch_tokens : 32;
	int rc;

	if (logits < plan->max_batch_size)
		logits = plan->max_batch_size;
	memset(ws, 0, sizeof(*ws));
	rc = carve_arenas(ws, dev, planned, st);
	if (rc == 0)
		rc = carve_buffers(ws, src, types, plan, logits, st);
	if (rc == 0)
		rc = carve_outputs(ws, logits, st);
	if (rc == 0)
		rc = carve_tables(ws, src, plan, logits, st);
	if (rc == 0 && !planned)
		rc = measure_scratch(ws, dev, src, types, w, plan, st);
	if (rc < 0)
		workspace_finish(ws);
	return rc;
}

void workspace_finish(struct workspace *ws)
{
	batch_finish(&ws->batch);
	mm_arena_finish(&ws->act);
	mm_arena_finish(&ws->tables);
	mm_arena_finish(&ws->scratch);
	free(ws->buffers);
	free(ws->sized);
	free(ws->per_logit_row);
	memset(ws, 0, sizeof(*ws));
}

/* Rows p0 .. p1-1 of both tables to their place on the device. */
static int upload_rope(struct workspace *ws, struct queue *q, const float *inv_freq, uint32_t half,
		       float factor, float *host, uint32_t p0, uint32_t p1, struct aios_status *st)
{
	uint64_t row = (uint64_t)half * sizeof(float), bytes = row * (p1 - p0);
	float *sine = host + (size_t)half * TABLE_ROWS;
	int rc;

	aios_rope_fill(inv_freq, half, factor, p0, p1, host, sine);
	rc = queue_upload(q, ws->rope_cos + p0 * row, host, bytes, st);
	if (rc == 0)
		rc = queue_upload(q, ws->rope_sin + p0 * row, sine, bytes, st);
	return rc;
}

int workspace_fill_rope(struct workspace *ws, struct queue *q, const struct aios_rope *rope,
			struct aios_status *st)
{
	uint32_t half = rope->rot_dim / 2, p1;
	float *inv_freq = malloc(half * sizeof(float)), factor;
	float *host = malloc(2ull * half * TABLE_ROWS * sizeof(float));
	int rc = 0;

	if (!inv_freq || !host)
		rc = aios_fail(st, -ENOMEM, "no host memory for the rope tables");
	if (rc == 0)
		rc = aios_rope_inv_freq(rope, inv_freq, &factor, st);
	for (uint32_t p = 0; p < ws->rope_rows && rc == 0; p = p1) {
		p1 = ws->rope_rows - p < TABLE_ROWS ? ws->rope_rows : p + TABLE_ROWS;
		rc = upload_rope(ws, q, inv_freq, half, factor, host, p, p1, st);
		if (rc == 0) /* the host tables are used again */
			rc = queue_sync(q, SYNC_NS, st);
	}
	free(host);
	free(inv_freq);
	return rc;
}
