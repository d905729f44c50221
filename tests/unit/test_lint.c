// SPDX-License-Identifier: Apache-2.0
/* test_lint.c - aios_lint(): what the loader says, all of it at once, and more. */
#include "module_util.h"

#include <elf.h>
#include <time.h>

Suite *test_lint_suite(void);

static char folder[PATH_MAX];

static void setup(void)
{
	make_folder(folder);
}

static void teardown(void)
{
	remove_folder(folder);
}

static struct aios_lint_report *lint(const char *name, uint32_t flags, uint32_t timeout_ms)
{
	struct aios_lint_report *report = NULL;
	char path[PATH_MAX + 64];
	struct aios_status st = { 0 };

	snprintf(path, sizeof(path), "%s/%s.so", folder, name);
	ck_assert_msg(aios_lint(path, flags, timeout_ms, &report, &st) == 0, "%s", st.message);
	return report;
}

static const struct aios_lint_finding *find(const struct aios_lint_report *report, uint32_t level,
					    const char *part)
{
	for (size_t i = 0; i < report->n_findings; i++)
		if (report->findings[i].level == level && strstr(report->findings[i].message, part))
			return &report->findings[i];
	return NULL;
}

#define ck_assert_finding(report, level, part)                                                     \
	ck_assert_msg(find(report, level, part) != NULL, "no finding '%s' in %s", part,            \
		      (report)->path)

static const struct aios_lint_item *item(const struct aios_lint_report *report, uint32_t kind,
					 const char *name)
{
	for (size_t i = 0; i < report->n_items; i++)
		if (report->items[i].kind == kind && !strcmp(report->items[i].name, name))
			return &report->items[i];
	return NULL;
}

/* ---- the same words as the loader ------------------------------------------- */

static const char *const hostile[] = {
	"bad-hash",      "bad-major",     "new-minor",     "bad-isa",     "unknown-isa",
	"bad-sanitizer", "bad-kind",      "extra-export",  "gnu-unique",  "hidden-ctor",
	"ifunc",         "imports-abort", "needs-missing", "no-export",   "no-metadata",
	"static-tls",    "big-state",     "crash-ctor",    "many-faults", "good",
	"twin",          "stated-ctor",   "needs-libc",    "liar-abi",
};

START_TEST(agrees_with_the_loader)
{
	struct module_registry *reg;
	struct aios_module_report loader;
	struct aios_lint_report *report;
	struct aios_config *cfg;

	copy_module(folder, hostile[_i]);
	cfg = folder_config(folder);
	reg = folder_registry(cfg);
	for (size_t i = 0; module_report(reg, i, &loader); i++)
		if (strncmp(loader.path, folder, strlen(folder)) == 0)
			break;
	report = lint(hostile[_i], 0, 0);
	ck_assert_str_eq(report->reason, loader.reason);
	ck_assert_int_eq(report->n_errors == 0, loader.accepted);
	if (report->n_errors) {
		ck_assert_uint_eq(report->findings[0].level, AIOS_LINT_ERROR);
		ck_assert_int_eq(strncmp(report->findings[0].rule, "ADP-", 4), 0);
		ck_assert_str_eq(report->findings[0].message, report->reason);
	}
	aios_lint_free(report);
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
}
END_TEST

START_TEST(tells_every_fault)
{
	static const char *const rules[] = { "ADP-5", "ADP-7", "ADP-10", "ADP-12" };
	struct aios_lint_report *report;
	const struct aios_lint_item *got;

	if (COVERAGE_BUILD) {
		printf("skipped: gcov imports abort() itself\n");
		return;
	}
	copy_module(folder, "many-faults");
	report = lint("many-faults", AIOS_LINT_LOAD, 0);
	for (size_t i = 0; i < 4; i++) {
		bool there = false;

		for (size_t j = 0; j < report->n_findings; j++)
			there |= !strcmp(report->findings[j].rule, rules[i]);
		ck_assert_msg(there, "%s is not told", rules[i]);
	}
	ck_assert_uint_eq(report->n_errors, 4);
	got = item(report, AIOS_LINT_EXPORT, "helper");
	ck_assert(got && !got->good);
	got = item(report, AIOS_LINT_IMPORT, "abort");
	ck_assert(got && !got->good);
	ck_assert_msg(!report->loaded, "code of a refused file was run");
	aios_lint_free(report);
}
END_TEST

/* ---- hostile files ----------------------------------------------------------- */

/* Change one header of `good` and expect the report's and the loader's refusal. */
static void expect_spoilt(const uint8_t *bytes, size_t size, const char *part)
{
	struct aios_lint_report *report;
	struct module_registry *reg;
	struct aios_config *cfg;

	write_file(folder, "good.so", bytes, size);
	report = lint("good", AIOS_LINT_LOAD, 0);
	ck_assert_uint_eq(report->n_errors, 1);
	ck_assert_str_eq(report->findings[0].rule, "ADP-1");
	ck_assert_contains(report->reason, part);
	ck_assert(!report->loaded);
	aios_lint_free(report);
	cfg = folder_config(folder);
	reg = folder_registry(cfg);
	ck_assert_contains(report_of(reg, "good").reason, part);
	module_registry_destroy(reg);
	aios_config_destroy(cfg);
}

