// SPDX-License-Identifier: Apache-2.0
/* elf.c - the ELF reader. All reads copy out of the file: nothing there is aligned for sure. */
#include "core/module/elf.h"

#include <inttypes.h>
#include <string.h>

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#define HOST_MACHINE_NAME "x86-64"
#define HOST_IRELATIVE R_X86_64_IRELATIVE
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#define HOST_MACHINE_NAME "aarch64"
#define HOST_IRELATIVE R_AARCH64_IRELATIVE
#else
#error "AIOS runs on 64-bit x86 and ARM"
#endif

#define MODINFO_SECTION ".aios.modinfo"

/* True when [offset, offset + bytes) lies inside the file. */
static bool inside(const struct elf *elf, uint64_t offset, uint64_t bytes)
{
	return offset <= elf->size && bytes <= elf->size - offset;
}

static void read_section(const struct elf *elf, const Elf64_Ehdr *head, unsigned i, Elf64_Shdr *out)
{
	memcpy(out, elf->data + head->e_shoff + (uint64_t)i * sizeof(*out), sizeof(*out));
}

static void read_segment(const struct elf *elf, const Elf64_Ehdr *head, unsigned i, Elf64_Phdr *out)
{
	memcpy(out, elf->data + head->e_phoff + (uint64_t)i * sizeof(*out), sizeof(*out));
}

static void read_dynamic(const struct elf *elf, uint64_t i, Elf64_Dyn *out)
{
	memcpy(out, elf->dynamic + i * sizeof(*out), sizeof(*out));
}

static int check_ident(const Elf64_Ehdr *head, struct aios_status *st)
{
	if (memcmp(head->e_ident, ELFMAG, SELFMAG))
		return aios_fail(st, -ENOEXEC, "not an ELF file");
	if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != ELFDATA2LSB)
		return aios_fail(st, -ENOEXEC, "not a 64-bit little-endian ELF file");
	if (head->e_ident[EI_VERSION] != EV_CURRENT || head->e_version != EV_CURRENT)
		return aios_fail(st, -ENOEXEC, "ELF version %u, expected %u", head->e_version,
				 EV_CURRENT);
	if (head->e_type != ET_DYN)
		return aios_fail(st, -ENOEXEC, "ELF type %u, not a shared object (%u)",
				 head->e_type, ET_DYN);
	if (head->e_machine != HOST_MACHINE)
		return aios_fail(st, -ENOEXEC, "built for machine %u, this one is %s (%u)",
				 head->e_machine, HOST_MACHINE_NAME, HOST_MACHINE);
	return 0;
}

static int check_tables(const struct elf *elf, const Elf64_Ehdr *head, struct aios_status *st)
{
	if (!head->e_shoff || !head->e_shnum)
		return aios_fail(st, -EINVAL,
				 "no section headers: link without -z nosectionheader");
	if (head->e_shentsize != sizeof(Elf64_Shdr))
		return aios_fail(st, -EINVAL, "section headers of %u bytes, expected %zu",
				 head->e_shentsize, sizeof(Elf64_Shdr));
	if (!inside(elf, head->e_shoff, (uint64_t)head->e_shnum * sizeof(Elf64_Shdr)))
		return aios_fail(st, -EINVAL,
				 "%u section headers at offset %" PRIu64
				 " end outside the file of %" PRIu64 " bytes: the file is cut",
				 head->e_shnum, head->e_shoff, elf->size);
	if (!head->e_phoff || !head->e_phnum || head->e_phentsize != sizeof(Elf64_Phdr) ||
	    !inside(elf, head->e_phoff, (uint64_t)head->e_phnum * sizeof(Elf64_Phdr)))
		return aios_fail(st, -EINVAL,
				 "program headers (%u of %u bytes at offset %" PRIu64
				 ") missing or outside the file",
				 head->e_phnum, head->e_phentsize, head->e_phoff);
	if (head->e_shstrndx >= head->e_shnum)
		return aios_fail(st, -EINVAL, "section names are in section %u of %u",
				 head->e_shstrndx, head->e_shnum);
	return 0;
}

/* A table of strings must end with NUL, so that every string in it ends inside it. */
static int check_strings(const struct elf *elf, const Elf64_Shdr *section, const char *what,
			 struct aios_status *st)
{
	if (section->sh_type != SHT_STRTAB || !section->sh_size ||
	    elf->data[section->sh_offset + section->sh_size - 1] != '\0')
		return aios_fail(st, -EINVAL, "%s are not a table of NUL-terminated strings", what);
	return 0;
}

