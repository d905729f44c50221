// SPDX-License-Identifier: Apache-2.0
/*
 * added.c - reading and finding added tokens: at each place the longest one, from
 * left to right.
 */
#include <stdlib.h>
#include <string.h>

#include <aios/plugin/tokenizer.h>

#include "added.h"
#include "json.h"
#include "unicode.h"

static int set_node(struct added_set *set, unsigned char byte, uint32_t *index)
{
	uint32_t cap = set->cap ? set->cap * 2 : 256;
	struct added_node *nodes;

	if (set->len == set->cap) {
		nodes = cap > UINT32_MAX / 2 ? NULL : realloc(set->nodes, cap * sizeof(*nodes));
		if (!nodes)
			return -ENOMEM;
		set->nodes = nodes;
		set->cap = cap;
	}
	*index = set->len++;
	set->nodes[*index] = (struct added_node){ .byte = byte, .token = -1 };
	return 0;
}

static uint32_t find_child(const struct added_set *set, uint32_t node, unsigned char byte)
{
	uint32_t child = set->nodes[node].child;

	while (child && set->nodes[child].byte != byte)
		child = set->nodes[child].sibling;
	return child;
}

static int set_add(struct added_set *set, const char *text, size_t len, int32_t token)
{
	uint32_t node = 0;
	uint32_t child;

	if (len == 0)
		return 0;
	if (set->len == 0 && set_node(set, 0, &node))
		return -ENOMEM;
	set->first[(unsigned char)text[0]] = true;
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		child = find_child(set, node, byte);
		if (!child) {
			if (set_node(set, byte, &child))
				return -ENOMEM;
			set->nodes[child].sibling = set->nodes[node].child;
			set->nodes[node].child = child;
		}
		node = child;
	}
	if (set->nodes[node].token < 0)
		set->nodes[node].token = token;
	return 0;
}

/* The longest text at text[at]: its token's index and length, or -1. */
static int32_t set_match(const struct added_set *set, const char *text, size_t at, size_t len,
			 size_t *matched)
{
	int32_t token = -1;
	uint32_t node = 0;

	for (size_t i = at; i < len; i++) {
		node = find_child(set, node, (unsigned char)text[i]);
		if (!node)
			break;
		if (set->nodes[node].token >= 0) {
			token = set->nodes[node].token;
			*matched = i + 1 - at;
		}
	}
	return token;
}

/* Put a token in the vocabulary, or mark the model's own one. */
static int enter(struct vocab *vocab, const char *content, size_t len, const char *path,
		 struct added_token *token, struct aios_status *st)
{
	uint32_t flags = AIOS_TOKEN_ADDED | (token->special ? AIOS_TOKEN_SPECIAL : 0);
	int32_t known = vocab_find(vocab, content, len);
	const struct vocab_token *other;
	char shown[64];
	int rc;

	json_quote(shown, sizeof(shown), content, len);
	if (known >= 0) {
		if (known != token->id)
			return aios_fail(st, -EINVAL,
					 "%s: id %d, but the vocabulary gives \"%s\" the id %d",
					 path, token->id, shown, known);
		vocab->tokens[known].flags |= flags;
		return 0;
	}
	rc = vocab_add(vocab, content, len, token->id, flags | VOCAB_ADDED_ONLY);
	if (rc != -EEXIST)
		return rc;
	other = vocab_token(vocab, token->id);
	return aios_fail(st, -EINVAL, "%s: \"%s\" has id %d, which is already \"%.40s\"", path,
			 shown, token->id, vocab_text(vocab, other));
}

static int read_token(struct added_token *token, const json_t *json, const char *path,
		      struct aios_status *st)
{
	int64_t id;
	int rc;

	if (!json_is_object(json))
		return aios_fail(st, -EINVAL, "%s: expected an object, found %s", path,
				 json_kind(json));
	rc = json_get_int(json, "id", path, 0, VOCAB_MAX_ID, &id, st);
	if (rc)
		return rc;
	token->id = (int32_t)id;
	rc = json_opt_bool(json, "special", path, false, &token->special, st);
	if (rc == 0)
		rc = json_opt_bool(json, "normalized", path, !token->special, &token->normalized,
				   st);
	if (rc == 0)
		rc = json_opt_bool(json, "single_word", path, false, &token->single_word, st);
	if (rc == 0)
		rc = json_opt_bool(json, "lstrip", path, false, &token->lstrip, st);
	if (rc == 0)
		rc = json_opt_bool(json, "rstrip", path, false, &token->rstrip, st);
	return rc;
}

/* "content", which alone may hold a NUL. */
static int read_content(const json_t *json, const char *path, const char **text, size_t *len,
			struct aios_status *st)
{
	const json_t *content = json_object_get(json, "content");

	if (!json_is_string(content))
		return aios_fail(st, -EINVAL, "%s: content: expected a string, found %s", path,
				 json_kind(content));
	*text = json_string_value(content);
	*len = json_string_length(content);
	if (*len > ADDED_MAX_LEN)
		return aios_fail(st, -EINVAL, "%s: content: a token of %zu bytes; the limit is %d",
				 path, *len, ADDED_MAX_LEN);
	return 0;
}

/*
 * What a normalized token looks like in normalized text. Decoding begins from
 * that too, as it would for any other token found there.
 */
