// SPDX-License-Identifier: Apache-2.0
/*
 * test_nomem.c - the n-th allocation of a whole run fails: the program says so
 * and exits with 1, or did not need the memory and gives the full answer. It
 * never crashes and never gives half an answer with success.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "env.h"

Suite *test_nomem_suite(void);

#define RUN                                                                                        \
	"run -m DEMO --driver cpu-ref --threads 1 -p Hello -n 3 --temp 0.7 --repetition-penalty "  \
	"1.1"
#define FIRST 120 /* every one of the first allocations, */
#define SPREAD 60 /* and so many over the rest */

static bool available(void)
{
	return !skip_sanitized("the sanitizer has its own allocator");
}

/* Run with failmalloc preloaded; `report` may be NULL. */
static struct cli_result run(long fail_at, const char *report)
{
	char line[8192];

	snprintf(line, sizeof(line),
		 "LD_PRELOAD=%s/tests/modules/failmalloc.so FAILMALLOC_AT=%ld FAILMALLOC_REPORT=%s "
		 "%s " RUN,
		 env_build(), fail_at, report ? report : "/dev/null", cli_program());
	return cli_run_program("env", line, NULL);
}

/* How many allocations a run makes, and what it answers. */
static long count_allocations(char *answer, size_t size)
{
	char path[] = "/tmp/aios-nomem-XXXXXX";
	int fd = mkstemp(path);
	struct cli_result r;
	long n = 0;
	FILE *f;

	ck_assert_int_ge(fd, 0);
	close(fd);
	r = run(0, path);
	ck_assert_msg(r.code == 0, "%s", r.err);
	snprintf(answer, size, "%s", r.out);
	cli_free(&r);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%ld", &n), 1);
	fclose(f);
	unlink(path);
	return n;
}

static void check_one(long at, const char *answer)
{
	struct cli_result r = run(at, NULL);

	ck_assert_msg(r.code == 0 || r.code == 1, "allocation %ld: exit %d\n%s", at, r.code, r.err);
	if (r.code == 0)
		ck_assert_msg(strcmp(r.out, answer) == 0, "allocation %ld: \"%s\"", at, r.out);
	else
		ck_assert_msg(r.err_len > 10, "allocation %ld: exit 1 without a message", at);
	cli_free(&r);
}

START_TEST(test_each_allocation_may_fail)
{
	char answer[1024];
	long n;

	if (!available())
		return;
	n = count_allocations(answer, sizeof(answer));
	ck_assert_int_gt(n, FIRST);
	for (long at = 1 + _i; at <= FIRST; at += 2)
		check_one(at, answer);
	for (long k = _i; k < SPREAD; k += 2)
		check_one(FIRST + (n - FIRST) * k / SPREAD + 1, answer);
	/* The end of a run is where requests and events live. */
	for (long at = n - 60 + _i; at <= n; at += 2)
		check_one(at, answer);
}
END_TEST

Suite *test_nomem_suite(void)
{
	Suite *s = suite_create("nomem");
	TCase *tc = tcase_create("allocations");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, cli_setup, cli_teardown);
	tcase_add_loop_test(tc, test_each_allocation_may_fail, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
