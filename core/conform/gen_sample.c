// SPDX-License-Identifier: Apache-2.0
/* gen_sample.c - cases of the ops on logits. */
#include <string.h>

#include <aios/numerics.h>

#include "core/conform/gen.h"

#define COUNT(list) (uint32_t)(sizeof(list) / sizeof((list)[0]))

/* Rows of logits, beyond the distributions of elements. */
enum {
	ROW_PLAIN,
	ROW_FEW,
	ROW_EQUAL,
	ROW_FORBIDDEN,
	ROW_NAN,
	ROW_INF,
	ROW_NEAR,
	ROW_ZEROS,
	ROW_KINDS
};

static float logit(uint32_t kind, uint32_t dist, uint64_t r)
{
	switch (kind) {
	case ROW_FEW: /* ties everywhere, both zeros among them */
		return (float)((int32_t)(r >> 8 & 3) - 2) * (r & 1 ? 0.5f : -0.5f);
	case ROW_EQUAL:
		return 1.5f;
	case ROW_FORBIDDEN: /* mostly -inf */
		return r % 5 ? -aios_inf() : conform_value(DIST_NORMAL, r);
	case ROW_NAN:
		return r % 3 ? aios_float(0x7fc00000u | (uint32_t)(r & 0xff)) :
			       conform_value(DIST_NORMAL, r);
	case ROW_INF:
		return r % 97 == 0 ? aios_inf() : conform_value(DIST_NORMAL, r);
	case ROW_ZEROS: /* the largest is zero, of either sign */
		return r % 5 == 0 ? (r & 32 ? 0.0f : -0.0f) :
				    -aios_abs(conform_value(DIST_NORMAL, r));
	case ROW_NEAR: /* neighbours in the last place */
		return aios_float(0x41200000u + (uint32_t)(r >> 9 & 7));
	default:
		return aios_mul(conform_value(dist, r), dist == DIST_NORMAL ? 4.0f : 1.0f);
	}
}

static struct prog_tensor logits_tensor(const struct gen_case *c, struct prog *p,
					enum prog_role role, uint32_t rows, uint32_t vocab,
					uint32_t pad, uint32_t dist)
{
	struct prog_tensor t =
		prog_tensor(p, "logits", role, AIOS_F32, rows, vocab, pad, 0, 0, DIST_NORMAL);

	for (uint32_t r = 0; r < rows; r++) {
		uint32_t kind = conform_below(c->key, STREAM_D, c->row0 + r, 0, 2 * ROW_KINDS);
		float *row = prog_row(p, t.data, r);

		for (uint32_t i = 0; row && i < vocab; i++)
			row[i] = logit(kind < ROW_KINDS ? kind : ROW_PLAIN, dist,
				       conform_random(c->key, STREAM_A, c->row0 + r, i));
	}
	return t;
}

static uint32_t pick_vocab(const struct gen_pick *k, uint32_t slot)
{
	if (k->index % 16 == 15 && k->work > 1 << 20)
		return k->index % 32 == 15 ? 151936 : 128256;
	return k->index % 16 == 14 ? 32003 : pick_cols(k, slot);
}

static uint32_t rows_within(const struct gen_pick *k, uint32_t rows, uint32_t vocab)
{
	uint64_t most = k->work / 32 / vocab;

	if (vocab == 32003) /* few enough for the quick set, enough to draw from */
		return 6;
	return rows > most ? (most ? (uint32_t)most : 1) : rows;
}

/* --- argmax ---------------------------------------------------------------------- */

enum {
	AM_R,
	AM_V,
	AM_PAD,
	AM_DIST
};
static const struct gen_param argmax_params[] = {
	[AM_R] = { "R", GEN_DIM, 1 },
	[AM_V] = { "V", GEN_DIM, 1 },
	[AM_PAD] = { "pad", GEN_FLAG, 0 },
	[AM_DIST] = { "dist", GEN_DIST, 0 },
};

