/* SPDX-License-Identifier: Apache-2.0 */
/* lines.h - JSON lines: one value a line in, one a line out. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include <jansson.h>

#include <aios/error.h>

/* Answer one value; *answer is a new reference (NULL: memory was short). */
typedef int (*lines_fn)(void *ctx, const json_t *value, json_t **answer, struct aios_status *st);

/*
 * Answer every line of standard input, each as soon as it is there; empty lines are skipped.
 * Stops at the first failure, whose message names the line.
 */
int lines_each(lines_fn answer, void *ctx, struct aios_status *st);

#endif /* CLI_LINES_H */
