// SPDX-License-Identifier: Apache-2.0
/*
 * test_bpe_regex.c - expressions of tokenizer.json mean in PCRE2 what they mean in
 * Oniguruma. The pieces expected are those of the Python package tokenizers 0.23.3:
 * Split(Regex(expression), "isolated").
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pattern.h"

Suite *test_bpe_regex_suite(void);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *regex;
	const char *text;
	const char *pieces; /* with '/' between them */
} splits[] = {
	{ "\\s+", "a \341\240\216 b\302\205c\343\200\200d",
	  "a/ /\341\240\216/ /b/\302\205/c/\343\200\200/d" },
	{ "\\S+", "a\341\240\216b \302\240c", "a\341\240\216b/ \302\240/c" },
	{ "[\\S\\n]+", "ab\012 \341\240\216c", "ab\012/ /\341\240\216c" },
	{ "[^\\S\\n]+", "a \011\012 b\343\200\200", "a/ \011/\012/ /b/\343\200\200" },
	{ "\\p{Han}+",
	  "\346\274\242\343\200\202\345\255\227\343\200\221\344\273\256\345\220\215\343\201\213\343"
	  "\201\252\343\200\205",
	  "\346\274\242/\343\200\202/\345\255\227/\343\200\221/\344\273\256\345\220\215/"
	  "\343\201\213\343\201\252/\343\200\205" },
	{ "[\\p{L}&&[^\\p{Han}aeiou]]+", "xyz\346\274\242ab\345\255\227cd",
	  "xyz/\346\274\242a/b/\345\255\227/cd" },
	{ "[a-z&&[^b-d]&&\\w]+", "abcde_z", "a/bcd/e/_/z" },
	{ "[^a-c&&b-z]+", "abcz", "a/bc/z" },
	{ "[a[x-z]]+", "axbz", "ax/b/z" },
	{ "[^a[x-z]]+", "axbz", "ax/b/z" },
	{ "[a[^b]]+", "ab", "a/b" },
	{ "\\p{N}{1,3}+", "1234567", "1234567" },
	{ "a{2}?b", "abaab", "a/b/aab" },
	{ "a{,2}b", "aaab", "a/aab" },
	{ "a{1,2}+", "aaaaa", "aaaaa" },
	{ "x(?i)y|Z", "xyXYzxzZ", "xy/XYz/xz/Z" },
	{ "(?m:a.b)", "a\012b a.b", "a\012b/ /a.b" },
	{ "a.b", "a\012b a.b", "a\012b /a.b" },
	{ "^a|b$", "ab\012ab", "a/b/\012/a/b" },
	{ "\\h+", "09afg\011", "09af/g\011" },
	{ "\\w+", "a_1\302\262\314\201\342\200\215-", "a_1\302\262\314\201/\342\200\215-" },
	{ "[\\w]+", "a\302\262", "a/\302\262" },
	{ "\\bab\\b", "ab cab ab\314\201 ab", "ab/ cab ab\314\201 /ab" },
	{ "\\B", "ab c", "a/b c" },
	{ "x*", "axxb", "a/xx/b" },
	{ "", "ab", "a/b" },
	{ "\\u00e9|\\x41|\\x{1F600}", "\303\251A\360\237\230\200a",
	  "\303\251/A/\360\237\230\200/a" },
	{ "[]a]+", "a]b", "a]/b" },
	{ "[a-]+", "a-b", "a-/b" },
	{ "[\\]\\-]+", "]-a", "]-/a" },
	{ "\\p{Letter}+|\\p{^Lu}", "Ab1", "Ab/1" },
	{ "\\p{Uppercase_Letter}", "aBc", "a/B/c" },
	{ "[[:punct:]]", "a$!b", "a/$/!/b" },
	{ "\\p{Punct}", "a$!b", "a$/!/b" },
	{ "[[:^alpha:]]+", "a12b", "a/12/b" },
	{ "(?<word>\\p{L}+) \\k<word>", "aa aa b", "aa aa/ b" },
	{ "(?#note)a", "ba", "b/a" },
	{ "a++b|a?+a", "aab", "aab" },
	{ "'(?i:s|t)", "'S '\305\277 'T", "'S/ /'\305\277/ /'T" },
	{ "\\R", "a\015\012b\012c\342\200\250", "a/\015\012/b/\012/c/\342\200\250" },
	{ "a{", "a{a", "a{/a" },
	{ "\013|\\v", "a\013b\012", "a/\013/b\012" },
	{ "{a}", "x{a}", "x/{a}" },
	{ "[#] # ", "# # ", "# # " },
};

/* The text with '/' at every match's beginning and end. */
static void split(const char *regex, const char *text, bool jit, char *out, size_t size)
{
	struct pattern_options options = { .jit = jit };
	struct pattern_scratch scratch;
	struct pattern_scan scan;
	struct pattern pattern;
	struct aios_status st;
	size_t len = strlen(text);
	size_t start, end;
	size_t done = 0;
	size_t used = 0;
	int rc;

	ck_assert_msg(pattern_init_regex(&pattern, regex, "t", &options, &st) == 0, "%s",
		      st.message);
	ck_assert_int_eq(pattern_scratch_init(&scratch), 0);
	out[0] = '\0';
	pattern_scan_start(&scan, &pattern, &scratch, text, len);
	do {
		rc = pattern_scan_next(&scan, &start, &end, &st);
		ck_assert_msg(rc >= 0, "%s", st.message);
		if (rc == 0)
			start = end = len;
		if (start > done)
			used += (size_t)snprintf(out + used, size - used, "%s%.*s", used ? "/" : "",
						 (int)(start - done), text + done);
		if (end > start)
			used += (size_t)snprintf(out + used, size - used, "%s%.*s", used ? "/" : "",
						 (int)(end - start), text + start);
		done = end;
	} while (rc > 0);
	pattern_scratch_finish(&scratch);
	pattern_finish(&pattern);
}

