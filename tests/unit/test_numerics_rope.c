// SPDX-License-Identifier: Apache-2.0
/*
 * test_numerics_rope.c - the double functions against libm, frequencies against
 * those of transformers 5.17 (its formulas evaluated in float64), tables, refusals.
 */
#include <check.h>
#include <string.h>

#include "core/numerics/dmath.h"
#include "core/numerics/rope.h"
#include "numerics/util.h"

Suite *test_numerics_rope_suite(void);

START_TEST(sine_and_cosine)
{
	double worst = 0, s, c;

	for (uint64_t i = 0; i < 1000000; i++) {
		double x = (double)(int64_t)test_random(91, i) * 0x1p-63; /* (-1, 1) */

		x = ldexp(x, (int)(i % 40) - 8); /* up to 2^31 */
		numerics_sincos(x, &s, &c);
		worst = fmax(worst, fmax(fabs(s - sin(x)), fabs(c - cos(x))));
	}
	/* Near multiples of pi/2, where the reduction is hardest. */
	for (int64_t i = 1; i < 300000; i++) {
		double x = (double)(i * 4567) * 1.5707963267948966;

		numerics_sincos(x, &s, &c);
		worst = fmax(worst, fmax(fabs(s - sin(x)), fabs(c - cos(x))));
	}
	ck_assert_msg(worst < 4e-16, "error %g", worst);
	numerics_sincos(0, &s, &c);
	ck_assert(s == 0 && c == 1);
	numerics_sincos(0x1p31, &s, &c);
	ck_assert(isnan(s) && isnan(c));
	numerics_sincos(NAN, &s, &c);
	ck_assert(isnan(s) && isnan(c));
}
END_TEST

START_TEST(logarithm_and_power)
{
	double log_err = 0, exp_err = 0, pow_err = 0;

	for (uint64_t i = 0; i < 300000; i++) {
		double x = ldexp(1 + (double)(test_random(92, i) >> 11) * 0x1p-53,
				 (int)(i % 2000) - 1000);
		double y = (double)(int64_t)test_random(93, i) * 0x1p-54; /* (-512, 512) */
		double want = log2(x);

		log_err = fmax(log_err, fabs(numerics_log2(x) - want) / fmax(1, fabs(want)));
		exp_err = fmax(exp_err, fabs(numerics_exp2(y) / exp2(y) - 1));
		y = -(double)(test_random(94, i) >> 11) * 0x1p-53;
		x = 2 + (double)(test_random(95, i) >> 40);
		want = pow(x, y);
		pow_err = fmax(pow_err,
			       fabs(numerics_pow(x, y) / want - 1) / (1 + fabs(y * log2(x))));
	}
	ck_assert_msg(log_err < 4e-16, "log2 %g", log_err);
	ck_assert_msg(exp_err < 4e-16, "exp2 %g", exp_err);
	ck_assert_msg(pow_err < 4e-16, "pow %g", pow_err);
	for (int n = -1000; n <= 1000; n++) {
		ck_assert(numerics_exp2(n) == ldexp(1, n));
		ck_assert(numerics_log2(ldexp(1, n)) == n);
	}
	ck_assert(isnan(numerics_log2(0)) && isnan(numerics_log2(-1)) && isnan(numerics_log2(NAN)));
	ck_assert(isnan(numerics_log2(INFINITY)) && isnan(numerics_exp2(NAN)));
	ck_assert(numerics_exp2(-2000) == 0 && isinf(numerics_exp2(2000)));
	ck_assert(fabs(numerics_ln(10) - log(10)) < 1e-15);
}
END_TEST

struct sample {
	uint32_t i;
	float inv_freq;
};

struct expected {
	const char *name;
	struct aios_rope rope;
	float attention_factor;
	struct sample at[10];
};

