// SPDX-License-Identifier: Apache-2.0
/* isa.c - CPUID and XGETBV against the `isa` tag. */
#include "core/module/isa.h"

#include <stddef.h>
#include <string.h>

/* CPUID bits, by the names of the psABI. */
enum {
	C1_SSE3 = 1u << 0,
	C1_SSSE3 = 1u << 9,
	C1_FMA = 1u << 12,
	C1_CX16 = 1u << 13,
	C1_SSE41 = 1u << 19,
	C1_SSE42 = 1u << 20,
	C1_MOVBE = 1u << 22,
	C1_POPCNT = 1u << 23,
	C1_OSXSAVE = 1u << 27,
	C1_AVX = 1u << 28,
	C1_F16C = 1u << 29,
	B7_BMI1 = 1u << 3,
	B7_AVX2 = 1u << 5,
	B7_BMI2 = 1u << 8,
	B7_AVX512F = 1u << 16,
	B7_AVX512DQ = 1u << 17,
	B7_AVX512CD = 1u << 28,
	B7_AVX512BW = 1u << 30,
	E1_LAHF = 1u << 0,
	E1_LZCNT = 1u << 5,
};
#define B7_AVX512VL 0x80000000u

/* State that the operating system saves: XMM and YMM; with opmask and ZMM. */
#define XCR0_YMM 0x06u
#define XCR0_ZMM 0xe6u

static const struct isa_regs levels[5] = {
	[2] = {
		.leaf1_ecx = C1_SSE3 | C1_SSSE3 | C1_CX16 | C1_SSE41 | C1_SSE42 | C1_POPCNT,
		.ext1_ecx = E1_LAHF,
	},
	[3] = {
		.leaf1_ecx = C1_FMA | C1_MOVBE | C1_OSXSAVE | C1_AVX | C1_F16C,
		.leaf7_ebx = B7_BMI1 | B7_AVX2 | B7_BMI2,
		.ext1_ecx = E1_LZCNT,
		.xcr0 = XCR0_YMM,
	},
	[4] = {
		.leaf7_ebx = B7_AVX512F | B7_AVX512DQ | B7_AVX512CD | B7_AVX512BW | B7_AVX512VL,
		.xcr0 = XCR0_ZMM,
	},
};

int isa_x86_level(const struct isa_regs *regs)
{
	int level = 1;

	for (int next = 2; next <= 4; next++) {
		const struct isa_regs *need = &levels[next];

		if ((regs->leaf1_ecx & need->leaf1_ecx) != need->leaf1_ecx ||
		    (regs->leaf7_ebx & need->leaf7_ebx) != need->leaf7_ebx ||
		    (regs->ext1_ecx & need->ext1_ecx) != need->ext1_ecx ||
		    (regs->xcr0 & need->xcr0) != need->xcr0)
			break;
		level = next;
	}
	return level;
}

#if defined(__x86_64__)
#include <cpuid.h>

static const char host_family[] = "x86-64";

static uint64_t read_xcr0(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

struct isa_regs isa_read(void)
{
	struct isa_regs regs = { 0 };
	uint32_t a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d))
		regs.leaf1_ecx = c;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		regs.leaf7_ebx = b;
	if (__get_cpuid(0x80000001, &a, &b, &c, &d))
		regs.ext1_ecx = c;
	if (regs.leaf1_ecx & C1_OSXSAVE)
		regs.xcr0 = read_xcr0();
	return regs;
}
#else
static const char host_family[] = "aarch64";

struct isa_regs isa_read(void)
{
	return (struct isa_regs){ 0 };
}
#endif

int isa_check(const char *isa, const struct isa_regs *regs, struct aios_status *st)
{
	static const struct {
		const char *name, *family;
		int level;
	} known[] = {
		{ "x86-64", "x86-64", 1 },    { "x86-64-v2", "x86-64", 2 },
		{ "x86-64-v3", "x86-64", 3 }, { "x86-64-v4", "x86-64", 4 },
		{ "aarch64", "aarch64", 1 },
	};
	int have = isa_x86_level(regs);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, isa))
			continue;
		if (strcmp(known[i].family, host_family))
			return aios_fail(st, -ENOEXEC, "needs an %s machine, this one is %s", isa,
					 host_family);
		if (known[i].level > have)
			return aios_fail(st, -ENOEXEC,
					 "needs %s, this machine (with what its operating system "
					 "saves) is x86-64-v%d",
					 isa, have);
		return 0;
	}
	return aios_fail(st, -EINVAL,
			 "metadata: isa '%.40s' is none of x86-64, x86-64-v2, x86-64-v3, "
			 "x86-64-v4, aarch64",
			 isa);
}
