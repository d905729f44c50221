/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capsule.h - images in a file: what `record` writes while a program runs, what
 * `shadow` writes when it finds a difference (one op), what `replay` runs. Bytes
 * that occur often, such as weights, are kept once, found by their digest.
 *
 * A file appears complete or not at all: it is written under another name and
 * renamed. The format is described in Documentation/hooks.md. Reading trusts
 * nothing: a file is as hostile as any other input.
 */
#ifndef HOOK_CAPSULE_H
#define HOOK_CAPSULE_H

#include <limits.h>

#include "lib/image.h"

#define CAPSULE_VERSION 1
#define CAPSULE_DIGEST 16 /* bytes: XXH3-128, canonical form */

/* Digest of an operand's bytes. */
void capsule_digest(const void *data, uint64_t bytes, uint8_t digest[CAPSULE_DIGEST]);

struct capsule_writer {
	int fd; /* -1: closed */
	char path[PATH_MAX], temporary[PATH_MAX];
	char driver[32];
	struct capsule_blob *blobs; /* hash table by digest */
	uint64_t n_blobs, cap_blobs;
	uint64_t n_ops, bytes;
	uint8_t *buffer; /* what is not written yet */
	size_t used;
};

/* Begin a file. `driver` made the outputs that it will hold. */
int capsule_create(struct capsule_writer *w, const char *path, const char *driver,
		   struct aios_status *st);

/*
 * Append one launch: `number` counts launches; `out` are the outputs to keep, with
 * `whole` their bytes, else their digests. parts[i] (may be NULL) is the part + 1
 * of the file that holds input i already, when the image has not its bytes; it is
 * set for those that are written. After a failure only capsule_end(w, false) helps.
 */
int capsule_add(struct capsule_writer *w, uint64_t number, const struct hook_image *im,
		uint8_t *const out[HOOK_MAX_OPERANDS], bool whole,
		uint64_t parts[HOOK_MAX_OPERANDS], struct aios_status *st);

/* Finish: with `keep` the file gets its name, else it vanishes. Takes a closed writer. */
int capsule_end(struct capsule_writer *w, bool keep, struct aios_status *st);

/* A file that is being read. */
struct capsule_reader {
	const uint8_t *data;
	uint64_t size, at;
	void *map; /* to unmap, or NULL: the caller's memory */
	uint64_t n_ops, n_blobs;
	uint64_t seen_ops, seen_blobs;
	uint64_t *blobs; /* offset of each blob seen */
	char driver[32];
};

/* One launch of a file. Free the image after use. */
struct capsule_entry {
	uint64_t number;
	struct hook_image image; /* inputs; im.out is empty */
	bool has_out[HOOK_MAX_OPERANDS];
	uint8_t digest[HOOK_MAX_OPERANDS][CAPSULE_DIGEST];
	const uint8_t *
		out[HOOK_MAX_OPERANDS]; /* whole outputs, inside the reader's data; NULL: digest only */
};

/* Open a file, or bytes in memory; the header is checked. */
int capsule_open(struct capsule_reader *r, const char *path, struct aios_status *st);
int capsule_open_memory(struct capsule_reader *r, const void *data, uint64_t size,
			struct aios_status *st);

/* The next launch: 1, 0 at the end, or -EINVAL with offset and reason when the file is broken. */
int capsule_next(struct capsule_reader *r, struct capsule_entry *e, struct aios_status *st);

void capsule_close(struct capsule_reader *r); /* takes a zeroed one */

#endif /* HOOK_CAPSULE_H */
