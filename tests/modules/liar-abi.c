/* SPDX-License-Identifier: Apache-2.0 */
/* liar-abi - its metadata is in order, its descriptor says something else. */
#define LIAR "liar-abi"
#define SAYS_HASH (AIOS_ABI_HASH ^ 1u)
#define SAYS_KIND AIOS_KIND_DRIVER
#define SAYS_NAME LIAR
#include "liar.h"
