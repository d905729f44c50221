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

/* All that the rules look at. `file` may be NULL where only the others are asked for. */
struct lint_subject {
	const char *path;
	const struct stat *file;
	const struct elf *elf;
	const struct modinfo *info;
};

/*
 * Each rule on its own, in the loader's order: ask rule `i` and return its number
 * ("ADP-3"), NULL past the last. *code is 0, or -errno with the reason in *st.
 */
const char *lint_rule(unsigned i, const struct lint_subject *subject, int *code,
		      struct aios_status *st);

/* What ADP-12 and ADP-10 say of one symbol. */
bool lint_import_ends_process(const char *name);
bool lint_export_allowed(const struct elf_symbol *symbol, const struct modinfo *info);

#endif /* CORE_MODULE_LINT_H */
