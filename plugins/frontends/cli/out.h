/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out.h - standard output: the answer and nothing else. What could not be written
 * (a full disk, a closed pipe) is remembered and reported once, at the end.
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <aios/error.h>

/* Write `len` bytes at once (no buffering beyond the call). False: nothing more can be written. */
bool out_write(const char *text, size_t len);

/* Formatted text, buffered until out_finish() or the next out_write(). */
void out_printf(const char *fmt, ...) AIOS_PRINTF(1, 2);

/*
 * Write a JSON value and a newline and drop the reference: indented by `indent` spaces, or on one
 * line when it is 0. A NULL value (memory was short while it was built) is -ENOMEM.
 */
int out_json(json_t *value, unsigned indent, struct aios_status *st);

/* Write out what is buffered: 0, or a negative errno with the reason standard output failed. */
int out_finish(struct aios_status *st);

/*
 * Building objects whose every step may fail: put() takes over `value` and, when memory is short
 * (also when value is NULL), drops *object and makes it NULL. add() appends to an array likewise.
 */
void json_put(json_t **object, const char *key, json_t *value);
void json_add(json_t **array, json_t *value);

/* Text of any bytes: what is not UTF-8 becomes U+FFFD. */
json_t *json_text(const char *text, size_t len);

/* A finite number: JSON has no infinity, so -inf and +inf become the largest float. NaN is null. */
json_t *json_number(double value);

#endif /* CLI_OUT_H */
