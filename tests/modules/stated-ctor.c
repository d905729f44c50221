/* SPDX-License-Identifier: Apache-2.0 */
/* stated-ctor - has a constructor on purpose, and says so. */
#include "mock.h"

static void __attribute__((constructor)) start(void)
{
	(void)strlen("a vendor's registration");
}

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_MODULE_INFO(ctors, "allowed");
AIOS_DRIVER(stated_ctor, "stated-ctor", &ops, NULL, 0);
