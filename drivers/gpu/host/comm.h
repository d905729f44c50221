/* SPDX-License-Identifier: Apache-2.0 */
/*
 * comm.h - NCCL's interface, which RCCL has too, and as much of it as is used. Nothing here needs
 * their headers. What adds is not among it: the order of NCCL's sums depends on the machine.
 */
#ifndef GPU_HOST_COMM_H
#define GPU_HOST_COMM_H

#include <stddef.h>
#include <stdint.h>

#include <aios/driver/driver.h>

/* Results (ncclResult_t). */
enum comm_result {
	COMM_OK = 0,
	COMM_GPU_ERROR = 1,
	COMM_SYSTEM_ERROR = 2,
	COMM_INTERNAL_ERROR = 3,
	COMM_INVALID_ARGUMENT = 4,
	COMM_INVALID_USAGE = 5,
	COMM_REMOTE_ERROR = 6, /* another rank died, or the way to it */
	COMM_IN_PROGRESS = 7,
};

enum {
	COMM_TYPE_BYTES = 1, /* ncclUint8 */
	COMM_CONFIG_MAGIC = 0xcafebeef,
	COMM_CONFIG_VERSION =
		21400, /* 2.14, the first with this struct; newer ones read its size */
};

/* ncclConfig_t as it was at first. */
struct comm_config {
	size_t size;
	unsigned int magic, version;
	int blocking;
};

/* X(member, symbol, type, parameters) */
#define COMM_SYMBOLS(X)                                                                            \
	X(version, "ncclGetVersion", int, (int *version))                                          \
	X(error_string, "ncclGetErrorString", const char *, (int result))                          \
	X(unique_id, "ncclGetUniqueId", int, (struct aios_comm_id * id))                           \
	X(init, "ncclCommInitRankConfig", int,                                                     \
	  (void **comm, int n_ranks, struct aios_comm_id id, int rank,                             \
	   struct comm_config *config))                                                            \
	X(async_error, "ncclCommGetAsyncError", int, (void *comm, int *result))                    \
	X(all_gather, "ncclAllGather", int,                                                        \
	  (const void *src, void *dst, size_t n, int type, void *comm, void *stream))              \
	X(destroy, "ncclCommDestroy", int, (void *comm))                                           \
	X(abort, "ncclCommAbort", int, (void *comm))

#define COMM_MEMBER(member, symbol, type, params) type(*member) params;
struct comm_api {
	void *lib;
	int number; /* its version: 22809 is 2.28.9 */
	COMM_SYMBOLS(COMM_MEMBER)
};
#undef COMM_MEMBER

#endif /* GPU_HOST_COMM_H */
