// SPDX-License-Identifier: Apache-2.0
/*
 * matmul.c - out[t][n] = epilogue(dot(x[t], w[n])), in every profile.
 *
 * An item of work is sixteen outputs (with their gates, when there is an
 * activation) for up to MATMUL_TOKENS rows of x, so that a decoded tile of
 * weights serves them all. An output's chain depends on its own row and weights
 * only; items share nothing.
 */
#include <string.h>

#include "check.h"
#include "dot.h"
#include "ops.h"
#include "pool.h"
#include "rows.h"

#define MATMUL_TOKENS 32

/* Sixteen outputs for each row of an item. */
typedef float matmul_acc[MATMUL_TOKENS][REF_LANES];

struct matmul_job {
	const struct aios_op_matmul *op;
	const struct ref_dot *dot;
	struct ref_unit unit;
	uint32_t n_out;   /* N */
	uint32_t n_group; /* groups of REF_LANES outputs */
};

static bool matmul_is_integer(const struct aios_op_matmul *op)
{
	return op->profile == AIOS_PROFILE_I8 || op->profile == AIOS_PROFILE_I8X2;
}

/* --- checks ----------------------------------------------------------------- */

static bool matmul_check_types(struct ref_check *c, const struct aios_op_matmul *op)
{
	struct aios_profile_info p = aios_profile_info_of(op->profile);

	if (!p.name)
		return ref_no(c, "profile %u is unknown", op->profile);
	if (p.act_dtype == AIOS_BF16)
		return ref_check_dtype(c, "x", op->x.dtype, REF_HALF) &&
		       ref_check_dtype(c, "w", op->w.dtype, REF_T(op->x.dtype));
	return ref_check_dtype(c, "x", op->x.dtype, REF_T(p.act_dtype)) &&
	       ref_check_dtype(c, "w", op->w.dtype, REF_T(p.weight_dtype));
}

static bool matmul_check_epilogue(struct ref_check *c, const struct aios_op_matmul *op)
{
	if (op->act > AIOS_ACT_GELU_TANH_MUL)
		return ref_no(c, "activation %u is unknown", op->act);
	if (op->act && !ref_check_dtype(c, "mid_type", op->mid_type, REF_FLOAT))
		return false;
	if (op->act && op->residual.data)
		return ref_no(c, "an activation and a residual in one matmul");
	if (op->residual.data && !ref_check_tensor(c, "residual", &op->residual, REF_T(AIOS_F32),
						   op->out.rows, op->out.cols))
		return false;
	if (op->bias)
		return ref_check_dtype(c, "bias", op->bias_dtype, REF_FLOAT) &&
		       ref_check_addr(c, "bias", op->bias);
	return true;
}

/* S divides the K / L blocks; with S = 1 a last short block is fine. */
static bool matmul_check_segments(struct ref_check *c, const struct aios_op_matmul *op)
{
	uint32_t l = aios_profile_info_of(op->profile).dot_l, k = op->x.cols;

	if (!ref_check_power(c, "segments", op->segments, REF_MAX_SEGMENTS))
		return false;
	if (op->segments > 1 && k % (l * op->segments))
		return ref_no(c, "K = %u is not cut by %u segments of blocks of %u", k,
			      op->segments, l);
	if (matmul_is_integer(op) && k > REF_MAX_K)
		return ref_no(c, "K = %u > %u: the integer sum would not fit", k, REF_MAX_K);
	return true;
}

bool ref_check_matmul(struct ref_check *c, const struct aios_op *op)
{
	const struct aios_op_matmul *m = (const struct aios_op_matmul *)op;
	uint32_t outputs = m->out.cols;

	if (m->act) {
		if (outputs > UINT32_MAX / 2)
			return ref_no(c, "out has %u columns", outputs);
		outputs *= 2;
	}
	return matmul_check_types(c, m) &&
	       ref_check_tensor(c, "x", &m->x, REF_T(m->x.dtype), REF_ANY, REF_ANY) &&
	       ref_check_tensor(c, "w", &m->w, REF_T(m->w.dtype), outputs, m->x.cols) &&
	       ref_check_tensor(c, "out", &m->out, REF_FLOAT, m->x.rows, REF_ANY) &&
	       matmul_check_segments(c, m) && matmul_check_epilogue(c, m) &&
	       ref_check_scratch(c, &m->scratch, 0);
}

