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

#include "attention_tiles.cuh"
#include "matrix.h"

/* --- one row, all of a KV head's queries ---------------------------------------------- */

/*
 * The tc-sm90 unit of attention_decode. The 8 queries are the columns of every product. Scores: a
 * warp takes a block of keys as four times 16 rows. Values: a warp takes 16 elements of the head
 * as rows, in turn when the head has more than 128. Lane l has rows g = l / 4 and g + 8 and
 * queries c = 2 * (l % 4) and c + 1 of a product. Every warp that has values follows m of queries
 * c and c + 1, and l of query g, whose weights it has for the values anyway.
 */
template <bool F16, int D> struct tc_unit {
	static const int DIM = D;
	static const uint32_t DTYPE = F16 ? AIOS_F16 : AIOS_BF16;
	static const int STEPS = (D ? D : GPU_MAX_HEAD_DIM) / 16; /* of 16 elements of the head */
	static const int TILES = (STEPS + GPU_DECODE_THREADS / 32 - 1) / (GPU_DECODE_THREADS / 32);

	static_assert(GPU_DECODE_THREADS / 32 == GPU_DECODE_BLOCKS,
		      "a warp for each block of a span");

	float s[4][4]; /* scores of 16 keys each */
	float most[2]; /* the largest of the block's that are seen */
	float acc[TILES][4], total[TILES][4];
	float m[2], l;                /* of the chunk */
	float total_m[2], total_l[2]; /* of those that are complete */

	/* What the lane reads: queries, its warp's block, weights and values of the first block. */
	gpu_place at_q, at_k, at_p, at_v;
	uint16_t *out; /* query c of outputs of 16 bits, its first of them */

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

	GPU_FN void put_q2(const struct gpu_attention_args &a, uint32_t q, uint32_t d, uint32_t two)
	{
		*(uint32_t *)(q_at(a, q) + d) = two;
	}

	GPU_FN void put_q(const struct gpu_attention_args &a, uint32_t q, uint32_t d,
			  const struct gpu_vec &v)
	{
		*(struct gpu_vec *)(q_at(a, q) + d) = v;
	}

	/* Bytes from one key or value to the next. */
	GPU_FN uint32_t pitch(const struct gpu_attention_args &a)
	{
		return D ? D * 2 + 16 : a.pitch;
	}

	GPU_FN void begin(struct tc_unit &u, const struct gpu_attention_args &a,
			  const struct decode_job &job)
	{
		uint32_t lane = gpu_tid() % 32, warp = gpu_tid() / 32, c = 2 * (lane % 4);

		u.at_q = gpu_place_of(q_at(a, lane % 8) + lane / 8 * 8);
		u.at_k =
			gpu_place_of(decode_k(a) + (warp * AIOS_ATTN_BLOCK + lane % 16) * pitch(a) +
				     lane / 16 * 16);
		u.at_p = gpu_place_of(p_at(a, lane % 8) + lane / 8 * 8);
		u.at_v = gpu_place_of(decode_v(a) + (lane % 8 + lane / 16 * 8) * pitch(a) +
				      (warp * 16 + lane / 8 % 2 * 8) * 2);
		u.out = gpu_keep_at((uint16_t *)attn_out(a, job.row) +
				    (uint64_t)(job.head0 + c) * decode_dim<D>(a) + warp * 16 +
				    lane / 4);
	}

	/* Elements 16 * step + 2 * (l % 4), + 1, + 8, + 9 of query l / 4. */
	GPU_FN void load_q(const struct gpu_attention_args &a, uint32_t step, uint32_t b[2])
	{
		const uint32_t *q = (const uint32_t *)q_at(a, gpu_tid() % 32 / 4) + 8 * step;

		b[0] = q[gpu_tid() % 4];
		b[1] = q[gpu_tid() % 4 + 4];
	}

	/* Blocks [*first, *end) of the span have keys that are seen. */
	GPU_FN void blocks(const struct decode_span &s, uint32_t *first, uint32_t *end)
	{
		*first = (s.lo - s.start) / AIOS_ATTN_BLOCK;
		*end = (s.end - s.start) / AIOS_ATTN_BLOCK;
	}

	/* The warp's block of keys of the span. */
	GPU_FN bool block(const struct decode_span &s, uint32_t *b)
	{
		uint32_t first, end;

		blocks(s, &first, &end);
		*b = gpu_tid() / 32;
		return *b >= first && *b < end;
	}

	/* Is the key of score i of tile t of block b seen? */
	GPU_FN bool sees(const struct decode_span &s, uint32_t b, uint32_t t, uint32_t i)
	{
		uint32_t key = s.start + b * AIOS_ATTN_BLOCK + gpu_tid() % 32 / 4;

		return key - s.lo + (16 * t + 8 * (i / 2)) < s.hi - s.lo;
	}

	GPU_FN void dots(struct tc_unit &u, const struct gpu_attention_args &a)
	{
		uint32_t steps = (decode_dim<D>(a) + 15) / 16, q[D ? 2 * STEPS : 2], k[4];

		GPU_UNROLL
		for (uint32_t step = 0; D && step < STEPS; step += 2)
			gpu_ldmatrix_x4(q + 2 * step, u.at_q + 32 * step);
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
				gpu_ldmatrix_x4(k, u.at_k + 16 * t * pitch(a) + 32 * step);
				gpu_mma_half<F16>(u.s[t], k, q + (D ? 2 * step : 0));
			}
		}
	}

	/* The largest of the block's scores that are seen. */
	GPU_FN void maximum(struct tc_unit &u, const struct decode_span &s, uint32_t b)
	{
		float m[2][2] = { { -aios_inf(), -aios_inf() }, { -aios_inf(), -aios_inf() } };

		GPU_UNROLL
		for (uint32_t t = 0; t < 4; t++) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i++)
				m[i / 2][i % 2] = gpu_max(m[i / 2][i % 2], sees(s, b, t, i) ?
										   u.s[t][i] :
										   -aios_inf());
		}
		u.most[0] = gpu_max(m[0][0], m[1][0]);
		u.most[1] = gpu_max(m[0][1], m[1][1]);
		GPU_UNROLL
		for (uint32_t h = 16; h >= 4; h /= 2) {
			float other[2] = { gpu_shfl_xor_f32(u.most[0], h),
					   gpu_shfl_xor_f32(u.most[1], h) };

			u.most[0] = gpu_max(u.most[0], other[0]);
			u.most[1] = gpu_max(u.most[1], other[1]);
		}
	}

	/* A block that the span has not leaves -inf. */
	GPU_FN void scores(struct tc_unit &u, const struct gpu_attention_args &a,
			   const struct decode_job &job, const struct decode_span &s,
			   struct gpu_decode_shared *sh)
	{
		uint32_t b, lane = gpu_tid() % 32;

		(void)job;
		u.most[0] = u.most[1] = -aios_inf();
		if (block(s, &b)) {
			dots(u, a);
			attn_scores_of<16>(a.op, &u.s[0][0]);
			maximum(u, s, b);
		}
		if (lane < 4) {
			sh->max[b][2 * lane] = u.most[0];
			sh->max[b][2 * lane + 1] = u.most[1];
		}
	}

	/* m goes on over the span's blocks; before[]: as it was before the warp's own. */
	GPU_FN void follow(struct tc_unit &u, const struct decode_span &s,
			   const struct gpu_decode_shared *sh, float before[2])
	{
		uint32_t c = 2 * (gpu_tid() % 4);
		float most[GPU_DECODE_BLOCKS][2];

		GPU_UNROLL
		for (uint32_t b = 0; b < GPU_DECODE_BLOCKS; b++) {
			most[b][0] = sh->max[b][c];
			most[b][1] = sh->max[b][c + 1];
		}
		if (s.begins)
			u.m[0] = u.m[1] = -aios_inf();
		GPU_UNROLL
		for (uint32_t e = 0; e < 2; e++) {
			before[e] = u.m[e];
			GPU_UNROLL
			for (uint32_t b = 0; b < GPU_DECODE_BLOCKS; b++) {
				u.m[e] = gpu_max(u.m[e], most[b][e]);
				if (b < gpu_tid() / 32)
					before[e] = gpu_max(before[e], most[b][e]);
			}
		}
	}

	GPU_FN void weights(struct tc_unit &u, const struct gpu_attention_args &a,
			    const struct decode_job &job, const struct decode_span &s,
			    struct gpu_decode_shared *sh)
	{
		uint32_t b, lane = gpu_tid() % 32, c = 2 * (lane % 4);
		uint16_t *p[2] = { p_at(a, c), p_at(a, c + 1) };
		float before[2], m[2], x[9];

		(void)job;
		follow(u, s, sh, before);
		if (!block(s, &b))
			return;
		m[0] = gpu_max(before[0], u.most[0]);
		m[1] = gpu_max(before[1], u.most[1]);
		GPU_UNROLL
		for (uint32_t e = 0; e < 2; e++) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 8; i++)
				x[i] = sees(s, b, 2 * e + i / 4, i % 4) ?
					       aios_sub(u.s[2 * e + i / 4][i % 4], m[i % 2]) :
					       -127.0f; /* gives 0 */
			x[8] = aios_sub(before[e], m[e]);
			gpu_exp2<9>(x);
			GPU_UNROLL
			for (uint32_t i = 0; i < 8; i += 2) {
				uint32_t t = 2 * e + i / 4,
					 two = gpu_round_pair<F16>(x[i], x[i + 1]);
				uint32_t at = b * AIOS_ATTN_BLOCK + 16 * t + lane / 4 + i % 4 * 4;

				p[0][at] = (uint16_t)two;
				p[1][at] = (uint16_t)(two >> 16);
			}
			sh->alpha[b][c + e] =
				x[8]; /* the same from all lanes that have the query */
		}
	}

	/* A block's weights and values as the product takes them, 16 keys each. */
	struct group {
		uint32_t v[4][4], p[8];
	};

	/* Those of the block that begins with key `key` of the span, of tile i. */
	GPU_FN void load(const struct tc_unit &u, const struct gpu_attention_args &a, uint32_t key,
			 uint32_t i, struct group *g)
	{
		GPU_UNROLL
		for (uint32_t t = 0; t < 4; t += 2)
			gpu_ldmatrix_x4(g->p + 2 * t, u.at_p + (key + 16 * t) * 2);
		GPU_UNROLL
		for (uint32_t t = 0; t < 4; t++)
			gpu_ldmatrix_x4_trans(g->v[t], u.at_v + (key + 16 * t) * pitch(a) +
							       GPU_DECODE_THREADS * i);
	}

	/* The tree over the block's weights of query l / 4: keys 32, 16 and 8 apart, then lanes. */
	GPU_FN float sum(const struct group &g)
	{
		float x[8][2];

		GPU_UNROLL
		for (uint32_t i = 0; i < 8; i++) {
			x[i][0] = gpu_half<F16>(g.p[i] & 0xffffu);
			x[i][1] = gpu_half<F16>(g.p[i] >> 16);
		}
		GPU_UNROLL
		for (uint32_t e = 0; e < 2; e++) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i++)
				x[i][e] = aios_add(x[i][e], x[i + 4][e]);
			x[0][e] = aios_add(aios_add(x[0][e], x[2][e]), aios_add(x[1][e], x[3][e]));
			x[0][e] = aios_add(x[0][e], gpu_shfl_xor_f32(x[0][e], 2));
			x[0][e] = aios_add(x[0][e], gpu_shfl_xor_f32(x[0][e], 1));
		}
		return aios_add(x[0][0], x[0][1]);
	}

	/* acc of tile i goes on over the block that begins with key `at` of the span; in tile 0 l too. */
	GPU_FN void product(struct tc_unit &u, const struct decode_span &s,
			    const struct gpu_decode_shared *sh, uint32_t at, uint32_t i,
			    const struct group &g)
	{
		uint32_t lo = s.lo - s.start, hi = s.hi - s.start, lane = gpu_tid() % 32;
		const float *alpha = sh->alpha[at / AIOS_ATTN_BLOCK];

		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			u.acc[i][e] = aios_mul(u.acc[i][e], alpha[lane % 4 * 2 + e % 2]);
		GPU_UNROLL
		for (uint32_t t = 0; t < 4; t++) {
			if (at + 16 * t + 16 > lo && at + 16 * t < hi)
				gpu_mma_half<F16>(u.acc[i], g.v[t], g.p + 2 * t);
			if (i == 0 && t == 0)
				u.l = aios_attn_l(u.l, alpha[lane / 4], sum(g));
		}
	}

	/* Tile i over the keys of the span; while a block is worked on the next is read. */
	GPU_FN void values_tile(struct tc_unit &u, const struct gpu_attention_args &a,
				const struct decode_span &s, const struct gpu_decode_shared *sh,
				uint32_t i)
	{
		uint32_t at = (s.lo - s.start) / AIOS_ATTN_BLOCK * AIOS_ATTN_BLOCK;
		uint32_t hi = s.hi - s.start;
		struct group g[2];

		load(u, a, at, i, &g[0]);
		for (;;) {
			GPU_UNROLL
			for (uint32_t turn = 0; turn < 2; turn++) {
				if (D && at + AIOS_ATTN_BLOCK < hi)
					load(u, a, at + AIOS_ATTN_BLOCK, i, &g[turn ^ 1]);
				product(u, s, sh, at, i, g[D ? turn : 0]);
				at += AIOS_ATTN_BLOCK;
				if (at >= hi)
					return;
				if (!D)
					load(u, a, at, i, &g[0]);
			}
		}
	}

	/* First element of tile i of the warp; false: the head has no such. */
	GPU_FN bool tile(const struct gpu_attention_args &a, uint32_t i, uint32_t *d0)
	{
		*d0 = (gpu_tid() / 32 + i * (GPU_DECODE_THREADS / 32)) * 16;
		return (D && D % (GPU_DECODE_THREADS / 2) == 0) || *d0 < decode_dim<D>(a);
	}

	GPU_FN void values(struct tc_unit &u, const struct gpu_attention_args &a,
			   const struct decode_job &job, const struct decode_span &s,
			   const struct gpu_decode_shared *sh)
	{
		uint32_t d0;

		(void)job;
		if (s.begins)
			u.l = 0.0f;
		GPU_UNROLL
		for (uint32_t i = 0; i < TILES; i++) {
			if (s.begins)
				u.acc[i][0] = u.acc[i][1] = u.acc[i][2] = u.acc[i][3] = 0.0f;
			if (tile(a, i, &d0))
				values_tile(u, a, s, sh, i);
		}
	}

	/* l of queries c and c + 1. */
	GPU_FN void own_l(const struct tc_unit &u, float l[2])
	{
		l[0] = gpu_shfl_f32(u.l, gpu_tid() % 4 * 8);
		l[1] = gpu_shfl_f32(u.l, gpu_tid() % 4 * 8 + 4);
	}

	GPU_FN void join(struct tc_unit &u, const struct gpu_attention_args &a,
			 const struct decode_job &job, struct gpu_decode_shared *sh, bool first)
	{
		float l[2];

		(void)a;
		(void)job;
		(void)sh;
		own_l(u, l);
		GPU_UNROLL
		for (uint32_t e = 0; e < 2; e++) {
			struct aios_attn_state all = { u.total_m[e], u.total_l[e] };
			float e_total = 0.0f, e_chunk = 0.0f;

			if (first)
				all = { u.m[e], l[e] };
			else
				aios_attn_merge(&all, u.m[e], l[e], &e_total, &e_chunk);
			u.total_m[e] = all.m;
			u.total_l[e] = all.l;
			GPU_UNROLL
			for (uint32_t i = e; i < 4 * TILES; i += 2) {
				float *total = &u.total[i / 4][i % 4], acc = u.acc[i / 4][i % 4];

				*total = first ? acc :
						 aios_attn_merge_acc(*total, e_total, acc, e_chunk);
			}
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

	/* Outputs of the type of keys and values. Their number is known, so that all are there or none. */
	GPU_FN void store_short(const struct tc_unit &u, const struct gpu_attention_args &a,
				const struct decode_job &job, uint32_t real, const float inv[2])
	{
		uint32_t c = 2 * (gpu_tid() % 4), d0;
		bool there = tile(a, 0, &d0) && real;

		GPU_UNROLL
		for (uint32_t i = 0; i < 4; i++) {
			float v = aios_mul(u.total[0][i], inv[i % 2]);

			gpu_put16_if(there && c + i % 2 < job.n_q, u.out + i % 2 * D + i / 2 * 8,
				     F16 ? aios_f32_to_f16(v) : aios_f32_to_bf16(v));
		}
	}

	GPU_FN void store(const struct tc_unit &u, const struct gpu_attention_args &a,
			  const struct decode_job &job, uint32_t real,
			  const struct gpu_decode_shared *sh)
	{
		float inv[2] = { gpu_inverse(u.total_l[0]), gpu_inverse(u.total_l[1]) };
		uint32_t q, d;

		(void)sh;
		if (D && TILES == 1 && a.op.out.dtype == DTYPE) {
			store_short(u, a, job, real, inv);
			return;
		}
		GPU_UNROLL
		for (uint32_t t = 0; t < TILES; t++) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i++)
				if (output(a, job, t, i, &q, &d) && real)
					gpu_store(attn_out(a, job.row), a.op.out.dtype,
						  (uint64_t)(job.head0 + q) * decode_dim<D>(a) + d,
						  aios_mul(u.total[t][i], inv[i % 2]));
		}
	}

	GPU_FN void leave(const struct tc_unit &u, const struct gpu_attention_args &a,
			  const struct decode_job &job, const struct gpu_decode_shared *sh)
	{
		uint32_t q, d;
		float l[2];

		(void)sh;
		own_l(u, l);
		GPU_UNROLL
		for (uint32_t e = 0; e < 2; e++) {
			q = 2 * gpu_tid() + e;
			if (q < job.n_q)
				decode_leave(a, job, q, u.m[e], l[e]);
		}
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
	GPU_KERNEL_MIN(GPU_DECODE_THREADS, 2) name(const struct gpu_attention_args a)              \
	{                                                                                          \
		decode_block<struct tc_unit<f16, dim>>(a);                                         \
	}

#define TC_ROPE(name, f16, dim)                                                                    \
	GPU_KERNEL_MIN(GPU_DECODE_THREADS, 2) name(const struct gpu_rope_attention_args a)         \
	{                                                                                          \
		decode_block_rope<struct tc_unit<f16, dim>>(a);                                    \
	}

#define TC_EARLY(name, f16, dim)                                                                   \
	GPU_KERNEL_WIDE(GPU_DECODE_THREADS) name(const struct gpu_rope_attention_args a)           \
	{                                                                                          \
		decode_block_early<struct tc_unit<f16, dim>>(a);                                   \
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
TC_EARLY(gpu_rope_attention_tc_early_bf16_64, false, 64)
TC_EARLY(gpu_rope_attention_tc_early_bf16_128, false, 128)
TC_EARLY(gpu_rope_attention_tc_early_f16_64, true, 64)
TC_EARLY(gpu_rope_attention_tc_early_f16_128, true, 128)

/* --- prompts ---------------------------------------------------------------------------- */

/*
 * A block of threads takes up to GPU_TC_QUERIES queries (rows times heads of a KV head, adjacent
 * rows of one sequence), a warp 16 of them as the rows of its products. It walks the keys, 64 at a
 * time: a block of keys and its values are fetched while the one before is worked on. Lane l has
 * queries g = l / 4 and g + 8 of the warp's, and of each eight keys or elements c = 2 * (l % 4)
 * and c + 1. The outputs of chunks that are complete are in shared memory, a thread's own beside
 * each other's.
 */

/* What the lane's two queries see, beside what all 16 of the warp do. */
struct tc_sight {
	struct tiles_sight all;
	uint32_t first[2], position[2];
};

template <int D> struct tc_state {
	float acc[D / 8][4];
	float m[2], l[2], total_m[2], total_l[2];
};

/* Query i of the lane, of the block's. */
GPU_FN uint32_t tc_query(uint32_t i)
{
	return gpu_tid() / 32 * 16 + gpu_tid() % 32 / 4 + 8 * i;
}

GPU_FN void tc_look(struct tc_sight *w)
{
	const struct tiles_shared<GPU_TC_THREADS> *sh = tiles_of_block<GPU_TC_THREADS>();

	GPU_UNROLL
	for (uint32_t i = 0; i < 2; i++) {
		w->first[i] = sh->first[tc_query(i)];
		w->position[i] = sh->position[tc_query(i)];
	}
	tiles_look<GPU_TC_THREADS>(&w->all);
}

/* Query i of the lane sees a key of [key, key + n). */
GPU_FN bool tc_sees(const struct tc_sight &w, uint32_t i, uint32_t key, uint32_t n)
{
	return w.first[i] < key + n && w.position[i] >= key && w.first[i] != TILES_NONE;
}

/* --- keys and values -- */

/* Fetch a block of keys and its values into stage 0 or 1; values nobody sees are zeros. */
template <int D>
GPU_FN void tc_fetch(const struct gpu_attention_args &a, const struct tiles_job &job,
		     uint32_t start, uint32_t stage, const struct tiles_pages<GPU_TC_THREADS, D> &p)
{
	const uint32_t pitch = D * 2 + 16, at = gpu_tid() % (D / 8) * 16;
	const unsigned char *k = gpu_ptr(a.op.kv.k) + at, *v = gpu_ptr(a.op.kv.v) + at;

	GPU_UNROLL
	for (uint32_t i = 0; i < TILES_KEYS(GPU_TC_THREADS, D); i++) {
		uint32_t j = tiles_key<GPU_TC_THREADS, D>(i), key = start + j;
		uint32_t to = (stage * AIOS_ATTN_BLOCK + j) * pitch + at;

		if (key >= job.first && key <= job.last) {
			uint64_t from = tiles_at(a, job, p.page[i], key) * (2 * D);

			gpu_async_copy(decode_k(a) + to, k + from);
			gpu_async_copy(decode_v(a) + to, v + from);
		} else {
			*(struct gpu_vec *)(decode_v(a) + to) = gpu_vec{ { 0, 0, 0, 0 } };
		}
	}
	gpu_async_commit();
}

/* --- one block of keys -- */

/* The warp's queries as the left operand, zeros where there are none. */
template <int D>
GPU_FN void tc_load_q(const struct gpu_attention_args &a, const struct tiles_job &job,
		      const struct tc_sight &w, uint32_t q[D / 16][4])
{
	GPU_UNROLL
	for (uint32_t i = 0; i < 2; i++) {
		bool there = w.first[i] != TILES_NONE;
		const uint32_t *from;
		uint32_t row, head;

		tiles_query<GPU_TC_THREADS>(job, tc_query(i), &row, &head);
		from = (const uint32_t *)gpu_row(&a.op.q, there ? row : job.row) +
		       (uint64_t)(there ? head : job.head0) * (D / 2) + gpu_tid() % 4;
		GPU_UNROLL
		for (uint32_t step = 0; step < D / 16; step++) {
			q[step][i] = there ? from[8 * step] : 0;
			q[step][i + 2] = there ? from[8 * step + 4] : 0;
		}
	}
}

template <bool F16, int D>
GPU_FN void tc_dots(const unsigned char *k, const uint32_t q[D / 16][4], float s[8][4])
{
	uint32_t lane = gpu_tid() % 32, b[4];
	const unsigned char *at = k + (lane / 16 * 8 + lane % 8) * (D * 2 + 16) + lane / 8 % 2 * 16;

	GPU_UNROLL
	for (uint32_t j = 0; j < 8; j++)
		s[j][0] = s[j][1] = s[j][2] = s[j][3] = 0.0f;
	GPU_UNROLL
	for (uint32_t step = 0; step < D / 16; step++) {
		GPU_UNROLL
		for (uint32_t j = 0; j < 8; j += 2) {
			gpu_ldmatrix_x4(b, at + 8 * j * (D * 2 + 16) + 32 * step);
			gpu_mma_half<F16>(s[j], q[step], b);
			gpu_mma_half<F16>(s[j + 1], q[step], b + 2);
		}
	}
}

/* Query r of the lane: scores to p, m and l brought forward; returns alpha. */
template <bool F16, bool FULL, int D>
GPU_FN float tc_soften(const struct tc_sight &w, uint32_t start, uint32_t r, float s[8][4],
		       struct tc_state<D> *u)
{
	uint32_t c = 2 * (gpu_tid() % 4), seen = 0;
	float m = u->m[r], m_new = m, alpha, sum[2][4];

	GPU_UNROLL
	for (uint32_t j = 0; j < 8; j++) {
		GPU_UNROLL
		for (uint32_t e = 0; e < 2; e++) {
			uint32_t key = start + 8 * j + c + e;

			if (!FULL && (key < w.first[r] || key > w.position[r]))
				continue;
			seen |= 1u << (2 * j + e);
			m_new = aios_max_step(m_new, s[j][2 * r + e]);
		}
	}
	m_new = aios_max_step(m_new, gpu_shfl_xor_f32(m_new, 1));
	m_new = aios_max_step(m_new, gpu_shfl_xor_f32(m_new, 2));
	GPU_UNROLL
	for (uint32_t j = 0; j < 8; j++) {
		uint32_t two = gpu_round_pair<F16>(aios_exp2(aios_sub(s[j][2 * r], m_new)),
						   aios_exp2(aios_sub(s[j][2 * r + 1], m_new)));

		if (!FULL)
			two &= (seen >> (2 * j) & 1 ? 0xffffu : 0) |
			       (seen >> (2 * j + 1) & 1 ? 0xffff0000u : 0);
		s[j][2 * r] = gpu_half<F16>(two & 0xffffu);
		s[j][2 * r + 1] = gpu_half<F16>(two >> 16);
	}
	/* The tree: eights 4, 2 and 1 apart, then lanes, then the two neighbours. */
	GPU_UNROLL
	for (uint32_t e = 0; e < 2; e++) {
		GPU_UNROLL
		for (uint32_t j = 0; j < 4; j++)
			sum[e][j] = aios_add(s[j][2 * r + e], s[j + 4][2 * r + e]);
		sum[e][0] =
			aios_add(aios_add(sum[e][0], sum[e][2]), aios_add(sum[e][1], sum[e][3]));
		sum[e][0] = aios_add(sum[e][0], gpu_shfl_xor_f32(sum[e][0], 2));
		sum[e][0] = aios_add(sum[e][0], gpu_shfl_xor_f32(sum[e][0], 1));
	}
	sum[0][0] = aios_add(sum[0][0], sum[1][0]);
	alpha = aios_attn_rescale(m, m_new);
	if (!FULL && !tc_sees(w, r, start, AIOS_ATTN_BLOCK))
		return 1.0f; /* the block does not concern this query */
	u->m[r] = m_new;
	u->l[r] = aios_attn_l(u->l[r], alpha, sum[0][0]);
	return alpha;
}

/* Is a half of either word an infinity or NaN? */
template <bool F16> GPU_FN bool tc_special(const uint32_t b[2])
{
	const uint32_t top = F16 ? 0x7c00u : 0x7f80u;

	return (b[0] & top) == top || (b[0] >> 16 & top) == top || (b[1] & top) == top ||
	       (b[1] >> 16 & top) == top;
}

/* Those of the lane's four values that query q of the block sees; `key`: its group of 16. */
GPU_FN void tc_mask(uint32_t q, uint32_t key, const uint32_t b[2], uint32_t out[2])
{
	const struct tiles_shared<GPU_TC_THREADS> *sh = tiles_of_block<GPU_TC_THREADS>();

	GPU_UNROLL
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t k = key + 8 * i + 2 * (gpu_tid() % 4);
		bool lo = k >= sh->first[q] && k <= sh->position[q];
		bool hi = k + 1 >= sh->first[q] && k + 1 <= sh->position[q];

		out[i] = b[i] & ((lo ? 0xffffu : 0) | (hi ? 0xffff0000u : 0));
	}
}

/*
 * Does a group of 16 keys of the block, of which the warp's queries see a part, have a value that is
 * infinite or NaN? `v`: the lane's row of the first group.
 */
template <bool F16, int D>
GPU_FN bool tc_any_special(const struct tc_sight &w, uint32_t start, const unsigned char *v)
{
	bool special = false;
	uint32_t b[4];

	GPU_NO_UNROLL
	for (uint32_t t = 0; t < 4; t++, v += 16 * (D * 2 + 16)) {
		if (!tiles_any(w.all, start + 16 * t, 16) || tiles_all(w.all, start + 16 * t, 16))
			continue;
		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d += 2) {
			gpu_ldmatrix_x4_trans(b, v + d * 16);
			special = special || tc_special<F16>(b) || tc_special<F16>(b + 2);
		}
	}
	return gpu_ballot(special) != 0;
}

