/* SPDX-License-Identifier: Apache-2.0 */
/*
 * panels.h - how matmul weights lie in device memory for the matrix units: GPU_LAYOUT_PANELS.
 * C11, CUDA C++ and the host shim read this.
 *
 * A panel is 8 weight rows. It is cut along k into units of 16 bytes a row (8 elements of BF16 or
 * F16, 16 of I8); unit u of a panel is 128 bytes: row 0's 16 bytes, row 1's, ... row 7's. Units
 * follow each other, panels too. So a slice of a panel along k is one contiguous piece (a bulk
 * copy), and a unit is the 8 x 16 byte "core matrix" of ldmatrix, mma and wgmma (K-major, no
 * swizzle: LBO 128 bytes, SBO the distance of two panels), free of bank conflicts.
 * Rows are padded to GPU_PANEL_ROWS_PAD and k to GPU_PANEL_K_PAD bytes, with zeros, which take no
 * part in a dot product.
 */
#ifndef GPU_PANELS_H
#define GPU_PANELS_H

#include <aios/types.h>

#define GPU_LAYOUT_PANELS (AIOS_LAYOUT_DRIVER + 1)

#define GPU_PANEL_ROWS 8
#define GPU_PANEL_UNIT 16 /* bytes of a row in a unit */
#define GPU_PANEL_UNIT_BYTES (GPU_PANEL_ROWS * GPU_PANEL_UNIT)
#define GPU_PANEL_ROWS_PAD 16
#define GPU_PANEL_K_PAD 128 /* bytes */

/* Bytes of a row, padded: the tensor's row_bytes. `elem`: bytes of an element. */
#define GPU_PANEL_ROW_BYTES(cols, elem)                                                            \
	(((uint64_t)(cols) * (elem) + GPU_PANEL_K_PAD - 1) / GPU_PANEL_K_PAD * GPU_PANEL_K_PAD)

/* Rows of the tensor, padded; the tensor takes this times row_bytes. */
#define GPU_PANEL_PAD_ROWS(rows)                                                                   \
	(((uint64_t)(rows) + GPU_PANEL_ROWS_PAD - 1) / GPU_PANEL_ROWS_PAD * GPU_PANEL_ROWS_PAD)

/* Offset of byte `at` of row `row` in a tensor with this row_bytes. */
#define GPU_PANEL_OFFSET(row, at, row_bytes)                                                       \
	((uint64_t)((row) / GPU_PANEL_ROWS) * GPU_PANEL_ROWS * (row_bytes) +                       \
	 (uint64_t)((at) / GPU_PANEL_UNIT) * GPU_PANEL_UNIT_BYTES +                                \
	 (uint64_t)((row) % GPU_PANEL_ROWS) * GPU_PANEL_UNIT + (at) % GPU_PANEL_UNIT)

#endif /* GPU_PANELS_H */
