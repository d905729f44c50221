// SPDX-License-Identifier: Apache-2.0
/*
 * test_numerics_frozen.c - digests of every function family over counter-made
 * inputs, against tests/vectors/numerics/digests.txt, so that no bit of the
 * contract drifts unnoticed. AIOS_NUMERICS_PRINT=1 prints the file.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/numerics/rope.h"
#include "env.h"
#include "numerics/util.h"

Suite *test_numerics_frozen_suite(void);

#define N 100000

static uint64_t unary(float (*f)(float), bool negative)
{
	uint64_t h = TEST_DIGEST;

	for (uint64_t i = 0; i < N; i++) {
		float x = test_float(1, i);

		h = test_digest_f32(h, f(negative ? -aios_abs(x) : x));
	}
	return h;
}

static uint64_t exp2_digest(void)
{
	return unary(aios_exp2, true);
}

static uint64_t exp_digest(void)
{
	return unary(aios_exp, true);
}

static uint64_t sigmoid_digest(void)
{
	return unary(aios_sigmoid, false);
}

static uint64_t silu_digest(void)
{
	return unary(aios_silu, false);
}

static uint64_t tanh_digest(void)
{
	return unary(aios_tanh, false);
}

static uint64_t gelu_tanh_digest(void)
{
	return unary(aios_gelu_tanh, false);
}

static float softcap30(float x)
{
	return aios_softcap(x, 30.0f);
}

static uint64_t softcap_digest(void)
{
	return unary(softcap30, false);
}

static uint64_t log2_digest(void)
{
	return unary(aios_log2, false);
}

static uint64_t ln_digest(void)
{
	return unary(aios_ln, false);
}

static uint64_t narrow_digest(void)
{
	uint64_t h = TEST_DIGEST;

	for (uint64_t i = 0; i < N; i++) {
		float x = test_float(2, i);

		h = test_digest64(h, aios_f32_to_bf16(x), 2);
		h = test_digest64(h, aios_f32_to_f16(x), 2);
		h = test_digest64(h, aios_f32_to_e4m3(x), 1);
	}
	return h;
}

static uint64_t widen_digest(void)
{
	uint64_t h = TEST_DIGEST;

	for (uint32_t i = 0; i < 65536; i++) {
		h = test_digest_f32(h, aios_bf16_to_f32((uint16_t)i));
		h = test_digest_f32(h, aios_f16_to_f32((uint16_t)i));
		h = test_digest_f32(h, aios_e4m3_to_f32((uint8_t)i));
	}
	return h;
}

/* n everyday numbers of a stream. */
static void plain(float *x, uint64_t stream, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		x[i] = (float)(int32_t)test_random(stream, i) * 0x1p-29f;
}

static uint64_t sums_digest(void)
{
	float x[1500], p[64];
	uint64_t h = TEST_DIGEST;

	for (uint32_t n = 1; n <= 1500; n += 7) {
		plain(x, 1000 + n, n);
		h = test_digest_f32(h, aios_lane_sum(x, n));
		h = test_digest_f32(h, aios_lane_sumsq(x, n));
	}
	for (uint32_t n = 1; n <= 64; n *= 2) {
		plain(p, 3000 + n, n);
		h = test_digest_f32(h, aios_halving_tree(p, n));
		plain(p, 4000 + n, n);
		h = test_digest_f32(h, aios_pair_tree(p, n));
	}
	return h;
}

static uint64_t norm_digest(void)
{
	uint64_t h = TEST_DIGEST;

	for (uint64_t i = 0; i < N; i++) {
		float r = aios_rms_factor(fabsf(test_float(3, i)), (uint32_t)i + 1, 1e-6f);

		h = test_digest_f32(h, r);
		h = test_digest_f32(h, aios_rms_apply(test_float(4, i), r, test_float(5, i),
						      (float)(i & 1)));
	}
	return h;
}

static uint64_t rotate_digest(void)
{
	uint64_t h = TEST_DIGEST;
	float y0, y1;

	for (uint64_t i = 0; i < N; i++) {
		aios_rope_pair(test_float(6, i), test_float(7, i), test_float(8, i),
			       test_float(9, i), &y0, &y1);
		h = test_digest_f32(h, y0);
		h = test_digest_f32(h, y1);
	}
	return h;
}

