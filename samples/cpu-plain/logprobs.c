// SPDX-License-Identifier: Apache-2.0
/* logprobs.c - log-softmax at chosen ids, and the best ones. */
#include "driver.h"

#define MOST_TOP 32

bool drv_check_logprobs(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_logprobs *l = (const struct aios_op_logprobs *)op;

	if (l->n_top > MOST_TOP || l->n_top > l->logits.cols)
		return drv_no(out, "%u best of %u", l->n_top, l->logits.cols);
	return drv_check_tensor(out, "logits", &l->logits, DRV_T(AIOS_F32), DRV_ANY, DRV_ANY);
}

/* max + ln(sum of e^(x - max)), the sum over lanes as the contract orders it. */
static float log_sum_exp(const float *x, uint32_t n)
{
	float max = -aios_inf(), lanes[AIOS_LANES] = { 0 };

	for (uint32_t i = 0; i < n; i++)
		max = aios_max_step(max, x[i]);
	for (uint32_t i = 0; i < n; i++)
		lanes[i % AIOS_LANES] =
			aios_sum_step(lanes[i % AIOS_LANES], aios_exp(aios_sub(x[i], max)));
	return aios_logsumexp(max, aios_halving_tree(lanes, AIOS_LANES));
}

/* The best key below `than`. */
static uint64_t next_best(const float *x, uint32_t n, uint64_t than)
{
	uint64_t best = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t key = aios_rank_key(x[i], i);

		if (key < than && key > best)
			best = key;
	}
	return best;
}

void drv_run_logprobs(const struct aios_op *op)
{
	const struct aios_op_logprobs *l = (const struct aios_op_logprobs *)op;
	const int32_t *ids = drv_ptr(l->ids);

	for (uint32_t row = 0; row < l->logits.rows; row++) {
		const float *x = drv_row(&l->logits, row);
		int32_t *top_ids = (int32_t *)drv_ptr(l->top_ids) + (size_t)row * l->n_top;
		float *top = (float *)drv_ptr(l->top) + (size_t)row * l->n_top;
		float lse = log_sum_exp(x, l->logits.cols);
		bool inside = ids[row] >= 0 && (uint32_t)ids[row] < l->logits.cols;
		uint64_t key = UINT64_MAX;

		((float *)drv_ptr(l->out))[row] = inside ? aios_canon(aios_sub(x[ids[row]], lse)) :
							   aios_nan();
		for (uint32_t i = 0; i < l->n_top; i++) {
			key = next_best(x, l->logits.cols, key);
			top_ids[i] = (int32_t)aios_rank_id(key);
			top[i] = aios_canon(aios_sub(x[top_ids[i]], lse));
		}
	}
}
