// SPDX-License-Identifier: Apache-2.0
/*
 * test_rmsnorm.c - residual addition and RMSNorm against the contract and float64.
 */
#include "harness.h"

struct rn {
	uint32_t rows, cols, add, weight, out; /* types; add NONE: none */
	float offset, eps;
	enum ct_dist dist, weights;
};

/* The sum of squares by its definition: element i goes to lane i mod 256; the tree by recursion. */
static float rn_tree(const float *lane, uint32_t first, uint32_t step)
{
	if (step == 256)
		return lane[first];
	return rn_tree(lane, first, step * 2) + rn_tree(lane, first + step, step * 2);
}

static float rn_sumsq(const float *x, uint32_t n)
{
	float lane[256];
	uint32_t j, i;

	for (j = 0; j < 256; j++)
		for (lane[j] = 0, i = j; i < n; i += 256)
			lane[j] = fmaf(x[i], x[i], lane[j]);
	return rn_tree(lane, 0, 1);
}

static void rn_model_row(const struct rn *c, float *x, const void *add, const void *w, float *y)
{
	uint32_t i;
	float r;

	for (i = 0; i < c->cols && c->add; i++)
		x[i] = aios_canon(x[i] + ct_widen(c->add, add, i));
	r = 1.0f / sqrtf(rn_sumsq(x, c->cols) / (float)c->cols + c->eps);
	for (i = 0; i < c->cols; i++)
		y[i] = x[i] * r *
		       (c->offset != 0 ? c->offset + ct_widen(c->weight, w, i) :
					 ct_widen(c->weight, w, i));
}

/* float64, on the sum as the op stores it. Bound: 12 roundings of the factor and the product. */
static void rn_float64_row(const struct rn *c, const float *x, const void *w, double *exact,
			   double *bound)
{
	double sum = 0, r;
	uint32_t i;

	for (i = 0; i < c->cols; i++)
		sum += (double)x[i] * (double)x[i];
	r = 1 / sqrt(sum / c->cols + (double)c->eps);
	for (i = 0; i < c->cols; i++) {
		exact[i] =
			(double)x[i] * r * ((double)c->offset + (double)ct_widen(c->weight, w, i));
		bound[i] = fabs(exact[i]) * (c->cols / 256.0 + 16) * 0x1p-24 + 0x1p-140;
		if (sum > 0x1p126 || sum < 0x1p-100)
			bound[i] = (double)INFINITY;
	}
}

static uint64_t rn_case(struct rn c)
{
	uint64_t n = (uint64_t)c.rows * c.cols, bytes = ct_tensor_bytes(c.out, c.rows, c.cols);
	float *x = ct_alloc(n * 4), *sum = ct_alloc(n * 4), *y = ct_alloc(n * 4);
	float *got_sum = ct_alloc(n * 4), *scale = ct_alloc(c.rows * 4);
	float *want_scale = ct_alloc(c.rows * 4);
	void *add = ct_alloc(n * 4), *w = ct_alloc(c.cols * 4);
	void *got = ct_alloc(bytes), *want = ct_alloc(bytes);
	double *exact = ct_alloc(n * 8), *bound = ct_alloc(n * 8);
	char what[128];
	uint32_t r;

	snprintf(what, sizeof(what), "rmsnorm [%u][%u] add %s weight %s out %s dist %d", c.rows,
		 c.cols, aios_dtype_name(c.add), aios_dtype_name(c.weight), aios_dtype_name(c.out),
		 (int)c.dist);
	ct_fill(c.dist, AIOS_F32, 1 + c.cols, n, x);
	if (c.add)
		ct_fill(c.dist, c.add, 2 + c.cols, n, add);
	ct_fill(c.weights, c.weight, 3, c.cols, w);
	memcpy(sum, x, n * 4);
	for (r = 0; r < c.rows; r++) {
		rn_model_row(&c, sum + r * c.cols,
			     (char *)add + (uint64_t)r * c.cols * aios_dtype_bytes(c.add), w,
			     y + r * c.cols);
		rn_float64_row(&c, sum + r * c.cols, w, exact + r * c.cols, bound + r * c.cols);
	}
	ct_round_rows(c.out, c.rows, c.cols, y, want, want_scale);
	ct_each(t)
	{
		struct aios_op_rmsnorm op = {
			.op = AIOS_OP_INIT(struct aios_op_rmsnorm, AIOS_OP_RMSNORM),
			.eps = c.eps,
			.weight_offset = c.offset,
			.weight_dtype = c.weight,
		};

		op.x = c.add ? ct_tensor_inout(t, AIOS_F32, c.rows, c.cols, x, 1) :
			       ct_tensor_in(t, AIOS_F32, c.rows, c.cols, x, NULL, 1);
		if (c.add)
			op.add = ct_tensor_in(t, c.add, c.rows, c.cols, add, NULL, 0);
		op.weight = ct_in(t, w, (uint64_t)c.cols * aios_dtype_bytes(c.weight));
		op.out = ct_tensor_out(t, c.out, c.rows, c.cols, 2);
		ct_run(t, &op.op, NULL);
		ct_tensor_get(t, &op.x, got_sum, NULL);
		ct_same(t, what, got_sum, sum, AIOS_F32, n);
		ct_tensor_get(t, &op.out, got, aios_dtype_scaled(c.out) ? scale : NULL);
		ct_same(t, what, got, want, c.out, c.out == AIOS_I8X2 ? 2 * n : n);
		if (aios_dtype_scaled(c.out))
			ct_same(t, what, scale, want_scale, AIOS_F32, c.rows);
		ct_release(t);
	}
	if (c.dist != CT_SPECIAL && c.weights == CT_NORMAL)
		ct_near(what, AIOS_F32, y, exact, bound, n);
	return digest_bytes(DIGEST_START, got, bytes);
}

