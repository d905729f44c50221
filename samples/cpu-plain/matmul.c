// SPDX-License-Identifier: Apache-2.0
/*
 * matmul.c - out[t][n] = epilogue(dot(x[t], w[n])) in the profiles fma32 and i8.
 *
 * fma32: an output is a chain of fma over k in ascending order, which nothing may reorder. What may
 * be done side by side are outputs: WIDE of them share a decoded tile of weights.
 * i8: an exact sum of integers has no order at all.
 */
#include "driver.h"

#define WIDE 16          /* outputs side by side */
#define TOKENS 16        /* rows of x that share a tile */
#define DEEP 64          /* elements of k in a tile */
#define MOST_SEGMENTS 16 /* S */
#define MOST_K 133144    /* of i8: more may not fit int32 */

static bool check_types(const struct aios_op_matmul *m, struct aios_op_support *out)
{
	if (m->profile == AIOS_PROFILE_FMA32) {
		if (m->x.dtype != AIOS_BF16 && m->x.dtype != AIOS_F16)
			return drv_no(out, "x is of type %s", aios_dtype_name(m->x.dtype));
		return m->w.dtype == m->x.dtype ||
		       drv_no(out, "w is of type %s, x of %s", aios_dtype_name(m->w.dtype),
			      aios_dtype_name(m->x.dtype));
	}
	if (m->profile != AIOS_PROFILE_I8)
		return drv_no(out, "profile %u", m->profile);
	if (m->x.dtype != AIOS_I8 || m->w.dtype != AIOS_I8)
		return drv_no(out, "x is of type %s, w of %s", aios_dtype_name(m->x.dtype),
			      aios_dtype_name(m->w.dtype));
	return m->x.cols <= MOST_K || drv_no(out, "K = %u: the sum may not fit", m->x.cols);
}

static bool check_epilogue(const struct aios_op_matmul *m, struct aios_op_support *out)
{
	if (m->act > AIOS_ACT_GELU_TANH_MUL)
		return drv_no(out, "activation %u", m->act);
	if (m->act && (m->mid_type >= AIOS_DTYPE_COUNT || !(DRV_FLOAT & DRV_T(m->mid_type))))
		return drv_no(out, "mid_type is %s", aios_dtype_name(m->mid_type));
	if (m->act && m->residual.data)
		return drv_no(out, "an activation and a residual in one matmul");
	if (m->bias && (m->bias_dtype >= AIOS_DTYPE_COUNT || !(DRV_FLOAT & DRV_T(m->bias_dtype))))
		return drv_no(out, "bias is of type %s", aios_dtype_name(m->bias_dtype));
	return !m->residual.data || drv_check_tensor(out, "residual", &m->residual, DRV_T(AIOS_F32),
						     m->out.rows, m->out.cols);
}

bool drv_check_matmul(const struct aios_op *op, struct aios_op_support *out)
{
	const struct aios_op_matmul *m = (const struct aios_op_matmul *)op;
	uint32_t s = m->segments;

	if (m->act && m->out.cols > UINT32_MAX / 2)
		return drv_no(out, "out has %u columns", m->out.cols);
	if (!s || s & (s - 1) || s > MOST_SEGMENTS || (s > 1 && m->x.cols % s))
		return drv_no(out, "%u segments of K = %u", s, m->x.cols);
	return check_types(m, out) &&
	       drv_check_tensor(out, "x", &m->x, DRV_T(m->x.dtype), DRV_ANY, DRV_ANY) &&
	       drv_check_tensor(out, "w", &m->w, DRV_T(m->w.dtype), m->out.cols * (m->act ? 2 : 1),
				m->x.cols) &&
	       drv_check_tensor(out, "out", &m->out, DRV_FLOAT, m->x.rows, DRV_ANY) &&
	       check_epilogue(m, out);
}

/* A piece of work: outputs of weight rows n .. n + wide - 1 for rows t .. t + tokens - 1 of x. */
struct piece {
	uint32_t n, wide, t, tokens;
};

typedef float sums[TOKENS][WIDE];

/* Weights of a piece, k .. k + deep - 1, widened and transposed; absent rows are zeros. */
static void load_tile(const struct aios_op_matmul *m, const struct piece *p, uint32_t k,
		      uint32_t deep, float tile[DEEP][WIDE])
{
	for (uint32_t j = 0; j < WIDE; j++) {
		const uint16_t *w = j < p->wide ? (const uint16_t *)drv_row(&m->w, p->n + j) + k :
						  NULL;

		for (uint32_t i = 0; i < deep; i++)
			tile[i][j] = w ? drv_get(w, m->w.dtype, i) : 0.0f;
	}
}

