/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attention.cuh - causal grouped-query attention over pages with the fma32 unit.
 *
 * A "query" is one row and one head. A block takes up to 16 queries of one KV head and of adjacent
 * rows, because they share keys and values; each keeps a state of its own, so what shares a block
 * cannot matter. Blocks either walk all chunks, or there is one for each chunk and
 * attention_merge joins the states that they leave in the scratch.
 */
#include "args.h"
#include "keys.cuh"

#define ATTN_SLOTS (GPU_ATTN_THREADS / 64)       /* threads of a key, or of an element */
#define ATTN_OWN (GPU_ATTN_QUERIES / ATTN_SLOTS) /* queries of a thread */
#define ATTN_NONE UINT32_MAX                     /* `first` of a query that is not there */

/* What a block works on: rows [row, end) of sequence `seq`. */
struct attn_job {
	uint32_t row, end, seq, kv_head, head0; /* head0: the block's first head */
	uint32_t n_q;                           /* queries, those of other rows included */
	uint32_t first, last;                   /* keys that any query sees lie in [first, last] */
};

/* The scratch of one chunk of one query: GPU_ATTN_STATE words, then the outputs. */
GPU_FN float *attn_part(const struct gpu_attention_args &a, uint32_t row, uint32_t head,
			uint32_t chunk)
{
	uint64_t at = ((uint64_t)row * a.op.n_heads + head) * a.n_chunks + chunk;

	return (float *)gpu_ptr(a.op.scratch.data) + at * (a.op.kv.head_dim + GPU_ATTN_STATE);
}

/* Where the outputs go: rows of the tensor, or F32 in the scratch before they are quantised. */
GPU_FN unsigned char *attn_out(const struct gpu_attention_args &a, uint32_t row)
{
	return gpu_row(&a.op.out, row);
}

/* The first key that a row at `position` sees. */
GPU_FN uint32_t attn_first(const struct aios_op_attention &op, uint32_t position)
{
	return op.window && position >= op.window ? position - op.window + 1 : 0;
}

/* Slots [lo, hi) of the block at `start` that query q sees; empty when lo >= hi. */
GPU_FN void attn_visible(const struct gpu_attention_shared *s, uint32_t q, uint32_t start,
			 uint32_t *lo, uint32_t *hi)
{
	uint32_t first = s->first[q], position = s->position[q];

	*lo = *hi = 0;
	if (first == ATTN_NONE || position < start || first >= start + AIOS_ATTN_BLOCK)
		return;
	*lo = first > start ? first - start : 0;
	*hi = position - start + 1 < AIOS_ATTN_BLOCK ? position - start + 1 : AIOS_ATTN_BLOCK;
}

/* Set up the queries of the job; its first and last key. */
GPU_FN void attn_begin(const struct gpu_attention_args &a, struct attn_job *job,
		       struct gpu_attention_shared *s)
{
	uint32_t q = gpu_tid();

	gpu_barrier();
	if (q < GPU_ATTN_QUERIES) {
		uint32_t row = gpu_bx() * a.rows + q / a.heads, head = job->head0 + q % a.heads;
		uint32_t group = a.op.n_heads / a.op.kv.n_kv_heads;
		bool there = q < job->n_q && row >= job->row && row < job->end &&
			     head < (job->kv_head + 1) * group;

		s->position[q] = there ? (uint32_t)keys_position(a.op.batch, row) : 0;
		s->first[q] = there ? attn_first(a.op, s->position[q]) : ATTN_NONE;
	}
	gpu_barrier();
	job->first = ATTN_NONE;
	job->last = 0;
	for (q = 0; q < job->n_q; q++) {
		if (s->first[q] == ATTN_NONE)
			continue;
		job->first = s->first[q] < job->first ? s->first[q] : job->first;
		job->last = s->position[q] > job->last ? s->position[q] : job->last;
	}
}

