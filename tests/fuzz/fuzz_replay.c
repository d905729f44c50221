// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_replay.c - the input is a file of launches (drivers/hook/lib/capsule.h). Its
 * digests are made right first, so that what lies behind them is reached. What is
 * accepted is looked at as replay looks at it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/capsule.h"

#define HEADER 64
#define CHUNK 16
#define BLOB 1

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every part gets the digest of its bytes. */
static void mend(uint8_t *data, size_t size)
{
	size_t at = HEADER;
	uint64_t bytes;
	uint32_t kind;

	while (at + CHUNK <= size) {
		memcpy(&kind, data + at, sizeof(kind));
		memcpy(&bytes, data + at + 8, sizeof(bytes));
		at += CHUNK;
		if (bytes > size - at)
			return;
		if (kind == BLOB && bytes >= CAPSULE_DIGEST)
			capsule_digest(data + at + CAPSULE_DIGEST, bytes - CAPSULE_DIGEST,
				       data + at);
		at += bytes + 7 < bytes ? bytes : (bytes + 7) / 8 * 8;
	}
}

/* Touch every byte that an accepted launch says to have. */
static unsigned use(const struct capsule_entry *e)
{
	unsigned sum = 0;

	for (uint32_t i = 0; i < e->image.operands.n; i++) {
		uint64_t bytes = hook_operand_bytes(&e->image.operands.v[i]);

		for (uint64_t k = 0; e->image.in[i] && k < bytes; k++)
			sum += e->image.in[i][k];
		for (uint64_t k = 0; e->out[i] && k < bytes; k++)
			sum += e->out[i][k];
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capsule_reader reader;
	struct capsule_entry entry;
	struct aios_status st = { 0 };
	volatile unsigned sum = 0;
	uint8_t *copy = malloc(size ? size : 1);
	int rc;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	mend(copy, size);
	rc = capsule_open_memory(&reader, copy, size, &st);
	while (rc == 0 && (rc = capsule_next(&reader, &entry, &st)) > 0) {
		sum += use(&entry);
		hook_image_free(&entry.image);
		rc = 0;
	}
	/* every refusal has a code and a message */
	if (rc < 0 && (st.code >= 0 || st.message[0] == '\0'))
		abort();
	capsule_close(&reader);
	free(copy);
	(void)sum;
	return 0;
}
