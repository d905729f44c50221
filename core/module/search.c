// SPDX-License-Identifier: Apache-2.0
/*
 * search.c - the folders that are searched for modules: those of the command line,
 * the ini file and the environment, then one that belongs to this build or
 * installation. Never the current directory.
 */
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/module/internal.h"

/* Where `make install` puts modules; the build says it. */
#ifndef AIOS_LIBDIR
#define AIOS_LIBDIR "/usr/local/lib/aios"
#endif

static int no_memory(struct aios_status *st)
{
	return aios_fail(st, -ENOMEM, "no memory for the search path");
}

static bool already(const struct module_registry *reg, const char *path, bool drivers)
{
	for (size_t i = 0; i < reg->n_folders; i++)
		if (reg->folders[i].drivers == drivers && !strcmp(reg->folders[i].path, path))
			return true;
	return false;
}

static int add_folder(struct module_registry *reg, const char *path, const char *origin,
		      bool drivers, struct aios_status *st)
{
	struct module_folder folder = { .drivers = drivers };

	if (already(reg, path, drivers))
		return 0;
	if (reg->n_folders == reg->folder_room) {
		size_t room = reg->folder_room ? 2 * reg->folder_room : 8;
		struct module_folder *folders = realloc(reg->folders, room * sizeof(*folders));

		if (!folders)
			return no_memory(st);
		reg->folders = folders;
		reg->folder_room = room;
	}
	folder.path = strdup(path);
	folder.origin = strdup(origin);
	if (!folder.path || !folder.origin) {
		free(folder.path);
		free(folder.origin);
		return no_memory(st);
	}
	reg->folders[reg->n_folders++] = folder;
	return 0;
}

/* An empty element would mean the current directory to a shell; here it means nothing. */
static int add_list(struct module_registry *reg, const char *list, const char *origin, bool drivers,
		    struct aios_status *st)
{
	while (list && *list) {
		size_t n = strcspn(list, ":");
		char path[PATH_MAX];
		int err;

		if (n >= sizeof(path))
			return aios_fail(st, -ENAMETOOLONG, "%s: a path is too long", origin);
		memcpy(path, list, n);
		path[n] = '\0';
		err = n ? add_folder(reg, path, origin, drivers, st) : 0;
		if (err)
			return err;
		list += n + (list[n] == ':');
	}
	return 0;
}

static int add_configured(struct module_registry *reg, bool drivers, struct aios_status *st)
{
	static const enum aios_config_layer order[] = { AIOS_CONFIG_CLI, AIOS_CONFIG_INI,
							AIOS_CONFIG_ENV };
	static const char *const names[] = { "command line", "ini file", "environment" };
	const char *key = drivers ? "driver_path" : "plugin_path";

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		char origin[64];
		int err;

		snprintf(origin, sizeof(origin), "%s of the %s", key, names[i]);
		err = add_list(reg, aios_config_get_layer(reg->cfg, "aios", key, order[i]), origin,
			       drivers, st);
		if (err)
			return err;
	}
	return 0;
}

/* The folder of the executable or shared library that this code is in; false: unknown. */
static bool own_folder(char out[PATH_MAX])
{
	static const char anchor;
	const struct link_map *map = NULL;
	const char *file = "/proc/self/exe";
	Dl_info info;
	char *slash;

	if (dladdr1(&anchor, &info, (void **)&map, RTLD_DL_LINKMAP) && map && map->l_name[0])
		file = map->l_name;
	if (!realpath(file, out))
		return false;
	slash = strrchr(out, '/');
	if (slash)
		*slash = '\0';
	return slash != NULL;
}

static bool has_modules(const char *base)
{
	static const char *const parts[] = { "drivers", "plugins" };

	for (size_t i = 0; i < 2; i++) {
		char path[PATH_MAX + 32];
		struct stat info;

		snprintf(path, sizeof(path), "%s/%s", base, parts[i]);
		if (!stat(path, &info) && S_ISDIR(info.st_mode))
			return true;
	}
	return false;
}

/* The first of these that exists is the build's or the installation's; else AIOS_LIBDIR. */
static const char *own_base(char out[PATH_MAX])
{
	static const char *const below[] = { "lib/aios", "../lib/aios", "aios" };
	char folder[PATH_MAX], path[PATH_MAX + 16];

	if (!own_folder(folder))
		return AIOS_LIBDIR;
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, below[i]);
		if (has_modules(path) && realpath(path, out))
			return out;
	}
	return AIOS_LIBDIR;
}

static int add_own(struct module_registry *reg, bool drivers, struct aios_status *st)
{
	char base[PATH_MAX], path[PATH_MAX + 16];
	bool wanted = true;

	aios_config_get_bool(module_registry_config(reg), "aios", "default_path", &wanted);
	if (!wanted)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", own_base(base), drivers ? "drivers" : "plugins");
	return add_folder(reg, path, "installation", drivers, st);
}

int search_folders(struct module_registry *reg, struct aios_status *st)
{
	int err = add_configured(reg, true, st);

	if (!err)
		err = add_own(reg, true, st);
	if (!err)
		err = add_configured(reg, false, st);
	if (!err)
		err = add_own(reg, false, st);
	return err;
}
