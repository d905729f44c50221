// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "core/engine/weights.h"
#include "core/graph/run.h"
#include "core/lib/array.h"

#define STAGING_BYTES (64ull << 20) /* rows are converted in pieces of this size */
#define SYNC_NS (600ull * 1000000000ull)

/* The type a weight has on the device. */
static uint32_t device_dtype(const struct aios_weight *w, const struct aios_model_types *types,
			     uint32_t file_dtype)
{
	uint32_t unit = aios_profile_info_of(types->profile).weight_dtype;

	if (w->kind != AIOS_WEIGHT_MATRIX)
		return file_dtype;
	return unit == AIOS_BF16 ? types->act : unit;
}

static int weight_get(const struct source *src, uint32_t index, struct aios_weight *out,
		      struct aios_status *st)
{
	memset(out, 0, sizeof(*out));
	out->size = sizeof(*out);
	out->same_as = -1;
	return src->model_ops->weight(src->model, index, out, st);
}

static uint64_t tensor_elements(const struct aios_ckpt_tensor *t)
{
	uint64_t n = 1;

	for (uint32_t d = 0; d < t->n_dims; d++)
		n *= t->shape[d];
	return n;
}

/* A tensor's shape as text, "[4096, 1024]". */
static void shape_text(const struct aios_ckpt_tensor *t, char *out, size_t size)
{
	size_t at = 0;

	for (uint32_t d = 0; d < t->n_dims && at < size; d++)
		at += (size_t)snprintf(out + at, size - at, "%s%" PRIu64, d ? ", " : "",
				       t->shape[d]);
	if (t->n_dims == 0)
		snprintf(out, size, "scalar");
}

static bool shape_matches(const struct aios_ckpt_tensor *t, const struct aios_weight *w,
			  uint32_t part)
{
	uint32_t rows = w->parts[part].rows;

	if (w->kind == AIOS_WEIGHT_VECTOR)
		return t->n_dims == 1 && t->shape[0] == rows;
	return t->n_dims == 2 && t->shape[0] == rows && t->shape[1] == w->cols;
}

/* The checked tensor behind one part of a weight. */
static int part_tensor(const struct source *src, const struct aios_weight *w, uint32_t part,
		       const struct aios_ckpt_tensor **out, struct aios_status *st)
{
	const char *name = w->parts[part].tensor;
	const struct aios_ckpt_tensor *t = source_tensor(src, name);
	char shape[128];

	if (!t)
		return aios_fail(
			st, -ENOENT,
			"%s: tensor %s is missing; %s needs it (is the checkpoint complete?)",
			src->contents->config.path, name, src->info.architecture);
	if (!shape_matches(t, w, part)) {
		shape_text(t, shape, sizeof(shape));
		if (w->kind == AIOS_WEIGHT_VECTOR)
			return aios_fail(st, -EINVAL,
					 "%s: tensor %s has shape [%s], config.json asks for [%u]",
					 t->file, name, shape, w->parts[part].rows);
		return aios_fail(st, -EINVAL,
				 "%s: tensor %s has shape [%s], config.json asks for [%u, %u]",
				 t->file, name, shape, w->parts[part].rows, w->cols);
	}
	if (t->dtype != AIOS_BF16 && t->dtype != AIOS_F16 && t->dtype != AIOS_F32)
		return aios_fail(st, -ENOTSUP,
				 "%s: tensor %s has type %s; BF16, F16 and F32 are supported",
				 t->file, name, t->dtype_name);
	*out = t;
	return 0;
}

/* All parts checked; they must agree in type, which *dtype receives. */
static int weight_check(const struct source *src, const struct aios_weight *w, uint32_t *dtype,
			struct aios_status *st)
{
	const struct aios_ckpt_tensor *t, *first = NULL;
	int rc;

	for (uint32_t p = 0; p < w->n_parts; p++) {
		rc = part_tensor(src, w, p, &t, st);
		if (rc < 0)
			return rc;
		if (first && t->dtype != first->dtype)
			return aios_fail(st, -ENOTSUP, "%s: %s is %s and %s is %s; both must agree",
					 t->file, first->name, first->dtype_name, t->name,
					 t->dtype_name);
		first = t;
	}
	if (!first)
		return aios_fail(st, -EINVAL, "model plugin: weight %s has no parts", w->name);
	*dtype = first->dtype;
	return 0;
}

