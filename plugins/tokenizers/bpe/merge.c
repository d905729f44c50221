// SPDX-License-Identifier: Apache-2.0
/*
 * merge.c - byte pair encoding of one piece of text: characters become ids, then
 * the adjacent pair of the lowest rank is merged, the leftmost of equals first,
 * until no pair has a rank. Short pieces scan for it, long ones keep a heap.
 */
#include <stdlib.h>
#include <string.h>

#include "merge.h"

#define MERGE_EMPTY UINT64_MAX
#define NO_RANK UINT32_MAX
/* Up to this many symbols, looking at all of them beats the heap. */
#define SCAN_MAX 48
#define HEAP_MAX_SYMBOLS ((size_t)INT32_MAX)

/* One id of a long piece in a doubly linked list; id < 0: merged into its left neighbour. */
struct symbol {
	int32_t id;
	int32_t prev;
	int32_t next;
};

/* A pair that may be merged: out of date when its left symbol's pair no longer gives `id`. */
struct candidate {
	uint32_t rank;
	int32_t pos;
	int32_t id;
};

void ids_finish(struct ids *ids)
{
	free(ids->data);
	*ids = (struct ids){ 0 };
}

int ids_reserve(struct ids *ids, size_t more)
{
	size_t cap = ids->cap ? ids->cap : 64;
	int32_t *data;

	if (ids->cap - ids->len >= more)
		return 0;
	if (more > SIZE_MAX / 16 - ids->len)
		return -ENOMEM;
	while (cap - ids->len < more)
		cap *= 2;
	data = realloc(ids->data, cap * sizeof(*data));
	if (!data)
		return -ENOMEM;
	ids->data = data;
	ids->cap = cap;
	return 0;
}

int ids_append(struct ids *ids, int32_t id)
{
	if (ids_reserve(ids, 1))
		return -ENOMEM;
	ids->data[ids->len++] = id;
	return 0;
}

void merge_scratch_finish(struct merge_scratch *scratch)
{
	ids_finish(&scratch->ids);
	text_finish(&scratch->spelling);
	free(scratch->symbols);
	free(scratch->heap);
	*scratch = (struct merge_scratch){ 0 };
}

int merges_init(struct merges *merges, size_t expected, struct aios_status *st)
{
	size_t size = 64;

	while (size < expected + expected / 2)
		size *= 2;
	*merges = (struct merges){ .mask = size - 1, .seed = vocab_seed() };
	merges->table = malloc(size * sizeof(*merges->table));
	if (!merges->table)
		return aios_fail(st, -ENOMEM, "no memory for %zu merges", expected);
	for (size_t i = 0; i < size; i++)
		merges->table[i].key = MERGE_EMPTY;
	return 0;
}

void merges_finish(struct merges *merges)
{
	free(merges->table);
	*merges = (struct merges){ 0 };
}

static struct merge *merge_slot(const struct merges *merges, uint64_t key)
{
	size_t at = vocab_mix(key ^ merges->seed) & merges->mask;

	while (merges->table[at].key != key && merges->table[at].key != MERGE_EMPTY)
		at = (at + 1) & merges->mask;
	return &merges->table[at];
}

