/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attention_fma.cuh - prompts with the fma32 unit, heads of 64 or 128 elements. A block of threads
 * walks the keys of a tile of 64 queries (attention_tiles.cuh), 64 keys at a time, all operands as
 * F32 in shared memory.
 *
 * 32 threads have 16 queries, thread `lane` queries lane / 8 + 4 * i of them, i = 0 .. 3: their dots
 * with keys lane % 8 + 8 * j, j = 0 .. 7, and their elements 4 * (lane % 8) .. + 3, and those 32, 64
 * and 96 further on. So every number that is read from shared memory is used four or eight times,
 * and of the halving tree over a block's weights the upper half is in the thread.
 */
#ifndef GPU_ATTENTION_FMA_CUH
#define GPU_ATTENTION_FMA_CUH

#include "attention_tiles.cuh"

#define FMA_OWN 4  /* queries of a thread */
#define FMA_KEYS 8 /* keys of a thread */

/* What a thread's queries see, and what all 16 of its 32 threads do. */
struct fma_sight {
	struct tiles_sight all;
	uint32_t first[FMA_OWN], position[FMA_OWN];
};

/* Outputs of a thread, and m and l, of one chunk or of all that are complete. */
template <int D> struct fma_state {
	float acc[FMA_OWN][D / 8];
	float m[FMA_OWN], l[FMA_OWN];
};

/* Query i of the thread, of the block's. */
GPU_FN uint32_t fma_query(uint32_t i)
{
	return gpu_tid() / 32 * 16 + gpu_tid() % 32 / 8 + 4 * i;
}

/* Elements: rows of queries and keys are four longer, so that adjacent ones are in other banks. */
template <int D> GPU_FN float *fma_q(const struct gpu_attention_args &a, uint32_t q)
{
	return (float *)(gpu_shared() + a.at_q) + q * (D + 4);
}

template <int D> GPU_FN float *fma_k(const struct gpu_attention_args &a, uint32_t key)
{
	return (float *)(gpu_shared() + a.at_k) + key * (D + 4);
}

template <int D> GPU_FN float *fma_v(const struct gpu_attention_args &a, uint32_t key)
{
	return (float *)(gpu_shared() + a.at_v) + key * D;
}

/* The weights of a query; where the keys were. */
GPU_FN float *fma_p(const struct gpu_attention_args &a, uint32_t q)
{
	return (float *)(gpu_shared() + a.at_p) + q * GPU_FMA_P_PITCH;
}

/* --- into shared memory -------------------------------------------------------------- */

/*
 * Eight halves as two times four floats. Of eight threads in a row, four begin with the first and four
 * with the second, so that no two are in the same bank.
 */
template <bool F16> GPU_FN void fma_put(float *to, const struct gpu_vec &v)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t second = (gpu_tid() / 4 + i) % 2;
		uint32_t lo = second ? v.w[2] : v.w[0], hi = second ? v.w[3] : v.w[1];
		struct gpu_vec four = { { aios_bits(gpu_half<F16>(lo & 0xffffu)),
					  aios_bits(gpu_half<F16>(lo >> 16)),
					  aios_bits(gpu_half<F16>(hi & 0xffffu)),
					  aios_bits(gpu_half<F16>(hi >> 16)) } };

		*(struct gpu_vec *)(to + 4 * second) = four;
	}
}

/* The tile's queries; what is put in the place of others is never used. */
template <bool F16, int D>
GPU_FN void fma_load_q(const struct gpu_attention_args &a, const struct tiles_job &job)
{
	const struct tiles_shared<GPU_FMA_THREADS> *sh = tiles_of_block<GPU_FMA_THREADS>();
	const uint32_t each = GPU_FMA_QUERIES * (D / 8) / GPU_FMA_THREADS;
	uint32_t unit = gpu_tid() % (D / 8) * 8, step = GPU_FMA_THREADS / (D / 8), row, head;
	struct gpu_vec v[each];

	GPU_UNROLL
	for (uint32_t i = 0; i < each; i++) {
		uint32_t q = gpu_tid() / (D / 8) + i * step;
		bool there = sh->first[q] != TILES_NONE;

		tiles_query<GPU_FMA_THREADS>(job, q, &row, &head);
		v[i] = gpu_load16((const uint16_t *)gpu_row(&a.op.q, there ? row : job.row) +
				  (uint64_t)(there ? head : job.head0) * D + unit);
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < each; i++)
		fma_put<F16>(fma_q<D>(a, gpu_tid() / (D / 8) + i * step) + unit, v[i]);
}

