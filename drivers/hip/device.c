// SPDX-License-Identifier: Apache-2.0
/*
 * device.c - what is HIP's own of a device: which ones the kernels run on, the current device, the
 * image.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "image.h"

/* --- which devices ----------------------------------------------------------- */

/*
 * Is there code for major.minor in `archs` ("gfx90a gfx1030")? The last digit of a target is a
 * stepping, which no attribute tells: what cannot run is found out when the image is loaded.
 */
static bool arch_there(const char *archs, uint32_t major, uint32_t minor)
{
	const char *p = archs;
	char name[8];
	size_t n;

	while (*p) {
		n = strcspn(p, " ");
		if (n >= 6 && n - 3 < sizeof(name)) { /* "gfx", major, minor, stepping */
			memcpy(name, p + 3, n - 3);
			name[n - 5] = '\0'; /* the major alone */
			if (strtoul(name, NULL, 10) == major && minor < 10 &&
			    p[n - 2] == (char)('0' + minor))
				return true;
		}
		p += n + strspn(p + n, " ");
	}
	return false;
}

/* ROCm's UUIDs are 16 letters; other bytes are written in hex; without any, the bus address. */
void hip_device_id(const struct gpu_api *api, int ordinal, char *id, size_t cap)
{
	unsigned char u[16] = { 0 };
	char bus[32] = "", hex[33];
	size_t i, letters = 0, zeros = 0;

	if (hip_api(api)->device_uuid(u, ordinal) != GPU_OK)
		memset(u, 0, sizeof(u));
	for (i = 0; i < sizeof(u); i++) {
		letters += isalnum(u[i]) != 0;
		zeros += u[i] == 0 || u[i] == '0';
		snprintf(hex + 2 * i, 3, "%02x", u[i]);
	}
	if (zeros == sizeof(u)) {
		api->device_bus_id(bus, (int)sizeof(bus), ordinal);
		snprintf(id, cap, "hip:pci-%s", bus);
	} else if (letters == sizeof(u)) {
		snprintf(id, cap, "hip:GPU-%.16s", (const char *)u);
	} else {
		snprintf(id, cap, "hip:GPU-%s", hex);
	}
}

/* Newer architectures first, then the larger memory. The host's own CPUs score below 1000. */
void hip_rate(const struct gpu_api *api, int ordinal, struct aios_device_desc *d)
{
	int major = gpu_attribute(api, HIP_ATTR_MAJOR, ordinal);
	int minor = gpu_attribute(api, HIP_ATTR_MINOR, ordinal);
	uint64_t gib = d->memory >> 30;

	if (!arch_there(hip_image_archs, (uint32_t)major, (uint32_t)minor)) {
		snprintf(d->reason, sizeof(d->reason), "GFX %d.%d; this file has kernels for %.60s",
			 major, minor, hip_image_archs);
		return;
	}
	if (gpu_attribute(api, HIP_ATTR_COMPUTE_MODE, ordinal) == HIP_COMPUTE_PROHIBITED) {
		snprintf(d->reason, sizeof(d->reason), "its compute mode is 'prohibited'");
		return;
	}
	d->score = 1000 + (major * 10 + minor) * 100 + (int32_t)(gib < 99 ? gib : 99);
	snprintf(d->reason, sizeof(d->reason), "GFX %d.%d, %llu GiB", major, minor,
		 (unsigned long long)gib);
}

int hip_identify(struct gpu_device *dev, uint32_t index, struct aios_status *st)
{
	uint32_t major = (uint32_t)gpu_attribute(dev->api, HIP_ATTR_MAJOR, dev->ordinal);
	uint32_t minor = (uint32_t)gpu_attribute(dev->api, HIP_ATTR_MINOR, dev->ordinal);
	uint32_t wave = (uint32_t)gpu_attribute(dev->api, HIP_ATTR_WAVE, dev->ordinal);

	if (!arch_there(hip_image_archs, major, minor))
		return aios_fail(st, -ENOTSUP,
				 "device %u is GFX %u.%u; this file has kernels for %s: build it "
				 "with its target in CONFIG_HIP_ARCHS (see rocminfo)",
				 index, major, minor, hip_image_archs);
	if (wave != 32 && wave != 64)
		return aios_fail(st, -ENOTSUP, "device %u has waves of %u; expected 32 or 64",
				 index, wave);
	snprintf(dev->arch, sizeof(dev->arch), "GFX %u.%u, wave %u", major, minor, wave);
	dev->caps.wave = wave;
	dev->caps.units = (uint32_t)gpu_attribute(dev->api, HIP_ATTR_UNITS, dev->ordinal);
	dev->caps.shared_max = (uint32_t)gpu_attribute(dev->api, HIP_ATTR_SHARED, dev->ordinal);
	dev->caps.arch = 0;
	return 0;
}

