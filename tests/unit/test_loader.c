// SPDX-License-Identifier: Apache-2.0
/*
 * test_loader.c - each module in tests/modules breaks one rule: the loader must
 * refuse it for that rule, before its code runs where the file gives it away.
 */
#include "module_util.h"

#include "core/module/isa.h"
#include "core/module/library.h"

Suite *test_loader_suite(void);

static char folder[PATH_MAX];

static void setup(void)
{
	make_folder(folder);
}

static void teardown(void)
{
	remove_folder(folder);
}

/* When a refusal comes: from the file, or from the code's own words once it is loaded. */
enum when {
	FROM_FILE,
	FROM_CODE
};

/* Copy `name`, search, and expect it refused for a reason that contains `part`. */
static void expect_refused(const char *name, const char *module, enum when when, const char *part)
{
	struct aios_config *cfg;
	struct module_registry *reg;
	struct aios_module_report report;
	struct aios_status st = { 0 };
	struct module *got;

	copy_module(folder, name);
	cfg = folder_config(folder);
	reg = folder_registry(cfg);
	report = report_of(reg, module);
	ck_assert_msg(report.accepted == (when == FROM_CODE), "%s: '%s'", name, report.reason);
	ck_assert_int_ne(module_get(reg, AIOS_KIND_DRIVER, module, &got, &st), 0);
	ck_assert_contains(st.message, part);
	ck_assert_contains(st.message, name);
	report = report_of(reg, module);
	ck_assert(!report.accepted && !report.loaded);
	ck_assert_contains(report.reason, part);
	/* It stays refused, with the same reason. */
	ck_assert_int_ne(module_get(reg, AIOS_KIND_DRIVER, module, &got, &st), 0);
	ck_assert_contains(st.message, part);
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
}

static const struct {
	const char *name, *part;
	enum when when;
	bool own_code; /* the rule is off when a sanitizer adds code of its own */
} refusals[] = {
	{ "bad-hash", "hash 0x0badc0de, expected", FROM_FILE, false },
	{ "bad-major", "built for ABI 77.", FROM_FILE, false },
	{ "new-minor", ".9999, this AIOS has only", FROM_FILE, false },
	{ "bad-isa", " machine, this one is ", FROM_FILE, false },
	{ "unknown-isa", "isa 'x86-64-v9' is none of", FROM_FILE, false },
	{ "bad-sanitizer", "built with sanitizer 'memory'", FROM_FILE, false },
	{ "needs-missing", "needs the library libaios-of-the-far-future.so.9", FROM_FILE, false },
	{ "extra-export", "exports 'helper' besides", FROM_FILE, false },
	{ "gnu-unique", "'shared_by_all' is STB_GNU_UNIQUE", FROM_FILE, false },
	{ "no-export", "does not export 'aios_module'", FROM_FILE, false },
	{ "imports-abort", "imports 'abort'", FROM_FILE, COVERAGE_BUILD },
	/* Its constructor crashes: if it ran, so would this test. */
	{ "crash-ctor", "hash 0x0badc0de, expected", FROM_FILE, false },
	{ "hidden-ctor", "has constructors (2 entries in .init_array", FROM_FILE, true },
	{ "ifunc", "has ifuncs or target_clones (1)", FROM_FILE, true },
	{ "big-state", "bytes of writable data", FROM_FILE, true },
	{ "static-tls", "thread-local storage", FROM_FILE, true },
	{ "liar-abi", "its descriptor says ABI", FROM_CODE, false },
	{ "liar-kind", "its descriptor says kind 3", FROM_CODE, false },
	{ "liar-name", "its descriptor says name 'somebody-else'", FROM_CODE, false },
	{ "missing-slot", "mandatory slot 'launch' is missing", FROM_CODE, false },
	{ "no-size", "set .size", FROM_CODE, false },
	{ "bad-param", "the default of parameter lanes: '9' is not valid", FROM_CODE, false },
};

START_TEST(refuses)
{
	if (refusals[_i].own_code && instrumented_build()) {
		fprintf(stderr, "skipped: %s (this build adds code to modules)\n",
			refusals[_i].name);
		return;
	}
	expect_refused(refusals[_i].name, refusals[_i].name, refusals[_i].when, refusals[_i].part);
}
END_TEST

START_TEST(refuses_unknown_kind)
{
	struct aios_config *cfg;
	struct module_registry *reg;
	struct aios_module_report report;

	copy_module(folder, "bad-kind");
	cfg = folder_config(folder);
	reg = folder_registry(cfg);
	report = report_of(reg, "bad-kind");
	ck_assert(!report.accepted);
	ck_assert_uint_eq(report.kind, 0);
	ck_assert_contains(report.reason, "kind 'gizmo' is none of driver");
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
}
END_TEST