static uint64_t attention_digest(void)
{
	uint64_t h = TEST_DIGEST;

	for (uint64_t i = 0; i < N; i++) {
		float s = test_float(10, i), m = aios_max_step(test_float(11, i), s);
		struct aios_attn_state st = { m, 1.0f + (float)(i % 7) };
		float a, b;

		h = test_digest_f32(h, aios_attn_score(s, 0.18f));
		h = test_digest_f32(h, aios_attn_score_capped(s, 0.125f, 50.0f));
		h = test_digest_f32(h, aios_attn_rescale(s, m));
		h = test_digest_f32(h, aios_attn_p(s, m, AIOS_BF16));
		h = test_digest_f32(h, aios_attn_p(s, m, AIOS_F16));
		h = test_digest_f32(h, aios_attn_l(1.5f, s, m));
		aios_attn_merge(&st, s, 2.0f, &a, &b);
		h = test_digest_f32(h, st.m);
		h = test_digest_f32(h, st.l);
		h = test_digest_f32(h, aios_attn_merge_acc(s, a, m, b));
		h = test_digest_f32(h, aios_attn_final(st.l));
	}
	return h;
}

static uint64_t quant_digest(void)
{
	static const float qmax[3] = { AIOS_QMAX_I8, AIOS_QMAX_I8X2, AIOS_QMAX_E4M3 };
	uint64_t h = TEST_DIGEST;

	for (uint64_t i = 0; i < N; i++) {
		bool finite = true;
		float m = aios_absmax_step(0.0f, test_float(12, i), &finite), x = test_float(13, i);
		struct aios_quant_scale s[3];
		int32_t q;

		for (int k = 0; k < 3; k++) {
			s[k] = aios_quant_scale_of(m, finite, qmax[k]);
			h = test_digest_f32(h, s[k].scale);
			h = test_digest_f32(h, s[k].inv);
		}
		h = test_digest64(h, (uint8_t)aios_quant_i8(x, s[0].inv), 1);
		q = aios_quant_i8x2(x, s[1].inv);
		h = test_digest64(h, (uint8_t)aios_i8x2_lo(q), 1);
		h = test_digest64(h, (uint8_t)aios_i8x2_hi(q), 1);
		h = test_digest64(h, aios_quant_e4m3(x, s[2].inv), 1);
		h = test_digest_f32(h, aios_dequant(aios_i8_acc((int32_t)test_random(14, i)),
						    s[0].scale, x));
		h = test_digest_f32(h, aios_i8x2_acc((int64_t)test_random(15, i) >> 20,
						     (int64_t)test_random(16, i) >> 20));
	}
	return h;
}

static uint64_t tfdpa_digest(uint32_t profile, uint32_t dtype)
{
	struct aios_tfdpa_unit u = aios_tfdpa_of(profile, dtype);
	uint64_t h = TEST_DIGEST;

	for (uint64_t n = 0; n < 5000; n++) {
		uint16_t a[96], b[96];

		for (uint64_t i = 0; i < 96; i++) {
			/* Exponents near each other; one block in eight has any bits. */
			uint64_t r = test_random(17, n * 96 + i), s = test_random(18, n * 96 + i);
			float x = (float)(int32_t)r * 0x1p-31f, y = (float)(int32_t)s * 0x1p-28f;
			bool any = n % 8 == 0;

			if (dtype == AIOS_E4M3) {
				((uint8_t *)a)[i] = any ? (uint8_t)r : aios_f32_to_e4m3(x);
				((uint8_t *)b)[i] = any ? (uint8_t)s : aios_f32_to_e4m3(y);
			} else {
				a[i] = any                ? (uint16_t)r :
				       dtype == AIOS_BF16 ? aios_f32_to_bf16(x) :
							    aios_f32_to_f16(x);
				b[i] = any                ? (uint16_t)s :
				       dtype == AIOS_BF16 ? aios_f32_to_bf16(y) :
							    aios_f32_to_f16(y);
			}
		}
		h = test_digest64(h,
				  aios_bits(aios_tfdpa_chain(u, a, b, (uint32_t)(n % 96) + 1,
							     n & 1 ? test_float(19, n) : 0.0f)),
				  4);
	}
	return h;
}

