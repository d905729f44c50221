// SPDX-License-Identifier: Apache-2.0
/* gen_rows.c - cases of the ops that take rows one by one. */
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/gen.h"

#define COUNT(list) (uint32_t)(sizeof(list) / sizeof((list)[0]))

/* Fewer rows when a case would be too large. */
static uint32_t within(const struct gen_pick *k, uint32_t rows, uint64_t cols)
{
	uint64_t most = k->work / 8 / (cols ? cols : 1);

	return rows > most ? (most ? (uint32_t)most : 1) : rows;
}

/* A width that models have, now and then. */
static uint32_t hidden(const struct gen_pick *k, uint32_t slot)
{
	static const uint16_t real[] = { 1024, 2048, 3072, 4096, 12288, 14336 };

	if (k->index % 8 == 7)
		return real[pick_below(k, slot + 1, COUNT(real))];
	return pick_cols(k, slot);
}

static float epsilon(uint32_t which)
{
	static const float eps[] = { 1e-6f, 1e-5f, 0.0f };

	return eps[which % COUNT(eps)];
}

/* --- embed -------------------------------------------------------------------- */

enum {
	EM_T,
	EM_C,
	EM_V,
	EM_TABLE,
	EM_SCALE,
	EM_PAD,
	EM_DIST
};
static const struct gen_param embed_params[] = {
	[EM_T] = { "T", GEN_DIM, 1 },          [EM_C] = { "C", GEN_DIM, 1 },
	[EM_V] = { "V", GEN_DIM, 1 },          [EM_TABLE] = { "table", GEN_DTYPE, 0 },
	[EM_SCALE] = { "scale", GEN_FLAG, 0 }, [EM_PAD] = { "pad", GEN_FLAG, 0 },
	[EM_DIST] = { "dist", GEN_DIST, 0 },
};

static void embed_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	v[EM_C] = hidden(k, 0);
	v[EM_T] = within(k, pick_rows(k, 2), v[EM_C]);
	v[EM_V] = 1 + pick_below(k, 3, 40);
	v[EM_TABLE] = pick_float(k, 4);
	v[EM_SCALE] = pick_cycle(k, 5, 3);
	v[EM_PAD] = pick_cycle(k, 6, 3);
	v[EM_DIST] = pick_dist(k, 7);
}

/* Some padding, some ids outside the table. */
static int32_t embed_id(const struct gen_case *c, uint32_t row)
{
	uint32_t v = c->v[EM_V], r = conform_below(c->key, STREAM_IDS, row, 0, v * 8);

	switch (r) {
	case 0:
		return -1;
	case 1:
		return (int32_t)v;
	case 2:
		return -2;
	case 3:
		return INT32_MAX;
	case 4:
		return INT32_MIN;
	case 5:
		return (int32_t)v - 1;
	default:
		return (int32_t)(r % v);
	}
}

static int embed_build(const struct gen_case *c, struct prog *p)
{
	static const float scales[] = { 1.0f, 32.0f, 0x1.921fb6p+1f };
	const uint32_t *v = c->v;
	struct prog_tensor table, out;
	struct aios_op_embed *op;
	int32_t *ids;
	int buf = gen_ints(p, "ids", 1, v[EM_T], &ids);

	for (uint32_t t = 0; ids && t < v[EM_T]; t++)
		ids[t] = embed_id(c, c->row0 + t);
	table = prog_tensor(p, "table", PROG_IN, v[EM_TABLE], v[EM_V], v[EM_C], v[EM_PAD], STREAM_A,
			    0, v[EM_DIST]);
	out = prog_tensor(p, "out", PROG_OUT, AIOS_F32, v[EM_T], v[EM_C], v[EM_PAD] / 2, 0, 0, 0);
	op = prog_op(p, AIOS_OP_EMBED, sizeof(*op));
	op->scale = scales[v[EM_SCALE] % 3];
	op->n_tokens = v[EM_T];
	prog_addr(p, &op->ids, buf, 0);
	prog_put(p, &op->table, &table);
	prog_put(p, &op->out, &out);
	return 0;
}

