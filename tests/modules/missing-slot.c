/* SPDX-License-Identifier: Apache-2.0 */
/* missing-slot - leaves a mandatory slot empty. */
#include "mock.h"

static const struct aios_driver_ops ops = { MOCK_OPS_REST, .probe = mock_probe };
AIOS_DRIVER(missing_slot, "missing-slot", &ops, NULL, 0);
