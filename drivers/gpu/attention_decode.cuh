/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attention_decode.cuh - attention of one row and one KV head by one block, whatever the dot unit.
 *
 * Up to 8 heads of a KV head see the same keys. Keys are taken in spans: whole blocks of 64 of one
 * chunk, as many as fit in shared memory; while a span's keys are multiplied its values are on
 * their way, and the next span's follow as soon as there is room. A UNIT (fma_unit, tc_unit) has
 * the registers and does the arithmetic, in three steps between barriers:
 *
 *	scores   q . k, softened and scaled, with each block's maxima in shared->max
 *	weights  the maxima of all blocks so far are known: p, alpha and the sums of p
 *	values   p . V
 *
 * So the blocks of a span are worked on side by side, though m, l and the outputs go on from one
 * to the next; the unit keeps them, and resets them where a chunk begins. `join` brings the total
 * forward by a chunk that is complete. A block of threads either walks all chunks, or there is one
 * for each chunk and attention_merge joins what they leave in the scratch.
 */
#ifndef GPU_ATTENTION_DECODE_CUH
#define GPU_ATTENTION_DECODE_CUH

#include "args.h"
#include "keys.cuh"
#include "rope_kv.cuh"

#define DECODE_THREADS GPU_DECODE_THREADS
#define DECODE_BLOCKS GPU_DECODE_BLOCKS
#define DECODE_QUERIES GPU_DECODE_QUERIES

/* What a block of threads works on. */
struct decode_job {
	uint32_t row, seq, kv_head, head0, n_q; /* heads head0 .. head0 + n_q - 1 */
	uint32_t position;                      /* the row's */
	uint32_t first, last;                   /* keys to visit: those seen, of one chunk or all */
	bool chunk_only;                        /* the state goes to the scratch */
};

/* Whole blocks of one chunk. */
struct decode_span {
	uint32_t start, end; /* keys */
	uint32_t lo, hi;     /* keys that are seen lie in [lo, hi) */
	bool begins, ends;   /* is it the chunk's first, last? */
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

/* Dots as scores, all of them in one branch. */
template <int N> GPU_FN void attn_scores_of(const struct aios_op_attention &op, float s[N])
{
	if (op.softcap != 0.0f) {
		for (uint32_t i = 0; i < N; i++)
			s[i] = aios_attn_score_capped(s[i], op.scale, op.softcap);
		return;
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < N; i++)
		s[i] = aios_attn_score(s[i], op.scale_log2);
}

/* The head dimension: known when compiled, or 0 and the descriptor's. */
template <int D> GPU_FN uint32_t decode_dim(const struct gpu_attention_args &a)
{
	return D ? (uint32_t)D : a.op.kv.head_dim;
}

GPU_FN unsigned char *decode_k(const struct gpu_attention_args &a)
{
	return gpu_shared() + a.at_k;
}

GPU_FN unsigned char *decode_v(const struct gpu_attention_args &a)
{
	return gpu_shared() + a.at_v;
}

/* Offsets in k and v, in bytes, of the keys of a span. */
GPU_FN uint64_t *decode_rows(const struct gpu_attention_args &a)
{
	return (uint64_t *)(gpu_shared() + a.at_rows);
}

GPU_FN struct decode_span decode_span_at(const struct gpu_attention_args &a,
					 const struct decode_job &job, uint32_t start)
{
	uint32_t chunk = start / a.op.chunk, chunk_end = (chunk + 1) * a.op.chunk;
	uint32_t last_end = (job.last / AIOS_ATTN_BLOCK + 1) * AIOS_ATTN_BLOCK;
	struct decode_span s;

	s.start = start;
	s.end = start + a.span < chunk_end ? start + a.span : chunk_end;
	s.end = s.end < last_end ? s.end : last_end;
	s.lo = job.first > start ? job.first : start;
	s.hi = job.last + 1 < s.end ? job.last + 1 : s.end;
	s.begins = start <= job.first || start == chunk * a.op.chunk;
	s.ends = s.end == chunk_end || s.end == last_end;
	return s;
}

/* --- keys and values to shared memory ------------------------------------------ */

/* The pages of the thread's keys of a span. */
struct decode_pages {
	int32_t page[GPU_DECODE_BLOCKS * AIOS_ATTN_BLOCK / GPU_DECODE_THREADS];
};

#define DECODE_PAGES (GPU_DECODE_BLOCKS * AIOS_ATTN_BLOCK / GPU_DECODE_THREADS)

GPU_FN void decode_find(const struct gpu_attention_args &a, const struct decode_job &job,
			const struct decode_span &s, struct decode_pages *p)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < DECODE_PAGES; i++) {
		uint32_t key = s.start + gpu_tid() + i * DECODE_THREADS;

		if (key >= s.lo && key < s.hi)
			p->page[i] = keys_page(a.op.batch, a.op.kv, job.seq, key);
	}
}