const struct gen gen_embed = { AIOS_OP_EMBED, "embed",    false,        true,
			       160,           24,         embed_params, COUNT(embed_params),
			       embed_pick,    embed_build };

/* --- rmsnorm ------------------------------------------------------------------ */

enum {
	RN_T,
	RN_C,
	RN_ADD,
	RN_WEIGHT,
	RN_OUT,
	RN_OFFSET,
	RN_EPS,
	RN_PAD,
	RN_DIST
};
static const struct gen_param rmsnorm_params[] = {
	[RN_T] = { "T", GEN_DIM, 1 },        [RN_C] = { "C", GEN_DIM, 1 },
	[RN_ADD] = { "add", GEN_DTYPE, 0 },  [RN_WEIGHT] = { "weight", GEN_DTYPE, 0 },
	[RN_OUT] = { "out", GEN_DTYPE, 0 },  [RN_OFFSET] = { "offset", GEN_FLAG, 0 },
	[RN_EPS] = { "eps", GEN_FLAG, 0 },   [RN_PAD] = { "pad", GEN_FLAG, 0 },
	[RN_DIST] = { "dist", GEN_DIST, 0 },
};

static void rmsnorm_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	static const uint8_t adds[] = { AIOS_NONE, AIOS_F32, AIOS_BF16 };

	v[RN_C] = hidden(k, 0);
	v[RN_T] = within(k, pick_rows(k, 2), v[RN_C]);
	v[RN_ADD] = adds[pick_cycle(k, 3, 3)];
	v[RN_WEIGHT] = pick_float(k, 4);
	v[RN_OUT] = pick_out(k, 5);
	v[RN_OFFSET] = pick_cycle(k, 6, 2);
	v[RN_EPS] = pick_cycle(k, 7, 3);
	v[RN_PAD] = pick_cycle(k, 8, 3);
	v[RN_DIST] = pick_dist(k, 9);
}

static int rmsnorm_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct prog_tensor x, add, out;
	struct aios_op_rmsnorm *op;
	int weight;

	x = prog_tensor(p, "x", v[RN_ADD] ? PROG_INOUT : PROG_IN, AIOS_F32, v[RN_T], v[RN_C],
			v[RN_PAD], STREAM_A, c->row0, v[RN_DIST]);
	weight = prog_buf(p, "weight", PROG_IN, v[RN_WEIGHT], 1, v[RN_C], 0);
	prog_fill(p, weight, STREAM_B, 0, v[RN_DIST] == DIST_SPECIAL ? DIST_NORMAL : v[RN_DIST]);
	out = prog_tensor(p, "out", PROG_OUT, v[RN_OUT], v[RN_T], v[RN_C], v[RN_PAD] / 2, 0, 0, 0);
	if (v[RN_ADD])
		add = prog_tensor(p, "add", PROG_IN, v[RN_ADD], v[RN_T], v[RN_C], 1, STREAM_C,
				  c->row0, v[RN_DIST]);
	op = prog_op(p, AIOS_OP_RMSNORM, sizeof(*op));
	op->eps = epsilon(v[RN_EPS]);
	op->weight_offset = v[RN_OFFSET] ? 1.0f : 0.0f;
	op->weight_dtype = v[RN_WEIGHT];
	prog_put(p, &op->x, &x);
	if (v[RN_ADD])
		prog_put(p, &op->add, &add);
	prog_addr(p, &op->weight, weight, 0);
	prog_put(p, &op->out, &out);
	return 0;
}

const struct gen gen_rmsnorm = {
	AIOS_OP_RMSNORM,       "rmsnorm",    false,        true, 240, 36, rmsnorm_params,
	COUNT(rmsnorm_params), rmsnorm_pick, rmsnorm_build
};

/* --- glu ---------------------------------------------------------------------- */

enum {
	GL_T,
	GL_N,
	GL_ACT,
	GL_IN,
	GL_OUT,
	GL_PAD,
	GL_DIST
};
static const struct gen_param glu_params[] = {
	[GL_T] = { "T", GEN_DIM, 1 },        [GL_N] = { "N", GEN_DIM, 1 },
	[GL_ACT] = { "act", GEN_FLAG, 1 },   [GL_IN] = { "in", GEN_DTYPE, 0 },
	[GL_OUT] = { "out", GEN_DTYPE, 0 },  [GL_PAD] = { "pad", GEN_FLAG, 0 },
	[GL_DIST] = { "dist", GEN_DIST, 0 },
};

