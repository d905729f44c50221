/* SPDX-License-Identifier: Apache-2.0 */
/* static-tls - wants thread-local storage that dlopen may not have. */
#include "mock.h"

static __thread int counter __attribute__((tls_model("initial-exec")));

static int launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	(void)dev;
	(void)queue;
	(void)op;
	(void)st;
	return counter++ < 0;
}

static const struct aios_driver_ops ops = { MOCK_OPS_REST, .probe = mock_probe, .launch = launch };
AIOS_DRIVER(static_tls, "static-tls", &ops, NULL, 0);
