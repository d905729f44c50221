/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rope_kv.cuh - norm and rotate q and k heads, store k and v. 32 threads take a head, N elements
 * each: thread `lane` has 2 * lane, 2 * lane + 1 and those 64, 128, ... further; of a head of 64 at
 * most (N = 2) lane and lane + 32. So the two of a pair that turns, and many of the norm's partial
 * sums, are in one thread.
 */
#ifndef GPU_ROPE_KV_CUH
#define GPU_ROPE_KV_CUH

#include "args.h"
#include "keys.cuh"

#define ROPE_THREADS GPU_ROPE_THREADS
#define ROPE_HEADS GPU_ROPE_HEADS

enum rope_kind {
	ROPE_Q,
	ROPE_K,
	ROPE_V
};

/* What the op says about a head, wherever it comes from. */
GPU_FN struct gpu_rope rope_of(const struct aios_op_rope_kv &op)
{
	struct gpu_rope r;

	r.qkv = op.qkv.data;
	r.row_bytes = op.qkv.row_bytes;
	r.dtype = op.qkv.dtype;
	r.rot_dim = op.rot_dim;
	r.cos = op.cos;
	r.sin = op.sin;
	r.q_norm = op.q_norm;
	r.k_norm = op.k_norm;
	r.norm_dtype = op.norm_dtype;
	r.eps = op.eps;
	r.weight_offset = op.weight_offset;
	r.reserved = 0;
	return r;
}

/* A head in the making: elements, the norm's weights, cosines and sines. */
template <int N> struct rope_head {
	float x[N], w[N], c[N / 2], s[N / 2];
};

/* The element that x[i] is. */
template <int N> GPU_FN uint32_t rope_at(uint32_t i)
{
	uint32_t lane = gpu_tid() % 32;

	return N == 2 ? lane + 32 * i : 2 * lane + i % 2 + i / 2 * 64;
}

/* The thread's elements of n of bf16, zeros past their end; none is waited for before the last. */
template <int N> GPU_FN void rope_get_bf16(const uint16_t *src, uint32_t n, float x[N])
{
	uint32_t two[N / 2];

	GPU_UNROLL
	for (uint32_t i = 0; i < N; i += 2) {
		uint32_t at = rope_at<N>(i);

		if (N > 2)
			two[i / 2] = at < n ? *(const uint32_t *)(src + at) : 0;
		else
			two[0] = (at < n ? src[at] : 0u) | (at + 32 < n ? src[at + 32] : 0u) << 16;
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < N; i++)
		x[i] = gpu_half<false>(i % 2 ? two[i / 2] >> 16 : two[i / 2] & 0xffffu);
}

/* The thread's elements of a vector of n, zeros past its end. */
template <int N>
GPU_FN void rope_get(const void *src, uint32_t dtype, uint64_t first, uint32_t n, float x[N])
{
	if (dtype == AIOS_BF16) {
		rope_get_bf16<N>((const uint16_t *)src + first, n, x);
		return;
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < N; i++)
		x[i] = rope_at<N>(i) < n ? gpu_load(src, dtype, first + rope_at<N>(i)) : 0.0f;
}

GPU_FN const unsigned char *rope_row(const struct gpu_rope &r, uint32_t row)
{
	return gpu_ptr(r.qkv) + row * r.row_bytes;
}

/* Head `head` of the qkv row. */
template <int N>
GPU_FN void rope_load(const struct gpu_rope &r, const unsigned char *row, uint32_t head,
		      uint32_t dim, float x[N])
{
	rope_get<N>(row, r.dtype, (uint64_t)head * dim, dim, x);
}

/* The weights of its norm. */
template <int N>
GPU_FN void rope_load_norm(const struct gpu_rope &r, enum rope_kind kind, uint32_t dim, float w[N])
{
	aios_addr norm = kind == ROPE_Q ? r.q_norm : r.k_norm;

	if (norm)
		rope_get<N>(gpu_ptr(norm), r.norm_dtype, 0, dim, w);
}

/* The angles of a head of 32 * N elements that turns as a whole. */
template <int N>
GPU_FN void rope_load_angles(const struct gpu_rope &r, uint32_t position, struct rope_head<N> *h)
{
	const uint64_t row = (uint64_t)position * (16 * N);
	const float *c = (const float *)gpu_ptr(r.cos) + row;
	const float *s = (const float *)gpu_ptr(r.sin) + row;

	GPU_UNROLL
	for (uint32_t i = 0; i < N / 2; i++) {
		h->c[i] = c[rope_at<N>(i)];
		h->s[i] = s[rope_at<N>(i)];
	}
}

