/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modinfo.h - a module's metadata: the "tag=value" strings of .aios.modinfo as a
 * struct. The tags are listed in <aios/module.h>.
 */
#ifndef CORE_MODULE_MODINFO_H
#define CORE_MODULE_MODINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>
#include <aios/module.h>

#define MODINFO_MAX_BYTES 65536
#define MODINFO_MAX_NEEDS 16
#define MODINFO_MAX_ALIASES 64
#define MODULE_NAME_MAX 64

/* Strings are NULL when the tag is absent; they belong to `bytes`. */
struct modinfo {
	char *bytes; /* owned copy of the section */
	const char *name;
	const char *kind_text;
	uint32_t kind; /* enum aios_module_kind, 0: none that this core knows */
	const char *abi;
	uint16_t abi_major, abi_minor;
	uint32_t abi_hash;
	const char *sanitizer;
	const char *isa;
	const char *license, *description, *author, *version;
	bool ctors_allowed;
	const char *needs[MODINFO_MAX_NEEDS];
	unsigned n_needs;
	const char *aliases[MODINFO_MAX_ALIASES];
	unsigned n_aliases;
};

/*
 * Parse a copy of the section's bytes into *info; modinfo_finish() frees it, also
 * after a failure. -EINVAL: a malformed string, a missing or repeated tag.
 */
int modinfo_parse(struct modinfo *info, const char *bytes, size_t size, struct aios_status *st);

/* Free what *info owns and clear it. */
void modinfo_finish(struct modinfo *info);

/* True for 1 to MODULE_NAME_MAX - 1 characters of a-z, 0-9 and '-', not first or last. */
bool module_name_valid(const char *name);

/* "driver" for AIOS_KIND_DRIVER and so on, NULL for an unknown kind. Static storage. */
const char *module_kind_name(uint32_t kind);

/* The reverse; 0 for an unknown name. */
uint32_t module_kind_number(const char *name);

#endif /* CORE_MODULE_MODINFO_H */
