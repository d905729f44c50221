/* SPDX-License-Identifier: Apache-2.0 */
/* driver.c - aios driver list, aios driver show NAME: drivers, and hooks over drivers. */
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "driver.h"
#include "out.h"
#include "table.h"
#include "text.h"

/* The next candidate of `kind`; a file that is no module may have been meant as a driver. */
static bool next_module(struct cli *cli, uint32_t kind, uint32_t *at,
			struct aios_module_report *out)
{
	while (aios_module(cli->aios, (*at)++, out))
		if (out->kind == kind || (!out->kind && kind == AIOS_KIND_DRIVER))
			return true;
	return false;
}

static json_t *report_json(const struct aios_module_report *report)
{
	json_t *object = json_object();

	json_put(&object, "name", json_string(report->name));
	json_put(&object, "path", json_text(report->path, strlen(report->path)));
	json_put(&object, "accepted", json_boolean(report->accepted));
	json_put(&object, "reason", json_text(report->reason, strlen(report->reason)));
	json_put(&object, "description",
		 json_text(report->description, strlen(report->description)));
	json_put(&object, "version", json_string(report->version));
	json_put(&object, "license", json_string(report->license));
	json_put(&object, "abi", json_string(report->abi));
	json_put(&object, "isa", json_string(report->isa));
	json_put(&object, "needs", json_string(report->needs));
	return object;
}

static json_t *modules_json(struct cli *cli, uint32_t kind, bool why)
{
	json_t *array = json_array();
	struct aios_module_report report;
	uint32_t at = 0;

	while (next_module(cli, kind, &at, &report))
		if (report.accepted || why)
			json_add(&array, report_json(&report));
	return array;
}

static int list_json(struct cli *cli, bool why, struct aios_status *st)
{
	json_t *object = json_object();

	json_put(&object, "drivers", modules_json(cli, AIOS_KIND_DRIVER, why));
	json_put(&object, "hooks", modules_json(cli, AIOS_KIND_HOOK, why));
	return out_json(object, 2, st);
}

/* Drivers, and below them the hooks that --hook may put over one. */
static void list_table(struct cli *cli)
{
	static const struct {
		uint32_t kind;
		const char *title;
	} kinds[] = { { AIOS_KIND_DRIVER, "DRIVER" }, { AIOS_KIND_HOOK, "HOOK" } };
	struct table table = { 0 };
	struct aios_module_report report;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool any = kinds[i].kind == AIOS_KIND_DRIVER;
		uint32_t at = 0;

		if (any)
			table_row(&table, kinds[i].title, "DESCRIPTION", "WHERE", NULL);
		while (next_module(cli, kinds[i].kind, &at, &report)) {
			if (!report.accepted)
				continue;
			if (!any)
				table_row(&table, kinds[i].title, "", "", NULL);
			any = true;
			table_row(&table, report.name, report.description, report.path, NULL);
		}
	}
	table_print(&table, true);
}

/* Every candidate and what became of it. */
static int list_why(struct cli *cli, struct aios_status *st)
{
	char *journal = aios_explain_modules(cli->aios, AIOS_KIND_DRIVER);

	if (!journal)
		return aios_fail(st, -ENOMEM, "out of memory for the list of candidates");
	out_printf("\n%s", journal);
	free(journal);
	return 0;
}

static int driver_list(struct cli *cli, struct aios_status *st)
{
	bool why = cli_flag(cli, AIOS_SECTION_COMMAND, "why");

	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json"))
		return list_json(cli, why, st);
	list_table(cli);
	return why ? list_why(cli, st) : 0;
}

/* The accepted driver or hook `name`; else why there is none. */
static int find_driver(struct cli *cli, const char *name, struct aios_module_report *out,
		       struct aios_status *st)
{
	static const uint32_t kinds[] = { AIOS_KIND_DRIVER, AIOS_KIND_HOOK };
	const char *names[64], *refused = NULL, *path = NULL, *near;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint32_t at = 0;

