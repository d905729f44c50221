/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args.c - the command line, read by the option table: --name VALUE, --name=VALUE,
 * --flag, --no-flag, -n VALUE, -nVALUE, -- to end options. Options may stand before
 * and after the command; the first word that is no option is the command.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* What is left of argv while it is read. */
struct reader {
	int argc;
	char **argv;
	int at;
	bool operands_only; /* after "--" */
};

bool command_takes(const struct command *command, const struct aios_option *option)
{
	if ((option->commands & AIOS_CMD_ALL) == AIOS_CMD_ALL)
		return true;
	return (option->commands & command->bit) != 0;
}

const char *option_spelling(const struct aios_option *option, char *text, size_t size)
{
	if (option->cli)
		snprintf(text, size, "--%s", option->cli);
	else
		snprintf(text, size, "-%c", option->cli_short);
	return text;
}

static void give(struct cli *cli, int option, const char *value)
{
	cli->given[cli->n_given++] = (struct given){ .option = option, .value = value };
}

/* Does the command line say --help, --version? */
static bool says(const struct cli *cli, const char *key)
{
	int option = aios_config_find(cli->config, AIOS_SECTION_COMMAND, key);

	for (size_t i = 0; i < cli->n_given; i++)
		if (cli->given[i].option == option && strcmp(cli->given[i].value, "true") == 0)
			return true;
	return false;
}

static const char *next_value(struct reader *r)
{
	return r->at + 1 < r->argc ? r->argv[++r->at] : NULL;
}

static int missing_value(const struct aios_option *option, const char *typed,
			 struct aios_status *st)
{
	char expected[200];

	return cli_usage(st, "%s needs a value: %s", typed,
			 aios_param_describe(&option->param, expected, sizeof(expected)));
}

static int unknown(const struct cli *cli, const char *name, struct aios_status *st)
{
	uint32_t bit = cli->command ? cli->command->bit : AIOS_CMD_ALL;
	const char *near = aios_config_suggest_cli(cli->config, name, (enum aios_command)bit);

	if (near)
		return cli_usage(st, "unknown option --%s; did you mean --%s?", name, near);
	return cli_usage(st, "unknown option --%s; 'aios help%s%s' lists the options", name,
			 cli->command ? " " : "", cli->command ? cli->command->name : " run");
}

/* Names that other programs give to options of ours. */
static const char *translate(const char *name)
{
	static const char *const names[][2] = {
		{ "repeat-penalty", "repetition-penalty" },
		{ "n-predict", "max-tokens" },
		{ "ctx-size", "context-length" },
		{ "max-model-len", "context-length" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i][0]) == 0)
			return names[i][1];
	return name;
}

static int read_long(struct cli *cli, struct reader *r, struct aios_status *st)
{
	const char *arg = r->argv[r->at] + 2;
	size_t len = strcspn(arg, "=");
	const char *value = arg[len] ? arg + len + 1 : NULL;
	const struct aios_option *option;
	bool negated = false;
	char name[64], typed[72];
	int index;

	snprintf(name, sizeof(name), "%.*s", (int)(len < 63 ? len : 63), arg);
	snprintf(typed, sizeof(typed), "--%s", name);
	index = aios_config_find_cli(cli->config, translate(name), &negated);
	if (index < 0)
		return unknown(cli, name, st);
	option = aios_config_option(cli->config, (size_t)index);
	if (option->param.type == AIOS_PARAM_BOOL) {
		if (negated && value)
			return cli_usage(st, "%s takes no value", typed);
		give(cli, index, value ? value : negated ? "false" : "true");
		return 0;
	}
	if (!value)
		value = next_value(r);
	if (!value)
		return missing_value(option, typed, st);
	give(cli, index, value);
	return 0;
}

/* One argument of short options: flags may be joined, a value may follow at once. */
static int read_short(struct cli *cli, struct reader *r, struct aios_status *st)
{
	const char *arg = r->argv[r->at] + 1;

	for (; *arg; arg++) {
		const struct aios_option *option;
		char typed[] = { '-', *arg, '\0' };
		const char *value;
		int index;

		index = aios_config_find_short(cli->config, *arg);
		if (index < 0)
			return cli_usage(st, "unknown option %s; 'aios help%s%s' lists the options",
					 typed, cli->command ? " " : "",
					 cli->command ? cli->command->name : " run");
		option = aios_config_option(cli->config, (size_t)index);
		if (option->param.type == AIOS_PARAM_BOOL) {
			give(cli, index, "true");
			continue;
		}
		value = arg[1] ? arg + 1 : next_value(r);
		if (!value)
			return missing_value(option, typed, st);
		give(cli, index, value);
		return 0;
	}
	return 0;
}

