// SPDX-License-Identifier: Apache-2.0
/*
 * dmath.c - log2, exp2, pow, ln, sine and cosine in double, from + - * / alone.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/numerics/dmath.h"

#define LOG2E 0x1.71547652b82fep+0
#define LN2 0x1.62e42fefa39efp-1
#define TWO_OVER_PI 0x1.45f306dc9c883p-1

/* pi/2 in pieces of at most 22 bits, so that a 31-bit integer times one is exact, and the rest. */
#define PIO2_1 0x1.921fbp+0
#define PIO2_2 0x1.5110bp-22
#define PIO2_3 0x1.184698p-44
#define PIO2_4 0x1.3198a2e037073p-69

static uint64_t bits_of(double x)
{
	uint64_t u;

	memcpy(&u, &x, sizeof(u));
	return u;
}

static double double_of(uint64_t u)
{
	double x;

	memcpy(&x, &u, sizeof(x));
	return x;
}

/* Nearest integer, ties to even; |x| < 2^51. */
static double nearest(double x)
{
	return (x + 0x1.8p52) - 0x1.8p52;
}

/*
 * x = 2^e * m with m in [sqrt(1/2), sqrt(2)); log2(m) = 2 log2(e) * atanh(s),
 * s = (m-1)/(m+1), |s| < 0.1716. The series stops at s^23: the rest is below 1e-18.
 */
double numerics_log2(double x)
{
	uint64_t m = bits_of(x) - 0x3fe6a09e667f3bcdu; /* sqrt(1/2) */
	int64_t e = (int64_t)m >> 52;
	double s, z, p = 1.0 / 23;
	int k;

	if (!(x >= 0x1p-1022) || x > 0x1.fffffffffffffp1023)
		return NAN;
	x = double_of((m & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu);
	s = (x - 1.0) / (x + 1.0);
	z = s * s;
	for (k = 21; k > 0; k -= 2)
		p = p * z + 1.0 / k;
	return (double)e + s * p * (2 * LOG2E);
}

double numerics_ln(double x)
{
	return numerics_log2(x) * LN2;
}

/* 2^n * e^g, g = (x - n) ln 2, |g| < 0.3466; Taylor through g^14, the rest is below 1e-18. */
double numerics_exp2(double x)
{
	double n, g, p = 1.0;
	int k;

	if (x < -1022.0)
		return 0.0;
	if (x > 1023.0)
		return INFINITY;
	if (!(x <= 0.0) && !(x > 0.0))
		return NAN;
	n = nearest(x);
	g = (x - n) * LN2;
	for (k = 14; k > 0; k--)
		p = 1.0 + p * g / k;
	return p * double_of((uint64_t)((int64_t)n + 1023) << 52);
}

double numerics_pow(double base, double exponent)
{
	return numerics_exp2(exponent * numerics_log2(base));
}

/* Taylor on |r| <= pi/4: through r^17 the rest is below 1e-19. */
static double sine_near_zero(double r, double z)
{
	double p = 1.0 / 355687428096000;

	p = p * z - 1.0 / 1307674368000;
	p = p * z + 1.0 / 6227020800;
	p = p * z - 1.0 / 39916800;
	p = p * z + 1.0 / 362880;
	p = p * z - 1.0 / 5040;
	p = p * z + 1.0 / 120;
	p = p * z - 1.0 / 6;
	return r + r * z * p;
}

/* Through r^18, the rest is below 1e-20. */
static double cosine_near_zero(double z)
{
	double p = -1.0 / 6402373705728000;

	p = p * z + 1.0 / 20922789888000;
	p = p * z - 1.0 / 87178291200;
	p = p * z + 1.0 / 479001600;
	p = p * z - 1.0 / 3628800;
	p = p * z + 1.0 / 40320;
	p = p * z - 1.0 / 720;
	p = p * z + 1.0 / 24;
	p = p * z - 1.0 / 2;
	return 1.0 + z * p;
}

void numerics_sincos(double x, double *sine, double *cosine)
{
	double n, r, z, s, c;

	if (!(x > -0x1p31 && x < 0x1p31)) {
		*sine = *cosine = NAN;
		return;
	}
	n = nearest(x * TWO_OVER_PI);
	r = ((x - n * PIO2_1) - n * PIO2_2) - n * PIO2_3 - n * PIO2_4;
	z = r * r;
	s = sine_near_zero(r, z);
	c = cosine_near_zero(z);
	switch ((uint64_t)(int64_t)n & 3) {
	case 0:
		*sine = s;
		*cosine = c;
		break;
	case 1:
		*sine = c;
		*cosine = -s;
		break;
	case 2:
		*sine = -s;
		*cosine = -c;
		break;
	default:
		*sine = -c;
		*cosine = s;
		break;
	}
}
