/* SPDX-License-Identifier: Apache-2.0 */
/* bad-kind - a kind of module that does not exist. */
#include "mock.h"

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_MODULE_(bad_kind, "bad-kind", "gizmo", 77, &ops, NULL, 0);