#define FMA_UNITS(dim) TILES_KEYS(GPU_FMA_THREADS, dim)

template <int D> GPU_FN uint32_t fma_key(uint32_t i)
{
	return tiles_key<GPU_FMA_THREADS, D>(i);
}

/* A thread's units of a block of keys, or of their values. */
template <int D> struct fma_units {
	struct gpu_vec unit[FMA_UNITS(D)];
};

/* Ask for those of the cache at `base`. */
template <int D>
GPU_FN void fma_ask(const struct gpu_attention_args &a, const struct tiles_job &job, aios_addr base,
		    uint32_t start, const struct tiles_pages<GPU_FMA_THREADS, D> &p,
		    struct fma_units<D> *u)
{
	const uint16_t *from = (const uint16_t *)gpu_ptr(base) + 8 * (gpu_tid() % (D / 8));

	GPU_UNROLL
	for (uint32_t i = 0; i < FMA_UNITS(D); i++) {
		u->unit[i] = gpu_vec{ { 0, 0, 0, 0 } };
		if (p.page[i] >= 0)
			u->unit[i] = gpu_load16(
				from + tiles_at(a, job, p.page[i], start + fma_key<D>(i)) * D);
	}
}

/* Put them where `to` is the first key's place, PITCH floats from one key to the next. */
template <bool F16, int D, int PITCH> GPU_FN void fma_fill(float *to, const struct fma_units<D> &u)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < FMA_UNITS(D); i++)
		fma_put<F16>(to + fma_key<D>(i) * PITCH + 8 * (gpu_tid() % (D / 8)), u.unit[i]);
}

/* --- one block of keys --------------------------------------------------------------- */

/* Dots of the thread's queries with its first KEYS keys: a chain over the elements each. */
template <int D, int KEYS>
GPU_FN void fma_dots(const struct gpu_attention_args &a, float s[FMA_OWN][FMA_KEYS])
{
	const float *q = fma_q<D>(a, fma_query(0)), *k = fma_k<D>(a, gpu_tid() % 8);

	GPU_UNROLL_4
	for (uint32_t d = 0; d < D; d += 4) {
		struct gpu_vec x[FMA_OWN];

		GPU_UNROLL
		for (uint32_t i = 0; i < FMA_OWN; i++)
			x[i] = gpu_load16(q + 4 * i * (D + 4) + d);
		GPU_UNROLL
		for (uint32_t j = 0; j < KEYS; j++) {
			struct gpu_vec y = gpu_load16(k + 8 * j * (D + 4) + d);

			GPU_UNROLL
			for (uint32_t e = 0; e < 4 * FMA_OWN; e++)
				s[e % FMA_OWN][j] = aios_fma(aios_float(x[e % FMA_OWN].w[e / 4]),
							     aios_float(y.w[e / 4]),
							     s[e % FMA_OWN][j]);
		}
	}
}

/* The scores of the block at `start`; those of keys that none of the 16 queries sees are not. */
template <int D>
GPU_FN void fma_scores(const struct gpu_attention_args &a, const struct fma_sight &w,
		       uint32_t start, float s[FMA_OWN][FMA_KEYS])
{
	GPU_UNROLL
	for (uint32_t i = 0; i < FMA_OWN * FMA_KEYS; i++)
		s[i / FMA_KEYS][i % FMA_KEYS] = 0.0f;
	if (tiles_any(w.all, start + AIOS_ATTN_BLOCK / 2, AIOS_ATTN_BLOCK / 2))
		fma_dots<D, FMA_KEYS>(a, s);
	else if (tiles_any(w.all, start, AIOS_ATTN_BLOCK / 2))
		fma_dots<D, FMA_KEYS / 2>(a, s);
	attn_scores_of<FMA_OWN * FMA_KEYS>(a.op, &s[0][0]);
}