static uint64_t cdna_digest(uint32_t profile)
{
	uint64_t h = TEST_DIGEST;

	for (uint64_t n = 0; n < 6000; n++) {
		struct aios_cdna_unit u = aios_cdna_of(profile, n % 3 ? AIOS_BF16 : AIOS_F16);
		uint16_t a[96], b[96];

		for (uint64_t i = 0; i < 96; i++) {
			/* As above. */
			uint64_t r = test_random(37, n * 96 + i), s = test_random(38, n * 96 + i);
			float x = (float)(int32_t)r * 0x1p-31f, y = (float)(int32_t)s * 0x1p-28f;
			bool any = n % 8 == 0, bf16 = n % 3 != 0;

			a[i] = any ? (uint16_t)r : bf16 ? aios_f32_to_bf16(x) : aios_f32_to_f16(x);
			b[i] = any ? (uint16_t)s : bf16 ? aios_f32_to_bf16(y) : aios_f32_to_f16(y);
		}
		h = test_digest_f32(h, aios_cdna_chain(u, a, b, (uint32_t)(n % 96) + 1,
						       n & 1 ? test_float(39, n) : 0.0f));
	}
	return h;
}

static uint64_t cdna1_digest(void)
{
	return cdna_digest(AIOS_PROFILE_TC_CDNA1);
}

static uint64_t cdna2_digest(void)
{
	return cdna_digest(AIOS_PROFILE_TC_CDNA2);
}

static uint64_t cdna3_digest(void)
{
	return cdna_digest(AIOS_PROFILE_TC_CDNA3);
}

static uint64_t tfdpa_sm90_bf16_digest(void)
{
	return tfdpa_digest(AIOS_PROFILE_TC_SM90, AIOS_BF16);
}

static uint64_t tfdpa_sm90_f16_digest(void)
{
	return tfdpa_digest(AIOS_PROFILE_TC_SM90, AIOS_F16);
}

static uint64_t tfdpa_sm80_bf16_digest(void)
{
	return tfdpa_digest(AIOS_PROFILE_TC_SM80, AIOS_BF16);
}

static uint64_t tfdpa_sm80_f16_digest(void)
{
	return tfdpa_digest(AIOS_PROFILE_TC_SM80, AIOS_F16);
}

static uint64_t tfdpa_sm90_e4m3_digest(void)
{
	return tfdpa_digest(AIOS_PROFILE_TC_SM90_E4M3, AIOS_E4M3);
}

static uint64_t fma_chain_digest(void)
{
	float x[300], w[300];
	uint64_t h = TEST_DIGEST;

	for (uint32_t n = 1; n <= 300; n++) {
		plain(x, 5000 + n, n);
		plain(w, 6000 + n, n);
		h = test_digest_f32(h, aios_fma_chain(x, w, n, 0.0f));
	}
	return h;
}

static uint64_t sampling_digest(void)
{
	uint64_t h = TEST_DIGEST;

	for (uint64_t i = 0; i < N; i++) {
		float l = test_float(20, i), m = aios_max_step(l, test_float(21, i));
		uint64_t w = aios_sample_weight(l, m),
			 r = aios_random64(test_random(22, i), (uint32_t)i, (uint32_t)i & 3);

		h = test_digest64(h, w, 8);
		h = test_digest64(h, r, 8);
		h = test_digest64(h, aios_sample_target(r, w + 1), 8);
		h = test_digest64(h, aios_rank_key(l, (uint32_t)i), 8);
		h = test_digest64(h, aios_fraction32(l), 8);
		h = test_digest64(h, aios_top_p_reached(w, (uint64_t)1 << 41, 0.9f), 1);
		h = test_digest64(h, aios_min_p_keeps(w, 0.05f), 1);
		h = test_digest_f32(h, aios_penalise(l, (uint32_t)i % 5, 1.1f, 0.2f, 0.3f));
		h = test_digest_f32(h, aios_logsumexp(l, 1.0f + (float)(i % 1000)));
	}
	return h;
}

static uint64_t rope_digest(const struct aios_rope *rope)
{
	float inv[64], c[64], s[64], af;
	uint64_t h = TEST_DIGEST;

	if (aios_rope_inv_freq(rope, inv, &af, NULL))
		return 0;
	h = test_digest_f32(h, af);
	for (uint32_t i = 0; i < rope->rot_dim / 2; i++)
		h = test_digest_f32(h, inv[i]);
	for (uint32_t p = 0; p < 140000; p += p < 512 ? 1 : 997) {
		aios_rope_fill(inv, rope->rot_dim / 2, af, p, p + 1, c, s);
		for (uint32_t i = 0; i < rope->rot_dim / 2; i++) {
			h = test_digest_f32(h, c[i]);
			h = test_digest_f32(h, s[i]);
		}
	}
	return h;
}

