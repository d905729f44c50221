/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conform.h - is a driver right? Runs generated cases on the configured driver and on
 * a reference and compares every element of every output on bits; writes reports,
 * digests and certificates. `aios conform` is a front end to this, and so are tests.
 * What is checked, and what a report says: Documentation/conformance.md.
 *
 *	aios_create -> aios_conform_run -> aios_conform_summary, aios_conform_case
 *	-> aios_conform_write ... -> aios_conform_destroy
 *
 * The driver under test is the one that the context's configuration chooses; the
 * reference is opened in a context of its own, so that both may have one name.
 * Threads: one call at a time; the callback comes from the thread that calls.
 */
#ifndef AIOS_CONFORM_H
#define AIOS_CONFORM_H

#include <aios/aios.h>

#ifdef __cplusplus
extern "C" {
#endif

enum aios_conform_status {
	AIOS_CONFORM_PASS = 0,
	AIOS_CONFORM_FAIL = 1,
	AIOS_CONFORM_SKIP = 2,            /* by a declared capability; `message` says which */
	AIOS_CONFORM_EXPECTED = 3,        /* failed, as the file of expectations says */
	AIOS_CONFORM_UNEXPECTED_PASS = 4, /* passed although it was expected to fail: a failure */
	AIOS_CONFORM_STATUSES
};

/* "pass", "fail", "skip", "expected", "unexpected-pass". Static. */
AIOS_API const char *aios_conform_status_name(uint32_t status);

#define AIOS_CONFORM_LEVELS 6 /* 0 load .. 5 stress */

/* "load", "memory", "ops", "compositions", "invariance", "stress". Static. */
AIOS_API const char *aios_conform_level_name(uint32_t level);

/* What became of one case. Texts live as long as the result. */
struct aios_conform_case {
	char id[64];      /* "l2/matmul/tc-sm90/17" */
	char op[24];      /* of level 2: "matmul"; else the second part of the id */
	char profile[24]; /* "tc-sm90", or "any" */
	uint32_t level;
	uint32_t status;    /* enum aios_conform_status */
	char shape[256];    /* "T=3 N=17 K=64 ..." or "" */
	char message[640];  /* why it failed or was skipped, "" otherwise */
	char repeat[320];   /* FAIL: the command that runs this case alone */
	char smallest[256]; /* FAIL: the smallest shape that still fails, or "" */
	char digest[33];    /* of the outputs, or "" */
	uint64_t ns,
		reference_ns; /* from the first launch to the end of the wait; 0: not measured */
	/* FAIL by a difference: the first one. */
	bool differs;
	char buffer[24]; /* "out" */
	char dtype[8];
	uint32_t plane, row, col;
	uint64_t got, want; /* bit patterns */
	uint64_t ulp;       /* UINT64_MAX: no distance (a NaN) */
	uint64_t n_diff, n_elements;
};

/* After each case: number `done` of `total`. `last` is valid during the call. Non-zero stops. */
typedef int (*aios_conform_fn)(void *ctx, size_t done, size_t total,
			       const struct aios_conform_case *last);
/* Before each case, so that a crash can be named. `id` is valid during the case. */
typedef void (*aios_conform_begin_fn)(void *ctx, const char *id);

/* What to run. Zero-initialise with AIOS_CONFORM_INIT; all texts are borrowed for the call. */
struct aios_conform_options {
	uint32_t size;
	uint32_t level;      /* the highest: 0..5 */
	uint64_t seed;       /* cases are pure functions of it and of their names */
	const char *against; /* driver that is right; NULL: "cpu-ref" */
	const char *only;    /* the id of one case, or NULL */
	const char *filter;  /* a glob over ids ("l2/matmul/x*"), or NULL */
	const char *profile; /* one numerics profile, or NULL: every declared one */
	const char *expect;  /* file of expected failures, or NULL */
	const char *digests; /* file to write, or to compare with when it exists; or NULL */
	const char *today;   /* "2026-11-22" for expiry dates; NULL: the clock's */
	bool quick;          /* a fixed subset, under a minute on two cores */
	bool list;           /* run nothing: every case is a SKIP without a message */
	bool no_shrink;      /* do not look for the smallest failing shape */
	aios_conform_fn progress;
	aios_conform_begin_fn begin;
	void *ctx;
};

#define AIOS_CONFORM_INIT                                                                          \
	{                                                                                          \
		.size = sizeof(struct aios_conform_options), .level = 5,                           \
	}

struct aios_conform;

/*
 * Run. 0 when it ran to its end, whatever the cases say (look at the summary);
 * -EINTR with a result when the callback stopped it; else a negative errno without one.
 */
AIOS_API int aios_conform_run(struct aios *aios, const struct aios_conform_options *options,
			      struct aios_conform **out, struct aios_status *st);
AIOS_API void aios_conform_destroy(struct aios_conform *conform); /* takes NULL */

struct aios_conform_summary {
	uint32_t counts[AIOS_CONFORM_STATUSES];
	uint32_t level_counts[AIOS_CONFORM_LEVELS][AIOS_CONFORM_STATUSES];
	bool passed; /* nothing failed, nothing passed unexpectedly, and the run was complete */
	bool quick, complete;
	uint32_t level;
	uint64_t seed, ns;
	char driver[64], path[512], sha256[65]; /* of the driver's file; "" when built in */
	char device[64], device_name[96], runtime[96];
	char reference[64], reference_path[512], reference_runtime[96];
	char digest[65];   /* SHA-256 over the lines of the digest file */
	uint32_t profiles; /* declared: bit p is enum aios_profile p */
	uint32_t compared; /* digests that were compared with those of a file */
};

AIOS_API const struct aios_conform_summary *aios_conform_summary(const struct aios_conform *c);

/* Case `index` in the order they ran, or NULL past the last. */
AIOS_API const struct aios_conform_case *aios_conform_case(const struct aios_conform *c,
							   size_t index);

/* Write a report; the form follows the name: .json, .xml (JUnit) or .html. The file appears complete or not at all. */
AIOS_API int aios_conform_write(const struct aios_conform *c, const char *path,
				struct aios_status *st);

/* Write a certificate (JSON). -EINVAL when the run did not pass or was restricted. */
AIOS_API int aios_conform_certify(const struct aios_conform *c, const char *path,
				  struct aios_status *st);

#ifdef __cplusplus
}
#endif

#endif /* AIOS_CONFORM_H */
