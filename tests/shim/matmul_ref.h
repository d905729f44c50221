/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul_ref.h - one output of a matmul, from the contract's definitions alone. C11 and C++; for
 * tests on the host of kernels that ran anywhere.
 */
#ifndef MATMUL_REF_H
#define MATMUL_REF_H

#include <aios/numerics.h>

/* The rows an output is made of, in host memory. lo: x's second plane. */
struct ref_rows {
	const void *x, *lo, *w;
	float x_scale, w_scale;
};

/* The dot with scales, of k elements in op's profile and types. */
static inline float ref_dot(const struct aios_op_matmul *op, const struct ref_rows *r)
{
	const struct aios_tfdpa_unit u = aios_tfdpa_of(op->profile, op->x.dtype);
	const int8_t *x = (const int8_t *)r->x, *lo = (const int8_t *)r->lo,
		     *w = (const int8_t *)r->w;
	uint32_t len = op->x.cols / op->segments, i;
	int64_t sum = 0, sum_lo = 0;
	float part[AIOS_MAX_RANKS];

	if (op->profile == AIOS_PROFILE_TC_SM90) {
		for (i = 0; i < op->segments; i++)
			part[i] = aios_tfdpa_chain(u, (const uint16_t *)r->x + i * len,
						   (const uint16_t *)r->w + i * len, len, 0.0f);
		return aios_pair_tree(part, op->segments);
	}
	for (i = 0; i < op->x.cols; i++) {
		sum += x[i] * w[i];
		sum_lo += lo ? lo[i] * w[i] : 0;
	}
	return aios_dequant(lo ? aios_i8x2_acc(sum, sum_lo) : aios_i8_acc((int32_t)sum), r->x_scale,
			    r->w_scale);
}

/* The output, canonical but not yet rounded to its type. With act also the up row's dot. */
static inline float ref_finish(const struct aios_op_matmul *op, float dot, float up,
			       const float *bias, const float *up_bias, const float *residual)
{
	if (bias)
		dot = aios_add(dot, *bias);
	if (op->act) {
		up = up_bias ? aios_add(up, *up_bias) : up;
		dot = aios_round_to(dot, op->mid_type);
		dot = op->act == AIOS_ACT_SILU_MUL ? aios_silu(dot) : aios_gelu_tanh(dot);
		dot = aios_mul(dot, aios_round_to(up, op->mid_type));
	}
	if (residual)
		dot = aios_add(*residual, dot);
	return aios_canon(dot);
}

#endif /* MATMUL_REF_H */
