// SPDX-License-Identifier: Apache-2.0
/*
 * test_bpe_json.c - plugins/lib/json: what it refuses, and that messages say where.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

Suite *test_bpe_json_suite(void);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *text;
	const char *words;
} bad[] = {
	{ "", "f.json: the file is empty" },
	{ "{", "f.json: line 1, column 1: not valid JSON" },
	{ "{}x", "end of file expected" },
	{ "{\"a\":1,\"a\":2}", "duplicate" },
	{ "\"\\ud800\"", "not valid JSON" },
	{ "\"\xff\"", "not valid JSON" },
	{ "[1e999]", "not valid JSON" },
	{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	  "nested more than 64" },
};

START_TEST(test_parse_bad)
{
	struct aios_status st = { 0 };

	ck_assert_ptr_null(json_parse("f.json", bad[_i].text, strlen(bad[_i].text), &st));
	ck_assert_int_eq(st.code, -EINVAL);
	ck_assert_msg(strstr(st.message, bad[_i].words), "%s", st.message);
}
END_TEST

START_TEST(test_parse_object)
{
	struct aios_status st;

	ck_assert_ptr_null(json_parse_object("f.json", "[]", 2, &st));
	ck_assert_str_eq(st.message, "f.json: expected an object at the top, found an array");
}
END_TEST

static json_t *parse(const char *text)
{
	struct aios_status st;
	json_t *doc = json_parse_object("f.json", text, strlen(text), &st);

	ck_assert_msg(doc != NULL, "%s", st.message);
	return doc;
}

START_TEST(test_values)
{
	/* An integer past 64 bits must not refuse the file. */
	json_t *doc =
		parse("{\"i\":7,\"r\":8.0,\"big\":1000000000000000019884624838656,\"s\":\"x\","
		      "\"t\":true,\"n\":null,\"o\":{},\"a\":[1]}");
	struct aios_status st;
	const char *string;
	uint32_t u32;
	json_t *json;
	double real;
	bool yes;

	ck_assert_int_eq(json_get_u32(doc, "i", "f", &u32, &st), 0);
	ck_assert_uint_eq(u32, 7);
	ck_assert_int_eq(json_get_u32(doc, "r", "f", &u32, &st), 0);
	ck_assert_uint_eq(u32, 8);
	ck_assert_int_eq(json_opt_u32(doc, "n", "f", 5, &u32, &st), 0);
	ck_assert_uint_eq(u32, 5);
	ck_assert_int_eq(json_get_double(doc, "big", "f", &real, &st), 0);
	ck_assert(real > 1e29);
	ck_assert_int_eq(json_get_string(doc, "s", "f", &string, &st), 0);
	ck_assert_str_eq(string, "x");
	ck_assert_int_eq(json_get_bool(doc, "t", "f", &yes, &st), 0);
	ck_assert(yes);
	ck_assert_int_eq(json_get_object(doc, "o", "f", &json, &st), 0);
	ck_assert_int_eq(json_get_array(doc, "a", "f", &json, &st), 0);
	ck_assert_int_eq(json_opt_string(doc, "none", "f", &string, &st), 0);
	ck_assert_ptr_null(string);
	ck_assert(json_has(doc, "o") && !json_has(doc, "n") && !json_has(doc, "none"));
	json_decref(doc);
}
END_TEST

START_TEST(test_messages)
{
	json_t *doc = parse("{\"s\":\"x\",\"r\":1.5,\"m\":-1,\"big\":1e300,\"z\":\"a\\u0000b\"}");
	struct json_path at;
	struct aios_status st;
	const char *string;
	const char *path = json_path_key(&at, "f.json", "model");
	uint32_t u32;
	json_t *json;

	ck_assert_int_eq(json_get_u32(doc, "none", path, &u32, &st), -EINVAL);
	ck_assert_str_eq(st.message,
			 "f.json: model.none: missing; expected an integer from 0 to 4294967295");
	ck_assert_int_eq(json_get_u32(doc, "s", path, &u32, &st), -EINVAL);
	ck_assert_str_eq(st.message, "f.json: model.s: expected an integer from 0 to 4294967295, "
				     "found a string");
	ck_assert_int_eq(json_get_u32(doc, "r", path, &u32, &st), -EINVAL);
	ck_assert_ptr_nonnull(strstr(st.message, "found 1.5"));
	ck_assert_int_eq(json_opt_u32(doc, "m", path, 3, &u32, &st), -EINVAL);
	ck_assert_ptr_nonnull(strstr(st.message, "found -1"));
	ck_assert_int_eq(json_get_u32(doc, "big", path, &u32, &st), -EINVAL);
	ck_assert_ptr_nonnull(strstr(st.message, "found 1e+300"));
	ck_assert_int_eq(json_get_string(doc, "z", path, &string, &st), -EINVAL);
	ck_assert_str_eq(st.message, "f.json: model.z: a NUL character is not allowed here");
	ck_assert_int_eq(json_get_array(doc, "s", path, &json, &st), -EINVAL);
	ck_assert_str_eq(st.message, "f.json: model.s: expected an array, found a string");
	json_decref(doc);
}
END_TEST

START_TEST(test_quote)
{
	char buf[16];

	ck_assert_str_eq(json_quote(buf, sizeof(buf), "a\nb", 3), "a\\x0ab");
	ck_assert_str_eq(json_quote(buf, sizeof(buf), "0123456789abcde", 15), "0123456789abcde");
	ck_assert_str_eq(json_quote(buf, sizeof(buf), "0123456789abcdef", 16), "0123456789ab...");
	/* Cut before a character, not inside. */
	ck_assert_str_eq(json_quote(buf, sizeof(buf), "01234567890\xe2\x96\x81\xe2\x96\x81", 17),
			 "01234567890...");
}
END_TEST

Suite *test_bpe_json_suite(void)
{
	Suite *suite = suite_create("json");
	TCase *tcase = tcase_create("json");

	tcase_add_loop_test(tcase, test_parse_bad, 0, (int)COUNT(bad));
	tcase_add_test(tcase, test_parse_object);
	tcase_add_test(tcase, test_values);
	tcase_add_test(tcase, test_messages);
	tcase_add_test(tcase, test_quote);
	suite_add_tcase(suite, tcase);
	return suite;
}