/* Eight elements go on over 16 keys; a lane's queries do so only where go[] says. */
template <bool F16>
GPU_FN void tc_mma_some(const bool go[2], const uint32_t p[4], const uint32_t b[2], float acc[4])
{
	float d[4] = { acc[0], acc[1], acc[2], acc[3] };

	gpu_mma_half<F16>(d, p, b);
	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++)
		acc[i] = go[i / 2] ? d[i] : acc[i];
}

/*
 * Infinities or NaN among values of which some queries see a part: over each group of 16 keys each
 * query of the warp gets a product of its own, with zeros in the place of those that it does not see.
 */
template <bool F16, int D>
GPU_FN void tc_values_special(const struct tc_sight &w, uint32_t start, const unsigned char *v,
			      const uint32_t p[4][4], struct tc_state<D> *u)
{
	uint32_t q0 = gpu_tid() / 32 * 16, g = gpu_tid() % 32 / 4, b[4], mine[2], mine_p[4];

	GPU_NO_UNROLL
	for (uint32_t i = 0; i < 4 * 16; i++) {
		uint32_t t = i / 16, r = i % 16, key = start + 16 * t;
		bool go[2] = { r == g && tc_sees(w, 0, key, 16),
			       r == g + 8 && tc_sees(w, 1, key, 16) };

		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			mine_p[e] = t == 0 ? p[0][e] :
				    t == 1 ? p[1][e] :
				    t == 2 ? p[2][e] :
					     p[3][e];
		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d += 2) {
			gpu_ldmatrix_x4_trans(b, v + 16 * t * (D * 2 + 16) + d * 16);
			tc_mask(q0 + r, key, b, mine);
			tc_mma_some<F16>(go, mine_p, mine, u->acc[d]);
			tc_mask(q0 + r, key, b + 2, mine);
			tc_mma_some<F16>(go, mine_p, mine, u->acc[d + 1]);
		}
	}
}