/* Query i: scores to weights in shared memory, m and l brought forward; returns alpha. */
template <bool F16, int D>
GPU_FN float fma_soften(const struct gpu_attention_args &a, const struct fma_sight &w,
			uint32_t start, uint32_t i, const float s[FMA_KEYS], struct fma_state<D> *u)
{
	float *to = fma_p(a, fma_query(i)) + gpu_tid() % 8;
	float m = u->m[i], m_new = m, sum[FMA_KEYS / 2];
	float p[FMA_KEYS + 1]; /* and alpha */
	bool sees[FMA_KEYS], any;

	GPU_UNROLL
	for (uint32_t j = 0; j < FMA_KEYS; j++) {
		uint32_t key = start + gpu_tid() % 8 + 8 * j;

		sees[j] = key >= w.first[i] && key <= w.position[i];
		m_new = sees[j] ? aios_max_step(m_new, s[j]) : m_new;
	}
	GPU_UNROLL
	for (uint32_t h = 4; h > 0; h /= 2)
		m_new = aios_max_step(m_new, gpu_shfl_xor_f32(m_new, h));
	GPU_UNROLL
	for (uint32_t j = 0; j < FMA_KEYS; j++)
		p[j] = sees[j] ? aios_sub(s[j], m_new) : -aios_inf();
	p[FMA_KEYS] = aios_sub(m, m_new);
	gpu_exp2<FMA_KEYS + 1>(p);
	GPU_UNROLL
	for (uint32_t j = 0; j < FMA_KEYS; j += 2) {
		uint32_t two = gpu_round_pair<F16>(p[j], p[j + 1]);

		to[8 * j] = p[j] = gpu_half<F16>(two & 0xffffu);
		to[8 * j + 8] = p[j + 1] = gpu_half<F16>(two >> 16);
	}
	/* The tree: keys 32, 16 and 8 apart, then those of other threads. */
	GPU_UNROLL
	for (uint32_t j = 0; j < FMA_KEYS / 2; j++)
		sum[j] = aios_add(p[j], p[j + FMA_KEYS / 2]);
	sum[0] = aios_add(aios_add(sum[0], sum[2]), aios_add(sum[1], sum[3]));
	GPU_UNROLL
	for (uint32_t h = 4; h > 0; h /= 2)
		sum[0] = aios_add(sum[0], gpu_shfl_xor_f32(sum[0], h));
	any = w.first[i] < start + AIOS_ATTN_BLOCK && w.position[i] >= start;
	u->m[i] = any ? m_new : m;
	u->l[i] = any ? aios_attn_l(u->l[i], p[FMA_KEYS], sum[0]) : u->l[i];
	return any ? p[FMA_KEYS] : 1.0f;
}

/* The thread's outputs go on over a key; go[i]: whether those of query i do. */
template <int D>
GPU_FN void fma_value(const float *v, const float p[FMA_OWN], const bool go[FMA_OWN],
		      struct fma_state<D> *u)
{
	GPU_UNROLL
	for (uint32_t d = 0; d < D / 8; d += 4) {
		struct gpu_vec x = gpu_load16(v + 8 * d);

		GPU_UNROLL
		for (uint32_t e = 0; e < 4 * FMA_OWN; e++) {
			float *acc = &u->acc[e % FMA_OWN][d + e / FMA_OWN];

			if (go[e % FMA_OWN])
				*acc = aios_fma(p[e % FMA_OWN], aios_float(x.w[e / FMA_OWN]), *acc);
		}
	}
}

/* Four keys that all queries of the 32 threads see. */
template <int D> GPU_FN void fma_four(const float *v, const float *weights, struct fma_state<D> *u)
{
	const bool go[FMA_OWN] = { true, true, true, true };
	struct gpu_vec p[FMA_OWN];

	GPU_UNROLL
	for (uint32_t i = 0; i < FMA_OWN; i++)
		p[i] = gpu_load16(weights + 4 * i * GPU_FMA_P_PITCH);
	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e++) {
		float x[FMA_OWN];

		GPU_UNROLL
		for (uint32_t i = 0; i < FMA_OWN; i++)
			x[i] = aios_float(p[i].w[e]);
		fma_value<D>(v + e * D, x, go, u);
	}
}