		while (next_module(cli, kinds[i], &at, out)) {
			if (strcmp(out->name, name) == 0) {
				if (out->accepted)
					return 0;
				refused = out->reason;
				path = out->path;
			}
			if (n < 64 && out->accepted)
				names[n++] = out->name;
		}
	}
	if (refused)
		return aios_fail(st, -ENOENT, "driver %s (%s) is refused: %s", name, path, refused);
	near = aios_suggest(name, names, n);
	return aios_fail(st, -ENOENT, "there is no driver %s%s%s%s; 'aios driver list' lists them",
			 name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

/* "driver.NAME": where the ini file has the module's parameters. */
static const char *section_of(const struct aios_module_report *report, char text[96])
{
	snprintf(text, 96, "%s.%.80s", report->kind == AIOS_KIND_HOOK ? "hook" : "driver",
		 report->name);
	return text;
}

static json_t *params_json(struct cli *cli, const struct aios_module_report *report,
			   const struct aios_param *params, uint32_t n)
{
	json_t *array = json_array();
	char section[96], kind[200];

	section_of(report, section);
	for (uint32_t i = 0; i < n; i++) {
		const char *value = aios_config_get(cli->config, section, params[i].name);
		const char *origin = aios_config_origin(cli->config, section, params[i].name);
		json_t *object = json_object();

		json_put(&object, "name", json_string(params[i].name));
		json_put(&object, "value", json_string(value ? value : params[i].default_text));
		json_put(&object, "origin", json_string(origin ? origin : "default"));
		json_put(&object, "default", json_string(params[i].default_text));
		json_put(&object, "type",
			 json_string(aios_param_describe(&params[i], kind, sizeof(kind))));
		json_put(&object, "help", json_string(params[i].help));
		json_add(&array, object);
	}
	return array;
}

static void params_text(struct cli *cli, const struct aios_module_report *report,
			const struct aios_param *params, uint32_t n)
{
	char section[96];

	section_of(report, section);
	out_printf("\nParameters, in the ini file under [%s]:\n", section);
	for (uint32_t i = 0; i < n; i++) {
		const char *value = aios_config_get(cli->config, section, params[i].name);
		const char *origin = aios_config_origin(cli->config, section, params[i].name);
		char kind[200];

		out_printf("  %s = %s  (%s)\n      %s\n      %s; default %s\n", params[i].name,
			   value ? value : params[i].default_text, origin ? origin : "default",
			   params[i].help, aios_param_describe(&params[i], kind, sizeof(kind)),
			   params[i].default_text[0] ? params[i].default_text : "empty");
	}
	if (!n)
		out_printf("  none\n");
}

static void fact(const char *name, const char *value)
{
	if (value[0])
		out_printf("  %-12s %s\n", name, value);
}

static void devices_text(struct cli *cli, const char *name)
{
	struct aios_device_report *list;
	struct aios_status why = { 0 };
	bool any = false;
	size_t n;

	out_printf("\nDevices:\n");
	if (devices_read(cli, &list, &n, &why)) {
		out_printf("  none: %s\n", why.message);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		char memory[HUMAN], profiles[160];

		if (strcmp(list[i].driver, name) != 0)
			continue;
		any = true;
		out_printf("  %s  %s, %s\n", list[i].desc.id, list[i].desc.name,
			   list[i].desc.memory ? human_bytes(memory, list[i].desc.memory) :
						 "memory unknown");
		if (list[i].opened)
			out_printf("      %s\n      profiles %s\n", list[i].info.runtime,
				   device_profiles(&list[i], profiles, sizeof(profiles)));
		if (list[i].desc.reason[0])
			out_printf("      score %d: %s\n", (int)list[i].desc.score,
				   list[i].desc.reason);
	}
	free(list);
	if (!any)
		out_printf("  none\n");
}

static int show_json(struct cli *cli, const struct aios_module_report *report,
		     const struct aios_param *params, uint32_t n_params, struct aios_status *st)
{
	json_t *object = report_json(report), *array = json_array();
	struct aios_device_report *list = NULL;
	struct aios_status ignored = { 0 };
	size_t n = 0;

	/* A driver without a device is still worth showing. */
	devices_read(cli, &list, &n, &ignored);
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].driver, report->name) == 0)
			json_add(&array, device_json(&list[i]));
	free(list);
	json_put(&object, "params", params_json(cli, report, params, n_params));
	json_put(&object, "devices", array);
	return out_json(object, 2, st);
}

static int driver_show(struct cli *cli, const char *name, struct aios_status *st)
{
	const struct aios_param *params = NULL;
	struct aios_module_report report;
	uint32_t n = 0;
	int rc = find_driver(cli, name, &report, st);

	if (!rc)
		rc = aios_module_params(cli->aios, report.kind, name, &params, &n, st);
	/* Loading read the metadata once more. */
	if (!rc)
		rc = find_driver(cli, name, &report, st);
	if (rc)
		return rc;
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json"))
		return show_json(cli, &report, params, n, st);
	out_printf("%s: %s\n", report.name, report.description);
	fact("where", report.path);
	fact("version", report.version);
	fact("license", report.license);
	fact("abi", report.abi);
	fact("isa", report.isa);
	fact("needs", report.needs);
	params_text(cli, &report, params, n);
	if (report.kind == AIOS_KIND_DRIVER)
		devices_text(cli, name);
	return 0;
}

int driver_main(struct cli *cli, struct aios_status *st)
{
	static const char *const verbs[] = { "list", "show", "new", "lint" };
	const char *verb = cli->n_args ? cli->args[0] : "list";
	const char *near;
	int rc;

	if (strcmp(verb, "list") == 0) {
		if (cli->n_args > 1)
			return cli_usage(st, "unexpected '%s' after 'driver list'", cli->args[1]);
		rc = cli_boot(cli, st);
		return rc ? rc : driver_list(cli, st);
	}
	if (strcmp(verb, "show") == 0) {
		if (cli->n_args < 2)
			return cli_usage(st, "'driver show' needs the name of a driver; 'aios "
					     "driver list' lists them");
		rc = cli_boot(cli, st);
		return rc ? rc : driver_show(cli, cli->args[1], st);
	}
	if (strcmp(verb, "new") == 0) {
		if (cli->n_args < 2)
			return cli_usage(st, "'driver new' needs a name for the driver");
		return driver_new(cli, cli->args[1], st);
	}
	if (strcmp(verb, "lint") == 0) {
		if (cli->n_args < 2)
			return cli_usage(st, "'driver lint' needs a file, such as ./foo.so");
		return driver_lint(cli, cli->args[1], st);
	}
	near = aios_suggest(verb, verbs, sizeof(verbs) / sizeof(verbs[0]));
	return cli_usage(st,
			 "unknown 'driver %s'%s%s%s; there are 'driver list', 'show', 'new' and "
			 "'lint'",
			 verb, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}