/* p . V over the block at `start`; `v`: the lane's row of the first 16 keys' values. */
template <bool F16, bool FULL, int D>
GPU_FN void tc_values(const struct tc_sight &w, uint32_t start, const unsigned char *v,
		      const uint32_t p[4][4], struct tc_state<D> *u)
{
	uint32_t b[4];

	if (!FULL && tc_any_special<F16, D>(w, start, v)) {
		tc_values_special<F16, D>(w, start, v, p, u);
		return;
	}
	GPU_UNROLL
	for (uint32_t t = 0; t < 4; t++, v += 16 * (D * 2 + 16)) {
		bool go[2] = { FULL || tc_sees(w, 0, start + 16 * t, 16),
			       FULL || tc_sees(w, 1, start + 16 * t, 16) };

		if (!FULL && !tiles_any(w.all, start + 16 * t, 16))
			continue;
		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d += 2) {
			gpu_ldmatrix_x4_trans(b, v + d * 16);
			tc_mma_some<F16>(go, p[t], b, u->acc[d]);
			tc_mma_some<F16>(go, p[t], b + 2, u->acc[d + 1]);
		}
	}
}

/* The block of keys at `start`, in a stage, for the warp's queries. */
template <bool F16, bool FULL, int D>
GPU_FN void tc_step(const struct gpu_attention_args &a, const struct tc_sight &w, uint32_t start,
		    uint32_t stage, const uint32_t q[D / 16][4], struct tc_state<D> *u)
{
	uint32_t at = stage * AIOS_ATTN_BLOCK * (D * 2 + 16), lane = gpu_tid() % 32;
	uint32_t p[4][4];
	float s[8][4], alpha[2];

	tc_dots<F16, D>(decode_k(a) + at, q, s);
	attn_scores_of<32>(a.op, &s[0][0]);
	alpha[0] = tc_soften<F16, FULL, D>(w, start, 0, s, u);
	alpha[1] = tc_soften<F16, FULL, D>(w, start, 1, s, u);
	if (gpu_ballot(alpha[0] != 1.0f || alpha[1] != 1.0f)) {
		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d++) {
			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i++)
				u->acc[d][i] = aios_mul(u->acc[d][i], alpha[i / 2]);
		}
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < 16; i++)
		p[i / 4][i % 4] = gpu_round_pair<F16>(s[i / 2][i % 2 * 2], s[i / 2][i % 2 * 2 + 1]);
	tc_values<F16, FULL, D>(w, start,
				decode_v(a) + at + lane % 16 * (D * 2 + 16) + lane / 16 * 16, p, u);
}

