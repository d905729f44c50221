/* SPDX-License-Identifier: Apache-2.0 */
/* unknown-isa - names a machine that nobody knows. */
#include "mock.h"

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_MODULE_INFO(isa, "x86-64-v9");
AIOS_DRIVER(unknown_isa, "unknown-isa", &ops, NULL, 0);
