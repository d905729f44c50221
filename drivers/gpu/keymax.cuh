/* SPDX-License-Identifier: Apache-2.0 */
/* keymax.cuh - maxima and sums over a whole block: of rank keys, weights, fp32. */
#ifndef GPU_KEYMAX_CUH
#define GPU_KEYMAX_CUH

#include "args.h"
#include "gpu.h"

/* The larger of the two keys, or their sum. */
template <bool SUM> GPU_FN uint64_t keymax_join(uint64_t a, uint64_t b)
{
	if (SUM)
		return a + b;
	return b > a ? b : a;
}

/*
 * keymax_join() over one number from each thread, for all threads; they are a power of two from 64
 * to 1024. keys[]: one for each 32 threads.
 */
template <bool SUM> GPU_FN uint64_t keymax_reduce(uint64_t *keys, uint64_t v)
{
	uint32_t tid = gpu_tid(), groups = gpu_threads() / 32;

	GPU_UNROLL
	for (uint32_t h = 16; h > 0; h /= 2)
		v = keymax_join<SUM>(v, gpu_shfl_xor_u64(v, h));
	gpu_barrier(); /* what the last call left has been read */
	if (tid % 32 == 0)
		keys[tid / 32] = v;
	gpu_barrier();
	v = keys[tid % groups];
	for (uint32_t h = groups / 2; h > 0; h /= 2)
		v = keymax_join<SUM>(v, gpu_shfl_xor_u64(v, h));
	return v;
}

/* The largest of one key from each thread. */
GPU_FN uint64_t keymax_block(uint64_t *keys, uint64_t key)
{
	return keymax_reduce<false>(keys, key);
}

/* The sum of one number from each thread. */
GPU_FN uint64_t keysum_block(uint64_t *keys, uint64_t v)
{
	return keymax_reduce<true>(keys, v);
}

#define KEYMAX_AHEAD 4 /* loads of 16 bytes of a thread in flight at once */

/* Elements [*first, *end) of a row of n are part `part` of `parts`; *first is a multiple of 4. */
GPU_FN void keymax_range(uint32_t n, uint32_t part, uint32_t parts, uint32_t *first, uint32_t *end)
{
	uint64_t quads = ((uint64_t)n + 3) / 4, from = quads * part / parts * 4,
		 to = quads * (part + 1) / parts * 4;

	*first = (uint32_t)from;
	*end = to < n ? (uint32_t)to : n;
}

/*
 * For all elements [first, end) of a row of floats, by all threads of the block: f(value, id).
 * first is a multiple of 4; a row's memory goes on to the next multiple of 16 bytes.
 */
template <typename F> GPU_FN void keymax_walk(const float *row, uint32_t first, uint32_t end, F f)
{
	uint64_t step = 4 * (uint64_t)gpu_threads();
	struct gpu_vec v[KEYMAX_AHEAD];

	for (uint64_t i = first + 4 * (uint64_t)gpu_tid(); i < end; i += KEYMAX_AHEAD * step) {
		GPU_UNROLL
		for (uint32_t j = 0; j < KEYMAX_AHEAD; j++)
			if (i + j * step < end)
				v[j] = gpu_load16(row + i + j * step);
		GPU_UNROLL
		for (uint32_t j = 0; j < KEYMAX_AHEAD; j++) {
			GPU_UNROLL
			for (uint32_t e = 0; e < 4; e++)
				if (i + j * step + e < end)
					f(aios_float(v[j].w[e]), (uint32_t)(i + j * step + e));
		}
	}
}

/* The best key of part `part` of `parts` of a row of logits, for all threads. */
GPU_FN uint64_t keymax_part(uint64_t *keys, const float *logits, uint32_t n, uint32_t part,
			    uint32_t parts)
{
	uint32_t first, end;
	uint64_t best = 0;

	keymax_range(n, part, parts, &first, &end);
	keymax_walk(logits, first, end, [&](float x, uint32_t id) {
		best = keymax_join<false>(best, aios_rank_key(x, id));
	});
	return keymax_block(keys, best);
}

/* The best id of a row of logits. */
GPU_FN uint32_t keymax_argmax(uint64_t *keys, const float *logits, uint32_t n)
{
	return aios_rank_id(keymax_part(keys, logits, n, 0, 1));
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
