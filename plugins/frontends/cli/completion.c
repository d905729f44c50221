/* SPDX-License-Identifier: Apache-2.0 */
/* completion.c - aios completion bash|zsh|fish: the tables as a shell's completion script. */
#include <string.h>

#include "cli.h"
#include "out.h"

/* What the value of an option is completed with. */
enum value_kind {
	VALUE_NONE,
	VALUE_ANY,
	VALUE_CHOICE,
	VALUE_FILE,
	VALUE_DIR,
	VALUE_DRIVER
};

static enum value_kind value_kind(const struct aios_option *option)
{
	if (option->param.type == AIOS_PARAM_BOOL)
		return VALUE_NONE;
	if (option->param.type == AIOS_PARAM_CHOICE)
		return VALUE_CHOICE;
	if (option->param.type == AIOS_PARAM_PATH)
		return option->value_name && strncmp(option->value_name, "DIR", 3) == 0 ?
			       VALUE_DIR :
			       VALUE_FILE;
	if (strcmp(option->section, "aios") == 0 && strcmp(option->param.name, "driver") == 0)
		return VALUE_DRIVER;
	return VALUE_ANY;
}

/* "--no-special" where a flag is on already, else "--special". */
static const char *flag_prefix(const struct aios_option *option)
{
	bool on = option->param.type == AIOS_PARAM_BOOL &&
		  strcmp(option->param.default_text, "true") == 0;

	return on ? "no-" : "";
}

/* "a|b" as "a b". */
static void choices(const struct aios_option *option)
{
	for (const char *c = option->param.choices; *c; c++)
		out_printf("%c", *c == '|' ? ' ' : *c);
}

/* Text for a place inside single quotes, up to the end of its first sentence. */
static void quoted(const char *text)
{
	for (; *text && !(text[0] == '.' && (!text[1] || text[1] == ' ')); text++) {
		if (*text == '\'')
			out_printf("'\\''");
		else
			out_printf("%c", *text);
	}
}

/* The same where zsh gives ':' and brackets a meaning. */
static void zsh_quoted(const char *text)
{
	for (; *text && !(text[0] == '.' && (!text[1] || text[1] == ' ')); text++) {
		if (*text == '\'')
			out_printf("'\\''");
		else if (strchr(":[]\\", *text))
			out_printf("\\%c", *text);
		else
			out_printf("%c", *text);
	}
}

static void command_names(const char *between)
{
	bool first = true;

	for (size_t i = 0; i < n_commands; i++) {
		if (commands[i].hidden)
			continue;
		out_printf("%s%s", first ? "" : between, commands[i].name);
		first = false;
	}
}

/* ---- bash ------------------------------------------------------------------- */

static void bash_value(const struct aios_option *option)
{
	enum value_kind kind = value_kind(option);

	if (kind == VALUE_NONE)
		return;
	out_printf("\t");
	if (option->cli_short)
		out_printf("-%c|", option->cli_short);
	out_printf("--%s) ", option->cli);
	switch (kind) {
	case VALUE_CHOICE:
		out_printf("COMPREPLY=($(compgen -W '");
		choices(option);
		out_printf("' -- \"$cur\"))");
		break;
	case VALUE_FILE:
		out_printf("COMPREPLY=($(compgen -f -- \"$cur\"))");
		break;
	case VALUE_DIR:
		/* tokenize takes a tokenizer.json in place of a folder. */
		out_printf("COMPREPLY=($(compgen %s -- \"$cur\"))",
			   option->cli_short ? "-f" : "-d");
		break;
	case VALUE_DRIVER:
		out_printf("COMPREPLY=($(compgen -W \"$(aios driver list 2>/dev/null | "
			   "awk 'NR > 1 { print $1 }')\" -- \"$cur\"))");
		break;
	default:
		out_printf(":");
		break;
	}
	out_printf("; return ;;\n");
}

