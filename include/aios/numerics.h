/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numerics.h - the numerics contract as code: every formula whose bits the
 * drivers must agree on, written once for C11, C++17, CUDA C++ and HIP.
 * The reasons are in Documentation/numerics.md.
 *
 * Compile with: -ffp-contract=off (C, C++, HIP); -fmad=false -ftz=false
 * -prec-div=true -prec-sqrt=true (nvcc); never with a fast-math flag.
 *
 * Rules for the functions below
 * - Each is a pure function of the bits of its arguments. Only single IEEE
 *   binary32 operations are used, in the order written; no libm, no errno, no
 *   rounding-mode changes (round to nearest even is assumed everywhere).
 * - "ulp" is the distance to the real-number result in units of the result's
 *   last place, as measured by tests/unit/test_numerics_math.c.
 * - A NaN result may carry any payload. An op that stores an fp32 value passes
 *   it through aios_canon(); the conversions to narrower types do that
 *   themselves. So payloads never reach memory.
 * - A kernel may replace a function by anything that gives the same bits: the
 *   reference loops here define values, not speed.
 */
#ifndef AIOS_NUMERICS_H
#define AIOS_NUMERICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/op.h>
#include <aios/types.h>

#if defined(__FAST_MATH__)
#error "aios/numerics.h: fast-math changes results; compile without it"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#error "aios/numerics.h: float expressions must be evaluated in binary32 (x86: use SSE)"
#endif
#if defined(__clang__)
#pragma clang fp contract(off)
#endif

/* Qualifier of every function here: callable from host and device code. */
#if defined(__HIP__)
#define AIOS_FN static inline __attribute__((host, device, always_inline))
#elif defined(__CUDACC__)
#define AIOS_FN static __host__ __device__ __forceinline__
#else
#define AIOS_FN static inline
#endif

/* Changing any rule in this file or in Documentation/numerics.md changes it. */
#define AIOS_NUMERICS_VERSION 1

#define AIOS_LANES 256      /* partial sums of every reduction */
#define AIOS_ATTN_BLOCK 64  /* keys of one online-softmax step */
#define AIOS_ATTN_CHUNK 512 /* default C: keys between two merges */
#define AIOS_TC_MAX_L 32    /* the widest TFDPA */
#define AIOS_CDNA_L 16      /* elements of a block of the CDNA units */

#define AIOS_NAN_F32 0x7fc00000u /* the canonical quiet NaNs */
#define AIOS_NAN_BF16 0x7fc0u
#define AIOS_NAN_F16 0x7e00u
#define AIOS_NAN_E4M3 0x7fu
#define AIOS_NAN_TFDPA 0x7fffffffu /* inside a TFDPA chain only */

#define AIOS_LOG2E 0x1.715476p+0f /* log2(e) rounded to fp32 */
#define AIOS_LN2 0x1.62e43p-1f    /* ln(2) rounded to fp32 */

/* --- bits ---------------------------------------------------------------- */

/* The bit pattern of x. */
AIOS_FN uint32_t aios_bits(float x)
{
#if defined(__CUDA_ARCH__)
	return __float_as_uint(x);
#else
	uint32_t u;

	__builtin_memcpy(&u, &x, sizeof(u));
	return u;
#endif
}

/* The float whose bit pattern is u. */
AIOS_FN float aios_float(uint32_t u)
{
#if defined(__CUDA_ARCH__)
	return __uint_as_float(u);
#else
	float x;

	__builtin_memcpy(&x, &u, sizeof(x));
	return x;
#endif
}

AIOS_FN float aios_inf(void)
{
	return aios_float(0x7f800000u);
}

AIOS_FN float aios_nan(void)
{
	return aios_float(AIOS_NAN_F32);
}

AIOS_FN bool aios_is_nan(float x)
{
	return (aios_bits(x) & 0x7fffffffu) > 0x7f800000u;
}

/* False for infinities and NaN. */
AIOS_FN bool aios_is_finite(float x)
{
	return (aios_bits(x) & 0x7f800000u) != 0x7f800000u;
}

/* |x|, NaN included (its sign is cleared). */
AIOS_FN float aios_abs(float x)
{
	return aios_float(aios_bits(x) & 0x7fffffffu);
}

/* x, or the canonical quiet NaN when x is any NaN. What every op stores. */
AIOS_FN float aios_canon(float x)
{
	return aios_is_nan(x) ? aios_nan() : x;
}

/* --- single IEEE operations ---------------------------------------------- */

/*
 * One rounding each. CUDA device code uses the intrinsics that no flag can
 * contract or flush the precision of; everything else is the plain operator
 * under -ffp-contract=off (HIP's __fmul_rn and friends are ordinary operators
 * and do not stop contraction, so they would add nothing).
 */
AIOS_FN float aios_add(float a, float b)
{
#if defined(__CUDA_ARCH__)
	return __fadd_rn(a, b);
#else
	return a + b;
#endif
}

AIOS_FN float aios_sub(float a, float b)
{
#if defined(__CUDA_ARCH__)
	return __fsub_rn(a, b);
#else
	return a - b;
#endif
}

AIOS_FN float aios_mul(float a, float b)
{
#if defined(__CUDA_ARCH__)
	return __fmul_rn(a, b);
#else
	return a * b;
#endif
}

AIOS_FN float aios_div(float a, float b)
{
#if defined(__CUDA_ARCH__)
	return __fdiv_rn(a, b);
#else
	return a / b;
#endif
}

/* a * b + c with one rounding. */
AIOS_FN float aios_fma(float a, float b, float c)
{
#if defined(__CUDA_ARCH__)
	return __fmaf_rn(a, b, c);
#else
	return __builtin_fmaf(a, b, c);
#endif
}

/*
 * HIP device code takes the runtime header's sqrtf: compilers before clang 19 turn
 * the builtin and __fsqrt_rn into an instruction that is not correctly rounded.
 */
AIOS_FN float aios_sqrt(float x)
{
#if defined(__CUDA_ARCH__)
	return __fsqrt_rn(x);
#elif defined(__HIP_DEVICE_COMPILE__)
	return sqrtf(x);
#else
	return __builtin_sqrtf(x);
#endif
}

/*
 * x rounded to the nearest integer, ties to even, as an int. Domain |x| <= 2^22;
 * the callers clamp first. Adding 1.5 * 2^23 leaves the integer in the low bits.
 */
AIOS_FN int32_t aios_rint(float x)
{
	return (int32_t)(aios_bits(aios_add(x, 0x1.8p23f)) - 0x4b400000u);
}

/* --- conversions --------------------------------------------------------- */

/* sig / 2^shift rounded to nearest even; sig < 2^24, shift 1 or more. */
AIOS_FN uint32_t aios_rne_shift(uint32_t sig, uint32_t shift)
{
	uint32_t q, rest, half;

	if (shift > 24)
		return 0;
	q = sig >> shift;
	rest = sig & ((1u << shift) - 1);
	half = 1u << (shift - 1);
	return q + (uint32_t)(rest > half || (rest == half && (q & 1u)));
}

