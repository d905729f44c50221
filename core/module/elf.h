/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf.h - a bounds-checked reader of ELF shared objects. It reads what the loader
 * must know before dlopen() runs any of the file's code: metadata, exports,
 * imports, constructors, writable data, thread-local storage.
 *
 * Only 64-bit little-endian shared objects of this machine with section headers
 * are accepted (`strip -s` keeps those). No offset, size or count in the file is
 * trusted; reading allocates nothing. Any thread; the reader has no state.
 */
#ifndef CORE_MODULE_ELF_H
#define CORE_MODULE_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>

/* What elf_parse() found. Pointers lie inside the bytes that were parsed. */
struct elf {
	const uint8_t *data;
	uint64_t size;
	const char *modinfo; /* section .aios.modinfo, NULL when there is none */
	uint64_t modinfo_size;
	const uint8_t *symbols; /* .dynsym */
	uint64_t n_symbols;
	const char *strings; /* .dynstr, ends with NUL */
	uint64_t strings_size;
	const uint8_t *dynamic; /* .dynamic */
	uint64_t n_dynamic;
	uint64_t symbols_addr, strings_addr; /* where the sections say these two are */
	uint64_t dynamic_offset;
	uint64_t init_array, fini_array, preinit_array; /* entries that run by themselves */
	uint64_t relro_start, relro_end; /* addresses that become read-only once relocated */
	uint64_t resolvers;              /* relocations that call code of the file: ifuncs */
	uint64_t writable;               /* bytes that stay writable once relocated: .data, .bss */
	uint64_t tls;                    /* bytes of thread-local storage a thread */
	bool static_tls;                 /* initial-exec TLS: may not fit at dlopen() */
	const char *runpath;             /* DT_RUNPATH or DT_RPATH, or NULL */
	const char *soname;              /* DT_SONAME, or NULL */
};

struct elf_symbol {
	const char *name;
	uint8_t bind; /* STB_LOCAL, STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE */
	uint8_t type; /* STT_FUNC, STT_OBJECT, ... */
	bool defined; /* an export when not local, else an import */
};

/*
 * Read the `size` bytes at `data`, which must stay while *elf is used.
 * 0, or -EINVAL or -ENOEXEC with what is wrong in *st; never names the file.
 */
int elf_parse(struct elf *elf, const void *data, size_t size, struct aios_status *st);

/* Symbol `i` (< n_symbols) of .dynsym. */
struct elf_symbol elf_symbol(const struct elf *elf, uint64_t i);

/* Does this section of the file stay writable once the linker is done with it? */
bool elf_stays_writable(const struct elf *elf, const Elf64_Shdr *section, const char *name);

/* The `n`-th DT_NEEDED library, or NULL when there are fewer. */
const char *elf_needed(const struct elf *elf, unsigned n);

#endif /* CORE_MODULE_ELF_H */
