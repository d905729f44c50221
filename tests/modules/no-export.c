/* SPDX-License-Identifier: Apache-2.0 */
/* no-export - does not export aios_module: its version script hides everything. */
#include "mock.h"

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_DRIVER(no_export, "no-export", &ops, NULL, 0);
