/* SPDX-License-Identifier: Apache-2.0 */
/* hidden-ctor - has a constructor that its metadata does not own up to. */
#include "mock.h"

static void __attribute__((constructor)) crash(void)
{
	__builtin_trap();
}

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_DRIVER(hidden_ctor, "hidden-ctor", &ops, NULL, 0);
