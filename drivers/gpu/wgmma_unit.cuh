/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wgmma_unit.cuh - what a matmul by wgmma multiplies: the type of its sums, planes of x, whether
 * sums are scaled, step() along k, and value(), the sums of the first and the last plane as fp32.
 */
#ifndef GPU_WGMMA_UNIT_CUH
#define GPU_WGMMA_UNIT_CUH

#include "wgmma.h"

struct wgmma_bf16 {
	typedef float acc;
	static const int planes = 1;
	static const bool scaled = false;

	template <int R>
	GPU_FN void step(float (&d)[R], gpu_operand a, gpu_operand b, uint32_t more)
	{
		gpu_wgmma_bf16(d, a, b, more);
	}

	GPU_FN float value(float v, float)
	{
		return v;
	}
};

struct wgmma_f16 : wgmma_bf16 {
	template <int R>
	GPU_FN void step(float (&d)[R], gpu_operand a, gpu_operand b, uint32_t more)
	{
		gpu_wgmma_f16(d, a, b, more);
	}
};

struct wgmma_i8 {
	typedef int32_t acc;
	static const int planes = 1;
	static const bool scaled = true;

	template <int R>
	GPU_FN void step(int32_t (&d)[R], gpu_operand a, gpu_operand b, uint32_t more)
	{
		gpu_wgmma_s8(d, a, b, more);
	}

	GPU_FN float value(int32_t v, int32_t)
	{
		return aios_i8_acc(v);
	}
};

struct wgmma_i8x2 : wgmma_i8 {
	static const int planes = 2;

	GPU_FN float value(int32_t hi, int32_t lo)
	{
		return aios_i8x2_acc(hi, lo);
	}
};

#endif /* GPU_WGMMA_UNIT_CUH */
