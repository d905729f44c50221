/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi.h - the ABI's version. Written by scripts/abi-hash; never by hand.
 * The hash covers the text (comments and white space removed) of every header a
 * driver or plugin includes. MAJOR changes when old modules cannot work,
 * MINOR when something was appended; the core knows the hash of every minor it
 * still accepts (core/module/abi.c).
 */
#ifndef AIOS_ABI_H
#define AIOS_ABI_H

#define AIOS_ABI_MAJOR 0
#define AIOS_ABI_MINOR 2
#define AIOS_ABI_HASH 0x90c17cf3

#endif /* AIOS_ABI_H */