/* Elements [d0, d0 + GPU_ATTN_SLICE) of keys start + [lo, hi) of K or V to shared memory. */
GPU_FN void attn_load(const struct aios_op_attention &op, const struct attn_job *job,
		      aios_addr base, uint32_t start, uint32_t lo, uint32_t hi, uint32_t d0,
		      struct gpu_attention_shared *s)
{
	uint32_t units =
		(op.kv.head_dim - d0 < GPU_ATTN_SLICE ? op.kv.head_dim - d0 : GPU_ATTN_SLICE) / 8;
	const uint16_t *src = (const uint16_t *)gpu_ptr(base);

	for (uint32_t u = gpu_tid(); u < (hi - lo) * units; u += GPU_ATTN_THREADS) {
		uint32_t j = lo + u / units, d = u % units * 8;
		int32_t page = keys_page(op.batch, op.kv, job->seq, start + j);

		if (page < 0 || (uint32_t)page >= op.kv.n_pages)
			continue; /* nobody sees it */
		*(struct gpu_vec *)(s->slice + j * GPU_ATTN_PITCH + d * 2) = gpu_load16(
			src + keys_in_page(op.kv, (uint32_t)page, job->kv_head, start + j) + d0 +
			d);
	}
}

/* The same elements of the queries, widened. */
GPU_FN void attn_load_q(const struct gpu_attention_args &a, const struct attn_job *job, uint32_t d0,
			struct gpu_attention_shared *s)
{
	uint32_t dim = a.op.kv.head_dim;

	for (uint32_t u = gpu_tid(); u < job->n_q * GPU_ATTN_SLICE; u += GPU_ATTN_THREADS) {
		uint32_t q = u / GPU_ATTN_SLICE, d = u % GPU_ATTN_SLICE;
		uint32_t head = job->head0 + q % a.heads;

		if (s->first[q] != ATTN_NONE && d0 + d < dim)
			s->q[q][d] = gpu_load(gpu_row(&a.op.q, gpu_bx() * a.rows + q / a.heads),
					      a.op.kv.dtype, (uint64_t)head * dim + d0 + d);
	}
}

/* Continue q . k for the thread's key and its queries over n elements of a slice. */
template <bool F16>
GPU_FN void attn_dots(const struct gpu_attention_shared *s, uint32_t j, uint32_t slot, uint32_t n,
		      float dot[ATTN_OWN])
{
	for (uint32_t d = 0; d < n; d += 8) {
		float k[8];

		gpu_halves<F16>(gpu_load16(s->slice + j * GPU_ATTN_PITCH + d * 2), k);
		GPU_UNROLL
		for (int e = 0; e < 8; e++) {
			GPU_UNROLL
			for (int i = 0; i < ATTN_OWN; i++)
				dot[i] = aios_fma(
					s->q[slot + ATTN_SLOTS * (uint32_t)i][d + (uint32_t)e],
					k[e], dot[i]);
		}
	}
}

/* Scores of the block at `start`, keys [lo, hi), into s->p. */
GPU_FN void attn_scores(const struct gpu_attention_args &a, const struct attn_job *job,
			uint32_t start, uint32_t lo, uint32_t hi, struct gpu_attention_shared *s)
{
	uint32_t dim = a.op.kv.head_dim, j = gpu_tid() % 64, slot = gpu_tid() / 64;
	float dot[ATTN_OWN] = { 0.0f };

	for (uint32_t d0 = 0; d0 < dim; d0 += GPU_ATTN_SLICE) {
		uint32_t n = dim - d0 < GPU_ATTN_SLICE ? dim - d0 : GPU_ATTN_SLICE;

		gpu_barrier();
		attn_load(a.op, job, a.op.kv.k, start, lo, hi, d0, s);
		attn_load_q(a, job, d0, s);
		gpu_barrier();
		if (j < lo || j >= hi || slot >= job->n_q)
			continue;
		if (a.op.kv.dtype == AIOS_F16)
			attn_dots<true>(s, j, slot, n, dot);
		else
			attn_dots<false>(s, j, slot, n, dot);
	}
	GPU_UNROLL
	for (int i = 0; i < ATTN_OWN; i++)
		s->p[slot + ATTN_SLOTS * (uint32_t)i][j] =
			a.op.softcap != 0.0f ?
				aios_attn_score_capped(dot[i], a.op.scale, a.op.softcap) :
				aios_attn_score(dot[i], a.op.scale_log2);
}

