/* SPDX-License-Identifier: Apache-2.0 */
/* bad-name - its name has capitals. */
#include "mock.h"

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_DRIVER(bad_name, "Bad_Name", &ops, NULL, 0);
