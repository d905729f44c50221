/* SPDX-License-Identifier: Apache-2.0 */
/*
 * comm.h - a rank of a communicator: bytes from all ranks, and their exact sum. Whatever library
 * carries the bytes, the order of a sum is the contract's: its own reductions are never used.
 */
#ifndef CORE_DEVICE_COMM_H
#define CORE_DEVICE_COMM_H

#include "core/device/device.h"

struct comm {
	struct device *device;
	void *comm;
	uint32_t rank, n_ranks;
};

/* A new communicator's name, for all its ranks. -ENOSYS: the driver has none, or not its library. */
int comm_name(struct device *dev, struct aios_comm_id *id, struct aios_status *st);

/* Waits for the other ranks, which need a thread or a process each. */
int comm_open(struct device *dev, const struct aios_comm_id *id, uint32_t rank, uint32_t n_ranks,
	      uint64_t timeout_ns, struct comm *out, struct aios_status *st);
void comm_close(struct comm *c); /* takes a zeroed one; on all ranks, before their queues */

/* Enqueue: the `bytes` at src of rank r are at dst + r * bytes, on every rank. */
int comm_gather(struct comm *c, struct queue *q, aios_addr dst, aios_addr src, uint64_t bytes,
		uint64_t timeout_ns, struct aios_status *st);

/*
 * Enqueue: out = the tree sum of the ranks' parts, bit for bit what one device would have made of them.
 * `part` is F32 rows of out's shape and row_bytes; `room` has n_ranks times its bytes, row_bytes * rows.
 */
int comm_all_reduce(struct comm *c, struct queue *q, const struct aios_tensor *part, aios_addr room,
		    const struct aios_tensor *out, uint64_t timeout_ns, struct aios_status *st);

/* 0, or what broke it: for a wait that ended without its work. */
int comm_check(struct comm *c, struct aios_status *st);

#endif /* CORE_DEVICE_COMM_H */
