/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attention_tiles.cuh - prompts: which queries a block of THREADS threads takes, and which keys they
 * see. A query is a row and a head; a tile is THREADS / 2 queries at most, a.rows adjacent rows of one
 * sequence times a.heads heads of a KV head, of which every 32 threads have 16.
 */
#ifndef GPU_ATTENTION_TILES_CUH
#define GPU_ATTENTION_TILES_CUH

#include "attention_decode.cuh"

#define TILES_NONE UINT32_MAX /* `first` of a query that is not there */

struct tiles_job {
	uint32_t seq, row, end, kv_head, head0; /* rows [row, end) */
	uint32_t first, last;                   /* keys that any query sees lie in [first, last] */
};

/* What the 16 queries of 32 threads see, those that are not there left out. */
struct tiles_sight {
	uint32_t min_first, max_first; /* min_first TILES_NONE: none is there */
	uint32_t min_position, max_position;
};

/* A tile's queries; at the beginning of shared memory, GPU_TILES_SHARED(THREADS) bytes. */
template <int THREADS> struct tiles_shared {
	uint32_t position[THREADS / 2], first[THREADS / 2];
	uint32_t place[THREADS / 2]; /* row, from job.row on, * 65536 + head, from job.head0 on */
};

template <int THREADS> GPU_FN tiles_shared<THREADS> *tiles_of_block(void)
{
	static_assert(sizeof(tiles_shared<THREADS>) == GPU_TILES_SHARED(THREADS), "");
	return (tiles_shared<THREADS> *)gpu_shared();
}

/* The tiles of a sequence, a.rows rows each. */
GPU_FN uint32_t tiles_of(const struct gpu_attention_args &a, uint32_t seq)
{
	const int32_t *start = (const int32_t *)gpu_ptr(a.op.batch.seq_start);

	return seq < a.op.batch.n_seqs ?
		       ((uint32_t)(start[seq + 1] - start[seq]) + a.rows - 1) / a.rows :
		       0;
}

/* Tile `tile` of all sequences', the last of each first, because they have most keys. */
GPU_FN bool tiles_find(const struct gpu_attention_args &a, uint32_t tile, struct tiles_job *job)
{
	const int32_t *start = (const int32_t *)gpu_ptr(a.op.batch.seq_start);
	uint32_t lane = gpu_tid() % 32, before = 0, next = tiles_of(a, lane);

	for (uint32_t s0 = 0; s0 < a.op.batch.n_seqs; s0 += 32) {
		uint32_t sum = next, past, at = 0, in;

		next = tiles_of(a, s0 + 32 + lane);
		for (uint32_t h = 1; h < 32; h *= 2) {
			uint32_t left = gpu_shfl(sum, lane >= h ? lane - h : 0);

			sum += lane >= h ? left : 0;
		}
		past = (uint32_t)gpu_ballot(before + sum > tile); /* of some lane on, all */
		if (!past) {
			before += gpu_shfl(sum, 31);
			continue;
		}
		for (uint32_t h = 16; h > 0; h /= 2)
			at += past >> (at + h - 1) & 1 ? 0 : h;
		in = before + gpu_shfl(sum, at) - 1 - tile;
		job->seq = s0 + at;
		job->row = (uint32_t)start[job->seq] + in * a.rows;
		job->end = (uint32_t)start[job->seq + 1];
		job->end = job->end - job->row < a.rows ? job->end : job->row + a.rows;
		return true;
	}
	return false;
}

/* Is row `row` + lane one of the batch's, and padding? */
GPU_FN bool tiles_pads(const struct gpu_attention_args &a, uint32_t row)
{
	uint32_t mine = row + gpu_tid() % 32;

	return mine < a.op.batch.n_tokens && keys_position(a.op.batch, mine) == -1;
}

