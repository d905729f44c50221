/* SPDX-License-Identifier: Apache-2.0 */
/* needs-missing - needs a library that nobody has. */
#include "mock.h"

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_MODULE_INFO(needs, "libaios-of-the-far-future.so.9");
AIOS_DRIVER(needs_missing, "needs-missing", &ops, NULL, 0);
