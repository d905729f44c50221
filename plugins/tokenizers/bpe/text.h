/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - growable text and UTF-8.
 *
 * A struct text of zeros is empty and valid. Its bytes are not NUL-terminated.
 */
#ifndef BPE_TEXT_H
#define BPE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *data;
	size_t len;
	size_t cap;
};

void text_finish(struct text *text);

/* The bytes; of an empty text too, which may have no memory. */
static inline const char *text_bytes(const struct text *text)
{
	return text->data ? text->data : "";
}

/* All of these return 0 or -ENOMEM, and change nothing when they fail. */
int text_reserve(struct text *text, size_t more);
int text_append(struct text *text, const char *bytes, size_t len);
int text_append_string(struct text *text, const char *string);
int text_append_char(struct text *text, uint32_t code);
int text_insert(struct text *text, size_t at, const char *bytes, size_t len);
void text_swap(struct text *a, struct text *b);
/* Remove the first `len` bytes. */
void text_drop(struct text *text, size_t len);

/* The character at *pos of valid UTF-8; moves *pos behind it. Needs *pos < the text's length. */
uint32_t utf8_next(const char *text, size_t *pos);
/* Bytes of the character that begins at text[0], and where the one before text[end] begins. */
size_t utf8_length(const char *text);
size_t utf8_previous(const char *text, size_t end);
size_t utf8_encode(uint32_t code, char out[4]);

/*
 * Look at the first character of bytes that may be anything (len > 0): its
 * length when it is valid, 0 when the bytes end before it does, or minus the
 * number of bytes that one U+FFFD stands for.
 */
int utf8_look(const char *bytes, size_t len);
bool utf8_valid(const char *bytes, size_t len);
/*
 * Append bytes, U+FFFD in place of what is not UTF-8. `all`: a character cut
 * at the end is replaced too; else it is left, and *used (may be NULL) says
 * how many bytes were taken.
 */
int text_append_lossy(struct text *text, const char *bytes, size_t len, bool all, size_t *used);

#endif /* BPE_TEXT_H */
