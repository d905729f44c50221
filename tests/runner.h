/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner.h - the table of suites that scripts/gen-runner makes and runner.c runs.
 */
#ifndef TESTS_RUNNER_H
#define TESTS_RUNNER_H

#include <check.h>

struct runner_suite {
	const char *category; /* unit, conformance, e2e: the folder's name */
	Suite *(*create)(void);
};

/* Ends with a NULL category. */
extern const struct runner_suite runner_suites[];

#endif /* TESTS_RUNNER_H */
