// SPDX-License-Identifier: Apache-2.0
/*
 * test_numerics_random.c - Philox against the published vectors, and the exact
 * integer arithmetic of sampling.
 */
#include <check.h>

#include "numerics/util.h"

Suite *test_numerics_random_suite(void);

struct vector {
	uint32_t ctr[4], key[2], want[4];
};

/* Random123, tests/kat_vectors, philox4x32 with 10 rounds. */
static const struct vector vectors[] = {
	{ { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
	{ { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
	  { 0xffffffff, 0xffffffff },
	  { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
	{ { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
	  { 0xa4093822, 0x299f31d0 },
	  { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
};

START_TEST(philox_vectors)
{
	const struct vector *v = &vectors[_i];
	uint32_t out[4];

	aios_philox4x32(v->ctr, v->key, out);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(out[i], v->want[i]);
}
END_TEST

START_TEST(draws)
{
	uint32_t ctr[4] = { 77, 3, 0, 0 }, key[2] = { 0x89abcdefu, 0x01234567u }, x[4];

	aios_philox4x32(ctr, key, x);
	ck_assert(aios_random64(0x0123456789abcdefu, 77, 3) == ((uint64_t)x[1] << 32 | x[0]));
	ck_assert(aios_random64(1, 0, 0) != aios_random64((uint64_t)1 << 32, 0, 0));
	ck_assert(aios_random64(1, 1, 0) != aios_random64(1, 0, 1));
}
END_TEST

__extension__ typedef unsigned __int128 u128;

START_TEST(wide_products)
{
	for (uint64_t i = 0; i < 100000; i++) {
		uint64_t a = test_random(71, i) >> (i % 64),
			 b = test_random(72, i) >> (i / 64 % 64);
		uint64_t p = test_random(73, i) >> (i % 32 + 31);

		ck_assert(aios_mulhi64(a, b) == (uint64_t)((u128)a * b >> 64));
		ck_assert(aios_at_least(a, p, b) == ((u128)a << 32 >= (u128)p * b));
		ck_assert(aios_sample_target(a, b) == 0 || aios_sample_target(a, b) < b);
	}
	ck_assert(aios_mulhi64(UINT64_MAX, UINT64_MAX) == UINT64_MAX - 1);
	ck_assert(aios_at_least(3, (uint64_t)3 << 32, 1));
	ck_assert(!aios_at_least(3, ((uint64_t)3 << 32) + 1, 1));
	ck_assert(aios_sample_target(UINT64_MAX, 10) == 9);
	ck_assert(aios_sample_target(0, 10) == 0);
}
END_TEST

START_TEST(weights)
{
	const uint64_t one = (uint64_t)1 << 40;

	ck_assert(aios_sample_weight(3.5f, 3.5f) == one);
	ck_assert(aios_sample_weight(2.5f - 1.0f, 2.5f) == (uint64_t)(aios_exp(-1.0f) * 0x1p40f));
	ck_assert(aios_sample_weight(-INFINITY, 0.0f) == 0);
	ck_assert(aios_sample_weight(NAN, 0.0f) == 0);
	ck_assert(aios_sample_weight(INFINITY, INFINITY) == one);
	ck_assert(aios_sample_weight(1.0f, INFINITY) == 0);
	ck_assert(aios_sample_weight(-INFINITY, -INFINITY) == 0);
	ck_assert(aios_sample_weight(-27.0f, 0.0f) == 2); /* e^-27 * 2^40 = 2.07 */
	ck_assert(aios_sample_weight(-28.0f, 0.0f) == 0);

	ck_assert(aios_fraction32(0.5f) == (uint64_t)1 << 31);
	ck_assert(aios_fraction32(1.0f) == (uint64_t)1 << 32);
	ck_assert(aios_fraction32(7.0f) == (uint64_t)1 << 32);
	ck_assert(aios_fraction32(-1.0f) == 0);
	ck_assert(aios_fraction32(0.0f) == 0);
	ck_assert(aios_fraction32(NAN) == (uint64_t)1 << 32);
	ck_assert(aios_fraction32(0x1p-33f) == 0);

	ck_assert(aios_top_p_reached(5, 10, 0.5f) && !aios_top_p_reached(4, 10, 0.5f));
	ck_assert(aios_top_p_reached(10, 10, 1.0f) && !aios_top_p_reached(9, 10, 1.0f));
	ck_assert(aios_top_p_reached(0, 10, 0.0f));
	ck_assert(aios_min_p_keeps(one / 4, 0.25f) && !aios_min_p_keeps(one / 4 - 1, 0.25f));
	ck_assert(aios_min_p_keeps(one, 1.0f) && aios_min_p_keeps(0, 0.0f));
}
END_TEST

START_TEST(ranks)
{
	for (uint64_t i = 0; i < 100000; i++) {
		float a = test_float(81, i), b = test_float(82, i);
		uint32_t ia = (uint32_t)test_random(83, i), ib = (uint32_t)test_random(84, i);
		bool first;

		if (isnan(a) || isnan(b))
			first = !isnan(a) || (isnan(b) && ia < ib);
		else
			first = a > b || (a == b && ia < ib);
		if (ia == ib)
			continue;
		ck_assert(first == (aios_rank_key(a, ia) > aios_rank_key(b, ib)));
		ck_assert_uint_eq(aios_rank_id(aios_rank_key(a, ia)), ia);
	}
	ck_assert(aios_rank_key(-INFINITY, 5) > aios_rank_key(NAN, 0));
	ck_assert(aios_rank_key(0.0f, 1) < aios_rank_key(-0.0f, 0));
}
END_TEST

START_TEST(penalties)
{
	ck_assert(aios_penalise(2.0f, 0, 1.0f, 0.5f, 0.5f) == 2.0f); /* in the prompt only */
	ck_assert(aios_penalise(2.0f, 0, 2.0f, 0, 0) == 1.0f);
	ck_assert(aios_penalise(-2.0f, 0, 2.0f, 0, 0) == -4.0f);
	ck_assert(aios_penalise(2.0f, 0, 0, 0, 0) == 2.0f); /* 0: off */
	ck_assert(aios_penalise(2.0f, 3, 1.0f, 0.5f, 0) == 0.5f);
	ck_assert(aios_penalise(2.0f, 3, 2.0f, 0.5f, 0.25f) ==
		  -0.75f); /* repetition, frequency, presence */
}
END_TEST

/* The whole draw, on a small distribution: each id as often as its weight says. */
START_TEST(frequencies)
{
	static const float logit[4] = { 0.0f, -1.0f, -2.0f, -INFINITY };
	uint32_t hits[4] = { 0 };
	uint64_t w[4], total = 0;

	for (int i = 0; i < 4; i++)
		total += w[i] = aios_sample_weight(logit[i], 0.0f);
	for (uint32_t n = 0; n < 100000; n++) {
		uint64_t target = aios_sample_target(aios_random64(42, n, 0), total), sum = 0;
		int id = 0;

		while ((sum += w[id]) <= target)
			id++;
		hits[id]++;
	}
	ck_assert_uint_eq(hits[3], 0);
	for (int i = 0; i < 3; i++)
		ck_assert(fabs(hits[i] - 1e5 * (double)w[i] / (double)total) < 700);
}
END_TEST

Suite *test_numerics_random_suite(void)
{
	Suite *s = suite_create("numerics_random");
	TCase *t = tcase_create("random");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, philox_vectors, 0, (int)(sizeof(vectors) / sizeof(vectors[0])));
	tcase_add_test(t, draws);
	tcase_add_test(t, wide_products);
	tcase_add_test(t, weights);
	tcase_add_test(t, ranks);
	tcase_add_test(t, penalties);
	tcase_add_test(t, frequencies);
	suite_add_tcase(s, t);
	return s;
}
