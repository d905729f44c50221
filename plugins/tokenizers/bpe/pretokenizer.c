// SPDX-License-Identifier: Apache-2.0
/*
 * pretokenizer.c - reading and applying the "pre_tokenizer" of tokenizer.json.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytelevel.h"
#include "json.h"
#include "pretokenizer.h"
#include "unicode.h"

#define STEPS_MAX 64

/* What ByteLevel splits by when it has no pattern of its own: GPT-2's. */
static const char gpt2_regex[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+|"
				 " ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static int append_steps(struct pretokenizer *pretokenizer, const json_t *json, const char *path,
			const struct pattern_options *options, struct aios_status *st);

static struct pretokenizer_step *add_step(struct pretokenizer *pretokenizer,
					  enum pretokenizer_kind kind)
{
	struct pretokenizer_step *steps;

	steps = realloc(pretokenizer->steps, (pretokenizer->n_steps + 1) * sizeof(*steps));
	if (!steps)
		return NULL;
	pretokenizer->steps = steps;
	steps += pretokenizer->n_steps++;
	*steps = (struct pretokenizer_step){ .kind = kind };
	return steps;
}

static int class_number(uint32_t code)
{
	return unicode_is_number(code);
}

static int class_punctuation(uint32_t code)
{
	return unicode_is_punctuation(code);
}

static int class_space(uint32_t code)
{
	return unicode_is_space(code);
}

static int class_word_or_sign(uint32_t code)
{
	return unicode_is_word(code) ? 1 : unicode_is_space(code) ? 0 : 2;
}

static int add_class(struct pretokenizer *pretokenizer, pattern_class_fn class, bool runs,
		     enum split_behavior behavior, bool invert)
{
	struct pretokenizer_step *step = add_step(pretokenizer, PRETOKENIZER_SPLIT);

	if (!step)
		return -ENOMEM;
	pattern_init_class(&step->pattern, class, runs);
	step->behavior = behavior;
	step->invert = invert;
	return 0;
}

static int read_behavior(const json_t *json, const char *path, enum split_behavior fallback,
			 enum split_behavior *behavior, struct aios_status *st)
{
	static const char *const names[] = {
		[SPLIT_ISOLATED] = "Isolated",
		[SPLIT_REMOVED] = "Removed",
		[SPLIT_WITH_PREVIOUS] = "MergedWithPrevious",
		[SPLIT_WITH_NEXT] = "MergedWithNext",
		[SPLIT_CONTIGUOUS] = "Contiguous",
	};
	const char *name;
	int rc = json_opt_string(json, "behavior", path, &name, st);

	*behavior = fallback;
	if (rc || !name)
		return rc;
	for (int i = SPLIT_ISOLATED; i <= SPLIT_CONTIGUOUS; i++) {
		if (strcmp(name, names[i]) == 0) {
			*behavior = (enum split_behavior)i;
			return 0;
		}
	}
	return aios_fail(st, -EINVAL,
			 "%s: behavior: expected Isolated, Removed, "
			 "MergedWithPrevious, MergedWithNext or Contiguous",
			 path);
}

static int read_split(struct pretokenizer *pretokenizer, const json_t *json, const char *path,
		      const struct pattern_options *options, struct aios_status *st)
{
	struct pretokenizer_step *step = add_step(pretokenizer, PRETOKENIZER_SPLIT);
	int rc;

	if (!step)
		return -ENOMEM;
	rc = pattern_from_json(&step->pattern, json, path, options, st);
	if (rc == 0)
		rc = read_behavior(json, path, SPLIT_ISOLATED, &step->behavior, st);
	return rc ? rc : json_opt_bool(json, "invert", path, false, &step->invert, st);
}

static int read_byte_level(struct pretokenizer *pretokenizer, const json_t *json, const char *path,
			   const struct pattern_options *options, struct aios_status *st)
{
	struct pretokenizer_step *step;
	bool prefix;
	bool regex;
	int rc = json_opt_bool(json, "add_prefix_space", path, true, &prefix, st);

	if (rc == 0)
		rc = json_opt_bool(json, "use_regex", path, true, &regex, st);
	if (rc)
		return rc;
	if (prefix) {
		step = add_step(pretokenizer, PRETOKENIZER_PREFIX);
		if (!step || text_append(&step->content, " ", 1))
			return -ENOMEM;
	}
	if (regex) {
		step = add_step(pretokenizer, PRETOKENIZER_SPLIT);
		if (!step)
			return -ENOMEM;
		rc = pattern_init_regex(&step->pattern, gpt2_regex, path, options, st);
		if (rc)
			return rc;
	}
	return add_step(pretokenizer, PRETOKENIZER_BYTES) ? 0 : -ENOMEM;
}

