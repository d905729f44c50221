// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_elf.c - what the loader reads before any code runs: the ELF file, the
 * metadata section (also on its own) and the cache of libraries.
 *
 * Seeds: tiny.so is tests/modules/good.c linked with -nostdlib -s
 * -Wl,-z,noseparate-code; metadata is its section .aios.modinfo.
 */
#include <stdlib.h>
#include <string.h>

#include "core/module/elf.h"
#include "core/module/elf_detail.h"
#include "core/module/library.h"
#include "core/module/lint.h"
#include "core/module/modinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void metadata(const struct elf *elf, const char *bytes, size_t size)
{
	struct aios_status st = { 0 };
	struct modinfo info;

	if (modinfo_parse(&info, bytes, size, &st)) {
		if (!st.message[0])
			abort();
	} else if (elf) {
		(void)lint_elf(elf, &info, &st);
	}
	modinfo_finish(&info);
}

static bool add_names(void *ctx, const struct elf_writable *w)
{
	*(size_t *)ctx += strlen(w->name) + strlen(w->section);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct aios_status st = { 0 };
	struct elf elf;
	size_t sum = 0;

	metadata(NULL, (const char *)data, size);
	(void)library_in_cache(data, size, "libcuda.so.1");
	if (elf_parse(&elf, data, size, &st)) {
		if (!st.message[0])
			abort();
		return 0;
	}
	for (uint64_t i = 0; i < elf.n_symbols; i++)
		sum += strlen(elf_symbol(&elf, i).name);
	for (unsigned n = 0; elf_needed(&elf, n); n++)
		sum += strlen(elf_needed(&elf, n));
	sum += elf.soname ? strlen(elf.soname) : 0;
	sum += elf.runpath ? strlen(elf.runpath) : 0;
	sum += elf_hardening(&elf).relro;
	elf_each_writable(&elf, add_names, &sum);
	if (elf.modinfo)
		metadata(&elf, elf.modinfo, elf.modinfo_size);
	return sum == (size_t)-1;
}
