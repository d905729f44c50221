/* SPDX-License-Identifier: Apache-2.0 */
/* crash-ctor - crashes when it is loaded, and its metadata says that it must not be. */
#include "mock.h"

#undef AIOS_ABI_HASH
#define AIOS_ABI_HASH 0x0badc0de

static void __attribute__((constructor)) crash(void)
{
	__builtin_trap();
}

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_DRIVER(crash_ctor, "crash-ctor", &ops, NULL, 0);
