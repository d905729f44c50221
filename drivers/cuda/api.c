// SPDX-License-Identifier: Apache-2.0
/*
 * api.c - find libcuda.so.1 and its functions.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "image.h"

const char *cuda_result_name(const struct cuda_api *api, int result, char *text, size_t cap)
{
	const char *name = NULL;

	if (api->error_name && api->error_name(result, &name) == CUDA_OK && name)
		return name;
	snprintf(text, cap, "error %d", result);
	return text;
}

/* Kernels of one major version of CUDA run on every driver of that major version or a later one. */
static int api_needed(void)
{
	return (int)(cuda_image_toolkit / 1000 * 1000);
}

static int api_bind(struct cuda_api *api, struct aios_status *st)
{
	struct api_symbol {
		const char *name;
		void *slot; /* a function pointer's bytes */
	};
#define API_ROW(member, symbol, params) { symbol, &api->member },
	const struct api_symbol rows[] = { CUDA_SYMBOLS(API_ROW) };
#undef API_ROW
	void *found;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		found = dlsym(api->lib, rows[i].name);
		if (!found)
			return aios_fail(
				st, -ENOTSUP,
				"the NVIDIA driver is too old: its libcuda.so.1 has no %s; "
				"this file needs a driver for CUDA %d.%d or later",
				rows[i].name, api_needed() / 1000, api_needed() % 1000 / 10);
		memcpy(rows[i].slot, &found, sizeof(found));
	}
	return 0;
}

static int api_check_version(struct cuda_api *api, struct aios_status *st)
{
	int needed = api_needed(), ret;
	char text[32];

	ret = api->driver_version(&api->version);
	if (ret != CUDA_OK)
		return aios_fail(st, -EIO, "cuDriverGetVersion failed: %s",
				 cuda_result_name(api, ret, text, sizeof(text)));
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
	int ret = api->init(0);
	const char *why = NULL;
	char text[32];

	if (ret == CUDA_OK)
		return 0;
	if (ret == CUDA_NO_DEVICE) {
		ret = aios_fail(st, -ENODEV,
				"libcuda.so.1 finds no CUDA device; see nvidia-smi, "
				"/dev/nvidia* and CUDA_VISIBLE_DEVICES");
	} else {
		api->error_string(ret, &why);
		aios_fail(st, -EIO, "cuInit failed: %s (%s); see nvidia-smi",
			  cuda_result_name(api, ret, text, sizeof(text)), why ? why : "no text");
		if (st)
			st->vendor = ret;
		ret = -EIO;
	}
	return ret;
}

int cuda_api_open(struct cuda_api *api, struct aios_status *st)
{
	const char *why;
	int ret;

	memset(api, 0, sizeof(*api));
	api->lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!api->lib) {
		why = dlerror();
		return aios_fail(st, -ENODEV,
				 "there is no NVIDIA driver here (%s); install it, or choose "
				 "another --driver",
				 why ? why : "libcuda.so.1 not found");
	}
	ret = api_bind(api, st);
	if (ret == 0)
		ret = api_check_version(api, st);
	if (ret == 0)
		ret = api_init(api, st);
	if (ret)
		cuda_api_close(api);
	return ret;
}

void cuda_api_close(struct cuda_api *api)
{
	if (api->lib)
		dlclose(api->lib);
	api->lib = NULL;
}
