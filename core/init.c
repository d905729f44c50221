// SPDX-License-Identifier: Apache-2.0
/*
 * init.c - the boot order, on one screen: built-in modules, the metadata of those
 * on disk, then nothing until somebody asks. Drivers are loaded when a device
 * is wanted, plugins when a file is.
 */
#include <stdlib.h>
#include <string.h>

#include "core/aios.h"
#include "core/engine/engine.h"
#include "core/module/registry.h"
#include "core/module/select.h"
#include "core/numerics/id.h"
#include "generated/builtin-modules.h"

const char *aios_version(void)
{
	return AIOS_VERSION;
}

/* The default sink: one line a message, as severe as the configuration wants. */
static void log_to_stderr(void *ctx, int level, const char *module, const char *message)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	const struct aios *aios = ctx;
	const char *wanted = aios_config_get(aios->config, "aios", "log_level");
	int most = AIOS_LOG_WARN;

	for (int i = 0; i < 4 && wanted; i++) {
		if (strcmp(wanted, names[i]) == 0)
			most = i;
	}
	if (level >= 0 && level <= most)
		fprintf(stderr, "aios: %s: %s: %s\n", names[level], module, message);
}

int aios_create(struct aios_config *cfg, aios_log_fn log, void *log_ctx, struct aios **out,
		struct aios_status *st)
{
	struct aios *aios = calloc(1, sizeof(*aios));
	int rc;

	if (!aios)
		return aios_fail(st, -ENOMEM, "no memory for a context");
	aios_status_clear(st);
	aios->config = cfg;
	aios->log = log ? log : log_to_stderr;
	aios->log_ctx = log ? log_ctx : aios;
	rc = module_registry_create(cfg, aios->log, aios->log_ctx, &aios->modules, st);
	if (rc == 0)
		rc = module_registry_add_builtin(aios->modules, aios_builtin_modules,
						 aios_builtin_count, st);
	if (rc == 0)
		rc = module_registry_scan(aios->modules, st);
	if (rc < 0) {
		aios_destroy(aios);
		return rc;
	}
	*out = aios;
	return 0;
}

void aios_destroy(struct aios *aios)
{
	if (!aios)
		return;
	while (aios->engines)
		aios_engine_close(aios->engines);
	module_registry_destroy(aios->modules);
	free(aios);
}

int context_sampler(struct aios *aios, struct module **module, const struct aios_sampler_ops **ops,
		    struct aios_status *st)
{
	struct module *first = module_next(aios->modules, AIOS_KIND_SAMPLER, NULL);
	int rc;

	if (!first)
		return aios_fail(st, -ENOENT,
				 "no sampler plugin is there; 'aios driver list --why' "
				 "says where it was looked for");
	rc = module_get(aios->modules, AIOS_KIND_SAMPLER, module_name(first), module, st);
	if (rc == 0)
		*ops = module_ops(*module);
	return rc;
}

/* ---- introspection ----------------------------------------------------------- */

bool aios_module(struct aios *aios, uint32_t index, struct aios_module_report *out)
{
	return module_report(aios->modules, index, out);
}

char *aios_explain_modules(struct aios *aios, uint32_t kind)
{
	return module_explain(aios->modules, kind);
}

int aios_module_params(struct aios *aios, uint32_t kind, const char *name,
		       const struct aios_param **params, uint32_t *n, struct aios_status *st)
{
	struct module *m;
	int rc;

	aios_status_clear(st);
	rc = module_get(aios->modules, kind, name, &m, st);
	if (rc < 0)
		return rc;
	*params = module_params(m, n);
	module_put(m); /* stays loaded until the context goes */
	return 0;
}

/* Open a device briefly for its info and the id of the profile it would run. */
static int describe_device(struct aios *aios, const struct module_device *found,
			   struct aios_device_report *out, struct aios_status *st)
{
	struct aios_model_types types;
	struct engine_config config;
	struct source none;
	struct device *dev;
	int rc;

	rc = device_open(module_name(found->module), module_ops(found->module),
			 module_host(found->module), found->desc.index, &dev, st);
	if (rc < 0)
		return rc;
	out->info = dev->info;
	out->opened = true;
	memset(&none, 0, sizeof(none));
	none.info.dtype = AIOS_BF16;
	if (dev->info.profiles != 0 && engine_config_read(aios->config, &config, NULL) == 0 &&
	    engine_types(aios->config, dev, &none, &config, &types, NULL) == 0)
		numerics_id(&types, out->numerics_id, sizeof(out->numerics_id), NULL);
	device_put(dev);
	return 0;
}

int aios_devices(struct aios *aios, bool open, struct aios_device_report *out, uint32_t cap,
		 struct aios_status *st)
{
	struct module_device *found;
	uint32_t count = 0;
	size_t n;
	int rc;

	aios_status_clear(st);
	rc = module_list_devices(aios->modules, &found, &n, st);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		struct aios_device_report *r = &out[count];

		if (found[i].same_as >= 0)
			continue;
		count++;
		if (count > cap)
			continue;
		memset(r, 0, sizeof(*r));
		snprintf(r->driver, sizeof(r->driver), "%s", module_name(found[i].module));
		r->desc = found[i].desc;
		if (open && r->desc.score >= 0)
			describe_device(aios, &found[i], r, NULL);
	}
	free(found);
	return (int)count;
}

int aios_device_try(struct aios *aios, struct aios_device_info *info, struct aios_status *st)
{
	struct device *dev;
	int rc;

	aios_status_clear(st);
	rc = context_open_device(aios, &dev, st);
	if (rc < 0)
		return rc;
	*info = dev->info;
	device_put(dev);
	return 0;
}
