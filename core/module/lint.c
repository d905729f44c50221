// SPDX-License-Identifier: Apache-2.0
/* lint.c - refuse a module on what its file says, with the one reason that matters first. */
#include "core/module/lint.h"

#include <inttypes.h>
#include <string.h>

#include "core/module/abi.h"
#include "core/module/isa.h"
#include "core/module/library.h"

/*
 * Set by the build for gcov: its counters, their registration and its import of
 * abort() are no sin of the author.
 */
#ifndef LINT_COVERAGE
#define LINT_COVERAGE 0
#endif

/*
 * A sanitizer or gcov adds constructors, writable data and imports to every file;
 * both sides have the same one (checked before), so the rules on those are off.
 */
static bool instrumented(const struct modinfo *info)
{
	return LINT_COVERAGE || strcmp(info->sanitizer, "none") != 0;
}

/* ---- permissions ------------------------------------------------------------- */

int lint_permissions(const char *path, const struct stat *file, struct aios_status *st)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	char folder[4096] = ".";
	struct stat info;

	if (file->st_mode & S_IWOTH)
		return aios_fail(st, -EPERM, "everybody may write to the file: chmod o-w it");
	if (length >= sizeof(folder))
		return aios_fail(st, -ENAMETOOLONG, "the path is too long");
	if (slash) {
		memcpy(folder, path, length);
		folder[length] = '\0';
	}
	if (!length && slash)
		strcpy(folder, "/");
	if (stat(folder, &info))
		return aios_fail(st, -errno, "folder %.200s: %s", folder, strerror(errno));
	/* With the sticky bit (/tmp) nobody can replace the files of others. */
	if ((info.st_mode & S_IWOTH) && !(info.st_mode & S_ISVTX))
		return aios_fail(st, -EPERM,
				 "everybody may write to its folder %.200s: chmod o-w it", folder);
	return 0;
}

/* ---- metadata ---------------------------------------------------------------- */

static int check_kind(const struct modinfo *info, struct aios_status *st)
{
	if (info->kind)
		return 0;
	return aios_fail(st, -EINVAL,
			 "kind '%.40s' is none of driver, format, model, tokenizer, sampler, hook",
			 info->kind_text);
}

static int check_sanitizer(const struct modinfo *info, struct aios_status *st)
{
	if (!strcmp(info->sanitizer, AIOS_SANITIZER))
		return 0;
	return aios_fail(st, -ENOEXEC,
			 "built with sanitizer '%.40s', this AIOS with '%s': build both alike",
			 info->sanitizer, AIOS_SANITIZER);
}

static int check_isa(const struct modinfo *info, struct aios_status *st)
{
	struct isa_regs regs = isa_read();

	return info->isa ? isa_check(info->isa, &regs, st) : 0;
}

static int check_file_name(const struct modinfo *info, const char *path, struct aios_status *st)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash ? slash + 1 : path;
	size_t n = strlen(info->name);

	if (!strncmp(file, info->name, n) && !strcmp(file + n, ".so"))
		return 0;
	return aios_fail(st, -EINVAL, "the module's name is '%s': the file must be %s.so",
			 info->name, info->name);
}

static int check_needs(const struct modinfo *info, const struct elf *elf, const char *path,
		       struct aios_status *st)
{
	const char *slash = strrchr(path, '/');
	char folder[4096] = ".";

	if (slash && (size_t)(slash - path) < sizeof(folder)) {
		memcpy(folder, path, (size_t)(slash - path));
		folder[slash - path] = '\0';
	}
	for (unsigned i = 0; i < info->n_needs; i++)
		if (!library_exists(info->needs[i], elf->runpath, folder))
			return aios_fail(
				st, -ENOENT,
				"needs the library %.100s, which is not in LD_LIBRARY_PATH, "
				"/etc/ld.so.cache or the system's folders: install it",
				info->needs[i]);
	return 0;
}

int lint_modinfo(const struct modinfo *info, const struct elf *elf, const char *path,
		 struct aios_status *st)
{
	int err = check_kind(info, st);

	if (!err)
		err = abi_check(info->abi_major, info->abi_minor, info->abi_hash, st);
	if (!err)
		err = check_sanitizer(info, st);
	if (!err)
		err = check_isa(info, st);
	if (!err)
		err = check_file_name(info, path, st);
	if (!err)
		err = check_needs(info, elf, path, st);
	return err;
}

