/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - libamdhip64, opened at run time. Nothing here needs HIP's headers: the few
 * numbers of its ABI that the driver uses are written down below and in
 * drivers/gpu/host/api.h.
 */
#ifndef HIP_API_H
#define HIP_API_H

#include <aios/error.h>

#include "host/api.h" /* include-ok: drivers/gpu, part of this module */
#include "symbols.h"

/* The same numbers in ROCm 5, 6 and 7. The name of the architecture is not among them any more. */
enum hip_attribute {
	HIP_ATTR_COMPUTE_MODE = 6,
	HIP_ATTR_MAJOR = 23,
	HIP_ATTR_MINOR = 61,
	HIP_ATTR_UNITS = 63,
	HIP_ATTR_SHARED = 74, /* bytes of shared memory of a block */
	HIP_ATTR_WAVE = 87,
};

enum {
	HIP_COMPUTE_PROHIBITED = 2,
};

#define HIP_MEMBER(member, symbol, type, params) type(*member) params;
struct hip_api {
	struct gpu_api gpu;
	HIP_OWN_SYMBOLS(HIP_MEMBER)
};
#undef HIP_MEMBER

static inline const struct hip_api *hip_api(const struct gpu_api *api)
{
	return (const struct hip_api *)api;
}

/*
 * Open libamdhip64 and hipInit; the status says what was found and what is needed.
 * The library stays mapped once it was loaded: threads of its own may be in it.
 */
int hip_api_open(struct gpu_api *api, struct aios_status *st);

/* NULL when the library does not know the result. */
const char *hip_error_name(const struct gpu_api *api, int result);
const char *hip_error_text(const struct gpu_api *api, int result);

#endif /* HIP_API_H */
