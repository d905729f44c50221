// SPDX-License-Identifier: Apache-2.0
/*
 * tfdpa.c - the tensor core's unit term by term, as aios_tfdpa() defines it, with the
 * places where an implementation goes wrong.
 */
#include <aios/numerics.h>

#include "faulty.h"

float faulty_tfdpa(struct aios_tfdpa_unit u, const void *a, const void *b, uint32_t n, float c);

/* Sums of a block in the making. */
struct block {
	struct aios_tfdpa_num t[AIOS_TC_MAX_L + 1]; /* products, then c */
	int32_t frac_bits[AIOS_TC_MAX_L + 1];
	uint32_t n;
	int32_t e_max;
	bool any, nan, pos, neg; /* any term, a NaN, an infinity of either sign */
};

static void block_take(struct block *k, struct aios_tfdpa_num t, int32_t frac_bits)
{
	bool counts = t.sig != 0 || faulty_has(BUG_TC_ZEROS);

	if (counts && (!k->any || t.exp > k->e_max))
		k->e_max = t.exp;
	k->any = k->any || counts;
	k->t[k->n] = t;
	k->frac_bits[k->n++] = frac_bits;
}

static void block_products(struct block *k, struct aios_tfdpa_unit u, const void *a, const void *b,
			   uint32_t n)
{
	struct aios_tfdpa_num x, y;
	uint32_t i;

	for (i = 0; i < n; i++) {
		x = aios_tfdpa_decode(aios_tfdpa_code(u, a, i), u.exp_bits, u.man_bits);
		y = aios_tfdpa_decode(aios_tfdpa_code(u, b, i), u.exp_bits, u.man_bits);
		x.neg = x.neg != y.neg;
		k->nan = k->nan || x.nan || y.nan;
		if (x.inf || y.inf) {
			k->nan = k->nan || x.sig == 0 || y.sig == 0;
			k->pos = k->pos || !x.neg;
			k->neg = k->neg || x.neg;
		}
		x.sig *= y.sig;
		x.exp += y.exp;
		block_take(k, x, 2 * u.man_bits);
	}
}

/* A term in units of 2^(E - F). */
static int64_t aligned(struct aios_tfdpa_unit u, struct aios_tfdpa_num t, int32_t frac_bits,
		       int32_t e_max)
{
	int32_t shift = u.frac - frac_bits + t.exp - e_max;
	int64_t mag = shift >= 0 ? t.sig << shift : shift < -62 ? 0 : t.sig >> -shift;
	bool lost = shift < 0 && (shift < -62 ? t.sig != 0 : mag << -shift != t.sig);

	if (faulty_has(BUG_TC_FLOOR) && lost && t.neg)
		mag++;
	if (faulty_has(BUG_TC_STICKY) && lost)
		mag |= 1;
	return t.neg ? -mag : mag;
}

/* 2^e as a double; |e| below 1000. */
static double power_of_two(int32_t e)
{
	uint64_t u = (uint64_t)(e + 1023) << 52;
	double d;

	__builtin_memcpy(&d, &u, sizeof(d));
	return d;
}

static float rounded(struct aios_tfdpa_unit u, int64_t sum, int32_t ulp)
{
	float r;

	if (faulty_has(BUG_TC_ROUNDED) && u.keep == 23)
		return (float)((double)sum * power_of_two(ulp));
	if (faulty_has(BUG_TC_E4M3_KEEP))
		u.keep = 23;
	r = aios_tfdpa_round(u, sum, ulp);
	if (faulty_has(BUG_TC_SUBNORMAL) && (aios_bits(r) & 0x7f800000u) == 0)
		return 0.0f;
	return r;
}

float faulty_tfdpa(struct aios_tfdpa_unit u, const void *a, const void *b, uint32_t n, float c)
{
	struct aios_tfdpa_num add = aios_tfdpa_decode(aios_bits(c), 8, 23);
	struct block k = { .nan = add.nan,
			   .pos = add.inf && !add.neg,
			   .neg = add.inf && add.neg,
			   .e_max = add.exp };
	bool minus = false;
	int64_t sum = 0;
	uint32_t i;

	if (u.man_bits != 3)
		u.frac += faulty_has(BUG_TC_F26) - faulty_has(BUG_TC_F24);
	block_products(&k, u, a, b, n);
	block_take(&k, add, 23);
	if (k.nan || (k.pos && k.neg && !faulty_has(BUG_TC_INF)))
		return aios_float(AIOS_NAN_TFDPA);
	if (k.pos || k.neg)
		return k.pos ? aios_inf() : -aios_inf();
	for (i = 0; i < k.n; i++) {
		if (k.t[i].sig)
			sum += aligned(u, k.t[i], k.frac_bits[i], k.e_max);
		minus = minus || k.t[i].neg;
	}
	if (faulty_has(BUG_TC_MINUS_ZERO) && sum == 0 && minus)
		return -0.0f;
	return rounded(u, sum, k.e_max - u.frac);
}
