// SPDX-License-Identifier: Apache-2.0
/* countdown.c - allocators that fail when they are told to, in front of the process's own. */
#include "countdown.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

long countdown = -1;

static bool fails(void)
{
	return countdown >= 0 && countdown-- == 0;
}

/* The allocator of the process: libc's or a sanitizer's. */
static void *real(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

void *malloc(size_t size)
{
	void *(*function)(size_t);
	void *symbol = real("malloc");

	memcpy(&function, &symbol, sizeof(function));
	return fails() ? NULL : function(size);
}

void *calloc(size_t n, size_t size)
{
	void *(*function)(size_t, size_t);
	void *symbol = real("calloc");

	memcpy(&function, &symbol, sizeof(function));
	return fails() ? NULL : function(n, size);
}

void *realloc(void *old, size_t size)
{
	void *(*function)(void *, size_t);
	void *symbol = real("realloc");

	memcpy(&function, &symbol, sizeof(function));
	return fails() ? NULL : function(old, size);
}

char *strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}
