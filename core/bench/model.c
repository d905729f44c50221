// SPDX-License-Identifier: Apache-2.0
/*
 * model.c - the ops of one pass of a model, without running it: the model plugin
 * emits a pass over a batch that has shapes and no memory, and ops of one shape are
 * counted together.
 */
#include <stdlib.h>
#include <string.h>

#include "core/bench/bench.h"
#include "core/engine/kv.h"
#include "core/engine/plan.h"
#include "core/engine/source.h"
#include "core/engine/weights.h"
#include "core/lib/array.h"

#define SHAPE_TEXT 160

/* One kind of op of the pass. */
struct entry {
	union aios_op_any op;
	char shape[SHAPE_TEXT];
	uint32_t count;
};

/* A model opened without data, and what its pass was found to hold. */
struct collector {
	struct aios_bench *b;
	struct engine_config config;
	struct source src;
	struct aios_model_types types;
	struct weights weights;
	struct mm_arena dry;
	struct kv_cache kv;
	struct aios_tensor *buffers;
	struct entry *list;
	size_t n, cap;
};

static bool same(const struct entry *e, const union aios_op_any *op, const char *shape)
{
	if (e->op.op.type != op->op.type || strcmp(e->shape, shape) != 0)
		return false;
	return op->op.type != AIOS_OP_MATMUL || e->op.matmul.segments == op->matmul.segments;
}

static int collect(void *ctx, const struct aios_op *op, struct aios_status *st)
{
	struct collector *c = ctx;
	union aios_op_any copy;
	char shape[SHAPE_TEXT];
	struct entry *e;

	if (op->size > sizeof(copy))
		return aios_fail(st, -EINVAL, "%s: descriptor of %u bytes", aios_op_name(op->type),
				 op->size);
	memset(&copy, 0, sizeof(copy));
	memcpy(&copy, op, op->size);
	copy.op.layer = 0;
	aios_bench_shape(&copy.op, shape, sizeof(shape));
	for (size_t i = 0; i < c->n; i++) {
		if (same(&c->list[i], &copy, shape)) {
			c->list[i].count++;
			return 0;
		}
	}
	if (array_reserve((void **)&c->list, &c->cap, c->n + 1, sizeof(*c->list)))
		return aios_fail(st, -ENOMEM, "no host memory for a model's ops");
	e = &c->list[c->n++];
	e->op = copy;
	e->count = 1;
	memcpy(e->shape, shape, sizeof(shape));
	return 0;
}

static void collector_finish(struct collector *c)
{
	free(c->list);
	free(c->buffers);
	kv_finish(&c->kv);
	weights_finish(&c->weights);
	source_close(&c->src);
}

static int open_model(struct collector *c, const char *path, struct aios_status *st)
{
	const struct aios_config *cfg = c->b->aios->config;
	struct device *dev = c->b->device;
	int rc = engine_config_read(cfg, &c->config, st);

	if (rc == 0)
		rc = source_open(c->b->aios, path, true, &c->src, st);
	if (rc == 0)
		rc = engine_types(cfg, dev, &c->src, &c->config, &c->types, st);
	return rc < 0 ? rc : weights_plan(&c->weights, dev, &c->src, &c->types, st);
}

static int make_buffers(struct collector *c, uint32_t n_tokens, uint32_t n_seqs,
			struct aios_status *st)
{
	const struct aios_model_info *info = &c->src.info;
	struct aios_buffer b;
	int rc = 0;

	c->buffers = calloc(info->n_buffers ? info->n_buffers : 1, sizeof(*c->buffers));
	if (!c->buffers)
		return aios_fail(st, -ENOMEM, "no host memory for the list of buffers");
	for (uint32_t i = 0; i < info->n_buffers && rc == 0; i++) {
		memset(&b, 0, sizeof(b));
		b.size = sizeof(b);
		rc = c->src.model_ops->buffer(c->src.model, &c->types, i, &b, st);
		if (rc == 0)
			rc = mm_arena_tensor(&c->dry, b.dtype, b.per_logit_row ? n_seqs : n_tokens,
					     b.cols, &c->buffers[i], st);
	}
	return rc;
}

/* The pass, with a greedy choice at its end. */
static int emit_pass(struct collector *c, const struct aios_batch *batch, struct aios_status *st)
{
	struct aios_forward fw = {
		.size = sizeof(fw),
		.n_logit_rows = batch->n_seqs,
		.types = c->types,
		.batch = *batch,
		.ids = MM_ALIGN,
		.logit_rows = MM_ALIGN,
		.weights = c->weights.tensors,
		.buffers = c->buffers,
		.kv = c->kv.layers,
		.rope_cos = MM_ALIGN,
		.rope_sin = MM_ALIGN,
		.rope_rows = batch->max_kv,
		.ctx = c,
		.emit = collect,
	};
	struct aios_op_argmax choose = {
		.op = AIOS_OP_INIT(struct aios_op_argmax, AIOS_OP_ARGMAX),
		.logits = c->buffers[c->src.info.n_buffers - 1],
	};
	int rc = c->src.model_ops->forward(c->src.model, &fw, st);

	return rc < 0 ? rc : collect(c, &choose.op, st);
}

int aios_bench_model(struct aios_bench *b, const char *path, uint32_t n_seqs, uint32_t rows,
		     uint32_t kv, aios_bench_op_fn fn, void *ctx, struct aios_status *st)
{
	struct collector c = { .b = b };
	struct aios_batch batch = {
		.n_tokens = n_seqs * rows,
		.n_seqs = n_seqs,
		.max_q = rows,
		.max_kv = kv > rows ? kv : rows,
	};
	int rc;

	aios_status_clear(st);
	mm_arena_init_dry(&c.dry, "a model's buffers");
	rc = open_model(&c, path, st);
	if (rc == 0 && batch.max_kv > c.src.info.max_positions)
		rc = aios_fail(st, -EINVAL, "%u keys a sequence, but %s was made for %u positions",
			       batch.max_kv, path, c.src.info.max_positions);
	if (rc == 0)
		rc = make_buffers(&c, batch.n_tokens, n_seqs, st);
	if (rc == 0)
		rc = kv_init(&c.kv, &c.dry, &c.src.info, c.types.kv, 1, c.config.page_size, st);
	if (rc == 0)
		rc = emit_pass(&c, &batch, st);
	for (size_t i = 0; i < c.n && rc == 0; i++)
		rc = fn(ctx, &c.list[i].op, c.list[i].count, st);
	collector_finish(&c);
	return rc;
}