/* Exact. A NaN keeps its payload. */
AIOS_FN float aios_bf16_to_f32(uint16_t h)
{
	return aios_float((uint32_t)h << 16);
}

/* Round to nearest even; subnormals kept, overflow to infinity, NaN canonical. */
AIOS_FN uint16_t aios_f32_to_bf16(float x)
{
	uint32_t u = aios_bits(x);
	uint32_t r = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;

	return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? AIOS_NAN_BF16 : r);
}

/* x rounded to bf16, as fp32. */
AIOS_FN float aios_round_bf16(float x)
{
	return aios_bf16_to_f32(aios_f32_to_bf16(x));
}

/* Exact; NaN gives the canonical one. */
AIOS_FN float aios_f16_to_f32(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
	uint32_t e = (h >> 10) & 31u, m = h & 0x3ffu;

	if (e == 0) /* zero or subnormal: m * 2^-24, exact and normal in fp32 */
		return aios_float(sign | aios_bits(aios_mul((float)m, 0x1p-24f)));
	if (e == 31)
		return m ? aios_nan() : aios_float(sign | 0x7f800000u);
	return aios_float(sign | ((e + 112u) << 23) | (m << 13));
}

/* Round to nearest even; subnormals kept, overflow to infinity, NaN canonical. */
AIOS_FN uint16_t aios_f32_to_f16(float x)
{
	uint32_t u = aios_bits(x), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu, r;

	if (a > 0x7f800000u)
		return AIOS_NAN_F16;
	if (a >= 0x47800000u) /* 2^16 and more, infinity too */
		return (uint16_t)(sign | 0x7c00u);
	if (a >= 0x38800000u) { /* normal result; rounding may carry into infinity */
		r = a - (112u << 23);
		r = (r + 0xfffu + ((r >> 13) & 1u)) >> 13;
	} else {
		r = aios_rne_shift((a & 0x7fffffu) | 0x800000u, 126u - (a >> 23));
	}
	return (uint16_t)(sign | r);
}

/* x rounded to fp16, as fp32. */
AIOS_FN float aios_round_f16(float x)
{
	return aios_f16_to_f32(aios_f32_to_f16(x));
}

/* Exact (OCP e4m3: no infinity, 0x7f and 0xff are NaN); NaN canonical. */
AIOS_FN float aios_e4m3_to_f32(uint8_t v)
{
	uint32_t sign = (uint32_t)(v & 0x80u) << 24;
	uint32_t e = (v >> 3) & 15u, m = v & 7u;

	if (e == 0)
		return aios_float(sign | aios_bits(aios_mul((float)m, 0x1p-9f)));
	if (e == 15 && m == 7)
		return aios_nan();
	return aios_float(sign | ((e + 120u) << 23) | (m << 20));
}

/*
 * Round to nearest even and saturate: what would exceed 448, infinity included,
 * becomes 448 with its sign. Subnormals (multiples of 2^-9) kept, NaN canonical.
 */
AIOS_FN uint8_t aios_f32_to_e4m3(float x)
{
	uint32_t u = aios_bits(x), sign = (u >> 24) & 0x80u, a = u & 0x7fffffffu, r;

	if (a > 0x7f800000u)
		return AIOS_NAN_E4M3;
	if (a >= 0x3c800000u) { /* 2^-6 and more: a normal result */
		r = a - (120u << 23);
		r = (r + 0x7ffffu + ((r >> 20) & 1u)) >> 20;
		r = r > 0x7eu ? 0x7eu : r;
	} else {
		r = aios_rne_shift((a & 0x7fffffu) | 0x800000u, 141u - (a >> 23));
	}
	return (uint8_t)(sign | r);
}

/* x rounded to `dtype` (BF16, F16; anything else: not rounded) and widened again. */
AIOS_FN float aios_round_to(float x, uint32_t dtype)
{
	if (dtype == AIOS_BF16)
		return aios_round_bf16(x);
	if (dtype == AIOS_F16)
		return aios_round_f16(x);
	return x;
}

/* --- elementary functions ------------------------------------------------ */

/*
 * 2^x. Domain x <= 0 (-inf gives +0; NaN gives NaN); meant for softmax, where x
 * is never positive, but right up to x = 127. x < -126 gives +0, so the result
 * is never subnormal. n = rint(x), f = x - n, 2^x = 2^n * (1 + f*q(f)), q a
 * minimax polynomial of degree 4, all in Horner form with fma. Exact at integers.
 * Error <= 1.8 ulp. Neighbouring arguments may step back by one ulp.
 */
AIOS_FN float aios_exp2(float x)
{
	float t = aios_add(x, 0x1.8p23f); /* n in the low bits */
	float f = aios_sub(x, aios_sub(t, 0x1.8p23f));
	float scale = aios_float((aios_bits(t) + 127u) << 23);
	float p = 0x1.5aac9p-10f;

	p = aios_fma(p, f, 0x1.3cec48p-7f);
	p = aios_fma(p, f, 0x1.c6babap-5f);
	p = aios_fma(p, f, 0x1.ebf9b6p-3f);
	p = aios_fma(p, f, 0x1.62e424p-1f);
	p = aios_fma(p, f, 1.0f);
	p = aios_mul(p, scale);
	return x < -126.0f ? 0.0f : p;
}

/*
 * e^x for x <= 0: exp2(x * log2(e)). The product's rounding makes the relative
 * error grow with |x|: <= 2.5 ulp down to -1, 8.5 ulp to -10, 64 ulp to -87. The
 * absolute error is below 2^-23 everywhere.
 */
AIOS_FN float aios_exp(float x)
{
	return aios_exp2(aios_mul(x, AIOS_LOG2E));
}

/*
 * 1 / (1 + e^-x), from e^-|x| only, so nothing overflows. Error <= 1.7 ulp for
 * x >= 0, 2.9 ulp down to -1, 9.5 ulp to -8; below that as aios_exp.
 */
AIOS_FN float aios_sigmoid(float x)
{
	float e = aios_exp(-aios_abs(x));
	float r = aios_div(1.0f, aios_add(1.0f, e));

	return x < 0.0f ? aios_mul(e, r) : r;
}

/*
 * x * sigmoid(x) (SiLU, "swish"). -inf gives NaN (0 * inf). Error <= 2.9 ulp for
 * x >= 0, 3.4 ulp down to -1, 10.5 ulp to -8; absolute below 2^-23 for x <= 0.
 */
AIOS_FN float aios_silu(float x)
{
	return aios_mul(x, aios_sigmoid(x));
}

/*
 * tanh(x): a polynomial below 5/8, where 1 - e^-2|x| would cancel; else
 * (1 - e) / (1 + e) with e = e^-2|x|. Odd by construction; -0 stays -0.
 * Error <= 0.8 ulp below 5/8, 2.3 ulp above.
 */
AIOS_FN float aios_tanh(float x)
{
	float a = aios_abs(x), z = aios_mul(x, x), e, t, q = -0x1.750ce4p-8f;

	q = aios_fma(q, z, 0x1.51f8cep-6f);
	q = aios_fma(q, z, -0x1.b835a4p-5f);
	q = aios_fma(q, z, 0x1.1106f6p-3f);
	q = aios_fma(q, z, -0x1.555532p-2f);
	q = aios_fma(aios_mul(a, z), q, a);
	e = aios_exp(aios_mul(a, -2.0f));
	t = aios_div(aios_sub(1.0f, e), aios_add(1.0f, e));
	t = a < 0.625f ? q : t;
	return aios_float(aios_bits(t) | (aios_bits(x) & 0x80000000u));
}

