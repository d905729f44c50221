/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - from a descriptor to kernel launches. Pure C without a vendor's API: the host
 * sides of cuda and hip both call it, and so do the tests. No state, no allocation; any thread.
 */
#ifndef GPU_PLAN_H
#define GPU_PLAN_H

#include <stdalign.h>

#include <aios/driver/driver.h>

#include "kernels.h"

#define GPU_ARGS_MAX 1024    /* bytes of the largest argument struct */
#define GPU_MAX_LAUNCHES 4   /* the most launches one op needs */
#define GPU_SHARED_MIN 49152 /* every device must offer this much shared memory a block */

/* What a plan depends on. The values of an op never do. */
struct gpu_caps {
	uint32_t wave;       /* lanes: 32 or 64 */
	uint32_t units;      /* multiprocessors, compute units */
	uint32_t shared_max; /* dynamic shared bytes a block may have, opt-in included */
	uint32_t arch;       /* CUDA: 10 * major + minor; else 0 */
	uint32_t cdna; /* 1 to 3: with that generation's matrix units, and waves of 64; else 0 */
	uint32_t wgmma_rows; /* from how many rows matmul_wgmma runs; 0: as plan_wgmma.c has it */
	bool maps; /* launches may have tensor maps */
};

/*
 * A tensor map in a kernel's arguments: what one instruction copies between device memory and
 * shared memory. A box of elements at given coordinates; what lies outside of dims reads as zeros.
 * The host puts the vendor's 128 bytes into the arguments, at `at`, before the launch.
 */
struct gpu_map {
	uint32_t at;         /* of the args, a multiple of 64 */
	uint32_t elem_bytes; /* 1, 2 or 4 */
	uint32_t rank;       /* 1 to 4 dimensions, the innermost first */
	uint32_t swizzle;    /* 0, or 128: 16-byte units of 128 bytes are permuted by row % 8 */
	uint64_t base;       /* device address, a multiple of 16 */
	uint64_t dims[4];    /* elements */
	uint64_t strides[3]; /* bytes, of dims[1] and on, multiples of 16 */
	uint32_t box[4];     /* elements, up to 256 each; with a swizzle box[0] is of 128 bytes */
};

#define GPU_MAPS 3        /* of a launch, at most */
#define GPU_MAP_BYTES 128 /* in the arguments */

/*
 * One launch, in order. `kernel` is called with one parameter: the first args_bytes bytes of
 * `args`, by value (CUDA, HIP: kernelParams = { launch.args }). A grid may be as large as
 * 2^31 - 1 by 65535 by 65535. `shared` may exceed 48 KiB: raise the function's limit to
 * shared_max once, when the function is loaded.
 */
struct gpu_launch {
	uint32_t kernel; /* enum gpu_kernel */
	uint32_t grid[3];
	uint32_t block[3];
	uint32_t shared; /* dynamic shared bytes; kernels have no other shared memory */
	uint32_t args_bytes;
	uint32_t n_maps;
	uint32_t overlaps; /* set by who enqueues it: may begin before the launch ahead has ended */
	struct gpu_map maps[GPU_MAPS];
	union {
		uint64_t align;
		alignas(64) uint8_t bytes[GPU_ARGS_MAX]; /* as maps want it */
	} args;
};

/* A kernel's entry point ("gpu_embed") and the most threads a block of it has. */
const char *gpu_kernel_name(uint32_t kernel);
uint32_t gpu_kernel_threads(uint32_t kernel);

/* The profile of the CDNA unit there is; AIOS_PROFILE_COUNT: none. */
uint32_t gpu_cdna_profile(const struct gpu_caps *caps);

/* For aios_device_info: the op types (bit t) and the profiles (bit p) there are kernels for. */
uint64_t gpu_op_types(void);
uint32_t gpu_profiles(const struct gpu_caps *caps);

/*
 * The driver's query_op(): reads the descriptor, whose addresses may be 0; fills level,
 * scratch_bytes and reason. As strict as cpu-ref, and no stricter but where it says so. Returns 0.
 */
int gpu_query(const struct gpu_caps *caps, const struct aios_op *op, struct aios_op_support *out);

/*
 * For launch(): checks the descriptor with its addresses and fills launches[0 .. *n), *n <= cap;
 * *n is 0 when there is nothing to do (no rows). -ENOTSUP where gpu_query() says NO, -EINVAL for
 * what no grid can hold; cap >= GPU_MAX_LAUNCHES is always enough (else -ENOSPC). Keeps nothing.
 */
int gpu_plan(const struct gpu_caps *caps, const struct aios_op *op, struct gpu_launch *launches,
	     unsigned int cap, unsigned int *n, struct aios_status *st);

/*
 * The driver's weight_layout(): fills layout, row_bytes and plane_bytes of *w from its rows, cols
 * and dtype, and the bytes to allocate. -EINVAL for a type that is no weight's.
 */
int gpu_weight_layout(const struct gpu_caps *caps, uint32_t profile, struct aios_tensor *w,
		      uint64_t *bytes, struct aios_status *st);

#endif /* GPU_PLAN_H */
