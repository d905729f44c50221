// SPDX-License-Identifier: Apache-2.0
/*
 * test_matmul_sm90.c - the matmul kernels for compute capability 9.0 on the shim, at shapes that
 * the random cases of conformance rarely have, against the contract's definitions. Weights come
 * as a checkpoint's: CAST or QUANTISE packs them into the device's layout.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emit.h"
#include "env.h"
#include "matmul_ref.h"
#include "shim_data.h"
#include "shim_run.h"

Suite *test_matmul_sm90_suite(void);

enum dist {
	NORMAL,
	SPECIAL, /* infinities, NaN, zeros of both signs, subnormals among them */
};

struct mm_case {
	const char *kernel; /* that must be chosen */
	uint32_t t, n, k, segments;
	uint32_t profile, dtype, out, act, bias, residual, dist;
	uint32_t units, order;
};

#define TC AIOS_PROFILE_TC_SM90, AIOS_BF16
#define TCH AIOS_PROFILE_TC_SM90, AIOS_F16
#define I8 AIOS_PROFILE_I8, AIOS_I8
#define I8X2 AIOS_PROFILE_I8X2, AIOS_I8X2
#define SILU AIOS_ACT_SILU_MUL
#define GELU AIOS_ACT_GELU_TANH_MUL

static const struct mm_case mm_cases[] = {
	/* kernel, T, N, K, S, profile and type, out, act, bias, residual, dist, units, order */
	{ "stream_bf16_8_1", 1, 40, 128, 1, TC, AIOS_F32, 0, 0, 0, NORMAL, 4, SHIM_FORWARD },
	{ "stream_bf16_8_1", 1, 24, 1024, 1, TC, AIOS_BF16, 0, 0, 1, NORMAL, 3, SHIM_RANDOM },
	{ "stream_bf16_8_1", 3, 61, 320, 1, TC, AIOS_F32, 0, AIOS_F32, 1, SPECIAL, 2,
	  SHIM_REVERSE },
	{ "stream_bf16_8_2", 8, 200, 192, 1, TC, AIOS_F16, 0, AIOS_BF16, 0, NORMAL, 1,
	  SHIM_RANDOM },
	{ "stream_bf16_8_2", 5, 56, 576, 1, TC, AIOS_F32, SILU, 0, 0, NORMAL, 2, SHIM_RANDOM },
	{ "stream_bf16_8_2", 2, 16, 2112, 1, TC, AIOS_BF16, GELU, AIOS_F32, 0, SPECIAL, 1,
	  SHIM_FORWARD },
	{ "stream_bf16_16_1", 9, 33, 256, 1, TC, AIOS_F32, 0, 0, 0, NORMAL, 2, SHIM_RANDOM },
	{ "stream_bf16_16_2", 16, 48, 128, 1, TC, AIOS_F32, SILU, 0, 0, NORMAL, 2, SHIM_FORWARD },
	{ "stream_f16_8_1", 2, 17, 640, 1, TCH, AIOS_F32, 0, 0, 0, SPECIAL, 4, SHIM_RANDOM },
	{ "stream_f16_8_2", 7, 16, 192, 1, TCH, AIOS_F16, SILU, 0, 0, NORMAL, 1, SHIM_REVERSE },
	{ "stream_f16_16_1", 12, 24, 128, 1, TCH, AIOS_F32, 0, 0, 0, NORMAL, 2, SHIM_FORWARD },
	{ "stream_f16_16_2", 12, 24, 128, 1, TCH, AIOS_F32, GELU, 0, 0, NORMAL, 2, SHIM_FORWARD },
	{ "stream_seg_bf16", 1, 40, 512, 4, TC, AIOS_F32, 0, 0, 1, NORMAL, 2, SHIM_RANDOM },
	{ "stream_seg_bf16", 20, 16, 256, 16, TC, AIOS_F32, 0, 0, 0, NORMAL, 4, SHIM_REVERSE },
	{ "stream_seg_f16", 3, 9, 448, 2, TCH, AIOS_BF16, 0, AIOS_F32, 0, SPECIAL, 4,
	  SHIM_FORWARD },
	{ "stream_i8_8_1", 1, 100, 1024, 1, I8, AIOS_F32, 0, 0, 1, NORMAL, 3, SHIM_RANDOM },
	{ "stream_i8_8_2", 6, 72, 384, 8, I8, AIOS_BF16, SILU, AIOS_F16, 0, NORMAL, 1,
	  SHIM_FORWARD },
	{ "stream_i8_16_1", 11, 20, 128, 1, I8, AIOS_F32, 0, 0, 0, NORMAL, 4, SHIM_RANDOM },
	{ "stream_i8_16_2", 16, 56, 256, 1, I8, AIOS_F32, GELU, 0, 0, NORMAL, 4, SHIM_REVERSE },
	{ "stream_i8x2_8_1", 1, 100, 1024, 1, I8X2, AIOS_F32, 0, 0, 1, NORMAL, 3, SHIM_RANDOM },
	{ "stream_i8x2_8_1", 8, 17, 128, 1, I8X2, AIOS_BF16, 0, AIOS_F32, 0, NORMAL, 1,
	  SHIM_FORWARD },
	{ "stream_i8x2_8_2", 5, 32, 640, 1, I8X2, AIOS_F32, SILU, 0, 0, NORMAL, 2, SHIM_REVERSE },
	{ "stream_i8x2_16_2", 10, 24, 256, 1, I8X2, AIOS_F32, 0, 0, 1, NORMAL, 2, SHIM_RANDOM },
	{ "any_bf16", 3, 12, 192, 1, TC, AIOS_F32, SILU, 0, 0, SPECIAL, 2, SHIM_FORWARD },
	{ "any_f16", 3, 12, 90, 1, TCH, AIOS_F32, 0, 0, 0, SPECIAL, 2, SHIM_FORWARD },
	{ "any_bf16", 40, 24, 256, 4, TC, AIOS_F32, SILU, 0, 0, NORMAL, 2, SHIM_RANDOM },
	{ "stream_bf16_32_2", 17, 8, 128, 1, TC, AIOS_F32, 0, 0, 1, NORMAL, 4, SHIM_RANDOM },
	{ "stream_bf16_32_2", 21, 40, 192, 1, TC, AIOS_F32, 0, 0, 1, NORMAL, 3, SHIM_RANDOM },
	{ "batch_bf16_32", 64, 60, 320, 1, TC, AIOS_BF16, 0, AIOS_F32, 0, SPECIAL, 2,
	  SHIM_REVERSE },
	{ "batch_bf16_48", 50, 24, 128, 1, TC, AIOS_BF16, GELU, 0, 0, NORMAL, 1, SHIM_FORWARD },
	{ "batch_bf16_64", 64, 61, 256, 1, TC, AIOS_F32, 0, AIOS_F16, 1, NORMAL, 1, SHIM_RANDOM },
	{ "batch_bf16_96", 33, 40, 128, 1, TC, AIOS_F16, SILU, AIOS_F32, 0, SPECIAL, 1,
	  SHIM_RANDOM },
	{ "batch_bf16_64", 40, 121, 128, 1, TC, AIOS_F32, 0, 0, 0, NORMAL, 1, SHIM_FORWARD },
	{ "batch_bf16_192", 34, 380, 64, 1, TC, AIOS_F32, 0, 0, 0, NORMAL, 1, SHIM_RANDOM },
	{ "stream_f16_32_2", 30, 24, 128, 1, TCH, AIOS_F32, 0, 0, 0, NORMAL, 2, SHIM_RANDOM },
	{ "batch_f16_32", 33, 32, 128, 1, TCH, AIOS_F32, SILU, 0, 0, SPECIAL, 2, SHIM_FORWARD },
	{ "batch_f16_64", 37, 200, 64, 1, TCH, AIOS_F32, 0, 0, 1, NORMAL, 1, SHIM_REVERSE },
	{ "stream_i8_32_2", 32, 41, 256, 1, I8, AIOS_F32, 0, 0, 1, NORMAL, 4, SHIM_RANDOM },
	{ "batch_i8_48", 63, 41, 384, 8, I8, AIOS_BF16, 0, AIOS_F32, 1, NORMAL, 1, SHIM_REVERSE },
	{ "batch_i8_96", 35, 48, 128, 1, I8, AIOS_F32, GELU, 0, 0, NORMAL, 1, SHIM_RANDOM },
	{ "stream_i8x2_32_2", 29, 24, 256, 1, I8X2, AIOS_F32, 0, 0, 1, NORMAL, 4, SHIM_RANDOM },
	{ "batch_bf16_16", 33, 20, 128, 1, TC, AIOS_F32, 0, 0, 1, NORMAL, 2, SHIM_RANDOM },
	{ "batch_bf16_16", 64, 30, 448, 1, TC, AIOS_BF16, 0, AIOS_BF16, 1, SPECIAL, 2,
	  SHIM_REVERSE },
	{ "batch_bf16_16", 39, 24, 1088, 1, TC, AIOS_F16, SILU, 0, 0, NORMAL, 6, SHIM_RANDOM },
	{ "batch_bf16_32", 48, 96, 1216, 1, TC, AIOS_F32, 0, 0, 1, NORMAL, 3, SHIM_RANDOM },
	{ "batch_bf16_32", 17, 60, 320, 1, TC, AIOS_F32, 0, 0, 1, SPECIAL, 2, SHIM_RANDOM },
	{ "batch_i8x2_16", 21, 31, 640, 1, I8X2, AIOS_F32, 0, 0, 1, NORMAL, 3, SHIM_REVERSE },
	{ "batch_bf16_96", 57, 90, 128, 1, TC, AIOS_F32, 0, 0, 1, NORMAL, 1, SHIM_FORWARD },
	{ "batch_f16_192", 64, 96, 128, 1, TCH, AIOS_BF16, GELU, 0, 0, SPECIAL, 1, SHIM_RANDOM },
	{ "batch_i8x2_64", 50, 64, 640, 1, I8X2, AIOS_F16, 0, AIOS_F16, 1, NORMAL, 1, SHIM_RANDOM },
	{ "batch_i8x2_16", 41, 31, 128, 1, I8X2, AIOS_F32, 0, 0, 1, NORMAL, 3, SHIM_RANDOM },
	{ "batch_i8_16", 36, 31, 128, 1, I8, AIOS_F32, 0, 0, 1, NORMAL, 3, SHIM_FORWARD },
	{ "batch_i8x2_32", 47, 32, 128, 1, I8X2, AIOS_F32, SILU, AIOS_BF16, 0, NORMAL, 2,
	  SHIM_FORWARD },
	{ "batch_i8x2_192", 64, 180, 384, 1, I8X2, AIOS_F32, 0, 0, 0, NORMAL, 1, SHIM_RANDOM },
	{ "stream_seg_bf16", 40, 24, 256, 4, TC, AIOS_F32, 0, 0, 0, NORMAL, 2, SHIM_RANDOM },
};