START_TEST(refuses_bad_name)
{
	expect_refused("bad-name", "bad-name", FROM_FILE, "name 'Bad_Name' is not lower case");
}
END_TEST

START_TEST(refuses_other_file_name)
{
	struct aios_config *cfg;
	struct module_registry *reg;

	copy_module_as(folder, "good", "better.so");
	cfg = folder_config(folder);
	reg = folder_registry(cfg);
	ck_assert_contains(report_of(reg, "good").reason, "the file must be good.so");
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
}
END_TEST

static void expect_file_refused(const char *file, const char *part)
{
	struct aios_config *cfg = folder_config(folder);
	struct module_registry *reg = folder_registry(cfg);
	struct aios_status st = { 0 };
	struct module *got;

	ck_assert(!report_of(reg, file).accepted);
	ck_assert_contains(report_of(reg, file).reason, part);
	ck_assert_int_ne(module_get(reg, AIOS_KIND_DRIVER, file, &got, &st), 0);
	ck_assert_contains(st.message, part);
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
}

START_TEST(refuses_what_is_no_module)
{
	static const char text[] =
		"#!/bin/sh\necho not a shared object, however many bytes of it there may be\n";

	write_file(folder, "script.so", text, sizeof(text) - 1);
	expect_file_refused("script", "not an ELF file");
	write_file(folder, "empty.so", text, 0);
	expect_file_refused("empty", "0 bytes are too few");
	copy_module(folder, "no-metadata");
	expect_file_refused("no-metadata", "no section .aios.modinfo");
}
END_TEST

START_TEST(refuses_cut_files)
{
	size_t size;
	uint8_t *bytes = read_module("good", &size);
	struct aios_config *cfg;
	struct module_registry *reg;
	struct aios_module_report report;

	for (size_t cut = 64; cut < size; cut += 64) {
		char file[32];

		/* A few hundred files at a time would only be slower. */
		if (cut > 1024 && cut + 1024 < size && cut % 1024)
			continue;
		snprintf(file, sizeof(file), "cut-%zu.so", cut);
		write_file(folder, file, bytes, cut);
	}
	free(bytes);
	cfg = folder_config(folder);
	reg = folder_registry(cfg);
	ck_assert(module_report(reg, 0, &report));
	for (size_t i = 0; module_report(reg, i, &report); i++) {
		if (strncmp(report.name, "cut-", 4))
			continue;
		ck_assert_msg(!report.accepted && *report.reason, "%s passes", report.path);
	}
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
}
END_TEST

/* A file of the right size whose insides are noise must be refused, never crash. */
START_TEST(refuses_noise)
{
	uint8_t noise[8192];
	uint32_t state = 1;

	for (size_t i = 0; i < sizeof(noise); i++) {
		state = state * 1664525u + 1013904223u;
		noise[i] = (uint8_t)(state >> 24);
	}
	memcpy(noise, "\177ELF\2\1\1", 7);
	write_file(folder, "noise.so", noise, sizeof(noise));
	expect_file_refused("noise", "ELF");
}
END_TEST

START_TEST(refuses_writable_by_all)
{
	char path[PATH_MAX + 16];

	copy_module(folder, "good");
	snprintf(path, sizeof(path), "%s/good.so", folder);
	ck_assert_int_eq(chmod(path, 0646), 0);
	expect_file_refused("good", "everybody may write to the file");
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(chmod(folder, 0777), 0);
	expect_file_refused("good", "everybody may write to its folder");
	ck_assert_int_eq(chmod(folder, 0755), 0);
}
END_TEST

/* The file may change between the search and its first use. */
START_TEST(looks_again_before_loading)
{
	struct aios_config *cfg;
	struct module_registry *reg;
	struct aios_status st = { 0 };
	struct module *got;
	char path[PATH_MAX + 16];

	copy_module(folder, "good");
	cfg = folder_config(folder);
	reg = folder_registry(cfg);
	ck_assert(report_of(reg, "good").accepted);
	snprintf(path, sizeof(path), "%s/good.so", folder);
	ck_assert_int_eq(unlink(path), 0);
	copy_module_as(folder, "crash-ctor", "good.so");
	ck_assert_int_ne(module_get(reg, AIOS_KIND_DRIVER, "good", &got, &st), 0);
	ck_assert_contains(st.message, "hash 0x0badc0de");
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
}
END_TEST

START_TEST(loads_what_keeps_the_rules)
{
	static const char *const names[] = { "good", "twin", "needs-libc", "stated-ctor" };
	struct aios_config *cfg;
	struct module_registry *reg;
	struct aios_status st = { 0 };
	struct module *got;

	for (size_t i = 0; i < 4; i++)
		copy_module(folder, names[i]);
	cfg = folder_config(folder);
	reg = folder_registry(cfg);
	for (size_t i = 0; i < 4; i++) {
		ck_assert(!report_of(reg, names[i]).loaded);
		ck_assert_msg(module_get(reg, AIOS_KIND_DRIVER, names[i], &got, &st) == 0, "%s",
			      st.message);
		ck_assert(report_of(reg, names[i]).loaded);
		module_put(got);
	}
	ck_assert_str_eq(report_of(reg, "good").license, "Apache-2.0");
	ck_assert_str_eq(report_of(reg, "good").description, "keeps every rule");
	ck_assert_str_eq(report_of(reg, "good").version, "1.2");
	ck_assert_str_eq(report_of(reg, "needs-libc").needs, "libm.so.6");
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
}
END_TEST

