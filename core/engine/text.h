/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - an answer's text on its way out: holds back what may still become a
 * stop text, cuts at the first one that appears.
 */
#ifndef CORE_ENGINE_TEXT_H
#define CORE_ENGINE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_out {
	char **stops; /* owned copies, none empty */
	uint32_t n_stops;
	char *held; /* not given out yet */
	size_t n_held, cap_held;
	char *out; /* what the last call gave out */
	size_t cap_out;
	bool stopped;
};

/* Copies the stop texts (empty ones are ignored). 0 or -ENOMEM. */
int text_init(struct text_out *t, const char *const *stops, uint32_t n_stops);
void text_finish(struct text_out *t); /* takes a zeroed struct */

/*
 * New text arrives; *out (valid until the next call, and no longer than `text`: without stop texts it is
 * the same bytes) is what may leave now. Sets
 * t->stopped when a stop text appeared: the text before it leaves, the rest is
 * dropped, and later calls give nothing. 0 or -ENOMEM.
 */
int text_push(struct text_out *t, const char *text, size_t len, const char **out, size_t *out_len);

/* The last text: it and everything that was held back leaves, up to a stop text. */
int text_end(struct text_out *t, const char *text, size_t len, const char **out, size_t *out_len);

#endif /* CORE_ENGINE_TEXT_H */
