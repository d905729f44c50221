/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytelevel.h - GPT-2's byte alphabet: each of the 256 bytes is written as one
 * printable character, itself where it is printable in Latin-1, else U+0100 and on.
 */
#ifndef BPE_BYTELEVEL_H
#define BPE_BYTELEVEL_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

#define BYTELEVEL_LAST 0x143u /* the largest character of the alphabet */

uint32_t bytelevel_char(unsigned char byte);
/* The byte that a character stands for, or -1. */
int bytelevel_byte(uint32_t code);
/* Append bytes as characters. 0 or -ENOMEM. */
int bytelevel_append(struct text *text, const char *bytes, size_t len);

#endif /* BPE_BYTELEVEL_H */
