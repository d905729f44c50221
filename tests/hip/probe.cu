/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.cu - for scripts/hip-isa-gate: one operation a kernel, so that the machine code tells what
 * the flags make of it. Never linked into anything.
 */
#include "gpu.h"

#define PROBE(name, type, expression)                                                              \
	GPU_KERNEL(64) gpu_probe_##name(type *out, const type *in)                                 \
	{                                                                                          \
		uint32_t i = gpu_tid();                                                            \
		type a = in[i], b = in[i + 64], c = in[i + 128];                                   \
                                                                                                   \
		(void)b;                                                                           \
		(void)c;                                                                           \
		out[i] = expression;                                                               \
	}

PROBE(mul_add, float, a *b + c)
PROBE(contract, float, aios_add(aios_mul(a, b), c))
PROBE(fma, float, aios_fma(a, b, c))
PROBE(div, float, a / b)
PROBE(sqrt, float, aios_sqrt(a))
PROBE(dot4, int32_t, gpu_dot4((uint32_t)a, (uint32_t)b, c))
PROBE(shuffle, uint32_t, gpu_shfl_xor(a, 1) + gpu_shfl(b, 0))