/* The chains of elements k .. end - 1, which begin at +0. */
static void chains(const struct aios_op_matmul *m, const struct piece *p, uint32_t k, uint32_t end,
		   sums acc)
{
	float tile[DEEP][WIDE];

	for (uint32_t t = 0; t < p->tokens; t++)
		for (uint32_t j = 0; j < WIDE; j++)
			acc[t][j] = 0.0f;
	for (uint32_t deep; k < end; k += deep) {
		deep = end - k < DEEP ? end - k : DEEP;
		load_tile(m, p, k, deep, tile);
		for (uint32_t t = 0; t < p->tokens; t++) {
			const uint16_t *x = (const uint16_t *)drv_row(&m->x, p->t + t) + k;

			for (uint32_t i = 0; i < deep; i++) {
				float xi = drv_get(x, m->x.dtype, i);

				for (uint32_t j = 0; j < WIDE; j++)
					acc[t][j] = aios_fma(xi, tile[i][j], acc[t][j]);
			}
		}
	}
}

static void dots_fma32(const struct aios_op_matmul *m, const struct piece *p, sums out)
{
	uint32_t length = m->x.cols / m->segments;
	sums parts[MOST_SEGMENTS];

	if (m->segments == 1) {
		chains(m, p, 0, m->x.cols, out);
		return;
	}
	for (uint32_t s = 0; s < m->segments; s++)
		chains(m, p, s * length, (s + 1) * length, parts[s]);
	for (uint32_t t = 0; t < p->tokens; t++)
		for (uint32_t j = 0; j < p->wide; j++) {
			float chain[MOST_SEGMENTS];

			for (uint32_t s = 0; s < m->segments; s++)
				chain[s] = parts[s][t][j];
			out[t][j] = aios_pair_tree(chain, m->segments);
		}
}

static void dots_i8(const struct aios_op_matmul *m, const struct piece *p, sums out)
{
	const float *scale_x = drv_ptr(m->x.scale), *scale_w = drv_ptr(m->w.scale);

	for (uint32_t t = 0; t < p->tokens; t++) {
		const int8_t *x = drv_row(&m->x, p->t + t);

		for (uint32_t j = 0; j < p->wide; j++) {
			const int8_t *w = drv_row(&m->w, p->n + j);
			int32_t sum = 0;

			for (uint32_t k = 0; k < m->x.cols; k++)
				sum += x[k] * w[k];
			out[t][j] = aios_dequant(aios_i8_acc(sum), scale_x[p->t + t],
						 scale_w[p->n + j]);
		}
	}
}

/* Dot products with what belongs to them before an activation: scales and bias. */
static void dots(const struct aios_op_matmul *m, const struct piece *p, sums out)
{
	if (m->profile == AIOS_PROFILE_I8)
		dots_i8(m, p, out);
	else
		dots_fma32(m, p, out);
	for (uint32_t t = 0; m->bias && t < p->tokens; t++)
		for (uint32_t j = 0; j < p->wide; j++)
			out[t][j] = aios_add(out[t][j],
					     drv_get(drv_ptr(m->bias), m->bias_dtype, p->n + j));
}

static float activate(const struct aios_op_matmul *m, float gate, float up)
{
	gate = aios_round_to(gate, m->mid_type);
	up = aios_round_to(up, m->mid_type);
	return aios_mul(m->act == AIOS_ACT_SILU_MUL ? aios_silu(gate) : aios_gelu_tanh(gate), up);
}

static void compute(const struct aios_op_matmul *m, const struct piece *p)
{
	struct piece second = *p;
	sums acc, up;

	dots(m, p, acc);
	second.n += m->out.cols;
	if (m->act)
		dots(m, &second, up);
	for (uint32_t t = 0; t < p->tokens; t++) {
		for (uint32_t j = 0; j < p->wide; j++) {
			float y = m->act ? activate(m, acc[t][j], up[t][j]) : acc[t][j];

			if (m->residual.data)
				y = aios_add(
					((const float *)drv_row(&m->residual, p->t + t))[p->n + j],
					y);
			drv_put(drv_row(&m->out, p->t + t), m->out.dtype, p->n + j, y);
		}
	}
}

void drv_run_matmul(const struct aios_op *op)
{
	const struct aios_op_matmul *m = (const struct aios_op_matmul *)op;
	struct piece p;

	for (p.n = 0; p.n < m->out.cols; p.n += p.wide) {
		p.wide = m->out.cols - p.n < WIDE ? m->out.cols - p.n : WIDE;
		for (p.t = 0; p.t < m->x.rows; p.t += p.tokens) {
			p.tokens = m->x.rows - p.t < TOKENS ? m->x.rows - p.t : TOKENS;
			compute(m, &p);
		}
	}
}
