/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pretokenizer.h - how normalized text is cut into the pieces that are merged
 * each by itself: a flat list of steps over a list of pieces.
 */
#ifndef BPE_PRETOKENIZER_H
#define BPE_PRETOKENIZER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <aios/error.h>

#include "pattern.h"
#include "text.h"

/* What becomes of the matches that text is split by. */
enum split_behavior {
	SPLIT_ISOLATED,      /* a piece each */
	SPLIT_REMOVED,       /* gone */
	SPLIT_WITH_PREVIOUS, /* the end of the piece before */
	SPLIT_WITH_NEXT,     /* the beginning of the piece after */
	SPLIT_CONTIGUOUS     /* neighbouring matches are one piece */
};

enum pretokenizer_kind {
	PRETOKENIZER_SPLIT,
	PRETOKENIZER_PREFIX,  /* put `content` before a piece that does not begin with it */
	PRETOKENIZER_REPLACE, /* `content` for every space */
	PRETOKENIZER_BYTES    /* into GPT-2's byte alphabet */
};

struct pretokenizer_step {
	enum pretokenizer_kind kind;
	struct pattern pattern;
	enum split_behavior behavior;
	bool invert; /* what does not match is the match */
	struct text content;
	bool first_only; /* PREFIX: only at the beginning of the whole text */
};

struct pretokenizer {
	struct pretokenizer_step *steps;
	size_t n_steps;
};

/* A piece's place in a struct pieces' text. */
struct piece {
	size_t start;
	size_t end;
};

struct pieces {
	struct text text;
	struct piece *list;
	size_t len;
	size_t cap;
	bool at_start; /* list[0] begins where the whole text does */
};
void pieces_finish(struct pieces *pieces);

/* From the file's "pre_tokenizer" (may be null). */
int pretokenizer_init(struct pretokenizer *pretokenizer, const json_t *json, const char *path,
		      const struct pattern_options *options, struct aios_status *st);
void pretokenizer_finish(struct pretokenizer *pretokenizer);

/*
 * Cut `len` bytes of valid UTF-8; at_start: they begin where the whole text does.
 * *pieces is the result, *spare working memory; no piece is empty.
 */
int pretokenizer_apply(const struct pretokenizer *pretokenizer, struct pattern_scratch *scratch,
		       const char *text, size_t len, bool at_start, struct pieces *pieces,
		       struct pieces *spare, struct aios_status *st);

#endif /* BPE_PRETOKENIZER_H */
