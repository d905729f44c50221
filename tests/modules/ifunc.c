/* SPDX-License-Identifier: Apache-2.0 */
/* ifunc - lets the dynamic linker call it to choose a function. */
#include "mock.h"

static int plain(const struct aios_op *op)
{
	return (int)op->size;
}

static int (*__attribute__((used)) resolve_measure(void))(const struct aios_op *)
{
	return plain;
}

static int measure(const struct aios_op *op) __attribute__((ifunc("resolve_measure")));

static int launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	(void)dev;
	(void)queue;
	(void)st;
	return measure(op);
}

static const struct aios_driver_ops ops = { MOCK_OPS_REST, .probe = mock_probe, .launch = launch };
AIOS_DRIVER(ifunc, "ifunc", &ops, NULL, 0);
