// SPDX-License-Identifier: Apache-2.0
/*
 * test_hip_conform.c - the HIP driver gives cpu-ref's bits on the fake runtime (tests/fake), whose
 * kernels run on the host: `aios conform` through the real host code, in waves of 32 and 64 and
 * three orders of threads. And a GPU that is broken on purpose does not pass.
 *
 * AIOS_HIP=full runs the whole quick kit in each configuration and the conformance tests
 * (make check-hip). AIOS_HIP_DRIVER is another driver file than the tests' own: the one with
 * machine code in it, whose host code is the same.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "env.h"
#include "fake/folder.h"

Suite *test_hip_conform_suite(void);

/* A configuration of the fake, and the cases to run in it. */
struct hip_case {
	const char *env, *filter;
};

/* What `make check` has time for. The kernels themselves are in tests/shim/test_gpu_shim.c. */
static const struct hip_case some_cases[] = {
	{ "SHIM_WAVE=32 SHIM_UNITS=4", "l2/matmul/*" },
	{ "SHIM_WAVE=64 SHIM_CDNA=3 SHIM_ORDER=random SHIM_SEED=3", "l2/matmul/*" },
	{ "SHIM_WAVE=64 SHIM_CDNA=1", "l2/*/tc-cdna1/*" },
	{ "SHIM_WAVE=64 SHIM_CDNA=2 SHIM_ORDER=reverse", "l2/*/tc-cdna2/*" },
	{ "SHIM_WAVE=64 SHIM_CDNA=3 SHIM_ORDER=random", "l2/attention/tc-cdna3/*" },
	{ "SHIM_WAVE=64 SHIM_SEED=2", "l2/matmul/i8x2/*" },
	{ "SHIM_WAVE=64 SHIM_ORDER=reverse SHIM_UNITS=104", "l2/r*" },
	{ "SHIM_WAVE=32 SHIM_ORDER=random SHIM_SEED=4", "l2/[cg]*" },
	{ "SHIM_WAVE=64", "l2/argmax/*" },
	{ "SHIM_WAVE=32 SHIM_ORDER=reverse FAKE_DEVICES=2", "l[01]/*" },
};

static const struct hip_case all_cases[] = {
	{ "SHIM_WAVE=32 SHIM_ORDER=forward SHIM_UNITS=60 FAKE_DEVICES=2", "*" },
	{ "SHIM_WAVE=64 SHIM_ORDER=reverse SHIM_UNITS=104", "*" },
	{ "SHIM_WAVE=32 SHIM_ORDER=reverse SHIM_UNITS=4", "l2/*" },
	{ "SHIM_WAVE=32 SHIM_ORDER=random SHIM_SEED=5", "l2/*" },
	{ "SHIM_WAVE=64 SHIM_ORDER=forward SHIM_UNITS=1", "l2/*" },
	{ "SHIM_WAVE=64 SHIM_ORDER=random SHIM_SEED=6", "l2/*" },
	{ "SHIM_WAVE=64 SHIM_CDNA=1 SHIM_ORDER=random SHIM_SEED=7", "l[234]/*/tc-cdna1/*" },
	{ "SHIM_WAVE=64 SHIM_CDNA=2 SHIM_UNITS=60", "l[234]/*/tc-cdna2/*" },
	{ "SHIM_WAVE=64 SHIM_CDNA=3 SHIM_ORDER=reverse", "l[234]/*/tc-cdna3/*" },
};

#define N_SOME ((int)(sizeof(some_cases) / sizeof(some_cases[0])))
#define N_ALL ((int)(sizeof(all_cases) / sizeof(all_cases[0])))

static bool full_grid(void)
{
	const char *text = getenv("AIOS_HIP");

	return text && strcmp(text, "full") == 0;
}

static const char *driver_file(void)
{
	static char path[1024];
	const char *other = getenv("AIOS_HIP_DRIVER");

	snprintf(path, sizeof(path), "%s/tests/modules/hip.so", env_build());
	return other && *other ? other : path;
}

/* Run a command with the fake; its status, and its last line in `last`. */
static int run(const char *env, const char *command, char last[COMMAND_LAST])
{
	char line[4096];

	/* aios knows no option of these names, and says so. */
	snprintf(line, sizeof(line),
		 "env -u AIOS_HIP -u AIOS_HIP_DRIVER LD_LIBRARY_PATH='%s' %s %s 2>&1",
		 fake_folder(), env, command);
	return command_run(line, last);
}

static int conform(const struct hip_case *c, char last[COMMAND_LAST])
{
	char command[2400];

	snprintf(command, sizeof(command),
		 "'%s/aios' conform --quick --progress=never --driver '%s' --filter '%s'",
		 env_build(), driver_file(), c->filter);
	return run(c->env, command, last);
}

