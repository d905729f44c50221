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

static int check_kind(const struct lint_subject *s, struct aios_status *st)
{
	const struct modinfo *info = s->info;

	if (info->kind)
		return 0;
	return aios_fail(st, -EINVAL,
			 "kind '%.40s' is none of driver, format, model, tokenizer, sampler, hook, "
			 "scheduler, cache",
			 info->kind_text);
}

static int check_abi(const struct lint_subject *s, struct aios_status *st)
{
	return abi_check(s->info->abi_major, s->info->abi_minor, s->info->abi_hash, st);
}

static int check_sanitizer(const struct lint_subject *s, struct aios_status *st)
{
	const struct modinfo *info = s->info;

	if (!strcmp(info->sanitizer, AIOS_SANITIZER))
		return 0;
	return aios_fail(st, -ENOEXEC,
			 "built with sanitizer '%.40s', this AIOS with '%s': build both alike",
			 info->sanitizer, AIOS_SANITIZER);
}

static int check_isa(const struct lint_subject *s, struct aios_status *st)
{
	struct isa_regs regs = isa_read();

	return s->info->isa ? isa_check(s->info->isa, &regs, st) : 0;
}

static int check_file_name(const struct lint_subject *s, struct aios_status *st)
{
	const struct modinfo *info = s->info;
	const char *slash = strrchr(s->path, '/');
	const char *file = slash ? slash + 1 : s->path;
	size_t n = strlen(info->name);

	if (!strncmp(file, info->name, n) && !strcmp(file + n, ".so"))
		return 0;
	return aios_fail(st, -EINVAL, "the module's name is '%s': the file must be %s.so",
			 info->name, info->name);
}

static int check_needs(const struct lint_subject *s, struct aios_status *st)
{
	const struct modinfo *info = s->info;
	const char *slash = strrchr(s->path, '/');
	char folder[4096] = ".";

	if (slash && (size_t)(slash - s->path) < sizeof(folder)) {
		memcpy(folder, s->path, (size_t)(slash - s->path));
		folder[slash - s->path] = '\0';
	}
	for (unsigned i = 0; i < info->n_needs; i++)
		if (!library_exists(info->needs[i], s->elf->runpath, folder))
			return aios_fail(
				st, -ENOENT,
				"needs the library %.100s, which is not in LD_LIBRARY_PATH, "
				"/etc/ld.so.cache or the system's folders: install it",
				info->needs[i]);
	return 0;
}

/* ---- the file ---------------------------------------------------------------- */

bool lint_import_ends_process(const char *name)
{
	static const char *const forbidden[] = {
		"abort",      "exit",          "_exit",    "_Exit",
		"quick_exit", "__assert_fail", "__assert", "__assert_perror_fail",
	};

	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		if (!strcmp(name, forbidden[i]))
			return !LINT_COVERAGE;
	return false;
}

/* Names of the implementation come with a sanitizer: "__odr_asan.aios_module". */
bool lint_export_allowed(const struct elf_symbol *symbol, const struct modinfo *info)
{
	return !strcmp(symbol->name, "aios_module") ||
	       (instrumented(info) && !strncmp(symbol->name, "__", 2));
}

/* Symbol 0 is empty; local ones are section symbols. */
static int check_exports(const struct lint_subject *s, struct aios_status *st)
{
	bool found = false;

	for (uint64_t i = 1; i < s->elf->n_symbols; i++) {
		struct elf_symbol symbol = elf_symbol(s->elf, i);

		/* A unique one has a rule of its own. */
		if (symbol.bind == STB_LOCAL || symbol.bind == STB_GNU_UNIQUE || !symbol.defined)
			continue;
		if (!lint_export_allowed(&symbol, s->info))
			return aios_fail(st, -EPERM,
					 "exports '%.150s' besides 'aios_module': build with "
					 "-fvisibility=hidden or a version script",
					 symbol.name);
		if (strcmp(symbol.name, "aios_module") != 0)
			continue;
		found = true;
		if (symbol.type != STT_OBJECT)
			return aios_fail(st, -EINVAL, "'aios_module' is not data");
	}
	if (!found)
		return aios_fail(st, -EINVAL,
				 "does not export 'aios_module': use AIOS_DRIVER() or its like");
	return 0;
}

