// SPDX-License-Identifier: Apache-2.0
/* prog_compare.c - results element by element: differences, distances, digests. */
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/prog.h"
#include "core/lib/sha256.h"

static uint32_t planes(const struct prog_buf *b)
{
	return b->dtype == AIOS_I8X2 ? 2 : 1;
}

uint64_t prog_element(const struct prog_buf *b, const uint8_t *bytes, uint32_t plane, uint32_t row,
		      uint32_t col)
{
	uint32_t size = aios_dtype_bytes(b->dtype);
	uint64_t v = 0;

	memcpy(&v, bytes + plane * b->plane_bytes + row * b->row_bytes + (uint64_t)col * size,
	       size);
	return v;
}

/* A code on a line where neighbours are 1 apart and -0 is +0. False for NaN. */
static bool on_line(uint32_t dtype, uint64_t v, int64_t *out)
{
	int64_t mag, inf;

	switch (dtype) {
	case AIOS_F32:
		mag = (int64_t)(v & 0x7fffffff);
		inf = 0x7f800000;
		*out = v >> 31 ? -mag : mag;
		return mag <= inf;
	case AIOS_BF16:
	case AIOS_F16:
		mag = (int64_t)(v & 0x7fff);
		inf = dtype == AIOS_BF16 ? 0x7f80 : 0x7c00;
		*out = v >> 15 ? -mag : mag;
		return mag <= inf;
	case AIOS_E4M3:
		mag = (int64_t)(v & 0x7f);
		*out = v >> 7 ? -mag : mag;
		return mag < 0x7f;
	case AIOS_I8:
	case AIOS_I8X2:
		*out = (int8_t)v;
		return true;
	case AIOS_I32:
		*out = (int32_t)v;
		return true;
	case AIOS_U8:
		*out = (int64_t)v;
		return true;
	default:
		return false;
	}
}

uint64_t conform_ulp(uint32_t dtype, uint64_t a, uint64_t b)
{
	int64_t x, y;

	if (!on_line(dtype, a, &x) || !on_line(dtype, b, &y))
		return UINT64_MAX;
	return x > y ? (uint64_t)(x - y) : (uint64_t)(y - x);
}

static bool compared(const struct prog_buf *b)
{
	return b->role == PROG_OUT || b->role == PROG_INOUT;
}

static void note(struct prog_diff *d, const struct prog_buf *b, uint32_t plane, uint32_t row,
		 uint32_t col, uint64_t got, uint64_t want)
{
	if (d->n_diff++)
		return;
	d->differs = true;
	snprintf(d->buf, sizeof(d->buf), "%s", b->name);
	d->dtype = b->dtype;
	d->plane = plane;
	d->row = row;
	d->col = col;
	d->got = got;
	d->want = want;
	d->ulp = conform_ulp(b->dtype, got, want);
}

static void compare_row(const struct prog_buf *b, const uint8_t *got, const uint8_t *want,
			uint32_t plane, uint32_t row, struct prog_diff *d)
{
	uint64_t at = plane * b->plane_bytes + row * b->row_bytes, g, w;
	uint64_t n = (uint64_t)b->cols * aios_dtype_bytes(b->dtype);

	d->n_total += b->cols;
	if (memcmp(got + at, want + at, n) == 0)
		return;
	for (uint32_t c = 0; c < b->cols; c++) {
		g = prog_element(b, got, plane, row, c);
		w = prog_element(b, want, plane, row, c);
		if (g != w)
			note(d, b, plane, row, c, g, w);
	}
}

void prog_compare(const struct prog *p, const struct prog_result *got,
		  const struct prog_result *want, struct prog_diff *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < p->n_bufs; i++) {
		const struct prog_buf *b = &p->bufs[i];

		if (!compared(b))
			continue;
		for (uint32_t plane = 0; plane < planes(b); plane++)
			for (uint32_t r = 0; r < b->rows; r++)
				compare_row(b, got->bytes[i], want->bytes[i], plane, r, out);
	}
}

void prog_digest(const struct prog *p, const struct prog_result *r, char out[CONFORM_DIGEST])
{
	uint8_t digest[SHA256_BYTES];
	struct sha256 s;

	sha256_init(&s);
	for (size_t i = 0; i < p->n_bufs; i++) {
		const struct prog_buf *b = &p->bufs[i];
		uint64_t n = (uint64_t)b->cols * aios_dtype_bytes(b->dtype);

		if (!compared(b))
			continue;
		for (uint32_t plane = 0; plane < planes(b); plane++)
			for (uint32_t row = 0; row < b->rows; row++)
				sha256_update(&s,
					      r->bytes[i] + plane * b->plane_bytes +
						      row * b->row_bytes,
					      n);
	}
	sha256_final(&s, digest);
	sha256_hex(digest, (CONFORM_DIGEST - 1) / 2, out);
}