static void glu_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	v[GL_N] = hidden(k, 0);
	v[GL_T] = within(k, pick_rows(k, 2), 2 * (uint64_t)v[GL_N]);
	v[GL_ACT] = 1 + pick_cycle(k, 3, 2);
	v[GL_IN] = pick_cycle(k, 4, 2) ? AIOS_BF16 : AIOS_F32;
	v[GL_OUT] = pick_out(k, 5);
	v[GL_PAD] = pick_cycle(k, 6, 3);
	v[GL_DIST] = pick_dist(k, 7);
}

static int glu_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct prog_tensor in, out;
	struct aios_op_glu *op;

	in = prog_tensor(p, "in", PROG_IN, v[GL_IN], v[GL_T], 2 * v[GL_N], v[GL_PAD], STREAM_A,
			 c->row0, v[GL_DIST]);
	out = prog_tensor(p, "out", PROG_OUT, v[GL_OUT], v[GL_T], v[GL_N], v[GL_PAD] / 2, 0, 0, 0);
	op = prog_op(p, AIOS_OP_GLU, sizeof(*op));
	op->act = (uint8_t)v[GL_ACT];
	prog_put(p, &op->in, &in);
	prog_put(p, &op->out, &out);
	return 0;
}

const struct gen gen_glu = { AIOS_OP_GLU,       "glu",    false,    true, 200, 30, glu_params,
			     COUNT(glu_params), glu_pick, glu_build };

/* --- add ---------------------------------------------------------------------- */

enum {
	AD_T,
	AD_C,
	AD_B,
	AD_PLACE,
	AD_PAD,
	AD_DIST
};
static const struct gen_param add_params[] = {
	[AD_T] = { "T", GEN_DIM, 1 },      [AD_C] = { "C", GEN_DIM, 1 },
	[AD_B] = { "b", GEN_DTYPE, 0 },    [AD_PLACE] = { "in-place", GEN_FLAG, 0 },
	[AD_PAD] = { "pad", GEN_FLAG, 0 }, [AD_DIST] = { "dist", GEN_DIST, 0 },
};

static void add_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	v[AD_C] = hidden(k, 0);
	v[AD_T] = within(k, pick_rows(k, 2), v[AD_C]);
	v[AD_B] = pick_cycle(k, 3, 2) ? AIOS_BF16 : AIOS_F32;
	v[AD_PLACE] = pick_cycle(k, 4, 2);
	v[AD_PAD] = pick_cycle(k, 5, 3);
	v[AD_DIST] = pick_dist(k, 6);
}

static int add_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct prog_tensor a, b, out;
	struct aios_op_add *op;

	a = prog_tensor(p, "a", v[AD_PLACE] ? PROG_INOUT : PROG_IN, AIOS_F32, v[AD_T], v[AD_C],
			v[AD_PAD], STREAM_A, c->row0, v[AD_DIST]);
	b = prog_tensor(p, "b", PROG_IN, v[AD_B], v[AD_T], v[AD_C], v[AD_PAD] / 2, STREAM_B,
			c->row0, v[AD_DIST]);
	out = a;
	if (!v[AD_PLACE])
		out = prog_tensor(p, "out", PROG_OUT, AIOS_F32, v[AD_T], v[AD_C], 1, 0, 0, 0);
	op = prog_op(p, AIOS_OP_ADD, sizeof(*op));
	prog_put(p, &op->a, &a);
	prog_put(p, &op->b, &b);
	prog_put(p, &op->out, &out);
	return 0;
}

const struct gen gen_add = { AIOS_OP_ADD,       "add",    false,    true, 120, 20, add_params,
			     COUNT(add_params), add_pick, add_build };

/* --- gather_rows ---------------------------------------------------------------- */