/*
 * The online softmax: scores to p, with m, l and alpha brought forward. 32 threads take a query,
 * two keys each: the tree's first level is in the thread, the rest by xor.
 */
GPU_FN void attn_softmax(const struct gpu_attention_args &a, uint32_t n_q, uint32_t start,
			 struct gpu_attention_shared *s)
{
	uint32_t lane = gpu_tid() % 32, lo, hi;

	for (uint32_t q = gpu_tid() / 32; q < GPU_ATTN_QUERIES; q += GPU_ATTN_THREADS / 32) {
		float m = s->m[q], l = s->l[q], m_new = m, p0 = 0.0f, p1 = 0.0f, sum, alpha;
		bool sees0, sees1;

		attn_visible(s, q < n_q ? q : 0, start, &lo, &hi);
		sees0 = q < n_q && lane >= lo && lane < hi;
		sees1 = q < n_q && lane + 32 >= lo && lane + 32 < hi;
		if (sees0)
			m_new = aios_max_step(m_new, s->p[q][lane]);
		if (sees1)
			m_new = aios_max_step(m_new, s->p[q][lane + 32]);
		for (uint32_t h = 16; h > 0; h /= 2)
			m_new = aios_max_step(m_new, gpu_shfl_xor_f32(m_new, h));
		if (sees0)
			p0 = aios_attn_p(s->p[q][lane], m_new, a.op.kv.dtype);
		if (sees1)
			p1 = aios_attn_p(s->p[q][lane + 32], m_new, a.op.kv.dtype);
		sum = aios_add(p0, p1);
		for (uint32_t h = 16; h > 0; h /= 2)
			sum = aios_add(sum, gpu_shfl_xor_f32(sum, h));
		s->p[q][lane] = p0;
		s->p[q][lane + 32] = p1;
		alpha = aios_attn_rescale(m, m_new);
		if (lane == 0 && lo >= hi) {
			s->alpha[q] = 1.0f; /* the block does not concern this query */
		} else if (lane == 0) {
			s->alpha[q] = alpha;
			s->m[q] = m_new;
			s->l[q] = aios_attn_l(l, alpha, sum);
		}
	}
}

/* p . V over keys [lo, hi): go on with element d of the thread's queries. */
template <bool F16>
GPU_FN void attn_value(const struct gpu_attention_shared *s, const uint32_t lo[ATTN_OWN],
		       const uint32_t hi[ATTN_OWN], uint32_t from, uint32_t to, uint32_t d,
		       uint32_t slot, float acc[ATTN_OWN])
{
	for (uint32_t j = from; j < to; j++) {
		float v = gpu_half<F16>(*(const uint16_t *)(s->slice + j * GPU_ATTN_PITCH + d * 2));

		GPU_UNROLL
		for (int i = 0; i < ATTN_OWN; i++) {
			float next = aios_fma(s->p[slot + ATTN_SLOTS * (uint32_t)i][j], v, acc[i]);

			acc[i] = j >= lo[i] && j < hi[i] ? next : acc[i];
		}
	}
}

/* Outputs of the thread: element tid % 64 + 64 * d of query tid / 64 + 4 * i. */
template <int DI> struct attn_outputs {
	float v[DI][ATTN_OWN];
};

template <int DI>
GPU_FN void attn_values(const struct gpu_attention_args &a, const struct attn_job *job,
			uint32_t start, uint32_t lo, uint32_t hi, struct gpu_attention_shared *s,
			struct attn_outputs<DI> *acc)
{
	uint32_t dim = a.op.kv.head_dim, slot = gpu_tid() / 64;
	uint32_t q_lo[ATTN_OWN], q_hi[ATTN_OWN];

