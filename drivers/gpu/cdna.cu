/* SPDX-License-Identifier: Apache-2.0 */
/* cdna.cu - the device image for targets whose matrix units are CDNA's: kernels.h names both lists. */
#include "kernels.cu"

#include "attention_mfma.cuh"
#include "matmul_mfma.cuh"