enum {
	GA_R,
	GA_S,
	GA_C,
	GA_TYPE,
	GA_PAD,
	GA_DIST
};
static const struct gen_param gather_params[] = {
	[GA_R] = { "R", GEN_DIM, 1 },      [GA_S] = { "S", GEN_DIM, 1 },
	[GA_C] = { "C", GEN_DIM, 1 },      [GA_TYPE] = { "src", GEN_DTYPE, 0 },
	[GA_PAD] = { "pad", GEN_FLAG, 0 }, [GA_DIST] = { "dist", GEN_DIST, 0 },
};

static void gather_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	static const uint8_t types[] = { AIOS_F32,  AIOS_BF16, AIOS_F16, AIOS_E4M3, AIOS_I8,
					 AIOS_I8X2, AIOS_I32,  AIOS_U8,  AIOS_I64 };

	v[GA_C] = hidden(k, 0);
	v[GA_R] = within(k, pick_rows(k, 2), v[GA_C]);
	v[GA_S] = within(k, pick_rows(k, 3), v[GA_C]);
	v[GA_TYPE] = types[pick_cycle(k, 4, COUNT(types))];
	v[GA_PAD] = pick_cycle(k, 5, 3);
	v[GA_DIST] = pick_dist(k, 6);
}

static int32_t gather_row(const struct gen_case *c, uint32_t row)
{
	uint32_t s = c->v[GA_S], r = conform_below(c->key, STREAM_IDS, row, 0, 4 * s + 8);

	switch (r) {
	case 0:
		return -1;
	case 1:
		return (int32_t)s;
	case 2:
		return INT32_MIN;
	case 3:
		return INT32_MAX;
	default:
		return (int32_t)(r % s);
	}
}

static int gather_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct aios_op_gather_rows *op;
	struct prog_tensor src, out;
	int32_t *rows;
	int buf = gen_ints(p, "rows", 1, v[GA_R], &rows);

	for (uint32_t i = 0; rows && i < v[GA_R]; i++)
		rows[i] = gather_row(c, c->row0 + i);
	src = prog_tensor(p, "src", PROG_IN, v[GA_TYPE], v[GA_S], v[GA_C], v[GA_PAD], STREAM_A, 0,
			  v[GA_DIST]);
	out = prog_tensor(p, "out", PROG_OUT, v[GA_TYPE], v[GA_R], v[GA_C], v[GA_PAD] / 2, 0, 0, 0);
	op = prog_op(p, AIOS_OP_GATHER_ROWS, sizeof(*op));
	op->n_rows = v[GA_R];
	prog_addr(p, &op->rows, buf, 0);
	prog_put(p, &op->src, &src);
	prog_put(p, &op->out, &out);
	return 0;
}

const struct gen gen_gather_rows = {
	AIOS_OP_GATHER_ROWS, "gather_rows",        false,       true,        160, 24,
	gather_params,       COUNT(gather_params), gather_pick, gather_build
};

/* --- cast, quantise ------------------------------------------------------------- */

enum {
	CA_T,
	CA_C,
	CA_IN,
	CA_OUT,
	CA_PAD,
	CA_DIST
};
static const struct gen_param cast_params[] = {
	[CA_T] = { "T", GEN_DIM, 1 },      [CA_C] = { "C", GEN_DIM, 1 },
	[CA_IN] = { "in", GEN_DTYPE, 0 },  [CA_OUT] = { "out", GEN_DTYPE, 0 },
	[CA_PAD] = { "pad", GEN_FLAG, 0 }, [CA_DIST] = { "dist", GEN_DIST, 0 },
};

static void cast_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	static const uint8_t floats[] = { AIOS_F32, AIOS_BF16, AIOS_F16 };

	v[CA_C] = hidden(k, 0);
	v[CA_T] = within(k, pick_rows(k, 2), v[CA_C]);
	v[CA_IN] = floats[k->index % 3]; /* each pair of types with each distribution */
	v[CA_OUT] = floats[k->index / 3 % 3];
	v[CA_PAD] = pick_cycle(k, 5, 3);
	v[CA_DIST] = k->index / 9 % DIST_COUNT;
}

