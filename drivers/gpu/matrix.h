/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matrix.h - what kernels of compute capability 9.0 use beside gpu.h: the matrix units of a warp,
 * and copies that report to barriers in shared memory. For CUDA, and for the host shim. A warp has
 * 32 threads; all of them make each call that has "warp" in its comment, together.
 */
#ifndef GPU_MATRIX_H
#define GPU_MATRIX_H

#include "gpu.h"

#if defined(GPU_SHIM)
#include "shim_matrix.h" /* include-ok: tests/shim, only when the kernels run on the host */
#else

/* An address as the instructions for shared memory take it. */
GPU_FN uint32_t gpu_shared_at(const void *shared)
{
	return (uint32_t)__cvta_generic_to_shared(shared);
}

/*
 * A place in shared memory as a number of bytes that is kept in a register, for addresses that a
 * loop uses: arithmetic as on bytes; functions below take it where they take a pointer.
 */
typedef uint32_t gpu_place;

GPU_FN gpu_place gpu_place_of(const void *shared)
{
	gpu_place at = gpu_shared_at(shared);

	asm volatile("" : "+r"(at)); /* else it is computed anew for every use */
	return at;
}

/* --- the matrix units ----------------------------------------------------------- */

/*
 * Warp: d[16][8] += a[16][16] * b[16][8], one TFDPA (L = 16, F = 25) an output. Lane l, with
 * g = l / 4 and c = 2 * (l % 4), holds of
 *   a: rows g, g + 8, g, g + 8; columns c and c + 1 in the first two words, c + 8, c + 9 in the others
 *   b: rows c, c + 1 and c + 8, c + 9 of column g
 *   d: row g columns c, c + 1, then row g + 8.
 * The lower half of a word is the lower column (a) or row (b).
 */
GPU_FN void gpu_mma_bf16(float d[4], const uint32_t a[4], const uint32_t b[2])
{
	asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
	    "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
	    : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
	    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

GPU_FN void gpu_mma_f16(float d[4], const uint32_t a[4], const uint32_t b[2])
{
	asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, "
	    "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
	    : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
	    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/*
 * Warp: the same over signed bytes with 32 columns of a, exact: a word holds four neighbours where
 * it held two above, c = 4 * (l % 4), + 16 in the second half; d as above.
 */
GPU_FN void gpu_mma_s8(int32_t d[4], const uint32_t a[4], const uint32_t b[2])
{
	asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, "
	    "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
	    : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
	    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/*
 * Warp: four matrices of 8 rows of 16 bytes in shared memory; lane l has the address of row l % 8
 * of matrix l / 8. r[i]: word l % 4 of row l / 4 of matrix i.
 */
GPU_FN void gpu_ldmatrix_x4(uint32_t r[4], const void *row)
{
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
		     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
		     : "r"(gpu_shared_at(row))
		     : "memory");
}

GPU_FN void gpu_ldmatrix_x4(uint32_t r[4], gpu_place row)
{
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
		     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
		     : "r"(row)
		     : "memory");
}

/* Warp: the matrices, of 8 x 8 halves, transposed: r[i] is column l / 4, rows 2 * (l % 4), + 1. */
GPU_FN void gpu_ldmatrix_x4_trans(uint32_t r[4], const void *row)
{
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
		     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
		     : "r"(gpu_shared_at(row))
		     : "memory");
}

GPU_FN void gpu_ldmatrix_x4_trans(uint32_t r[4], gpu_place row)
{
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
		     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
		     : "r"(row)
		     : "memory");
}

/* --- barriers in shared memory ---------------------------------------------------- */

/*
 * A barrier (8 bytes, aligned) is in its phase 0, 1, 2 ... A phase ends when `count` arrivals were
 * made in it and all bytes expected in it have come. gpu_mbar_wait() with parity p waits for the
 * end of the phase whose number's lowest bit is p: with parity 1 it does not wait in phase 0.
 * After gpu_mbar_init() one gpu_mbar_fence_init() and a gpu_barrier(), before others use it.
 */
GPU_FN void gpu_mbar_init(gpu_place bar, uint32_t count)
{
	asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(bar), "r"(count) : "memory");
}

GPU_FN void gpu_mbar_init(uint64_t *bar, uint32_t count)
{
	gpu_mbar_init(gpu_shared_at(bar), count);
}

GPU_FN void gpu_mbar_fence_init(void)
{
	asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

/* Arrive, and expect that many bytes more in this phase. */
GPU_FN void gpu_mbar_expect(gpu_place bar, uint32_t bytes)
{
	asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(bar), "r"(bytes)
		     : "memory");
}

GPU_FN void gpu_mbar_expect(uint64_t *bar, uint32_t bytes)
{
	gpu_mbar_expect(gpu_shared_at(bar), bytes);
}

GPU_FN void gpu_mbar_arrive(gpu_place bar)
{
	asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(bar) : "memory");
}

GPU_FN void gpu_mbar_arrive(uint64_t *bar)
{
	gpu_mbar_arrive(gpu_shared_at(bar));
}

GPU_FN void gpu_mbar_wait(gpu_place bar, uint32_t parity)
{
	uint32_t done;

	do {
		asm volatile("{\n\t.reg .pred p;\n\t"
			     "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n\t"
			     "selp.u32 %0, 1, 0, p;\n\t}"
			     : "=r"(done)
			     : "r"(bar), "r"(parity)
			     : "memory");
	} while (!done);
}

GPU_FN void gpu_mbar_wait(uint64_t *bar, uint32_t parity)
{
	gpu_mbar_wait(gpu_shared_at(bar), parity);
}

/* --- copies ------------------------------------------------------------------------ */

