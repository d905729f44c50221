/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - rows of text in aligned columns on standard output. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum {
	TABLE_COLUMNS = 8
};

/* Zero-initialise it. Texts are copied. */
struct table {
	char *(*rows)[TABLE_COLUMNS];
	size_t n, cap;
	bool failed; /* memory was short: a row is missing */
};

/* Add one row; the list of cells ends with NULL. */
void table_row(struct table *t, const char *cell, ...) __attribute__((sentinel));

/* Print it, the first row as a heading when `bold` (on a terminal); then free it. */
void table_print(struct table *t, bool bold);

#endif /* CLI_TABLE_H */
