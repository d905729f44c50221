/* SPDX-License-Identifier: Apache-2.0 */
/* gnu-unique - has a symbol that the dynamic linker shares between all modules. */
#include "mock.h"

__asm__(".pushsection .data\n"
	".globl shared_by_all\n"
	".type shared_by_all, %gnu_unique_object\n"
	".size shared_by_all, 4\n"
	"shared_by_all: .long 0\n"
	".popsection\n");

static const struct aios_driver_ops ops = { MOCK_OPS };
AIOS_DRIVER(gnu_unique, "gnu-unique", &ops, NULL, 0);
