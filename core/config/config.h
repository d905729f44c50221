/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - the configuration's inside: rows, layers of values, values kept for later. */
#ifndef CORE_CONFIG_CONFIG_H
#define CORE_CONFIG_CONFIG_H

#include <stdio.h>

#include <aios/config.h>
#include <aios/module.h>

/* A value in one layer. Both strings are owned; text NULL: the layer gives none. */
struct config_value {
	char *text;
	char *origin;
};

/* A row of the table with its values. */
struct config_row {
	struct aios_option option;
	struct config_value values[AIOS_CONFIG_LAYERS];
	char *strings; /* the texts that option points to */
};

/* A value for a section of a module that has not declared its parameters yet. */
struct config_pending {
	char *section, *key, *value, *origin; /* key: a variable's name when section is NULL */
	enum aios_config_layer layer;
};

struct aios_config {
	struct config_row **rows; /* each allocated alone: options keep their address */
	size_t n_rows, room;
	struct config_pending *pending;
	size_t n_pending, pending_room;
	char **modules; /* sections of the modules that exist */
	size_t n_modules;
	char *ini_path;
};

/* The core's own rows; env is derived from section and key. Static. */
extern const struct aios_option config_core_options[];
extern const size_t config_n_core_options;

struct config_row *config_row_find(const struct aios_config *cfg, const char *section,
				   const char *key);

/* True for "driver.NAME", "tokenizer.NAME" and so on: a section that a module owns. */
bool config_is_module_section(const char *section);

/*
 * Declare the parameters of a module: rows in [KIND.NAME], then the values kept
 * for them. All or nothing: on failure no row of the module remains. Declaring a
 * module again is fine and changes nothing. Drivers get a row `device` besides.
 */
int config_declare(struct aios_config *cfg, const char *kind, const char *name,
		   const struct aios_param *params, uint32_t n, struct aios_status *st);

/*
 * The value in force for a module's parameter, NULL when there is no such row.
 * *origin (may be NULL) says where it comes from.
 */
const char *config_module_value(const struct aios_config *cfg, const char *kind, const char *name,
				const char *key, const char **origin);

/*
 * The sections ("driver.null") of the modules that exist; the texts are copied.
 * Every value kept for later must belong to one of them: -ENOENT with the
 * section, where it stood, and the closest name.
 */
int config_set_modules(struct aios_config *cfg, const char *const *sections, size_t n,
		       struct aios_status *st);

/* Keep a variable of the environment for a module that is not loaded yet. */
int config_keep_env(struct aios_config *cfg, const char *name, const char *value,
		    const char *origin, struct aios_status *st);

/* Set from a variable of the environment; for aios_config_load_env() and tests. */
int config_set_env(struct aios_config *cfg, const char *name, const char *value,
		   struct aios_status *st);

/* Read ini text from `stream` (not closed); `path` is for messages. */
int config_read_ini(struct aios_config *cfg, FILE *stream, const char *path,
		    struct aios_status *st);

#endif /* CORE_CONFIG_CONFIG_H */
