// SPDX-License-Identifier: Apache-2.0
/*
 * sample.c - temperature, top-k, top-p, min-p, one draw. Candidates are ordered by distinct 64-bit
 * keys, so "the k first" is "all keys from a cutoff on"; the cutoff is found bit by bit.
 */
#include "driver.h"

bool drv_check_sample(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_sample *s = (const struct aios_op_sample *)op;

	return drv_check_tensor(out, "logits", &s->logits, DRV_T(AIOS_F32), DRV_ANY, DRV_ANY);
}

struct row {
	const float *logits;
	uint32_t n;
	float temperature, max, min_p;
	uint64_t cutoff; /* candidates have a key of at least this */
};

static float scaled(const struct row *r, uint32_t id)
{
	return aios_div(r->logits[id], r->temperature);
}

static uint64_t weight(const struct row *r, uint32_t id)
{
	return aios_sample_weight(scaled(r, id), r->max);
}

struct prefix {
	uint64_t count, weight;
};

/* How many candidates have a key of at least `from`, and their weight. */
static struct prefix prefix_from(const struct row *r, uint64_t from)
{
	struct prefix out = { 0 };

	for (uint32_t id = 0; id < r->n; id++) {
		uint64_t key = aios_rank_key(scaled(r, id), id);

		if (key < from || key < r->cutoff)
			continue;
		out.count++;
		out.weight += weight(r, id);
	}
	return out;
}

/* The largest cutoff that leaves top_k candidates, or (0) the weight that top_p wants of total. */
static uint64_t find_cutoff(const struct row *r, uint32_t top_k, float top_p, uint64_t total)
{
	uint64_t cutoff = 0;

	for (int bit = 63; bit >= 0; bit--) {
		struct prefix p = prefix_from(r, cutoff | (uint64_t)1 << bit);
		bool enough = top_k ? p.count >= top_k :
				      p.weight && aios_top_p_reached(p.weight, total, top_p);

		if (enough)
			cutoff |= (uint64_t)1 << bit;
	}
	return cutoff;
}

static bool survives(const struct row *r, uint32_t id)
{
	return aios_rank_key(scaled(r, id), id) >= r->cutoff &&
	       aios_min_p_keeps(weight(r, id), r->min_p);
}

static int32_t draw(const struct row *r, uint64_t random)
{
	uint64_t total = 0, sum = 0, target;
	uint32_t id;

	for (id = 0; id < r->n; id++)
		total += survives(r, id) ? weight(r, id) : 0;
	target = aios_sample_target(random, total);
	for (id = 0; id < r->n; id++) {
		sum += survives(r, id) ? weight(r, id) : 0;
		if (sum > target)
			break;
	}
	return (int32_t)id;
}

static int32_t sample(const float *logits, uint32_t n, const struct aios_sample_row *p)
{
	struct row r = { .logits = logits, .n = n, .temperature = p->temperature };
	uint64_t total;

	if (!(p->temperature > 0.0f))
		return drv_argmax(logits, n);
	r.min_p = p->min_p > 0.0f ? p->min_p : 0.0f;
	r.max = -aios_inf();
	for (uint32_t id = 0; id < n; id++)
		r.max = aios_max_step(r.max, scaled(&r, id));
	if (p->top_k && p->top_k < n)
		r.cutoff = find_cutoff(&r, p->top_k, 0, 0);
	total = prefix_from(&r, 0).weight;
	if (!total) /* nothing is above -inf */
		return drv_argmax(logits, n);
	if (p->top_p > 0.0f && p->top_p < 1.0f)
		r.cutoff = find_cutoff(&r, 0, p->top_p, total);
	return draw(&r, aios_random64(p->seed, p->position, p->draw));
}

void drv_run_sample(const struct aios_op *op)
{
	const struct aios_op_sample *s = (const struct aios_op_sample *)op;
	const struct aios_sample_row *params = drv_ptr(s->params);

	for (uint32_t row = 0; row < s->logits.rows; row++)
		((int32_t *)drv_ptr(s->ids))[row] =
			sample(drv_row(&s->logits, row), s->logits.cols, &params[row]);
}
