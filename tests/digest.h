/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - FNV-1a of memory, 64 bits: from DIGEST_START on, piece by piece. */
#ifndef TESTS_DIGEST_H
#define TESTS_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_START 0xcbf29ce484222325ull

static inline uint64_t digest_bytes(uint64_t h, const void *data, size_t bytes)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

#endif /* TESTS_DIGEST_H */
