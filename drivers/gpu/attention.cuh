/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attention.cuh - causal grouped-query attention over pages with the fma32 unit; and what all of
 * it shares with attention_mfma.cuh, whose UNIT has other arithmetic.
 *
 * Where no sequence has two rows: attention_decode, see attention_decode.cuh. Else:
 *
 * A "query" is one row and one head. A block takes up to 16 queries of one KV head and of adjacent
 * rows, because they share keys and values; each keeps a state of its own, so what shares a block
 * cannot matter. Blocks either walk all chunks, or there is one for each chunk and
 * attention_merge joins the states that they leave in the scratch.
 */
#include "attention_decode.cuh"

#define ATTN_SLOTS (GPU_ATTN_THREADS / 64)       /* threads of a key, or of an element */
#define ATTN_OWN (GPU_ATTN_QUERIES / ATTN_SLOTS) /* queries of a thread */
#define ATTN_NONE UINT32_MAX                     /* `first` of a query that is not there */

/* What a block works on: rows [row, end) of sequence `seq`. */
struct attn_job {
	uint32_t row, end, seq, kv_head, head0; /* head0: the block's first head */
	uint32_t n_q;                           /* queries, those of other rows included */
	uint32_t first, last;                   /* keys that any query sees lie in [first, last] */
};

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

/* Outputs of the thread: UNIT::column() + 64 * d of queries UNIT::query(0) .. (ATTN_OWN - 1). */
template <int DI> struct attn_outputs {
	float v[DI][ATTN_OWN];
};

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
	attn_scores_of<ATTN_OWN>(a.op, dot);
	GPU_UNROLL
	for (int i = 0; i < ATTN_OWN; i++)
		s->p[slot + ATTN_SLOTS * (uint32_t)i][j] = dot[i];
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
		gpu_wave_sync(); /* all have read m and l */
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

/*
 * A unit's arithmetic, and whose outputs a thread has. scores() leaves the scores of keys [lo, hi)
 * of the block at `start` in s->p, for those queries that see them; values() goes on with p . V
 * once p and alpha are there. Both are called by all threads, and begin with a barrier.
 */
struct attn_fma {
	GPU_FN uint32_t query(uint32_t i)
	{
		return gpu_tid() / 64 + ATTN_SLOTS * i;
	}

	GPU_FN uint32_t column(void)
	{
		return gpu_tid() % 64;
	}

	GPU_FN void scores(const struct gpu_attention_args &a, const struct attn_job *job,
			   uint32_t start, uint32_t lo, uint32_t hi, struct gpu_attention_shared *s)
	{
		attn_scores(a, job, start, lo, hi, s);
	}

	template <int DI>
	GPU_FN void values(const struct gpu_attention_args &a, const struct attn_job *job,
			   uint32_t start, uint32_t lo, uint32_t hi, struct gpu_attention_shared *s,
			   struct attn_outputs<DI> *acc)
	{
		attn_values<DI>(a, job, start, lo, hi, s, acc);
	}
};

/* One chunk from its beginning: outputs in *acc, m and l in shared memory. */
template <class UNIT, int DI>
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
		UNIT::scores(a, job, start, lo, hi, s);
		gpu_barrier();
		attn_softmax(a, job->n_q, start, s);
		UNIT::template values<DI>(a, job, start, lo, hi, s, acc);
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
template <class UNIT, int DI>
GPU_FN void attn_leave(const struct gpu_attention_args &a, const struct attn_job *job,
		       uint32_t chunk, struct gpu_attention_shared *s)
{
	uint32_t column = UNIT::column();
	struct attn_outputs<DI> acc;

	if (chunk < job->first / a.op.chunk || chunk > job->last / a.op.chunk)
		return;
	attn_chunk<UNIT, DI>(a, job, chunk, s, &acc);
	GPU_UNROLL
	for (int i = 0; i < ATTN_OWN; i++) {
		uint32_t q = UNIT::query((uint32_t)i);
		float *part;

		if (!attn_in_chunk(a, s, q, chunk))
			continue;
		part = attn_part(a, gpu_bx() * a.rows + q / a.heads, job->head0 + q % a.heads,
				 chunk);
		if (column == 0) {
			part[0] = s->m[q];
			part[1] = s->l[q];
		}
		GPU_UNROLL
		for (int d = 0; d < DI; d++)
			if (column + 64 * (uint32_t)d < a.op.kv.head_dim)
				part[GPU_ATTN_STATE + column + 64 * (uint32_t)d] = acc.v[d][i];
	}
}