/* Where the keys lie, to shared memory. */
GPU_FN void decode_keep(const struct gpu_attention_args &a, const struct decode_job &job,
			const struct decode_span &s, const struct decode_pages &p)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < DECODE_PAGES; i++) {
		uint32_t j = gpu_tid() + i * DECODE_THREADS, key = s.start + j;

		if (key >= s.lo && key < s.hi)
			decode_rows(a)[j] =
				2 * keys_in_page(a.op.kv, (uint32_t)p.page[i], job.kv_head, key);
	}
}

/* Keys of the span that lie in memory: all, or all but the row's own, which is on its way there. */
GPU_FN uint32_t decode_stored(const struct decode_job &job, const struct decode_span &s, bool own)
{
	return own && s.hi == job.position + 1 ? s.hi - 1 : s.hi;
}

/* Fetch keys; columns that pad the head to 16 are zeros. */
template <int D>
GPU_FN void decode_fetch_k(const struct gpu_attention_args &a, const struct decode_job &job,
			   const struct decode_span &s, bool own)
{
	uint32_t units = decode_dim<D>(a) / 8, padded = (units + 1) / 2 * 2;
	uint32_t from = s.lo - s.start, n = decode_stored(job, s, own) - s.lo;

	for (uint32_t u = gpu_tid(); u < n * padded; u += DECODE_THREADS) {
		uint32_t j = from + u / padded, at = u % padded;
		unsigned char *to = decode_k(a) + j * a.pitch + at * 16;

		if (at < units)
			gpu_async_copy(to, gpu_ptr(a.op.kv.k) + decode_rows(a)[j] + at * 16);
		else
			*(struct gpu_vec *)to = gpu_vec{ { 0, 0, 0, 0 } };
	}
	gpu_async_commit();
}

/* Fetch values; of groups of 16 that are seen in part, the others are zeros. */
template <int D>
GPU_FN void decode_fetch_v(const struct gpu_attention_args &a, const struct decode_job &job,
			   const struct decode_span &s, bool own)
{
	uint32_t units = decode_dim<D>(a) / 8, from = (s.lo - s.start) / 16 * 16;
	uint32_t n = (s.hi - s.start + 15) / 16 * 16 - from, stored = decode_stored(job, s, own);

	for (uint32_t u = gpu_tid(); u < n * units; u += DECODE_THREADS) {
		uint32_t j = from + u / units, at = u % units;
		unsigned char *to = decode_v(a) + j * a.pitch + at * 16;

		if (s.start + j >= s.lo && s.start + j < stored)
			gpu_async_copy(to, gpu_ptr(a.op.kv.v) + decode_rows(a)[j] + at * 16);
		else if (s.start + j < s.lo || s.start + j >= s.hi)
			*(struct gpu_vec *)to = gpu_vec{ { 0, 0, 0, 0 } };
	}
	gpu_async_commit();
}

/* --- rotation ahead of it ------------------------------------------------------- */

/* A row's own key and value, rounded, where the fused kernel leaves them. */
struct decode_own {
	uint16_t k[GPU_DECODE_ROPE_DIM], v[GPU_DECODE_ROPE_DIM];
};

GPU_FN struct decode_own *decode_own_at(const struct gpu_attention_args &a)
{
	return (struct decode_own *)(gpu_shared() + a.at_own);
}

/* The own key or value into its slot of the span that has it. */
template <int D>
GPU_FN void decode_put_own(const struct gpu_attention_args &a, const struct decode_job &job,
			   const struct decode_span &s, unsigned char *base, const uint16_t *own)
{
	uint32_t u = gpu_tid();

	if (s.hi == job.position + 1 && u < decode_dim<D>(a) / 8)
		*(struct gpu_vec *)(base + (job.position - s.start) * a.pitch + u * 16) =
			*(const struct gpu_vec *)(own + u * 8);
}

