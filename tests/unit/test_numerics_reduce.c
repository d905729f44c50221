// SPDX-License-Identifier: Apache-2.0
/*
 * test_numerics_reduce.c - sums by lanes and trees against a model written the
 * other way round, RMSNorm, rotation, and the attention formulas.
 */
#include <check.h>
#include <string.h>

#include "numerics/util.h"

Suite *test_numerics_reduce_suite(void);

#define MAX_N 2000

static float input[MAX_N];

static void fill(uint64_t stream, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		input[i] = test_float(stream, i);
}

/*
 * The model: node (j, h) of the tree is the sum of the nodes (j, 2h) and
 * (j + h, 2h) below it; a node at h = 256 is a lane, whose value up to element
 * i is defined from its value up to i - 256.
 */
static float lane(uint32_t j, uint32_t last, bool squares)
{
	float before;

	if (last < j)
		return 0.0f;
	before = last < 256 ? 0.0f : lane(j, last - 256, squares);
	return squares ? fmaf(input[last], input[last], before) : before + input[last];
}

static float node(uint32_t j, uint32_t h, uint32_t n, bool squares)
{
	uint32_t last;

	if (h < 256)
		return node(j, 2 * h, n, squares) + node(j + h, 2 * h, n, squares);
	if (n <= j)
		return 0.0f;
	last = j + (n - 1 - j) / 256 * 256;
	return lane(j, last, squares);
}

static void same(float a, float b, const char *what, uint32_t n)
{
	if (aios_bits(aios_canon(a)) != aios_bits(aios_canon(b)))
		ck_abort_msg("%s, n = %u: %a and %a", what, n, (double)a, (double)b);
}

START_TEST(lane_sums)
{
	for (uint32_t n = 1; n <= MAX_N; n++) {
		/* Everyday sizes, without the specials; then with them. */
		for (uint32_t i = 0; i < n; i++)
			input[i] = (float)(int32_t)test_random(n, i) * 0x1p-20f;
		same(aios_lane_sum(input, n), node(0, 1, n, false), "sum", n);
		same(aios_lane_sumsq(input, n), node(0, 1, n, true), "sum of squares", n);
		fill(n + 5000, n);
		same(aios_lane_sum(input, n), node(0, 1, n, false), "mixed sum", n);
	}
	ck_assert_uint_eq(aios_bits(aios_lane_sum(input, 0)), 0);
}
END_TEST

/* Threads that own 1, 4 or 8 lanes, in whatever order they run, give one value. */
START_TEST(lanes_are_free)
{
	static const uint32_t order[] = { 1, 3, 37, 101, 255 }; /* odd: a permutation modulo 256 */
	float p[256];

	for (uint32_t n = 700; n < 1800; n += 11) {
		for (uint32_t i = 0; i < n; i++)
			input[i] = (float)(int32_t)test_random(n, i) * 0x1p-20f;
		for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
			for (uint32_t t = 0; t < 256; t++) {
				uint32_t j = t * order[k] % 256;

				p[j] = aios_lane_sum_partial(input, n, j);
			}
			same(aios_halving_tree(p, 256), aios_lane_sum(input, n), "permuted", n);
		}
	}
}
END_TEST

static float pairs(const float *p, uint32_t n)
{
	return n == 1 ? p[0] : pairs(p, n / 2) + pairs(p + n / 2, n / 2);
}

START_TEST(pair_tree)
{
	float p[64];

	for (uint32_t n = 1; n <= 64; n *= 2) {
		for (uint32_t i = 0; i < n; i++)
			input[i] = (float)(int32_t)test_random(77 + n, i) * 0x1p-20f;
		memcpy(p, input, n * sizeof(p[0]));
		same(aios_pair_tree(p, n), pairs(input, n), "pair tree", n);
	}
}
END_TEST