/* A block walks all chunks and merges as it goes. */
template <class UNIT, int DI>
GPU_FN void attn_walk(const struct gpu_attention_args &a, const struct attn_job *job,
		      struct gpu_attention_shared *s)
{
	uint32_t column = UNIT::column(), dim = a.op.kv.head_dim;
	struct aios_attn_state total[ATTN_OWN];
	struct attn_outputs<DI> acc, sum;

	for (uint32_t c = job->first / a.op.chunk; c <= job->last / a.op.chunk; c++) {
		attn_chunk<UNIT, DI>(a, job, c, s, &acc);
		GPU_UNROLL
		for (int i = 0; i < ATTN_OWN; i++) {
			uint32_t q = UNIT::query((uint32_t)i);
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
		uint32_t q = UNIT::query((uint32_t)i), head = job->head0 + q % a.heads;
		float inv;

		if (s->first[q] == ATTN_NONE)
			continue;
		inv = aios_attn_final(total[i].l);
		GPU_UNROLL
		for (int d = 0; d < DI; d++) {
			uint32_t at = column + 64 * (uint32_t)d;

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
template <class UNIT, int DI> GPU_FN void attn_block(const struct gpu_attention_args &a)
{
	struct gpu_attention_shared *s = (struct gpu_attention_shared *)gpu_shared();
	const struct aios_batch &b = a.op.batch;
	uint32_t last = gpu_bx() * a.rows + a.rows, group = a.op.n_heads / a.op.kv.n_kv_heads;
	struct attn_job job;

	gpu_grid_enter();
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
			attn_leave<UNIT, DI>(a, &job, gpu_bz(), s);
		else
			attn_walk<UNIT, DI>(a, &job, s);
	}
}

GPU_KERNEL_WIDE(GPU_ATTN_THREADS) gpu_attention_64(const struct gpu_attention_args a)
{
	attn_block<struct attn_fma, 1>(a);
}

GPU_KERNEL(GPU_ATTN_THREADS) gpu_attention_128(const struct gpu_attention_args a)
{
	attn_block<struct attn_fma, 2>(a);
}

GPU_KERNEL(GPU_ATTN_THREADS) gpu_attention_256(const struct gpu_attention_args a)
{
	attn_block<struct attn_fma, 4>(a);
}

GPU_KERNEL_WIDE(GPU_ATTN_THREADS) gpu_attention_512(const struct gpu_attention_args a)
{
	attn_block<struct attn_fma, 8>(a);
}

/*
 * States of up to GPU_MERGE_THREADS chunks and what brings each forward: the maximum is
 * known to every thread from all that come before, so the factors are found side by side. Thread c
 * takes chunk c.
 */
GPU_FN void attn_factors(const float *part, uint64_t step, uint32_t n, bool first,
			 struct aios_attn_state *total, struct gpu_merge_shared *sh)
{
	uint32_t c = gpu_tid();
	float m = total->m, m_new;

	gpu_barrier();
	if (c < n) {
		sh->m[c] = part[c * step];
		sh->l[c] = part[c * step + 1];
	}
	gpu_barrier();
	if (c < n) {
		for (uint32_t i = 0; i < c; i++)
			m = first && i == 0 ? sh->m[0] : aios_max_step(m, sh->m[i]);
		m_new = aios_max_step(m, sh->m[c]);
		sh->e_total[c] = aios_exp2(aios_sub(m, m_new));
		sh->e_chunk[c] = aios_exp2(aios_sub(sh->m[c], m_new));
	}
	gpu_barrier();
	for (c = 0; c < n; c++) {
		if (first && c == 0) {
			total->m = sh->m[0];
			total->l = sh->l[0];
			continue;
		}
		total->m = aios_max_step(total->m, sh->m[c]);
		total->l = aios_fma(total->l, sh->e_total[c], aios_mul(sh->l[c], sh->e_chunk[c]));
	}
}

/* Element d of these chunks; eight are on their way at a time. */
GPU_FN float attn_join(const float *part, uint64_t step, uint32_t n, bool first, uint32_t d,
		       float sum, const struct gpu_merge_shared *sh)
{
	for (uint32_t c0 = 0; c0 < n; c0 += 8) {
		float v[8];

		GPU_UNROLL
		for (uint32_t i = 0; i < 8; i++)
			v[i] = c0 + i < n ? part[(c0 + i) * step + GPU_ATTN_STATE + d] : 0.0f;
		GPU_UNROLL
		for (uint32_t i = 0; i < 8; i++) {
			uint32_t c = c0 + i;

			if (c >= n)
				break;
			sum = first && c == 0 ? v[i] :
						aios_attn_merge_acc(sum, sh->e_total[c], v[i],
								    sh->e_chunk[c]);
		}
	}
	return sum;
}

/* Join a query's chunks in ascending order. Grid: rows, heads. */
GPU_KERNEL(GPU_MERGE_THREADS) gpu_attention_merge(const struct gpu_attention_args a)
{
	struct gpu_merge_shared *sh = (struct gpu_merge_shared *)gpu_shared();
	const struct aios_op_attention &op = a.op;
	uint32_t row = gpu_bx(), head = gpu_by(), dim = op.kv.head_dim, n, c, end, first;
	uint64_t step = dim + GPU_ATTN_STATE;
	struct aios_attn_state total = { 0.0f, 0.0f };
	float sum[GPU_MAX_HEAD_DIM / GPU_MERGE_THREADS], inv = 1.0f;
	int32_t position;

	gpu_grid_enter();
	position = keys_position(op.batch, row);
	GPU_UNROLL
	for (uint32_t i = 0; i < GPU_MAX_HEAD_DIM / GPU_MERGE_THREADS; i++)
		sum[i] = 0.0f;
	first = position == -1 ? 0 : attn_first(op, (uint32_t)position) / op.chunk;
	end = position == -1 ? 0 : (uint32_t)position / op.chunk + 1;
	for (c = first; c < end; c += n) {
		const float *part = attn_part(a, row, head, c);

		n = end - c < GPU_MERGE_THREADS ? end - c : GPU_MERGE_THREADS;
		attn_factors(part, step, n, c == first, &total, sh);
		GPU_UNROLL
		for (uint32_t i = 0; i < GPU_MAX_HEAD_DIM / GPU_MERGE_THREADS; i++)
			if (gpu_tid() + GPU_MERGE_THREADS * i < dim)
				sum[i] = attn_join(part, step, n, c == first,
						   gpu_tid() + GPU_MERGE_THREADS * i, sum[i], sh);
	}
	if (position != -1)
		inv = aios_attn_final(total.l);
	GPU_UNROLL
	for (uint32_t i = 0; i < GPU_MAX_HEAD_DIM / GPU_MERGE_THREADS; i++) {
		uint32_t d = gpu_tid() + GPU_MERGE_THREADS * i;

		if (d < dim)
			gpu_store(attn_out(a, row), op.out.dtype, (uint64_t)head * dim + d,
				  aios_mul(sum[i], inv));
	}
}

/* --- one row, all of a KV head's queries ------------------------------------------- */

/*
 * The fma32 unit of attention_decode. Scores: 32 threads take a block of keys and two queries, two
 * keys a thread. Values: a thread takes two elements of the head for one query.
 */
#define FMA_ITEMS (GPU_DECODE_BLOCKS * GPU_DECODE_QUERIES / 2 / (GPU_DECODE_THREADS / 32))

template <bool F16, int D> struct fma_unit {
	static const int DIM = D;
	static const uint32_t DTYPE = F16 ? AIOS_F16 : AIOS_BF16;
	static const int PAIRS =
		((D ? D : GPU_MAX_HEAD_DIM) / 2 * GPU_DECODE_QUERIES + GPU_DECODE_THREADS - 1) /
		GPU_DECODE_THREADS;

	float s[FMA_ITEMS][2][2]; /* scores, then p: [query][key, key + 32] */
	float acc[PAIRS][2], total[PAIRS][2];

	GPU_FN float *q_at(const struct gpu_attention_args &a, uint32_t q)
	{
		return (float *)(gpu_shared() + a.at_q + q * a.q_pitch);
	}

	GPU_FN float *p_at(const struct gpu_attention_args &a, uint32_t q)
	{
		return (float *)(gpu_shared() + a.at_p + q * a.p_pitch);
	}

	GPU_FN void put_q1(const struct gpu_attention_args &a, uint32_t q, uint32_t d, uint16_t h)
	{
		q_at(a, q)[d] = gpu_half<F16>(h);
	}

	GPU_FN void put_q2(const struct gpu_attention_args &a, uint32_t q, uint32_t d, uint32_t two)
	{
		put_q1(a, q, d, (uint16_t)two);
		put_q1(a, q, d + 1, (uint16_t)(two >> 16));
	}

	GPU_FN void put_q(const struct gpu_attention_args &a, uint32_t q, uint32_t d,
			  const struct gpu_vec &v)
	{
		gpu_halves<F16>(v, q_at(a, q) + d);
	}

	GPU_FN void begin(struct fma_unit &u, const struct gpu_attention_args &a,
			  const struct decode_job &job)
	{
		(void)u;
		(void)a;
		(void)job;
	}

	/* Item i of this group of 32 threads: a block of keys and the first of its two queries. */
	GPU_FN bool item(const struct decode_job &job, const struct decode_span &s, uint32_t i,
			 uint32_t *b, uint32_t *q)
	{
		uint32_t pairs = (job.n_q + 1) / 2, first = (s.lo - s.start) / AIOS_ATTN_BLOCK;
		uint32_t n = ((s.end - s.start) / AIOS_ATTN_BLOCK - first) * pairs;
		uint32_t at = gpu_tid() / 32 + i * (GPU_DECODE_THREADS / 32);
		bool there = at < n;

		at = there ? at : n - 1;
		*b = first + at / pairs;
		*q = at % pairs * 2;
		return there;
	}

	/* Are there items in round i? The same answer for all threads. */
	GPU_FN bool round(const struct decode_job &job, const struct decode_span &s, uint32_t i)
	{
		uint32_t blocks =
			(s.end - s.start) / AIOS_ATTN_BLOCK - (s.lo - s.start) / AIOS_ATTN_BLOCK;

		return i * (GPU_DECODE_THREADS / 32) < blocks * ((job.n_q + 1) / 2);
	}

	/* q, q + 1 times the two keys. */
	GPU_FN void dots(const struct gpu_attention_args &a, uint32_t b, uint32_t q,
			 float dot[2][2])
	{
		const unsigned char *k0 =
			decode_k(a) + (b * AIOS_ATTN_BLOCK + gpu_tid() % 32) * a.pitch;
		const unsigned char *k1 = k0 + 32 * a.pitch;
		const float *q0 = q_at(a, q), *q1 = q_at(a, q + 1);

		for (uint32_t d = 0; d < decode_dim<D>(a); d += 8) {
			float x0[8], x1[8];

			gpu_halves<F16>(gpu_load16(k0 + d * 2), x0);
			gpu_halves<F16>(gpu_load16(k1 + d * 2), x1);
			GPU_UNROLL
			for (uint32_t e = 0; e < 8; e++) {
				dot[0][0] = aios_fma(q0[d + e], x0[e], dot[0][0]);
				dot[0][1] = aios_fma(q0[d + e], x1[e], dot[0][1]);
				dot[1][0] = aios_fma(q1[d + e], x0[e], dot[1][0]);
				dot[1][1] = aios_fma(q1[d + e], x1[e], dot[1][1]);
			}
		}
	}

	/* Is the thread's first or second key of block b seen? */
	GPU_FN bool sees(const struct decode_span &s, uint32_t b, uint32_t second)
	{
		uint32_t key = s.start + b * AIOS_ATTN_BLOCK + gpu_tid() % 32 + 32 * second;

		return key >= s.lo && key < s.hi;
	}

	GPU_FN void scores(struct fma_unit &u, const struct gpu_attention_args &a,
			   const struct decode_job &job, const struct decode_span &s,
			   struct gpu_decode_shared *sh)
	{
		if (gpu_tid() < DECODE_QUERIES && s.begins) {
			sh->m[gpu_tid()] = -aios_inf();
			sh->l[gpu_tid()] = 0.0f;
		}
		GPU_UNROLL
		for (uint32_t i = 0; i < FMA_ITEMS; i++) {
			float dot[2][2] = { { 0.0f, 0.0f }, { 0.0f, 0.0f } }, m[2];
			uint32_t b, q;
			bool there;

			if (!round(job, s, i))
				break;
			there = item(job, s, i, &b, &q);
			dots(a, b, q, dot);
			attn_scores_of<4>(a.op, &dot[0][0]);
			GPU_UNROLL
			for (uint32_t j = 0; j < 2; j++) {
				m[j] = -aios_inf();
				GPU_UNROLL
				for (uint32_t k = 0; k < 2; k++) {
					u.s[i][j][k] = dot[j][k];
					if (sees(s, b, k))
						m[j] = aios_max_step(m[j], u.s[i][j][k]);
				}
			}
			for (uint32_t h = 16; h > 0; h /= 2) {
				m[0] = aios_max_step(m[0], gpu_shfl_xor_f32(m[0], h));
				m[1] = aios_max_step(m[1], gpu_shfl_xor_f32(m[1], h));
			}
			if (there && gpu_tid() % 32 < 2)
				sh->max[b][q + gpu_tid() % 32] = gpu_tid() % 32 ? m[1] : m[0];
		}
	}

	GPU_FN void weights(struct fma_unit &u, const struct gpu_attention_args &a,
			    const struct decode_job &job, const struct decode_span &s,
			    struct gpu_decode_shared *sh)
	{
		GPU_UNROLL
		for (uint32_t i = 0; i < FMA_ITEMS; i++) {
			uint32_t b, q, c, lane = gpu_tid() % 32;
			float m, m_new, sum[2], alpha[2];
			bool there;

			if (!round(job, s, i))
				break;
			there = item(job, s, i, &b, &q);
			GPU_UNROLL
			for (uint32_t j = 0; j < 2; j++) {
				m = sh->m[q + j];
				for (c = (s.lo - s.start) / AIOS_ATTN_BLOCK; c < b; c++)
					m = aios_max_step(m, sh->max[c][q + j]);
				m_new = aios_max_step(m, sh->max[b][q + j]);
				alpha[j] = aios_attn_rescale(m, m_new);
				GPU_UNROLL
				for (uint32_t k = 0; k < 2; k++) {
					float p = aios_attn_p(u.s[i][j][k], m_new, a.op.kv.dtype);

					u.s[i][j][k] = sees(s, b, k) ? p : 0.0f;
					if (there)
						p_at(a,
						     q + j)[b * AIOS_ATTN_BLOCK + lane + 32 * k] =
							u.s[i][j][k];
				}
				sum[j] = aios_add(u.s[i][j][0], u.s[i][j][1]);
			}
			for (uint32_t h = 16; h > 0; h /= 2) {
				sum[0] = aios_add(sum[0], gpu_shfl_xor_f32(sum[0], h));
				sum[1] = aios_add(sum[1], gpu_shfl_xor_f32(sum[1], h));
			}
			if (there && lane < 2) {
				sh->alpha[b][q + lane] = lane ? alpha[1] : alpha[0];
				sh->sum[b][q + lane] = lane ? sum[1] : sum[0];
			}
		}
	}

	/* Pair i of the thread: its query, and the first of its two elements of the head. */
	GPU_FN bool pair(const struct gpu_attention_args &a, const struct decode_job &job,
			 uint32_t i, uint32_t *q, uint32_t *d)
	{
		uint32_t at = gpu_tid() + i * GPU_DECODE_THREADS, half = decode_dim<D>(a) / 2;

		*q = at / half;
		*d = at % half * 2;
		return *q < job.n_q;
	}

	GPU_FN void value(uint32_t two, float p, float acc[2])
	{
		acc[0] = aios_fma(p, gpu_half<F16>(two & 0xffffu), acc[0]);
		acc[1] = aios_fma(p, gpu_half<F16>(two >> 16), acc[1]);
	}

	/* p . V over keys [j, end) of the span. */
	GPU_FN void keys(const struct gpu_attention_args &a, const float *p, uint32_t j,
			 uint32_t end, uint32_t d, float acc[2])
	{
		const unsigned char *v = decode_v(a) + d * 2;

		for (; j < end && j % 4; j++)
			value(*(const uint32_t *)(v + j * a.pitch), p[j], acc);
		for (; j + 4 <= end; j += 4) {
			struct gpu_vec four = gpu_load16(p + j);
			uint32_t two[4];

			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i++)
				two[i] = *(const uint32_t *)(v + (j + i) * a.pitch);
			GPU_UNROLL
			for (uint32_t i = 0; i < 4; i++)
				value(two[i], aios_float(four.w[i]), acc);
		}
		for (; j < end; j++)
			value(*(const uint32_t *)(v + j * a.pitch), p[j], acc);
	}

	/* m and l of the chunk so far. Threads 0 to 7, a query each. */
	GPU_FN void advance(const struct decode_span &s, struct gpu_decode_shared *sh)
	{
		uint32_t q = gpu_tid(), b = (s.lo - s.start) / AIOS_ATTN_BLOCK;
		float m = sh->m[q], l = sh->l[q];

		for (; b < (s.end - s.start) / AIOS_ATTN_BLOCK; b++) {
			m = aios_max_step(m, sh->max[b][q]);
			l = aios_attn_l(l, sh->alpha[b][q], sh->sum[b][q]);
		}
		sh->m[q] = m;
		sh->l[q] = l;
	}

	GPU_FN void values(struct fma_unit &u, const struct gpu_attention_args &a,
			   const struct decode_job &job, const struct decode_span &s,
			   struct gpu_decode_shared *sh)
	{
		uint32_t lo = s.lo - s.start, hi = s.hi - s.start;

		GPU_UNROLL
		for (uint32_t i = 0; i < PAIRS; i++) {
			uint32_t q, d, b, from, to;
			bool there = pair(a, job, i, &q, &d);

			if (s.begins)
				u.acc[i][0] = u.acc[i][1] = 0.0f;
			for (b = lo / AIOS_ATTN_BLOCK; there && b * AIOS_ATTN_BLOCK < hi; b++) {
				from = b * AIOS_ATTN_BLOCK;
				to = from + AIOS_ATTN_BLOCK;
				u.acc[i][0] = aios_mul(u.acc[i][0], sh->alpha[b][q]);
				u.acc[i][1] = aios_mul(u.acc[i][1], sh->alpha[b][q]);
				keys(a, p_at(a, q), from > lo ? from : lo, to < hi ? to : hi, d,
				     u.acc[i]);
			}
		}
		if (gpu_tid() < DECODE_QUERIES)
			advance(s, sh);
	}

	/* m and l of all chunks that are complete. The threads of advance(). */
	GPU_FN void total_of(struct gpu_decode_shared *sh, bool first)
	{
		struct aios_attn_state total;
		uint32_t q = gpu_tid();

		if (first) {
			sh->total_m[q] = sh->m[q];
			sh->total_l[q] = sh->l[q];
		} else {
			total.m = sh->total_m[q];
			total.l = sh->total_l[q];
			aios_attn_merge(&total, sh->m[q], sh->l[q], &sh->e_total[q],
					&sh->e_chunk[q]);
			sh->total_m[q] = total.m;
			sh->total_l[q] = total.l;
		}
	}

	GPU_FN void join(struct fma_unit &u, const struct gpu_attention_args &a,
			 const struct decode_job &job, struct gpu_decode_shared *sh, bool first)
	{
		if (gpu_tid() < DECODE_QUERIES)
			total_of(sh, first);
		gpu_barrier();
		GPU_UNROLL
		for (uint32_t i = 0; i < PAIRS; i++) {
			uint32_t q, d;

			if (!pair(a, job, i, &q, &d))
				continue;
			GPU_UNROLL
			for (uint32_t e = 0; e < 2; e++)
				u.total[i][e] =
					first ? u.acc[i][e] :
						aios_attn_merge_acc(u.total[i][e], sh->e_total[q],
								    u.acc[i][e], sh->e_chunk[q]);
		}
	}

	GPU_FN void store(const struct fma_unit &u, const struct gpu_attention_args &a,
			  const struct decode_job &job, uint32_t real,
			  const struct gpu_decode_shared *sh)
	{
		GPU_UNROLL
		for (uint32_t i = 0; i < PAIRS; i++) {
			uint64_t at;
			uint32_t q, d;
			float inv;

			if (!pair(a, job, i, &q, &d))
				continue;
			inv = aios_attn_final(sh->total_l[q]);
			at = (uint64_t)(job.head0 + q) * decode_dim<D>(a) + d;
			GPU_UNROLL
			for (uint32_t e = 0; real && e < 2; e++)
				gpu_store(attn_out(a, job.row), a.op.out.dtype, at + e,
					  aios_mul(u.total[i][e], inv));
		}
	}

	GPU_FN void leave(const struct fma_unit &u, const struct gpu_attention_args &a,
			  const struct decode_job &job, const struct gpu_decode_shared *sh)
	{
		if (gpu_tid() < job.n_q)
			decode_leave(a, job, gpu_tid(), sh->m[gpu_tid()], sh->l[gpu_tid()]);
		GPU_UNROLL
		for (uint32_t i = 0; i < PAIRS; i++) {
			float *part;
			uint32_t q, d;

			if (!pair(a, job, i, &q, &d))
				continue;
			part = attn_part(a, job.row, job.head0 + q, gpu_bz()) + GPU_ATTN_STATE;
			part[d] = u.acc[i][0];
			part[d + 1] = u.acc[i][1];
		}
	}
};

#define ATTN_DECODE(name, f16, dim)                                                                \
	GPU_KERNEL_WIDE(GPU_DECODE_THREADS) name(const struct gpu_attention_args a)                \
	{                                                                                          \
		decode_block<struct fma_unit<f16, dim>>(a);                                        \
	}

#define ATTN_ROPE(name, f16, dim)                                                                  \
	GPU_KERNEL_WIDE(GPU_DECODE_THREADS) name(const struct gpu_rope_attention_args a)           \
	{                                                                                          \
		decode_block_rope<struct fma_unit<f16, dim>>(a);                                   \
	}

#define ATTN_EARLY(name, f16, dim)                                                                 \
	GPU_KERNEL_WIDE(GPU_DECODE_THREADS) name(const struct gpu_rope_attention_args a)           \
	{                                                                                          \
		decode_block_early<struct fma_unit<f16, dim>>(a);                                  \
	}

ATTN_DECODE(gpu_attention_decode_bf16_64, false, 64)
ATTN_DECODE(gpu_attention_decode_bf16_128, false, 128)
ATTN_DECODE(gpu_attention_decode_bf16_any, false, 0)
ATTN_DECODE(gpu_attention_decode_f16_64, true, 64)
ATTN_DECODE(gpu_attention_decode_f16_128, true, 128)
ATTN_DECODE(gpu_attention_decode_f16_any, true, 0)
ATTN_ROPE(gpu_rope_attention_bf16_64, false, 64)
ATTN_ROPE(gpu_rope_attention_bf16_128, false, 128)
ATTN_ROPE(gpu_rope_attention_f16_64, true, 64)
ATTN_ROPE(gpu_rope_attention_f16_128, true, 128)
ATTN_EARLY(gpu_rope_attention_early_bf16_64, false, 64)
ATTN_EARLY(gpu_rope_attention_early_bf16_128, false, 128)
ATTN_EARLY(gpu_rope_attention_early_f16_64, true, 64)
ATTN_EARLY(gpu_rope_attention_early_f16_128, true, 128)