/* --- chunks -- */

template <int D> GPU_FN void tc_reset(struct tc_state<D> *u)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < 2; i++) {
		u->m[i] = -aios_inf();
		u->l[i] = 0.0f;
	}
	GPU_UNROLL
	for (uint32_t d = 0; d < D / 8; d++)
		u->acc[d][0] = u->acc[d][1] = u->acc[d][2] = u->acc[d][3] = 0.0f;
}

/* Output i of eight elements d of the thread, of the chunks that are complete. */
GPU_FN float *tc_total(const struct gpu_attention_args &a, uint32_t d, uint32_t i)
{
	return (float *)(gpu_shared() + a.at_p) + (4 * d + i) * GPU_TC_THREADS + gpu_tid();
}

/* The chunk of the keys before `end` is complete: join it to the total, and begin another. */
template <int D>
GPU_FN void tc_join(const struct gpu_attention_args &a, const struct tc_sight &w, uint32_t end,
		    struct tc_state<D> *u)
{
	uint32_t chunk = (end - 1) / a.op.chunk;

	GPU_UNROLL
	for (uint32_t r = 0; r < 2; r++) {
		bool first = chunk == w.first[r] / a.op.chunk;
		float e_total = 0.0f, e_chunk = 0.0f;
		struct aios_attn_state total;

		if (!tiles_in_chunk(a, w.first[r], w.position[r], chunk))
			continue;
		total.m = first ? u->m[r] : u->total_m[r];
		total.l = first ? u->l[r] : u->total_l[r];
		if (!first)
			aios_attn_merge(&total, u->m[r], u->l[r], &e_total, &e_chunk);
		u->total_m[r] = total.m;
		u->total_l[r] = total.l;
		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d++) {
			GPU_UNROLL
			for (uint32_t i = 2 * r; i < 2 * r + 2; i++) {
				float *t = tc_total(a, d, i);

				*t = first ? u->acc[d][i] :
					     aios_attn_merge_acc(*t, e_total, u->acc[d][i],
								 e_chunk);
			}
		}
	}
	tc_reset<D>(u);
}

