/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokenizer.h - what a tokenizer plugin implements: text to ids and back, and a
 * streaming decoder that never splits a UTF-8 character.
 *
 * Threads: an opened tokenizer is immutable, so encode() and decode() may be
 * called from any number of threads at once; a stream belongs to one thread.
 */
#ifndef AIOS_PLUGIN_TOKENIZER_H
#define AIOS_PLUGIN_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>
#include <aios/module.h>

/* Flags of encode(). */
#define AIOS_ENCODE_SPECIAL 1u  /* apply the post-processor: <bos> ... as the model was trained */
#define AIOS_ENCODE_NO_PARSE 2u /* special tokens written in the text are plain text */

/* Flags of decode() and stream_create(). */
#define AIOS_DECODE_SKIP_SPECIAL 1u /* leave special tokens out of the text */

/* Flags of a token. */
#define AIOS_TOKEN_SPECIAL 1u /* an added token marked special */
#define AIOS_TOKEN_ADDED 2u   /* an added token */
#define AIOS_TOKEN_BYTE 4u    /* a byte-fallback token, <0x0A> */

/* Where a tokenizer comes from. All strings borrowed for the call of open(). */
struct aios_tokenizer_source {
	uint32_t size;
	uint32_t reserved;
	const char *path; /* the tokenizer.json file, for messages */
	const char *json; /* its text, not NUL-terminated */
	size_t json_len;
	const char *config_path; /* tokenizer_config.json, or NULL */
	const char *config;      /* its text, or NULL */
	size_t config_len;
};

/* Facts about an opened tokenizer. */
struct aios_tokenizer_info {
	uint32_t size;      /* set by the core */
	int32_t vocab_size; /* largest id + 1, added tokens included */
	int32_t bos_id;     /* from tokenizer_config.json; -1: none */
	int32_t eos_id;     /* likewise */
	int32_t pad_id;
	int32_t unk_id;
	const char *chat_template; /* from tokenizer_config.json, or NULL; the tokenizer's */
};

struct aios_tokenizer_ops {
	uint32_t size;
	uint32_t reserved;

	/* Mandatory. */
	int (*open)(const struct aios_host *host, const struct aios_tokenizer_source *source,
		    void **tok, struct aios_status *st);
	void (*close)(void *tok); /* mandatory; takes NULL */

	/* Mandatory. */
	void (*info)(void *tok, struct aios_tokenizer_info *info);

	/*
	 * Mandatory. Ids of `text` (len bytes, UTF-8; invalid bytes are replaced as
	 * U+FFFD). Writes at most cap ids and returns how many there are (call again
	 * with room when it is more than cap), or a negative errno.
	 */
	int64_t (*encode)(void *tok, const char *text, size_t len, uint32_t flags, int32_t *ids,
			  size_t cap, struct aios_status *st);

	/* Mandatory. Text of `n` ids, not NUL-terminated; cap as in encode(). An id outside the vocabulary: -EINVAL. */
	int64_t (*decode)(void *tok, const int32_t *ids, size_t n, uint32_t flags, char *text,
			  size_t cap, struct aios_status *st);

	/*
	 * Mandatory. Streaming: text that push() returns never ends inside a UTF-8
	 * character; what is held back comes with a later push or with flush(),
	 * where bytes that never became a character turn into U+FFFD. The pieces
	 * together equal decode() of all ids. The text belongs to the stream and is
	 * valid until its next call.
	 */
	int (*stream_create)(void *tok, uint32_t flags, void **stream, struct aios_status *st);
	int (*stream_push)(void *stream, int32_t id, const char **text, size_t *len,
			   struct aios_status *st);
	int (*stream_flush)(void *stream, const char **text, size_t *len, struct aios_status *st);
	void (*stream_destroy)(void *stream); /* takes NULL */

	/* Mandatory. The token's text as the vocabulary spells it, NULL outside it; flags may be NULL. */
	const char *(*token)(void *tok, int32_t id, uint32_t *flags);

	/* Mandatory. Id of a token spelled exactly so (added tokens first), or -1. */
	int32_t (*token_id)(void *tok, const char *text, size_t len);
};

#endif /* AIOS_PLUGIN_TOKENIZER_H */
