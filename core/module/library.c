// SPDX-License-Identifier: Apache-2.0
/*
 * library.c - look for a library as ld.so(8) does: loaded ones, DT_RUNPATH and
 * LD_LIBRARY_PATH, the cache, the default folders. dlopen() of the library itself
 * would run its constructors, which is what metadata is there to avoid.
 */
#include "core/module/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/module/file.h"

#define CACHE_PATH "/etc/ld.so.cache"
#define CACHE_MAGIC "glibc-ld.so.cache1.1"
#define CACHE_HEADER 48 /* magic, count, length of strings, flags, extension, unused */
#define CACHE_ENTRY 24  /* flags, name, path, OS version, hwcap */

static bool is_loaded(const char *soname)
{
	void *handle = dlopen(soname, RTLD_LAZY | RTLD_NOLOAD);

	if (handle)
		dlclose(handle);
	return handle != NULL;
}

static bool in_folder(const char *folder, size_t length, const char *soname)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%.*s/%s", (int)length, folder, soname);

	return n > 0 && (size_t)n < sizeof(path) && !access(path, R_OK);
}

/* `origin`, when there, replaces a leading $ORIGIN or ${ORIGIN}. */
static bool in_folders(const char *folders, const char *origin, const char *soname)
{
	while (folders && *folders) {
		size_t length = strcspn(folders, ":;");
		size_t skip = !strncmp(folders, "$ORIGIN", 7)   ? 7 :
			      !strncmp(folders, "${ORIGIN}", 9) ? 9 :
								  0;
		char path[4096];
		int n = snprintf(path, sizeof(path), "%s%.*s", skip && origin ? origin : "",
				 (int)(length - skip), folders + skip);

		if (length && n > 0 && (size_t)n < sizeof(path) &&
		    in_folder(path, (size_t)n, soname))
			return true;
		folders += length + (folders[length] != '\0');
	}
	return false;
}

static uint32_t read_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* The string at `offset` of the cache, or NULL when it does not end inside. */
static const char *cache_string(const uint8_t *bytes, size_t size, uint32_t offset)
{
	if (offset >= size || !memchr(bytes + offset, '\0', size - offset))
		return NULL;
	return (const char *)bytes + offset;
}

bool library_in_cache(const uint8_t *bytes, size_t size, const char *soname)
{
	uint32_t count;

	if (size < CACHE_HEADER || memcmp(bytes, CACHE_MAGIC, strlen(CACHE_MAGIC)))
		return false;
	count = read_u32(bytes + 20);
	if (count > (size - CACHE_HEADER) / CACHE_ENTRY)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *entry = bytes + CACHE_HEADER + (size_t)i * CACHE_ENTRY;
		const char *name = cache_string(bytes, size, read_u32(entry + 4));
		const char *path = cache_string(bytes, size, read_u32(entry + 8));

		if (name && path && !strcmp(name, soname) && !access(path, R_OK))
			return true;
	}
	return false;
}

static bool in_system_cache(const char *soname)
{
	struct file_map map;
	bool found;

	if (file_map(&map, CACHE_PATH, NULL))
		return false;
	found = library_in_cache(map.data, map.size, soname);
	file_unmap(&map);
	return found;
}

bool library_exists(const char *soname, const char *runpath, const char *origin)
{
	static const char defaults[] = "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:"
				       "/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu:"
				       "/lib64:/usr/lib64:/lib:/usr/lib";

	if (!*soname)
		return false;
	if (strchr(soname, '/'))
		return !access(soname, R_OK);
	return is_loaded(soname) || in_folders(secure_getenv("LD_LIBRARY_PATH"), NULL, soname) ||
	       in_folders(runpath, origin, soname) || in_system_cache(soname) ||
	       in_folders(defaults, NULL, soname);
}
