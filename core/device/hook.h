/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook.h - put hooks over an opened device. The result is a struct device like any
 * other; it holds what is below it.
 */
#ifndef CORE_DEVICE_HOOK_H
#define CORE_DEVICE_HOOK_H

#include <aios/driver/hook.h>

#include "core/device/device.h"

/* A hook's module, as the core holds it. */
struct device_hook {
	const char *name;
	const struct aios_hook_ops *ops;
	const struct aios_driver_ops *table; /* the hook's driver table: core-owned, complete */
	const struct aios_host *host;
	void *owner; /* keeps all of it; given to owner_put() when the device has closed */
	void (*owner_put)(void *owner);
};

/*
 * Wrap *dev: on success *dev is the hook's device, which has taken over the
 * caller's references to the device below, to `reference` (may be NULL) and to
 * hook->owner. On failure nothing is taken over and *dev is as it was.
 */
int device_wrap(struct device **dev, const struct device_hook *hook, const char *args,
		struct device *reference, struct aios_status *st);

#endif /* CORE_DEVICE_HOOK_H */
