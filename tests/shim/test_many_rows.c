// SPDX-License-Identifier: Apache-2.0
/*
 * test_many_rows.c - the kernels that normalise and quantise many rows, one a block, against the
 * contract's definitions: blocks of all sizes, rows that lie in shared memory and rows too long for
 * it, columns that are no multiple of four, all types, panels. On the shim.
 */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "emit.h"
#include "panels.h"
#include "shim_data.h"
#include "shim_run.h"

Suite *test_many_rows_suite(void);

/* A shape, the machine, and what is planned for it. */
struct mr_case {
	uint32_t cols, rows, units, wave, order, shared_max;
	uint32_t threads, staged;
};

static const struct mr_case mr_cases[] = {
	/* cols, rows, units, wave, order, shared_max, threads, staged */
	{ 1, 9, 2, 32, SHIM_RANDOM, 65536, 64, 1 },
	{ 7, 5, 1, 64, SHIM_REVERSE, 65536, 64, 1 },
	{ 130, 9, 1, 32, SHIM_FORWARD, 232448, 64, 1 },
	{ 255, 9, 2, 32, SHIM_RANDOM, 232448, 64, 1 },
	{ 1024, 9, 2, 32, SHIM_RANDOM, 232448, 64, 1 },
	{ 1027, 5, 1, 64, SHIM_RANDOM, 65536, 64, 1 },
	{ 1284, 9, 4, 32, SHIM_RANDOM, 232448, 256, 1 },
	{ 2048, 5, 1, 64, SHIM_FORWARD, 65536, 64, 1 },
	{ 2562, 5, 1, 64, SHIM_REVERSE, 65536, 128, 1 },
	{ 4096, 9, 2, 32, SHIM_RANDOM, 232448, 128, 1 },
	{ 4093, 5, 1, 32, SHIM_REVERSE, 232448, 128, 1 },
	{ 4098, 5, 1, 32, SHIM_RANDOM, 232448, 256, 1 },
	{ 6145, 5, 1, 64, SHIM_RANDOM, 49152, 256, 0 },
	{ 9730, 3, 2, 32, SHIM_RANDOM, 49152, 256, 0 },
	{ 12289, 3, 1, 32, SHIM_FORWARD, 232448, 256, 1 },
	{ 12290, 3, 1, 64, SHIM_RANDOM, 49152, 256, 0 },
};

#define MR_CASES (int)(sizeof(mr_cases) / sizeof(*mr_cases))

static const uint32_t mr_floats[] = { AIOS_F32, AIOS_BF16, AIOS_F16 };
static const uint32_t mr_scaled[] = { AIOS_I8X2, AIOS_I8, AIOS_E4M3 };

/* What rows are made of: a row's numbers are about so large; one of them is this. */
static const struct {
	float size, one;
} mr_kinds[] = {
	{ 1.0f, 1.0f },     { 0.0f, 0.0f },   { 0x1p-140f, 0x1p-130f }, { 0x1p100f, FLT_MAX },
	{ 3.0f, INFINITY }, { 0x1p-3f, NAN }, { 100.0f, 1e4f },
};

#define MR_KINDS (sizeof(mr_kinds) / sizeof(*mr_kinds))

static void *mr_row(const struct aios_tensor *t, uint32_t r)
{
	return (void *)(uintptr_t)(t->data + r * t->row_bytes);
}

static void mr_fill(const struct aios_tensor *t, uint64_t *state, bool plain)
{
	for (uint32_t r = 0; r < t->rows; r++) {
		const uint32_t kind = plain ? 0 : (uint32_t)(*state >> 40) % MR_KINDS;

		for (uint32_t c = 0; c < t->cols; c++)
			shim_set(mr_row(t, r), t->dtype, c,
				 (float)(int32_t)shim_next(state) * 0x1p-31f * mr_kinds[kind].size);
		shim_set(mr_row(t, r), t->dtype, shim_next(state) % t->cols,
			 shim_next(state) % 2 ? mr_kinds[kind].one : -mr_kinds[kind].one);
	}
}

static void mr_run(const struct mr_case *c, const struct aios_op *op, const char *name)
{
	const struct gpu_caps caps = { .units = c->units,
				       .wave = c->wave,
				       .shared_max = c->shared_max };
	const struct shim_config config = { .wave = c->wave, .order = c->order, .seed = c->cols };
	struct gpu_launch l[GPU_MAX_LAUNCHES];
	struct aios_status st = { 0 };
	unsigned int n;

	ck_assert_msg(gpu_plan(&caps, op, l, GPU_MAX_LAUNCHES, &n, &st) == 0, "%s", st.message);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(gpu_kernel_name(l[0].kernel), name);
	if (op->type == AIOS_OP_RMSNORM) {
		const struct gpu_rmsnorm_args *a = (const void *)l[0].args.bytes;

		ck_assert_uint_eq(l[0].block[0], c->threads);
		ck_assert_uint_eq(a->staged, c->staged);
	}
	ck_assert_int_eq(shim_run(&l[0], &config), 0);
}

