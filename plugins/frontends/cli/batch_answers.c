// SPDX-License-Identifier: Apache-2.0
/* batch_answers.c - the file of answers: what is in it already, and one more line. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch.h"
#include "out.h"

static int foreign(const struct batch_answers *a, size_t at, struct aios_status *st)
{
	return aios_fail(st, -EINVAL,
			 "%s:%zu: not an answer to a line of %s; name another file, or remove this "
			 "one",
			 a->path, at, a->batch);
}

static int note(struct batch_answers *a, uint64_t line, uint64_t digest, struct aios_status *st)
{
	if (line >= a->cap) {
		size_t cap = a->cap ? a->cap : 1024;
		uint64_t *grown;

		while (cap <= line)
			cap *= 2;
		grown = realloc(a->digests, cap * sizeof(*grown));
		if (!grown)
			return aios_fail(st, -ENOMEM, "%s: no memory for line %" PRIu64, a->path,
					 line);
		memset(grown + a->cap, 0, (cap - a->cap) * sizeof(*grown));
		a->digests = grown;
		a->cap = cap;
	}
	a->n += a->digests[line] == 0;
	a->digests[line] = digest;
	return 0;
}

static int read_answer(struct batch_answers *a, const char *text, size_t len, size_t at,
		       struct aios_status *st)
{
	json_t *object = json_loadb(text, len, 0, NULL);
	json_int_t line = json_integer_value(json_object_get(object, "line"));
	const char *digest = json_string_value(json_object_get(object, "digest"));
	uint64_t value = digest ? strtoull(digest, NULL, 16) : 0;
	int rc;

	if (line < 1 || (uint64_t)line > a->most || value == 0)
		rc = foreign(a, at, st);
	else
		rc = note(a, (uint64_t)line, value, st);
	a->failed += json_object_get(object, "error") != NULL;
	json_decref(object);
	return rc;
}

/* Read all whole lines; *end is where the last of them ends. */
static int read_answers(struct batch_answers *a, FILE *file, off_t *end, struct aios_status *st)
{
	char *line = NULL;
	size_t room = 0, at = 0;
	ssize_t n;
	int rc = 0;

	*end = 0;
	while (rc == 0 && (n = getline(&line, &room, file)) > 0 && line[n - 1] == '\n') {
		rc = read_answer(a, line, (size_t)n, ++at, st);
		*end += n;
	}
	if (rc == 0 && ferror(file))
		rc = aios_fail(st, -EIO, "%s: cannot be read", a->path);
	free(line);
	return rc;
}

static int lock(struct batch_answers *a, struct aios_status *st)
{
	struct stat info;

	if (fstat(a->fd, &info) < 0 || !S_ISREG(info.st_mode))
		return aios_fail(st, -EINVAL,
				 "%s: answers go into a file, so that a batch can go on", a->path);
	if (flock(a->fd, LOCK_EX | LOCK_NB) < 0)
		return aios_fail(st, -EBUSY, "%s: another batch writes to it", a->path);
	return 0;
}

/* Do both names mean one file? It would be read as a batch and cut. */
static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

int answers_open(struct batch_answers *a, const char *path, const char *batch, uint64_t lines,
		 struct aios_status *st)
{
	FILE *file;
	off_t end;
	int copy, rc;

	a->path = path;
	a->batch = batch;
	a->most = lines;
	a->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (a->fd < 0) {
		a->fd = 0;
		return aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	}
	if (same_file(a->fd, batch))
		return aios_fail(st, -EINVAL, "%s: --batch and --out are the same file", path);
	rc = lock(a, st);
	if (rc < 0)
		return rc;
	copy = dup(a->fd);
	file = copy >= 0 ? fdopen(copy, "r") : NULL;
	if (!file) {
		if (copy >= 0)
			close(copy);
		return aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	}
	rc = read_answers(a, file, &end, st);
	fclose(file);
	if (rc == 0 && ftruncate(a->fd, end) < 0)
		rc = aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	return rc;
}

void answers_close(struct batch_answers *a)
{
	if (a->fd > 0)
		close(a->fd);
	free(a->digests);
	memset(a, 0, sizeof(*a));
}

int answers_have(const struct batch_answers *a, uint64_t line, uint64_t digest,
		 struct aios_status *st)
{
	uint64_t there = line < a->cap ? a->digests[line] : 0;

	if (there == 0 || there == digest)
		return there != 0;
	return aios_fail(st, -EINVAL,
			 "%s answers line %" PRIu64
			 " of a batch, but it was another line than that "
			 "of %s, or the model or the options were others; name another --out",
			 a->path, line, a->batch);
}

int answers_write(struct batch_answers *a, json_t *answer, struct aios_status *st)
{
	char *text = NULL;
	size_t len, at = 0;
	ssize_t n;
	int rc = 0;

	if (answer)
		text = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(answer);
	if (!text)
		return aios_fail(st, -ENOMEM, "out of memory for an answer");
	/* The terminator becomes the newline: one write for the whole line. */
	len = strlen(text);
	text[len++] = '\n';
	while (rc == 0 && at < len) {
		n = write(a->fd, text + at, len - at);
		if (n >= 0)
			at += (size_t)n;
		else if (errno != EINTR)
			rc = aios_fail(st, -errno, "%s: %s", a->path, strerror(errno));
	}
	free(text);
	return rc;
}
