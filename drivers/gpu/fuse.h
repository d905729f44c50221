/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse.h - two ops that follow each other in a queue, as one launch. Pure C without a vendor's API,
 * no state, any thread.
 */
#ifndef GPU_FUSE_H
#define GPU_FUSE_H

#include "plan.h"

/*
 * Is it worth holding this op back until the next is known? Its descriptor has been planned. True
 * only for what may be the first of a pair.
 */
bool gpu_fuse_begins(const struct aios_op *op);

/*
 * Plan a and then b as one: the memory is the same afterwards, bit for bit, as if both had run.
 * 1: launches[0 .. *n) do both; 0: they are no pair, plan each by itself; or -errno.
 */
int gpu_fuse(const struct gpu_caps *caps, const struct aios_op *a, const struct aios_op *b,
	     struct gpu_launch *launches, unsigned int cap, unsigned int *n,
	     struct aios_status *st);

#endif /* GPU_FUSE_H */
