// SPDX-License-Identifier: Apache-2.0
/*
 * test_sample.c - sampling against a model that sorts, and against probabilities.
 */
#include "harness.h"

struct sa_candidate {
	float logit;
	uint32_t id;
	uint64_t weight;
	bool alive;
};

static int sa_by_rank(const void *a, const void *b)
{
	const struct sa_candidate *x = a, *y = b;

	if (isnan(x->logit) != isnan(y->logit))
		return isnan(x->logit) ? 1 : -1;
	if (x->logit != y->logit && !isnan(x->logit))
		return x->logit > y->logit ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

static int sa_by_id(const void *a, const void *b)
{
	const struct sa_candidate *x = a, *y = b;

	return x->id < y->id ? -1 : 1;
}

/* p as a fraction of 2^32, as the contract cuts it. */
static unsigned __int128 sa_fraction(float p)
{
	return (unsigned __int128)((double)p * 0x1p32);
}

/* Leave alive what top-k, top-p and min-p leave; c is sorted by rank. Returns the total weight. */
static uint64_t sa_filter(struct sa_candidate *c, uint32_t n, const struct aios_sample_row *p)
{
	uint64_t total = 0, sum = 0;
	uint32_t i;
	bool reached = false;

	for (i = 0; i < n; i++) {
		c[i].alive = !p->top_k || i < p->top_k;
		total += c[i].alive ? c[i].weight : 0;
	}
	for (i = 0; i < n && p->top_p > 0 && p->top_p < 1; i++) {
		c[i].alive = c[i].alive && !reached;
		sum += c[i].alive ? c[i].weight : 0;
		reached = (unsigned __int128)sum << 32 >= sa_fraction(p->top_p) * total;
	}
	total = 0;
	for (i = 0; i < n; i++) {
		if (p->min_p > 0 && (unsigned __int128)c[i].weight << 32 <
					    sa_fraction(p->min_p) * ((uint64_t)1 << 40))
			c[i].alive = false;
		total += c[i].alive ? c[i].weight : 0;
	}
	return total;
}

static int32_t sa_model(const float *x, uint32_t n, const struct aios_sample_row *p)
{
	struct sa_candidate *c = ct_alloc(n * sizeof(*c));
	uint64_t total, target, sum = 0;
	float t = p->temperature > 0 ? p->temperature : 1.0f;
	uint32_t i, best;

	for (i = 0; i < n; i++)
		c[i] = (struct sa_candidate){ .logit = x[i] / t, .id = i };
	qsort(c, n, sizeof(*c), sa_by_rank);
	best = c[0].id;
	for (i = 0; i < n; i++) {
		c[i].weight = aios_sample_weight(c[i].logit, c[0].logit);
		if (isnan(c[0].logit))
			c[i].weight = 0;
	}
	total = sa_filter(c, n, p);
	if (!(p->temperature > 0) || total == 0)
		return (int32_t)best;
	qsort(c, n, sizeof(*c), sa_by_id);
	target = (uint64_t)(((unsigned __int128)aios_random64(p->seed, p->position, p->draw) *
			     total) >>
			    64);
	for (i = 0; i < n; i++) {
		sum += c[i].alive ? c[i].weight : 0;
		if (sum > target)
			return (int32_t)i;
	}
	return -1;
}

static void sa_case(uint32_t rows, uint32_t cols, const float *x, const struct aios_sample_row *p,
		    int32_t *got)
{
	int32_t *want = ct_alloc(rows * 4);
	uint32_t r;

	for (r = 0; r < rows; r++)
		want[r] = sa_model(x + (uint64_t)r * cols, cols, &p[r]);
	ct_each(t)
	{
		struct aios_op_sample op = {
			.op = AIOS_OP_INIT(struct aios_op_sample, AIOS_OP_SAMPLE),
		};

		op.logits = ct_tensor_in(t, AIOS_F32, rows, cols, x, NULL, 1);
		op.params = ct_in(t, p, rows * sizeof(*p));
		op.ids = ct_out(t, rows * 4);
		ct_run(t, &op.op, &op.scratch);
		ct_get(t, op.ids, got, rows * 4);
		ct_same(t, "sample", got, want, AIOS_I32, rows);
		ct_release(t);
	}
}

static struct aios_sample_row sa_row(uint32_t i)
{
	static const float top_ps[] = { 0, 1, 0.9f, 0.5f, 0.01f, 1e-12f, 0.999999f };
	static const uint32_t top_ks[] = { 0, 1, 2, 40, 100000, 7 };
	static const float min_ps[] = { 0, 0.05f, 0.5f, 1.0f, 1e-9f };
	static const float temps[] = { 1, 0.7f, 0, 2.5f, 0.01f, 1e-30f };
	struct aios_sample_row p = {
		.seed = ct_random(77, i),
		.position = i,
		.draw = i % 5 == 3,
		.temperature = temps[ct_random(1, i) % 6],
		.top_p = top_ps[ct_random(2, i) % 7],
		.top_k = top_ks[ct_random(3, i) % 6],
		.min_p = min_ps[ct_random(4, i) % 5],
	};

	return p;
}

START_TEST(test_filters)
{
	if (!ct_can(AIOS_OP_SAMPLE, AIOS_PROFILE_FMA32))
		return;

	static const uint32_t cols[] = { 1, 2, 3, 50, 257, 2000 };
	struct aios_sample_row p[16];
	float *x = ct_alloc(16 * 2000 * 4);
	int32_t got[16];
	uint32_t round, r;

	for (round = 0; round < 24; round++) {
		for (r = 0; r < 16; r++)
			p[r] = sa_row(round * 16 + r);
		ct_fill((enum ct_dist)(round % CT_DISTS), AIOS_F32, round, 16ull * cols[round / 4],
			x);
		sa_case(16, cols[round / 4], x, p, got);
	}
}
END_TEST

START_TEST(test_edges)
{
	if (!ct_can(AIOS_OP_SAMPLE, AIOS_PROFILE_FMA32))
		return;

	float inf = aios_inf(), nan = aios_nan();
	float x[][4] = { { nan, nan, nan, nan },   { -inf, -inf, -inf, -inf },
			 { nan, -inf, nan, -inf }, { 1, inf, 2, inf },
			 { 5, 5, 5, 5 },           { 3e38f, 1e38f, -3e38f, 0 } };
	struct aios_sample_row p[6];
	int32_t got[6];
	uint32_t i, round;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < 6; i++)
			p[i] = sa_row(round * 6 + i);
		sa_case(6, 4, x[0], p, got);
	}
}
END_TEST

