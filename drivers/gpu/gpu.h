/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpu.h - the device side primitives that kernels use, three times: CUDA, HIP, and the host shim
 * of tests/shim. The only file here that knows vendors.
 *
 * A block's threads are counted along x only. All shared memory is dynamic: gpu_shared(). A
 * "wave" is a warp of 32 or a wave of 64; shuffles take every thread of the wave, all at the same
 * call, and exchange within the wave, so an xor with less than 32 works for both.
 */
#ifndef GPU_GPU_H
#define GPU_GPU_H

/* 16 bytes, the unit of global and shared memory traffic. */
struct alignas(16) gpu_vec {
	unsigned int w[4];
};

#if defined(GPU_SHIM)
#include "shim.h" /* include-ok: tests/shim, only when the kernels run on the host */
#elif defined(__HIP__)
#include <hip/hip_runtime.h>
#endif

#include <aios/numerics.h>

#ifndef GPU_REHEARSAL_FIRST
#define GPU_REHEARSAL_FIRST 0
#endif

#if !defined(GPU_SHIM)

/* An entry point whose blocks have at most n threads; a function called from kernels. */
#define GPU_KERNEL(n) extern "C" __global__ __launch_bounds__(n) void
/* The same for what needs all registers that a block may have. */
#define GPU_KERNEL_WIDE(n) extern "C" __global__ __launch_bounds__(n, 1) void
/* ... of which at least m are to fit on a multiprocessor. */
#if defined(__HIP__) /* which counts waves of a quarter of a unit there, so that it would spill */
#define GPU_KERNEL_MIN(n, blocks) GPU_KERNEL(n)
#else
#define GPU_KERNEL_MIN(n, m) extern "C" __global__ __launch_bounds__(n, m) void
#endif
#define GPU_FN static __device__ __forceinline__
#define GPU_UNROLL _Pragma("unroll")
#define GPU_UNROLL_4 _Pragma("unroll 4")
/* The loop that follows stays one. */
#define GPU_NO_UNROLL _Pragma("unroll 1")

extern __shared__ __align__(16) unsigned char gpu_dynamic[];

GPU_FN unsigned char *gpu_shared(void)
{
	return gpu_dynamic;
}

GPU_FN uint32_t gpu_tid(void)
{
	return threadIdx.x;
}

GPU_FN uint32_t gpu_threads(void)
{
	return blockDim.x;
}

GPU_FN uint32_t gpu_bx(void)
{
	return blockIdx.x;
}

GPU_FN uint32_t gpu_by(void)
{
	return blockIdx.y;
}

GPU_FN uint32_t gpu_bz(void)
{
	return blockIdx.z;
}

GPU_FN uint32_t gpu_grid_x(void)
{
	return gridDim.x;
}

GPU_FN uint32_t gpu_grid_y(void)
{
	return gridDim.y;
}

/* All threads of the block arrive; what they wrote before is seen by all after. */
GPU_FN void gpu_barrier(void)
{
	__syncthreads();
}

/* Integer sums, free of order. *p in shared or global memory. */
GPU_FN void gpu_add32(uint32_t *p, uint32_t v)
{
	atomicAdd(p, v);
}

/* The same, and what *p was. */
GPU_FN uint32_t gpu_take32(uint32_t *p, uint32_t v)
{
	return atomicAdd(p, v);
}

GPU_FN void gpu_add64(uint64_t *p, uint64_t v)
{
	atomicAdd((unsigned long long *)p, (unsigned long long)v);
}

/* *p = v if it was `was`; returns what it was. *p in global memory. */
GPU_FN uint32_t gpu_swap_if(uint32_t *p, uint32_t was, uint32_t v)
{
	return atomicCAS(p, was, v);
}

#endif

/* --- CUDA ------------------------------------------------------------------- */

#if !defined(GPU_SHIM) && !defined(__HIP__)

GPU_FN uint32_t gpu_wave(void)
{
	return 32;
}

GPU_FN uint32_t gpu_shfl_xor(uint32_t v, uint32_t mask)
{
	return __shfl_xor_sync(0xffffffffu, v, (int)mask);
}

