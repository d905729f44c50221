// SPDX-License-Identifier: Apache-2.0
/* registry.c - registration, references, the scan of the folders. */
#include "core/module/registry.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/config.h"
#include "core/config/value.h"
#include "core/module/abi.h"
#include "core/module/internal.h"
#include "core/module/isa.h"
#include "core/module/kinds.h"

/* ---- life ------------------------------------------------------------------ */

int module_registry_create(struct aios_config *cfg, aios_log_fn log, void *log_ctx,
			   struct module_registry **out, struct aios_status *st)
{
	struct module_registry *reg = calloc(1, sizeof(*reg));

	if (!reg)
		return aios_fail(st, -ENOMEM, "no memory for the module registry");
	reg->cfg = cfg;
	reg->log = log;
	reg->log_ctx = log_ctx;
	*out = reg;
	return 0;
}

static void module_destroy(struct module *module)
{
	module_unregister(module);
	modinfo_finish(&module->info);
	free(module->name);
	free(module->path);
	free(module->reason);
	free(module->abi);
	free(module->needs);
	free(module);
}

void module_registry_destroy(struct module_registry *reg)
{
	if (!reg)
		return;
	if (reg->left_behind) {
		reg->log = NULL; /* its context may be gone before the thread is */
		return;
	}
	for (size_t i = 0; i < reg->n_modules; i++)
		module_destroy(reg->modules[i]);
	for (size_t i = 0; i < reg->n_folders; i++) {
		free(reg->folders[i].path);
		free(reg->folders[i].origin);
	}
	free(reg->modules);
	free(reg->folders);
	free(reg);
}

struct aios_config *module_registry_config(struct module_registry *reg)
{
	return reg->cfg;
}

void module_log(const struct module_registry *reg, int level, const char *fmt, ...)
{
	char line[768];
	va_list ap;

	if (!reg->log)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	reg->log(reg->log_ctx, level, "core", line);
}

/* "dir/cuda.so" -> "cuda", for a file whose metadata cannot be read. */
static char *name_of_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = strdup(slash ? slash + 1 : path);
	size_t n = name ? strlen(name) : 0;

	if (n > 3 && !strcmp(name + n - 3, ".so"))
		name[n - 3] = '\0';
	return name;
}

struct module *module_add(struct module_registry *reg, const char *path)
{
	struct module *module;

	if (reg->n_modules == reg->room) {
		size_t room = reg->room ? 2 * reg->room : 32;
		struct module **modules = realloc(reg->modules, room * sizeof(struct module *));

		if (!modules)
			return NULL;
		reg->modules = modules;
		reg->room = room;
	}
	module = calloc(1, sizeof(*module));
	if (!module)
		return NULL;
	module->registry = reg;
	module->name = path ? name_of_file(path) : strdup("");
	module->path = path ? strdup(path) : NULL;
	if (!module->name || (path && !module->path)) {
		module_destroy(module);
		return NULL;
	}
	reg->modules[reg->n_modules++] = module;
	return module;
}

void module_note(struct module *module, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return;
	free(module->reason);
	module->reason = copy;
}

int module_refuse(struct module *module, const struct aios_status *st)
{
	module->state = MODULE_REFUSED;
	module_note(module, st->message);
	module_log(module->registry, AIOS_LOG_DEBUG, "%s refused: %s", module_path(module),
		   st->message);
	return st->code;
}

/* ---- registration ---------------------------------------------------------- */

int module_check_unique(const struct module *module, uint32_t kind, const char *name,
			struct aios_status *st)
{
	const struct module_registry *reg = module->registry;

	for (size_t i = 0; i < reg->n_modules; i++) {
		const struct module *other = reg->modules[i];

		if (other == module || other->state == MODULE_REFUSED || other->kind != kind ||
		    strcmp(other->name, name))
			continue;
		return aios_fail(st, -EEXIST, "%s '%s' exists already: %s", module_kind_name(kind),
				 name, module_path(other));
	}
	return 0;
}

static void host_log(void *ctx, int level, const char *message)
{
	const struct module *module = ctx;
	const struct module_registry *reg = module->registry;

	if (reg->log)
		reg->log(reg->log_ctx, level, module->name, message);
}

static const char *host_param(void *ctx, const char *name)
{
	const struct module *module = ctx;

	for (uint32_t i = 0; i < module->n_params; i++)
		if (!strcmp(module->params[i].name, name))
			return module->values[i];
	return NULL;
}

static int check_descriptor(const struct module *module, const struct aios_module *desc,
			    struct aios_status *st)
{
	const struct kind *kind;
	int err;

