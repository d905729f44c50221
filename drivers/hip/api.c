// SPDX-License-Identifier: Apache-2.0
/*
 * api.c - find libamdhip64 and its functions.
 */
#include <dlfcn.h>
#include <stdio.h>

#include "api.h"

const char *hip_error_name(const struct gpu_api *api, int result)
{
	return hip_api(api)->error_name(result);
}

const char *hip_error_text(const struct gpu_api *api, int result)
{
	return hip_api(api)->error_string(result);
}

/* The newest that is there; one that the process has loaded already counts as there. */
static void *api_library(const char **name)
{
	static const char *const names[] = { "libamdhip64.so.7", "libamdhip64.so.6",
					     "libamdhip64.so.5" };
	void *lib = NULL;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]) && !lib; i++) {
		lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
		*name = names[i];
	}
	return lib;
}

static int api_bind(struct hip_api *api, const char *library, struct aios_status *st)
{
#define API_ROW(member, symbol, optional) GPU_SYMBOL(struct hip_api, member, symbol, optional)
#define API_OWN_ROW(member, symbol, type, params) GPU_OWN_SYMBOL(struct hip_api, member, symbol)
	static const struct gpu_symbol rows[] = { HIP_SYMBOLS(API_ROW)
							  HIP_OWN_SYMBOLS(API_OWN_ROW) };
#undef API_ROW
#undef API_OWN_ROW
	const char *missing = gpu_api_bind(&api->gpu, rows, sizeof(rows) / sizeof(rows[0]));

	if (!missing)
		return 0;
	return aios_fail(st, -ENOTSUP,
			 "the HIP runtime is too old: its %s has no %s; install ROCm 5.1 or later",
			 library, missing);
}

static int api_init(struct hip_api *api, const char *library, struct aios_status *st)
{
	int ret = api->init(0), version = 0;

	if (ret == GPU_NO_DEVICE || ret == GPU_INVALID_DEVICE)
		return aios_fail(st, -ENODEV,
				 "%s finds no AMD GPU; see rocminfo, /dev/kfd (group render) and "
				 "HIP_VISIBLE_DEVICES",
				 library);
	if (ret != GPU_OK) {
		aios_fail(st, -EIO, "hipInit failed: %s, error %d (%s); see rocminfo",
			  api->error_name(ret), ret, api->error_string(ret));
		if (st)
			st->vendor = ret;
		return -EIO;
	}
	api->runtime_version(&version);
	snprintf(api->gpu.runtime, sizeof(api->gpu.runtime), "HIP %d.%d.%d", version / 10000000,
		 version / 100000 % 100, version % 100000);
	return 0;
}

int hip_api_open(struct gpu_api *gpu, struct aios_status *st)
{
	struct hip_api *api = (struct hip_api *)gpu;
	const char *why, *library = "";
	int ret;

	gpu->lib = api_library(&library);
	if (!gpu->lib) {
		why = dlerror();
		return aios_fail(st, -ENODEV,
				 "there is no AMD GPU runtime here (libamdhip64.so.7, .6 or .5; "
				 "%s); install ROCm's HIP runtime, or choose another --driver",
				 why ? why : "not found");
	}
	ret = api_bind(api, library, st);
	return ret ? ret : api_init(api, library, st);
}
