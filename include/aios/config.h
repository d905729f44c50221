/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - one table of options makes the command line, the environment, the
 * ini keys, the help, the man pages and the completions. Precedence: command
 * line > environment > ini file > default; every value knows where it came from.
 *
 * Rows come from the core (sections aios, engine, sampling, and command for
 * options of the command line alone) and from modules, whose parameters stand in
 * [driver.NAME] or [KIND.NAME]. Values for a module that is not loaded yet are
 * kept and checked when it is. A module's parameter that nobody set takes the value
 * of the option of [aios] with the same key (threads, device) if somebody set that. An unknown section, key, option or AIOS_*
 * variable is an error with a suggestion.
 *
 * Threads: one thread at a time. Texts returned live until the same option is
 * set again or the configuration is destroyed.
 */
#ifndef AIOS_CONFIG_H
#define AIOS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>
#include <aios/param.h>

#ifndef AIOS_API
#define AIOS_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct aios_config;

/* Where a value comes from; the higher wins. */
enum aios_config_layer {
	AIOS_CONFIG_DEFAULT = 0,
	AIOS_CONFIG_INI = 1,
	AIOS_CONFIG_ENV = 2,
	AIOS_CONFIG_CLI = 3,
	AIOS_CONFIG_LAYERS
};

/* The commands an option belongs to: bits of aios_option.commands. */
enum aios_command {
	AIOS_CMD_RUN = 1 << 0,
	AIOS_CMD_CHAT = 1 << 1,
	AIOS_CMD_SERVE = 1 << 2,
	AIOS_CMD_BENCH = 1 << 3,
	AIOS_CMD_CONFORM = 1 << 4,
	AIOS_CMD_DRIVER = 1 << 5,
	AIOS_CMD_DEVICES = 1 << 6,
	AIOS_CMD_PLAN = 1 << 7,
	AIOS_CMD_DOCTOR = 1 << 8,
	AIOS_CMD_CONFIG = 1 << 9,
	AIOS_CMD_TOKENIZE = 1 << 10,
	AIOS_CMD_DETOKENIZE = 1 << 11,
	AIOS_CMD_TEMPLATE = 1 << 12,
	AIOS_CMD_LOGITS = 1 << 13,
	AIOS_CMD_VERIFY = 1 << 14,
	AIOS_CMD_BISECT = 1 << 15,
	AIOS_CMD_REPLAY = 1 << 16,
	AIOS_CMD_SIMULATE = 1 << 17,
	AIOS_CMD_ALL = (1 << 18) - 1
};

/* The section of options that exist on the command line only. */
#define AIOS_SECTION_COMMAND "command"

/* One row of the table. Lives as long as the configuration. */
struct aios_option {
	const char *section;     /* "engine"; an ini section except for "command" */
	struct aios_param param; /* key, type, default, bounds, choices, help */
	const char *env;         /* "AIOS_MAX_BATCH_SIZE", or NULL */
	const char *cli;         /* "max-batch-size" without the dashes, or NULL */
	const char *value_name;  /* "N", "DIR": what help calls the value; NULL for BOOL */
	const char *group;       /* heading in the help */
	char cli_short;          /* 'm', or 0 */
	uint32_t commands;       /* enum aios_command bits */
};

/* ---- life ------------------------------------------------------------------ */

/* The core's table with its defaults. NULL when memory is short. */
AIOS_API struct aios_config *aios_config_create(void);
AIOS_API void aios_config_destroy(struct aios_config *cfg); /* takes NULL */

/* ---- setting --------------------------------------------------------------- */

/*
 * Set one value in `layer`. `origin` says where it stood, for messages and
 * --show-origin: "ini /etc/aios/aios.ini:12", "command line --driver". Checked
 * now, or when the module that owns the section is loaded. 0, -ENOENT (no such
 * section or key), -EINVAL (bad value), -ENOMEM.
 */
