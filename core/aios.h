/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aios.h - the context: configuration, modules, engines. Made by init.c.
 */
#ifndef CORE_AIOS_H
#define CORE_AIOS_H

#include <aios/aios.h>

#include "core/device/device.h"

struct module;
struct module_registry;

struct aios {
	struct aios_config *config; /* the caller's */
	struct module_registry *modules;
	aios_log_fn log;
	void *log_ctx;
	struct aios_engine *engines; /* open ones */
};

/* Open the configured driver's chosen device with the configured hooks over it; device_put() closes it. */
int context_open_device(struct aios *aios, struct device **out, struct aios_status *st);

/* Open a device of the first usable driver in `list`, without hooks; `origin` says who asks. */
int context_open_driver(struct aios *aios, const char *list, const char *origin,
			struct device **out, struct aios_status *st);

/* The sampler plugin; module_put() it. */
int context_sampler(struct aios *aios, struct module **module, const struct aios_sampler_ops **ops,
		    struct aios_status *st);

#endif /* CORE_AIOS_H */