/* --- data ------------------------------------------------------------------------ */

/* Roughly normal, of exponents that differ. */
static float mm_number(uint64_t *state)
{
	float v = 0.0f;
	int i;

	for (i = 0; i < 4; i++)
		v += (float)(int32_t)shim_next(state) * 0x1p-31f;
	return shim_next(state) % 8 ? v : v * 0x1p-7f;
}

/* A tensor of plain rows; its rows end in bytes that no one may use. */
static struct aios_tensor mm_tensor(uint32_t dtype, uint32_t rows, uint32_t cols)
{
	struct aios_tensor t = { .dtype = dtype, .rows = rows, .cols = cols };

	t.row_bytes = ((uint64_t)cols * aios_dtype_bytes(dtype) + 15) / 16 * 16 + 16;
	t.plane_bytes = dtype == AIOS_I8X2 ? rows * t.row_bytes : 0;
	t.data = (uintptr_t)shim_alloc((t.plane_bytes ? 2 : 1) * rows * t.row_bytes);
	if (aios_dtype_scaled(dtype))
		t.scale = (uintptr_t)shim_alloc(rows * sizeof(float));
	return t;
}

static void *mm_row(const struct aios_tensor *t, uint32_t r)
{
	return (void *)(uintptr_t)(t->data + r * t->row_bytes);
}

