// SPDX-License-Identifier: Apache-2.0
/* image.c - see image.h. */
#include "lib/image.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROOM_ALIGN 256u

/* ---- copies -------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int hook_io_read(const struct hook_io *io, void *host, aios_addr from, uint64_t bytes,
		 struct aios_status *st)
{
	if (bytes == 0)
		return 0;
	return io->below->ops->copy(io->below->dev, io->queue, AIOS_COPY_TO_HOST,
				    (uint64_t)(uintptr_t)host, from, bytes, st);
}

int hook_io_write(const struct hook_io *io, aios_addr to, const void *host, uint64_t bytes,
		  struct aios_status *st)
{
	if (bytes == 0)
		return 0;
	return io->below->ops->copy(io->below->dev, io->queue, AIOS_COPY_TO_DEVICE, to,
				    (uint64_t)(uintptr_t)host, bytes, st);
}

int hook_io_sync(const struct hook_io *io, struct aios_status *st)
{
	uint64_t value = 0;
	int rc = io->below->ops->signal(io->below->dev, io->queue, &value, st);

	if (rc < 0)
		return rc;
	return io->below->ops->wait(io->below->dev, io->queue, value, now_ns() + io->timeout_ns,
				    st);
}

/* ---- taking -------------------------------------------------------------------- */

void hook_operand_clean(const struct hook_operand *o, uint8_t *data)
{
	uint64_t row = hook_operand_row(o), bytes = hook_operand_bytes(o), plane;

	for (uint32_t r = 0; bytes && r + 1 < o->rows && o->row_bytes > row; r++)
		memset(data + r * o->row_bytes + row, 0, o->row_bytes - row);
	if (!bytes || hook_operand_planes(o) == 1)
		return;
	/* The hi plane's last row, then the gap, then the lo plane's rows. */
	plane = (o->rows - 1) * o->row_bytes + row;
	if (plane < o->plane_bytes)
		memset(data + plane, 0, o->plane_bytes - plane);
	for (uint32_t r = 0; r + 1 < o->rows && o->row_bytes > row; r++)
		memset(data + o->plane_bytes + r * o->row_bytes + row, 0, o->row_bytes - row);
}

/* Enqueue the copy of an operand's bytes; pages are gathered. */
static int read_operand(const struct hook_image *im, const struct hook_io *io,
			const struct hook_operand *o, uint8_t *data, struct aios_status *st)
{
	int rc = 0;

	if (!(o->flags & HOOK_PAGES))
		return hook_io_read(io, data, o->addr, hook_operand_bytes(o), st);
	for (uint32_t i = 0; i < im->pages.n && rc == 0; i++)
		rc = hook_io_read(io, data + i * o->row_bytes,
				  o->addr + (uint64_t)im->pages.pages[i] * o->row_bytes,
				  o->row_bytes, st);
	return rc;
}

/* A buffer for an operand, zeroed where nothing will be copied to. */
static uint8_t *buffer_for(const struct hook_operand *o, struct aios_status *st)
{
	uint64_t bytes = hook_operand_bytes(o);
	uint8_t *data;

	if (bytes >= SIZE_MAX / 2) {
		aios_fail(st, -EINVAL, "%s has more bytes than a machine can hold", o->name);
		return NULL;
	}
	data = calloc(1, bytes ? bytes : 1);
	if (!data)
		aios_fail(st, -ENOMEM, "no host memory for %llu bytes of %s",
			  (unsigned long long)bytes, o->name);
	return data;
}

static int take_one(struct hook_image *im, const struct hook_io *io, uint32_t i, uint8_t **slot,
		    struct aios_status *st)
{
	const struct hook_operand *o = &im->operands.v[i];

	if (o->layout != AIOS_LAYOUT_ROWS)
		return aios_fail(st, -ENOTSUP, "%s is in the driver's own layout %u", o->name,
				 o->layout);
	*slot = buffer_for(o, st);
	if (!*slot)
		return hook_operand_bytes(o) >= SIZE_MAX / 2 ? -EINVAL : -ENOMEM;
	return read_operand(im, io, o, *slot, st);
}