/* --- the dot products ------------------------------------------------------- */

/* Addresses of weight rows n0 .. n0 + 15; NULL from `end` on. */
static void matmul_weight_rows(const struct matmul_job *job, uint32_t n0, uint32_t end,
			       const void *rows[REF_LANES])
{
	uint32_t j;

	for (j = 0; j < REF_LANES; j++)
		rows[j] = n0 + j < end ? ref_row(&job->op->w, n0 + j) : NULL;
}

/* The chains of one segment, elements [k0, k1), for rows t0 .. t0 + n_t - 1. */
static void matmul_segment(const struct matmul_job *job, const void *const rows[REF_LANES],
			   uint32_t t0, uint32_t n_t, uint32_t k0, uint32_t k1, matmul_acc acc)
{
	struct ref_tile tile;
	struct ref_vec vecs[REF_VECS];
	uint32_t k, t, i, n, n_vecs;

	memset(acc, 0, n_t * sizeof(acc[0]));
	for (k = k0; k < k1; k += n) {
		n = k1 - k < REF_TILE_K ? k1 - k : REF_TILE_K;
		job->dot->load_rows(&job->unit, &tile, rows, k, n);
		for (t = 0; t < n_t; t += n_vecs) {
			n_vecs = n_t - t < REF_VECS ? n_t - t : REF_VECS;
			for (i = 0; i < n_vecs; i++)
				job->dot->load_vec(&job->unit, &vecs[i],
						   ref_row(&job->op->x, t0 + t + i), k, n);
			job->dot->chain(&job->unit, acc + t, vecs, n_vecs, &tile, 0, n);
		}
	}
}

/*
 * The tree over segments: parts[level] waits for its right neighbour, which is
 * complete when bit `level` of the number of segments done so far turns 0.
 */
static void matmul_float_dots(const struct matmul_job *job, uint32_t n0, uint32_t end, uint32_t t0,
			      uint32_t n_t, matmul_acc out)
{
	uint32_t segments = job->op->segments, len = job->op->x.cols / segments, s, level, t, j;
	matmul_acc parts[5]; /* log2(REF_MAX_SEGMENTS) + 1 */
	const void *rows[REF_LANES];

	_Static_assert(REF_MAX_SEGMENTS <= 16, "parts[] is too short");
	matmul_weight_rows(job, n0, end, rows);
	for (s = 0; s < segments; s++) {
		matmul_segment(job, rows, t0, n_t, s * len, s * len + len, out);
		for (level = 0; s & (1u << level); level++)
			for (t = 0; t < n_t; t++)
				for (j = 0; j < REF_LANES; j++)
					out[t][j] = aios_add(parts[level][t][j], out[t][j]);
		memcpy(parts[level], out, n_t * sizeof(out[0]));
	}
}

/* Integer sums have no order: one pass, whatever the segments are. */
static void matmul_integer_dots(const struct matmul_job *job, uint32_t n0, uint32_t end,
				uint32_t t0, uint32_t n_t, matmul_acc out)
{
	const struct aios_op_matmul *op = job->op;
	uint32_t k = op->x.cols, t, j;
	const int8_t *x, *w;
	int32_t hi, lo;

	for (j = 0; j < REF_LANES && n0 + j < end; j++) {
		w = ref_row(&op->w, n0 + j);
		for (t = 0; t < n_t; t++) {
			x = ref_row(&op->x, t0 + t);
			hi = job->dot->sum_i8(x, w, k);
			if (op->profile == AIOS_PROFILE_I8) {
				out[t][j] = aios_i8_acc(hi);
				continue;
			}
			lo = job->dot->sum_i8(x + op->x.plane_bytes, w, k);
			out[t][j] = aios_i8x2_acc(hi, lo);
		}
	}
}

