/* SPDX-License-Identifier: Apache-2.0 */
/* driver_lint.c - aios driver lint FILE.so: what the loader says of a module file, and more. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "out.h"
#include "text.h"

static const char *level_name(uint32_t level)
{
	static const char *const names[] = { "", "error", "warning", "note" };

	return names[level < 4 ? level : 0];
}

/* ---- JSON -------------------------------------------------------------------- */

static json_t *findings_json(const struct aios_lint_report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->n_findings; i++) {
		const struct aios_lint_finding *f = &report->findings[i];
		json_t *object = json_object();

		json_put(&object, "level", json_string(level_name(f->level)));
		json_put(&object, "rule", json_string(f->rule));
		json_put(&object, "message", json_text(f->message, strlen(f->message)));
		json_add(&array, object);
	}
	return array;
}

static json_t *items_json(const struct aios_lint_report *report, uint32_t kind)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->n_items; i++) {
		const struct aios_lint_item *item = &report->items[i];
		json_t *object;

		if (item->kind != kind)
			continue;
		object = json_object();
		json_put(&object, "name", json_text(item->name, strlen(item->name)));
		if (kind == AIOS_LINT_SLOT)
			json_put(&object, "present", json_boolean(item->good));
		else if (kind == AIOS_LINT_SECTION || kind == AIOS_LINT_OBJECT)
			json_put(&object, "bytes", json_integer((json_int_t)item->bytes));
		else
			json_put(&object, "good", json_boolean(item->good));
		if (item->remark[0])
			json_put(&object, kind == AIOS_LINT_OBJECT ? "section" : "remark",
				 json_text(item->remark, strlen(item->remark)));
		json_add(&array, object);
	}
	return array;
}

static json_t *hardening_json(const struct aios_lint_report *report)
{
	json_t *object = json_object();

	json_put(&object, "relro", json_boolean(report->relro));
	json_put(&object, "bind_now", json_boolean(report->bind_now));
	json_put(&object, "exec_stack", json_boolean(report->exec_stack));
	json_put(&object, "text_relocations", json_boolean(report->text_relocations));
	json_put(&object, "stripped", json_boolean(report->stripped));
	return object;
}

static int lint_json(const struct aios_lint_report *report, struct aios_status *st)
{
	const struct {
		const char *key, *text;
	} texts[] = {
		{ "path", report->path },
		{ "reason", report->reason },
		{ "kind", report->kind_name },
		{ "name", report->name },
		{ "description", report->description },
		{ "license", report->license },
		{ "author", report->author },
		{ "version", report->version },
		{ "abi", report->abi },
		{ "core_abi", report->core_abi },
		{ "isa", report->isa },
		{ "sanitizer", report->sanitizer },
	};
	static const struct {
		const char *key;
		uint32_t kind;
	} lists[] = {
		{ "exports", AIOS_LINT_EXPORT },    { "imports", AIOS_LINT_IMPORT },
		{ "libraries", AIOS_LINT_LIBRARY }, { "sections", AIOS_LINT_SECTION },
		{ "objects", AIOS_LINT_OBJECT },    { "slots", AIOS_LINT_SLOT },
		{ "devices", AIOS_LINT_DEVICE },
	};
	json_t *object = json_object();

	json_put(&object, "accepted", json_boolean(!report->n_errors));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		json_put(&object, texts[i].key, json_text(texts[i].text, strlen(texts[i].text)));
	json_put(&object, "findings", findings_json(report));
	json_put(&object, "file_bytes", json_integer((json_int_t)report->file_bytes));
	json_put(&object, "writable_bytes", json_integer((json_int_t)report->writable_bytes));
	json_put(&object, "writable_limit", json_integer((json_int_t)report->writable_limit));
	json_put(&object, "init_array", json_integer((json_int_t)report->init_array));
	json_put(&object, "fini_array", json_integer((json_int_t)report->fini_array));
	json_put(&object, "hardening", hardening_json(report));
	json_put(&object, "loaded", json_boolean(report->loaded));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		json_put(&object, lists[i].key, items_json(report, lists[i].kind));
	return out_json(object, 2, st);
}

/* ---- text -------------------------------------------------------------------- */

enum {
	LABEL = 12,
	WIDTH = 100
};

/* "  label       text", wrapped under itself. */
static void fact(const char *label, const char *text)
{
	out_printf("  %-*s", LABEL, label);
	wrap(stdout, text, LABEL + 2, LABEL + 2, WIDTH);
	out_printf("\n");
}

