/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - aios help, aios COMMAND --help, aios version: made from the tables. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli.h"
#include "out.h"
#include "text.h"

enum {
	NAME_COLUMN = 30, /* where the explanation of an option begins */
	WIDEST = 100,
};

/* Where help goes and how it looks there. */
struct page {
	FILE *out;
	unsigned width;
	bool color;
};

static struct page page_open(void)
{
	unsigned columns = isatty(STDOUT_FILENO) ? terminal_columns(STDOUT_FILENO) : WIDEST;

	return (struct page){
		.out = stdout,
		.width = columns < 60     ? 60 :
			 columns > WIDEST ? WIDEST :
					    columns,
		.color = terminal_has_color(STDOUT_FILENO),
	};
}

static void heading(const struct page *page, const char *text)
{
	fprintf(page->out, "\n%s%s:%s\n", style_on(page->color, STYLE_BOLD), text,
		style_off(page->color));
}

/* A long list may be broken between its words. */
#define LONG_CHOICES 60
static void describe_choices(const char *choices, char *text, size_t size)
{
	const char *bar = strlen(choices) > LONG_CHOICES ? " | " : "|";
	size_t at = 0, n;

	for (; *choices && at < size; choices += n + (choices[n] == '|')) {
		n = strcspn(choices, "|");
		at += (size_t)snprintf(text + at, size - at, "%s%.*s", at ? bar : "", (int)n,
				       choices);
	}
}

/* "[env AIOS_SEED, ini sampling.seed, default 0]": each part stays on one line. */
static void describe_origin(const struct aios_option *option, char *text, size_t size)
{
	const struct aios_param *param = &option->param;
	bool shows_default = param->default_text[0] && param->type != AIOS_PARAM_BOOL;
	size_t at = 0;

	text[0] = '\0';
	if (strcmp(option->section, AIOS_SECTION_COMMAND) != 0)
		at += (size_t)snprintf(text + at, size - at, "env%c%s, ini%c%s.%s", WRAP_GLUE,
				       option->env ? option->env : "none", WRAP_GLUE,
				       option->section, param->name);
	if (shows_default && at < size)
		at += (size_t)snprintf(text + at, size - at, "%sdefault%c%s", at ? ", " : "",
				       WRAP_GLUE, param->default_text);
	if (param->type != AIOS_PARAM_CHOICE || at >= size)
		return;
	at += (size_t)snprintf(text + at, size - at, "%s", at ? ", " : "");
	if (at < size)
		describe_choices(param->choices, text + at, size - at);
}

static void option_help(const struct page *page, const struct aios_option *option)
{
	bool flag = option->param.type == AIOS_PARAM_BOOL;
	bool on = flag && strcmp(option->param.default_text, "true") == 0;
	char name[80], letter[8] = "    ", origin[320];
	int n;

	if (option->cli_short)
		snprintf(letter, sizeof(letter), "-%c, ", option->cli_short);
	/* A flag that is on already is turned off. */
	n = snprintf(name, sizeof(name), "  %s--%s%s%s%s", letter, on ? "no-" : "",
		     option->cli ? option->cli : "", flag ? "" : " ",
		     flag               ? "" :
		     option->value_name ? option->value_name :
					  "VALUE");
	fprintf(page->out, "%-*s", NAME_COLUMN, name);
	if (n >= NAME_COLUMN)
		fprintf(page->out, "\n%*s", NAME_COLUMN, "");
	if (on)
		fputs("Not: ", page->out);
	wrap(page->out, option->param.help, NAME_COLUMN + (on ? 5 : 0), NAME_COLUMN, page->width);
	describe_origin(option, origin, sizeof(origin));
	if (origin[0]) {
		fprintf(page->out, "\n%*s%s[", NAME_COLUMN, "", style_on(page->color, STYLE_DIM));
		wrap(page->out, origin, NAME_COLUMN + 1, NAME_COLUMN + 1, page->width - 1);
		fprintf(page->out, "]%s", style_off(page->color));
	}
	fputc('\n', page->out);
}

/* What people look for first comes first; groups that are not named here follow. */
static unsigned rank(const char *group)
{
	static const char *const order[] = { "Input",  "Model",  "Sampling",
					     "Output", "Device", "Engine" };
	unsigned n = sizeof(order) / sizeof(order[0]);

	for (unsigned i = 0; i < n; i++)
		if (strcmp(order[i], group) == 0)
			return i;
	return n;
}

