/* SPDX-License-Identifier: Apache-2.0 */
/*
 * added.h - added tokens: texts that are found before anything is split and that
 * merging never makes, such as <|im_start|>.
 */
#ifndef BPE_ADDED_H
#define BPE_ADDED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>

#include "normalizer.h"
#include "vocab.h"

/* The bytes of a longer one are more than any model was trained with. */
#define ADDED_MAX_LEN 1024

struct added_token {
	int32_t id;
	bool special;
	bool normalized;  /* looked for in the normalized text, not in the original */
	bool single_word; /* not beside a letter or digit */
	bool lstrip;      /* takes the spaces before it along */
	bool rstrip;
};

/* A set of texts as a trie; node 0 is the root. */
struct added_node {
	uint32_t child; /* the first child, 0: none */
	uint32_t sibling;
	int32_t token; /* index in tokens, -1: none ends here */
	unsigned char byte;
};

struct added_set {
	struct added_node *nodes;
	uint32_t len;
	uint32_t cap;
	bool first[256]; /* bytes that a text begins with */
};

struct added {
	struct added_token *tokens;
	size_t len;
	struct added_set original;
	struct added_set normalized;
};

/* From the file's "added_tokens"; those that the vocabulary lacks are put there. */
int added_init(struct added *added, const json_t *json, const char *path, struct vocab *vocab,
	       const struct normalizer *normalizer, struct aios_status *st);
void added_finish(struct added *added);

/* One stretch of a text: an added token, or text between them (token NULL). */
struct added_stretch {
	const struct added_token *token;
	size_t start;
	size_t end;
};

struct added_scan {
	const struct added *added;
	const struct added_set *set;
	const char *text;
	size_t len;
	bool plain_special; /* special tokens are text */
	size_t next;        /* where to look from */
	size_t done;        /* what the stretches so far cover */
	bool held;          /* a token found behind text that came first */
	struct added_stretch hold;
};
void added_scan_start(struct added_scan *scan, const struct added *added,
		      const struct added_set *set, const char *text, size_t len,
		      bool plain_special);
/* The next stretch; false at the end. */
bool added_scan_next(struct added_scan *scan, struct added_stretch *stretch);

#endif /* BPE_ADDED_H */
