/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nccl.h - how a test steers a fake libnccl or librccl; it finds `fake_nccl` in the library with
 * dlsym(). Of a process; the ranks meet in a file of /dev/shm, so they may be anywhere in a machine.
 */
#ifndef FAKE_NCCL_H
#define FAKE_NCCL_H

#include <stdatomic.h>
#include <stdint.h>

struct fake_nccl {
	/* Set by the test; results are enum comm_result, 0: as it goes. */
	int version;       /* 22809 */
	int id_result;     /* of ncclGetUniqueId */
	int init_result;   /* of ncclCommInitRankConfig */
	int gather_result; /* of ncclAllGather */
	atomic_int async;  /* of ncclCommGetAsyncError */
	atomic_bool hang;  /* what is enqueued never ends by itself */
	atomic_bool deaf;  /* nobody is told of a rank that aborted */

	/* Counted by the fake. */
	atomic_int comms, tasks; /* alive */
	atomic_int destroyed, aborted;
	atomic_int gathers;
	atomic_int strays; /* calls without the rank's device being current */
};

#endif /* FAKE_NCCL_H */
