/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mfma.h - what kernels for AMD's CDNA use beside gpu.h: the matrix units of a wave of 64 on bf16
 * and fp16. For HIP, where the target has them, and for the host shim. All 64 lanes make each call
 * of gpu_mfma() together.
 *
 * Their arithmetic is aios_cdna() of <aios/numerics.h>, which is from the literature: no result of
 * the hardware was ever compared with it.
 */
#ifndef GPU_MFMA_H
#define GPU_MFMA_H

#include "gpu.h"

#if defined(GPU_SHIM)
#include "shim_mfma.h" /* include-ok: tests/shim, only when the kernels run on the host */
#else

typedef float gpu_float4 __attribute__((ext_vector_type(4)));
typedef short gpu_short2 __attribute__((ext_vector_type(2)));
typedef short gpu_short4 __attribute__((ext_vector_type(4)));
typedef _Float16 gpu_half4 __attribute__((ext_vector_type(4)));

/* Of the profile whose unit this is. The name tells the host which: there is no attribute. */
#if defined(__gfx908__)
#define GPU_MFMA_MARK gpu_cdna1
#elif defined(__gfx90a__)
#define GPU_MFMA_MARK gpu_cdna2
#elif defined(__gfx940__) || defined(__gfx941__) || defined(__gfx942__)
#define GPU_MFMA_MARK gpu_cdna3
#elif defined(__HIP_DEVICE_COMPILE__)
#error "mfma.h: this target has no matrix unit whose arithmetic is known; compile kernels.cu for it"
#else
#define GPU_MFMA_MARK gpu_cdna_host
#endif

GPU_KERNEL(64) GPU_MFMA_MARK(void)
{
}

/*
 * Wave: d[16][16] += a[16][16] * b[16][16], one block of the CDNA unit an output. Lane l holds of
 *   a: row l % 16, columns gpu_mfma_k(f16, i) and the next in word i, the lower in the lower half
 *   b: the same rows of column l % 16
 *   d: column l % 16 of rows 4 * (l / 16) + 0 .. 3
 */
GPU_FN uint32_t gpu_mfma_k(bool f16, uint32_t i)
{
#if defined(__gfx908__) /* bf16: two instructions, of 8 columns each */
	if (!f16)
		return 8 * i + gpu_tid() % 64 / 16 * 2;
#endif
	(void)f16;
	return gpu_tid() % 64 / 16 * 4 + 2 * i;
}

GPU_FN void gpu_mfma(bool f16, float d[4], const uint32_t a[2], const uint32_t b[2])
{
	gpu_float4 sum = { d[0], d[1], d[2], d[3] };
	uint64_t x = (uint64_t)a[1] << 32 | a[0], y = (uint64_t)b[1] << 32 | b[0];

#if defined(__HIP_DEVICE_COMPILE__)
	if (f16) {
		sum = __builtin_amdgcn_mfma_f32_16x16x16f16(__builtin_bit_cast(gpu_half4, x),
							    __builtin_bit_cast(gpu_half4, y), sum,
							    0, 0, 0);
	} else {
#if defined(__gfx908__)
		sum = __builtin_amdgcn_mfma_f32_16x16x8bf16(__builtin_bit_cast(gpu_short2, a[0]),
							    __builtin_bit_cast(gpu_short2, b[0]),
							    sum, 0, 0, 0);
		sum = __builtin_amdgcn_mfma_f32_16x16x8bf16(__builtin_bit_cast(gpu_short2, a[1]),
							    __builtin_bit_cast(gpu_short2, b[1]),
							    sum, 0, 0, 0);
#else
		sum = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(__builtin_bit_cast(gpu_short4, x),
								__builtin_bit_cast(gpu_short4, y),
								sum, 0, 0, 0);
#endif
	}
#endif
	GPU_UNROLL
	for (int i = 0; i < 4; i++)
		d[i] = sum[i];
}

#endif /* GPU_SHIM */

#endif /* GPU_MFMA_H */