/*
 * GELU in its tanh form, 0.5 * x * (1 + tanh(u)), u = sqrt(2/pi) * (x + 0.044715 x^3),
 * computed as the same function x * sigmoid(2u), which does not cancel for negative x:
 * 2u = (2 * sqrt(2/pi)) * fma(0.044715 * x, x * x, x). -inf gives NaN. Error <= 2.9 ulp
 * for x >= 0, 4.2 ulp down to -1, 16 ulp to -3; absolute below 2^-23 for x <= 0.
 */
AIOS_FN float aios_gelu_tanh_arg(float x) /* 2u */
{
	float cubic = aios_fma(aios_mul(0x1.6e4e26p-5f, x), aios_mul(x, x), x);

	return aios_mul(0x1.988454p+0f, cubic);
}

AIOS_FN float aios_gelu_tanh(float x)
{
	return aios_mul(x, aios_sigmoid(aios_gelu_tanh_arg(x)));
}

/* cap * tanh(x / cap), cap > 0. Error <= 2.7 ulp (measured with cap = 30). */
AIOS_FN float aios_softcap(float x, float cap)
{
	return aios_mul(cap, aios_tanh(aios_div(x, cap)));
}

/*
 * log2(x). x = 2^e * m with m in [sqrt(1/2), sqrt(2)); log2(m) = f*(hi + lo) + f*f*q(f),
 * f = m - 1 (exact), hi + lo = log2(e), q a minimax polynomial of degree 8.
 * Subnormals are taken at full precision. 0 gives -inf, negative x and NaN give NaN.
 * Error <= 1 ulp. Exact at powers of two.
 */
AIOS_FN float aios_log2(float x)
{
	uint32_t u = aios_bits(x), m;
	int32_t e = 0;
	float f, q = -0x1.c39bb6p-4f;

	if (u == 0x7f800000u)
		return x;
	if (u > 0x7f800000u) /* NaN, or the sign is set */
		return (u & 0x7fffffffu) ? aios_nan() : -aios_inf();
	if (u == 0)
		return -aios_inf();
	if (u < 0x00800000u) {
		u = aios_bits(aios_mul((float)u, 0x1p-23f)); /* x * 2^126, exact and normal */
		e = -126;
	}
	m = u - 0x3f3504f3u; /* bits of sqrt(1/2): the exponent changes there */
	e += (int32_t)m >> 23;
	f = aios_sub(aios_float((m & 0x007fffffu) + 0x3f3504f3u), 1.0f);
	q = aios_fma(q, f, 0x1.7f2818p-3f);
	q = aios_fma(q, f, -0x1.87f7eap-3f);
	q = aios_fma(q, f, 0x1.a2c9dcp-3f);
	q = aios_fma(q, f, -0x1.eaa24ap-3f);
	q = aios_fma(q, f, 0x1.277f44p-2f);
	q = aios_fma(q, f, -0x1.715afep-2f);
	q = aios_fma(q, f, 0x1.ec7094p-2f);
	q = aios_fma(q, f, -0x1.71547p-1f);
	q = aios_fma(aios_mul(f, f), q, aios_mul(f, 0x1.4ae0cp-26f));
	return aios_add((float)e, aios_fma(f, 0x1.715476p+0f, q));
}

/* ln(x) = log2(x) * ln(2). Domain as log2; error <= 1.8 ulp. */
AIOS_FN float aios_ln(float x)
{
	return aios_mul(aios_log2(x), AIOS_LN2);
}

/* --- reductions ---------------------------------------------------------- */

/*
 * A sum over n elements is AIOS_LANES partial sums, lane j adding elements
 * j, j+256, j+512, ... in ascending order to +0, and then a halving tree:
 * for h = 128, 64 .. 1: p[j] = p[j] + p[j+h] for j < h. p[0] is the result.
 * A lane without elements is +0. The value depends on indices only, never on
 * how many threads ran: a thread may own 1, 4 or 8 lanes, in any order.
 */

/* One more element in a partial sum. */
AIOS_FN float aios_sum_step(float partial, float x)
{
	return aios_add(partial, x);
}

/* One more element in a partial sum of squares. */
AIOS_FN float aios_sumsq_step(float partial, float x)
{
	return aios_fma(x, x, partial);
}

/* Lane `lane`'s partial sum of x[0..n). */
AIOS_FN float aios_lane_sum_partial(const float *x, uint32_t n, uint32_t lane)
{
	float partial = 0.0f;
	uint32_t i;

	for (i = lane; i < n; i += AIOS_LANES)
		partial = aios_sum_step(partial, x[i]);
	return partial;
}

/* Lane `lane`'s partial sum of squares of x[0..n). */
AIOS_FN float aios_lane_sumsq_partial(const float *x, uint32_t n, uint32_t lane)
{
	float partial = 0.0f;
	uint32_t i;

	for (i = lane; i < n; i += AIOS_LANES)
		partial = aios_sumsq_step(partial, x[i]);
	return partial;
}

/* The halving tree over p[0..width), in place; width a power of two. Returns p[0]. */
AIOS_FN float aios_halving_tree(float *p, uint32_t width)
{
	uint32_t h, j;

	for (h = width / 2; h > 0; h /= 2)
		for (j = 0; j < h; j++)
			p[j] = aios_add(p[j], p[j + h]);
	return p[0];
}

/* The sum of x[0..n) as defined above. */
AIOS_FN float aios_lane_sum(const float *x, uint32_t n)
{
	float p[AIOS_LANES];
	uint32_t j;

	for (j = 0; j < AIOS_LANES; j++)
		p[j] = aios_lane_sum_partial(x, n, j);
	return aios_halving_tree(p, AIOS_LANES);
}

/* The sum of squares of x[0..n). */
AIOS_FN float aios_lane_sumsq(const float *x, uint32_t n)
{
	float p[AIOS_LANES];
	uint32_t j;

	for (j = 0; j < AIOS_LANES; j++)
		p[j] = aios_lane_sumsq_partial(x, n, j);
	return aios_halving_tree(p, AIOS_LANES);
}

/*
 * The tree over segments of a dot product and over ranks: neighbours are added
 * pairwise, level by level: p[i] = p[2i] + p[2i+1]. n a power of two. In place.
 */
AIOS_FN float aios_pair_tree(float *p, uint32_t n)
{
	uint32_t i;

	for (; n > 1; n /= 2)
		for (i = 0; i < n / 2; i++)
			p[i] = aios_add(p[2 * i], p[2 * i + 1]);
	return p[0];
}

/* Running maximum, starting at -inf. NaN never wins. Order-free up to the sign of zero. */
AIOS_FN float aios_max_step(float m, float x)
{
	return x > m ? x : m;
}

