/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decoder.h - from tokens back to text, one token at a time.
 *
 * A decoder is a flat list of steps; what goes from step to step are elements,
 * one a token at first, which may come in several fragments. A fragment never
 * ends inside a character.
 */
#ifndef BPE_DECODER_H
#define BPE_DECODER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <aios/error.h>

#include "pattern.h"
#include "text.h"

enum decoder_kind {
	DECODER_BYTE_LEVEL,    /* the byte alphabet back to bytes, all elements as one */
	DECODER_BYTE_FALLBACK, /* runs of <0xHH> to characters */
	DECODER_METASPACE,     /* the mark to spaces, but not at the very beginning */
	DECODER_FUSE,          /* all elements as one */
	DECODER_STRIP,         /* a character from each element's beginning and end */
	DECODER_REPLACE,
	DECODER_SUFFIX, /* a word's end to a space, but not at the very end */
	DECODER_JOIN    /* a space between elements: what no decoder at all means */
};

struct decoder_step {
	enum decoder_kind kind;
	struct pattern pattern; /* REPLACE */
	struct text content;    /* METASPACE, STRIP: the character; REPLACE; SUFFIX */
	bool keep_first;        /* METASPACE: spaces at the beginning stay */
	size_t start, stop;     /* STRIP: at most so many */
};

struct decoder {
	struct decoder_step *steps;
	size_t n_steps;
};

/* From the file's "decoder" (may be null). */
int decoder_init(struct decoder *decoder, const json_t *json, const char *path,
		 const struct pattern_options *options, struct aios_status *st);
void decoder_finish(struct decoder *decoder);

/* What a step remembers. */
struct decoder_state {
	struct text held; /* text of the open element, or bytes of the open run */
	size_t seen;      /* elements, or characters at an open element's beginning */
	bool open;        /* an element has begun */
	bool stripping;
};

/* One text being decoded. Belongs to one thread; borrows the decoder. */
struct decoding {
	const struct decoder *decoder;
	struct decoder_state *states; /* one a step */
	struct pattern_scratch scratch;
	struct text spare;
	struct text out;        /* what has become text; the caller takes it away */
	struct aios_status *st; /* during a call */
};
int decoding_init(struct decoding *decoding, const struct decoder *decoder);
void decoding_finish(struct decoding *decoding);

/* One token's spelling; then the end. What they append to `out` is whole characters. */
int decoding_push(struct decoding *decoding, const char *token, size_t len, struct aios_status *st);
int decoding_flush(struct decoding *decoding, struct aios_status *st);

/* The byte of a token spelled <0xHH>, or -1. */
int byte_token_value(const char *token, size_t len);

#endif /* BPE_DECODER_H */
