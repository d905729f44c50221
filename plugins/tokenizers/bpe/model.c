// SPDX-License-Identifier: Apache-2.0
/*
 * model.c - reading the "model" of tokenizer.json: the vocabulary and the merges.
 */
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "tokenizer.h"

/* Merges have a rank below 2^32 - 1; a file with more than this is no vocabulary. */
#define MERGES_MAX (1u << 26)

static int read_vocab(struct vocab *vocab, const json_t *json, const char *path,
		      struct aios_status *st)
{
	const char *text;
	struct json_path at;
	char shown[64];
	json_t *value;
	int64_t id;
	int rc = vocab_init(vocab, json_object_size(json), st);

	if (rc)
		return rc;
	json_object_foreach((json_t *)json, text, value) {
		size_t len = strlen(text);

		json_quote(shown, sizeof(shown), text, len);
		if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		    json_integer_value(value) > VOCAB_MAX_ID)
			return json_want_int(value, json_path_key(&at, path, shown), 0,
					     VOCAB_MAX_ID, &id, st);
		id = json_integer_value(value);
		rc = vocab_add(vocab, text, len, (int32_t)id, 0);
		if (rc == -EEXIST)
			return aios_fail(st, -EINVAL, "%s: \"%s\" and \"%.60s\" both have id %d",
					 path, shown,
					 vocab_text(vocab, vocab_token(vocab, (int32_t)id)),
					 (int)id);
		if (rc)
			return rc;
	}
	return 0;
}

/* "a b" or ["a", "b"]. */
static int split_merge(const json_t *json, const char *path, size_t index, const char *side[2],
		       size_t len[2], struct aios_status *st)
{
	const json_t *a = json_array_get(json, 0);
	const json_t *b = json_array_get(json, 1);
	const char *text = json_string_value(json);
	const char *space;

	if (json_array_size(json) == 2 && json_is_string(a) && json_is_string(b)) {
		side[0] = json_string_value(a);
		len[0] = json_string_length(a);
		side[1] = json_string_value(b);
		len[1] = json_string_length(b);
		return 0;
	}
	space = text ? strchr(text, ' ') : NULL;
	if (!space || strchr(space + 1, ' '))
		return aios_fail(st, -EINVAL, "%s[%zu]: expected \"a b\" or [\"a\", \"b\"]", path,
				 index);
	side[0] = text;
	len[0] = (size_t)(space - text);
	side[1] = space + 1;
	len[1] = json_string_length(json) - len[0] - 1;
	return 0;
}

static int unknown_token(const char *path, size_t index, const char *what, const char *text,
			 size_t len, struct aios_status *st)
{
	char shown[80];

	return aios_fail(st, -EINVAL, "%s[%zu]: %s \"%s\" is not in the vocabulary", path, index,
			 what, json_quote(shown, sizeof(shown), text, len));
}

static int read_merge(struct model *model, const json_t *json, const char *path, size_t index,
		      uint32_t rank, struct text *joined, struct aios_status *st)
{
	static const char *const names[] = { "the left token", "the right token" };
	const char *side[2] = { NULL, NULL };
	size_t len[2] = { 0, 0 };
	int32_t ids[2];
	int32_t id;
	int rc = split_merge(json, path, index, side, len, st);

	if (rc)
		return rc;
	for (int i = 0; i < 2; i++) {
		ids[i] = vocab_find(&model->vocab, side[i], len[i]);
		if (ids[i] < 0)
			return unknown_token(path, index, names[i], side[i], len[i], st);
	}
	/* The right token gives up its prefix: "##b". */
	if (len[1] < model->prefix.len)
		return aios_fail(st, -EINVAL,
				 "%s[%zu]: the right token is shorter than "
				 "continuing_subword_prefix",
				 path, index);
	joined->len = 0;
	if (text_append(joined, side[0], len[0]) ||
	    text_append(joined, side[1] + model->prefix.len, len[1] - model->prefix.len))
		return -ENOMEM;
	id = joined->len ? vocab_find(&model->vocab, joined->data, joined->len) : -1;
	if (id < 0)
		return unknown_token(path, index, "what it makes,",
				     joined->data ? joined->data : "", joined->len, st);
	merges_set(&model->merges, ids[0], ids[1], rank, id);
	return 0;
}

