/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - numbers and paragraphs for people. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A blank at which wrap() does not break. */
#define WRAP_GLUE '\037'

enum {
	HUMAN = 32
};

/* "38.2 MiB": binary units. Writes and returns `out`. */
const char *human_bytes(char out[HUMAN], uint64_t bytes);

/* "596.0 M": decimal units for counts; below 10,000 as it is. Writes and returns `out`. */
const char *human_count(char out[HUMAN], uint64_t count);

/*
 * Write `text` in lines of at most `width` columns, the first beginning at column
 * `at`, the others indented by `indent`. Ends without a newline.
 */
void wrap(FILE *out, const char *text, unsigned at, unsigned indent, unsigned width);

#endif /* CLI_TEXT_H */
