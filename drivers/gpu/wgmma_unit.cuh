/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wgmma_unit.cuh - what a matmul by wgmma multiplies: the type of its sums, planes of x, whether
 * sums are scaled, step() along k, and value(), the sums of the first and the last plane as fp32.
 */
#ifndef GPU_WGMMA_UNIT_CUH
#define GPU_WGMMA_UNIT_CUH

#include <aios/op.h>

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

/* --- between the sums and the outputs ------------------------------------------------ */

/* Values of a thread in P panels: rows t and t + 8, two neighbouring columns of each panel. */
template <int P> struct wgmma_values {
	float v[2][P][2];
};

/* Rounded to 16 bits and widened; NaN stays some NaN. */
template <bool F16, int P> GPU_FN void wgmma_round(struct wgmma_values<P> *s)
{
	GPU_UNROLL
	for (int i = 0; i < 2 * P; i++) {
		float *v = s->v[i / P][i % P];
		uint32_t w = gpu_round_pair<F16>(v[0], v[1]);

		v[0] = gpu_half<F16>(w & 0xffffu);
		v[1] = F16 ? gpu_half<F16>(w >> 16) : aios_float(w & 0xffff0000u);
	}
}

template <int P> GPU_FN void wgmma_mid(const struct aios_op_matmul &op, struct wgmma_values<P> *s)
{
	if (op.mid_type == AIOS_BF16)
		wgmma_round<false, P>(s);
	else if (op.mid_type == AIOS_F16)
		wgmma_round<true, P>(s);
}

/* The contract's, by one Newton step. */
GPU_FN float wgmma_sigmoid(float x)
{
	float e = aios_exp(-aios_abs(x)), r = gpu_reciprocal(aios_add(1.0f, e));

	return x < 0.0f ? aios_mul(e, r) : r;
}

/* aios_silu(), aios_gelu_tanh() of `gate`, times `up`. */
template <int P>
GPU_FN void wgmma_act(const struct aios_op_matmul &op, const struct wgmma_values<P> &up,
		      struct wgmma_values<P> *gate)
{
	float of[4 * P]; /* what the sigmoid is taken of */

	GPU_UNROLL
	for (int i = 0; i < 4 * P; i++)
		of[i] = gate->v[i / (2 * P)][i / 2 % P][i % 2];
	if (op.act != AIOS_ACT_SILU_MUL) {
		GPU_UNROLL
		for (int i = 0; i < 4 * P; i++)
			of[i] = aios_gelu_tanh_arg(of[i]);
	}
	GPU_UNROLL
	for (int i = 0; i < 4 * P; i++) {
		float *v = &gate->v[i / (2 * P)][i / 2 % P][i % 2];

		*v = aios_mul(aios_mul(*v, wgmma_sigmoid(of[i])),
			      up.v[i / (2 * P)][i / 2 % P][i % 2]);
	}
}

#endif /* GPU_WGMMA_UNIT_CUH */
