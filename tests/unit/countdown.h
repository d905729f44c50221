/* SPDX-License-Identifier: Apache-2.0 */
/*
 * countdown.h - let the n-th allocation fail. A test that is merged with what it tests and with
 * countdown.c has these allocators in place of libc's in all of that, and nowhere else.
 */
#ifndef TESTS_UNIT_COUNTDOWN_H
#define TESTS_UNIT_COUNTDOWN_H

extern long countdown; /* allocations until one fails; < 0: none does */

#endif /* TESTS_UNIT_COUNTDOWN_H */
