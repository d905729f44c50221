/* SPDX-License-Identifier: Apache-2.0 */
/*
 * types.h - the words every other header uses: data types, device addresses,
 * tensors. Needs libc only; compiles as C11 and C++17.
 */
#ifndef AIOS_TYPES_H
#define AIOS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An address in a device's memory, in bytes. Opaque to the core: it may add
 * offsets inside one allocation and hand the sum to the driver, nothing else.
 * 0 means "none". A CPU driver may use host pointers; nobody else may assume it.
 */
typedef uint64_t aios_addr;

/* Element types. The numbers are part of the ABI and of the numerics id. */
enum aios_dtype {
	AIOS_NONE = 0,
	AIOS_F32 = 1,  /* IEEE-754 binary32 */
	AIOS_F16 = 2,  /* IEEE-754 binary16 */
	AIOS_BF16 = 3, /* upper half of binary32 */
	AIOS_E4M3 = 4, /* OCP fp8 e4m3 (finite + NaN), with one F32 scale a row */
	AIOS_I8 = 5,   /* int8, with one F32 scale a row */
	AIOS_I8X2 = 6, /* int16 as two int8 planes (256*hi + lo), one F32 scale a row */
	AIOS_I32 = 7,
	AIOS_U8 = 8,
	AIOS_I64 = 9,
	AIOS_F64 = 10,
	AIOS_DTYPE_COUNT
};

/* How the elements of a tensor lie in memory. */
enum aios_layout {
	AIOS_LAYOUT_ROWS = 0,    /* row-major; row r begins at data + r * row_bytes */
	AIOS_LAYOUT_DRIVER = 256 /* first of the numbers a driver gives its own packings */
};

/*
 * A matrix in device memory. A plain value: it owns nothing. The memory stays
 * valid until the work that uses it has completed.
 */
struct aios_tensor {
	aios_addr data;       /* first element; of the hi plane for I8X2 */
	aios_addr scale;      /* F32[rows]; only for E4M3, I8 and I8X2, else 0 */
	uint32_t dtype;       /* enum aios_dtype */
	uint32_t layout;      /* enum aios_layout or a driver's own */
	uint32_t rows;        /* outer dimension: tokens, or a weight's outputs */
	uint32_t cols;        /* inner dimension: contiguous elements */
	uint64_t row_bytes;   /* distance from one row to the next, bytes */
	uint64_t plane_bytes; /* I8X2: distance from the hi to the lo plane, else 0 */
};

/* Bytes of one element; I8X2 counts one plane. 0 for AIOS_NONE. */
static inline uint32_t aios_dtype_bytes(uint32_t dtype)
{
	switch (dtype) {
	case AIOS_F32:
	case AIOS_I32:
		return 4;
	case AIOS_F16:
	case AIOS_BF16:
		return 2;
	case AIOS_E4M3:
	case AIOS_I8:
	case AIOS_I8X2:
	case AIOS_U8:
		return 1;
	case AIOS_I64:
	case AIOS_F64:
		return 8;
	default:
		return 0;
	}
}

/* True for the types that carry one F32 scale a row. */
static inline bool aios_dtype_scaled(uint32_t dtype)
{
	return dtype == AIOS_E4M3 || dtype == AIOS_I8 || dtype == AIOS_I8X2;
}

/* Lower-case name of a type, as reports print it. Static storage. */
static inline const char *aios_dtype_name(uint32_t dtype)
{
	switch (dtype) {
	case AIOS_F32:
		return "f32";
	case AIOS_F16:
		return "f16";
	case AIOS_BF16:
		return "bf16";
	case AIOS_E4M3:
		return "e4m3";
	case AIOS_I8:
		return "i8";
	case AIOS_I8X2:
		return "i8x2";
	case AIOS_I32:
		return "i32";
	case AIOS_U8:
		return "u8";
	case AIOS_I64:
		return "i64";
	case AIOS_F64:
		return "f64";
	default:
		return "none";
	}
}

#endif /* AIOS_TYPES_H */
