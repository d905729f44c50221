// SPDX-License-Identifier: Apache-2.0
#include "isa.h"

#if REF_HAVE_V3

#include <cpuid.h>
#include <stdint.h>

/* Bits of x86-64-v3 by leaf and register (System V psABI, table "micro-architecture levels"). */
#define LEAF1_ECX                                                                                  \
	(1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29) /* FMA MOVBE OSXSAVE AVX F16C */
#define LEAF7_EBX (1u << 3 | 1u << 5 | 1u << 8)                /* BMI1 AVX2 BMI2 */
#define EXT1_ECX (1u << 5)                                     /* LZCNT */
#define XCR0_XMM_YMM 6u

static uint32_t xcr0(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

bool ref_cpu_has_v3(void)
{
	uint32_t a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & LEAF1_ECX) != LEAF1_ECX)
		return false;
	if ((xcr0() & XCR0_XMM_YMM) != XCR0_XMM_YMM)
		return false;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & LEAF7_EBX) != LEAF7_EBX)
		return false;
	return __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c & EXT1_ECX) == EXT1_ECX;
}

#else

bool ref_cpu_has_v3(void)
{
	return false;
}

#endif
