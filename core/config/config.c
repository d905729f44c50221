// SPDX-License-Identifier: Apache-2.0
/* config.c - the table's rows, the layers of their values, and values kept for modules. */
#include "core/config/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/value.h"

static const char *const module_kinds[] = { "driver",  "format", "model",     "tokenizer",
					    "sampler", "hook",   "scheduler", "cache" };

/* ---- life ------------------------------------------------------------------ */

static void value_finish(struct config_value *value)
{
	free(value->text);
	free(value->origin);
	value->text = value->origin = NULL;
}

static void row_destroy(struct config_row *row)
{
	if (!row)
		return;
	for (int i = 0; i < AIOS_CONFIG_LAYERS; i++)
		value_finish(&row->values[i]);
	free(row->strings);
	free(row);
}

static void pending_finish(struct config_pending *pending)
{
	free(pending->section);
	free(pending->key);
	free(pending->value);
	free(pending->origin);
}

static void free_modules(struct aios_config *cfg)
{
	for (size_t i = 0; i < cfg->n_modules; i++)
		free(cfg->modules[i]);
	free(cfg->modules);
	cfg->modules = NULL;
	cfg->n_modules = 0;
}

void aios_config_destroy(struct aios_config *cfg)
{
	if (!cfg)
		return;
	for (size_t i = 0; i < cfg->n_rows; i++)
		row_destroy(cfg->rows[i]);
	for (size_t i = 0; i < cfg->n_pending; i++)
		pending_finish(&cfg->pending[i]);
	free(cfg->rows);
	free(cfg->pending);
	free_modules(cfg);
	free(cfg->ini_path);
	free(cfg);
}

/* "AIOS_MAX_BATCH_SIZE", "AIOS_DRIVER_CPU_REF_THREADS": [aios], [engine] and [sampling] share one room. */
static void derive_env(const char *section, const char *key, char *out, size_t size)
{
	const char *module = config_is_module_section(section) ? section : "";

	snprintf(out, size, "AIOS_%s%s%s", module, *module ? "_" : "", key);
	for (; *out; out++)
		*out = (*out == '.' || *out == '-') ? '_' : (char)toupper((unsigned char)*out);
}

static char *append_string(char **at, const char *text)
{
	char *out = *at;
	size_t size = strlen(text) + 1;

	memcpy(out, text, size);
	*at += size;
	return out;
}

/*
 * A row that owns copies of the texts of `option`, so that it outlives the module
 * that declared it. Options of the command line have no variable.
 */
static struct config_row *row_create(const struct aios_option *option)
{
	const struct aios_param *param = &option->param;
	char env[256] = "";
	struct config_row *row = calloc(1, sizeof(*row));
	size_t size;
	char *at;

	if (!row)
		return NULL;
	if (strcmp(option->section, AIOS_SECTION_COMMAND))
		derive_env(option->section, param->name, env, sizeof(env));
	size = strlen(option->section) + strlen(param->name) + strlen(param->default_text) +
	       strlen(param->choices ? param->choices : "") + strlen(param->help) + strlen(env) + 6;
	at = row->strings = malloc(size);
	if (!at) {
		free(row);
		return NULL;
	}
	row->option = *option;
	row->option.section = append_string(&at, option->section);
	row->option.param.name = append_string(&at, param->name);
	row->option.param.default_text = append_string(&at, param->default_text);
	row->option.param.help = append_string(&at, param->help);
	if (param->choices)
		row->option.param.choices = append_string(&at, param->choices);
	if (*env)
		row->option.env = append_string(&at, env);
	return row;
}

static int add_row(struct aios_config *cfg, const struct aios_option *option)
{
	struct config_row *row;

	if (cfg->n_rows == cfg->room) {
		size_t room = cfg->room ? 2 * cfg->room : 64;
		struct config_row **rows = realloc(cfg->rows, room * sizeof(struct config_row *));

		if (!rows)
			return -ENOMEM;
		cfg->rows = rows;
		cfg->room = room;
	}
	row = row_create(option);
	if (!row)
		return -ENOMEM;
	cfg->rows[cfg->n_rows++] = row;
	return 0;
}

struct aios_config *aios_config_create(void)
{
	struct aios_config *cfg = calloc(1, sizeof(*cfg));

