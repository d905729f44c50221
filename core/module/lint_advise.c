// SPDX-License-Identifier: Apache-2.0
/* lint_advise.c - what loads all the same, and an author should know. */
#include <string.h>

#include "core/module/elf_detail.h"
#include "core/module/library.h"
#include "core/module/lint_report.h"

/* ---- metadata ---------------------------------------------------------------- */

static void advise_metadata(struct lint_report *r, const struct modinfo *info)
{
	if (!info->license)
		lint_find(r, AIOS_LINT_WARNING, "",
			  "no license: AIOS_MODULE_INFO(license, \"Apache-2.0\"), or what it is");
	if (!info->description)
		lint_find(r, AIOS_LINT_WARNING, "",
			  "no description: AIOS_MODULE_INFO(description, \"drives ...\") is what "
			  "'aios driver list' shows");
	if (!info->version)
		lint_find(r, AIOS_LINT_NOTE, "",
			  "no version: AIOS_MODULE_INFO(version, \"1.0\") helps who reports a bug");
	if (!info->isa)
		lint_find(r, AIOS_LINT_NOTE, "",
			  "no isa: fine when every function runs on the plainest machine; else "
			  "state it, or choose code in open()");
	if (strcmp(info->sanitizer, "none") != 0)
		lint_find(r, AIOS_LINT_NOTE, "",
			  "instrumented (sanitizer %s): the rules on constructors, writable data "
			  "and thread-local storage are off",
			  info->sanitizer);
}

/* ---- imports ----------------------------------------------------------------- */

enum topic {
	TOPIC_PRINTS,
	TOPIC_PROCESS,
	TOPIC_MATH,
	TOPIC_CORE,
	N_TOPICS
};

static const struct {
	const char *rule, *text;
} topics[N_TOPICS] = {
	[TOPIC_PRINTS] = { "ADP-22", "a module prints nothing: fill the status, or use the host's "
				     "log()" },
	[TOPIC_PROCESS] = { "", "it changes something that belongs to the whole process" },
	[TOPIC_MATH] = { "",
			 "its bits differ from one C library to the next; ops use the functions "
			 "of <aios/numerics.h>" },
	[TOPIC_CORE] = { "", "a module gets services only through the table it is passed; outside "
			     "of this program nothing defines the symbol" },
};

