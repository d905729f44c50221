/* SPDX-License-Identifier: Apache-2.0 */
/* command.h - run a shell command whose last line says how it went, as `aios conform` does. */
#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H

#include <check.h>
#include <stdio.h>
#include <string.h>

enum {
	COMMAND_LAST = 512, /* bytes of a last line, the end of a longer one cut off */
	COMMAND_SHOWN = 4   /* lines of failures */
};

/* Its status as of wait(), its last line in `last`; the first few failures it prints are shown. */
static inline int command_run(const char *command, char last[COMMAND_LAST])
{
	FILE *f = popen(command, "r");
	char line[4096];
	int shown = 0;

	ck_assert_ptr_nonnull(f);
	last[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		if ((strstr(line, "FAIL") || strstr(line, "error") || strstr(line, "shim:")) &&
		    shown++ < COMMAND_SHOWN)
			fputs(line, stdout);
		snprintf(last, COMMAND_LAST, "%.500s", line);
	}
	return pclose(f);
}

#endif /* TESTS_COMMAND_H */
