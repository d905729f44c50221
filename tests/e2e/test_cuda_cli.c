// SPDX-License-Identifier: Apache-2.0
/*
 * test_cuda_cli.c - the CUDA driver on a machine without NVIDIA's: one clear sentence,
 * and another driver only for who asked for one.
 */
#include <check.h>
#include <dlfcn.h>
#include <stdio.h>

#include "cli.h"
#include "gpu_cli.h"

Suite *test_cuda_cli_suite(void);

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
	if (!cli_skip_model() && !has_libcuda())
		gpu_cli_check_alone("cuda",
				    "aios: error: there is no NVIDIA driver here (libcuda.so.1",
				    "no NVIDIA driver");
}
END_TEST

START_TEST(test_fallback_is_said)
{
	if (!cli_skip_model() && !has_libcuda())
		gpu_cli_check_fallback("cuda", "no NVIDIA driver here");
}
END_TEST

START_TEST(test_lint)
{
	gpu_cli_check_lint("cuda");
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
