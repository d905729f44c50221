/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liar.h - a driver LIAR whose metadata is in order and whose descriptor says SAYS_HASH, SAYS_KIND
 * and SAYS_NAME, one of which is something else.
 */
#include "mock.h"

static const struct aios_driver_ops ops = { MOCK_OPS };

AIOS_MODULE_INFO(name, LIAR);
AIOS_MODULE_INFO(kind, "driver");
AIOS_MODULE_INFO(sanitizer, AIOS_SANITIZER);
AIOS_MODULE_INFO(abi,
		 AIOS_STR(AIOS_ABI_MAJOR) "." AIOS_STR(AIOS_ABI_MINOR) ":" AIOS_STR(AIOS_ABI_HASH));

extern const struct aios_module aios_module;
AIOS_MODULE_EXPORT const struct aios_module aios_module = {
	.size = sizeof(aios_module),
	.abi_major = AIOS_ABI_MAJOR,
	.abi_minor = AIOS_ABI_MINOR,
	.abi_hash = SAYS_HASH,
	.kind = SAYS_KIND,
	.name = SAYS_NAME,
	.ops = &ops,
};
