// SPDX-License-Identifier: Apache-2.0
/*
 * test_quantise_rows.c - the kernel that quantises few rows, one block a row or several, against the
 * contract's definitions: rows of every number of steps, and scales at the ends of their range. On
 * the shim.
 */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "emit.h"
#include "shim_data.h"
#include "shim_run.h"

Suite *test_quantise_rows_suite(void);

struct qr_case {
	uint32_t cols, rows, units, wave, order;
	uint32_t blocks; /* of a row */
};

static const struct qr_case qr_cases[] = {
	/* cols, rows, units, wave, order, blocks */
	{ 4, 2, 4, 32, SHIM_RANDOM, 1 },       { 2048, 3, 3, 32, SHIM_FORWARD, 1 },
	{ 2052, 1, 2, 32, SHIM_RANDOM, 2 },    { 4096, 1, 132, 32, SHIM_REVERSE, 2 },
	{ 4096, 2, 3, 32, SHIM_RANDOM, 1 },    { 4100, 1, 3, 64, SHIM_RANDOM, 3 },
	{ 5120, 2, 132, 32, SHIM_FORWARD, 3 }, { 8188, 1, 132, 32, SHIM_RANDOM, 4 },
	{ 9728, 1, 5, 64, SHIM_REVERSE, 5 },   { 12288, 1, 132, 32, SHIM_RANDOM, 6 },
	{ 12288, 3, 17, 32, SHIM_REVERSE, 1 }, { 12284, 2, 12, 64, SHIM_FORWARD, 6 },
	{ 10244, 2, 11, 64, SHIM_RANDOM, 1 },
};

#define QR_CASES (int)(sizeof(qr_cases) / sizeof(*qr_cases))

/* What a row's largest element is, beside others of its size and smaller ones. */
static const float qr_most[] = {
	1.0f,     0.0f,     3.7f,   0x1p-96f, 0x1.fffffep-97f, 0x1p-149f, FLT_MAX,
	0x1p127f, INFINITY, 127.0f, 32639.0f, 0x1.fffffep0f,   NAN,
};

#define QR_ROWS (uint32_t)(sizeof(qr_most) / sizeof(*qr_most))

/* Multiples of `most` of either sign, halves of codes among them; `most` itself once at random. */
static void qr_fill(float *x, uint32_t cols, float most, uint64_t *state)
{
	const float finite = isfinite(most) ? most : 2.0f;
	uint32_t c;

	for (c = 0; c < cols; c++) {
		float part = (float)(int32_t)shim_next(state) * 0x1p-31f;

		if (c % 5 == 0)
			part = (float)((int32_t)(shim_next(state) % 65278) - 32639) / 65278.0f;
		x[c] = finite * (c % 7 ? part : part * 0x1p-9f);
	}
	x[shim_next(state) % cols] = shim_next(state) % 2 ? most : -most;
}

static void qr_same(const struct qr_case *c, const struct aios_tensor *in,
		    const struct aios_tensor *out, uint32_t r)
{
	const float *x = (const float *)(uintptr_t)(in->data + r * in->row_bytes);
	const int8_t *hi = (const int8_t *)(uintptr_t)(out->data + r * out->row_bytes);
	const float scale = ((const float *)(uintptr_t)out->scale)[r];
	const bool two = out->dtype == AIOS_I8X2;
	struct aios_quant_scale want;
	float absmax = 0.0f;
	bool finite = true;
	uint32_t i;

	for (i = 0; i < c->cols; i++)
		absmax = aios_absmax_step(absmax, x[i], &finite);
	want = aios_quant_scale_of(absmax, finite, two ? AIOS_QMAX_I8X2 : AIOS_QMAX_I8);
	ck_assert_msg(aios_bits(scale) == aios_bits(want.scale), "%u columns, row %u: %a, not %a",
		      c->cols, r, (double)scale, (double)want.scale);
	for (i = 0; i < c->cols; i++) {
		const int32_t q = two ? aios_quant_i8x2(x[i], want.inv) :
					aios_quant_i8(x[i], want.inv);
		const int32_t got = two ? 256 * hi[i] + hi[out->plane_bytes + i] : hi[i];

		ck_assert_msg(got == q, "%u columns, row %u, column %u, %a: %d, not %d", c->cols, r,
			      i, (double)x[i], got, q);
	}
	for (; i < out->row_bytes; i++)
		ck_assert_int_eq(hi[i], SHIM_FILL);
}

static void qr_run(const struct qr_case *c, const struct aios_op_quantise *op)
{
	const struct gpu_caps caps = { .units = c->units, .wave = c->wave, .shared_max = 65536 };
	const struct shim_config config = { .wave = c->wave,
					    .order = c->order,
					    .seed = c->cols / 2 };
	struct gpu_launch l[GPU_MAX_LAUNCHES];
	struct aios_status st = { 0 };
	unsigned int n;

	ck_assert_msg(gpu_plan(&caps, &op->op, l, GPU_MAX_LAUNCHES, &n, &st) == 0, "%s",
		      st.message);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(gpu_kernel_name(l[0].kernel), "gpu_quantise_wide");
	ck_assert_uint_eq(l[0].grid[1], c->blocks);
	ck_assert_int_eq(shim_run(&l[0], &config), 0);
}

static void qr_check(const struct qr_case *c, uint32_t dtype)
{
	struct aios_op_quantise op = {
		.op = AIOS_OP_INIT(struct aios_op_quantise, AIOS_OP_QUANTISE),
		.in = shim_tensor(AIOS_F32, c->rows, c->cols),
		.out = shim_tensor(dtype, c->rows, c->cols),
	};
	uint64_t state = c->cols + dtype;
	uint32_t first, r;

	for (first = 0; first < QR_ROWS; first += c->rows) {
		for (r = 0; r < c->rows; r++)
			qr_fill((float *)(uintptr_t)(op.in.data + r * op.in.row_bytes), c->cols,
				qr_most[(first + r) % QR_ROWS], &state);
		qr_run(c, &op);
		for (r = 0; r < c->rows; r++)
			qr_same(c, &op.in, &op.out, r);
	}
	shim_free(&op.in);
	shim_free(&op.out);
}

START_TEST(test_rows)
{
	qr_check(&qr_cases[_i], AIOS_I8);
	qr_check(&qr_cases[_i], AIOS_I8X2);
}
END_TEST

Suite *test_quantise_rows_suite(void)
{
	Suite *s = suite_create("quantise_rows");
	TCase *tc = tcase_create("shim");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_rows, 0, QR_CASES);
	suite_add_tcase(s, tc);
	return s;
}
