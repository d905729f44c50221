/* SPDX-License-Identifier: Apache-2.0 */
/* bad-sanitizer - built with a sanitizer that this core was not built with. */
#include "mock.h"

#undef AIOS_SANITIZER
#define AIOS_SANITIZER "memory"

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_DRIVER(bad_sanitizer, "bad-sanitizer", &ops, NULL, 0);
