// SPDX-License-Identifier: Apache-2.0
/*
 * test_sdk.c - AIOS as the author of a driver meets it: installed somewhere, a new driver made,
 * built out of tree, examined, conformance run; and the driver in samples/, which must pass.
 */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aios/module.h>

#include "cli.h"
#include "env.h"

Suite *test_sdk_suite(void);

enum {
	LINE = 3 * PATH_MAX
};

/* Two compilers' sanitizers do not meet in one process. */
#if defined(__clang__)
#define COMPILER "clang"
#else
#define COMPILER "gcc"
#endif

static char prefix[PATH_MAX]; /* where everything is installed */

/* A tool of the system is there, or the test says what it lacks. */
static bool have(const char *tool)
{
	char line[128];
	struct cli_result r;
	bool there;

	snprintf(line, sizeof(line), "-c command~-v~%s", tool);
	r = cli_run_program("sh", line, NULL);
	there = r.code == 0;
	cli_free(&r);
	if (!there)
		printf("skipped: there is no %s\n", tool);
	return there;
}

static bool skip_sdk(void)
{
	return !have("make") || !have("pkg-config") || !have("scdoc") || !have("cc");
}

static struct cli_result expect(struct cli_result r, const char *what, int code, const char *part)
{
	ck_assert_msg(r.code == code, "%s: exit %d, not %d\n%s%s", what, r.code, code, r.out,
		      r.err);
	ck_assert_msg(!part || strstr(r.out, part) || strstr(r.err, part), "%s: no '%s' in\n%s%s",
		      what, part, r.out, r.err);
	return r;
}

/* The installed program. */
static struct cli_result installed(const char *line)
{
	char program[PATH_MAX + 32];

	snprintf(program, sizeof(program), "%s/bin/aios", prefix);
	return cli_run_program(program, line, NULL);
}

/* As its author would, without what this test's own make hands down. */
static struct cli_result author_make(const char *line)
{
	static const char sanitizer[] = AIOS_SANITIZER;
	char whole[LINE], flags[160] = "";

	if (strcmp(sanitizer, "none") != 0)
		snprintf(flags, sizeof(flags),
			 "CC=" COMPILER
			 " CFLAGS=-O1~-g~-Werror~-fsanitize=%s LDFLAGS=-fsanitize=%s",
			 sanitizer, sanitizer);
	snprintf(whole, sizeof(whole),
		 "-u MAKEFLAGS -u MFLAGS -u MAKELEVEL PKG_CONFIG_PATH=%s/lib/pkgconfig make %s "
		 "%s",
		 prefix, strcmp(sanitizer, "none") ? flags : "CFLAGS=-O2~-g~-Werror", line);
	return cli_run_program("env", whole, NULL);
}

/*
 * make install of this build into a folder of the test's. The build folder goes by the name that it
 * was built by, and PREFIX is what it was then, since both are inside of what is there.
 */
static void install(void)
{
	const char *build = env_build(), *src = env_source();
	const size_t n = strlen(src);
	struct cli_result r;
	char line[LINE];

	snprintf(line, sizeof(line), "-C %s O=%s DESTDIR=%s/dest INSTALL_LIST=%s/list install", src,
		 strncmp(build, src, n) == 0 && build[n] == '/' ? build + n + 1 : build,
		 cli_folder(), cli_folder());
	r = expect(cli_run_program("make", line, NULL), "make install", 0, "INSTALL");
	cli_free(&r);
	r = expect(cli_run_program("find", "dest -path */bin/aios", NULL), "find", 0, "/bin/aios");
	snprintf(prefix, sizeof(prefix), "%s/%.*s", cli_folder(),
		 (int)(strstr(r.out, "/bin/aios") - r.out), r.out);
	cli_free(&r);
}

static void check(struct cli_result r, const char *what, int code, const char *part)
{
	r = expect(r, what, code, part);
	cli_free(&r);
}

/* ---- headers ----------------------------------------------------------------- */

