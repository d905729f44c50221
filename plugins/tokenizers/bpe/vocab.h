/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vocab.h - the tokens: their spelling, ids and kinds.
 */
#ifndef BPE_VOCAB_H
#define BPE_VOCAB_H

#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>

#include "text.h"

/* Ids are an index into a table: a file that names larger ones is refused. */
#define VOCAB_MAX_ID ((1 << 24) - 1)

/* Beside the AIOS_TOKEN_ flags of the public header. */
#define VOCAB_PRESENT 0x100u    /* the id has a token */
#define VOCAB_ADDED_ONLY 0x200u /* not in the model's vocabulary: merging never makes it */

/* Characters whose one-character tokens are found without hashing: all of byte level. */
#define VOCAB_DIRECT 0x180

struct vocab_token {
	uint32_t offset; /* in spelling */
	uint32_t len;
	uint32_t decoded_offset; /* what decoding takes it for: its spelling, if nothing else */
	uint32_t decoded_len;
	uint32_t flags;
};

struct vocab {
	struct text spelling; /* every token's text, each with a NUL behind it */
	struct vocab_token *tokens;
	int32_t size; /* largest id + 1 */
	int32_t cap;
	int32_t *table; /* ids by hash of the spelling, -1 empty */
	size_t mask;
	size_t used;
	uint64_t seed;
	int32_t direct[VOCAB_DIRECT];
};

int vocab_init(struct vocab *vocab, size_t expected, struct aios_status *st);
void vocab_finish(struct vocab *vocab);

/* Add a token. -EEXIST: the id has another token; -EALREADY: the text has an id; -ENOMEM. */
int vocab_add(struct vocab *vocab, const char *text, size_t len, int32_t id, uint32_t flags);

/* Have the decoder take the token for another text than its spelling. 0 or -ENOMEM. */
int vocab_respell(struct vocab *vocab, int32_t id, const char *text, size_t len);

/* Id of the text, or -1: any token; one of the model's own; one that is a single character. */
int32_t vocab_find(const struct vocab *vocab, const char *text, size_t len);
int32_t vocab_find_model(const struct vocab *vocab, const char *text, size_t len);

static inline int32_t vocab_find_char(const struct vocab *vocab, uint32_t code, const char *text,
				      size_t len)
{
	return code < VOCAB_DIRECT ? vocab->direct[code] : vocab_find_model(vocab, text, len);
}

/* NULL when the id has none. */
const struct vocab_token *vocab_token(const struct vocab *vocab, int32_t id);
const char *vocab_text(const struct vocab *vocab, const struct vocab_token *token);

/* A seed for hash tables, so that nobody can write a file of colliding keys. */
uint64_t vocab_seed(void);
uint64_t vocab_mix(uint64_t value);

#endif /* BPE_VOCAB_H */