/* The value of lane `lane` of the wave. */
GPU_FN uint32_t gpu_shfl(uint32_t v, uint32_t lane)
{
	return __shfl_sync(0xffffffffu, v, (int)lane);
}

/* What the lanes of the wave wrote to shared memory before is seen by all of them after. */
GPU_FN void gpu_wave_sync(void)
{
	__syncwarp();
}

/* Bit i: the predicate of lane i. */
GPU_FN uint64_t gpu_ballot(bool p)
{
	return __ballot_sync(0xffffffffu, p);
}

/* Exact but for NaN, which stays some NaN. */
GPU_FN float gpu_f16_to_f32(uint16_t h)
{
	float f;

	asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
	return f;
}

/* Both rounded to 16 bits, lo in the lower half. A NaN stays one, not the canonical one. */
template <bool F16> GPU_FN uint32_t gpu_round_pair(float lo, float hi)
{
	uint32_t w;

	if (F16)
		asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(hi), "f"(lo));
	else
		asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(hi), "f"(lo));
	return w;
}

/* c + four products of signed bytes. */
GPU_FN int32_t gpu_dot4(uint32_t a, uint32_t b, int32_t c)
{
	return __dp4a((int)a, (int)b, c);
}

/* Byte i of the result is byte number `select >> 4 * i & 7` of a (0 to 3) and b (4 to 7). */
GPU_FN uint32_t gpu_bytes(uint32_t a, uint32_t b, uint32_t select)
{
	return __byte_perm(a, b, select);
}

/* The smaller, the larger; a where b is NaN, a is none. Of two zeros either. */
GPU_FN float gpu_min(float a, float b)
{
	return fminf(a, b);
}

GPU_FN float gpu_max(float a, float b)
{
	return fmaxf(a, b);
}

/* aios_div(1.0f, x). */
GPU_FN float gpu_inverse(float x)
{
	return __frcp_rn(x);
}

/* 1 / sqrt(x), in error by 2^-22 of it at most, for normal x > 0. */
GPU_FN float gpu_rsqrt_near(float x)
{
	float y;

	asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
}

/* 1 / x, in error by two units of its last place at most, for 2^-126 <= x <= 2^125. */
GPU_FN float gpu_inverse_near(float x)
{
	float y;

	asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
}

/*
 * Copy 16 bytes from global to shared memory behind the thread's back. gpu_async_commit() closes a
 * group; after gpu_async_wait(n), n <= 6, all of this thread's groups but the n latest are there.
 */
GPU_FN void gpu_async_copy(void *shared, const void *global)
{
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(
			     (uint32_t)__cvta_generic_to_shared(shared)),
		     "l"(global)
		     : "memory");
}

GPU_FN void gpu_async_commit(void)
{
	asm volatile("cp.async.commit_group;" ::: "memory");
}

GPU_FN void gpu_async_wait(uint32_t n)
{
	switch (n) {
	case 0:
		asm volatile("cp.async.wait_group 0;" ::: "memory");
		break;
	case 1:
		asm volatile("cp.async.wait_group 1;" ::: "memory");
		break;
	case 2:
		asm volatile("cp.async.wait_group 2;" ::: "memory");
		break;
	case 3:
		asm volatile("cp.async.wait_group 3;" ::: "memory");
		break;
	case 4:
		asm volatile("cp.async.wait_group 4;" ::: "memory");
		break;
	case 5:
		asm volatile("cp.async.wait_group 5;" ::: "memory");
		break;
	default:
		asm volatile("cp.async.wait_group 6;" ::: "memory");
		break;
	}
}

/*
 * A launch that may begin before the one ahead of it in the queue has ended: nothing of that one
 * (or of any before it) may be read, and nothing written, before gpu_grid_wait(). Every kernel
 * calls it once in every thread that touches global memory, weights to be fetched ahead excepted.
 * gpu_grid_go() lets the next launch begin. Both do nothing in an ordinary launch.
 */