static int read_merges(struct model *model, const json_t *json, const char *path,
		       struct aios_status *st)
{
	struct text joined = { 0 };
	uint32_t rank = 0;
	json_t *merge;
	size_t i;
	int rc;

	if (json_array_size(json) > MERGES_MAX)
		return aios_fail(st, -EINVAL, "%s: more than %u merges", path, MERGES_MAX);
	rc = merges_init(&model->merges, json_array_size(json), st);
	json_array_foreach(json, i, merge) {
		const char *text = json_string_value(merge);

		if (rc)
			break;
		/* The header that merges.txt begins with, copied by old converters. */
		if (text && strncmp(text, "#version", 8) == 0)
			continue;
		rc = read_merge(model, merge, path, i, rank++, &joined, st);
	}
	text_finish(&joined);
	return rc;
}

/* The numbers of <0x00> ... <0xFF>. */
static void find_bytes(struct model *model)
{
	char name[8];

	for (unsigned int byte = 0; byte < 256; byte++) {
		snprintf(name, sizeof(name), "<0x%02X>", byte);
		model->byte_ids[byte] = vocab_find(&model->vocab, name, 6);
		if (model->byte_fallback && model->byte_ids[byte] >= 0)
			model->vocab.tokens[model->byte_ids[byte]].flags |= AIOS_TOKEN_BYTE;
	}
}

static int read_affix(struct text *affix, const json_t *json, const char *key, const char *path,
		      struct aios_status *st)
{
	const char *text;
	int rc = json_opt_string(json, key, path, &text, st);

	return rc || !text ? rc : text_append_string(affix, text);
}

static int read_settings(struct model *model, const json_t *json, const char *path,
			 struct aios_status *st)
{
	double dropout;
	int rc = json_opt_double(json, "dropout", path, 0, &dropout, st);

	if (rc == 0 && dropout != 0)
		return aios_fail(st, -EINVAL,
				 "%s: dropout: expected null or 0; with dropout the "
				 "same text has other ids each time",
				 path);
	if (rc == 0)
		rc = json_opt_bool(json, "fuse_unk", path, false, &model->fuse_unk, st);
	if (rc == 0)
		rc = json_opt_bool(json, "byte_fallback", path, false, &model->byte_fallback, st);
	if (rc == 0)
		rc = json_opt_bool(json, "ignore_merges", path, false, &model->ignore_merges, st);
	if (rc == 0)
		rc = read_affix(&model->prefix, json, "continuing_subword_prefix", path, st);
	if (rc == 0)
		rc = read_affix(&model->suffix, json, "end_of_word_suffix", path, st);
	if (rc == 0)
		rc = read_affix(&model->unk_token, json, "unk_token", path, st);
	model->has_unk = model->unk_token.len > 0;
	return rc;
}

/* Files older than "type" leave it out; then only BPE has merges. */
static int check_type(const json_t *json, const char *path, struct aios_status *st)
{
	const char *type;
	char shown[64];
	int rc = json_opt_string(json, "type", path, &type, st);

	if (rc || !type || strcmp(type, "BPE") == 0)
		return rc;
	return aios_fail(st, -ENOTSUP, "%s: type \"%s\" is not supported; expected BPE", path,
			 json_quote(shown, sizeof(shown), type, strlen(type)));
}

int tokenizer_read_model(struct model *model, const json_t *json, const char *path,
			 struct aios_status *st)
{
	struct json_path at;
	json_t *vocab;
	json_t *merges;
	int rc = check_type(json, path, st);

	model->unk_id = -1;
	if (rc == 0)
		rc = read_settings(model, json, path, st);
	if (rc == 0)
		rc = json_get_object(json, "vocab", path, &vocab, st);
	if (rc == 0)
		rc = json_get_array(json, "merges", path, &merges, st);
	if (rc == 0)
		rc = read_vocab(&model->vocab, vocab, json_path_key(&at, path, "vocab"), st);
	if (rc == 0)
		rc = read_merges(model, merges, json_path_key(&at, path, "merges"), st);
	if (rc)
		return rc;
	find_bytes(model);
	if (model->has_unk)
		model->unk_id =
			vocab_find(&model->vocab, model->unk_token.data, model->unk_token.len);
	return 0;
}
