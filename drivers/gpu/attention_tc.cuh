/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attention_tc.cuh - attention with the tc-sm90 unit: QK^T and PV by the matrix units.
 *
 * A masked key is a zero in p, which a dot unit ignores only if the value is finite, and a group of
 * 16 keys of which a query sees none must not touch its outputs at all (-0 would turn into +0).
 * One row's queries all see the same keys, so attention_decode fetches zeros in the place of values
 * that are not seen, and leaves groups out.
 */
#ifndef GPU_ATTENTION_TC_CUH
#define GPU_ATTENTION_TC_CUH

#include "attention_decode.cuh"
#include "matrix.h"

template <bool F16> GPU_FN void tc_mma(float d[4], const uint32_t a[4], const uint32_t b[2])
{
	if (F16)
		gpu_mma_f16(d, a, b);
	else
		gpu_mma_bf16(d, a, b);
}

/* Two weights rounded to the type of the values. */
template <bool F16> GPU_FN uint32_t tc_pack(float lo, float hi)
{
	return F16 ? gpu_round2_f16(lo, hi) : gpu_round2_bf16(lo, hi);
}

/* --- one row, all of a KV head's queries ---------------------------------------------- */

/*
 * The tc-sm90 unit of attention_decode. The 8 queries are the columns of every product. Scores: a
 * warp takes a block of keys as four times 16 rows. Values: a warp takes 16 elements of the head
 * as rows, in turn when the head has more than 128. Lane l has rows g = l / 4 and g + 8 and
 * queries c = 2 * (l % 4) and c + 1 of a product.
 */
