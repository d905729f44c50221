/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harness.h - run single ops on a driver and look at every byte.
 *
 * The driver is AIOS_TEST_DRIVER (a path to a .so), else cpu-ref of the build
 * folder AIOS_TEST_BUILD. It is opened once for each configuration that must
 * give the same bits: numbers of threads and instruction sets, where the driver
 * has the parameters `threads` and `isa`; else once.
 *
 * Every buffer lies between guard zones; ct_release() checks the guards and that
 * inputs have not changed. Outputs begin as poison (0xcd).
 */
#ifndef CT_HARNESS_H
#define CT_HARNESS_H

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aios/driver/driver.h>
#include <aios/numerics.h>

#include "digest.h"

#define CT_MAX_DEVICES 5
#define CT_MAX_BUFS 256

struct ct_buf {
	struct aios_mem mem;
	uint64_t bytes;
	uint64_t digest; /* of an input's bytes */
	bool input;
};

/* One opened device in one configuration, with a queue and the buffers of the current case. */
struct ct {
	const struct aios_driver_ops *ops;
	struct aios_host host;
	char threads[8], isa[8], name[48];
	void *dev, *queue;
	struct ct_buf bufs[CT_MAX_BUFS];
	uint32_t n_bufs;
};

extern struct ct ct_dev[CT_MAX_DEVICES];
extern uint32_t ct_n;
#define ct_each(t) for (struct ct *t = ct_dev; t < ct_dev + ct_n; t++)

/* Checked fixtures: open all configurations, close them. */
void ct_setup(void);
void ct_teardown(void);

/*
 * Does the driver declare this op, and this profile? If not, say "skipped".
 * cpu-ref declares all of them, so nothing is skipped there.
 */
bool ct_can(uint32_t op_type, uint32_t profile);
/* The driver is cpu-ref: it looks into arrays in memory, and its messages are known. */
bool ct_is_reference(void);
/* Does a message, which must not be empty, contain `why`? Only cpu-ref's texts are compared. */
bool ct_says(const char *message, const char *why);

/* A suite with one test case that has the fixtures; add tests to *tc. */
Suite *ct_suite(const char *name, TCase **tc);

/* Buffers of the current case. in: a copy of data. out: poison. inout: a copy that may change. */
aios_addr ct_in(struct ct *t, const void *data, uint64_t bytes);
aios_addr ct_out(struct ct *t, uint64_t bytes);
aios_addr ct_inout(struct ct *t, const void *data, uint64_t bytes);
void ct_get(struct ct *t, aios_addr addr, void *out, uint64_t bytes);
void ct_put(struct ct *t, aios_addr addr, const void *data, uint64_t bytes);
/* Check guards and inputs, then free all buffers. */
void ct_release(struct ct *t);

/*
 * Matrices. On the host they are packed rows of elements (uint16_t for BF16 and
 * F16, float, int8_t or uint8_t; I8X2 is [2][rows][cols] int8_t: hi, lo); on the
 * device rows are padded to 16 bytes and then by `pad` more 16-byte units.
 */
struct aios_tensor ct_tensor_in(struct ct *t, uint32_t dtype, uint32_t rows, uint32_t cols,
				const void *data, const float *scale, uint32_t pad);
struct aios_tensor ct_tensor_out(struct ct *t, uint32_t dtype, uint32_t rows, uint32_t cols,
				 uint32_t pad);
/* An input that the op may write. */
struct aios_tensor ct_tensor_inout(struct ct *t, uint32_t dtype, uint32_t rows, uint32_t cols,
				   const void *data, uint32_t pad);
/* Read back, packed; checks that the padding behind each row was not written. */
void ct_tensor_get(struct ct *t, const struct aios_tensor *x, void *data, float *scale);
uint64_t ct_tensor_bytes(uint32_t dtype, uint32_t rows, uint32_t cols);

/* Query (must say EXACT), give scratch to *scratch when the op has one, launch, wait. */
void ct_run(struct ct *t, const struct aios_op *op, struct aios_scratch *scratch);
/* query_op and launch must both refuse, and the reason must contain `why`. */
void ct_refuse(struct ct *t, const struct aios_op *op, const char *why);

/* --- inputs: pure functions of (seed, index) --- */
enum ct_dist {
	CT_NORMAL,    /* about N(0, 1) */
	CT_WIDE,      /* normal times 2^-12 .. 2^12 */
	CT_EXTREME,   /* all finite exponents */
	CT_SUBNORMAL, /* subnormals of the type, and zeros */
	CT_ZEROS,     /* a third signed zeros, a third +-1 */
	CT_SPECIAL,   /* normal with a few infinities and NaN */
	CT_DISTS,
	/* For dot units, about the ends of their ranges: */
	CT_TINY = CT_DISTS, /* normal times 2^-53 */
	CT_HUGE,            /* normal times 2^62 */
	CT_FULL,            /* 32 by 32: a term in [1, 2), then 16 with all significand bits set */
	CT_ALL_DISTS
};
uint64_t ct_random(uint64_t seed, uint64_t index);
double ct_uniform(uint64_t seed, uint64_t index); /* [0, 1) */
float ct_value(enum ct_dist dist, uint32_t dtype, uint64_t seed, uint64_t index);
/* n elements of F32, BF16, F16, E4M3 or I8 at dst. */
void ct_fill(enum ct_dist dist, uint32_t dtype, uint64_t seed, uint64_t n, void *dst);
/* Element i of packed elements, widened. */
float ct_widen(uint32_t dtype, const void *data, uint64_t i);

/*
 * Rows of fp32 values in the type of an output, as the contract stores them: NaN
 * canonical, rounded once, or quantised by row with its scale. Packed.
 */
void ct_round_rows(uint32_t dtype, uint32_t rows, uint32_t cols, const float *v, void *out,
		   float *scale);

/* Zeroed memory that lives until the end of the test. */
void *ct_alloc(uint64_t bytes);

/* --- comparing --- */
/* Bit for bit; the message names `what`, the device and the first element that differs. */
void ct_same(const struct ct *t, const char *what, const void *got, const void *want,
	     uint32_t dtype, uint64_t n);
/*
 * |got - exact| <= bound, element by element; not finite where exact or the
 * bound are not is fine. Keeps the worst ratio for ct_report().
 */
void ct_near(const char *what, uint32_t dtype, const void *got, const double *exact,
	     const double *bound, uint64_t n);
/* Print the worst error of the test so far: of its bound, and in ulp of the output's type. */
void ct_report(const char *what);

/* The digest (digest.h) of outputs, compared with the frozen value in tests/vectors/conformance. */
void ct_frozen(const char *name, uint64_t digest);

#endif /* CT_HARNESS_H */
