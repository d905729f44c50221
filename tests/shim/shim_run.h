/* SPDX-License-Identifier: Apache-2.0 */
/* shim_run.h - run a planned launch on the host. C11 and C++17. */
#ifndef SHIM_RUN_H
#define SHIM_RUN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "plan.h"

enum shim_order {
	SHIM_FORWARD = 0, /* threads run in ascending order between barriers */
	SHIM_REVERSE = 1,
	SHIM_RANDOM = 2
};

/*
 * A machine that is broken on purpose, so that tests show that it is noticed: a lane gets its
 * neighbour's value in an exchange; the barrier that is the mutant_at-th to be met is none;
 * subnormals are zero (on x86); CDNA2's matrix unit keeps them.
 */
enum shim_mutant {
	SHIM_SOUND = 0,
	SHIM_WRONG_LANE = 1,
	SHIM_NO_BARRIER = 2,
	SHIM_FLUSHES = 3,
	SHIM_KEEPS = 4
};

/*
 * Threads of a wave, and in which order fibers and asynchronous copies go. Waves of 64 have the
 * matrix units of CDNA1, 2 or 3 (gfx908, gfx90a, gfx942), or with 0 none. Waves of 32 rehearse (see
 * gpu_rehearsal()) unless bit 1 of the seed is set.
 */
struct shim_config {
	uint32_t wave, order, cdna;
	uint64_t seed;
	uint32_t mutant, mutant_at;
};

/*
 * Run all blocks of the launch, one after the other. Shared memory begins as poison and is an
 * allocation of exactly the bytes planned. What no GPU forgives (threads at different barriers, a
 * thread that left before one, a wave at different shuffles) prints a message and aborts. One
 * thread at a time; -ENOMEM.
 */
int shim_run(const struct gpu_launch *launch, const struct shim_config *config);

#ifdef __cplusplus
}
#endif

#endif /* SHIM_RUN_H */
