// SPDX-License-Identifier: Apache-2.0
/* prog.c - building programs; running them is in prog_run.c, comparing in prog_compare.c. */
#include <stdlib.h>
#include <string.h>

#include "core/conform/prog.h"
#include "core/lib/array.h"

#define BUF_MAX ((uint64_t)1 << 32) /* no case needs more; keeps products in 64 bits */

/* What ops are written to when there is no memory for them. Its contents mean nothing. */
union op_room {
	union aios_op_any any;
	uint8_t room[PROG_OP_BYTES];
};

void prog_init(struct prog *p, struct conform_key key)
{
	memset(p, 0, sizeof(*p));
	p->key = key;
}

void prog_finish(struct prog *p)
{
	for (size_t i = 0; i < p->n_bufs; i++)
		free(p->bufs[i].image);
	for (size_t i = 0; i < p->n_ops; i++)
		free(p->ops[i]);
	free(p->bufs);
	free(p->ops);
	free(p->relocs);
	free(p->layouts);
	memset(p, 0, sizeof(*p));
}

/* Bytes of a buffer by its shape; 0 when it is too large. */
static uint64_t shape(struct prog_buf *b, uint32_t pad)
{
	uint64_t bytes;

	b->row_bytes = align_up((uint64_t)b->cols * aios_dtype_bytes(b->dtype), 16) + 16ull * pad;
	b->plane_bytes = 0;
	if (mul_overflow(b->row_bytes, b->rows, &bytes) || bytes > BUF_MAX)
		return 0;
	if (b->dtype == AIOS_I8X2) {
		b->plane_bytes = bytes + 16ull * pad;
		bytes += b->plane_bytes;
	}
	return bytes ? bytes : 16;
}

int prog_buf(struct prog *p, const char *name, enum prog_role role, uint32_t dtype, uint32_t rows,
	     uint32_t cols, uint32_t pad)
{
	struct prog_buf *b;

	if (array_reserve((void **)&p->bufs, &p->cap_bufs, p->n_bufs + 1, sizeof(*b)))
		goto fail;
	b = &p->bufs[p->n_bufs];
	memset(b, 0, sizeof(*b));
	snprintf(b->name, sizeof(b->name), "%s", name);
	b->role = role;
	b->dtype = dtype;
	b->rows = rows;
	b->cols = cols;
	b->bytes = shape(b, pad);
	if (!b->bytes)
		goto fail;
	if (role == PROG_IN || role == PROG_INOUT) {
		b->image = malloc(b->bytes);
		if (!b->image)
			goto fail;
		memset(b->image, 0xff, b->bytes); /* padding of inputs: NaN, if it were read */
	}
	return (int)p->n_bufs++;

fail:
	p->failed = true;
	return -1;
}

void *prog_row(struct prog *p, int buf, uint32_t row)
{
	const struct prog_buf *b;

	if (buf < 0)
		return NULL;
	b = &p->bufs[buf];
	return b->image && row < b->rows ? b->image + (uint64_t)row * b->row_bytes : NULL;
}

void prog_fill(struct prog *p, int buf, uint32_t stream, uint32_t row0, uint32_t dist)
{
	const struct prog_buf *b;

	if (buf < 0 || !p->bufs[buf].image)
		return;
	b = &p->bufs[buf];
	for (uint32_t r = 0; r < b->rows; r++) {
		uint8_t *row = b->image + (uint64_t)r * b->row_bytes;

		conform_fill_row(p->key, stream, row0 + r, dist, b->dtype, b->cols, row);
		if (b->dtype == AIOS_I8X2)
			conform_fill_row(p->key, stream + 0x8000, row0 + r, dist, AIOS_U8, b->cols,
					 row + b->plane_bytes);
	}
}

/* Scales: positive, of ordinary size; now and then zero, and NaN among special values. */
static void fill_scales(struct prog *p, int buf, uint32_t stream, uint32_t row0, uint32_t rows,
			uint32_t dist)
{
	float *scale = prog_row(p, buf, 0);

	for (uint32_t r = 0; scale && r < rows; r++) {
		uint64_t random = conform_random(p->key, stream + 0x4000, row0 + r, 0);
		float v = conform_value(DIST_NORMAL, random);

		v = (v < 0 ? -v : v) * 0x1p-7f;
		if (random % 29 == 0)
			v = 0.0f;
		if (dist == DIST_SPECIAL && random % 31 == 0)
			v = __builtin_nanf("");
		scale[r] = v;
	}
}