/* A key that some of them see. */
template <int D>
GPU_FN void fma_some(const struct fma_sight &w, uint32_t key, const float *v, const float *weights,
		     struct fma_state<D> *u)
{
	float p[FMA_OWN];
	bool go[FMA_OWN];

	GPU_UNROLL
	for (uint32_t i = 0; i < FMA_OWN; i++) {
		p[i] = weights[4 * i * GPU_FMA_P_PITCH];
		go[i] = key >= w.first[i] && key <= w.position[i];
	}
	fma_value<D>(v, p, go, u);
}

/* p . V over the block at `start`. */
template <int D>
GPU_FN void fma_values(const struct gpu_attention_args &a, const struct fma_sight &w,
		       uint32_t start, struct fma_state<D> *u)
{
	const float *v = fma_v<D>(a, 0) + 4 * (gpu_tid() % 8), *weights = fma_p(a, fma_query(0));

	GPU_NO_UNROLL
	for (uint32_t j = 0; j < AIOS_ATTN_BLOCK; j += 4, v += 4 * D, weights += 4) {
		if (tiles_all(w.all, start + j, 4)) {
			fma_four<D>(v, weights, u);
			continue;
		}
		GPU_NO_UNROLL
		for (uint32_t e = 0; e < 4; e++)
			if (tiles_any(w.all, start + j + e, 1))
				fma_some<D>(w, start + j + e, v + e * D, weights + e, u);
	}
}

/* Scores to weights, and what is there of the outputs times alpha. */
template <bool F16, int D>
GPU_FN void fma_weights(const struct gpu_attention_args &a, const struct fma_sight &w,
			uint32_t start, const float s[FMA_OWN][FMA_KEYS], struct fma_state<D> *u)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < FMA_OWN; i++) {
		float alpha = fma_soften<F16, D>(a, w, start, i, s[i], u);

		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d++)
			u->acc[i][d] = aios_mul(u->acc[i][d], alpha);
	}
}

/* --- chunks -------------------------------------------------------------------------- */

template <int D> GPU_FN void fma_reset(struct fma_state<D> *u)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < FMA_OWN; i++) {
		u->m[i] = -aios_inf();
		u->l[i] = 0.0f;
		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d++)
			u->acc[i][d] = 0.0f;
	}
}

/*
 * The keys [from, last], all of one chunk, from its beginning. Values are on their way while there is
 * work on the keys, and the next keys while there is on the values.
 */
template <bool F16, int D>
GPU_FN void fma_chunk(const struct gpu_attention_args &a, const struct tiles_job &job,
		      const struct fma_sight &w, uint32_t from, uint32_t last,
		      struct fma_state<D> *u)
{
	uint32_t start = from / AIOS_ATTN_BLOCK * AIOS_ATTN_BLOCK;
	struct fma_units<D> keys, values;
	struct tiles_pages<GPU_FMA_THREADS, D> pages;

	fma_reset<D>(u);
	tiles_find_pages<true>(a, job, start, &pages);
	fma_ask<D>(a, job, a.op.kv.k, start, pages, &keys);
	GPU_NO_UNROLL
	for (; start <= last; start += AIOS_ATTN_BLOCK) {
		float s[FMA_OWN][FMA_KEYS];

		gpu_barrier(); /* weights and values of the block before have been read */
		fma_fill<F16, D, D + 4>(fma_k<D>(a, 0), keys);
		gpu_barrier();
		fma_ask<D>(a, job, a.op.kv.v, start, pages, &values);
		tiles_find_pages<true>(a, job, start + AIOS_ATTN_BLOCK, &pages);
		fma_scores<D>(a, w, start, s);
		fma_fill<F16, D, D>(fma_v<D>(a, 0), values);
		gpu_barrier(); /* the keys have been read: weights take their place */
		fma_ask<D>(a, job, a.op.kv.k, start + AIOS_ATTN_BLOCK, pages, &keys);
		fma_weights<F16, D>(a, w, start, s, u);
		gpu_wave_sync(); /* 32 threads read what they have written */
		fma_values<D>(a, w, start, u);
	}
}

