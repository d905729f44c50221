// SPDX-License-Identifier: Apache-2.0
/*
 * abi.c - the accepted versions of the ABI. When a minor is frozen its hash is
 * appended here and never changed; the last row is the version of this tree.
 */
#include "core/module/abi.h"

#include <stddef.h>

#include <aios/abi.h>

static const struct {
	uint16_t minor;
	uint32_t hash;
} accepted[] = {
	{ 1, 0x33c9441f },
	{ AIOS_ABI_MINOR, AIOS_ABI_HASH },
};

int abi_check(uint16_t major, uint16_t minor, uint32_t hash, struct aios_status *st)
{
	if (major != AIOS_ABI_MAJOR)
		return aios_fail(st, -ENOEXEC,
				 "built for ABI %u.%u, this AIOS has %d.%d: rebuild the module",
				 major, minor, AIOS_ABI_MAJOR, AIOS_ABI_MINOR);
	if (minor > AIOS_ABI_MINOR)
		return aios_fail(st, -ENOEXEC,
				 "built for ABI %u.%u, this AIOS has only %d.%d: update AIOS",
				 major, minor, AIOS_ABI_MAJOR, AIOS_ABI_MINOR);
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		if (accepted[i].minor != minor)
			continue;
		if (accepted[i].hash == hash)
			return 0;
		return aios_fail(st, -ENOEXEC,
				 "built with other headers of ABI %u.%u (hash 0x%08x, expected "
				 "0x%08x): rebuild the module against this AIOS",
				 major, minor, hash, accepted[i].hash);
	}
	return aios_fail(st, -ENOEXEC,
			 "built for ABI %u.%u, which this AIOS (%d.%d) no longer accepts: rebuild "
			 "the module",
			 major, minor, AIOS_ABI_MAJOR, AIOS_ABI_MINOR);
}
