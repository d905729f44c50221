/* SPDX-License-Identifier: Apache-2.0 */
/* logprobs.cuh - log-softmax at chosen ids, and the best ones. One row a block. */
#include "keymax.cuh"
#include "rows.cuh"

#define LOGPROBS_AHEAD 8 /* loads of a thread in flight */

GPU_KERNEL(256) gpu_logprobs(const struct gpu_logprobs_args a)
{
	const struct aios_op_logprobs &op = a.op;
	struct gpu_logprobs_shared *s = (struct gpu_logprobs_shared *)gpu_shared();
	uint32_t row = gpu_bx(), n = op.logits.cols;
	const float *x = (const float *)gpu_row(&op.logits, row);
	uint32_t id;
	float max = -aios_inf(), sum = 0.0f, lse;
	uint64_t below = UINT64_MAX, best;

	gpu_grid_enter();
	id = (uint32_t)((const int32_t *)gpu_ptr(op.ids))[row];
	keymax_walk(x, 0, n, [&](float v, uint32_t i) {
		(void)i;
		max = aios_max_step(max, v);
	});
	max = rows_max(s->lanes, max);
	for (uint32_t i = gpu_tid(); i < n; i += LOGPROBS_AHEAD * AIOS_LANES) {
		float v[LOGPROBS_AHEAD];

		rows_load<LOGPROBS_AHEAD>(x, AIOS_F32, i, n, v);
		GPU_UNROLL
		for (uint32_t k = 0; k < LOGPROBS_AHEAD; k++)
			if (i + k * AIOS_LANES < n)
				sum = aios_sum_step(sum, aios_exp(aios_sub(v[k], max)));
	}
	lse = aios_logsumexp(max, rows_tree(s->lanes, sum));
	if (gpu_tid() == 0)
		((float *)gpu_ptr(op.out))[row] = id < n ? aios_canon(aios_sub(x[id], lse)) :
							   aios_nan();
	/* Keys are distinct: the next best is the largest below the last. */
	for (uint32_t i = 0; i < op.n_top; i++) {
		best = 0;
		keymax_walk(x, 0, n, [&](float v, uint32_t j) {
			uint64_t key = aios_rank_key(v, j);

			best = key < below && key > best ? key : best;
		});
		below = keymax_block(s->keys, best);
		id = aios_rank_id(below);
		if (gpu_tid() != 0)
			continue;
		((int32_t *)gpu_ptr(op.top_ids))[(uint64_t)row * op.n_top + i] = (int32_t)id;
		((float *)gpu_ptr(op.top))[(uint64_t)row * op.n_top + i] =
			aios_canon(aios_sub(x[id], lse));
	}
}
