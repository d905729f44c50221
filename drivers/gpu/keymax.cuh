/* SPDX-License-Identifier: Apache-2.0 */
/* keymax.cuh - maxima and sums over a whole block: of rank keys, weights, fp32. */
#ifndef GPU_KEYMAX_CUH
#define GPU_KEYMAX_CUH

#include "args.h"
#include "gpu.h"

/* The largest of one key from each thread; threads a power of two from 64, keys[] one for each. */
GPU_FN uint64_t keymax_block(uint64_t *keys, uint64_t key)
{
	uint32_t tid = gpu_tid();

	gpu_barrier();
	keys[tid] = key;
	gpu_barrier();
	for (uint32_t h = gpu_threads() / 2; h > 0; h /= 2) {
		if (tid < h && keys[tid + h] > keys[tid])
			keys[tid] = keys[tid + h];
		gpu_barrier();
	}
	return keys[0];
}

/* The sum of one number from each thread. */
GPU_FN uint64_t keysum_block(uint64_t *keys, uint64_t v)
{
	uint32_t tid = gpu_tid();

	gpu_barrier();
	keys[tid] = v;
	gpu_barrier();
	for (uint32_t h = gpu_threads() / 2; h > 0; h /= 2) {
		if (tid < h)
			keys[tid] += keys[tid + h];
		gpu_barrier();
	}
	return keys[0];
}

#define KEYMAX_AHEAD 8 /* loads of a thread in flight at once */

/* The best id of a row of logits, by all threads of the block. */
GPU_FN uint32_t keymax_argmax(uint64_t *keys, const float *logits, uint32_t n)
{
	uint64_t step = gpu_threads(), best = 0, key;
	float v[KEYMAX_AHEAD];

	for (uint64_t i = gpu_tid(); i < n; i += KEYMAX_AHEAD * step) {
		GPU_UNROLL
		for (uint32_t j = 0; j < KEYMAX_AHEAD; j++)
			v[j] = i + j * step < n ? logits[i + j * step] : 0.0f;
		GPU_UNROLL
		for (uint32_t j = 0; j < KEYMAX_AHEAD; j++) {
			key = aios_rank_key(v[j], (uint32_t)(i + j * step));
			best = i + j * step < n && key > best ? key : best;
		}
	}
	return aios_rank_id(keymax_block(keys, best));
}

/*
 * A float as an integer of the same order, for maxima; -0 counts as +0. NaN never wins: it is
 * less than -inf.
 */
GPU_FN uint64_t keymax_of(float x)
{
	return aios_rank_key(x, 0);
}

/* The maximum of the floats behind such keys, -inf when there was none but NaN. */
GPU_FN float keymax_float(uint64_t key)
{
	uint32_t u = (uint32_t)(key >> 32);

	if (u == 0)
		return -aios_inf();
	return aios_float(u & 0x80000000u ? u & 0x7fffffffu : ~u);
}

#endif /* GPU_KEYMAX_CUH */