/* Outputs of query r of the lane: elements 8 * (d + i) + 2 * (lane % 4) and the one after it. */
template <int D>
GPU_FN void tc_outputs(const struct gpu_attention_args &a, bool one_chunk, uint32_t r, uint32_t d,
		       const struct tc_state<D> &u, float inv, float v[4][2])
{
	GPU_UNROLL
	for (uint32_t i = 0; i < 8; i++)
		v[i / 2][i % 2] = aios_mul(one_chunk ? u.acc[d + i / 2][2 * r + i % 2] :
						       *tc_total(a, d + i / 2, 2 * r + i % 2),
					   inv);
}

/* To `to`, in words of two halves: four lanes share a query, and swap, so that each has 16 bytes. */
template <bool F16>
GPU_FN void tc_put_half(bool there, unsigned char *to, uint32_t d, const float v[4][2])
{
	bool nan = false;
	uint32_t two[4];
	struct gpu_vec all;

	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++) {
		two[i] = gpu_round_pair<F16>(v[i][0], v[i][1]);
		nan = nan || v[i][0] != v[i][0] || v[i][1] != v[i][1];
	}
	if (nan) { /* rare */
		GPU_UNROLL
		for (uint32_t i = 0; i < 4; i++)
			two[i] = gpu_canon_pair<F16>(two[i]);
	}
	all = gpu_quad_turn(two);
	if (there)
		*(struct gpu_vec *)(to + 16 * (d + gpu_tid() % 4)) = all;
}