struct prog_tensor prog_tensor(struct prog *p, const char *name, enum prog_role role,
			       uint32_t dtype, uint32_t rows, uint32_t cols, uint32_t pad,
			       uint32_t stream, uint32_t row0, uint32_t dist)
{
	struct prog_tensor t = { .scale = -1, .weight_profile = -1 };
	char label[24];

	t.t.dtype = dtype;
	t.t.rows = rows;
	t.t.cols = cols;
	t.data = prog_buf(p, name, role, dtype, rows, cols, pad);
	if (t.data < 0)
		return t;
	t.t.row_bytes = p->bufs[t.data].row_bytes;
	t.t.plane_bytes = p->bufs[t.data].plane_bytes;
	prog_fill(p, t.data, stream, row0, dist);
	if (!aios_dtype_scaled(dtype))
		return t;
	snprintf(label, sizeof(label), "%.16s.scale", name);
	t.scale = prog_buf(p, label, role, AIOS_F32, 1, rows, 0);
	fill_scales(p, t.scale, stream, row0, rows, dist);
	return t;
}

struct prog_tensor prog_weight(struct prog *p, const char *name, uint32_t profile, uint32_t dtype,
			       uint32_t rows, uint32_t cols)
{
	struct prog_tensor t = { .scale = -1, .weight_profile = (int)profile };
	char label[24];

	t.t.dtype = dtype;
	t.t.rows = rows;
	t.t.cols = cols;
	t.data = prog_buf(p, name, PROG_OPAQUE, dtype, rows, cols, 0);
	if (t.data < 0 || !aios_dtype_scaled(dtype))
		return t;
	snprintf(label, sizeof(label), "%.16s.scale", name);
	t.scale = prog_buf(p, label, PROG_OUT, AIOS_F32, 1, rows, 0);
	return t;
}

void *prog_op(struct prog *p, uint32_t type, uint32_t size)
{
	static __thread union op_room nowhere;
	struct aios_op *op = calloc(1, sizeof(union op_room));

	if (!op || array_reserve((void **)&p->ops, &p->cap_ops, p->n_ops + 1, sizeof(*p->ops))) {
		p->failed = true;
		free(op);
		return &nowhere;
	}
	op->size = size;
	op->type = (uint16_t)type;
	p->ops[p->n_ops++] = op;
	return op;
}

/* Offset of a field in the op made last, or -1 when that op is nowhere. */
static int64_t offset_of(const struct prog *p, const void *field)
{
	const char *op, *at = field;

	if (!p->n_ops)
		return -1;
	op = p->ops[p->n_ops - 1];
	return at >= op && at < op + sizeof(union op_room) ? at - op : -1;
}

void prog_addr(struct prog *p, aios_addr *field, int buf, uint64_t offset)
{
	int64_t at = offset_of(p, field);

	if (at < 0 || buf < 0 ||
	    array_reserve((void **)&p->relocs, &p->cap_relocs, p->n_relocs + 1,
			  sizeof(*p->relocs))) {
		p->failed = true;
		return;
	}
	p->relocs[p->n_relocs++] = (struct prog_reloc){
		.op = (uint32_t)p->n_ops - 1, .at = (uint32_t)at, .buf = buf, .offset = offset
	};
}

void prog_put(struct prog *p, struct aios_tensor *field, const struct prog_tensor *t)
{
	int64_t at = offset_of(p, field);

	*field = t->t;
	prog_addr(p, &field->data, t->data, 0);
	if (t->scale >= 0)
		prog_addr(p, &field->scale, t->scale, 0);
	if (t->weight_profile < 0 || at < 0)
		return;
	if (array_reserve((void **)&p->layouts, &p->cap_layouts, p->n_layouts + 1,
			  sizeof(*p->layouts))) {
		p->failed = true;
		return;
	}
	p->layouts[p->n_layouts++] = (struct prog_layout){ .op = (uint32_t)p->n_ops - 1,
							   .at = (uint32_t)at,
							   .buf = t->data,
							   .scale = t->scale,
							   .profile = t->weight_profile };
}
