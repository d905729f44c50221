/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rope_kv.cuh - norm and rotate q and k heads, store k and v. 32 threads take a head; thread
 * `lane` of them has elements lane, lane + 32, ... in registers, N of them at most, which are the
 * lanes of the norm's sum as well.
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

/* Head `head` of the qkv row, zeros past its end. */
template <int N>
GPU_FN void rope_load(const struct gpu_rope &r, uint32_t row, uint32_t head, uint32_t dim,
		      float x[N])
{
	const unsigned char *src = gpu_ptr(r.qkv) + row * r.row_bytes;
	uint32_t lane = gpu_tid() % 32;

	GPU_UNROLL
	for (uint32_t i = 0; i < N; i++)
		x[i] = lane + 32 * i < dim ?
			       gpu_load(src, r.dtype, (uint64_t)head * dim + lane + 32 * i) :
			       0.0f;
}

/* The lane sum of squares: sums lane, lane + 32, ... + 224 are the thread's, the rest by xor. */
template <int N> GPU_FN float rope_sumsq(const float x[N])
{
	float p[8], sum;

	GPU_UNROLL
	for (uint32_t i = 0; i < 8; i++) {
		p[i] = aios_sumsq_step(0.0f, i < N ? x[i % N] : 0.0f);
		if (i + 8 < N)
			p[i] = aios_sumsq_step(p[i], x[(i + 8) % N]);
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++)
		p[i] = N > 4 ? aios_add(p[i], p[i + 4]) : p[i];
	GPU_UNROLL
	for (uint32_t i = 0; i < 2; i++)
		p[i] = N > 2 ? aios_add(p[i], p[i + 2]) : p[i];
	sum = aios_add(p[0], p[1]);
	for (uint32_t h = 16; h > 0; h /= 2)
		sum = aios_add(sum, gpu_shfl_xor_f32(sum, h));
	return sum;
}

/* The norm of a q or k head. Threads with a v head come along for the shuffles. */
template <int N>
GPU_FN void rope_norm(const struct gpu_rope &r, enum rope_kind kind, uint32_t dim, float x[N])
{
	aios_addr norm = kind == ROPE_Q ? r.q_norm : r.k_norm;
	uint32_t lane = gpu_tid() % 32;
	float factor;

	if (!r.q_norm)
		return;
	factor = aios_rms_factor(rope_sumsq<N>(x), dim, r.eps);
	if (kind == ROPE_V)
		return;
	GPU_UNROLL
	for (uint32_t i = 0; i < N; i++)
		if (lane + 32 * i < dim)
			x[i] = aios_rms_apply(x[i], factor,
					      gpu_load(gpu_ptr(norm), r.norm_dtype, lane + 32 * i),
					      r.weight_offset);
}

/* Rotate a head of 32 * N elements, all of which turn: pairs are in one thread. */
template <int N>
GPU_FN void rope_turn_whole(const struct gpu_rope &r, enum rope_kind kind, uint32_t position,
			    float x[N])
{
	const uint32_t half = 16 * N, lane = gpu_tid() % 32;
	const float *c = (const float *)gpu_ptr(r.cos) + (uint64_t)position * half;
	const float *s = (const float *)gpu_ptr(r.sin) + (uint64_t)position * half;

	if (kind == ROPE_V)
		return;
	GPU_UNROLL
	for (uint32_t i = 0; i < N / 2; i++)
		aios_rope_pair(x[i], x[i + N / 2], c[lane + 32 * i], s[lane + 32 * i], &x[i],
			       &x[i + N / 2]);
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
		if (lane + 32 * i < dim)
			head[lane + 32 * i] = x[i];
	gpu_barrier();
	for (uint32_t i = lane; kind != ROPE_V && i < half; i += 32)
		aios_rope_pair(head[i], head[i + half], c[i], s[i], &head[i], &head[i + half]);
	gpu_barrier();
	GPU_UNROLL
	for (uint32_t i = 0; i < N; i++)
		if (lane + 32 * i < dim)
			x[i] = head[lane + 32 * i];
}

GPU_FN uint16_t rope_round(float x, uint32_t dtype)
{
	return dtype == AIOS_BF16 ? aios_f32_to_bf16(x) : aios_f32_to_f16(x);
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

template <int N> GPU_FN void rope_block(const struct aios_op_rope_kv &op)
{
	float *heads = (float *)gpu_shared();
	uint32_t row = gpu_bx(), lane = gpu_tid() % 32, dim = op.kv.head_dim;
	uint32_t head = gpu_by() * ROPE_HEADS + gpu_tid() / 32, n_rotated, n_all;
	int32_t position = keys_position(op.batch, row);
	struct gpu_rope r = rope_of(op);
	enum rope_kind kind;
	uint16_t *out;
	float x[N];

	n_rotated = op.n_heads + op.kv.n_kv_heads;
	n_all = n_rotated + op.kv.n_kv_heads;
	if (position == -1) {
		out = (uint16_t *)gpu_row(&op.q, row) + (uint64_t)head * dim;
		for (uint32_t i = lane; head < op.n_heads && i < dim; i += 32)
			out[i] = 0;
		return;
	}
	kind = head < op.n_heads ? ROPE_Q : head < n_rotated ? ROPE_K : ROPE_V;
	rope_load<N>(r, row, head < n_all ? head : 0, dim, x);
	rope_norm<N>(r, kind, dim, x);
	if (dim == 32 * N && op.rot_dim == dim)
		rope_turn_whole<N>(r, kind, (uint32_t)position, x);
	else
		rope_turn_any<N>(r, kind, (uint32_t)position, dim,
				 heads + gpu_tid() / 32 * GPU_MAX_HEAD_DIM, x);
	if (head >= n_all)
		return;
	out = rope_out(op, row, head, (uint32_t)position);
	GPU_UNROLL
	for (uint32_t i = 0; i < N; i++)
		if (lane + 32 * i < dim)
			out[lane + 32 * i] = rope_round(x[i], op.kv.dtype);
}

/* Grid: rows, heads of the qkv row by ROPE_HEADS. */
GPU_KERNEL(ROPE_THREADS) gpu_rope_kv(const struct gpu_rope_kv_args a)
{
	gpu_grid_enter();
	if (a.op.kv.head_dim <= 64)
		rope_block<2>(a.op);
	else if (a.op.kv.head_dim <= 128)
		rope_block<4>(a.op);
	else
		rope_block<16>(a.op);
}

#endif /* GPU_ROPE_KV_CUH */
