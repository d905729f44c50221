/* SPDX-License-Identifier: Apache-2.0 */
/*
 * normalizer.h - what happens to text before it is split: a flat list of steps.
 */
#ifndef BPE_NORMALIZER_H
#define BPE_NORMALIZER_H

#include <jansson.h>
#include <stddef.h>

#include <aios/error.h>

#include "pattern.h"
#include "text.h"
#include "unicode.h"

enum normalizer_kind {
	NORMALIZER_FORM,
	NORMALIZER_LOWERCASE,
	NORMALIZER_STRIP,
	NORMALIZER_STRIP_ACCENTS,
	NORMALIZER_REPLACE,
	NORMALIZER_PREPEND,
	NORMALIZER_BYTES
};

struct normalizer_step {
	enum normalizer_kind kind;
	enum unicode_form form;
	bool left, right;       /* STRIP */
	struct pattern pattern; /* REPLACE */
	struct text content;    /* REPLACE, PREPEND */
};

struct normalizer {
	struct normalizer_step *steps;
	size_t n_steps;
};

/* From the file's "normalizer" (may be null); `path` says where it is. */
int normalizer_init(struct normalizer *normalizer, const json_t *json, const char *path,
		    const struct pattern_options *options, struct aios_status *st);
void normalizer_finish(struct normalizer *normalizer);

/* Replace *text by its normal form; *spare is working memory. */
int normalizer_apply(const struct normalizer *normalizer, struct pattern_scratch *scratch,
		     struct text *text, struct text *spare, struct aios_status *st);

#endif /* BPE_NORMALIZER_H */
