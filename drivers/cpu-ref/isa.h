/* SPDX-License-Identifier: Apache-2.0 */
/* isa.h - what this CPU can run. */
#ifndef REF_ISA_H
#define REF_ISA_H

#include <stdbool.h>

/*
 * True when the CPU has all of x86-64-v3 and the operating system keeps the YMM
 * registers. By CPUID and XGETBV: __builtin_cpu_supports() would bring a
 * constructor into the module, which the loader refuses. Any thread.
 */
bool ref_cpu_has_v3(void);

#endif /* REF_ISA_H */
