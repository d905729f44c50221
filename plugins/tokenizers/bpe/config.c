// SPDX-License-Identifier: Apache-2.0
/*
 * config.c - reading tokenizer_config.json: which tokens begin, end and pad a
 * text, and the chat template.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "tokenizer.h"

/* A token as text or as {"content": text}; null, absent or not in the vocabulary: -1. */
static int read_special(const struct tokenizer *tok, const struct aios_host *host,
			const json_t *root, const char *key, const char *path, int32_t *id,
			struct aios_status *st)
{
	const json_t *value = json_object_get(root, key);
	struct json_path at;
	const char *text;
	char shown[64];
	int rc;

	if (!value || json_is_null(value))
		return 0;
	json_path_key(&at, path, key);
	if (json_is_object(value))
		rc = json_get_string(value, "content", at.text, &text, st);
	else
		rc = json_want_string(value, at.text, &text, st);
	if (rc)
		return rc;
	*id = vocab_find(&tok->model.vocab, text, strlen(text));
	if (*id < 0)
		aios_host_log(host, AIOS_LOG_WARN, "%s: \"%s\" is not in the vocabulary: ignored",
			      at.text, json_quote(shown, sizeof(shown), text, strlen(text)));
	return 0;
}

/* One of several named templates: "default", else the first. */
static int named_template(const json_t *list, const char *path, const char **text,
			  struct aios_status *st)
{
	struct json_path at;
	const char *name;
	const char *body;
	json_t *entry;
	size_t i;
	int rc;

	json_array_foreach(list, i, entry) {
		json_path_index(&at, path, i);
		rc = json_get_string(entry, "name", at.text, &name, st);
		if (rc == 0)
			rc = json_get_string(entry, "template", at.text, &body, st);
		if (rc)
			return rc;
		if (i == 0 || strcmp(name, "default") == 0)
			*text = body;
	}
	return 0;
}

static int read_template(struct tokenizer *tok, const json_t *root, const char *path,
			 struct aios_status *st)
{
	const json_t *value = json_object_get(root, "chat_template");
	const char *text = NULL;
	struct json_path at;
	int rc;

	if (!value || json_is_null(value))
		return 0;
	json_path_key(&at, path, "chat_template");
	if (json_is_array(value))
		rc = named_template(value, at.text, &text, st);
	else
		rc = json_want_string(value, at.text, &text, st);
	if (rc || !text)
		return rc;
	tok->chat_template = strdup(text);
	return tok->chat_template ? 0 : -ENOMEM;
}

int tokenizer_read_config(struct tokenizer *tok, const struct aios_host *host, const char *path,
			  const char *text, size_t len, struct aios_status *st)
{
	json_t *root = json_parse_object(path, text, len, st);
	int rc;

	if (!root)
		return st && st->code ? st->code : -EINVAL;
	rc = read_special(tok, host, root, "bos_token", path, &tok->bos_id, st);
	if (rc == 0)
		rc = read_special(tok, host, root, "eos_token", path, &tok->eos_id, st);
	if (rc == 0)
		rc = read_special(tok, host, root, "pad_token", path, &tok->pad_id, st);
	if (rc == 0)
		rc = read_special(tok, host, root, "unk_token", path, &tok->unk_id, st);
	if (rc == 0)
		rc = read_template(tok, root, path, st);
	json_decref(root);
	return rc;
}
