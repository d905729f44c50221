/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_matrix.h - drivers/gpu/matrix.h on the host: a warp's fibers hand over their fragments, and
 * the last to come does the work for all, as the hardware does. See shim_matrix.inc.
 */
#ifndef SHIM_MATRIX_H
#define SHIM_MATRIX_H

#include "shim.h"

enum shim_matrix_op {
	SHIM_MMA_BF16,
	SHIM_MMA_F16,
	SHIM_MMA_S8,
	SHIM_LDMATRIX,
	SHIM_LDMATRIX_TRANS
};

/* d += a * b of all lanes. */
void shim_mma(enum shim_matrix_op op, uint32_t d[4], const uint32_t a[4], const uint32_t b[2],
	      const char *site);
/* n matrices, r[0 .. n). */
void shim_ldmatrix(enum shim_matrix_op op, uint32_t n, uint32_t *r, const void *row,
		   const char *site);
void shim_mbar_init(uint64_t *bar, uint32_t count);
void shim_mbar_arrive(uint64_t *bar, uint32_t expect);
void shim_mbar_wait(uint64_t *bar, uint32_t parity);
void shim_bulk_copy(void *dst, const void *src, uint32_t bytes, uint64_t *bar);
void shim_map_copy(void *dst, const void *map, const uint32_t *at, uint32_t rank, uint64_t *bar);
void shim_async_copy_zero(void *dst, const void *src, uint32_t valid);
void shim_async_arrive(uint64_t *bar);

#define gpu_mma_bf16(d, a, b) shim_mma_f32(SHIM_MMA_BF16, (d), (a), (b), SHIM_SITE)
#define gpu_mma_f16(d, a, b) shim_mma_f32(SHIM_MMA_F16, (d), (a), (b), SHIM_SITE)
#define gpu_mma_s8(d, a, b) shim_mma(SHIM_MMA_S8, (uint32_t *)(d), (a), (b), SHIM_SITE)
#define gpu_ldmatrix_x4(r, row) shim_ldmatrix(SHIM_LDMATRIX, 4, (r), (row), SHIM_SITE)
#define gpu_ldmatrix_x4_trans(r, row) shim_ldmatrix(SHIM_LDMATRIX_TRANS, 4, (r), (row), SHIM_SITE)

/* Here a place is the address. */
typedef unsigned char *gpu_place;

GPU_FN gpu_place gpu_place_of(void *shared)
{
	return (gpu_place)shared;
}

GPU_FN void shim_mma_f32(enum shim_matrix_op op, float d[4], const uint32_t a[4],
			 const uint32_t b[2], const char *site)
{
	uint32_t bits[4];

	__builtin_memcpy(bits, d, sizeof(bits));
	shim_mma(op, bits, a, b, site);
	__builtin_memcpy(d, bits, sizeof(bits));
}

template <typename T> GPU_FN void gpu_mbar_init(T *bar, uint32_t count)
{
	shim_mbar_init((uint64_t *)bar, count);
}

GPU_FN void gpu_mbar_fence_init(void)
{
}

/* Barriers by address: uint64_t * or a place. */
template <typename T> GPU_FN void gpu_mbar_expect(T *bar, uint32_t bytes)
{
	shim_mbar_arrive((uint64_t *)bar, bytes);
}

template <typename T> GPU_FN void gpu_mbar_arrive(T *bar)
{
	shim_mbar_arrive((uint64_t *)bar, 0);
}

template <typename T> GPU_FN void gpu_mbar_wait(T *bar, uint32_t parity)
{
	shim_mbar_wait((uint64_t *)bar, parity);
}

template <typename T>
GPU_FN void gpu_bulk_copy(void *shared, const void *global, uint32_t bytes, T *bar)
{
	shim_bulk_copy(shared, global, bytes, (uint64_t *)bar);
}

template <typename T>
GPU_FN void gpu_bulk_copy_once(void *shared, const void *global, uint32_t bytes, T *bar)
{
	shim_bulk_copy(shared, global, bytes, (uint64_t *)bar);
}

GPU_FN void gpu_async_copy_zero(void *shared, const void *global, uint32_t valid)
{
	shim_async_copy_zero(shared, global, valid);
}

template <typename T> GPU_FN void gpu_async_arrive(T *bar)
{
	shim_async_arrive((uint64_t *)bar);
}

GPU_FN void gpu_fence_async(void)
{
}

#define GPU_MAPPED const

typedef uint32_t gpu_keep;

GPU_FN gpu_keep gpu_keep_short(void)
{
	return 0;
}

GPU_FN gpu_keep gpu_keep_long(void)
{
	return 1;
}

GPU_FN void gpu_map_prefetch(const void *map)
{
	(void)map;
}

GPU_FN void gpu_map_copy(gpu_place shared, const void *map, const uint32_t at[4], gpu_place bar,
			 gpu_keep keep)
{
	(void)keep;
	shim_map_copy(shared, map, at, 4, (uint64_t *)bar);
}

GPU_FN void gpu_map_copy_3(gpu_place shared, const void *map, const uint32_t at[3], gpu_place bar,
			   gpu_keep keep)
{
	(void)keep;
	shim_map_copy(shared, map, at, 3, (uint64_t *)bar);
}

#endif /* SHIM_MATRIX_H */
