/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.h - every module this process knows: the built-in ones and the .so files
 * that were found. Both go through module_register(), which is all or nothing.
 *
 * A candidate is found (metadata read and accepted), loaded (registered, its code
 * may run) or refused (with a reason that stays in the journal). A pair of kind
 * and name is unique; the first candidate has it: built-in modules, then files
 * named in --driver, then the folders in the order of the search.
 *
 * Threads: one at a time, except module_ops(), module_host(), module_name() and what a
 * module does with its host. Nothing here is global: two registries do not meet.
 */
#ifndef CORE_MODULE_REGISTRY_H
#define CORE_MODULE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/aios.h>
#include <aios/config.h>
#include <aios/error.h>
#include <aios/log.h>
#include <aios/module.h>

struct module;
struct module_registry;

/* `cfg` is borrowed and must outlive the registry. `log` may be NULL. */
int module_registry_create(struct aios_config *cfg, aios_log_fn log, void *log_ctx,
			   struct module_registry **out, struct aios_status *st);

/*
 * Takes NULL. Every reference must have been put. Files stay mapped: a vendor's
 * library may have threads in it (module_unload() is the explicit way).
 */
void module_registry_destroy(struct module_registry *reg);

/* A module that is part of this program. Static storage. */
struct module_builtin {
	const struct aios_module *module;
	const char *info, *info_end; /* its metadata section; equal or NULL: none */
};

/*
 * Register built-in modules. One that is refused is journaled, logged as an
 * error, and does not hinder the others; the first such failure is returned.
 */
int module_registry_add_builtin(struct module_registry *reg, const struct module_builtin *list,
				size_t n, struct aios_status *st);

/*
 * Read the metadata of every candidate: files named in [aios] driver, then *.so in
 * driver_path and plugin_path (command line, ini, environment), then in the
 * build's or installation's folder. No code of theirs runs; refusals go to the
 * journal. Fails only for want of memory or when the configuration has a section
 * for a module that does not exist. Once per registry.
 */
int module_registry_scan(struct module_registry *reg, struct aios_status *st);

/*
 * Read the metadata of one file. 0 and *out (may be NULL), also when it is known
 * already; else the reason, which is in the journal too.
 */
int module_registry_add_file(struct module_registry *reg, const char *path, struct module **out,
			     struct aios_status *st);

/*
 * The module's code, loaded when it is not yet, with one more reference.
 * -ENOENT: no such module (with the closest name); else why it is refused.
 */
int module_get(struct module_registry *reg, uint32_t kind, const char *name, struct module **out,
	       struct aios_status *st);
void module_put(struct module *module); /* takes NULL */

/*
 * dlclose() a file that nobody has a reference to; it may be loaded again later.
 * -EBUSY with references, -EINVAL for a built-in module or one that is not loaded.
 */
int module_unload(struct module *module, struct aios_status *st);

/*
 * The accepted modules of a kind, sorted by name: the one after `after` (NULL: the
 * first), or NULL. Does not load.
 */
struct module *module_next(struct module_registry *reg, uint32_t kind, const struct module *after);

/* Of a loaded module. The core's copy of its table, stubs in place of absent slots. */
const void *module_ops(const struct module *module);
const struct aios_host *module_host(const struct module *module);

uint32_t module_kind(const struct module *module);
const char *module_name(const struct module *module);
const char *module_path(const struct module *module); /* "built in" or the file */

/* The parameters a loaded module declares; NULL and *n 0 when it has none. */
const struct aios_param *module_params(const struct module *module, uint32_t *n);

/* True when an alias in the metadata of `module` is `text`. */
bool module_has_alias(const struct module *module, const char *text);

/* A remark for the journal about a module that is accepted but was not chosen. */
void module_note(struct module *module, const char *text);

/* The journal: candidate `index` in the order they were met; false past the last. */
bool module_report(const struct module_registry *reg, size_t index, struct aios_module_report *out);

/*
 * The journal as text of several lines: where modules of `kind` (0: any) were
 * looked for, and what became of each candidate. malloc'ed; NULL without memory.
 */
char *module_explain(const struct module_registry *reg, uint32_t kind);

struct aios_config *module_registry_config(struct module_registry *reg);

/* Log a line as "core" through the registry's sink. */
void module_log(const struct module_registry *reg, int level, const char *fmt, ...)
	AIOS_PRINTF(3, 4);

#endif /* CORE_MODULE_REGISTRY_H */
