/* SPDX-License-Identifier: Apache-2.0 */
/* detokenize.c - aios detokenize: ids in, text out. */
#include <stdlib.h>

#include <aios/plugin/tokenizer.h>

#include "cli.h"
#include "lines.h"
#include "out.h"

struct work {
	struct aios_tokenizer *tok;
	uint32_t flags;
};

static int read_array(const json_t *array, int32_t **ids, struct aios_status *st)
{
	size_t n = json_array_size(array);

	*ids = calloc(n + 1, sizeof(**ids));
	if (!*ids)
		return aios_fail(st, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		const json_t *id = json_array_get(array, i);
		json_int_t value = json_integer_value(id);

		if (!json_is_integer(id) || value < 0 || value > INT32_MAX) {
			free(*ids);
			return aios_fail(st, -EINVAL, "element %zu is not a token id", i);
		}
		(*ids)[i] = (int32_t)value;
	}
	return 0;
}

/* An array of ids, or an object with a key "ids" as tokenize --jsonl writes it. */
static int one_line(void *ctx, const json_t *value, json_t **answer, struct aios_status *st)
{
	struct work *work = ctx;
	const json_t *array = json_is_object(value) ? json_object_get(value, "ids") : value;
	int32_t *ids;
	char *text;
	size_t len;
	int rc;

	if (!json_is_array(array))
		return aios_fail(st, -EINVAL, "expected a JSON array of token ids");
	rc = read_array(array, &ids, st);
	if (rc)
		return rc;
	rc = aios_detokenize(work->tok, ids, json_array_size(array), work->flags, &text, &len, st);
	free(ids);
	if (rc)
		return rc;
	*answer = json_object();
	json_put(answer, "text", json_text(text, len));
	free(text);
	return 0;
}

static int whole(struct cli *cli, struct work *work, struct aios_status *st)
{
	int32_t *ids = NULL;
	char *text;
	size_t n, len;
	json_t *object;
	int rc = input_ids(cli, true, &ids, &n, st);

	if (rc)
		return rc;
	rc = aios_detokenize(work->tok, ids, n, work->flags, &text, &len, st);
	free(ids);
	if (rc)
		return rc;
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json")) {
		object = json_object();
		json_put(&object, "text", json_text(text, len));
		rc = out_json(object, 0, st);
	} else if (out_write(text, len)) {
		out_write("\n", 1);
	}
	free(text);
	return rc;
}

int detokenize_main(struct cli *cli, struct aios_status *st)
{
	bool skip = cli_flag(cli, AIOS_SECTION_COMMAND, "skip_special");
	struct work work = { .flags = skip ? AIOS_DECODE_SKIP_SPECIAL : 0 };
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
		rc = whole(cli, &work, st);
	aios_tokenizer_close(work.tok);
	return rc;
}
