/* SPDX-License-Identifier: Apache-2.0 */
/* extra-export - exports a second symbol (its version script says so). */
#include "mock.h"

__attribute__((visibility("default"))) int helper(void);

int helper(void)
{
	return 42;
}

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_DRIVER(extra_export, "extra-export", &ops, NULL, 0);