START_TEST(test_same_bits)
{
	const struct hip_case *c = full_grid() ? &all_cases[_i] : &some_cases[_i];
	char last[COMMAND_LAST];
	int ret;

	if (skip_fibers())
		return;
	ret = conform(c, last);
	ck_assert_msg(ret == 0 && strncmp(last, "conforms: hip ", 14) == 0, "%s %s: %d, %s", c->env,
		      c->filter, ret, last);
}
END_TEST

/* With two devices and RCCL no case of several devices is left out. */
START_TEST(test_two_devices)
{
	char command[2400], last[COMMAND_LAST];

	if (skip_fibers())
		return;
	snprintf(command, sizeof(command),
		 "'%s/aios' conform --level 1 --progress=never --driver '%s' --filter "
		 "'l1/[pc][eo][em]*' | grep -c '^L1.* 3 passed *0 failed *0 skipped'",
		 env_build(), driver_file());
	run("FAKE_DEVICES=2", command, last);
	ck_assert_str_eq(last, "1\n");
}
END_TEST

/* The contract's own tests, through the driver. */
START_TEST(test_contract)
{
	static const char *const machines[] = { "SHIM_WAVE=32", "SHIM_WAVE=64 SHIM_CDNA=1",
						"SHIM_WAVE=64 SHIM_CDNA=2",
						"SHIM_WAVE=64 SHIM_CDNA=3" };
	char env[1200], command[1200], last[COMMAND_LAST];
	int ret;

	if (!full_grid()) {
		printf("skipped: the conformance tests run through HIP in make check-hip\n");
		return;
	}
	if (skip_fibers())
		return;
	snprintf(env, sizeof(env), "%s AIOS_TEST_DRIVER='%s'", machines[_i], driver_file());
	snprintf(command, sizeof(command), "'%s/tests/run-tests' conformance", env_build());
	ret = run(env, command, last);
	ck_assert_msg(ret == 0 && strncmp(last, "100%", 4) == 0, "%d, %s", ret, last);
}
END_TEST

/* --- broken on purpose ------------------------------------------------------------ */

/* The same cases pass on a sound machine and fail on the broken one, or it stops. */
static void notice_on(const char *machine, const char *mutant, const char *filter)
{
	struct hip_case c = { .filter = filter };
	char env[128], last[COMMAND_LAST];
	int ret;

	if (skip_fibers())
		return;
	snprintf(env, sizeof(env), "%s", machine);
	c.env = env;
	ret = conform(&c, last);
	ck_assert_msg(ret == 0, "sound, %s: %s", filter, last);
	snprintf(env, sizeof(env), "%s SHIM_MUTANT=%s", machine, mutant);
	ret = conform(&c, last);
	ck_assert_msg(ret != 0, "%s was not noticed by %s: %s", mutant, filter, last);
}

static void notice(const char *mutant, const char *filter)
{
	notice_on("SHIM_WAVE=64", mutant, filter);
}

START_TEST(test_wrong_lane_is_noticed)
{
	notice("lane", "l2/rmsnorm/*");
}
END_TEST

/* Of the matrix units: lanes that hand over the wrong rows and columns; CDNA2's, if it flushed nothing. */
START_TEST(test_wrong_matrix_units_are_noticed)
{
	notice_on("SHIM_WAVE=64 SHIM_CDNA=3", "lane", "l2/matmul/tc-cdna3/edge-*");
	notice_on("SHIM_WAVE=64 SHIM_CDNA=2", "lane", "l2/attention/tc-cdna2/1*");
	notice_on("SHIM_WAVE=64 SHIM_CDNA=2", "keep", "l2/matmul/tc-cdna2/edge-*");
}
END_TEST

/* After threads wrote and before others read, in a sum and in a maximum (of drivers/gpu/rows.cuh). */
START_TEST(test_missing_barrier_is_noticed)
{
	notice(_i ? "barrier:5" : "barrier:1", "l2/rmsnorm/*");
}
END_TEST

START_TEST(test_flushing_is_noticed)
{
#if defined(__x86_64__)
	notice("flush", "l2/add/*");
#else
	printf("skipped: the shim can flush subnormals on x86 only\n");
#endif
}
END_TEST

Suite *test_hip_conform_suite(void)
{
	Suite *s = suite_create("hip_conform");
	TCase *tc = tcase_create("hip_conform");

	tcase_set_timeout(tc, full_grid() ? 3600 : 120);
	tcase_add_loop_test(tc, test_same_bits, 0, full_grid() ? N_ALL : N_SOME);
	tcase_add_test(tc, test_two_devices);
	tcase_add_loop_test(tc, test_contract, 0, 4);
	tcase_add_test(tc, test_wrong_lane_is_noticed);
	tcase_add_test(tc, test_wrong_matrix_units_are_noticed);
	tcase_add_loop_test(tc, test_missing_barrier_is_noticed, 0, 2);
	tcase_add_test(tc, test_flushing_is_noticed);
	suite_add_tcase(s, tc);
	return s;
}