static uint64_t pair_key(int32_t left, int32_t right)
{
	return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

void merges_set(struct merges *merges, int32_t left, int32_t right, uint32_t rank, int32_t id)
{
	uint64_t key = pair_key(left, right);

	*merge_slot(merges, key) = (struct merge){ .key = key, .rank = rank, .id = id };
}

const struct merge *merges_find(const struct merges *merges, int32_t left, int32_t right)
{
	const struct merge *merge = merge_slot(merges, pair_key(left, right));

	return merge->key == MERGE_EMPTY ? NULL : merge;
}

void model_finish(struct model *model)
{
	vocab_finish(&model->vocab);
	merges_finish(&model->merges);
	text_finish(&model->prefix);
	text_finish(&model->suffix);
	text_finish(&model->unk_token);
}

/* Characters that the vocabulary lacks wait here: with fuse_unk several become one unk. */
struct unknown {
	bool waiting;
};

static int unknown_put(const struct model *model, struct unknown *unknown, struct ids *ids)
{
	if (!unknown->waiting)
		return 0;
	unknown->waiting = false;
	return ids_append(ids, model->unk_id);
}

static int unknown_add(const struct model *model, struct unknown *unknown, struct ids *ids,
		       struct aios_status *st)
{
	int rc = 0;

	if (!model->has_unk)
		return 0;
	if (model->unk_id < 0)
		return aios_fail(st, -EINVAL,
				 "tokenizer.json: model.unk_token \"%.*s\" is needed for this text "
				 "but is not in the vocabulary",
				 (int)model->unk_token.len, model->unk_token.data);
	if (!model->fuse_unk)
		rc = unknown_put(model, unknown, ids);
	unknown->waiting = true;
	return rc;
}

/* All bytes of a character as byte tokens; false when one of them has none. */
static bool byte_tokens(const struct model *model, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (model->byte_ids[(unsigned char)text[i]] < 0)
			return false;
	return true;
}

/* A character with the model's prefix and suffix around it. */
static int decorate(const struct model *model, const char **text, size_t *len, bool first,
		    bool last, struct text *spelling)
{
	spelling->len = 0;
	if ((!first && text_append(spelling, model->prefix.data, model->prefix.len)) ||
	    text_append(spelling, *text, *len) ||
	    (last && text_append(spelling, model->suffix.data, model->suffix.len)))
		return -ENOMEM;
	*text = spelling->data;
	*len = spelling->len;
	return 0;
}

/* The ids of a piece's characters, before any merge. */
static int characters(const struct model *model, const char *piece, size_t len,
		      struct merge_scratch *scratch, struct aios_status *st)
{
	bool plain = model->prefix.len == 0 && model->suffix.len == 0;
	struct unknown unknown = { 0 };
	struct ids *ids = &scratch->ids;
	const char *text;
	size_t pos = 0;
	size_t start;
	uint32_t code;
	size_t n;
	int32_t id;
	int rc = 0;

	ids->len = 0;
	while (pos < len && rc == 0) {
		start = pos;
		code = utf8_next(piece, &pos);
		text = piece + start;
		n = pos - start;
		if (plain) {
			id = vocab_find_char(&model->vocab, code, text, n);
		} else {
			if (decorate(model, &text, &n, start == 0, pos == len, &scratch->spelling))
				return -ENOMEM;
			id = vocab_find_model(&model->vocab, text, n);
		}
		if (id >= 0) {
			rc = unknown_put(model, &unknown, ids);
			if (rc == 0)
				rc = ids_append(ids, id);
		} else if (model->byte_fallback && byte_tokens(model, text, n)) {
			for (size_t i = 0; i < n && rc == 0; i++)
				rc = ids_append(ids, model->byte_ids[(unsigned char)text[i]]);
		} else {
			rc = unknown_add(model, &unknown, ids, st);
		}
	}
	return rc ? rc : unknown_put(model, &unknown, ids);
}

static void merge_by_scan(const struct merges *merges, struct ids *ids)
{
	const struct merge *pairs[SCAN_MAX]; /* pairs[i]: what ids i and i + 1 become, or NULL */
	int32_t *id = ids->data;
	size_t n = ids->len;

	for (size_t i = 0; i + 1 < n; i++)
		pairs[i] = merges_find(merges, id[i], id[i + 1]);
	while (n > 1) {
		uint32_t best = NO_RANK;
		size_t at = 0;

		for (size_t i = 0; i + 1 < n; i++) {
			if (pairs[i] && pairs[i]->rank < best) {
				best = pairs[i]->rank;
				at = i;
			}
		}
		if (best == NO_RANK)
			break;
		id[at] = pairs[at]->id;
		memmove(id + at + 1, id + at + 2, (n - at - 2) * sizeof(*id));
		if (at + 2 < n)
			memmove(pairs + at, pairs + at + 1, (n - at - 2) * sizeof(*pairs));
		n--;
		if (at + 1 < n)
			pairs[at] = merges_find(merges, id[at], id[at + 1]);
		if (at > 0)
			pairs[at - 1] = merges_find(merges, id[at - 1], id[at]);
	}
	ids->len = n;
}

static bool sooner(const struct candidate *a, const struct candidate *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->pos < b->pos;
}

static void heap_swap(struct candidate *a, struct candidate *b)
{
	struct candidate keep = *a;

	*a = *b;
	*b = keep;
}

static int heap_push(struct merge_scratch *scratch, struct candidate candidate)
{
	struct candidate *heap = scratch->heap;
	size_t i = scratch->n_heap;
	size_t cap;

	if (i == scratch->cap_heap) {
		cap = i ? i * 2 : 256;
		heap = realloc(heap, cap * sizeof(*heap));
		if (!heap)
			return -ENOMEM;
		scratch->heap = heap;
		scratch->cap_heap = cap;
	}
	heap[i] = candidate;
	scratch->n_heap++;
	for (; i > 0 && sooner(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap_swap(&heap[i], &heap[(i - 1) / 2]);
	return 0;
}

static struct candidate heap_pop(struct merge_scratch *scratch)
{
	struct candidate *heap = scratch->heap;
	struct candidate top = heap[0];
	size_t n = --scratch->n_heap;
	size_t i = 0;
	size_t child;

	heap[0] = heap[n];
	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n && sooner(&heap[child + 1], &heap[child]))
			child++;
		if (!sooner(&heap[child], &heap[i]))
			break;
		heap_swap(&heap[i], &heap[child]);
		i = child;
	}
	return top;
}

static int push_pair(const struct merges *merges, struct merge_scratch *scratch, int32_t left,
		     int32_t right)
{
	const struct merge *merge;

	if (left < 0 || right < 0)
		return 0;
	merge = merges_find(merges, scratch->symbols[left].id, scratch->symbols[right].id);
	if (!merge)
		return 0;
	return heap_push(scratch, (struct candidate){ merge->rank, left, merge->id });
}

static int symbols_reserve(struct merge_scratch *scratch, size_t n)
{
	struct symbol *symbols;

	if (n <= scratch->n_symbols)
		return 0;
	if (n > HEAP_MAX_SYMBOLS)
		return -ENOMEM;
	symbols = realloc(scratch->symbols, n * sizeof(*symbols));
	if (!symbols)
		return -ENOMEM;
	scratch->symbols = symbols;
	scratch->n_symbols = n;
	return 0;
}

/* Merge what the heap says is next; an outdated candidate is nothing. */
static int merge_top(const struct merges *merges, struct merge_scratch *scratch)
{
	struct candidate top = heap_pop(scratch);
	struct symbol *symbols = scratch->symbols;
	struct symbol *left = &symbols[top.pos];
	const struct merge *merge;
	struct symbol *right;
	int rc;

	if (left->id < 0 || left->next < 0)
		return 0;
	right = &symbols[left->next];
	merge = merges_find(merges, left->id, right->id);
	if (!merge || merge->id != top.id)
		return 0;

	left->id = top.id;
	left->next = right->next;
	right->id = -1;
	if (left->next >= 0)
		symbols[left->next].prev = top.pos;
	rc = push_pair(merges, scratch, left->prev, top.pos);
	return rc ? rc : push_pair(merges, scratch, top.pos, left->next);
}

static int merge_by_heap(const struct merges *merges, struct merge_scratch *scratch)
{
	struct ids *ids = &scratch->ids;
	int32_t n;
	int rc = symbols_reserve(scratch, ids->len);

	if (rc)
		return rc;
	n = (int32_t)ids->len;
	scratch->n_heap = 0;
	for (int32_t i = 0; i < n; i++)
		scratch->symbols[i] =
			(struct symbol){ ids->data[i], i - 1, i + 1 < n ? i + 1 : -1 };
	for (int32_t i = 0; i + 1 < n && rc == 0; i++)
		rc = push_pair(merges, scratch, i, i + 1);
	while (scratch->n_heap > 0 && rc == 0)
		rc = merge_top(merges, scratch);
	if (rc)
		return rc;
	ids->len = 0;
	for (int32_t i = 0; i >= 0; i = scratch->symbols[i].next)
		ids->data[ids->len++] = scratch->symbols[i].id;
	return 0;
}

int model_encode(const struct model *model, const char *piece, size_t len,
		 struct merge_scratch *scratch, struct ids *out, struct aios_status *st)
{
	struct ids *ids = &scratch->ids;
	int32_t whole;
	int rc;

	if (model->ignore_merges) {
		whole = vocab_find_model(&model->vocab, piece, len);
		if (whole >= 0)
			return ids_append(out, whole);
	}
	rc = characters(model, piece, len, scratch, st);
	if (rc)
		return rc;
	if (ids->len > SCAN_MAX)
		rc = merge_by_heap(&model->merges, scratch);
	else
		merge_by_scan(&model->merges, ids);
	if (rc)
		return rc;
	if (ids_reserve(out, ids->len))
		return -ENOMEM;
	if (ids->len > 0)
		memcpy(out->data + out->len, ids->data, ids->len * sizeof(*ids->data));
	out->len += ids->len;
	return 0;
}
