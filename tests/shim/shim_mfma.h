/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_mfma.h - drivers/gpu/mfma.h on the host: the lanes' layout is the hardware's, the arithmetic
 * that of the definition.
 */
#ifndef SHIM_MFMA_H
#define SHIM_MFMA_H

#include "shim.h"

/* Lane `lane` (its own thread's, as a rule) holds column shim_mfma_k(..., i) and the next in word i. */
GPU_FN uint32_t shim_mfma_k(bool f16, uint32_t lane, uint32_t i)
{
	if (shim_here.cdna == 1 && !f16) /* two instructions, of 8 columns each */
		return 8 * i + lane / 16 * 2;
	return lane / 16 * 4 + 2 * i;
}

GPU_FN uint32_t gpu_mfma_k(bool f16, uint32_t i)
{
	return shim_mfma_k(f16, shim_here.tid % 64, i);
}

/* Row or column `r` of what the lanes handed over. */
GPU_FN void shim_mfma_row(bool f16, uint32_t words[2][64], uint32_t r, uint16_t row[16])
{
	for (uint32_t lane = r; lane < 64; lane += 16)
		for (uint32_t i = 0; i < 2; i++)
			for (uint32_t e = 0; e < 2; e++)
				row[shim_mfma_k(f16, lane, i) + e] =
					(uint16_t)(words[i][lane] >> 16 * e);
}

GPU_FN void shim_mfma(bool f16, float d[4], const uint32_t *a, const uint32_t *b, const char *site)
{
	struct aios_cdna_unit u = aios_cdna_of(AIOS_PROFILE_TC_CDNA1 + shim_here.cdna - 1,
					       f16 ? AIOS_F16 : AIOS_BF16);
	uint32_t va[2][64], vb[2][64], lane = shim_here.tid % 64;
	uint16_t row[16], column[16];

	for (uint32_t i = 0; i < 2; i++) {
		__builtin_memcpy(va[i], shim_exchange(a[i], site)->values, sizeof(va[i]));
		__builtin_memcpy(vb[i], shim_exchange(b[i], site)->values, sizeof(vb[i]));
	}
	u.flush = u.flush && !shim_here.keeps;
	shim_mfma_row(f16, vb, lane % 16, column);
	for (uint32_t r = 0; r < 4; r++) {
		shim_mfma_row(f16, va, lane / 16 * 4 + r, row);
		d[r] = aios_cdna(u, row, column, AIOS_CDNA_L, d[r]);
	}
}

#define gpu_mfma(f16, d, a, b) shim_mfma((f16), (d), (a), (b), SHIM_SITE)

#endif /* SHIM_MFMA_H */