static void bash_command(const struct cli *cli, const struct command *command)
{
	size_t count = aios_config_count(cli->config);

	out_printf("\t%s) options='", command->name);
	for (size_t i = 0; i < count; i++) {
		const struct aios_option *option = aios_config_option(cli->config, i);

		if (option->cli && command_takes(command, option))
			out_printf(" --%s%s", flag_prefix(option), option->cli);
	}
	out_printf("' words='%s' ;;\n", command->operands ? command->operands : "");
}

static void bash(const struct cli *cli)
{
	size_t count = aios_config_count(cli->config);

	out_printf("# Completion of aios for bash; written by 'aios completion bash'.\n"
		   "_aios()\n{\n"
		   "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		   "\tlocal command= word options words\n"
		   "\tCOMPREPLY=()\n"
		   "\t[[ $cur == = ]] && cur=\n"
		   "\t[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
		   "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		   "\t\tcase $word in\n\t\t");
	command_names("|");
	out_printf(") command=$word; break ;;\n\t\tesac\n\tdone\n\tcase $prev in\n");
	for (size_t i = 0; i < count; i++)
		if (aios_config_option(cli->config, i)->cli)
			bash_value(aios_config_option(cli->config, i));
	out_printf("\tesac\n\tcase ${command:-run} in\n");
	for (size_t i = 0; i < n_commands; i++)
		if (!commands[i].hidden)
			bash_command(cli, &commands[i]);
	out_printf("\tesac\n\t[[ $command == help ]] && words='");
	command_names(" ");
	out_printf("'\n\t[[ -z $command ]] && words='");
	command_names(" ");
	out_printf("'\n\t[[ $cur == -* ]] && words=$options\n"
		   "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
		   "}\ncomplete -o filenames -F _aios aios\n");
}

/* ---- zsh -------------------------------------------------------------------- */

static void zsh_value(const struct aios_option *option)
{
	enum value_kind kind = value_kind(option);

	if (kind == VALUE_NONE)
		return;
	out_printf(":%s:", option->value_name ? option->value_name : "value");
	if (kind == VALUE_CHOICE) {
		out_printf("(");
		choices(option);
		out_printf(")");
	} else if (kind == VALUE_FILE || (kind == VALUE_DIR && option->cli_short)) {
		out_printf("_files");
	} else if (kind == VALUE_DIR) {
		out_printf("_files -/");
	} else if (kind == VALUE_DRIVER) {
		out_printf("_aios_drivers");
	} else {
		out_printf(" ");
	}
}

static void zsh_option(const struct aios_option *option)
{
	const char *equals = value_kind(option) == VALUE_NONE ? "" : "=";

	if (option->cli_short)
		out_printf("\t\t\t'-%c[", option->cli_short);
	if (option->cli_short) {
		zsh_quoted(option->param.help);
		out_printf("]");
		zsh_value(option);
		out_printf("' \\\n");
	}
	out_printf("\t\t\t'--%s%s%s[", flag_prefix(option), option->cli, equals);
	zsh_quoted(option->param.help);
	out_printf("]");
	zsh_value(option);
	out_printf("' \\\n");
}

static void zsh_commands(void)
{
	out_printf("'1:command:((");
	for (size_t i = 0; i < n_commands; i++) {
		if (commands[i].hidden)
			continue;
		out_printf("%s%s\\:\"", i ? " " : "", commands[i].name);
		quoted(commands[i].summary);
		out_printf("\"");
	}
	out_printf("))'");
}

static void zsh(const struct cli *cli)
{
	size_t count = aios_config_count(cli->config);

	out_printf("#compdef aios\n"
		   "# Completion of aios for zsh; written by 'aios completion zsh'.\n"
		   "_aios_drivers() {\n"
		   "\tcompadd -- ${(f)\"$(aios driver list 2>/dev/null | awk 'NR > 1 { print $1 "
		   "}')\"}\n"
		   "}\n"
		   "_aios() {\n\tlocal word cmd=run\n"
		   "\tfor word in ${words[2,CURRENT-1]}; do\n\t\tcase $word in\n\t\t");
	command_names("|");
	out_printf(") cmd=$word; break ;;\n\t\tesac\n\tdone\n\tcase $cmd in\n");
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *command = &commands[i];

		if (command->hidden)
			continue;
		out_printf("\t%s)\n\t\t_arguments -s \\\n", command->name);
		for (size_t k = 0; k < count; k++) {
			const struct aios_option *option = aios_config_option(cli->config, k);

			if (option->cli && command_takes(command, option))
				zsh_option(option);
		}
		out_printf("\t\t\t");
		zsh_commands();
		if (strcmp(command->name, "help") == 0) {
			out_printf(" '*:command:(");
			command_names(" ");
			out_printf(")'");
		} else if (command->operands) {
			out_printf(" '*: :(%s)'", command->operands);
		} else {
			out_printf(" '*: :'");
		}
		out_printf("\n\t\t;;\n");
	}
	out_printf("\tesac\n}\n_aios \"$@\"\n");
}

