// SPDX-License-Identifier: Apache-2.0
/* gpu_cli.c - a GPU's driver as a user meets it where there is no such GPU. */
#include "gpu_cli.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "env.h"

const char *gpu_cli_driver(const char *name)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/tests/modules/%s.so", env_build(), name);
	return path;
}

void gpu_cli_check_alone(const char *name, const char *begins, const char *says)
{
	struct cli_result r;
	char line[1200];

	snprintf(line, sizeof(line), "run -m DEMO --driver %s -p Once -n 4", gpu_cli_driver(name));
	r = cli_run(line, NULL);
	ck_assert_int_eq(r.code, 1);
	ck_assert_uint_eq(r.out_len, 0);
	r.err[strcspn(r.err, "\n")] = '\0'; /* where it looked comes after that */
	ck_assert_msg(strncmp(r.err, begins, strlen(begins)) == 0 && strstr(r.err, says), "%s",
		      r.err);
	cli_free(&r);
}

void gpu_cli_check_fallback(const char *name, const char *says)
{
	struct cli_result r;
	char line[1200];

	snprintf(line, sizeof(line), "run -m DEMO --driver %s,cpu-ref -p Once -n 4",
		 gpu_cli_driver(name));
	r = cli_run(line, NULL);
	ck_assert_msg(r.code == 0, "%s", r.err);
	ck_assert_uint_gt(r.out_len, 0);
	ck_assert_msg(strstr(r.err, "driver cpu-ref") && strstr(r.err, says), "%s", r.err);
	cli_free(&r);
}

void gpu_cli_check_lint(const char *name)
{
	struct cli_result r;
	char line[1200];

	snprintf(line, sizeof(line), "driver lint %s", gpu_cli_driver(name));
	r = cli_run(line, NULL);
	ck_assert_msg(r.code == 0 && strstr(r.out, "Clean: it would be loaded."), "%s%s", r.out,
		      r.err);
	cli_free(&r);
}
