// SPDX-License-Identifier: Apache-2.0
/* env.c - the AIOS_* variables of the environment. */
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "core/config/config.h"

/* Variables that are not options: where the ini file is, and what tests use. */
static bool is_left_alone(const char *name)
{
	return !strcmp(name, "AIOS_CONFIG") || !strncmp(name, "AIOS_TEST_", 10);
}

/* "AIOS_DRIVER_CUDA_DEVICE" may belong to a module that is not loaded yet. */
static bool may_be_module(const char *name)
{
	static const char *const prefixes[] = { "AIOS_DRIVER_",    "AIOS_FORMAT_",  "AIOS_MODEL_",
						"AIOS_TOKENIZER_", "AIOS_SAMPLER_", "AIOS_HOOK_",
						"AIOS_SCHEDULER_", "AIOS_CACHE_" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static const char *suggest_env(const struct aios_config *cfg, const char *name)
{
	const char **words = calloc(cfg->n_rows, sizeof(*words));
	const char *best = NULL;

	if (!words)
		return NULL;
	for (size_t i = 0; i < cfg->n_rows; i++)
		words[i] = cfg->rows[i]->option.env;
	best = aios_suggest(name, words, cfg->n_rows);
	free(words);
	return best;
}

int config_set_env(struct aios_config *cfg, const char *name, const char *value,
		   struct aios_status *st)
{
	const char *close;
	char origin[200];

	if (is_left_alone(name))
		return 0;
	snprintf(origin, sizeof(origin), "env %.150s", name);
	for (size_t i = 0; i < cfg->n_rows; i++) {
		const struct aios_option *option = &cfg->rows[i]->option;

		if (option->env && !strcmp(option->env, name))
			return aios_config_set(cfg, option->section, option->param.name, value,
					       AIOS_CONFIG_ENV, origin, st);
	}
	close = suggest_env(cfg, name);
	if (may_be_module(name) && !close)
		return config_keep_env(cfg, name, value, origin, st);
	return aios_fail(st, -ENOENT, "%s: no option is named so%s%s", origin,
			 close ? ", did you mean " : "", close ? close : "");
}

int aios_config_load_env(struct aios_config *cfg, struct aios_status *st)
{
	/* A set-user-id program must not load what its caller's environment says. */
	if (getauxval(AT_SECURE))
		return 0;
	for (char **at = environ; at && *at; at++) {
		const char *equals = strchr(*at, '=');
		char name[128];
		size_t length;
		int err;

		if (!equals || strncmp(*at, "AIOS_", 5))
			continue;
		length = (size_t)(equals - *at);
		if (length >= sizeof(name))
			return aios_fail(st, -ENOENT, "env %.100s...: no option is named so", *at);
		memcpy(name, *at, length);
		name[length] = '\0';
		err = config_set_env(cfg, name, equals + 1, st);
		if (err)
			return err;
	}
	return 0;
}
