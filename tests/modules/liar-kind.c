/* SPDX-License-Identifier: Apache-2.0 */
/* liar-kind - its metadata is in order, its descriptor says something else. */
#define LIAR "liar-kind"
#define SAYS_HASH AIOS_ABI_HASH
#define SAYS_KIND AIOS_KIND_MODEL
#define SAYS_NAME LIAR
#include "liar.h"
