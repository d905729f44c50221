/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpu_bed.h - a GPU's driver over a vendor's library that is none (tests/fake), for the tests of its
 * host side: what is the same whoever the vendor is. A device, a queue and memory belong to the test.
 */
#ifndef TESTS_UNIT_GPU_BED_H
#define TESTS_UNIT_GPU_BED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/driver/driver.h>

#include "fake.h"

#define MIB ((uint64_t)1 << 20)

struct gpu_bed {
	/* Set by the test: files in the build's tests/modules, and what the GPU is at first. */
	const char *library, *driver;
	struct fake_gpu gpu;
	/* For gpu_bed_sweep(): what to do with a device, at GPU_BED_BYTES of its memory. */
	int (*work)(const struct gpu_bed *bed, void *dev, void *queue, aios_addr at,
		    struct aios_status *st);
	int (*clear)(void); /* gives back what is on a lost device; NULL: the driver does */

	/* Filled by gpu_bed_setup(). */
	void *handle; /* the library's, for dlsym() */
	struct fake_gpu *fake;
	const struct aios_driver_ops *ops;
};

/* What the drivers are opened with. */
extern const struct aios_host gpu_bed_host;

/* Load both at the first call, which takes the place of the vendor's library; a fresh GPU. */
void gpu_bed_setup(struct gpu_bed *bed);

void *gpu_bed_open(const struct gpu_bed *bed);
void *gpu_bed_queue(const struct gpu_bed *bed, void *dev);

/* Destroy the queue (or none: NULL), close the device; then gpu_bed_check_empty(). */
void gpu_bed_close(const struct gpu_bed *bed, void *dev, void *queue);

/* Nothing is left in the library, and no context is current. */
void gpu_bed_check_empty(const struct gpu_bed *bed);

/* The time in so many seconds, as wait() takes it. */
uint64_t gpu_bed_deadline(double seconds);

/* Wait for all that is in the queue. */
int gpu_bed_finish(const struct gpu_bed *bed, void *dev, void *queue, struct aios_status *st);

/* The next call that can fail loses the device, with the vendor's word for an illegal address. */
void gpu_bed_lose(const struct gpu_bed *bed);

/* out = a + b of fp32, one after the other from `at` in the order a, b, out. */
struct aios_op_add gpu_bed_add(aios_addr at, uint32_t rows, uint32_t cols);

/* --- what every vendor's driver has to show ------------------------------------------ */

struct gpu_bed_device {
	const char *id, *alias;
};

/* probe() finds these two, asked how many there are or what they are. */
void gpu_bed_check_devices(const struct gpu_bed *bed, const struct gpu_bed_device want[2]);

/* probe() finds nothing and says so in one sentence, `part` in it; returns the vendor's code. */
int64_t gpu_bed_check_none(const struct gpu_bed *bed, const char *part);

struct gpu_bed_target {
	int major, minor, wave;
	bool runs;
};

/*
 * Every target is found; it opens, or is refused with the names of the images that there are. An open
 * one has its wave, and `runtime` is in its information.
 */
void gpu_bed_check_targets(const struct gpu_bed *bed, const struct gpu_bed_target *targets,
			   size_t n, const char *images, const char *runtime);

/*
 * Open, allocate, work, give all back; once for each call of the library, the n-th failing with
 * `result` (`sticky`: and all after it), until none is left to fail: an error has a message, and
 * nothing leaks.
 */
#define GPU_BED_BYTES 12288
void gpu_bed_sweep(struct gpu_bed *bed, int result, bool sticky);

#endif /* TESTS_UNIT_GPU_BED_H */