/* Dot products of weight rows n0 .. n0 + 15 (those below `end`), dequantised, with bias. */
static void matmul_dots(const struct matmul_job *job, uint32_t n0, uint32_t end, uint32_t t0,
			uint32_t n_t, matmul_acc out)
{
	const struct aios_op_matmul *op = job->op;
	const float *scale_x = ref_ptr(op->x.scale), *scale_w = ref_ptr(op->w.scale);
	uint32_t n = end - n0 < REF_LANES ? end - n0 : REF_LANES, t, j;
	float bias[REF_LANES];

	if (matmul_is_integer(op))
		matmul_integer_dots(job, n0, end, t0, n_t, out);
	else
		matmul_float_dots(job, n0, end, t0, n_t, out);
	if (aios_dtype_scaled(op->x.dtype))
		for (t = 0; t < n_t; t++)
			for (j = 0; j < n; j++)
				out[t][j] =
					aios_dequant(out[t][j], scale_x[t0 + t], scale_w[n0 + j]);
	if (!op->bias)
		return;
	ref_load(ref_ptr(op->bias), op->bias_dtype, n0, n, bias);
	for (t = 0; t < n_t; t++)
		for (j = 0; j < n; j++)
			out[t][j] = aios_add(out[t][j], bias[j]);
}

/* --- the item --------------------------------------------------------------- */

static void matmul_activate(const struct aios_op_matmul *op, uint32_t n_t, matmul_acc gate,
			    matmul_acc up)
{
	uint32_t t, j;
	float g, u;

	for (t = 0; t < n_t; t++) {
		for (j = 0; j < REF_LANES; j++) {
			g = aios_round_to(gate[t][j], op->mid_type);
			u = aios_round_to(up[t][j], op->mid_type);
			g = op->act == AIOS_ACT_SILU_MUL ? aios_silu(g) : aios_gelu_tanh(g);
			gate[t][j] = aios_mul(g, u);
		}
	}
}

static void matmul_item(void *ctx, uint32_t item)
{
	const struct matmul_job *job = ctx;
	const struct aios_op_matmul *op = job->op;
	uint32_t n0 = item % job->n_group * REF_LANES, t0 = item / job->n_group * MATMUL_TOKENS;
	uint32_t n = job->n_out - n0 < REF_LANES ? job->n_out - n0 : REF_LANES;
	uint32_t n_t = op->x.rows - t0 < MATMUL_TOKENS ? op->x.rows - t0 : MATMUL_TOKENS;
	matmul_acc acc = { { 0 } }, up = { { 0 } };
	const float *residual;
	uint32_t t, j;

	matmul_dots(job, n0, job->n_out, t0, n_t, acc);
	if (op->act) {
		matmul_dots(job, job->n_out + n0, 2 * job->n_out, t0, n_t, up);
		matmul_activate(op, n_t, acc, up);
	}
	for (t = 0; t < n_t; t++) {
		if (op->residual.data) {
			residual = (const float *)ref_row(&op->residual, t0 + t) + n0;
			for (j = 0; j < n; j++)
				acc[t][j] = aios_add(residual[j], acc[t][j]);
		}
		ref_store(ref_row(&op->out, t0 + t), op->out.dtype, n0, n, acc[t]);
	}
}

int ref_run_matmul(struct ref_device *dev, const struct aios_op *op, struct aios_status *st)
{
	const struct aios_op_matmul *m = (const struct aios_op_matmul *)op;
	struct matmul_job job = {
		.op = m,
		.dot = dev->dot,
		.unit = ref_unit_of(m->profile, m->x.dtype),
		.n_out = m->out.cols,
		.n_group = (m->out.cols + REF_LANES - 1) / REF_LANES,
	};
	uint64_t items = (uint64_t)job.n_group * ((m->x.rows + MATMUL_TOKENS - 1) / MATMUL_TOKENS);

	if (items > UINT32_MAX)
		return aios_fail(st, -EINVAL, "matmul: %u x %u outputs are too many", m->x.rows,
				 m->out.cols);
	ref_pool_run(dev->pool, (uint32_t)items, matmul_item, &job);
	return 0;
}
