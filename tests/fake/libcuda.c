// SPDX-License-Identifier: Apache-2.0
/*
 * libcuda.c - what is CUDA's own of the fake; the rest is gpu.c. Kernels are counted and do nothing,
 * or run on the host (tests/shim) if fake_gpu.run is set and they are not for 9.0 alone.
 */
#include <stddef.h>
#include <string.h>

#include "gpu.h"
#include "shim_run.h"

#define FAKE_OWN_PROTO(member, symbol, params) int fake_##member params __asm__(symbol) FAKE_API;
CUDA_OWN_SYMBOLS(FAKE_OWN_PROTO)
CUDA_NEW_SYMBOLS(FAKE_OWN_PROTO)

/* Contexts are told apart by their address. Each thread has a stack of current ones. */
#define FAKE_CONTEXTS 16
static char fake_contexts[FAKE_CONTEXTS];
static int fake_retained[FAKE_CONTEXTS];
static _Thread_local struct {
	int device[8], n;
} fake_stack;

static int context_device(const void *ctx)
{
	return (int)((const char *)ctx - fake_contexts);
}

int fake_device(void)
{
	return fake_stack.n ? fake_stack.device[fake_stack.n - 1] : -1;
}

bool fake_has(uint32_t kernel)
{
	(void)kernel;
	return false;
}

bool fake_mark(const char *name)
{
	(void)name;
	return false;
}

void fake_run(const struct gpu_launch *launch)
{
	struct shim_config config = { .wave = 32, .order = SHIM_FORWARD };

	if (fake_gpu.run && launch->kernel < GPU_SM80_END && shim_run(launch, &config))
		fake_gpu.broken = GPU_OUT_OF_MEMORY;
}

int fake_init(unsigned int flags)
{
	int result = fake_begin();

	(void)flags;
	return fake_end(result ? result : fake_gpu.init_result);
}

int fake_driver_version(int *version)
{
	*version = fake_gpu.version;
	return fake_end(fake_begin());
}

int fake_error_name(int result, const char **name)
{
	*name = result == GPU_OUT_OF_MEMORY   ? "CUDA_ERROR_OUT_OF_MEMORY" :
		result == GPU_ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS" :
						NULL;
	return *name ? GPU_OK : GPU_INVALID_VALUE;
}

int fake_error_string(int result, const char **text)
{
	(void)result;
	*text = "as the test asked";
	return GPU_OK;
}

int fake_device_uuid(unsigned char uuid[16], int dev)
{
	memset(uuid, 0xa0 + dev, 16);
	return GPU_OK;
}

int fake_device_attribute(int *value, int attribute, int dev)
{
	(void)dev;
	*value = attribute == CUDA_ATTR_MAJOR        ? fake_gpu.major :
		 attribute == CUDA_ATTR_MINOR        ? fake_gpu.minor :
		 attribute == CUDA_ATTR_UNITS        ? (int)fake_gpu.units :
		 attribute == CUDA_ATTR_SHARED_OPTIN ? (int)fake_gpu.shared_max :
						       0;
	return GPU_OK;
}

int fake_ctx_retain(void **ctx, int dev)
{
	int result = fake_begin();

	if (result == GPU_OK && dev >= FAKE_CONTEXTS)
		result = GPU_INVALID_DEVICE;
	if (result == GPU_OK) {
		fake_gpu.retained++;
		fake_retained[dev]++;
		*ctx = &fake_contexts[dev];
	}
	return fake_end(result);
}

int fake_ctx_push(void *ctx)
{
	int result = fake_begin_sure();

	if (result == GPU_OK && fake_stack.n == 8)
		result = GPU_INVALID_VALUE;
	if (result == GPU_OK) {
		fake_stack.device[fake_stack.n++] = context_device(ctx);
		fake_gpu.contexts++;
	}
	return fake_end(result);
}

int fake_ctx_pop(void **ctx)
{
	fake_begin_sure();
	if (fake_stack.n == 0)
		return fake_end(GPU_INVALID_VALUE);
	*ctx = &fake_contexts[fake_stack.device[--fake_stack.n]];
	fake_gpu.contexts--;
	return fake_end(GPU_OK);
}

int fake_peer_enable(void *peer, unsigned int flags)
{
	int result = fake_begin();

	if (result == GPU_OK)
		result = flags ? GPU_INVALID_VALUE :
				 fake_peer_allow(fake_device(), context_device(peer));
	return fake_end(result);
}

int fake_peer_copy(uint64_t dst, void *to, uint64_t src, void *from, size_t bytes, void *stream)
{
	return fake_copy_between(dst, context_device(to), src, context_device(from), bytes, stream);
}

int fake_ctx_reset(int dev)
{
	fake_begin_sure();
	fake_context_clear(dev);
	return fake_end(GPU_OK);
}

/* A context that is whole when it is let go shows the test what was left in it. */
int fake_ctx_release(int dev)
{
	fake_begin_sure();
	if (--fake_retained[dev] == 0 && fake_gpu.broken)
		fake_context_clear(dev);
	fake_gpu.retained--;
	return fake_end(GPU_OK);
}

int fake_function_set(void *function, int attribute, int value)
{
	int result = fake_begin();

	(void)function;
	if (result == GPU_OK &&
	    ((attribute != CUDA_FUNCTION_MAX_SHARED && attribute != CUDA_FUNCTION_CARVEOUT) ||
	     value <= 0))
		result = GPU_INVALID_VALUE;
	return fake_end(result);
}

/* Takes the one attribute that the driver uses. */
int fake_launch_ex(const struct cuda_launch_config *config, void *function, void **params,
		   void **extra)
{
	const struct cuda_launch_attribute *a = config->attributes;
	int result = GPU_INVALID_VALUE;

	if (config->n_attributes == 1 && a->id == CUDA_LAUNCH_OVERLAPS && a->value.on == 1)
		result = fake_launch(function, config->grid[0], config->grid[1], config->grid[2],
				     config->block[0], config->block[1], config->block[2],
				     config->shared, config->stream, params, extra);
	if (result == GPU_OK)
		fake_gpu.overlapped++;
	return result;
}

/* As strict as NVIDIA's where a plan could be wrong. */
int fake_map_encode(void *map, int type, uint32_t rank, void *base, const uint64_t *dims,
		    const uint64_t *strides, const uint32_t *box, const uint32_t *steps,
		    int interleave, int swizzle, int promotion, int fill)
{
	bool good = (uintptr_t)map % 64 == 0 && type <= CUDA_MAP_U32 && rank >= 1 && rank <= 4 &&
		    base && (uintptr_t)base % 16 == 0 && !interleave && !fill;
	uint32_t bytes = 1u << type, i;

	for (i = 0; good && i < rank; i++)
		good = dims[i] && dims[i] <= UINT32_MAX && box[i] && box[i] <= 256 && steps[i] == 1;
	for (i = 0; good && i + 1 < rank; i++)
		good = strides[i] % 16 == 0 && strides[i] < (uint64_t)1 << 40;
	good = good && box[0] * bytes % 16 == 0;
	if (swizzle == CUDA_MAP_SWIZZLE_128)
		good = good && box[0] * bytes <= 128;
	(void)promotion;
	fake_begin_sure();
	if (good)
		memset(map, 0x6d, GPU_MAP_BYTES);
	fake_gpu.maps += good;
	return fake_end(good ? GPU_OK : GPU_INVALID_VALUE);
}
