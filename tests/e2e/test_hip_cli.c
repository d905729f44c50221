// SPDX-License-Identifier: Apache-2.0
/*
 * test_hip_cli.c - the HIP driver as a user meets it. Without an AMD GPU: one clear sentence, and
 * another driver only for who asked for one; with Debian's own runtime, where it is installed, and
 * without. On the fake runtime of tests/fake: the demo model's words are cpu-ref's.
 */
#include <check.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "fake/folder.h"
#include "gpu_cli.h"

Suite *test_hip_cli_suite(void);

static bool has_gpu(void)
{
	if (access("/dev/kfd", F_OK))
		return false;
	printf("skipped: this machine has an AMD GPU\n");
	return true;
}

static bool has_runtime(void)
{
	void *lib = dlopen("libamdhip64.so.7", RTLD_LAZY | RTLD_LOCAL);

	lib = lib ? lib : dlopen("libamdhip64.so.6", RTLD_LAZY | RTLD_LOCAL);
	lib = lib ? lib : dlopen("libamdhip64.so.5", RTLD_LAZY | RTLD_LOCAL);
	return lib != NULL;
}

START_TEST(test_no_gpu)
{
	if (cli_skip_model() || has_gpu())
		return;
	if (!has_runtime())
		printf("skipped in part: no libamdhip64 here, so that none says that there is no "
		       "GPU\n");
	gpu_cli_check_alone("hip", "aios: error: ",
			    has_runtime() ? "finds no AMD GPU" :
					    "there is no AMD GPU runtime here");
}
END_TEST

START_TEST(test_fallback_is_said)
{
	if (!cli_skip_model() && !has_gpu())
		gpu_cli_check_fallback("hip", has_runtime() ? "finds no AMD GPU" :
							      "no AMD GPU runtime here");
}
END_TEST

START_TEST(test_lint)
{
	gpu_cli_check_lint("hip");
}
END_TEST

/* --- on the fake ---------------------------------------------------------------- */

/* aios with the words of `line` and the fakes; `env`: more "NAME=VALUE" words. */
static struct cli_result run_on_fakes(const char *env, const char *line)
{
	char words[4096];

	snprintf(words, sizeof(words), "LD_LIBRARY_PATH=%s %s %s %s", fake_folder(), env,
		 cli_program(), line);
	return cli_run_program("env", words, NULL);
}

START_TEST(test_words_of_cpu_ref)
{
	static const struct {
		const char *env, *numerics;
		int tokens;
	} cases[] = {
		{ "SHIM_WAVE=32", "fma32", 8 },
		{ "SHIM_WAVE=64 SHIM_ORDER=reverse", "fma32", 8 },
		{ "SHIM_WAVE=32 SHIM_ORDER=random", "fma32", 4 },
		{ "SHIM_WAVE=64", "i8", 1 }, /* every shuffle is a change of fibers */
	};
	struct cli_result want, got;
	char line[1400];

	if (cli_skip_model() || skip_fibers())
		return;
	snprintf(line, sizeof(line),
		 "run -m DEMO -p Once --seed 7 -n %d --numerics %s --driver cpu-ref",
		 cases[_i].tokens, cases[_i].numerics);
	want = cli_run(line, NULL);
	ck_assert_msg(want.code == 0, "%s", want.err);
	snprintf(line, sizeof(line), "run -m DEMO -p Once --seed 7 -n %d --numerics %s --driver %s",
		 cases[_i].tokens, cases[_i].numerics, gpu_cli_driver("hip"));
	got = run_on_fakes(cases[_i].env, line);
	ck_assert_msg(got.code == 0, "%s", got.err);
	ck_assert_str_eq(got.out, want.out);
	cli_free(&want);
	cli_free(&got);
}
END_TEST

/* A GPU that breaks under a run: a sentence with HIP's own word for it. */
START_TEST(test_lost_device)
{
	struct cli_result r;
	char line[1200];

	if (cli_skip_model() || skip_fibers())
		return;
	snprintf(line, sizeof(line), "run -m DEMO -p Once -n 4 --driver %s", gpu_cli_driver("hip"));
	r = run_on_fakes("FAKE_FAIL_NTH=500", line);
	ck_assert_msg(r.code == 1, "%d: %s", r.code, r.err);
	ck_assert_msg(strstr(r.err, "hipErrorIllegalAddress") != NULL, "%s", r.err);
	cli_free(&r);
}
END_TEST

/* Both vendors' drivers find their own library in one process. */
START_TEST(test_devices_of_both)
{
	struct cli_result r;
	char line[2400];

	snprintf(line, sizeof(line), "devices --driver-path %s", fake_folder());
	r = run_on_fakes("SHIM_WAVE=32", line);
	ck_assert_msg(r.code == 0, "%s", r.err);
	ck_assert_msg(strstr(r.out, "hip:GPU-0123456789abcdef") && strstr(r.out, "cuda:GPU-a0a0"),
		      "%s%s", r.out, r.err);
	cli_free(&r);
}
END_TEST

Suite *test_hip_cli_suite(void)
{
	Suite *s = suite_create("hip cli");
	TCase *tc = tcase_create("hip cli");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, cli_setup, cli_teardown);
	tcase_add_test(tc, test_no_gpu);
	tcase_add_test(tc, test_fallback_is_said);
	tcase_add_test(tc, test_lint);
	tcase_add_loop_test(tc, test_words_of_cpu_ref, 0, 4);
	tcase_add_test(tc, test_lost_device);
	tcase_add_test(tc, test_devices_of_both);
	suite_add_tcase(s, tc);
	return s;
}