	gpu_barrier(); /* p and alpha are there, the keys have been read */
	GPU_UNROLL
	for (int i = 0; i < ATTN_OWN; i++) {
		uint32_t q = slot + ATTN_SLOTS * (uint32_t)i;

		attn_visible(s, q, start, &q_lo[i], &q_hi[i]);
		GPU_UNROLL
		for (int d = 0; d < DI; d++)
			acc->v[d][i] = aios_mul(acc->v[d][i], s->alpha[q]);
	}
	GPU_UNROLL
	for (int d = 0; d < DI; d++) {
		uint32_t at = gpu_tid() % 64 + 64 * (uint32_t)d;

		if (d % 2 == 0) {
			gpu_barrier();
			if (64 * (uint32_t)d < dim)
				attn_load(a.op, job, a.op.kv.v, start, lo, hi, 64 * (uint32_t)d, s);
			gpu_barrier();
		}
		if (at >= dim || slot >= job->n_q)
			continue;
		if (a.op.kv.dtype == AIOS_F16)
			attn_value<true>(s, q_lo, q_hi, lo, hi, at % GPU_ATTN_SLICE, slot,
					 acc->v[d]);
		else
			attn_value<false>(s, q_lo, q_hi, lo, hi, at % GPU_ATTN_SLICE, slot,
					  acc->v[d]);
	}
}

/* One chunk from its beginning: outputs in *acc, m and l in shared memory. */
template <int DI>
GPU_FN void attn_chunk(const struct gpu_attention_args &a, const struct attn_job *job,
		       uint32_t chunk, struct gpu_attention_shared *s, struct attn_outputs<DI> *acc)
{
	uint32_t begin = chunk * a.op.chunk, start, lo, hi, q_lo, q_hi, q;
	uint32_t last = job->last - begin < a.op.chunk ? job->last : begin + a.op.chunk - 1;

	gpu_barrier();
	if (gpu_tid() < GPU_ATTN_QUERIES) {
		s->m[gpu_tid()] = -aios_inf();
		s->l[gpu_tid()] = 0.0f;
	}
	GPU_UNROLL
	for (int d = 0; d < DI; d++) {
		GPU_UNROLL
		for (int i = 0; i < ATTN_OWN; i++)
			acc->v[d][i] = 0.0f;
	}
	start = job->first > begin ? job->first / AIOS_ATTN_BLOCK * AIOS_ATTN_BLOCK : begin;
	for (; start <= last; start += AIOS_ATTN_BLOCK) {
		lo = AIOS_ATTN_BLOCK;
		hi = 0;
		for (q = 0; q < job->n_q; q++) {
			attn_visible(s, q, start, &q_lo, &q_hi);
			if (q_lo >= q_hi)
				continue;
			lo = q_lo < lo ? q_lo : lo;
			hi = q_hi > hi ? q_hi : hi;
		}
		if (lo >= hi)
			continue;
		attn_scores(a, job, start, lo, hi, s);
		gpu_barrier();
		attn_softmax(a, job->n_q, start, s);
		attn_values<DI>(a, job, start, lo, hi, s, acc);
	}
	gpu_barrier(); /* m and l are there */
}

/* Does query q see a key of this chunk? */
GPU_FN bool attn_in_chunk(const struct gpu_attention_args &a, const struct gpu_attention_shared *s,
			  uint32_t q, uint32_t chunk)
{
	return s->first[q] != ATTN_NONE && chunk >= s->first[q] / a.op.chunk &&
	       chunk <= s->position[q] / a.op.chunk;
}

