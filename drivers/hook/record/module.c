// SPDX-License-Identifier: Apache-2.0
/*
 * record - write every launch to a file: descriptor, inputs, digests of outputs.
 *
 *	record:FILE[,first=N][,count=N][,outputs][,max=SIZE]
 *
 * 'aios replay FILE --driver D' runs the launches again on any driver. Weights
 * and whatever else occurs twice are in the file once. Launches first ...
 * first + count - 1 are kept; with `outputs` their outputs whole, not as digests
 * alone. The file appears when the device is closed; when it cannot be written,
 * or would have more than max bytes, recording stops with a message and the
 * program goes on.
 *
 * What a graph holds is not recorded, nor a launch that reads a weight in the
 * driver's own layout, which no other driver could read.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/capsule.h"
#include "lib/pass.h"
#include "lib/words.h"

#define RECORD_TIMEOUT_NS (600ull * 1000000000ull)
#define RECORD_MAX ((uint64_t)64 << 30)
#define RECORD_WEIGHTS 65536u

/* A weight that the file has, and where it lay. */
struct record_weight {
	aios_addr addr;
	uint64_t bytes, row_bytes, plane_bytes;
	uint32_t rows, cols, dtype;
	uint64_t part; /* of the file, + 1; 0: written to since */
};

struct record {
	struct hook_base base;
	pthread_mutex_t lock;
	struct capsule_writer file;
	char path[PATH_MAX / 2];
	uint64_t first, count, max;
	bool whole, stopped;
	struct record_weight *weights;
	uint32_t n_weights, cap_weights;
	uint32_t capturing;
	uint64_t launches, kept, skipped, captured;
};

/* ---- weights that are in the file already ---------------------------------------- */

static struct record_weight *find_weight(struct record *r, const struct hook_operand *o)
{
	for (uint32_t i = 0; i < r->n_weights; i++) {
		struct record_weight *w = &r->weights[i];

		if (w->addr == o->addr && w->rows == o->rows && w->cols == o->cols &&
		    w->dtype == o->dtype && w->row_bytes == o->row_bytes &&
		    w->plane_bytes == o->plane_bytes)
			return w;
	}
	return NULL;
}

/* Remember it; when there is no memory it is taken and hashed again next time. */
static void keep_weight(struct record *r, const struct hook_operand *o, uint64_t part)
{
	uint32_t cap = r->cap_weights ? 2 * r->cap_weights : 64;
	struct record_weight *w = find_weight(r, o);

	if (!w && r->n_weights == r->cap_weights) {
		w = cap > RECORD_WEIGHTS ? NULL : realloc(r->weights, cap * sizeof(*w));
		if (!w)
			return;
		r->weights = w;
		r->cap_weights = cap;
		w = NULL;
	}
	if (!w)
		w = &r->weights[r->n_weights++];
	*w = (struct record_weight){
		.addr = o->addr,
		.bytes = hook_operand_bytes(o),
		.row_bytes = o->row_bytes,
		.plane_bytes = o->plane_bytes,
		.rows = o->rows,
		.cols = o->cols,
		.dtype = o->dtype,
		.part = part,
	};
}

static void written(struct record *r, aios_addr addr, uint64_t bytes)
{
	if (bytes > UINT64_MAX - addr)
		bytes = UINT64_MAX - addr;
	for (uint32_t i = 0; i < r->n_weights; i++) {
		struct record_weight *w = &r->weights[i];

		if (addr < w->addr + w->bytes && w->addr < addr + bytes)
			w->part = 0;
	}
}

static void note_write(struct record *r, aios_addr addr, uint64_t bytes)
{
	pthread_mutex_lock(&r->lock);
	written(r, addr, bytes);
	pthread_mutex_unlock(&r->lock);
}

static void op_written(struct record *r, const struct aios_op *op)
{
	struct hook_operands list;

	if (!hook_operands(op, &list))
		return;
	for (uint32_t i = 0; i < list.n; i++) {
		uint64_t bytes = hook_operand_bytes(&list.v[i]);

		if (list.v[i].flags & (HOOK_WRITE | HOOK_SCRATCH) && list.v[i].addr)
			written(r, list.v[i].addr, bytes ? bytes : 1);
	}
}

/* ---- launches ---------------------------------------------------------------------- */

static bool not_known(void *ctx, const struct hook_operand *o)
{
	const struct record_weight *w;

	if (!(o->flags & HOOK_WEIGHT))
		return true;
	w = find_weight(ctx, o);
	return !w || !w->part;
}