START_TEST(headers_stand_alone)
{
	char line[LINE];

	if (skip_sdk())
		return;
	install();
	cli_write_file("headers.sh",
		       "cd \"$1\"/include || exit 1\n"
		       "n=0\n"
		       "for header in $(find aios -name '*.h'); do\n"
		       "	text=\"#include <$header>\n"
		       "int main(void) { return 0; }\"\n"
		       "	echo \"$text\" | cc -std=c11 -Wall -Wextra -Wpedantic -Werror "
		       "-fsyntax-only -I. -x c - || exit 1\n"
		       "	if command -v c++ >/dev/null; then echo \"$text\" | c++ -std=c++17 "
		       "-Wall -Wextra -Werror -fsyntax-only -I. -x c++ - || exit 1; fi\n"
		       "	n=$((n + 1))\n"
		       "done\n"
		       "[ $n -gt 10 ] && echo all $n headers\n");
	snprintf(line, sizeof(line), "headers.sh %s", prefix);
	check(cli_run_program("sh", line, NULL), "the headers", 0, "all ");
}
END_TEST

/* A program on libaios, the smallest there is, tells a story with the installed demo model. */
START_TEST(programs_link)
{
	const char *src = env_source();
	char line[LINE];

	if (skip_sdk())
		return;
	if (skip_sanitized("the library is instrumented"))
		return;
	install();
	cli_write_file("link.sh",
		       "export PKG_CONFIG_PATH=\"$1\"/lib/pkgconfig\n"
		       "[ -f \"$1\"/lib/libaios.so ] || { echo lighthouse: skipped; exit 0; }\n"
		       "cc \"$2\"/samples/tinyaios.c $(pkg-config --cflags --libs aios) "
		       "-Wl,-rpath,\"$1\"/lib -o tiny || exit 1\n"
		       "./tiny \"$1\"/share/aios/demo\n");
	snprintf(line, sizeof(line), "link.sh %s %s", prefix, src);
	check(cli_run_program("sh", line, NULL), "tinyaios", 0, "lighthouse");
}
END_TEST

/* ---- a new driver ------------------------------------------------------------ */

static void lint_is_clean(const char *file)
{
	struct cli_result r;
	char line[128];
	json_t *root;

	snprintf(line, sizeof(line), "driver lint --load --json %s", file);
	r = expect(installed(line), line, 0, NULL);
	root = cli_json(&r);
	ck_assert(json_is_true(json_object_get(root, "accepted")));
	ck_assert(json_is_true(json_object_get(root, "loaded")));
	ck_assert_uint_ge(json_array_size(json_object_get(root, "devices")), 1);
	json_decref(root);
	cli_free(&r);
	snprintf(line, sizeof(line), "driver lint --load %s", file);
	check(installed(line), line, 0, "\nClean: it loads.\n");
}

START_TEST(a_new_driver_builds_and_knows_what_it_lacks)
{
	if (skip_sdk())
		return;
	install();
	check(installed("driver new foo-1"), "driver new", 0, "cd foo-1");
	check(author_make("-C foo-1"), "make", 0, "foo-1.so");
	lint_is_clean("foo-1/foo-1.so");
	check(author_make("-C foo-1 conform"), "make conform", 2,
	      "embed is mandatory, and no case of it was computed: foo-1 has no embed yet: write "
	      "embed.c");
	check(author_make("-C foo-1 conform LEVEL=1"), "make conform LEVEL=1", 0, "conforms: ");
	/* What is there is right. */
	check(author_make("-C foo-1 conform CONFORM_FLAGS=--case~l2/add/any/0"), "one case", 0,
	      "1 passed");
	check(author_make("-C foo-1 install"), "make install", 0, NULL);
	check(installed("driver show foo-1"), "driver show", 0, "a new driver");
	check(installed("driver list"), "driver list", 0, "lib/aios/drivers/foo-1.so");
	check(author_make("-C foo-1 clean"), "make clean", 0, NULL);
}
END_TEST

