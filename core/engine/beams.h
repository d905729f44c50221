/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beams.h - beam search (the rule: Documentation/engine.md, "Beam search"). The beams of a
 * request are its answers: the first is the one that the scheduler knows, the others compute
 * in its grants and share its fate, in and out of the device. All have the same number of
 * tokens. A beam that has computed its newest token waits, "ready", for the others; then all
 * of them are replaced by the best continuations, which share the pages of what they continue.
 */
#ifndef CORE_ENGINE_BEAMS_H
#define CORE_ENGINE_BEAMS_H

#include <aios/plugin/scheduler.h>

#include "core/engine/request.h"
#include "core/engine/step.h"

#define BEAMS_MAX 8u

struct aios_engine;

/* A continuation of a beam by one token. */
struct beam_candidate {
	double score; /* sum of log-probabilities */
	float logprob;
	int32_t id;
	uint32_t beam;
	bool eos;
};

/* An answer that has ended. */
struct beam_answer {
	double score; /* what answers are ordered by */
	int32_t *ids; /* [n], owned */
	float *logprobs;
	uint32_t n;
};

struct beams {
	uint32_t n;       /* answers, and beams at most */
	uint32_t active;  /* beams there are: 1 until the prompt is computed */
	uint32_t offered; /* candidates of each: n + the end-of-sequence ids */
	double penalty;   /* of length */
	enum aios_early_stopping early;
	struct request *lanes[BEAMS_MAX];
	bool ready[BEAMS_MAX]; /* its candidates are there */
	double scores[BEAMS_MAX];
	struct beam_candidate *candidates; /* [n][offered] */
	float *logprobs[BEAMS_MAX];        /* of the beam's tokens after the prompt */
	size_t cap_logprobs[BEAMS_MAX];
	struct beam_answer done[BEAMS_MAX]; /* best first */
	uint32_t n_done;
	/* What a move of beams is made from: columns of all of them side by side. */
	void *ids, *probs, *pages;
	size_t cap_ids, cap_probs, cap_pages;
};

/* Is the request one of several beams, and not the one that the scheduler knows? */
static inline bool beams_follows(const struct request *r)
{
	return r->beams && r->beams->lanes[0] != r;
}

/* What cannot be: -EINVAL. `n_eos`: end-of-sequence ids that the request heeds. */
int beams_check(const struct aios_request *req, uint32_t n_eos, uint32_t vocab,
		struct aios_status *st);

/* Make one search of the chain of answers. 0 or -ENOMEM. */
int beams_create(const struct aios_request *req, uint32_t n_eos, struct request *chain);

/* A request of a search is destroyed; the last one takes the search with it. Takes NULL. */
void beams_leave(struct request *r);

/* Pages that `beams` beams of a prompt may take when they grow to `limit` tokens. */
uint64_t beams_pages(uint32_t beams, uint64_t n_prompt, uint64_t limit, uint32_t page_size);

/* Facts of an admitted search: its pages, and rows and pages of what is not ready. */
void beams_facts(const struct aios_engine *e, const struct request *r,
		 struct aios_sched_facts *facts);

/* The first beam computes alone: the prompt, or what a drop took. */
bool beams_alone(const struct request *r);

/*
 * Beams that are not ready take part with `rows` rows in all, `places` of them at most. The rows that
 * were taken, 0: no pages.
 */
uint32_t beams_choose(struct aios_engine *e, struct request *r, uint32_t rows, uint32_t places);

/* What the tail has to do for a beam that gets logits. */
void beams_tail(struct step *s, const struct request *r);

/* A beam's logits are there; when it was the last one, the search goes on or ends. */
void beams_take(struct aios_engine *e, const struct member *m, uint64_t now);

/* The others go as the first one does: their pages are given back. */
void beams_drop(struct aios_engine *e, struct request *r);

/* End all beams: `reason` STOP or LENGTH means each has its own. */
void beams_end(struct aios_engine *e, struct request *r, enum aios_end_reason reason,
	       const struct aios_status *st);

#endif /* CORE_ENGINE_BEAMS_H */
