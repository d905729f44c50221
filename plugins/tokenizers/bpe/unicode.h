/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unicode.h - properties of characters, and the normal forms.
 */
#ifndef BPE_UNICODE_H
#define BPE_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

bool unicode_is_space(uint32_t code);       /* White_Space */
bool unicode_is_word(uint32_t code);        /* letters, marks, digits, connectors, joiners */
bool unicode_is_mark(uint32_t code);        /* general category M, of Unicode 9 */
bool unicode_is_number(uint32_t code);      /* general category N */
bool unicode_is_punctuation(uint32_t code); /* general category P, or an ASCII sign */

/* Younger than the tables that files are written against (unicode_age.c). */
bool unicode_has_later_form(uint32_t code);
bool unicode_is_later_punctuation(uint32_t code);
bool unicode_is_later_mark(uint32_t code);

/* Append the lower case of `code`, which may be two characters. 0 or -ENOMEM. */
int unicode_append_lower(struct text *text, uint32_t code);

enum unicode_form {
	UNICODE_NFC,
	UNICODE_NFD,
	UNICODE_NFKC,
	UNICODE_NFKD
};

/* Append `len` bytes of valid UTF-8 in a normal form. 0 or -ENOMEM. Linear in len. */
int unicode_append_form(struct text *text, const char *bytes, size_t len, enum unicode_form form);

#endif /* BPE_UNICODE_H */
