/* SPDX-License-Identifier: Apache-2.0 */
/*
 * param.h - typed parameters with help. A driver or plugin lists its own in its
 * module descriptor; the core checks values from the command line, the
 * environment and the ini file against the list, and an unknown key is an error
 * with a suggestion. A driver's parameters live in the ini section
 * [driver.NAME], a plugin's in [KIND.NAME] ([tokenizer.bpe], ...).
 */
#ifndef AIOS_PARAM_H
#define AIOS_PARAM_H

#include <stdint.h>

enum aios_param_type {
	AIOS_PARAM_BOOL = 1,   /* true false yes no on off 1 0 */
	AIOS_PARAM_INT = 2,    /* decimal int64, within [min, max] */
	AIOS_PARAM_SIZE = 3,   /* bytes, with k M G T suffixes of 1024 (Ki, KiB too) */
	AIOS_PARAM_FLOAT = 4,  /* decimal double, within [min, max] */
	AIOS_PARAM_STRING = 5, /* any text */
	AIOS_PARAM_CHOICE = 6, /* one of `choices` */
	AIOS_PARAM_PATH = 7    /* text; a leading ~/ is the home directory */
};

struct aios_param {
	const char *name;         /* lower case, words joined by '_' */
	uint32_t type;            /* enum aios_param_type */
	const char *default_text; /* as a user would write it; never NULL */
	double min, max;          /* for INT, SIZE and FLOAT; both 0: unbounded */
	const char *choices;      /* CHOICE: "auto|on|off"; else NULL */
	const char *help;         /* one sentence: meaning, unit */
};

#endif /* AIOS_PARAM_H */
