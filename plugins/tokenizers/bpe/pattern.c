// SPDX-License-Identifier: Apache-2.0
/*
 * pattern.c - finding matches of an expression, a literal or a class.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "pattern.h"

/*
 * Steps one match may take: room for going through the whole text a few times;
 * an expression that needs more is reported, not waited for.
 */
#define MATCH_STEPS 10000000u
#define MATCH_STEPS_PER_BYTE 64u
/* A file that makes more than this of its text is broken or hostile. */
#define GROWTH_MAX 64
#define GROWTH_FREE 65536

static int compile(struct pattern *pattern, const struct text *regex, const char *path,
		   struct aios_status *st)
{
	const uint32_t flags = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C |
			       PCRE2_NO_UTF_CHECK;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	PCRE2_SIZE offset = 0;
	char why[160] = "";
	char near[64];
	int code = 0;
	int rc = 0;

	if (!context)
		return -ENOMEM;
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
	pattern->code =
		pcre2_compile((PCRE2_SPTR)regex->data, regex->len, flags, &code, &offset, context);
	if (!pattern->code) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
		json_quote(near, sizeof(near), regex->data + offset, regex->len - offset);
		rc = aios_fail(st, -EINVAL,
			       "%s: the regular expression does not compile: %s at offset %zu of "
			       "its PCRE2 form, before \"%s\"",
			       path, why, (size_t)offset, near);
	}
	pcre2_compile_context_free(context);
	return rc;
}

int pattern_init_regex(struct pattern *pattern, const char *regex, const char *path,
		       const struct pattern_options *options, struct aios_status *st)
{
	struct text rewritten = { 0 };
	int rc;

	*pattern = (struct pattern){ .kind = PATTERN_REGEX };
	rc = regex_rewrite(regex, path, &rewritten, st);
	if (rc == 0)
		rc = compile(pattern, &rewritten, path, st);
	text_finish(&rewritten);
	/* Where there is no JIT (or no executable memory) pcre2_match() interprets. */
	if (rc == 0 && options->jit)
		pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	return rc;
}

int pattern_init_literal(struct pattern *pattern, const char *text, const char *path,
			 struct aios_status *st)
{
	*pattern = (struct pattern){ .kind = PATTERN_LITERAL };
	if (!*text)
		return aios_fail(st, -EINVAL,
				 "%s: an empty text to look for; expected at least "
				 "one character",
				 path);
	return text_append_string(&pattern->literal, text);
}

int pattern_from_json(struct pattern *pattern, const json_t *owner, const char *path,
		      const struct pattern_options *options, struct aios_status *st)
{
	const char *text = NULL;
	struct json_path at;
	json_t *json;
	int rc = json_get_object(owner, "pattern", path, &json, st);

	if (rc)
		return rc;
	path = json_path_key(&at, path, "pattern");
	if (json_has(json, "Regex")) {
		rc = json_get_string(json, "Regex", path, &text, st);
		return rc ? rc : pattern_init_regex(pattern, text, path, options, st);
	}
	if (json_has(json, "String")) {
		rc = json_get_string(json, "String", path, &text, st);
		return rc ? rc : pattern_init_literal(pattern, text, path, st);
	}
	return aios_fail(st, -EINVAL, "%s: expected {\"String\": text} or {\"Regex\": text}", path);
}

void pattern_init_class(struct pattern *pattern, pattern_class_fn class, bool runs)
{
	*pattern = (struct pattern){
		.kind = runs ? PATTERN_RUNS : PATTERN_CHARS,
		.class = class,
	};
}

void pattern_finish(struct pattern *pattern)
{
	pcre2_code_free(pattern->code);
	text_finish(&pattern->literal);
	*pattern = (struct pattern){ 0 };
}

int pattern_scratch_init(struct pattern_scratch *scratch)
{
	/* One pair of offsets: only the whole match is of interest. */
	scratch->data = pcre2_match_data_create(1, NULL);
	scratch->context = pcre2_match_context_create(NULL);
	if (scratch->data && scratch->context)
		return 0;
	pattern_scratch_finish(scratch);
	return -ENOMEM;
}

void pattern_scratch_finish(struct pattern_scratch *scratch)
{
	pcre2_match_data_free(scratch->data);
	pcre2_match_context_free(scratch->context);
	*scratch = (struct pattern_scratch){ 0 };
}

void pattern_scan_start(struct pattern_scan *scan, const struct pattern *pattern,
			struct pattern_scratch *scratch, const char *text, size_t len)
{
	uint64_t steps = MATCH_STEPS + (uint64_t)len * MATCH_STEPS_PER_BYTE;

	*scan = (struct pattern_scan){
		.pattern = pattern,
		.scratch = scratch,
		.text = text,
		.len = len,
		.last_end = SIZE_MAX,
	};
	if (pattern->kind == PATTERN_REGEX)
		pcre2_set_match_limit(scratch->context,
				      steps > UINT32_MAX ? UINT32_MAX : (uint32_t)steps);
}