/* Take the inputs called by these names, now. Absent ones are no error. */
static int take_named(struct hook_image *im, const struct hook_io *io, const char *const *names,
		      struct aios_status *st)
{
	int rc = 0;

	for (; *names && rc == 0; names++) {
		int i = hook_find_operand(&im->operands, *names);

		if (i >= 0 && !im->in[i])
			rc = take_one(im, io, (uint32_t)i, &im->in[i], st);
	}
	return rc == 0 ? hook_io_sync(io, st) : rc;
}

static const void *input(const struct hook_image *im, const char *name)
{
	int i = hook_find_operand(&im->operands, name);

	return i >= 0 ? im->in[i] : NULL;
}

static struct hook_batch batch_of(const struct hook_image *im)
{
	struct hook_batch a = {
		.positions = input(im, "batch.positions"),
		.seq_ids = input(im, "batch.seq_ids"),
		.seq_start = input(im, "batch.seq_start"),
		.seq_len = input(im, "batch.seq_len"),
		.block_table = (int32_t *)(uintptr_t)input(im, "batch.block_table"),
	};

	return a;
}

/* Number the pages anew: those in use from 0, all others become page 0, which nobody looks at. */
static void renumber(const struct hook_pages *pages, int32_t *numbers, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		bool used = numbers[i] >= 0 && (uint32_t)numbers[i] < pages->n_pages &&
			    pages->number[numbers[i]] >= 0;

		numbers[i] = used ? pages->number[numbers[i]] : 0;
	}
}

/* Find the pages, then cut the descriptor's cache down to them. */
static int compact(struct hook_image *im, const struct hook_io *io, struct aios_status *st)
{
	static const char *const arrays[] = { "batch.positions",
					      "batch.seq_ids",
					      "batch.seq_start",
					      "batch.seq_len",
					      "batch.block_table",
					      "pairs",
					      NULL };
	struct aios_kv_layer *kv = hook_op_kv(&im->any.op);
	struct aios_batch *b = hook_op_batch(&im->any.op);
	struct hook_batch a;
	int rc;

	if (!kv)
		return 0;
	rc = take_named(im, io, arrays, st);
	if (rc == 0)
		rc = hook_pages_init(&im->pages, kv->n_pages, st);
	if (rc < 0)
		return rc;
	a = batch_of(im);
	if (b) {
		rc = hook_batch_check(b, kv, &a, hook_op_window(&im->any.op), &im->pages, st);
		if (rc == 0)
			renumber(&im->pages, a.block_table, (uint64_t)b->n_seqs * b->max_blocks);
	} else {
		int32_t *pairs = (int32_t *)(uintptr_t)input(im, "pairs");
		uint32_t n = im->any.copy_pages.n_pairs;

		rc = hook_pairs_check(kv, pairs, n, &im->pages, st);
		if (rc == 0)
			renumber(&im->pages, pairs, 2 * (uint64_t)n);
	}
	kv->n_pages = im->pages.n ? im->pages.n : 1; /* a cache has a page, even if nobody looks */
	return rc;
}

/* How far the sampling rows reach into the lists of counts and biases. */
static void lists_extent(const struct hook_image *im, const struct aios_sample_row *rows,
			 uint64_t *counts, uint64_t *bias)
{
	*counts = 0;
	*bias = 0;
	for (uint32_t r = 0; rows && r < im->any.logits.logits.rows; r++) {
		uint64_t c = rows[r].counts_n ? (uint64_t)rows[r].counts_start + rows[r].counts_n :
						0;
		uint64_t b = rows[r].bias_n ? (uint64_t)rows[r].bias_start + rows[r].bias_n : 0;

		*counts = c > *counts ? c : *counts;
		*bias = b > *bias ? b : *bias;
	}
}