/* Frequencies of 4,000 draws lie within 5 standard deviations of the probabilities. */
START_TEST(test_probabilities)
{
	if (!ct_can(AIOS_OP_SAMPLE, AIOS_PROFILE_FMA32))
		return;

	uint32_t n = 4000, i;
	float *x = ct_alloc(n * 5 * 4);
	struct aios_sample_row *p = ct_alloc(n * sizeof(*p));
	int32_t *got = ct_alloc(n * 4);
	double count[5] = { 0 }, sum = 0, q;

	for (i = 0; i < n * 5; i++)
		x[i] = (float)(i % 5) * 0.6f;
	for (i = 0; i < n; i++)
		p[i] = (struct aios_sample_row){ .seed = 5, .position = i, .temperature = 1.2f };
	sa_case(n, 5, x, p, got);
	for (i = 0; i < n; i++)
		count[got[i]]++;
	for (i = 0; i < 5; i++)
		sum += exp(i * 0.5);
	for (i = 0; i < 5; i++) {
		q = exp(i * 0.5) / sum;
		ck_assert_msg(fabs(count[i] - n * q) < 5 * sqrt(n * q * (1 - q)),
			      "token %u was drawn %g times of %u, expected about %g", i, count[i],
			      n, n * q);
	}
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_SAMPLE, AIOS_PROFILE_FMA32))
		return;

	struct aios_sample_row p[16];
	float *x = ct_alloc(16 * 1000 * 4);
	int32_t got[16];
	uint32_t r;

	for (r = 0; r < 16; r++)
		p[r] = sa_row(r);
	ct_fill(CT_NORMAL, AIOS_F32, 1, 16 * 1000, x);
	sa_case(16, 1000, x, p, got);
	ct_frozen("sample", digest_bytes(DIGEST_START, got, sizeof(got)));
}
END_TEST

Suite *test_sample_suite(void);

Suite *test_sample_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance sample", &tc);

	tcase_add_test(tc, test_filters);
	tcase_add_test(tc, test_edges);
	tcase_add_test(tc, test_probabilities);
	tcase_add_test(tc, test_frozen);
	return s;
}