size_t help_groups(const struct cli *cli, const struct command *command,
		   const char *groups[MOST_GROUPS])
{
	size_t n = 0, count = aios_config_count(cli->config);

	for (size_t i = 0; i < count; i++) {
		const struct aios_option *option = aios_config_option(cli->config, i);
		size_t at = 0;

		if (!option->cli || (command && !command_takes(command, option)))
			continue;
		while (at < n && strcmp(groups[at], option->group) != 0)
			at++;
		if (at < n || n == MOST_GROUPS)
			continue;
		for (at = n++; at && rank(groups[at - 1]) > rank(option->group); at--)
			groups[at] = groups[at - 1];
		groups[at] = option->group;
	}
	return n;
}

static void group_help(const struct cli *cli, const struct page *page,
		       const struct command *command, const char *group)
{
	size_t count = aios_config_count(cli->config);

	heading(page, group);
	for (size_t i = 0; i < count; i++) {
		const struct aios_option *option = aios_config_option(cli->config, i);

		if (option->cli && strcmp(option->group, group) == 0 &&
		    (!command || command_takes(command, option)))
			option_help(page, option);
	}
}

static void usage(const struct page *page, const char *synopsis)
{
	const char *lead = "Usage:";

	for (const char *line = synopsis; *line;) {
		size_t len = strcspn(line, "\n");

		fprintf(page->out, "%s%-6s%s aios %.*s\n", style_on(page->color, STYLE_BOLD), lead,
			style_off(page->color), (int)len, line);
		lead = "";
		line += len + (line[len] == '\n');
	}
}

static void lines(const struct page *page, const char *text)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		fprintf(page->out, "  %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static void overview(const struct cli *cli, const struct page *page)
{
	const char *groups[MOST_GROUPS];
	size_t n = help_groups(cli, NULL, groups);

	usage(page, "[COMMAND] [OPTION ...]\n-m DIR -p TEXT");
	fputc('\n', page->out);
	wrap(page->out,
	     "AIOS runs large language models. An answer is the same, bit for bit, on every "
	     "device, "
	     "in every batch, on every day.",
	     0, 0, page->width);
	fputc('\n', page->out);
	heading(page, "Commands");
	for (size_t i = 0; i < n_commands; i++)
		if (!commands[i].hidden)
			fprintf(page->out, "  %-12s %s\n", commands[i].name, commands[i].summary);
	heading(page, "Groups of options");
	for (size_t i = 0; i < n; i++)
		fprintf(page->out, "%s%s", i ? ", " : "  ", groups[i]);
	fputs("\n\n", page->out);
	wrap(page->out,
	     "'aios help COMMAND' explains a command, 'aios help GROUP' a group of options. Every "
	     "option with an env or ini name may also be set there; the command line wins over "
	     "the environment, and that over the ini file. Exit codes: 0, 1 failed, 2 wrong "
	     "usage.",
	     0, 0, page->width);
	fputc('\n', page->out);
}

void help_command(struct cli *cli, const struct command *command)
{
	struct page page = page_open();
	const char *groups[MOST_GROUPS];
	size_t n;

	if (!command) {
		overview(cli, &page);
		return;
	}
	usage(&page, command->synopsis);
	fputc('\n', page.out);
	wrap(page.out, command->details, 0, 0, page.width);
	fputc('\n', page.out);
	if (command->examples) {
		heading(&page, "Examples");
		lines(&page, command->examples);
	}
	n = help_groups(cli, command, groups);
	for (size_t i = 0; i < n; i++)
		group_help(cli, &page, command, groups[i]);
}

int help_main(struct cli *cli, struct aios_status *st)
{
	const char *words[MOST_GROUPS + 32];
	const char *name = cli->n_args ? cli->args[0] : NULL;
	const struct command *command = name ? command_find(name) : NULL;
	const char *near;
	size_t n;

	if (!name || command) {
		help_command(cli, command);
		return 0;
	}
	n = help_groups(cli, NULL, words);
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(words[i], name) == 0) {
			struct page page = page_open();

			group_help(cli, &page, NULL, words[i]);
			return 0;
		}
	}
	for (size_t i = 0; i < n_commands && n < sizeof(words) / sizeof(words[0]); i++)
		words[n++] = commands[i].name;
	near = aios_suggest(name, words, n);
	return cli_usage(
		st,
		"no command and no group of options is called '%s'%s%s%s; 'aios help' lists them",
		name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

int version_main(struct cli *cli, struct aios_status *st)
{
	json_t *object;
	char abi[40];

	snprintf(abi, sizeof(abi), "%u.%u:0x%08x", (unsigned)AIOS_ABI_MAJOR,
		 (unsigned)AIOS_ABI_MINOR, (unsigned)AIOS_ABI_HASH);
	if (!cli_flag(cli, AIOS_SECTION_COMMAND, "json")) {
		out_printf("aios %s, module ABI %s\n", aios_version(), abi);
		return 0;
	}
	object = json_object();
	json_put(&object, "version", json_string(aios_version()));
	json_put(&object, "abi", json_string(abi));
	return out_json(object, 2, st);
}
