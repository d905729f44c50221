/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge.h - the model: byte pair encoding of one piece of text.
 */
#ifndef BPE_MERGE_H
#define BPE_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>

#include "text.h"
#include "vocab.h"

/* What a pair of ids becomes; the lowest rank goes first. */
struct merge {
	uint64_t key; /* left id << 32 | right id; MERGE_EMPTY: no entry */
	uint32_t rank;
	int32_t id;
};

struct merges {
	struct merge *table;
	size_t mask;
	uint64_t seed;
};

/* The model part of tokenizer.json. Immutable once loaded. */
struct model {
	struct vocab vocab;
	struct merges merges;
	struct text prefix; /* of every character but a piece's first, "##" */
	struct text suffix; /* of a piece's last character, "</w>" */
	struct text unk_token;
	bool has_unk; /* unk_token is set; unk_id is -1 when the vocabulary lacks it */
	int32_t unk_id;
	bool fuse_unk;
	bool byte_fallback;
	bool ignore_merges;
	int32_t byte_ids[256]; /* of <0x00> ... <0xFF>, -1 absent */
};

/* Ids, grown as needed. */
struct ids {
	int32_t *data;
	size_t len;
	size_t cap;
};
void ids_finish(struct ids *ids);
int ids_reserve(struct ids *ids, size_t more);
int ids_append(struct ids *ids, int32_t id);

/* Working memory of model_encode(), reused from piece to piece. Zeros are valid. */
struct symbol;
struct candidate;
struct merge_scratch {
	struct ids ids;
	struct symbol *symbols;
	size_t n_symbols;
	struct candidate *heap;
	size_t n_heap, cap_heap;
	struct text spelling;
};
void merge_scratch_finish(struct merge_scratch *scratch);

int merges_init(struct merges *merges, size_t expected, struct aios_status *st);
void merges_finish(struct merges *merges);
/* Set the pair's merge, replacing an older one. The table must have been made large enough. */
void merges_set(struct merges *merges, int32_t left, int32_t right, uint32_t rank, int32_t id);
const struct merge *merges_find(const struct merges *merges, int32_t left, int32_t right);

void model_finish(struct model *model);

/* Append the ids of one piece (len bytes of valid UTF-8). */
int model_encode(const struct model *model, const char *piece, size_t len,
		 struct merge_scratch *scratch, struct ids *out, struct aios_status *st);

#endif /* BPE_MERGE_H */