/* Give the lists of LOGITS their length. */
static int measure_lists(struct hook_image *im, const struct hook_io *io, struct aios_status *st)
{
	static const char *const arrays[] = { "params", NULL };
	int counts = hook_find_operand(&im->operands, "counts");
	int bias = hook_find_operand(&im->operands, "bias");
	uint64_t n_counts, n_bias;
	int rc;

	if (im->any.op.type != AIOS_OP_LOGITS || (counts < 0 && bias < 0))
		return 0;
	rc = take_named(im, io, arrays, st);
	if (rc < 0)
		return rc;
	lists_extent(im, input(im, "params"), &n_counts, &n_bias);
	if (n_counts > UINT32_MAX || n_bias > UINT32_MAX)
		return aios_fail(st, -EINVAL,
				 "a sampling row's range of counts or biases is "
				 "past 2^32");
	if (counts >= 0)
		im->operands.v[counts].rows = (uint32_t)n_counts;
	if (bias >= 0)
		im->operands.v[bias].rows = (uint32_t)n_bias;
	return 0;
}

int hook_image_take(struct hook_image *im, const struct hook_io *io, const struct aios_op *op,
		    hook_wanted_fn wanted, void *ctx, struct aios_status *st)
{
	uint32_t size = hook_op_size(op->type);
	int rc;

	if (!size || op->size < size)
		return aios_fail(st, -EINVAL, "op type %u with %u bytes is unknown", op->type,
				 op->size);
	memcpy(&im->any, op, size);
	im->any.op.size = size;
	hook_operands(&im->any.op, &im->operands);
	rc = compact(im, io, st);
	if (rc < 0)
		return rc;
	/* Rows of the cache are now the pages in use; what was taken keeps its index. */
	hook_operands(&im->any.op, &im->operands);
	rc = measure_lists(im, io, st);
	for (uint32_t i = 0; i < im->operands.n && rc == 0; i++) {
		const struct hook_operand *o = &im->operands.v[i];
		bool input_too = (o->flags & HOOK_READ) || (o->flags & HOOK_PAGES);

		if (!input_too || im->in[i] || (wanted && !wanted(ctx, o)))
			continue;
		rc = take_one(im, io, i, &im->in[i], st);
	}
	if (rc == 0)
		rc = hook_io_sync(io, st);
	for (uint32_t i = 0; i < im->operands.n && rc == 0; i++)
		if (im->in[i])
			hook_operand_clean(&im->operands.v[i], im->in[i]);
	return rc;
}

int hook_image_take_in(struct hook_image *im, const struct hook_io *io, uint32_t index,
		       struct aios_status *st)
{
	int rc = take_one(im, io, index, &im->in[index], st);

	if (rc == 0)
		rc = hook_io_sync(io, st);
	if (rc == 0)
		hook_operand_clean(&im->operands.v[index], im->in[index]);
	return rc;
}

int hook_image_take_out(struct hook_image *im, const struct hook_io *io, struct aios_status *st)
{
	int rc = 0;

	for (uint32_t i = 0; i < im->operands.n && rc == 0; i++)
		if (im->operands.v[i].flags & HOOK_WRITE)
			rc = take_one(im, io, i, &im->out[i], st);
	if (rc == 0)
		rc = hook_io_sync(io, st);
	for (uint32_t i = 0; i < im->operands.n && rc == 0; i++)
		if (im->out[i])
			hook_operand_clean(&im->operands.v[i], im->out[i]);
	return rc;
}

void hook_free_outputs(uint8_t *out[HOOK_MAX_OPERANDS])
{
	for (uint32_t i = 0; i < HOOK_MAX_OPERANDS; i++) {
		free(out[i]);
		out[i] = NULL;
	}
}

void hook_image_free(struct hook_image *im)
{
	for (uint32_t i = 0; i < HOOK_MAX_OPERANDS; i++)
		free(im->in[i]);
	hook_free_outputs(im->out);
	hook_pages_free(&im->pages);
	memset(im, 0, sizeof(*im));
}