/* --- the walk ---------------------------------------------------------------------- */

/* Queries as the unit wants them, zeros in the place of those that are not there. */
template <class UNIT>
GPU_FN void decode_load_q(const struct gpu_attention_args &a, const struct decode_job &job)
{
	uint32_t units = decode_dim<UNIT::DIM>(a) / 8, padded = (units + 1) / 2 * 2;
	const unsigned char *row = gpu_row(&a.op.q, job.row) + (uint64_t)job.head0 * units * 16;

	for (uint32_t u = gpu_tid(); u < DECODE_QUERIES * padded; u += DECODE_THREADS) {
		uint32_t q = u / padded, at = u % padded;
		struct gpu_vec v = gpu_vec{ { 0, 0, 0, 0 } };

		if (q < job.n_q && at < units)
			v = gpu_load16(row + (q * units + at) * 16);
		UNIT::put_q(a, q, at * 8, v);
	}
}

/* Zeros in the place of the queries that are not there. */
template <class UNIT>
GPU_FN void decode_zero_q(const struct gpu_attention_args &a, const struct decode_job &job)
{
	uint32_t units = decode_dim<UNIT::DIM>(a) / 8;

	for (uint32_t u = job.n_q * units + gpu_tid(); u < DECODE_QUERIES * units;
	     u += DECODE_THREADS)
		UNIT::put_q(a, u / units, u % units * 8, gpu_vec{ { 0, 0, 0, 0 } });
}

/*
 * All spans of the job. Before: decode_rows() of the first span are kept, its keys and values
 * (two groups) are being fetched, the queries are there; all of this by threads that have not
 * passed a barrier since. A rehearsal does the first span. After it the unit has the total, or the
 * chunk's state.
 */
template <class UNIT>
GPU_FN void decode_walk(const struct gpu_attention_args &a, const struct decode_job &job,
			uint32_t real, struct decode_span s, bool own, UNIT *unit)
{
	struct gpu_decode_shared *sh = (struct gpu_decode_shared *)gpu_shared();
	bool first = true, more = true;
	struct decode_pages pages;
	struct decode_span next;

	for (; more; s = next) {
		more = real && s.end <= job.last;
		next = s;
		if (more)
			next = decode_span_at(a, job, s.end);
		gpu_async_wait(1);
		gpu_barrier(); /* the keys and queries are there */
		if (more)
			decode_find(a, job, next, &pages);
		UNIT::scores(*unit, a, job, s, sh);
		if (more)
			decode_keep(a, job, next, pages);
		gpu_barrier(); /* maxima are there, keys have been read */
		if (more) {
			decode_fetch_k<UNIT::DIM>(a, job, next, own);
			if (own)
				decode_put_own<UNIT::DIM>(a, job, next, decode_k(a),
							  decode_own_at(a)->k);
		} else {
			gpu_async_commit();
		}
		UNIT::weights(*unit, a, job, s, sh);
		gpu_async_wait(1);
		gpu_barrier(); /* weights and values are there */
		UNIT::values(*unit, a, job, s, sh);
		if (more) {
			gpu_barrier(); /* values have been read */
			decode_fetch_v<UNIT::DIM>(a, job, next, own);
			if (own)
				decode_put_own<UNIT::DIM>(a, job, next, decode_v(a),
							  decode_own_at(a)->v);
		}
		if (!s.ends || job.chunk_only)
			continue;
		UNIT::join(*unit, a, job, sh, first);
		first = false;
	}
}

/* A padding row: zeros in the job's heads. */
GPU_FN void decode_zero(const struct gpu_attention_args &a, const struct decode_job &job)
{
	uint32_t dim = a.op.kv.head_dim;

	for (uint32_t i = gpu_tid(); i < job.n_q * dim; i += DECODE_THREADS)
		gpu_store(attn_out(a, job.row), a.op.out.dtype, (uint64_t)job.head0 * dim + i,
			  0.0f);
}

/* The job of this block of threads, but for the keys. */
GPU_FN void decode_place(const struct gpu_attention_args &a, struct decode_job *job)
{
	uint32_t group = a.op.n_heads / a.op.kv.n_kv_heads, rest;

	job->row = gpu_bx();
	job->kv_head = gpu_by() / a.groups;
	rest = gpu_by() % a.groups * a.heads;
	job->head0 = job->kv_head * group + rest;
	job->n_q = group - rest < a.heads ? group - rest : a.heads;
	job->chunk_only = a.n_chunks != 0;
}