static void mm_fill(const struct aios_tensor *t, uint32_t dist, uint64_t *state)
{
	static const float special[] = {
		INFINITY, -INFINITY, NAN, 0.0f, -0.0f, 0x1p-140f, 0x1p-24f
	};
	uint32_t r, c;

	for (r = 0; r < t->rows; r++)
		for (c = 0; c < t->cols; c++)
			shim_set(mm_row(t, r), t->dtype, c, mm_number(state));
	for (r = 0; dist == SPECIAL && r < t->rows; r += 1 + shim_next(state) % 4)
		for (c = shim_next(state) % t->cols; c < t->cols; c += t->cols / 2 + 1)
			shim_set(mm_row(t, r), t->dtype, c, special[shim_next(state) % 7]);
}

static void mm_free(struct aios_tensor *t)
{
	free((void *)(uintptr_t)t->data);
	free((void *)(uintptr_t)t->scale);
}

/* --- running ------------------------------------------------------------------------ */

static void mm_run(const struct gpu_caps *caps, const struct aios_op *op, uint32_t order,
		   const char *kernel)
{
	struct shim_config config = { .wave = 32, .order = order, .seed = 4 + order };
	struct gpu_launch l[GPU_MAX_LAUNCHES];
	struct aios_status st = { 0 };
	unsigned int n, i, m;

	ck_assert_msg(gpu_plan(caps, op, l, GPU_MAX_LAUNCHES, &n, &st) == 0, "%s", st.message);
	for (i = 0; i < n; i++) {
		if (kernel)
			ck_assert_str_eq(gpu_kernel_name(l[i].kernel) + strlen("gpu_matmul_"),
					 kernel);
		for (m = 0; m < l[i].n_maps; m++) /* as the shim reads them */
			memcpy(l[i].args.bytes + l[i].maps[m].at, &l[i].maps[m],
			       sizeof(l[i].maps[m]));
		ck_assert_int_eq(shim_run(&l[i], &config), 0);
	}
}