GPU_FN void gpu_grid_wait(void)
{
#if __CUDA_ARCH__ >= 900
	asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

GPU_FN void gpu_grid_go(void)
{
#if __CUDA_ARCH__ >= 900
	asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

#endif

/* --- HIP -------------------------------------------------------------------- */

#if !defined(GPU_SHIM) && defined(__HIP__)

GPU_FN uint32_t gpu_wave(void)
{
	return (uint32_t)warpSize;
}

GPU_FN uint32_t gpu_shfl_xor(uint32_t v, uint32_t mask)
{
	return (uint32_t)__shfl_xor((int)v, (int)mask);
}

GPU_FN uint32_t gpu_shfl(uint32_t v, uint32_t lane)
{
	return (uint32_t)__shfl((int)v, (int)lane);
}

GPU_FN void gpu_wave_sync(void)
{
	__builtin_amdgcn_fence(__ATOMIC_ACQ_REL, "wavefront");
	__builtin_amdgcn_wave_barrier();
}

GPU_FN uint64_t gpu_ballot(bool p)
{
	return __ballot(p);
}

/* Subnormals included: the hardware's mode keeps those of f16. */
GPU_FN float gpu_f16_to_f32(uint16_t h)
{
	return (float)__builtin_bit_cast(_Float16, h);
}

/* One instruction where there is one; all these are exact. */
GPU_FN int32_t gpu_dot4(uint32_t a, uint32_t b, int32_t c)
{
#if defined(__GFX11__) || defined(__GFX12__)
	return __builtin_amdgcn_sudot4(true, (int)a, true, (int)b, c, false);
#elif defined(__gfx906__) || defined(__gfx908__) || defined(__gfx90a__) || defined(__gfx940__) ||  \
	defined(__gfx942__) || defined(__gfx950__) || defined(__gfx1011__) ||                      \
	defined(__gfx1012__) || defined(__gfx1030__) || defined(__gfx1031__) ||                    \
	defined(__gfx1032__) || defined(__gfx1034__) || defined(__gfx1035__) ||                    \
	defined(__gfx1036__)
	return __builtin_amdgcn_sdot4((int)a, (int)b, c, false);
#else
	for (int i = 0; i < 32; i += 8)
		c += (int32_t)(int8_t)(a >> i) * (int32_t)(int8_t)(b >> i);
	return c;
#endif
}

/*
 * Sums of byte products by the matrix units of a wave of 64: GPU_MMA_I8_WORDS words of each lane a
 * step. Lane l has bytes of row l % 16 of either side, those of k from 4 * words * (l / 16) on, and
 * of the sums those of rows 4 * (l / 16) + 0 .. 3 of a and of row l % 16 of b. Exact.
 */
#if defined(__gfx90a__) || defined(__gfx908__)
#define GPU_MMA_I8_WORDS 1
#elif defined(__gfx940__) || defined(__gfx942__) || defined(__gfx950__)
#define GPU_MMA_I8_WORDS 2
#endif
#if defined(GPU_MMA_I8_WORDS)
typedef int gpu_int4 __attribute__((ext_vector_type(4)));

GPU_FN void gpu_mma_i8(int32_t d[4], const uint32_t *a, const uint32_t *b)
{
	gpu_int4 sum = { d[0], d[1], d[2], d[3] };

#if GPU_MMA_I8_WORDS == 1
	sum = __builtin_amdgcn_mfma_i32_16x16x16i8((int)a[0], (int)b[0], sum, 0, 0, 0);
#else
	sum = __builtin_amdgcn_mfma_i32_16x16x32_i8((long)((uint64_t)a[1] << 32 | a[0]),
						    (long)((uint64_t)b[1] << 32 | b[0]), sum, 0, 0,
						    0);
#endif
	GPU_UNROLL
	for (int i = 0; i < 4; i++)
		d[i] = sum[i];
}
#endif

/* No copies behind the thread's back here: they are done at once. */
GPU_FN void gpu_async_copy(void *shared, const void *global)
{
	*(struct gpu_vec *)shared = *(const struct gpu_vec *)global;
}

GPU_FN void gpu_async_commit(void)
{
}

GPU_FN void gpu_async_wait(uint32_t n)
{
	(void)n;
}

#endif

#if defined(GPU_SHIM) || defined(__HIP__)
GPU_FN uint32_t gpu_bytes(uint32_t a, uint32_t b, uint32_t select)
{
	uint64_t both = (uint64_t)b << 32 | a;
	uint32_t out = 0;

	for (uint32_t i = 0; i < 4; i++)
		out |= (uint32_t)(both >> 8 * (select >> 4 * i & 7) & 0xff) << 8 * i;
	return out;
}

/* The shim's NaNs are those of CUDA, so that tests notice when they are stored. */
template <bool F16> GPU_FN uint32_t gpu_round_pair(float lo, float hi)
{
	uint32_t l = F16 ? aios_f32_to_f16(lo) : aios_f32_to_bf16(lo);
	uint32_t h = F16 ? aios_f32_to_f16(hi) : aios_f32_to_bf16(hi);

#if defined(GPU_SHIM)
	l = aios_is_nan(lo) ? 0x7fffu : l;
	h = aios_is_nan(hi) ? 0x7fffu : h;
#endif
	return h << 16 | l;
}

GPU_FN float gpu_min(float a, float b)
{
	return b < a ? b : a;
}

GPU_FN float gpu_max(float a, float b)
{
	return b > a ? b : a;
}

GPU_FN float gpu_inverse(float x)
{
	return aios_div(1.0f, x);
}

GPU_FN float gpu_rsqrt_near(float x)
{
	return aios_div(1.0f, aios_sqrt(x));
}

GPU_FN float gpu_inverse_near(float x)
{
	return aios_div(1.0f, x);
}

/* Launches never overlap here. */
GPU_FN void gpu_grid_wait(void)
{
}

GPU_FN void gpu_grid_go(void)
{
}
#endif

/* --- built from these --------------------------------------------------------- */

/* Words of each lane in a step of gpu_mma_i8(); 0 where kernels go without. */
GPU_FN uint32_t gpu_mma_i8_words(void)
{
#if defined(GPU_SHIM)
	return shim_mma_i8_words();
#elif defined(GPU_MMA_I8_WORDS)
	return GPU_MMA_I8_WORDS;
#else
	return 0;
#endif
}

#if !defined(GPU_SHIM) && !defined(GPU_MMA_I8_WORDS)
GPU_FN void gpu_mma_i8(int32_t d[4], const uint32_t *a, const uint32_t *b)
{
	for (int i = 0; i < 4; i++) /* one lane's part, were there one lane: never called */
		d[i] = gpu_dot4(a[0], b[0], d[i]);
}
#endif

/*
 * 0, of which the compiler does not know that it is 0. Code that is run through once costs what it
 * takes to fetch it, which is more than to execute it; so a kernel that has nothing to do until the
 * launch ahead has ended runs through it twice,
 *
 *	for (real = gpu_rehearsal(); real < 2; real++)
 *
 * where real == 0 reads what it likes, waits for nobody else and leaves nothing. 1: not here.
 */
GPU_FN uint32_t gpu_rehearsal(void)
{
#if defined(GPU_SHIM)
	return !shim_here.rehearses;
#elif !defined(__HIP__) && __CUDA_ARCH__ >= 900
	uint32_t none = GPU_REHEARSAL_FIRST;

	asm volatile("" : "+r"(none));
	return none;
#else
	return 1;
#endif
}

/* What a kernel begins with that fetches nothing ahead. */
GPU_FN void gpu_grid_enter(void)
{
	gpu_grid_go();
	gpu_grid_wait();
}

GPU_FN float gpu_shfl_xor_f32(float v, uint32_t mask)
{
	return aios_float(gpu_shfl_xor(aios_bits(v), mask));
}

GPU_FN float gpu_shfl_f32(float v, uint32_t lane)
{
	return aios_float(gpu_shfl(aios_bits(v), lane));
}

GPU_FN uint64_t gpu_shfl_xor_u64(uint64_t v, uint32_t mask)
{
	uint32_t lo = gpu_shfl_xor((uint32_t)v, mask);
	uint32_t hi = gpu_shfl_xor((uint32_t)(v >> 32), mask);

	return (uint64_t)hi << 32 | lo;
}

/* The largest of 32 neighbouring threads' numbers. */
GPU_FN uint32_t gpu_most(uint32_t v)
{
#if !defined(GPU_SHIM) && !defined(__HIP__) && __CUDA_ARCH__ >= 800
	return __reduce_max_sync(0xffffffffu, v);
#else
	for (uint32_t h = 16; h > 0; h /= 2) {
		const uint32_t other = gpu_shfl_xor(v, h);

		v = other > v ? other : v;
	}
	return v;
#endif
}

/* The larger of m, which has no sign, and |x|; a NaN without a sign where one of them is NaN. */
GPU_FN float gpu_absmax(float m, float x)
{
#if !defined(GPU_SHIM) && !defined(__HIP__) && __CUDA_ARCH__ >= 800
	asm("{.reg .f32 a; abs.f32 a, %1; max.NaN.f32 %0, %0, a;}" : "+f"(m) : "f"(x));
	return m;
#else
	const uint32_t a = aios_bits(m), b = aios_bits(aios_abs(x));

	return aios_float(b > a ? b : a);
#endif
}

/* A pair of halves whose NaNs become the canonical ones. */
template <bool F16> GPU_FN uint32_t gpu_canon_pair(uint32_t w)
{
	const uint32_t inf = F16 ? 0x7c00u : 0x7f80u, nan = F16 ? AIOS_NAN_F16 : AIOS_NAN_BF16;

	w = (w & 0x7fffu) > inf ? (w & 0xffff0000u) | nan : w;
	return (w >> 16 & 0x7fffu) > inf ? (w & 0xffffu) | nan << 16 : w;
}

GPU_FN struct gpu_vec gpu_load16(const void *p)
{
	return *(const struct gpu_vec *)p;
}

/*
 * What does not change while a launch runs but may have been written by the one ahead of it, read
 * by a rehearsal too (see gpu_rehearsal()): not by way of a cache of the multiprocessor, which
 * would keep what the rehearsal saw.
 */
GPU_FN uint32_t gpu_load_late(const uint32_t *p)
{
#if !defined(GPU_SHIM) && !defined(__HIP__)
	return __ldcg(p);
#else
	return *p;
#endif
}

GPU_FN float gpu_load_late(const float *p)
{
	return aios_float(gpu_load_late((const uint32_t *)p));
}

GPU_FN struct gpu_vec gpu_load16_late(const void *p)
{
#if !defined(GPU_SHIM) && !defined(__HIP__)
	const uint4 v = __ldcg((const uint4 *)p);

	return gpu_vec{ { v.x, v.y, v.z, v.w } };
#else
	return gpu_load16(p);
#endif
}

/* A device address as a pointer. */
GPU_FN unsigned char *gpu_ptr(aios_addr addr)
{
	return (unsigned char *)(uintptr_t)addr;
}

/*
 * aios_exp2() of N numbers, step by step of all, so that none waits for its own last step. What
 * gives +0 goes the way of -127, whose scale is +0.
 */
template <int N> GPU_FN void gpu_exp2(float x[N])
{
	const float c[] = { 0x1.3cec48p-7f, 0x1.c6babap-5f, 0x1.ebf9b6p-3f, 0x1.62e424p-1f, 1.0f };
	float t[N], f[N], p[N];

	GPU_UNROLL
	for (int i = 0; i < N; i++) {
		x[i] = x[i] < -126.0f ? -127.0f : x[i];
		t[i] = aios_add(x[i], 0x1.8p23f);
	}
	GPU_UNROLL
	for (int i = 0; i < N; i++)
		f[i] = aios_sub(t[i], 0x1.8p23f);
	GPU_UNROLL
	for (int i = 0; i < N; i++) {
		f[i] = aios_sub(x[i], f[i]);
		p[i] = 0x1.5aac9p-10f;
	}
	GPU_UNROLL
	for (int step = 0; step < 5; step++) {
		GPU_UNROLL
		for (int i = 0; i < N; i++)
			p[i] = aios_fma(p[i], f[i], c[step]);
	}
	GPU_UNROLL
	for (int i = 0; i < N; i++)
		x[i] = aios_mul(p[i], aios_float((aios_bits(t[i]) + 127u) << 23));
}

/* p in global memory, kept in a register from here on: else it may be computed where it is used. */
template <typename T> GPU_FN T *gpu_keep_at(T *p)
{
#if !defined(GPU_SHIM) && !defined(__HIP__)
	asm volatile("" : "+l"(p));
	__builtin_assume(__isGlobal(p));
#endif
	return p;
}

/* p, a variable of the thread, which stays in memory: it takes no registers where it is not used. */
template <typename T> GPU_FN T *gpu_apart(T *p)
{
#if !defined(GPU_SHIM) && !defined(__HIP__)
	asm volatile("" : "+l"(p));
#endif
	return p;
}

/* *p = v in global memory, if `go`; without a branch, so that a rehearsal does all but that. */
GPU_FN void gpu_put16_if(bool go, uint16_t *p, uint16_t v)
{
#if !defined(GPU_SHIM) && !defined(__HIP__)
	asm volatile("{.reg .pred go; setp.ne.u32 go, %2, 0; @go st.global.u16 [%0], %1;}" ::"l"(p),
		     "h"(v), "r"((uint32_t)go)
		     : "memory");
#else
	if (go)
		*p = v;
#endif
}

/* The same with 4 bytes. */
GPU_FN void gpu_put32_if(bool go, uint32_t *p, uint32_t v)
{
#if !defined(GPU_SHIM) && !defined(__HIP__)
	asm volatile("{.reg .pred go; setp.ne.u32 go, %2, 0; @go st.global.u32 [%0], %1;}" ::"l"(p),
		     "r"(v), "r"((uint32_t)go)
		     : "memory");
#else
	if (go)
		*p = v;
#endif
}

/* Address of row `row`, plane 0. */
GPU_FN unsigned char *gpu_row(const struct aios_tensor *t, uint64_t row)
{
	return gpu_ptr(t->data + row * t->row_bytes);
}

/* A 16-bit element, exact; a NaN stays some NaN. */
template <bool F16> GPU_FN float gpu_half(uint32_t bits)
{
	return F16 ? gpu_f16_to_f32((uint16_t)bits) : aios_float(bits << 16);
}

/* Eight 16-bit elements. */
template <bool F16> GPU_FN void gpu_halves(const struct gpu_vec &v, float out[8])
{
	GPU_UNROLL
	for (int i = 0; i < 4; i++) {
		out[2 * i] = gpu_half<F16>(v.w[i] & 0xffffu);
		out[2 * i + 1] = F16 ? gpu_half<F16>(v.w[i] >> 16) :
				       aios_float(v.w[i] & 0xffff0000u);
	}
}

/* As aios_dtype_scaled() and aios_dtype_bytes(), which device code cannot call. */
GPU_FN bool gpu_scaled(uint32_t dtype)
{
	return dtype == AIOS_E4M3 || dtype == AIOS_I8 || dtype == AIOS_I8X2;
}

GPU_FN uint32_t gpu_dtype_bytes(uint32_t dtype)
{
	if (dtype == AIOS_F32 || dtype == AIOS_I32)
		return 4;
	if (dtype == AIOS_BF16 || dtype == AIOS_F16)
		return 2;
	return dtype == AIOS_I64 || dtype == AIOS_F64 ? 8 : 1;
}

/* Element i of a vector of F32, BF16 or F16, widened. */
GPU_FN float gpu_load(const void *src, uint32_t dtype, uint64_t i)
{
	if (dtype == AIOS_F32)
		return ((const float *)src)[i];
	if (dtype == AIOS_BF16)
		return aios_bf16_to_f32(((const uint16_t *)src)[i]);
	return aios_f16_to_f32(((const uint16_t *)src)[i]);
}

/* The other way, rounded once, NaN canonical. */
GPU_FN void gpu_store(void *dst, uint32_t dtype, uint64_t i, float v)
{
	if (dtype == AIOS_F32)
		((float *)dst)[i] = aios_canon(v);
	else if (dtype == AIOS_BF16)
		((uint16_t *)dst)[i] = aios_f32_to_bf16(v);
	else
		((uint16_t *)dst)[i] = aios_f32_to_f16(v);
}

#endif /* GPU_GPU_H */