/* always, first or never, from its present key or the older add_prefix_space. */
static int read_prepend(const json_t *json, const char *path, bool *prefix, bool *first_only,
			struct aios_status *st)
{
	const char *scheme;
	bool older;
	int rc = json_opt_string(json, "prepend_scheme", path, &scheme, st);

	if (rc == 0)
		rc = json_opt_bool(json, "add_prefix_space", path, true, &older, st);
	if (rc)
		return rc;
	if (!scheme)
		scheme = older ? "always" : "never";
	*first_only = strcmp(scheme, "first") == 0;
	*prefix = *first_only || strcmp(scheme, "always") == 0;
	if (!*prefix && strcmp(scheme, "never") != 0)
		return aios_fail(st, -EINVAL, "%s: prepend_scheme: expected always, first or never",
				 path);
	if (*prefix && !older)
		return aios_fail(st, -EINVAL,
				 "%s: add_prefix_space is false but prepend_scheme is \"%s\"; "
				 "expected \"never\"",
				 path, scheme);
	return 0;
}

static int read_metaspace(struct pretokenizer *pretokenizer, const json_t *json, const char *path,
			  struct aios_status *st)
{
	const char *replacement = NULL;
	struct pretokenizer_step *step;
	bool first_only;
	bool prefix;
	bool split;
	int rc = json_opt_string(json, "replacement", path, &replacement, st);

	if (rc == 0)
		rc = json_opt_bool(json, "split", path, true, &split, st);
	if (rc == 0)
		rc = read_prepend(json, path, &prefix, &first_only, st);
	if (rc)
		return rc;
	if (!replacement)
		replacement = "\xe2\x96\x81";
	if (!*replacement || utf8_length(replacement) != strlen(replacement))
		return aios_fail(st, -EINVAL, "%s: replacement: expected one character", path);

	step = add_step(pretokenizer, PRETOKENIZER_REPLACE);
	if (!step || text_append_string(&step->content, replacement))
		return -ENOMEM;
	if (prefix) {
		step = add_step(pretokenizer, PRETOKENIZER_PREFIX);
		if (!step || text_append_string(&step->content, replacement))
			return -ENOMEM;
		step->first_only = first_only;
	}
	if (!split)
		return 0;
	step = add_step(pretokenizer, PRETOKENIZER_SPLIT);
	if (!step)
		return -ENOMEM;
	step->behavior = SPLIT_WITH_NEXT;
	return pattern_init_literal(&step->pattern, replacement, path, st);
}

static int read_digits(struct pretokenizer *pretokenizer, const json_t *json, const char *path,
		       struct aios_status *st)
{
	bool each;
	int rc = json_opt_bool(json, "individual_digits", path, false, &each, st);

	return rc ? rc :
		    add_class(pretokenizer, class_number, false,
			      each ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS, false);
}

static int read_punctuation(struct pretokenizer *pretokenizer, const json_t *json, const char *path,
			    struct aios_status *st)
{
	enum split_behavior behavior;
	int rc = read_behavior(json, path, SPLIT_ISOLATED, &behavior, st);

	return rc ? rc : add_class(pretokenizer, class_punctuation, false, behavior, false);
}

static int read_sequence(struct pretokenizer *pretokenizer, const json_t *json, const char *path,
			 const struct pattern_options *options, struct aios_status *st)
{
	struct json_path list;
	struct json_path at;
	json_t *steps;
	json_t *step;
	size_t i;
	int rc = json_get_array(json, "pretokenizers", path, &steps, st);

	if (rc)
		return rc;
	json_path_key(&list, path, "pretokenizers");
	json_array_foreach(steps, i, step) {
		rc = append_steps(pretokenizer, step, json_path_index(&at, list.text, i), options,
				  st);
		if (rc)
			return rc;
	}
	return 0;
}