/* One block for a chunk: its state goes to the scratch. */
template <int DI>
GPU_FN void attn_leave(const struct gpu_attention_args &a, const struct attn_job *job,
		       uint32_t chunk, struct gpu_attention_shared *s)
{
	uint32_t slot = gpu_tid() / 64, lane = gpu_tid() % 64;
	struct attn_outputs<DI> acc;

	if (chunk < job->first / a.op.chunk || chunk > job->last / a.op.chunk)
		return;
	attn_chunk<DI>(a, job, chunk, s, &acc);
	GPU_UNROLL
	for (int i = 0; i < ATTN_OWN; i++) {
		uint32_t q = slot + ATTN_SLOTS * (uint32_t)i;
		float *part;

		if (!attn_in_chunk(a, s, q, chunk))
			continue;
		part = attn_part(a, gpu_bx() * a.rows + q / a.heads, job->head0 + q % a.heads,
				 chunk);
		if (lane == 0) {
			part[0] = s->m[q];
			part[1] = s->l[q];
		}
		GPU_UNROLL
		for (int d = 0; d < DI; d++)
			if (lane + 64 * (uint32_t)d < a.op.kv.head_dim)
				part[GPU_ATTN_STATE + lane + 64 * (uint32_t)d] = acc.v[d][i];
	}
}

/* A block walks all chunks and merges as it goes. */
template <int DI>
GPU_FN void attn_walk(const struct gpu_attention_args &a, const struct attn_job *job,
		      struct gpu_attention_shared *s)
{
	uint32_t slot = gpu_tid() / 64, lane = gpu_tid() % 64, dim = a.op.kv.head_dim;
	struct aios_attn_state total[ATTN_OWN];
	struct attn_outputs<DI> acc, sum;

	for (uint32_t c = job->first / a.op.chunk; c <= job->last / a.op.chunk; c++) {
		attn_chunk<DI>(a, job, c, s, &acc);
		GPU_UNROLL
		for (int i = 0; i < ATTN_OWN; i++) {
			uint32_t q = slot + ATTN_SLOTS * (uint32_t)i;
			bool begins = c == s->first[q] / a.op.chunk;
			float e_total = 0.0f, e_chunk = 0.0f;

			if (!attn_in_chunk(a, s, q, c))
				continue;
			if (begins) {
				total[i].m = s->m[q];
				total[i].l = s->l[q];
			} else {
				aios_attn_merge(&total[i], s->m[q], s->l[q], &e_total, &e_chunk);
			}
			GPU_UNROLL
			for (int d = 0; d < DI; d++)
				sum.v[d][i] = begins ? acc.v[d][i] :
						       aios_attn_merge_acc(sum.v[d][i], e_total,
									   acc.v[d][i], e_chunk);
		}
	}
	GPU_UNROLL
	for (int i = 0; i < ATTN_OWN; i++) {
		uint32_t q = slot + ATTN_SLOTS * (uint32_t)i, head = job->head0 + q % a.heads;
		float inv;

		if (s->first[q] == ATTN_NONE)
			continue;
		inv = aios_attn_final(total[i].l);
		GPU_UNROLL
		for (int d = 0; d < DI; d++) {
			uint32_t at = lane + 64 * (uint32_t)d;

			if (at < dim)
				gpu_store(attn_out(a, gpu_bx() * a.rows + q / a.heads),
					  a.op.out.dtype, (uint64_t)head * dim + at,
					  aios_mul(sum.v[d][i], inv));
		}
	}
}

/* A padding row: zeros in the block's heads. */
GPU_FN void attn_zero(const struct gpu_attention_args &a, const struct attn_job *job, uint32_t row)
{
	uint32_t dim = a.op.kv.head_dim, group = a.op.n_heads / a.op.kv.n_kv_heads;
	uint32_t end = job->head0 + a.heads;

	end = end < (job->kv_head + 1) * group ? end : (job->kv_head + 1) * group;
	for (uint32_t i = job->head0 * dim + gpu_tid(); i < end * dim; i += GPU_ATTN_THREADS)
		gpu_store(attn_out(a, row), a.op.out.dtype, i, 0.0f);
}

