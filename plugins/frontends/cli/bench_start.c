/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_start.c - aios bench start: how long a user waits. The program runs itself,
 * as `aios run` with a prompt of three ids, and looks when the first token comes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static const struct report_column columns[] = {
	{ "model", "model", 24, -1, 0 },         { "first_token_s", "first token s", 13, 3, 0 },
	{ "first_token_s_min", "min", 7, 3, 0 }, { "first_token_s_max", "max", 7, 3, 0 },
	{ "repeats", "runs", 4, 0, 0 },          { NULL, NULL, 0, 0, 0 },
};

enum {
	MOST_WORDS = 64
};

/* `aios run` with what the command line says of the device and the engine. */
static void make_words(const struct cli *cli, const char *path, char **words, char *room,
		       size_t size)
{
	static const char *const first[] = { "aios",         "run",        "--ids",  "1,2,3",
					     "-n",           "1",          "--temp", "0",
					     "--ignore-eos", "--progress", "never",  "-m" };
	size_t n = 0, at = 0;

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		words[n++] = (char *)(uintptr_t)first[i];
	words[n++] = (char *)(uintptr_t)path;
	for (size_t i = 0; i < cli->n_given && n + 4 < MOST_WORDS && at + 2 < size; i++) {
		const struct aios_option *o =
			aios_config_option(cli->config, (size_t)cli->given[i].option);
		char name[64];

		/* The model is there already; the command's own options are of bench. */
		if (strcmp(o->section, AIOS_SECTION_COMMAND) == 0 ||
		    strcmp(o->section, "sampling") == 0 || strcmp(o->param.name, "model") == 0)
			continue;
		words[n++] = room + at;
		at += (size_t)snprintf(room + at, size - at, "%s=%s",
				       option_spelling(o, name, sizeof(name)),
				       cli->given[i].value) +
		      1;
	}
	if (cli_text(cli, AIOS_SECTION_COMMAND, "profile")) {
		words[n++] = (char *)(uintptr_t) "--numerics";
		words[n++] = (char *)(uintptr_t)cli_text(cli, AIOS_SECTION_COMMAND, "profile");
	}
	words[n] = NULL;
}

/* Run the words with standard output into a pipe: seconds to its first byte. */
static int time_child(char **words, double *seconds, struct aios_status *st)
{
	uint64_t began = clock_ns();
	int pipe_fd[2], status;
	char byte;
	ssize_t got;
	pid_t pid;

	if (pipe(pipe_fd) < 0)
		return aios_fail(st, -errno, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		dup2(pipe_fd[1], STDOUT_FILENO);
		close(pipe_fd[0]);
		close(pipe_fd[1]);
		execv("/proc/self/exe", words);
		_exit(127);
	}
	close(pipe_fd[1]);
	if (pid < 0) {
		close(pipe_fd[0]);
		return aios_fail(st, -errno, "cannot start a process: %s", strerror(errno));
	}
	do
		got = read(pipe_fd[0], &byte, 1);
	while (got < 0 && errno == EINTR);
	*seconds = (double)(clock_ns() - began) / 1e9;
	close(pipe_fd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (got != 1)
		return aios_fail(st, -EIO,
				 "'aios run' ended without a token (its message is above)");
	return 0;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int bench_start_main(struct cli *cli, struct aios_status *st)
{
	uint32_t n = (uint32_t)cli_int(cli, AIOS_SECTION_COMMAND, "repeat");
	const char *path = bench_model(cli);
	char *words[MOST_WORDS], room[4096];
	struct report report = { 0 };
	double *s, warm;
	json_t *row;
	int rc;

	if (!path)
		return cli_usage(st, "bench start needs a model: -m DIR or --shape NAME");
	s = calloc(n, sizeof(*s));
	if (!s)
		return aios_fail(st, -ENOMEM, "no memory for %u runs", n);
	make_words(cli, path, words, room, sizeof(room));
	/* The first run fills the file cache. */
	rc = time_child(words, &warm, st);
	for (uint32_t i = 0; i < n && !rc; i++)
		rc = time_child(words, &s[i], st);
	if (!rc) {
		qsort(s, n, sizeof(*s), compare_double);
		report_init(&report, cli, columns);
		row = json_object();
		json_put(&row, "model", json_text(path, strlen(path)));
		json_put(&row, "first_token_s", json_real((s[(n - 1) / 2] + s[n / 2]) / 2));
		json_put(&row, "first_token_s_min", json_real(s[0]));
		json_put(&row, "first_token_s_max", json_real(s[n - 1]));
		json_put(&row, "repeats", json_integer(n));
		report_row(&report, row);
		rc = report_end(&report, st);
		report_finish(&report);
	}
	free(s);
	return rc;
}
