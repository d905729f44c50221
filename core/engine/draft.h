/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft.h - a smaller model of the same vocabulary that guesses the next tokens of
 * decoding requests, for the engine's own model to verify. It has a queue, a KV
 * pool and buffers of its own on the engine's device. Nothing of it reaches an
 * answer: guesses that are wrong, late or missing cost time only, so its failures
 * are logged and the requests go on.
 */
#ifndef CORE_ENGINE_DRAFT_H
#define CORE_ENGINE_DRAFT_H

#include "core/engine/draft_seq.h"
#include "core/engine/graphs.h"
#include "core/engine/kv.h"
#include "core/engine/plan.h"
#include "core/engine/source.h"
#include "core/engine/weights.h"
#include "core/engine/workspace.h"

struct aios_engine;
struct aios_tokenizer;
struct request;

struct draft {
	bool open; /* there is one; it may have been given up since */
	bool on;
	struct source source;
	struct aios_model_types types;
	struct aios_plan plan; /* of its own; kv_pages as the engine's plan has decided */
	struct weights weights;
	struct workspace workspace;
	struct mm_arena kv_arena;
	struct kv_cache kv;
	struct queue queue;
	struct step_graphs graphs;
	struct draft_row *rows; /* [max_batch_size]: of this round */
	uint32_t n;
	int32_t *ids;           /* [DRAFT_MOST][max_batch_size]: what each pass draws */
	struct aios_mem pinned; /* their memory, when it is */
	uint64_t marks[2];      /* the uploads of the last two passes are done */
	uint32_t failures;      /* rounds in a row */
};

/*
 * Open the checkpoint that engine.draft_model names, when engine.speculate is above 0, and check
 * that it can guess for `src`: the same number of ids. 0 with draft->open false: there is none.
 */
int draft_source(struct aios *aios, const struct engine_config *ec, const struct source *src,
		 bool meta_only, struct draft *d, struct aios_status *st);

/* Does each id mean the same in both? Fine when one of them has no tokenizer: ids are all there is. */
int draft_check_tokens(struct aios *aios, const struct draft *d, struct aios_tokenizer *tok,
		       const char *model, struct aios_status *st);

/* Types and plan; `planned` is laid out dry and the caller's to finish. The pool comes with the engine's plan. */
int draft_plan(const struct aios_config *cfg, const struct engine_config *ec, struct device *dev,
	       const struct source *src, struct draft *d, struct workspace *planned,
	       struct aios_status *st);

/* Allocate and load what was planned. */
int draft_load(struct draft *d, struct device *dev, const struct workspace *planned,
	       uint32_t kv_pages, bool graphs, struct aios_status *st);
void draft_close(struct draft *d, struct device *dev); /* takes a zeroed struct */

/* Guess for those who were in the step that is done: request.draft. Nanoseconds it took. */
uint64_t draft_guess(struct aios_engine *e);

/* A request leaves or loses its pages: what is known of it goes. */
void draft_forget(struct aios_engine *e, struct request *r);

#endif /* CORE_ENGINE_DRAFT_H */