static int append_steps(struct pretokenizer *pretokenizer, const json_t *json, const char *path,
			const struct pattern_options *options, struct aios_status *st)
{
	const char *type;
	char shown[64];
	int rc;

	if (!json_is_object(json))
		return aios_fail(st, -EINVAL, "%s: expected an object, found %s", path,
				 json_kind(json));
	rc = json_get_string(json, "type", path, &type, st);
	if (rc)
		return rc;
	if (strcmp(type, "Sequence") == 0)
		return read_sequence(pretokenizer, json, path, options, st);
	if (pretokenizer->n_steps >= STEPS_MAX)
		return aios_fail(st, -EINVAL, "%s: more than %d steps", path, STEPS_MAX);
	if (strcmp(type, "Split") == 0)
		return read_split(pretokenizer, json, path, options, st);
	if (strcmp(type, "ByteLevel") == 0)
		return read_byte_level(pretokenizer, json, path, options, st);
	if (strcmp(type, "Metaspace") == 0)
		return read_metaspace(pretokenizer, json, path, st);
	if (strcmp(type, "Digits") == 0)
		return read_digits(pretokenizer, json, path, st);
	if (strcmp(type, "Punctuation") == 0)
		return read_punctuation(pretokenizer, json, path, st);
	if (strcmp(type, "WhitespaceSplit") == 0)
		return add_class(pretokenizer, class_space, false, SPLIT_REMOVED, false);
	if (strcmp(type, "Whitespace") == 0)
		return add_class(pretokenizer, class_word_or_sign, true, SPLIT_REMOVED, true);
	return aios_fail(
		st, -EINVAL,
		"%s: pre-tokenizer \"%s\" is not supported; supported are Split, ByteLevel, "
		"Metaspace, Digits, Punctuation, Whitespace, WhitespaceSplit, Sequence",
		path, json_quote(shown, sizeof(shown), type, strlen(type)));
}

int pretokenizer_init(struct pretokenizer *pretokenizer, const json_t *json, const char *path,
		      const struct pattern_options *options, struct aios_status *st)
{
	*pretokenizer = (struct pretokenizer){ 0 };
	if (!json || json_is_null(json))
		return 0;
	return append_steps(pretokenizer, json, path, options, st);
}

void pretokenizer_finish(struct pretokenizer *pretokenizer)
{
	for (size_t i = 0; i < pretokenizer->n_steps; i++) {
		pattern_finish(&pretokenizer->steps[i].pattern);
		text_finish(&pretokenizer->steps[i].content);
	}
	free(pretokenizer->steps);
	*pretokenizer = (struct pretokenizer){ 0 };
}

void pieces_finish(struct pieces *pieces)
{
	text_finish(&pieces->text);
	free(pieces->list);
	*pieces = (struct pieces){ 0 };
}

/* Append a piece, unless it is empty. */
static int add_piece(struct pieces *pieces, size_t start, size_t end)
{
	size_t cap = pieces->cap ? pieces->cap * 2 : 64;
	struct piece *list;

	if (start == end)
		return 0;
	if (pieces->len == pieces->cap) {
		if (cap > SIZE_MAX / sizeof(*list))
			return -ENOMEM;
		list = realloc(pieces->list, cap * sizeof(*list));
		if (!list)
			return -ENOMEM;
		pieces->list = list;
		pieces->cap = cap;
	}
	pieces->list[pieces->len++] = (struct piece){ start, end };
	return 0;
}

/* Matches and what lies between them become pieces as the behavior says. */
struct splitter {
	struct pieces *out;
	enum split_behavior behavior;
	bool open; /* `last` may still grow */
	struct piece last;
	bool last_removed;
	bool was_match;
};

static int close_piece(struct splitter *splitter)
{
	if (!splitter->open)
		return 0;
	splitter->open = false;
	if (splitter->last_removed)
		return 0;
	return add_piece(splitter->out, splitter->last.start, splitter->last.end);
}

/* The stretch [start, end) joins the open piece or opens its own. */
static int add_stretch(struct splitter *splitter, size_t start, size_t end, bool match)
{
	bool joins = false;
	int rc;

	switch (splitter->behavior) {
	case SPLIT_ISOLATED:
	case SPLIT_REMOVED:
		break;
	case SPLIT_CONTIGUOUS:
		joins = match == splitter->was_match;
		break;
	case SPLIT_WITH_PREVIOUS:
		joins = match && !splitter->was_match;
		break;
	case SPLIT_WITH_NEXT:
		joins = !match && splitter->was_match;
		break;
	}
	splitter->was_match = match;
	if (joins && splitter->open) {
		splitter->last.end = end;
		return 0;
	}
	rc = close_piece(splitter);
	splitter->open = true;
	splitter->last = (struct piece){ start, end };
	splitter->last_removed = match && splitter->behavior == SPLIT_REMOVED;
	return rc;
}

static int split_piece(const struct pretokenizer_step *step, struct pattern_scratch *scratch,
		       const char *text, struct piece piece, struct pieces *out,
		       struct aios_status *st)
{
	struct splitter splitter = { .out = out, .behavior = step->behavior };
	size_t len = piece.end - piece.start;
	struct pattern_scan scan;
	size_t done = 0;
	size_t start;
	size_t end;
	int rc;