GPU_FN void tc_put_f32(bool there, unsigned char *to, uint32_t d, const float v[4][2])
{
	GPU_UNROLL
	for (uint32_t i = 0; i < 8; i++)
		if (there)
			((float *)to)[8 * (d + i / 2) + 2 * (gpu_tid() % 4) + i % 2] =
				aios_canon(v[i / 2][i % 2]);
}

template <int D>
GPU_FN void tc_store(const struct gpu_attention_args &a, const struct tiles_job &job,
		     const struct tc_sight &w, bool one_chunk, const struct tc_state<D> &u)
{
	uint32_t dtype = a.op.out.dtype, row, head;

	GPU_UNROLL
	for (uint32_t r = 0; r < 2; r++) {
		float inv = aios_attn_final(one_chunk ? u.l[r] : u.total_l[r]), v[4][2];
		bool there = w.first[r] != TILES_NONE;
		unsigned char *to;

		tiles_query<GPU_TC_THREADS>(job, tc_query(r), &row, &head);
		to = attn_out(a, there ? row : job.row) +
		     (uint64_t)head * D * (dtype == AIOS_F32 ? 4 : 2);
		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d += 4) {
			tc_outputs<D>(a, one_chunk, r, d, u, inv, v);
			if (dtype == AIOS_F32)
				tc_put_f32(there, to, d, v);
			else if (dtype == AIOS_BF16)
				tc_put_half<false>(there, to, d, v);
			else
				tc_put_half<true>(there, to, d, v);
		}
	}
}

