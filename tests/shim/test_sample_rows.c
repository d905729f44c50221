// SPDX-License-Identifier: Apache-2.0
/*
 * test_sample_rows.c - the sampling kernel against the contract, by sorting: logits that are equal,
 * that temperature makes equal, infinite or NaN; cutoffs of all lengths. On the shim.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "emit.h"
#include "shim_data.h"
#include "shim_run.h"

Suite *test_sample_rows_suite(void);

#define SR_ROWS 8
#define SR_ROUNDS 12

static const uint32_t sr_cols[] = { 1, 7, 300, 513, 2000, 5003 };
static const float sr_temperatures[] = { 0.7f, 1.0f, 1.3f, 3.0f, 0x1p-100f, 0x1p100f, INFINITY };
static const uint32_t sr_top_k[] = { 0, 1, 2, 50, 255, 256, 257, 600 };
static const float sr_top_p[] = { 0.0f, 0.1f, 0.9f, 0.9999f };
static const float sr_min_p[] = { 0.0f, 0.0f, 0.01f, 1.0f };

#define SR_OF(list, r) ((list)[(r) % (sizeof(list) / sizeof(*(list)))])
#define SR_CASES (int)(sizeof(sr_cols) / sizeof(*sr_cols))

enum sr_kind {
	SR_SPREAD,     /* some units apart */
	SR_EQUAL,      /* few values */
	SR_NEIGHBOURS, /* which differ in their last bits */
	SR_SPECIAL,    /* infinities, NaN, zeros among others */
	SR_LOST,       /* nothing but -inf and NaN */
	SR_SMALL,      /* subnormals */
	SR_KINDS,
};

static float sr_logit(enum sr_kind kind, uint32_t r)
{
	const float spread = (float)(int32_t)r * 0x1p-28f;

	switch (kind) {
	case SR_EQUAL:
		return (float)(r % 5);
	case SR_NEIGHBOURS:
		return aios_float(0x41200000u + r % 16);
	case SR_SPECIAL:
		return r % 7 == 0   ? NAN :
		       r % 101 == 0 ? INFINITY :
		       r % 5 == 0   ? -INFINITY :
		       r % 3 == 0   ? -0.0f :
				      spread;
	case SR_LOST:
		return r % 3 ? -INFINITY : NAN;
	case SR_SMALL:
		return aios_float(r % 64 | (r & 0x80000000u));
	default:
		return spread;
	}
}

/* Ids by rank, the best first. */
struct sr_ranked {
	uint64_t key, weight;
};

static int sr_compare(const void *a, const void *b)
{
	const uint64_t x = ((const struct sr_ranked *)a)->key;
	const uint64_t y = ((const struct sr_ranked *)b)->key;

	return x < y ? 1 : x > y ? -1 : 0;
}

static uint64_t sr_sum(const struct sr_ranked *list, uint32_t n)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		sum += list[i].weight;
	return sum;
}

/* How many of n are the shortest prefix that reaches p. */
static uint32_t sr_prefix(const struct sr_ranked *list, uint32_t n, uint64_t total, float p)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < n; i++) {
		sum += list[i].weight;
		if (sum > 0 && aios_top_p_reached(sum, total, p))
			return i + 1;
	}
	return n;
}

/* The id that is drawn of the first n. */
static uint32_t sr_draw(struct sr_ranked *list, uint32_t n, const struct aios_sample_row *p)
{
	uint64_t target, sum = 0;
	uint32_t i, j, id = 0;

	for (i = 0; i < n; i++)
		if (p->min_p > 0.0f && !aios_min_p_keeps(list[i].weight, p->min_p))
			list[i].weight = 0;
	target = aios_sample_target(aios_random64(p->seed, p->position, p->draw), sr_sum(list, n));
	for (i = 0; i < n; i++) { /* by ascending id */
		uint32_t least = UINT32_MAX, at = n;

		for (j = 0; j < n; j++) {
			const uint32_t other = aios_rank_id(list[j].key);

			if (list[j].weight && other <= least && (sum == 0 || other > id)) {
				least = other;
				at = j;
			}
		}
		if (at == n)
			break;
		id = least;
		sum += list[at].weight;
		if (sum > target)
			break;
	}
	return id;
}

static uint32_t sr_argmax(const float *logits, uint32_t n)
{
	uint64_t best = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		if (aios_rank_key(logits[i], i) > best)
			best = aios_rank_key(logits[i], i);
	return aios_rank_id(best);
}

