/* SPDX-License-Identifier: Apache-2.0 */
/* lines.c - JSON lines: one value a line in, one a line out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "out.h"

static int one(const char *line, size_t len, lines_fn fn, void *ctx, struct aios_status *st)
{
	size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
	json_error_t error;
	json_t *value = json_loadb(line, len, flags, &error), *answer = NULL;
	int rc;

	if (!value)
		return aios_fail(st, -EINVAL, "not JSON: %s (column %d)", error.text, error.column);
	rc = fn(ctx, value, &answer, st);
	json_decref(value);
	if (rc) {
		json_decref(answer);
		return rc;
	}
	return out_json(answer, 0, st);
}

/* Put "standard input, line 3: " before the message. */
static int blame(size_t number, int rc, struct aios_status *st)
{
	char message[AIOS_STATUS_MESSAGE];

	snprintf(message, sizeof(message), "%s", st->message);
	return aios_fail(st, rc, "standard input, line %zu: %.440s", number, message);
}

int lines_each(lines_fn answer, void *ctx, struct aios_status *st)
{
	char *line = NULL;
	size_t size = 0, number = 0;
	ssize_t len;
	int rc = 0;

	while (!rc && (len = getline(&line, &size, stdin)) >= 0) {
		number++;
		if (strspn(line, " \t\r\n") == (size_t)len)
			continue;
		rc = one(line, (size_t)len, answer, ctx, st);
		if (rc)
			rc = blame(number, rc, st);
		else if (!out_write("", 0))
			break;
	}
	if (!rc && ferror(stdin))
		rc = aios_fail(st, -EIO, "cannot read standard input");
	free(line);
	return rc;
}
