/* SPDX-License-Identifier: Apache-2.0 */
/* conform.h - the inside of a conformance run: the two devices, the jobs, the results. */
#ifndef CORE_CONFORM_CONFORM_H
#define CORE_CONFORM_CONFORM_H

#include <aios/conform.h>

#include "core/aios.h"
#include "core/conform/gen.h"
#include "core/conform/prog.h"

struct conform_job;

/* An opened device with two queues. */
struct conform_side {
	struct device *dev;
	struct queue queues[2];
};

/* A line of the file of expectations. */
struct conform_expect {
	char *pattern, *reason, *expires; /* "2027-01-31" */
	int line;
	bool used;
};

/* A line of a digest file. */
struct conform_known {
	char id[64], digest[CONFORM_DIGEST];
};

struct aios_conform {
	struct aios_conform_options options; /* texts valid during the run only */
	struct aios_conform_summary summary;
	struct aios *aios;  /* of the driver under test */
	struct aios *other; /* of the reference */
	struct aios_config *other_config;
	struct conform_side dut, ref;
	struct aios_conform_case *cases;
	size_t n_cases, cap_cases;
	struct conform_job *jobs;
	size_t n_jobs, cap_jobs;
	struct conform_expect *expects;
	size_t n_expects, cap_expects;
	struct conform_known *known; /* sorted by id */
	size_t n_known, cap_known;
	bool compare_digests;
	bool restricted;       /* a case, filter or profile was asked for */
	char driver_text[256]; /* as the user named the driver */
	char today[16];
};

/* One case: fills `r`, whose id, op, profile and level are set, status PASS. */
typedef int (*conform_run_fn)(struct aios_conform *c, const struct conform_job *job,
			      struct aios_conform_case *r);

struct conform_job {
	char id[64];
	uint32_t level, profile, index;
	const struct gen *gen;
	conform_run_fn run; /* 0, or -ENOMEM when the host is out of memory */
	const void *arg;
};

/* The devices (target.c). */
int conform_open(struct aios_conform *c, struct aios_status *st);
void conform_close(struct aios_conform *c);
/* One more device of the driver under test, with queues. */
int conform_side_open(struct aios *aios, struct conform_side *side, struct aios_status *st);
void conform_side_close(struct conform_side *side); /* takes a zeroed side */

/* One more job of level `level`; `id` is formatted. -ENOMEM. */
int conform_add(struct aios_conform *c, const struct conform_job *job, const char *fmt, ...)
	AIOS_PRINTF(3, 4);

/* The jobs of each level. */
int conform_level0(struct aios_conform *c);
int conform_level1(struct aios_conform *c);
int conform_level2(struct aios_conform *c);
int conform_level3(struct aios_conform *c);
int conform_level4(struct aios_conform *c);
int conform_level5(struct aios_conform *c);
/* Those of several devices (ranks.c), of level 1. */
int conform_ranks(struct aios_conform *c);
/* Those made by hand (edges.c): of level 2, and a graph of level 4. */
int conform_edges(struct aios_conform *c);
int conform_edges_graph(struct aios_conform *c);

/* Failing and skipping: write the message unless there is one already. Return 0. */
int conform_fail(struct aios_conform_case *r, const char *fmt, ...) AIOS_PRINTF(2, 3);
int conform_skip(struct aios_conform_case *r, const char *fmt, ...) AIOS_PRINTF(2, 3);

/* Does the profile take part (declared, and not excluded by --profile)? */
bool conform_has_profile(const struct aios_conform *c, uint32_t profile);

/* How the first, the second (other guards, poison and addresses) and later runs of a program go. */
struct prog_how conform_how(uint32_t run);

/*
 * Run a program on the reference and twice on the device, compare, digest, time.
 * A refusal is a SKIP. 0 or -ENOMEM.
 */
int conform_run_prog(struct aios_conform *c, const struct prog *p, struct aios_conform_case *r);

/* The outcome of one run as a failure or skip of `r`; true when it ran. */
bool conform_ran(const struct prog_result *run, const char *who, struct aios_conform_case *r);

/* Bytes of this process's heap that are allocated, whoever did. */
int64_t conform_heap_bytes(void);
/* KiB of this process in memory. */
long conform_resident(void);

/* Put a difference into `r` as its failure. */
void conform_note_diff(struct aios_conform_case *r, const struct prog_diff *d, const char *what);

/* Level 2's generated case; shared with other levels. */
int conform_run_gen(struct aios_conform *c, const struct conform_job *job,
		    struct aios_conform_case *r);

/* The smallest failing shape of a generated case (shrink.c). */
int conform_shrink(struct aios_conform *c, const struct gen_case *from,
		   struct aios_conform_case *r);

/* After all jobs: what must have passed so that nothing passes empty (floor.c). */
int conform_floor(struct aios_conform *c);

/* Expected failures (expect.c). */
int conform_expect_read(struct aios_conform *c, const char *path, struct aios_status *st);
void conform_expect_apply(struct aios_conform *c, struct aios_conform_case *r);

/* Digest files (digest.c). */
int conform_digests_read(struct aios_conform *c, const char *path, struct aios_status *st);
int conform_digests_write(const struct aios_conform *c, const char *path, struct aios_status *st);
/* A case's digest against the file's. */
void conform_digest_check(struct aios_conform *c, struct aios_conform_case *r);
/* SHA-256 over the lines, into the summary. */
void conform_digest_all(struct aios_conform *c);

/* Append a result; NULL without memory. */
struct aios_conform_case *conform_case_new(struct aios_conform *c);

/* Reports: the text of each form, malloc'ed, or NULL without memory. */
char *conform_json(const struct aios_conform *c, size_t *len);
char *conform_junit(const struct aios_conform *c, size_t *len);
char *conform_html(const struct aios_conform *c, size_t *len);

/* Write a whole file or leave none: through a temporary name beside it. */
int conform_write_file(const char *path, const char *text, size_t len, struct aios_status *st);

/* "0x3f800000" with the digits of the type. Returns `out`. */
char *conform_bits(const char *dtype, uint64_t v, char out[24]);

#endif /* CORE_CONFORM_CONFORM_H */
