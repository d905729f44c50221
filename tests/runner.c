// SPDX-License-Identifier: Apache-2.0
/*
 * runner.c - run the suites of the categories named as arguments, or all.
 *
 * Check's own environment variables work: CK_RUN_SUITE and CK_RUN_CASE choose,
 * CK_FORK=no helps a debugger, CK_VERBOSITY=verbose names every test.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

static bool wanted(const char *category, int argc, char **argv)
{
	if (argc < 2)
		return true;
	for (int i = 1; i < argc; i++)
		if (strcmp(category, argv[i]) == 0)
			return true;
	return false;
}

static bool known(const char *category)
{
	for (const struct runner_suite *s = runner_suites; s->category; s++)
		if (strcmp(category, s->category) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	SRunner *runner;
	int failed;
	int run;

	/* Check's own 4 s are short for a sanitizer on a busy machine; it still ends what hangs. */
	setenv("CK_DEFAULT_TIMEOUT", "60", 0);

	for (int i = 1; i < argc; i++) {
		if (!known(argv[i])) {
			fprintf(stderr, "%s: no tests in category '%s'\n", argv[0], argv[i]);
			return 2;
		}
	}

	runner = srunner_create(NULL);
	for (const struct runner_suite *s = runner_suites; s->category; s++)
		if (wanted(s->category, argc, argv))
			srunner_add_suite(runner, s->create());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	run = srunner_ntests_run(runner);
	srunner_free(runner);

	if (run == 0) {
		fprintf(stderr, "%s: no test ran\n", argv[0]);
		return 1;
	}
	return failed ? 1 : 0;
}