static int check_lists(const struct hook_image *im, struct aios_status *st)
{
	int counts = hook_find_operand(&im->operands, "counts");
	int bias = hook_find_operand(&im->operands, "bias");
	uint64_t n_counts, n_bias;

	if (im->any.op.type != AIOS_OP_LOGITS)
		return 0;
	lists_extent(im, input(im, "params"), &n_counts, &n_bias);
	if (n_counts > (counts < 0 ? 0 : im->operands.v[counts].rows) ||
	    n_bias > (bias < 0 ? 0 : im->operands.v[bias].rows))
		return aios_fail(st, -EINVAL, "a sampling row reaches past the counts or biases");
	return 0;
}

static int check_ids(const struct hook_image *im, struct aios_status *st)
{
	const int32_t *ids = input(im, "ids");
	uint32_t n = im->any.logprobs.logits.rows, most = im->any.logprobs.logits.cols;

	if (im->any.op.type != AIOS_OP_LOGPROBS)
		return 0;
	for (uint32_t i = 0; ids && i < n; i++)
		if (ids[i] < 0 || (uint32_t)ids[i] >= most)
			return aios_fail(st, -EINVAL, "ids[%u] is %d, expected 0 to %u", i, ids[i],
					 most - 1);
	return 0;
}

static int check_positions(const struct hook_image *im, const struct hook_batch *a,
			   struct aios_status *st)
{
	const struct aios_op_rope_kv *r = &im->any.rope_kv;

	if (im->any.op.type != AIOS_OP_ROPE_KV)
		return 0;
	for (uint32_t i = 0; i < r->batch.n_tokens; i++)
		if (a->positions[i] >= 0 && (uint32_t)a->positions[i] >= r->table_rows)
			return aios_fail(st, -EINVAL,
					 "row %u has position %d, the rope tables hold %u", i,
					 a->positions[i], r->table_rows);
	return 0;
}

/* A page has elements, so that the number of pages is bounded by the bytes that are there. */
static bool has_pages(const struct hook_image *im)
{
	int k = hook_find_operand(&im->operands, "kv.k");
	uint64_t bytes = k < 0 ? 0 : hook_operand_bytes(&im->operands.v[k]);

	return bytes > 0 && bytes < UINT64_MAX;
}

int hook_image_check(const struct hook_image *im, struct aios_status *st)
{
	union aios_op_any copy = im->any;
	const struct aios_kv_layer *kv = hook_op_kv(&copy.op);
	const struct aios_batch *b = hook_op_batch(&copy.op);
	struct hook_batch a = batch_of(im);
	const int32_t *pairs = input(im, "pairs");
	int rc = check_lists(im, st);

	if (rc == 0)
		rc = check_ids(im, st);
	if (rc < 0 || !kv)
		return rc;
	if (!has_pages(im))
		return aios_fail(st, -EINVAL, "the KV cache has no elements");
	if (!b)
		return pairs ? hook_pairs_check(kv, pairs, im->any.copy_pages.n_pairs, NULL, st) :
			       aios_fail(st, -EINVAL, "the pairs of pages are missing");
	if (!a.positions || !a.seq_ids || !a.seq_start || !a.seq_len || !a.block_table)
		return aios_fail(st, -EINVAL, "an array of the batch is missing");
	rc = hook_batch_check(b, kv, &a, hook_op_window(&im->any.op), NULL, st);
	return rc < 0 ? rc : check_positions(im, &a, st);
}

/* ---- running ------------------------------------------------------------------- */

void hook_room_free(struct hook_room *room, const struct hook_io *io)
{
	if (room->mem.bytes)
		io->below->ops->mem_free(io->below->dev, &room->mem);
	memset(room, 0, sizeof(*room));
}

static int room_reserve(struct hook_room *room, const struct hook_io *io, uint64_t bytes,
			struct aios_status *st)
{
	int rc;

	if (bytes <= room->mem.bytes)
		return 0;
	hook_room_free(room, io);
	rc = io->below->ops->mem_alloc(io->below->dev, AIOS_HEAP_DEVICE, bytes, &room->mem, st);
	if (rc < 0) {
		memset(&room->mem, 0, sizeof(room->mem));
		return st && st->code ?
			       rc :
			       aios_fail(st, rc, "device %s gave no %llu bytes to run an op",
					 io->below->driver, (unsigned long long)bytes);
	}
	return 0;
}