/*
 * Running maximum of |x|, starting at +0; *finite (starting true) turns false at
 * the first infinity or NaN. Order-free.
 */
AIOS_FN float aios_absmax_step(float m, float x, bool *finite)
{
	float a = aios_abs(x);

	*finite = *finite && aios_is_finite(x);
	return a > m ? a : m;
}

/* --- RMSNorm, rotary embedding ------------------------------------------- */

/* 1 / sqrt(sumsq / n + eps): the factor of a row of n elements. */
AIOS_FN float aios_rms_factor(float sumsq, uint32_t n, float eps)
{
	float mean = aios_div(sumsq, (float)n);

	return aios_div(1.0f, aios_sqrt(aios_add(mean, eps)));
}

/* (x * r) * w, or (x * r) * (offset + w) for weights stored as w - offset. */
AIOS_FN float aios_rms_apply(float x, float r, float w, float offset)
{
	return aios_mul(aios_mul(x, r), offset != 0.0f ? aios_add(offset, w) : w);
}

/* Rotate the pair (x0, x1) = elements (i, i + rot_dim/2) by the angle with cosine c, sine s. */
AIOS_FN void aios_rope_pair(float x0, float x1, float c, float s, float *y0, float *y1)
{
	*y0 = aios_fma(x0, c, -aios_mul(x1, s));
	*y1 = aios_fma(x1, c, aios_mul(x0, s));
}

/* --- attention ----------------------------------------------------------- */

/*
 * For one query row and one head, inside a chunk (m = -inf, l = +0, acc = +0 at
 * its start), for each block of AIOS_ATTN_BLOCK keys with a visible one:
 *   s[j]  = aios_attn_score(...) of the visible keys
 *   m_new = max over visible s[j], starting at m, with aios_max_step
 *   alpha = aios_attn_rescale(m, m_new)
 *   p[j]  = aios_attn_p(s[j], m_new, kv type); +0 for a masked key
 *   l     = aios_attn_l(l, alpha, aios_halving_tree(p, AIOS_ATTN_BLOCK))
 *   acc   = acc * alpha, then the dot unit goes on over the block's keys in order
 * Chunks merge in ascending order with aios_attn_merge; then aios_attn_out.
 */

/* dot * scale_log2: the score in base 2. */
AIOS_FN float aios_attn_score(float dot, float scale_log2)
{
	return aios_mul(dot, scale_log2);
}

/* softcap(dot * scale) * log2(e): the score in base 2 of a model with a soft cap. */
AIOS_FN float aios_attn_score_capped(float dot, float scale, float cap)
{
	return aios_mul(aios_softcap(aios_mul(dot, scale), cap), AIOS_LOG2E);
}

/* What l and acc are multiplied by when the maximum grows from m to m_new. */
AIOS_FN float aios_attn_rescale(float m, float m_new)
{
	return aios_exp2(aios_sub(m, m_new));
}

/* A visible key's weight, rounded to the type of the KV cache and widened. */
AIOS_FN float aios_attn_p(float s, float m_new, uint32_t kv_dtype)
{
	return aios_round_to(aios_exp2(aios_sub(s, m_new)), kv_dtype);
}

AIOS_FN float aios_attn_l(float l, float alpha, float block_sum)
{
	return aios_fma(l, alpha, block_sum);
}

/* Softmax state of one query row and head: maximum (base 2) and sum. */
struct aios_attn_state {
	float m, l;
};

/*
 * Merge the next visible chunk's (m, l) into *st; *e_st and *e_chunk are the
 * factors for the outputs: A[d] = aios_attn_merge_acc(A[d], *e_st, acc[d], *e_chunk).
 * The first visible chunk is taken as it is, without a merge.
 */
AIOS_FN void aios_attn_merge(struct aios_attn_state *st, float m, float l, float *e_st,
			     float *e_chunk)
{
	float m_new = aios_max_step(st->m, m);

	*e_st = aios_exp2(aios_sub(st->m, m_new));
	*e_chunk = aios_exp2(aios_sub(m, m_new));
	st->l = aios_fma(st->l, *e_st, aios_mul(l, *e_chunk));
	st->m = m_new;
}

AIOS_FN float aios_attn_merge_acc(float a, float e_st, float acc, float e_chunk)
{
	return aios_fma(a, e_st, aios_mul(acc, e_chunk));
}

/* The final factor, 1 / L; out[d] = A[d] * factor. */
AIOS_FN float aios_attn_final(float l)
{
	return aios_div(1.0f, l);
}

/* --- quantisation -------------------------------------------------------- */

#define AIOS_QMAX_I8 127.0f
#define AIOS_QMAX_I8X2 32639.0f /* 256 * 127 + 127: both slices stay in [-128, 127] */
#define AIOS_QMAX_E4M3 448.0f
/* Rows whose absmax is smaller quantise to zeros, so that qmax / absmax and
 * absmax / qmax stay normal numbers. */
#define AIOS_QUANT_MIN 0x1p-96f

struct aios_quant_scale {
	float scale; /* what an integer stands for; stored beside the row */
	float inv;   /* what elements are multiplied by */
};

/* Scale of a row: its absmax and whether all its elements are finite (aios_absmax_step). */
AIOS_FN struct aios_quant_scale aios_quant_scale_of(float absmax, bool finite, float qmax)
{
	struct aios_quant_scale s;

	s.scale = 0.0f;
	s.inv = 0.0f;
	if (!finite) {
		s.scale = aios_nan();
	} else if (absmax >= AIOS_QUANT_MIN) {
		s.scale = aios_div(absmax, qmax);
		s.inv = aios_div(qmax, absmax);
	}
	return s;
}

/* x * inv, clamped to +-qmax; NaN (a row that is not finite) gives +0. */
AIOS_FN float aios_quant_clamp(float x, float inv, float qmax)
{
	float v = aios_mul(x, inv);

	v = v > qmax ? qmax : v;
	v = v < -qmax ? -qmax : v;
	return aios_is_nan(v) ? 0.0f : v;
}

/* In [-127, 127]. */
AIOS_FN int8_t aios_quant_i8(float x, float inv)
{
	return (int8_t)aios_rint(aios_quant_clamp(x, inv, AIOS_QMAX_I8));
}

/* In [-32639, 32639]; cut into slices by aios_i8x2_lo and aios_i8x2_hi. */
AIOS_FN int32_t aios_quant_i8x2(float x, float inv)
{
	return aios_rint(aios_quant_clamp(x, inv, AIOS_QMAX_I8X2));
}

/* q = 256 * hi + lo, lo in [-128, 127], hi in [-127, 127]. */
AIOS_FN int8_t aios_i8x2_lo(int32_t q)
{
	return (int8_t)((int32_t)(((uint32_t)q + 128u) & 255u) - 128);
}

AIOS_FN int8_t aios_i8x2_hi(int32_t q)
{
	return (int8_t)((q - aios_i8x2_lo(q)) / 256);
}

AIOS_FN uint8_t aios_quant_e4m3(float x, float inv)
{
	return aios_f32_to_e4m3(aios_quant_clamp(x, inv, AIOS_QMAX_E4M3));
}