static int take_symbols(struct elf *elf, const Elf64_Ehdr *head, const Elf64_Shdr *section,
			struct aios_status *st)
{
	Elf64_Shdr strings;
	int err;

	if (elf->symbols)
		return aios_fail(st, -EINVAL, "two tables of dynamic symbols");
	if (section->sh_entsize != sizeof(Elf64_Sym) || section->sh_size % sizeof(Elf64_Sym) != 0 ||
	    section->sh_link >= head->e_shnum)
		return aios_fail(st, -EINVAL,
				 "dynamic symbols: %" PRIu64 " bytes in entries of %" PRIu64
				 ", names in section %u of %u",
				 section->sh_size, section->sh_entsize, section->sh_link,
				 head->e_shnum);
	read_section(elf, head, section->sh_link, &strings);
	if (!inside(elf, strings.sh_offset, strings.sh_size))
		return aios_fail(st, -EINVAL,
				 "the names of the dynamic symbols are outside the file");
	err = check_strings(elf, &strings, "the names of the dynamic symbols", st);
	if (err)
		return err;
	elf->symbols = elf->data + section->sh_offset;
	elf->n_symbols = section->sh_size / sizeof(Elf64_Sym);
	elf->symbols_addr = section->sh_addr;
	elf->strings = (const char *)elf->data + strings.sh_offset;
	elf->strings_size = strings.sh_size;
	elf->strings_addr = strings.sh_addr;
	return 0;
}

static int take_dynamic(struct elf *elf, const Elf64_Shdr *section, struct aios_status *st)
{
	if (elf->dynamic)
		return aios_fail(st, -EINVAL, "two dynamic sections");
	if (section->sh_entsize != sizeof(Elf64_Dyn) || section->sh_size % sizeof(Elf64_Dyn) != 0)
		return aios_fail(st, -EINVAL,
				 "dynamic section: %" PRIu64 " bytes in entries of %" PRIu64,
				 section->sh_size, section->sh_entsize);
	elf->dynamic = elf->data + section->sh_offset;
	elf->n_dynamic = section->sh_size / sizeof(Elf64_Dyn);
	elf->dynamic_offset = section->sh_offset;
	return 0;
}

static int take_modinfo(struct elf *elf, const Elf64_Shdr *section, struct aios_status *st)
{
	if (elf->modinfo)
		return aios_fail(st, -EINVAL, "two sections named " MODINFO_SECTION);
	if (section->sh_type == SHT_NOBITS)
		return aios_fail(st, -EINVAL, "section " MODINFO_SECTION " has no bytes");
	elf->modinfo = (const char *)elf->data + section->sh_offset;
	elf->modinfo_size = section->sh_size;
	return 0;
}

/* Relocations that are made by calling a function of the file, which runs inside dlopen(). */
static int count_resolvers(struct elf *elf, const Elf64_Shdr *section, struct aios_status *st)
{
	if (section->sh_entsize != sizeof(Elf64_Rela) || section->sh_size % sizeof(Elf64_Rela) != 0)
		return aios_fail(st, -EINVAL,
				 "relocations: %" PRIu64 " bytes in entries of %" PRIu64,
				 section->sh_size, section->sh_entsize);
	for (uint64_t at = 0; at < section->sh_size; at += sizeof(Elf64_Rela)) {
		Elf64_Rela entry;

		memcpy(&entry, elf->data + section->sh_offset + at, sizeof(entry));
		if (ELF64_R_TYPE(entry.r_info) == HOST_IRELATIVE)
			elf->resolvers++;
	}
	return 0;
}

/* The address range that becomes read-only once relocated. */
static void find_relro(struct elf *elf, const Elf64_Ehdr *head)
{
	for (unsigned i = 0; i < head->e_phnum; i++) {
		Elf64_Phdr segment;

		read_segment(elf, head, i, &segment);
		if (segment.p_type != PT_GNU_RELRO)
			continue;
		elf->relro_start = segment.p_vaddr;
		if (__builtin_add_overflow(segment.p_vaddr, segment.p_memsz, &elf->relro_end))
			elf->relro_end = UINT64_MAX;
		return;
	}
}

/* Tables of the dynamic linker are writable only until it is done with them. */
static bool linker_owned(const char *name, uint32_t type)
{
	return type == SHT_DYNAMIC || type == SHT_INIT_ARRAY || type == SHT_FINI_ARRAY ||
	       type == SHT_PREINIT_ARRAY || !strncmp(name, ".got", 4) ||
	       !strncmp(name, ".data.rel.ro", 12);
}

