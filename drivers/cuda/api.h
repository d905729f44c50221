/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - libcuda.so.1, opened at run time. Nothing here needs the CUDA toolkit:
 * the few numbers of its ABI that the driver uses are written down below and in
 * drivers/gpu/host/api.h.
 */
#ifndef CUDA_API_H
#define CUDA_API_H

#include <aios/error.h>

#include "host/api.h" /* include-ok: drivers/gpu, part of this module */
#include "symbols.h"

enum cuda_attribute {
	CUDA_ATTR_UNITS = 16,
	CUDA_ATTR_COMPUTE_MODE = 20,
	CUDA_ATTR_MAJOR = 75,
	CUDA_ATTR_MINOR = 76,
	CUDA_ATTR_SHARED_OPTIN = 97, /* bytes of shared memory a block may ask for */
};

enum {
	CUDA_COMPUTE_PROHIBITED = 2,
	CUDA_FUNCTION_MAX_SHARED = 8,
	CUDA_FUNCTION_CARVEOUT = 9,
	CUDA_LAUNCH_OVERLAPS = 6, /* programmatic stream serialization */
	CUDA_MAP_U8 = 0,          /* types of a tensor map's elements */
	CUDA_MAP_U16 = 1,
	CUDA_MAP_U32 = 2,
	CUDA_MAP_SWIZZLE_128 = 3,
	CUDA_MAP_PROMOTE_256 = 3,      /* bytes that the second level cache fetches at once */
	CUDA_OVERLAP_CAPTURES = 12030, /* the first version that captures such launches */
};

/* CUlaunchAttribute, with the one kind of value that is used here. */
struct cuda_launch_attribute {
	uint32_t id;
	uint32_t reserved;
	union {
		unsigned char room[64];
		int on;
	} value;
};

/* CUlaunchConfig */
struct cuda_launch_config {
	unsigned int grid[3], block[3];
	unsigned int shared;
	void *stream;
	const struct cuda_launch_attribute *attributes;
	unsigned int n_attributes;
};

#define CUDA_MEMBER(member, symbol, params) int(*member) params;
struct cuda_api {
	struct gpu_api gpu;
	int version; /* of CUDA that the library speaks: 13000 is 13.0 */
	CUDA_OWN_SYMBOLS(CUDA_MEMBER)
	CUDA_NEW_SYMBOLS(CUDA_MEMBER)
};
#undef CUDA_MEMBER

static inline const struct cuda_api *cuda_api(const struct gpu_api *api)
{
	return (const struct cuda_api *)api;
}

/*
 * Open libcuda, check its version against the toolkit the kernels were built with,
 * and cuInit; the status says what was found and what is needed. The library stays
 * mapped once it was loaded: threads of its own may be in it.
 */
int cuda_api_open(struct gpu_api *api, struct aios_status *st);

/* NULL when libcuda does not know the result. */
const char *cuda_error_name(const struct gpu_api *api, int result);
const char *cuda_error_text(const struct gpu_api *api, int result);

#endif /* CUDA_API_H */
