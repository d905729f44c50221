// SPDX-License-Identifier: Apache-2.0
/* test_param.c - values as users write them, and what a module may declare. */
#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include <aios/config.h>

#include "core/config/value.h"

Suite *test_param_suite(void);

START_TEST(booleans)
{
	static const char *const yes[] = { "true", "yes", "on", "1", "TRUE", "Yes" };
	static const char *const no[] = { "false", "no", "off", "0", "OFF" };
	static const char *const bad[] = { "", "2", "tru", "yess", " yes", "y" };
	bool value;

	for (size_t i = 0; i < 6; i++)
		ck_assert(value_parse_bool(yes[i], &value) && value);
	for (size_t i = 0; i < 5; i++)
		ck_assert(value_parse_bool(no[i], &value) && !value);
	for (size_t i = 0; i < 6; i++)
		ck_assert_msg(!value_parse_bool(bad[i], &value), "'%s'", bad[i]);
}
END_TEST

START_TEST(integers)
{
	static const char *const bad[] = { "",
					   "-",
					   "+",
					   "1.0",
					   "0x10",
					   "1e3",
					   " 1",
					   "1 ",
					   "1,000",
					   "9223372036854775808",
					   "-9223372036854775809",
					   "--1" };
	int64_t value;

	ck_assert(value_parse_int("0", &value) && value == 0);
	ck_assert(value_parse_int("-12", &value) && value == -12);
	ck_assert(value_parse_int("+7", &value) && value == 7);
	ck_assert(value_parse_int("007", &value) && value == 7);
	ck_assert(value_parse_int("9223372036854775807", &value) && value == INT64_MAX);
	ck_assert(value_parse_int("-9223372036854775808", &value) && value == INT64_MIN);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!value_parse_int(bad[i], &value), "'%s'", bad[i]);
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "512", 512 },
		{ "1k", 1024 },
		{ "1K", 1024 },
		{ "1KB", 1024 },
		{ "1Ki", 1024 },
		{ "3KiB", 3072 },
		{ "2M", 2u << 20 },
		{ "4G", 4ull << 30 },
		{ "1T", 1ull << 40 },
		{ "1.5G", 3ull << 29 },
		{ "0.5k", 512 },
		{ "1e3", 1000 },
		{ "7B", 7 },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = {
		"",          "-1",   "k",    "1X", "1.3",
		"1kk",       "1 k",  "0.1k", "1e", "18446744073709551616",
		"20000000T", "1e30", "0x10", "1Kx"
	};
	uint64_t value;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(value_parse_size(good[i].text, &value) && value == good[i].bytes,
			      "'%s'", good[i].text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!value_parse_size(bad[i], &value), "'%s'", bad[i]);
}
END_TEST

static void check_floats(void)
{
	static const char *const texts[] = { "0",
					     "1",
					     "-1.5",
					     "0.1",
					     ".5",
					     "5.",
					     "1e-3",
					     "2.5E+2",
					     "1e22",
					     "0.7",
					     "1e308",
					     "-0",
					     "3.14159265358979",
					     "1e-310" };
	static const double values[] = {
		0, 1, -1.5, 0.1, .5, 5., 1e-3, 250., 1e22, 0.7, 1e308, -0., 3.14159265358979, 1e-310
	};
	static const char *const bad[] = { "",      ".",   "-",     "1e",    "e5", "inf", "nan",
					   "0x1p3", "1,5", "1e999", "1.2.3", " 1", "1 " };
	double value;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		ck_assert_msg(value_parse_float(texts[i], &value), "'%s'", texts[i]);
		/* The same bits as the compiler's own reading. */
		ck_assert_msg(!memcmp(&value, &values[i], sizeof(value)), "'%s' is %.17g", texts[i],
			      value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!value_parse_float(bad[i], &value), "'%s'", bad[i]);
}

START_TEST(floats)
{
	check_floats();
}
END_TEST

START_TEST(floats_in_a_locale_with_commas)
{
	if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8")) {
		fprintf(stderr, "skipped: no locale with a decimal comma on this machine\n");
		return;
	}
	check_floats();
}
END_TEST