/* The lane sum of squares: lanes far apart are in the thread, then others' by xor. */
template <int N> GPU_FN float rope_sumsq(const float x[N])
{
	float p[8];

	GPU_UNROLL
	for (uint32_t i = 0; i < 8; i++) {
		p[i] = aios_sumsq_step(0.0f, i < N ? x[i % N] : 0.0f);
		if (i + 8 < N)
			p[i] = aios_sumsq_step(p[i], x[(i + 8) % N]);
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++)
		p[i] = N > 4 ? aios_add(p[i], p[i + 4]) : p[i];
	p[0] = N > 2 ? aios_add(p[0], p[2]) : aios_add(p[0], p[1]);
	p[1] = N > 2 ? aios_add(p[1], p[3]) : 0.0f;
	for (uint32_t h = 16; h > 0; h /= 2) {
		p[0] = aios_add(p[0], gpu_shfl_xor_f32(p[0], h));
		p[1] = N > 2 ? aios_add(p[1], gpu_shfl_xor_f32(p[1], h)) : 0.0f;
	}
	return N > 2 ? aios_add(p[0], p[1]) : p[0];
}

/* aios_rms_factor(): to divide by a power of two is to multiply, and head dimensions mostly are. */
GPU_FN float rope_factor(float sumsq, uint32_t dim, float eps)
{
	float mean = dim == 128 ? aios_mul(sumsq, 0x1p-7f) :
		     dim == 64  ? aios_mul(sumsq, 0x1p-6f) :
				  aios_div(sumsq, (float)dim);

	return gpu_inverse(aios_sqrt(aios_add(mean, eps)));
}

/* The norm of a q or k head. Threads with a v head come along for the shuffles. */
template <int N>
GPU_FN void rope_norm(const struct gpu_rope &r, enum rope_kind kind, uint32_t dim,
		      struct rope_head<N> *h)
{
	float factor;

	if (!r.q_norm)
		return;
	factor = rope_factor(rope_sumsq<N>(h->x), dim, r.eps);
	if (kind == ROPE_V)
		return;
	GPU_UNROLL
	for (uint32_t i = 0; i < N; i++)
		h->x[i] = aios_rms_apply(h->x[i], factor, h->w[i], r.weight_offset);
}

/* Rotate a head of 32 * N elements, all of which turn. */
template <int N> GPU_FN void rope_turn_whole(enum rope_kind kind, struct rope_head<N> *h)
{
	if (kind == ROPE_V)
		return;
	GPU_UNROLL
	for (uint32_t i = 0; i < N / 2; i++)
		aios_rope_pair(h->x[i], h->x[i + N / 2], h->c[i], h->s[i], &h->x[i],
			       &h->x[i + N / 2]);
}

/* Rotate any head, through shared memory. All threads of the block. */
template <int N>
GPU_FN void rope_turn_any(const struct gpu_rope &r, enum rope_kind kind, uint32_t position,
			  uint32_t dim, float *head, float x[N])
{
	uint32_t half = r.rot_dim / 2, lane = gpu_tid() % 32;
	const float *c = (const float *)gpu_ptr(r.cos) + (uint64_t)position * half;
	const float *s = (const float *)gpu_ptr(r.sin) + (uint64_t)position * half;

	GPU_UNROLL
	for (uint32_t i = 0; i < N; i++)
		if (rope_at<N>(i) < dim)
			head[rope_at<N>(i)] = x[i];
	gpu_barrier();
	for (uint32_t i = lane; kind != ROPE_V && i < half; i += 32)
		aios_rope_pair(head[i], head[i + half], c[i], s[i], &head[i], &head[i + half]);
	gpu_barrier();
	GPU_UNROLL
	for (uint32_t i = 0; i < N; i++)
		if (rope_at<N>(i) < dim)
			x[i] = head[rope_at<N>(i)];
}

GPU_FN uint16_t rope_round(float x, uint32_t dtype)
{
	return dtype == AIOS_BF16 ? aios_f32_to_bf16(x) : aios_f32_to_f16(x);
}

/* Two rounded elements, the first in the lower half. */
GPU_FN uint32_t rope_round2(float x0, float x1, uint32_t dtype)
{
	return rope_round(x0, dtype) | (uint32_t)rope_round(x1, dtype) << 16;
}

/* put(first element, the two as halves of a word), or put1(element, half) of short heads. */
template <int N, typename F, typename G>
GPU_FN void rope_put(const float x[N], uint32_t dtype, uint32_t dim, F put, G put1)
{
	GPU_UNROLL
	for (uint32_t i = 0; i < N; i += 2) {
		uint32_t at = rope_at<N>(i);

		if (N > 2 && at < dim)
			put(at, rope_round2(x[i], x[i + 1], dtype));
		if (N == 2 && at < dim)
			put1(at, rope_round(x[i], dtype));
		if (N == 2 && at + 32 < dim)
			put1(at + 32, rope_round(x[i + 1], dtype));
	}
}

