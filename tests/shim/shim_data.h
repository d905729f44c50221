/* SPDX-License-Identifier: Apache-2.0 */
/* shim_data.h - what tests of kernels on the shim are given: random numbers, memory, floats of a type. */
#ifndef SHIM_DATA_H
#define SHIM_DATA_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>
#include <aios/op.h>

#define SHIM_PAD 16    /* bytes behind a row that no one may use */
#define SHIM_FILL 0x5a /* what memory is full of */

static inline uint32_t shim_next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 32);
}

/* At least so many bytes, whole units of 256, full of SHIM_FILL; free() them. */
static inline void *shim_alloc(size_t bytes)
{
	const size_t all = (bytes + 255) / 256 * 256;
	void *p = aligned_alloc(256, all);

	ck_assert_ptr_nonnull(p);
	memset(p, SHIM_FILL, all);
	return p;
}

/* Element i of F32, BF16 or F16: rounded to the type, and widened. */
static inline void shim_set(void *data, uint32_t dtype, size_t i, float v)
{
	if (dtype == AIOS_F32)
		((float *)data)[i] = v;
	else if (dtype == AIOS_BF16)
		((uint16_t *)data)[i] = aios_f32_to_bf16(v);
	else
		((uint16_t *)data)[i] = aios_f32_to_f16(v);
}

static inline float shim_get(const void *data, uint32_t dtype, size_t i)
{
	if (dtype == AIOS_F32)
		return ((const float *)data)[i];
	if (dtype == AIOS_BF16)
		return aios_bf16_to_f32(((const uint16_t *)data)[i]);
	return aios_f16_to_f32(((const uint16_t *)data)[i]);
}

/* Rows with SHIM_PAD bytes behind each, and scales; shim_free() them. */
static inline struct aios_tensor shim_tensor(uint32_t dtype, uint32_t rows, uint32_t cols)
{
	struct aios_tensor t = { .dtype = dtype, .rows = rows, .cols = cols };

	t.row_bytes = ((uint64_t)cols * aios_dtype_bytes(dtype) + 15) / 16 * 16 + SHIM_PAD;
	t.plane_bytes = dtype == AIOS_I8X2 ? rows * t.row_bytes : 0;
	t.data = (uintptr_t)shim_alloc(2 * rows * t.row_bytes);
	t.scale = (uintptr_t)shim_alloc(rows * sizeof(float));
	return t;
}

static inline void shim_free(const struct aios_tensor *t)
{
	free((void *)(uintptr_t)t->data);
	free((void *)(uintptr_t)t->scale);
}

#endif /* SHIM_DATA_H */
