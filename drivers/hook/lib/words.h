/* SPDX-License-Identifier: Apache-2.0 */
/* words.h - reading a hook's arguments: words separated by commas, "key=value", sizes and times. */
#ifndef HOOK_WORDS_H
#define HOOK_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Copy the next word of *args into word[size] and step behind it. 1, 0 at the end,
 * or -E2BIG when it does not fit (word then holds its beginning).
 */
int hook_next_word(const char **args, char *word, size_t size);

/* Does `word` begin with "key="? Then *value is what follows. */
bool hook_word_value(const char *word, const char *key, const char **value);

/* "64k", "1M", "2G" or plain bytes; false when it is no size. */
bool hook_parse_size(const char *text, uint64_t *bytes);

/* "250ns", "10us", "100ms", "2s"; false when it is no time. */
bool hook_parse_time(const char *text, uint64_t *ns);

/* Decimal digits and nothing else. */
bool hook_parse_number(const char *text, uint64_t *n);

#endif /* HOOK_WORDS_H */
