// SPDX-License-Identifier: Apache-2.0
/* suggest.c - "did you mean": the known word at the smallest edit distance. */
#include <string.h>
#include <strings.h>

#include <aios/config.h>

#define LONGEST 63

/*
 * Optimal string alignment distance (insert, delete, replace, swap neighbours);
 * words longer than LONGEST are compared up to there.
 */
static unsigned distance(const char *a, const char *b)
{
	unsigned before[LONGEST + 1] = { 0 }, last[LONGEST + 1], now[LONGEST + 1];
	size_t n = strnlen(a, LONGEST), m = strnlen(b, LONGEST);

	for (size_t j = 0; j <= m; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		memcpy(before, last, sizeof(before));
		memcpy(last, now, sizeof(last));
	}
	return last[m];
}

const char *aios_suggest(const char *word, const char *const *words, size_t n)
{
	/* A third of the letters may be wrong, at most three. */
	size_t length = strnlen(word, LONGEST);
	unsigned limit = length < 4 ? 1 : length < 8 ? 2 : 3;
	const char *best = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned d;

		if (!words[i])
			continue;
		d = distance(word, words[i]);
		if (d <= limit) {
			best = words[i];
			limit = d ? d - 1 : 0;
			if (!d)
				break;
		}
	}
	return best;
}
