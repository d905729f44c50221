// SPDX-License-Identifier: Apache-2.0
/*
 * unit.c - the dot unit of a profile.
 */
#include "dot.h"

struct ref_unit ref_unit_of(uint32_t profile, uint32_t dtype)
{
	struct ref_unit u = { .tc = aios_tfdpa_of(profile, dtype), .dtype = dtype };

	if (u.tc.terms)
		u.exp_min = 2 - (1 << (u.tc.exp_bits - 1));
	return u;
}