bool elf_stays_writable(const struct elf *elf, const Elf64_Shdr *section, const char *name)
{
	uint64_t end;

	if (!(section->sh_flags & SHF_ALLOC))
		return false;
	if (section->sh_flags & SHF_TLS)
		return true;
	if (!(section->sh_flags & SHF_WRITE) || linker_owned(name, section->sh_type))
		return false;
	if (__builtin_add_overflow(section->sh_addr, section->sh_size, &end))
		end = UINT64_MAX;
	return section->sh_addr < elf->relro_start || end > elf->relro_end;
}

static void count_writable(struct elf *elf, const Elf64_Shdr *section, const char *name)
{
	uint64_t *sum = section->sh_flags & SHF_TLS ? &elf->tls : &elf->writable;

	if (elf_stays_writable(elf, section, name) &&
	    __builtin_add_overflow(*sum, section->sh_size, sum))
		*sum = UINT64_MAX;
}

static int take_section(struct elf *elf, const Elf64_Ehdr *head, const Elf64_Shdr *section,
			const char *name, struct aios_status *st)
{
	if (section->sh_type == SHT_DYNSYM)
		return take_symbols(elf, head, section, st);
	if (section->sh_type == SHT_DYNAMIC)
		return take_dynamic(elf, section, st);
	if (section->sh_type == SHT_RELA && section->sh_flags & SHF_ALLOC)
		return count_resolvers(elf, section, st);
	if (!strcmp(name, MODINFO_SECTION))
		return take_modinfo(elf, section, st);
	return 0;
}

static int read_sections(struct elf *elf, const Elf64_Ehdr *head, struct aios_status *st)
{
	Elf64_Shdr section, names;
	int err;

	read_section(elf, head, head->e_shstrndx, &names);
	if (names.sh_type == SHT_NOBITS || !inside(elf, names.sh_offset, names.sh_size))
		return aios_fail(st, -EINVAL, "the section names are outside the file");
	err = check_strings(elf, &names, "the section names", st);
	if (err)
		return err;
	find_relro(elf, head);
	for (unsigned i = 0; i < head->e_shnum; i++) {
		const char *name;

		read_section(elf, head, i, &section);
		if (section.sh_name >= names.sh_size)
			return aios_fail(st, -EINVAL, "the name of section %u is outside the table",
					 i);
		name = (const char *)elf->data + names.sh_offset + section.sh_name;
		if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL &&
		    !inside(elf, section.sh_offset, section.sh_size))
			return aios_fail(st, -EINVAL,
					 "section %u (%" PRIu64 " bytes at offset %" PRIu64
					 ") ends outside the file of %" PRIu64 " bytes",
					 i, section.sh_size, section.sh_offset, elf->size);
		if (section.sh_type == SHT_NULL)
			continue;
		count_writable(elf, &section, name);
		err = take_section(elf, head, &section, name, st);
		if (err)
			return err;
	}
	if (!elf->symbols || !elf->dynamic)
		return aios_fail(st, -EINVAL, "no dynamic symbols: not a shared object");
	return 0;
}

/*
 * The dynamic linker goes by the segments, we by the sections: the two must agree
 * where the dynamic section lies, and every segment's bytes must be in the file.
 */
static int check_segments(const struct elf *elf, const Elf64_Ehdr *head, struct aios_status *st)
{
	bool dynamic = false;

	for (unsigned i = 0; i < head->e_phnum; i++) {
		Elf64_Phdr segment;

		read_segment(elf, head, i, &segment);
		if (!inside(elf, segment.p_offset, segment.p_filesz) ||
		    (segment.p_type == PT_LOAD && segment.p_memsz < segment.p_filesz))
			return aios_fail(st, -EINVAL,
					 "segment %u (%" PRIu64 " bytes at offset %" PRIu64
					 ") ends outside the file of %" PRIu64 " bytes",
					 i, segment.p_filesz, segment.p_offset, elf->size);
		if (segment.p_type != PT_DYNAMIC)
			continue;
		if (dynamic || segment.p_offset != elf->dynamic_offset ||
		    segment.p_filesz != elf->n_dynamic * sizeof(Elf64_Dyn))
			return aios_fail(st, -EINVAL,
					 "the dynamic segment and the dynamic section disagree");
		dynamic = true;
	}
	if (!dynamic)
		return aios_fail(st, -EINVAL, "no dynamic segment: not a shared object");
	return 0;
}

