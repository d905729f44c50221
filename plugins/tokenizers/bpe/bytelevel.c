// SPDX-License-Identifier: Apache-2.0
/*
 * bytelevel.c - GPT-2's byte alphabet.
 *
 * The 68 bytes that are not printable, 0-32, 127-160 and 173, follow each other
 * from U+0100 on; all others are the character of their own number.
 */
#include <errno.h>

#include "bytelevel.h"

uint32_t bytelevel_char(unsigned char byte)
{
	if (byte <= 32)
		return 0x100u + byte;
	if (byte >= 127 && byte <= 160)
		return 0x121u + byte - 127u;
	if (byte == 173)
		return BYTELEVEL_LAST;
	return byte;
}

int bytelevel_byte(uint32_t code)
{
	if (code < 0x100) {
		bool printable = code > 32 && !(code >= 127 && code <= 160) && code != 173;

		return printable ? (int)code : -1;
	}
	if (code <= 0x120)
		return (int)(code - 0x100);
	if (code < BYTELEVEL_LAST)
		return (int)(code - 0x121 + 127);
	return code == BYTELEVEL_LAST ? 173 : -1;
}

int bytelevel_append(struct text *text, const char *bytes, size_t len)
{
	/* No byte becomes more than two. */
	if (len > SIZE_MAX / 2 || text_reserve(text, len * 2))
		return -ENOMEM;
	for (size_t i = 0; i < len; i++)
		text->len += utf8_encode(bytelevel_char((unsigned char)bytes[i]),
					 text->data + text->len);
	return 0;
}
