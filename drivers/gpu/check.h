/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - what a descriptor must satisfy before kernels see it; the same rules as cpu-ref's.
 */
#ifndef GPU_CHECK_H
#define GPU_CHECK_H

#include <aios/driver/driver.h>

#include "plan.h"

/*
 * True when `op` can run; else the reason is in out->reason. `launch`: addresses must be there and
 * aligned, and the scratch as large as `scratch_bytes`, the caller's answer for this descriptor.
 */
bool gpu_check(const struct gpu_caps *caps, const struct aios_op *op, bool launch,
	       struct aios_op_support *out);

/* In a launch: is the scratch there? */
bool gpu_check_scratch(const struct aios_scratch *s, uint64_t bytes, struct aios_op_support *out);

#endif /* GPU_CHECK_H */