START_TEST(an_installation_may_be_moved)
{
	char from[PATH_MAX], line[LINE];

	if (skip_sdk())
		return;
	install();
	snprintf(from, sizeof(from), "%s", prefix);
	snprintf(prefix, sizeof(prefix), "%s/moved", cli_folder());
	ck_assert_int_eq(rename(from, prefix), 0);
	check(installed("driver new bar --dir here"), "driver new", 0, "cd here");
	check(author_make("-C here lint"), "make lint", 0, "Clean");
	snprintf(line, sizeof(line), "PKG_CONFIG_PATH=%s/lib/pkgconfig pkg-config --libs aios",
		 prefix);
	check(cli_run_program("env", line, NULL), "pkg-config", 0, "moved/lib");
}
END_TEST

START_TEST(nothing_is_overwritten)
{
	static const struct {
		const char *line;
		int code;
		const char *message;
	} cases[] = {
		{ "driver new", 2, "needs a name" },
		{ "driver new Foo", 2, "'Foo' cannot be a driver's name" },
		{ "driver new -- -foo", 2, "'-foo' cannot be a driver's name" },
		{ "driver new a/b", 2, "'a/b' cannot be a driver's name" },
		{ "driver new taken", 1, "taken is there already" },
		{ "driver new foo --dir taken/", 1, "taken is there already" },
		{ "driver new foo --dir file", 1, "file is there already" },
		{ "driver new foo --dir absent/foo", 1, "cannot make a folder absent/foo" },
		{ "driver lint", 2, "needs a file" },
		{ "driver lint absent.so", 1, "absent.so: No such file" },
		{ "driver lint file", 1, "" },
	};
	struct stat info;
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/taken", cli_folder());
	ck_assert_int_eq(mkdir(path, 0755), 0);
	cli_write_file("taken/mine", "precious");
	cli_write_file("file", "precious");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(cli_run(cases[i].line, NULL), cases[i].line, cases[i].code, cases[i].message);
	snprintf(path, sizeof(path), "%s/taken/mine", cli_folder());
	ck_assert_int_eq(stat(path, &info), 0);
	ck_assert_int_eq(info.st_size, 8);
	/* Nothing half made is left. */
	check(cli_run_program("sh", "-c echo~*", NULL), "ls", 0, "file taken\n");
}
END_TEST

START_TEST(names_are_put_in)
{
	struct cli_result r;

	check(cli_run("driver new my-card", NULL), "driver new", 0, "my-card.so");
	check(cli_run_program("grep", "-rE @[A-Z]+@|TEMPLATE_ my-card", NULL), "marks", 1, NULL);
	check(cli_run_program("grep", "AIOS_DRIVER(my_card, my-card/module.c", NULL), "ident", 0,
	      NULL);
	check(cli_run_program("test", "-x my-card/ci.sh", NULL), "ci.sh", 0, NULL);
	r = expect(cli_run_program("test", "-f my-card/.gitignore", NULL), ".gitignore", 0, NULL);
	cli_free(&r);
}
END_TEST

/* ---- the driver in samples/ ---------------------------------------------------- */

START_TEST(the_sample_conforms)
{
	const char *src = env_source();
	char line[LINE];

	if (skip_sdk())
		return;
	install();
	snprintf(line, sizeof(line), "-r %s/samples/cpu-plain %s/plain", src, cli_folder());
	check(cli_run_program("cp", line, NULL), "cp", 0, NULL);
	check(author_make("-C plain clean"), "make clean", 0, NULL);
	check(author_make("-C plain"), "make", 0, "cpu-plain.so");
	lint_is_clean("plain/cpu-plain.so");
	check(author_make("-C plain conform CONFORM_FLAGS=--quick"), "make conform", 0,
	      "conforms: cpu-plain");
}
END_TEST

Suite *test_sdk_suite(void)
{
	Suite *suite = suite_create("sdk");
	TCase *tc = tcase_create("sdk");

	tcase_add_checked_fixture(tc, cli_setup, cli_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, headers_stand_alone);
	tcase_add_test(tc, programs_link);
	tcase_add_test(tc, a_new_driver_builds_and_knows_what_it_lacks);
	tcase_add_test(tc, an_installation_may_be_moved);
	tcase_add_test(tc, nothing_is_overwritten);
	tcase_add_test(tc, names_are_put_in);
	tcase_add_test(tc, the_sample_conforms);
	suite_add_tcase(suite, tc);
	return suite;
}