/* True when weight `w` can use the memory of the weight it equals. */
static bool shares(const struct weights *ws, const struct aios_weight *w,
		   const struct aios_tensor *want)
{
	const struct aios_tensor *t;

	if (w->same_as < 0)
		return false;
	t = &ws->tensors[w->same_as];
	return t->dtype == want->dtype && t->layout == want->layout && t->rows == want->rows &&
	       t->cols == want->cols && t->row_bytes == want->row_bytes;
}

/* Device memory needed to bring one weight into its type and layout. */
static uint64_t staging_need(const struct aios_tensor *t, uint32_t file_dtype)
{
	struct aios_tensor in;
	uint64_t whole = tensor_rows(&in, file_dtype, t->rows, t->cols);
	uint64_t rows;

	if (t->dtype == file_dtype && t->layout == AIOS_LAYOUT_ROWS)
		return 0;
	if (t->layout != AIOS_LAYOUT_ROWS)
		return align_up(whole, MM_ALIGN);
	rows = STAGING_BYTES / in.row_bytes;
	return align_up((rows ? rows : 1) < t->rows ? (rows ? rows : 1) * in.row_bytes : whole,
			MM_ALIGN);
}

/* Choose type and layout of weight `index` and carve it from the arena. */
static int weight_place(struct weights *ws, struct device *dev, const struct source *src,
			const struct aios_model_types *types, uint32_t index,
			struct aios_status *st)
{
	struct aios_tensor *t = &ws->tensors[index];
	struct aios_weight w;
	uint32_t file_dtype = AIOS_NONE;
	uint64_t bytes;
	int rc = weight_get(src, index, &w, st);

	if (rc == 0)
		rc = weight_check(src, &w, &file_dtype, st);
	if (rc < 0)
		return rc;
	memset(t, 0, sizeof(*t));
	t->dtype = device_dtype(&w, types, file_dtype);
	t->rows = w.kind == AIOS_WEIGHT_VECTOR ? 1 : w.rows;
	t->cols = w.cols;
	if (w.kind == AIOS_WEIGHT_MATRIX)
		rc = device_weight_layout(dev, types->profile, t, &bytes, st);
	else
		bytes = tensor_rows(t, t->dtype, t->rows, t->cols);
	if (rc < 0)
		return rc;
	if (shares(ws, &w, t)) {
		*t = ws->tensors[w.same_as];
		return 0;
	}
	rc = mm_arena_alloc(&ws->arena, bytes, &t->data, st);
	if (rc == 0 && aios_dtype_scaled(t->dtype))
		rc = mm_arena_alloc(&ws->arena, (uint64_t)t->rows * sizeof(float), &t->scale, st);
	if (rc < 0)
		return rc;
	if (w.same_as < 0)
		ws->elements += (uint64_t)t->rows * t->cols;
	ws->file_bytes += (uint64_t)t->rows * t->cols * aios_dtype_bytes(file_dtype);
	if (staging_need(t, file_dtype) > ws->staging_bytes)
		ws->staging_bytes = staging_need(t, file_dtype);
	return 0;
}

static int weights_place(struct weights *ws, struct device *dev, const struct source *src,
			 const struct aios_model_types *types, struct aios_status *st)
{
	int rc = 0;

	ws->elements = 0;
	ws->file_bytes = 0;
	ws->staging_bytes = 0;
	for (uint32_t i = 0; i < src->info.n_weights && rc == 0; i++)
		rc = weight_place(ws, dev, src, types, i, st);
	return rc;
}

int weights_plan(struct weights *ws, struct device *dev, const struct source *src,
		 const struct aios_model_types *types, struct aios_status *st)
{
	int rc;

	memset(ws, 0, sizeof(*ws));
	ws->tensors = calloc(src->info.n_weights ? src->info.n_weights : 1, sizeof(*ws->tensors));
	if (!ws->tensors)
		return aios_fail(st, -ENOMEM, "no host memory for the list of weights");
	mm_arena_init_dry(&ws->arena, "the weights");
	rc = weights_place(ws, dev, src, types, st);
	if (rc < 0)
		weights_finish(ws);
	return rc;
}