	if (desc->size < sizeof(*desc))
		return aios_fail(st, -EINVAL, "its descriptor has %u bytes, expected %zu",
				 desc->size, sizeof(*desc));
	err = abi_check(desc->abi_major, desc->abi_minor, desc->abi_hash, st);
	if (err)
		return err;
	kind = kind_get(desc->kind);
	if (!kind)
		return aios_fail(st, -EINVAL, "its kind %u is unknown", desc->kind);
	if (!desc->name || !module_name_valid(desc->name))
		return aios_fail(st, -EINVAL,
				 "its name '%.64s' is not lower case letters, digits and '-'",
				 desc->name ? desc->name : "");
	if (desc->n_params && !desc->params)
		return aios_fail(st, -EINVAL, "it has %u parameters but no list of them",
				 desc->n_params);
	err = module_check_unique(module, desc->kind, desc->name, st);
	return err ? err : kind_check_ops(kind, desc->ops, st);
}

static void free_values(char **values, uint32_t n)
{
	for (uint32_t i = 0; values && i < n; i++)
		free(values[i]);
	free(values);
}

/* The values in force, checked once more: one may come from a shared option of [aios]. */
static int copy_values(const struct aios_config *cfg, const struct aios_module *desc, char ***out,
		       struct aios_status *st)
{
	char **values = calloc(desc->n_params ? desc->n_params : 1, sizeof(*values));
	const char *kind = module_kind_name(desc->kind);
	int err = 0;

	if (!values)
		return aios_fail(st, -ENOMEM, "no memory for parameters");
	for (uint32_t i = 0; !err && i < desc->n_params; i++) {
		const struct aios_param *param = &desc->params[i];
		const char *origin = "default";
		const char *text = config_module_value(cfg, kind, desc->name, param->name, &origin);
		char what[400];

		if (!text)
			text = param->default_text;
		snprintf(what, sizeof(what), "%s: [%s.%s] %s", origin, kind, desc->name,
			 param->name);
		err = value_check(param, text, what, st);
		values[i] = err ? NULL : strdup(text);
		if (!err && !values[i])
			err = aios_fail(st, -ENOMEM, "no memory for parameters");
	}
	if (err)
		free_values(values, desc->n_params);
	else
		*out = values;
	return err;
}

static char *abi_text(const struct aios_module *desc)
{
	char text[40];

	snprintf(text, sizeof(text), "%u.%u:0x%08x", desc->abi_major, desc->abi_minor,
		 desc->abi_hash);
	return strdup(text);
}

int module_register(struct module *module, const struct aios_module *desc, struct aios_status *st)
{
	char *name = NULL, *abi = NULL, **values = NULL;
	void *ops = NULL;
	int err;

	err = check_descriptor(module, desc, st);
	if (!err)
		err = config_declare(module->registry->cfg, module_kind_name(desc->kind),
				     desc->name, desc->params, desc->n_params, st);
	if (!err)
		err = copy_values(module->registry->cfg, desc, &values, st);
	if (err)
		return err;
	ops = kind_copy_ops(kind_get(desc->kind), desc->ops);
	name = strdup(desc->name);
	abi = abi_text(desc);
	if (!ops || !name || !abi) {
		err = aios_fail(st, -ENOMEM, "no memory for the module");
		goto free_all;
	}
	free(module->name);
	free(module->abi);
	module->name = name;
	module->abi = abi;
	module->kind = desc->kind;
	module->ops = ops;
	module->params = (struct aios_param *)(uintptr_t)desc->params;
	module->n_params = desc->n_params;
	module->values = values;
	module->host = (struct aios_host){
		.size = sizeof(module->host),
		.abi_minor = AIOS_ABI_MINOR,
		.ctx = module,
		.log = host_log,
		.param = host_param,
	};
	module->state = MODULE_LOADED;
	return 0;

free_all:
	free(abi);
	free(name);
	free(ops);
	free_values(values, desc->n_params);
	return err;
}

void module_unregister(struct module *module)
{
	free(module->ops);
	free_values(module->values, module->n_params);
	module->ops = NULL;
	module->values = NULL;
	module->params = NULL;
	module->n_params = 0;
}

static void refuse_builtin(struct module *module, const struct aios_module *desc,
			   const struct aios_status *why)
{
	if (desc->name && !*module->name) {
		free(module->name);
		module->name = strdup(desc->name);
	}
	module->kind = desc->kind;
	module_refuse(module, why);
	module_log(module->registry, AIOS_LOG_ERROR, "built-in module '%s': %s",
		   desc->name ? desc->name : "", why->message);
}

/* The metadata and the machine first, as with a file. */
static int add_builtin(struct module *module, const struct module_builtin *builtin,
		       struct aios_status *st)
{
	struct isa_regs regs = isa_read();
	int err = 0;

	if (builtin->info < builtin->info_end)
		err = modinfo_parse(&module->info, builtin->info,
				    (size_t)(builtin->info_end - builtin->info), st);
	if (!err && module->info.isa)
		err = isa_check(module->info.isa, &regs, st);
	return err ? err : module_register(module, builtin->module, st);
}