	if (!cfg)
		return NULL;
	for (size_t i = 0; i < config_n_core_options; i++) {
		if (add_row(cfg, &config_core_options[i])) {
			aios_config_destroy(cfg);
			return NULL;
		}
	}
	return cfg;
}

/* ---- finding --------------------------------------------------------------- */

bool config_is_module_section(const char *section)
{
	for (size_t i = 0; i < sizeof(module_kinds) / sizeof(module_kinds[0]); i++) {
		size_t n = strlen(module_kinds[i]);

		if (!strncmp(section, module_kinds[i], n) && section[n] == '.')
			return section[n + 1] != '\0';
	}
	return false;
}

int aios_config_find(const struct aios_config *cfg, const char *section, const char *key)
{
	for (size_t i = 0; i < cfg->n_rows; i++)
		if (!strcmp(cfg->rows[i]->option.section, section) &&
		    !strcmp(cfg->rows[i]->option.param.name, key))
			return (int)i;
	return -1;
}

struct config_row *config_row_find(const struct aios_config *cfg, const char *section,
				   const char *key)
{
	int i = aios_config_find(cfg, section, key);

	return i < 0 ? NULL : cfg->rows[i];
}

/* Does --name mean this row? By its cli name or by its key with dashes. */
static bool spelled(const struct aios_option *option, const char *name)
{
	const char *key = option->param.name;

	if (!option->cli)
		return false;
	if (!strcmp(option->cli, name))
		return true;
	for (; *key && *name == (*key == '_' ? '-' : *key); key++)
		name++;
	return !*key && !*name;
}

static int find_spelled(const struct aios_config *cfg, const char *name)
{
	for (size_t i = 0; i < cfg->n_rows; i++)
		if (spelled(&cfg->rows[i]->option, name))
			return (int)i;
	return -1;
}

int aios_config_find_cli(const struct aios_config *cfg, const char *name, bool *negated)
{
	int i = find_spelled(cfg, name);

	if (negated)
		*negated = false;
	if (i >= 0 || strncmp(name, "no-", 3))
		return i;
	i = find_spelled(cfg, name + 3);
	if (i < 0 || cfg->rows[i]->option.param.type != AIOS_PARAM_BOOL)
		return -1;
	if (negated)
		*negated = true;
	return i;
}

int aios_config_find_short(const struct aios_config *cfg, char name)
{
	for (size_t i = 0; i < cfg->n_rows; i++)
		if (name && cfg->rows[i]->option.cli_short == name)
			return (int)i;
	return -1;
}

const char *aios_config_suggest_cli(const struct aios_config *cfg, const char *name,
				    enum aios_command command)
{
	const char *best = NULL;
	const char **words = calloc(cfg->n_rows, sizeof(*words));

	if (!words)
		return NULL;
	for (size_t i = 0; i < cfg->n_rows; i++)
		if (cfg->rows[i]->option.commands & command)
			words[i] = cfg->rows[i]->option.cli;
	best = aios_suggest(name, words, cfg->n_rows);
	free(words);
	return best;
}

/* The closest known section, or key of `section` when it is not NULL. */
static const char *suggest_row(const struct aios_config *cfg, const char *section, const char *word)
{
	const char *best = NULL;
	const char **words = calloc(cfg->n_rows, sizeof(*words));

	if (!words)
		return NULL;
	for (size_t i = 0; i < cfg->n_rows; i++) {
		const struct aios_option *option = &cfg->rows[i]->option;

		if (section ? !strcmp(option->section, section) :
			      strcmp(option->section, AIOS_SECTION_COMMAND) != 0)
			words[i] = section ? option->param.name : option->section;
	}
	best = aios_suggest(word, words, cfg->n_rows);
	free(words);
	return best;
}

/* ---- setting --------------------------------------------------------------- */

static int no_memory(struct aios_status *st)
{
	return aios_fail(st, -ENOMEM, "no memory for the configuration");
}

