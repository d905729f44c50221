/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step.h - what steps work with. Allocated once, with room for the largest
 * step, so that a step allocates nothing (token lists of penalties grow to their
 * peak and stay).
 */
#ifndef CORE_ENGINE_STEP_H
#define CORE_ENGINE_STEP_H

#include "core/engine/forward.h"
#include "core/engine/graphs.h"
#include "core/mm/pool.h"

struct request;

/* A request's part in a step. */
struct member {
	struct request *r; /* NULL: it left while the step was under way */
	uint32_t rows;     /* guesses included */
	uint32_t drafts;   /* guesses: the last rows, verified by this step */
	uint32_t kept;     /* rows that count, once the step is done */
	int32_t logits;    /* index of its first logits row, one and one a guess, or -1: none */
	uint32_t at;       /* position of the token that is drawn from that row */
	uint32_t scored;   /* logits rows of a prompt whose log-probabilities are asked for */
	uint32_t score;    /* index of the first of those */
};

/* A list that all members' entries are gathered in. */
struct step_list {
	void *host;
	size_t cap;
	size_t n;              /* entries of this step */
	struct mm_block block; /* on the device, until the step is done */
};

/* A step that was enqueued and not waited for. */
struct flight {
	struct member *members; /* [max_batch_size] */
	uint32_t n;             /* 0: there is none */
	int32_t *ids;           /* [logits rows]: what it draws */
	uint64_t mark;          /* on the queue's timeline: its results are on the host */
	uint64_t launched_ns;
};

struct step {
	struct flight now;   /* that is computed, or was last */
	struct flight ahead; /* that follows it, enqueued before its results are known */
	uint32_t chain;      /* steps since the scheduler was asked */
	uint64_t done_ns;    /* when the last one's results came */
	struct forward_tail tail;
	struct step_list counts, bias;
	struct step_list copies; /* pairs of pages: source, destination */
	struct step_list scored; /* tokens that scored rows are asked about */
	float *ranked;           /* logits rows that ranks are counted in, a few at a time */
	uint32_t *ranks;         /* [logits rows] */
	bool captured;           /* the newest step was a graph */
	char *host;              /* the outputs: pinned memory where the device has it */
	struct aios_mem pinned;  /* its memory, when it is */
	float *logprobs;         /* [logits rows] */
	int32_t *top_ids;        /* [logits rows][n_top] */
	float *top;
	struct step_graphs graphs;
	/* For tests: a flight was enqueued, its logits are there until the next one is. NULL: nobody. */
	void (*enqueued)(void *ctx, const struct flight *f);
	void *enqueued_ctx;
};

struct aios_engine;

/* Is the id one that ends the request? */
bool step_is_eos(const struct aios_engine *e, const struct request *r, int32_t id);

/*
 * A request gets a token: append, tell, and note in r->ending when it ends the request. 0 or a
 * negative errno with the status.
 */
int step_token(struct aios_engine *e, struct request *r, int32_t id, float logprob,
	       const int32_t *top_ids, const float *top, uint32_t n_top, uint64_t now,
	       struct aios_status *st);

int step_open(struct aios_engine *e, struct aios_status *st);
/* A request leaves: a row of it that is under way draws for nobody. */
void step_forget(struct aios_engine *e, const struct request *r);

void step_close(struct aios_engine *e); /* takes a zeroed step; the queue is idle */

#endif /* CORE_ENGINE_STEP_H */
