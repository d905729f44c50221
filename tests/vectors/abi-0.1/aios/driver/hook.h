/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook.h - a hook is a driver over a driver: it wraps an opened device and passes
 * calls on, looking at them or changing them (check, trace, fault, shadow,
 * record). Hooks are named on the command line or in the ini file
 * (--hook=check,trace:out.json), never implied; the first is nearest to the core.
 *
 * The core opens the device below, then calls wrap(); from then on it uses
 * `ops` with the hook's device, and closes that before the device below.
 */
#ifndef AIOS_DRIVER_HOOK_H
#define AIOS_DRIVER_HOOK_H

#include <aios/driver/driver.h>

/* An opened device below a hook: its core-owned table (every slot callable) and its object. */
struct aios_below {
	const struct aios_driver_ops *ops;
	void *dev;
	const char *driver; /* its driver's name; lives as long as the device */
};

/* What wrap() is given; valid during the call, `device` and `reference` until close. */
struct aios_hook_attach {
	uint32_t size;
	uint32_t reserved;
	struct aios_below device; /* what to wrap */
	struct aios_below
		reference; /* a second opened device when `reference` below asks; else ops NULL */
	const char *args;  /* text behind "NAME:", "" when none */
};

struct aios_hook_ops {
	uint32_t size;
	uint32_t reserved;

	/* Mandatory. Make the hook's device object; `ops` below is its table. Parse args here. */
	int (*wrap)(const struct aios_host *host, const struct aios_hook_attach *attach, void **dev,
		    struct aios_status *st);

	/*
	 * Mandatory. The hook's driver table. probe and open are not called and stay
	 * absent; every other mandatory slot must be there. close() ends the hook,
	 * not the device below.
	 */
	const struct aios_driver_ops *ops;

	/*
	 * Optional. Name of the driver to open as reference for these args (copied
	 * into name[64]); absent: no reference. The core opens it and closes it after the hook.
	 */
	int (*reference)(const char *args, char name[64], struct aios_status *st);
};

#endif /* AIOS_DRIVER_HOOK_H */
