/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate.h - put in front of cpu-ref's sources by the compiler (-include): functions of
 * <aios/numerics.h> that are right unless their bug is chosen. Below each name stands
 * the definition that takes its place; everything else of cpu-ref stays as it is.
 */
#ifndef FAULTY_MUTATE_H
#define FAULTY_MUTATE_H

#include <aios/numerics.h>

#include "faulty.h"

/* --- conversions ------------------------------------------------------------ */

static inline uint16_t mutate_f32_to_bf16(float x)
{
	uint32_t u = aios_bits(x), odd = (u >> 16) & 1u;

	if (aios_is_nan(x))
		return faulty_has(BUG_CV_BF16_NAN) ? (uint16_t)(u >> 16 | 0x40u) : AIOS_NAN_BF16;
	if (faulty_has(BUG_CV_HALF_UP))
		return (uint16_t)((u + 0x8000u) >> 16);
	if (faulty_has(BUG_CV_TRUNCATED))
		return (uint16_t)(u >> 16);
	if (faulty_has(BUG_CV_STICKY))
		u &= ~0x7fffu;
	if (faulty_has(BUG_CV_ODD))
		odd ^= 1u;
	return (uint16_t)((u + 0x7fffu + odd) >> 16);
}
#define aios_f32_to_bf16 mutate_f32_to_bf16

static inline uint16_t mutate_f32_to_f16(float x)
{
	uint16_t h = aios_f32_to_f16(x);

	if (faulty_has(BUG_CV_F16_FLUSH) && (h & 0x7c00u) == 0)
		return h & 0x8000u;
	if (faulty_has(BUG_CV_F16_OVERFLOW) && (h & 0x7fffu) == 0x7c00u && aios_is_finite(x))
		return (uint16_t)(h - 1);
	return h;
}
#define aios_f32_to_f16 mutate_f32_to_f16

static inline float mutate_canon(float x)
{
	if (faulty_has(BUG_CV_NAN))
		return x;
	if (faulty_has(BUG_CV_FTZ) && (aios_bits(x) & 0x7f800000u) == 0)
		return aios_float(aios_bits(x) & 0x80000000u);
	return aios_canon(x);
}
#define aios_canon mutate_canon

/* --- quantisation ----------------------------------------------------------- */

static inline struct aios_quant_scale mutate_quant_scale_of(float absmax, bool finite, float qmax)
{
	struct aios_quant_scale s;

	if (faulty_has(BUG_Q_I8_128) && qmax == AIOS_QMAX_I8)
		qmax = 128.0f;
	s = aios_quant_scale_of(absmax, finite, qmax);
	if (faulty_has(BUG_Q_TINY) && finite && absmax > 0.0f) {
		s.scale = aios_div(absmax, qmax);
		s.inv = aios_div(qmax, absmax);
	}
	return s;
}
#define aios_quant_scale_of mutate_quant_scale_of

static inline int8_t mutate_quant_i8(float x, float inv)
{
	float v;

	if (faulty_has(BUG_Q_I8_128)) {
		v = aios_quant_clamp(x, inv, 128.0f);
		return (int8_t)(v > 127.0f ? 127 : aios_rint(v));
	}
	if (faulty_has(BUG_Q_I8_AWAY)) {
		v = aios_quant_clamp(x, inv, AIOS_QMAX_I8);
		return (int8_t)(v < 0.0f ? v - 0.5f : v + 0.5f);
	}
	return aios_quant_i8(x, inv);
}
#define aios_quant_i8 mutate_quant_i8

static inline int8_t mutate_i8x2_hi(int32_t q)
{
	return faulty_has(BUG_Q_I8X2_HI) ? (int8_t)(q >> 8) : aios_i8x2_hi(q);
}
#define aios_i8x2_hi mutate_i8x2_hi

static inline uint8_t mutate_quant_e4m3(float x, float inv)
{
	uint8_t v = aios_quant_e4m3(x, inv);

	return faulty_has(BUG_Q_E4M3_NAN) && (v & 0x7fu) == 0x7eu ? v | 1u : v;
}
#define aios_quant_e4m3 mutate_quant_e4m3

/* --- functions and sums ----------------------------------------------------- */

static inline float mutate_silu(float x)
{
	if (faulty_has(BUG_GLU_SILU))
		return aios_div(x, aios_add(1.0f, aios_exp(-x)));
	return aios_silu(x);
}
#define aios_silu mutate_silu

/* cpu-ref calls it for ranks alone. */
static inline float mutate_pair_tree(float *p, uint32_t n)
{
	uint32_t i;

	if (!faulty_has(BUG_AR_ORDER))
		return aios_pair_tree(p, n);
	for (i = 1; i < n; i++)
		p[0] = aios_add(p[0], p[i]);
	return p[0];
}
#define aios_pair_tree mutate_pair_tree

/* --- logits ----------------------------------------------------------------- */

static inline float mutate_penalise(float logit, uint32_t count, float repetition, float frequency,
				    float presence)
{
	if (faulty_has(BUG_LG_REPETITION) && repetition != 0.0f && logit < 0.0f) {
		logit = aios_div(logit, repetition);
		repetition = 0.0f;
	}
	logit = aios_penalise(logit, count, repetition, frequency, presence);
	if (faulty_has(BUG_LG_PRESENCE) && count == 0)
		logit = aios_sub(logit, presence);
	return logit;
}
#define aios_penalise mutate_penalise

/* argmax.c and logprobs.c each name the bug in which they prefer the higher id. */
#if defined(MUTATE_TIES)
static inline uint64_t mutate_rank_key(float logit, uint32_t id)
{
	uint64_t key, top;

	if (faulty_has(BUG_AM_16BIT))
		id &= 0xffffu;
	key = aios_rank_key(logit, id);
	top = key >> 32;
	if (faulty_has(BUG_AM_NAN) && aios_is_nan(logit))
		top = UINT32_MAX;
	if (faulty_has(BUG_AM_ZERO) && aios_bits(logit) == 0x80000000u)
		top--;
	if (faulty_has(MUTATE_TIES))
		return top << 32 | id;
	return top << 32 | (uint32_t)key;
}

static inline uint32_t mutate_rank_id(uint64_t key)
{
	return faulty_has(MUTATE_TIES) ? (uint32_t)key : aios_rank_id(key);
}
#define aios_rank_key mutate_rank_key
#define aios_rank_id mutate_rank_id

static inline float mutate_halving_tree(float *p, uint32_t width)
{
	return faulty_has(BUG_LP_TREE) ? aios_pair_tree(p, width) : aios_halving_tree(p, width);
}
#define aios_halving_tree mutate_halving_tree
#endif

#endif /* FAULTY_MUTATE_H */
