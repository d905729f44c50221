/* SPDX-License-Identifier: Apache-2.0 */
/* launch.h - launches of drivers/gpu's plans, prepared and made as drivers/cuda does. */
#ifndef DEVICE_LAUNCH_H
#define DEVICE_LAUNCH_H

#include <cstddef>
#include <set>

#include "device.h"

extern "C" {
#include "emit.h"
}

/* The kernels that are in a program. */
struct kernel {
	uint32_t id;
	const void *fn;
};

#define KERNEL(name)                                                                               \
	{                                                                                          \
		GPU_K_##name, (const void *)gpu_##name                                             \
	}

template <size_t N> static const void *kernel_of(const struct kernel (&all)[N], uint32_t id)
{
	for (const struct kernel &k : all)
		if (k.id == id)
			return k.fn;
	fprintf(stderr, "%s: not in this program\n", gpu_kernel_name(id));
	exit(2);
}

#define MAX_SHARED 232448 /* bytes of shared memory that a block may have */

/* `overlap`: it may begin before the launch ahead of it has ended. */
static inline void launch(const struct gpu_launch &l, const void *fn, const void *args,
			  bool overlap, cudaStream_t stream)
{
	static std::set<const void *> prepared;
	cudaLaunchAttribute attr = {};
	cudaLaunchConfig_t c = {};
	void *params[] = { const_cast<void *>(args) };

	if (prepared.insert(fn).second) {
		cuda(cudaFuncSetAttribute(fn, cudaFuncAttributeMaxDynamicSharedMemorySize,
					  MAX_SHARED),
		     "shared memory");
		cuda(cudaFuncSetAttribute(fn, cudaFuncAttributePreferredSharedMemoryCarveout, 100),
		     "carve-out");
	}
	attr.id = cudaLaunchAttributeProgrammaticStreamSerialization;
	attr.val.programmaticStreamSerializationAllowed = 1;
	c.gridDim = dim3(l.grid[0], l.grid[1], std::max(l.grid[2], 1u));
	c.blockDim = dim3(l.block[0]);
	c.dynamicSmemBytes = l.shared;
	c.stream = stream;
	c.attrs = &attr;
	c.numAttrs = overlap ? 1 : 0;
	cuda(cudaLaunchKernelExC(&c, fn, params), gpu_kernel_name(l.kernel));
}

#endif /* DEVICE_LAUNCH_H */
