/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa.h - what this machine can execute, as data: the `isa` tag of a module is
 * compared with it before any of the module's code runs. "x86-64-v2" to "-v4" are
 * the levels of the x86-64 psABI; a level also needs the operating system to save
 * the registers it uses (XGETBV).
 */
#ifndef CORE_MODULE_ISA_H
#define CORE_MODULE_ISA_H

#include <stdint.h>

#include <aios/error.h>

/* The registers of CPUID and XGETBV that decide the level; all zero off x86-64. */
struct isa_regs {
	uint32_t leaf1_ecx;
	uint32_t leaf7_ebx;
	uint32_t ext1_ecx; /* leaf 0x80000001 */
	uint64_t xcr0;     /* 0 unless the operating system enabled XSAVE */
};

/* Read this machine's registers. */
struct isa_regs isa_read(void);

/* The x86-64 psABI level, 1 to 4, that the registers stand for. */
int isa_x86_level(const struct isa_regs *regs);

/*
 * 0 when code built for `isa` ("x86-64-v3") runs on a machine with these
 * registers; else -ENOEXEC (not here) or -EINVAL (no such name) with the reason.
 */
int isa_check(const char *isa, const struct isa_regs *regs, struct aios_status *st);

#endif /* CORE_MODULE_ISA_H */