/* `in` converted by the device: packed as the device wants its weights, or a scaled x. */
static struct aios_tensor mm_convert(const struct gpu_caps *caps, const struct aios_tensor *in,
				     uint32_t dtype, int profile, uint32_t order)
{
	struct aios_op_cast cast = { .op = AIOS_OP_INIT(struct aios_op_cast, AIOS_OP_CAST) };
	struct aios_op_quantise quantise = { .op = AIOS_OP_INIT(struct aios_op_quantise,
								AIOS_OP_QUANTISE) };
	struct aios_tensor out = { .dtype = dtype, .rows = in->rows, .cols = in->cols };
	struct aios_status st = { 0 };
	uint64_t bytes;

	if (profile < 0) {
		out = mm_tensor(dtype, in->rows, in->cols);
	} else {
		ck_assert_int_eq(gpu_weight_layout(caps, (uint32_t)profile, &out, &bytes, &st), 0);
		out.data = (uintptr_t)shim_alloc(bytes);
		if (aios_dtype_scaled(dtype))
			out.scale = (uintptr_t)shim_alloc(in->rows * sizeof(float));
	}
	cast.in = quantise.in = *in;
	cast.out = quantise.out = out;
	mm_run(caps, aios_dtype_scaled(dtype) ? &quantise.op : &cast.op, order, NULL);
	return out;
}

/* --- comparing ------------------------------------------------------------------------ */

/* All that an op needs: wide x and weights, x and weights as it gets them, the weights in rows. */
struct mm_bed {
	struct gpu_caps caps;
	struct aios_op_matmul op;
	struct aios_tensor x, w, w_rows;
	float *bias;
};

static float mm_dot(const struct mm_bed *b, uint32_t t, uint32_t n)
{
	const struct aios_tensor *x = &b->op.x, *w = &b->w_rows;
	struct ref_rows r = { .x = mm_row(x, t), .w = mm_row(w, n) };

	if (x->dtype == AIOS_I8X2)
		r.lo = (const char *)r.x + x->plane_bytes;
	if (x->scale) {
		r.x_scale = ((const float *)(uintptr_t)x->scale)[t];
		r.w_scale = ((const float *)(uintptr_t)w->scale)[n];
	}
	return ref_dot(&b->op, &r);
}

static void mm_compare(const struct mm_bed *b)
{
	const struct aios_op_matmul *op = &b->op;
	uint32_t t, n, cols = op->out.cols, want[1], got[1];

	for (t = 0; t < op->x.rows; t++)
		for (n = 0; n < cols; n++) {
			const float *res = op->residual.data ?
						   (const float *)mm_row(&op->residual, t) + n :
						   NULL;
			float v = ref_finish(op, mm_dot(b, t, n),
					     op->act ? mm_dot(b, t, cols + n) : 0.0f,
					     b->bias ? b->bias + n : NULL,
					     b->bias && op->act ? b->bias + cols + n : NULL, res);

			want[0] = got[0] = 0;
			shim_set(want, op->out.dtype, 0, v);
			memcpy(got,
			       (char *)mm_row(&op->out, t) + n * aios_dtype_bytes(op->out.dtype),
			       aios_dtype_bytes(op->out.dtype));
			ck_assert_msg(want[0] == got[0], "out[%u][%u] is 0x%x, expected 0x%x", t, n,
				      got[0], want[0]);
		}
}