/* ---- fish ------------------------------------------------------------------- */

static void fish_option(const struct aios_option *option)
{
	enum value_kind kind = value_kind(option);

	out_printf("complete -c aios -n 'contains (__aios_command) ");
	for (size_t i = 0; i < n_commands; i++)
		if (!commands[i].hidden && command_takes(&commands[i], option))
			out_printf("%s ", commands[i].name);
	out_printf("' -l %s%s", flag_prefix(option), option->cli);
	if (option->cli_short)
		out_printf(" -s %c", option->cli_short);
	if (kind == VALUE_CHOICE) {
		out_printf(" -x -a '");
		choices(option);
		out_printf("'");
	} else if (kind == VALUE_DRIVER) {
		out_printf(
			" -x -a '(aios driver list 2>/dev/null | awk \"NR > 1 { print \\$1 }\")'");
	} else if (kind == VALUE_FILE || (kind == VALUE_DIR && option->cli_short)) {
		out_printf(" -r -F");
	} else if (kind == VALUE_DIR) {
		out_printf(" -x -a '(__fish_complete_directories)'");
	} else if (kind == VALUE_ANY) {
		out_printf(" -x");
	}
	out_printf(" -d '");
	quoted(option->param.help);
	out_printf("'\n");
}

static void fish(const struct cli *cli)
{
	size_t count = aios_config_count(cli->config);

	out_printf("# Completion of aios for fish; written by 'aios completion fish'.\n"
		   "function __aios_command\n"
		   "\tfor word in (commandline -opc)[2..-1]\n"
		   "\t\tif contains -- $word ");
	command_names(" ");
	out_printf("\n\t\t\techo $word\n\t\t\treturn\n\t\tend\n\tend\n\techo run\nend\n"
		   "function __aios_no_command\n"
		   "\tnot __fish_seen_subcommand_from ");
	command_names(" ");
	out_printf("\nend\ncomplete -c aios -f\n");
	for (size_t i = 0; i < n_commands; i++) {
		if (commands[i].hidden)
			continue;
		out_printf("complete -c aios -n __aios_no_command -a %s -d '", commands[i].name);
		quoted(commands[i].summary);
		out_printf("'\n");
		if (commands[i].operands)
			out_printf("complete -c aios -n '__fish_seen_subcommand_from %s' -a '%s'\n",
				   commands[i].name, commands[i].operands);
	}
	out_printf("complete -c aios -n '__fish_seen_subcommand_from help' -a '");
	command_names(" ");
	out_printf("'\n");
	for (size_t i = 0; i < count; i++)
		if (aios_config_option(cli->config, i)->cli)
			fish_option(aios_config_option(cli->config, i));
}

int completion_main(struct cli *cli, struct aios_status *st)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };
	const char *shell = cli->n_args ? cli->args[0] : "";
	const char *near;

	if (strcmp(shell, "bash") == 0)
		bash(cli);
	else if (strcmp(shell, "zsh") == 0)
		zsh(cli);
	else if (strcmp(shell, "fish") == 0)
		fish(cli);
	else {
		near = aios_suggest(shell, shells, 3);
		return cli_usage(st, "completion is written for bash, zsh or fish%s%s%s%s%s",
				 shell[0] ? ", not for " : "", shell,
				 near ? " (did you mean '" : "", near ? near : "",
				 near ? "'?)" : "");
	}
	return 0;
}
