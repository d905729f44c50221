/* SPDX-License-Identifier: Apache-2.0 */
/* liar-name - its metadata is in order, its descriptor says something else. */
#define LIAR "liar-name"
#define SAYS_HASH AIOS_ABI_HASH
#define SAYS_KIND AIOS_KIND_DRIVER
#define SAYS_NAME "somebody-else"
#include "liar.h"