/* Zeros in the job's heads of the padding among rows [row, row + a.rows); pads: tiles_pads(row). */
template <int THREADS>
GPU_FN void tiles_zero(const struct gpu_attention_args &a, const struct tiles_job &job,
		       uint32_t row, bool pads)
{
	uint32_t dim = a.op.kv.head_dim, group = a.op.n_heads / a.op.kv.n_kv_heads;
	uint32_t end = job.head0 + a.heads, last = row + a.rows;

	end = end < (job.kv_head + 1) * group ? end : (job.kv_head + 1) * group;
	GPU_NO_UNROLL
	for (; row < last; row += 32, pads = row < last && tiles_pads(a, row)) {
		uint32_t all = (uint32_t)gpu_ballot(pads && row + gpu_tid() % 32 < last);

		GPU_NO_UNROLL
		for (uint32_t r = row; all; r++, all >>= 1)
			for (uint32_t i = job.head0 * dim + gpu_tid(); (all & 1) && i < end * dim;
			     i += THREADS)
				gpu_store(attn_out(a, r), a.op.out.dtype, i, 0.0f);
	}
}

/* The row and head of query q of the block, which is there. After tiles_begin(). */
template <int THREADS>
GPU_FN void tiles_query(const struct tiles_job &job, uint32_t q, uint32_t *row, uint32_t *head)
{
	uint32_t place = tiles_of_block<THREADS>()->place[q];

	*row = job.row + place / 65536;
	*head = job.head0 + place % 65536;
}

/* A thread's query to shared memory. */
template <int THREADS>
GPU_FN void tiles_put(const struct gpu_attention_args &a, const struct tiles_job &job)
{
	struct tiles_shared<THREADS> *sh = tiles_of_block<THREADS>();
	uint32_t group = a.op.n_heads / a.op.kv.n_kv_heads, q = gpu_tid();
	uint32_t row = q / a.heads, head = q % a.heads;
	int32_t position = -1;

	if (row < a.rows && job.row + row < job.end && job.head0 + head < (job.kv_head + 1) * group)
		position = keys_position(a.op.batch, job.row + row);
	sh->place[q] = row << 16 | head;
	sh->position[q] = position == -1 ? 0 : (uint32_t)position;
	sh->first[q] = position == -1 ? TILES_NONE : attn_first(a.op, (uint32_t)position);
}

/*
 * All queries to shared memory; the job's first and last key. False: nobody is there. Has a barrier.
 */
template <int THREADS>
GPU_FN bool tiles_begin(const struct gpu_attention_args &a, struct tiles_job *job)
{
	const struct tiles_shared<THREADS> *sh = tiles_of_block<THREADS>();

	if (gpu_tid() < THREADS / 2)
		tiles_put<THREADS>(a, *job);
	gpu_barrier();
	job->first = TILES_NONE;
	job->last = 0;
	GPU_UNROLL
	for (uint32_t i = 0; i < THREADS / 64; i++) {
		uint32_t q = gpu_tid() % 32 + 32 * i, first = sh->first[q], last = sh->position[q];

		job->first = first < job->first ? first : job->first;
		job->last = last > job->last ? last : job->last; /* 0 where nobody is */
	}
	for (uint32_t h = 16; h > 0; h /= 2) {
		uint32_t first = gpu_shfl_xor(job->first, h), last = gpu_shfl_xor(job->last, h);

		job->first = first < job->first ? first : job->first;
		job->last = last > job->last ? last : job->last;
	}
	return job->first != TILES_NONE;
}

template <int THREADS> GPU_FN void tiles_look(struct tiles_sight *w)
{
	const struct tiles_shared<THREADS> *sh = tiles_of_block<THREADS>();
	uint32_t q = gpu_tid() / 32 * 16 + gpu_tid() % 16, first = sh->first[q];
	bool there = first != TILES_NONE;

	w->min_first = first;
	w->max_first = there ? first : 0;
	w->min_position = there ? sh->position[q] : TILES_NONE;
	w->max_position = sh->position[q];
	for (uint32_t h = 8; h > 0; h /= 2) {
		uint32_t v[4] = { gpu_shfl_xor(w->min_first, h), gpu_shfl_xor(w->max_first, h),
				  gpu_shfl_xor(w->min_position, h),
				  gpu_shfl_xor(w->max_position, h) };

		w->min_first = v[0] < w->min_first ? v[0] : w->min_first;
		w->max_first = v[1] > w->max_first ? v[1] : w->max_first;
		w->min_position = v[2] < w->min_position ? v[2] : w->min_position;
		w->max_position = v[3] > w->max_position ? v[3] : w->max_position;
	}
}

