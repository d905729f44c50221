// SPDX-License-Identifier: Apache-2.0
/*
 * device.c - what is CUDA's own of a device: which ones the kernels run on, its context, the image.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "image.h"

/* --- which devices ----------------------------------------------------------- */

/* Can the kernels of `archs` ("80 90a") run on compute capability major.minor? */
static bool arch_runs(const char *archs, uint32_t major, uint32_t minor)
{
	const char *p = archs;
	unsigned long arch;
	bool exact;
	char *end;

	for (; *p; p = end) {
		arch = strtoul(p, &end, 10);
		if (end == p)
			return false;
		exact = *end == 'a'; /* architecture-specific: this minor and no other */
		end += strcspn(end, " ");
		end += strspn(end, " ");
		if (arch / 10 == major && (exact ? arch % 10 == minor : arch % 10 <= minor))
			return true;
	}
	return false;
}

void cuda_device_id(const struct gpu_api *api, int ordinal, char *id, size_t cap)
{
	unsigned char u[16] = { 0 };

	cuda_api(api)->device_uuid(u, ordinal);
	snprintf(id, cap,
		 "cuda:GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		 u[13], u[14], u[15]);
}

/* Newer architectures first, then the larger memory. The host's own CPUs score below 1000. */
void cuda_rate(const struct gpu_api *api, int ordinal, struct aios_device_desc *d)
{
	int major = gpu_attribute(api, CUDA_ATTR_MAJOR, ordinal);
	int minor = gpu_attribute(api, CUDA_ATTR_MINOR, ordinal);
	uint64_t gib = d->memory >> 30;

	if (!arch_runs(cuda_image_archs, (uint32_t)major, (uint32_t)minor)) {
		snprintf(d->reason, sizeof(d->reason),
			 "compute capability %d.%d; this file has kernels for sm_%.60s", major,
			 minor, cuda_image_archs);
		return;
	}
	if (gpu_attribute(api, CUDA_ATTR_COMPUTE_MODE, ordinal) == CUDA_COMPUTE_PROHIBITED) {
		snprintf(d->reason, sizeof(d->reason),
			 "its compute mode is 'prohibited'; see nvidia-smi -q -d COMPUTE");
		return;
	}
	d->score = 1000 + (major * 10 + minor) * 100 + (int32_t)(gib < 99 ? gib : 99);
	snprintf(d->reason, sizeof(d->reason), "compute capability %d.%d, %llu GiB", major, minor,
		 (unsigned long long)gib);
}

int cuda_identify(struct gpu_device *dev, uint32_t index, struct aios_status *st)
{
	uint32_t major = (uint32_t)gpu_attribute(dev->api, CUDA_ATTR_MAJOR, dev->ordinal);
	uint32_t minor = (uint32_t)gpu_attribute(dev->api, CUDA_ATTR_MINOR, dev->ordinal);

	if (!arch_runs(cuda_image_archs, major, minor))
		return aios_fail(st, -ENOTSUP,
				 "device %u has compute capability %u.%u; this file has kernels "
				 "for sm_%s: build it with CONFIG_CUDA_ARCHS=\"%u%u\"",
				 index, major, minor, cuda_image_archs, major, minor);
	snprintf(dev->arch, sizeof(dev->arch), "compute capability %u.%u", major, minor);
	dev->caps.wave = 32;
	dev->caps.units = (uint32_t)gpu_attribute(dev->api, CUDA_ATTR_UNITS, dev->ordinal);
	dev->caps.shared_max =
		(uint32_t)gpu_attribute(dev->api, CUDA_ATTR_SHARED_OPTIN, dev->ordinal);
	dev->caps.arch = major * 10 + minor;
	dev->caps.maps = dev->caps.arch >= 90 && cuda_api(dev->api)->map_encode;
	return 0;
}

/* --- the primary context ------------------------------------------------------- */

int cuda_ctx_open(struct gpu_device *dev, struct aios_status *st)
{
	return gpu_result(dev, cuda_api(dev->api)->ctx_retain(&dev->ctx, dev->ordinal),
			  "cuDevicePrimaryCtxRetain", st);
}

void cuda_ctx_close(struct gpu_device *dev)
{
	cuda_api(dev->api)->ctx_release(dev->ordinal);
	dev->ctx = NULL;
}

int cuda_ctx_reset(struct gpu_device *dev)
{
	return cuda_api(dev->api)->ctx_reset(dev->ordinal);
}

int cuda_enter(struct gpu_device *dev, struct aios_status *st)
{
	return gpu_result(dev, cuda_api(dev->api)->ctx_push(dev->ctx), "cuCtxPushCurrent", st);
}

void cuda_leave(struct gpu_device *dev)
{
	void *ctx;

	cuda_api(dev->api)->ctx_pop(&ctx);
}

int cuda_peer_enable(struct gpu_device *dev, const struct gpu_peer *peer)
{
	return cuda_api(dev->api)->peer_enable(peer->ctx, 0);
}

int cuda_peer_copy(struct gpu_device *dev, const struct gpu_peer *peer, uint64_t dst, uint64_t src,
		   size_t bytes, void *stream)
{
	return cuda_api(dev->api)->peer_copy(dst, dev->ctx, src, peer->ctx, bytes, stream);
}

/* --- kernels ------------------------------------------------------------------- */

int cuda_load(struct gpu_device *dev, struct aios_status *st)
{
	int ret = gpu_load(dev, cuda_image, 0, GPU_SM80_END, st);

	if (ret == 0 && dev->caps.arch == 90)
		ret = gpu_load(dev, cuda_image_sm90, GPU_SM80_END, GPU_SM90_END - GPU_SM80_END, st);
	return ret;
}

/*
 * All kernels ask for the same split between shared memory and L1, the largest: a multiprocessor
 * changes it only when it is empty, so that a launch of another split could not begin before the
 * one ahead of it has ended. And more shared memory than every device has must be allowed.
 */
int cuda_prepare(struct gpu_device *dev, void *function)
{
	int result = cuda_api(dev->api)->function_set(function, CUDA_FUNCTION_CARVEOUT, 100);

	if (result != GPU_OK || dev->caps.shared_max <= GPU_SHARED_MIN)
		return result;
	return cuda_api(dev->api)->function_set(function, CUDA_FUNCTION_MAX_SHARED,
						(int)dev->caps.shared_max);
}

int cuda_encode(struct gpu_device *dev, const struct gpu_map *map, void *out)
{
	static const uint32_t steps[4] = { 1, 1, 1, 1 };
	_Alignas(64) unsigned char encoded[GPU_MAP_BYTES];
	int type = map->elem_bytes == 1 ? CUDA_MAP_U8 :
		   map->elem_bytes == 2 ? CUDA_MAP_U16 :
					  CUDA_MAP_U32;
	int result;

	result = cuda_api(dev->api)->map_encode(encoded, type, map->rank,
						(void *)(uintptr_t)map->base, map->dims,
						map->strides, map->box, steps, 0,
						map->swizzle ? CUDA_MAP_SWIZZLE_128 : 0,
						CUDA_MAP_PROMOTE_256, 0);
	if (result == GPU_OK)
		memcpy(out, encoded, sizeof(encoded));
	return result;
}

/* Launches overlap from compute capability 9.0 on, where the library can ask for it. */
static bool launch_overlaps(const struct gpu_device *dev, const struct gpu_queue *queue,
			    const struct gpu_launch *l)
{
	const struct cuda_api *api = cuda_api(dev->api);

	if (!l->overlaps || dev->caps.arch < 90 || !api->launch_ex)
		return false;
	return !queue->capture || api->version >= CUDA_OVERLAP_CAPTURES;
}

int cuda_launch(struct gpu_device *dev, struct gpu_queue *queue, const struct gpu_launch *l,
		void **params)
{
	const struct cuda_launch_attribute overlap = {
		.id = CUDA_LAUNCH_OVERLAPS,
		.value = { .on = 1 },
	};
	const struct cuda_launch_config config = {
		.grid = { l->grid[0], l->grid[1], l->grid[2] },
		.block = { l->block[0], l->block[1], l->block[2] },
		.shared = l->shared,
		.stream = queue->stream,
		.attributes = &overlap,
		.n_attributes = 1,
	};
	void *function = dev->kernels[l->kernel];

	if (launch_overlaps(dev, queue, l))
		return cuda_api(dev->api)->launch_ex(&config, function, params, NULL);
	return dev->api->launch(function, l->grid[0], l->grid[1], l->grid[2], l->block[0],
				l->block[1], l->block[2], l->shared, queue->stream, params, NULL);
}
