/* SPDX-License-Identifier: Apache-2.0 */
/* logits.cuh - in place: the soft cap of all logits, then bias and penalties of a few. */
#include "rows.cuh"

/* Grid: rows, parts of a row. */
GPU_KERNEL(256) gpu_logits_cap(const struct gpu_logits_args a)
{
	const struct aios_op_logits &op = a.op;
	float *logits = (float *)gpu_row(&op.logits, gpu_bx());
	uint32_t step = gpu_threads() * gpu_grid_y();

	gpu_grid_enter();
	for (uint64_t i = gpu_by() * gpu_threads() + gpu_tid(); i < op.logits.cols; i += step)
		logits[i] = aios_canon(aios_softcap(logits[i], op.softcap));
}

/* One row a block. Ids are unique in each list, so its entries do not meet. */
GPU_KERNEL(128) gpu_logits_tokens(const struct gpu_logits_args a)
{
	const struct aios_op_logits &op = a.op;
	const struct aios_sample_row *p =
		(const struct aios_sample_row *)gpu_ptr(op.params) + gpu_bx();
	float *logits = (float *)gpu_row(&op.logits, gpu_bx());
	const struct aios_token_bias *bias;
	const struct aios_token_count *counts;
	uint32_t id;

	gpu_grid_enter();
	bias = (const struct aios_token_bias *)gpu_ptr(op.bias) + p->bias_start;
	counts = (const struct aios_token_count *)gpu_ptr(op.counts) + p->counts_start;
	for (uint32_t i = gpu_tid(); op.bias && i < p->bias_n; i += gpu_threads()) {
		id = (uint32_t)bias[i].id;
		if (id < op.logits.cols)
			logits[id] = aios_canon(aios_add(logits[id], bias[i].bias));
	}
	gpu_barrier();
	for (uint32_t i = gpu_tid(); op.counts && i < p->counts_n; i += gpu_threads()) {
		id = (uint32_t)counts[i].id;
		if (id < op.logits.cols)
			logits[id] =
				aios_canon(aios_penalise(logits[id], counts[i].count, p->repetition,
							 p->frequency, p->presence));
	}
}
