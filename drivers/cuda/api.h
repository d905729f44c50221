/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - libcuda.so.1, opened at run time. Nothing here needs the CUDA toolkit:
 * the few numbers of its ABI that the driver uses are written down below.
 */
#ifndef CUDA_API_H
#define CUDA_API_H

#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>

#include "symbols.h"

enum cuda_result {
	CUDA_OK = 0,
	CUDA_INVALID_VALUE = 1,
	CUDA_OUT_OF_MEMORY = 2,
	CUDA_NOT_INITIALIZED = 3,
	CUDA_DEVICE_UNAVAILABLE = 46,
	CUDA_NO_DEVICE = 100,
	CUDA_INVALID_DEVICE = 101,
	CUDA_NO_BINARY_FOR_GPU = 209,
	CUDA_NOT_READY = 600,
	CUDA_ILLEGAL_ADDRESS = 700,
	CUDA_NOT_SUPPORTED = 801,
};

enum cuda_attribute {
	CUDA_ATTR_UNITS = 16,
	CUDA_ATTR_COMPUTE_MODE = 20,
	CUDA_ATTR_MAJOR = 75,
	CUDA_ATTR_MINOR = 76,
	CUDA_ATTR_SHARED_OPTIN = 97, /* bytes of shared memory a block may ask for */
};

enum {
	CUDA_COMPUTE_PROHIBITED = 2,
	CUDA_STREAM_NON_BLOCKING = 1,
	CUDA_EVENT_NO_TIMING = 2,
	CUDA_HOST_PORTABLE = 1,
	CUDA_HOST_DEVICE_MAP = 2,
	CUDA_CAPTURE_RELAXED = 2, /* this thread may allocate while a queue captures */
	CUDA_FUNCTION_MAX_SHARED = 8,
	/* Keys of cuLaunchKernel's `extra` list. */
	CUDA_LAUNCH_END = 0,
	CUDA_LAUNCH_BUFFER = 1,
	CUDA_LAUNCH_BUFFER_SIZE = 2,
};

#define CUDA_MEMBER(member, symbol, params) int(*member) params;
struct cuda_api {
	void *lib;
	int version; /* of CUDA that the library speaks: 13000 is 13.0 */
	CUDA_SYMBOLS(CUDA_MEMBER)
};
#undef CUDA_MEMBER

/*
 * Open libcuda, check its version against the toolkit the kernels were built
 * with, and cuInit. On failure nothing stays open, and the status says what was
 * found and what is needed. The library stays mapped once it was loaded: threads
 * of its own may be in it.
 */
int cuda_api_open(struct cuda_api *api, struct aios_status *st);
void cuda_api_close(struct cuda_api *api);

/* "CUDA_ERROR_OUT_OF_MEMORY" or "error 2". Static storage or `text`. */
const char *cuda_result_name(const struct cuda_api *api, int result, char *text, size_t cap);

#endif /* CUDA_API_H */
