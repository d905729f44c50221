/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.h - what text is split or replaced by: a regular expression, a literal
 * text, or a class of characters.
 *
 * Expressions are written for Oniguruma (Ruby syntax), which the files were made
 * with; regex.c rewrites them so that PCRE2 finds the same. Patterns are
 * immutable; a pattern_scan belongs to one thread.
 */
#ifndef BPE_PATTERN_H
#define BPE_PATTERN_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <jansson.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>

#include "text.h"

/* A class of characters, 0: not in any. */
typedef int (*pattern_class_fn)(uint32_t code);

enum pattern_kind {
	PATTERN_REGEX,
	PATTERN_LITERAL,
	PATTERN_CHARS, /* each character of a class other than 0 */
	PATTERN_RUNS   /* each run of characters of one class other than 0 */
};

struct pattern {
	enum pattern_kind kind;
	pcre2_code *code;    /* REGEX */
	struct text literal; /* LITERAL, not empty */
	pattern_class_fn class;
};

/* Whether regular expressions are compiled to machine code, where PCRE2 can. */
struct pattern_options {
	bool jit;
};

/* Compile; `path` names the expression's place in messages. */
int pattern_init_regex(struct pattern *pattern, const char *regex, const char *path,
		       const struct pattern_options *options, struct aios_status *st);
int pattern_init_literal(struct pattern *pattern, const char *text, const char *path,
			 struct aios_status *st);
/* From the "pattern" of a JSON object: {"Regex": text} or {"String": text}. */
int pattern_from_json(struct pattern *pattern, const json_t *owner, const char *path,
		      const struct pattern_options *options, struct aios_status *st);
void pattern_init_class(struct pattern *pattern, pattern_class_fn class, bool runs);
void pattern_finish(struct pattern *pattern);

/* Working memory for all of a thread's matching. */
struct pattern_scratch {
	pcre2_match_data *data;
	pcre2_match_context *context;
};
int pattern_scratch_init(struct pattern_scratch *scratch);
void pattern_scratch_finish(struct pattern_scratch *scratch);

/* Where a search stands. */
struct pattern_scan {
	const struct pattern *pattern;
	struct pattern_scratch *scratch;
	const char *text;
	size_t len;
	size_t next;     /* where to look from */
	size_t last_end; /* of the last match, SIZE_MAX before the first */
};
void pattern_scan_start(struct pattern_scan *scan, const struct pattern *pattern,
			struct pattern_scratch *scratch, const char *text, size_t len);
/* The next match: 1 with *start and *end, 0 when there is none, or a negative errno. */
int pattern_scan_next(struct pattern_scan *scan, size_t *start, size_t *end,
		      struct aios_status *st);

/* Append text with every match replaced. -E2BIG when it grows beyond all reason. */
int pattern_replace(const struct pattern *pattern, struct pattern_scratch *scratch,
		    const char *text, size_t len, const struct text *content, struct text *out,
		    struct aios_status *st);

/* How many bytes a file may make of `len`. */
size_t pattern_growth_limit(size_t len);

/* Rewrite an Oniguruma expression for PCRE2 (regex.c). */
int regex_rewrite(const char *regex, const char *path, struct text *out, struct aios_status *st);

#endif /* BPE_PATTERN_H */
