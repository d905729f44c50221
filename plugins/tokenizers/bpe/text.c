// SPDX-License-Identifier: Apache-2.0
/*
 * text.c - growable text and UTF-8.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const char replacement[] = "\xef\xbf\xbd";

void text_finish(struct text *text)
{
	free(text->data);
	*text = (struct text){ 0 };
}

int text_reserve(struct text *text, size_t more)
{
	size_t cap = text->cap ? text->cap : 64;
	char *data;

	if (text->cap - text->len >= more)
		return 0;
	if (more > SIZE_MAX / 4 - text->len)
		return -ENOMEM;
	while (cap - text->len < more)
		cap *= 2;
	data = realloc(text->data, cap);
	if (!data)
		return -ENOMEM;
	text->data = data;
	text->cap = cap;
	return 0;
}

int text_append(struct text *text, const char *bytes, size_t len)
{
	if (len == 0)
		return 0;
	if (text_reserve(text, len))
		return -ENOMEM;
	memcpy(text->data + text->len, bytes, len);
	text->len += len;
	return 0;
}

int text_append_string(struct text *text, const char *string)
{
	return text_append(text, string, strlen(string));
}

int text_append_char(struct text *text, uint32_t code)
{
	char bytes[4];

	return text_append(text, bytes, utf8_encode(code, bytes));
}

int text_insert(struct text *text, size_t at, const char *bytes, size_t len)
{
	if (len == 0)
		return 0;
	if (text_reserve(text, len))
		return -ENOMEM;
	memmove(text->data + at + len, text->data + at, text->len - at);
	memcpy(text->data + at, bytes, len);
	text->len += len;
	return 0;
}

void text_swap(struct text *a, struct text *b)
{
	struct text keep = *a;

	*a = *b;
	*b = keep;
}

void text_drop(struct text *text, size_t len)
{
	if (len == 0)
		return;
	memmove(text->data, text->data + len, text->len - len);
	text->len -= len;
}

size_t utf8_encode(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

size_t utf8_length(const char *text)
{
	unsigned char lead = (unsigned char)text[0];

	return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

size_t utf8_previous(const char *text, size_t end)
{
	do
		end--;
	while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80);
	return end;
}

uint32_t utf8_next(const char *text, size_t *pos)
{
	const unsigned char *s = (const unsigned char *)text + *pos;
	size_t n = utf8_length((const char *)s);

	*pos += n;
	switch (n) {
	case 1:
		return s[0];
	case 2:
		return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
	case 3:
		return (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
	default:
		return (s[0] & 0x07u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 |
		       (s[3] & 0x3fu);
	}
}

int utf8_look(const char *bytes, size_t len)
{
	const unsigned char *s = (const unsigned char *)bytes;
	unsigned char low = 0x80; /* what the second byte may be */
	unsigned char high = 0xbf;
	int need;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return -1;
	need = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0; /* not longer than it must be */
	else if (s[0] == 0xed)
		high = 0x9f; /* no surrogates */
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f; /* nothing past U+10FFFF */

	for (int i = 1; i < need; i++) {
		if ((size_t)i == len)
			return 0;
		if (s[i] < low || s[i] > high)
			return -i;
		low = 0x80;
		high = 0xbf;
	}
	return need;
}

/* Bytes at the beginning that are valid UTF-8. */
static size_t valid_prefix(const char *bytes, size_t len)
{
	size_t i = 0;
	uint64_t word;
	int n;

	while (i < len) {
		if (len - i >= sizeof(word)) {
			memcpy(&word, bytes + i, sizeof(word));
			if ((word & UINT64_C(0x8080808080808080)) == 0) {
				i += sizeof(word);
				continue;
			}
		}
		n = utf8_look(bytes + i, len - i);
		if (n <= 0)
			break;
		i += (size_t)n;
	}
	return i;
}

bool utf8_valid(const char *bytes, size_t len)
{
	return valid_prefix(bytes, len) == len;
}

int text_append_lossy(struct text *text, const char *bytes, size_t len, bool all, size_t *used)
{
	size_t before = text->len;
	size_t i = 0;
	size_t good;
	int bad;

	while (i < len) {
		good = valid_prefix(bytes + i, len - i);
		if (text_append(text, bytes + i, good))
			goto undo;
		i += good;
		if (i == len)
			break;
		bad = utf8_look(bytes + i, len - i);
		if (bad == 0 && !all)
			break;
		if (text_append(text, replacement, 3))
			goto undo;
		i += bad == 0 ? len - i : (size_t)-bad;
	}
	if (used)
		*used = i;
	return 0;
undo:
	text->len = before;
	return -ENOMEM;
}