static int add_normalized(struct added *added, struct vocab *vocab,
			  const struct normalizer *normalizer, const char *content, size_t len,
			  struct aios_status *st)
{
	int32_t id = added->tokens[added->len].id;
	struct pattern_scratch scratch;
	struct text spare = { 0 };
	struct text text = { 0 };
	int rc = pattern_scratch_init(&scratch);

	if (rc)
		return rc;
	rc = text_append(&text, content, len);
	if (rc == 0)
		rc = normalizer_apply(normalizer, &scratch, &text, &spare, st);
	if (rc == 0)
		rc = set_add(&added->normalized, text.data, text.len, (int32_t)added->len);
	if (rc == 0 && (text.len != len || memcmp(text.data, content, len) != 0))
		rc = vocab_respell(vocab, id, text.data, text.len);
	text_finish(&text);
	text_finish(&spare);
	pattern_scratch_finish(&scratch);
	return rc;
}

static int add_token(struct added *added, const json_t *json, const char *path, struct vocab *vocab,
		     const struct normalizer *normalizer, struct aios_status *st)
{
	struct added_token *token = &added->tokens[added->len];
	const char *content = NULL;
	size_t len = 0;
	int rc;

	*token = (struct added_token){ 0 };
	rc = read_token(token, json, path, st);
	if (rc == 0)
		rc = read_content(json, path, &content, &len, st);
	if (rc || len == 0)
		return rc;
	rc = enter(vocab, content, len, path, token, st);
	if (rc)
		return rc;
	if (token->normalized)
		rc = add_normalized(added, vocab, normalizer, content, len, st);
	else
		rc = set_add(&added->original, content, len, (int32_t)added->len);
	if (rc == 0)
		added->len++;
	return rc;
}

int added_init(struct added *added, const json_t *json, const char *path, struct vocab *vocab,
	       const struct normalizer *normalizer, struct aios_status *st)
{
	struct json_path at;
	json_t *token;
	size_t i;
	int rc;

	*added = (struct added){ 0 };
	if (json_array_size(json) == 0)
		return 0;
	added->tokens = calloc(json_array_size(json), sizeof(*added->tokens));
	if (!added->tokens)
		return -ENOMEM;
	json_array_foreach(json, i, token) {
		rc = add_token(added, token, json_path_index(&at, path, i), vocab, normalizer, st);
		if (rc)
			return rc;
	}
	return 0;
}

void added_finish(struct added *added)
{
	free(added->tokens);
	free(added->original.nodes);
	free(added->normalized.nodes);
	*added = (struct added){ 0 };
}

void added_scan_start(struct added_scan *scan, const struct added *added,
		      const struct added_set *set, const char *text, size_t len, bool plain_special)
{
	*scan = (struct added_scan){
		.added = added,
		.set = set,
		.text = text,
		.len = len,
		.plain_special = plain_special,
	};
}

static bool word_before(const char *text, size_t at)
{
	size_t pos;

	if (at == 0)
		return false;
	pos = utf8_previous(text, at);
	return unicode_is_word(utf8_next(text, &pos));
}

static bool word_behind(const char *text, size_t at, size_t len)
{
	size_t pos = at;

	return at < len && unicode_is_word(utf8_next(text, &pos));
}

/* Widen a match by the spaces that its token takes along. */
static void widen(const struct added_scan *scan, struct added_stretch *found)
{
	size_t pos;
	size_t at;

	while (found->token->lstrip && found->start > scan->done) {
		pos = utf8_previous(scan->text, found->start);
		at = pos;
		if (!unicode_is_space(utf8_next(scan->text, &at)))
			break;
		found->start = pos;
	}
	while (found->token->rstrip && found->end < scan->len) {
		pos = found->end;
		if (!unicode_is_space(utf8_next(scan->text, &pos)))
			break;
		found->end = pos;
	}
}

/* The next token that counts; false when there is none. */
static bool find_token(struct added_scan *scan, struct added_stretch *found)
{
	const struct added_token *token;
	size_t matched = 0;
	int32_t index;
	size_t at;

	if (scan->set->len == 0)
		return false;
	while (scan->next < scan->len) {
		at = scan->next;
		if (!scan->set->first[(unsigned char)scan->text[at]]) {
			scan->next++;
			continue;
		}
		index = set_match(scan->set, scan->text, at, scan->len, &matched);
		if (index < 0) {
			scan->next++;
			continue;
		}
		/* Also what does not count is passed as a whole. */
		scan->next = at + matched;
		token = &scan->added->tokens[index];
		if (token->special && scan->plain_special)
			continue;
		if (token->single_word &&
		    (word_before(scan->text, at) || word_behind(scan->text, scan->next, scan->len)))
			continue;
		*found = (struct added_stretch){ token, at, scan->next };
		widen(scan, found);
		return true;
	}
	return false;
}

bool added_scan_next(struct added_scan *scan, struct added_stretch *stretch)
{
	struct added_stretch found;

	if (scan->held) {
		scan->held = false;
		*stretch = scan->hold;
		return true;
	}
	if (!find_token(scan, &found)) {
		if (scan->done >= scan->len)
			return false;
		*stretch = (struct added_stretch){ NULL, scan->done, scan->len };
		scan->done = scan->len;
		return true;
	}
	if (scan->done < found.start) {
		*stretch = (struct added_stretch){ NULL, scan->done, found.start };
		scan->hold = found;
		scan->held = true;
	} else {
		*stretch = found;
	}
	scan->done = found.end;
	return true;
}
