/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rope_rows.cuh - rope_kv of many rows, whose heads are of 16, 32, 64, 128 or 256 elements and turn
 * as a whole. What counts is that bytes are under way all the time, so threads ask for much at once
 * and do little for each element: a thread has eight neighbouring elements of a head and the eight
 * that these turn with, half a head further; what it knows of the row is the same for all its heads.
 */
#ifndef GPU_ROPE_ROWS_CUH
#define GPU_ROPE_ROWS_CUH

#include "norm_factor.cuh"
#include "rope_kv.cuh"

/* A thread's elements of a head, of 2 bytes. */
struct rope_halves {
	struct gpu_vec lo, hi;
};

/* What a thread knows of its row. */
struct rope_rows {
	const unsigned char *qkv; /* its first element of head 0 */
	unsigned char *q;         /* the same in q */
	float c[8], s[8];         /* of its pairs */
	uint32_t page, position;  /* of the row's key */
	uint32_t n_q, n_k, n;     /* heads before the first of k, of v; all */
	uint32_t at, dim;         /* its first element; elements of a head */
};

/* Eight floats. */
GPU_FN void rope_rows_floats(const unsigned char *p, float x[8])
{
	const struct gpu_vec lo = gpu_load16(p), hi = gpu_load16(p + 16);

	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++) {
		x[i] = aios_float(lo.w[i]);
		x[4 + i] = aios_float(hi.w[i]);
	}
}

/* Ask for a head of BF16; past the last one for one that nobody uses. */
GPU_FN void rope_rows_ask(const struct rope_rows &r, uint32_t head, struct rope_halves *x)
{
	const unsigned char *p = r.qkv + (head < r.n ? head : 0) * r.dim * 2;

	x->lo = gpu_load16(p);
	x->hi = gpu_load16(p + r.dim);
}

/* A head of F32, the same. */
GPU_FN void rope_rows_get(const struct rope_rows &r, uint32_t head, float x[16])
{
	const unsigned char *p = r.qkv + (head < r.n ? head : 0) * r.dim * 4;

	rope_rows_floats(p, x);
	rope_rows_floats(p + r.dim * 2, x + 8);
}

/* The lane sum of squares of the head: the halves, then others' by xor, then the neighbours. */
GPU_FN float rope_rows_sumsq(uint32_t dim, const float x[16])
{
	float p[8];

	GPU_UNROLL
	for (uint32_t i = 0; i < 8; i++)
		p[i] = aios_add(aios_sumsq_step(0.0f, x[i]), aios_sumsq_step(0.0f, x[8 + i]));
	GPU_NO_UNROLL
	for (uint32_t h = dim / 32; h > 0; h /= 2) {
		GPU_UNROLL
		for (uint32_t i = 0; i < 8; i++)
			p[i] = aios_add(p[i], gpu_shfl_xor_f32(p[i], h));
	}
	GPU_UNROLL
	for (uint32_t h = 4; h > 0; h /= 2) {
		GPU_UNROLL
		for (uint32_t i = 0; i < h; i++)
			p[i] = aios_add(p[i], p[i + h]);
	}
	return p[0];
}

/* aios_rms_factor() of a power of two. */
GPU_FN float rope_rows_factor(float sumsq, uint32_t dim, float eps)
{
	return norm_factor(aios_mul(sumsq, aios_float(0x7f000000u - aios_bits((float)dim))), 1,
			   eps);
}

/* Eight elements times the factor and the weights. */
GPU_FN void rope_rows_scale(float w[8], float offset, float factor, float x[8])
{
	if (offset != 0.0f) {
		GPU_UNROLL
		for (uint32_t i = 0; i < 8; i++)
			w[i] = aios_add(offset, w[i]);
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < 8; i++)
		x[i] = aios_rms_apply(x[i], factor, w[i], 0.0f);
}

