// SPDX-License-Identifier: Apache-2.0
/*
 * open_device.c - from the configuration to a device: the chosen driver's, with
 * the hooks that were asked for over it.
 */
#include <stdlib.h>
#include <string.h>

#include "core/aios.h"
#include "core/conform/certificate.h"
#include "core/device/hook.h"
#include "core/module/kinds.h"
#include "core/module/registry.h"
#include "core/module/select.h"

#define MAX_HOOKS 8
#define HOOK_TEXT 512

static void put_module(void *module)
{
	module_put(module);
}

/* Open what was selected; the device holds the module. */
static int open_selected(const struct selected_driver *sel, struct device **out,
			 struct aios_status *st)
{
	int rc = device_open(sel->name, sel->ops, sel->host, sel->device.index, out, st);

	if (rc < 0) {
		module_put(sel->module);
		return rc;
	}
	(*out)->owner = sel->module;
	(*out)->owner_put = put_module;
	return 0;
}

int context_open_driver(struct aios *aios, const char *list, const char *origin,
			struct device **out, struct aios_status *st)
{
	struct selected_driver sel;
	int rc = module_select_named(aios->modules, list, origin, &sel, st);

	return rc < 0 ? rc : open_selected(&sel, out, st);
}

/* One entry of the list of hooks. */
struct hook_entry {
	char name[64];
	char args[HOOK_TEXT];
};

static bool is_hook(struct aios *aios, const char *word, size_t len)
{
	struct module *m = NULL;

	while ((m = module_next(aios->modules, AIOS_KIND_HOOK, m)) != NULL) {
		if (strlen(module_name(m)) == len && memcmp(module_name(m), word, len) == 0)
			return true;
	}
	return false;
}

/* A word that names no hook belongs to the arguments of the hook before it: "shadow:cpu-ref,1/64". */
static int add_word(struct aios *aios, struct hook_entry *hooks, uint32_t *n, const char *word,
		    size_t len, struct aios_status *st)
{
	size_t name_len = strcspn(word, ":,"), at;
	struct hook_entry *h;

	if (name_len > len)
		name_len = len;
	if (is_hook(aios, word, name_len)) {
		if (*n == MAX_HOOKS)
			return aios_fail(st, -E2BIG, "--hook names more than %d hooks", MAX_HOOKS);
		h = &hooks[(*n)++];
		snprintf(h->name, sizeof(h->name), "%.*s", (int)name_len, word);
		word += name_len + (name_len < len);
		len -= name_len + (name_len < len);
		at = 0;
	} else if (*n > 0) {
		h = &hooks[*n - 1];
		at = strlen(h->args);
		at += (size_t)snprintf(h->args + at, sizeof(h->args) - at, ",");
	} else {
		return aios_fail(st, -ENOENT,
				 "there is no hook '%.*s' ('aios driver list --why' shows the "
				 "hooks that were found)",
				 (int)name_len, word);
	}
	if (at + len >= sizeof(h->args))
		return aios_fail(st, -E2BIG, "the arguments of hook %s are too long", h->name);
	snprintf(h->args + at, sizeof(h->args) - at, "%.*s", (int)len, word);
	return 0;
}

static int parse_hooks(struct aios *aios, const char *list, struct hook_entry *hooks, uint32_t *n,
		       struct aios_status *st)
{
	size_t len;
	int rc = 0;

	memset(hooks, 0, MAX_HOOKS * sizeof(*hooks));
	for (*n = 0; list && *list && rc == 0; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		rc = add_word(aios, hooks, n, list, len, st);
	}
	return rc;
}

/* What keeps a hook's code and table alive. */
struct hook_owner {
	struct module *module;
	struct aios_driver_ops *table;
};

static void hook_owner_put(void *arg)
{
	struct hook_owner *owner = arg;

	free(owner->table);
	module_put(owner->module);
	free(owner);
}

/* Load a hook; its table becomes a whole driver's, though nobody probes or opens it. */
static int load_hook(struct aios *aios, const char *name, struct device_hook *out,
		     struct aios_status *st)
{
	struct hook_owner *owner = calloc(1, sizeof(*owner));
	int rc;

	if (!owner)
		return aios_fail(st, -ENOMEM, "no memory for the hook %s", name);
	rc = module_get(aios->modules, AIOS_KIND_HOOK, name, &owner->module, st);
	if (rc < 0) {
		free(owner);
		return rc;
	}
	out->name = module_name(owner->module);
	out->ops = module_ops(owner->module);
	out->host = module_host(owner->module);
	out->owner = owner;
	out->owner_put = hook_owner_put;
	rc = kind_check_hook_table(out->ops->ops, st);
	if (rc == 0) {
		owner->table = kind_copy_ops(kind_get(AIOS_KIND_DRIVER), out->ops->ops);
		if (!owner->table)
			rc = aios_fail(st, -ENOMEM, "no memory for the hook %s", name);
	}
	out->table = owner->table;
	if (rc < 0)
		hook_owner_put(owner);
	return rc;
}

static int wrap_one(struct aios *aios, const struct hook_entry *entry, struct device **dev,
		    struct aios_status *st)
{
	struct device *reference = NULL;
	struct device_hook hook;
	char name[64] = "";
	int rc = load_hook(aios, entry->name, &hook, st);

	if (rc < 0)
		return rc;
	rc = hook.ops->reference(entry->args, name, st);
	name[sizeof(name) - 1] = '\0';
	if (rc == 0 && name[0])
		rc = context_open_driver(aios, name, "--hook", &reference, st);
	if (rc == 0)
		rc = device_wrap(dev, &hook, entry->args, reference, st);
	if (rc < 0) {
		device_put(reference);
		hook.owner_put(hook.owner);
	}
	return rc;
}

/* With [aios] certificate the device must have been proven; hooks are not part of the proof. */
static int check_certificate(struct aios *aios, const struct selected_driver *sel,
			     const struct device *dev, struct aios_status *st)
{
	const char *path = aios_config_get(aios->config, "aios", "require_certificate");
	const char *file = module_path(sel->module);
	struct certificate_subject subject = {
		.driver = sel->name,
		.file = strcmp(file, "built in") == 0 ? "/proc/self/exe" : file,
		.device = dev->info.id,
		.runtime = dev->info.runtime,
		.profile = aios_config_get(aios->config, "aios", "numerics"),
	};
	int64_t level = 0;

	if (!path || !path[0])
		return 0;
	aios_config_get_int(aios->config, "aios", "certificate_level", &level);
	return certificate_check(path, (uint32_t)level, &subject, st);
}

int context_open_device(struct aios *aios, struct device **out, struct aios_status *st)
{
	struct hook_entry hooks[MAX_HOOKS];
	struct selected_driver sel;
	struct device *dev;
	uint32_t n;
	int rc;

	rc = parse_hooks(aios, aios_config_get(aios->config, "aios", "hook"), hooks, &n, st);
	if (rc == 0)
		rc = module_select_driver(aios->modules, &sel, st);
	if (rc == 0)
		rc = open_selected(&sel, &dev, st);
	if (rc < 0)
		return rc;
	rc = check_certificate(aios, &sel, dev, st);
	/* The first in the list is nearest to the core: it goes on last. */
	while (n > 0 && rc == 0)
		rc = wrap_one(aios, &hooks[--n], &dev, st);
	if (rc < 0) {
		device_put(dev);
		return rc;
	}
	*out = dev;
	return 0;
}
