// SPDX-License-Identifier: Apache-2.0
/* test_text.c - stop texts across every split of the text, against a plain search. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/text.h"

Suite *test_text_suite(void);

/* What must come out: everything before the first stop text. */
static size_t expected_length(const char *text, const char *const *stops, uint32_t n)
{
	size_t best = strlen(text);

	for (uint32_t i = 0; i < n; i++) {
		const char *p = stops[i][0] ? strstr(text, stops[i]) : NULL;

		if (p && (size_t)(p - text) < best)
			best = (size_t)(p - text);
	}
	return best;
}

/* Feed `text` in pieces given by the bits of `cuts`; collect what comes out. */
static bool feed(const char *text, const char *const *stops, uint32_t n, uint32_t cuts, char *out)
{
	struct text_out t;
	const char *piece;
	size_t from = 0, len = strlen(text), got, at = 0;

	ck_assert_int_eq(text_init(&t, stops, n), 0);
	for (size_t i = 1; i <= len; i++) {
		if (i < len && !(cuts >> (i - 1) & 1))
			continue;
		ck_assert_int_eq(text_push(&t, text + from, i - from, &piece, &got), 0);
		memcpy(out + at, piece, got);
		at += got;
		from = i;
	}
	ck_assert_int_eq(text_end(&t, "", 0, &piece, &got), 0);
	memcpy(out + at, piece, got);
	at += got;
	out[at] = '\0';
	text_finish(&t);
	return at < len;
}

static void check_all_cuts(const char *text, const char *const *stops, uint32_t n)
{
	size_t len = strlen(text), want = expected_length(text, stops, n);
	char out[64];

	for (uint32_t cuts = 0; cuts < 1u << (len - 1); cuts++) {
		feed(text, stops, n, cuts, out);
		ck_assert_msg(strlen(out) == want && memcmp(out, text, want) == 0,
			      "cuts %x of \"%s\": \"%s\"", cuts, text, out);
	}
}

START_TEST(test_every_split)
{
	static const char *const one[] = { "abc" };
	static const char *const two[] = { "aab", "ba" };
	static const char *const empty[] = { "", "zz" };

	check_all_cuts("xxababcxx", one, 1);
	check_all_cuts("ababababab", one, 1);
	check_all_cuts("aaaabcba", two, 2);
	check_all_cuts("xaxbxcx", two, 2);
	check_all_cuts("abz", empty, 2);
	check_all_cuts("abzz", empty, 2);
	check_all_cuts("none", NULL, 0);
}
END_TEST

START_TEST(test_holds_back_no_more_than_needed)
{
	static const char *const stops[] = { "\n\nUser" };
	struct text_out t;
	const char *out;
	size_t len;

	ck_assert_int_eq(text_init(&t, stops, 1), 0);
	ck_assert_int_eq(text_push(&t, "hello\n", 6, &out, &len), 0);
	ck_assert_uint_eq(len, 5);
	ck_assert_int_eq(text_push(&t, "x", 1, &out, &len), 0);
	ck_assert_uint_eq(len, 2);
	ck_assert_int_eq(memcmp(out, "\nx", 2), 0);
	ck_assert_int_eq(text_push(&t, "\n\nUser: more", 12, &out, &len), 0);
	ck_assert_uint_eq(len, 0);
	ck_assert(t.stopped);
	ck_assert_int_eq(text_push(&t, "later", 5, &out, &len), 0);
	ck_assert_uint_eq(len, 0);
	text_finish(&t);
}
END_TEST

/* The last piece, from the detokenizer's flush, may complete a stop text. */
START_TEST(test_end_may_stop)
{
	static const char *const stops[] = { "END" };
	struct text_out t;
	const char *out;
	size_t len;

	ck_assert_int_eq(text_init(&t, stops, 1), 0);
	ck_assert_int_eq(text_push(&t, "abEN", 4, &out, &len), 0);
	ck_assert_uint_eq(len, 2);
	ck_assert_int_eq(text_end(&t, "D", 1, &out, &len), 0);
	ck_assert_uint_eq(len, 0);
	ck_assert(t.stopped);
	text_finish(&t);
}
END_TEST

Suite *test_text_suite(void)
{
	Suite *s = suite_create("text");
	TCase *tc = tcase_create("stops");

	tcase_add_test(tc, test_every_split);
	tcase_add_test(tc, test_holds_back_no_more_than_needed);
	tcase_add_test(tc, test_end_may_stop);
	suite_add_tcase(s, tc);
	return s;
}