static int unknown_command(const char *name, struct aios_status *st)
{
	const char *names[32];
	char list[256];
	const char *near;
	size_t n = 0, at = 0;

	for (size_t i = 0; i < n_commands && n < 32; i++) {
		if (commands[i].hidden)
			continue;
		names[n] = commands[i].name;
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", n ? ", " : "",
				       names[n]);
		n++;
		if (at >= sizeof(list))
			break;
	}
	near = aios_suggest(name, names, n);
	return cli_usage(st, "unknown command '%s'%s%s%s; the commands are %s", name,
			 near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "", list);
}

static int read_operand(struct cli *cli, struct reader *r, struct aios_status *st)
{
	char *arg = r->argv[r->at];

	if (cli->command) {
		cli->args[cli->n_args++] = arg;
		return 0;
	}
	cli->command = command_find(arg);
	return cli->command ? 0 : unknown_command(arg, st);
}

static int read_all(struct cli *cli, struct reader *r, struct aios_status *st)
{
	int rc = 0;

	for (r->at = 1; r->at < r->argc && !rc; r->at++) {
		const char *arg = r->argv[r->at];

		if (r->operands_only || arg[0] != '-' || !arg[1])
			rc = read_operand(cli, r, st);
		else if (strcmp(arg, "--") == 0)
			r->operands_only = true;
		else if (arg[1] == '-')
			rc = read_long(cli, r, st);
		else
			rc = read_short(cli, r, st);
	}
	return rc;
}

/* "run, logits": the commands that take the option. */
static void owners(const struct aios_option *option, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n_commands && at < size; i++)
		if (!commands[i].hidden && command_takes(&commands[i], option))
			at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "",
					       commands[i].name);
}

static int check(const struct cli *cli, struct aios_status *st)
{
	const struct command *command = cli->command;

	for (size_t i = 0; i < cli->n_given; i++) {
		const struct aios_option *option =
			aios_config_option(cli->config, (size_t)cli->given[i].option);
		char name[64], list[200];

		if (command_takes(command, option))
			continue;
		option_spelling(option, name, sizeof(name));
		owners(option, list, sizeof(list));
		if (!list[0])
			return cli_usage(st, "%s is not an option of 'aios %s'", name,
					 command->name);
		return cli_usage(st, "%s is not an option of 'aios %s' but of %s", name,
				 command->name, list);
	}
	if (cli->n_args > command->max_args)
		return cli_usage(st, "unexpected '%s'; usage: aios %.*s",
				 cli->args[command->max_args],
				 (int)strcspn(command->synopsis, "\n"), command->synopsis);
	return 0;
}

int args_parse(struct cli *cli, int argc, char **argv, struct aios_status *st)
{
	struct reader r = { .argc = argc, .argv = argv };
	const struct command *asked;
	int rc;

	/* A short argument may join as many flags as it has letters. */
	size_t most = 1;
	for (int i = 1; i < argc; i++)
		most += strlen(argv[i]) + 1;
	cli->given = calloc(most, sizeof(*cli->given));
	cli->args = calloc((size_t)argc + 1, sizeof(*cli->args));
	if (!cli->given || !cli->args)
		return aios_fail(st, -ENOMEM, "out of memory while reading the command line");
	rc = read_all(cli, &r, st);
	asked = cli->command;
	if (!cli->command)
		cli->command = command_find("run");
	if (rc)
		return rc;
	if (says(cli, "version")) {
		cli->command = command_find("version");
		cli->n_given = cli->n_args = 0;
	} else if (says(cli, "help") || (argc == 1 && isatty(STDIN_FILENO))) {
		/* `aios run --help` is `aios help run`. */
		cli->command = command_find("help");
		cli->n_given = cli->n_args = 0;
		if (asked && asked != cli->command)
			cli->args[cli->n_args++] = (char *)(uintptr_t)asked->name;
	}
	return check(cli, st);
}

int args_apply(struct cli *cli, struct aios_status *st)
{
	for (size_t i = 0; i < cli->n_given; i++) {
		const struct given *given = &cli->given[i];
		const struct aios_option *option =
			aios_config_option(cli->config, (size_t)given->option);
		char name[64], origin[96];
		int rc;

		if (strcmp(option->section, AIOS_SECTION_COMMAND) == 0 &&
		    strcmp(option->param.name, "set") == 0) {
			rc = aios_config_set_text(cli->config, given->value, st);
		} else {
			snprintf(origin, sizeof(origin), "command line %s",
				 option_spelling(option, name, sizeof(name)));
			rc = aios_config_set(cli->config, option->section, option->param.name,
					     given->value, AIOS_CONFIG_CLI, origin, st);
		}
		if (rc)
			return rc;
	}
	return 0;
}
