// SPDX-License-Identifier: Apache-2.0
/*
 * json.c - strict parsing and typed getters over jansson.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

/* Every integer of a smaller size is exact as a double. */
#define EXACT_DOUBLE 9007199254740992.0

/*
 * Bracket nesting outside strings. jansson recurses as deep as the text says;
 * this bounds its stack before it starts. Malformed text only has to end here.
 */
static size_t nesting(const char *text, size_t len)
{
	size_t depth = 0;
	size_t deepest = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '[' || c == '{') {
			depth++;
			deepest = depth > deepest ? depth : deepest;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return deepest;
}

json_t *json_parse(const char *path, const char *text, size_t len, struct aios_status *st)
{
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY;
	char why[JSON_ERROR_TEXT_LENGTH];
	json_error_t error;
	json_t *doc;

	if (len == 0) {
		aios_fail(st, -EINVAL, "%s: the file is empty; expected JSON", path);
		return NULL;
	}
	if (nesting(text, len) > JSON_MAX_DEPTH) {
		aios_fail(st, -EINVAL, "%s: nested more than %d levels deep", path, JSON_MAX_DEPTH);
		return NULL;
	}

	doc = json_loadb(text, len, flags, &error);
	/* Files in the wild say 10^30 where they mean "no limit". */
	if (!doc && json_error_code(&error) == json_error_numeric_overflow)
		doc = json_loadb(text, len, flags | JSON_DECODE_INT_AS_REAL, &error);
	if (!doc && json_error_code(&error) == json_error_out_of_memory)
		aios_fail(st, -ENOMEM, "%s: no memory to read the file", path);
	else if (!doc)
		aios_fail(st, -EINVAL, "%s: line %d, column %d: not valid JSON: %s", path,
			  error.line, error.column,
			  json_quote(why, sizeof(why), error.text, strlen(error.text)));
	return doc;
}

json_t *json_parse_object(const char *path, const char *text, size_t len, struct aios_status *st)
{
	json_t *doc = json_parse(path, text, len, st);

	if (doc && !json_is_object(doc)) {
		aios_fail(st, -EINVAL, "%s: expected an object at the top, found %s", path,
			  json_kind(doc));
		json_decref(doc);
		return NULL;
	}
	return doc;
}

const char *json_path_key(struct json_path *at, const char *parent, const char *key)
{
	const char *glue = strstr(parent, ": ") ? "." : ": ";

	snprintf(at->text, sizeof(at->text), "%s%s%s", parent, glue, key);
	return at->text;
}

const char *json_path_index(struct json_path *at, const char *parent, size_t index)
{
	snprintf(at->text, sizeof(at->text), "%s[%zu]", parent, index);
	return at->text;
}

bool json_has(const json_t *obj, const char *key)
{
	const json_t *value = json_object_get(obj, key);

	return value && !json_is_null(value);
}

const char *json_kind(const json_t *value)
{
	if (!value)
		return "nothing";
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "null";
	}
	return "something else";
}

const char *json_quote(char *buf, size_t size, const char *text, size_t len)
{
	size_t used = 0;
	size_t mark = 0; /* where "..." still fits, at a character's start */

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool escape = c < 0x20 || c == 0x7f;
		size_t need = escape ? 4 : 1;

		if ((c & 0xc0) != 0x80 && used + 4 <= size)
			mark = used;
		if (used + need + 1 > size) {
			snprintf(buf + mark, size - mark, "...");
			return buf;
		}
		if (escape)
			snprintf(buf + used, size - used, "\\x%02x", c);
		else
			buf[used] = (char)c;
		used += need;
	}
	buf[used] = '\0';
	return buf;
}

static int expected(const json_t *value, const char *path, const char *what, struct aios_status *st)
{
	if (!value)
		return aios_fail(st, -EINVAL, "%s: missing; expected %s", path, what);
	return aios_fail(st, -EINVAL, "%s: expected %s, found %s", path, what, json_kind(value));
}

/* json_path_key() costs a format: built only on the way to a message. */
static int expected_key(const json_t *obj, const char *key, const char *path, const char *what,
			struct aios_status *st)
{
	struct json_path at;

	return expected(json_object_get(obj, key), json_path_key(&at, path, key), what, st);
}

/* Split from its message so that the getters name the key only when it fails. */
static bool integer_in(const json_t *value, int64_t min, int64_t max, int64_t *out)
{
	int64_t number;
	double real;

	if (json_is_integer(value)) {
		number = json_integer_value(value);
	} else if (json_is_real(value)) {
		real = json_real_value(value);
		if (!(fabs(real) <= EXACT_DOUBLE) || real != trunc(real))
			return false;
		number = (int64_t)real;
	} else {
		return false;
	}
	if (number < min || number > max)
		return false;
	*out = number;
	return true;
}

static int integer_error(const json_t *value, const char *path, int64_t min, int64_t max,
			 struct aios_status *st)
{
	char what[96];

