// SPDX-License-Identifier: Apache-2.0
/*
 * ini.c - the ini file, through inih. The library cuts lines longer than its
 * buffer and does not tell the handler the line number, so it is fed by a reader
 * that counts lines and refuses what would be cut.
 */
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/config/config.h"

/* A key that this file has set. */
struct seen {
	char *name; /* "section.key", owned */
	int line;
};

struct reader {
	struct aios_config *cfg;
	FILE *stream;
	const char *path;
	struct aios_status *st;
	int line; /* of the text that inih has now */
	int err;  /* the first failure; nothing is read after it */
	struct seen *seen;
	size_t n_seen, room;
};

/*
 * One line without the blanks before it (inih takes an indented line for the
 * continuation of the one above). fgets() would hide NUL bytes.
 */
static char *read_line(char *buffer, int size, void *opaque)
{
	struct reader *r = opaque;
	int n = 0, c;

	if (r->err)
		return NULL;
	r->line++;
	while ((c = getc(r->stream)) != EOF) {
		if (n == 0 && (c == ' ' || c == '\t'))
			continue;
		if (c == '\0')
			r->err = aios_fail(r->st, -EINVAL, "ini %s:%d: a NUL byte: not a text file",
					   r->path, r->line);
		else if (n == size - 2 && c != '\n')
			r->err = aios_fail(r->st, -EINVAL,
					   "ini %s:%d: the line is longer than %d bytes", r->path,
					   r->line, size - 2);
		if (r->err)
			return NULL;
		buffer[n++] = (char)c;
		if (c == '\n')
			break;
	}
	if (ferror(r->stream))
		r->err = aios_fail(r->st, -EIO, "ini %s: cannot be read", r->path);
	if (r->err || !n)
		return NULL;
	buffer[n] = '\0';
	return buffer;
}

/* The line at which the file has set the key before, 0: never; else it is noted. -ENOMEM. */
static int note_key(struct reader *r, const char *section, const char *key)
{
	size_t size = strlen(section) + strlen(key) + 2;
	char *name = malloc(size);

	if (!name)
		return -ENOMEM;
	snprintf(name, size, "%s.%s", section, key);
	for (size_t i = 0; i < r->n_seen; i++) {
		if (!strcmp(r->seen[i].name, name)) {
			free(name);
			return r->seen[i].line;
		}
	}
	if (r->n_seen == r->room) {
		size_t room = r->room ? 2 * r->room : 16;
		struct seen *seen = realloc(r->seen, room * sizeof(*seen));

		if (!seen) {
			free(name);
			return -ENOMEM;
		}
		r->seen = seen;
		r->room = room;
	}
	r->seen[r->n_seen++] = (struct seen){ .name = name, .line = r->line };
	return 0;
}

static int set_key(struct reader *r, const char *section, const char *key, const char *value)
{
	char origin[300];
	int before;

	snprintf(origin, sizeof(origin), "ini %.240s:%d", r->path, r->line);
	if (!*section)
		return aios_fail(r->st, -EINVAL,
				 "%s: '%.60s' stands before any section like [aios]", origin, key);
	if (!*key)
		return aios_fail(r->st, -EINVAL, "%s: no key before '='", origin);
	before = note_key(r, section, key);
	if (before < 0)
		return aios_fail(r->st, before, "%s: no memory", origin);
	if (before)
		return aios_fail(r->st, -EINVAL, "%s: [%.60s] %.60s is set twice, first in line %d",
				 origin, section, key, before);
	return aios_config_set(r->cfg, section, key, value, AIOS_CONFIG_INI, origin, r->st);
}

static int handle(void *opaque, const char *section, const char *key, const char *value)
{
	struct reader *r = opaque;

	if (!r->err)
		r->err = set_key(r, section, key, value);
	return !r->err;
}

int config_read_ini(struct aios_config *cfg, FILE *stream, const char *path, struct aios_status *st)
{
	struct reader r = { .cfg = cfg, .stream = stream, .path = path, .st = st };
	int line = ini_parse_stream(read_line, &r, handle, &r);

	if (!r.err && line > 0)
		r.err = aios_fail(st, -EINVAL, "ini %s:%d: neither [section] nor key = value", path,
				  line);
	else if (!r.err && line < 0)
		r.err = aios_fail(st, -ENOMEM, "ini %s: no memory", path);
	for (size_t i = 0; i < r.n_seen; i++)
		free(r.seen[i].name);
	free(r.seen);
	return r.err;
}

int aios_config_load_ini(struct aios_config *cfg, const char *path, struct aios_status *st)
{
	FILE *stream = fopen(path, "re");
	char *kept;
	int err;

	if (!stream)
		return aios_fail(st, -errno, "ini %s: %s", path, strerror(errno));
	err = config_read_ini(cfg, stream, path, st);
	fclose(stream);
	if (err)
		return err;
	kept = strdup(path);
	if (!kept)
		return aios_fail(st, -ENOMEM, "ini %s: no memory", path);
	free(cfg->ini_path);
	cfg->ini_path = kept;
	return 0;
}

/* The `i`-th place where an ini file is looked for; false: no such place. */
static bool default_path(int i, char *out, size_t size)
{
	const char *base = NULL;
	int n = -1;

	if (i == 0) {
		n = snprintf(out, size, "aios.ini");
	} else if (i == 1) {
		base = getenv("XDG_CONFIG_HOME");
		if (base && *base == '/')
			n = snprintf(out, size, "%s/aios/aios.ini", base);
		else if ((base = getenv("HOME")) && *base)
			n = snprintf(out, size, "%s/.config/aios/aios.ini", base);
	} else {
		n = snprintf(out, size, "/etc/aios/aios.ini");
	}
	return n > 0 && (size_t)n < size;
}

int aios_config_load_default_ini(struct aios_config *cfg, struct aios_status *st)
{
	const char *named = getenv("AIOS_CONFIG");
	char path[4096];

	if (named && *named)
		return aios_config_load_ini(cfg, named, st);
	for (int i = 0; i < 3; i++) {
		if (!default_path(i, path, sizeof(path)) || access(path, F_OK))
			continue;
		return aios_config_load_ini(cfg, path, st);
	}
	return 0;
}
