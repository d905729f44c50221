/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - numbers and paragraphs for people. */
#include <string.h>

#include "text.h"

static const char *human(char out[HUMAN], uint64_t value, double step, const char *const *units,
			 size_t n)
{
	double scaled = (double)value;
	size_t unit = 0;

	/* 0.95 of the next unit is better read as 1.0 of it than as 972.8 of this one. */
	while (unit + 1 < n && scaled >= step * 0.9995) {
		scaled /= step;
		unit++;
	}
	snprintf(out, HUMAN, unit ? "%.1f%s" : "%.0f%s", scaled, units[unit]);
	return out;
}

const char *human_bytes(char out[HUMAN], uint64_t bytes)
{
	static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB" };

	return human(out, bytes, 1024, units, sizeof(units) / sizeof(units[0]));
}

const char *human_count(char out[HUMAN], uint64_t count)
{
	static const char *const units[] = { "", " K", " M", " B", " T" };

	if (count < 10000) {
		snprintf(out, HUMAN, "%u", (unsigned)count);
		return out;
	}
	return human(out, count, 1000, units, sizeof(units) / sizeof(units[0]));
}

void wrap(FILE *out, const char *text, unsigned at, unsigned indent, unsigned width)
{
	unsigned column = at;
	const char *word = text;

	while (*word) {
		size_t len = strcspn(word, " \n");

		if (column > indent && column + 1 + len > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (word != text && word[-1] == ' ') {
			fputc(' ', out);
			column++;
		}
		for (size_t i = 0; i < len; i++)
			fputc(word[i] == WRAP_GLUE ? ' ' : word[i], out);
		column += (unsigned)len;
		word += len;
		if (*word == '\n') {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		}
		if (*word)
			word++;
	}
}
