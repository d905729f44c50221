// SPDX-License-Identifier: Apache-2.0
/* file.c - see file.h. */
#include "file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER ((size_t)256 << 10)
#define LONGEST 2048u /* of an event */

static const char opening[] = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
static const char closing[] = "\n]}\n";

/* The buffer and the brackets behind it, at once. */
static void write_out(struct trace_file *f)
{
	ssize_t n;

	memcpy(f->buffer + f->used, closing, sizeof(closing) - 1);
	do
		n = pwrite(f->fd, f->buffer, f->used + sizeof(closing) - 1, (off_t)f->at);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)(f->used + sizeof(closing) - 1)) {
		if (!f->error)
			f->error = n < 0 ? errno : ENOSPC;
		/* The end is cut: put the brackets back to where they were. */
		if (ftruncate(f->fd, (off_t)f->at) == 0)
			n = pwrite(f->fd, closing, sizeof(closing) - 1, (off_t)f->at);
	} else {
		f->at += f->used;
	}
	f->used = 0;
}

int trace_file_open(struct trace_file *f, const char *path, uint64_t limit, struct aios_status *st)
{
	int rc;

	memset(f, 0, sizeof(*f));
	f->limit = limit;
	f->buffer = malloc(BUFFER + sizeof(closing));
	if (!f->buffer)
		return aios_fail(st, -ENOMEM, "no memory for a trace's buffer");
	f->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (f->fd < 0) {
		rc = aios_fail(st, -errno, "cannot write the trace %.300s: %s", path,
			       strerror(errno));
		free(f->buffer);
		return rc;
	}
	memcpy(f->buffer, opening, sizeof(opening) - 1);
	f->used = sizeof(opening) - 1;
	write_out(f);
	if (!f->error)
		return 0;
	rc = aios_fail(st, -f->error, "cannot write the trace %.300s: %s", path,
		       strerror(f->error));
	trace_file_close(f);
	return rc;
}

void trace_file_event(struct trace_file *f, const char *fmt, ...)
{
	char *at;
	size_t n = 0;
	va_list ap;
	int len;

	if (f->error || f->at + f->used > f->limit) {
		f->dropped++;
		return;
	}
	if (f->used + LONGEST > BUFFER)
		write_out(f);
	at = f->buffer + f->used;
	if (f->any) {
		at[n++] = ',';
		at[n++] = '\n';
	}
	va_start(ap, fmt);
	len = vsnprintf(at + n, LONGEST - n, fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= LONGEST - n) {
		f->dropped++;
		return;
	}
	f->any = true;
	f->used += n + (size_t)len;
}

void trace_file_flush(struct trace_file *f)
{
	if (f->used && !f->error)
		write_out(f);
}

int trace_file_close(struct trace_file *f)
{
	trace_file_flush(f);
	if (close(f->fd) < 0 && !f->error)
		f->error = errno;
	free(f->buffer);
	f->buffer = NULL;
	f->fd = -1;
	return f->error;
}
