/* SPDX-License-Identifier: Apache-2.0 */
/* jsonout.c - JSON values for standard output. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"

void json_put(json_t **object, const char *key, json_t *value)
{
	if (!*object) {
		json_decref(value);
		return;
	}
	/* json_object_set_new() drops the value itself when it fails. */
	if (json_object_set_new(*object, key, value)) {
		json_decref(*object);
		*object = NULL;
	}
}

void json_add(json_t **array, json_t *value)
{
	if (!*array) {
		json_decref(value);
		return;
	}
	if (json_array_append_new(*array, value)) {
		json_decref(*array);
		*array = NULL;
	}
}

/* Bytes of the UTF-8 character at `s`, or 0 when there is none within `len` bytes. */
static size_t character(const unsigned char *s, size_t len)
{
	unsigned low = 0x80, high = 0xbf;
	size_t need;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	need = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (len < need || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return need;
}

json_t *json_text(const char *text, size_t len)
{
	json_t *value = json_stringn(text, len);
	char *clean, *to;

	if (value)
		return value;
	clean = malloc(len * 3 + 1);
	if (!clean)
		return NULL;
	to = clean;
	for (size_t i = 0; i < len;) {
		size_t n = character((const unsigned char *)text + i, len - i);

		memcpy(to, n ? text + i : "\xef\xbf\xbd", n ? n : 3);
		to += n ? n : 3;
		i += n ? n : 1;
	}
	value = json_stringn(clean, (size_t)(to - clean));
	free(clean);
	return value;
}

json_t *json_number(double value)
{
	if (isnan(value))
		return json_null();
	if (isinf(value))
		value = value < 0 ? -(double)FLT_MAX : (double)FLT_MAX;
	return json_real(value);
}

int out_json(json_t *value, unsigned indent, struct aios_status *st)
{
	size_t flags = JSON_REAL_PRECISION(9) | JSON_ENCODE_ANY |
		       (indent ? JSON_INDENT(indent) : JSON_COMPACT);
	char *text;

	if (!value)
		return aios_fail(st, -ENOMEM, "out of memory while writing JSON");
	text = json_dumps(value, flags);
	json_decref(value);
	if (!text)
		return aios_fail(st, -ENOMEM, "out of memory while writing JSON");
	out_printf("%s\n", text);
	free(text);
	return 0;
}