/* ---- the file ---------------------------------------------------------------- */

static int check_import(const struct elf_symbol *symbol, struct aios_status *st)
{
	static const char *const forbidden[] = {
		"abort",      "exit",          "_exit",    "_Exit",
		"quick_exit", "__assert_fail", "__assert", "__assert_perror_fail",
	};

	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		if (!strcmp(symbol->name, forbidden[i]))
			return aios_fail(st, -EPERM,
					 "imports '%s': a module returns errors, it never ends the "
					 "process",
					 symbol->name);
	return 0;
}

static int check_export(const struct elf_symbol *symbol, bool tolerant, bool *found,
			struct aios_status *st)
{
	if (symbol->bind == STB_GNU_UNIQUE)
		return aios_fail(st, -EPERM,
				 "symbol '%.150s' is STB_GNU_UNIQUE, shared with other modules: "
				 "build with -fno-gnu-unique -fvisibility=hidden",
				 symbol->name);
	if (!strcmp(symbol->name, "aios_module")) {
		*found = true;
		if (symbol->type != STT_OBJECT)
			return aios_fail(st, -EINVAL, "'aios_module' is not data");
		return 0;
	}
	/* Names of the implementation: "__odr_asan.aios_module". */
	if (tolerant && !strncmp(symbol->name, "__", 2))
		return 0;
	return aios_fail(
		st, -EPERM,
		"exports '%.150s' besides 'aios_module': build with -fvisibility=hidden or "
		"a version script",
		symbol->name);
}

/* Symbol 0 is empty; local ones are section symbols. */
static int check_symbols(const struct elf *elf, bool tolerant, struct aios_status *st)
{
	bool found = false;

	for (uint64_t i = 1; i < elf->n_symbols; i++) {
		struct elf_symbol symbol = elf_symbol(elf, i);
		int err;

		if (symbol.bind == STB_LOCAL)
			continue;
		if (symbol.defined)
			err = check_export(&symbol, tolerant, &found, st);
		else
			err = LINT_COVERAGE ? 0 : check_import(&symbol, st);
		if (err)
			return err;
	}
	if (!found)
		return aios_fail(st, -EINVAL,
				 "does not export 'aios_module': use AIOS_DRIVER() or its like");
	return 0;
}

/*
 * The C runtime's crtbegin puts one entry into each array. What is more, or
 * stands alone, is a constructor: code that would run inside dlopen().
 */
static int check_constructors(const struct elf *elf, struct aios_status *st)
{
	if (elf->resolvers)
		return aios_fail(st, -EPERM,
				 "has ifuncs or target_clones (%" PRIu64
				 "), whose resolvers run when "
				 "it is loaded: choose code in probe or open, or state "
				 "AIOS_MODULE_INFO(ctors, \"allowed\")",
				 elf->resolvers);
	if (elf->init_array <= 1 && elf->init_array <= elf->fini_array && !elf->preinit_array)
		return 0;
	return aios_fail(st, -EPERM,
			 "has constructors (%" PRIu64 " entries in .init_array, %" PRIu64
			 " in .preinit_array): do that work in probe or open, or state "
			 "AIOS_MODULE_INFO(ctors, \"allowed\")",
			 elf->init_array, elf->preinit_array);
}

static int check_state(const struct elf *elf, struct aios_status *st)
{
	uint64_t bytes;

	if (__builtin_add_overflow(elf->writable, elf->tls, &bytes))
		bytes = UINT64_MAX;
	if (bytes <= LINT_WRITABLE_MAX)
		return 0;
	return aios_fail(st, -EPERM,
			 "has %" PRIu64 " bytes of writable data (.data, .bss, thread-local), more "
			 "than %d: keep state in the object that open returns",
			 bytes, LINT_WRITABLE_MAX);
}

int lint_elf(const struct elf *elf, const struct modinfo *info, struct aios_status *st)
{
	bool tolerant = instrumented(info);
	int err = check_symbols(elf, tolerant, st);

	if (err || tolerant)
		return err;
	if (elf->static_tls)
		return aios_fail(st, -EPERM,
				 "uses static (initial-exec) thread-local storage, which dlopen "
				 "may have no room for: build without -ftls-model=initial-exec");
	if (!info->ctors_allowed)
		err = check_constructors(elf, st);
	return err ? err : check_state(elf, st);
}
