/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dmath.h - the few double-precision functions that tables are made with. Ours,
 * so that every machine and libm gives the same bits: only + - * / of IEEE
 * binary64, no fused operations. Pure; any thread may call.
 */
#ifndef CORE_NUMERICS_DMATH_H
#define CORE_NUMERICS_DMATH_H

/* log2(x) for normal x > 0, else NaN. Error below 4e-16 relative to max(1, |result|). */
double numerics_log2(double x);

/* 2^x; below -1022 gives 0, above 1023 infinity. Relative error below 4e-16. */
double numerics_exp2(double x);

/* base^exponent for normal base > 0; relative error below 4e-16 * (1 + |exponent * log2(base)|). */
double numerics_pow(double base, double exponent);

/* ln(x) for normal x > 0, else NaN. */
double numerics_ln(double x);

/* Sine and cosine of x, |x| < 2^31, else NaN. Absolute error below 4e-16. */
void numerics_sincos(double x, double *sine, double *cosine);

#endif /* CORE_NUMERICS_DMATH_H */
