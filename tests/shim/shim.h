/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim.h - the third implementation of drivers/gpu/gpu.h's primitives: a block's threads are
 * fibers of one thread of the host, which change at barriers and wave operations. See shim.cpp.
 */
#ifndef SHIM_H
#define SHIM_H

#include <stdint.h>

#define GPU_KERNEL(n) extern "C" void
#define GPU_KERNEL_WIDE(n) extern "C" void
#define GPU_KERNEL_MIN(n, m) extern "C" void
#define GPU_FN static inline
#define GPU_UNROLL
#define GPU_UNROLL_4
#define GPU_NO_UNROLL

/* Where the current fiber is; shim.cpp keeps it right. */
struct shim_place {
	uint32_t tid, threads, wave;
	uint32_t cdna; /* the generation of the matrix units, which waves of 64 may have; 0: none */
	uint32_t mma_words; /* of gpu_mma_i8() */
	bool rehearses;     /* as some devices do; others must not miss it */
	bool keeps;         /* mutant: subnormals, where the matrix unit has none */
	uint32_t block[3], grid[3];
	unsigned char *shared;
};
extern struct shim_place shim_here;

void shim_barrier(const char *site);
/* What the lanes of a wave handed over, and the lowest bit of each. */
struct shim_lanes {
	uint32_t values[64];
	uint64_t bits;
	uint32_t wide[10][32]; /* of matrix operations */
};
/* Every lane of the wave hands over v; the result stays until the next exchange but one. */
const struct shim_lanes *shim_exchange(uint32_t v, const char *site);
void shim_async_copy(void *dst, const void *src);
void shim_async_commit(void);
void shim_async_wait(uint32_t n);
void shim_yield(void);

/* A place in the source, told apart from others by its address. */
#define SHIM_SITE                                                                                  \
	({                                                                                         \
		static const char site = 1;                                                        \
		&site;                                                                             \
	})

#define gpu_barrier() shim_barrier(SHIM_SITE)
#define gpu_shfl_xor(v, mask) shim_shfl_xor((v), (mask), SHIM_SITE)
#define gpu_shfl(v, lane) shim_shfl((v), (lane), SHIM_SITE)
#define gpu_ballot(p) shim_ballot((p), SHIM_SITE)
#define gpu_wave_sync() ((void)shim_exchange(0, SHIM_SITE))

GPU_FN unsigned char *gpu_shared(void)
{
	return shim_here.shared;
}

GPU_FN uint32_t gpu_tid(void)
{
	return shim_here.tid;
}

GPU_FN uint32_t gpu_threads(void)
{
	return shim_here.threads;
}

GPU_FN uint32_t gpu_bx(void)
{
	return shim_here.block[0];
}

GPU_FN uint32_t gpu_by(void)
{
	return shim_here.block[1];
}

GPU_FN uint32_t gpu_bz(void)
{
	return shim_here.block[2];
}

GPU_FN uint32_t gpu_grid_x(void)
{
	return shim_here.grid[0];
}

GPU_FN uint32_t gpu_grid_y(void)
{
	return shim_here.grid[1];
}

GPU_FN uint32_t gpu_wave(void)
{
	return shim_here.wave;
}

GPU_FN uint32_t shim_shfl_xor(uint32_t v, uint32_t mask, const char *site)
{
	uint32_t lane = shim_here.tid % shim_here.wave;

	return shim_exchange(v, site)->values[lane ^ mask];
}

GPU_FN uint32_t shim_shfl(uint32_t v, uint32_t lane, const char *site)
{
	return shim_exchange(v, site)->values[lane];
}

GPU_FN uint64_t shim_ballot(bool p, const char *site)
{
	return shim_exchange(p ? 1 : 0, site)->bits;
}

/* Another fiber may run before an atomic operation, never inside it. */
GPU_FN void gpu_add32(uint32_t *p, uint32_t v)
{
	shim_yield();
	*p += v;
}

GPU_FN uint32_t gpu_take32(uint32_t *p, uint32_t v)
{
	shim_yield();
	*p += v;
	return *p - v;
}

GPU_FN void gpu_add64(uint64_t *p, uint64_t v)
{
	shim_yield();
	*p += v;
}

GPU_FN uint32_t gpu_swap_if(uint32_t *p, uint32_t was, uint32_t v)
{
	uint32_t is;

	shim_yield();
	is = *p;
	if (is == was)
		*p = v;
	return is;
}

GPU_FN void gpu_async_copy(void *shared, const void *global)
{
	shim_async_copy(shared, global);
}

GPU_FN void gpu_async_commit(void)
{
	shim_async_commit();
}

GPU_FN void gpu_async_wait(uint32_t n)
{
	shim_async_wait(n);
}

#define gpu_f16_to_f32(h) aios_f16_to_f32(h)

GPU_FN int32_t gpu_dot4(uint32_t a, uint32_t b, int32_t c)
{
	for (int i = 0; i < 32; i += 8)
		c += (int32_t)(int8_t)(a >> i) * (int32_t)(int8_t)(b >> i);
	return c;
}

/* A step of a wave's matrix unit, by what all lanes hand over. */
GPU_FN void shim_mma_i8(int32_t d[4], const uint32_t *a, const uint32_t *b, const char *site)
{
	uint32_t n = shim_here.mma_words, lane = shim_here.tid % 64, va[2][64], vb[2][64];

	for (uint32_t i = 0; i < n; i++) {
		__builtin_memcpy(va[i], shim_exchange(a[i], site)->values, sizeof(va[i]));
		__builtin_memcpy(vb[i], shim_exchange(b[i], site)->values, sizeof(vb[i]));
	}
	for (uint32_t r = 0; r < 4; r++)
		for (uint32_t g = 0; g < 4 * n; g++)
			d[r] = gpu_dot4(va[g / 4][g % 4 * 16 + lane / 16 * 4 + r],
					vb[g / 4][g % 4 * 16 + lane % 16], d[r]);
}

#define gpu_mma_i8(d, a, b) shim_mma_i8((d), (a), (b), SHIM_SITE)

GPU_FN uint32_t shim_mma_i8_words(void)
{
	return shim_here.mma_words;
}

#endif /* SHIM_H */
