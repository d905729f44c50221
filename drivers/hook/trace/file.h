/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - a trace file: JSON in the Trace Event Format, which Perfetto and
 * chrome://tracing open.
 *
 * The file is valid JSON whenever it is looked at: each flush is one write that
 * begins over the closing brackets of the last and ends with new ones. A process
 * that is killed loses the events since the last flush, nothing else. Flushes
 * happen when the buffer is full, at every wait of the host, and at close.
 */
#ifndef TRACE_FILE_H
#define TRACE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include <aios/error.h>

struct trace_file {
	int fd;
	char *buffer;
	size_t used;
	uint64_t at;      /* where the next event goes; the closing brackets stand there */
	uint64_t limit;   /* bytes the file may have */
	uint64_t dropped; /* events past the limit, or lost to a full disk */
	bool any;         /* an event has been written */
	int error;        /* of the first write that failed */
};

int trace_file_open(struct trace_file *f, const char *path, uint64_t limit, struct aios_status *st);

/* One event: a JSON object without a newline. Dropped (and counted) when it is too long. */
void trace_file_event(struct trace_file *f, const char *fmt, ...) AIOS_PRINTF(2, 3);

void trace_file_flush(struct trace_file *f);

/* 0, or the errno of the first write that failed. */
int trace_file_close(struct trace_file *f);

#endif /* TRACE_FILE_H */
