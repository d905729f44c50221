/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faulty.h - the bug that is chosen, and what the files of this driver share.
 *
 * The driver is cpu-ref's own code with one bug: its sources are compiled again with
 * mutate.h in front (arithmetic), ops.c with redirect.h (whole ops), and the slots of
 * module.c stand before cpu-ref's (memory, queues, lies).
 *
 * The chosen bug is kept at file scope, which a driver must not do: the functions of
 * <aios/numerics.h> get no device, so there is no other way to reach them. All devices
 * of one process therefore have one bug.
 */
#ifndef FAULTY_H
#define FAULTY_H

#include <stdbool.h>

#include "bugs.h"

extern int faulty_now; /* enum faulty_bug; set by open */

/* Is this the bug? */
static inline bool faulty_has(enum faulty_bug bug)
{
	return __atomic_load_n(&faulty_now, __ATOMIC_RELAXED) == (int)bug;
}

/* The number of a name of the parameter 'bug'; BUG_OFF when there is none such. */
enum faulty_bug faulty_find(const char *name);

/* Name and description of a bug. Static. */
const char *faulty_name(enum faulty_bug bug);
const char *faulty_what(enum faulty_bug bug);

/* The op whose plain form has the chosen bug, or AIOS_OP_NONE; with BUG_PLAIN: any. */
bool faulty_plain(unsigned int op_type);

#endif /* FAULTY_H */
