// SPDX-License-Identifier: Apache-2.0
/* words.c - see words.h. */
#include "lib/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hook_next_word(const char **args, char *word, size_t size)
{
	size_t len = strcspn(*args, ","), kept;

	if (!**args)
		return 0;
	kept = len < size ? len : size - 1;
	memcpy(word, *args, kept);
	word[kept] = '\0';
	*args += len + ((*args)[len] == ',');
	return kept == len ? 1 : -E2BIG;
}

bool hook_word_value(const char *word, const char *key, const char **value)
{
	size_t len = strlen(key);

	if (strncmp(word, key, len) != 0 || word[len] != '=')
		return false;
	*value = word + len + 1;
	return true;
}

/* A number and what follows it. */
static bool number_and_rest(const char *text, uint64_t *n, const char **rest)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*n = strtoull(text, &end, 10);
	*rest = end;
	return errno == 0;
}

bool hook_parse_number(const char *text, uint64_t *n)
{
	const char *rest;

	return number_and_rest(text, n, &rest) && !*rest;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static bool parse_unit(const char *text, const struct unit *units, uint64_t *out)
{
	const char *rest;
	uint64_t n;

	if (!number_and_rest(text, &n, &rest))
		return false;
	for (; units->name; units++)
		if (strcmp(rest, units->name) == 0)
			return !__builtin_mul_overflow(n, units->factor, out);
	return false;
}

bool hook_parse_size(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 },        { "k", 1 << 10 },           { "K", 1 << 10 }, { "M", 1 << 20 },
		{ "G", 1 << 30 }, { "T", (uint64_t)1 << 40 }, { NULL, 0 },
	};

	return parse_unit(text, units, bytes);
}

bool hook_parse_time(const char *text, uint64_t *ns)
{
	static const struct unit units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { NULL, 0 },
	};

	return parse_unit(text, units, ns);
}
