/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - run the built aios as a user does, and look at what it printed. Every run has a clean
 * environment (no AIOS_* of the tester's, no home) and an empty current directory.
 */
#ifndef TESTS_E2E_CLI_H
#define TESTS_E2E_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <jansson.h>

/* What one run left behind; cli_free() it. */
struct cli_result {
	char *out, *err; /* NUL-terminated */
	size_t out_len, err_len;
	int code; /* exit code, or 128 + the signal */
};

/* The program, the demo model, the folder that is the current directory of every run. */
const char *cli_program(void);
const char *cli_demo(void);
const char *cli_folder(void);

/* Set up and remove the folder (Check's checked fixture). */
void cli_setup(void);
void cli_teardown(void);

/*
 * Run `aios` with the words of `line` (split at blanks; "DEMO" becomes the demo model's folder,
 * '~' inside a word a blank); `input` is standard input, NULL: empty.
 */
struct cli_result cli_run(const char *line, const char *input);

/* The same with "NAME=VALUE" added to the environment. */
struct cli_result cli_run_env(const char *env, const char *line, const char *input);

/* The same with standard output into a file that is there, such as /dev/full. */
struct cli_result cli_run_to(const char *path, const char *line);

/* Any program, searched in PATH. */
struct cli_result cli_run_program(const char *program, const char *line, const char *input);

/* Start without waiting. Standard output is *out_fd, to be read and closed; error is `err_fd`. */
pid_t cli_start(const char *line, int *out_fd, int err_fd, const char *env);

/* Wait; exit code, or 128 + the signal. */
int cli_wait(pid_t pid);

void cli_free(struct cli_result *result);

/* Write a file into the folder; remove one. */
void cli_write_file(const char *name, const char *text);
void cli_remove(const char *name);

/* Parse standard output as one JSON value, or fail the test. */
json_t *cli_json(const struct cli_result *result);

/* The demo model and the plugins it needs are there: else the test says "skipped" and is true. */
bool cli_skip_model(void);

#endif /* TESTS_E2E_CLI_H */
