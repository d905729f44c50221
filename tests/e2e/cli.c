// SPDX-License-Identifier: Apache-2.0
/* cli.c - run the built aios as a user does. */
#include "cli.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MOST_WORDS = 40,
	MOST_ENV = 200
};

static char program[PATH_MAX], demo[PATH_MAX], folder[] = "/tmp/aios-cli-XXXXXX", home[64];

const char *cli_program(void)
{
	return program;
}

const char *cli_demo(void)
{
	return demo;
}

const char *cli_folder(void)
{
	return folder;
}

void cli_setup(void)
{
	const char *build = getenv("AIOS_TEST_BUILD"), *src = getenv("AIOS_TEST_SRC");

	ck_assert_msg(build && src,
		      "AIOS_TEST_BUILD and AIOS_TEST_SRC are not set: use make check");
	snprintf(program, sizeof(program), "%s/aios", build);
	snprintf(demo, sizeof(demo), "%s/share/demo", src);
	strcpy(folder, "/tmp/aios-cli-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(home, sizeof(home), "HOME=%s/home", folder);
}

void cli_teardown(void)
{
	struct cli_result gone;
	char line[64];

	snprintf(line, sizeof(line), "-rf %s", folder);
	gone = cli_run_program("rm", line, NULL);
	cli_free(&gone);
}

/* ---- words and environment -------------------------------------------------- */

/* Split `line` into argv; the words are malloc'ed. */
static void split(const char *name, const char *line, char *argv[MOST_WORDS + 2])
{
	char *copy = strdup(line), *save = NULL;
	size_t n = 0;

	argv[n++] = strdup(name);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		ck_assert_uint_lt(n, MOST_WORDS);
		if (strcmp(word, "DEMO") == 0) {
			argv[n++] = strdup(demo);
			continue;
		}
		for (char *c = word; *c; c++)
			*c = *c == '~' ? ' ' : *c;
		argv[n++] = strdup(word);
	}
	argv[n] = NULL;
	free(copy);
}

static void free_words(char **argv)
{
	for (; *argv; argv++)
		free(*argv);
}

static bool keep(const char *variable)
{
	static const char *const dropped[] = { "AIOS_", "HOME=", "XDG_", "NO_COLOR", "TERM=" };

	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		if (strncmp(variable, dropped[i], strlen(dropped[i])) == 0)
			return false;
	return true;
}

/* The tester's environment without what aios looks at; `extra` (may be NULL) added. */
static void clean_env(const char *extra, const char *env[MOST_ENV + 3])
{
	size_t n = 0;

	for (char **at = environ; *at && n < MOST_ENV; at++)
		if (keep(*at))
			env[n++] = *at;
	env[n++] = home;
	if (extra)
		env[n++] = extra;
	env[n] = NULL;
}

/* ---- processes -------------------------------------------------------------- */

static pid_t start(const char *path, const char *line, const char *extra, int in, int out, int err)
{
	posix_spawn_file_actions_t actions;
	char *argv[MOST_WORDS + 2];
	const char *env[MOST_ENV + 3];
	pid_t pid;
	int rc;

	split(path, line, argv);
	clean_env(extra, env);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, err, 2);
	posix_spawn_file_actions_addchdir_np(&actions, folder);
	rc = posix_spawnp(&pid, path, &actions, NULL, argv, (char *const *)(uintptr_t)env);
	posix_spawn_file_actions_destroy(&actions);
	free_words(argv);
	ck_assert_msg(rc == 0, "cannot start %s: %s", path, strerror(rc));
	return pid;
}

int cli_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *slurp(FILE *file, size_t *len)
{
	long size;
	char *text;

	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	text = calloc((size_t)size + 1, 1);
	ck_assert_ptr_nonnull(text);
	*len = fread(text, 1, (size_t)size, file);
	fclose(file);
	return text;
}

static struct cli_result run(const char *path, const char *env, const char *line, const char *input,
			     const char *out_path)
{
	FILE *in = tmpfile(), *err = tmpfile();
	FILE *out = out_path ? fopen(out_path, "we") : tmpfile();
	struct cli_result result = { 0 };

	ck_assert(in && out && err);
	if (input)
		fputs(input, in);
	rewind(in);
	result.code = cli_wait(start(path, line, env, fileno(in), fileno(out), fileno(err)));
	fclose(in);
	if (out_path) {
		fclose(out);
		result.out = strdup("");
	} else {
		result.out = slurp(out, &result.out_len);
	}
	result.err = slurp(err, &result.err_len);
	return result;
}

struct cli_result cli_run(const char *line, const char *input)
{
	return run(program, NULL, line, input, NULL);
}

struct cli_result cli_run_env(const char *env, const char *line, const char *input)
{
	return run(program, env, line, input, NULL);
}

struct cli_result cli_run_to(const char *path, const char *line)
{
	return run(program, NULL, line, NULL, path);
}

struct cli_result cli_run_program(const char *path, const char *line, const char *input)
{
	return run(path, NULL, line, input, NULL);
}

pid_t cli_start(const char *line, int *out_fd, int err_fd, const char *env)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = start(program, line, env, null, fds[1], err_fd);
	close(null);
	close(fds[1]);
	*out_fd = fds[0];
	return pid;
}

void cli_free(struct cli_result *result)
{
	free(result->out);
	free(result->err);
}

void cli_write_file(const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

void cli_remove(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

json_t *cli_json(const struct cli_result *result)
{
	json_error_t error;
	json_t *value = json_loads(result->out, JSON_REJECT_DUPLICATES, &error);

	ck_assert_msg(value, "not JSON: %s\n%s%s", error.text, result->out, result->err);
	return value;
}

bool cli_skip_model(void)
{
	struct cli_result r = cli_run("plan -m DEMO --driver cpu-ref", NULL);
	bool skip = strstr(r.err, "no driver is named") || strstr(r.err, "no format plugin") ||
		    strstr(r.err, "no tokenizer plugin");

	if (skip)
		printf("skipped: %s", r.err);
	cli_free(&r);
	return skip;
}
