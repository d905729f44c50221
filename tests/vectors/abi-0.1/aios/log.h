/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - log levels. Logs go to stderr (or the caller's sink), answers never do. */
#ifndef AIOS_LOG_H
#define AIOS_LOG_H

enum aios_log_level {
	AIOS_LOG_ERROR = 0,
	AIOS_LOG_WARN = 1,
	AIOS_LOG_INFO = 2,
	AIOS_LOG_DEBUG = 3
};

/*
 * A log sink. `module` is "core" or a module's name, `message` one line without
 * newline; both are valid during the call only. May be called from any thread.
 */
typedef void (*aios_log_fn)(void *ctx, int level, const char *module, const char *message);

#endif /* AIOS_LOG_H */
