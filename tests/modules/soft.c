/* SPDX-License-Identifier: Apache-2.0 */
/* soft - a good driver; its Makefile links it without relro, lazily, with an executable stack. */
#include "mock.h"

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_DRIVER(soft, "soft", &ops, NULL, 0);
