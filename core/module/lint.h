/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint.h - the rules a module file must keep before its code may run. Each rule
 * has a number in Documentation/abi.md.
 */
#ifndef CORE_MODULE_LINT_H
#define CORE_MODULE_LINT_H

#include <sys/stat.h>

#include <aios/error.h>

#include "core/module/elf.h"
#include "core/module/modinfo.h"

/* Bytes that a module may keep writable: what the C runtime itself needs and some. */
#define LINT_WRITABLE_MAX 4096

/* Who may write to the file and to its folder: nobody but owners and groups. */
int lint_permissions(const char *path, const struct stat *file, struct aios_status *st);

/* Metadata against this core and this machine: kind, ABI, sanitizer, ISA, name, libraries. */
int lint_modinfo(const struct modinfo *info, const struct elf *elf, const char *path,
		 struct aios_status *st);

/* The file's symbols, constructors, writable data and thread-local storage. */
int lint_elf(const struct elf *elf, const struct modinfo *info, struct aios_status *st);

#endif /* CORE_MODULE_LINT_H */