START_TEST(another_architecture)
{
	size_t size;
	uint8_t *bytes = read_module("good", &size);
	Elf64_Ehdr head;

	memcpy(&head, bytes, sizeof(head));
	head.e_machine = head.e_machine == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;
	memcpy(bytes, &head, sizeof(head));
	expect_spoilt(bytes, size, "built for machine");
	free(bytes);
}
END_TEST

/* Each section in turn claims bytes past the end, at offsets that wrap around too. */
START_TEST(sections_past_the_end)
{
	static const uint64_t offsets[] = { 0, 1, UINT64_MAX - 8, UINT64_MAX };
	size_t size;
	uint8_t *bytes = read_module("good", &size);
	unsigned refused = 0;
	Elf64_Ehdr head;

	memcpy(&head, bytes, sizeof(head));
	for (unsigned i = 1; i < head.e_shnum; i++) {
		uint8_t *at = bytes + head.e_shoff + i * sizeof(Elf64_Shdr);
		Elf64_Shdr old, changed;

		memcpy(&old, at, sizeof(old));
		if (old.sh_type == SHT_NOBITS || !old.sh_size)
			continue;
		changed = old;
		changed.sh_offset = offsets[i % 4] < 2 ? size - offsets[i % 4] : offsets[i % 4];
		changed.sh_size = old.sh_size + 8;
		memcpy(at, &changed, sizeof(changed));
		expect_spoilt(bytes, size, i == head.e_shstrndx ? "section names" : "outside");
		memcpy(at, &old, sizeof(old));
		refused++;
	}
	ck_assert_uint_gt(refused, 10);
	free(bytes);
}
END_TEST

START_TEST(segments_past_the_end)
{
	size_t size;
	uint8_t *bytes = read_module("good", &size);
	Elf64_Ehdr head;

	memcpy(&head, bytes, sizeof(head));
	for (unsigned i = 0; i < head.e_phnum; i++) {
		uint8_t *at = bytes + head.e_phoff + i * sizeof(Elf64_Phdr);
		Elf64_Phdr old, changed;

		memcpy(&old, at, sizeof(old));
		if (old.p_type != PT_LOAD)
			continue;
		changed = old;
		changed.p_filesz = changed.p_memsz = size + 1;
		memcpy(at, &changed, sizeof(changed));
		expect_spoilt(bytes, size, "outside the file");
		memcpy(at, &old, sizeof(old));
	}
	free(bytes);
}
END_TEST

/* Any byte of the headers changed: a report or an error, never a crash. */
START_TEST(survives_spoilt_headers)
{
	size_t size;
	uint8_t *bytes = read_module("unwise", &size);
	struct aios_lint_report *report;
	uint32_t state = 7;
	Elf64_Ehdr head;

	memcpy(&head, bytes, sizeof(head));
	for (unsigned i = 0; i < 2000; i++) {
		size_t at;
		uint8_t old;

		state = state * 1664525u + 1013904223u;
		at = state >> 8;
		at = i % 2 ? at % 1024 : head.e_shoff + at % (head.e_shnum * sizeof(Elf64_Shdr));
		old = bytes[at];
		bytes[at] ^= (uint8_t)(1u << (state >> 3) % 8);
		write_file(folder, "unwise.so", bytes, size);
		report = lint("unwise", 0, 0);
		ck_assert(!report->n_errors == !report->reason[0]);
		aios_lint_free(report);
		bytes[at] = old;
	}
	free(bytes);
}
END_TEST

START_TEST(no_file_is_an_error)
{
	struct aios_lint_report *report = NULL;
	struct aios_status st = { 0 };

	ck_assert_int_eq(aios_lint("/nonexistent/x.so", 0, 0, &report, &st), -ENOENT);
	ck_assert_contains(st.message, "/nonexistent/x.so");
	ck_assert_int_lt(aios_lint(folder, 0, 0, &report, &st), 0);
	aios_lint_free(NULL);
}
END_TEST

/* ---- what is legal and unwise ------------------------------------------------ */