static bool listed(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* "expf", "exp" and "expl" are one name here. */
static bool is_math(const char *name)
{
	static const char *const functions[] = { "exp",  "exp2",  "exp10",  "expm1", "log",
						 "log2", "log10", "log1p",  "pow",   "sin",
						 "cos",  "tan",   "sincos", "sinh",  "cosh",
						 "tanh", "asin",  "acos",   "atan",  "atan2",
						 "erf",  "erfc",  "cbrt",   "hypot", "tgamma" };
	size_t length = strlen(name);
	char base[16];

	if (listed(name, functions, sizeof(functions) / sizeof(functions[0])))
		return true;
	if (length < 2 || length >= sizeof(base) || !strchr("fl", name[length - 1]))
		return false;
	memcpy(base, name, length - 1);
	base[length - 1] = '\0';
	return listed(base, functions, sizeof(functions) / sizeof(functions[0]));
}

/* The topic of an import, or N_TOPICS. */
static enum topic topic_of(const char *name)
{
	static const char *const prints[] = { "printf",    "puts",         "putchar",
					      "vprintf",   "fputs",        "stdout",
					      "stderr",    "perror",       "psignal",
					      "warn",      "__printf_chk", "__vprintf_chk",
					      "_ZSt4cout", "_ZSt4cerr",    "_ZSt4clog" };
	static const char *const process[] = {
		"signal",    "sigaction",      "setenv",     "putenv",   "unsetenv",
		"clearenv",  "chdir",          "umask",      "atexit",   "on_exit",
		"setlocale", "pthread_atfork", "fesetround", "fesetenv", "srand",
		"mallopt",   "daemon",         "raise",      "kill"
	};

	if (listed(name, prints, sizeof(prints) / sizeof(prints[0])))
		return TOPIC_PRINTS;
	if (listed(name, process, sizeof(process) / sizeof(process[0])))
		return TOPIC_PROCESS;
	if (is_math(name))
		return TOPIC_MATH;
	if (strncmp(name, "aios_", 5) == 0)
		return TOPIC_CORE;
	return N_TOPICS;
}

static void advise_imports(struct lint_report *r, const struct elf *elf, const struct modinfo *info)
{
	for (uint64_t i = 1; i < elf->n_symbols; i++) {
		struct elf_symbol symbol = elf_symbol(elf, i);
		enum topic topic;

		if (symbol.bind == STB_LOCAL || symbol.defined)
			continue;
		topic = topic_of(symbol.name);
		/* What a plugin computes is no op. */
		if (topic == N_TOPICS || (topic == TOPIC_MATH && info->kind != AIOS_KIND_DRIVER))
			continue;
		lint_find(r, AIOS_LINT_WARNING, topics[topic].rule, "imports '%.100s': %s",
			  symbol.name, topics[topic].text);
	}
}

/* ---- libraries --------------------------------------------------------------- */

/* What every C or C++ program has. */
static bool is_runtime(const char *soname)
{
	static const char *const parts[] = { "libc.so",     "libm.so",      "libpthread.so",
					     "libdl.so",    "librt.so",     "ld-linux",
					     "libgcc_s.so", "libstdc++.so", "libasan.so",
					     "libubsan.so", "libtsan.so",   "libgcov" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strncmp(soname, parts[i], strlen(parts[i])) == 0)
			return true;
	return false;
}

static bool states(const struct modinfo *info, const char *soname)
{
	for (unsigned i = 0; i < info->n_needs; i++)
		if (strcmp(info->needs[i], soname) == 0)
			return true;
	return false;
}

static void advise_libraries(struct lint_report *r, const struct elf *elf,
			     const struct modinfo *info)
{
	const char *slash = strrchr(r->report.path, '/');
	size_t length = slash ? (size_t)(slash - r->report.path) : 0;
	char folder[4096] = ".";
	const char *soname;

	if (length && length < sizeof(folder)) {
		memcpy(folder, r->report.path, length);
		folder[length] = '\0';
	}
	for (unsigned n = 0; (soname = elf_needed(elf, n)) != NULL; n++) {
		bool there = library_exists(soname, elf->runpath, folder);

		lint_item(r, &(struct aios_lint_item){ .kind = AIOS_LINT_LIBRARY,
						       .good = there,
						       .name = soname,
						       .remark = there ? "linked" : "not found" });
		if (!there && !states(info, soname))
			lint_find(r, AIOS_LINT_WARNING, "ADP-9",
				  "linked with %.100s, which is not here: loading it will fail",
				  soname);
		if (!is_runtime(soname) && !states(info, soname))
			lint_find(r, AIOS_LINT_WARNING, "ADP-9",
				  "linked with %.100s without saying so: with "
				  "AIOS_MODULE_INFO(needs, \"%.100s\") whoever lacks it is told",
				  soname, soname);
	}
	for (unsigned i = 0; i < info->n_needs; i++) {
		bool there = library_exists(info->needs[i], elf->runpath, folder);

		lint_item(r, &(struct aios_lint_item){ .kind = AIOS_LINT_LIBRARY,
						       .good = there,
						       .name = info->needs[i],
						       .remark = there ? "stated" : "not found" });
	}
}

/* ---- the file ---------------------------------------------------------------- */

void lint_advise(struct lint_report *r, const struct elf *elf, const struct modinfo *info)
{
	const struct aios_lint_report *report = &r->report;

	advise_metadata(r, info);
	advise_imports(r, elf, info);
	advise_libraries(r, elf, info);
	if (report->exec_stack)
		lint_find(r, AIOS_LINT_WARNING, "",
			  "asks for an executable stack, which newer C libraries refuse at dlopen: "
			  "assemble with a .note.GNU-stack section, link with -z noexecstack");
	if (report->text_relocations)
		lint_find(r, AIOS_LINT_WARNING, "",
			  "has text relocations: its code is made writable to load it; build all "
			  "of it with -fPIC");
	if (!report->relro || !report->bind_now)
		lint_find(r, AIOS_LINT_WARNING, "",
			  "its tables of functions stay writable: link with -Wl,-z,relro,-z,now");
	if (elf->runpath && elf->runpath[0] == '/')
		lint_find(r, AIOS_LINT_NOTE, "",
			  "has the run path %.200s: libraries there are found on this machine only",
			  elf->runpath);
}
