// SPDX-License-Identifier: Apache-2.0
/*
 * unit.c - the dot unit of a profile.
 */
#include "dot.h"

struct ref_unit ref_unit_of(uint32_t profile, uint32_t dtype)
{
	struct ref_unit u = { .tc = aios_tfdpa_of(profile, dtype),
			      .cdna = aios_cdna_of(profile, dtype),
			      .dtype = dtype,
			      .block = 1 };

	if (u.tc.terms) {
		u.exp_min = 2 - (1 << (u.tc.exp_bits - 1));
		u.block = (uint32_t)u.tc.terms;
	} else if (u.cdna.terms) {
		u.exp_min = 2 - (1 << (u.cdna.exp_bits - 1));
		u.block = (uint32_t)u.cdna.terms;
	}
	u.exponents = u.tc.terms || u.cdna.fused;
	return u;
}
