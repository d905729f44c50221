// SPDX-License-Identifier: Apache-2.0
/*
 * logprobs.c - log-softmax at chosen ids, and the best ones.
 */
#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

#define LOGPROBS_MAX_TOP 32

bool ref_check_logprobs(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_logprobs *l = (const struct aios_op_logprobs *)op;

	if (l->n_top > LOGPROBS_MAX_TOP)
		return ref_no(c, "n_top is %u, expected up to %d", l->n_top, LOGPROBS_MAX_TOP);
	if (!ref_check_tensor(c, "logits", &l->logits, REF_T(AIOS_F32), REF_ANY, REF_ANY))
		return false;
	if (l->n_top > l->logits.cols)
		return ref_no(c, "n_top is %u, but there are %u logits", l->n_top, l->logits.cols);
	if (l->logits.rows &&
	    !(ref_check_addr(c, "ids", l->ids) && ref_check_addr(c, "out", l->out)))
		return false;
	if (l->logits.rows && l->n_top &&
	    !(ref_check_addr(c, "top_ids", l->top_ids) && ref_check_addr(c, "top", l->top)))
		return false;
	return ref_check_scratch(c, &l->scratch, 0);
}

/* max + ln(sum of e^(x - max)). */
static float logprobs_lse(const float *x, uint32_t n)
{
	float lanes[AIOS_LANES] = { 0 }, max = -aios_inf();
	uint32_t i;

	for (i = 0; i < n; i++)
		max = aios_max_step(max, x[i]);
	for (i = 0; i < n; i++)
		lanes[i % AIOS_LANES] =
			aios_sum_step(lanes[i % AIOS_LANES], aios_exp(aios_sub(x[i], max)));
	return aios_logsumexp(max, aios_halving_tree(lanes, AIOS_LANES));
}

/* keys[0..n_top) = the largest keys, descending. */
static void logprobs_best(const float *x, uint32_t n, uint32_t n_top, uint64_t *keys)
{
	uint64_t key;
	uint32_t i, j;

	for (i = 0; i < n_top; i++)
		keys[i] = 0;
	for (i = 0; i < n && n_top; i++) {
		key = aios_rank_key(x[i], i);
		if (key <= keys[n_top - 1])
			continue;
		for (j = n_top - 1; j > 0 && keys[j - 1] < key; j--)
			keys[j] = keys[j - 1];
		keys[j] = key;
	}
}

static void logprobs_item(void *ctx, uint32_t row)
{
	const struct aios_op_logprobs *op = ctx;
	const float *x = ref_row(&op->logits, row);
	uint32_t n = op->logits.cols, id = (uint32_t)((const int32_t *)ref_ptr(op->ids))[row], i;
	size_t at = (size_t)row * op->n_top;
	uint64_t keys[LOGPROBS_MAX_TOP];
	float lse = logprobs_lse(x, n);

	((float *)ref_ptr(op->out))[row] = id < n ? aios_canon(aios_sub(x[id], lse)) : aios_nan();
	logprobs_best(x, n, op->n_top, keys);
	for (i = 0; i < op->n_top; i++) {
		id = aios_rank_id(keys[i]);
		((int32_t *)ref_ptr(op->top_ids))[at + i] = (int32_t)id;
		((float *)ref_ptr(op->top))[at + i] = aios_canon(aios_sub(x[id], lse));
	}
}

int ref_run_logprobs(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_logprobs *l = (const struct aios_op_logprobs *)op;

	(void)st;
	ref_pool_run(dev->pool, l->logits.rows, logprobs_item, (void *)(uintptr_t)l);
	return 0;
}
