/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds.h - the kinds of modules as data: how large each ops table is, which slots
 * are mandatory, what stands in for absent optional ones. A new kind is one row.
 */
#ifndef CORE_MODULE_KINDS_H
#define CORE_MODULE_KINDS_H

#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>

struct kind_slot {
	const char *name;
	uint32_t offset;
};

struct kind {
	uint32_t table_size;
	const void *stubs; /* a whole table; NULL words are mandatory slots */
	const struct kind_slot *mandatory;
	size_t n_mandatory;
};

/* The row of an enum aios_module_kind, or NULL. */
const struct kind *kind_get(uint32_t kind);

/*
 * Check a module's table: its size, its mandatory slots. -EINVAL names the first
 * slot that is missing.
 */
int kind_check_ops(const struct kind *kind, const void *ops, struct aios_status *st);

/* The same for a hook's driver table, where nobody calls probe and open. */
int kind_check_hook_table(const void *ops, struct aios_status *st);

/* A malloc'ed copy of a checked table, absent slots filled with the stubs. */
void *kind_copy_ops(const struct kind *kind, const void *ops);

#endif /* CORE_MODULE_KINDS_H */
