/* SPDX-License-Identifier: Apache-2.0 */
/* needs-libc - needs a library that everybody has. */
#include "mock.h"

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_MODULE_INFO(needs, "libm.so.6");
AIOS_MODULE_INFO(description, "needs the mathematics library");
AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_DRIVER(needs_libc, "needs-libc", &ops, NULL, 0);
