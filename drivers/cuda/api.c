// SPDX-License-Identifier: Apache-2.0
/*
 * api.c - find libcuda.so.1 and its functions.
 */
#include <dlfcn.h>
#include <stdio.h>

#include "api.h"
#include "image.h"

const char *cuda_error_name(const struct gpu_api *api, int result)
{
	const char *name = NULL;

	return cuda_api(api)->error_name(result, &name) == GPU_OK ? name : NULL;
}

const char *cuda_error_text(const struct gpu_api *api, int result)
{
	const char *text = NULL;

	return cuda_api(api)->error_string(result, &text) == GPU_OK ? text : NULL;
}

/* Kernels of one major version of CUDA run on every driver of that major version or a later one. */
static int api_needed(void)
{
	return (int)(cuda_image_toolkit / 1000 * 1000);
}

static int api_bind(struct cuda_api *api, struct aios_status *st)
{
#define API_ROW(member, symbol) GPU_SYMBOL(struct cuda_api, member, symbol, false)
#define API_OWN_ROW(member, symbol, params) GPU_OWN_SYMBOL(struct cuda_api, member, symbol)
#define API_NEW_ROW(member, symbol, params) GPU_OWN_OPTIONAL(struct cuda_api, member, symbol)
	static const struct gpu_symbol rows[] = { CUDA_SYMBOLS(API_ROW) CUDA_OWN_SYMBOLS(
		API_OWN_ROW) CUDA_NEW_SYMBOLS(API_NEW_ROW) };
#undef API_ROW
#undef API_OWN_ROW
#undef API_NEW_ROW
	const char *missing = gpu_api_bind(&api->gpu, rows, sizeof(rows) / sizeof(rows[0]));

	if (!missing)
		return 0;
	return aios_fail(st, -ENOTSUP,
			 "the NVIDIA driver is too old: its libcuda.so.1 has no %s; "
			 "this file needs a driver for CUDA %d.%d or later",
			 missing, api_needed() / 1000, api_needed() % 1000 / 10);
}

static int api_check_version(struct cuda_api *api, struct aios_status *st)
{
	int needed = api_needed(), ret;

	ret = api->driver_version(&api->version);
	if (ret != GPU_OK)
		return aios_fail(st, -EIO, "cuDriverGetVersion failed: error %d", ret);
	snprintf(api->gpu.runtime, sizeof(api->gpu.runtime), "CUDA %d.%d", api->version / 1000,
		 api->version % 1000 / 10);
	if (api->version >= needed)
		return 0;
	return aios_fail(st, -ENOTSUP,
			 "the NVIDIA driver is too old: it speaks CUDA %d.%d, these kernels need "
			 "%d.%d; update the NVIDIA driver, or rebuild with an older CUDA toolkit",
			 api->version / 1000, api->version % 1000 / 10, needed / 1000,
			 needed % 1000 / 10);
}

static int api_init(struct cuda_api *api, struct aios_status *st)
{
	const char *name, *why;
	int ret = api->init(0);

	if (ret == GPU_OK)
		return 0;
	if (ret == GPU_NO_DEVICE)
		return aios_fail(st, -ENODEV,
				 "libcuda.so.1 finds no CUDA device; see nvidia-smi, "
				 "/dev/nvidia* and CUDA_VISIBLE_DEVICES");
	name = cuda_error_name(&api->gpu, ret);
	why = cuda_error_text(&api->gpu, ret);
	aios_fail(st, -EIO, "cuInit failed: %s, error %d (%s); see nvidia-smi",
		  name ? name : "unknown", ret, why ? why : "no text");
	if (st)
		st->vendor = ret;
	return -EIO;
}

int cuda_api_open(struct gpu_api *gpu, struct aios_status *st)
{
	struct cuda_api *api = (struct cuda_api *)gpu;
	const char *why;
	int ret;

	gpu->lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!gpu->lib) {
		why = dlerror();
		return aios_fail(st, -ENODEV,
				 "there is no NVIDIA driver here (%s); install it, or choose "
				 "another --driver",
				 why ? why : "libcuda.so.1 not found");
	}
	ret = api_bind(api, st);
	if (ret == 0)
		ret = api_check_version(api, st);
	return ret ? ret : api_init(api, st);
}
