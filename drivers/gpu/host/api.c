// SPDX-License-Identifier: Apache-2.0
/*
 * api.c - see api.h.
 */
#include <dlfcn.h>
#include <string.h>

#include "api.h"

const char *gpu_bind(void *lib, void *out, const struct gpu_symbol *symbols, size_t n)
{
	unsigned char *base = out;
	const struct gpu_symbol *s;
	void *found;

	for (s = symbols; s < symbols + n; s++) {
		found = dlsym(lib, s->symbol);
		if (!found && !s->optional)
			return s->symbol;
		memcpy(base + s->function, &found, sizeof(found));
		if (s->name)
			memcpy(base + s->name, &s->symbol, sizeof(s->symbol));
	}
	return NULL;
}

const char *gpu_api_bind(struct gpu_api *api, const struct gpu_symbol *symbols, size_t n)
{
	return gpu_bind(api->lib, api, symbols, n);
}

void gpu_api_close(struct gpu_api *api)
{
	if (api->lib)
		dlclose(api->lib);
	api->lib = NULL;
}
