/* SPDX-License-Identifier: Apache-2.0 */
/* npy.h - NumPy's array files, format 1.0. */
#ifndef CLI_NPY_H
#define CLI_NPY_H

#include <stddef.h>

#include <aios/error.h>

/*
 * Write float32 [rows, cols] to `path`. The file appears complete or not at all: it is written
 * beside its place and renamed. A path that is no regular file (a pipe) is written to directly.
 */
int npy_write_f32(const char *path, const float *data, size_t rows, size_t cols,
		  struct aios_status *st);

#endif /* CLI_NPY_H */
