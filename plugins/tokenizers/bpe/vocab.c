// SPDX-License-Identifier: Apache-2.0
/*
 * vocab.c - the tokens: a table by id and a hash table by spelling.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "vocab.h"

#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

uint64_t vocab_seed(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		seed = (uint64_t)(uintptr_t)&seed * MULTIPLIER;
	return seed;
}

uint64_t vocab_mix(uint64_t value)
{
	value = (value ^ value >> 32) * MULTIPLIER;
	value = (value ^ value >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return value ^ value >> 32;
}

static uint64_t hash_text(const char *text, size_t len, uint64_t seed)
{
	uint64_t hash = seed ^ len;
	uint64_t word;

	while (len >= sizeof(word)) {
		memcpy(&word, text, sizeof(word));
		hash = vocab_mix(hash ^ word);
		text += sizeof(word);
		len -= sizeof(word);
	}
	word = 0;
	for (size_t i = 0; i < len; i++)
		word = word << 8 | (unsigned char)text[i];
	return vocab_mix(hash ^ word);
}

/* Make room for `expected` texts at most half full. */
static int table_resize(struct vocab *vocab, size_t expected)
{
	size_t size = 64;
	int32_t *table;

	while (size < expected * 2)
		size *= 2;
	table = malloc(size * sizeof(*table));
	if (!table)
		return -ENOMEM;
	memset(table, 0xff, size * sizeof(*table));
	free(vocab->table);
	vocab->table = table;
	vocab->mask = size - 1;
	for (int32_t id = 0; id < vocab->size; id++) {
		const struct vocab_token *token = vocab_token(vocab, id);
		size_t at;

		if (!token)
			continue;
		at = hash_text(vocab_text(vocab, token), token->len, vocab->seed) & vocab->mask;
		while (table[at] >= 0)
			at = (at + 1) & vocab->mask;
		table[at] = id;
	}
	return 0;
}

int vocab_init(struct vocab *vocab, size_t expected, struct aios_status *st)
{
	*vocab = (struct vocab){ .seed = vocab_seed() };
	memset(vocab->direct, 0xff, sizeof(vocab->direct));
	if (table_resize(vocab, expected))
		return aios_fail(st, -ENOMEM, "no memory for a vocabulary of %zu tokens", expected);
	return 0;
}

void vocab_finish(struct vocab *vocab)
{
	text_finish(&vocab->spelling);
	free(vocab->tokens);
	free(vocab->table);
	*vocab = (struct vocab){ 0 };
}

static int tokens_reserve(struct vocab *vocab, int32_t id)
{
	struct vocab_token *tokens;
	size_t cap = vocab->cap ? (size_t)vocab->cap : 256;

	if (id < vocab->cap)
		return 0;
	while (cap <= (size_t)id)
		cap *= 2;
	tokens = realloc(vocab->tokens, cap * sizeof(*tokens));
	if (!tokens)
		return -ENOMEM;
	memset(tokens + vocab->cap, 0, (cap - (size_t)vocab->cap) * sizeof(*tokens));
	vocab->tokens = tokens;
	vocab->cap = (int32_t)cap;
	return 0;
}

/* Where the text is in the table, or the empty slot where it would be. */
static size_t slot_of(const struct vocab *vocab, const char *text, size_t len)
{
	size_t at = hash_text(text, len, vocab->seed) & vocab->mask;
	const struct vocab_token *token;

	while (vocab->table[at] >= 0) {
		token = &vocab->tokens[vocab->table[at]];
		if (token->len == len && memcmp(vocab_text(vocab, token), text, len) == 0)
			break;
		at = (at + 1) & vocab->mask;
	}
	return at;
}

static int add_spelling(struct vocab *vocab, const char *text, size_t len, uint32_t *offset)
{
	if (len > UINT32_MAX - 1 - vocab->spelling.len || text_reserve(&vocab->spelling, len + 1))
		return -ENOMEM;
	*offset = (uint32_t)vocab->spelling.len;
	text_append(&vocab->spelling, text, len);
	text_append(&vocab->spelling, "", 1);
	return 0;
}

int vocab_respell(struct vocab *vocab, int32_t id, const char *text, size_t len)
{
	uint32_t offset;

	if (add_spelling(vocab, text, len, &offset))
		return -ENOMEM;
	vocab->tokens[id].decoded_offset = offset;
	vocab->tokens[id].decoded_len = (uint32_t)len;
	return 0;
}

int vocab_add(struct vocab *vocab, const char *text, size_t len, int32_t id, uint32_t flags)
{
	uint32_t offset;
	size_t slot;

	if (vocab_token(vocab, id))
		return -EEXIST;
	if (tokens_reserve(vocab, id))
		return -ENOMEM;
	if (vocab->used * 2 > vocab->mask && table_resize(vocab, vocab->used * 2))
		return -ENOMEM;
	slot = slot_of(vocab, text, len);
	if (vocab->table[slot] >= 0)
		return -EALREADY;
	if (add_spelling(vocab, text, len, &offset))
		return -ENOMEM;

	vocab->table[slot] = id;
	vocab->used++;
	vocab->tokens[id] = (struct vocab_token){
		.offset = offset,
		.len = (uint32_t)len,
		.decoded_offset = offset,
		.decoded_len = (uint32_t)len,
		.flags = flags | VOCAB_PRESENT,
	};
	if (id >= vocab->size)
		vocab->size = id + 1;
	if (len > 0 && len <= 2 && len == utf8_length(text) && !(flags & VOCAB_ADDED_ONLY)) {
		size_t pos = 0;
		uint32_t code = utf8_next(text, &pos);

		if (code < VOCAB_DIRECT)
			vocab->direct[code] = id;
	}
	return 0;
}

int32_t vocab_find(const struct vocab *vocab, const char *text, size_t len)
{
	return vocab->table[slot_of(vocab, text, len)];
}

int32_t vocab_find_model(const struct vocab *vocab, const char *text, size_t len)
{
	int32_t id = vocab_find(vocab, text, len);

	return id >= 0 && !(vocab->tokens[id].flags & VOCAB_ADDED_ONLY) ? id : -1;
}

const struct vocab_token *vocab_token(const struct vocab *vocab, int32_t id)
{
	if (id < 0 || id >= vocab->size || !(vocab->tokens[id].flags & VOCAB_PRESENT))
		return NULL;
	return &vocab->tokens[id];
}

const char *vocab_text(const struct vocab *vocab, const struct vocab_token *token)
{
	return vocab->spelling.data + token->offset;
}
