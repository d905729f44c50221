// SPDX-License-Identifier: Apache-2.0
/*
 * test_sampler.c - the default sampler: ranges and the row it makes.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include <aios/plugin/sampler.h>

Suite *test_sampler_suite(void);

/* The plugin's source is compiled into this test as a built-in module. */
extern const struct aios_module aios_module_default;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct aios_sampler_ops *sampler(void)
{
	return aios_module_default.ops;
}

/* Everything off: greedy. */
#define OFF .top_p = 1.0f, .repetition = 1.0f

static const struct aios_sampling good[] = {
	{ OFF },
	{ .temperature = 0.7f,
	  .top_p = 0.0001f,
	  .min_p = 0.999f,
	  .top_k = 40,
	  .repetition = 0.01f,
	  .frequency = -2.0f,
	  .presence = 2.0f,
	  .seed = UINT64_MAX },
	{ OFF, .temperature = 100.0f, .top_k = -1, .frequency = 2.0f, .presence = -2.0f },
	{ OFF, .top_k = INT32_MAX },
};

START_TEST(test_good)
{
	struct aios_status st = { 0 };

	ck_assert_int_eq(sampler()->check(&good[_i], &st), 0);
	ck_assert_int_eq(st.code, 0);
}
END_TEST

static const struct {
	struct aios_sampling s;
	const char *words;
} bad[] = {
	{ { OFF, .temperature = -0.1f }, "temperature: expected a number of at least 0" },
	{ { OFF, .temperature = NAN }, "temperature" },
	{ { OFF, .temperature = INFINITY }, "temperature" },
	{ { .repetition = 1.0f, .top_p = 0.0f }, "top_p: expected a number above 0 and at most 1" },
	{ { .repetition = 1.0f, .top_p = 1.01f }, "found 1.01" },
	{ { .repetition = 1.0f, .top_p = NAN }, "top_p" },
	{ { OFF, .min_p = 1.0f }, "min_p: expected a number of at least 0 and below 1" },
	{ { OFF, .min_p = -1.0f }, "min_p" },
	{ { OFF, .min_p = NAN }, "min_p" },
	{ { OFF, .top_k = -2 },
	  "top_k: expected a count of at least 1, or 0 or -1 for off, found -2" },
	{ { .top_p = 1.0f }, "repetition_penalty: expected a number above 0" },
	{ { .top_p = 1.0f, .repetition = -1.0f }, "repetition_penalty" },
	{ { .top_p = 1.0f, .repetition = INFINITY }, "repetition_penalty" },
	{ { OFF, .frequency = 2.1f }, "frequency_penalty: expected a number from -2 to 2" },
	{ { OFF, .frequency = NAN }, "frequency_penalty" },
	{ { OFF, .presence = -2.1f }, "presence_penalty: expected a number from -2 to 2" },
	{ { OFF, .presence = INFINITY }, "presence_penalty" },
};

START_TEST(test_bad)
{
	struct aios_status st = { 0 };

	ck_assert_int_eq(sampler()->check(&bad[_i].s, &st), -EINVAL);
	ck_assert_int_eq(st.code, -EINVAL);
	ck_assert_msg(strstr(st.message, bad[_i].words) != NULL, "expected '%s' in '%s'",
		      bad[_i].words, st.message);
}
END_TEST

START_TEST(test_row)
{
	const struct aios_sampling s = {
		.seed = 0x0123456789abcdefu,
		.temperature = 0.5f,
		.top_p = 0.9f,
		.min_p = 0.1f,
		.top_k = 50,
		.repetition = 1.1f,
		.frequency = 0.25f,
		.presence = -0.5f,
	};
	struct aios_sample_row row;

	memset(&row, 0xff, sizeof(row));
	row.counts_start = 3;
	row.counts_n = 4;
	row.bias_start = 5;
	row.bias_n = 6;
	sampler()->row(&s, 17, 2, &row);
	ck_assert_uint_eq(row.seed, s.seed);
	ck_assert_uint_eq(row.position, 17);
	ck_assert_uint_eq(row.draw, 2);
	ck_assert_float_eq(row.temperature, 0.5f);
	ck_assert_float_eq(row.top_p, 0.9f);
	ck_assert_float_eq(row.min_p, 0.1f);
	ck_assert_uint_eq(row.top_k, 50);
	ck_assert_float_eq(row.repetition, 1.1f);
	ck_assert_float_eq(row.frequency, 0.25f);
	ck_assert_float_eq(row.presence, -0.5f);
	ck_assert_uint_eq(row.reserved, 0);
	/* The caller's ranges stay. */
	ck_assert_uint_eq(row.counts_start, 3);
	ck_assert_uint_eq(row.counts_n, 4);
	ck_assert_uint_eq(row.bias_start, 5);
	ck_assert_uint_eq(row.bias_n, 6);
}
END_TEST

START_TEST(test_top_k_off)
{
	struct aios_sampling s = { OFF, .top_k = -1 };
	struct aios_sample_row row;

	sampler()->row(&s, 0, 0, &row);
	ck_assert_uint_eq(row.top_k, 0);
	s.top_k = 0;
	row.top_k = 9;
	sampler()->row(&s, 0, 0, &row);
	ck_assert_uint_eq(row.top_k, 0);
}
END_TEST

Suite *test_sampler_suite(void)
{
	Suite *s = suite_create("sampler");
	TCase *tc = tcase_create("sampler");

	tcase_add_loop_test(tc, test_good, 0, (int)COUNT(good));
	tcase_add_loop_test(tc, test_bad, 0, (int)COUNT(bad));
	tcase_add_test(tc, test_row);
	tcase_add_test(tc, test_top_k_off);
	suite_add_tcase(s, tc);
	return s;
}