static const struct expected expected[] = {
	{ "default 64",
	  { .type = AIOS_ROPE_DEFAULT, .rot_dim = 64, .theta = 1e4 },
	  1.0f,
	  { { 0, 0x1p+0f },
	    { 1, 0x1.7ff222p-1f },
	    { 5, 0x1.e5a848p-3f },
	    { 8, 0x1.99999ap-4f },
	    { 10, 0x1.ccab86p-5f },
	    { 16, 0x1.47ae14p-7f },
	    { 19, 0x1.145ceep-8f },
	    { 24, 0x1.0624dep-10f },
	    { 30, 0x1.74eea6p-13f },
	    { 31, 0x1.17a8e4p-13f } } },
	{ "default 128",
	  { .type = AIOS_ROPE_DEFAULT, .rot_dim = 128, .theta = 1e6 },
	  1.0f,
	  { { 0, 0x1p+0f },
	    { 1, 0x1.9c9758p-1f },
	    { 10, 0x1.d8ffaap-4f },
	    { 16, 0x1.030dc4p-5f },
	    { 21, 0x1.6020a4p-7f },
	    { 32, 0x1.0624dep-10f },
	    { 35, 0x1.125c04p-11f },
	    { 48, 0x1.094566p-15f },
	    { 62, 0x1.9d5ef2p-20f },
	    { 63, 0x1.4d1c98p-20f } } },
	{ "linear",
	  { .type = AIOS_ROPE_LINEAR, .rot_dim = 64, .theta = 1e4, .factor = 4 },
	  1.0f,
	  { { 0, 0x1p-2f },
	    { 1, 0x1.7ff222p-3f },
	    { 5, 0x1.e5a848p-5f },
	    { 8, 0x1.99999ap-6f },
	    { 10, 0x1.ccab86p-7f },
	    { 16, 0x1.47ae14p-9f },
	    { 19, 0x1.145ceep-10f },
	    { 24, 0x1.0624dep-12f },
	    { 30, 0x1.74eea6p-15f },
	    { 31, 0x1.17a8e4p-15f } } },
	{ "llama3, short context",
	  { .type = AIOS_ROPE_LLAMA3,
	    .rot_dim = 64,
	    .theta = 5e5,
	    .factor = 8,
	    .low_freq_factor = 1,
	    .high_freq_factor = 4,
	    .original_max_positions = 64 },
	  1.0f,
	  { { 0, 0x1p+0f },
	    { 1, 0x1.53c38ap-1f },
	    { 5, 0x1.c6adc2p-6f },
	    { 8, 0x1.34119p-8f },
	    { 10, 0x1.0f5386p-9f },
	    { 16, 0x1.72ba44p-13f },
	    { 19, 0x1.b15902p-15f },
	    { 24, 0x1.be2188p-18f },
	    { 30, 0x1.30c94ep-21f },
	    { 31, 0x1.94836p-22f } } },
	{ "llama3, 8B",
	  { .type = AIOS_ROPE_LLAMA3,
	    .rot_dim = 128,
	    .theta = 5e5,
	    .factor = 8,
	    .low_freq_factor = 1,
	    .high_freq_factor = 4,
	    .original_max_positions = 8192 },
	  1.0f,
	  { { 0, 0x1p+0f },
	    { 1, 0x1.a11582p-1f },
	    { 10, 0x1.078d3ep-3f },
	    { 16, 0x1.34119p-5f },
	    { 21, 0x1.ba0dd8p-7f },
	    { 32, 0x1.132ba8p-11f },
	    { 35, 0x1.90d10cp-14f },
	    { 48, 0x1.be2188p-18f },
	    { 62, 0x1.94836p-22f },
	    { 63, 0x1.4985fep-22f } } },
	{ "yarn, short context",
	  { .type = AIOS_ROPE_YARN,
	    .rot_dim = 64,
	    .theta = 1e4,
	    .factor = 4,
	    .original_max_positions = 64,
	    .truncate = 1 },
	  0x1.237d38p+0f,
	  { { 0, 0x1p+0f },
	    { 1, 0x1.5ff34ap-1f },
	    { 5, 0x1.1b4cd4p-3f },
	    { 8, 0x1.111112p-5f },
	    { 10, 0x1.ccab86p-7f },
	    { 16, 0x1.47ae14p-9f },
	    { 19, 0x1.145ceep-10f },
	    { 24, 0x1.0624dep-12f },
	    { 30, 0x1.74eea6p-15f },
	    { 31, 0x1.17a8e4p-15f } } },
	{ "yarn, long context",
	  { .type = AIOS_ROPE_YARN,
	    .rot_dim = 128,
	    .theta = 1e6,
	    .factor = 4,
	    .beta_fast = 32,
	    .beta_slow = 1,
	    .original_max_positions = 32768,
	    .truncate = 1 },
	  0x1.237d38p+0f,
	  { { 0, 0x1p+0f },
	    { 1, 0x1.9c9758p-1f },
	    { 10, 0x1.d8ffaap-4f },
	    { 16, 0x1.030dc4p-5f },
	    { 21, 0x1.6020a4p-7f },
	    { 32, 0x1.3c1d66p-11f },
	    { 35, 0x1.02387cp-12f },
	    { 48, 0x1.094566p-17f },
	    { 62, 0x1.9d5ef2p-22f },
	    { 63, 0x1.4d1c98p-22f } } },
	{ "yarn, not truncated, mscale",
	  { .type = AIOS_ROPE_YARN,
	    .rot_dim = 64,
	    .theta = 1e4,
	    .factor = 40,
	    .mscale = 1,
	    .mscale_all_dim = 0.707,
	    .original_max_positions = 4096,
	    .truncate = 0 },
	  0x1.15f22ap+0f,
	  { { 0, 0x1p+0f },
	    { 1, 0x1.7ff222p-1f },
	    { 5, 0x1.e5a848p-3f },
	    { 8, 0x1.99999ap-4f },
	    { 10, 0x1.ccab86p-5f },
	    { 16, 0x1.6a0666p-8f },
	    { 19, 0x1.56207p-10f },
	    { 24, 0x1.a36e2ep-16f },
	    { 30, 0x1.2a5884p-18f },
	    { 31, 0x1.bf749ep-19f } } },
	{ "yarn, partial, attention_factor given",
	  { .type = AIOS_ROPE_YARN,
	    .rot_dim = 32,
	    .theta = 1e4,
	    .factor = 16,
	    .beta_fast = 16,
	    .beta_slow = 2,
	    .attention_factor = 1.25,
	    .original_max_positions = 2048,
	    .truncate = 1 },
	  1.25f,
	  { { 0, 0x1p+0f },
	    { 1, 0x1.1feb34p-1f },
	    { 2, 0x1.43d136p-2f },
	    { 4, 0x1.99999ap-4f },
	    { 5, 0x1.ccab86p-5f },
	    { 8, 0x1.851eb8p-9f },
	    { 11, 0x1.d22a5p-14f },
	    { 12, 0x1.0624dep-14f },
	    { 14, 0x1.4b96bep-16f },
	    { 15, 0x1.74eea6p-17f } } },
};