static void stop(struct record *r, const struct aios_status *why)
{
	aios_host_log(r->base.host, AIOS_LOG_ERROR, "recording stops at launch %llu: %s",
		      (unsigned long long)r->launches, why->message);
	r->stopped = true;
}

/* After a failed write the file is not to be had. */
static void give_up(struct record *r, const struct aios_status *why)
{
	stop(r, why);
	capsule_end(&r->file, false, NULL);
}

static void write_launch(struct record *r, struct hook_image *im)
{
	uint64_t parts[HOOK_MAX_OPERANDS] = { 0 };
	struct aios_status st;
	int rc;

	aios_status_clear(&st);
	for (uint32_t i = 0; i < im->operands.n; i++) {
		const struct record_weight *w = find_weight(r, &im->operands.v[i]);

		if ((im->operands.v[i].flags & HOOK_WEIGHT) && w)
			parts[i] = w->part;
	}
	rc = capsule_add(&r->file, r->launches, im, im->out, r->whole, parts, &st);
	if (rc < 0) {
		give_up(r, &st);
		return;
	}
	r->kept++;
	for (uint32_t i = 0; i < im->operands.n; i++)
		if ((im->operands.v[i].flags & HOOK_WEIGHT) && im->in[i])
			keep_weight(r, &im->operands.v[i], parts[i]);
	if (r->file.bytes > r->max) {
		aios_fail(&st, -EFBIG, "the file has %llu bytes, max is %llu",
			  (unsigned long long)r->file.bytes, (unsigned long long)r->max);
		stop(r, &st);
	}
}

static void skip(struct record *r, const struct aios_op *op, const struct aios_status *why)
{
	if (r->skipped++ < 8)
		aios_host_log(r->base.host, AIOS_LOG_WARN, "launch %llu (%s) is not recorded: %s",
			      (unsigned long long)r->launches, aios_op_name(op->type),
			      why->message[0] ? why->message : "unknown reason");
}

static int record_one(struct record *r, void *queue, const struct aios_op *op,
		      struct aios_status *st)
{
	struct hook_io io = { &r->base.below, queue, RECORD_TIMEOUT_NS };
	struct hook_image im = { 0 };
	struct aios_status why;
	int taken, rc;

	aios_status_clear(&why);
	taken = hook_image_take(&im, &io, op, not_known, r, &why);
	rc = hook_pass_launch(&r->base, queue, op, st);
	if (rc == 0 && taken == 0)
		taken = hook_image_take_out(&im, &io, &why);
	if (rc == 0 && taken == 0)
		write_launch(r, &im);
	else if (rc == 0)
		skip(r, op, &why);
	if (rc == 0)
		op_written(r, op);
	hook_image_free(&im);
	return rc;
}

static int record_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	struct record *r = dev;
	bool wanted;
	int rc;

	pthread_mutex_lock(&r->lock);
	r->launches++;
	wanted = r->launches >= r->first && r->launches - r->first < r->count && !r->stopped;
	if (wanted && !r->capturing) {
		rc = record_one(r, queue, op, st);
	} else {
		r->captured += wanted;
		rc = hook_pass_launch(dev, queue, op, st);
		if (rc == 0)
			op_written(r, op);
	}
	pthread_mutex_unlock(&r->lock);
	return rc;
}

/* ---- other slots ------------------------------------------------------------------- */

static int record_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src,
		       uint64_t bytes, struct aios_status *st)
{
	note_write(dev, dst, bytes);
	return hook_pass_copy(dev, queue, dir, dst, src, bytes, st);
}

static int record_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
		       struct aios_status *st)
{
	note_write(dev, dst, bytes);
	return hook_pass_fill(dev, queue, dst, value, bytes, st);
}

static void record_mem_free(void *dev, struct aios_mem *mem)
{
	note_write(dev, mem->addr, mem->bytes);
	hook_pass_mem_free(dev, mem);
}

static int record_graph_begin(void *dev, void *queue, struct aios_status *st)
{
	struct record *r = dev;
	int rc = hook_pass_graph_begin(dev, queue, st);

	pthread_mutex_lock(&r->lock);
	r->capturing += rc == 0;
	pthread_mutex_unlock(&r->lock);
	return rc;
}

static int record_graph_end(void *dev, void *queue, void **graph, struct aios_status *st)
{
	struct record *r = dev;
	int rc = hook_pass_graph_end(dev, queue, graph, st);

	pthread_mutex_lock(&r->lock);
	r->capturing -= r->capturing > 0;
	pthread_mutex_unlock(&r->lock);
	return rc;
}

/* A graph may write anywhere: every weight is looked at again. */
static int record_graph_launch(void *dev, void *queue, void *graph, struct aios_status *st)
{
	note_write(dev, 0, UINT64_MAX);
	return hook_pass_graph_launch(dev, queue, graph, st);
}

