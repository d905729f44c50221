// SPDX-License-Identifier: Apache-2.0
/*
 * module.c - the tokenizer plugin "bpe": Hugging Face tokenizer.json files whose
 * model is BPE, byte-level (GPT-2, Llama 3, Qwen) or SentencePiece style (Llama 2).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <aios/plugin/tokenizer.h>

#include "decoder.h"
#include "tokenizer.h"

/* A streaming decoder. `text` was given away by the last call. */
struct stream {
	const struct tokenizer *tok;
	uint32_t flags;
	struct decoding decoding;
};

/* Fill the message when nothing more exact was said, and return rc. */
static int report(int rc, const char *what, struct aios_status *st)
{
	if (rc == -ENOMEM)
		return aios_fail(st, rc, "tokenizer: no memory to %s", what);
	return rc;
}

static void bpe_close(void *handle)
{
	struct tokenizer *tok = handle;

	if (!tok)
		return;
	decoder_finish(&tok->decoder);
	post_finish(&tok->post);
	added_finish(&tok->added);
	pretokenizer_finish(&tok->pretokenizer);
	normalizer_finish(&tok->normalizer);
	model_finish(&tok->model);
	free(tok->chat_template);
	free(tok);
}

static int bpe_open(const struct aios_host *host, const struct aios_tokenizer_source *source,
		    void **out, struct aios_status *st)
{
	const char *regex = host->param(host->ctx, "regex");
	struct pattern_options options = { .jit = !regex || strcmp(regex, "interpret") != 0 };
	struct aios_status why;
	struct tokenizer *tok;
	int rc;

	*out = NULL;
	if (!st)
		st = &why;
	aios_status_clear(st);
	tok = calloc(1, sizeof(*tok));
	if (!tok)
		return report(-ENOMEM, "open it", st);
	tok->bos_id = tok->eos_id = tok->pad_id = tok->unk_id = -1;

	rc = tokenizer_read(tok, host, source->path, source->json, source->json_len, &options, st);
	if (rc == 0)
		tok->unk_id = tok->model.unk_id;
	if (rc == 0 && source->config)
		rc = tokenizer_read_config(tok, host, source->config_path, source->config,
					   source->config_len, st);
	if (rc) {
		bpe_close(tok);
		return report(rc, "open it", st);
	}
	*out = tok;
	return 0;
}

static void bpe_info(void *handle, struct aios_tokenizer_info *info)
{
	const struct tokenizer *tok = handle;
	const struct aios_tokenizer_info facts = {
		.size = info->size,
		.vocab_size = tok->model.vocab.size,
		.bos_id = tok->bos_id,
		.eos_id = tok->eos_id,
		.pad_id = tok->pad_id,
		.unk_id = tok->unk_id,
		.chat_template = tok->chat_template,
	};

	/* An older core knows fewer of them. */
	memcpy(info, &facts, info->size < sizeof(facts) ? info->size : sizeof(facts));
}

static int64_t bpe_encode(void *handle, const char *text, size_t len, uint32_t flags, int32_t *ids,
			  size_t cap, struct aios_status *st)
{
	struct ids all = { 0 };
	int64_t n;
	int rc;

	rc = tokenizer_encode(handle, len ? text : "", len, flags, &all, st);
	if (rc == 0 && cap > 0 && all.len > 0)
		memcpy(ids, all.data, (all.len < cap ? all.len : cap) * sizeof(*ids));
	n = (int64_t)all.len;
	ids_finish(&all);
	return rc ? report(rc, "encode a text", st) : n;
}

/* One id's spelling goes into the decoder. */
static int push(const struct tokenizer *tok, struct decoding *decoding, int32_t id, uint32_t flags,
		struct aios_status *st)
{
	const struct vocab *vocab = &tok->model.vocab;
	const struct vocab_token *token = vocab_token(vocab, id);

	if (!token)
		return aios_fail(st, -EINVAL, "tokenizer: id %d is outside the vocabulary of %d",
				 id, vocab->size);
	if ((flags & AIOS_DECODE_SKIP_SPECIAL) && (token->flags & AIOS_TOKEN_SPECIAL))
		return 0;
	return decoding_push(decoding, vocab->spelling.data + token->decoded_offset,
			     token->decoded_len, st);
}

