// SPDX-License-Identifier: Apache-2.0
/* test_elf.c - the ELF reader and the metadata parser on good, cut and spoilt files. */
#include "module_util.h"

#include <elf.h>

#include "core/module/elf.h"
#include "core/module/modinfo.h"

Suite *test_elf_suite(void);

static uint8_t *bytes;
static size_t size;

static void load_good(void)
{
	bytes = read_module("good", &size);
}

static void free_good(void)
{
	free(bytes);
}

static bool has_export(const struct elf *elf, const char *name)
{
	for (uint64_t i = 1; i < elf->n_symbols; i++) {
		struct elf_symbol symbol = elf_symbol(elf, i);

		if (symbol.defined && symbol.bind != STB_LOCAL && !strcmp(symbol.name, name))
			return true;
	}
	return false;
}

START_TEST(reads_a_good_module)
{
	struct aios_status st = { 0 };
	struct elf elf;

	ck_assert_msg(elf_parse(&elf, bytes, size, &st) == 0, "%s", st.message);
	ck_assert_ptr_nonnull(elf.modinfo);
	ck_assert(has_export(&elf, "aios_module"));
	ck_assert(!has_export(&elf, "mock_open"));
	ck_assert_ptr_nonnull(elf_needed(&elf, 0));
	ck_assert_ptr_null(elf_needed(&elf, 1000));
	ck_assert(!elf.static_tls);
	if (!instrumented_build()) {
		ck_assert_uint_le(elf.init_array, 1);
		ck_assert_uint_lt(elf.writable, 256);
		ck_assert_uint_eq(elf.tls, 0);
	}
}
END_TEST

/* The make-checkpoint tool: it has no module inside, which this test program has. */
START_TEST(reads_a_program)
{
	struct aios_status st = { 0 };
	char path[PATH_MAX];
	struct elf elf;
	struct stat info;
	uint8_t *self;
	FILE *in;

	snprintf(path, sizeof(path), "%s/tools/make-checkpoint", env_build());
	in = fopen(path, "rb");

	ck_assert_ptr_nonnull(in);
	ck_assert_int_eq(fstat(fileno(in), &info), 0);
	self = malloc((size_t)info.st_size);
	ck_assert_ptr_nonnull(self);
	ck_assert_uint_eq(fread(self, 1, (size_t)info.st_size, in), (size_t)info.st_size);
	fclose(in);
	/* A position-independent executable is a shared object to ELF, without metadata of ours. */
	if (elf_parse(&elf, self, (size_t)info.st_size, &st))
		ck_assert_str_ne(st.message, "");
	else
		ck_assert_ptr_null(elf.modinfo);
	free(self);
}
END_TEST

/* The section headers are at the end, so no cut file can pass. */
START_TEST(refuses_every_cut)
{
	for (size_t cut = 0; cut < size; cut += 64) {
		struct aios_status st = { 0 };
		struct elf elf;
		uint8_t *part = malloc(cut ? cut : 1);

		ck_assert_ptr_nonnull(part);
		memcpy(part, bytes, cut);
		ck_assert_msg(elf_parse(&elf, part, cut, &st) != 0, "cut at %zu of %zu passes", cut,
			      size);
		ck_assert_str_ne(st.message, "");
		free(part);
	}
}
END_TEST

/* Every byte of the tables, set to values that break lengths and offsets. */
START_TEST(survives_spoilt_bytes)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	Elf64_Ehdr head;
	size_t tables;

	memcpy(&head, bytes, sizeof(head));
	tables = (size_t)head.e_shoff;
	for (size_t i = 0; i < size; i++) {
		uint8_t kept = bytes[i];

		/* Code is not read: headers, dynamic tables and section headers are. */
		if (i >= 4096 && i < tables && i % 17)
			continue;
		for (size_t v = 0; v < sizeof(values); v++) {
			struct aios_status st = { 0 };
			struct elf elf;

			bytes[i] = values[v];
			if (elf_parse(&elf, bytes, size, &st)) {
				ck_assert_str_ne(st.message, "");
				continue;
			}
			for (uint64_t s = 0; s < elf.n_symbols; s++)
				(void)strlen(elf_symbol(&elf, s).name);
			for (unsigned n = 0; elf_needed(&elf, n); n++)
				(void)strlen(elf_needed(&elf, n));
		}
		bytes[i] = kept;
	}
}
END_TEST

static void expect_refusal(const char *part)
{
	struct aios_status st = { 0 };
	struct elf elf;

	ck_assert_int_ne(elf_parse(&elf, bytes, size, &st), 0);
	ck_assert_contains(st.message, part);
}

