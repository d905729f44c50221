/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env.h - what a test finds around itself: the folders of the build and of the source, which
 * scripts/tests.mk names in the environment, and what this build cannot do. The texts are the
 * environment's.
 */
#ifndef TESTS_ENV_H
#define TESTS_ENV_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aios/module.h>

static inline const char *env_or(const char *name, const char *otherwise)
{
	const char *text = getenv(name);

	return text && *text ? text : otherwise;
}

static inline const char *env_build(void)
{
	return env_or("AIOS_TEST_BUILD", "build");
}

static inline const char *env_source(void)
{
	return env_or("AIOS_TEST_SRC", ".");
}

/* Kernels on the host (tests/shim) run in fibers: where those do not work the test says so. */
static inline bool skip_fibers(void)
{
	if (strcmp(AIOS_SANITIZER, "thread") != 0)
		return false;
	printf("skipped: fibers confuse the thread sanitizer\n");
	return true;
}

/* True, and said, in a build for a sanitizer, because of `why`. */
static inline bool skip_sanitized(const char *why)
{
	if (strcmp(AIOS_SANITIZER, "none") == 0)
		return false;
	printf("skipped: %s\n", why);
	return true;
}

#endif /* TESTS_ENV_H */