/* (acc * s_x) * s_w: token scale first, then the weight row's. */
AIOS_FN float aios_dequant(float acc, float scale_x, float scale_w)
{
	return aios_mul(aios_mul(acc, scale_x), scale_w);
}

/*
 * The i8 profile's exact integer sum as fp32, rounded to nearest even once. With
 * |x|, |w| <= 127 the sum of K products fits for K <= 133,144.
 */
AIOS_FN float aios_i8_acc(int32_t sum)
{
	return (float)sum;
}

/* The i8x2 profile's: 256 * sum(w * hi) + sum(w * lo), rounded to nearest even once. */
AIOS_FN float aios_i8x2_acc(int64_t sum_hi, int64_t sum_lo)
{
	return (float)(256 * sum_hi + sum_lo);
}

/* --- dot units ----------------------------------------------------------- */

/*
 * dot(K): K is cut into S equal segments. In each, acc = +0, then the unit takes
 * its L elements at a time in ascending order (a last short block is padded with
 * zeros, which take no part). aios_pair_tree joins the segments; aios_canon ends it.
 */

/* One profile's constants. */
struct aios_profile_info {
	const char *name;
	uint32_t weight_dtype;       /* BF16 stands for "BF16 or F16" */
	uint32_t act_dtype;          /* of the matmul's x; BF16 likewise */
	uint32_t dot_l;              /* elements of a block; 1 where order is free or per element */
	uint32_t dot_f;              /* TFDPA's F, else 0 */
	enum aios_profile attention; /* whose unit QK^T and PV use */
};

AIOS_FN struct aios_profile_info aios_profile_row(const char *name, uint32_t weight, uint32_t act,
						  uint32_t l, uint32_t f,
						  enum aios_profile attention)
{
	struct aios_profile_info p;

	p.name = name;
	p.weight_dtype = weight;
	p.act_dtype = act;
	p.dot_l = l;
	p.dot_f = f;
	p.attention = attention;
	return p;
}

/* The table of profiles. `profile` out of range: name is NULL. */
AIOS_FN struct aios_profile_info aios_profile_info_of(uint32_t profile)
{
	const enum aios_profile fma32 = AIOS_PROFILE_FMA32, sm90 = AIOS_PROFILE_TC_SM90;

	switch (profile) {
	case AIOS_PROFILE_FMA32:
		return aios_profile_row("fma32", AIOS_BF16, AIOS_BF16, 1, 0, fma32);
	case AIOS_PROFILE_TC_SM90:
		return aios_profile_row("tc-sm90", AIOS_BF16, AIOS_BF16, 16, 25, sm90);
	case AIOS_PROFILE_TC_SM90_E4M3:
		return aios_profile_row("tc-sm90-e4m3", AIOS_E4M3, AIOS_E4M3, 32, 13, sm90);
	case AIOS_PROFILE_TC_SM80:
		return aios_profile_row("tc-sm80", AIOS_BF16, AIOS_BF16, 8, 24,
					AIOS_PROFILE_TC_SM80);
	case AIOS_PROFILE_I8:
		return aios_profile_row("i8", AIOS_I8, AIOS_I8, 1, 0, fma32);
	case AIOS_PROFILE_I8X2:
		return aios_profile_row("i8x2", AIOS_I8, AIOS_I8X2, 1, 0, fma32);
	case AIOS_PROFILE_TC_CDNA1:
		return aios_profile_row("tc-cdna1", AIOS_BF16, AIOS_BF16, AIOS_CDNA_L, 0,
					AIOS_PROFILE_TC_CDNA1);
	case AIOS_PROFILE_TC_CDNA2:
		return aios_profile_row("tc-cdna2", AIOS_BF16, AIOS_BF16, AIOS_CDNA_L, 0,
					AIOS_PROFILE_TC_CDNA2);
	case AIOS_PROFILE_TC_CDNA3:
		return aios_profile_row("tc-cdna3", AIOS_BF16, AIOS_BF16, AIOS_CDNA_L, 0,
					AIOS_PROFILE_TC_CDNA3);
	default:
		return aios_profile_row(0, AIOS_NONE, AIOS_NONE, 0, 0, fma32);
	}
}

/*
 * Is the profile's unit known from the literature alone? No result of the hardware that it is named
 * after was ever compared with it.
 */
AIOS_FN bool aios_profile_unverified(uint32_t profile)
{
	return profile == AIOS_PROFILE_TC_SM80 || profile == AIOS_PROFILE_TC_CDNA1 ||
	       profile == AIOS_PROFILE_TC_CDNA2 || profile == AIOS_PROFILE_TC_CDNA3;
}

/* The chain of the fma32 unit: acc = fma(x, w, acc) over k elements, ascending. */
AIOS_FN float aios_fma_chain(const float *x, const float *w, uint32_t k, float acc)
{
	uint32_t i;

	for (i = 0; i < k; i++)
		acc = aios_fma(x[i], w[i], acc);
	return acc;
}

/*
 * TFDPA(L, F): truncated fused dot-product-accumulate, the arithmetic of NVIDIA's
 * tensor cores as an integer function (checked against an H100, see the page).
 */
struct aios_tfdpa_unit {
	int32_t terms;    /* L */
	int32_t frac;     /* F: fraction bits kept of each term, relative to the largest exponent */
	int32_t keep;     /* fraction bits of the result: 23, or 13 for e4m3 */
	int32_t exp_bits; /* of the inputs */
	int32_t man_bits;
};

/* The unit of a profile for inputs of `dtype` (BF16, F16 or E4M3). terms is 0 where there is none. */
AIOS_FN struct aios_tfdpa_unit aios_tfdpa_of(uint32_t profile, uint32_t dtype)
{
	struct aios_tfdpa_unit u = { 0, 0, 0, 0, 0 };

	if (profile == AIOS_PROFILE_TC_SM90_E4M3 && dtype == AIOS_E4M3) {
		struct aios_tfdpa_unit e4m3 = { 32, 13, 13, 4, 3 };
		return e4m3;
	}
	if (dtype != AIOS_BF16 && dtype != AIOS_F16)
		return u;
	if (profile == AIOS_PROFILE_TC_SM90 || profile == AIOS_PROFILE_TC_SM90_E4M3) {
		u.terms = 16;
		u.frac = 25;
	} else if (profile == AIOS_PROFILE_TC_SM80) {
		u.terms = 8;
		u.frac = 24;
	} else {
		return u;
	}
	u.keep = 23;
	u.exp_bits = dtype == AIOS_BF16 ? 8 : 5;
	u.man_bits = dtype == AIOS_BF16 ? 7 : 10;
	return u;
}

/* A number taken apart: (-1)^neg * sig * 2^(exp - man_bits), or a special. */
struct aios_tfdpa_num {
	int64_t sig;
	int32_t exp;
	bool neg, inf, nan;
};

