/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.h - rows of tensors in and out of fp32. All conversions are those of
 * <aios/numerics.h>; what is stored as F32 has canonical NaNs.
 */
#ifndef REF_ROWS_H
#define REF_ROWS_H

#include "ref.h"

#define REF_SPAN 256 /* elements handled at a time on the stack */

/* Address of row `row`, plane 0. */
static inline void *ref_row(const struct aios_tensor *t, uint32_t row)
{
	return (char *)ref_ptr(t->data) + (uint64_t)row * t->row_bytes;
}

/* v[0..n) = elements [first, first + n) of a vector of F32, BF16 or F16. */
void ref_load(const void *src, uint32_t dtype, uint32_t first, uint32_t n, float *v);

/* The other way; the vector is of F32, BF16 or F16. */
void ref_store(void *dst, uint32_t dtype, uint32_t first, uint32_t n, const float *v);

/* Make elements [first, first + n) of row `row` for ref_store_row; may be called twice. */
typedef void (*ref_make_fn)(const void *ctx, uint32_t row, uint32_t first, uint32_t n, float *v);

/* Store a row of any float or scaled type; a scaled one is quantised as a whole, its scale too. */
void ref_store_row(const struct aios_tensor *t, uint32_t row, ref_make_fn make, const void *ctx);

/* A row of +0 (and of scale +0). */
void ref_store_zero_row(const struct aios_tensor *t, uint32_t row);

#endif /* REF_ROWS_H */
