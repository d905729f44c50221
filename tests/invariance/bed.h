/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bed.h - an engine driven step by step, with the invariant checker after each, and
 * what every request got: ids, and a digest of the fp32 logits row of each token.
 * AIOS_TEST_DRIVER=PATH is the driver in place of cpu-ref, in the profile AIOS_TEST_NUMERICS.
 */
#ifndef TESTS_INVARIANCE_BED_H
#define TESTS_INVARIANCE_BED_H

#include <check.h>

#include "core/engine/engine.h"

#define BED_MAX_TOKENS 600
#define BED_NOTES 512

struct result {
	int32_t ids[BED_MAX_TOKENS];
	uint64_t digests[BED_MAX_TOKENS]; /* of the logits that the id was drawn from */
	uint32_t n, ends;
	uint32_t n_scores; /* tokens of the prompt whose log-probabilities came */
	uint64_t scores;   /* digest of all that was said about them */
	uint32_t reason;
	double score; /* of a beam */
	struct aios_usage usage;
	struct aios_status status;
	struct aios_transition timeline[REQUEST_TIMELINE];
	uint32_t n_timeline;
};

struct bed {
	struct aios_config *config;
	struct aios *aios;
	struct aios_engine *e;
	bool digests; /* note the logits of each step; results have them when nothing is alive */
	struct aios_mem log;        /* BED_NOTES rows of logits on the device */
	char *rows;                 /* the same, on the host */
	uint64_t *notes[BED_NOTES]; /* whose they are */
	uint32_t n_notes;
	void (*after_step)(struct bed *b); /* NULL: nothing */
	void *ctx;
};

/*
 * Add a loop test of `n`, those of this process's share: AIOS_TEST_SHARD=I/N is every N-th of all that
 * are added, so that N processes do all of them once.
 */
void bed_add(TCase *tc, const TTest *test, int n);
/* The same for what says nothing of a driver: not with AIOS_TEST_DRIVER. */
void bed_add_host(TCase *tc, const TTest *test, int n);

/* Is the whole grid wanted (make check-invariance)? */
bool bed_full(void);

/* Are these the numerics of frozen answers, fma32? In another profile a text may go another way. */
bool bed_frozen(void);

/* Settings "section.key=value", NULL-terminated; cpu-ref, a small batch and a small cache unless they say otherwise. */
void bed_open(struct bed *b, const char *model, const char *const *settings);
void bed_close(struct bed *b);

/*
 * An engine for tests of what fails: cpu-ref with these settings alone, no logits noted. A negative
 * errno with the status filled when it does not open; bed_shut() it in any case.
 */
int bed_try(struct bed *b, const char *model, const char *const *settings, struct aios_status *st);
void bed_shut(struct bed *b);

/* "DIR/share/demo". Static. */
const char *bed_demo(void);

/*
 * Model `i`: the demo, then two golden checkpoints (rope of Llama 3; a sliding window) where the folder
 * ../shared lies beside the tree, or AIOS_TEST_GOLDEN is where they are. NULL: it is not there, which is printed. Static.
 */
#define BED_MODELS 3
const char *bed_model(int i);

/*
 * Submit; choice c arrives in out[c] (req->user is set). Returns the id, 0 when refused with the
 * status in *st.
 */
uint64_t bed_submit(struct bed *b, struct aios_request *req, struct result *out,
		    struct aios_status *st);

/* One step and its events; false: nothing is alive. Fails the test when an invariant does not hold. */
bool bed_step(struct bed *b);
void bed_run(struct bed *b); /* until nothing is alive */
void bed_events(struct bed *b);

/* The same ids, the same bits of logits and of the prompt's log-probabilities. */
void bed_equal(const struct result *want, const struct result *got, const char *what);

#endif /* TESTS_INVARIANCE_BED_H */
