/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_util.h - what the loader's tests share: a folder of their own, copies of
 * the modules in tests/modules, a registry that searches the folder.
 */
#ifndef TESTS_UNIT_MODULE_UTIL_H
#define TESTS_UNIT_MODULE_UTIL_H

#include <check.h>
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/module/registry.h"
#include "env.h"
#include "generated/autoconf.h"

#ifdef CONFIG_COVERAGE
#define COVERAGE_BUILD true
#else
#define COVERAGE_BUILD false
#endif

/* True when this build adds code of its own to every module (rules on that are off). */
static inline bool instrumented_build(void)
{
	return COVERAGE_BUILD || strcmp(AIOS_SANITIZER, "none") != 0;
}

/* A new empty folder; remove_folder() deletes it. */
static inline void make_folder(char folder[PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, PATH_MAX, "%s/aios-modules-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline void remove_folder(const char *folder)
{
	struct dirent *entry;
	DIR *d = opendir(folder);

	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ck_assert_int_eq(unlinkat(dirfd(d), entry->d_name, 0), 0);
	closedir(d);
	ck_assert_int_eq(rmdir(folder), 0);
}

/* The bytes of tests/modules' NAME.so as it was built; the caller frees them. */
static inline uint8_t *read_module(const char *name, size_t *size)
{
	char path[PATH_MAX];
	struct stat info;
	uint8_t *bytes;
	FILE *in;

	snprintf(path, sizeof(path), "%s/tests/modules/%s.so", env_build(), name);
	in = fopen(path, "rb");
	ck_assert_msg(in != NULL, "%s is missing: build the tests", path);
	ck_assert_int_eq(fstat(fileno(in), &info), 0);
	*size = (size_t)info.st_size;
	bytes = malloc(*size);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_uint_eq(fread(bytes, 1, *size, in), *size);
	fclose(in);
	return bytes;
}

static inline void write_file(const char *folder, const char *file, const void *bytes, size_t size)
{
	char path[PATH_MAX + 256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	out = fopen(path, "wb");
	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(bytes, 1, size, out), size);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(chmod(path, 0644), 0);
}

/* Copy NAME.so into the folder as `file`. */
static inline void copy_module_as(const char *folder, const char *name, const char *file)
{
	size_t size;
	uint8_t *bytes = read_module(name, &size);

	write_file(folder, file, bytes, size);
	free(bytes);
}

static inline void copy_module(const char *folder, const char *name)
{
	char file[NAME_MAX];

	snprintf(file, sizeof(file), "%s.so", name);
	copy_module_as(folder, name, file);
}

/* A configuration whose driver_path is the folder; nothing of this machine's comes in. */
static inline struct aios_config *folder_config(const char *folder)
{
	struct aios_config *cfg = aios_config_create();

	ck_assert_ptr_nonnull(cfg);
	ck_assert_int_eq(aios_config_set(cfg, "aios", "driver_path", folder, AIOS_CONFIG_CLI,
					 "command line --driver-path", NULL),
			 0);
	ck_assert_int_eq(aios_config_set_text(cfg, "aios.default_path=false", NULL), 0);
	return cfg;
}

/* A registry that has searched the folder. */
static inline struct module_registry *folder_registry(struct aios_config *cfg)
{
	struct module_registry *reg;
	struct aios_status st = { 0 };

	ck_assert_int_eq(module_registry_create(cfg, NULL, NULL, &reg, &st), 0);
	ck_assert_msg(module_registry_scan(reg, &st) == 0, "%s", st.message);
	return reg;
}

/* The journal's entry for a module of this name; fails the test when there is none. */
static inline struct aios_module_report report_of(struct module_registry *reg, const char *name)
{
	struct aios_module_report report;

	for (size_t i = 0; module_report(reg, i, &report); i++)
		if (!strcmp(report.name, name))
			return report;
	ck_abort_msg("the journal has no module '%s'", name);
	return report;
}

#define ck_assert_contains(text, part)                                                             \
	ck_assert_msg(strstr(text, part) != NULL, "'%s' does not contain '%s'", text, part)

#endif /* TESTS_UNIT_MODULE_UTIL_H */
