/* SPDX-License-Identifier: Apache-2.0 */
/* rope_kv.cuh - norm and rotate q and k heads, store k and v. Grid: rows, heads of the qkv row. */
#include "keys.cuh"
#include "rows.cuh"

#define ROPE_THREADS 128

/* The lane sum of squares of a head, by 128 threads: two lanes each. */
GPU_FN float rope_sumsq(struct gpu_rope_shared *shared, uint32_t dim)
{
	uint32_t tid = gpu_tid();
	float v;

	for (uint32_t lane = tid; lane < AIOS_LANES; lane += ROPE_THREADS)
		shared->lanes[lane] = aios_lane_sumsq_partial(shared->head, dim, lane);
	for (uint32_t h = AIOS_LANES / 2; h >= 32; h /= 2) {
		gpu_barrier();
		if (tid < h)
			shared->lanes[tid] = aios_add(shared->lanes[tid], shared->lanes[tid + h]);
	}
	gpu_barrier();
	v = shared->lanes[tid & 31];
	for (uint32_t h = 16; h > 0; h /= 2)
		v = aios_add(v, gpu_shfl_xor_f32(v, h));
	return v;
}

/* Norm, then rotate the head in shared memory. Ends with a barrier. */
GPU_FN void rope_turn(const struct aios_op_rope_kv &op, struct gpu_rope_shared *shared,
		      aios_addr norm, uint32_t position)
{
	uint32_t dim = op.kv.head_dim, half = op.rot_dim / 2, i;
	const float *c = (const float *)gpu_ptr(op.cos) + (uint64_t)position * half;
	const float *s = (const float *)gpu_ptr(op.sin) + (uint64_t)position * half;
	float r;

	if (norm) {
		r = aios_rms_factor(rope_sumsq(shared, dim), dim, op.eps);
		for (i = gpu_tid(); i < dim; i += ROPE_THREADS)
			shared->head[i] = aios_rms_apply(shared->head[i], r,
							 gpu_load(gpu_ptr(norm), op.norm_dtype, i),
							 op.weight_offset);
		gpu_barrier();
	}
	for (i = gpu_tid(); i < half; i += ROPE_THREADS)
		aios_rope_pair(shared->head[i], shared->head[i + half], c[i], s[i],
			       &shared->head[i], &shared->head[i + half]);
	gpu_barrier();
}

GPU_KERNEL(ROPE_THREADS) gpu_rope_kv(const struct gpu_rope_kv_args a)
{
	const struct aios_op_rope_kv &op = a.op;
	struct gpu_rope_shared *shared = (struct gpu_rope_shared *)gpu_shared();
	uint32_t row = gpu_bx(), h = gpu_by(), n_heads = op.n_heads, n_kv = op.kv.n_kv_heads;
	uint32_t dim = op.kv.head_dim, seq = keys_sequence(op.batch, row);
	int32_t position = keys_position(op.batch, row);
	uint16_t *out = (uint16_t *)gpu_row(&op.q, row) + (uint64_t)h * dim;

	if (position == -1) {
		for (uint32_t i = gpu_tid(); h < n_heads && i < dim; i += ROPE_THREADS)
			out[i] = 0;
		return;
	}
	for (uint32_t i = gpu_tid(); i < dim; i += ROPE_THREADS)
		shared->head[i] =
			gpu_load(gpu_row(&op.qkv, row), op.qkv.dtype, (uint64_t)h * dim + i);
	gpu_barrier();
	if (h < n_heads + n_kv)
		rope_turn(op, shared, h < n_heads ? op.q_norm : op.k_norm, (uint32_t)position);
	if (h >= n_heads + n_kv)
		out = (uint16_t *)gpu_ptr(op.kv.v) +
		      keys_index(op.batch, op.kv, seq, h - n_heads - n_kv, (uint32_t)position);
	else if (h >= n_heads)
		out = (uint16_t *)gpu_ptr(op.kv.k) +
		      keys_index(op.batch, op.kv, seq, h - n_heads, (uint32_t)position);
	for (uint32_t i = gpu_tid(); i < dim; i += ROPE_THREADS)
		gpu_store(out, op.kv.dtype, i, shared->head[i]);
}
