/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - rows of text in aligned columns on standard output. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "out.h"
#include "table.h"
#include "terminal.h"

void table_row(struct table *t, const char *cell, ...)
{
	va_list ap;

	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 16;
		char *(*grown)[TABLE_COLUMNS] = realloc(t->rows, cap * sizeof(*grown));

		if (!grown) {
			t->failed = true;
			return;
		}
		t->rows = grown;
		t->cap = cap;
	}
	memset(t->rows[t->n], 0, sizeof(t->rows[0]));
	va_start(ap, cell);
	for (size_t i = 0; cell && i < TABLE_COLUMNS; i++) {
		t->rows[t->n][i] = strdup(cell);
		t->failed |= !t->rows[t->n][i];
		cell = va_arg(ap, const char *);
	}
	va_end(ap);
	t->n++;
}

static size_t column_width(const struct table *t, size_t column)
{
	size_t width = 0;

	for (size_t i = 0; i < t->n; i++) {
		const char *cell = t->rows[i][column];
		size_t len = cell ? strlen(cell) : 0;

		width = len > width ? len : width;
	}
	return width;
}

void table_print(struct table *t, bool bold)
{
	bool color = bold && terminal_has_color(STDOUT_FILENO);
	size_t width[TABLE_COLUMNS];

	for (size_t c = 0; c < TABLE_COLUMNS; c++)
		width[c] = column_width(t, c);
	for (size_t i = 0; i < t->n; i++) {
		char **row = t->rows[i];

		out_printf("%s", style_on(color && !i, STYLE_BOLD));
		for (size_t c = 0; c < TABLE_COLUMNS && row[c]; c++) {
			bool last = c + 1 == TABLE_COLUMNS || !row[c + 1];

			out_printf("%-*s%s", last ? 0 : (int)width[c], row[c], last ? "" : "  ");
		}
		out_printf("%s\n", style_off(color && !i));
	}
	for (size_t i = 0; i < t->n; i++)
		for (size_t c = 0; c < TABLE_COLUMNS; c++)
			free(t->rows[i][c]);
	free(t->rows);
	*t = (struct table){ 0 };
}