static uint32_t sr_want(const float *logits, uint32_t n, const struct aios_sample_row *p)
{
	struct sr_ranked *list = calloc(n, sizeof(*list));
	float max = -INFINITY;
	uint32_t i, left = n, id;
	uint64_t total;

	ck_assert_ptr_nonnull(list);
	for (i = 0; i < n; i++)
		max = aios_max_step(max, aios_div(logits[i], p->temperature));
	for (i = 0; i < n; i++) {
		const float x = aios_div(logits[i], p->temperature);

		list[i] = (struct sr_ranked){ aios_rank_key(x, i), aios_sample_weight(x, max) };
	}
	qsort(list, n, sizeof(*list), sr_compare);
	if (p->top_k > 0 && p->top_k < n)
		left = p->top_k;
	total = sr_sum(list, left);
	if (total && p->top_p > 0.0f && p->top_p < 1.0f)
		left = sr_prefix(list, left, total, p->top_p);
	id = total ? sr_draw(list, left, p) : sr_argmax(logits, n);
	free(list);
	return id;
}

/* A launch over rows of random parameters. */
static void sr_round(uint32_t cols, uint32_t round, uint64_t *state)
{
	const struct gpu_caps caps = { .units = 4,
				       .wave = round % 2 ? 64 : 32,
				       .shared_max = 65536 };
	const struct shim_config config = { .wave = caps.wave, .order = round % 3, .seed = round };
	const size_t row_bytes = ((size_t)cols * 4 + 15) / 16 * 16;
	float *logits = shim_alloc(SR_ROWS * row_bytes);
	struct aios_sample_row params[SR_ROWS];
	int32_t ids[SR_ROWS];
	struct aios_op_sample op = {
		.op = AIOS_OP_INIT(struct aios_op_sample, AIOS_OP_SAMPLE),
		.logits = { .data = (aios_addr)(uintptr_t)logits,
			    .dtype = AIOS_F32,
			    .rows = SR_ROWS,
			    .cols = cols,
			    .row_bytes = row_bytes },
		.params = (aios_addr)(uintptr_t)params,
		.ids = (aios_addr)(uintptr_t)ids,
	};
	struct gpu_launch l[GPU_MAX_LAUNCHES];
	struct aios_status st = { 0 };
	unsigned int n;
	uint32_t r, c;

	memset(logits, 0xff, SR_ROWS * row_bytes);
	memset(params, 0, sizeof(params));
	for (r = 0; r < SR_ROWS; r++) {
		for (c = 0; c < cols; c++)
			logits[r * row_bytes / 4 + c] =
				sr_logit((enum sr_kind)((r + round) % SR_KINDS), shim_next(state));
		params[r].seed = shim_next(state);
		params[r].position = round;
		params[r].temperature = SR_OF(sr_temperatures, shim_next(state));
		params[r].top_k = SR_OF(sr_top_k, shim_next(state));
		params[r].top_p = SR_OF(sr_top_p, shim_next(state));
		params[r].min_p = SR_OF(sr_min_p, shim_next(state));
	}
	ck_assert_msg(gpu_plan(&caps, &op.op, l, GPU_MAX_LAUNCHES, &n, &st) == 0, "%s", st.message);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(shim_run(&l[0], &config), 0);
	for (r = 0; r < SR_ROWS; r++) {
		const struct aios_sample_row *p = &params[r];
		const uint32_t want = sr_want(logits + r * row_bytes / 4, cols, p);

		ck_assert_msg((uint32_t)ids[r] == want,
			      "%u logits, round %u, kind %u, temperature %a, top-k %u, top-p %g, "
			      "min-p %g: %d, not %u",
			      cols, round, (r + round) % SR_KINDS, (double)p->temperature, p->top_k,
			      (double)p->top_p, (double)p->min_p, ids[r], want);
	}
	free(logits);
}

START_TEST(test_rows)
{
	uint64_t state = sr_cols[_i];
	uint32_t round;

	for (round = 0; round < SR_ROUNDS; round++)
		sr_round(sr_cols[_i], round, &state);
}
END_TEST

Suite *test_sample_rows_suite(void)
{
	Suite *s = suite_create("sample_rows");
	TCase *tc = tcase_create("shim");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_rows, 0, SR_CASES);
	suite_add_tcase(s, tc);
	return s;
}
