// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_tokenizer.c - any tokenizer.json, any text, any ids: no crash, no leak, and
 * a stream gives what decoding at once gives. The input is the file, then, each
 * behind a NUL byte, tokenizer_config.json and the text; the text's bytes also
 * serve as ids.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <aios/plugin/tokenizer.h>

extern const struct aios_module aios_module_bpe;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_TEXT 2048

static void host_log(void *ctx, int level, const char *message)
{
	(void)ctx;
	(void)level;
	if (strlen(message) >= 512)
		abort();
}

/* Expressions are interpreted: compiled ones would run outside the sanitizer's sight. */
static const char *host_param(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return "interpret";
}

static const struct aios_host host = {
	.size = sizeof(host),
	.log = host_log,
	.param = host_param,
};

static bool whole_utf8(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		if (n == 0 || n > len - i)
			return false;
		for (size_t k = 1; k < n; k++)
			if (((unsigned char)text[i + k] & 0xc0) != 0x80)
				return false;
		i += n;
	}
	return true;
}

static void compare_stream(const struct aios_tokenizer_ops *ops, void *tok, const int32_t *ids,
			   size_t n, uint32_t flags)
{
	struct aios_status st;
	int64_t len = ops->decode(tok, ids, n, flags, NULL, 0, &st);
	size_t used = 0;
	const char *piece;
	void *stream;
	size_t size;
	char *text;

	if (len < 0)
		return;
	text = malloc((size_t)len + 1);
	if (!text || ops->decode(tok, ids, n, flags, text, (size_t)len, &st) != len)
		abort();
	if (ops->stream_create(tok, flags, &stream, &st))
		abort();
	for (size_t i = 0; i <= n; i++) {
		if (i < n ? ops->stream_push(stream, ids[i], &piece, &size, &st) :
			    ops->stream_flush(stream, &piece, &size, &st))
			abort();
		if (!whole_utf8(piece, size) || size > (size_t)len - used ||
		    memcmp(piece, text + used, size) != 0)
			abort();
		used += size;
	}
	if (used != (size_t)len)
		abort();
	ops->stream_destroy(stream);
	free(text);
}

static void use(const struct aios_tokenizer_ops *ops, void *tok, const char *text, size_t len)
{
	struct aios_tokenizer_info info = { .size = sizeof(info) };
	struct aios_status st = { 0 };
	int32_t ids[256];
	size_t n_ids = len < 256 ? len : 256;
	int32_t *found;
	int64_t n;

	ops->info(tok, &info);
	n = ops->encode(tok, text, len, AIOS_ENCODE_SPECIAL, NULL, 0, &st);
	if (n < 0 && (st.code == 0 || st.message[0] == '\0'))
		abort();
	if (n >= 0) {
		found = malloc(((size_t)n + 1) * sizeof(*found));
		if (!found ||
		    ops->encode(tok, text, len, AIOS_ENCODE_SPECIAL, found, (size_t)n, &st) != n)
			abort();
		for (int64_t i = 0; i < n; i++)
			if (!ops->token(tok, found[i], NULL))
				abort();
		compare_stream(ops, tok, found, (size_t)n, 0);
		free(found);
	}
	for (size_t i = 0; i < n_ids && info.vocab_size > 0; i++)
		ids[i] = (unsigned char)text[i] % info.vocab_size;
	compare_stream(ops, tok, ids, info.vocab_size > 0 ? n_ids : 0, AIOS_DECODE_SKIP_SPECIAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct aios_tokenizer_ops *ops = aios_module_bpe.ops;
	const char *json = (const char *)data;
	const char *end = json + size;
	const char *config = size ? memchr(json, '\0', size) : NULL;
	const char *text = config ? memchr(config + 1, '\0', (size_t)(end - config - 1)) : NULL;
	struct aios_tokenizer_source source = {
		.size = sizeof(source),
		.path = "tokenizer.json",
		.json = json,
		.json_len = config ? (size_t)(config - json) : size,
		.config_path = "tokenizer_config.json",
	};
	struct aios_status st = { 0 };
	void *tok;
	int rc;

	if (text && text - config > 1) {
		source.config = config + 1;
		source.config_len = (size_t)(text - config - 1);
	}
	rc = ops->open(&host, &source, &tok, &st);
	if (rc != 0 && (tok || st.code != rc || st.message[0] == '\0'))
		abort();
	if (rc == 0 && text && end - text - 1 <= MAX_TEXT)
		use(ops, tok, text + 1, (size_t)(end - text - 1));
	ops->close(tok);
	return 0;
}