template <bool F16, int D>
GPU_FN void tc_walk(const struct gpu_attention_args &a, const struct tiles_job &job)
{
	uint32_t start = job.first / AIOS_ATTN_BLOCK * AIOS_ATTN_BLOCK, stage = 0, q[D / 16][4];
	uint32_t chunk_end = (start / a.op.chunk + 1) * a.op.chunk;
	struct tiles_pages<GPU_TC_THREADS, D> pages;
	struct tc_state<D> u;
	struct tc_sight w;
	bool one_chunk;

	tc_look(&w);
	one_chunk = tiles_one_chunk(a, w.all);
	tc_reset<D>(&u);
	tiles_find_pages<false>(a, job, start, &pages);
	tc_fetch<D>(a, job, start, 0, pages);
	tiles_find_pages<false>(a, job, start + AIOS_ATTN_BLOCK, &pages);
	tc_load_q<D>(a, job, w, q);
	for (; start <= job.last; start += AIOS_ATTN_BLOCK, stage ^= 1) {
		gpu_async_wait(0);
		gpu_barrier(); /* the block is there, the other stage has been read */
		if (start + AIOS_ATTN_BLOCK <= job.last) {
			tc_fetch<D>(a, job, start + AIOS_ATTN_BLOCK, stage ^ 1, pages);
			tiles_find_pages<false>(a, job, start + 2 * AIOS_ATTN_BLOCK, &pages);
		}
		if (tiles_all(w.all, start, AIOS_ATTN_BLOCK))
			tc_step<F16, true, D>(a, w, start, stage, q, &u);
		else if (tiles_any(w.all, start, AIOS_ATTN_BLOCK))
			tc_step<F16, false, D>(a, w, start, stage, q, &u);
		if (start + AIOS_ATTN_BLOCK == chunk_end || start + AIOS_ATTN_BLOCK > job.last) {
			if (!one_chunk)
				tc_join<D>(a, w, start + AIOS_ATTN_BLOCK, &u);
			chunk_end += a.op.chunk;
		}
	}
	tc_store<D>(a, job, w, one_chunk, u);
}

/* Grid: tiles_take()'s. */
template <bool F16, int D> GPU_FN void tc_block(const struct gpu_attention_args &a)
{
	struct tiles_job job;

	gpu_grid_enter();
	if (tiles_take<GPU_TC_THREADS>(a, &job))
		tc_walk<F16, D>(a, job);
}

GPU_KERNEL_WIDE(GPU_TC_THREADS) gpu_attention_tc_bf16_64(const struct gpu_attention_args a)
{
	tc_block<false, 64>(a);
}

GPU_KERNEL_WIDE(GPU_TC_THREADS) gpu_attention_tc_bf16_128(const struct gpu_attention_args a)
{
	tc_block<false, 128>(a);
}

GPU_KERNEL_WIDE(GPU_TC_THREADS) gpu_attention_tc_f16_64(const struct gpu_attention_args a)
{
	tc_block<true, 64>(a);
}

GPU_KERNEL_WIDE(GPU_TC_THREADS) gpu_attention_tc_f16_128(const struct gpu_attention_args a)
{
	tc_block<true, 128>(a);
}

#endif /* GPU_ATTENTION_TC_CUH */
