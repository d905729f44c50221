/* SPDX-License-Identifier: Apache-2.0 */
/* crash-probe - its probe writes through NULL: only a process of its own survives that. */
#include "mock.h"

static int probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		 struct aios_status *st)
{
	(void)host, (void)out, (void)cap, (void)st;
	*(volatile int *)(uintptr_t)(cap / 4096) = 1;
	return 0;
}

static const struct aios_driver_ops ops = { MOCK_OPS_REST, .probe = probe, .launch = mock_launch };
AIOS_DRIVER(crash_probe, "crash-probe", &ops, NULL, 0);
