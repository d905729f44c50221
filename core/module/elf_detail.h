/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_detail.h - what the loader does not need to know about a shared object and
 * its author does: hardening, and which sections and symbols stay writable.
 *
 * Works on a struct elf that elf_parse() accepted; trusts the file no more than
 * that does. Allocates nothing.
 */
#ifndef CORE_MODULE_ELF_DETAIL_H
#define CORE_MODULE_ELF_DETAIL_H

#include "core/module/elf.h"

struct elf_hardening {
	bool relro;            /* tables become read-only once relocated */
	bool bind_now;         /* all symbols are resolved at once */
	bool exec_stack;       /* asks for an executable stack */
	bool text_relocations; /* code is written to when it is loaded */
	bool symbols;          /* has .symtab: not stripped */
};

struct elf_hardening elf_hardening(const struct elf *elf);

/*
 * A section that stays writable, or (`object`) one variable in such a section,
 * known only when the file has .symtab. `tls`: one copy a thread.
 */
struct elf_writable {
	const char *name;
	const char *section;
	uint64_t bytes;
	bool object, tls;
};

/* Call fn for each, sections first; stops when it returns false. */
void elf_each_writable(const struct elf *elf, bool (*fn)(void *ctx, const struct elf_writable *w),
		       void *ctx);

#endif /* CORE_MODULE_ELF_DETAIL_H */