/* Which keys; false: none for this block of threads. The row is no padding. */
GPU_FN bool decode_keys(const struct gpu_attention_args &a, struct decode_job *job)
{
	uint32_t begin, end;

	job->first = attn_first(a.op, job->position);
	job->last = job->position;
	if (!a.n_chunks)
		return true;
	if (gpu_bz() < job->first / a.op.chunk || gpu_bz() > job->last / a.op.chunk)
		return false;
	begin = gpu_bz() * a.op.chunk;
	end = begin + a.op.chunk - 1;
	job->first = job->first > begin ? job->first : begin;
	job->last = job->last < end ? job->last : end;
	return true;
}

GPU_FN struct decode_span decode_first(const struct gpu_attention_args &a,
				       const struct decode_job &job)
{
	return decode_span_at(a, job, job.first / AIOS_ATTN_BLOCK * AIOS_ATTN_BLOCK);
}

/* The first span's keys and values on their way. Begins with a barrier. */
template <int D>
GPU_FN void decode_start(const struct gpu_attention_args &a, const struct decode_job &job,
			 const struct decode_span &s, bool own)
{
	gpu_barrier(); /* it is known where they lie; without rotation the queries are there too */
	decode_fetch_k<D>(a, job, s, own);
	decode_fetch_v<D>(a, job, s, own);
}

/* Place, position and keys of this block of threads; false: nothing to attend to. */
GPU_FN bool decode_enter(const struct gpu_attention_args &a, struct decode_job *job, bool *padding)
{
	int32_t position;

	decode_place(a, job);
	position = keys_position(a.op.batch, job->row);
	job->seq = keys_sequence(a.op.batch, job->row);
	job->position = (uint32_t)position;
	*padding = position == -1;
	return !*padding && decode_keys(a, job);
}

/* The result: a state in the scratch, or the outputs. */
template <class UNIT>
GPU_FN void decode_end(const struct gpu_attention_args &a, const struct decode_job &job,
		       uint32_t real, const UNIT &unit)
{
	struct gpu_decode_shared *sh = (struct gpu_decode_shared *)gpu_shared();

	if (!job.chunk_only)
		UNIT::store(unit, a, job, real, sh);
	else if (real)
		UNIT::leave(unit, a, job, sh);
}

/* For a unit's `leave`: the chunk's state of query q. */
GPU_FN void decode_leave(const struct gpu_attention_args &a, const struct decode_job &job,
			 uint32_t q, float m, float l)
{
	float *part = attn_part(a, job.row, job.head0 + q, gpu_bz());

	part[0] = m;
	part[1] = l;
}

/* Grid: rows; KV heads by groups of their heads; chunks, or 1. */
template <class UNIT> GPU_FN void decode_block(const struct gpu_attention_args &a)
{
	struct decode_pages pages;
	struct decode_job job;
	struct decode_span s;
	bool padding;
	UNIT unit;

	gpu_grid_enter();
	if (!decode_enter(a, &job, &padding)) {
		if (padding && !job.chunk_only)
			decode_zero(a, job);
		return;
	}
	s = decode_first(a, job);
	decode_find(a, job, s, &pages);
	decode_load_q<UNIT>(a, job);
	decode_keep(a, job, s, pages);
	decode_start<UNIT::DIM>(a, job, s, false);
	UNIT::begin(unit, a, job);
	decode_walk<UNIT>(a, job, 1, s, false, &unit);
	decode_end<UNIT>(a, job, 1, unit);
}

/* --- with the rotation, of one row a sequence -------------------------------------- */

/* A head that a thread has a part of, and where it goes. */
struct decode_turn {
	enum rope_kind kind;
	const unsigned char *row; /* of qkv */
	uint32_t head;            /* of the row */
	uint16_t *shared,
		*out; /* a key or value in shared memory; null: another writes to memory */
};

/*
 * Task t of a block of threads: a query of the job, its key, its value; else nothing new. The own
 * key and value go where the first span `s` has them, or aside for a later one. Who has the row's
 * own key, and the first of those, also writes to memory.
 */
