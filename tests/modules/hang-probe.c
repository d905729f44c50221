/* SPDX-License-Identifier: Apache-2.0 */
/* hang-probe - its probe never comes back: the watchdog must. */
#include <time.h>

#include "mock.h"

static int probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		 struct aios_status *st)
{
	const struct timespec long_time = { .tv_sec = 3600 };

	(void)host, (void)out, (void)cap, (void)st;
	while (nanosleep(&long_time, NULL) <= 0)
		;
	return 0;
}

static const struct aios_driver_ops ops = { MOCK_OPS_REST, .probe = probe, .launch = mock_launch };
AIOS_DRIVER(hang_probe, "hang-probe", &ops, NULL, 0);