/* Take the code `v` apart; e4m3 (man_bits 3) has no infinity and one NaN a sign. */
AIOS_FN struct aios_tfdpa_num aios_tfdpa_decode(uint32_t v, int32_t exp_bits, int32_t man_bits)
{
	uint32_t man = v & ((1u << man_bits) - 1);
	uint32_t top = (1u << exp_bits) - 1, e = (v >> man_bits) & top;
	int32_t bias = (1 << (exp_bits - 1)) - 1;
	struct aios_tfdpa_num n;

	n.neg = ((v >> (man_bits + exp_bits)) & 1u) != 0;
	n.inf = man_bits != 3 && e == top && man == 0;
	n.nan = man_bits != 3 ? e == top && man != 0 : (v & 0x7fu) == 0x7fu;
	n.exp = (e ? (int32_t)e : 1) - bias;
	n.sig = (int64_t)(e ? man | (1u << man_bits) : man);
	return n;
}

/* Term i's input code. */
AIOS_FN uint32_t aios_tfdpa_code(struct aios_tfdpa_unit u, const void *v, uint32_t i)
{
	return u.man_bits == 3 ? ((const uint8_t *)v)[i] : ((const uint16_t *)v)[i];
}

/* sig * 2^(exp - frac_bits) as a multiple of 2^(E - F), truncated toward zero. */
AIOS_FN int64_t aios_tfdpa_align(struct aios_tfdpa_unit u, struct aios_tfdpa_num n,
				 int32_t frac_bits, int32_t e_max)
{
	int32_t shift = u.frac - frac_bits + n.exp - e_max;
	int64_t mag;

	if (shift >= 0)
		mag = n.sig << shift;
	else
		mag = shift < -62 ? 0 : n.sig >> -shift;
	return n.neg ? -mag : mag;
}

/* sum * 2^ulp as fp32, truncated toward zero to 1 + keep bits; what is cut to zero is +0. */
AIOS_FN float aios_tfdpa_round(struct aios_tfdpa_unit u, int64_t sum, int32_t ulp)
{
	uint32_t sign = sum < 0 ? 0x80000000u : 0, cut = ~((1u << (23 - u.keep)) - 1), sig;
	uint64_t mag = (uint64_t)(sum < 0 ? -sum : sum);
	int32_t msb = -1, e, shift;

	if (sum == 0)
		return 0.0f;
	while (mag >> (msb + 1))
		msb++;
	e = ulp + msb;
	if (e >= 128)
		return aios_float(sign | 0x7f800000u);
	shift = (e < -126 ? -126 : e) - 23 - ulp; /* to units of the result's last place */
	if (shift > 0)
		sig = shift > 62 ? 0 : (uint32_t)(mag >> shift);
	else
		sig = (uint32_t)(mag << -shift);
	sig &= cut;
	if (e < -126)
		return aios_float(sig ? sign | sig : 0);
	return aios_float(sign | ((uint32_t)(e + 127) << 23) | (sig & 0x7fffffu));
}

/*
 * THE definition: c + sum of a[i] * b[i], i < n <= u.terms (absent terms are
 * zeros). a, b: uint8_t codes for e4m3, else uint16_t.
 * A product's significand lies in [1, 4) and is not normalised; zero terms,
 * c included, take no part in the largest exponent E. Any NaN, inf - inf or
 * inf * 0 gives 0x7fffffff; otherwise an infinite term gives that infinity.
 */
AIOS_FN float aios_tfdpa(struct aios_tfdpa_unit u, const void *a, const void *b, uint32_t n,
			 float c)
{
	struct aios_tfdpa_num t[AIOS_TC_MAX_L], y, add = aios_tfdpa_decode(aios_bits(c), 8, 23);
	bool nan = add.nan, pos = add.inf && !add.neg, neg = add.inf && add.neg;
	int32_t e_max = add.exp;
	bool any = add.sig != 0;
	int64_t sum = 0;
	uint32_t i;

	for (i = 0; i < n; i++) {
		t[i] = aios_tfdpa_decode(aios_tfdpa_code(u, a, i), u.exp_bits, u.man_bits);
		y = aios_tfdpa_decode(aios_tfdpa_code(u, b, i), u.exp_bits, u.man_bits);
		t[i].neg = t[i].neg != y.neg;
		nan = nan || t[i].nan || y.nan;
		if (t[i].inf || y.inf) {
			nan = nan || t[i].sig == 0 || y.sig == 0;
			pos = pos || !t[i].neg;
			neg = neg || t[i].neg;
		}
		t[i].sig *= y.sig;
		t[i].exp += y.exp;
		if (t[i].sig && (!any || t[i].exp > e_max))
			e_max = t[i].exp;
		any = any || t[i].sig;
	}
	if (nan || (pos && neg))
		return aios_float(AIOS_NAN_TFDPA);
	if (pos || neg)
		return pos ? aios_inf() : -aios_inf();
	for (i = 0; i < n; i++)
		if (t[i].sig)
			sum += aios_tfdpa_align(u, t[i], 2 * u.man_bits, e_max);
	if (add.sig)
		sum += aios_tfdpa_align(u, add, 23, e_max);
	return aios_tfdpa_round(u, sum, e_max - u.frac);
}

/* The chain of a TFDPA unit over k elements, ascending, starting from acc. */
AIOS_FN float aios_tfdpa_chain(struct aios_tfdpa_unit u, const void *a, const void *b, uint32_t k,
			       float acc)
{
	uint32_t bytes = u.man_bits == 3 ? 1 : 2, l = (uint32_t)u.terms, i;

	for (i = 0; l && i < k; i += l)
		acc = aios_tfdpa(u, (const uint8_t *)a + (size_t)i * bytes,
				 (const uint8_t *)b + (size_t)i * bytes, k - i < l ? k - i : l,
				 acc);
	return acc;
}

/* --- the units of CDNA ---------------------------------------------------- */

/*
 * The arithmetic of AMD's matrix units on bf16 and fp16, from the literature and never compared
 * with silicon (see the page). A block of 16 elements is taken in groups, in ascending order:
 *   CDNA1  the products are rounded to fp32, added pairwise, the sum added to the accumulator;
 *          every operation rounds to nearest even
 *   CDNA2  the same, and subnormals are zero: those of a, b and c, and the result of each operation
 *   CDNA3  the group's products are cut toward zero 24 bits below the largest and added; their sum
 *          and the accumulator are cut downwards where they meet, and the result is rounded
 */
struct aios_cdna_unit {
	int32_t terms;              /* of a block: AIOS_CDNA_L; 0: no such unit */
	int32_t group;              /* elements of a group */
	bool flush;                 /* subnormals are zero */
	bool fused;                 /* one sum a group, as CDNA3's */
	int32_t exp_bits, man_bits; /* of the inputs */
};

/* The unit of a profile for inputs of `dtype` (BF16 or F16). terms is 0 where there is none. */
AIOS_FN struct aios_cdna_unit aios_cdna_of(uint32_t profile, uint32_t dtype)
{
	struct aios_cdna_unit u = { 0, 0, false, false, 0, 0 };

	if ((dtype != AIOS_BF16 && dtype != AIOS_F16) || profile < AIOS_PROFILE_TC_CDNA1 ||
	    profile > AIOS_PROFILE_TC_CDNA3)
		return u;
	u.terms = AIOS_CDNA_L;
	u.group = profile == AIOS_PROFILE_TC_CDNA3                       ? 8 :
		  profile == AIOS_PROFILE_TC_CDNA1 && dtype == AIOS_BF16 ? 2 :
									   4;
	u.flush = profile == AIOS_PROFILE_TC_CDNA2;
	u.fused = profile == AIOS_PROFILE_TC_CDNA3;
	u.exp_bits = dtype == AIOS_BF16 ? 8 : 5;
	u.man_bits = dtype == AIOS_BF16 ? 7 : 10;
	return u;
}

