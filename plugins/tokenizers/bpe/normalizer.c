// SPDX-License-Identifier: Apache-2.0
/*
 * normalizer.c - reading and applying the "normalizer" of tokenizer.json.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytelevel.h"
#include "json.h"
#include "normalizer.h"

#define STEPS_MAX 64

static int append_steps(struct normalizer *normalizer, const json_t *json, const char *path,
			const struct pattern_options *options, struct aios_status *st);

static int read_sequence(struct normalizer *normalizer, const json_t *json, const char *path,
			 const struct pattern_options *options, struct aios_status *st)
{
	struct json_path list;
	struct json_path at;
	json_t *steps;
	json_t *step;
	size_t i;
	int rc = json_get_array(json, "normalizers", path, &steps, st);

	if (rc)
		return rc;
	json_path_key(&list, path, "normalizers");
	json_array_foreach(steps, i, step) {
		rc = append_steps(normalizer, step, json_path_index(&at, list.text, i), options,
				  st);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_content(struct text *content, const json_t *json, const char *key, const char *path,
			struct aios_status *st)
{
	const char *text;
	int rc = json_get_string(json, key, path, &text, st);

	return rc ? rc : text_append_string(content, text);
}

/* Fill one step of a type other than Sequence; 1: the type is unknown. */
static int read_step(struct normalizer_step *step, const json_t *json, const char *type,
		     const char *path, const struct pattern_options *options,
		     struct aios_status *st)
{
	static const char *const forms[] = {
		[UNICODE_NFC] = "NFC",
		[UNICODE_NFD] = "NFD",
		[UNICODE_NFKC] = "NFKC",
		[UNICODE_NFKD] = "NFKD",
	};
	int rc;

	for (int form = UNICODE_NFC; form <= UNICODE_NFKD; form++) {
		if (strcmp(type, forms[form]) == 0) {
			step->kind = NORMALIZER_FORM;
			step->form = (enum unicode_form)form;
			return 0;
		}
	}
	if (strcmp(type, "Lowercase") == 0) {
		step->kind = NORMALIZER_LOWERCASE;
		return 0;
	}
	if (strcmp(type, "StripAccents") == 0) {
		step->kind = NORMALIZER_STRIP_ACCENTS;
		return 0;
	}
	if (strcmp(type, "ByteLevel") == 0) {
		step->kind = NORMALIZER_BYTES;
		return 0;
	}
	if (strcmp(type, "Strip") == 0) {
		step->kind = NORMALIZER_STRIP;
		rc = json_opt_bool(json, "strip_left", path, true, &step->left, st);
		return rc ? rc : json_opt_bool(json, "strip_right", path, true, &step->right, st);
	}
	if (strcmp(type, "Prepend") == 0) {
		step->kind = NORMALIZER_PREPEND;
		return read_content(&step->content, json, "prepend", path, st);
	}
	if (strcmp(type, "Replace") == 0) {
		step->kind = NORMALIZER_REPLACE;
		rc = pattern_from_json(&step->pattern, json, path, options, st);
		return rc ? rc : read_content(&step->content, json, "content", path, st);
	}
	return 1;
}

