/* SPDX-License-Identifier: Apache-2.0 */
/* sm80.cu - the device image for CUDA, from compute capability 8.0 on: kernels.h names both lists. */
#include "kernels.cu"

#include "attention_fma.cuh"
