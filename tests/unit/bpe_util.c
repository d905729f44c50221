// SPDX-License-Identifier: Apache-2.0
/*
 * bpe_util.c - opening and checking tokenizers in tests.
 */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpe_util.h"
#include "env.h"
#include "text.h"

extern const struct aios_module aios_module_bpe;

static const char *regex_param = "jit";
static char last_log[512];

static void host_log(void *ctx, int level, const char *message)
{
	(void)ctx;
	if (level <= AIOS_LOG_WARN)
		snprintf(last_log, sizeof(last_log), "%s", message);
}

static const char *host_param(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "regex") == 0 ? regex_param : NULL;
}

static const struct aios_host host = {
	.size = sizeof(host),
	.log = host_log,
	.param = host_param,
};

const struct aios_tokenizer_ops *bpe_ops(void)
{
	return aios_module_bpe.ops;
}

void bpe_set_regex(const char *value)
{
	regex_param = value;
}

const char *bpe_last_log(void)
{
	return last_log;
}

char *bpe_read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *text;
	long size;

	if (!file)
		return NULL;
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	ck_assert_int_ge(size, 0);
	text = malloc((size_t)size + 1);
	ck_assert_ptr_nonnull(text);
	*len = fread(text, 1, (size_t)size, file);
	ck_assert_uint_eq(*len, (size_t)size);
	text[*len] = '\0';
	fclose(file);
	return text;
}

const char *bpe_source_path(const char *name)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/%s", env_source(), name);
	return path;
}

static int open_both(const char *path, const char *json, size_t len, const char *config, void **tok,
		     struct aios_status *st)
{
	struct aios_tokenizer_source source = {
		.size = sizeof(source),
		.path = path,
		.json = json,
		.json_len = len,
		.config_path = config ? "tokenizer_config.json" : NULL,
		.config = config,
		.config_len = config ? strlen(config) : 0,
	};

	return bpe_ops()->open(&host, &source, tok, st);
}

int bpe_open_text(const char *json, const char *config, void **tok, struct aios_status *st)
{
	return open_both("tokenizer.json", json, strlen(json), config, tok, st);
}

void *bpe_open_file(const char *path)
{
	struct aios_status st;
	void *tok = NULL;
	size_t len;
	char *json = bpe_read_file(path, &len);

	ck_assert_msg(json != NULL, "%s is not there", path);
	ck_assert_msg(open_both(path, json, len, NULL, &tok, &st) == 0, "%s", st.message);
	free(json);
	return tok;
}

int32_t *bpe_encode_all(void *tok, const char *text, size_t len, uint32_t flags, size_t *n)
{
	struct aios_status st;
	int64_t count = bpe_ops()->encode(tok, text, len, flags, NULL, 0, &st);
	int32_t *ids;

	ck_assert_msg(count >= 0, "%s", st.message);
	ids = malloc(((size_t)count + 1) * sizeof(*ids));
	ck_assert_ptr_nonnull(ids);
	ck_assert_int_eq(bpe_ops()->encode(tok, text, len, flags, ids, (size_t)count, &st), count);
	*n = (size_t)count;
	return ids;
}

char *bpe_decode_all(void *tok, const int32_t *ids, size_t n, uint32_t flags, size_t *len)
{
	struct aios_status st;
	int64_t count = bpe_ops()->decode(tok, ids, n, flags, NULL, 0, &st);
	char *text;

	ck_assert_msg(count >= 0, "%s", st.message);
	text = malloc((size_t)count + 1);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(bpe_ops()->decode(tok, ids, n, flags, text, (size_t)count, &st), count);
	text[count] = '\0';
	*len = (size_t)count;
	return text;
}

char *bpe_stream_all(void *tok, const int32_t *ids, size_t n, uint32_t flags, size_t *len)
{
	struct text all = { 0 };
	struct aios_status st;
	const char *piece;
	void *stream;
	size_t size;
	int rc;

	ck_assert_int_eq(bpe_ops()->stream_create(tok, flags, &stream, &st), 0);
	for (size_t i = 0; i <= n; i++) {
		rc = i < n ? bpe_ops()->stream_push(stream, ids[i], &piece, &size, &st) :
			     bpe_ops()->stream_flush(stream, &piece, &size, &st);
		ck_assert_msg(rc == 0, "%s", st.message);
		ck_assert_msg(utf8_valid(piece, size), "a piece ends inside a character");
		ck_assert_int_eq(text_append(&all, piece, size), 0);
	}
	bpe_ops()->stream_destroy(stream);
	ck_assert_int_eq(text_append(&all, "", 1), 0);
	*len = all.len - 1;
	return all.data;
}

static void check_ids(void *tok, const json_t *item, const char *key, uint32_t flags,
		      const char *path)
{
	const json_t *text = json_object_get(item, "text");
	const json_t *want = json_object_get(item, key);
	size_t n;
	int32_t *ids =
		bpe_encode_all(tok, json_string_value(text), json_string_length(text), flags, &n);

	ck_assert_msg(n == json_array_size(want), "%s: \"%s\": %zu ids; expected %zu %s", path,
		      json_string_value(text), n, json_array_size(want), key);
	for (size_t i = 0; i < n; i++) {
		json_int_t id = json_integer_value(json_array_get(want, i));

		ck_assert_msg(ids[i] == id, "%s: \"%s\": %s[%zu] is %d; expected %d", path,
			      json_string_value(text), key, i, ids[i], (int)id);
	}
	free(ids);
}

static void check_text(void *tok, const json_t *item, const char *key, uint32_t flags,
		       const char *path)
{
	const json_t *want = json_object_get(item, key);
	const json_t *list = json_object_get(item, "ids");
	size_t n = json_array_size(list);
	int32_t *ids = malloc((n + 1) * sizeof(*ids));
	size_t len;
	char *text;

	ck_assert_ptr_nonnull(ids);
	for (size_t i = 0; i < n; i++)
		ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
	for (int streamed = 0; streamed < 2; streamed++) {
		text = streamed ? bpe_stream_all(tok, ids, n, flags, &len) :
				  bpe_decode_all(tok, ids, n, flags, &len);
		ck_assert_msg(len == json_string_length(want) &&
				      memcmp(text, json_string_value(want), len) == 0,
			      "%s: %s%s is \"%s\"; expected \"%s\"", path, key,
			      streamed ? ", streamed," : "", text, json_string_value(want));
		free(text);
	}
	free(ids);
}

size_t bpe_check_cases(void *tok, const char *path)
{
	json_error_t error;
	json_t *doc = json_load_file(path, JSON_ALLOW_NUL, &error);
	json_t *cases = json_object_get(doc, "cases");
	size_t count = json_array_size(cases);
	json_t *item;
	size_t i;

	ck_assert_msg(count > 0, "%s: no cases (%s)", path, error.text);
	json_array_foreach(cases, i, item) {
		check_ids(tok, item, "ids", 0, path);
		check_ids(tok, item, "ids_special", AIOS_ENCODE_SPECIAL, path);
		check_text(tok, item, "decoded", 0, path);
		check_text(tok, item, "decoded_skip", AIOS_DECODE_SKIP_SPECIAL, path);
	}
	json_decref(doc);
	return count;
}