static int append_steps(struct normalizer *normalizer, const json_t *json, const char *path,
			const struct pattern_options *options, struct aios_status *st)
{
	struct normalizer_step *steps;
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
		return read_sequence(normalizer, json, path, options, st);

	if (normalizer->n_steps == STEPS_MAX)
		return aios_fail(st, -EINVAL, "%s: more than %d normalizers", path, STEPS_MAX);
	steps = realloc(normalizer->steps, (normalizer->n_steps + 1) * sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	normalizer->steps = steps;
	steps += normalizer->n_steps++;
	*steps = (struct normalizer_step){ 0 };
	rc = read_step(steps, json, type, path, options, st);
	if (rc <= 0)
		return rc;
	return aios_fail(st, -EINVAL,
			 "%s: normalizer \"%s\" is not supported; supported are NFC, NFD, NFKC, "
			 "NFKD, Lowercase, Strip, StripAccents, Replace, Prepend, ByteLevel, "
			 "Sequence",
			 path, json_quote(shown, sizeof(shown), type, strlen(type)));
}

int normalizer_init(struct normalizer *normalizer, const json_t *json, const char *path,
		    const struct pattern_options *options, struct aios_status *st)
{
	*normalizer = (struct normalizer){ 0 };
	if (!json || json_is_null(json))
		return 0;
	return append_steps(normalizer, json, path, options, st);
}

void normalizer_finish(struct normalizer *normalizer)
{
	for (size_t i = 0; i < normalizer->n_steps; i++) {
		pattern_finish(&normalizer->steps[i].pattern);
		text_finish(&normalizer->steps[i].content);
	}
	free(normalizer->steps);
	*normalizer = (struct normalizer){ 0 };
}

static int lowercase(const struct text *in, struct text *out)
{
	size_t pos = 0;
	int rc = 0;

	while (pos < in->len && rc == 0)
		rc = unicode_append_lower(out, utf8_next(in->data, &pos));
	return rc;
}

static int strip_accents(const struct text *in, struct text *out)
{
	size_t pos = 0;
	size_t start;
	int rc = 0;

	while (pos < in->len && rc == 0) {
		start = pos;
		if (!unicode_is_mark(utf8_next(in->data, &pos)))
			rc = text_append(out, in->data + start, pos - start);
	}
	return rc;
}

static int strip(const struct normalizer_step *step, const struct text *in, struct text *out)
{
	size_t start = 0;
	size_t end = in->len;
	size_t pos;

	while (step->left && start < end) {
		pos = start;
		if (!unicode_is_space(utf8_next(in->data, &pos)))
			break;
		start = pos;
	}
	while (step->right && start < end) {
		pos = utf8_previous(in->data, end);
		size_t at = pos;

		if (!unicode_is_space(utf8_next(in->data, &at)))
			break;
		end = pos;
	}
	return text_append(out, in->data + start, end - start);
}

static int prepend(const struct text *content, const struct text *in, struct text *out)
{
	if (in->len == 0)
		return 0;
	if (text_append(out, content->data, content->len))
		return -ENOMEM;
	return text_append(out, in->data, in->len);
}

static int apply_step(const struct normalizer_step *step, struct pattern_scratch *scratch,
		      const struct text *in, struct text *out, struct aios_status *st)
{
	switch (step->kind) {
	case NORMALIZER_FORM:
		return unicode_append_form(out, in->data, in->len, step->form);
	case NORMALIZER_LOWERCASE:
		return lowercase(in, out);
	case NORMALIZER_STRIP:
		return strip(step, in, out);
	case NORMALIZER_STRIP_ACCENTS:
		return strip_accents(in, out);
	case NORMALIZER_REPLACE:
		return pattern_replace(&step->pattern, scratch, in->data, in->len, &step->content,
				       out, st);
	case NORMALIZER_PREPEND:
		return prepend(&step->content, in, out);
	case NORMALIZER_BYTES:
		return bytelevel_append(out, in->data, in->len);
	}
	return 0;
}

int normalizer_apply(const struct normalizer *normalizer, struct pattern_scratch *scratch,
		     struct text *text, struct text *spare, struct aios_status *st)
{
	size_t limit = pattern_growth_limit(text->len);
	int rc;

	for (size_t i = 0; i < normalizer->n_steps; i++) {
		/* Nothing finds anything in nothing, and there may be no memory behind it. */
		if (text->len == 0)
			return 0;
		spare->len = 0;
		rc = apply_step(&normalizer->steps[i], scratch, text, spare, st);
		if (rc)
			return rc;
		text_swap(text, spare);
		if (text->len > limit)
			return aios_fail(st, -E2BIG,
					 "the tokenizer's normalizer makes %zu bytes "
					 "of a much shorter text",
					 text->len);
	}
	return 0;
}
