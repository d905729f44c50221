/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - the compiled kernels, which image.S puts into this file: machine code
 * for each architecture of CONFIG_CUDA_ARCHS, no PTX.
 */
#ifndef CUDA_IMAGE_H
#define CUDA_IMAGE_H

#include <stdint.h>

#define CUDA_HIDDEN __attribute__((visibility("hidden")))

extern const unsigned char cuda_image[] CUDA_HIDDEN;
/* The kernels of GPU_SM90_KERNELS, for compute capability 9.0; empty when not asked for. */
extern const unsigned char cuda_image_sm90[] CUDA_HIDDEN;
/* Version of the toolkit that made it, 13000 for 13.0. */
extern const uint32_t cuda_image_toolkit CUDA_HIDDEN;
/* The architectures in it: "80 86 90a". */
extern const char cuda_image_archs[] CUDA_HIDDEN;

#endif /* CUDA_IMAGE_H */