/*
 * One thread: copy `bytes` (a multiple of 16, both addresses as well) to shared memory; they count
 * for `bar` when they have come.
 */
GPU_FN void gpu_bulk_copy(gpu_place shared, const void *global, uint32_t bytes, gpu_place bar)
{
	asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
		     "[%0], [%1], %2, [%3];" ::"r"(shared),
		     "l"(global), "r"(bytes), "r"(bar)
		     : "memory");
}

GPU_FN void gpu_bulk_copy(void *shared, const void *global, uint32_t bytes, uint64_t *bar)
{
	gpu_bulk_copy(gpu_shared_at(shared), global, bytes, gpu_shared_at(bar));
}

/* The same of what no one reads again soon: it goes out of the cache first. */
GPU_FN void gpu_bulk_copy_once(gpu_place shared, const void *global, uint32_t bytes, gpu_place bar)
{
	uint64_t policy;

	asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
	asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
		     ".L2::cache_hint [%0], [%1], %2, [%3], %4;" ::"r"(shared),
		     "l"(global), "r"(bytes), "r"(bar), "l"(policy)
		     : "memory");
}

GPU_FN void gpu_bulk_copy_once(void *shared, const void *global, uint32_t bytes, uint64_t *bar)
{
	gpu_bulk_copy_once(gpu_shared_at(shared), global, bytes, gpu_shared_at(bar));
}

/* As gpu_async_copy(), of which `valid` bytes are read and the others are zeros. */
GPU_FN void gpu_async_copy_zero(void *shared, const void *global, uint32_t valid)
{
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(gpu_shared_at(shared)),
		     "l"(global), "r"(valid)
		     : "memory");
}

/* Arrive when all of this thread's gpu_async_copy() so far have come; counts as an arrival. */
GPU_FN void gpu_async_arrive(gpu_place bar)
{
	asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(bar) : "memory");
}

GPU_FN void gpu_async_arrive(uint64_t *bar)
{
	gpu_async_arrive(gpu_shared_at(bar));
}

/* gpu_async_copy() to a place. */
GPU_FN void gpu_async_copy(gpu_place shared, const void *global)
{
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(global)
		     : "memory");
}

/* --- boxes of tensor maps ------------------------------------------------- */

/* A parameter of a kernel that has maps (plan.h) in it. */
#define GPU_MAPPED const __grid_constant__

/* How long what a copy reads is to stay in the cache. */
typedef uint64_t gpu_keep;

GPU_FN gpu_keep gpu_keep_short(void)
{
	uint64_t policy;

	asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
	return policy;
}

GPU_FN gpu_keep gpu_keep_long(void)
{
	uint64_t policy;

	asm("createpolicy.fractional.L2::evict_last.b64 %0, 1.0;" : "=l"(policy));
	return policy;
}

/* One thread: the map is about to be used. */
GPU_FN void gpu_map_prefetch(const void *map)
{
	asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

/* One thread: copy the box of a map of rank 4 at these coordinates; all its bytes count for bar. */
GPU_FN void gpu_map_copy(gpu_place shared, const void *map, const uint32_t at[4], gpu_place bar,
			 gpu_keep keep)
{
	asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes"
		     ".L2::cache_hint [%0], [%1, {%2, %3, %4, %5}], [%6], %7;" ::"r"(shared),
		     "l"(map), "r"(at[0]), "r"(at[1]), "r"(at[2]), "r"(at[3]), "r"(bar), "l"(keep)
		     : "memory");
}

/* The same of rank 3. */
GPU_FN void gpu_map_copy_3(gpu_place shared, const void *map, const uint32_t at[3], gpu_place bar,
			   gpu_keep keep)
{
	asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes"
		     ".L2::cache_hint [%0], [%1, {%2, %3, %4}], [%5], %6;" ::"r"(shared),
		     "l"(map), "r"(at[0]), "r"(at[1]), "r"(at[2]), "r"(bar), "l"(keep)
		     : "memory");
}

/* Between this thread's ordinary accesses to shared memory and those of bulk copies and wgmma. */
GPU_FN void gpu_fence_async(void)
{
	asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

#endif /* GPU_SHIM */

/* --- built from these --------------------------------------------------------------- */

/* gpu_mma_f16() or gpu_mma_bf16(). */
template <bool F16> GPU_FN void gpu_mma_half(float d[4], const uint32_t a[4], const uint32_t b[2])
{
	if (F16)
		gpu_mma_f16(d, a, b);
	else
		gpu_mma_bf16(d, a, b);
}

/*
 * Of four neighbouring threads each has word tid % 4 of four vectors; it gets all words of vector
 * tid % 4. Warp.
 */
GPU_FN struct gpu_vec gpu_quad_turn(const uint32_t w[4])
{
	bool odd = gpu_tid() & 1, high = gpu_tid() & 2;
	uint32_t pair[2][2], got, own;
	struct gpu_vec v;

	GPU_UNROLL
	for (int i = 0; i < 2; i++) {
		got = gpu_shfl_xor(odd ? w[2 * i] : w[2 * i + 1], 1);
		own = odd ? w[2 * i + 1] : w[2 * i];
		pair[i][0] = odd ? got : own;
		pair[i][1] = odd ? own : got;
	}
	GPU_UNROLL
	for (int i = 0; i < 2; i++) {
		got = gpu_shfl_xor(high ? pair[0][i] : pair[1][i], 2);
		own = high ? pair[1][i] : pair[0][i];
		v.w[i] = high ? got : own;
		v.w[2 + i] = high ? own : got;
	}
	return v;
}

#endif /* GPU_MATRIX_H */
