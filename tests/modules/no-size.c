/* SPDX-License-Identifier: Apache-2.0 */
/* no-size - forgets the size of its table. */
#include "mock.h"

static const struct aios_driver_ops ops = { .probe = mock_probe };
AIOS_DRIVER(no_size, "no-size", &ops, NULL, 0);
