// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/engine/text.h"
#include "core/lib/array.h"

int text_init(struct text_out *t, const char *const *stops, uint32_t n_stops)
{
	memset(t, 0, sizeof(*t));
	if (n_stops == 0)
		return 0;
	t->stops = calloc(n_stops, sizeof(*t->stops));
	if (!t->stops)
		return -ENOMEM;
	for (uint32_t i = 0; i < n_stops; i++) {
		if (!stops[i] || !stops[i][0])
			continue;
		t->stops[t->n_stops] = strdup(stops[i]);
		if (!t->stops[t->n_stops]) {
			text_finish(t);
			return -ENOMEM;
		}
		t->n_stops++;
	}
	return 0;
}

void text_finish(struct text_out *t)
{
	for (uint32_t i = 0; i < t->n_stops; i++)
		free(t->stops[i]);
	free(t->stops);
	free(t->held);
	free(t->out);
	memset(t, 0, sizeof(*t));
}

/* Offset of the earliest stop text in what is held, or n_held. */
static size_t first_stop(const struct text_out *t)
{
	size_t best = t->n_held;

	for (uint32_t i = 0; i < t->n_stops; i++) {
		const char *p = memmem(t->held, t->n_held, t->stops[i], strlen(t->stops[i]));

		if (p && (size_t)(p - t->held) < best)
			best = (size_t)(p - t->held);
	}
	return best;
}

/* Bytes at the end of `held` that are the beginning of a stop text. */
static size_t partial_stop(const struct text_out *t)
{
	size_t best = 0;

	for (uint32_t i = 0; i < t->n_stops; i++) {
		size_t n = strlen(t->stops[i]) - 1;

		if (n > t->n_held)
			n = t->n_held;
		while (n > best && memcmp(t->held + t->n_held - n, t->stops[i], n) != 0)
			n--;
		if (n > best)
			best = n;
	}
	return best;
}

/* Move the first n held bytes to `out`. */
static int give_out(struct text_out *t, size_t n, const char **out, size_t *out_len)
{
	int rc = array_reserve((void **)&t->out, &t->cap_out, n + 1, 1);

	if (rc < 0)
		return rc;
	if (n > 0)
		memcpy(t->out, t->held, n);
	t->out[n] = '\0';
	t->n_held -= n;
	if (t->n_held > 0)
		memmove(t->held, t->held + n, t->n_held);
	*out = t->out;
	*out_len = n;
	return 0;
}

static int hold(struct text_out *t, const char *text, size_t len)
{
	int rc = array_reserve((void **)&t->held, &t->cap_held, t->n_held + len, 1);

	if (rc < 0)
		return rc;
	if (len > 0)
		memcpy(t->held + t->n_held, text, len);
	t->n_held += len;
	return 0;
}

/* Give out up to the first stop text, or all but the last `keep` bytes. */
static int release(struct text_out *t, size_t keep, const char **out, size_t *out_len)
{
	size_t stop = first_stop(t);
	int rc;

	if (stop == t->n_held)
		return give_out(t, t->n_held - keep, out, out_len);
	rc = give_out(t, stop, out, out_len);
	t->stopped = true;
	t->n_held = 0;
	return rc;
}

int text_push(struct text_out *t, const char *text, size_t len, const char **out, size_t *out_len)
{
	int rc;

	*out = "";
	*out_len = 0;
	if (t->stopped || len == 0)
		return 0;
	if (t->n_stops == 0) {
		*out = text;
		*out_len = len;
		return 0;
	}
	rc = hold(t, text, len);
	return rc < 0 ? rc : release(t, partial_stop(t), out, out_len);
}

int text_end(struct text_out *t, const char *text, size_t len, const char **out, size_t *out_len)
{
	int rc;

	if (t->stopped)
		len = 0;
	rc = hold(t, text, len);
	*out = "";
	*out_len = 0;
	return rc < 0 ? rc : release(t, 0, out, out_len);
}
