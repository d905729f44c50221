/* SPDX-License-Identifier: Apache-2.0 */
/* bad-isa - its code is for another family of machines. */
#include "mock.h"

static const struct aios_driver_ops ops = { MOCK_OPS };
#if defined(__x86_64__)
AIOS_MODULE_INFO(isa, "aarch64");
#else
AIOS_MODULE_INFO(isa, "x86-64");
#endif
AIOS_DRIVER(bad_isa, "bad-isa", &ops, NULL, 0);