/* Join a chunk to those before it. */
template <int D>
GPU_FN void fma_join(const struct gpu_attention_args &a, const struct fma_sight &w, uint32_t chunk,
		     const struct fma_state<D> &u, struct fma_state<D> *total)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < FMA_OWN; i++) {
		struct aios_attn_state st = { total->m[i], total->l[i] };
		bool first = chunk == w.first[i] / a.op.chunk;
		float e_total = 0.0f, e_chunk = 0.0f, acc[D / 8];

		if (!tiles_in_chunk(a, w.first[i], w.position[i], chunk))
			continue;
		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d++)
			acc[d] = total->acc[i][d];
		if (!first)
			aios_attn_merge(&st, u.m[i], u.l[i], &e_total, &e_chunk);
		total->m[i] = first ? u.m[i] : st.m;
		total->l[i] = first ? u.l[i] : st.l;
		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d++)
			total->acc[i][d] =
				first ? u.acc[i][d] :
					aios_attn_merge_acc(acc[d], e_total, u.acc[i][d], e_chunk);
	}
}

/* --- what becomes of the outputs ----------------------------------------------------- */

/* The first element of four that acc[][4 * i] begins. */
GPU_FN uint32_t fma_element(uint32_t i)
{
	return 4 * (gpu_tid() % 8) + 32 * i;
}

/* Eight outputs in a row. */
GPU_FN void fma_put_out(unsigned char *row, uint32_t dtype, uint64_t at, const float v[8])
{
	struct gpu_vec w[2];

	GPU_UNROLL
	for (uint32_t e = 0; e < 8; e++)
		w[e / 4].w[e % 4] = dtype == AIOS_F32  ? aios_bits(aios_canon(v[e])) :
				    dtype == AIOS_BF16 ? aios_f32_to_bf16(v[e]) :
							 aios_f32_to_f16(v[e]);
	if (dtype == AIOS_F32) {
		((struct gpu_vec *)(row + 4 * at))[0] = w[0];
		((struct gpu_vec *)(row + 4 * at))[1] = w[1];
		return;
	}
	GPU_UNROLL
	for (uint32_t e = 0; e < 4; e++)
		w[0].w[e] = w[e / 2].w[e % 2 * 2] | w[e / 2].w[e % 2 * 2 + 1] << 16;
	*(struct gpu_vec *)(row + 2 * at) = w[0];
}

/* The outputs, by way of the place of the queries: code for few elements, which is run often. */
template <int D>
GPU_FN void fma_store(const struct gpu_attention_args &a, const struct tiles_job &job,
		      const struct fma_state<D> &u)
{
	const struct tiles_shared<GPU_FMA_THREADS> *sh = tiles_of_block<GPU_FMA_THREADS>();
	uint32_t q = gpu_tid() / 32 * 16, end = q + 16, unit = gpu_tid() % (D / 8) * 8, row, head;

	GPU_UNROLL
	for (uint32_t i = 0; i < FMA_OWN; i++) {
		float inv = aios_attn_final(u.l[i]), *to = fma_q<D>(a, fma_query(i));

		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d += 4) {
			struct gpu_vec four;

			GPU_UNROLL
			for (uint32_t e = 0; e < 4; e++)
				four.w[e] = aios_bits(aios_mul(u.acc[i][d + e], inv));
			*(struct gpu_vec *)(to + fma_element(d / 4)) = four;
		}
	}
	gpu_wave_sync();
	GPU_NO_UNROLL
	for (q += gpu_tid() % 32 / (D / 8); q < end; q += 32 / (D / 8)) {
		const float *from = fma_q<D>(a, q) + unit;
		struct gpu_vec lo = gpu_load16(from), hi = gpu_load16(from + 4);
		float v[8];

		if (sh->first[q] == TILES_NONE)
			continue;
		GPU_UNROLL
		for (uint32_t e = 0; e < 4; e++) {
			v[e] = aios_float(lo.w[e]);
			v[4 + e] = aios_float(hi.w[e]);
		}
		tiles_query<GPU_FMA_THREADS>(job, q, &row, &head);
		fma_put_out(attn_out(a, row), a.op.out.dtype, (uint64_t)head * D + unit, v);
	}
}