static uint64_t room_round(uint64_t bytes)
{
	return (bytes + ROOM_ALIGN - 1) / ROOM_ALIGN * ROOM_ALIGN;
}

/* Ask for the op; set the bytes of scratch that it wants. */
static int ask(const struct hook_io *io, union aios_op_any *any, struct aios_status *st)
{
	struct aios_op_support answer = { .size = sizeof(answer) };
	struct aios_scratch *scratch = aios_op_scratch(any);
	int rc;

	if (scratch)
		memset(scratch, 0, sizeof(*scratch));
	rc = io->below->ops->query_op(io->below->dev, &any->op, &answer);
	answer.reason[sizeof(answer.reason) - 1] = '\0';
	if (rc < 0 || answer.level != AIOS_SUPPORT_EXACT)
		return aios_fail(st, -ENOTSUP, "%s on driver %s: %s", aios_op_name(any->op.type),
				 io->below->driver, answer.reason[0] ? answer.reason : "no");
	if (scratch)
		scratch->bytes = answer.scratch_bytes;
	else if (answer.scratch_bytes)
		return aios_fail(st, -EINVAL, "%s on driver %s asks for scratch that it cannot get",
				 aios_op_name(any->op.type), io->below->driver);
	return 0;
}

/* Give every operand an address: its place, or room from *bytes on (relative when `base` is 0). */
static int lay_out(union aios_op_any *any, const struct hook_operands *list, aios_addr base,
		   const aios_addr *placed, uint64_t *bytes, struct aios_status *st)
{
	struct aios_scratch *scratch = aios_op_scratch(any);

	*bytes = 0;
	for (uint32_t i = 0; i < list->n; i++) {
		const struct hook_operand *o = &list->v[i];
		uint64_t need = o->flags & HOOK_SCRATCH ? scratch->bytes : hook_operand_bytes(o);

		if (need >= UINT64_MAX / 64)
			return aios_fail(st, -EINVAL, "%s has more bytes than a device can hold",
					 o->name);
		if (placed[i]) {
			hook_set_addr(&any->op, o->field, placed[i]);
			continue;
		}
		if (o->flags & HOOK_SCRATCH && !need)
			continue;
		hook_set_addr(&any->op, o->field, base + *bytes);
		*bytes += room_round(need ? need : 1);
	}
	return 0;
}

/* What may be the same memory as an input on the first device is so on this one. */
static void alias_outputs(union aios_op_any *any, const struct hook_image *im)
{
	const struct hook_operands *list = &im->operands;

	for (uint32_t i = 0; i < list->n; i++) {
		const struct hook_operand *o = &list->v[i];

		if (o->alias != HOOK_NO_ALIAS && list->v[o->alias].addr == o->addr)
			hook_set_addr(&any->op, o->field,
				      hook_get_addr(&any->op, list->v[o->alias].field));
	}
}

static int bring_inputs(const struct hook_image *im, const union aios_op_any *any,
			const struct hook_io *io, const aios_addr *placed, struct aios_status *st)
{
	int rc = 0;

	for (uint32_t i = 0; i < im->operands.n && rc == 0; i++) {
		const struct hook_operand *o = &im->operands.v[i];

		if (im->in[i] && !placed[i])
			rc = hook_io_write(io, hook_get_addr(&any->op, o->field), im->in[i],
					   hook_operand_bytes(o), st);
	}
	return rc;
}

static int fetch_outputs(const struct hook_image *im, const union aios_op_any *any,
			 const struct hook_io *io, uint8_t *out[HOOK_MAX_OPERANDS],
			 struct aios_status *st)
{
	int rc = 0;

