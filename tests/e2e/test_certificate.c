// SPDX-License-Identifier: Apache-2.0
/* test_certificate.c - a device is used only with a certificate that is for it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

Suite *test_certificate_suite(void);

#define RUN "run -m DEMO --driver cpu-ref -p Hello -n 2 --temp 0 "

static void expect(const char *line, int code, const char *part)
{
	struct cli_result r = cli_run(line, NULL);

	ck_assert_msg(r.code == code, "aios %s: exit %d, not %d\n%s%s", line, r.code, code, r.out,
		      r.err);
	ck_assert_msg(strstr(code ? r.err : r.out, part) != NULL, "aios %s: no '%s' in\n%s%s", line,
		      part, r.out, r.err);
	cli_free(&r);
}

/* The certificate with `from` replaced by `to`, as changed.json of the runs' folder. */
static void change(const char *from, const char *to)
{
	struct cli_result r = cli_run_program("cat", "cert.json", NULL);
	char *at = strstr(r.out, from), *text;
	size_t size = r.out_len + strlen(to) + 1;

	ck_assert_msg(at != NULL, "no %s in %s", from, r.out);
	text = malloc(size);
	ck_assert_ptr_nonnull(text);
	snprintf(text, size, "%.*s%s%s", (int)(at - r.out), r.out, to, at + strlen(from));
	cli_write_file("changed.json", text);
	free(text);
	cli_free(&r);
}

START_TEST(test_required)
{
	static const struct {
		const char *from, *to, *message;
	} cases[] = {
		{ "\"level\": 5", "\"level\": 2", "is for levels up to 2, 3 is required" },
		{ "\"device\": \"cpu:0\"", "\"device\": \"cpu:7\"", "is for device cpu:7" },
		{ "\"sha256\": \"", "\"sha256\": \"0", "is for a file with SHA-256 0" },
		{ "\"numerics_version\": 1", "\"numerics_version\": 9", "numerics contract 9" },
		{ "\"fail\": 0", "\"fail\": 1", "does not say that all cases passed" },
		{ "\"certificate\": 1", "\"certificate\": 2", "no certificate of a form" },
		{ "{", "[", "cannot be read" },
	};

	if (cli_skip_model())
		return;
	expect("conform --driver cpu-ref --quick --certificate cert.json", 0, "conforms");
	expect(RUN "--require-certificate cert.json --json", 0, "\"finish_reason\"");
	expect(RUN "--require-certificate cert.json --threads 1 --numerics i8 --json", 0,
	       "aios-n1-i8");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		change(cases[i].from, cases[i].to);
		expect(RUN "--require-certificate changed.json", 1, cases[i].message);
	}
	expect(RUN "--require-certificate nothing.json", 1, "cannot be read");
	expect(RUN "--require-certificate cert.json --set driver.cpu-ref.isa=base", 1,
	       "is for runtime");
}
END_TEST

Suite *test_certificate_suite(void)
{
	Suite *s = suite_create("certificate");
	TCase *tc = tcase_create("load");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, cli_setup, cli_teardown);
	tcase_add_test(tc, test_required);
	suite_add_tcase(s, tc);
	return s;
}