START_TEST(maxima)
{
	bool finite = true;
	float m = -INFINITY, a = 0;

	for (int i = 0; i < 5; i++)
		m = aios_max_step(m, ((const float[]){ -3.0f, NAN, 2.5f, 2.0f, NAN })[i]);
	ck_assert(m == 2.5f);
	ck_assert(aios_max_step(-INFINITY, NAN) == -INFINITY);
	a = aios_absmax_step(a, -3.0f, &finite);
	a = aios_absmax_step(a, 2.0f, &finite);
	ck_assert(a == 3.0f && finite);
	a = aios_absmax_step(a, NAN, &finite);
	ck_assert(a == 3.0f && !finite);
	finite = true;
	a = aios_absmax_step(a, -INFINITY, &finite);
	ck_assert(isinf(a) && !finite);
}
END_TEST

START_TEST(rms_norm)
{
	for (uint32_t n = 1; n < 1500; n = n * 3 + 1) {
		double exact = 0;
		float r;

		for (uint32_t i = 0; i < n; i++) {
			input[i] = (float)(int32_t)test_random(31 + n, i) * 0x1p-30f;
			exact += (double)input[i] * (double)input[i];
		}
		r = aios_rms_factor(aios_lane_sumsq(input, n), n, 1e-5f);
		ck_assert_msg(test_ulp(r, 1 / sqrt(exact / n + (double)1e-5f)) < 4, "n = %u", n);
	}
	ck_assert_uint_eq(aios_bits(aios_rms_factor(12.0f, 3, 0.0f)), aios_bits(0.5f));
	ck_assert(aios_rms_apply(3.0f, 0.5f, 2.0f, 0.0f) == 3.0f);
	ck_assert(aios_rms_apply(3.0f, 0.5f, 2.0f, 1.0f) == 4.5f);
	/* A weight of -0 keeps its sign without an offset. */
	ck_assert_uint_eq(aios_bits(aios_rms_apply(3.0f, 0.5f, -0.0f, 0.0f)), 0x80000000u);
}
END_TEST

START_TEST(rotation)
{
	float y0, y1;

	aios_rope_pair(3.0f, 4.0f, 0.0f, 1.0f, &y0, &y1);
	ck_assert(y0 == -4.0f && y1 == 3.0f);
	for (uint64_t i = 0; i < 20000; i++) {
		float x0 = (float)(int32_t)test_random(41, i) * 0x1p-28f;
		float x1 = (float)(int32_t)test_random(42, i) * 0x1p-28f;
		double t = (double)i * 0.37;
		float c = (float)cos(t), s = (float)sin(t);

		aios_rope_pair(x0, x1, c, s, &y0, &y1);
		ck_assert(fabs((double)y0 - ((double)x0 * (double)c - (double)x1 * (double)s)) <
			  1e-6);
		ck_assert(fabs((double)y1 - ((double)x1 * (double)c + (double)x0 * (double)s)) <
			  1e-6);
	}
}
END_TEST

#define KEYS 1100

/* One head of dimension 1 over keys first..last, by the formulas of the header. */
static float attend(const float *score, const float *v, uint32_t first, uint32_t last,
		    uint32_t chunk)
{
	struct aios_attn_state st = { 0, 0 };
	float out = 0, e_st, e_chunk;
	bool started = false;

	for (uint32_t c = first / chunk * chunk; c <= last; c += chunk) {
		float m = -INFINITY, l = 0, acc = 0;

		for (uint32_t b = c; b < c + chunk && b <= last; b += AIOS_ATTN_BLOCK) {
			float p[AIOS_ATTN_BLOCK] = { 0 }, w[AIOS_ATTN_BLOCK], m_new = m, alpha;
			uint32_t lo = b > first ? b : first;
			uint32_t hi = b + AIOS_ATTN_BLOCK - 1 < last ? b + AIOS_ATTN_BLOCK - 1 :
								       last;

			if (hi < lo)
				continue;
			for (uint32_t j = lo; j <= hi; j++)
				m_new = aios_max_step(m_new, score[j]);
			alpha = aios_attn_rescale(m, m_new);
			for (uint32_t j = lo; j <= hi; j++)
				p[j - b] = aios_attn_p(score[j], m_new, AIOS_BF16);
			memcpy(w, p, sizeof(w));
			l = aios_attn_l(l, alpha, aios_halving_tree(w, AIOS_ATTN_BLOCK));
			acc = aios_mul(acc, alpha);
			for (uint32_t j = lo; j <= hi; j++)
				acc = aios_fma(p[j - b], v[j], acc);
			m = m_new;
		}
		if (!started) {
			st.m = m;
			st.l = l;
			out = acc;
			started = true;
			continue;
		}
		aios_attn_merge(&st, m, l, &e_st, &e_chunk);
		out = aios_attn_merge_acc(out, e_st, acc, e_chunk);
	}
	return aios_mul(out, aios_attn_final(st.l));
}

