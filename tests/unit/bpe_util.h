/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpe_util.h - open a tokenizer from text or file in a test, and check it against
 * a file of cases (tests/vectors/tokenizers/README.md).
 */
#ifndef TESTS_UNIT_BPE_UTIL_H
#define TESTS_UNIT_BPE_UTIL_H

#include <stddef.h>

#include <aios/plugin/tokenizer.h>

/* The plugin, compiled into the test as a built-in module. */
const struct aios_tokenizer_ops *bpe_ops(void);

/* What the host answers for the parameter "regex"; NULL as the core never does. */
void bpe_set_regex(const char *value);
/* The last warning logged. */
const char *bpe_last_log(void);

/* The whole file, NUL behind it; the caller frees. NULL when it is not there. */
char *bpe_read_file(const char *path, size_t *len);
/* FOLDER/a/b below the folder that AIOS_TEST_SRC names. Valid until the next call. */
const char *bpe_source_path(const char *name);

/* Open tokenizer.json text, with tokenizer_config.json text or NULL. */
int bpe_open_text(const char *json, const char *config, void **tok, struct aios_status *st);
/* As a file; fails the test when it does not open. */
void *bpe_open_file(const char *path);

/* Encode all of a text: ids that the caller frees. Fails the test on an error. */
int32_t *bpe_encode_all(void *tok, const char *text, size_t len, uint32_t flags, size_t *n);
/* Decode all at once, or as a stream whose pieces are checked to be whole UTF-8. */
char *bpe_decode_all(void *tok, const int32_t *ids, size_t n, uint32_t flags, size_t *len);
char *bpe_stream_all(void *tok, const int32_t *ids, size_t n, uint32_t flags, size_t *len);

/* Check every case of a file; the number of cases. Fails the test on a difference. */
size_t bpe_check_cases(void *tok, const char *path);

#endif /* TESTS_UNIT_BPE_UTIL_H */
