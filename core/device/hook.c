// SPDX-License-Identifier: Apache-2.0
#include "core/device/hook.h"

#include <stdlib.h>
#include <string.h>

/* What a hook's device stands on; given back after it has closed. */
struct hook_base {
	struct device *below;
	struct device *reference; /* or NULL */
	void *owner;
	void (*owner_put)(void *owner);
};

static void hook_base_put(void *arg)
{
	struct hook_base *base = arg;

	device_put(base->reference);
	device_put(base->below);
	base->owner_put(base->owner);
	free(base);
}

static struct aios_below below_of(const struct device *dev)
{
	struct aios_below below = { .ops = NULL };

	if (dev) {
		below.ops = dev->ops;
		below.dev = dev->dev;
		below.driver = dev->driver;
	}
	return below;
}

int device_wrap(struct device **dev, const struct device_hook *hook, const char *args,
		struct device *reference, struct aios_status *st)
{
	struct aios_hook_attach attach = {
		.size = sizeof(attach),
		.device = below_of(*dev),
		.reference = below_of(reference),
		.args = args,
	};
	struct hook_base *base = malloc(sizeof(*base));
	struct device *wrapper;
	void *wrapped = NULL;
	int rc;

	if (!base)
		return aios_fail(st, -ENOMEM, "no memory for the hook %s", hook->name);
	*base = (struct hook_base){ *dev, reference, hook->owner, hook->owner_put };
	aios_status_clear(st);
	rc = hook->ops->wrap(hook->host, &attach, &wrapped, st);
	if (rc < 0) {
		if (st && st->code == 0)
			aios_fail(st, rc, "hook %s: %s", hook->name, strerror(-rc));
		goto free_base;
	}
	rc = device_adopt((*dev)->driver, hook->table, hook->host, wrapped, &wrapper, st);
	if (rc < 0)
		goto free_base;
	wrapper->owner = base;
	wrapper->owner_put = hook_base_put;
	*dev = wrapper;
	return 0;

free_base:
	free(base);
	return rc;
}
