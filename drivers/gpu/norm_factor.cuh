/* SPDX-License-Identifier: Apache-2.0 */
/*
 * norm_factor.cuh - from a row's sum of squares to the factor of its norm, without the branches of
 * a division and of a root.
 */
#ifndef GPU_NORM_FACTOR_CUH
#define GPU_NORM_FACTOR_CUH

#include "gpu.h"

/*
 * aios_rms_factor(). In the plain range the root is what the compiler makes of one there, and two
 * Newton steps from the same estimate, in error by 2^-22 at most, round its reciprocal correctly
 * unless all bits of its fraction are ones (compared for each root and each such estimate).
 */
GPU_FN float norm_factor(float sumsq, uint32_t cols, float eps)
{
	const float n = (float)cols, part = aios_float(0x7f000000u - aios_bits(n)); /* 1 / 2^i */
	const float mean = cols & (cols - 1) ? aios_div(sumsq, n) : aios_mul(sumsq, part);
	const float v = aios_add(mean, eps), near = gpu_rsqrt_near(v), first = aios_mul(v, near);
	const float root = aios_fma(aios_fma(-first, first, v), aios_mul(near, 0.5f), first);
	const float r = aios_fma(aios_fma(-root, near, 1.0f), near, near);
	const bool plain = aios_bits(v) - 0x0d000000u <= 0x727fffffu &&
			   ~aios_bits(root) & 0x7fffffu;

	return plain ? aios_fma(aios_fma(-root, r, 1.0f), r, r) : aios_div(1.0f, aios_sqrt(v));
}

#endif /* GPU_NORM_FACTOR_CUH */
