// SPDX-License-Identifier: Apache-2.0
/* test_propose.c - guesses from the sequence itself, against a search without a table. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/propose.h"

Suite *test_propose_suite(void);

enum {
	MOST = 8
};

/* The definition: longest run at the end that was there before, its latest place. */
static uint32_t search(const int32_t *tokens, uint32_t n, uint32_t most, int32_t *out)
{
	for (uint32_t length = PROPOSE_LONGEST; length >= PROPOSE_SHORTEST; length--) {
		for (uint32_t end = n - 1; length < n && end >= length; end--) {
			if (memcmp(tokens + end - length, tokens + n - length,
				   length * sizeof(*tokens)) != 0)
				continue;
			for (uint32_t i = 0; i < most; i++)
				out[i] = end + i < n ? tokens[end + i] : out[end + i - n];
			return most;
		}
	}
	return 0;
}

/* Sequences over alphabets of 1 to 30 tokens that grow by one or several. */
START_TEST(test_random)
{
	enum {
		N = 1500
	};
	static int32_t tokens[N];
	uint32_t alphabet = (uint32_t)(_i * _i) + 1, guesses = 0;
	int32_t got[MOST], want[MOST];
	struct propose p = { 0 };

	srand((unsigned)_i);
	for (uint32_t i = 0; i < N; i++)
		tokens[i] = rand() % (int)alphabet - (rand() % 2 ? 0 : 3);
	for (uint32_t n = 0; n < N; n += 1 + (uint32_t)(rand() % 3)) {
		uint32_t most = (uint32_t)rand() % (MOST + 1);
		uint32_t k = propose(&p, tokens, n, most, got);

		ck_assert_uint_eq(k, n && most ? search(tokens, n, most, want) : 0);
		ck_assert(k == 0 || memcmp(got, want, k * sizeof(*got)) == 0);
		guesses += k > 0;
	}
	ck_assert_uint_gt(guesses, 10);
	propose_finish(&p);
}
END_TEST

START_TEST(test_examples)
{
	static const int32_t repeat[] = { 7, 1, 2, 3, 9, 1, 2, 3 };
	static const int32_t period[] = { 5, 6, 5, 6 };
	static const int32_t nothing[] = { 1, 2, 3, 4, 5 };
	static const int32_t latest[] = { 1, 2, 8, 1, 2, 9, 1, 2 };
	struct propose p = { 0 };
	int32_t out[MOST];

	ck_assert_uint_eq(propose(&p, repeat, 8, 3, out), 3);
	ck_assert(out[0] == 9 && out[1] == 1 && out[2] == 2);
	propose_finish(&p);
	ck_assert_uint_eq(propose(&p, period, 4, 5, out), 5);
	ck_assert(out[0] == 5 && out[1] == 6 && out[2] == 5 && out[3] == 6 && out[4] == 5);
	propose_finish(&p);
	ck_assert_uint_eq(propose(&p, nothing, 5, 5, out), 0);
	propose_finish(&p);
	ck_assert_uint_eq(propose(&p, latest, 8, 1, out), 1);
	ck_assert_int_eq(out[0], 9);
	propose_finish(&p);
	ck_assert_uint_eq(propose(&p, nothing, 0, 5, out), 0);
	ck_assert_uint_eq(propose(&p, nothing, 1, 5, out), 0);
	propose_finish(&p);
	propose_finish(&p);
}
END_TEST

Suite *test_propose_suite(void)
{
	Suite *s = suite_create("propose");
	TCase *tc = tcase_create("propose");

	tcase_add_loop_test(tc, test_random, 0, 7);
	tcase_add_test(tc, test_examples);
	suite_add_tcase(s, tc);
	return s;
}