/* x, or a zero of its sign where it is subnormal. */
AIOS_FN float aios_cdna_flush(float x)
{
	return aios_bits(x) & 0x7f800000u ? x : aios_float(aios_bits(x) & 0x80000000u);
}

/* An operation's result. */
AIOS_FN float aios_cdna_node(struct aios_cdna_unit u, float x)
{
	return u.flush ? aios_cdna_flush(x) : x;
}

/* An input's value. */
AIOS_FN float aios_cdna_value(struct aios_cdna_unit u, uint16_t code)
{
	uint32_t exponent = ((1u << u.exp_bits) - 1) << u.man_bits;

	if (u.flush && (code & exponent) == 0)
		return 0.0f;
	return u.exp_bits == 8 ? aios_bf16_to_f32(code) : aios_f16_to_f32(code);
}

/* Element i of n; absent ones are zeros. */
AIOS_FN uint16_t aios_cdna_code(const uint16_t *v, uint32_t i, uint32_t n)
{
	return i < n ? v[i] : 0;
}

/* CDNA1, CDNA2: c + elements [i, i + group) of a and b, n of which there are. */
AIOS_FN float aios_cdna_pairs(struct aios_cdna_unit u, const uint16_t *a, const uint16_t *b,
			      uint32_t i, uint32_t n, float c)
{
	float p[4] = { 0.0f, 0.0f, 0.0f, 0.0f };
	int32_t j, h;

	for (j = 0; j < u.group; j++, i++)
		p[j] = aios_cdna_node(u,
				      aios_fma(aios_cdna_value(u, aios_cdna_code(a, i, n)),
					       aios_cdna_value(u, aios_cdna_code(b, i, n)), 0.0f));
	for (h = u.group / 2; h > 0; h /= 2)
		for (j = 0; j < h; j++)
			p[j] = aios_cdna_node(u, aios_add(p[2 * j], p[2 * j + 1]));
	return aios_cdna_node(u, aios_add(c, p[0]));
}

/* v * 2^shift, downwards. |v| < 2^40, shift < 20. */
AIOS_FN int64_t aios_cdna_shift(int64_t v, int32_t shift)
{
	if (shift >= 0)
		return v * ((int64_t)1 << shift);
	return shift < -62 ? (v < 0 ? -1 : 0) : v >= 0 ? v >> -shift : ~(~v >> -shift);
}

/* sum * 2^ulp as fp32, to nearest even; a zero sum is +0. |sum| < 2^62. */
AIOS_FN float aios_cdna_round(int64_t sum, int32_t ulp)
{
	uint32_t sign = sum < 0 ? 0x80000000u : 0;
	uint64_t mag = (uint64_t)(sum < 0 ? -sum : sum), rest, half;
	int32_t msb = -1, e, shift;

	if (sum == 0)
		return 0.0f;
	while (mag >> (msb + 1))
		msb++;
	e = ulp + msb;
	if (e >= 128)
		return aios_float(sign | 0x7f800000u);
	e = e < -126 ? -126 : e;
	shift = e - 23 - ulp; /* to units of the result's last place */
	if (shift <= 0) {
		mag <<= -shift;
	} else if (shift > 62) {
		mag = 0;
	} else {
		rest = mag & (((uint64_t)1 << shift) - 1);
		half = (uint64_t)1 << (shift - 1);
		mag >>= shift;
		mag += rest > half || (rest == half && (mag & 1)) ? 1 : 0;
	}
	/* The hidden bit adds to the exponent, and so does a carry out of the fraction. */
	return aios_float(sign | (((uint32_t)(e + 126) << 23) + (uint32_t)mag));
}

/*
 * CDNA3, how a group ends: c and `sum` * 2^(e - 24), the sum of its products, the largest of which
 * has exponent e (some: there is one that is not zero). c is finite.
 */
AIOS_FN float aios_cdna_join(int64_t sum, int32_t e, bool some, float c)
{
	struct aios_tfdpa_num add = aios_tfdpa_decode(aios_bits(c), 8, 23);
	int32_t top;

	if (!some)
		return c;
	top = add.sig && add.exp > e ? add.exp : e;
	sum = aios_cdna_shift(sum, 31 - 24 + e - top);
	if (add.sig)
		sum += aios_cdna_shift(add.neg ? -add.sig : add.sig, 24 - 23 + add.exp - top) * 128;
	return aios_cdna_round(sum, top - 31);
}

/* A product apart, and what its special values make of the group's sum. */
struct aios_cdna_special {
	bool nan, pos, neg; /* NaN; infinite terms */
	bool over, under;   /* products of 2^128 and more, of -2^128 and less */
};

/* Product i; sig 0: it takes no part, or is special. */
AIOS_FN struct aios_tfdpa_num aios_cdna_product(struct aios_cdna_unit u, uint16_t a, uint16_t b,
						struct aios_cdna_special *s)
{
	struct aios_tfdpa_num x = aios_tfdpa_decode(a, u.exp_bits, u.man_bits);
	struct aios_tfdpa_num y = aios_tfdpa_decode(b, u.exp_bits, u.man_bits);
	bool neg = x.neg != y.neg, inf = x.inf || y.inf;

	s->nan = s->nan || x.nan || y.nan || (inf && (x.sig == 0 || y.sig == 0));
	s->pos = s->pos || (inf && !neg);
	s->neg = s->neg || (inf && neg);
	x.neg = neg;
	x.sig *= y.sig;
	x.exp += y.exp;
	if (!inf && x.exp + (x.sig >> (2 * u.man_bits + 1) ? 1 : 0) >= 128) {
		s->over = s->over || (x.sig && !neg);
		s->under = s->under || (x.sig && neg);
	}
	return x;
}

/* CDNA3: c + elements [i, i + group) of a and b, n of which there are. */
AIOS_FN float aios_cdna_fused(struct aios_cdna_unit u, const uint16_t *a, const uint16_t *b,
			      uint32_t i, uint32_t n, float c)
{
	struct aios_tfdpa_unit cut = { 0, 24, 23, 0, 0 };
	struct aios_cdna_special s = { aios_is_nan(c), c == aios_inf(), c == -aios_inf(), false,
				       false };
	struct aios_tfdpa_num t[8];
	bool some = false;
	int32_t e = 0, j;
	int64_t sum = 0;

	for (j = 0; j < u.group; j++, i++) {
		t[j] = aios_cdna_product(u, aios_cdna_code(a, i, n), aios_cdna_code(b, i, n), &s);
		if (t[j].sig && (!some || t[j].exp > e))
			e = t[j].exp;
		some = some || t[j].sig;
	}
	if (s.nan || (s.pos && s.neg))
		return aios_nan();
	if (s.pos || s.neg)
		return s.pos ? aios_inf() : -aios_inf();
	if (s.over || s.under)
		return s.over && s.under ? aios_nan() : s.over ? aios_inf() : -aios_inf();
	for (j = 0; j < u.group; j++)
		if (t[j].sig)
			sum += aios_tfdpa_align(cut, t[j], 2 * u.man_bits, e);
	return aios_cdna_join(sum, e, some, c);
}