static void argmax_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	v[AM_V] = pick_vocab(k, 0);
	v[AM_R] = rows_within(k, pick_rows(k, 1), v[AM_V]);
	v[AM_PAD] = pick_cycle(k, 2, 3);
	v[AM_DIST] = pick_dist(k, 3);
}

static int argmax_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct prog_tensor logits =
		logits_tensor(c, p, PROG_IN, v[AM_R], v[AM_V], v[AM_PAD], v[AM_DIST]);
	int ids = prog_buf(p, "ids", PROG_OUT, AIOS_I32, 1, v[AM_R], 0);
	struct aios_op_argmax *op = prog_op(p, AIOS_OP_ARGMAX, sizeof(*op));

	prog_put(p, &op->logits, &logits);
	prog_addr(p, &op->ids, ids, 0);
	return 0;
}

const struct gen gen_argmax = {
	AIOS_OP_ARGMAX,       "argmax",    false,       true, 160, 30, argmax_params,
	COUNT(argmax_params), argmax_pick, argmax_build
};

/* --- logits ---------------------------------------------------------------------- */

enum {
	LG_R,
	LG_V,
	LG_PARAMS,
	LG_CAP,
	LG_PAD,
	LG_DIST
};
static const struct gen_param logits_params[] = {
	[LG_R] = { "R", GEN_DIM, 1 },
	[LG_V] = { "V", GEN_DIM, 1 },
	[LG_PARAMS] = { "params", GEN_FLAG, 0 },
	[LG_CAP] = { "softcap", GEN_FLAG, 0 },
	[LG_PAD] = { "pad", GEN_FLAG, 0 },
	[LG_DIST] = { "dist", GEN_DIST, 0 },
};

static void logits_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	v[LG_V] = pick_vocab(k, 0);
	v[LG_R] = rows_within(k, pick_rows(k, 1), v[LG_V]);
	v[LG_PARAMS] = pick_cycle(k, 2, 4) ? 1 : 0;
	v[LG_CAP] = pick_cycle(k, 3, 3) == 0;
	v[LG_PAD] = pick_cycle(k, 4, 3);
	v[LG_DIST] = pick_dist(k, 5);
}

#define MAX_LIST 12 /* counts and biases a row has at most */

/* How many ids the row names, and the i-th of them: distinct by construction. */
static uint32_t list_length(const struct gen_case *c, uint32_t row, uint32_t which)
{
	uint32_t v = c->v[LG_V], n = conform_below(c->key, STREAM_IDS, row, which, MAX_LIST + 1);

	return n < v ? n : v;
}

static int32_t list_id(const struct gen_case *c, uint32_t row, uint32_t which, uint32_t i,
		       uint32_t n)
{
	uint32_t v = c->v[LG_V], step = v / n;

	return (int32_t)(i * step +
			 conform_below(c->key, STREAM_IDS, row, 16 + 32 * which + i, step));
}

static void fill_params(const struct gen_case *c, struct aios_sample_row *row, uint32_t r)
{
	static const float repetitions[] = { 0.0f, 1.0f, 1.1f, 1.5f, 0.7f };
	static const float penalties[] = { 0.0f, 0.0f, 0.5f, -0.3f, 2.0f };
	uint32_t name = c->row0 + r;

	row->repetition = repetitions[conform_below(c->key, STREAM_B, name, 0, 5)];
	row->frequency = penalties[conform_below(c->key, STREAM_B, name, 1, 5)];
	row->presence = penalties[conform_below(c->key, STREAM_B, name, 2, 5)];
	row->temperature = 1.0f;
}