/* Names of one kind of item, as one wrapped line; those with a fault carry it in brackets. */
static void list_items(const struct aios_lint_report *report, uint32_t kind, const char *label,
		       const char *none)
{
	char *text = NULL;
	size_t size = 0, n = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	for (size_t i = 0; i < report->n_items; i++) {
		const struct aios_lint_item *item = &report->items[i];
		char bytes[HUMAN];

		if (item->kind != kind || (kind == AIOS_LINT_SLOT && item->good))
			continue;
		fprintf(out, "%s%s", n++ ? ", " : "", item->name);
		if (kind == AIOS_LINT_SECTION || kind == AIOS_LINT_OBJECT)
			fprintf(out, " %s", human_bytes(bytes, item->bytes));
		else if (!item->good && item->remark[0])
			fprintf(out, " (%s)", item->remark);
	}
	if (!fclose(out) && (n || none))
		fact(label, n ? text : none);
	free(text);
}

static void devices(const struct aios_lint_report *report)
{
	const char *label = "devices";

	for (size_t i = 0; i < report->n_items; i++) {
		char line[1200];

		if (report->items[i].kind != AIOS_LINT_DEVICE)
			continue;
		snprintf(line, sizeof(line), "%s: %s", report->items[i].name,
			 report->items[i].remark);
		fact(label, line);
		label = "";
	}
}

static void facts(const struct aios_lint_report *report)
{
	char line[512], bytes[HUMAN], limit[HUMAN];

	out_printf("%s\n", report->path);
	if (report->name[0]) {
		snprintf(line, sizeof(line), "%s %s%s%s", report->kind_name, report->name,
			 report->description[0] ? ": " : "", report->description);
		fact("module", line);
		snprintf(line, sizeof(line), "%s; this AIOS has %s", report->abi, report->core_abi);
		fact("abi", line);
	}
	if (report->version[0])
		fact("version", report->version);
	if (report->license[0])
		fact("license", report->license);
	if (report->isa[0])
		fact("isa", report->isa);
	fact("size", human_bytes(bytes, report->file_bytes));
	if (!report->name[0])
		return;
	list_items(report, AIOS_LINT_EXPORT, "exports", "nothing");
	list_items(report, AIOS_LINT_IMPORT, "imports", "nothing");
	list_items(report, AIOS_LINT_LIBRARY, "libraries", "none");
	snprintf(line, sizeof(line), "%s of at most %s", human_bytes(bytes, report->writable_bytes),
		 human_bytes(limit, report->writable_limit));
	fact("writable", line);
	list_items(report, AIOS_LINT_SECTION, "  sections", NULL);
	list_items(report, AIOS_LINT_OBJECT, "  variables", NULL);
	snprintf(line, sizeof(line), ".init_array %" PRIu64 ", .fini_array %" PRIu64 "%s",
		 report->init_array, report->fini_array,
		 report->init_array <= 1 && report->fini_array <= 1 ? ": the C runtime's own" : "");
	fact("at load", line);
	snprintf(line, sizeof(line), "%s, %s, %s stack, %s", report->relro ? "relro" : "no relro",
		 report->bind_now ? "bound at once" : "bound lazily",
		 report->exec_stack ? "executable" : "plain",
		 report->text_relocations ? "text relocations" : "no text relocations");
	fact("hardening", line);
	if (report->loaded) {
		list_items(report, AIOS_LINT_SLOT, "left out", NULL);
		devices(report);
	}
}

static void findings(const struct aios_lint_report *report)
{
	if (report->n_findings)
		out_printf("\n");
	for (uint32_t level = AIOS_LINT_ERROR; level <= AIOS_LINT_NOTE; level++) {
		for (size_t i = 0; i < report->n_findings; i++) {
			const struct aios_lint_finding *f = &report->findings[i];

			if (f->level != level)
				continue;
			out_printf("%-8s %-7s ", level_name(level), f->rule);
			wrap(stdout, f->message, 17, 17, WIDTH);
			out_printf("\n");
		}
	}
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

static void lint_text(const struct aios_lint_report *report, bool load)
{
	facts(report);
	findings(report);
	out_printf("\n");
	if (report->n_errors)
		out_printf("%u error%s, %u warning%s: it is refused.\n", report->n_errors,
			   plural(report->n_errors), report->n_warnings,
			   plural(report->n_warnings));
	else if (report->n_warnings)
		out_printf("%u warning%s: it %s.\n", report->n_warnings, plural(report->n_warnings),
			   load ? "loads" : "would be loaded");
	else
		out_printf("Clean: it %s.\n", load ? "loads" : "would be loaded");
}

int driver_lint(struct cli *cli, const char *path, struct aios_status *st)
{
	bool load = cli_flag(cli, AIOS_SECTION_COMMAND, "load");
	struct aios_lint_report *report;
	int64_t seconds = cli_int(cli, "aios", "probe_timeout");
	int rc = aios_lint(path, load ? AIOS_LINT_LOAD : 0, (uint32_t)seconds * 1000, &report, st);

	if (rc)
		return rc;
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json"))
		rc = lint_json(report, st);
	else
		lint_text(report, load);
	if (!rc && report->n_errors)
		rc = CLI_FAILED;
	aios_lint_free(report);
	return rc;
}
