// SPDX-License-Identifier: Apache-2.0
/* gen_matmul.c - cases of matmul: plain rows, and weights packed by the device. */
#include <aios/numerics.h>

#include "core/conform/gen.h"
#include "core/lib/array.h"

#define COUNT(list) (uint32_t)(sizeof(list) / sizeof((list)[0]))

enum {
	MM_T,
	MM_N,
	MM_K,
	MM_S,
	MM_X,
	MM_OUT,
	MM_ACT,
	MM_MID,
	MM_BIAS,
	MM_RES,
	MM_PAD,
	MM_DIST
};

static const struct gen_param matmul_params[] = {
	[MM_T] = { "T", GEN_DIM, 1 },         [MM_N] = { "N", GEN_DIM, 1 },
	[MM_K] = { "K", GEN_DIM, 1 },         [MM_S] = { "S", GEN_DIM, 1 },
	[MM_X] = { "x", GEN_DTYPE, 0 },       [MM_OUT] = { "out", GEN_DTYPE, 0 },
	[MM_ACT] = { "act", GEN_FLAG, 0 },    [MM_MID] = { "mid", GEN_DTYPE, 0 },
	[MM_BIAS] = { "bias", GEN_DTYPE, 0 }, [MM_RES] = { "residual", GEN_FLAG, 0 },
	[MM_PAD] = { "pad", GEN_FLAG, 0 },    [MM_DIST] = { "dist", GEN_DIST, 0 },
};

/* K and N of the layers of Qwen3-0.6B, Qwen3-8B, Llama-3.1-8B. */
static const uint32_t matmul_real[][2] = {
	{ 1024, 4096 },  { 2048, 1024 },  { 1024, 3072 },   { 3072, 1024 },
	{ 4096, 6144 },  { 4096, 4096 },  { 4096, 12288 },  { 12288, 4096 },
	{ 4096, 14336 }, { 14336, 4096 }, { 1024, 151936 }, { 4096, 128256 },
};

static void matmul_sizes(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	uint64_t most;

	v[MM_T] = pick_rows(k, 0);
	v[MM_N] = pick_cols(k, 1);
	v[MM_K] = pick_cols(k, 2);
	if (k->index % 6 == 5 && k->work > 1 << 20) {
		uint32_t real = (k->index / 6) % COUNT(matmul_real);

		v[MM_K] = matmul_real[real][0];
		v[MM_N] = matmul_real[real][1];
		v[MM_T] = 1 + pick_below(k, 3, 4);
	}
	most = k->work / v[MM_K];
	if (v[MM_N] > most)
		v[MM_N] = (uint32_t)(most ? most : 1);
	most /= v[MM_N];
	if (v[MM_T] > most)
		v[MM_T] = (uint32_t)(most ? most : 1);
}

static void matmul_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	static const uint8_t biases[] = { AIOS_NONE, AIOS_NONE, AIOS_F32, AIOS_BF16, AIOS_F16 };
	struct aios_profile_info info = aios_profile_info_of(k->profile);

	matmul_sizes(k, v);
	v[MM_S] = 1;
	if (pick_once_in(k, 4, 3)) {
		v[MM_S] = 1u << pick_cycle(k, 5, 5);
		v[MM_K] = (uint32_t)align_up(v[MM_K], (uint64_t)info.dot_l * v[MM_S]);
	}
	v[MM_X] = info.act_dtype == AIOS_BF16 ? pick_half(k, 6) : info.act_dtype;
	v[MM_OUT] = pick_float(k, 7);
	v[MM_ACT] = pick_once_in(k, 8, 3) ? 1 + pick_below(k, 9, 2) : 0;
	v[MM_MID] = v[MM_ACT] ? pick_float(k, 10) : AIOS_NONE;
	v[MM_BIAS] = biases[pick_cycle(k, 11, COUNT(biases))];
	v[MM_RES] = v[MM_ACT] ? 0 : pick_cycle(k, 12, 3);
	if (v[MM_RES] == 2)
		v[MM_OUT] = AIOS_F32; /* in place */
	v[MM_PAD] = pick_cycle(k, 13, 3);
	v[MM_DIST] = pick_dist(k, 14);
	if (v[MM_DIST] ==
	    DIST_INTEGERS) { /* sums of zero, and nothing that would hide their sign */
		v[MM_BIAS] = AIOS_NONE;
		v[MM_RES] = 0;
	}
	if (aios_dtype_scaled(v[MM_X]) &&
	    k->index % 10 == 9) { /* sums past 2^24, of 2^31 at most */
		v[MM_T] = 3;
		v[MM_N] = 17;
		v[MM_K] = 8192 + 1024 * pick_below(k, 15, 8);
		v[MM_DIST] = DIST_EXTREME;
	}
}

/*
 * Pairs of products that cancel: in every other row of x and of w a column repeats the
 * one before, in w with the other sign. Sums of both are exactly zero.
 */
static void plant_zero_sums(struct prog *p, const struct prog_tensor *x,
			    const struct prog_tensor *w, uint32_t row0)
{
	uint16_t *row;

	if (aios_dtype_bytes(x->t.dtype) != 2 || aios_dtype_bytes(w->t.dtype) != 2)
		return;
	for (uint32_t r = row0 % 2; r < x->t.rows; r += 2) {
		row = prog_row(p, x->data, r);
		for (uint32_t i = 0; row && i < x->t.cols; i++)
			row[i] = i + 1 == x->t.cols && i % 2 == 0 ? 0 : row[i - i % 2];
	}
	for (uint32_t r = 0; r < w->t.rows; r += 2) {
		row = prog_row(p, w->data, r);
		for (uint32_t i = 1; row && i < w->t.cols; i += 2)
			row[i] = row[i - 1] ^ 0x8000;
	}
}