/* ---- what this machine has -------------------------------------------------- */

#define ALL32 0xffffffffu

START_TEST(isa_levels)
{
	struct isa_regs all = { ALL32, ALL32, ALL32, 0xe7 }, regs = all;
	struct aios_status st = { 0 };

	ck_assert_int_eq(isa_x86_level(&all), 4);
	/* A processor with AVX-512 under a system that does not save its registers. */
	regs.xcr0 = 0x07;
	ck_assert_int_eq(isa_x86_level(&regs), 3);
	/* ... nor those of AVX. */
	regs.xcr0 = 0x03;
	ck_assert_int_eq(isa_x86_level(&regs), 2);
	regs = all;
	regs.leaf1_ecx &= ~(1u << 27); /* OSXSAVE */
	ck_assert_int_eq(isa_x86_level(&regs), 2);
	regs = all;
	regs.leaf7_ebx &= ~(1u << 31); /* AVX512VL */
	ck_assert_int_eq(isa_x86_level(&regs), 3);
	regs = all;
	regs.ext1_ecx &= ~(1u << 5); /* LZCNT */
	ck_assert_int_eq(isa_x86_level(&regs), 2);
	regs = (struct isa_regs){ 0 };
	ck_assert_int_eq(isa_x86_level(&regs), 1);
#if defined(__x86_64__)
	ck_assert_int_eq(isa_check("x86-64", &regs, &st), 0);
	ck_assert_int_eq(isa_check("x86-64-v4", &all, &st), 0);
	ck_assert_int_eq(isa_check("x86-64-v2", &regs, &st), -ENOEXEC);
	ck_assert_contains(st.message, "needs x86-64-v2, this machine");
	ck_assert_int_eq(isa_check("aarch64", &all, &st), -ENOEXEC);
#endif
	ck_assert_int_eq(isa_check("i386", &all, &st), -EINVAL);
}
END_TEST

START_TEST(libraries)
{
	static const uint8_t short_cache[] = "glibc-ld.so.cache1.1";
	uint8_t cache[48 + 24 + 64] = "glibc-ld.so.cache1.1";
	const uint32_t count = 1, name = 72, path = 72 + 10;

	ck_assert(library_exists("libc.so.6", NULL, NULL));
	ck_assert(!library_exists("libaios-of-the-far-future.so.9", NULL, NULL));
	ck_assert(!library_exists("", NULL, NULL));
	copy_module(folder, "good");
	ck_assert(library_exists("good.so", "/nowhere:$ORIGIN", folder));
	ck_assert(!library_exists("good.so", "/nowhere", folder));

	ck_assert(!library_in_cache(short_cache, sizeof(short_cache), "x"));
	memcpy(cache + 20, &count, 4);
	memcpy(cache + 48 + 4, &name, 4);
	memcpy(cache + 48 + 8, &path, 4);
	memcpy(cache + 72, "libx.so.1", 10);
	memcpy(cache + 82, "/dev/null", 10);
	ck_assert(library_in_cache(cache, sizeof(cache), "libx.so.1"));
	ck_assert(!library_in_cache(cache, sizeof(cache), "liby.so.1"));
	/* Counts and offsets that point outside. */
	cache[20] = 0xff;
	ck_assert(!library_in_cache(cache, sizeof(cache), "libx.so.1"));
	cache[20] = 1;
	cache[48 + 7] = 0xff;
	ck_assert(!library_in_cache(cache, sizeof(cache), "libx.so.1"));
}
END_TEST

Suite *test_loader_suite(void)
{
	Suite *suite = suite_create("loader");
	TCase *tc = tcase_create("loader");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, refuses, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(tc, refuses_unknown_kind);
	tcase_add_test(tc, refuses_bad_name);
	tcase_add_test(tc, refuses_other_file_name);
	tcase_add_test(tc, refuses_what_is_no_module);
	tcase_add_test(tc, refuses_cut_files);
	tcase_add_test(tc, refuses_noise);
	tcase_add_test(tc, refuses_writable_by_all);
	tcase_add_test(tc, looks_again_before_loading);
	tcase_add_test(tc, loads_what_keeps_the_rules);
	tcase_add_test(tc, isa_levels);
	tcase_add_test(tc, libraries);
	suite_add_tcase(suite, tc);
	return suite;
}
