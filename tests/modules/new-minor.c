/* SPDX-License-Identifier: Apache-2.0 */
/* new-minor - built for a minor of the ABI that this core does not have yet. */
#include "mock.h"

#undef AIOS_ABI_MINOR
#define AIOS_ABI_MINOR 9999

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_DRIVER(new_minor, "new-minor", &ops, NULL, 0);