static int record_reset(void *dev, struct aios_status *st)
{
	note_write(dev, 0, UINT64_MAX);
	return hook_pass_reset(dev, st);
}

/* ---- life -------------------------------------------------------------------------- */

static bool parse_word(struct record *r, const char *word)
{
	const char *value;

	if (strcmp(word, "outputs") == 0)
		r->whole = true;
	else if (hook_word_value(word, "first", &value))
		return hook_parse_number(value, &r->first) && r->first > 0;
	else if (hook_word_value(word, "count", &value))
		return hook_parse_number(value, &r->count) && r->count > 0;
	else if (hook_word_value(word, "max", &value))
		return hook_parse_size(value, &r->max);
	else
		return false;
	return true;
}

static int parse_args(struct record *r, const char *args, struct aios_status *st)
{
	char word[64];
	int rc = hook_next_word(&args, r->path, sizeof(r->path));

	if (rc < 0)
		return aios_fail(st, -ENAMETOOLONG, "record: the path %.100s... is too long",
				 r->path);
	if (!r->path[0])
		return aios_fail(st, -EINVAL,
				 "record needs a file: record:FILE[,first=N][,count=N]"
				 "[,outputs][,max=SIZE]");
	while ((rc = hook_next_word(&args, word, sizeof(word))) != 0)
		if (rc < 0 || !parse_word(r, word))
			return aios_fail(
				st, -EINVAL,
				"record: '%.60s' is none of first=N, count=N, outputs, max=SIZE",
				word);
	return 0;
}

static int record_wrap(const struct aios_host *host, const struct aios_hook_attach *attach,
		       void **dev, struct aios_status *st)
{
	struct record *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return aios_fail(st, -ENOMEM, "no memory for the hook record");
	r->base.host = host;
	r->base.below = attach->device;
	r->first = 1;
	r->count = UINT64_MAX;
	r->max = RECORD_MAX;
	rc = parse_args(r, attach->args, st);
	if (rc == 0)
		rc = capsule_create(&r->file, r->path, attach->device.driver, st);
	if (rc < 0) {
		free(r);
		return rc;
	}
	pthread_mutex_init(&r->lock, NULL);
	*dev = r;
	return 0;
}

static void record_close(void *dev)
{
	struct record *r = dev;
	struct aios_status st;

	if (!r)
		return;
	aios_status_clear(&st);
	if (capsule_end(&r->file, true, &st) < 0)
		aios_host_log(r->base.host, AIOS_LOG_ERROR, "the recording is lost: %s",
			      st.message);
	if (r->captured)
		aios_host_log(r->base.host, AIOS_LOG_WARN,
			      "%llu launches went into graphs and were not recorded",
			      (unsigned long long)r->captured);
	aios_host_log(r->base.host, AIOS_LOG_INFO, "%llu of %llu launches recorded, %llu skipped",
		      (unsigned long long)r->kept, (unsigned long long)r->launches,
		      (unsigned long long)r->skipped);
	pthread_mutex_destroy(&r->lock);
	free(r->weights);
	free(r);
}

static const struct aios_driver_ops record_table = {
	.size = sizeof(record_table),
	.quiesce = hook_pass_quiesce,
	.close = record_close,
	.device_info = hook_pass_device_info,
	.heap_info = hook_pass_heap_info,
	.mem_alloc = hook_pass_mem_alloc,
	.mem_free = record_mem_free,
	.queue_create = hook_pass_queue_create,
	.queue_destroy = hook_pass_queue_destroy,
	.query_op = hook_pass_query_op,
	.launch = record_launch,
	.copy = record_copy,
	.fill = record_fill,
	.signal = hook_pass_signal,
	.elapsed = hook_pass_elapsed,
	.wait = hook_pass_wait,
	.queue_wait = hook_pass_queue_wait,
	.weight_layout = hook_pass_weight_layout,
	.mem_import = hook_pass_mem_import,
	.graph_begin = record_graph_begin,
	.graph_end = record_graph_end,
	.graph_launch = record_graph_launch,
	.graph_destroy = hook_pass_graph_destroy,
	.reset = record_reset,
};

static const struct aios_hook_ops record_ops = {
	.size = sizeof(record_ops),
	.wrap = record_wrap,
	.ops = &record_table,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(version, "1");
AIOS_MODULE_INFO(needs, "libxxhash.so.0");
AIOS_MODULE_INFO(description, "write every launch to a file that 'aios replay' runs again");
AIOS_HOOK(record, "record", &record_ops, NULL, 0);