START_TEST(frequencies)
{
	const struct expected *x = &expected[_i];
	struct aios_status st = { 0 };
	float inv[64], af;

	ck_assert_msg(aios_rope_inv_freq(&x->rope, inv, &af, &st) == 0, "%s", st.message);
	ck_assert_msg(af == x->attention_factor, "%s: attention factor %a", x->name, (double)af);
	for (int k = 0; k < 10; k++)
		ck_assert_msg(inv[x->at[k].i] == x->at[k].inv_freq,
			      "%s: pair %u is %a, expected %a", x->name, x->at[k].i,
			      (double)inv[x->at[k].i], (double)x->at[k].inv_freq);
}
END_TEST

/* Table entries are the rounded sine and cosine, wherever a range begins. */
START_TEST(tables)
{
	struct aios_rope rope = { .type = AIOS_ROPE_YARN,
				  .rot_dim = 64,
				  .theta = 1e4,
				  .factor = 4,
				  .original_max_positions = 64,
				  .truncate = 1 };
	static const uint32_t starts[] = { 0, 1, 4095, 131072, 16777216 };
	float inv[32], af, c[7 * 32], s[7 * 32], c1[32], s1[32];
	struct aios_status st;

	ck_assert_int_eq(aios_rope_inv_freq(&rope, inv, &af, &st), 0);
	for (size_t k = 0; k < sizeof(starts) / sizeof(starts[0]); k++) {
		aios_rope_fill(inv, 32, af, starts[k], starts[k] + 7, c, s);
		for (uint32_t p = 0; p < 7; p++) {
			aios_rope_fill(inv, 32, af, starts[k] + p, starts[k] + p + 1, c1, s1);
			ck_assert(memcmp(c1, c + p * 32, sizeof(c1)) == 0);
			ck_assert(memcmp(s1, s + p * 32, sizeof(s1)) == 0);
			for (uint32_t i = 0; i < 32; i++) {
				double angle = (double)(starts[k] + p) * (double)inv[i];

				ck_assert(fabs((double)c1[i] - cos(angle) * (double)af) < 0x1p-24);
				ck_assert(fabs((double)s1[i] - sin(angle) * (double)af) < 0x1p-24);
			}
		}
	}
	aios_rope_fill(inv, 32, 1.0f, 0, 1, c, s);
	for (int i = 0; i < 32; i++)
		ck_assert(c[i] == 1.0f && s[i] == 0.0f);
}
END_TEST

