/* SPDX-License-Identifier: Apache-2.0 */
/*
 * st_file.h - one .safetensors file: eight bytes of header length (little
 * endian), a JSON header, then the tensors' bytes without gaps.
 *
 * Nothing in the file is believed: the header's length, every dtype, shape and
 * offset are checked against the file's size and against each other. Once
 * opened a file is immutable and may be read from any thread. A file that
 * another process cuts while it is mapped gives SIGBUS on the next read.
 */
#ifndef PLUGINS_FORMATS_ST_FILE_H
#define PLUGINS_FORMATS_ST_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>
#include <aios/plugin/format.h>

#define ST_HEADER_MAX 100000000u           /* the limit of the format's own reader, bytes */
#define ST_TEXT_MAX (256u * 1024u * 1024u) /* config.json, tokenizer.json, the index, bytes */

struct st_file {
	char *path;
	json_t *header;   /* tensors' names point into it */
	uint64_t size;    /* of the whole file, bytes */
	uint64_t data_at; /* offset of the first tensor's bytes */
	uint8_t *map;     /* the whole file; NULL: metadata only */
	uint32_t n_tensors;
};

/*
 * Open `path` and read its header; map it unless `meta_only`. On failure *f
 * owns nothing. On success st_file_close() ends it.
 */
int st_file_open(struct st_file *f, const char *path, bool meta_only, struct aios_status *st);
void st_file_close(struct st_file *f);

/*
 * Fill out[0 .. n_tensors) in the header's order and check that together they
 * cover the file's data exactly once. Names and `file` are borrowed from *f.
 */
int st_file_tensors(const struct st_file *f, struct aios_ckpt_tensor *out, struct aios_status *st);

/*
 * Read a whole text of at most ST_TEXT_MAX bytes into *text (malloc, with a NUL
 * after its end). -ENOENT without a message when there is no such file.
 */
int st_read_text(const char *path, char **text, size_t *len, struct aios_status *st);

#endif /* PLUGINS_FORMATS_ST_FILE_H */
