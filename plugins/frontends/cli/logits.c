/* SPDX-License-Identifier: Apache-2.0 */
/* logits.c - aios logits: a model's logits as a NumPy file. */
#include <stdlib.h>

#include <aios/plugin/tokenizer.h>

#include "cli.h"
#include "npy.h"
#include "out.h"

/* The input: --ids or operands, else a text through the model's tokenizer. */
static int read_input(struct cli *cli, struct aios_engine *engine, int32_t **ids, size_t *n,
		      struct aios_status *st)
{
	struct aios_tokenizer *tok = aios_engine_tokenizer(engine);
	char *text;
	size_t len;
	int rc = input_ids(cli, false, ids, n, st);

	if (rc || *ids)
		return rc;
	if (!tok)
		return cli_usage(st, "this model has no tokenizer: give --ids");
	rc = input_text(cli, &text, &len, st);
	if (rc)
		return rc;
	rc = aios_tokenize(tok, text, len, AIOS_ENCODE_SPECIAL, ids, n, st);
	free(text);
	return rc;
}

static int report(struct cli *cli, const char *path, size_t n, uint32_t vocabulary,
		  const struct aios_plan *plan, struct aios_status *st)
{
	json_t *object, *shape;

	if (!cli_flag(cli, AIOS_SECTION_COMMAND, "json"))
		return 0;
	object = json_object();
	shape = json_array();
	json_add(&shape, json_integer((json_int_t)n));
	json_add(&shape, json_integer(vocabulary));
	json_put(&object, "out", json_string(path));
	json_put(&object, "shape", shape);
	json_put(&object, "numerics_id", json_string(plan->numerics_id));
	return out_json(object, 0, st);
}

static int compute(struct cli *cli, struct aios_engine *engine, const char *path,
		   struct aios_status *st)
{
	uint32_t vocabulary = aios_engine_vocab_size(engine);
	float *rows = NULL;
	int32_t *ids = NULL;
	size_t n = 0;
	int rc = read_input(cli, engine, &ids, &n, st);

	if (rc)
		return rc;
	if (n && n <= SIZE_MAX / sizeof(*rows) / vocabulary)
		rows = malloc(n * vocabulary * sizeof(*rows));
	if (!n)
		rc = cli_usage(st, "the input has no tokens");
	else if (!rows)
		rc = aios_fail(st, -ENOMEM, "no memory for %zu rows of %u logits", n, vocabulary);
	else
		rc = aios_logits(engine, ids, n, rows, st);
	if (!rc)
		rc = npy_write_f32(path, rows, n, vocabulary, st);
	if (!rc)
		rc = report(cli, path, n, vocabulary, aios_engine_plan(engine), st);
	free(rows);
	free(ids);
	return rc;
}

int logits_main(struct cli *cli, struct aios_status *st)
{
	const char *out = cli_text(cli, AIOS_SECTION_COMMAND, "out");
	struct aios_engine *engine;
	const char *path;
	int rc = cli_model(cli, &path, st);

	if (!rc && !out)
		rc = cli_usage(st, "no file to write: give --out FILE.npy");
	if (!rc)
		rc = cli_load(cli, path, &engine, st);
	if (rc)
		return rc;
	rc = compute(cli, engine, out, st);
	aios_engine_close(engine);
	return rc;
}
