/* SPDX-License-Identifier: Apache-2.0 */
/* bisect.c - aios bisect: run a model on one driver, every op on another as well, and compare. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <aios/plugin/tokenizer.h>

#include "cli.h"
#include "hookreport.h"
#include "out.h"

#define BISECT_TOKENS 16

/* The prompt: ids, or text through the model's tokenizer. *ids is malloc'ed. */
static int read_prompt(struct cli *cli, struct aios_engine *engine, int32_t **ids, size_t *n,
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

static void read_sampling(const struct cli *cli, struct aios_sampling *s)
{
	s->seed = (uint64_t)cli_int(cli, "sampling", "seed");
	s->temperature = (float)cli_float(cli, "sampling", "temperature");
	s->top_p = (float)cli_float(cli, "sampling", "top_p");
	s->min_p = (float)cli_float(cli, "sampling", "min_p");
	s->top_k = (int32_t)cli_int(cli, "sampling", "top_k");
	s->repetition = (float)cli_float(cli, "sampling", "repetition_penalty");
	s->frequency = (float)cli_float(cli, "sampling", "frequency_penalty");
	s->presence = (float)cli_float(cli, "sampling", "presence_penalty");
}

/* Poll until the request ends. -EBADMSG: the hook has stopped it. */
static int run_to_end(struct aios_engine *engine, struct aios_status *st)
{
	struct aios_event event;
	int rc;

	while ((rc = aios_poll(engine, &event, 0, st)) > 0) {
		if (event.type != AIOS_EVENT_END)
			continue;
		if (event.reason != AIOS_END_ERROR)
			return 0;
		*st = event.status;
		return event.status.code ? event.status.code : -EIO;
	}
	return rc < 0 ? rc : aios_fail(st, -EIO, "the answer has no end");
}

static int answer(struct cli *cli, struct aios_engine *engine, struct aios_status *st)
{
	struct aios_request request = AIOS_REQUEST_INIT;
	int32_t *ids = NULL;
	uint64_t id;
	int rc = read_prompt(cli, engine, &ids, &request.n_ids, st);

	if (rc)
		return rc;
	read_sampling(cli, &request.sampling);
	request.ids = ids;
	request.max_tokens = (uint32_t)cli_int(cli, "sampling", "max_tokens");
	if (!request.max_tokens)
		request.max_tokens = BISECT_TOKENS;
	rc = aios_submit(engine, &request, &id, st);
	free(ids);
	return rc ? rc : run_to_end(engine, st);
}

static int configure(struct cli *cli, const struct hook_report *report, struct aios_status *st)
{
	const char *against = cli_text(cli, AIOS_SECTION_COMMAND, "against");
	const char *capsule = cli_text(cli, AIOS_SECTION_COMMAND, "capsule");
	char hook[600];

	if (!against || strchr(against, ','))
		return cli_usage(st, "--against takes the name of one driver");
	if (capsule && (strchr(capsule, ',') || strlen(capsule) > 400))
		return cli_usage(st, "--capsule: a folder with a comma in its name, or with more "
				     "than 400 characters, cannot be used");
	snprintf(hook, sizeof(hook), "shadow:%.100s,1/1,stop%s%s", against,
		 capsule ? ",capsule=" : "", capsule ? capsule : "");
	return hook_report_configure(report, cli, hook, st);
}

static void print_text(const json_t *report)
{
	const json_t *first = json_object_get(report, "first");
	int64_t compared = hook_report_int(report, "compared");
	int64_t left = hook_report_int(report, "skipped") + hook_report_int(report, "unsupported") +
		       hook_report_int(report, "captured");

	if (json_is_object(first)) {
		out_printf("%s differs from %s first in\n", hook_report_text(report, "driver"),
			   hook_report_text(report, "reference"));
		hook_report_print_first(first);
	} else {
		out_printf("%s and %s agree in every bit of %" PRId64 " launches\n",
			   hook_report_text(report, "driver"),
			   hook_report_text(report, "reference"), compared);
	}
	if (left)
		out_printf("%" PRId64 " launches could not be compared\n", left);
}

static int conclude(struct cli *cli, const struct hook_report *file, int rc, struct aios_status *st)
{
	struct aios_status no_report = { 0 };
	json_t *report = hook_report_read(file, &no_report);
	bool differ;

	/* Without a report the failure came from elsewhere. */
	if (!report) {
		if (rc == 0)
			*st = no_report;
		return rc ? rc : -EIO;
	}
	differ = json_is_object(json_object_get(report, "first"));
	if (rc && !differ) {
		json_decref(report);
		return rc;
	}
	aios_status_clear(st);
	if (!differ && hook_report_int(report, "compared") == 0) {
		json_decref(report);
		return aios_fail(st, -ENODATA, "no launch could be compared");
	}
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json")) {
		json_put(&report, "equal", json_boolean(!differ));
		rc = out_json(report, 0, st);
	} else {
		print_text(report);
		json_decref(report);
		rc = 0;
	}
	return rc ? rc : differ ? CLI_FAILED : CLI_OK;
}

int bisect_main(struct cli *cli, struct aios_status *st)
{
	struct hook_report report = { "" };
	struct aios_engine *engine = NULL;
	const char *path;
	int rc = cli_model(cli, &path, st);

	if (!rc)
		rc = hook_report_begin(&report, st);
	if (!rc)
		rc = configure(cli, &report, st);
	if (rc) {
		hook_report_end(&report);
		return rc;
	}
	rc = cli_load(cli, path, &engine, st);
	if (!rc)
		rc = answer(cli, engine, st);
	aios_engine_close(engine); /* the hook writes its report */
	if (rc <= 0)
		rc = conclude(cli, &report, rc, st);
	hook_report_end(&report);
	return rc;
}
