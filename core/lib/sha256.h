/* SPDX-License-Identifier: Apache-2.0 */
/* sha256.h - SHA-256 (FIPS 180-4). Plain state, no allocation. */
#ifndef CORE_LIB_SHA256_H
#define CORE_LIB_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_HEX (2 * SHA256_BYTES + 1)

struct sha256 {
	uint32_t h[8];
	uint64_t bytes;
	uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t bytes);
/* The digest; `s` must be initialised before it is used again. */
void sha256_final(struct sha256 *s, uint8_t out[SHA256_BYTES]);

/* The first `n` bytes of a digest as 2 * n lower-case digits and a NUL. */
void sha256_hex(const uint8_t *digest, size_t n, char *out);

/* The digest of a file's contents as text: 0 or -errno. */
int sha256_file(const char *path, char out[SHA256_HEX]);

#endif /* CORE_LIB_SHA256_H */
