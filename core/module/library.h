/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library.h - is a shared library there? Answered from data, the way the dynamic
 * linker would look, without running the library's code.
 */
#ifndef CORE_MODULE_LIBRARY_H
#define CORE_MODULE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * True when `soname` ("libcuda.so.1") is loaded already, lies in a folder of
 * LD_LIBRARY_PATH or of `runpath` (may be NULL; $ORIGIN is `origin`), is listed in
 * /etc/ld.so.cache, or lies in one of the linker's own folders.
 */
bool library_exists(const char *soname, const char *runpath, const char *origin);

/* True when the bytes of an ld.so.cache list `soname` with a file that exists. */
bool library_in_cache(const uint8_t *bytes, size_t size, const char *soname);

#endif /* CORE_MODULE_LIBRARY_H */