static int set_row(struct config_row *row, const char *value, enum aios_config_layer layer,
		   const char *origin, struct aios_status *st)
{
	struct config_value new = { 0 };
	char what[400];
	int err;

	snprintf(what, sizeof(what), "%s: [%s] %s", origin, row->option.section,
		 row->option.param.name);
	err = value_check(&row->option.param, value, what, st);
	if (err)
		return err;
	new.text = value_dup(&row->option.param, value);
	new.origin = strdup(origin);
	if (!new.text || !new.origin) {
		value_finish(&new);
		return no_memory(st);
	}
	value_finish(&row->values[layer]);
	row->values[layer] = new;
	return 0;
}

/* Keep a value for a module that is not loaded; of one layer the last wins. */
static int keep_pending(struct aios_config *cfg, const char *section, const char *key,
			const char *value, enum aios_config_layer layer, const char *origin,
			struct aios_status *st)
{
	struct config_pending new = { .layer = layer };

	if (cfg->n_pending == cfg->pending_room) {
		size_t room = cfg->pending_room ? 2 * cfg->pending_room : 8;
		struct config_pending *pending = realloc(cfg->pending, room * sizeof(*pending));

		if (!pending)
			return no_memory(st);
		cfg->pending = pending;
		cfg->pending_room = room;
	}
	new.section = section ? strdup(section) : NULL;
	new.key = strdup(key);
	new.value = strdup(value);
	new.origin = strdup(origin);
	if ((section && !new.section) || !new.key || !new.value || !new.origin) {
		pending_finish(&new);
		return no_memory(st);
	}
	cfg->pending[cfg->n_pending++] = new;
	return 0;
}

/* True when some row stands in `section`. */
static bool section_exists(const struct aios_config *cfg, const char *section)
{
	for (size_t i = 0; i < cfg->n_rows; i++)
		if (!strcmp(cfg->rows[i]->option.section, section))
			return strcmp(section, AIOS_SECTION_COMMAND) != 0;
	return false;
}

static int unknown(const char *origin, const char *what, const char *name, const char *close,
		   struct aios_status *st)
{
	return aios_fail(st, -ENOENT, "%s: unknown %s%s%s%s", origin, what, name,
			 close ? ", did you mean " : "", close ? close : "");
}

static int unknown_key(const struct aios_config *cfg, const char *section, const char *key,
		       const char *origin, struct aios_status *st)
{
	char what[160];

	if (!section_exists(cfg, section)) {
		snprintf(what, sizeof(what), "[%.80s]", section);
		return unknown(origin, "section ", what, suggest_row(cfg, NULL, section), st);
	}
	snprintf(what, sizeof(what), "%.80s in [%.60s]", key, section);
	return unknown(origin, "key ", what, suggest_row(cfg, section, key), st);
}

int config_keep_env(struct aios_config *cfg, const char *name, const char *value,
		    const char *origin, struct aios_status *st)
{
	return keep_pending(cfg, NULL, name, value, AIOS_CONFIG_ENV, origin, st);
}

int aios_config_set(struct aios_config *cfg, const char *section, const char *key,
		    const char *value, enum aios_config_layer layer, const char *origin,
		    struct aios_status *st)
{
	struct config_row *row = config_row_find(cfg, section, key);

	if (layer <= AIOS_CONFIG_DEFAULT || layer >= AIOS_CONFIG_LAYERS)
		return aios_fail(st, -EINVAL, "%s: values cannot be set in layer %d", origin,
				 (int)layer);
	/* Options of the command line have no other place. */
	if (row && layer != AIOS_CONFIG_CLI && !strcmp(section, AIOS_SECTION_COMMAND))
		return aios_fail(st, -ENOENT, "%s: --%s exists on the command line only", origin,
				 row->option.cli);
	if (row)
		return set_row(row, value, layer, origin, st);
	if (!section_exists(cfg, section) && config_is_module_section(section))
		return keep_pending(cfg, section, key, value, layer, origin, st);
	return unknown_key(cfg, section, key, origin, st);
}