template <class UNIT>
GPU_FN struct decode_turn decode_task(const struct gpu_rope_attention_args &r,
				      const struct decode_job &job, const struct decode_span &s,
				      bool own, uint32_t t)
{
	const struct gpu_attention_args &a = r.attention;
	bool first = own && s.hi == job.position + 1, is_k = t == job.n_q;
	uint32_t slot = (job.position - s.start) * a.pitch;
	struct decode_turn to;

	to.row = gpu_keep_at(rope_row(r.rope, job.row));
	if (t < job.n_q) {
		to.kind = ROPE_Q;
		to.head = job.head0 + t;
		to.shared = nullptr;
		to.out = (uint16_t *)gpu_row(&a.op.q, job.row) + (uint64_t)to.head * UNIT::DIM;
	} else {
		to.kind = is_k ? ROPE_K : ROPE_V;
		to.head = a.op.n_heads + job.kv_head + (is_k ? 0 : a.op.kv.n_kv_heads);
		to.shared = is_k ? decode_own_at(a)->k : decode_own_at(a)->v;
		if (first)
			to.shared = (uint16_t *)((is_k ? decode_k(a) : decode_v(a)) + slot);
		to.out = (uint16_t *)gpu_ptr(is_k ? a.op.kv.k : a.op.kv.v) +
			 keys_index(a.op.batch, a.op.kv, job.seq, job.kv_head, job.position);
		own = own && gpu_by() % a.groups == 0;
	}
	to.out = own ? to.out : nullptr;
	return to;
}

/* What turns a head; it may be fetched ahead. */
template <int N>
GPU_FN void decode_load_turn(const struct gpu_rope_attention_args &a, const struct decode_job &job,
			     const struct decode_turn &to, struct rope_head<N> *h)
{
	rope_load_norm<N>(a.rope, to.kind, 32 * N, h->w);
	rope_load_angles<N>(a.rope, job.position, h);
}

template <int N>
GPU_FN void decode_load_head(const struct gpu_rope_attention_args &a, const struct decode_turn &to,
			     struct rope_head<N> *h)
{
	rope_load<N>(a.rope, to.row, to.head, 32 * N, h->x);
}

/* A rotated head of task t to its places. */
template <class UNIT>
GPU_FN void decode_put(const struct gpu_attention_args &a, uint32_t t, uint32_t real,
		       const struct decode_turn &to, const float *x)
{
	bool writes = real && to.out;

	rope_put<UNIT::DIM / 32>(
		x, UNIT::DTYPE, UNIT::DIM,
		[=](uint32_t at, uint32_t two) {
			if (to.kind == ROPE_Q)
				UNIT::put_q2(a, t, at, two);
			else
				*(uint32_t *)(to.shared + at) = two;
			if (writes)
				*(uint32_t *)(to.out + at) = two;
		},
		[=](uint32_t at, uint16_t one) {
			if (to.kind == ROPE_Q)
				UNIT::put_q1(a, t, at, one);
			else
				to.shared[at] = one;
			if (writes)
				to.out[at] = one;
		});
}

/*
 * Rotate the job's queries and its own key and value, 32 threads a head, of which *h and `to` are
 * the first that the thread has.
 */
template <class UNIT>
GPU_FN void decode_rotate(const struct gpu_rope_attention_args &a, const struct decode_job &job,
			  uint32_t real, const struct decode_span &s, bool own,
			  struct decode_turn to, struct rope_head<UNIT::DIM / 32> *h)
{
	const int n = UNIT::DIM / 32;
	uint32_t first = 0, t = gpu_tid() / 32;

	for (;;) {
		rope_norm<n>(a.rope, to.kind, UNIT::DIM, h);
		rope_turn_whole<n>(to.kind, h);
		if (t < job.n_q + 2)
			decode_put<UNIT>(a.attention, t, real, to, h->x);
		first += DECODE_THREADS / 32;
		t += DECODE_THREADS / 32;
		if (first >= job.n_q + 2)
			return;
		to = decode_task<UNIT>(a, job, s, own, t);
		if (real) {
			decode_load_turn<n>(a, job, to, h);
			decode_load_head<n>(a, to, h);
		}
	}
}