/* --- the current device ---------------------------------------------------------- */

/* HIP has one context for each device, which comes and goes by itself. */
int hip_ctx_open(struct gpu_device *dev, struct aios_status *st)
{
	(void)dev;
	(void)st;
	return 0;
}

void hip_ctx_close(struct gpu_device *dev)
{
	(void)dev;
}

/* What was current in this thread before hip_enter(), until hip_leave(): one slot, no longer. */
static _Thread_local int hip_before;

int hip_enter(struct gpu_device *dev, struct aios_status *st)
{
	const struct hip_api *api = hip_api(dev->api);
	int ret;

	ret = gpu_result(dev, api->device_current(&hip_before), "hipGetDevice", st);
	if (ret || hip_before == dev->ordinal)
		return ret;
	return gpu_result(dev, api->device_set(dev->ordinal), "hipSetDevice", st);
}

void hip_leave(struct gpu_device *dev)
{
	if (hip_before != dev->ordinal)
		hip_api(dev->api)->device_set(hip_before);
}

int hip_ctx_reset(struct gpu_device *dev)
{
	const struct hip_api *api = hip_api(dev->api);
	int before = dev->ordinal, ret = GPU_OK;

	api->device_current(&before);
	if (before != dev->ordinal)
		ret = api->device_set(dev->ordinal);
	if (ret == GPU_OK)
		ret = api->device_reset();
	if (before != dev->ordinal)
		api->device_set(before);
	return ret;
}

int hip_peer_enable(struct gpu_device *dev, const struct gpu_peer *peer)
{
	return hip_api(dev->api)->peer_enable(peer->ordinal, 0);
}

int hip_peer_copy(struct gpu_device *dev, const struct gpu_peer *peer, uint64_t dst, uint64_t src,
		  size_t bytes, void *stream)
{
	return hip_api(dev->api)->peer_copy(dst, dev->ordinal, src, peer->ordinal, bytes, stream);
}

/* --- kernels ------------------------------------------------------------------- */

/*
 * Which generation of CDNA the code in the image was made for, if any: attributes do not tell a
 * gfx90a from a gfx908, but each has a kernel of its own name (drivers/gpu/mfma.h). Its profile
 * comes with it.
 */
static int load_cdna(struct gpu_device *dev, struct aios_status *st)
{
	static const char *const marks[] = { "gpu_cdna1", "gpu_cdna2", "gpu_cdna3" };
	const struct gpu_api *api = dev->api;
	int result = GPU_NOT_FOUND;
	void *mark;
	uint32_t i;

	dev->caps.cdna = 0;
	for (i = 0; i < 3 && result == GPU_NOT_FOUND; i++)
		result = api->module_function(&mark, dev->modules[0], marks[i]);
	if (result == GPU_NOT_FOUND)
		return 0;
	if (result)
		return gpu_result(dev, result, api->name.module_function, st);
	dev->caps.cdna = i;
	return gpu_find(dev, dev->modules[0], GPU_SM90_END, GPU_KERNEL_COUNT - GPU_SM90_END, st);
}

int hip_load(struct gpu_device *dev, struct aios_status *st)
{
	int ret = gpu_load(dev, hip_image, 0, GPU_SHARED_KERNELS, st);

	if (ret == 0 && dev->caps.wave == 64)
		return load_cdna(dev, st);
	if (ret != -ENOTSUP)
		return ret;
	return aios_fail(st, ret,
			 "the GPU (%s) can run none of the kernels in this file, which are for %s: "
			 "build it with its target in CONFIG_HIP_ARCHS (see rocminfo)",
			 dev->arch, hip_image_archs);
}
