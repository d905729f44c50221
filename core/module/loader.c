// SPDX-License-Identifier: Apache-2.0
/* loader.c - from a file to a registered module: read, check, dlopen(), compare, register. */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/module/elf.h"
#include "core/module/file.h"
#include "core/module/internal.h"
#include "core/module/lint.h"

#define MAX_FILE_BYTES ((size_t)2 << 30)

/* "libcuda.so.1 libnvrtc.so.12" for the journal. */
static char *join_needs(const struct modinfo *info)
{
	size_t size = 1;
	char *out;

	for (unsigned i = 0; i < info->n_needs; i++)
		size += strlen(info->needs[i]) + 1;
	out = calloc(1, size);
	for (unsigned i = 0; out && i < info->n_needs; i++) {
		if (i)
			strcat(out, " ");
		strcat(out, info->needs[i]);
	}
	return out;
}

/* The module takes its name from the metadata even when it is refused later. */
static int adopt(struct module *module, const struct modinfo *info, struct aios_status *st)
{
	char *name = strdup(info->name), *abi = strdup(info->abi), *needs = join_needs(info);

	if (!name || !abi || !needs) {
		free(name);
		free(abi);
		free(needs);
		return aios_fail(st, -ENOMEM, "no memory for the metadata");
	}
	free(module->name); /* the file's, until now */
	module->name = name;
	module->abi = abi;
	module->needs = needs;
	module->kind = info->kind;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_metadata(const struct modinfo *a, const struct modinfo *b)
{
	if (!same_text(a->name, b->name) || a->kind != b->kind || !same_text(a->abi, b->abi) ||
	    !same_text(a->sanitizer, b->sanitizer) || !same_text(a->isa, b->isa) ||
	    !same_text(a->license, b->license) || !same_text(a->description, b->description) ||
	    !same_text(a->author, b->author) || !same_text(a->version, b->version) ||
	    a->ctors_allowed != b->ctors_allowed || a->n_needs != b->n_needs ||
	    a->n_aliases != b->n_aliases)
		return false;
	for (unsigned i = 0; i < a->n_needs; i++)
		if (!same_text(a->needs[i], b->needs[i]))
			return false;
	for (unsigned i = 0; i < a->n_aliases; i++)
		if (!same_text(a->aliases[i], b->aliases[i]))
			return false;
	return true;
}

static int lint(const struct module *module, const struct modinfo *info, const struct elf *elf,
		const struct file_map *map, struct aios_status *st)
{
	int err = lint_permissions(module->path, &map->info, st);

	if (!err)
		err = lint_modinfo(info, elf, module->path, st);
	return err ? err : lint_elf(elf, info, st);
}

/* Read the metadata of a file that was read before: reports have lent out the first texts. */
static int read_again(const struct module *module, struct modinfo *info, const struct elf *elf,
		      const struct file_map *map, struct aios_status *st)
{
	int err = lint(module, info, elf, map, st);

	if (!err && !same_metadata(&module->info, info))
		err = aios_fail(st, -ESTALE,
				"the file has changed since it was found: start again");
	modinfo_finish(info);
	return err;
}

static int read_metadata(struct module *module, const struct file_map *map, struct aios_status *st)
{
	struct modinfo info;
	struct elf elf;
	int err;

	if (map->size > MAX_FILE_BYTES)
		return aios_fail(st, -EFBIG, "%zu bytes are more than a module may have",
				 map->size);
	err = elf_parse(&elf, map->data ? map->data : (const uint8_t *)"", map->size, st);
	if (err)
		return err;
	if (!elf.modinfo)
		return aios_fail(st, -ENOEXEC, "no section .aios.modinfo: not an AIOS module");
	err = modinfo_parse(&info, elf.modinfo, elf.modinfo_size, st);
	if (!err && module->info.bytes)
		return read_again(module, &info, &elf, map, st);
	if (!err)
		err = adopt(module, &info, st);
	if (err) {
		modinfo_finish(&info);
		return err;
	}
	module->info = info;
	return lint(module, &module->info, &elf, map, st);
}

int loader_inspect(struct module *module, struct aios_status *st)
{
	struct file_map map;
	int err = file_map(&map, module->path, st);

	if (err)
		return err;
	err = read_metadata(module, &map, st);
	file_unmap(&map);
	return err;
}

/* The metadata was believed so far; the code must say the same. */
static int compare(const struct modinfo *info, const struct aios_module *desc,
		   struct aios_status *st)
{
	if (desc->abi_major != info->abi_major || desc->abi_minor != info->abi_minor ||
	    desc->abi_hash != info->abi_hash)
		return aios_fail(
			st, -EINVAL,
			"its descriptor says ABI %u.%u:0x%08x, its metadata %s: do not write "
			"either by hand",
			desc->abi_major, desc->abi_minor, desc->abi_hash, info->abi);
	if (desc->kind != info->kind)
		return aios_fail(st, -EINVAL, "its descriptor says kind %u, its metadata '%s'",
				 desc->kind, info->kind_text);
	if (!desc->name || strcmp(desc->name, info->name))
		return aios_fail(st, -EINVAL, "its descriptor says name '%.60s', its metadata '%s'",
				 desc->name ? desc->name : "", info->name);
	return 0;
}

static int register_handle(struct module *module, struct aios_status *st)
{
	const struct aios_module *desc = dlsym(module->handle, "aios_module");
	int err;

	if (!desc)
		return aios_fail(st, -EINVAL, "aios_module is not there after all");
	err = compare(&module->info, desc, st);
	return err ? err : module_register(module, desc, st);
}

int loader_load(struct module *module, struct aios_status *st)
{
	int err;

	/* The file may be another one since it was found. */
	err = loader_inspect(module, st);
	if (err)
		return err;
	module->handle = dlopen(module->path, RTLD_NOW | RTLD_LOCAL);
	if (!module->handle) {
		const char *why = dlerror();

		return aios_fail(st, -ELIBACC, "cannot be loaded: %s",
				 why ? why : "no reason given");
	}
	err = register_handle(module, st);
	if (err)
		loader_close(module);
	return err;
}

void loader_close(struct module *module)
{
	if (module->handle)
		dlclose(module->handle);
	module->handle = NULL;
}