	for (uint32_t i = 0; i < im->operands.n && rc == 0; i++) {
		const struct hook_operand *o = &im->operands.v[i];

		if (!(o->flags & HOOK_WRITE))
			continue;
		out[i] = buffer_for(o, st);
		if (!out[i])
			return -ENOMEM;
		rc = hook_io_read(io, out[i], hook_get_addr(&any->op, o->field),
				  hook_operand_bytes(o), st);
	}
	if (rc == 0)
		rc = hook_io_sync(io, st);
	for (uint32_t i = 0; i < im->operands.n && rc == 0; i++)
		if (out[i])
			hook_operand_clean(&im->operands.v[i], out[i]);
	return rc;
}

int hook_image_run(const struct hook_image *im, const struct hook_io *io, struct hook_room *room,
		   const aios_addr *placed, uint8_t *out[HOOK_MAX_OPERANDS], struct aios_status *st)
{
	static const aios_addr nowhere[HOOK_MAX_OPERANDS] = { 0 };
	union aios_op_any any = im->any;
	uint64_t bytes;
	int rc = ask(io, &any, st);

	if (!placed)
		placed = nowhere;
	if (rc == 0)
		rc = lay_out(&any, &im->operands, 0, placed, &bytes, st);
	if (rc == 0)
		rc = room_reserve(room, io, bytes ? bytes : 1, st);
	if (rc == 0)
		rc = lay_out(&any, &im->operands, room->mem.addr, placed, &bytes, st);
	if (rc < 0)
		return rc;
	alias_outputs(&any, im);
	rc = bring_inputs(im, &any, io, placed, st);
	if (rc == 0)
		rc = io->below->ops->launch(io->below->dev, io->queue, &any.op, st);
	return rc < 0 ? rc : fetch_outputs(im, &any, io, out, st);
}

/* ---- comparing ----------------------------------------------------------------- */

static uint64_t load_bits(const struct hook_operand *o, const uint8_t *data, uint32_t row,
			  uint32_t col)
{
	uint32_t size = aios_dtype_bytes(o->dtype);
	const uint8_t *at = data + row * o->row_bytes + (uint64_t)col * size;
	uint64_t bits = 0;

	memcpy(&bits, at, size); /* little endian, as the ABI's machines are */
	if (hook_operand_planes(o) == 2)
		bits = bits << 8 | at[o->plane_bytes];
	return bits;
}

/* A float's bits as a number that grows with the value. */
static int64_t float_order(uint64_t bits, unsigned width)
{
	uint64_t sign = (uint64_t)1 << (width - 1);

	return bits & sign ? -(int64_t)(bits & (sign - 1)) : (int64_t)bits;
}

static bool is_nan(uint64_t bits, uint32_t dtype)
{
	switch (dtype) {
	case AIOS_F32:
		return (bits & 0x7fffffffu) > 0x7f800000u;
	case AIOS_F16:
		return (bits & 0x7fffu) > 0x7c00u;
	case AIOS_BF16:
		return (bits & 0x7fffu) > 0x7f80u;
	case AIOS_E4M3:
		return (bits & 0x7fu) == 0x7fu;
	default:
		return false;
	}
}

static uint64_t distance(uint64_t a, uint64_t b, uint32_t dtype)
{
	unsigned width = 8 * aios_dtype_bytes(dtype);
	int64_t x, y;

	if (is_nan(a, dtype) || is_nan(b, dtype))
		return UINT64_MAX;
	switch (dtype) {
	case AIOS_F32:
	case AIOS_F16:
	case AIOS_BF16:
	case AIOS_E4M3:
		x = float_order(a, width);
		y = float_order(b, width);
		break;
	case AIOS_I8:
		x = (int8_t)a;
		y = (int8_t)b;
		break;
	case AIOS_I8X2:
		x = (int8_t)(a >> 8) * 256 + (int8_t)a;
		y = (int8_t)(b >> 8) * 256 + (int8_t)b;
		break;
	case AIOS_I32:
		x = (int32_t)a;
		y = (int32_t)b;
		break;
	default:
		return UINT64_MAX;
	}
	return x > y ? (uint64_t)(x - y) : (uint64_t)(y - x);
}

