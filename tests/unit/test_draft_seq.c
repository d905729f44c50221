// SPDX-License-Identifier: Apache-2.0
/* test_draft_seq.c - what a draft model knows of a request, and how a round's rows are shared. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/draft_seq.h"

Suite *test_draft_seq_suite(void);

/* As after a round at `known` tokens that fed tokens[known ..] = guesses. */
static void feed(struct draft_seq *s, uint32_t known, const int32_t *guesses, uint32_t n)
{
	s->known = known;
	s->have = known + n;
	memcpy(s->fed, guesses, n * sizeof(*guesses));
}

START_TEST(test_settle)
{
	static const int32_t tokens[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const int32_t right[] = { 4, 5, 6 }, wrong[] = { 4, 9, 6 };
	struct draft_seq s = { 0 };

	ck_assert_uint_eq(draft_seq_settle(&s, tokens, 7), 0);
	feed(&s, 3, right, 3);
	ck_assert_uint_eq(draft_seq_settle(&s, tokens, 7), 6);
	ck_assert_uint_eq(s.known, 6);
	/* Once settled it is the request's. */
	ck_assert_uint_eq(draft_seq_settle(&s, tokens, 7), 6);
	feed(&s, 3, wrong, 3);
	ck_assert_uint_eq(draft_seq_settle(&s, tokens, 7), 4);
	/* All right, but not all of them are tokens yet: the last is computed again. */
	feed(&s, 3, right, 3);
	ck_assert_uint_eq(draft_seq_settle(&s, tokens, 4), 4);
	feed(&s, 3, right, 3);
	ck_assert_uint_eq(draft_seq_settle(&s, tokens, 3), 3);
	feed(&s, 3, wrong + 1, 2);
	ck_assert_uint_eq(draft_seq_settle(&s, tokens, 7), 3);
	draft_seq_finish(&s);
}
END_TEST

/* Rounds of random guesses: what is kept is always a prefix of the tokens, and the longest that was fed. */
START_TEST(test_settle_random)
{
	int32_t tokens[600], fed[600];
	struct draft_seq s = { 0 };
	uint32_t n = 5;

	srand(7);
	for (uint32_t i = 0; i < 600; i++)
		tokens[i] = rand() % 3;
	while (n < 560) {
		uint32_t have = draft_seq_settle(&s, tokens, n - 1), want = 0;
		uint32_t k = (uint32_t)rand() % DRAFT_MOST;

		while (want < n - 1 && want < s.have && fed[want] == tokens[want])
			want++;
		ck_assert_uint_eq(have, want);
		ck_assert_uint_lt(have, n);
		for (uint32_t i = have; i < n; i++)
			fed[i] = tokens[i];
		for (uint32_t i = 0; i < k; i++)
			fed[n + i] = rand() % 3;
		feed(&s, n, fed + n, k);
		n += 1 + (uint32_t)rand() % (DRAFT_MOST + 1);
	}
	draft_seq_finish(&s);
}
END_TEST

START_TEST(test_pages)
{
	struct draft_seq a = { 0 }, b = { 0 };
	struct aios_status st;
	struct mm_pages pool;

	ck_assert_int_eq(mm_pages_init(&pool, 5, &st), 0);
	ck_assert(draft_seq_reserve(&a, &pool, 3));
	ck_assert(draft_seq_reserve(&a, &pool, 2)); /* has them */
	ck_assert_uint_eq(pool.used, 3);
	/* Nothing at all rather than a part, and it may ask again. */
	ck_assert(!draft_seq_reserve(&b, &pool, 3));
	ck_assert_uint_eq(pool.used, 3);
	ck_assert(draft_seq_reserve(&b, &pool, 2));
	b.have = 30;
	/* It cannot grow: it lets go, for good, and the other can. */
	ck_assert(!draft_seq_reserve(&b, &pool, 3));
	ck_assert_uint_eq(pool.used, 3);
	ck_assert_uint_eq(b.have, 0);
	ck_assert(draft_seq_reserve(&a, &pool, 5));
	draft_seq_drop(&a, &pool);
	ck_assert(!draft_seq_reserve(&b, &pool, 1));
	ck_assert_uint_eq(pool.used, 0);
	ck_assert(mm_pages_consistent(&pool));
	draft_seq_finish(&a);
	draft_seq_finish(&b);
	mm_pages_finish(&pool);
}
END_TEST

START_TEST(test_share)
{
	struct draft_row few[] = { { NULL, 1, 4 }, { NULL, 2, 1 }, { NULL, 1, 2 } };
	struct draft_row chunk[] = { { NULL, 900, 4 }, { NULL, 1, 4 }, { NULL, 700, 4 } };
	struct draft_row crowd[6];

	ck_assert_uint_eq(draft_share(few, 3, 100, 100), 3);
	ck_assert_uint_eq(few[0].most, 4);
	ck_assert_uint_eq(few[1].most, 2);
	ck_assert_uint_eq(few[2].most, 1);
	/* A long prompt gets what is left and guesses nothing; the longest waits. */
	ck_assert_uint_eq(draft_share(chunk, 3, 512, 100), 2);
	ck_assert_uint_eq(chunk[0].rows, 1);
	ck_assert_uint_eq(chunk[0].most, 4);
	ck_assert_uint_eq(chunk[1].rows, 511);
	ck_assert_uint_eq(chunk[1].most, 0);
	/* Guesses that nobody could verify are not made. */
	for (uint32_t i = 0; i < 6; i++)
		crowd[i] = (struct draft_row){ NULL, 1, 8 };
	ck_assert_uint_eq(draft_share(crowd, 6, 512, 13), 6);
	for (uint32_t i = 0; i < 6; i++)
		ck_assert_uint_eq(crowd[i].most, 2);
	for (uint32_t i = 0; i < 6; i++)
		crowd[i] = (struct draft_row){ NULL, 1, 8 };
	ck_assert_uint_eq(draft_share(crowd, 6, 512, 4), 6);
	for (uint32_t i = 0; i < 6; i++)
		ck_assert_uint_eq(crowd[i].most, i < 4);
	ck_assert_uint_eq(draft_share(crowd, 6, 0, 4), 0);
	ck_assert_uint_eq(draft_share(crowd, 0, 9, 4), 0);
}
END_TEST

/* Any list: no more rows or guesses than there are, nobody gets more than it asked for, the order holds. */
START_TEST(test_share_random)
{
	struct draft_row rows[40], was[40];
	int keys[40];

	srand(11);
	for (int turn = 0; turn < 2000; turn++) {
		uint32_t n = (uint32_t)rand() % 40, room = (uint32_t)rand() % 300;
		uint32_t spare = (uint32_t)rand() % 60, kept, used = 0, guesses = 0;

		for (uint32_t i = 0; i < n; i++)
			was[i] = rows[i] = (struct draft_row){ &keys[i], 1 + (uint32_t)rand() % 90,
							       1 + (uint32_t)rand() % 8 };
		kept = draft_share(rows, n, room, spare);
		ck_assert_uint_le(kept, n);
		ck_assert(kept > 0 || n == 0 || room == 0);
		for (uint32_t i = 0; i < kept; i++) {
			const struct draft_row *w = &was[(int *)rows[i].who - keys];

			ck_assert_uint_gt(rows[i].rows, 0);
			ck_assert_uint_le(rows[i].rows, w->rows);
			ck_assert_uint_le(rows[i].most, rows[i].rows == w->rows ? w->most : 0);
			ck_assert(i == 0 || rows[i].most <= rows[i - 1].most);
			used += rows[i].rows;
			guesses += rows[i].most;
		}
		ck_assert_uint_le(used, room);
		ck_assert_uint_le(guesses, spare);
	}
}
END_TEST

Suite *test_draft_seq_suite(void)
{
	Suite *s = suite_create("draft_seq");
	TCase *tc = tcase_create("draft_seq");

	tcase_add_test(tc, test_settle);
	tcase_add_test(tc, test_settle_random);
	tcase_add_test(tc, test_pages);
	tcase_add_test(tc, test_share);
	tcase_add_test(tc, test_share_random);
	suite_add_tcase(s, tc);
	return s;
}