/* The bits at column i of a row of a float type are those of v, rounded. */
static void mr_same_float(const struct aios_tensor *t, uint32_t r, uint32_t i, float v)
{
	const void *row = mr_row(t, r);
	const uint32_t got = t->dtype == AIOS_F32 ? ((const uint32_t *)row)[i] :
						    ((const uint16_t *)row)[i];
	const uint32_t want = t->dtype == AIOS_F32  ? aios_bits(aios_canon(v)) :
			      t->dtype == AIOS_BF16 ? aios_f32_to_bf16(v) :
						      aios_f32_to_f16(v);

	ck_assert_msg(got == want, "type %u, row %u, column %u of %u: %x, not %x", t->dtype, r, i,
		      t->cols, got, want);
}

static void mr_same_padding(const struct aios_tensor *t, uint32_t r)
{
	const unsigned char *row = mr_row(t, r);

	for (uint64_t i = t->cols * aios_dtype_bytes(t->dtype); i < t->row_bytes; i++) {
		ck_assert_uint_eq(row[i], SHIM_FILL);
		if (t->dtype == AIOS_I8X2)
			ck_assert_uint_eq(row[t->plane_bytes + i], SHIM_FILL);
	}
}

/* Where byte i of a row lies. */
static const unsigned char *mr_code(const struct aios_tensor *t, uint32_t r, uint64_t i)
{
	const unsigned char *data = (const unsigned char *)(uintptr_t)t->data;

	if (t->layout == GPU_LAYOUT_PANELS)
		return data + GPU_PANEL_OFFSET(r, i, t->row_bytes);
	return data + r * t->row_bytes + i;
}

/* Row r of a scaled type is that of v[]. */
static void mr_same_scaled(const struct aios_tensor *t, uint32_t r, const float *v)
{
	const float qmax = t->dtype == AIOS_I8X2 ? AIOS_QMAX_I8X2 :
			   t->dtype == AIOS_I8   ? AIOS_QMAX_I8 :
						   AIOS_QMAX_E4M3;
	struct aios_quant_scale want;
	float absmax = 0.0f;
	bool finite = true;
	uint32_t i;

	for (i = 0; i < t->cols; i++)
		absmax = aios_absmax_step(absmax, v[i], &finite);
	want = aios_quant_scale_of(absmax, finite, qmax);
	ck_assert_uint_eq(aios_bits(((const float *)(uintptr_t)t->scale)[r]),
			  aios_bits(want.scale));
	for (i = 0; i < t->cols; i++) {
		const unsigned char *at = mr_code(t, r, i);
		const int32_t two = aios_quant_i8x2(v[i], want.inv);
		const uint8_t hi = t->dtype == AIOS_I8X2 ? (uint8_t)aios_i8x2_hi(two) :
				   t->dtype == AIOS_I8   ? (uint8_t)aios_quant_i8(v[i], want.inv) :
							   aios_quant_e4m3(v[i], want.inv);

		ck_assert_msg(*at == hi, "type %u, row %u, column %u of %u: %u, not %u", t->dtype,
			      r, i, t->cols, *at, hi);
		if (t->dtype == AIOS_I8X2)
			ck_assert_uint_eq(at[t->plane_bytes], (uint8_t)aios_i8x2_lo(two));
	}
}

static void mr_same(const struct aios_tensor *t, uint32_t r, const float *v)
{
	if (aios_dtype_scaled(t->dtype))
		mr_same_scaled(t, r, v);
	else
		for (uint32_t i = 0; i < t->cols; i++)
			mr_same_float(t, r, i, v[i]);
	mr_same_padding(t, r);
}

/* Row r as the contract has it, from what x was; x is compared too. */
static void mr_norm_row(const struct aios_op_rmsnorm *op, uint32_t r, float *v)
{
	const void *weight = (const void *)(uintptr_t)op->weight;
	float lanes[AIOS_LANES], factor;

	for (uint32_t i = 0; i < op->x.cols && op->add.data; i++)
		v[i] = aios_canon(aios_add(v[i], shim_get(mr_row(&op->add, r), op->add.dtype, i)));
	for (uint32_t i = 0; i < op->x.cols; i++)
		ck_assert_uint_eq(((const uint32_t *)mr_row(&op->x, r))[i], aios_bits(v[i]));
	mr_same_padding(&op->x, r);
	for (uint32_t lane = 0; lane < AIOS_LANES; lane++)
		lanes[lane] = aios_lane_sumsq_partial(v, op->x.cols, lane);
	factor = aios_rms_factor(aios_halving_tree(lanes, AIOS_LANES), op->x.cols, op->eps);
	for (uint32_t i = 0; i < op->x.cols; i++)
		v[i] = aios_rms_apply(v[i], factor, shim_get(weight, op->weight_dtype, i),
				      op->weight_offset);
}

