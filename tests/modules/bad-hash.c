/* SPDX-License-Identifier: Apache-2.0 */
/* bad-hash - built with other headers: the hash of its ABI is not ours. */
#include "mock.h"

#undef AIOS_ABI_HASH
#define AIOS_ABI_HASH 0x0badc0de

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_DRIVER(bad_hash, "bad-hash", &ops, NULL, 0);
