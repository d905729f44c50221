/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - aios plan: what a model takes, before anything is allocated. */
#include "cli.h"
#include "out.h"
#include "table.h"
#include "text.h"

static int print_json(const struct aios_plan *plan, struct aios_status *st)
{
	json_t *object = json_object();
	const struct {
		const char *name;
		const char *text;
	} texts[] = {
		{ "model", plan->model },
		{ "architecture", plan->architecture },
		{ "driver", plan->driver },
		{ "device", plan->device },
		{ "device_name", plan->device_name },
		{ "numerics_id", plan->numerics_id },
		{ "profile", plan->profile },
	};
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "parameters", plan->parameters },
		{ "weights", plan->weights },
		{ "weights_file", plan->weights_file },
		{ "kv_token", plan->kv_token },
		{ "kv_pool", plan->kv_pool },
		{ "activations", plan->activations },
		{ "tables", plan->tables },
		{ "total", plan->total },
		{ "heap_total", plan->heap_total },
		{ "heap_free", plan->heap_free },
		{ "budget", plan->budget },
		{ "kv_pages", plan->kv_pages },
		{ "page_size", plan->page_size },
		{ "context_length", plan->context_length },
		{ "model_context", plan->model_context },
		{ "max_batch_size", plan->max_batch_size },
		{ "max_batch_tokens", plan->max_batch_tokens },
		{ "full_sequences", plan->full_sequences },
		{ "draft", plan->draft },
		{ "draft_pages", plan->draft_pages },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		json_put(&object, texts[i].name, json_string(texts[i].text));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_put(&object, numbers[i].name, json_integer((json_int_t)numbers[i].value));
	json_put(&object, "fits", json_boolean(plan->fits));
	return out_json(object, 2, st);
}

static void bytes_row(struct table *table, const char *name, uint64_t bytes, const char *note)
{
	char text[HUMAN], padded[HUMAN];

	snprintf(padded, sizeof(padded), "%10s", human_bytes(text, bytes));
	table_row(table, name, padded, note, NULL);
}

static void print_head(const struct aios_plan *plan)
{
	char count[HUMAN];

	out_printf("%s\n", plan->model);
	out_printf("  %s, %s parameters, made for %u tokens of context\n", plan->architecture,
		   human_count(count, plan->parameters), plan->model_context);
	out_printf("  on %s (%s %s), numerics %s\n\n", plan->device_name, plan->driver,
		   plan->device, plan->numerics_id);
}

static void print_memory(const struct aios_plan *plan)
{
	struct table table = { 0 };
	char note[96], token[HUMAN], file[HUMAN];

	snprintf(note, sizeof(note), "%s in the checkpoint", human_bytes(file, plan->weights_file));
	bytes_row(&table, "  weights", plan->weights, note);
	snprintf(note, sizeof(note), "%u page%s of %u tokens, %s a token", plan->kv_pages,
		 plan->kv_pages == 1 ? "" : "s", plan->page_size,
		 human_bytes(token, plan->kv_token));
	bytes_row(&table, "  KV cache", plan->kv_pool, note);
	snprintf(note, sizeof(note), "batches of up to %u tokens", plan->max_batch_tokens);
	bytes_row(&table, "  activations", plan->activations, note);
	bytes_row(&table, "  tables", plan->tables, "");
	snprintf(note, sizeof(note), "%u page%s of KV cache included", plan->draft_pages,
		 plan->draft_pages == 1 ? "" : "s");
	if (plan->draft)
		bytes_row(&table, "  draft model", plan->draft, note);
	bytes_row(&table, "  total", plan->total, "");
	bytes_row(&table, "  device", plan->heap_total, "");
	bytes_row(&table, "  free now", plan->heap_free, "");
	if (plan->budget)
		bytes_row(&table, "  budget", plan->budget, "engine.memory_limit");
	table_print(&table, false);
}

static void print_sequences(const struct aios_plan *plan)
{
	out_printf(
		"\n  up to %u sequence%s at once, of up to %u tokens each; %u of that length fit "
		"together\n",
		plan->max_batch_size, plan->max_batch_size == 1 ? "" : "s", plan->context_length,
		plan->full_sequences);
	out_printf("  %s\n", plan->fits ? "It fits." : "It does not fit.");
}

/* What to change so that it fits. */
static int refuse(const struct aios_plan *plan, struct aios_status *st)
{
	uint64_t room = plan->budget && plan->budget < plan->heap_free ? plan->budget :
									 plan->heap_free;
	char total[HUMAN], have[HUMAN];

	return aios_fail(
		st, -ENOSPC,
		"%s needs %s of %s and %s is there; lower --context-length, --kv-memory or "
		"--max-batch-tokens, or choose another --device",
		plan->model, human_bytes(total, plan->total), plan->device,
		human_bytes(have, room));
}

int plan_main(struct cli *cli, struct aios_status *st)
{
	struct aios_plan plan = { 0 };
	const char *path;
	int rc = cli_model(cli, &path, st);

	if (!rc)
		rc = cli_boot(cli, st);
	if (!rc)
		rc = aios_plan_model(cli->aios, path, &plan, st);
	if (rc) {
		cli_blame_drivers(cli);
		return rc;
	}
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json")) {
		rc = print_json(&plan, st);
		return rc ? rc : plan.fits ? CLI_OK : CLI_FAILED;
	}
	print_head(&plan);
	print_memory(&plan);
	print_sequences(&plan);
	return plan.fits ? 0 : refuse(&plan, st);
}
