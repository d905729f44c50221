/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.h - how failure travels. Commands return 0 or a negative errno and fill
 * a caller-owned status object; predicates return bool. The status is plain
 * memory: no ownership, no allocation, safe to copy.
 */
#ifndef AIOS_ERROR_H
#define AIOS_ERROR_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

/* errno values with a meaning of their own here. */
#define AIOS_EXHAUSTED ENOMEM            /* the heap is empty: a result, not a crash */
#define AIOS_OVER_BUDGET EDQUOT          /* the heap has room, the budget does not */
#define AIOS_NOT_NOW EAGAIN              /* try again when pending work has completed */
#define AIOS_DEVICE_LOST ENOTRECOVERABLE /* sticky until reset() */

#define AIOS_STATUS_WHERE 64
#define AIOS_STATUS_MESSAGE 512

struct aios_status {
	int code;                          /* 0 or a negative errno */
	int64_t vendor;                    /* the vendor runtime's own code, else 0 */
	char where[AIOS_STATUS_WHERE];     /* "driver cpu-ref: matmul", or "" */
	char message[AIOS_STATUS_MESSAGE]; /* one sentence for a person, no newline */
};

#if defined(__GNUC__)
#define AIOS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define AIOS_PRINTF(fmt, args)
#endif

/*
 * Fill *st (may be NULL) with `code` (a negative errno) and the message, and
 * return `code`: `return aios_fail(st, -EINVAL, "...");`. Keeps st->where.
 */
static inline int aios_fail(struct aios_status *st, int code, const char *fmt, ...)
	AIOS_PRINTF(3, 4);

static inline int aios_fail(struct aios_status *st, int code, const char *fmt, ...)
{
	va_list ap;

	if (st) {
		st->code = code;
		st->vendor = 0;
		va_start(ap, fmt);
		vsnprintf(st->message, sizeof(st->message), fmt, ap);
		va_end(ap);
	}
	return code;
}

/* Reset *st (may be NULL) to "no error". */
static inline void aios_status_clear(struct aios_status *st)
{
	if (st) {
		st->code = 0;
		st->vendor = 0;
		st->where[0] = '\0';
		st->message[0] = '\0';
	}
}

#endif /* AIOS_ERROR_H */
