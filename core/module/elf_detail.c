// SPDX-License-Identifier: Apache-2.0
/* elf_detail.c - hardening and writable data of a shared object, for reports. */
#include "core/module/elf_detail.h"

#include <string.h>

static Elf64_Ehdr header_of(const struct elf *elf)
{
	Elf64_Ehdr head;

	memcpy(&head, elf->data, sizeof(head));
	return head;
}

static Elf64_Shdr section_of(const struct elf *elf, const Elf64_Ehdr *head, unsigned i)
{
	Elf64_Shdr out;

	memcpy(&out, elf->data + head->e_shoff + (uint64_t)i * sizeof(out), sizeof(out));
	return out;
}

static Elf64_Phdr segment_of(const struct elf *elf, const Elf64_Ehdr *head, unsigned i)
{
	Elf64_Phdr out;

	memcpy(&out, elf->data + head->e_phoff + (uint64_t)i * sizeof(out), sizeof(out));
	return out;
}

/* ---- hardening --------------------------------------------------------------- */

static void read_flags(const struct elf *elf, struct elf_hardening *out)
{
	for (uint64_t i = 0; i < elf->n_dynamic; i++) {
		Elf64_Dyn entry;

		memcpy(&entry, elf->dynamic + i * sizeof(entry), sizeof(entry));
		switch (entry.d_tag) {
		case DT_NULL:
			return;
		case DT_BIND_NOW:
			out->bind_now = true;
			break;
		case DT_TEXTREL:
			out->text_relocations = true;
			break;
		case DT_FLAGS:
			out->bind_now |= (entry.d_un.d_val & DF_BIND_NOW) != 0;
			out->text_relocations |= (entry.d_un.d_val & DF_TEXTREL) != 0;
			break;
		case DT_FLAGS_1:
			out->bind_now |= (entry.d_un.d_val & DF_1_NOW) != 0;
			break;
		default:
			break;
		}
	}
}

struct elf_hardening elf_hardening(const struct elf *elf)
{
	Elf64_Ehdr head = header_of(elf);
	/* Without a stack segment the linker gives the old default: executable. */
	struct elf_hardening out = { .exec_stack = true };

	for (unsigned i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr segment = segment_of(elf, &head, i);

		if (segment.p_type == PT_GNU_RELRO)
			out.relro = true;
		if (segment.p_type == PT_GNU_STACK)
			out.exec_stack = (segment.p_flags & PF_X) != 0;
	}
	for (unsigned i = 0; i < head.e_shnum; i++)
		out.symbols |= section_of(elf, &head, i).sh_type == SHT_SYMTAB;
	read_flags(elf, &out);
	return out;
}

/* ---- writable data ----------------------------------------------------------- */

struct walk {
	const struct elf *elf;
	Elf64_Ehdr head;
	bool (*fn)(void *ctx, const struct elf_writable *w);
	void *ctx;
};

/* A string of a table that elf_parse() may not have looked at; "?" when it is not inside. */
static const char *string_at(const struct elf *elf, const Elf64_Shdr *table, uint64_t offset)
{
	const char *text;

	if (table->sh_type != SHT_STRTAB || table->sh_offset > elf->size ||
	    table->sh_size > elf->size - table->sh_offset || offset >= table->sh_size)
		return "?";
	text = (const char *)elf->data + table->sh_offset + offset;
	return memchr(text, '\0', table->sh_size - offset) ? text : "?";
}

static const char *name_of(const struct walk *w, const Elf64_Shdr *section)
{
	Elf64_Shdr names = section_of(w->elf, &w->head, w->head.e_shstrndx);

	return string_at(w->elf, &names, section->sh_name);
}

static bool each_section(struct walk *w)
{
	for (unsigned i = 0; i < w->head.e_shnum; i++) {
		Elf64_Shdr section = section_of(w->elf, &w->head, i);
		struct elf_writable found = { .name = name_of(w, &section),
					      .bytes = section.sh_size,
					      .tls = (section.sh_flags & SHF_TLS) != 0 };

		found.section = found.name;
		if (section.sh_size && elf_stays_writable(w->elf, &section, found.name) &&
		    !w->fn(w->ctx, &found))
			return false;
	}
	return true;
}

static bool one_symbol(struct walk *w, const Elf64_Shdr *strings, const Elf64_Sym *symbol)
{
	struct elf_writable found = { .bytes = symbol->st_size, .object = true };
	unsigned type = ELF64_ST_TYPE(symbol->st_info);
	Elf64_Shdr section;

	if ((type != STT_OBJECT && type != STT_TLS) || !symbol->st_size ||
	    symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= w->head.e_shnum)
		return true;
	section = section_of(w->elf, &w->head, symbol->st_shndx);
	found.section = name_of(w, &section);
	if (!elf_stays_writable(w->elf, &section, found.section))
		return true;
	found.name = string_at(w->elf, strings, symbol->st_name);
	found.tls = type == STT_TLS;
	return w->fn(w->ctx, &found);
}

static void each_symbol(struct walk *w, const Elf64_Shdr *table)
{
	Elf64_Shdr strings;

	if (table->sh_entsize != sizeof(Elf64_Sym) || table->sh_link >= w->head.e_shnum)
		return;
	strings = section_of(w->elf, &w->head, table->sh_link);
	for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= table->sh_size; at += sizeof(Elf64_Sym)) {
		Elf64_Sym symbol;

		memcpy(&symbol, w->elf->data + table->sh_offset + at, sizeof(symbol));
		if (!one_symbol(w, &strings, &symbol))
			return;
	}
}

void elf_each_writable(const struct elf *elf, bool (*fn)(void *ctx, const struct elf_writable *w),
		       void *ctx)
{
	struct walk w = { .elf = elf, .head = header_of(elf), .fn = fn, .ctx = ctx };

	if (!each_section(&w))
		return;
	/* elf_parse() has seen that each section's bytes are in the file. */
	for (unsigned i = 0; i < w.head.e_shnum; i++) {
		Elf64_Shdr section = section_of(elf, &w.head, i);

		if (section.sh_type == SHT_SYMTAB)
			each_symbol(&w, &section);
	}
}
