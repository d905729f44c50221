/* SPDX-License-Identifier: Apache-2.0 */
/* abi.h - which versions of the ABI this core accepts. */
#ifndef CORE_MODULE_ABI_H
#define CORE_MODULE_ABI_H

#include <stdint.h>

#include <aios/error.h>

/*
 * 0 when a module built against ABI major.minor with this hash works here; else
 * -ENOEXEC with what it was built for, what this core has, and what to do.
 */
int abi_check(uint16_t major, uint16_t minor, uint32_t hash, struct aios_status *st);

#endif /* CORE_MODULE_ABI_H */