static const uint32_t rn_outs[] = { AIOS_F32, AIOS_BF16, AIOS_F16, AIOS_E4M3, AIOS_I8, AIOS_I8X2 };

START_TEST(test_shapes)
{
	if (!ct_can(AIOS_OP_RMSNORM, AIOS_PROFILE_FMA32))
		return;

	static const uint32_t cols[] = { 1,   2,   127,  128,  255,  256, 257,
					 511, 513, 1024, 1031, 4099, 8200 };
	struct rn c = { .rows = 3, .add = AIOS_F32, .weight = AIOS_BF16, .eps = 1e-6f };
	int i, j;

	for (i = 0; i < 13; i++)
		for (j = 0; j < 6; j++) {
			c.cols = cols[i];
			c.out = rn_outs[j];
			c.add = j % 3 == 0 ? AIOS_NONE : j % 3 == 1 ? AIOS_F32 : AIOS_BF16;
			c.offset = j % 2 ? 1.0f : 0.0f;
			c.weight = rn_outs[(i + j) % 3];
			rn_case(c);
		}
	ct_report("rmsnorm");
}
END_TEST

START_TEST(test_distributions)
{
	if (!ct_can(AIOS_OP_RMSNORM, AIOS_PROFILE_FMA32))
		return;

	struct rn c = { .rows = 5, .cols = 320, .add = AIOS_BF16, .weight = AIOS_F32, .eps = 1e-5f };
	int i, j;

	for (i = 0; i < CT_DISTS; i++)
		for (j = 0; j < 6; j++) {
			c.dist = (enum ct_dist)i;
			c.out = rn_outs[j];
			rn_case(c);
		}
}
END_TEST

/* Rows of whole units of 16 bytes, as models have them: drivers know more about those. */
START_TEST(test_whole_units)
{
	if (!ct_can(AIOS_OP_RMSNORM, AIOS_PROFILE_FMA32))
		return;

	static const uint32_t cols[] = { 4, 252, 256, 1024, 1028, 2560, 4092, 4096, 4100 };
	struct rn c = { .rows = 2 };
	int i, j, k;

	for (i = 0; i < 9; i++)
		for (j = 0; j < 6; j++)
			for (k = 0; k < CT_ALL_DISTS; k++) {
				c.cols = cols[i];
				c.out = rn_outs[j];
				c.weight = rn_outs[(i + j + k) % 3];
				c.offset = (i + k) % 2 ? 1.0f : 0.0f;
				c.eps = k % 3 ? 1e-6f : 0.0f;
				c.dist = (enum ct_dist)k;
				c.weights = CT_NORMAL;
				rn_case(c);
				c.weights = k % 2 ? CT_EXTREME : CT_SUBNORMAL;
				rn_case(c);
			}
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_RMSNORM, AIOS_PROFILE_FMA32))
		return;

	struct rn c = { .rows = 4,
			.cols = 1000,
			.add = AIOS_F32,
			.weight = AIOS_BF16,
			.eps = 1e-6f,
			.out = AIOS_F32 };

	ct_frozen("rmsnorm.f32", rn_case(c));
	c.out = AIOS_I8X2;
	ct_frozen("rmsnorm.i8x2", rn_case(c));
}
END_TEST

Suite *test_rmsnorm_suite(void);

Suite *test_rmsnorm_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance rmsnorm", &tc);

	tcase_add_test(tc, test_shapes);
	tcase_add_test(tc, test_distributions);
	tcase_add_test(tc, test_whole_units);
	tcase_add_test(tc, test_frozen);
	return s;
}
