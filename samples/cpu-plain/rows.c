// SPDX-License-Identifier: Apache-2.0
/* rows.c - elements of every type: read, round, quantise. */
#include <string.h>

#include "driver.h"

float drv_get(const void *array, uint32_t dtype, uint64_t i)
{
	if (dtype == AIOS_F32)
		return ((const float *)array)[i];
	if (dtype == AIOS_BF16)
		return aios_bf16_to_f32(((const uint16_t *)array)[i]);
	return aios_f16_to_f32(((const uint16_t *)array)[i]);
}

void drv_put(void *array, uint32_t dtype, uint64_t i, float x)
{
	if (dtype == AIOS_F32)
		((float *)array)[i] = aios_canon(x);
	else if (dtype == AIOS_BF16)
		((uint16_t *)array)[i] = aios_f32_to_bf16(x);
	else
		((uint16_t *)array)[i] = aios_f32_to_f16(x);
}

static void put_scaled(const struct aios_tensor *t, uint32_t row, uint32_t i, float x, float inv)
{
	uint8_t *hi = drv_row(t, row);
	int32_t q;

	if (t->dtype == AIOS_E4M3) {
		hi[i] = aios_quant_e4m3(x, inv);
	} else if (t->dtype == AIOS_I8) {
		hi[i] = (uint8_t)aios_quant_i8(x, inv);
	} else {
		q = aios_quant_i8x2(x, inv);
		hi[i] = (uint8_t)aios_i8x2_hi(q);
		hi[i + t->plane_bytes] = (uint8_t)aios_i8x2_lo(q);
	}
}

void drv_store_row(const struct aios_tensor *t, uint32_t row, drv_value_fn value, const void *ctx)
{
	float qmax = t->dtype == AIOS_E4M3 ? AIOS_QMAX_E4M3 :
		     t->dtype == AIOS_I8   ? AIOS_QMAX_I8 :
					     AIOS_QMAX_I8X2;
	struct aios_quant_scale scale;
	float absmax = 0.0f;
	bool finite = true;

	if (!aios_dtype_scaled(t->dtype)) {
		for (uint32_t i = 0; i < t->cols; i++)
			drv_put(drv_row(t, row), t->dtype, i, value(ctx, row, i));
		return;
	}
	for (uint32_t i = 0; i < t->cols; i++)
		absmax = aios_absmax_step(absmax, value(ctx, row, i), &finite);
	scale = aios_quant_scale_of(absmax, finite, qmax);
	((float *)drv_ptr(t->scale))[row] = scale.scale;
	for (uint32_t i = 0; i < t->cols; i++)
		put_scaled(t, row, i, value(ctx, row, i), scale.inv);
}

void drv_store_zeros(const struct aios_tensor *t, uint32_t row)
{
	size_t bytes = (size_t)t->cols * aios_dtype_bytes(t->dtype);

	memset(drv_row(t, row), 0, bytes);
	if (t->dtype == AIOS_I8X2)
		memset((uint8_t *)drv_row(t, row) + t->plane_bytes, 0, bytes);
	if (aios_dtype_scaled(t->dtype))
		((float *)drv_ptr(t->scale))[row] = 0.0f;
}