START_TEST(test_split)
{
	char pieces[256];

	for (int jit = 0; jit < 2; jit++) {
		split(splits[_i].regex, splits[_i].text, jit, pieces, sizeof(pieces));
		ck_assert_msg(strcmp(pieces, splits[_i].pieces) == 0,
			      "%s (%s) splits \"%s\" into %s; expected %s", splits[_i].regex,
			      jit ? "compiled" : "interpreted", splits[_i].text, pieces,
			      splits[_i].pieces);
	}
}
END_TEST

static const struct {
	const char *regex;
	const char *words;
} bad[] = {
	{ "(a", "f: a group without its ')' in the regular expression at offset 2" },
	{ "a)", "a ')' without its '('" },
	{ "[a", "a class without its ']'" },
	{ "[", "a class without its ']'" },
	{ "[]", "an empty class" },
	{ "[^]", "an empty class" },
	{ "[a&&]", "an empty side of &&" },
	{ "[z-a]", "a range that goes backwards" },
	{ "[[:nope:]]", "an unknown [:class:]" },
	{ "\\p{Nope}", "an unknown \\p{name}" },
	{ "\\pL", "\\p without {name}" },
	{ "\\p{L", "\\p without a {name}" },
	{ "\\x{110000}", "\\x{...} that is not one character" },
	{ "\\x{d800}", "\\x{...} that is not one character" },
	{ "\\xe9", "\\x80 to \\xff" },
	{ "\\u12", "an escape that is not a character" },
	{ "a\\", "a backslash at the end" },
	{ "\\Qa\\E", "an unsupported escape" },
	{ "\\C", "an unsupported escape" },
	{ "\\k", "\\k without <name>" },
	{ "[\\R]", "an unsupported escape in a class" },
	{ "*a", "a repeat of nothing" },
	{ "(*COMMIT)a", "(*...)" },
	{ "(?C1)a", "an unsupported group or option" },
	{ "(?x)a", "an unsupported group or option" },
	{ "(?i", "a group without its ')'" },
	{ "(?#a", "a comment without its ')'" },
	{ "(?<=a+)b", "does not compile: lookbehind assertion is not fixed length at offset" },
	{ "a{70000}", "number too big in {} quantifier" },
	{ "\\1", "reference to non-existent subpattern" },
};

START_TEST(test_bad)
{
	struct pattern_options options = { .jit = true };
	struct pattern pattern;
	struct aios_status st;

	ck_assert_int_eq(pattern_init_regex(&pattern, bad[_i].regex, "f", &options, &st), -EINVAL);
	ck_assert_msg(strstr(st.message, bad[_i].words), "%s: \"%s\" lacks \"%s\"", bad[_i].regex,
		      st.message, bad[_i].words);
	pattern_finish(&pattern);
}
END_TEST

/* Nesting and length end in a message, not in a full stack. */
START_TEST(test_deep)
{
	static const char *const openings[] = { "(", "[", "(?i)", "(?=" };
	struct pattern_options options = { .jit = true };
	struct pattern pattern;
	struct aios_status st;
	char regex[4096] = "";

	for (size_t i = 0; i < COUNT(openings); i++) {
		regex[0] = '\0';
		for (int n = 0; n < 500; n++)
			strcat(regex, openings[i]);
		ck_assert_int_eq(pattern_init_regex(&pattern, regex, "f", &options, &st), -EINVAL);
		ck_assert_msg(strstr(st.message, "nested too deep"), "%s", st.message);
		pattern_finish(&pattern);
	}
}
END_TEST

/* An expression that backtracks without end is reported. */
START_TEST(test_gives_up)
{
	struct pattern_options options = { .jit = _i == 0 };
	const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct pattern_scratch scratch;
	struct pattern_scan scan;
	struct pattern pattern;
	struct aios_status st;
	size_t start, end;

	ck_assert_int_eq(pattern_init_regex(&pattern, "(?:a|aa)+[bc]", "f", &options, &st), 0);
	ck_assert_int_eq(pattern_scratch_init(&scratch), 0);
	pattern_scan_start(&scan, &pattern, &scratch, text, strlen(text));
	ck_assert_int_eq(pattern_scan_next(&scan, &start, &end, &st), -E2BIG);
	ck_assert_msg(strstr(st.message, "gave up at byte 0 of a text of 64: match limit exceeded"),
		      "%s", st.message);
	pattern_scratch_finish(&scratch);
	pattern_finish(&pattern);
}
END_TEST

Suite *test_bpe_regex_suite(void)
{
	Suite *suite = suite_create("bpe_regex");
	TCase *tcase = tcase_create("expressions");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_split, 0, (int)COUNT(splits));
	tcase_add_loop_test(tcase, test_bad, 0, (int)COUNT(bad));
	tcase_add_test(tcase, test_deep);
	tcase_add_loop_test(tcase, test_gives_up, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}