/* The first difference: where it is. A page's column is head, key and element. */
static void describe(const struct hook_image *im, const struct hook_operand *o, uint32_t row,
		     uint32_t col, struct hook_diff *d)
{
	union aios_op_any copy = im->any;
	const struct aios_kv_layer *kv = hook_op_kv(&copy.op);

	d->operand = o->name;
	d->dtype = o->dtype;
	d->row = row;
	d->col = col;
	d->page = -1;
	d->head = 0;
	if (!(o->flags & HOOK_PAGES))
		return;
	d->page = row < im->pages.n ? im->pages.pages[row] : (int32_t)row;
	d->head = col / (kv->page_size * kv->head_dim);
	d->row = col / kv->head_dim % kv->page_size;
	d->col = col % kv->head_dim;
}

static void diff_operand(const struct hook_image *im, uint32_t index, const uint8_t *want,
			 struct hook_diff *d)
{
	const struct hook_operand *o = &im->operands.v[index];
	const uint8_t *got = im->out[index];

	d->total += (uint64_t)o->rows * o->cols;
	if (memcmp(got, want, hook_operand_bytes(o)) == 0)
		return;
	for (uint32_t r = 0; r < o->rows; r++) {
		for (uint32_t c = 0; c < o->cols; c++) {
			uint64_t a = load_bits(o, got, r, c), b = load_bits(o, want, r, c);

			if (a == b)
				continue;
			if (d->count++ > 0)
				continue;
			describe(im, o, r, c, d);
			d->got = a;
			d->want = b;
			d->ulps = distance(a, b, o->dtype);
		}
	}
}

bool hook_image_diff(const struct hook_image *im, uint8_t *const want[HOOK_MAX_OPERANDS],
		     struct hook_diff *diff)
{
	memset(diff, 0, sizeof(*diff));
	for (uint32_t i = 0; i < im->operands.n; i++)
		if (im->out[i] && want[i])
			diff_operand(im, i, want[i], diff);
	return diff->count > 0;
}

void hook_diff_place(const struct hook_diff *d, char *text, size_t size)
{
	if (d->page >= 0)
		snprintf(text, size, "%s page %d head %u key %u element %u", d->operand, d->page,
			 d->head, d->row, d->col);
	else
		snprintf(text, size, "%s[%u][%u]", d->operand, d->row, d->col);
}

/* A value as people read it; "" for types without one. */
static void value_text(uint64_t bits, uint32_t dtype, char *text, size_t size)
{
	float f;
	uint32_t word = (uint32_t)bits;

	text[0] = '\0';
	if (dtype == AIOS_BF16)
		word <<= 16;
	if (dtype == AIOS_F32 || dtype == AIOS_BF16) {
		memcpy(&f, &word, sizeof(f));
		snprintf(text, size, " (%.9g)", (double)f);
	} else if (dtype == AIOS_I32) {
		snprintf(text, size, " (%d)", (int)(int32_t)word);
	} else if (dtype == AIOS_I8) {
		snprintf(text, size, " (%d)", (int8_t)word);
	}
}

void hook_diff_text(const struct hook_diff *d, char *text, size_t size)
{
	char place[96], got[32], want[32], ulps[48];
	int digits = 2 * (int)aios_dtype_bytes(d->dtype) * (d->dtype == AIOS_I8X2 ? 2 : 1);

	hook_diff_place(d, place, sizeof(place));
	value_text(d->got, d->dtype, got, sizeof(got));
	value_text(d->want, d->dtype, want, sizeof(want));
	ulps[0] = '\0';
	if (d->ulps != UINT64_MAX)
		snprintf(ulps, sizeof(ulps), ", %llu ulp", (unsigned long long)d->ulps);
	snprintf(text, size,
		 "%s is 0x%0*llx%s, expected 0x%0*llx%s%s; %llu of %llu elements differ", place,
		 digits, (unsigned long long)d->got, got, digits, (unsigned long long)d->want, want,
		 ulps, (unsigned long long)d->count, (unsigned long long)d->total);
}
