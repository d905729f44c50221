/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scdoc.c - the parts of the manual that come from the tables, in scdoc's format:
 * `aios scdoc COMMAND` for a command's page, `aios scdoc` for the list of commands
 * and the options that all take, `aios scdoc ini` for the keys of the ini file.
 */
#include <string.h>

#include "cli.h"
#include "out.h"

/* Text with scdoc's own characters escaped; some are its own only where a line begins. */
static void plain(const char *text)
{
	bool begins = true;

	for (; *text; text++) {
		if (strchr(begins ? "\\_*#~<>-.;|[" : "\\_*#~<>", *text))
			out_write("\\", 1);
		begins = *text == '\n';
		out_printf("%c", *text);
	}
}

/* Paragraphs: in scdoc, as here, an empty line separates them. */
static void paragraphs(const char *text)
{
	plain(text);
	out_printf("\n\n");
}

static void indented_lines(const char *text, const char *lead)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		out_printf("%s%.*s\n", lead, (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void synopsis(const struct command *command)
{
	out_printf("# SYNOPSIS\n\n```\n");
	indented_lines(command->synopsis, "aios ");
	out_printf("```\n\n");
}

static void option_facts(const struct aios_option *option, bool with_ini)
{
	bool flag = option->param.type == AIOS_PARAM_BOOL;
	char kind[200];

	plain(option->param.help);
	/* That a text is a text need not be said. */
	if (!flag && option->param.type != AIOS_PARAM_STRING &&
	    option->param.type != AIOS_PARAM_PATH) {
		out_printf(" Value: ");
		plain(aios_param_describe(&option->param, kind, sizeof(kind)));
		out_printf(".");
	}
	if (with_ini && strcmp(option->section, AIOS_SECTION_COMMAND) != 0) {
		out_printf(" Ini: ");
		plain(option->section);
		out_printf(".");
		plain(option->param.name);
		out_printf(".");
	}
	if (option->env) {
		out_printf(" Environment: ");
		plain(option->env);
		out_printf(".");
	}
	if (option->param.default_text[0] && !(flag && with_ini)) {
		out_printf(" Default: ");
		plain(option->param.default_text);
		out_printf(".");
	}
	out_printf("\n\n");
}

static void option_entry(const struct aios_option *option)
{
	bool flag = option->param.type == AIOS_PARAM_BOOL;
	bool on = flag && strcmp(option->param.default_text, "true") == 0;

	if (option->cli_short)
		out_printf("*-%c*%s", option->cli_short, option->cli ? ", " : "");
	if (option->cli)
		out_printf("*--%s%s*", on ? "no-" : "", option->cli);
	if (!flag) {
		out_printf(" _");
		out_printf("%s", option->value_name ? option->value_name : "VALUE");
		out_printf("_");
	}
	out_printf("\n\t");
	if (on)
		out_printf("Not: ");
	option_facts(option, true);
}

/* The options of a command under their groups. */
static void options(const struct cli *cli, const struct command *command)
{
	size_t count = aios_config_count(cli->config);
	const char *groups[MOST_GROUPS];
	size_t n = help_groups(cli, command, groups);

	out_printf("# OPTIONS\n\n");
	for (size_t g = 0; g < n; g++) {
		out_printf("## %s\n\n", groups[g]);
		for (size_t i = 0; i < count; i++) {
			const struct aios_option *option = aios_config_option(cli->config, i);

			if (option->cli && strcmp(option->group, groups[g]) == 0 &&
			    command_takes(command, option))
				option_entry(option);
		}
	}
}

static void command_page(const struct cli *cli, const struct command *command)
{
	synopsis(command);
	out_printf("# DESCRIPTION\n\n");
	paragraphs(command->details);
	options(cli, command);
	if (!command->examples)
		return;
	out_printf("# EXAMPLES\n\n```\n");
	indented_lines(command->examples, "");
	out_printf("```\n");
}

static void overview(const struct cli *cli)
{
	out_printf("# COMMANDS\n\n");
	for (size_t i = 0; i < n_commands; i++) {
		if (commands[i].hidden)
			continue;
		out_printf("*%s*\n\t", commands[i].name);
		plain(commands[i].summary);
		out_printf("\n\n");
	}
	/* `version` has no options but those of all commands. */
	options(cli, command_find("version"));
}

static void ini_keys(const struct cli *cli)
{
	size_t count = aios_config_count(cli->config);
	const char *last = "";

	for (size_t i = 0; i < count; i++) {
		const struct aios_option *option = aios_config_option(cli->config, i);

		if (strcmp(option->section, AIOS_SECTION_COMMAND) == 0)
			continue;
		if (strcmp(option->section, last) != 0)
			out_printf("## [%s]\n\n", option->section);
		last = option->section;
		out_printf("*");
		plain(option->param.name);
		out_printf("*\n\t");
		option_facts(option, false);
	}
}

int scdoc_main(struct cli *cli, struct aios_status *st)
{
	const char *name = cli->n_args ? cli->args[0] : NULL;
	const struct command *command = name ? command_find(name) : NULL;

	if (!name)
		overview(cli);
	else if (command)
		command_page(cli, command);
	else if (strcmp(name, "ini") == 0)
		ini_keys(cli);
	else
		return cli_usage(st, "no command is called '%s'", name);
	return 0;
}
