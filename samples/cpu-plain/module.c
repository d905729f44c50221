// SPDX-License-Identifier: Apache-2.0
/* module.c - metadata, parameters, devices, and the table of slots. */
#include <stdlib.h>

#include "driver.h"

/*
 * Which devices are there? Cheap, and without side effects: it is called to list devices that
 * nobody will use. The id stays the same from day to day ("pci:0000:3b:00.0"). A device that is
 * there and cannot be used has a negative score, and a reason that says why.
 */
static int drv_probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		     struct aios_status *st)
{
	(void)host;
	(void)st;
	if (cap > 0) {
		out[0].score = 0; /* usable, and chosen only by name: raise it when it is fast */
		out[0].index = 0;
		out[0].memory = 0;
		snprintf(out[0].id, sizeof(out[0].id), "%s", DRIVER_DEVICE_ID);
		snprintf(out[0].name, sizeof(out[0].name), "this computer's processor");
		snprintf(out[0].reason, sizeof(out[0].reason), "plain C, one thread");
	}
	return 1;
}

static int drv_open(const struct aios_host *host, uint32_t index, void **out,
		    struct aios_status *st)
{
	struct drv_device *dev;

	if (index != 0)
		return aios_fail(st, -ENODEV, "there is no device %u, only 0", index);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return aios_fail(st, -ENOMEM, "no memory for the device");
	dev->host = host;
	/* Checked against its bounds already, and never NULL for a name in drv_params. */
	dev->limit = strtoull(host->param(host->ctx, "memory"), NULL, 10) << 20;
	*out = dev;
	return 0;
}

static void drv_close(void *dev)
{
	free(dev);
}

static int drv_device_info(void *dev, struct aios_device_info *info, struct aios_status *st)
{
	(void)dev;
	(void)st;
	info->wave = 1;
	info->units = 1;
	/* A bit is a promise: all that its profile needs is there, bit for bit. */
	info->profiles = 1u << AIOS_PROFILE_FMA32 | 1u << AIOS_PROFILE_I8;
	info->best_profile = AIOS_PROFILE_FMA32;
	info->op_types = 0;
	for (uint32_t type = 0; type < AIOS_OP_COUNT; type++)
		if (drv_ops[type].run)
			info->op_types |= (uint64_t)1 << type;
	snprintf(info->id, sizeof(info->id), "%s", DRIVER_DEVICE_ID);
	snprintf(info->name, sizeof(info->name), "this computer's processor");
	snprintf(info->runtime, sizeof(info->runtime), "plain C, one thread");
	return 0;
}

static const struct aios_driver_ops drv_table = {
	.size = sizeof(drv_table),
	.probe = drv_probe,
	.open = drv_open,
	.quiesce = drv_quiesce,
	.close = drv_close,
	.device_info = drv_device_info,
	.heap_info = drv_heap_info,
	.mem_alloc = drv_mem_alloc,
	.mem_free = drv_mem_free,
	.queue_create = drv_queue_create,
	.queue_destroy = drv_queue_destroy,
	.query_op = drv_query_op,
	.launch = drv_launch,
	.copy = drv_copy,
	.fill = drv_fill,
	.signal = drv_signal,
	.wait = drv_wait,
	/* Optional: queue_wait, weight_layout, mem_import, graph_..., reset, elapsed. */
};

/* What a user may set under [driver.cpu-plain], or as --set driver.cpu-plain.memory=512. */
static const struct aios_param drv_params[] = {
	{ "memory", AIOS_PARAM_INT, "4096", 1, 1 << 20, NULL, "size of each heap, MiB" },
};

/* Data that is read before any code of this file runs. Tags: <aios/module.h>. */
AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "a sample: every op of fma32 and i8 on one device, in plain C");
AIOS_MODULE_INFO(version, "1.0");
AIOS_MODULE_INFO(isa, DRIVER_ISA); /* what the Makefile compiles for */
AIOS_DRIVER(cpu_plain, DRIVER_NAME, &drv_table, drv_params, 1);
