/* SPDX-License-Identifier: Apache-2.0 */
/* tokenize.c - aios tokenize: text in, ids out. */
#include <stdlib.h>
#include <string.h>

#include <aios/plugin/tokenizer.h>

#include "cli.h"
#include "lines.h"
#include "out.h"

static json_t *ids_json(const int32_t *ids, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_add(&array, json_integer(ids[i]));
	return array;
}

static int print_json(struct aios_tokenizer *tok, const int32_t *ids, size_t n,
		      struct aios_status *st)
{
	json_t *object = json_object(), *tokens = json_array();

	for (size_t i = 0; i < n; i++) {
		const char *token = aios_tokenizer_token(tok, ids[i]);

		json_add(&tokens, token ? json_text(token, strlen(token)) : json_null());
	}
	json_put(&object, "ids", ids_json(ids, n));
	json_put(&object, "tokens", tokens);
	return out_json(object, 0, st);
}

static int whole_text(struct cli *cli, struct aios_tokenizer *tok, uint32_t flags,
		      struct aios_status *st)
{
	int32_t *ids = NULL;
	char *text;
	size_t len, n;
	int rc = input_text(cli, &text, &len, st);

	if (rc)
		return rc;
	rc = aios_tokenize(tok, text, len, flags, &ids, &n, st);
	free(text);
	if (rc)
		return rc;
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json")) {
		rc = print_json(tok, ids, n, st);
	} else {
		for (size_t i = 0; i < n; i++)
			out_printf("%s%d", i ? " " : "", (int)ids[i]);
		out_printf("\n");
	}
	free(ids);
	return rc;
}

struct work {
	struct aios_tokenizer *tok;
	uint32_t flags;
};

/* A string, or an object with a key "text" as detokenize --jsonl writes it. */
static int one_line(void *ctx, const json_t *value, json_t **answer, struct aios_status *st)
{
	struct work *work = ctx;
	const json_t *text = json_is_object(value) ? json_object_get(value, "text") : value;
	int32_t *ids;
	size_t n;
	int rc;

	if (!json_is_string(text))
		return aios_fail(st, -EINVAL, "expected a JSON string");
	rc = aios_tokenize(work->tok, json_string_value(text), json_string_length(text),
			   work->flags, &ids, &n, st);
	if (rc)
		return rc;
	*answer = json_object();
	json_put(answer, "ids", ids_json(ids, n));
	free(ids);
	return 0;
}

int tokenize_main(struct cli *cli, struct aios_status *st)
{
	bool special = cli_flag(cli, AIOS_SECTION_COMMAND, "special");
	struct work work = { .flags = special ? AIOS_ENCODE_SPECIAL : 0 };
	const char *path;
	int rc = cli_model(cli, &path, st);

	if (!rc)
		rc = cli_boot(cli, st);
	if (!rc)
		rc = aios_tokenizer_open(cli->aios, path, &work.tok, st);
	if (rc)
		return rc;
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "jsonl"))
		rc = lines_each(one_line, &work, st);
	else
		rc = whole_text(cli, work.tok, work.flags, st);
	aios_tokenizer_close(work.tok);
	return rc;
}