/* What one weights_load() needs everywhere. */
struct loader {
	struct weights *ws;
	struct queue *queue;
	const struct source *src;
	struct mm_arena staging;
	aios_progress_fn progress;
	void *progress_ctx;
	uint64_t done;
};

static void loader_progress(struct loader *ld, uint64_t bytes)
{
	ld->done += bytes;
	if (ld->progress)
		ld->progress(ld->progress_ctx, ld->done, ld->ws->file_bytes);
}

/* Upload `rows` rows of `cols` elements to a rows tensor, from row `at` of it. */
static int upload_rows(struct loader *ld, const struct aios_tensor *t, uint32_t at,
		       const void *data, uint32_t rows, struct aios_status *st)
{
	uint64_t line = (uint64_t)t->cols * aios_dtype_bytes(t->dtype);
	aios_addr dst = t->data + at * t->row_bytes;
	int rc = 0;

	if (line == t->row_bytes)
		return queue_upload(ld->queue, dst, data, line * rows, st);
	for (uint32_t r = 0; r < rows && rc == 0; r++)
		rc = queue_upload(ld->queue, dst + r * t->row_bytes, (const char *)data + r * line,
				  line, st);
	return rc;
}

/* QUANTISE or CAST `in` (rows at `row` of the weight) into the weight. */
static int convert_rows(struct loader *ld, const struct aios_tensor *in,
			const struct aios_tensor *weight, uint32_t row, struct aios_status *st)
{
	struct graph_run run = { ld->queue->device, ld->queue, &ld->staging };
	struct aios_op_quantise q = {
		.op = AIOS_OP_INIT(struct aios_op_quantise, AIOS_OP_QUANTISE),
		.in = *in,
		.out = *weight,
	};
	struct aios_op_cast c = {
		.op = AIOS_OP_INIT(struct aios_op_cast, AIOS_OP_CAST),
		.in = *in,
	};

	q.out.rows = in->rows;
	q.out.data += row * weight->row_bytes;
	if (!aios_dtype_scaled(weight->dtype)) {
		c.out = q.out;
		return graph_emit(&run, &c.op, st);
	}
	q.out.scale += row * sizeof(float);
	return graph_emit(&run, &q.op, st);
}

/* One part of a rows weight: straight into place, or in pieces through staging. */
static int load_part_rows(struct loader *ld, const struct aios_tensor *w, uint32_t at,
			  const struct aios_ckpt_tensor *t, uint32_t rows, struct aios_status *st)
{
	uint64_t line = (uint64_t)w->cols * aios_dtype_bytes(t->dtype);
	struct aios_tensor in;
	uint32_t n, piece;
	int rc = 0;

	if (w->dtype == t->dtype)
		return upload_rows(ld, w, at, t->data, rows, st);
	memset(&in, 0, sizeof(in));
	tensor_rows(&in, t->dtype, 1, w->cols);
	in.data = ld->staging.mem.addr;
	piece = (uint32_t)(ld->staging.mem.bytes / in.row_bytes);
	for (uint32_t r = 0; r < rows && rc == 0; r += n) {
		n = rows - r < piece ? rows - r : piece;
		in.rows = n;
		rc = upload_rows(ld, &in, 0, (const char *)t->data + r * line, n, st);
		if (rc == 0) /* staging is used again, by work that the queue does after this */
			rc = convert_rows(ld, &in, w, at + r, st);
	}
	return rc;
}

static void part_done(struct loader *ld, const struct aios_ckpt_tensor *t)
{
	loader_progress(ld, tensor_elements(t) * aios_dtype_bytes(t->dtype));
	if (ld->src->format->release)
		ld->src->format->release(ld->src->ckpt, t);
}

