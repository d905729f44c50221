// SPDX-License-Identifier: Apache-2.0
/*
 * test_skew.c - a driver that was built with the headers of an earlier ABI minor
 * loads in this core, says so, runs a model, and passes conformance.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "env.h"

Suite *test_skew_suite(void);

/* samples/cpu-plain against tests/vectors/abi-0.1, into old/ of the runs' folder. */
static void build_old(void)
{
	const char *src = env_source();
	struct cli_result r;
	char line[8192];

	snprintf(line, sizeof(line), "-r %s/samples/cpu-plain old", src);
	r = cli_run_program("cp", line, NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	cli_free(&r);
	snprintf(line, sizeof(line),
		 "-C old clean all PKG_CONFIG=true "
		 "AIOS_CFLAGS=-I%s/tests/vectors/abi-0.1~-std=gnu11~-fPIC~-fvisibility=hidden"
		 "~-ffp-contract=off AIOS_LDFLAGS=-shared~-Wl,--version-script=%s/scripts/"
		 "module.map~-Wl,-z,relro,-z,now",
		 src, src);
	r = cli_run_program("make", line, NULL);
	ck_assert_msg(r.code == 0, "%s%s", r.out, r.err);
	cli_free(&r);
}

static void expect(const char *line, const char *part)
{
	struct cli_result r = cli_run(line, NULL);

	ck_assert_msg(r.code == 0, "aios %s: exit %d\n%s%s", line, r.code, r.out, r.err);
	ck_assert_msg(strstr(r.out, part) != NULL, "aios %s: no '%s' in\n%s", line, part, r.out);
	cli_free(&r);
}

START_TEST(test_abi_0_1)
{
	if (skip_sanitized("a plain module does not load in an instrumented core"))
		return;
	build_old();
	expect("driver lint ./old/cpu-plain.so", "0.1:0x33c9441f");
	expect("conform --driver ./old/cpu-plain.so --level 3 --quick", "conforms");
	if (!cli_skip_model())
		expect("run -m DEMO --driver ./old/cpu-plain.so -p Hello -n 4 --temp 0 --json",
		       "aios-n1-fma32");
}
END_TEST

Suite *test_skew_suite(void)
{
	Suite *s = suite_create("skew");
	TCase *tc = tcase_create("minors");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, cli_setup, cli_teardown);
	tcase_add_test(tc, test_abi_0_1);
	suite_add_tcase(s, tc);
	return s;
}