/* A padding row: what rope_kv and attention leave there. */
GPU_FN void decode_zero_both(const struct gpu_attention_args &a, const struct decode_job &job)
{
	uint16_t *q = (uint16_t *)gpu_row(&a.op.q, job.row);

	if (!job.chunk_only)
		decode_zero(a, job);
	for (uint32_t i = gpu_tid(); gpu_bz() == 0 && i < job.n_q * a.op.kv.head_dim;
	     i += DECODE_THREADS)
		q[(uint64_t)job.head0 * a.op.kv.head_dim + i] = 0;
}

/* Set out the job's first span, its pages, keys and values, and the first head; HEAD: with it. */
template <class UNIT, bool HEAD>
GPU_FN struct decode_span
decode_set_out(const struct gpu_rope_attention_args &r, const struct decode_job &job, bool own,
	       struct decode_turn *to, struct rope_head<UNIT::DIM / 32> *h)
{
	const struct gpu_attention_args &a = r.attention;
	const struct decode_span s = decode_first(a, job);
	struct decode_pages pages;

	decode_find(a, job, s, &pages);
	*to = decode_task<UNIT>(r, job, s, own, gpu_tid() / 32);
	if (HEAD)
		decode_load_head<UNIT::DIM / 32>(r, *to, h);
	decode_load_turn<UNIT::DIM / 32>(r, job, *to, h);
	decode_zero_q<UNIT>(a, job);
	decode_keep(a, job, s, pages);
	decode_start<UNIT::DIM>(a, job, s, own);
	return s;
}

/* Rotation and walk of a job whose first span is set out. */
template <class UNIT>
GPU_FN void decode_perform(const struct gpu_rope_attention_args &r, const struct decode_job &job,
			   uint32_t real, const struct decode_span &s, bool own,
			   const struct decode_turn &to, struct rope_head<UNIT::DIM / 32> *h,
			   UNIT *unit)
{
	decode_rotate<UNIT>(r, job, real, s, own, to, h);
	decode_walk<UNIT>(r.attention, job, real, s, own, unit);
	decode_end<UNIT>(r.attention, job, real, *unit);
}

/* rope_kv and attention of a step in which no sequence has two rows. Grid as above. */
template <class UNIT> GPU_FN void decode_block_rope(const struct gpu_rope_attention_args &r)
{
	const struct gpu_attention_args &a = r.attention;
	struct rope_head<UNIT::DIM / 32> h;
	struct decode_turn to;
	struct decode_job job;
	struct decode_span s;
	bool padding, own;
	UNIT unit;

	gpu_grid_enter();
	if (!decode_enter(a, &job, &padding)) {
		if (padding)
			decode_zero_both(a, job);
		return;
	}
	own = job.last == job.position;
	s = decode_set_out<UNIT, true>(r, job, own, &to, &h);
	UNIT::begin(unit, a, job);
	decode_perform<UNIT>(r, job, 1, s, own, to, &h, &unit);
}

/*
 * The same for few blocks. All keys and values but the row's own were there before the launch ahead
 * began (order.c sees to it), so they are on their way while it ends. That takes registers, so that
 * no two blocks fit a multiprocessor.
 */
template <class UNIT> GPU_FN void decode_block_early(const struct gpu_rope_attention_args &r)
{
	const struct gpu_attention_args &a = r.attention;
	struct rope_head<UNIT::DIM / 32> h;
	struct decode_turn to;
	struct decode_job job;
	struct decode_span s;
	bool padding, own;
	UNIT unit;

	gpu_grid_go();
	if (!decode_enter(a, &job, &padding)) {
		gpu_grid_wait();
		if (padding)
			decode_zero_both(a, job);
		return;
	}
	own = job.last == job.position;
	s = decode_set_out<UNIT, false>(r, job, own, &to, &h);
	UNIT::begin(unit, a, job);
	GPU_UNROLL
	for (uint32_t e = 0; e < UNIT::DIM / 32; e++)
		h.x[e] = 0.0f;
	GPU_NO_UNROLL
	for (uint32_t real = a.rehearse ? gpu_rehearsal() : 1; real < 2; real++) {
		if (real) {
			gpu_grid_wait();
			decode_load_head<UNIT::DIM / 32>(r, to, &h);
		}
		decode_perform<UNIT>(r, job, real, s, own, to, &h, &unit);
		if (!real)
			gpu_barrier(); /* what the rehearsal left has been read */
	}
}

#endif /* GPU_ATTENTION_DECODE_CUH */