int aios_config_set_text(struct aios_config *cfg, const char *assignment, struct aios_status *st)
{
	const char *equals = strchr(assignment, '=');
	char path[200], origin[240], *dot;

	if (!equals || equals == assignment || (size_t)(equals - assignment) >= sizeof(path))
		return aios_fail(st, -EINVAL,
				 "command line --set: '%.100s' is not SECTION.KEY=VALUE",
				 assignment);
	memcpy(path, assignment, (size_t)(equals - assignment));
	path[equals - assignment] = '\0';
	snprintf(origin, sizeof(origin), "command line --set %s", path);
	dot = strrchr(path, '.');
	if (!dot)
		return aios_config_set(cfg, "aios", path, equals + 1, AIOS_CONFIG_CLI, origin, st);
	*dot = '\0';
	return aios_config_set(cfg, path, dot + 1, equals + 1, AIOS_CONFIG_CLI, origin, st);
}

/* ---- modules --------------------------------------------------------------- */

/* Drop the rows from `first` on: an undone declaration. */
static void drop_rows(struct aios_config *cfg, size_t first)
{
	while (cfg->n_rows > first)
		row_destroy(cfg->rows[--cfg->n_rows]);
}

static bool has_param(const struct aios_param *params, uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(params[i].name, name))
			return true;
	return false;
}

static int declare_row(struct aios_config *cfg, const char *section, const struct aios_param *param,
		       struct aios_status *st)
{
	struct aios_option option = { .section = section,
				      .param = *param,
				      .value_name = "VALUE",
				      .group = "Modules",
				      .commands = AIOS_CMD_ALL };
	int err = param_check(param, st);

	if (err)
		return err;
	if (config_row_find(cfg, section, param->name))
		return aios_fail(st, -EEXIST, "parameter %s is declared twice", param->name);
	return add_row(cfg, &option) ? no_memory(st) : 0;
}

/* The row that a kept value belongs to, or NULL. */
static struct config_row *pending_row(const struct aios_config *cfg,
				      const struct config_pending *pending)
{
	if (pending->section)
		return config_row_find(cfg, pending->section, pending->key);
	for (size_t i = 0; i < cfg->n_rows; i++)
		if (cfg->rows[i]->option.env && !strcmp(cfg->rows[i]->option.env, pending->key))
			return cfg->rows[i];
	return NULL;
}

/* The known module whose variables begin like `name`, the longest name first; or NULL. */
static const char *module_of_env(const struct aios_config *cfg, const char *name)
{
	const char *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < cfg->n_modules; i++) {
		char prefix[256];
		size_t n;

		derive_env(cfg->modules[i], "", prefix, sizeof(prefix));
		n = strlen(prefix);
		if (n > longest && !strncmp(name, prefix, n)) {
			longest = n;
			best = cfg->modules[i];
		}
	}
	return best;
}

/* Is a kept value meant for `section`? A variable is, unless a longer name fits better. */
static bool pending_is_for(const struct aios_config *cfg, const struct config_pending *pending,
			   const char *section)
{
	const char *owner = pending->section;
	char prefix[256];

	if (!owner)
		owner = module_of_env(cfg, pending->key);
	if (owner)
		return !strcmp(owner, section);
	derive_env(section, "", prefix, sizeof(prefix));
	return !strncmp(pending->key, prefix, strlen(prefix));
}

static int unknown_parameter(const struct aios_config *cfg, const char *section,
			     const struct config_pending *pending, struct aios_status *st)
{
	if (!section_exists(cfg, section))
		return aios_fail(st, -ENOENT, "%s: %s has no parameters", pending->origin, section);
	if (!pending->section)
		return aios_fail(st, -ENOENT, "%s: %s has no such parameter", pending->origin,
				 section);
	return unknown_key(cfg, section, pending->key, pending->origin, st);
}

static int apply_pending(struct aios_config *cfg, const char *section, struct aios_status *st)
{
	for (size_t i = 0; i < cfg->n_pending; i++) {
		struct config_pending *pending = &cfg->pending[i];
		struct config_row *row;
		int err;

		if (!pending_is_for(cfg, pending, section))
			continue;
		row = pending_row(cfg, pending);
		/* Until every module is known a longer name may own the variable. */
		if (!row && !pending->section && !cfg->modules)
			continue;
		err = row ? set_row(row, pending->value, pending->layer, pending->origin, st) :
			    unknown_parameter(cfg, section, pending, st);
		if (err)
			return err;
	}
	return 0;
}