/*
 * THE definition: c + sum of a[i] * b[i], i < n <= u.terms, absent terms being zeros; a zero result
 * is +0. (In between the hardware may have -0, which shows in no other value: a driver may leave
 * that to the end of a chain.) A NaN has any payload.
 */
AIOS_FN float aios_cdna(struct aios_cdna_unit u, const uint16_t *a, const uint16_t *b, uint32_t n,
			float c)
{
	int32_t i;

	c = u.flush && aios_cdna_flush(c) == 0.0f ? 0.0f : c;
	for (i = 0; i < u.terms; i += u.group)
		c = u.fused ? aios_cdna_fused(u, a, b, (uint32_t)i, n, c) :
			      aios_cdna_pairs(u, a, b, (uint32_t)i, n, c);
	return aios_add(c, 0.0f);
}

/* The chain of a CDNA unit over k elements, ascending, starting from acc. */
AIOS_FN float aios_cdna_chain(struct aios_cdna_unit u, const uint16_t *a, const uint16_t *b,
			      uint32_t k, float acc)
{
	uint32_t l = (uint32_t)u.terms, i;

	for (i = 0; l && i < k; i += l)
		acc = aios_cdna(u, a + i, b + i, k - i < l ? k - i : l, acc);
	return acc;
}

/* --- random numbers and sampling ----------------------------------------- */

/*
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy
 * as 1, 2, 3", SC 2011). ctr and key are inputs, out gets 128 random bits.
 */
AIOS_FN void aios_philox4x32(const uint32_t ctr[4], const uint32_t key[2], uint32_t out[4])
{
	uint32_t x0 = ctr[0], x1 = ctr[1], x2 = ctr[2], x3 = ctr[3], k0 = key[0], k1 = key[1];
	int round;

	for (round = 0; round < 10; round++) {
		uint64_t p0 = (uint64_t)0xd2511f53u * x0, p1 = (uint64_t)0xcd9e8d57u * x2;

		x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
		x1 = (uint32_t)p1;
		x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
		x3 = (uint32_t)p0;
		k0 += 0x9e3779b9u;
		k1 += 0xbb67ae85u;
	}
	out[0] = x0;
	out[1] = x1;
	out[2] = x2;
	out[3] = x3;
}

/* The 64 random bits of draw `draw` at absolute position `position` of a request. */
AIOS_FN uint64_t aios_random64(uint64_t seed, uint32_t position, uint32_t draw)
{
	uint32_t ctr[4] = { position, draw, 0, 0 };
	uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
	uint32_t x[4];

	aios_philox4x32(ctr, key, x);
	return (uint64_t)x[0] | (uint64_t)x[1] << 32;
}

/* High 64 bits of the 128-bit product a * b. */
AIOS_FN uint64_t aios_mulhi64(uint64_t a, uint64_t b)
{
	uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
	uint64_t mid = a1 * b0 + ((a0 * b0) >> 32);
	uint64_t mid2 = a0 * b1 + (uint32_t)mid;

	return a1 * b1 + (mid >> 32) + (mid2 >> 32);
}

/* a * 2^32 >= p * b in exact 128-bit integers. */
AIOS_FN bool aios_at_least(uint64_t a, uint64_t p, uint64_t b)
{
	uint64_t l_hi = a >> 32, l_lo = a << 32, r_hi = aios_mulhi64(p, b), r_lo = p * b;

	return l_hi > r_hi || (l_hi == r_hi && l_lo >= r_lo);
}

/*
 * The order of candidates: larger logit first, lower id among equals (+0 and -0
 * are equal), NaN after everything, -inf included. A larger key comes first:
 * argmax, top-k and the order of top-p are all comparisons of keys.
 */
AIOS_FN uint64_t aios_rank_key(float logit, uint32_t id)
{
	uint32_t u = aios_bits(aios_add(logit, 0.0f)); /* -0 becomes +0 */

	if (aios_is_nan(logit))
		u = 0;
	else
		u = (u & 0x80000000u) ? ~u : u | 0x80000000u;
	return (uint64_t)u << 32 | (uint32_t)~id;
}

/* The id in a key. */
AIOS_FN uint32_t aios_rank_id(uint64_t key)
{
	return ~(uint32_t)key;
}

/* Penalties of a token that occurs in the prompt or output, `count` times in the output. */
AIOS_FN float aios_penalise(float logit, uint32_t count, float repetition, float frequency,
			    float presence)
{
	if (repetition != 0.0f && repetition != 1.0f)
		logit = logit > 0.0f ? aios_div(logit, repetition) : aios_mul(logit, repetition);
	if (count > 0) {
		logit = aios_fma(-frequency, (float)count, logit);
		logit = aios_sub(logit, presence);
	}
	return logit;
}

/*
 * Integer weight of a candidate: trunc(e^(logit - max) * 2^40), so that sums are
 * exact and free of order. The best (logit == max > -inf) has 2^40 even when it
 * is +inf; NaN and -inf have 0. Logits are those after the temperature.
 */
AIOS_FN uint64_t aios_sample_weight(float logit, float max)
{
	float e = aios_exp(aios_sub(logit, max));

	if (logit == max && max != -aios_inf())
		return (uint64_t)1 << 40;
	return e > 0.0f ? (uint64_t)aios_mul(e, 0x1p40f) : 0;
}

/* p in [0, 1] as a fraction of 2^32, truncated; clamped, NaN gives 2^32. */
AIOS_FN uint64_t aios_fraction32(float p)
{
	if (!(p < 1.0f))
		return (uint64_t)1 << 32;
	return p > 0.0f ? (uint64_t)aios_mul(p, 0x1p32f) : 0;
}

/* top-p: the survivors are the shortest prefix in rank order for which this holds. */
AIOS_FN bool aios_top_p_reached(uint64_t prefix_sum, uint64_t total, float top_p)
{
	return aios_at_least(prefix_sum, aios_fraction32(top_p), total);
}

/* min-p: does a candidate of this weight stay? The best one's weight is 2^40. */
AIOS_FN bool aios_min_p_keeps(uint64_t weight, float min_p)
{
	return aios_at_least(weight, aios_fraction32(min_p), (uint64_t)1 << 40);
}

/*
 * The drawn position in [0, total): the sample is the first survivor, in
 * ascending id, whose prefix sum of weights exceeds it.
 */
AIOS_FN uint64_t aios_sample_target(uint64_t random, uint64_t total)
{
	return aios_mulhi64(random, total);
}

/* Log-probability: logit - (max + ln(sum)), sum = lane sum of aios_exp(logit[i] - max). */
AIOS_FN float aios_logsumexp(float max, float sum)
{
	return aios_add(max, aios_ln(sum));
}

#endif /* AIOS_NUMERICS_H */