static uint64_t rope_default_digest(void)
{
	struct aios_rope r = { .type = AIOS_ROPE_DEFAULT, .rot_dim = 128, .theta = 1e6 };

	return rope_digest(&r);
}

static uint64_t rope_linear_digest(void)
{
	struct aios_rope r = {
		.type = AIOS_ROPE_LINEAR, .rot_dim = 64, .theta = 1e4, .factor = 2.5
	};

	return rope_digest(&r);
}

static uint64_t rope_llama3_digest(void)
{
	struct aios_rope r = { .type = AIOS_ROPE_LLAMA3,
			       .rot_dim = 128,
			       .theta = 5e5,
			       .factor = 8,
			       .low_freq_factor = 1,
			       .high_freq_factor = 4,
			       .original_max_positions = 8192 };

	return rope_digest(&r);
}

static uint64_t rope_yarn_digest(void)
{
	struct aios_rope r = { .type = AIOS_ROPE_YARN,
			       .rot_dim = 128,
			       .theta = 1e6,
			       .factor = 4,
			       .original_max_positions = 32768,
			       .truncate = 1 };

	return rope_digest(&r);
}

static const struct {
	const char *name;
	uint64_t (*digest)(void);
} families[] = {
	{ "exp2", exp2_digest },
	{ "exp", exp_digest },
	{ "sigmoid", sigmoid_digest },
	{ "silu", silu_digest },
	{ "tanh", tanh_digest },
	{ "gelu_tanh", gelu_tanh_digest },
	{ "softcap", softcap_digest },
	{ "log2", log2_digest },
	{ "ln", ln_digest },
	{ "narrow", narrow_digest },
	{ "widen", widen_digest },
	{ "sums", sums_digest },
	{ "norm", norm_digest },
	{ "rotate", rotate_digest },
	{ "attention", attention_digest },
	{ "quant", quant_digest },
	{ "fma_chain", fma_chain_digest },
	{ "tfdpa_sm90_bf16", tfdpa_sm90_bf16_digest },
	{ "tfdpa_sm90_f16", tfdpa_sm90_f16_digest },
	{ "tfdpa_sm80_bf16", tfdpa_sm80_bf16_digest },
	{ "tfdpa_sm80_f16", tfdpa_sm80_f16_digest },
	{ "tfdpa_sm90_e4m3", tfdpa_sm90_e4m3_digest },
	{ "cdna1", cdna1_digest },
	{ "cdna2", cdna2_digest },
	{ "cdna3", cdna3_digest },
	{ "sampling", sampling_digest },
	{ "rope_default", rope_default_digest },
	{ "rope_linear", rope_linear_digest },
	{ "rope_llama3", rope_llama3_digest },
	{ "rope_yarn", rope_yarn_digest },
};

#define FAMILIES ((int)(sizeof(families) / sizeof(families[0])))

/* The digest stored for `name`; false when the file has none. */
static bool stored(const char *name, uint64_t *digest)
{
	char path[4096], line[128], key[64];
	unsigned long long v;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/vectors/numerics/digests.txt", env_source());
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "cannot open %s (AIOS_TEST_SRC names the source folder)", path);
	while (!found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %llx", key, &v) == 2 && strcmp(key, name) == 0) {
			*digest = v;
			found = true;
		}
	}
	fclose(f);
	return found;
}

START_TEST(digests)
{
	uint64_t got = families[_i].digest(), want = 0;

	if (getenv("AIOS_NUMERICS_PRINT")) {
		printf("%-16s %016llx\n", families[_i].name, (unsigned long long)got);
		fflush(stdout);
	}
	ck_assert_msg(stored(families[_i].name, &want), "no digest is stored for %s",
		      families[_i].name);
	ck_assert_msg(got == want,
		      "%s: digest %016llx, stored %016llx: the contract's bits changed",
		      families[_i].name, (unsigned long long)got, (unsigned long long)want);
}
END_TEST

Suite *test_numerics_frozen_suite(void)
{
	Suite *s = suite_create("numerics_frozen");
	TCase *t = tcase_create("frozen");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, digests, 0, FAMILIES);
	suite_add_tcase(s, t);
	return s;
}