template <bool F16, int D> struct tc_unit {
	static const int DIM = D;
	static const int STEPS = (D ? D : GPU_MAX_HEAD_DIM) / 16; /* of 16 elements of the head */
	static const int TILES = (STEPS + GPU_DECODE_THREADS / 32 - 1) / (GPU_DECODE_THREADS / 32);

	float s[4][4]; /* scores of 16 keys each, then p */
	float acc[TILES][4], total[TILES][4];
	uint32_t q[D ? STEPS : 1][2]; /* the queries, when there is room */

	GPU_FN uint16_t *q_at(const struct gpu_attention_args &a, uint32_t q)
	{
		return (uint16_t *)(gpu_shared() + a.at_q + q * a.q_pitch);
	}

	GPU_FN uint16_t *p_at(const struct gpu_attention_args &a, uint32_t q)
	{
		return (uint16_t *)(gpu_shared() + a.at_p + q * a.p_pitch);
	}

	GPU_FN void put_q1(const struct gpu_attention_args &a, uint32_t q, uint32_t d, uint16_t h)
	{
		q_at(a, q)[d] = h;
	}

	GPU_FN void put_q(const struct gpu_attention_args &a, uint32_t q, uint32_t d,
			  const struct gpu_vec &v)
	{
		*(struct gpu_vec *)(q_at(a, q) + d) = v;
	}

	/* Elements 16 * step + 2 * (l % 4), + 1, + 8, + 9 of query l / 4. */
	GPU_FN void load_q(const struct gpu_attention_args &a, uint32_t step, uint32_t b[2])
	{
		const uint32_t *q = (const uint32_t *)q_at(a, gpu_tid() % 32 / 4) + 8 * step;

		b[0] = q[gpu_tid() % 4];
		b[1] = q[gpu_tid() % 4 + 4];
	}

	GPU_FN void begin(struct tc_unit &u, const struct gpu_attention_args &a)
	{
		GPU_UNROLL
		for (uint32_t i = 0; D && i < STEPS; i++)
			load_q(a, i, u.q[i]);
	}

	/* The warp's block of keys of the span. */
	GPU_FN bool block(const struct decode_span &s, uint32_t *b)
	{
		*b = gpu_tid() / 32;
		return *b >= (s.lo - s.start) / AIOS_ATTN_BLOCK &&
		       *b < (s.end - s.start) / AIOS_ATTN_BLOCK;
	}

	/* Is the key of score i of tile t of block b seen? */
	GPU_FN bool sees(const struct decode_span &s, uint32_t b, uint32_t t, uint32_t i)
	{
		uint32_t key =
			s.start + b * AIOS_ATTN_BLOCK + 16 * t + gpu_tid() % 32 / 4 + 8 * (i / 2);

		return key >= s.lo && key < s.hi;
	}

	GPU_FN void dots(struct tc_unit &u, const struct gpu_attention_args &a, uint32_t b)
	{
		uint32_t lane = gpu_tid() % 32, steps = (decode_dim<D>(a) + 15) / 16, k[4], q[2];
		const unsigned char *at =
			decode_k(a) + (b * AIOS_ATTN_BLOCK + lane % 16) * a.pitch + lane / 16 * 16;

		GPU_UNROLL
		for (uint32_t t = 0; t < 4; t++)
			u.s[t][0] = u.s[t][1] = u.s[t][2] = u.s[t][3] = 0.0f;
		GPU_UNROLL
		for (uint32_t step = 0; step < STEPS; step++) {
			if (!D && step >= steps)
				break;
			if (!D)
				load_q(a, step, q);
			GPU_UNROLL
			for (uint32_t t = 0; t < 4; t++) {
				gpu_ldmatrix_x4(k, at + 16 * t * a.pitch + 32 * step);
				tc_mma<F16>(u.s[t], k, D ? u.q[D ? step : 0] : q);
			}
		}
	}

	GPU_FN void scores(struct tc_unit &u, const struct gpu_attention_args &a,
			   const struct decode_job &job, const struct decode_span &s,
			   struct gpu_decode_shared *sh)
	{
		uint32_t b, lane = gpu_tid() % 32;
		float m[2] = { -aios_inf(), -aios_inf() };

		(void)job;
		if (!block(s, &b))
			return;
		dots(u, a, b);
		GPU_UNROLL
		for (uint32_t t = 0; t < 4; t++) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i++) {
				u.s[t][i] = attn_score(a.op, u.s[t][i]);
				if (sees(s, b, t, i))
					m[i % 2] = aios_max_step(m[i % 2], u.s[t][i]);
			}
		}
		for (uint32_t h = 16; h >= 4; h /= 2) {
			m[0] = aios_max_step(m[0], gpu_shfl_xor_f32(m[0], h));
			m[1] = aios_max_step(m[1], gpu_shfl_xor_f32(m[1], h));
		}
		if (lane < 4) {
			sh->max[b][2 * lane] = m[0];
			sh->max[b][2 * lane + 1] = m[1];
		}
	}

	/* Maximum and rescaling factor of query q in block b. */
	GPU_FN float maximum(const struct decode_span &s, const struct gpu_decode_shared *sh,
			     uint32_t b, uint32_t q, float *alpha)
	{
		float m = sh->m[q], m_new;

		for (uint32_t c = (s.lo - s.start) / AIOS_ATTN_BLOCK; c < b; c++)
			m = aios_max_step(m, sh->max[c][q]);
		m_new = aios_max_step(m, sh->max[b][q]);
		*alpha = aios_attn_rescale(m, m_new);
		return m_new;
	}

	/* The tree over a block's p: tiles, rows, then lanes. */
	GPU_FN float sum(const struct tc_unit &u, uint32_t e)
	{
		float low =
			aios_add(aios_add(u.s[0][e], u.s[2][e]), aios_add(u.s[1][e], u.s[3][e]));
		float high = aios_add(aios_add(u.s[0][2 + e], u.s[2][2 + e]),
				      aios_add(u.s[1][2 + e], u.s[3][2 + e]));
		float v = aios_add(low, high);

		for (uint32_t h = 16; h >= 4; h /= 2)
			v = aios_add(v, gpu_shfl_xor_f32(v, h));
		return v;
	}

	GPU_FN void weights(struct tc_unit &u, const struct gpu_attention_args &a,
			    const struct decode_job &job, const struct decode_span &s,
			    struct gpu_decode_shared *sh)
	{
		uint32_t b, lane = gpu_tid() % 32, c = 2 * (lane % 4);
		uint16_t *p[2] = { p_at(a, c), p_at(a, c + 1) };
		float m[2], alpha[2], total[2];

		(void)job;
		if (!block(s, &b))
			return;
		m[0] = maximum(s, sh, b, c, &alpha[0]);
		m[1] = maximum(s, sh, b, c + 1, &alpha[1]);
		GPU_UNROLL
		for (uint32_t t = 0; t < 4; t++) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i += 2) {
				uint32_t at = b * AIOS_ATTN_BLOCK + 16 * t + lane / 4 + 4 * i;
				uint32_t two =
					tc_pack<F16>(aios_exp2(aios_sub(u.s[t][i], m[0])),
						     aios_exp2(aios_sub(u.s[t][i + 1], m[1])));

				two = sees(s, b, t, i) ? two : 0;
				u.s[t][i] = gpu_half<F16>(two & 0xffffu);
				u.s[t][i + 1] = gpu_half<F16>(two >> 16);
				p[0][at] = (uint16_t)two;
				p[1][at] = (uint16_t)(two >> 16);
			}
		}
		total[0] = sum(u, 0);
		total[1] = sum(u, 1);
		if (lane < 4) {
			GPU_UNROLL
			for (uint32_t e = 0; e < 2; e++) {
				sh->alpha[b][c + e] = alpha[e];
				sh->sum[b][c + e] = total[e];
			}
		}
	}

	/* acc goes on over 16 keys of the span from `key` on, elements from d0 on. */
	GPU_FN void group(const struct gpu_attention_args &a, uint32_t key, uint32_t d0,
			  float acc[4])
	{
		uint32_t lane = gpu_tid() % 32, v[4], p[2];
		const uint32_t *at = (const uint32_t *)(p_at(a, lane / 4) + key);

		p[0] = at[lane % 4];
		p[1] = at[lane % 4 + 4];
		gpu_ldmatrix_x4_trans(v, decode_v(a) + (key + lane % 8 + lane / 16 * 8) * a.pitch +
						 (d0 + lane / 8 % 2 * 8) * 2);
		tc_mma<F16>(acc, v, p);
	}

	GPU_FN void values_tile(const struct gpu_attention_args &a, const struct decode_span &s,
				const struct gpu_decode_shared *sh, uint32_t d0, float acc[4])
	{
		uint32_t lo = s.lo - s.start, hi = s.hi - s.start, c = 2 * (gpu_tid() % 4);

		for (uint32_t at = lo / AIOS_ATTN_BLOCK * AIOS_ATTN_BLOCK; at < hi;
		     at += AIOS_ATTN_BLOCK) {
			const float *alpha = sh->alpha[at / AIOS_ATTN_BLOCK];

			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i++)
				acc[i] = aios_mul(acc[i], alpha[c + i % 2]);
			if (at >= lo / 16 * 16 && at + AIOS_ATTN_BLOCK - 16 < hi) {
				GPU_UNROLL
				for (uint32_t t = 0; t < 4; t++)
					group(a, at + 16 * t, d0, acc);
				continue;
			}
			for (uint32_t t = 0; t < 4; t++)
				if (at + 16 * t + 16 > lo && at + 16 * t < hi)
					group(a, at + 16 * t, d0, acc);
		}
	}

	/* First element of tile i of the warp; false: the head has no such. */
	GPU_FN bool tile(const struct gpu_attention_args &a, uint32_t i, uint32_t *d0)
	{
		*d0 = (gpu_tid() / 32 + i * (GPU_DECODE_THREADS / 32)) * 16;
		return *d0 < decode_dim<D>(a);
	}

	GPU_FN void values(struct tc_unit &u, const struct gpu_attention_args &a,
			   const struct decode_job &job, const struct decode_span &s,
			   const struct gpu_decode_shared *sh)
	{
		(void)job;
		GPU_UNROLL
		for (uint32_t i = 0; i < TILES; i++) {
			uint32_t d0;

			if (s.begins)
				u.acc[i][0] = u.acc[i][1] = u.acc[i][2] = u.acc[i][3] = 0.0f;
			if (tile(a, i, &d0))
				values_tile(a, s, sh, d0, u.acc[i]);
		}
	}

	GPU_FN void join(struct tc_unit &u, const struct gpu_attention_args &a,
			 const struct decode_job &job, const struct gpu_decode_shared *sh,
			 bool first)
	{
		uint32_t c = 2 * (gpu_tid() % 4);

		(void)a;
		(void)job;
		GPU_UNROLL
		for (uint32_t t = 0; t < TILES; t++) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i++)
				u.total[t][i] = first ? u.acc[t][i] :
							aios_attn_merge_acc(u.total[t][i],
									    sh->e_total[c + i % 2],
									    u.acc[t][i],
									    sh->e_chunk[c + i % 2]);
		}
	}

	/* Output i of tile t: its query and element; false: there is no such. */
	GPU_FN bool output(const struct gpu_attention_args &a, const struct decode_job &job,
			   uint32_t t, uint32_t i, uint32_t *q, uint32_t *d)
	{
		bool there = tile(a, t, d);

		*q = 2 * (gpu_tid() % 4) + i % 2;
		*d += gpu_tid() % 32 / 4 + 8 * (i / 2);
		return there && *q < job.n_q && *d < decode_dim<D>(a);
	}

	GPU_FN void store(const struct tc_unit &u, const struct gpu_attention_args &a,
			  const struct decode_job &job, const struct gpu_decode_shared *sh)
	{
		uint32_t c = 2 * (gpu_tid() % 4), q, d;
		float inv[2];

		inv[0] = aios_attn_final(sh->total_l[c]);
		inv[1] = aios_attn_final(sh->total_l[c + 1]);
		GPU_UNROLL
		for (uint32_t t = 0; t < TILES; t++) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i++)
				if (output(a, job, t, i, &q, &d))
					gpu_store(attn_out(a, job.row), a.op.out.dtype,
						  (uint64_t)(job.head0 + q) * decode_dim<D>(a) + d,
						  aios_mul(u.total[t][i], inv[i % 2]));
		}
	}

	GPU_FN void leave(const struct tc_unit &u, const struct gpu_attention_args &a,
			  const struct decode_job &job)
	{
		uint32_t q, d;

		GPU_UNROLL
		for (uint32_t t = 0; t < TILES; t++) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i++)
				if (output(a, job, t, i, &q, &d))
					attn_part(a, job.row, job.head0 + q,
						  gpu_bz())[GPU_ATTN_STATE + d] = u.acc[t][i];
		}
	}
};

