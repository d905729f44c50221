/* SPDX-License-Identifier: Apache-2.0 */
/* value.h - texts as a user writes them, checked against a parameter and read as numbers. */
#ifndef CORE_CONFIG_VALUE_H
#define CORE_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include <aios/error.h>
#include <aios/param.h>

bool value_parse_bool(const char *text, bool *out);
bool value_parse_int(const char *text, int64_t *out);
bool value_parse_size(const char *text, uint64_t *out); /* "512", "64k", "1.5G", "2MiB" */
bool value_parse_float(const char *text, double *out);  /* decimal, finite */

/*
 * Check `text` against the parameter. `what` begins the message: "ini a.ini:3: [engine]
 * page_size". -EINVAL with the value and what was expected.
 */
int value_check(const struct aios_param *param, const char *text, const char *what,
		struct aios_status *st);

/*
 * The text to keep: a malloc'ed copy, with ~/ at the beginning of a PATH replaced
 * by the home directory. NULL when memory is short.
 */
char *value_dup(const struct aios_param *param, const char *text);

/* Check a row that a module declares: name, type, bounds, choices, default, help. */
int param_check(const struct aios_param *param, struct aios_status *st);

#endif /* CORE_CONFIG_VALUE_H */
