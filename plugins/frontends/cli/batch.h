/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h - the two files of a batch: lines of requests, lines of answers. */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include <jansson.h>

#include "run.h"

/* What a line that does not say otherwise asks for: options of the command line. Borrowed. */
struct batch_defaults {
	struct aios_sampling sampling;
	uint32_t max_tokens;
	int32_t prompt_logprobs;
	uint32_t beams, early_stopping;
	float length_penalty;
	bool temperature; /* was asked for: a line with beams that says nothing of it has it too */
	const char *stops[MOST_STOPS];
	uint32_t n_stops;
	bool ignore_eos, keep_special;
	bool tokenizer; /* the model has one */
	const char *model, *numerics;
};

/* A line of the batch. */
struct batch_line {
	uint64_t number; /* from 1 */
	uint64_t digest;
	json_t *object; /* owns the texts of the request */
	json_t *id;     /* what the line calls itself, or NULL; borrowed from the object */
	int32_t *ids;
	const char *stops[MOST_STOPS];
	struct aios_request request;
};

/* A digest of a line and of all else that its answer depends on. */
uint64_t batch_digest(const struct batch_defaults *defaults, const char *text, size_t len);

/* Read a line: 0, or why it is no request; line->id is there as far as it could be read. */
int batch_line_read(const struct batch_defaults *defaults, const char *text, size_t len,
		    struct batch_line *line, struct aios_status *st);
void batch_line_finish(struct batch_line *line);

/* What every answer begins with: {"line":..,"id":..,"digest":..}. */
json_t *batch_line_json(const struct batch_line *line);

/* The file of answers. Zero-initialise it. */
struct batch_answers {
	int fd; /* with a lock on the file; 0: not open */
	const char *path, *batch;
	uint64_t *digests; /* by line number; 0: not answered */
	size_t cap;
	uint64_t n, failed; /* lines that were there */
	uint64_t most;      /* lines of the batch, empty ones included */
};

/*
 * Open or make it, take its lock, and read which of the `lines` of `batch` are answered; half a
 * line at the end, which a crash left, is cut off. Paths are borrowed.
 */
int answers_open(struct batch_answers *a, const char *path, const char *batch, uint64_t lines,
		 struct aios_status *st);
void answers_close(struct batch_answers *a);

/* Is the line answered (1) or not (0)? -EINVAL: it is, but as another line or with other options. */
int answers_have(const struct batch_answers *a, uint64_t line, uint64_t digest,
		 struct aios_status *st);

/* Append an answer and drop the reference; NULL is -ENOMEM. */
int answers_write(struct batch_answers *a, json_t *answer, struct aios_status *st);

#endif /* CLI_BATCH_H */
