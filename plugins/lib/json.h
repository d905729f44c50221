/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - what every plugin needs from a JSON file: a strict parse and typed
 * getters whose messages name the file, the key and what was expected there.
 *
 * A `path` argument says where an object lies, "DIR/config.json" for the top
 * and "DIR/config.json: rope_scaling" (json_path_key) below it; it becomes the
 * beginning of every message. Objects and strings that getters return are
 * borrowed from the document, which json_decref() ends.
 *
 * json_get_*: the key must be there. json_opt_*: an absent or null key gives
 * `fallback`. Both return 0, or -EINVAL with *st filled.
 */
#ifndef PLUGINS_LIB_JSON_H
#define PLUGINS_LIB_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>

#define JSON_MAX_DEPTH 64 /* nesting that json_parse() accepts */

/*
 * Parse `len` bytes of text that came from the file `path`. Refuses duplicate
 * keys, nesting deeper than JSON_MAX_DEPTH, bad UTF-8 and anything after the
 * value. Integers that do not fit 64 bits become reals. NULL with *st filled on
 * failure; else a reference that the caller owns.
 */
json_t *json_parse(const char *path, const char *text, size_t len, struct aios_status *st);

/* As json_parse(), and the value must be an object. */
json_t *json_parse_object(const char *path, const char *text, size_t len, struct aios_status *st);

/* A place below another: "PARENT: key", "PARENT: key.deeper", "PARENT: merges[7]". */
struct json_path {
	char text[384];
};
const char *json_path_key(struct json_path *at, const char *parent, const char *key);
const char *json_path_index(struct json_path *at, const char *parent, size_t index);

/* Present and not null. */
bool json_has(const json_t *obj, const char *key);

int json_get_object(const json_t *obj, const char *key, const char *path, json_t **out,
		    struct aios_status *st);
int json_get_array(const json_t *obj, const char *key, const char *path, json_t **out,
		   struct aios_status *st);
/* A string without NUL inside. */
int json_get_string(const json_t *obj, const char *key, const char *path, const char **out,
		    struct aios_status *st);
int json_get_bool(const json_t *obj, const char *key, const char *path, bool *out,
		  struct aios_status *st);
/* A number with a fraction of zero (128, 128.0) within [min, max]. */
int json_get_int(const json_t *obj, const char *key, const char *path, int64_t min, int64_t max,
		 int64_t *out, struct aios_status *st);
int json_get_u32(const json_t *obj, const char *key, const char *path, uint32_t *out,
		 struct aios_status *st);
/* A finite number. */
int json_get_double(const json_t *obj, const char *key, const char *path, double *out,
		    struct aios_status *st);

/* An absent object, array or string is NULL. */
int json_opt_object(const json_t *obj, const char *key, const char *path, json_t **out,
		    struct aios_status *st);
int json_opt_array(const json_t *obj, const char *key, const char *path, json_t **out,
		   struct aios_status *st);
int json_opt_string(const json_t *obj, const char *key, const char *path, const char **out,
		    struct aios_status *st);
int json_opt_bool(const json_t *obj, const char *key, const char *path, bool fallback, bool *out,
		  struct aios_status *st);
int json_opt_int(const json_t *obj, const char *key, const char *path, int64_t min, int64_t max,
		 int64_t fallback, int64_t *out, struct aios_status *st);
int json_opt_u32(const json_t *obj, const char *key, const char *path, uint32_t fallback,
		 uint32_t *out, struct aios_status *st);
int json_opt_double(const json_t *obj, const char *key, const char *path, double fallback,
		    double *out, struct aios_status *st);

/* The same for a value in hand, an array's element for instance; `path` names the value itself. */
int json_want_int(const json_t *value, const char *path, int64_t min, int64_t max, int64_t *out,
		  struct aios_status *st);
int json_want_string(const json_t *value, const char *path, const char **out,
		     struct aios_status *st);

/* "an object", "a string", "null", "nothing" (for NULL): for messages. */
const char *json_kind(const json_t *value);

/*
 * Text for a message: at most size - 1 bytes, control characters escaped, cut at
 * a character with "..." when it is longer. Returns buf.
 */
const char *json_quote(char *buf, size_t size, const char *text, size_t len);

#endif /* PLUGINS_LIB_JSON_H */
