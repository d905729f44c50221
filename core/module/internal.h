/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of this folder share: the registry's and a module's insides. */
#ifndef CORE_MODULE_INTERNAL_H
#define CORE_MODULE_INTERNAL_H

#include "core/module/modinfo.h"
#include "core/module/registry.h"

enum module_state {
	MODULE_REFUSED = 0,
	MODULE_FOUND = 1,
	MODULE_LOADED = 2
};

struct module {
	struct module_registry *registry;
	enum module_state state;
	uint32_t kind;
	char *name;            /* what metadata says; of an unreadable file its name without .so */
	char *path;            /* NULL: built in */
	char *reason;          /* why it was refused, or a remark; NULL: neither */
	char *abi, *needs;     /* for the journal */
	struct modinfo info;   /* of a file */
	struct aios_host host; /* host.ctx is this module */
	void *ops;             /* the core's copy; NULL unless loaded */
	void *handle;          /* of dlopen(); NULL when built in or not loaded */
	struct aios_param *params; /* the module's own array: valid while loaded */
	char **values;             /* values of the parameters, fixed when the module was loaded */
	uint32_t n_params;
	unsigned refs;
};

/* A folder that was searched. */
struct module_folder {
	char *path;
	char *origin; /* "command line --driver-path", "installation" */
	int err;      /* 0 or -errno of reading it */
	unsigned files;
	bool drivers; /* else plugins */
};

struct module_registry {
	struct aios_config *cfg;
	aios_log_fn log;
	void *log_ctx;
	struct module **modules; /* in the order they were met */
	size_t n_modules, room;
	struct module_folder *folders;
	size_t n_folders, folder_room;
	bool scanned;
	bool left_behind; /* a thread is in a probe that did not come back: nothing may be freed */
};

/* A new, refused candidate at the end of the journal, or NULL without memory. `path` NULL: built in. */
struct module *module_add(struct module_registry *reg, const char *path);

/* Mark as refused with st->message and drop what loading gave it. Returns st->code. */
int module_refuse(struct module *module, const struct aios_status *st);

/* -EEXIST naming both when another accepted module has this kind and name. */
int module_check_unique(const struct module *module, uint32_t kind, const char *name,
			struct aios_status *st);

/*
 * The one way in: check the descriptor, its table and its parameters; then give
 * the module its copy of the table, its host and its values. All or nothing.
 */
int module_register(struct module *module, const struct aios_module *desc, struct aios_status *st);

/* Undo module_register(). Takes a module that is not loaded. */
void module_unregister(struct module *module);

/* loader.c: read and check metadata; load the code. Fill *st; leave the journal to the caller. */
int loader_inspect(struct module *module, struct aios_status *st);
int loader_load(struct module *module, struct aios_status *st);
void loader_close(struct module *module);

/* search.c: note every folder to search in reg->folders, in order. */
int search_folders(struct module_registry *reg, struct aios_status *st);

#endif /* CORE_MODULE_INTERNAL_H */