static void forget_applied(struct aios_config *cfg)
{
	size_t kept = 0;

	for (size_t i = 0; i < cfg->n_pending; i++) {
		if (pending_row(cfg, &cfg->pending[i]))
			pending_finish(&cfg->pending[i]);
		else
			cfg->pending[kept++] = cfg->pending[i];
	}
	cfg->n_pending = kept;
}

static const struct aios_param driver_device = {
	.name = "device",
	.type = AIOS_PARAM_STRING,
	.default_text = "",
	.help = "Device to use: its number or a stable id; empty: the one with the best score.",
};

int config_declare(struct aios_config *cfg, const char *kind, const char *name,
		   const struct aios_param *params, uint32_t n, struct aios_status *st)
{
	bool device = !strcmp(kind, "driver") && !has_param(params, n, driver_device.name);
	size_t first = cfg->n_rows;
	char section[128];
	int err = 0;

	snprintf(section, sizeof(section), "%s.%s", kind, name);
	if (section_exists(cfg, section))
		return 0;
	for (uint32_t i = 0; !err && i < n; i++)
		err = declare_row(cfg, section, &params[i], st);
	if (!err && device)
		err = declare_row(cfg, section, &driver_device, st);
	if (!err)
		err = apply_pending(cfg, section, st);
	if (err)
		drop_rows(cfg, first);
	else
		forget_applied(cfg);
	return err;
}

static bool module_known(const struct aios_config *cfg, const struct config_pending *pending)
{
	if (!pending->section)
		return module_of_env(cfg, pending->key) != NULL;
	for (size_t i = 0; i < cfg->n_modules; i++)
		if (!strcmp(cfg->modules[i], pending->section))
			return true;
	return false;
}

/* The module of the section's kind whose name is closest, or NULL. */
static const char *suggest_module(const struct aios_config *cfg, const char *section)
{
	size_t kind = strcspn(section, ".") + 1;
	const char **names = calloc(cfg->n_modules + 1, sizeof(*names));
	const char *best;

	if (!names)
		return NULL;
	for (size_t i = 0; i < cfg->n_modules; i++)
		if (!strncmp(cfg->modules[i], section, kind))
			names[i] = cfg->modules[i] + kind;
	best = aios_suggest(section + kind, names, cfg->n_modules);
	free(names);
	return best ? best - kind : NULL;
}

static int unknown_module(const struct aios_config *cfg, const struct config_pending *pending,
			  struct aios_status *st)
{
	const char *close;

	if (!pending->section)
		return aios_fail(st, -ENOENT, "%s: neither an option nor a module is named so",
				 pending->origin);
	close = suggest_module(cfg, pending->section);
	return aios_fail(st, -ENOENT, "%s: no module for section [%.80s]%s%s%s", pending->origin,
			 pending->section, close ? ", did you mean [" : "", close ? close : "",
			 close ? "]" : " ('aios driver list --why' shows what was found)");
}

int config_set_modules(struct aios_config *cfg, const char *const *sections, size_t n,
		       struct aios_status *st)
{
	free_modules(cfg);
	cfg->modules = calloc(n ? n : 1, sizeof(*cfg->modules));
	if (!cfg->modules)
		return no_memory(st);
	for (size_t i = 0; i < n; i++) {
		cfg->modules[i] = strdup(sections[i]);
		if (!cfg->modules[i])
			return no_memory(st);
		cfg->n_modules++;
	}
	for (size_t i = 0; i < cfg->n_pending; i++) {
		const struct config_pending *pending = &cfg->pending[i];
		const char *owner = pending->section;

		if (!module_known(cfg, pending))
			return unknown_module(cfg, pending, st);
		if (!owner)
			owner = module_of_env(cfg, pending->key);
		if (owner && section_exists(cfg, owner))
			return unknown_parameter(cfg, owner, pending, st);
	}
	return 0;
}

/* ---- reading --------------------------------------------------------------- */

static enum aios_config_layer row_layer(const struct config_row *row)
{
	for (int layer = AIOS_CONFIG_LAYERS - 1; layer > AIOS_CONFIG_DEFAULT; layer--)
		if (row->values[layer].text)
			return (enum aios_config_layer)layer;
	return AIOS_CONFIG_DEFAULT;
}

/*
 * The row whose value is in force: a module's parameter that nobody set takes the
 * value of the option of the same key in [aios] that somebody did.
 */