#define TC_DECODE(name, f16, dim)                                                                  \
	GPU_KERNEL_WIDE(GPU_DECODE_THREADS) name(const struct gpu_attention_args a)                \
	{                                                                                          \
		decode_block<struct tc_unit<f16, dim>>(a);                                         \
	}

#define TC_ROPE(name, f16, dim)                                                                    \
	GPU_KERNEL_WIDE(GPU_DECODE_THREADS) name(const struct gpu_rope_attention_args a)           \
	{                                                                                          \
		decode_block_rope<struct tc_unit<f16, dim>>(a);                                    \
	}

TC_DECODE(gpu_attention_tc_decode_bf16_64, false, 64)
TC_DECODE(gpu_attention_tc_decode_bf16_128, false, 128)
TC_DECODE(gpu_attention_tc_decode_bf16_any, false, 0)
TC_DECODE(gpu_attention_tc_decode_f16_64, true, 64)
TC_DECODE(gpu_attention_tc_decode_f16_128, true, 128)
TC_DECODE(gpu_attention_tc_decode_f16_any, true, 0)
TC_ROPE(gpu_rope_attention_tc_bf16_64, false, 64)
TC_ROPE(gpu_rope_attention_tc_bf16_128, false, 128)
TC_ROPE(gpu_rope_attention_tc_f16_64, true, 64)
TC_ROPE(gpu_rope_attention_tc_f16_128, true, 128)

#endif /* GPU_ATTENTION_TC_CUH */