static void mm_bias(struct mm_bed *b, const struct mm_case *c, uint32_t rows, uint64_t *state)
{
	struct aios_tensor t;
	uint32_t i;

	if (!c->bias)
		return;
	t = mm_tensor(c->bias, 1, rows);
	b->bias = shim_alloc(rows * sizeof(float));
	for (i = 0; i < rows; i++) {
		shim_set(mm_row(&t, 0), c->bias, i, mm_number(state));
		b->bias[i] = shim_get(mm_row(&t, 0), c->bias, i);
	}
	b->op.bias = t.data;
	b->op.bias_dtype = (uint8_t)c->bias;
}

#define LITTLE_SHARED (24u << 10) /* so that weights come slice by slice, in a ring */

/* The same outputs where not all weights of a block fit in shared memory. */
static void mm_again(struct mm_bed *b, const struct mm_case *c)
{
	b->caps.shared_max = LITTLE_SHARED;
	memset(mm_row(&b->op.out, 0), 0x5a, b->op.out.rows * b->op.out.row_bytes);
	mm_run(&b->caps, &b->op.op, c->order, NULL);
	mm_compare(b);
}

static void mm_check(const struct mm_case *c)
{
	uint32_t rows = c->act ? 2 * c->n : c->n;
	bool scaled = aios_dtype_scaled(c->dtype);
	uint32_t wide = scaled ? AIOS_F32 : c->dtype, w_type = scaled ? AIOS_I8 : c->dtype;
	struct mm_bed b = { .caps = { .wave = 32,
				      .units = c->units,
				      .shared_max = 232448,
				      .arch = 90,
				      .maps = strncmp(c->kernel, "batch_", 6) == 0 } };
	uint64_t state = c->t * 1000003u + c->n * 1009u + c->k;

	b.op.op = (struct aios_op)AIOS_OP_INIT(struct aios_op_matmul, AIOS_OP_MATMUL);
	b.op.profile = (uint8_t)c->profile;
	b.op.act = (uint8_t)c->act;
	b.op.mid_type = AIOS_BF16;
	b.op.segments = c->segments;
	b.x = mm_tensor(wide, c->t, c->k);
	b.w = mm_tensor(wide, rows, c->k);
	mm_fill(&b.x, c->dist, &state);
	mm_fill(&b.w, c->dist, &state);
	b.op.x = scaled ? mm_convert(&b.caps, &b.x, c->dtype, -1, c->order) : b.x;
	b.op.w = mm_convert(&b.caps, &b.w, w_type, (int)c->profile, c->order);
	b.w_rows = mm_convert(&b.caps, &b.w, w_type, -1, c->order);
	b.op.out = mm_tensor(c->out, c->t, c->n);
	if (c->residual) {
		b.op.residual = mm_tensor(AIOS_F32, c->t, c->n);
		mm_fill(&b.op.residual, NORMAL, &state);
	}
	mm_bias(&b, c, rows, &state);
	mm_run(&b.caps, &b.op.op, c->order, c->kernel);
	mm_compare(&b);
	if (strncmp(c->kernel, "stream_", 7) == 0)
		mm_again(&b, c);
	mm_free(&b.x);
	mm_free(&b.w);
	mm_free(&b.w_rows);
	mm_free(&b.op.w);
	mm_free(&b.op.out);
	mm_free(&b.op.residual);
	if (scaled)
		mm_free(&b.op.x);
	free((void *)(uintptr_t)b.op.bias);
	free(b.bias);
}

START_TEST(test_shapes)
{
	if (!skip_fibers())
		mm_check(&mm_cases[_i]);
}
END_TEST

Suite *test_matmul_sm90_suite(void)
{
	Suite *s = suite_create("matmul_sm90");
	TCase *tc = tcase_create("matmul_sm90");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_shapes, 0, (int)(sizeof(mm_cases) / sizeof(mm_cases[0])));
	suite_add_tcase(s, tc);
	return s;
}
