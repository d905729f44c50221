/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attention_mfma.cuh - attention in tc-cdna1, tc-cdna2 and tc-cdna3: attention.cuh's blocks of 16
 * queries, in waves of 64, with both products by the matrix units. The queries are the 16 rows of
 * a step; a wave takes 16 of a block's 64 keys for scores, and every fourth 16 elements of the head
 * for values.
 */
#include "mfma.h"

/* Elements of 16-bit rows as the matrix units take them: zeros from `end` on, an even number. */
GPU_FN uint32_t amf_word(const unsigned char *row, uint32_t at, uint32_t end)
{
	return at < end ? *(const uint32_t *)(row + at * 2) : 0;
}

/* Which keys of a block all of the queries see that see any. */
struct amf_common {
	uint32_t lo, hi;
};

template <bool F16> struct amf_unit {
	/* The thread's query i of ATTN_OWN, and its column of every 64. */
	GPU_FN uint32_t query(uint32_t i)
	{
		return gpu_tid() % 64 / 16 * 4 + i;
	}

	GPU_FN uint32_t column(void)
	{
		return gpu_tid() / 64 * 16 + gpu_tid() % 16;
	}

	GPU_FN unsigned char *q_row(struct gpu_attention_shared *s, uint32_t q)
	{
		return (unsigned char *)s->q + q * GPU_ATTN_PITCH;
	}

	/* Elements [d0, d0 + GPU_ATTN_SLICE) of the queries. */
	GPU_FN void load_q(const struct gpu_attention_args &a, const struct attn_job *job,
			   uint32_t d0, struct gpu_attention_shared *s)
	{
		uint32_t dim = a.op.kv.head_dim, units = GPU_ATTN_SLICE / 8;

		for (uint32_t u = gpu_tid(); u < job->n_q * units; u += GPU_ATTN_THREADS) {
			uint32_t q = u / units, d = u % units * 8;
			uint64_t at = (uint64_t)(job->head0 + q % a.heads) * dim + d0 + d;

			if (s->first[q] != ATTN_NONE && d0 + d < dim)
				*(struct gpu_vec *)(q_row(s, q) + d * 2) = gpu_load16(
					gpu_row(&a.op.q, gpu_bx() * a.rows + q / a.heads) + at * 2);
		}
	}

	/* Continue q . k over n elements of a slice. */
	GPU_FN void dots(struct gpu_attention_shared *s, uint32_t n, float dot[ATTN_OWN])
	{
		const unsigned char *q = q_row(s, gpu_tid() % 16);
		const unsigned char *k = s->slice + column() * GPU_ATTN_PITCH;
		uint32_t qa[2], kb[2];

		for (uint32_t d = 0; d < n; d += 16) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 2; i++) {
				qa[i] = amf_word(q, d + gpu_mfma_k(F16, i), n);
				kb[i] = amf_word(k, d + gpu_mfma_k(F16, i), n);
			}
			gpu_mfma(F16, dot, qa, kb);
		}
	}

	GPU_FN void scores(const struct gpu_attention_args &a, const struct attn_job *job,
			   uint32_t start, uint32_t lo, uint32_t hi, struct gpu_attention_shared *s)
	{
		uint32_t dim = a.op.kv.head_dim, key0 = gpu_tid() / 64 * 16;
		float dot[ATTN_OWN] = { 0.0f };

		for (uint32_t d0 = 0; d0 < dim; d0 += GPU_ATTN_SLICE) {
			gpu_barrier();
			attn_load(a.op, job, a.op.kv.k, start, lo, hi, d0, s);
			load_q(a, job, d0, s);
			gpu_barrier();
			if (key0 < hi && key0 + 16 > lo)
				dots(s, dim - d0 < GPU_ATTN_SLICE ? dim - d0 : GPU_ATTN_SLICE, dot);
		}
		GPU_UNROLL
		for (int i = 0; i < ATTN_OWN; i++)
			dot[i] = aios_add(dot[i], 0.0f); /* no -0 */
		attn_scores_of<ATTN_OWN>(a.op, dot);
		GPU_UNROLL
		for (uint32_t i = 0; i < ATTN_OWN; i++)
			s->p[query(i)][column()] = dot[i];
	}

	/* p of query tid % 16 and the lane's keys, as codes: words 2 * step, + 1. */
	GPU_FN void weights(const struct gpu_attention_shared *s, uint32_t p[8])
	{
		GPU_UNROLL
		for (uint32_t i = 0; i < 8; i++) {
			const float *at =
				&s->p[gpu_tid() % 16][i / 2 * 16 + gpu_mfma_k(F16, i % 2)];

			p[i] = F16 ? (uint32_t)aios_f32_to_f16(at[1]) << 16 |
					       aios_f32_to_f16(at[0]) :
				     (aios_bits(at[1]) & 0xffff0000u) | aios_bits(at[0]) >> 16;
		}
	}

	/*
	 * Element d of the values of the lane's keys of a step, those of [lo, hi), else zeros. *odd:
	 * an infinity or a NaN is among those that not all queries see.
	 */
	GPU_FN void fetch(const struct gpu_attention_shared *s, uint32_t key0, uint32_t lo,
			  uint32_t hi, uint32_t d, const struct amf_common &common, uint32_t v[2],
			  bool *odd)
	{
		const uint32_t top = F16 ? 0x7c00u : 0x7f80u;

		GPU_UNROLL
		for (uint32_t i = 0; i < 2; i++) {
			v[i] = 0;
			GPU_UNROLL
			for (uint32_t e = 0; e < 2; e++) {
				uint32_t j = key0 + gpu_mfma_k(F16, i) + e, one = 0;

				if (j >= lo && j < hi)
					one = *(const uint16_t *)(s->slice + j * GPU_ATTN_PITCH +
								  d * 2);
				*odd = *odd ||
				       ((j < common.lo || j >= common.hi) && (one & top) == top);
				v[i] |= one << 16 * e;
			}
		}
	}

	/* The step for one query after the other, each with the keys that it sees: 0 * inf is NaN. */
	GPU_FN void one_by_one(const struct gpu_attention_shared *s, uint32_t start, uint32_t key0,
			       const uint32_t p[2], const uint32_t v[2], float acc[ATTN_OWN])
	{
		float sum[ATTN_OWN], was[ATTN_OWN];

		GPU_UNROLL
		for (int i = 0; i < ATTN_OWN; i++)
			was[i] = acc[i];
		for (uint32_t q = 0; q < GPU_ATTN_QUERIES; q++) {
			uint32_t lo, hi, seen[2];

			attn_visible(s, q, start, &lo, &hi);
			GPU_UNROLL
			for (uint32_t i = 0; i < 2; i++) {
				uint32_t j = key0 + gpu_mfma_k(F16, i);

				seen[i] = v[i];
				seen[i] &= j >= lo && j < hi ? 0xffffffffu : 0xffff0000u;
				seen[i] &= j + 1 >= lo && j + 1 < hi ? 0xffffffffu : 0x0000ffffu;
			}
			GPU_UNROLL
			for (int i = 0; i < ATTN_OWN; i++)
				sum[i] = was[i];
			gpu_mfma(F16, sum, p, seen);
			GPU_UNROLL
			for (uint32_t i = 0; i < ATTN_OWN; i++)
				acc[i] = query(i) == q ? sum[i] : acc[i];
		}
	}

	/* p . V over the block's keys: go on with element d of the slice, of the thread's queries. */
	GPU_FN void value(const struct gpu_attention_shared *s, uint32_t start, uint32_t lo,
			  uint32_t hi, const struct amf_common &common, const uint32_t p[8],
			  uint32_t d, bool there, float acc[ATTN_OWN])
	{
		GPU_UNROLL
		for (uint32_t step = 0; step < AIOS_ATTN_BLOCK / 16; step++) {
			uint32_t v[2];
			bool odd = false;

			if (16 * step >= hi || 16 * step + 16 <= lo)
				continue;
			fetch(s, 16 * step, there ? lo : hi, hi, d, common, v, &odd);
			if (gpu_ballot(odd))
				one_by_one(s, start, 16 * step, p + 2 * step, v, acc);
			else
				gpu_mfma(F16, acc, p + 2 * step, v);
		}
	}

	/* The keys that all queries see of those that see any; which of the thread's own do. */
	GPU_FN struct amf_common common_keys(const struct gpu_attention_shared *s, uint32_t start,
					     bool sees[ATTN_OWN])
	{
		struct amf_common c = { 0, AIOS_ATTN_BLOCK };
		uint32_t lo, hi;

		for (uint32_t q = 0; q < GPU_ATTN_QUERIES; q++) {
			attn_visible(s, q, start, &lo, &hi);
			if (lo >= hi)
				continue;
			c.lo = lo > c.lo ? lo : c.lo;
			c.hi = hi < c.hi ? hi : c.hi;
		}
		GPU_UNROLL
		for (uint32_t i = 0; i < ATTN_OWN; i++) {
			attn_visible(s, query(i), start, &lo, &hi);
			sees[i] = lo < hi;
		}
		return c;
	}

	template <int DI>
	GPU_FN void values(const struct gpu_attention_args &a, const struct attn_job *job,
			   uint32_t start, uint32_t lo, uint32_t hi, struct gpu_attention_shared *s,
			   struct attn_outputs<DI> *acc)
	{
		uint32_t dim = a.op.kv.head_dim, p[8];
		struct amf_common common;
		bool sees[ATTN_OWN];

		gpu_barrier(); /* p and alpha are there, the keys have been read */
		common = common_keys(s, start, sees);
		weights(s, p);
		GPU_UNROLL
		for (int d = 0; d < DI; d++) {
			uint32_t tile = 64 * (uint32_t)d + gpu_tid() / 64 * 16;
			uint32_t at = tile + gpu_tid() % 16;
			float sum[ATTN_OWN];

			if (d % 2 == 0) {
				gpu_barrier();
				if (64 * (uint32_t)d < dim)
					attn_load(a.op, job, a.op.kv.v, start, lo, hi,
						  64 * (uint32_t)d, s);
				gpu_barrier();
			}
			if (tile >= dim)
				continue;
			GPU_UNROLL
			for (uint32_t i = 0; i < ATTN_OWN; i++)
				sum[i] = aios_mul(acc->v[d][i], s->alpha[query(i)]);
			value(s, start, lo, hi, common, p, at % GPU_ATTN_SLICE, at < dim, sum);
			GPU_UNROLL
			for (uint32_t i = 0; i < ATTN_OWN; i++)
				acc->v[d][i] = sees[i] ? aios_add(sum[i], 0.0f) : acc->v[d][i];
		}
	}
};

/* The KV type is the launch's. */
template <int DI> GPU_FN void amf_block(const struct gpu_attention_args &a)
{
	if (a.op.kv.dtype == AIOS_F16)
		attn_block<struct amf_unit<true>, DI>(a);
	else
		attn_block<struct amf_unit<false>, DI>(a);
}

GPU_KERNEL_WIDE(GPU_ATTN_THREADS) gpu_attention_mfma_64(const struct gpu_attention_args a)
{
	amf_block<1>(a);
}

GPU_KERNEL_WIDE(GPU_ATTN_THREADS) gpu_attention_mfma_128(const struct gpu_attention_args a)
{
	amf_block<2>(a);
}

GPU_KERNEL_WIDE(GPU_ATTN_THREADS) gpu_attention_mfma_256(const struct gpu_attention_args a)
{
	amf_block<4>(a);
}

GPU_KERNEL_WIDE(GPU_ATTN_THREADS) gpu_attention_mfma_512(const struct gpu_attention_args a)
{
	amf_block<8>(a);
}
