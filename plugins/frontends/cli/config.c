/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - aios config: the values in force, as an ini file, and where they come from. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "out.h"
#include "text.h"

/* Modules declare their parameters when they are loaded: load them, so that all rows are there. */
static void declare_modules(struct cli *cli)
{
	struct aios_module_report report;

	for (uint32_t i = 0; aios_module(cli->aios, i, &report); i++) {
		const struct aios_param *params;
		struct aios_status st = { 0 };
		char name[64];
		uint32_t n;

		snprintf(name, sizeof(name), "%s", report.name);
		if (report.accepted &&
		    aios_module_params(cli->aios, report.kind, name, &params, &n, &st))
			terminal_log(&cli->term, AIOS_LOG_WARN, name, st.message);
	}
}

static bool shown(const struct aios_option *option, const char *section)
{
	return strcmp(option->section, AIOS_SECTION_COMMAND) != 0 &&
	       (!section || strcmp(option->section, section) == 0);
}

static int print_json(struct cli *cli, const char *section, struct aios_status *st)
{
	size_t count = aios_config_count(cli->config);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct aios_option *option = aios_config_option(cli->config, i);
		const char *key = option->param.name;
		json_t *object;

		if (!shown(option, section))
			continue;
		object = json_object();
		json_put(&object, "section", json_string(option->section));
		json_put(&object, "key", json_string(key));
		json_put(&object, "value",
			 json_string(aios_config_get(cli->config, option->section, key)));
		json_put(&object, "origin",
			 json_string(aios_config_origin(cli->config, option->section, key)));
		json_put(&object, "default", json_string(option->param.default_text));
		json_put(&object, "env", option->env ? json_string(option->env) : json_null());
		json_add(&array, object);
	}
	return out_json(array, 2, st);
}

static void print_ini(struct cli *cli, const char *section, bool origins)
{
	size_t count = aios_config_count(cli->config);
	const char *last = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct aios_option *option = aios_config_option(cli->config, i);
		const char *key = option->param.name, *value;
		int width;

		if (!shown(option, section))
			continue;
		if (!last || strcmp(last, option->section) != 0)
			out_printf("%s[%s]\n", last ? "\n" : "", option->section);
		last = option->section;
		value = aios_config_get(cli->config, option->section, key);
		width = (int)(strlen(key) + strlen(value) + 3);
		out_printf("%s = %s", key, value);
		if (origins)
			out_printf("%*s ; %s", width < 32 ? 32 - width : 0, "",
				   aios_config_origin(cli->config, option->section, key));
		out_printf("\n");
	}
}

/* "section.key", or a key of [aios]: only the value. -ENOENT when there is none. */
static int print_one(struct cli *cli, const char *name, bool origin)
{
	const char *dot = strrchr(name, '.');
	char section[128] = "aios";
	const char *value;

	if (dot)
		snprintf(section, sizeof(section), "%.*s", (int)(dot - name), name);
	name = dot ? dot + 1 : name;
	value = strcmp(section, AIOS_SECTION_COMMAND) != 0 ?
			aios_config_get(cli->config, section, name) :
			NULL;
	if (!value)
		return -ENOENT;
	out_printf("%s%s%s\n", value, origin ? "  ; " : "",
		   origin ? aios_config_origin(cli->config, section, name) : "");
	return 0;
}

static bool section_exists(struct cli *cli, const char *section)
{
	size_t count = aios_config_count(cli->config);

	for (size_t i = 0; i < count; i++)
		if (shown(aios_config_option(cli->config, i), section))
			return true;
	return false;
}

int config_main(struct cli *cli, struct aios_status *st)
{
	bool origins = cli_flag(cli, AIOS_SECTION_COMMAND, "show_origin");
	const char *name = cli->n_args ? cli->args[0] : NULL;
	int rc = cli_boot(cli, st);

	if (rc)
		return rc;
	declare_modules(cli);
	if (name && !section_exists(cli, name)) {
		if (print_one(cli, name, origins) == 0)
			return 0;
		return cli_usage(
			st, "no section and no key is called '%s'; 'aios config' lists them", name);
	}
	if (cli_flag(cli, AIOS_SECTION_COMMAND, "json"))
		return print_json(cli, name, st);
	if (origins)
		out_printf("; %s%s\n", aios_config_ini_path(cli->config) ? "read " : "no ini file",
			   aios_config_ini_path(cli->config) ? aios_config_ini_path(cli->config) :
							       "");
	print_ini(cli, name, origins);
	return 0;
}
