/* SPDX-License-Identifier: Apache-2.0 */
/*
 * id.h - the name of a set of numerics rules: runs with equal ids give equal bits.
 */
#ifndef CORE_NUMERICS_ID_H
#define CORE_NUMERICS_ID_H

#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>
#include <aios/plugin/model.h>

#define NUMERICS_ID_SIZE 64 /* bytes for an id and its NUL; ids are shorter */

/*
 * Write "aios-n1-PROFILE-XXXXXXXX" (contract version, profile, FNV-1a of the
 * canonical text) to out[size]. -EINVAL for a profile, type, S or C that the
 * contract does not have, -ENOSPC when `size` is too small (NUMERICS_ID_SIZE is not).
 */
int numerics_id(const struct aios_model_types *types, char *out, size_t size,
		struct aios_status *st);

/* The canonical text that is hashed, for reports. Same results and errors. */
int numerics_text(const struct aios_model_types *types, char *out, size_t size,
		  struct aios_status *st);

/* The profile called `name` ("fma32", "tc-sm90" ...), or -EINVAL and a message that lists them. */
int numerics_profile_parse(const char *name, uint32_t *profile, struct aios_status *st);

#endif /* CORE_NUMERICS_ID_H */