static int64_t bpe_decode(void *handle, const int32_t *ids, size_t n, uint32_t flags, char *text,
			  size_t cap, struct aios_status *st)
{
	const struct tokenizer *tok = handle;
	struct decoding decoding;
	int64_t len = 0;
	int rc = decoding_init(&decoding, &tok->decoder);

	if (rc)
		return report(rc, "decode", st);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = push(tok, &decoding, ids[i], flags, st);
	if (rc == 0)
		rc = decoding_flush(&decoding, st);
	if (rc == 0) {
		len = (int64_t)decoding.out.len;
		if (cap > 0 && len > 0)
			memcpy(text, decoding.out.data,
			       decoding.out.len < cap ? decoding.out.len : cap);
	}
	decoding_finish(&decoding);
	return rc ? report(rc, "decode", st) : len;
}

static int bpe_stream_create(void *handle, uint32_t flags, void **out, struct aios_status *st)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	const struct tokenizer *tok = handle;
	int rc;

	*out = NULL;
	if (!stream)
		return report(-ENOMEM, "decode", st);
	stream->tok = tok;
	stream->flags = flags;
	rc = decoding_init(&stream->decoding, &tok->decoder);
	if (rc) {
		free(stream);
		return report(rc, "decode", st);
	}
	*out = stream;
	return 0;
}

static void stream_text(const struct stream *stream, const char **text, size_t *len)
{
	*text = stream->decoding.out.data ? stream->decoding.out.data : "";
	*len = stream->decoding.out.len;
}

static int bpe_stream_push(void *handle, int32_t id, const char **text, size_t *len,
			   struct aios_status *st)
{
	struct stream *stream = handle;
	int rc;

	stream->decoding.out.len = 0;
	rc = push(stream->tok, &stream->decoding, id, stream->flags, st);
	stream_text(stream, text, len);
	return report(rc, "decode", st);
}

static int bpe_stream_flush(void *handle, const char **text, size_t *len, struct aios_status *st)
{
	struct stream *stream = handle;
	int rc;

	stream->decoding.out.len = 0;
	rc = decoding_flush(&stream->decoding, st);
	stream_text(stream, text, len);
	return report(rc, "decode", st);
}

static void bpe_stream_destroy(void *handle)
{
	struct stream *stream = handle;

	if (!stream)
		return;
	decoding_finish(&stream->decoding);
	free(stream);
}

static const char *bpe_token(void *handle, int32_t id, uint32_t *flags)
{
	const struct tokenizer *tok = handle;
	const struct vocab_token *token = vocab_token(&tok->model.vocab, id);

	if (!token)
		return NULL;
	if (flags)
		*flags = token->flags & (AIOS_TOKEN_SPECIAL | AIOS_TOKEN_ADDED | AIOS_TOKEN_BYTE);
	return vocab_text(&tok->model.vocab, token);
}

static int32_t bpe_token_id(void *handle, const char *text, size_t len)
{
	const struct tokenizer *tok = handle;

	return len ? vocab_find(&tok->model.vocab, text, len) : -1;
}

static const struct aios_param params[] = {
	{
		.name = "regex",
		.type = AIOS_PARAM_CHOICE,
		.default_text = "jit",
		.choices = "jit|interpret",
		.help = "how regular expressions run: compiled to machine code where that is "
			"possible, or always interpreted",
	},
};

static const struct aios_tokenizer_ops ops = {
	.size = sizeof(ops),
	.open = bpe_open,
	.close = bpe_close,
	.info = bpe_info,
	.encode = bpe_encode,
	.decode = bpe_decode,
	.stream_create = bpe_stream_create,
	.stream_push = bpe_stream_push,
	.stream_flush = bpe_stream_flush,
	.stream_destroy = bpe_stream_destroy,
	.token = bpe_token,
	.token_id = bpe_token_id,
};

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "byte pair encoding from a Hugging Face tokenizer.json");
AIOS_TOKENIZER(bpe, "bpe", &ops, params, sizeof(params) / sizeof(params[0]));