int module_registry_add_builtin(struct module_registry *reg, const struct module_builtin *list,
				size_t n, struct aios_status *st)
{
	struct aios_status own = { 0 };
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		const struct aios_module *desc = list[i].module;
		struct module *module = module_add(reg, NULL);
		int err;

		if (!module)
			return aios_fail(st, -ENOMEM, "no memory for the built-in modules");
		err = add_builtin(module, &list[i], &own);
		if (!err)
			continue;
		refuse_builtin(module, desc, &own);
		if (!first)
			first = aios_fail(st, err, "built-in module '%.60s': %s",
					  desc->name ? desc->name : "", own.message);
	}
	return first;
}

/* ---- files ----------------------------------------------------------------- */

static struct module *find_path(const struct module_registry *reg, const char *real)
{
	for (size_t i = 0; i < reg->n_modules; i++)
		if (reg->modules[i]->path && !strcmp(reg->modules[i]->path, real))
			return reg->modules[i];
	return NULL;
}

/* The reason with the file before it, as callers outside the journal see it. */
static int fail_with_path(const struct module *module, int code, struct aios_status *st)
{
	return aios_fail(st, code, "%s: %s", module->path,
			 module->reason ? module->reason : "refused");
}

int module_registry_add_file(struct module_registry *reg, const char *path, struct module **out,
			     struct aios_status *st)
{
	struct aios_status own = { 0 };
	char real[PATH_MAX];
	struct module *module;
	int err;

	if (!realpath(path, real))
		return aios_fail(st, -errno, "%s: %s", path, strerror(errno));
	module = find_path(reg, real);
	if (!module) {
		module = module_add(reg, real);
		if (!module)
			return aios_fail(st, -ENOMEM, "%s: no memory", path);
		err = loader_inspect(module, &own);
		if (!err)
			err = module_check_unique(module, module->kind, module->name, &own);
		if (err)
			module_refuse(module, &own);
		else
			module->state = MODULE_FOUND;
	}
	if (out)
		*out = module;
	if (module->state == MODULE_REFUSED)
		return fail_with_path(module, own.code ? own.code : -ENOEXEC, st);
	return 0;
}

static int is_so(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 3 && entry->d_name[0] != '.' && !strcmp(entry->d_name + n - 3, ".so");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int scan_folder(struct module_registry *reg, struct module_folder *folder,
		       struct aios_status *st)
{
	struct dirent **entries = NULL;
	int n = scandir(folder->path, &entries, is_so, by_name);
	int err = 0;

	if (n < 0) {
		folder->err = -errno;
		return errno == ENOMEM ?
			       aios_fail(st, -ENOMEM, "no memory to read %s", folder->path) :
			       0;
	}
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		struct aios_status own;

		if (snprintf(path, sizeof(path), "%s/%s", folder->path, entries[i]->d_name) <
		    (int)sizeof(path))
			err = module_registry_add_file(reg, path, NULL, &own);
		if (err == -ENOMEM)
			break;
		folder->files++;
		free(entries[i]);
		entries[i] = NULL;
		err = 0;
	}
	if (err)
		aios_fail(st, err, "no memory to read %s", folder->path);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return err;
}

/* Files that [aios] driver names: a refusal is told when the driver is selected. */
static int scan_named(struct module_registry *reg, struct aios_status *st)
{
	const char *list = aios_config_get(reg->cfg, "aios", "driver");

	while (list && *list) {
		size_t n = strcspn(list, ",");
		char path[PATH_MAX];
		struct aios_status own;

		if (n < sizeof(path) && memchr(list, '/', n)) {
			memcpy(path, list, n);
			path[n] = '\0';
			if (module_registry_add_file(reg, path, NULL, &own) == -ENOMEM)
				return aios_fail(st, -ENOMEM, "no memory to read %s", path);
		}
		list += n + (list[n] == ',');
	}
	return 0;
}

/* Tell the configuration which [KIND.NAME] sections may exist: refused modules count. */
static int tell_config(struct module_registry *reg, struct aios_status *st)
{
	char **sections = calloc(reg->n_modules + 1, sizeof(*sections));
	size_t n = 0;
	int err = sections ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < reg->n_modules; i++) {
		const struct module *module = reg->modules[i];
		const char *kind = module_kind_name(module->kind);

		if (asprintf(&sections[n], "%s.%s", kind ? kind : "driver", module->name) < 0)
			err = -ENOMEM;
		else
			n++;
	}
	if (err)
		aios_fail(st, err, "no memory for the list of modules");
	else
		err = config_set_modules(reg->cfg, (const char *const *)sections, n, st);
	for (size_t i = 0; i < n; i++)
		free(sections[i]);
	free(sections);
	return err;
}

