// SPDX-License-Identifier: Apache-2.0
/*
 * test_cuda_cli.c - the CUDA driver on a machine without NVIDIA's: one clear sentence,
 * and another driver only for who asked for one.
 */
#include <check.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "env.h"

Suite *test_cuda_cli_suite(void);

/* The driver as a file: the build makes it for the tests whatever the configuration is. */
static const char *cuda_file(void)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/tests/modules/cuda.so", env_build());
	return path;
}

static bool has_libcuda(void)
{
	void *lib = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);

	if (!lib)
		return false;
	dlclose(lib);
	printf("skipped: this machine has libcuda.so.1\n");
	return true;
}

START_TEST(test_no_driver)
{
	struct cli_result r;
	char line[1200];

	if (cli_skip_model() || has_libcuda())
		return;
	snprintf(line, sizeof(line), "run -m DEMO --driver %s -p Once -n 4", cuda_file());
	r = cli_run(line, NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_uint_eq(r.out_len, 0);
	ck_assert_msg(strncmp(r.err, "aios: error: there is no NVIDIA driver here (libcuda.so.1",
			      57) == 0,
		      "%s", r.err);
	cli_free(&r);
}
END_TEST

START_TEST(test_fallback_is_said)
{
	struct cli_result r;
	char line[1200];

	if (cli_skip_model() || has_libcuda())
		return;
	snprintf(line, sizeof(line), "run -m DEMO --driver %s,cpu-ref -p Once -n 4", cuda_file());
	r = cli_run(line, NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	ck_assert_uint_gt(r.out_len, 0);
	ck_assert_msg(strstr(r.err, "driver cpu-ref") && strstr(r.err, "no NVIDIA driver here"),
		      "%s", r.err);
	cli_free(&r);
}
END_TEST

/* `aios driver lint`: what the loader would say of the file, warnings included. */
START_TEST(test_lint)
{
	struct cli_result r;
	char line[1200];

	snprintf(line, sizeof(line), "driver lint %s", cuda_file());
	r = cli_run(line, NULL);
	ck_assert_msg(r.code == 0 && strstr(r.out, "Clean: it would be loaded."), "%s%s", r.out,
		      r.err);
	cli_free(&r);
}
END_TEST

Suite *test_cuda_cli_suite(void)
{
	Suite *s = suite_create("cuda cli");
	TCase *tc = tcase_create("cuda cli");

	tcase_add_checked_fixture(tc, cli_setup, cli_teardown);
	tcase_add_test(tc, test_no_driver);
	tcase_add_test(tc, test_fallback_is_said);
	tcase_add_test(tc, test_lint);
	suite_add_tcase(s, tc);
	return s;
}