static const struct config_row *row_source(const struct aios_config *cfg,
					   const struct config_row *row)
{
	const struct config_row *shared;

	if (row_layer(row) || !config_is_module_section(row->option.section))
		return row;
	shared = config_row_find(cfg, "aios", row->option.param.name);
	return shared && row_layer(shared) ? shared : row;
}

static const char *row_text(const struct aios_config *cfg, const struct config_row *row)
{
	const struct config_row *source = row_source(cfg, row);
	enum aios_config_layer layer = row_layer(source);

	return layer ? source->values[layer].text : source->option.param.default_text;
}

static const char *row_origin(const struct aios_config *cfg, const struct config_row *row)
{
	const struct config_row *source = row_source(cfg, row);
	enum aios_config_layer layer = row_layer(source);

	return layer ? source->values[layer].origin : "default";
}

const char *config_module_value(const struct aios_config *cfg, const char *kind, const char *name,
				const char *key, const char **origin)
{
	const struct config_row *row;
	char section[128];

	snprintf(section, sizeof(section), "%s.%s", kind, name);
	row = config_row_find(cfg, section, key);
	if (!row)
		return NULL;
	if (origin)
		*origin = row_origin(cfg, row);
	return row_text(cfg, row);
}

const char *aios_config_get(const struct aios_config *cfg, const char *section, const char *key)
{
	const struct config_row *row = config_row_find(cfg, section, key);

	return row ? row_text(cfg, row) : NULL;
}

const char *aios_config_origin(const struct aios_config *cfg, const char *section, const char *key)
{
	const struct config_row *row = config_row_find(cfg, section, key);

	return row ? row_origin(cfg, row) : NULL;
}

bool aios_config_is_set(const struct aios_config *cfg, const char *section, const char *key)
{
	const struct config_row *row = config_row_find(cfg, section, key);

	return row && row_layer(row) != AIOS_CONFIG_DEFAULT;
}

const char *aios_config_get_layer(const struct aios_config *cfg, const char *section,
				  const char *key, enum aios_config_layer layer)
{
	const struct config_row *row = config_row_find(cfg, section, key);

	if (!row || layer < 0 || layer >= AIOS_CONFIG_LAYERS)
		return NULL;
	return layer ? row->values[layer].text : row->option.param.default_text;
}

int aios_config_get_int(const struct aios_config *cfg, const char *section, const char *key,
			int64_t *out)
{
	const struct config_row *row = config_row_find(cfg, section, key);

	if (!row)
		return -ENOENT;
	return row->option.param.type == AIOS_PARAM_INT &&
			       value_parse_int(row_text(cfg, row), out) ?
		       0 :
		       -EINVAL;
}

int aios_config_get_size(const struct aios_config *cfg, const char *section, const char *key,
			 uint64_t *out)
{
	const struct config_row *row = config_row_find(cfg, section, key);

	if (!row)
		return -ENOENT;
	return row->option.param.type == AIOS_PARAM_SIZE &&
			       value_parse_size(row_text(cfg, row), out) ?
		       0 :
		       -EINVAL;
}

int aios_config_get_float(const struct aios_config *cfg, const char *section, const char *key,
			  double *out)
{
	const struct config_row *row = config_row_find(cfg, section, key);

	if (!row)
		return -ENOENT;
	return row->option.param.type == AIOS_PARAM_FLOAT &&
			       value_parse_float(row_text(cfg, row), out) ?
		       0 :
		       -EINVAL;
}

int aios_config_get_bool(const struct aios_config *cfg, const char *section, const char *key,
			 bool *out)
{
	const struct config_row *row = config_row_find(cfg, section, key);

	if (!row)
		return -ENOENT;
	return row->option.param.type == AIOS_PARAM_BOOL &&
			       value_parse_bool(row_text(cfg, row), out) ?
		       0 :
		       -EINVAL;
}

size_t aios_config_count(const struct aios_config *cfg)
{
	return cfg->n_rows;
}

const struct aios_option *aios_config_option(const struct aios_config *cfg, size_t index)
{
	return index < cfg->n_rows ? &cfg->rows[index]->option : NULL;
}

const char *aios_config_ini_path(const struct aios_config *cfg)
{
	return cfg->ini_path;
}
