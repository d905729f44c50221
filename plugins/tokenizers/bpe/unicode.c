// SPDX-License-Identifier: Apache-2.0
/*
 * unicode.c - properties of characters, and the normal forms, from utf8proc.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "unicode.h"

static utf8proc_category_t category(uint32_t code)
{
	return utf8proc_category((utf8proc_int32_t)code);
}

bool unicode_is_space(uint32_t code)
{
	if (code < 0x80)
		return code == ' ' || (code >= '\t' && code <= '\r');
	return code == 0x85 || code == 0xa0 || code == 0x1680 ||
	       (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
	       code == 0x202f || code == 0x205f || code == 0x3000;
}

bool unicode_is_mark(uint32_t code)
{
	utf8proc_category_t c = category(code);

	if (c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC || c == UTF8PROC_CATEGORY_ME)
		return !unicode_is_later_mark(code);
	return code == 0x1cf2 || code == 0x1cf3; /* marks once, letters now */
}

bool unicode_is_number(uint32_t code)
{
	utf8proc_category_t c = category(code);

	return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

bool unicode_is_punctuation(uint32_t code)
{
	utf8proc_category_t c;

	if (code < 0x80)
		return (code >= '!' && code <= '/') || (code >= ':' && code <= '@') ||
		       (code >= '[' && code <= '`') || (code >= '{' && code <= '~');
	c = category(code);
	/* Two were punctuation once, and still are to the files. */
	if (code == 0x166d || code == 0x111c9)
		return true;
	return c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO &&
	       !unicode_is_later_punctuation(code);
}

bool unicode_is_word(uint32_t code)
{
	utf8proc_category_t c = category(code);

	/* The last two ranges are the other characters of Alphabetic: circled letters. */
	return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_NL) ||
	       c == UTF8PROC_CATEGORY_PC || code == 0x200c || code == 0x200d ||
	       (code >= 0x24b6 && code <= 0x24e9) || (code >= 0x1f130 && code <= 0x1f149) ||
	       (code >= 0x1f150 && code <= 0x1f169) || (code >= 0x1f170 && code <= 0x1f189);
}

int unicode_append_lower(struct text *text, uint32_t code)
{
	/* The one character whose lower case is two: I with a dot, without context. */
	if (code == 0x130)
		return text_append(text, "i\xcc\x87", 3);
	return text_append_char(text, (uint32_t)utf8proc_tolower((utf8proc_int32_t)code));
}

static unsigned int combining_class(int32_t code)
{
	if (code < 0x300)
		return 0;
	return (unsigned int)utf8proc_get_property(code)->combining_class;
}

/* Stable sort of `n` marks by combining class, by counting: linear however long the run. */
static void sort_run(int32_t *run, size_t n, int32_t *spare)
{
	size_t place[256] = { 0 };
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		place[combining_class(run[i]) & 0xff]++;
	for (size_t c = 0; c < 256; c++) {
		size_t count = place[c];

		place[c] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		spare[place[combining_class(run[i]) & 0xff]++] = run[i];
	memcpy(run, spare, n * sizeof(*run));
}

static void sort_short_run(int32_t *run, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		int32_t mark = run[i];
		unsigned int class = combining_class(mark);
		size_t j = i;

		for (; j > 0 && combining_class(run[j - 1]) > class; j--)
			run[j] = run[j - 1];
		run[j] = mark;
	}
}

/* Canonical order. utf8proc's own is quadratic in a run of marks, and texts are not trusted. */
static void order_marks(int32_t *codes, size_t n, int32_t *spare)
{
	size_t i = 0;
	size_t end;

	while (i < n) {
		if (combining_class(codes[i]) == 0) {
			i++;
			continue;
		}
		for (end = i + 1; end < n && combining_class(codes[end]) != 0; end++)
			;
		if (end - i > 16)
			sort_run(codes + i, end - i, spare);
		else
			sort_short_run(codes + i, end - i);
		i = end;
	}
}

/* Decompose into *codes, grown as needed. */
static int decompose(const char *bytes, size_t len, utf8proc_option_t options, int32_t **codes,
		     size_t *count)
{
	size_t cap = len + 32;
	size_t used = 0;
	size_t pos = 0;
	utf8proc_ssize_t n;
	int bound = 0;
	int32_t *grown;
	int32_t *out;

	if (cap > SIZE_MAX / (4 * sizeof(*out)))
		return -ENOMEM;
	out = malloc(cap * sizeof(*out));
	if (!out)
		return -ENOMEM;
	while (pos < len) {
		/* No character becomes more than 18. */
		if (cap - used < 32) {
			cap *= 2;
			grown = realloc(out, cap * sizeof(*out));
			if (!grown) {
				free(out);
				return -ENOMEM;
			}
			out = grown;
		}
		n = utf8proc_decompose_char((utf8proc_int32_t)utf8_next(bytes, &pos), out + used,
					    32, options, &bound);
		if (n < 0 || n > 32) {
			free(out);
			return -ENOMEM;
		}
		used += (size_t)n;
	}
	*codes = out;
	*count = used;
	return 0;
}

/* Nothing below the first of these changes, alone or beside its like. */
static bool unchanged(const char *bytes, size_t len, enum unicode_form form)
{
	unsigned char limit = form == UNICODE_NFC ? 0xcc /* U+0300 */ : 0x80;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c >= limit && (c & 0xc0) != 0x80)
			return false;
	}
	return true;
}

static int append_form(struct text *text, const char *bytes, size_t len, enum unicode_form form)
{
	static const utf8proc_option_t forms[] = {
		[UNICODE_NFC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE,
		[UNICODE_NFD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
		[UNICODE_NFKC] = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
		[UNICODE_NFKD] = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT,
	};
	bool compose = form == UNICODE_NFC || form == UNICODE_NFKC;
	size_t before = text->len;
	utf8proc_ssize_t composed;
	int32_t *codes;
	int32_t *spare;
	size_t count;
	int rc;

	if (unchanged(bytes, len, form))
		return text_append(text, bytes, len);
	rc = decompose(bytes, len, forms[form], &codes, &count);
	if (rc)
		return rc;
	spare = malloc((count + 1) * sizeof(*spare));
	if (!spare) {
		rc = -ENOMEM;
		goto free_codes;
	}
	order_marks(codes, count, spare);
	if (compose) {
		composed = utf8proc_normalize_utf32(codes, (utf8proc_ssize_t)count, forms[form]);
		if (composed < 0) {
			rc = -ENOMEM;
			goto free_spare;
		}
		count = (size_t)composed;
	}
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = text_append_char(text, (uint32_t)codes[i]);
	if (rc)
		text->len = before;
free_spare:
	free(spare);
free_codes:
	free(codes);
	return rc;
}

/* A character without a class, a decomposition or a composition is a wall between its sides. */
int unicode_append_form(struct text *text, const char *bytes, size_t len, enum unicode_form form)
{
	size_t before = text->len;
	size_t done = 0;
	size_t pos = 0;
	size_t start;

	while (pos < len) {
		start = pos;
		if (!unicode_has_later_form(utf8_next(bytes, &pos)))
			continue;
		if (append_form(text, bytes + done, start - done, form) ||
		    text_append(text, bytes + start, pos - start))
			goto undo;
		done = pos;
	}
	if (append_form(text, bytes + done, len - done, form) == 0)
		return 0;
undo:
	text->len = before;
	return -ENOMEM;
}