static int cast_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct prog_tensor in, out;
	struct aios_op_cast *op;

	in = prog_tensor(p, "in", PROG_IN, v[CA_IN], v[CA_T], v[CA_C], v[CA_PAD], STREAM_A, c->row0,
			 v[CA_DIST]);
	out = prog_tensor(p, "out", PROG_OUT, v[CA_OUT], v[CA_T], v[CA_C], v[CA_PAD] / 2, 0, 0, 0);
	op = prog_op(p, c->gen->type, sizeof(*op));
	prog_put(p, &op->in, &in);
	prog_put(p, &op->out, &out);
	return 0;
}

const struct gen gen_cast = { AIOS_OP_CAST,       "cast",    false,     true, 162, 81, cast_params,
			      COUNT(cast_params), cast_pick, cast_build };

static void quantise_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	static const uint8_t outs[] = { AIOS_E4M3, AIOS_I8, AIOS_I8X2 };

	cast_pick(k, v);
	v[CA_OUT] = outs[k->index / 3 % 3];
}

/* Rows whose largest value makes the factor a power of two: products that end in exactly one half. */
static void plant_ties(const struct gen_case *c, struct prog *p, int buf)
{
	uint32_t cols = c->v[CA_C];

	for (uint32_t r = 0; r < c->v[CA_T]; r++) {
		float *row = prog_row(p, buf, r);
		uint64_t random = conform_random(c->key, STREAM_B, c->row0 + r, 0);
		float most = c->v[CA_OUT] == AIOS_I8   ? 127.0f :
			     c->v[CA_OUT] == AIOS_I8X2 ? 32639.0f :
							 448.0f;

		if (!row || random % 2)
			continue;
		for (uint32_t i = 0; i < cols; i++) {
			random = conform_random(c->key, STREAM_B, c->row0 + r, i + 1);
			row[i] = (float)((int32_t)(random % 253) - 126) + 0.5f;
			if (c->v[CA_OUT] == AIOS_E4M3) /* halfway between codes of 3 bits */
				row[i] = (float)((17 + 2 * (random % 8)) << random / 8 % 4);
		}
		row[conform_below(c->key, STREAM_C, c->row0 + r, 0, cols)] =
			conform_random(c->key, STREAM_C, c->row0 + r, 1) & 1 ? -most : most;
	}
}

static int quantise_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct aios_op_quantise *op;
	struct prog_tensor in, out;

	in = prog_tensor(p, "in", PROG_IN, v[CA_IN], v[CA_T], v[CA_C], v[CA_PAD], STREAM_A, c->row0,
			 v[CA_DIST]);
	if (v[CA_IN] == AIOS_F32 && v[CA_DIST] == DIST_TIES)
		plant_ties(c, p, in.data);
	out = prog_tensor(p, "out", PROG_OUT, v[CA_OUT], v[CA_T], v[CA_C], v[CA_PAD] / 2, 0, 0, 0);
	op = prog_op(p, AIOS_OP_QUANTISE, sizeof(*op));
	prog_put(p, &op->in, &in);
	prog_put(p, &op->out, &out);
	return 0;
}

const struct gen gen_quantise = {
	AIOS_OP_QUANTISE, "quantise",         false,         true,          243, 81,
	cast_params,      COUNT(cast_params), quantise_pick, quantise_build
};

/* --- collectives ----------------------------------------------------------------- */

enum {
	RE_T,
	RE_C,
	RE_RANKS,
	RE_PLACE,
	RE_PAD,
	RE_DIST
};
static const struct gen_param reduce_params[] = {
	[RE_T] = { "T", GEN_DIM, 1 },         [RE_C] = { "C", GEN_DIM, 1 },
	[RE_RANKS] = { "ranks", GEN_DIM, 1 }, [RE_PLACE] = { "in-place", GEN_FLAG, 0 },
	[RE_PAD] = { "pad", GEN_FLAG, 0 },    [RE_DIST] = { "dist", GEN_DIST, 0 },
};

