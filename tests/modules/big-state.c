/* SPDX-License-Identifier: Apache-2.0 */
/* big-state - keeps state at file scope. */
#include "mock.h"

static unsigned char cache[65536];

static int launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	(void)dev;
	(void)queue;
	(void)st;
	memset(cache, (int)op->size, sizeof(cache));
	return cache[op->type];
}

static const struct aios_driver_ops ops = { MOCK_OPS_REST, .probe = mock_probe, .launch = launch };
AIOS_DRIVER(big_state, "big-state", &ops, NULL, 0);