AIOS_API int aios_config_set(struct aios_config *cfg, const char *section, const char *key,
			     const char *value, enum aios_config_layer layer, const char *origin,
			     struct aios_status *st);

/* "section.key=value" or "key=value" ([aios]), as --set takes it, from the command line. */
AIOS_API int aios_config_set_text(struct aios_config *cfg, const char *assignment,
				  struct aios_status *st);

/* Read one ini file. Stops at the first error, which names file and line. */
AIOS_API int aios_config_load_ini(struct aios_config *cfg, const char *path,
				  struct aios_status *st);

/*
 * Read the first of: $AIOS_CONFIG, ./aios.ini, $XDG_CONFIG_HOME/aios/aios.ini (or
 * ~/.config/aios/aios.ini), /etc/aios/aios.ini. None of them is fine, but
 * a file that $AIOS_CONFIG names must be there.
 */
AIOS_API int aios_config_load_default_ini(struct aios_config *cfg, struct aios_status *st);

/* The ini file that was read last, or NULL. */
AIOS_API const char *aios_config_ini_path(const struct aios_config *cfg);

/*
 * Read every AIOS_* variable of the environment. AIOS_CONFIG and AIOS_TEST_* are left
 * alone; a set-user-id program reads none.
 */
AIOS_API int aios_config_load_env(struct aios_config *cfg, struct aios_status *st);

/* ---- reading --------------------------------------------------------------- */

/* The value in force, or NULL when there is no such option. */
AIOS_API const char *aios_config_get(const struct aios_config *cfg, const char *section,
				     const char *key);

/* The value as a number: 0, -ENOENT (no such option) or -EINVAL (of another type). */
AIOS_API int aios_config_get_int(const struct aios_config *cfg, const char *section,
				 const char *key, int64_t *out);
AIOS_API int aios_config_get_size(const struct aios_config *cfg, const char *section,
				  const char *key, uint64_t *out);
AIOS_API int aios_config_get_float(const struct aios_config *cfg, const char *section,
				   const char *key, double *out);
AIOS_API int aios_config_get_bool(const struct aios_config *cfg, const char *section,
				  const char *key, bool *out);

/* True when the value in force does not come from the defaults. */
AIOS_API bool aios_config_is_set(const struct aios_config *cfg, const char *section,
				 const char *key);

/* Where the value in force comes from ("default", "env AIOS_DRIVER"), or NULL. */
AIOS_API const char *aios_config_origin(const struct aios_config *cfg, const char *section,
					const char *key);

/* The value that one layer gives, or NULL when it gives none. */
AIOS_API const char *aios_config_get_layer(const struct aios_config *cfg, const char *section,
					   const char *key, enum aios_config_layer layer);

/* ---- the table ------------------------------------------------------------- */

/* Rows, grouped by section: the core's in table order, then those of modules. */
AIOS_API size_t aios_config_count(const struct aios_config *cfg);
AIOS_API const struct aios_option *aios_config_option(const struct aios_config *cfg, size_t index);

/* Index of an option, or -1. */
AIOS_API int aios_config_find(const struct aios_config *cfg, const char *section, const char *key);

/*
 * Index of the option spelled --name (its cli name, or its key with '-'), or -1.
 * "no-NAME" finds a BOOL option NAME and sets *negated (may be NULL).
 */
AIOS_API int aios_config_find_cli(const struct aios_config *cfg, const char *name, bool *negated);
AIOS_API int aios_config_find_short(const struct aios_config *cfg, char name);

/* The known --name closest to `name`, without dashes, or NULL when none is close. */
AIOS_API const char *aios_config_suggest_cli(const struct aios_config *cfg, const char *name,
					     enum aios_command command);

/* The word of `words` closest to `word`, or NULL when none is close. For commands and the like. */
AIOS_API const char *aios_suggest(const char *word, const char *const *words, size_t n);

/* "integer", "size", ... with bounds or choices, as help prints it. Returns `text`. */
AIOS_API const char *aios_param_describe(const struct aios_param *param, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* AIOS_CONFIG_H */