static void logits_lists(const struct gen_case *c, struct prog *p, int rows, int counts, int biases)
{
	uint32_t n_counts = 0, n_biases = 0, r, i, n;

	for (r = 0; r < c->v[LG_R]; r++) {
		struct aios_sample_row *row = prog_row(p, rows, r);
		struct aios_token_count *count = prog_row(p, counts, 0);
		struct aios_token_bias *bias = prog_row(p, biases, 0);
		uint32_t name = c->row0 + r;

		if (!row || !count || !bias)
			return;
		memset(row, 0, sizeof(*row));
		fill_params(c, row, r);
		n = list_length(c, name, 0);
		row->counts_start = n_counts;
		row->counts_n = n;
		for (i = 0; i < n; i++)
			count[n_counts++] = (struct aios_token_count){
				list_id(c, name, 0, i, n),
				conform_below(c->key, STREAM_C, name, i, 5)
			};
		n = list_length(c, name, 1);
		row->bias_start = n_biases;
		row->bias_n = n;
		for (i = 0; i < n; i++)
			bias[n_biases++] = (struct aios_token_bias){
				list_id(c, name, 1, i, n),
				conform_below(c->key, STREAM_C, name, 64 + i, 6) ?
					conform_value(DIST_NORMAL, conform_random(c->key, STREAM_C,
										  name, 128 + i)) :
					-aios_inf()
			};
	}
}

static int logits_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	int rows = -1, counts = -1, biases = -1;
	struct prog_tensor logits;
	struct aios_op_logits *op;

	logits = logits_tensor(c, p, PROG_INOUT, v[LG_R], v[LG_V], v[LG_PAD], v[LG_DIST]);
	if (v[LG_PARAMS]) {
		rows = prog_buf(p, "params", PROG_IN, AIOS_U8, v[LG_R],
				sizeof(struct aios_sample_row), 0);
		counts = prog_buf(p, "counts", PROG_IN, AIOS_I64, 1, v[LG_R] * MAX_LIST, 0);
		biases = prog_buf(p, "bias", PROG_IN, AIOS_I64, 1, v[LG_R] * MAX_LIST, 0);
		logits_lists(c, p, rows, counts, biases);
	}
	op = prog_op(p, AIOS_OP_LOGITS, sizeof(*op));
	op->softcap = v[LG_CAP] ? 15.0f : 0.0f;
	prog_put(p, &op->logits, &logits);
	if (v[LG_PARAMS]) {
		prog_addr(p, &op->params, rows, 0);
		prog_addr(p, &op->counts, counts, 0);
		prog_addr(p, &op->bias, biases, 0);
	}
	return 0;
}

const struct gen gen_logits = {
	AIOS_OP_LOGITS,       "logits",    false,       true, 140, 24, logits_params,
	COUNT(logits_params), logits_pick, logits_build
};

/* --- sample ---------------------------------------------------------------------- */

enum {
	SA_R,
	SA_V,
	SA_PAD,
	SA_DIST
};

static void sample_row(const struct gen_case *c, struct aios_sample_row *row, uint32_t r)
{
	static const float temps[] = { 0.0f, 1.0f, 0.7f, 0.01f, 5.0f, 1.3f };
	static const float top_ps[] = { 0.0f, 1.0f, 0.9f, 0.5f, 0.1f, 0.999f };
	static const float min_ps[] = { 0.0f, 0.0f, 0.05f, 0.5f, 1.0f };
	static const uint32_t top_ks[] = { 0, 0, 1, 2, 5, 40, 1000000 };
	uint32_t name = c->row0 + r;

	memset(row, 0, sizeof(*row));
	row->seed = conform_random(c->key, STREAM_B, name, 0);
	row->position = conform_below(c->key, STREAM_B, name, 1, 100000);
	row->draw = conform_below(c->key, STREAM_B, name, 2, 3);
	row->temperature = temps[conform_below(c->key, STREAM_B, name, 3, COUNT(temps))];
	row->top_p = top_ps[conform_below(c->key, STREAM_B, name, 4, COUNT(top_ps))];
	row->min_p = min_ps[conform_below(c->key, STREAM_B, name, 5, COUNT(min_ps))];
	row->top_k = top_ks[conform_below(c->key, STREAM_B, name, 6, COUNT(top_ks))];
}