	pattern_scan_start(&scan, &step->pattern, scratch, text + piece.start, len);
	while ((rc = pattern_scan_next(&scan, &start, &end, st)) > 0) {
		if (start > done &&
		    add_stretch(&splitter, piece.start + done, piece.start + start, step->invert))
			return -ENOMEM;
		if (add_stretch(&splitter, piece.start + start, piece.start + end, !step->invert))
			return -ENOMEM;
		done = end;
	}
	if (rc)
		return rc;
	if (done < len && add_stretch(&splitter, piece.start + done, piece.end, step->invert))
		return -ENOMEM;
	return close_piece(&splitter);
}

/* Cut pieces further; the text stays. */
static int apply_split(const struct pretokenizer_step *step, struct pattern_scratch *scratch,
		       struct pieces *pieces, struct pieces *spare, struct aios_status *st)
{
	struct piece *list;
	size_t first = pieces->len > 0 ? pieces->list[0].start : 0;
	size_t cap;
	int rc = 0;

	spare->len = 0;
	for (size_t i = 0; i < pieces->len && rc == 0; i++)
		rc = split_piece(step, scratch, pieces->text.data, pieces->list[i], spare, st);
	if (rc)
		return rc;
	if (spare->len == 0 || spare->list[0].start != first)
		pieces->at_start = false;
	list = pieces->list;
	cap = pieces->cap;
	pieces->list = spare->list;
	pieces->cap = spare->cap;
	pieces->len = spare->len;
	spare->list = list;
	spare->cap = cap;
	return 0;
}

static int replace_spaces(const struct text *content, const char *text, size_t len,
			  struct text *out)
{
	const char *end = text + len;
	const char *space;

	while ((space = memchr(text, ' ', (size_t)(end - text)))) {
		if (text_append(out, text, (size_t)(space - text)) ||
		    text_append(out, content->data, content->len))
			return -ENOMEM;
		text = space + 1;
	}
	return text_append(out, text, (size_t)(end - text));
}

static int rewrite_piece(const struct pretokenizer_step *step, const char *text, size_t len,
			 bool at_start, struct text *out)
{
	const struct text *content = &step->content;
	bool begins;

	switch (step->kind) {
	case PRETOKENIZER_PREFIX:
		begins = len >= content->len && memcmp(text, content->data, content->len) == 0;
		if (!begins && (at_start || !step->first_only) &&
		    text_append(out, content->data, content->len))
			return -ENOMEM;
		return text_append(out, text, len);
	case PRETOKENIZER_REPLACE:
		return replace_spaces(content, text, len, out);
	case PRETOKENIZER_BYTES:
		return bytelevel_append(out, text, len);
	case PRETOKENIZER_SPLIT:
		break;
	}
	return 0;
}

/* Change each piece's text; there stay as many. */
static int apply_rewrite(const struct pretokenizer_step *step, struct pieces *pieces,
			 struct pieces *spare)
{
	struct text *out = &spare->text;
	size_t start;
	int rc = 0;

	out->len = 0;
	for (size_t i = 0; i < pieces->len && rc == 0; i++) {
		struct piece *piece = &pieces->list[i];

		start = out->len;
		rc = rewrite_piece(step, pieces->text.data + piece->start,
				   piece->end - piece->start, pieces->at_start && i == 0, out);
		*piece = (struct piece){ start, out->len };
	}
	text_swap(&pieces->text, out);
	return rc;
}

int pretokenizer_apply(const struct pretokenizer *pretokenizer, struct pattern_scratch *scratch,
		       const char *text, size_t len, bool at_start, struct pieces *pieces,
		       struct pieces *spare, struct aios_status *st)
{
	size_t limit = pattern_growth_limit(len);
	int rc;

	pieces->text.len = 0;
	pieces->len = 0;
	pieces->at_start = at_start;
	if (text_append(&pieces->text, text, len) || add_piece(pieces, 0, len))
		return -ENOMEM;
	for (size_t i = 0; i < pretokenizer->n_steps; i++) {
		const struct pretokenizer_step *step = &pretokenizer->steps[i];

		if (step->kind == PRETOKENIZER_SPLIT)
			rc = apply_split(step, scratch, pieces, spare, st);
		else
			rc = apply_rewrite(step, pieces, spare);
		if (rc)
			return rc;
		if (pieces->text.len > limit)
			return aios_fail(st, -E2BIG,
					 "the tokenizer's pre_tokenizer makes %zu "
					 "bytes of a much shorter text",
					 pieces->text.len);
	}
	return 0;
}