/* The state of a chunk that has a block of its own goes to the scratch. */
template <int D>
GPU_FN void fma_leave(const struct gpu_attention_args &a, const struct tiles_job &job,
		      const struct fma_sight &w, const struct fma_state<D> &u)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < FMA_OWN; i++) {
		uint32_t row, head;
		float *part;

		if (!tiles_in_chunk(a, w.first[i], w.position[i], gpu_bz()))
			continue;
		tiles_query<GPU_FMA_THREADS>(job, fma_query(i), &row, &head);
		part = attn_part(a, row, head, gpu_bz());
		if (gpu_tid() % 8 == 0) {
			part[0] = u.m[i];
			part[1] = u.l[i];
		}
		GPU_UNROLL
		for (uint32_t d = 0; d < D / 8; d++)
			part[GPU_ATTN_STATE + fma_element(d / 4) + d % 4] = u.acc[i][d];
	}
}

/* --- tiles --------------------------------------------------------------------------- */

GPU_FN void fma_look(struct fma_sight *w)
{
	const struct tiles_shared<GPU_FMA_THREADS> *sh = tiles_of_block<GPU_FMA_THREADS>();

	GPU_UNROLL
	for (uint32_t i = 0; i < FMA_OWN; i++) {
		w->first[i] = sh->first[fma_query(i)];
		w->position[i] = sh->position[fma_query(i)];
	}
	tiles_look<GPU_FMA_THREADS>(&w->all);
}

/*
 * All chunks in turn, or the one that is the block's. What they add up to is touched once a chunk: it
 * must not take registers from what is touched all the time.
 */
template <bool F16, int D>
GPU_FN void fma_walk(const struct gpu_attention_args &a, const struct tiles_job &job,
		     const struct fma_sight &w)
{
	uint32_t chunk = job.first / a.op.chunk, last = job.last / a.op.chunk;
	struct fma_state<D> u, kept, *total = gpu_apart(&kept);
	bool one = chunk == last || a.n_chunks;

	if (a.n_chunks && (gpu_bz() < chunk || gpu_bz() > last))
		return;
	chunk = a.n_chunks ? gpu_bz() : chunk;
	last = a.n_chunks ? gpu_bz() : last;
	GPU_NO_UNROLL
	for (; chunk <= last; chunk++) {
		uint32_t begin = chunk * a.op.chunk, end = begin + a.op.chunk - 1;

		fma_chunk<F16, D>(a, job, w, job.first > begin ? job.first : begin,
				  job.last < end ? job.last : end, &u);
		if (!one)
			fma_join<D>(a, w, chunk, u, total);
	}
	if (!one)
		u = *total;
	if (a.n_chunks)
		fma_leave<D>(a, job, w, u);
	else
		fma_store<D>(a, job, u);
}

/* Grid: tiles_take()'s; y: 1; z: chunks, or 1. */
template <bool F16, int D> GPU_FN void fma_block(const struct gpu_attention_args &a)
{
	struct tiles_job job;
	struct fma_sight w;

	gpu_grid_enter();
	if (!tiles_take<GPU_FMA_THREADS>(a, &job))
		return;
	fma_look(&w);
	fma_load_q<F16, D>(a, job);
	fma_walk<F16, D>(a, job, w);
}

#define ATTN_FMA(name, f16, dim)                                                                   \
	GPU_KERNEL_MIN(GPU_FMA_THREADS, 2) name(const struct gpu_attention_args a)                 \
	{                                                                                          \
		fma_block<f16, dim>(a);                                                            \
	}

ATTN_FMA(gpu_attention_fma_bf16_64, false, 64)
ATTN_FMA(gpu_attention_fma_bf16_128, false, 128)
ATTN_FMA(gpu_attention_fma_f16_64, true, 64)
ATTN_FMA(gpu_attention_fma_f16_128, true, 128)

#endif /* GPU_ATTENTION_FMA_CUH */