/* A query of the 16 sees a key of [key, key + n); each that is there sees all of them. */
GPU_FN bool tiles_any(const struct tiles_sight &w, uint32_t key, uint32_t n)
{
	return w.min_first != TILES_NONE && w.min_first < key + n && w.max_position >= key;
}

GPU_FN bool tiles_all(const struct tiles_sight &w, uint32_t key, uint32_t n)
{
	return w.min_first != TILES_NONE && w.max_first <= key && w.min_position >= key + n - 1;
}

/* All of them are in one chunk. */
GPU_FN bool tiles_one_chunk(const struct gpu_attention_args &a, const struct tiles_sight &w)
{
	return w.min_first == TILES_NONE || w.min_first / a.op.chunk == w.max_position / a.op.chunk;
}

/* Does a query that is there, whose sight this is, see a key of the chunk? */
GPU_FN bool tiles_in_chunk(const struct gpu_attention_args &a, uint32_t first, uint32_t position,
			   uint32_t chunk)
{
	return first != TILES_NONE && chunk >= first / a.op.chunk && chunk <= position / a.op.chunk;
}

/* The page of a key of the job's, and which of all keys of the cache it is there. */
GPU_FN int32_t tiles_page(const struct gpu_attention_args &a, const struct tiles_job &job,
			  uint32_t key)
{
	const int32_t *table = (const int32_t *)gpu_ptr(a.op.batch.block_table) +
			       (uint64_t)job.seq * a.op.batch.max_blocks;

	return table[a.page_shift < 32 ? key >> a.page_shift : key / a.op.kv.page_size];
}

GPU_FN uint64_t tiles_at(const struct gpu_attention_args &a, const struct tiles_job &job,
			 int32_t page, uint32_t key)
{
	uint32_t size = a.op.kv.page_size, slot = a.page_shift < 32 ? key & (size - 1) : key % size;

	return ((uint64_t)(uint32_t)page * a.op.kv.n_kv_heads + job.kv_head) * size + slot;
}

/* Keys of a block of which a thread has a 16-byte unit, of heads of D elements, and their pages. */
#define TILES_KEYS(threads, dim) (AIOS_ATTN_BLOCK * (dim) / 8 / (threads))

template <int THREADS, int D> struct tiles_pages {
	int32_t page[TILES_KEYS(THREADS, D)];
};

/* Key i of the thread in a block of keys. */
template <int THREADS, int D> GPU_FN uint32_t tiles_key(uint32_t i)
{
	return gpu_tid() / (D / 8) + i * (THREADS / (D / 8));
}

/* The pages of those keys that the job sees; of others -1, if MARK, or what was there. */
template <bool MARK, int THREADS, int D>
GPU_FN void tiles_find_pages(const struct gpu_attention_args &a, const struct tiles_job &job,
			     uint32_t start, struct tiles_pages<THREADS, D> *p)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < TILES_KEYS(THREADS, D); i++) {
		uint32_t key = start + tiles_key<THREADS, D>(i);

		if (MARK)
			p->page[i] = -1;
		if (key >= job.first && key <= job.last)
			p->page[i] = tiles_page(a, job, key);
	}
}

/*
 * The tile of this block, of those of all sequences (no more than the batch can have) times KV heads'
 * head groups, in the grid's x. Zeros in the padding rows whose turn it is. False: there is none.
 */
template <int THREADS>
GPU_FN bool tiles_take(const struct gpu_attention_args &a, struct tiles_job *job)
{
	uint32_t heads = a.op.kv.n_kv_heads * a.groups, tile = gpu_bx() / heads;
	uint32_t group = a.op.n_heads / a.op.kv.n_kv_heads, y = gpu_bx() % heads;

	bool pads = tiles_pads(a, tile * a.rows), found;

	job->kv_head = y / a.groups;
	job->head0 = job->kv_head * group + y % a.groups * a.heads;
	found = tiles_find(a, tile, job);
	if (!a.n_chunks) /* else attention_merge does */
		tiles_zero<THREADS>(a, *job, tile * a.rows, pads);
	return found && tiles_begin<THREADS>(a, job);
}

#endif /* GPU_ATTENTION_TILES_CUH */