static void refuse(struct aios_rope rope, int code, const char *say)
{
	struct aios_status st = { 0 };
	float inv[64], af;

	ck_assert_int_eq(aios_rope_inv_freq(&rope, inv, &af, &st), code);
	ck_assert_int_eq(st.code, code);
	ck_assert_msg(strstr(st.message, say) != NULL, "'%s' lacks '%s'", st.message, say);
}

START_TEST(refusals)
{
	const struct aios_rope llama3 = expected[3].rope, yarn = expected[5].rope;
	struct aios_rope r;

	r = llama3, r.type = 4, refuse(r, -ENOTSUP, "not dynamic, not longrope");
	r = llama3, r.rot_dim = 63, refuse(r, -EINVAL, "63");
	r = llama3, r.rot_dim = 0, refuse(r, -EINVAL, "even number");
	r = llama3, r.rot_dim = 0x80000000u, refuse(r, -EINVAL, "even number");
	r = llama3, r.theta = 0, refuse(r, -EINVAL, "rope_theta");
	r = llama3, r.theta = NAN, refuse(r, -EINVAL, "rope_theta");
	r = llama3, r.theta = INFINITY, refuse(r, -EINVAL, "rope_theta");
	r = llama3, r.factor = 0, refuse(r, -EINVAL, "factor is 0");
	r = llama3, r.factor = NAN, refuse(r, -EINVAL, "factor");
	r = llama3, r.original_max_positions = 0,
	refuse(r, -EINVAL, "original_max_position_embeddings");
	r = llama3, r.high_freq_factor = 1, refuse(r, -EINVAL, "0 < low < high");
	r = llama3, r.low_freq_factor = NAN, refuse(r, -EINVAL, "0 < low < high");
	r = yarn, r.original_max_positions = 0,
	refuse(r, -EINVAL, "original_max_position_embeddings");
	r = yarn, r.beta_fast = -1, refuse(r, -EINVAL, "beta_fast");
	r = yarn, r.beta_slow = NAN, refuse(r, -EINVAL, "beta_slow");
	r = yarn, r.attention_factor = -1, refuse(r, -EINVAL, "attention_factor");
	r = yarn, r.mscale = INFINITY, refuse(r, -EINVAL, "mscale");
}
END_TEST

Suite *test_numerics_rope_suite(void)
{
	Suite *s = suite_create("numerics_rope");
	TCase *t = tcase_create("rope");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, sine_and_cosine);
	tcase_add_test(t, logarithm_and_power);
	tcase_add_loop_test(t, frequencies, 0, (int)(sizeof(expected) / sizeof(expected[0])));
	tcase_add_test(t, tables);
	tcase_add_test(t, refusals);
	suite_add_tcase(s, t);
	return s;
}
