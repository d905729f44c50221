// SPDX-License-Identifier: Apache-2.0
/*
 * test_logprobs.c - log-softmax at chosen ids and the best ones.
 */
#include "harness.h"

struct lp {
	uint32_t rows, cols, n_top;
	float *x, *out, *top;
	int32_t *ids, *top_ids;
	double *exact, *bound;
};

/* Lanes by their definition; the tree by halves. */
static float lp_lse(const float *x, uint32_t n)
{
	float lane[256], max = -aios_inf();
	uint32_t i, j, h;

	for (i = 0; i < n; i++)
		if (x[i] > max)
			max = x[i];
	for (j = 0; j < 256; j++)
		for (lane[j] = 0, i = j; i < n; i += 256)
			lane[j] += aios_exp(x[i] - max);
	for (h = 128; h; h /= 2)
		for (j = 0; j < h; j++)
			lane[j] += lane[j + h];
	return max + aios_ln(lane[0]);
}

static void lp_model_row(struct lp *l, uint32_t r)
{
	const float *x = l->x + (uint64_t)r * l->cols;
	bool *taken = ct_alloc(l->cols);
	float lse = lp_lse(x, l->cols);
	double sum = 0, max = -INFINITY;
	uint32_t i, k, id = (uint32_t)l->ids[r];
	int64_t best;

	l->out[r] = id < l->cols ? aios_canon(x[id] - lse) : aios_nan();
	for (k = 0; k < l->n_top; k++) { /* select, one by one */
		best = -1;
		for (i = 0; i < l->cols; i++)
			if (!taken[i] &&
			    (best < 0 || (isnan(x[best]) && !isnan(x[i])) || x[i] > x[best]))
				best = i;
		taken[best] = true;
		l->top_ids[r * l->n_top + k] = (int32_t)best;
		l->top[r * l->n_top + k] = aios_canon(x[best] - lse);
	}
	for (i = 0; i < l->cols; i++)
		max = fmax(max, (double)x[i]);
	for (i = 0; i < l->cols; i++)
		sum += exp((double)x[i] - max);
	l->exact[r] = id < l->cols ? (double)x[id] - (max + log(sum)) : NAN;
	l->bound[r] =
		(fabs(max) + log(l->cols + 1.0) + fabs((double)l->exact[r])) * 0x1p-22 + 0x1p-20;
}

static uint64_t lp_case(uint32_t rows, uint32_t cols, uint32_t n_top, enum ct_dist dist)
{
	struct lp l = { .rows = rows, .cols = cols, .n_top = n_top };
	float *out = ct_alloc(rows * 4), *top = ct_alloc(rows * n_top * 4);
	int32_t *top_ids = ct_alloc(rows * n_top * 4);
	uint32_t r;

	l.x = ct_alloc((uint64_t)rows * cols * 4);
	l.ids = ct_alloc(rows * 4);
	l.out = ct_alloc(rows * 4);
	l.top = ct_alloc(rows * n_top * 4);
	l.top_ids = ct_alloc(rows * n_top * 4);
	l.exact = ct_alloc(rows * 8);
	l.bound = ct_alloc(rows * 8);
	ct_fill(dist, AIOS_F32, cols, (uint64_t)rows * cols, l.x);
	for (r = 0; r < rows; r++) {
		l.ids[r] = (int32_t)(ct_random(3, r) % (cols + 1)) - (r == 2);
		lp_model_row(&l, r);
	}
	ct_each(t)
	{
		struct aios_op_logprobs op = {
			.op = AIOS_OP_INIT(struct aios_op_logprobs, AIOS_OP_LOGPROBS),
			.n_top = n_top,
		};

		op.logits = ct_tensor_in(t, AIOS_F32, rows, cols, l.x, NULL, 1);
		op.ids = ct_in(t, l.ids, rows * 4);
		op.out = ct_out(t, rows * 4);
		op.top = ct_out(t, rows * n_top * 4);
		op.top_ids = ct_out(t, rows * n_top * 4);
		ct_run(t, &op.op, &op.scratch);
		ct_get(t, op.out, out, rows * 4);
		ct_same(t, "logprobs", out, l.out, AIOS_F32, rows);
		ct_get(t, op.top, top, rows * n_top * 4);
		ct_get(t, op.top_ids, top_ids, rows * n_top * 4);
		ct_same(t, "logprobs top ids", top_ids, l.top_ids, AIOS_I32, rows * n_top);
		ct_same(t, "logprobs top", top, l.top, AIOS_F32, rows * n_top);
		ct_release(t);
	}
	if (dist == CT_NORMAL || dist == CT_ZEROS)
		ct_near("logprobs", AIOS_F32, out, l.exact, l.bound, rows);
	return digest_bytes(digest_bytes(DIGEST_START, out, rows * 4), top, rows * n_top * 4);
}

START_TEST(test_all)
{
	if (!ct_can(AIOS_OP_LOGPROBS, AIOS_PROFILE_FMA32))
		return;

	static const uint32_t cols[] = { 1, 2, 40, 255, 256, 257, 3001 };
	int i, dist;

	for (i = 0; i < 7; i++)
		for (dist = 0; dist < CT_DISTS; dist++)
			lp_case(5, cols[i],
				cols[i] < 32 ? cols[i] : (uint32_t[]){ 0, 1, 5, 32 }[dist % 4],
				(enum ct_dist)dist);
	ct_report("logprobs");
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_LOGPROBS, AIOS_PROFILE_FMA32))
		return;

	ct_frozen("logprobs", lp_case(4, 1000, 20, CT_NORMAL));
}
END_TEST

Suite *test_logprobs_suite(void);

Suite *test_logprobs_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance logprobs", &tc);

	tcase_add_test(tc, test_all);
	tcase_add_test(tc, test_frozen);
	return s;
}
