// SPDX-License-Identifier: Apache-2.0
/*
 * test_gpu_shim.c - the GPU kernels give cpu-ref's bits, whatever the wave, the order of threads
 * and the number of multiprocessors. Each test is `aios conform` on tests/modules/gpu-shim.so.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "env.h"

Suite *test_gpu_shim_suite(void);

/* A configuration of the shim, and the cases to run in it. */
struct shim_case {
	const char *wave, *order, *units, *seed;
	const char *filter;
	const char *arch;  /* CUDA's; null: none */
	const char *wgmma; /* from how many rows matmul_wgmma runs; null: as planned */
};

static const struct shim_case shim_cases[] = {
	{ "32", "forward", "4", "0", "l2/*/fma32/*", NULL, NULL },
	{ "32", "reverse", "132", "1", "l2/*/i8x2/*", "80", NULL },
	{ "64", "random", "4", "2", "l2/*/i8/*", NULL, NULL },
	{ "64", "reverse", "1", "3", "l2/*/fma32/*", NULL, NULL },
	{ "32", "random", "132", "4", "l2/r*", NULL, NULL },
	{ "64", "random", "4", "5", "l2/a*/any/*", NULL, NULL },
	{ "32", "forward", "132", "6", "l2/[ceg]*", NULL, NULL },
	{ "64", "reverse", "4", "7", "l2/[lq]*", NULL, NULL },
	{ "32", "random", "4", "8", "l2/sample/any/1*", NULL, NULL },
	{ "64", "forward", "132", "9", "l2/sample/any/2*", NULL, NULL },
	{ "32", "forward", "4", "10", "l[01]/*", NULL, NULL },
	{ "64", "random", "4", "11", "l4/rows*", NULL, NULL },
	{ "32", "random", "4", "12", "l2/*/tc-sm90/*", "90", NULL },
	{ "32", "forward", "132", "13", "l2/[mwcq]*/*", "90", NULL },
	{ "32", "reverse", "7", "14", "l4/rows*", "90", NULL },
	{ "32", "random", "3", "15", "l2/weights*", "90", "1" },
	{ "32", "reverse", "132", "16", "l2/weights*", "90", "1" },
	{ "32", "random", "1", "17", "l2/rope_kv/*", NULL, NULL },
	{ "64", "reverse", "8", "18", "l2/rope_kv/*", NULL, NULL },
	{ "32", "random", "4", "19", "l2/attention/*/*", "80", NULL },
	{ "32", "forward", "4", "20", "l4/rows*", "80", NULL },
};

static void shim_conform(const struct shim_case *c)
{
	const char *build = env_build();
	char command[1024], last[COMMAND_LAST];
	int ret;

	snprintf(command, sizeof(command),
		 "SHIM_ARCH=%s SHIM_WGMMA_ROWS=%s SHIM_WAVE=%s SHIM_ORDER=%s SHIM_UNITS=%s "
		 "'%s/aios' conform --quick "
		 "--progress=never "
		 "--driver '%s/tests/modules/gpu-shim.so' --seed %s --filter '%s' 2>&1",
		 c->arch ? c->arch : "0", c->wgmma ? c->wgmma : "0", c->wave, c->order, c->units,
		 build, build, c->seed, c->filter);
	ret = command_run(command, last);
	ck_assert_msg(ret == 0, "%s: %d, %s", command, ret, last);
	ck_assert_msg(strncmp(last, "conforms:", 9) == 0, "%s: %s", command, last);
}

START_TEST(test_same_bits)
{
	if (!skip_fibers())
		shim_conform(&shim_cases[_i]);
}
END_TEST

Suite *test_gpu_shim_suite(void)
{
	Suite *s = suite_create("gpu_shim");
	TCase *tc = tcase_create("gpu_shim");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_same_bits, 0,
			    (int)(sizeof(shim_cases) / sizeof(shim_cases[0])));
	suite_add_tcase(s, tc);
	return s;
}
