// SPDX-License-Identifier: Apache-2.0
/*
 * failmalloc.c - LD_PRELOAD this and the FAILMALLOC_AT-th allocation of the
 * process fails, and only that one. FAILMALLOC_REPORT names a file that
 * receives the number of allocations at exit.
 *
 * Allocations made by jansson are left alone: its 2.14 writes past a buffer when
 * one of its own fails inside json_loadb(), which is not ours to mend.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

#define EXPORT __attribute__((visibility("default")))

static atomic_long count;
static long fail_at;
static atomic_int ready;

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("FAILMALLOC_AT");

	fail_at = at ? atol(at) : 0;
	atomic_store(&ready, 1);
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAILMALLOC_REPORT");
	char text[32];
	int fd, n;

	atomic_store(&ready, 0);
	if (!path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	n = snprintf(text, sizeof(text), "%ld\n", atomic_load(&count));
	if (fd >= 0 && write(fd, text, (size_t)n) != n)
		unlink(path);
	if (fd >= 0)
		close(fd);
}

static int in_jansson(const void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "libjansson");
}

static int fails(const void *caller)
{
	if (!atomic_load(&ready) || in_jansson(caller))
		return 0;
	if (atomic_fetch_add(&count, 1) + 1 != fail_at)
		return 0;
	errno = ENOMEM;
	return 1;
}

EXPORT void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t n, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

EXPORT void *realloc(void *p, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, size);
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(align, size);
}