START_TEST(a_good_module)
{
	struct aios_lint_report *report;
	size_t exports = 0;

	copy_module(folder, "good");
	report = lint("good", AIOS_LINT_LOAD, 0);
	ck_assert_msg(!report->n_errors, "%s", report->reason);
	ck_assert_str_eq(report->name, "good");
	ck_assert_str_eq(report->kind_name, "driver");
	ck_assert_str_eq(report->abi, report->core_abi);
	ck_assert(report->loaded && report->relro && report->bind_now);
	ck_assert(!report->exec_stack && !report->text_relocations);
	for (size_t i = 0; i < report->n_items; i++)
		exports += report->items[i].kind == AIOS_LINT_EXPORT &&
			   strncmp(report->items[i].name, "__", 2) != 0;
	ck_assert_uint_eq(exports, 1);
	ck_assert(item(report, AIOS_LINT_SLOT, "launch")->good);
	ck_assert(!item(report, AIOS_LINT_SLOT, "graph_begin")->good);
	ck_assert(item(report, AIOS_LINT_DEVICE, "good:0")->good);
	ck_assert_contains(item(report, AIOS_LINT_DEVICE, "good:2")->remark, "no power");
	ck_assert(item(report, AIOS_LINT_LIBRARY, "libc.so.6") != NULL);
	aios_lint_free(report);
}
END_TEST

START_TEST(an_unwise_module)
{
	static const char *const parts[] = {
		"no license",
		"no description",
		"imports 'puts'",
		"imports 'expf'",
		"imports 'signal'",
		"it printed 40 bytes",
		"with room for devices and 2 without",
		"is not of the form",
		"has no name for people",
		"does not say why it has its score",
	};
	struct aios_lint_report *report;

	copy_module(folder, "unwise");
	report = lint("unwise", AIOS_LINT_LOAD, 0);
	ck_assert_msg(!report->n_errors, "%s", report->reason);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		ck_assert_finding(report, AIOS_LINT_WARNING, parts[i]);
	ck_assert(report->loaded && !report->stripped);
	ck_assert_uint_eq(item(report, AIOS_LINT_OBJECT, "counter")->bytes, 4);
	ck_assert_str_eq(item(report, AIOS_LINT_OBJECT, "counter")->remark, ".bss");
	ck_assert_uint_eq(item(report, AIOS_LINT_OBJECT, "kept")->bytes,
			  instrumented_build() ? item(report, AIOS_LINT_OBJECT, "kept")->bytes :
						 100);
	aios_lint_free(report);
}
END_TEST

START_TEST(a_module_linked_carelessly)
{
	struct aios_lint_report *report;

	copy_module(folder, "soft");
	report = lint("soft", 0, 0);
	ck_assert(!report->relro && !report->bind_now && report->exec_stack);
	ck_assert_finding(report, AIOS_LINT_WARNING, "an executable stack");
	ck_assert_finding(report, AIOS_LINT_WARNING, "-Wl,-z,relro,-z,now");
	aios_lint_free(report);
}
END_TEST

/* ---- code that must not get out ---------------------------------------------- */

static const struct {
	const char *name, *part;
} escapes[] = {
	{ "hang-probe", "did not come back within 0.5 s (in probe)" },
	{ "crash-probe", "it crashed with signal 11" },
	{ "quit-probe", "it ended the process with code 3 (in probe)" },
};

START_TEST(what_its_code_does_stays_outside)
{
	struct aios_lint_report *report;

	/* A sanitizer turns the crash into its own report and exit code. */
	if (_i == 1 && strcmp(AIOS_SANITIZER, "none") != 0) {
		printf("skipped: a sanitizer catches the signal\n");
		return;
	}
	copy_module(folder, escapes[_i].name);
	report = lint(escapes[_i].name, AIOS_LINT_LOAD, 500);
	ck_assert_uint_eq(report->n_errors, 1);
	ck_assert_contains(report->reason, escapes[_i].part);
	ck_assert(!report->loaded);
	aios_lint_free(report);
}
END_TEST

START_TEST(what_only_code_tells)
{
	struct aios_lint_report *report;

	copy_module(folder, "liar-abi");
	report = lint("liar-abi", AIOS_LINT_LOAD, 0);
	ck_assert_contains(report->reason, "its descriptor says ABI");
	aios_lint_free(report);
	copy_module(folder, "missing-slot");
	report = lint("missing-slot", AIOS_LINT_LOAD, 0);
	ck_assert_contains(report->reason, "mandatory slot 'launch' is missing");
	ck_assert_uint_eq(report->n_errors, 1);
	aios_lint_free(report);
}
END_TEST

Suite *test_lint_suite(void)
{
	Suite *suite = suite_create("lint");
	TCase *tc = tcase_create("lint");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, agrees_with_the_loader, 0, sizeof(hostile) / sizeof(hostile[0]));
	tcase_add_test(tc, tells_every_fault);
	tcase_add_test(tc, another_architecture);
	tcase_add_test(tc, sections_past_the_end);
	tcase_add_test(tc, segments_past_the_end);
	tcase_add_test(tc, survives_spoilt_headers);
	tcase_add_test(tc, no_file_is_an_error);
	tcase_add_test(tc, a_good_module);
	tcase_add_test(tc, an_unwise_module);
	tcase_add_test(tc, a_module_linked_carelessly);
	tcase_add_loop_test(tc, what_its_code_does_stays_outside, 0,
			    sizeof(escapes) / sizeof(escapes[0]));
	tcase_add_test(tc, what_only_code_tells);
	suite_add_tcase(suite, tc);
	return suite;
}