/* Grid: groups of rows; KV heads by groups of their heads; chunks, or 1. */
template <int DI> GPU_FN void attn_block(const struct gpu_attention_args &a)
{
	struct gpu_attention_shared *s = (struct gpu_attention_shared *)gpu_shared();
	const struct aios_batch &b = a.op.batch;
	uint32_t last = gpu_bx() * a.rows + a.rows, group = a.op.n_heads / a.op.kv.n_kv_heads;
	struct attn_job job;

	last = last < b.n_tokens ? last : b.n_tokens;
	job.kv_head = gpu_by() / a.groups;
	job.head0 = job.kv_head * group + gpu_by() % a.groups * a.heads;
	job.n_q = a.rows * a.heads;
	for (job.row = gpu_bx() * a.rows; job.row < last; job.row = job.end) {
		job.end = job.row + 1;
		if (keys_position(b, job.row) == -1) {
			if (!a.n_chunks)
				attn_zero(a, &job, job.row);
			continue;
		}
		job.seq = keys_sequence(b, job.row);
		while (job.end < last && keys_position(b, job.end) != -1 &&
		       keys_sequence(b, job.end) == job.seq)
			job.end++;
		attn_begin(a, &job, s);
		if (a.n_chunks)
			attn_leave<DI>(a, &job, gpu_bz(), s);
		else
			attn_walk<DI>(a, &job, s);
	}
}

GPU_KERNEL_WIDE(GPU_ATTN_THREADS) gpu_attention_64(const struct gpu_attention_args a)
{
	attn_block<1>(a);
}

GPU_KERNEL(GPU_ATTN_THREADS) gpu_attention_128(const struct gpu_attention_args a)
{
	attn_block<2>(a);
}

GPU_KERNEL(GPU_ATTN_THREADS) gpu_attention_256(const struct gpu_attention_args a)
{
	attn_block<4>(a);
}

GPU_KERNEL_WIDE(GPU_ATTN_THREADS) gpu_attention_512(const struct gpu_attention_args a)
{
	attn_block<8>(a);
}

/* Join a query's chunks in ascending order. Grid: rows, heads. */
GPU_KERNEL(64) gpu_attention_merge(const struct gpu_attention_args a)
{
	const struct aios_op_attention &op = a.op;
	uint32_t row = gpu_bx(), head = gpu_by(), dim = op.kv.head_dim;
	int32_t position = keys_position(op.batch, row);
	struct aios_attn_state total = { 0.0f, 0.0f };
	float sum[GPU_MAX_HEAD_DIM / 64], e_total, e_chunk, inv;
	uint32_t c, last;

	GPU_UNROLL
	for (int i = 0; i < GPU_MAX_HEAD_DIM / 64; i++)
		sum[i] = 0.0f;
	last = position == -1 ? 0 : (uint32_t)position / op.chunk;
	c = position == -1 ? 1 : attn_first(op, (uint32_t)position) / op.chunk;
	for (uint32_t first = c; c <= last; c++) {
		const float *part = attn_part(a, row, head, c);

		if (c == first) {
			total.m = part[0];
			total.l = part[1];
		} else {
			aios_attn_merge(&total, part[0], part[1], &e_total, &e_chunk);
		}
		GPU_UNROLL
		for (int i = 0; i < GPU_MAX_HEAD_DIM / 64; i++) {
			uint32_t d = gpu_tid() + 64 * (uint32_t)i;

			if (d >= dim)
				continue;
			sum[i] = c == first ?
					 part[GPU_ATTN_STATE + d] :
					 aios_attn_merge_acc(sum[i], e_total,
							     part[GPU_ATTN_STATE + d], e_chunk);
		}
	}
	inv = position == -1 ? 1.0f : aios_attn_final(total.l);
	GPU_UNROLL
	for (int i = 0; i < GPU_MAX_HEAD_DIM / 64; i++) {
		uint32_t d = gpu_tid() + 64 * (uint32_t)i;

		if (d < dim)
			gpu_store(attn_out(a, row), op.out.dtype, (uint64_t)head * dim + d,
				  aios_mul(sum[i], inv));
	}
}
