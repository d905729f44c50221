/* SPDX-License-Identifier: Apache-2.0 */
/* out.c - standard output. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "out.h"

static int out_error; /* errno of the first failure, 0: none */

static void note(bool failed)
{
	if (failed && !out_error)
		out_error = errno ? errno : EIO;
}

bool out_write(const char *text, size_t len)
{
	if (out_error)
		return false;
	errno = 0;
	note(fwrite(text, 1, len, stdout) != len || fflush(stdout) != 0);
	return !out_error;
}

void out_printf(const char *fmt, ...)
{
	va_list ap;

	if (out_error)
		return;
	errno = 0;
	va_start(ap, fmt);
	note(vprintf(fmt, ap) < 0);
	va_end(ap);
}

int out_finish(struct aios_status *st)
{
	errno = 0;
	note(fflush(stdout) != 0 || ferror(stdout));
	if (!out_error)
		return 0;
	return aios_fail(st, -out_error, "cannot write to standard output: %s",
			 strerror(out_error));
}
