/* SPDX-License-Identifier: Apache-2.0 */
/* bad-major - built for another major of the ABI. */
#include "mock.h"

#undef AIOS_ABI_MAJOR
#define AIOS_ABI_MAJOR 77

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_DRIVER(bad_major, "bad-major", &ops, NULL, 0);
