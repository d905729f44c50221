/* SPDX-License-Identifier: Apache-2.0 */
/* quit-probe - ends the process without importing any function that says so. */
#include <sys/syscall.h>
#include <unistd.h>

#include "mock.h"

static int probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		 struct aios_status *st)
{
	(void)host, (void)out, (void)cap, (void)st;
	return (int)syscall(SYS_exit_group, 3);
}

static const struct aios_driver_ops ops = { MOCK_OPS_REST, .probe = probe, .launch = mock_launch };
AIOS_DRIVER(quit_probe, "quit-probe", &ops, NULL, 0);
