/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - the aios program: a table of commands over the option table of
 * <aios/config.h>. main.c reads the command line and the configuration, then runs
 * one command; a command prints its answer to standard output (out.h) and says in a
 * status object why it failed.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/aios.h>

#include "terminal.h"

/* What the program exits with. */
enum {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,         /* the command line or the configuration is wrong */
	CLI_INTERRUPTED = 130, /* Ctrl-C, as shells count it */
};

struct cli;

/* How a command meets the configuration. */
enum cli_needs {
	CLI_NEEDS_CONFIG = 0, /* ini file and environment are read first, and must be right */
	CLI_TRIES_CONFIG = 1, /* they are read, cli.config_status says what was wrong */
	CLI_NEEDS_NOTHING = 2,
};

/* One row of the table of commands. Static. */
struct command {
	const char *name;
	const char *summary;  /* one line of the list of commands */
	const char *synopsis; /* lines of usage, without "aios " */
	const char *details;  /* paragraphs, separated by an empty line */
	const char *examples; /* lines */
	const char *operands; /* words it takes after its name, for completion, or NULL */
	uint32_t bit;         /* enum aios_command: the options that are its own; 0: none */
	uint32_t needs;       /* enum cli_needs */
	uint32_t max_args;    /* operands it takes at most */
	bool hidden;          /* left out of lists */
	/*
	 * 0, a negative errno with the reason in *st (the program exits 1), or a positive exit
	 * code, with a message in *st when there is something to say.
	 */
	int (*run)(struct cli *cli, struct aios_status *st);
};

/* One option as it stood on the command line. */
struct given {
	int option;        /* index in the option table */
	const char *value; /* "true"/"false" for a flag */
};

/* All there is. Made by main(), one a process. */
struct cli {
	struct terminal term;
	struct aios_config *config;
	struct aios_status config_status; /* CLI_TRIES_CONFIG: why reading it failed */
	const struct command *command;
	struct given *given; /* in the order of the command line */
	size_t n_given;
	char **args; /* operands, borrowed from argv */
	size_t n_args;
	struct aios *aios;  /* made by cli_boot() */
	bool blame_drivers; /* the failure's message is followed by the journal of the drivers */
};

/* ---- commands.c ------------------------------------------------------------- */

extern const struct command commands[];
extern const size_t n_commands;

/* The command called `name`, or NULL. */
const struct command *command_find(const char *name);

/* ---- args.c ----------------------------------------------------------------- */

/* Read the command line into cli->command, given and args: 0, or CLI_USAGE with a message. */
int args_parse(struct cli *cli, int argc, char **argv, struct aios_status *st);

/* Give the configuration the options of the command line (its highest layer). */
int args_apply(struct cli *cli, struct aios_status *st);

/* Does the command take this option? */
bool command_takes(const struct command *command, const struct aios_option *option);

/* How people write the option: "--max-tokens", or "-p" when it has no long form. */
const char *option_spelling(const struct aios_option *option, char *text, size_t size);

/* ---- main.c ----------------------------------------------------------------- */

/* Boot the library with the configuration, once; --threads reaches the driver here. */
int cli_boot(struct cli *cli, struct aios_status *st);

/* Fill *st with a message about wrong usage and return CLI_USAGE. */
int cli_usage(struct aios_status *st, const char *fmt, ...) AIOS_PRINTF(2, 3);

/* Values of options that the table is known to have. */
bool cli_flag(const struct cli *cli, const char *section, const char *key);
int64_t cli_int(const struct cli *cli, const char *section, const char *key);
double cli_float(const struct cli *cli, const char *section, const char *key);
/* Text of an option, or NULL when it is empty. */
const char *cli_text(const struct cli *cli, const char *section, const char *key);

/* The n-th text that the command line gives for an option which may be repeated, or NULL. */
const char *cli_nth(const struct cli *cli, const char *section, const char *key, size_t n);

/* The folder of -m, or a usage error. */
int cli_model(const struct cli *cli, const char **path, struct aios_status *st);

/* After a failure: was it for want of a driver? Then the user is told about each candidate. */
void cli_blame_drivers(struct cli *cli);

/* Boot and load a model, with progress on standard error. The caller closes *engine. */
int cli_load(struct cli *cli, const char *path, struct aios_engine **engine,
	     struct aios_status *st);

/* ---- input.c ---------------------------------------------------------------- */

/* All of a file ("-": standard input). *text is malloc'ed and NUL-terminated. */
int input_read(const char *path, char **text, size_t *len, struct aios_status *st);

/*
 * The text that a command works on: -p TEXT, -f FILE or standard input ("-", or none of them
 * when standard input is no terminal). *text is malloc'ed. CLI_USAGE when there is none.
 */
int input_text(const struct cli *cli, char **text, size_t *len, struct aios_status *st);

/*
 * Ids from --ids ("5,17,9", commas or white space; "-": standard input) and from operands. When
 * neither is given: from standard input if `piped`, else *ids is NULL. *ids is malloc'ed.
 */
int input_ids(const struct cli *cli, bool piped, int32_t **ids, size_t *n, struct aios_status *st);

/* ---- help.c ----------------------------------------------------------------- */

/* What `aios help` and `aios COMMAND --help` print; command NULL: the list of commands. */
void help_command(struct cli *cli, const struct command *command);

enum {
	MOST_GROUPS = 32
};

/*
 * The groups of a command's options, or of all when it is NULL, each once, those that people look
 * for first first. Returns how many there are.
 */
size_t help_groups(const struct cli *cli, const struct command *command,
		   const char *groups[MOST_GROUPS]);

/* ---- the commands, one file each -------------------------------------------- */

int run_main(struct cli *cli, struct aios_status *st);
int devices_main(struct cli *cli, struct aios_status *st);
int driver_main(struct cli *cli, struct aios_status *st);
int config_main(struct cli *cli, struct aios_status *st);
int doctor_main(struct cli *cli, struct aios_status *st);
int conform_main(struct cli *cli, struct aios_status *st);
int bench_main(struct cli *cli, struct aios_status *st);
int bisect_main(struct cli *cli, struct aios_status *st);
int replay_main(struct cli *cli, struct aios_status *st);
int simulate_main(struct cli *cli, struct aios_status *st);
int plan_main(struct cli *cli, struct aios_status *st);
int tokenize_main(struct cli *cli, struct aios_status *st);
int detokenize_main(struct cli *cli, struct aios_status *st);
int logits_main(struct cli *cli, struct aios_status *st);
int version_main(struct cli *cli, struct aios_status *st);
int help_main(struct cli *cli, struct aios_status *st);
int completion_main(struct cli *cli, struct aios_status *st);
int scdoc_main(struct cli *cli, struct aios_status *st);

#endif /* CLI_CLI_H */