/* The norm of a head whose factor is known and whose weights are at `norm`. */
GPU_FN void rope_rows_norm(const struct aios_op_rope_kv &op, const struct rope_rows &r,
			   aios_addr norm, float factor, float x[16])
{
	const uint32_t bytes = op.norm_dtype == AIOS_F32 ? 4 : 2;
	const unsigned char *p = gpu_keep_at(gpu_ptr(norm) + r.at * bytes);
	float w[8];

	if (op.norm_dtype == AIOS_F32) {
		rope_rows_floats(p, w);
		rope_rows_scale(w, op.weight_offset, factor, x);
		rope_rows_floats(p + r.dim * 2, w);
		rope_rows_scale(w, op.weight_offset, factor, x + 8);
	} else {
		const struct gpu_vec lo = gpu_load16(p), hi = gpu_load16(p + r.dim);

		if (op.norm_dtype == AIOS_F16)
			gpu_halves<true>(lo, w);
		else
			gpu_halves<false>(lo, w);
		rope_rows_scale(w, op.weight_offset, factor, x);
		if (op.norm_dtype == AIOS_F16)
			gpu_halves<true>(hi, w);
		else
			gpu_halves<false>(hi, w);
		rope_rows_scale(w, op.weight_offset, factor, x + 8);
	}
}

/* The thread's elements, rounded. */
template <bool F16> GPU_FN struct rope_halves rope_rows_round(const float x[16])
{
	float any[2] = { 0.0f, 0.0f }; /* one is NaN if an element is; sometimes else as well */
	struct rope_halves y;

	GPU_UNROLL
	for (uint32_t i = 0; i < 4; i++) {
		y.lo.w[i] = gpu_round_pair<F16>(x[2 * i], x[2 * i + 1]);
		y.hi.w[i] = gpu_round_pair<F16>(x[8 + 2 * i], x[8 + 2 * i + 1]);
		any[0] = aios_fma(x[2 * i], x[2 * i + 1], any[0]);
		any[1] = aios_fma(x[8 + 2 * i], x[8 + 2 * i + 1], any[1]);
	}
	if (aios_is_nan(aios_add(any[0], any[1]))) {
		GPU_UNROLL
		for (uint32_t i = 0; i < 4; i++) {
			y.lo.w[i] = gpu_canon_pair<F16>(y.lo.w[i]);
			y.hi.w[i] = gpu_canon_pair<F16>(y.hi.w[i]);
		}
	}
	return y;
}

GPU_FN void rope_rows_put(const struct rope_rows &r, const struct rope_halves &y, unsigned char *to)
{
	*(struct gpu_vec *)to = y.lo;
	*(struct gpu_vec *)(to + r.dim) = y.hi;
}

/* Where the thread's first element of head `head` goes. */
GPU_FN unsigned char *rope_rows_to(const struct aios_kv_layer &kv, const struct rope_rows &r,
				   uint32_t head)
{
	const bool is_k = head < r.n_k;
	uint64_t element;

	if (head < r.n_q)
		return r.q + head * r.dim * 2;
	element = keys_in_page(kv, r.page, head - (is_k ? r.n_q : r.n_k), r.position) + r.at;
	return gpu_ptr(is_k ? kv.k : kv.v) + 2 * element;
}

/* The thread's elements of head `head` to their place. */
GPU_FN void rope_rows_store(const struct aios_kv_layer &kv, const struct rope_rows &r,
			    uint32_t head, const float x[16])
{
	unsigned char *to = gpu_keep_at(rope_rows_to(kv, r, head));

	if (kv.dtype == AIOS_F16)
		rope_rows_put(r, rope_rows_round<true>(x), to);
	else
		rope_rows_put(r, rope_rows_round<false>(x), to);
}

/* Norm and rotation of a head of q or k. All threads of the wave. */
GPU_FN void rope_rows_turn(const struct aios_op_rope_kv &op, const struct rope_rows &r,
			   uint32_t head, float x[16])
{
	if (op.q_norm) {
		const float sum = rope_rows_sumsq(r.dim, x);

		rope_rows_norm(op, r, head < r.n_q ? op.q_norm : op.k_norm,
			       rope_rows_factor(sum, r.dim, op.eps), x);
	}
	GPU_UNROLL
	for (uint32_t i = 0; i < 8; i++)
		aios_rope_pair(x[i], x[8 + i], r.c[i], r.s[i], &x[i], &x[8 + i]);
}

/* One head. All threads of the wave, whose first head is `first`; x is lost. */
GPU_FN void rope_rows_one(const struct aios_op_rope_kv &op, const struct rope_rows &r,
			  uint32_t first, uint32_t head, float x[16])
{
	if (head >= r.n_k && head < r.n)
		rope_rows_store(op.kv, r, head, x);
	if (first >= r.n_k)
		return;
	rope_rows_turn(op, r, head, x);
	if (head < r.n_k)
		rope_rows_store(op.kv, r, head, x);
}

