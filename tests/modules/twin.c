/* SPDX-License-Identifier: Apache-2.0 */
/* twin - a second driver for the hardware of "good": the same PCI address. */
#include "mock.h"

static int probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		 struct aios_status *st)
{
	(void)host;
	(void)st;
	if (cap > 0) {
		out[0].score = 5;
		snprintf(out[0].id, sizeof(out[0].id), "twin:a");
		snprintf(out[0].alias, sizeof(out[0].alias), "pci:0000:01:00.0");
		snprintf(out[0].name, sizeof(out[0].name), "twin of good:1");
	}
	return 1;
}

static const struct aios_driver_ops ops = { MOCK_OPS_REST, .probe = probe, .launch = mock_launch };

AIOS_DRIVER(twin, "twin", &ops, NULL, 0);
