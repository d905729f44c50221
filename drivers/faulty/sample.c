// SPDX-License-Identifier: Apache-2.0
/*
 * sample.c - by sorting.
 */
#include <stdlib.h>

#include "plain.h"

#include "argmax.h" /* include-ok: cpu-ref's */
#include "ops.h"    /* include-ok: cpu-ref's */
#include "rows.h"   /* include-ok: cpu-ref's */

struct candidate {
	uint64_t key, weight;
	uint32_t id;
};

/* The best first. */
static int by_rank(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->key < y->key ? 1 : x->key > y->key ? -1 : 0;
}

static int by_id(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void candidates(struct candidate *c, const float *logits, uint32_t n, float temperature)
{
	float max = -aios_inf(), l;
	uint32_t id;

	for (id = 0; id < n; id++)
		max = aios_max_step(max, aios_div(logits[id], temperature));
	for (id = 0; id < n; id++) {
		l = aios_div(logits[id], temperature);
		c[id].id = id;
		c[id].weight = aios_sample_weight(l, max);
		c[id].key = aios_rank_key(l, id);
		if (faulty_has(BUG_SA_TIES))
			c[id].key = c[id].key >> 32 << 32 | id;
	}
	qsort(c, n, sizeof(*c), by_rank);
}

static uint64_t add_weight(uint64_t sum, uint64_t w)
{
	if (faulty_has(BUG_SA_FLOAT))
		return (uint64_t)((float)sum + (float)w);
	return sum + w;
}

static uint64_t sum_of(const struct candidate *c, uint32_t n)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		sum = add_weight(sum, c[i].weight);
	return sum;
}

/* How many of the best reach top_p. */
static uint32_t prefix(const struct candidate *c, uint32_t n, uint64_t total, float top_p)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < n; i++) {
		sum += c[i].weight;
		if (sum > 0 && aios_top_p_reached(sum, total, top_p))
			break;
	}
	i += faulty_has(BUG_SA_TOP_P);
	return i + 1 < n ? i + 1 : n;
}

static bool min_p_keeps(uint64_t weight, float min_p)
{
	if (faulty_has(BUG_SA_MIN_P) && min_p > 0.0f)
		return weight > aios_fraction32(min_p) << 8;
	return aios_min_p_keeps(weight, min_p);
}

static uint64_t random_of(const struct aios_sample_row *p)
{
	uint64_t seed = p->seed;

	if (faulty_has(BUG_SA_KEY))
		seed = seed >> 32 | seed << 32;
	return aios_random64(seed, p->position, p->draw);
}

/* Drops what min-p drops, then walks by id. */
static uint32_t draw(struct candidate *c, uint32_t n, const struct aios_sample_row *p,
		     uint32_t otherwise)
{
	float min_p = p->min_p > 0.0f ? p->min_p : 0.0f;
	uint64_t sum = 0, target;
	uint32_t kept = 0, i;

	for (i = 0; i < n; i++)
		if (min_p_keeps(c[i].weight, min_p))
			c[kept++] = c[i];
	if (!faulty_has(BUG_SA_ORDER))
		qsort(c, kept, sizeof(*c), by_id);
	target = aios_sample_target(random_of(p), sum_of(c, kept));
	for (i = 0; i < kept; i++) {
		sum = add_weight(sum, c[i].weight);
		if (sum > target)
			return c[i].id;
	}
	return otherwise;
}

static uint32_t sample_one(struct candidate *c, const float *logits, uint32_t n,
			   const struct aios_sample_row *p)
{
	uint32_t best = ref_argmax(logits, n), kept = n;
	uint64_t total;

	if (!(p->temperature > 0.0f))
		return best;
	candidates(c, logits, n, p->temperature);
	if (p->top_k > 0 && p->top_k < n)
		kept = p->top_k;
	total = sum_of(c, kept);
	if (total == 0)
		return best;
	if (p->top_p > 0.0f && p->top_p < 1.0f)
		kept = prefix(c, kept, total, p->top_p);
	return draw(c, kept, p, best);
}

int faulty_run_sample(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_sample *s = (const struct aios_op_sample *)op;
	const struct aios_sample_row *params = ref_ptr(s->params);
	int32_t *ids = ref_ptr(s->ids);
	struct candidate *c;
	uint32_t r;

	if (!faulty_plain(AIOS_OP_SAMPLE))
		return ref_run_sample(dev, op, st);
	c = malloc((size_t)s->logits.cols * sizeof(*c));
	if (!c)
		return aios_fail(st, -ENOMEM, "sample: no memory for candidates");
	for (r = 0; r < s->logits.rows; r++)
		ids[r] = (int32_t)sample_one(c, ref_row(&s->logits, r), s->logits.cols, &params[r]);
	free(c);
	return 0;
}
