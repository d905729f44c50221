// SPDX-License-Identifier: Apache-2.0
/*
 * file.c - reading tokenizer.json.
 */
#include <stdint.h>

#include "json.h"
#include "tokenizer.h"

/* Spellings are addressed with 32 bits. */
#define FILE_MAX ((size_t)1 << 30)

/* Settings that ask for what a caller of encode() decides: say that they do nothing here. */
static void note_ignored(const struct aios_host *host, const json_t *root, const char *path)
{
	static const char *const keys[] = { "truncation", "padding" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_has(root, keys[i]))
			aios_host_log(host, AIOS_LOG_INFO, "%s: %s is ignored", path, keys[i]);
}

static int read_parts(struct tokenizer *tok, const json_t *root, const char *path,
		      const struct pattern_options *options, struct aios_status *st)
{
	struct vocab *vocab = &tok->model.vocab;
	struct json_path at;
	json_t *model;
	json_t *added;
	int rc = json_get_object(root, "model", path, &model, st);

	if (rc == 0)
		rc = json_opt_array(root, "added_tokens", path, &added, st);
	if (rc == 0)
		rc = tokenizer_read_model(&tok->model, model, json_path_key(&at, path, "model"),
					  st);
	if (rc == 0)
		rc = normalizer_init(&tok->normalizer, json_object_get(root, "normalizer"),
				     json_path_key(&at, path, "normalizer"), options, st);
	if (rc == 0)
		rc = pretokenizer_init(&tok->pretokenizer, json_object_get(root, "pre_tokenizer"),
				       json_path_key(&at, path, "pre_tokenizer"), options, st);
	if (rc == 0)
		rc = added_init(&tok->added, added, json_path_key(&at, path, "added_tokens"), vocab,
				&tok->normalizer, st);
	if (rc == 0)
		rc = post_init(&tok->post, json_object_get(root, "post_processor"),
			       json_path_key(&at, path, "post_processor"), vocab, st);
	if (rc == 0)
		rc = decoder_init(&tok->decoder, json_object_get(root, "decoder"),
				  json_path_key(&at, path, "decoder"), options, st);
	return rc;
}

int tokenizer_read(struct tokenizer *tok, const struct aios_host *host, const char *path,
		   const char *text, size_t len, const struct pattern_options *options,
		   struct aios_status *st)
{
	json_t *root;
	int rc;

	if (len > FILE_MAX)
		return aios_fail(st, -EFBIG, "%s: %zu bytes; a tokenizer has at most %zu", path,
				 len, FILE_MAX);
	root = json_parse_object(path, text, len, st);
	if (!root)
		return st && st->code ? st->code : -EINVAL;
	note_ignored(host, root, path);
	rc = read_parts(tok, root, path, options, st);
	json_decref(root);
	if (rc == 0 && tok->model.has_unk && tok->model.unk_id < 0) {
		/* Some files add the unknown token instead of having it in the vocabulary. */
		tok->model.unk_id = vocab_find(&tok->model.vocab, tok->model.unk_token.data,
					       tok->model.unk_token.len);
	}
	return rc;
}