static void reduce_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	v[RE_RANKS] = 1u << pick_cycle(k, 0, 5);
	v[RE_C] = hidden(k, 1);
	v[RE_T] = within(k, pick_rows(k, 3), (uint64_t)v[RE_C] * v[RE_RANKS]);
	v[RE_PLACE] = pick_cycle(k, 4, 2);
	v[RE_PAD] = pick_cycle(k, 5, 3);
	v[RE_DIST] = pick_dist(k, 6);
}

static int reduce_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct prog_tensor parts[AIOS_MAX_RANKS], out;
	struct aios_op_all_reduce *op;
	uint32_t n = v[RE_RANKS], r;

	if (n == 0 || n > AIOS_MAX_RANKS || (n & (n - 1)))
		return -EINVAL;
	for (r = 0; r < n; r++)
		parts[r] = prog_tensor(p, "part", r == 0 && v[RE_PLACE] ? PROG_INOUT : PROG_IN,
				       AIOS_F32, v[RE_T], v[RE_C], v[RE_PAD], STREAM_A + r, c->row0,
				       v[RE_DIST]);
	out = parts[0];
	if (!v[RE_PLACE])
		out = prog_tensor(p, "out", PROG_OUT, AIOS_F32, v[RE_T], v[RE_C], v[RE_PAD], 0, 0,
				  0);
	op = prog_op(p, AIOS_OP_ALL_REDUCE, sizeof(*op));
	op->n_ranks = n;
	for (r = 0; r < n; r++)
		prog_addr(p, &op->parts[r], parts[r].data, 0);
	prog_put(p, &op->out, &out);
	return 0;
}

const struct gen gen_all_reduce = {
	AIOS_OP_ALL_REDUCE, "all_reduce",         false,       false,       120, 20,
	reduce_params,      COUNT(reduce_params), reduce_pick, reduce_build
};

enum {
	AG_T,
	AG_C,
	AG_RANKS,
	AG_TYPE,
	AG_PAD,
	AG_DIST
};
static const struct gen_param gather_all_params[] = {
	[AG_T] = { "T", GEN_DIM, 1 },         [AG_C] = { "C", GEN_DIM, 1 },
	[AG_RANKS] = { "ranks", GEN_DIM, 1 }, [AG_TYPE] = { "type", GEN_DTYPE, 0 },
	[AG_PAD] = { "pad", GEN_FLAG, 0 },    [AG_DIST] = { "dist", GEN_DIST, 0 },
};

static void gather_all_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	v[AG_RANKS] = 1u << pick_cycle(k, 0, 5);
	v[AG_C] = pick_cols(k, 1);
	v[AG_T] = within(k, pick_rows(k, 3), (uint64_t)v[AG_C] * v[AG_RANKS]);
	v[AG_TYPE] = pick_float(k, 4);
	v[AG_PAD] = pick_cycle(k, 5, 3);
	v[AG_DIST] = pick_dist(k, 6);
}

static int gather_all_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct prog_tensor parts[AIOS_MAX_RANKS], out;
	struct aios_op_all_gather *op;
	uint32_t n = v[AG_RANKS], r;

	if (n == 0 || n > AIOS_MAX_RANKS)
		return -EINVAL;
	for (r = 0; r < n; r++)
		parts[r] = prog_tensor(p, "part", PROG_IN, v[AG_TYPE], v[AG_T], v[AG_C], v[AG_PAD],
				       STREAM_A + r, c->row0, v[AG_DIST]);
	out = prog_tensor(p, "out", PROG_OUT, v[AG_TYPE], v[AG_T], n * v[AG_C], v[AG_PAD] / 2, 0, 0,
			  0);
	op = prog_op(p, AIOS_OP_ALL_GATHER, sizeof(*op));
	op->n_ranks = n;
	op->part_cols = v[AG_C];
	op->part_row_bytes = parts[0].t.row_bytes;
	for (r = 0; r < n; r++)
		prog_addr(p, &op->parts[r], parts[r].data, 0);
	prog_put(p, &op->out, &out);
	return 0;
}

const struct gen gen_all_gather = { AIOS_OP_ALL_GATHER,
				    "all_gather",
				    false,
				    false,
				    100,
				    15,
				    gather_all_params,
				    COUNT(gather_all_params),
				    gather_all_pick,
				    gather_all_build };