/* A weight in the driver's own layout: all parts to staging, then one conversion. */
static int load_packed(struct loader *ld, const struct aios_tensor *w,
		       const struct aios_weight *desc, struct aios_status *st)
{
	const struct aios_ckpt_tensor *t;
	struct aios_tensor in;
	uint32_t at = 0;
	int rc = 0;

	memset(&in, 0, sizeof(in));
	for (uint32_t p = 0; p < desc->n_parts && rc == 0; p++) {
		rc = part_tensor(ld->src, desc, p, &t, st);
		if (rc < 0)
			return rc;
		tensor_rows(&in, t->dtype, w->rows, w->cols);
		in.data = ld->staging.mem.addr;
		rc = upload_rows(ld, &in, at, t->data, desc->parts[p].rows, st);
		at += desc->parts[p].rows;
	}
	if (rc == 0)
		rc = convert_rows(ld, &in, w, 0, st);
	for (uint32_t p = 0; p < desc->n_parts && rc == 0; p++) {
		rc = part_tensor(ld->src, desc, p, &t, st);
		if (rc == 0)
			part_done(ld, t);
	}
	return rc;
}

/* A VECTOR's parts lie beside each other in one row. */
static int load_vector(struct loader *ld, const struct aios_tensor *w,
		       const struct aios_weight *desc, struct aios_status *st)
{
	const struct aios_ckpt_tensor *t;
	uint64_t at = 0;
	int rc;

	for (uint32_t p = 0; p < desc->n_parts; p++) {
		rc = part_tensor(ld->src, desc, p, &t, st);
		if (rc == 0)
			rc = queue_upload(ld->queue, w->data + at, t->data, t->bytes, st);
		if (rc < 0)
			return rc;
		at += t->bytes;
		part_done(ld, t);
	}
	return 0;
}

static int load_rows(struct loader *ld, const struct aios_tensor *w, const struct aios_weight *desc,
		     struct aios_status *st)
{
	const struct aios_ckpt_tensor *t;
	uint32_t at = 0;
	int rc;

	for (uint32_t p = 0; p < desc->n_parts; p++) {
		rc = part_tensor(ld->src, desc, p, &t, st);
		if (rc == 0)
			rc = load_part_rows(ld, w, at, t, desc->parts[p].rows, st);
		if (rc < 0)
			return rc;
		at += desc->parts[p].rows;
		part_done(ld, t);
	}
	return 0;
}

static int load_weight(struct loader *ld, uint32_t index, struct aios_status *st)
{
	const struct aios_tensor *w = &ld->ws->tensors[index];
	struct aios_weight desc;
	int rc = weight_get(ld->src, index, &desc, st);

	if (rc < 0)
		return rc;
	if (desc.same_as >= 0 && ld->ws->tensors[desc.same_as].data == w->data)
		return 0;
	if (desc.kind == AIOS_WEIGHT_VECTOR)
		return load_vector(ld, w, &desc, st);
	if (w->layout != AIOS_LAYOUT_ROWS)
		return load_packed(ld, w, &desc, st);
	return load_rows(ld, w, &desc, st);
}

int weights_load(struct weights *ws, struct queue *queue, const struct source *src,
		 const struct aios_model_types *types, aios_progress_fn progress,
		 void *progress_ctx, struct aios_status *st)
{
	struct loader ld = { ws, queue, src, { 0 }, progress, progress_ctx, 0 };
	uint64_t bytes = ws->arena.used;
	int rc;

	rc = mm_arena_init(&ws->arena, queue->device, AIOS_HEAP_DEVICE, bytes, "the weights", st);
	if (rc < 0)
		return rc;
	rc = weights_place(ws, queue->device, src, types, st);
	if (rc < 0)
		return rc;
	rc = mm_arena_init(&ld.staging, queue->device, AIOS_HEAP_DEVICE, ws->staging_bytes,
			   "converting the weights", st);
	for (uint32_t i = 0; i < src->info.n_weights && rc == 0; i++)
		rc = load_weight(&ld, i, st);
	if (rc == 0)
		rc = queue_sync(queue, SYNC_NS, st);
	else
		queue_sync(queue, SYNC_NS, NULL); /* what is enqueued still uses the staging */
	mm_arena_finish(&ld.staging);
	return rc;
}

void weights_finish(struct weights *ws)
{
	mm_arena_finish(&ws->arena);
	free(ws->tensors);
	memset(ws, 0, sizeof(*ws));
}
