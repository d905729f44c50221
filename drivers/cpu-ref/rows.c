// SPDX-License-Identifier: Apache-2.0
/*
 * rows.c - see rows.h.
 */
#include <string.h>

#include "rows.h"

void ref_load(const void *src, uint32_t dtype, uint32_t first, uint32_t n, float *v)
{
	const uint16_t *half = (const uint16_t *)src + first;
	uint32_t i;

	switch (dtype) {
	case AIOS_F32:
		memcpy(v, (const float *)src + first, n * sizeof(*v));
		break;
	case AIOS_BF16:
		for (i = 0; i < n; i++)
			v[i] = aios_bf16_to_f32(half[i]);
		break;
	case AIOS_F16:
		for (i = 0; i < n; i++)
			v[i] = aios_f16_to_f32(half[i]);
		break;
	default:
		break;
	}
}

void ref_store(void *dst, uint32_t dtype, uint32_t first, uint32_t n, const float *v)
{
	uint16_t *half = (uint16_t *)dst + first;
	float *full = (float *)dst + first;
	uint32_t i;

	switch (dtype) {
	case AIOS_F32:
		for (i = 0; i < n; i++)
			full[i] = aios_canon(v[i]);
		break;
	case AIOS_BF16:
		for (i = 0; i < n; i++)
			half[i] = aios_f32_to_bf16(v[i]);
		break;
	case AIOS_F16:
		for (i = 0; i < n; i++)
			half[i] = aios_f32_to_f16(v[i]);
		break;
	default:
		break;
	}
}

static float rows_qmax(uint32_t dtype)
{
	if (dtype == AIOS_E4M3)
		return AIOS_QMAX_E4M3;
	return dtype == AIOS_I8 ? AIOS_QMAX_I8 : AIOS_QMAX_I8X2;
}

/* Quantise v into elements [first, first + n) of a row. */
static void rows_quantise(const struct aios_tensor *t, uint32_t row, uint32_t first, uint32_t n,
			  const float *v, float inv)
{
	int8_t *hi = (int8_t *)ref_row(t, row) + first;
	int8_t *lo = hi + t->plane_bytes;
	uint32_t i;
	int32_t q;

	for (i = 0; i < n; i++) {
		switch (t->dtype) {
		case AIOS_E4M3:
			hi[i] = (int8_t)aios_quant_e4m3(v[i], inv);
			break;
		case AIOS_I8:
			hi[i] = aios_quant_i8(v[i], inv);
			break;
		default:
			q = aios_quant_i8x2(v[i], inv);
			hi[i] = aios_i8x2_hi(q);
			lo[i] = aios_i8x2_lo(q);
			break;
		}
	}
}

static void rows_store_scaled(const struct aios_tensor *t, uint32_t row, ref_make_fn make,
			      const void *ctx)
{
	float v[REF_SPAN], absmax = 0.0f;
	struct aios_quant_scale s;
	bool finite = true;
	uint32_t i, j, n;

	for (i = 0; i < t->cols; i += n) {
		n = t->cols - i < REF_SPAN ? t->cols - i : REF_SPAN;
		make(ctx, row, i, n, v);
		for (j = 0; j < n; j++)
			absmax = aios_absmax_step(absmax, v[j], &finite);
	}
	s = aios_quant_scale_of(absmax, finite, rows_qmax(t->dtype));
	((float *)ref_ptr(t->scale))[row] = s.scale;
	for (i = 0; i < t->cols; i += n) {
		n = t->cols - i < REF_SPAN ? t->cols - i : REF_SPAN;
		make(ctx, row, i, n, v);
		rows_quantise(t, row, i, n, v, s.inv);
	}
}

void ref_store_row(const struct aios_tensor *t, uint32_t row, ref_make_fn make, const void *ctx)
{
	float v[REF_SPAN];
	uint32_t i, n;

	if (aios_dtype_scaled(t->dtype)) {
		rows_store_scaled(t, row, make, ctx);
		return;
	}
	for (i = 0; i < t->cols; i += n) {
		n = t->cols - i < REF_SPAN ? t->cols - i : REF_SPAN;
		make(ctx, row, i, n, v);
		ref_store(ref_row(t, row), t->dtype, i, n, v);
	}
}

void ref_store_zero_row(const struct aios_tensor *t, uint32_t row)
{
	memset(ref_row(t, row), 0, (size_t)t->cols * aios_dtype_bytes(t->dtype));
	if (t->dtype == AIOS_I8X2)
		memset((char *)ref_row(t, row) + t->plane_bytes, 0, t->cols);
	if (aios_dtype_scaled(t->dtype))
		((float *)ref_ptr(t->scale))[row] = 0.0f;
}