	snprintf(what, sizeof(what), "an integer from %" PRId64 " to %" PRId64, min, max);
	if (json_is_integer(value))
		return aios_fail(st, -EINVAL, "%s: expected %s, found %" JSON_INTEGER_FORMAT, path,
				 what, json_integer_value(value));
	if (json_is_real(value))
		return aios_fail(st, -EINVAL, "%s: expected %s, found %g", path, what,
				 json_real_value(value));
	return expected(value, path, what, st);
}

int json_want_int(const json_t *value, const char *path, int64_t min, int64_t max, int64_t *out,
		  struct aios_status *st)
{
	if (integer_in(value, min, max, out))
		return 0;
	return integer_error(value, path, min, max, st);
}

int json_want_string(const json_t *value, const char *path, const char **out,
		     struct aios_status *st)
{
	if (!json_is_string(value))
		return expected(value, path, "a string", st);
	if (strlen(json_string_value(value)) != json_string_length(value))
		return aios_fail(st, -EINVAL, "%s: a NUL character is not allowed here", path);
	*out = json_string_value(value);
	return 0;
}

int json_get_object(const json_t *obj, const char *key, const char *path, json_t **out,
		    struct aios_status *st)
{
	*out = json_object_get(obj, key);
	return json_is_object(*out) ? 0 : expected_key(obj, key, path, "an object", st);
}

int json_get_array(const json_t *obj, const char *key, const char *path, json_t **out,
		   struct aios_status *st)
{
	*out = json_object_get(obj, key);
	return json_is_array(*out) ? 0 : expected_key(obj, key, path, "an array", st);
}

int json_get_string(const json_t *obj, const char *key, const char *path, const char **out,
		    struct aios_status *st)
{
	struct json_path at;

	return json_want_string(json_object_get(obj, key), json_path_key(&at, path, key), out, st);
}

int json_get_bool(const json_t *obj, const char *key, const char *path, bool *out,
		  struct aios_status *st)
{
	const json_t *value = json_object_get(obj, key);

	if (!json_is_boolean(value))
		return expected_key(obj, key, path, "true or false", st);
	*out = json_is_true(value);
	return 0;
}

int json_get_int(const json_t *obj, const char *key, const char *path, int64_t min, int64_t max,
		 int64_t *out, struct aios_status *st)
{
	const json_t *value = json_object_get(obj, key);
	struct json_path at;

	if (integer_in(value, min, max, out))
		return 0;
	return integer_error(value, json_path_key(&at, path, key), min, max, st);
}

int json_get_u32(const json_t *obj, const char *key, const char *path, uint32_t *out,
		 struct aios_status *st)
{
	int64_t wide = 0;
	int rc = json_get_int(obj, key, path, 0, UINT32_MAX, &wide, st);

	if (rc == 0)
		*out = (uint32_t)wide;
	return rc;
}

int json_get_double(const json_t *obj, const char *key, const char *path, double *out,
		    struct aios_status *st)
{
	const json_t *value = json_object_get(obj, key);

	if (!json_is_number(value) || !isfinite(json_number_value(value)))
		return expected_key(obj, key, path, "a number", st);
	*out = json_number_value(value);
	return 0;
}

int json_opt_object(const json_t *obj, const char *key, const char *path, json_t **out,
		    struct aios_status *st)
{
	*out = NULL;
	return json_has(obj, key) ? json_get_object(obj, key, path, out, st) : 0;
}

int json_opt_array(const json_t *obj, const char *key, const char *path, json_t **out,
		   struct aios_status *st)
{
	*out = NULL;
	return json_has(obj, key) ? json_get_array(obj, key, path, out, st) : 0;
}

int json_opt_string(const json_t *obj, const char *key, const char *path, const char **out,
		    struct aios_status *st)
{
	*out = NULL;
	return json_has(obj, key) ? json_get_string(obj, key, path, out, st) : 0;
}

int json_opt_bool(const json_t *obj, const char *key, const char *path, bool fallback, bool *out,
		  struct aios_status *st)
{
	*out = fallback;
	return json_has(obj, key) ? json_get_bool(obj, key, path, out, st) : 0;
}

int json_opt_int(const json_t *obj, const char *key, const char *path, int64_t min, int64_t max,
		 int64_t fallback, int64_t *out, struct aios_status *st)
{
	*out = fallback;
	return json_has(obj, key) ? json_get_int(obj, key, path, min, max, out, st) : 0;
}

int json_opt_u32(const json_t *obj, const char *key, const char *path, uint32_t fallback,
		 uint32_t *out, struct aios_status *st)
{
	*out = fallback;
	return json_has(obj, key) ? json_get_u32(obj, key, path, out, st) : 0;
}

int json_opt_double(const json_t *obj, const char *key, const char *path, double fallback,
		    double *out, struct aios_status *st)
{
	*out = fallback;
	return json_has(obj, key) ? json_get_double(obj, key, path, out, st) : 0;
}
