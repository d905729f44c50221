/* SPDX-License-Identifier: Apache-2.0 */
/* input.c - what commands work on: texts and ids from options, files and standard input. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum {
	CHUNK = 1 << 16
};

static int read_stream(FILE *in, const char *name, char **text, size_t *len, struct aios_status *st)
{
	size_t size = CHUNK, n = 0;
	char *buffer = malloc(size + 1), *grown;

	while (buffer) {
		n += fread(buffer + n, 1, size - n, in);
		if (n < size)
			break;
		size *= 2;
		grown = realloc(buffer, size + 1);
		if (!grown)
			free(buffer);
		buffer = grown;
	}
	if (!buffer)
		return aios_fail(st, -ENOMEM, "out of memory while reading %s", name);
	if (ferror(in)) {
		int error = errno ? errno : EIO;

		free(buffer);
		return aios_fail(st, -error, "cannot read %s: %s", name, strerror(error));
	}
	buffer[n] = '\0';
	*text = buffer;
	*len = n;
	return 0;
}

int input_read(const char *path, char **text, size_t *len, struct aios_status *st)
{
	FILE *in;
	int rc;

	if (strcmp(path, "-") == 0)
		return read_stream(stdin, "standard input", text, len, st);
	in = fopen(path, "re");
	if (!in)
		return aios_fail(st, -errno, "cannot open %s: %s", path, strerror(errno));
	rc = read_stream(in, path, text, len, st);
	fclose(in);
	return rc;
}

int input_text(const struct cli *cli, char **text, size_t *len, struct aios_status *st)
{
	bool given = aios_config_is_set(cli->config, AIOS_SECTION_COMMAND, "prompt");
	const char *prompt = aios_config_get(cli->config, AIOS_SECTION_COMMAND, "prompt");
	const char *file = cli_text(cli, AIOS_SECTION_COMMAND, "file");

	if (given && file)
		return cli_usage(st, "-p and -f both give a text; choose one");
	if (file)
		return input_read(file, text, len, st);
	if (given && strcmp(prompt, "-") != 0) {
		*len = strlen(prompt);
		*text = strdup(prompt);
		return *text ? 0 : aios_fail(st, -ENOMEM, "out of memory");
	}
	if (!given && isatty(STDIN_FILENO))
		return cli_usage(st, "no text: give -p TEXT, -f FILE, or a pipe into aios");
	return input_read("-", text, len, st);
}

struct id_list {
	int32_t *ids;
	size_t n, cap;
};

static int append(struct id_list *list, int32_t id)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		int32_t *grown = realloc(list->ids, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->ids = grown;
		list->cap = cap;
	}
	list->ids[list->n++] = id;
	return 0;
}

static int parse_ids(struct id_list *list, const char *text, struct aios_status *st)
{
	static const char between[] = ", \t\r\n";

	for (const char *at = text + strspn(text, between); *at; at += strspn(at, between)) {
		size_t len = strspn(at, "0123456789");
		long id;

		errno = 0;
		id = strtol(at, NULL, 10);
		if (!len || errno || id > INT32_MAX || (at[len] && !strchr(between, at[len])))
			return cli_usage(st,
					 "'%.*s' is not a token id; ids are numbers such as 5,17,9",
					 (int)strcspn(at, between), at);
		if (append(list, (int32_t)id))
			return aios_fail(st, -ENOMEM, "out of memory while reading ids");
		at += len;
	}
	return 0;
}

int input_ids(const struct cli *cli, bool piped, int32_t **ids, size_t *n, struct aios_status *st)
{
	const char *given = cli_text(cli, AIOS_SECTION_COMMAND, "ids");
	struct id_list list = { 0 };
	char *text = NULL;
	size_t len;
	int rc = 0;

	piped = piped && !given && !cli->n_args;
	if (piped && isatty(STDIN_FILENO))
		return cli_usage(st, "no ids: give --ids 5,17,9 or a pipe into aios");
	if (piped || (given && strcmp(given, "-") == 0)) {
		rc = input_read("-", &text, &len, st);
		given = text;
	}
	if (!rc && given)
		rc = parse_ids(&list, given, st);
	for (size_t i = 0; i < cli->n_args && !rc; i++)
		rc = parse_ids(&list, cli->args[i], st);
	free(text);
	if (!rc && given && !list.n && !piped)
		rc = cli_usage(st, "--ids gives no id; write them as 5,17,9");
	if (rc) {
		free(list.ids);
		return rc;
	}
	*ids = list.ids;
	*n = list.n;
	return 0;
}