static int sample_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct prog_tensor logits =
		logits_tensor(c, p, PROG_IN, v[SA_R], v[SA_V], v[SA_PAD], v[SA_DIST]);
	int rows =
		prog_buf(p, "params", PROG_IN, AIOS_U8, v[SA_R], sizeof(struct aios_sample_row), 0);
	int ids = prog_buf(p, "ids", PROG_OUT, AIOS_I32, 1, v[SA_R], 0);
	struct aios_op_sample *op;

	for (uint32_t r = 0; r < v[SA_R] && prog_row(p, rows, r); r++)
		sample_row(c, prog_row(p, rows, r), r);
	op = prog_op(p, AIOS_OP_SAMPLE, sizeof(*op));
	prog_put(p, &op->logits, &logits);
	prog_addr(p, &op->params, rows, 0);
	prog_addr(p, &op->ids, ids, 0);
	return 0;
}

const struct gen gen_sample = {
	AIOS_OP_SAMPLE,       "sample",    false,       true, 240, 40, argmax_params,
	COUNT(argmax_params), argmax_pick, sample_build
};

/* --- logprobs -------------------------------------------------------------------- */

enum {
	LP_R,
	LP_V,
	LP_TOP,
	LP_PAD,
	LP_DIST
};
static const struct gen_param logprobs_params[] = {
	[LP_R] = { "R", GEN_DIM, 1 },        [LP_V] = { "V", GEN_DIM, 1 },
	[LP_TOP] = { "top", GEN_DIM, 0 },    [LP_PAD] = { "pad", GEN_FLAG, 0 },
	[LP_DIST] = { "dist", GEN_DIST, 0 },
};

static void logprobs_pick(const struct gen_pick *k, uint32_t v[GEN_PARAMS])
{
	static const uint8_t tops[] = { 0, 1, 2, 5, 20, 32 };

	v[LP_V] = pick_vocab(k, 0);
	v[LP_R] = rows_within(k, pick_rows(k, 1), v[LP_V]);
	v[LP_TOP] = tops[pick_cycle(k, 2, COUNT(tops))];
	if (v[LP_TOP] > v[LP_V])
		v[LP_TOP] = v[LP_V];
	v[LP_PAD] = pick_cycle(k, 3, 3);
	v[LP_DIST] = pick_dist(k, 4);
}

static int logprobs_build(const struct gen_case *c, struct prog *p)
{
	const uint32_t *v = c->v;
	struct prog_tensor logits;
	int32_t *chosen;
	int ids, out, top_ids = -1, top = -1;
	struct aios_op_logprobs *op;

	if (v[LP_TOP] > v[LP_V] || v[LP_TOP] > 32)
		return -EINVAL;
	logits = logits_tensor(c, p, PROG_IN, v[LP_R], v[LP_V], v[LP_PAD], v[LP_DIST]);
	ids = gen_ints(p, "ids", 1, v[LP_R], &chosen);
	for (uint32_t r = 0; chosen && r < v[LP_R]; r++)
		chosen[r] = (int32_t)conform_below(c->key, STREAM_IDS, c->row0 + r, 0, v[LP_V]);
	out = prog_buf(p, "out", PROG_OUT, AIOS_F32, 1, v[LP_R], 0);
	if (v[LP_TOP]) { /* dense: [R][n_top] */
		top_ids = prog_buf(p, "top_ids", PROG_OUT, AIOS_I32, 1, v[LP_R] * v[LP_TOP], 0);
		top = prog_buf(p, "top", PROG_OUT, AIOS_F32, 1, v[LP_R] * v[LP_TOP], 0);
	}
	op = prog_op(p, AIOS_OP_LOGPROBS, sizeof(*op));
	op->n_top = v[LP_TOP];
	prog_put(p, &op->logits, &logits);
	prog_addr(p, &op->ids, ids, 0);
	prog_addr(p, &op->out, out, 0);
	if (v[LP_TOP]) {
		prog_addr(p, &op->top_ids, top_ids, 0);
		prog_addr(p, &op->top, top, 0);
	}
	return 0;
}

const struct gen gen_logprobs = {
	AIOS_OP_LOGPROBS,       "logprobs",    false,         false, 140, 24, logprobs_params,
	COUNT(logprobs_params), logprobs_pick, logprobs_build
};
