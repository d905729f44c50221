/* SPDX-License-Identifier: Apache-2.0 */
/* imports-abort - ends the process when it is in trouble. */
#include "mock.h"

static void close_or_die(void *dev)
{
	if (!dev)
		abort();
}

static int launch_or_die(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	(void)queue;
	(void)op;
	(void)st;
	close_or_die(dev);
	return 0;
}

static const struct aios_driver_ops ops = { MOCK_OPS_REST, .probe = mock_probe,
					    .launch = launch_or_die };
AIOS_DRIVER(imports_abort, "imports-abort", &ops, NULL, 0);
