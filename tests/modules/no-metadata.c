/* SPDX-License-Identifier: Apache-2.0 */
/* no-metadata - a shared object with the right symbol and no metadata. */
#include "mock.h"

extern const struct aios_module aios_module;
AIOS_MODULE_EXPORT const struct aios_module aios_module = { .size = sizeof(aios_module) };