/* One search from `from`; a JIT stack that is too small is no reason to give up. */
static int search(struct pattern_scan *scan, size_t from, struct aios_status *st)
{
	char why[160] = "";
	uint32_t flags = PCRE2_NO_UTF_CHECK;
	int n;

	n = pcre2_match(scan->pattern->code, (PCRE2_SPTR)scan->text, scan->len, from, flags,
			scan->scratch->data, scan->scratch->context);
	if (n == PCRE2_ERROR_JIT_STACKLIMIT)
		n = pcre2_match(scan->pattern->code, (PCRE2_SPTR)scan->text, scan->len, from,
				flags | PCRE2_NO_JIT, scan->scratch->data, scan->scratch->context);
	if (n >= 0)
		return 1;
	if (n == PCRE2_ERROR_NOMATCH)
		return 0;
	if (n == PCRE2_ERROR_NOMEMORY)
		return -ENOMEM;
	pcre2_get_error_message(n, (PCRE2_UCHAR *)why, sizeof(why));
	return aios_fail(st, -E2BIG,
			 "the tokenizer's regular expression gave up at byte %zu of a "
			 "text of %zu: %s",
			 from, scan->len, why);
}

static int next_regex(struct pattern_scan *scan, size_t *start, size_t *end, struct aios_status *st)
{
	const PCRE2_SIZE *found = pcre2_get_ovector_pointer(scan->scratch->data);
	int rc;

	for (;;) {
		if (scan->next > scan->len)
			return 0;
		rc = search(scan, scan->next, st);
		if (rc <= 0)
			return rc;
		*start = found[0];
		*end = found[1];
		if (*start > *end || *start < scan->next)
			return aios_fail(st, -EINVAL,
					 "the tokenizer's regular expression moves "
					 "its match backwards (\\K)");
		/* Not the empty match just behind the last one: it would never end. */
		if (*start != *end || *end != scan->last_end)
			break;
		scan->next += scan->next < scan->len ? utf8_length(scan->text + scan->next) : 1;
	}
	scan->next = *end;
	scan->last_end = *end;
	return 1;
}

static int next_literal(struct pattern_scan *scan, size_t *start, size_t *end)
{
	const struct text *literal = &scan->pattern->literal;
	const char *found = memmem(scan->text + scan->next, scan->len - scan->next, literal->data,
				   literal->len);

	if (!found)
		return 0;
	*start = (size_t)(found - scan->text);
	*end = *start + literal->len;
	scan->next = *end;
	return 1;
}

static int next_class(struct pattern_scan *scan, size_t *start, size_t *end)
{
	pattern_class_fn class = scan->pattern->class;
	size_t pos = scan->next;
	int found = 0;

	while (pos < scan->len && found == 0) {
		*start = pos;
		found = class(utf8_next(scan->text, &pos));
	}
	if (found == 0)
		return 0;
	*end = pos;
	while (scan->pattern->kind == PATTERN_RUNS && pos < scan->len &&
	       class(utf8_next(scan->text, &pos)) == found)
		*end = pos;
	scan->next = *end;
	return 1;
}

int pattern_scan_next(struct pattern_scan *scan, size_t *start, size_t *end, struct aios_status *st)
{
	if (scan->len == 0)
		return 0;
	switch (scan->pattern->kind) {
	case PATTERN_REGEX:
		return next_regex(scan, start, end, st);
	case PATTERN_LITERAL:
		return next_literal(scan, start, end);
	case PATTERN_CHARS:
	case PATTERN_RUNS:
		return next_class(scan, start, end);
	}
	return 0;
}

size_t pattern_growth_limit(size_t len)
{
	return GROWTH_FREE + len * GROWTH_MAX;
}

int pattern_replace(const struct pattern *pattern, struct pattern_scratch *scratch,
		    const char *text, size_t len, const struct text *content, struct text *out,
		    struct aios_status *st)
{
	size_t limit = out->len + pattern_growth_limit(len);
	struct pattern_scan scan;
	size_t done = 0;
	size_t start;
	size_t end;
	int rc;

	if (len == 0)
		return 0;
	pattern_scan_start(&scan, pattern, scratch, text, len);
	while ((rc = pattern_scan_next(&scan, &start, &end, st)) > 0) {
		if (text_append(out, text + done, start - done) ||
		    text_append(out, content->data, content->len))
			return -ENOMEM;
		done = end;
		if (out->len > limit)
			return aios_fail(st, -E2BIG,
					 "the tokenizer replaces %zu bytes of text by "
					 "more than %zu",
					 len, limit);
	}
	return rc ? rc : text_append(out, text + done, len - done);
}
