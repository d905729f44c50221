// SPDX-License-Identifier: Apache-2.0
/*
 * sample.c - temperature, top-k, top-p, min-p, one Philox draw.
 *
 * Weights are integers and candidates are ordered by distinct 64-bit keys, so
 * that "the first k" and "the shortest prefix that reaches p" are "all keys from
 * a cutoff on". The cutoff is found bit group by bit group, from the top, with
 * a histogram of counts or weights: no sorting, no memory.
 */
#include <string.h>

#include "argmax.h"
#include "check.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

#define SAMPLE_BITS 8

bool ref_check_sample(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_sample *s = (const struct aios_op_sample *)op;

	return ref_check_tensor(c, "logits", &s->logits, REF_T(AIOS_F32), REF_ANY, REF_ANY) &&
	       (s->logits.rows == 0 ||
		(ref_check_addr(c, "params", s->params) && ref_check_addr(c, "ids", s->ids))) &&
	       ref_check_scratch(c, &s->scratch, 0);
}

/* A row and its filters: candidates are those with a key of at least `cutoff`. */
struct sample_row {
	const float *logits;
	uint32_t n;
	float temperature, max; /* max: of the logits after the temperature */
	float min_p;
	uint64_t cutoff;
};

static float sample_logit(const struct sample_row *r, uint32_t id)
{
	return aios_div(r->logits[id], r->temperature);
}

static uint64_t sample_weight(const struct sample_row *r, uint32_t id)
{
	return aios_sample_weight(sample_logit(r, id), r->max);
}

static bool sample_survives(const struct sample_row *r, uint32_t id)
{
	return aios_rank_key(sample_logit(r, id), id) >= r->cutoff;
}

/* Sum of the candidates' weights; of those that min-p keeps when `use_min_p`. */
static uint64_t sample_total(const struct sample_row *r, bool use_min_p)
{
	uint64_t total = 0, w;
	uint32_t id;

	for (id = 0; id < r->n; id++) {
		if (!sample_survives(r, id))
			continue;
		w = sample_weight(r, id);
		if (!use_min_p || aios_min_p_keeps(w, r->min_p))
			total += w;
	}
	return total;
}

/* Has a prefix of `count` candidates with this sum of weights enough? */
typedef bool (*sample_enough_fn)(uint64_t count, uint64_t sum, uint64_t goal, float top_p);

static bool sample_enough_k(uint64_t count, uint64_t sum, uint64_t goal, float top_p)
{
	(void)sum;
	(void)top_p;
	return count >= goal;
}

static bool sample_enough_p(uint64_t count, uint64_t sum, uint64_t goal, float top_p)
{
	(void)count;
	return sum > 0 && aios_top_p_reached(sum, goal, top_p);
}

/*
 * The largest cutoff with which the survivors are enough: fix its bits from the
 * top. All survivors whose upper bits are larger than `prefix` are in already.
 */
static uint64_t sample_cutoff(const struct sample_row *r, sample_enough_fn enough, uint64_t goal,
			      float top_p)
{
	uint64_t counts[1 << SAMPLE_BITS], sums[1 << SAMPLE_BITS];
	uint64_t prefix = 0, count = 0, sum = 0, key;
	uint32_t id, digit;
	int shift;

	for (shift = 64 - SAMPLE_BITS; shift >= 0; shift -= SAMPLE_BITS) {
		memset(counts, 0, sizeof(counts));
		memset(sums, 0, sizeof(sums));
		for (id = 0; id < r->n; id++) {
			key = aios_rank_key(sample_logit(r, id), id);
			if (key < r->cutoff)
				continue;
			if (shift + SAMPLE_BITS < 64 && key >> (shift + SAMPLE_BITS) != prefix)
				continue;
			digit = (uint32_t)(key >> shift) & ((1u << SAMPLE_BITS) - 1);
			counts[digit]++;
			sums[digit] += sample_weight(r, id);
		}
		for (digit = (1u << SAMPLE_BITS) - 1; digit > 0; digit--) {
			if (enough(count + counts[digit], sum + sums[digit], goal, top_p))
				break;
			count += counts[digit];
			sum += sums[digit];
		}
		prefix = prefix << SAMPLE_BITS | digit;
	}
	return prefix;
}

/* The first survivor, by ascending id, whose prefix sum exceeds the target. */
static uint32_t sample_draw(const struct sample_row *r, uint64_t target)
{
	uint64_t sum = 0, w;
	uint32_t id;

	for (id = 0; id < r->n; id++) {
		if (!sample_survives(r, id))
			continue;
		w = sample_weight(r, id);
		if (!aios_min_p_keeps(w, r->min_p))
			continue;
		sum += w;
		if (sum > target)
			break;
	}
	return id;
}

static uint32_t sample_one(const float *logits, uint32_t n, const struct aios_sample_row *p)
{
	struct sample_row r = { .logits = logits,
				.n = n,
				.temperature = p->temperature,
				.max = -aios_inf(),
				.min_p = p->min_p > 0.0f ? p->min_p : 0.0f };
	uint64_t total;
	uint32_t id;

	if (!(p->temperature > 0.0f))
		return ref_argmax(logits, n);
	for (id = 0; id < n; id++)
		r.max = aios_max_step(r.max, sample_logit(&r, id));
	if (p->top_k > 0 && p->top_k < n)
		r.cutoff = sample_cutoff(&r, sample_enough_k, p->top_k, 0.0f);
	total = sample_total(&r, false);
	if (total == 0) /* no logit above -inf */
		return ref_argmax(logits, n);
	if (p->top_p > 0.0f && p->top_p < 1.0f)
		r.cutoff = sample_cutoff(&r, sample_enough_p, total, p->top_p);
	total = sample_total(&r, true);
	return sample_draw(&r,
			   aios_sample_target(aios_random64(p->seed, p->position, p->draw), total));
}

static void sample_item(void *ctx, uint32_t row)
{
	const struct aios_op_sample *op = ctx;
	const struct aios_sample_row *params = ref_ptr(op->params);

	((int32_t *)ref_ptr(op->ids))[row] =
		(int32_t)sample_one(ref_row(&op->logits, row), op->logits.cols, &params[row]);
}

int ref_run_sample(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_sample *s = (const struct aios_op_sample *)op;

	(void)st;
	ref_pool_run(dev->pool, s->logits.rows, sample_item, (void *)(uintptr_t)s);
	return 0;
}
