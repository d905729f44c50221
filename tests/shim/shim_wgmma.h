/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_wgmma.h - drivers/gpu/wgmma.h on the host: each thread computes its own outputs from what
 * lies in shared memory, as late as gpu_wgmma_wait() allows. See shim_wgmma.inc.
 */
#ifndef SHIM_WGMMA_H
#define SHIM_WGMMA_H

#include "shim.h"

/* Rows of an operand in shared memory; `rows`: swizzled, else panels. */
struct gpu_operand {
	const unsigned char *at;
	uint32_t panel_bytes;
	bool rows;
};

enum shim_wgmma_op {
	SHIM_WGMMA_BF16,
	SHIM_WGMMA_F16,
	SHIM_WGMMA_S8
};

#define SHIM_MAX_STEPS 64

/* A step under way. */
struct shim_step {
	enum shim_wgmma_op op;
	void *d;
	uint32_t regs, group;
	struct gpu_operand a, b;
	bool more;
};

/* Those of a thread. */
struct shim_steps {
	uint32_t n, group;
	struct shim_step steps[SHIM_MAX_STEPS];
};

void shim_wgmma(enum shim_wgmma_op op, void *d, uint32_t regs, struct gpu_operand a,
		struct gpu_operand b, bool more);
void shim_wgmma_commit(void);
void shim_wgmma_wait(uint32_t n);
void shim_registers(uint32_t n, bool more);

GPU_FN struct gpu_operand gpu_operand_panels(const void *shared, uint32_t panel_bytes)
{
	struct gpu_operand o = { (const unsigned char *)shared, panel_bytes, false };

	return o;
}

GPU_FN struct gpu_operand gpu_operand_rows(const void *shared)
{
	struct gpu_operand o = { (const unsigned char *)shared, 0, true };

	return o;
}

GPU_FN struct gpu_operand gpu_operand_at(struct gpu_operand o, uint32_t bytes)
{
	o.at += bytes;
	return o;
}

GPU_FN void gpu_wgmma_fence(void)
{
}

GPU_FN void gpu_wgmma_commit(void)
{
	shim_wgmma_commit();
}

template <int N> GPU_FN void gpu_wgmma_wait(void)
{
	shim_wgmma_wait(N);
	shim_exchange(0, SHIM_SITE); /* no lane of the warp goes on before the others */
}

template <int N> GPU_FN void gpu_registers_more(void)
{
	shim_registers(N, true);
}

template <int N> GPU_FN void gpu_registers_less(void)
{
	shim_registers(N, false);
}

template <int R>
GPU_FN void gpu_wgmma_bf16(float (&d)[R], struct gpu_operand a, struct gpu_operand b, uint32_t more)
{
	shim_wgmma(SHIM_WGMMA_BF16, d, R, a, b, more != 0);
}

template <int R>
GPU_FN void gpu_wgmma_f16(float (&d)[R], struct gpu_operand a, struct gpu_operand b, uint32_t more)
{
	shim_wgmma(SHIM_WGMMA_F16, d, R, a, b, more != 0);
}

template <int R>
GPU_FN void gpu_wgmma_s8(int32_t (&d)[R], struct gpu_operand a, struct gpu_operand b, uint32_t more)
{
	shim_wgmma(SHIM_WGMMA_S8, d, R, a, b, more != 0);
}

GPU_FN bool gpu_one_lane(void)
{
	return shim_here.tid % 32 == 0;
}


GPU_FN float gpu_reciprocal(float x)
{
	return aios_div(1.0f, x);
}

GPU_FN bool gpu_either_nan(float a, float b)
{
	return aios_is_nan(a) || aios_is_nan(b);
}

#endif /* SHIM_WGMMA_H */
