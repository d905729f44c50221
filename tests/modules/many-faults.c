/* SPDX-License-Identifier: Apache-2.0 */
/* many-faults - other headers, another machine, an extra export, an import of abort(). */
#include <aios/abi.h>

#undef AIOS_ABI_HASH
#define AIOS_ABI_HASH 0x0badc0de

#include "mock.h"

void helper(void);

__attribute__((visibility("default"))) void helper(void)
{
	abort();
}

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_MODULE_INFO(isa, "pdp-11");
AIOS_DRIVER(many_faults, "many-faults", &ops, NULL, 0);
