/* SPDX-License-Identifier: Apache-2.0 */
/* sm90.cu - the kernels for compute capability 9.0, a device image of their own; see kernels.h. */
#include "matmul_any.cuh"
#include "matmul_batch.cuh"
#include "matmul_stream.cuh"
#include "matmul_wgmma.cuh"
#include "attention_tc.cuh"
