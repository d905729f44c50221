/* SPDX-License-Identifier: Apache-2.0 */
/* rmsnorm.h - shared with rope_kv.c, which norms single heads. */
#ifndef REF_RMSNORM_H
#define REF_RMSNORM_H

#include <stdint.h>

/* The lane sum of squares of x[0..n): aios_lane_sumsq() in one walk over x. */
float ref_sumsq(const float *x, uint32_t n);

#endif /* REF_RMSNORM_H */