/* Subnormal bf16 inputs meet large weights: else their products are all zero. */
static uint32_t weight_dist(const struct gen_case *c)
{
	if (c->v[MM_DIST] == DIST_SUBNORMAL && c->v[MM_X] == AIOS_BF16)
		return DIST_EXTREME;
	return c->v[MM_DIST];
}

/* Weights of a scaled type would overflow nothing; special values live in scales alone. */
static int matmul_check(const struct gen_case *c)
{
	const uint32_t *v = c->v;
	uint32_t l = aios_profile_info_of(c->profile).dot_l;

	if (v[MM_S] > AIOS_MAX_RANKS || (v[MM_S] & (v[MM_S] - 1)) ||
	    (v[MM_S] > 1 && v[MM_K] % (l * v[MM_S])))
		return -EINVAL;
	return 0;
}

/* The op itself with everything but its weight. */
static struct aios_op_matmul *matmul_op(const struct gen_case *c, struct prog *p,
					const struct prog_tensor *w)
{
	const uint32_t *v = c->v;
	uint32_t rows = v[MM_ACT] ? 2 * v[MM_N] : v[MM_N];
	uint32_t bias_dist = v[MM_DIST] == DIST_SPECIAL ? DIST_NORMAL : v[MM_DIST];
	struct prog_tensor x, out, residual;
	struct aios_op_matmul *op;
	int bias = -1;

	x = prog_tensor(p, "x", PROG_IN, v[MM_X], v[MM_T], v[MM_K], v[MM_PAD], STREAM_A, c->row0,
			v[MM_DIST]);
	if (v[MM_DIST] == DIST_INTEGERS && w->weight_profile < 0)
		plant_zero_sums(p, &x, w, c->row0);
	if (v[MM_BIAS]) {
		bias = prog_buf(p, "bias", PROG_IN, v[MM_BIAS], 1, rows, 0);
		prog_fill(p, bias, STREAM_C, 0, bias_dist);
	}
	if (v[MM_RES])
		residual = prog_tensor(p, "residual", v[MM_RES] == 2 ? PROG_INOUT : PROG_IN,
				       AIOS_F32, v[MM_T], v[MM_N], v[MM_PAD] / 2, STREAM_D, c->row0,
				       v[MM_DIST]);
	if (v[MM_RES] == 2)
		out = residual;
	else
		out = prog_tensor(p, "out", PROG_OUT, v[MM_OUT], v[MM_T], v[MM_N], v[MM_PAD] / 2, 0,
				  0, 0);
	op = prog_op(p, AIOS_OP_MATMUL, sizeof(*op));
	op->profile = (uint8_t)c->profile;
	op->act = (uint8_t)v[MM_ACT];
	op->mid_type = (uint8_t)v[MM_MID];
	op->bias_dtype = (uint8_t)v[MM_BIAS];
	op->segments = v[MM_S];
	prog_put(p, &op->x, &x);
	prog_put(p, &op->w, w);
	prog_put(p, &op->out, &out);
	if (v[MM_RES])
		prog_put(p, &op->residual, &residual);
	if (bias >= 0)
		prog_addr(p, &op->bias, bias, 0);
	return op;
}

static int matmul_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	uint32_t dtype = v[MM_X] == AIOS_I8X2 ? AIOS_I8 : v[MM_X];
	struct prog_tensor w;

	if (matmul_check(c))
		return -EINVAL;
	w = prog_tensor(p, "w", PROG_IN, dtype, v[MM_ACT] ? 2 * v[MM_N] : v[MM_N], v[MM_K],
			v[MM_PAD] / 2, STREAM_B, 0, weight_dist(c));
	matmul_op(c, p, &w);
	return 0;
}

const struct gen gen_matmul = {
	AIOS_OP_MATMUL,       "matmul",    true,        true, 180, 30, matmul_params,
	COUNT(matmul_params), matmul_pick, matmul_build
};

/*
 * The same with a weight that is converted on the device into the layout that
 * weight_layout() names (plain rows when there is none): what loading a model does.
 */
static int weights_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	uint32_t dtype = v[MM_X] == AIOS_I8X2 ? AIOS_I8 : v[MM_X];
	uint32_t rows = v[MM_ACT] ? 2 * v[MM_N] : v[MM_N];
	struct prog_tensor in, w;
	struct aios_op_cast *op;

	if (matmul_check(c))
		return -EINVAL;
	in = prog_tensor(p, "file", PROG_IN, aios_dtype_scaled(dtype) ? AIOS_BF16 : dtype, rows,
			 v[MM_K], v[MM_PAD], STREAM_B, 0, weight_dist(c));
	w = prog_weight(p, "w", c->profile, dtype, rows, v[MM_K]);
	_Static_assert(sizeof(struct aios_op_cast) == sizeof(struct aios_op_quantise) &&
			       offsetof(struct aios_op_cast, out) ==
				       offsetof(struct aios_op_quantise, out),
		       "one builder for both");
	op = prog_op(p, aios_dtype_scaled(dtype) ? AIOS_OP_QUANTISE : AIOS_OP_CAST, sizeof(*op));
	prog_put(p, &op->in, &in);
	prog_put(p, &op->out, &w);
	matmul_op(c, p, &w);
	return 0;
}

const struct gen gen_weights = {
	AIOS_OP_MATMUL,       "weights",   true,         false, 60, 10, matmul_params,
	COUNT(matmul_params), matmul_pick, weights_build
};
