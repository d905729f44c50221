/* SPDX-License-Identifier: Apache-2.0 */
/*
 * norm_factor.cuh - from the partial sums of squares of a row to the factor of its norm, without
 * the branches of a division and of a root.
 */
#ifndef GPU_NORM_FACTOR_CUH
#define GPU_NORM_FACTOR_CUH

#include "gpu.h"

/* The tree over a row's partial sums, by each 32 threads for themselves. */
GPU_FN float norm_tree(const float *lanes)
{
	const uint32_t lane = gpu_tid() % 32;
	float q[4], v;

	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++)
		q[i] = aios_add(lanes[i * 32 + lane], lanes[i * 32 + lane + 128]);
	v = aios_add(aios_add(q[0], q[2]), aios_add(q[1], q[3]));
	GPU_UNROLL
	for (uint32_t h = 16; h > 0; h /= 2)
		v = aios_add(v, gpu_shfl_xor_f32(v, h));
	return v;
}

/*
 * aios_rms_factor(). *plain: it is finite, and so is what it was made of. Then the root is what the
 * compiler makes of one in this range, and two Newton steps from the same estimate, in error by
 * 2^-22 at most, round its reciprocal correctly unless all bits of its fraction are ones (compared
 * for each root and each such estimate).
 */
GPU_FN float norm_factor(float sumsq, uint32_t cols, float eps, bool *plain)
{
	const float n = (float)cols, part = aios_float(0x7f000000u - aios_bits(n)); /* 1 / 2^i */
	const float mean = cols & (cols - 1) ? aios_div(sumsq, n) : aios_mul(sumsq, part);
	const float v = aios_add(mean, eps), near = gpu_rsqrt_near(v), first = aios_mul(v, near);
	const float root = aios_fma(aios_fma(-first, first, v), aios_mul(near, 0.5f), first);
	const float r = aios_fma(aios_fma(-root, near, 1.0f), near, near);

	*plain = aios_bits(v) - 0x0d000000u <= 0x727fffffu && ~aios_bits(root) & 0x7fffffu;
	return *plain ? aios_fma(aios_fma(-root, r, 1.0f), r, r) : aios_div(1.0f, aios_sqrt(v));
}

#endif /* GPU_NORM_FACTOR_CUH */