static int check_symbols(const struct elf *elf, struct aios_status *st)
{
	for (uint64_t i = 0; i < elf->n_symbols; i++) {
		Elf64_Sym symbol;

		memcpy(&symbol, elf->symbols + i * sizeof(symbol), sizeof(symbol));
		if (symbol.st_name >= elf->strings_size)
			return aios_fail(st, -EINVAL,
					 "the name of dynamic symbol %" PRIu64
					 " is outside the string table",
					 i);
	}
	return 0;
}

static int dynamic_string(const struct elf *elf, const Elf64_Dyn *entry, const char **out,
			  struct aios_status *st)
{
	if (entry->d_un.d_val >= elf->strings_size)
		return aios_fail(st, -EINVAL,
				 "a string of the dynamic section (tag %" PRId64
				 ") is outside the string table",
				 (int64_t)entry->d_tag);
	*out = elf->strings + entry->d_un.d_val;
	return 0;
}

static int take_entry(struct elf *elf, const Elf64_Dyn *entry, struct aios_status *st)
{
	const char *ignored;

	switch (entry->d_tag) {
	case DT_NEEDED:
		return dynamic_string(elf, entry, &ignored, st);
	case DT_SONAME:
		return dynamic_string(elf, entry, &elf->soname, st);
	case DT_RUNPATH:
	case DT_RPATH:
		return dynamic_string(elf, entry, &elf->runpath, st);
	case DT_INIT_ARRAYSZ:
		elf->init_array = entry->d_un.d_val / sizeof(uint64_t);
		return 0;
	case DT_FINI_ARRAYSZ:
		elf->fini_array = entry->d_un.d_val / sizeof(uint64_t);
		return 0;
	case DT_PREINIT_ARRAYSZ:
		elf->preinit_array = entry->d_un.d_val / sizeof(uint64_t);
		return 0;
	case DT_FLAGS:
		elf->static_tls = (entry->d_un.d_val & DF_STATIC_TLS) != 0;
		return 0;
	case DT_SYMTAB:
		if (entry->d_un.d_ptr != elf->symbols_addr)
			return aios_fail(st, -EINVAL, "DT_SYMTAB is not the section .dynsym");
		return 0;
	case DT_STRTAB:
		if (entry->d_un.d_ptr != elf->strings_addr)
			return aios_fail(st, -EINVAL, "DT_STRTAB is not the section .dynstr");
		return 0;
	default:
		return 0;
	}
}

static int read_entries(struct elf *elf, struct aios_status *st)
{
	Elf64_Dyn entry;

	for (uint64_t i = 0; i < elf->n_dynamic; i++) {
		int err;

		read_dynamic(elf, i, &entry);
		if (entry.d_tag == DT_NULL)
			return 0;
		err = take_entry(elf, &entry, st);
		if (err)
			return err;
	}
	return aios_fail(st, -EINVAL, "the dynamic section has no end");
}

int elf_parse(struct elf *elf, const void *data, size_t size, struct aios_status *st)
{
	Elf64_Ehdr head;
	int err;

	memset(elf, 0, sizeof(*elf));
	elf->data = data;
	elf->size = size;
	if (size < sizeof(head))
		return aios_fail(st, -ENOEXEC, "%zu bytes are too few for an ELF file", size);
	memcpy(&head, data, sizeof(head));
	err = check_ident(&head, st);
	if (!err)
		err = check_tables(elf, &head, st);
	if (!err)
		err = read_sections(elf, &head, st);
	if (!err)
		err = check_segments(elf, &head, st);
	if (!err)
		err = check_symbols(elf, st);
	if (!err)
		err = read_entries(elf, st);
	return err;
}

struct elf_symbol elf_symbol(const struct elf *elf, uint64_t i)
{
	struct elf_symbol out;
	Elf64_Sym symbol;

	memcpy(&symbol, elf->symbols + i * sizeof(symbol), sizeof(symbol));
	out.name = elf->strings + symbol.st_name;
	out.bind = ELF64_ST_BIND(symbol.st_info);
	out.type = ELF64_ST_TYPE(symbol.st_info);
	out.defined = symbol.st_shndx != SHN_UNDEF;
	return out;
}

const char *elf_needed(const struct elf *elf, unsigned n)
{
	Elf64_Dyn entry;

	for (uint64_t i = 0; i < elf->n_dynamic; i++) {
		read_dynamic(elf, i, &entry);
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_NEEDED && n-- == 0)
			return elf->strings + entry.d_un.d_val;
	}
	return NULL;
}
