/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpu.h - what the two fakes share: gpu.c, compiled for each of them with cuda.h or hip.h in
 * front, which define FAKE_SYMBOLS, FAKE_IMAGES and FAKE_BUS.
 */
#ifndef FAKE_GPU_H
#define FAKE_GPU_H

#include "fake.h"
#include "plan.h"

#define FAKE_API __attribute__((visibility("default")))

extern struct fake_gpu fake_gpu FAKE_API;

/* The prototypes of the shared calls under the vendor's names for them. */
#define FAKE_PROTO(member, symbol, ...)                                                            \
	__typeof__(*((struct gpu_api *)NULL)->member) fake_##member __asm__(symbol) FAKE_API;
FAKE_SYMBOLS(FAKE_PROTO)

/* How a device image begins, the kernels in it, and the major number that it is for; 0: any. */
struct fake_image {
	const char *begins; /* NULL: the end of FAKE_IMAGES */
	uint32_t first, end;
	int major;
};

/* A call that may fail begins here; the lock is held until fake_end(). */
int fake_begin(void);
/* What gives back or only looks never fails by itself. */
int fake_begin_sure(void);
int fake_end(int result);

/* Everything in the device's context goes; the lock is held. */
void fake_context_clear(int dev);

/* Device `dev` may read the memory of `peer` from now on; a result. The lock is held. */
int fake_peer_allow(int dev, int peer);
/* Enqueue a copy of memory of device `from` to memory of device `to`. */
int fake_copy_between(uint64_t dst, int to, uint64_t src, int from, size_t bytes, void *stream);

/* The vendor's: the device that is current in this thread, or -1. */
int fake_device(void) FAKE_API;

/*
 * For libraries over this one: call poll() when its turn in the stream has come, again and again
 * until it says true. It is called with the lock held, by whoever looks at any stream.
 */
int fake_stream_poll(void *stream, bool (*poll)(void *), void *arg) FAKE_API;
bool fake_stream_captures(void *stream) FAKE_API;

/*
 * The vendor's: what an image has beside its list. Is the kernel there; is there one of this name
 * that is in no list?
 */
bool fake_has(uint32_t kernel);
bool fake_mark(const char *name);

/* The vendor's: a kernel's turn has come; the lock is held. */
void fake_run(const struct gpu_launch *launch);

#endif /* FAKE_GPU_H */