START_TEST(bounds_and_choices)
{
	static const struct aios_param number = { .name = "n",
						  .type = AIOS_PARAM_INT,
						  .default_text = "1",
						  .min = 1,
						  .max = 8,
						  .help = "N." };
	static const struct aios_param choice = { .name = "c",
						  .type = AIOS_PARAM_CHOICE,
						  .default_text = "auto",
						  .choices = "auto|on|off",
						  .help = "C." };
	struct aios_status st = { 0 };

	ck_assert_int_eq(value_check(&number, "1", "x", &st), 0);
	ck_assert_int_eq(value_check(&number, "8", "x", &st), 0);
	ck_assert_int_eq(value_check(&number, "0", "ini a.ini:3: [s] n", &st), -EINVAL);
	ck_assert_str_eq(st.message,
			 "ini a.ini:3: [s] n: '0' is not valid, expected an integer from 1 to 8");
	ck_assert_int_eq(value_check(&number, "9", "x", &st), -EINVAL);
	ck_assert_int_eq(value_check(&choice, "off", "x", &st), 0);
	ck_assert_int_eq(value_check(&choice, "of", "x", &st), -EINVAL);
	ck_assert_str_eq(st.message, "x: 'of' is not valid, expected one of auto|on|off");
	ck_assert_int_eq(value_check(&choice, "auto|on", "x", &st), -EINVAL);
	ck_assert_int_eq(value_check(&choice, "", "x", &st), -EINVAL);
}
END_TEST

START_TEST(home_folder)
{
	static const struct aios_param path = { .name = "p", .type = AIOS_PARAM_PATH };
	static const struct aios_param text = { .name = "t", .type = AIOS_PARAM_STRING };
	char *value;

	ck_assert_int_eq(setenv("HOME", "/home/me", 1), 0);
	value = value_dup(&path, "~/models");
	ck_assert_str_eq(value, "/home/me/models");
	free(value);
	value = value_dup(&path, "~you/models");
	ck_assert_str_eq(value, "~you/models");
	free(value);
	value = value_dup(&text, "~/models");
	ck_assert_str_eq(value, "~/models");
	free(value);
}
END_TEST

/* What a module may not declare. */
START_TEST(declarations)
{
	static const struct aios_param good = { .name = "page_size",
						.type = AIOS_PARAM_INT,
						.default_text = "4",
						.min = 1,
						.max = 8,
						.help = "Tokens." };
	struct aios_param param = good;
	struct aios_status st = { 0 };

	ck_assert_int_eq(param_check(&param, &st), 0);
	param.name = NULL;
	ck_assert_int_eq(param_check(&param, &st), -EINVAL);
	param.name = "Page-Size";
	ck_assert_int_eq(param_check(&param, &st), -EINVAL);
	param = good;
	param.type = 99;
	ck_assert_int_eq(param_check(&param, &st), -EINVAL);
	param = good;
	param.default_text = NULL;
	ck_assert_int_eq(param_check(&param, &st), -EINVAL);
	param = good;
	param.default_text = "9";
	ck_assert_int_eq(param_check(&param, &st), -EINVAL);
	param = good;
	param.help = "";
	ck_assert_int_eq(param_check(&param, &st), -EINVAL);
	param = good;
	param.min = 9;
	ck_assert_int_eq(param_check(&param, &st), -EINVAL);
	param = good;
	param.type = AIOS_PARAM_CHOICE;
	ck_assert_int_eq(param_check(&param, &st), -EINVAL);
}
END_TEST

START_TEST(suggestions)
{
	static const char *const words[] = { "run", "chat", "serve", "devices", NULL, "tokenize" };

	ck_assert_str_eq(aios_suggest("devcies", words, 6), "devices");
	ck_assert_str_eq(aios_suggest("tokenise", words, 6), "tokenize");
	ck_assert_str_eq(aios_suggest("rnu", words, 6), "run");
	ck_assert_str_eq(aios_suggest("chat", words, 6), "chat");
	ck_assert_ptr_null(aios_suggest("xyzzy", words, 6));
	ck_assert_ptr_null(aios_suggest("", words, 6));
	ck_assert_ptr_null(aios_suggest("run", words, 0));
}
END_TEST

Suite *test_param_suite(void)
{
	Suite *suite = suite_create("param");
	TCase *tc = tcase_create("param");

	tcase_add_test(tc, booleans);
	tcase_add_test(tc, integers);
	tcase_add_test(tc, sizes);
	tcase_add_test(tc, floats);
	tcase_add_test(tc, floats_in_a_locale_with_commas);
	tcase_add_test(tc, bounds_and_choices);
	tcase_add_test(tc, home_folder);
	tcase_add_test(tc, declarations);
	tcase_add_test(tc, suggestions);
	suite_add_tcase(suite, tc);
	return suite;
}