START_TEST(attention)
{
	static float score[KEYS], v[KEYS];
	static const uint32_t range[][2] = { { 0, 0 },      { 0, 63 },     { 0, 64 },
					     { 0, 511 },    { 0, 512 },    { 0, 1099 },
					     { 100, 300 },  { 500, 1050 }, { 512, 512 },
					     { 1023, 1024 } };

	for (uint32_t i = 0; i < KEYS; i++) {
		score[i] = aios_attn_score((float)(int32_t)test_random(51, i) * 0x1p-28f,
					   0.125f * AIOS_LOG2E * 4);
		v[i] = aios_round_bf16((float)(int32_t)test_random(52, i) * 0x1p-30f);
	}
	for (size_t k = 0; k < sizeof(range) / sizeof(range[0]); k++) {
		double max = -INFINITY, sum = 0, want = 0;

		for (uint32_t j = range[k][0]; j <= range[k][1]; j++)
			max = fmax(max, (double)score[j]);
		for (uint32_t j = range[k][0]; j <= range[k][1]; j++) {
			sum += exp2((double)score[j] - max);
			want += exp2((double)score[j] - max) * (double)v[j];
		}
		want /= sum;
		ck_assert_msg(fabs((double)attend(score, v, range[k][0], range[k][1], 512) - want) <
				      4e-3,
			      "keys %u to %u", range[k][0], range[k][1]);
	}
	/* One visible key: exactly its value. */
	ck_assert(attend(score, v, 700, 700, 512) == v[700]);
	/* A NaN score reaches the output. */
	score[10] = NAN;
	ck_assert(isnan(attend(score, v, 0, 1099, 512)));
}
END_TEST

START_TEST(attention_edges)
{
	struct aios_attn_state st = { 2.0f, 3.0f };
	float a, b;

	ck_assert_uint_eq(aios_bits(aios_attn_rescale(-INFINITY, 1.0f)), 0);
	ck_assert(isnan(aios_attn_rescale(-INFINITY, -INFINITY)));
	ck_assert(aios_attn_p(1.0f, 1.0f, AIOS_BF16) == 1.0f);
	ck_assert(aios_attn_p(-INFINITY, 1.0f, AIOS_BF16) == 0.0f);
	aios_attn_merge(&st, 1.0f, 4.0f, &a, &b);
	ck_assert(st.m == 2.0f && st.l == 5.0f && a == 1.0f && b == 0.5f);
	ck_assert(aios_attn_merge_acc(10.0f, a, 4.0f, b) == 12.0f);
	ck_assert(aios_attn_score_capped(0.0f, 0.125f, 50.0f) == 0.0f);
	ck_assert(fabsf(aios_attn_score_capped(800.0f, 0.125f, 50.0f) -
			50.0f * tanhf(2) * 1.442695f) < 1e-4f);
}
END_TEST

Suite *test_numerics_reduce_suite(void)
{
	Suite *s = suite_create("numerics_reduce");
	TCase *t = tcase_create("reduce");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, lane_sums);
	tcase_add_test(t, lanes_are_free);
	tcase_add_test(t, pair_tree);
	tcase_add_test(t, maxima);
	tcase_add_test(t, rms_norm);
	tcase_add_test(t, rotation);
	tcase_add_test(t, attention);
	tcase_add_test(t, attention_edges);
	suite_add_tcase(s, t);
	return s;
}