START_TEST(names_what_is_wrong)
{
	Elf64_Ehdr head, changed;

	memcpy(&head, bytes, sizeof(head));
	changed = head;
	changed.e_ident[EI_MAG1] = 'e';
	memcpy(bytes, &changed, sizeof(changed));
	expect_refusal("not an ELF file");

	changed = head;
	changed.e_ident[EI_CLASS] = ELFCLASS32;
	memcpy(bytes, &changed, sizeof(changed));
	expect_refusal("64-bit little-endian");

	changed = head;
	changed.e_type = ET_REL;
	memcpy(bytes, &changed, sizeof(changed));
	expect_refusal("not a shared object");

	changed = head;
	changed.e_machine = EM_S390;
	memcpy(bytes, &changed, sizeof(changed));
	expect_refusal("built for machine 22");

	changed = head;
	changed.e_shoff = 0;
	memcpy(bytes, &changed, sizeof(changed));
	expect_refusal("no section headers");

	changed = head;
	changed.e_shoff = UINT64_MAX - 63;
	memcpy(bytes, &changed, sizeof(changed));
	expect_refusal("the file is cut");

	changed = head;
	changed.e_shstrndx = 60000;
	memcpy(bytes, &changed, sizeof(changed));
	expect_refusal("section names");
}
END_TEST

/* ---- metadata -------------------------------------------------------------- */

#define GOOD_TAGS "name=x\0kind=driver\0abi=0.1:0x00000000\0sanitizer=none\0"

static void expect_modinfo(const char *text, size_t n, const char *part)
{
	struct aios_status st = { 0 };
	struct modinfo info;
	int err = modinfo_parse(&info, text, n, &st);

	if (part) {
		ck_assert_int_ne(err, 0);
		ck_assert_contains(st.message, part);
	} else {
		ck_assert_msg(err == 0, "%s", st.message);
	}
	modinfo_finish(&info);
}

#define EXPECT_MODINFO(text, part) expect_modinfo(text, sizeof(text) - 1, part)

START_TEST(metadata_is_checked)
{
	EXPECT_MODINFO(GOOD_TAGS, NULL);
	EXPECT_MODINFO("\0\0" GOOD_TAGS "\0\0\0", NULL); /* padding between strings */
	EXPECT_MODINFO(GOOD_TAGS "needs=a.so\0needs=b.so\0alias=y\0ctors=allowed\0", NULL);
	EXPECT_MODINFO("", "expected 1 to");
	EXPECT_MODINFO("name=x", "no end");
	EXPECT_MODINFO("name\0", "tag=value");
	EXPECT_MODINFO("=x\0", "tag=value");
	EXPECT_MODINFO("name=a\tb\0", "control characters");
	EXPECT_MODINFO(GOOD_TAGS "colour=red\0", "unknown tag 'colour'");
	EXPECT_MODINFO(GOOD_TAGS "name=y\0", "'name' is there twice");
	EXPECT_MODINFO(GOOD_TAGS "ctors=many\0", "expected 'allowed'");
	EXPECT_MODINFO("kind=driver\0", "no tag 'name'");
	EXPECT_MODINFO("name=x\0kind=driver\0sanitizer=none\0", "no tag 'abi'");
	EXPECT_MODINFO("name=X\0kind=driver\0abi=0.1:0x00000000\0sanitizer=none\0", "lower case");
	EXPECT_MODINFO("name=../x\0kind=driver\0abi=0.1:0x00000000\0sanitizer=none\0",
		       "lower case");
	EXPECT_MODINFO("name=x\0kind=driver\0abi=0.1\0sanitizer=none\0", "major.minor:0xhash");
	EXPECT_MODINFO("name=x\0kind=driver\0abi=0.1:0x123\0sanitizer=none\0",
		       "major.minor:0xhash");
	EXPECT_MODINFO("name=x\0kind=driver\0abi=0.70000:0x00000000\0sanitizer=none\0",
		       "major.minor:0xhash");
	EXPECT_MODINFO("name=x\0kind=driver\0abi=-1.1:0x00000000\0sanitizer=none\0",
		       "major.minor:0xhash");
}
END_TEST

START_TEST(too_many_tags)
{
	char text[4096];
	size_t n = sizeof(GOOD_TAGS) - 1;

	memcpy(text, GOOD_TAGS, n);
	for (int i = 0; i <= MODINFO_MAX_NEEDS; i++) {
		memcpy(text + n, "needs=x", 8);
		n += 8;
	}
	expect_modinfo(text, n, "more than");
}
END_TEST

Suite *test_elf_suite(void)
{
	Suite *suite = suite_create("elf");
	TCase *files = tcase_create("files"), *metadata = tcase_create("metadata");

	tcase_add_checked_fixture(files, load_good, free_good);
	tcase_set_timeout(files, 60);
	tcase_add_test(files, reads_a_good_module);
	tcase_add_test(files, reads_a_program);
	tcase_add_test(files, refuses_every_cut);
	tcase_add_test(files, survives_spoilt_bytes);
	tcase_add_test(files, names_what_is_wrong);
	tcase_add_test(metadata, metadata_is_checked);
	tcase_add_test(metadata, too_many_tags);
	suite_add_tcase(suite, files);
	suite_add_tcase(suite, metadata);
	return suite;
}