/* Where head `head` of the qkv row goes. */
GPU_FN uint16_t *rope_out(const struct aios_op_rope_kv &op, uint32_t row, uint32_t head,
			  uint32_t position)
{
	uint32_t n_heads = op.n_heads, n_kv = op.kv.n_kv_heads;
	aios_addr base = head < n_heads + n_kv ? op.kv.k : op.kv.v;

	if (head < n_heads)
		return (uint16_t *)gpu_row(&op.q, row) + (uint64_t)head * op.kv.head_dim;
	return (uint16_t *)gpu_ptr(base) + keys_index(op.batch, op.kv, keys_sequence(op.batch, row),
						      (head - n_heads) % n_kv, position);
}

/* One head of a row, which a block of threads takes four at a time. */
template <int N>
GPU_FN void rope_one(const struct aios_op_rope_kv &op, const struct gpu_rope &r, uint32_t row,
		     uint32_t head, uint32_t position, struct rope_head<N> *h)
{
	uint32_t dim = op.kv.head_dim, n_rotated = op.n_heads + op.kv.n_kv_heads;
	enum rope_kind kind = head < op.n_heads ? ROPE_Q : head < n_rotated ? ROPE_K : ROPE_V;
	float *shared = (float *)gpu_shared() + gpu_tid() / 32 * GPU_MAX_HEAD_DIM;
	uint16_t *out;

	rope_load_norm<N>(r, kind, dim, h->w);
	rope_norm<N>(r, kind, dim, h);
	if (dim == 32 * N && op.rot_dim == dim)
		rope_turn_whole<N>(kind, h);
	else
		rope_turn_any<N>(r, kind, position, dim, shared, h->x);
	if (head >= n_rotated + op.kv.n_kv_heads)
		return;
	out = rope_out(op, row, head, position);
	rope_put<N>(
		h->x, op.kv.dtype, dim,
		[=](uint32_t at, uint32_t two) { *(uint32_t *)(out + at) = two; },
		[=](uint32_t at, uint16_t one) { out[at] = one; });
}

/* A padding row: zeros in q, of the heads that the block of threads has. */
GPU_FN void rope_zero(const struct aios_op_rope_kv &op, uint32_t row)
{
	uint16_t *q = (uint16_t *)gpu_row(&op.q, row);
	uint32_t dim = op.kv.head_dim, n = op.n_heads * dim;

	for (uint32_t i = gpu_by() * ROPE_THREADS + gpu_tid(); i < n;
	     i += gpu_grid_y() * ROPE_THREADS)
		q[i] = 0;
}

/* The next heads are on their way while these are turned. */
template <int N> GPU_FN void rope_block(const struct aios_op_rope_kv &op)
{
	uint32_t row = gpu_bx(), dim = op.kv.head_dim, step = gpu_grid_y() * ROPE_HEADS;
	uint32_t n = op.n_heads + 2 * op.kv.n_kv_heads, head = gpu_by() * ROPE_HEADS;
	int32_t position = keys_position(op.batch, row);
	struct gpu_rope r = rope_of(op);
	struct rope_head<N> h;
	float next[N];

	head += gpu_tid() / 32;
	rope_load<N>(r, rope_row(r, row), head < n ? head : 0, dim, next);
	if (position == -1) {
		rope_zero(op, row);
		return;
	}
	if (dim == 32 * N && op.rot_dim == dim)
		rope_load_angles<N>(r, (uint32_t)position, &h);
	for (uint32_t i = gpu_by() * ROPE_HEADS; i < n; i += step, head += step) {
		GPU_UNROLL
		for (uint32_t e = 0; e < N; e++)
			h.x[e] = next[e];
		rope_load<N>(r, rope_row(r, row), head + step < n ? head + step : 0, dim, next);
		rope_one<N>(op, r, row, head, (uint32_t)position, &h);
	}
}

/* Grid: rows; blocks of threads that share a row's heads, of up to 128 elements. */
GPU_KERNEL(ROPE_THREADS) gpu_rope_kv(const struct gpu_rope_kv_args a)
{
	gpu_grid_enter();
	if (a.op.kv.head_dim <= 64)
		rope_block<2>(a.op);
	else
		rope_block<4>(a.op);
}

/* The same for longer heads. */
GPU_KERNEL(ROPE_THREADS) gpu_rope_kv_long(const struct gpu_rope_kv_args a)
{
	gpu_grid_enter();
	rope_block<16>(a.op);
}

#endif /* GPU_ROPE_KV_CUH */
