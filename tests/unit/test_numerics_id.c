// SPDX-License-Identifier: Apache-2.0
/*
 * test_numerics_id.c - the id of a set of rules: stable, and different whenever a rule differs.
 */
#include <check.h>
#include <string.h>

#include "core/numerics/id.h"
#include <aios/numerics.h>

Suite *test_numerics_id_suite(void);

static const struct aios_model_types base = {
	.profile = AIOS_PROFILE_FMA32,
	.act = AIOS_BF16,
	.kv = AIOS_BF16,
	.mid = AIOS_F32,
	.qkv = AIOS_F32,
	.segments = 1,
	.chunk = AIOS_ATTN_CHUNK,
};

/* Frozen: a change here is a change of the contract, which needs a new version. */
START_TEST(frozen)
{
	struct aios_status st;
	char id[NUMERICS_ID_SIZE], text[256];

	ck_assert_int_eq(numerics_text(&base, text, sizeof(text), &st), 0);
	ck_assert_str_eq(
		text,
		"version=1 profile=fma32 S=1 B=64 C=512 lanes=256 act=bf16 kv=bf16 mid=f32 qkv=f32 "
		"residual=f32 logits=f32");
	ck_assert_int_eq(numerics_id(&base, id, sizeof(id), &st), 0);
	ck_assert_str_eq(id, "aios-n1-fma32-a837abd5");
}
END_TEST

START_TEST(distinct)
{
	struct aios_model_types t[10];
	char id[10][NUMERICS_ID_SIZE];
	struct aios_status st;

	for (int i = 0; i < 10; i++)
		t[i] = base;
	t[1].profile = AIOS_PROFILE_TC_SM90;
	t[2].profile = AIOS_PROFILE_I8X2;
	t[2].act = AIOS_I8X2;
	t[3].act = AIOS_F16;
	t[4].kv = AIOS_F16;
	t[5].mid = AIOS_BF16;
	t[6].qkv = AIOS_BF16;
	t[7].segments = 4;
	t[8].chunk = 1024;
	t[9].profile = AIOS_PROFILE_TC_SM90_E4M3;
	t[9].act = AIOS_E4M3;
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(numerics_id(&t[i], id[i], sizeof(id[i]), &st), 0);
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(id[i], id[j]);
	}
	ck_assert(strncmp(id[9], "aios-n1-tc-sm90-e4m3-", 21) == 0);
}
END_TEST

START_TEST(refusals)
{
	static const struct {
		size_t offset;
		uint32_t value;
		const char *say;
	} bad[] = {
		{ offsetof(struct aios_model_types, profile), AIOS_PROFILE_COUNT,
		  "profile 9 does not exist" },
		{ offsetof(struct aios_model_types, act), AIOS_I8, "activations of type i8" },
		{ offsetof(struct aios_model_types, kv), AIOS_F32, "kv=f32" },
		{ offsetof(struct aios_model_types, mid), AIOS_E4M3, "mid=e4m3" },
		{ offsetof(struct aios_model_types, qkv), AIOS_NONE, "qkv=none" },
		{ offsetof(struct aios_model_types, segments), 3, "S = 3" },
		{ offsetof(struct aios_model_types, segments), 0, "S = 0" },
		{ offsetof(struct aios_model_types, chunk), 100, "C = 100" },
		{ offsetof(struct aios_model_types, chunk), 0, "C = 0" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct aios_model_types t = base;
		struct aios_status st = { 0 };
		char id[NUMERICS_ID_SIZE];

		if (bad[i].offset >= offsetof(struct aios_model_types, segments))
			memcpy((char *)&t + bad[i].offset, &bad[i].value, 4);
		else
			*((uint8_t *)&t + bad[i].offset) = (uint8_t)bad[i].value;
		ck_assert_int_eq(numerics_id(&t, id, sizeof(id), &st), -EINVAL);
		ck_assert_msg(strstr(st.message, bad[i].say) != NULL, "'%s' lacks '%s'", st.message,
			      bad[i].say);
	}
}
END_TEST

START_TEST(sizes)
{
	struct aios_status st = { 0 };
	char id[NUMERICS_ID_SIZE];

	ck_assert_int_eq(numerics_id(&base, id, 22, &st), -ENOSPC);
	ck_assert_int_eq(numerics_id(&base, id, 23, &st), 0);
	ck_assert_int_eq(numerics_text(&base, id, sizeof(id), &st), -ENOSPC);
}
END_TEST

START_TEST(profile_names)
{
	struct aios_status st = { 0 };
	uint32_t p = 99;

	for (uint32_t i = 0; i < AIOS_PROFILE_COUNT; i++) {
		ck_assert_int_eq(numerics_profile_parse(aios_profile_info_of(i).name, &p, &st), 0);
		ck_assert_uint_eq(p, i);
	}
	ck_assert_int_eq(numerics_profile_parse("tc-sm9", &p, &st), -EINVAL);
	ck_assert_ptr_nonnull(strstr(st.message, "'tc-sm9'"));
	ck_assert_ptr_nonnull(strstr(st.message, "tc-sm90-e4m3"));
}
END_TEST

Suite *test_numerics_id_suite(void)
{
	Suite *s = suite_create("numerics_id");
	TCase *t = tcase_create("id");

	tcase_add_test(t, frozen);
	tcase_add_test(t, distinct);
	tcase_add_test(t, refusals);
	tcase_add_test(t, sizes);
	tcase_add_test(t, profile_names);
	suite_add_tcase(s, t);
	return s;
}