/* A padding row: zeros in q. */
GPU_FN void rope_rows_zero(const struct rope_rows &r, uint32_t head, uint32_t step)
{
	for (; head < r.n_q; head += step) {
		unsigned char *to = r.q + head * r.dim * 2;

		*(struct gpu_vec *)to = { { 0, 0, 0, 0 } };
		*(struct gpu_vec *)(to + r.dim) = { { 0, 0, 0, 0 } };
	}
}

/* What does not depend on the row's position. */
GPU_FN void rope_rows_begin(const struct aios_op_rope_kv &op, uint32_t row, uint32_t at,
			    struct rope_rows *r)
{
	const uint32_t bytes = op.qkv.dtype == AIOS_F32 ? 4 : 2;

	r->at = at;
	r->dim = op.kv.head_dim;
	r->n_q = op.n_heads;
	r->n_k = r->n_q + op.kv.n_kv_heads;
	r->n = r->n_k + op.kv.n_kv_heads;
	r->qkv = gpu_keep_at(gpu_row(&op.qkv, row) + at * bytes);
	r->q = gpu_keep_at(gpu_row(&op.q, row) + at * 2);
}

/* What does. Not of a padding row. */
GPU_FN void rope_rows_place(const struct aios_op_rope_kv &op, uint32_t seq, uint32_t position,
			    struct rope_rows *r)
{
	const uint64_t angles = ((uint64_t)position * (r->dim / 2) + r->at) * sizeof(float);

	rope_rows_floats(gpu_ptr(op.cos) + angles, r->c);
	rope_rows_floats(gpu_ptr(op.sin) + angles, r->s);
	r->page = (uint32_t)keys_page(op.batch, op.kv, seq, position);
	r->position = position;
	gpu_wave_sync(); /* none of this is put off */
}

/*
 * The block's heads, of which the thread's first is `head`; the wave's first is `back` before it.
 * The next one of BF16 is asked for before one is turned.
 */
template <bool F32>
GPU_FN void rope_rows_walk(const struct aios_op_rope_kv &op, uint32_t head, uint32_t back,
			   uint32_t step, struct rope_rows *r)
{
	struct rope_halves raw;
	int32_t position;
	uint32_t seq;
	float x[16];

	if (!F32)
		rope_rows_ask(*r, head, &raw);
	position = keys_position(op.batch, gpu_bx());
	seq = keys_sequence(op.batch, gpu_bx()); /* of a padding row anything */
	gpu_wave_sync(); /* so that none of this is put off until something of it is there */
	if (position == -1) {
		rope_rows_zero(*r, head, step);
		return;
	}
	rope_rows_place(op, seq, (uint32_t)position, r);
	for (; head - back < r->n; head += step) {
		if (F32) {
			rope_rows_get(*r, head, x);
		} else {
			gpu_halves<false>(raw.lo, x);
			gpu_halves<false>(raw.hi, x + 8);
			rope_rows_ask(*r, head + step, &raw);
		}
		rope_rows_one(op, *r, head - back, head, x);
	}
}

/* log2 of the threads of a head. */
GPU_FN uint32_t rope_rows_shift(uint32_t dim)
{
	return (dim > 16) + (dim > 32) + (dim > 64) + (dim > 128);
}

/* Grid: rows; blocks of threads that share a row's heads. */
GPU_KERNEL_MIN(ROPE_THREADS, 8) gpu_rope_kv_rows(const struct gpu_rope_kv_args a)
{
	const uint32_t shift = rope_rows_shift(a.op.kv.head_dim), tid = gpu_tid();
	const uint32_t heads = ROPE_THREADS >> shift, step = gpu_grid_y() * heads;
	const uint32_t part = tid & ((1u << shift) - 1), head = gpu_by() * heads + (tid >> shift);
	const uint32_t back = (tid & (gpu_wave() - 1)) >> shift;
	struct rope_rows r;

	rope_rows_begin(a.op, gpu_bx(), 8 * part, &r);
	gpu_grid_enter();
	if (a.op.qkv.dtype == AIOS_F32)
		rope_rows_walk<true>(a.op, head, back, step, &r);
	else
		rope_rows_walk<false>(a.op, head, back, step, &r);
}

#endif /* GPU_ROPE_ROWS_CUH */
