// SPDX-License-Identifier: Apache-2.0
/*
 * post.c - reading the "post_processor" of tokenizer.json, for single texts.
 */
#include <string.h>

#include "json.h"
#include "post.h"

static int read_steps(struct post *post, const json_t *json, const char *path,
		      const struct vocab *vocab, struct aios_status *st);

static int add_id(struct ids *out, const json_t *value, const char *path, const struct vocab *vocab,
		  struct aios_status *st)
{
	int64_t id;
	int rc = json_want_int(value, path, 0, VOCAB_MAX_ID, &id, st);

	if (rc)
		return rc;
	if (!vocab_token(vocab, (int32_t)id))
		return aios_fail(st, -EINVAL, "%s: id %d is not in the vocabulary", path, (int)id);
	return ids_append(out, (int32_t)id);
}

/* Append the ids that "special_tokens" lists for a name. */
static int add_special(struct ids *out, const json_t *specials, const char *name, const char *path,
		       const struct vocab *vocab, struct aios_status *st)
{
	struct json_path at;
	struct json_path list;
	json_t *entry;
	json_t *ids;
	json_t *id;
	size_t i;
	int rc = json_get_object(specials, name, path, &entry, st);

	if (rc)
		return rc;
	path = json_path_key(&at, path, name);
	rc = json_get_array(entry, "ids", path, &ids, st);
	if (rc)
		return rc;
	path = json_path_key(&list, path, "ids");
	json_array_foreach(ids, i, id) {
		rc = add_id(out, id, json_path_index(&at, list.text, i), vocab, st);
		if (rc)
			return rc;
	}
	return 0;
}

/* One element of "single": the text itself, or a special token beside it. */
static int read_element(struct post *post, const json_t *json, const char *path,
			const json_t *specials, const char *specials_path, bool *seen,
			const struct vocab *vocab, struct aios_status *st)
{
	const char *id = NULL;
	struct json_path at;
	json_t *part;
	int rc;

	if (json_has(json, "Sequence")) {
		rc = json_get_object(json, "Sequence", path, &part, st);
		if (rc == 0)
			rc = json_get_string(part, "id", json_path_key(&at, path, "Sequence"), &id,
					     st);
		if (rc)
			return rc;
		if (*seen || strcmp(id, "A") != 0)
			return aios_fail(st, -EINVAL, "%s: expected Sequence A, once", path);
		*seen = true;
		return 0;
	}
	rc = json_get_object(json, "SpecialToken", path, &part, st);
	if (rc == 0)
		rc = json_get_string(part, "id", json_path_key(&at, path, "SpecialToken"), &id, st);
	if (rc)
		return rc;
	return add_special(*seen ? &post->after : &post->before, specials, id, specials_path, vocab,
			   st);
}

static int read_template(struct post *post, const json_t *json, const char *path,
			 const struct vocab *vocab, struct aios_status *st)
{
	struct json_path specials_path;
	struct json_path list;
	struct json_path at;
	bool seen = false;
	json_t *specials;
	json_t *elements;
	json_t *element;
	size_t i;
	int rc;

	if (post->has_template)
		return aios_fail(st, -EINVAL, "%s: a second template; expected at most one", path);
	post->has_template = true;
	rc = json_get_array(json, "single", path, &elements, st);
	if (rc == 0)
		rc = json_get_object(json, "special_tokens", path, &specials, st);
	if (rc)
		return rc;
	json_path_key(&specials_path, path, "special_tokens");
	json_path_key(&list, path, "single");
	json_array_foreach(elements, i, element) {
		rc = read_element(post, element, json_path_index(&at, list.text, i), specials,
				  specials_path.text, &seen, vocab, st);
		if (rc)
			return rc;
	}
	if (!seen)
		return aios_fail(st, -EINVAL, "%s: expected Sequence A somewhere", list.text);
	return 0;
}

/* The pair ["</s>", 2] under a key. */
static int read_pair(struct ids *out, const json_t *json, const char *key, const char *path,
		     const struct vocab *vocab, struct aios_status *st)
{
	struct json_path at;
	json_t *pair;
	int rc = json_get_array(json, key, path, &pair, st);

	if (rc)
		return rc;
	path = json_path_key(&at, path, key);
	if (json_array_size(pair) != 2)
		return aios_fail(st, -EINVAL, "%s: expected [text, id]", path);
	return add_id(out, json_array_get(pair, 1), path, vocab, st);
}

/* BertProcessing and RobertaProcessing: cls TEXT sep. */
static int read_cls_sep(struct post *post, const json_t *json, const char *path,
			const struct vocab *vocab, struct aios_status *st)
{
	int rc;

	if (post->has_template)
		return aios_fail(st, -EINVAL, "%s: a second template; expected at most one", path);
	post->has_template = true;
	rc = read_pair(&post->before, json, "cls", path, vocab, st);
	return rc ? rc : read_pair(&post->after, json, "sep", path, vocab, st);
}

static int read_sequence(struct post *post, const json_t *json, const char *path,
			 const struct vocab *vocab, struct aios_status *st)
{
	struct json_path list;
	struct json_path at;
	json_t *steps;
	json_t *step;
	size_t i;
	int rc = json_get_array(json, "processors", path, &steps, st);

	if (rc)
		return rc;
	json_path_key(&list, path, "processors");
	json_array_foreach(steps, i, step) {
		rc = read_steps(post, step, json_path_index(&at, list.text, i), vocab, st);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_steps(struct post *post, const json_t *json, const char *path,
		      const struct vocab *vocab, struct aios_status *st)
{
	char shown[64];
	const char *type;
	int rc;

	if (!json_is_object(json))
		return aios_fail(st, -EINVAL, "%s: expected an object, found %s", path,
				 json_kind(json));
	rc = json_get_string(json, "type", path, &type, st);
	if (rc)
		return rc;
	if (strcmp(type, "Sequence") == 0)
		return read_sequence(post, json, path, vocab, st);
	if (strcmp(type, "TemplateProcessing") == 0)
		return read_template(post, json, path, vocab, st);
	if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)
		return read_cls_sep(post, json, path, vocab, st);
	if (strcmp(type, "ByteLevel") == 0)
		return 0; /* it moves offsets, not ids */
	return aios_fail(
		st, -EINVAL,
		"%s: post-processor \"%s\" is not supported; supported are "
		"TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing, Sequence",
		path, json_quote(shown, sizeof(shown), type, strlen(type)));
}

int post_init(struct post *post, const json_t *json, const char *path, const struct vocab *vocab,
	      struct aios_status *st)
{
	*post = (struct post){ 0 };
	if (!json || json_is_null(json))
		return 0;
	return read_steps(post, json, path, vocab, st);
}

void post_finish(struct post *post)
{
	ids_finish(&post->before);
	ids_finish(&post->after);
	*post = (struct post){ 0 };
}