static void mr_norm(const struct mr_case *c, uint32_t dtype, uint32_t turn)
{
	static const uint32_t adds[] = { AIOS_NONE, AIOS_BF16, AIOS_F32 };
	const uint32_t add = adds[turn % 3], weight_dtype = mr_floats[turn / 3 % 3];
	struct aios_op_rmsnorm op = {
		.op = AIOS_OP_INIT(struct aios_op_rmsnorm, AIOS_OP_RMSNORM),
		.eps = turn % 2 ? 1e-6f : 0.0f,
		.weight_offset = turn % 4 == 3 ? 1.0f : 0.0f,
		.x = shim_tensor(AIOS_F32, c->rows, c->cols),
		.weight_dtype = weight_dtype,
		.out = shim_tensor(dtype, c->rows, c->cols),
	};
	struct aios_tensor weight = shim_tensor(weight_dtype, 1, c->cols);
	float *was = shim_alloc(c->rows * c->cols * sizeof(float));
	uint64_t state = c->cols * 64 + turn;

	mr_fill(&op.x, &state, false);
	mr_fill(&weight, &state, true);
	op.weight = weight.data;
	if (add) {
		op.add = shim_tensor(add, c->rows, c->cols);
		mr_fill(&op.add, &state, true);
	}
	for (uint32_t r = 0; r < c->rows; r++)
		memcpy(was + (size_t)r * c->cols, mr_row(&op.x, r), c->cols * sizeof(float));
	mr_run(c, &op.op, "gpu_rmsnorm");
	for (uint32_t r = 0; r < c->rows; r++) {
		mr_norm_row(&op, r, was + (size_t)r * c->cols);
		mr_same(&op.out, r, was + (size_t)r * c->cols);
	}
	free(was);
	shim_free(&op.x);
	shim_free(&op.out);
	shim_free(&weight);
	if (add)
		shim_free(&op.add);
}

/* In panels all bytes of the padding are zeros. */
static void mr_same_panels(const struct aios_tensor *t)
{
	for (uint32_t r = 0; r < GPU_PANEL_PAD_ROWS(t->rows); r++)
		for (uint64_t i = r < t->rows ? t->cols : 0; i < t->row_bytes; i++)
			ck_assert_uint_eq(*mr_code(t, r, i), 0);
}

static void mr_quantise(const struct mr_case *c, uint32_t in, uint32_t dtype, bool panels)
{
	struct aios_op_quantise op = {
		.op = AIOS_OP_INIT(struct aios_op_quantise, AIOS_OP_QUANTISE),
		.in = shim_tensor(in, c->rows, c->cols),
		.out = shim_tensor(dtype, panels ? (uint32_t)GPU_PANEL_PAD_ROWS(c->rows) : c->rows,
				   panels ? c->cols + GPU_PANEL_K_PAD : c->cols),
	};
	float *v = shim_alloc(c->cols * sizeof(float));
	uint64_t state = c->cols * 64 + in * 8 + dtype;

	if (panels) {
		op.out.layout = GPU_LAYOUT_PANELS;
		op.out.rows = c->rows;
		op.out.cols = c->cols;
		op.out.row_bytes = GPU_PANEL_ROW_BYTES(c->cols, 1);
	}
	mr_fill(&op.in, &state, false);
	mr_run(c, &op.op, panels ? "gpu_quantise_panels" : "gpu_quantise");
	for (uint32_t r = 0; r < c->rows; r++) {
		for (uint32_t i = 0; i < c->cols; i++)
			v[i] = shim_get(mr_row(&op.in, r), in, i);
		if (panels)
			mr_same_scaled(&op.out, r, v);
		else
			mr_same(&op.out, r, v);
	}
	if (panels)
		mr_same_panels(&op.out);
	free(v);
	shim_free(&op.in);
	shim_free(&op.out);
}

START_TEST(test_norm)
{
	const struct mr_case *c = &mr_cases[_i];

	for (uint32_t i = 0; i < 3; i++) {
		mr_norm(c, mr_floats[i], (uint32_t)_i + 4 * i);
		mr_norm(c, mr_scaled[i], (uint32_t)_i + 4 * i + 1);
		mr_norm(c, mr_scaled[i], (uint32_t)_i + 4 * i + 2);
	}
}
END_TEST

START_TEST(test_quantise)
{
	const struct mr_case *c = &mr_cases[_i];

	for (uint32_t i = 0; i < 3; i++) {
		for (uint32_t k = 0; k < 3; k++)
			mr_quantise(c, mr_floats[i], mr_scaled[k], false);
		mr_quantise(c, mr_floats[i], AIOS_I8, true);
	}
}
END_TEST

Suite *test_many_rows_suite(void)
{
	Suite *s = suite_create("many_rows");
	TCase *tc = tcase_create("shim");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_norm, 0, MR_CASES);
	tcase_add_loop_test(tc, test_quantise, 0, MR_CASES);
	suite_add_tcase(s, tc);
	return s;
}
