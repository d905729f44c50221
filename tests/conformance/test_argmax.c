// SPDX-License-Identifier: Apache-2.0
/*
 * test_argmax.c - lowest id among equals, NaN never wins, 0 when nothing does.
 */
#include "harness.h"

/* By comparison of floats, not by keys: a larger one, or the first that is not NaN. */
static int32_t am_model(const float *x, uint32_t n)
{
	int64_t best = -1;
	uint32_t i;

	for (i = 0; i < n; i++)
		if (!isnan(x[i]) && (best < 0 || x[i] > x[best]))
			best = i;
	return best < 0 ? 0 : (int32_t)best;
}

static void am_case(uint32_t rows, uint32_t cols, const float *x)
{
	int32_t *want = ct_alloc(rows * 4), *got = ct_alloc(rows * 4);
	uint32_t r;

	for (r = 0; r < rows; r++)
		want[r] = am_model(x + (uint64_t)r * cols, cols);
	ct_each(t)
	{
		struct aios_op_argmax op = {
			.op = AIOS_OP_INIT(struct aios_op_argmax, AIOS_OP_ARGMAX),
		};

		op.logits = ct_tensor_in(t, AIOS_F32, rows, cols, x, NULL, 1);
		op.ids = ct_out(t, rows * 4);
		ct_run(t, &op.op, NULL);
		ct_get(t, op.ids, got, rows * 4);
		ct_same(t, "argmax", got, want, AIOS_I32, rows);
		ct_release(t);
	}
}

START_TEST(test_random)
{
	if (!ct_can(AIOS_OP_ARGMAX, AIOS_PROFILE_FMA32))
		return;

	static const uint32_t cols[] = { 1, 2, 31, 256, 1000, 5003, 40009 };
	float *x;
	int i, dist;

	for (i = 0; i < 7; i++)
		for (dist = 0; dist < CT_DISTS; dist++) {
			x = ct_alloc(9ull * cols[i] * 4);
			ct_fill((enum ct_dist)dist, AIOS_F32, cols[i], 9ull * cols[i], x);
			am_case(9, cols[i], x);
		}
}
END_TEST

START_TEST(test_edges)
{
	if (!ct_can(AIOS_OP_ARGMAX, AIOS_PROFILE_FMA32))
		return;

	float inf = aios_inf(), nan = aios_nan();
	float x[][4] = { { 1, 3, 3, 2 },           { nan, nan, nan, nan },
			 { nan, -inf, -inf, nan }, { -inf, -inf, -inf, -inf },
			 { -0.0f, 0.0f, 0, -1 },   { nan, inf, inf, 3 },
			 { -3, -2, nan, -2 },      { aios_float(0xffc00001u), -inf, -1e38f, -inf } };

	am_case(8, 4, x[0]);
}
END_TEST

Suite *test_argmax_suite(void);

Suite *test_argmax_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance argmax", &tc);

	tcase_add_test(tc, test_random);
	tcase_add_test(tc, test_edges);
	return s;
}