int module_registry_scan(struct module_registry *reg, struct aios_status *st)
{
	int err;

	if (reg->scanned)
		return aios_fail(st, -EALREADY, "the folders have been searched");
	reg->scanned = true;
	err = scan_named(reg, st);
	if (!err)
		err = search_folders(reg, st);
	for (size_t i = 0; !err && i < reg->n_folders; i++)
		err = scan_folder(reg, &reg->folders[i], st);
	return err ? err : tell_config(reg, st);
}

/* ---- use ------------------------------------------------------------------- */

static struct module *find_accepted(const struct module_registry *reg, uint32_t kind,
				    const char *name)
{
	for (size_t i = 0; i < reg->n_modules; i++) {
		struct module *module = reg->modules[i];

		if (module->state != MODULE_REFUSED && module->kind == kind &&
		    !strcmp(module->name, name))
			return module;
	}
	return NULL;
}

/* No accepted module has the name: say why a refused one was, or what name is close. */
static int not_found(const struct module_registry *reg, uint32_t kind, const char *name,
		     struct aios_status *st)
{
	const char *words[64], *close;
	size_t n = 0;

	for (size_t i = 0; i < reg->n_modules; i++) {
		const struct module *module = reg->modules[i];

		if (module->state == MODULE_REFUSED && !strcmp(module->name, name) &&
		    (module->kind == kind || !module->kind))
			return aios_fail(st, -ENOEXEC, "%s '%s' (%s) is refused: %s",
					 module_kind_name(kind), name, module_path(module),
					 module->reason ? module->reason : "");
		if (module->kind == kind && n < sizeof(words) / sizeof(words[0]))
			words[n++] = module->name;
	}
	close = aios_suggest(name, words, n);
	return aios_fail(
		st, -ENOENT,
		"no %s is named '%.60s'%s%s ('aios driver list --why' shows all candidates)",
		module_kind_name(kind), name, close ? ", did you mean " : "", close ? close : "");
}

int module_get(struct module_registry *reg, uint32_t kind, const char *name, struct module **out,
	       struct aios_status *st)
{
	struct module *module = find_accepted(reg, kind, name);
	struct aios_status own = { 0 };

	if (!kind_get(kind))
		return aios_fail(st, -EINVAL, "kind %u of module is unknown", kind);
	if (!module)
		return not_found(reg, kind, name, st);
	if (module->state == MODULE_FOUND) {
		int err = loader_load(module, &own);

		/* Memory may be there the next time; anything else stays as it is. */
		if (err == -ENOMEM)
			return aios_fail(st, err, "%s: %s", module->path, own.message);
		if (err) {
			module_refuse(module, &own);
			return fail_with_path(module, err, st);
		}
		module_log(reg, AIOS_LOG_DEBUG, "loaded %s '%s' from %s", module_kind_name(kind),
			   module->name, module->path);
	}
	module->refs++;
	*out = module;
	return 0;
}

void module_put(struct module *module)
{
	if (module && module->refs)
		module->refs--;
}

int module_unload(struct module *module, struct aios_status *st)
{
	if (module->refs)
		return aios_fail(st, -EBUSY, "module '%s' is in use (%u references)", module->name,
				 module->refs);
	if (!module->handle)
		return aios_fail(st, -EINVAL, "module '%s' is %s", module->name,
				 module->path ? "not loaded" : "built in");
	module_unregister(module);
	loader_close(module);
	module->state = MODULE_FOUND;
	return 0;
}

/* Sorted by name without sorting: the least name that is greater than the last one. */
struct module *module_next(struct module_registry *reg, uint32_t kind, const struct module *after)
{
	struct module *best = NULL;

	for (size_t i = 0; i < reg->n_modules; i++) {
		struct module *module = reg->modules[i];

		if (module->state == MODULE_REFUSED || module->kind != kind ||
		    (after && strcmp(module->name, after->name) <= 0))
			continue;
		if (!best || strcmp(module->name, best->name) < 0)
			best = module;
	}
	return best;
}

const void *module_ops(const struct module *module)
{
	return module->ops;
}

const struct aios_host *module_host(const struct module *module)
{
	return &module->host;
}

uint32_t module_kind(const struct module *module)
{
	return module->kind;
}

const char *module_name(const struct module *module)
{
	return module->name;
}

const char *module_path(const struct module *module)
{
	return module->path ? module->path : "built in";
}

const struct aios_param *module_params(const struct module *module, uint32_t *n)
{
	*n = module->n_params;
	return module->n_params ? module->params : NULL;
}

bool module_has_alias(const struct module *module, const char *text)
{
	for (unsigned i = 0; i < module->info.n_aliases; i++)
		if (!strcmp(module->info.aliases[i], text))
			return true;
	return false;
}
