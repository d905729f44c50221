/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unwise - breaks no rule of the loader, and nearly every one of good sense: it prints, asks libm,
 * sets a signal's handler, tells two numbers of devices, and keeps state in variables with names.
 */
#include <math.h>
#include <signal.h>

#include "mock.h"

static volatile int counter;
static char kept[100] = { 1 };

static int probe(const struct aios_host *host, struct aios_device_desc *out, uint32_t cap,
		 struct aios_status *st)
{
	(void)host, (void)st;
	counter++;
	kept[counter % 100]++;
	signal(SIGUSR2, SIG_IGN);
	puts("hello from a driver");
	if (cap > 0) {
		snprintf(out[0].id, sizeof(out[0].id), "unwise%g", (double)expf((float)counter));
		out[0].score = kept[1];
	}
	return cap > 0 ? 1 : 2;
}

static const struct aios_driver_ops ops = { MOCK_OPS_REST, .probe = probe, .launch = mock_launch };
AIOS_DRIVER(unwise, "unwise", &ops, NULL, 0);
