/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - the compiled kernels, which image.S puts into this file: machine code
 * for each target of CONFIG_HIP_ARCHS; the runtime takes the GPU's own.
 */
#ifndef HIP_IMAGE_H
#define HIP_IMAGE_H

#define HIP_HIDDEN __attribute__((visibility("hidden")))

extern const unsigned char hip_image[] HIP_HIDDEN;
/* The targets in it: "gfx90a gfx1030". */
extern const char hip_image_archs[] HIP_HIDDEN;

#endif /* HIP_IMAGE_H */
