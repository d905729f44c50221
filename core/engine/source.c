// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "core/aios.h"
#include "core/engine/source.h"
#include "core/module/registry.h"

#define MAX_SUPPORTED_TEXT 256

/* Open the format that says "mine" loudest. */
static int open_format(struct aios *aios, const char *path, struct source *src,
		       struct aios_status *st)
{
	struct module *m = NULL, *mod;
	char reason[128], why[160] = "no format plugin is there";
	const struct aios_format_ops *ops;
	int best = 0, score, rc;

	while ((m = module_next(aios->modules, AIOS_KIND_FORMAT, m)) != NULL) {
		rc = module_get(aios->modules, AIOS_KIND_FORMAT, module_name(m), &mod, st);
		if (rc < 0)
			return rc;
		ops = module_ops(mod);
		reason[0] = '\0';
		score = ops->probe(module_host(mod), path, reason);
		reason[sizeof(reason) - 1] = '\0';
		if (score > best) {
			module_put(src->format_module);
			src->format_module = mod;
			best = score;
			continue;
		}
		if (best == 0)
			snprintf(why, sizeof(why), "%s: %s", module_name(m), reason);
		module_put(mod);
	}
	if (!src->format_module)
		return aios_fail(st, -ENOENT, "%s is no model that AIOS can read (%s)", path, why);
	src->format = module_ops(src->format_module);
	return 0;
}

static bool in_list(const char *const *list, const char *word)
{
	for (; word && list && *list; list++) {
		if (strcmp(*list, word) == 0)
			return true;
	}
	return false;
}

/* What config.json calls the model: borrowed from `root`, NULL when absent. */
static void config_names(const json_t *root, const char **architecture, const char **model_type)
{
	const json_t *list = json_object_get(root, "architectures");

	*architecture = json_string_value(json_array_get(list, 0));
	*model_type = json_string_value(json_object_get(root, "model_type"));
}

static void supported_append(char *text, size_t size, const char *const *list)
{
	size_t at = strlen(text);

	for (; list && *list && at < size; list++)
		at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "", *list);
}

/*
 * The module for an architecture: `architectures` decides when config.json has it
 * (a model_type may be shared by models that differ), model_type otherwise. A
 * plugin that cannot be loaded hinders only its own models.
 */
static int find_model(struct aios *aios, const char *path, const char *architecture,
		      const char *model_type, struct module **out, struct aios_status *st)
{
	char supported[MAX_SUPPORTED_TEXT] = "";
	const struct aios_model_ops *ops;
	struct module *m = NULL, *mod;
	int failed = 0, rc;

	while ((m = module_next(aios->modules, AIOS_KIND_MODEL, m)) != NULL) {
		rc = module_get(aios->modules, AIOS_KIND_MODEL, module_name(m), &mod, st);
		if (rc < 0) {
			failed = rc; /* with its message: it may have been the one */
			continue;
		}
		ops = module_ops(mod);
		if (architecture ? in_list(ops->architectures, architecture) :
				   in_list(ops->model_types, model_type)) {
			*out = mod;
			return 0;
		}
		supported_append(supported, sizeof(supported), ops->architectures);
		module_put(mod);
	}
	if (failed)
		return failed;
	if (!architecture && !model_type)
		return aios_fail(st, -EINVAL,
				 "%s has neither 'architectures' nor 'model_type'; AIOS cannot "
				 "tell what model this is",
				 path);
	return aios_fail(st, -ENOTSUP, "%s: architecture %s is not supported; these are: %s", path,
			 architecture ? architecture : model_type,
			 supported[0] ? supported : "none (no model plugin is there)");
}

static int open_model(struct aios *aios, struct source *src, struct aios_status *st)
{
	const struct aios_ckpt_text *config = &src->contents->config;
	const char *architecture, *model_type;
	json_error_t error;
	json_t *root;
	int rc;

	root = json_loadb(config->text, config->len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(root)) {
		rc = aios_fail(st, -EINVAL, "%s:%d: %s", config->path, root ? 1 : error.line,
			       root ? "a JSON object was expected" : error.text);
		json_decref(root);
		return rc;
	}
	config_names(root, &architecture, &model_type);
	rc = find_model(aios, config->path, architecture, model_type, &src->model_module, st);
	json_decref(root);
	if (rc < 0)
		return rc;
	src->model_ops = module_ops(src->model_module);
	src->info.size = sizeof(src->info);
	rc = src->model_ops->open(module_host(src->model_module), config->path, config->text,
				  config->len, &src->model, &src->info, st);
	if (rc < 0)
		src->model = NULL;
	return rc;
}

void source_add_eos(struct source *src, int64_t id)
{
	if (id < 0 || id > INT32_MAX || src->n_eos == SOURCE_MAX_EOS)
		return;
	for (uint32_t i = 0; i < src->n_eos; i++) {
		if (src->eos[i] == id)
			return;
	}
	src->eos[src->n_eos++] = (int32_t)id;
}

/* eos_token_id of generation_config.json (a number or a list), else of config.json. */
static int read_eos(struct source *src, struct aios_status *st)
{
	const struct aios_ckpt_text *g = &src->contents->generation;
	json_error_t error;
	json_t *root, *eos, *item;
	size_t i;

	source_add_eos(src, src->info.eos_id);
	if (!g->text)
		return 0;
	root = json_loadb(g->text, g->len, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return aios_fail(st, -EINVAL, "%s:%d: %s", g->path, error.line, error.text);
	eos = json_object_get(root, "eos_token_id");
	if (json_is_integer(eos))
		source_add_eos(src, json_integer_value(eos));
	json_array_foreach(eos, i, item) {
		if (json_is_integer(item))
			source_add_eos(src, json_integer_value(item));
	}
	json_decref(root);
	return 0;
}

int source_open(struct aios *aios, const char *path, bool meta_only, struct source *src,
		struct aios_status *st)
{
	struct stat sb;
	int rc;

	memset(src, 0, sizeof(*src));
	rc = open_format(aios, path, src, st);
	/* What no format claims should at least be there; a format may read what is no file. */
	if (rc == -ENOENT && stat(path, &sb) < 0)
		rc = aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	if (rc < 0)
		goto close;
	rc = src->format->open(module_host(src->format_module), path, meta_only, &src->ckpt,
			       &src->contents, st);
	if (rc < 0) {
		src->ckpt = NULL;
		goto close;
	}
	rc = open_model(aios, src, st);
	if (rc == 0)
		rc = read_eos(src, st);
	if (rc < 0)
		goto close;
	return 0;

close:
	source_close(src);
	return rc;
}

void source_close(struct source *src)
{
	if (src->model)
		src->model_ops->close(src->model);
	module_put(src->model_module);
	if (src->ckpt)
		src->format->close(src->ckpt);
	module_put(src->format_module);
	memset(src, 0, sizeof(*src));
}

static int compare_name(const void *key, const void *item)
{
	return strcmp(key, ((const struct aios_ckpt_tensor *)item)->name);
}

const struct aios_ckpt_tensor *source_tensor(const struct source *src, const char *name)
{
	return bsearch(name, src->contents->tensors, src->contents->n_tensors,
		       sizeof(*src->contents->tensors), compare_name);
}
