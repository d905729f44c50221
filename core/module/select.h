/* SPDX-License-Identifier: Apache-2.0 */
/*
 * select.h - which driver and which of its devices. Strict: the names in [aios]
 * driver are tried in order and nothing else is; without names the best score
 * over all drivers wins, which is logged.
 */
#ifndef CORE_MODULE_SELECT_H
#define CORE_MODULE_SELECT_H

#include "core/module/registry.h"

#include <aios/driver/driver.h>

struct selected_driver {
	struct module *module; /* a reference; module_put() it when the device is closed */
	const struct aios_driver_ops *ops;
	const struct aios_host *host;
	const char *name;               /* the module's */
	struct aios_device_desc device; /* open() takes device.index */
};

/*
 * Choose by the configuration: [aios] driver, and [driver.NAME] device (a number,
 * a stable id or an alias; else [aios] device; empty: the best score). 0, or the
 * reason with every name that was tried; module_explain() has the whole journal.
 */
int module_select_driver(struct module_registry *reg, struct selected_driver *out,
			 struct aios_status *st);

/* The same with this list of names in place of the configured one; `origin` says whose, for messages. */
int module_select_named(struct module_registry *reg, const char *list, const char *origin,
			struct selected_driver *out, struct aios_status *st);

/* A device and the driver that found it. */
struct module_device {
	struct module *module; /* borrowed; loaded */
	struct aios_device_desc desc;
	int same_as; /* index of a better entry for the same hardware, or -1 */
};

/*
 * The devices of every driver that can be loaded, or of those that [aios] driver
 * lists; best score first, then by driver and number. *out is malloc'ed, the caller
 * frees it. Drivers that fail are noted in the journal. -ENOENT: a listed name does not exist.
 */
int module_list_devices(struct module_registry *reg, struct module_device **out, size_t *n,
			struct aios_status *st);

#endif /* CORE_MODULE_SELECT_H */