static int check_unique(const struct lint_subject *s, struct aios_status *st)
{
	for (uint64_t i = 1; i < s->elf->n_symbols; i++) {
		struct elf_symbol symbol = elf_symbol(s->elf, i);

		if (symbol.defined && symbol.bind == STB_GNU_UNIQUE)
			return aios_fail(st, -EPERM,
					 "symbol '%.150s' is STB_GNU_UNIQUE, shared with other "
					 "modules: build with -fno-gnu-unique -fvisibility=hidden",
					 symbol.name);
	}
	return 0;
}

static int check_imports(const struct lint_subject *s, struct aios_status *st)
{
	for (uint64_t i = 1; i < s->elf->n_symbols; i++) {
		struct elf_symbol symbol = elf_symbol(s->elf, i);

		if (symbol.bind != STB_LOCAL && !symbol.defined &&
		    lint_import_ends_process(symbol.name))
			return aios_fail(st, -EPERM,
					 "imports '%s': a module returns errors, it never ends the "
					 "process",
					 symbol.name);
	}
	return 0;
}

static int check_tls(const struct lint_subject *s, struct aios_status *st)
{
	if (!s->elf->static_tls || instrumented(s->info))
		return 0;
	return aios_fail(st, -EPERM,
			 "uses static (initial-exec) thread-local storage, which dlopen "
			 "may have no room for: build without -ftls-model=initial-exec");
}

/*
 * The C runtime's crtbegin puts one entry into each array. What is more, or
 * stands alone, is a constructor: code that would run inside dlopen().
 */
static int check_constructors(const struct lint_subject *s, struct aios_status *st)
{
	const struct elf *elf = s->elf;

	if (instrumented(s->info) || s->info->ctors_allowed)
		return 0;
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

static int check_state(const struct lint_subject *s, struct aios_status *st)
{
	const struct elf *elf = s->elf;
	uint64_t bytes;

	if (instrumented(s->info))
		return 0;
	if (__builtin_add_overflow(elf->writable, elf->tls, &bytes))
		bytes = UINT64_MAX;
	if (bytes <= LINT_WRITABLE_MAX)
		return 0;
	return aios_fail(st, -EPERM,
			 "has %" PRIu64 " bytes of writable data (.data, .bss, thread-local), more "
			 "than %d: keep state in the object that open returns",
			 bytes, LINT_WRITABLE_MAX);
}

/* ---- the rules in order ------------------------------------------------------ */

static int check_permissions(const struct lint_subject *s, struct aios_status *st)
{
	return s->file ? lint_permissions(s->path, s->file, st) : 0;
}

/* The numbers are those of Documentation/abi.md. */
static const struct rule {
	const char *number;
	int (*check)(const struct lint_subject *s, struct aios_status *st);
} rules[] = {
	{ "ADP-3", check_permissions },

	{ "ADP-4", check_kind },          { "ADP-5", check_abi },
	{ "ADP-6", check_sanitizer },     { "ADP-7", check_isa },
	{ "ADP-8", check_file_name },     { "ADP-9", check_needs },

	{ "ADP-10", check_exports },      { "ADP-11", check_unique },
	{ "ADP-12", check_imports },      { "ADP-13", check_tls },
	{ "ADP-14", check_constructors }, { "ADP-15", check_state },
};

enum {
	FIRST_OF_MODINFO = 1,
	FIRST_OF_ELF = 7,
	N_RULES = sizeof(rules) / sizeof(rules[0])
};

static int first_failure(const struct lint_subject *s, unsigned from, unsigned to,
			 struct aios_status *st)
{
	int err = 0;

	for (unsigned i = from; !err && i < to; i++)
		err = rules[i].check(s, st);
	return err;
}

int lint_modinfo(const struct modinfo *info, const struct elf *elf, const char *path,
		 struct aios_status *st)
{
	const struct lint_subject s = { .path = path, .elf = elf, .info = info };

	return first_failure(&s, FIRST_OF_MODINFO, FIRST_OF_ELF, st);
}

int lint_elf(const struct elf *elf, const struct modinfo *info, struct aios_status *st)
{
	const struct lint_subject s = { .path = "", .elf = elf, .info = info };

	return first_failure(&s, FIRST_OF_ELF, N_RULES, st);
}

const char *lint_rule(unsigned i, const struct lint_subject *subject, int *code,
		      struct aios_status *st)
{
	if (i >= N_RULES)
		return NULL;
	*code = rules[i].check(subject, st);
	return rules[i].number;
}
