// SPDX-License-Identifier: Apache-2.0
/*
 * test_rope_kv.c - head norm, rotation and the store into pages.
 */
#include "ragged.h"

struct rk {
	uint32_t n_heads, rot_dim, in, norm; /* types of qkv and of the norms (NONE: none) */
	float offset;
	enum ct_dist dist;
	struct rg rg;
};

struct rk_data {
	void *qkv, *q_norm, *k_norm;
	float *cos, *sin;
	uint16_t *q, *k, *v, *k0, *v0; /* wanted; the caches before */
};

static uint16_t rk_code(const struct rk *c, float x)
{
	return c->rg.dtype == AIOS_BF16 ? aios_f32_to_bf16(x) : aios_f32_to_f16(x);
}

/* One head in place: norm (lanes of at most 256 elements: one or two each), then rotation. */
static void rk_head(const struct rk *c, const struct rk_data *d, const void *norm,
		    uint32_t position, float *x)
{
	uint32_t dim = c->rg.head_dim, half = c->rot_dim / 2, i, h;
	float lane[256] = { 0 }, r, x0, x1, cs, sn;

	if (c->norm) {
		for (i = 0; i < dim; i++)
			lane[i & 255] = fmaf(x[i], x[i], lane[i & 255]);
		for (h = 128; h; h /= 2)
			for (i = 0; i < h; i++)
				lane[i] += lane[i + h];
		r = 1.0f / sqrtf(lane[0] / (float)dim + 1e-6f);
		for (i = 0; i < dim; i++)
			x[i] = (x[i] * r) * (c->offset != 0 ?
						     c->offset + ct_widen(c->norm, norm, i) :
						     ct_widen(c->norm, norm, i));
	}
	for (i = 0; i < half; i++) {
		cs = d->cos[position * half + i];
		sn = d->sin[position * half + i];
		x0 = x[i];
		x1 = x[i + half];
		x[i] = fmaf(x0, cs, -(x1 * sn));
		x[i + half] = fmaf(x1, cs, x0 * sn);
	}
}

static void rk_model(const struct rk *c, struct rk_data *d)
{
	uint32_t dim = c->rg.head_dim, n_kv = c->rg.n_kv_heads, row, h, i, p, s;
	uint32_t heads = c->n_heads + 2 * n_kv;
	float x[512];

	for (row = 0; row < c->rg.n_tokens; row++) {
		if (c->rg.positions[row] < 0)
			continue;
		p = (uint32_t)c->rg.positions[row];
		s = (uint32_t)c->rg.seq_ids[row];
		for (h = 0; h < heads; h++) {
			for (i = 0; i < dim; i++)
				x[i] = ct_widen(c->in, d->qkv,
						((uint64_t)row * heads + h) * dim + i);
			if (h < c->n_heads + n_kv)
				rk_head(c, d, h < c->n_heads ? d->q_norm : d->k_norm, p, x);
			for (i = 0; i < dim; i++) {
				if (h < c->n_heads)
					d->q[((uint64_t)row * c->n_heads + h) * dim + i] =
						rk_code(c, x[i]);
				else if (h < c->n_heads + n_kv)
					d->k[rg_slot(&c->rg, s, p, h - c->n_heads, i)] =
						rk_code(c, x[i]);
				else
					d->v[rg_slot(&c->rg, s, p, h - c->n_heads - n_kv, i)] =
						rk_code(c, x[i]);
			}
		}
	}
}

static void rk_make(struct rk *c, struct rk_data *d)
{
	uint32_t dim = c->rg.head_dim, heads = c->n_heads + 2 * c->rg.n_kv_heads, half, i;
	uint64_t n;

	rg_make(&c->rg);
	n = (uint64_t)c->rg.n_tokens * heads * dim;
	d->qkv = ct_alloc(n * 4);
	ct_fill(c->dist, c->in, 1, n, d->qkv);
	d->q_norm = ct_alloc(dim * 4);
	d->k_norm = ct_alloc(dim * 4);
	ct_fill(CT_NORMAL, c->norm ? c->norm : AIOS_F32, 2, dim, d->q_norm);
	ct_fill(CT_NORMAL, c->norm ? c->norm : AIOS_F32, 3, dim, d->k_norm);
	half = c->rot_dim / 2;
	d->cos = ct_alloc((uint64_t)c->rg.max_kv * half * 4);
	d->sin = ct_alloc((uint64_t)c->rg.max_kv * half * 4);
	for (i = 0; i < c->rg.max_kv * half; i++) { /* any numbers do; these are on the circle */
		float u = (float)ct_uniform(4, i) * 2 - 1;

		d->cos[i] = u;
		d->sin[i] = sqrtf(1 - u * u);
	}
	d->k0 = rg_cache(&c->rg, CT_NORMAL, 5, false);
	d->v0 = rg_cache(&c->rg, CT_NORMAL, 6, false);
	d->k = ct_alloc(rg_cache_elements(&c->rg) * 2);
	d->v = ct_alloc(rg_cache_elements(&c->rg) * 2);
	memcpy(d->k, d->k0, rg_cache_elements(&c->rg) * 2);
	memcpy(d->v, d->v0, rg_cache_elements(&c->rg) * 2);
	d->q = ct_alloc((uint64_t)c->rg.n_tokens * c->n_heads * dim * 2);
	rk_model(c, d);
}

/* Without norms: rotations in float64, within 2 roundings and that of the output. */
static void rk_float64(const struct rk *c, const struct rk_data *d, const char *what)
{
	uint32_t dim = c->rg.head_dim, half = c->rot_dim / 2, row, h, i, j;
	uint32_t heads = c->n_heads + 2 * c->rg.n_kv_heads;
	uint64_t n = (uint64_t)c->rg.n_tokens * c->n_heads * dim, at;
	double *exact = ct_alloc(n * 8), *bound = ct_alloc(n * 8), x, y, cs, sn;

	for (row = 0; row < c->rg.n_tokens; row++)
		for (h = 0; h < c->n_heads && c->rg.positions[row] >= 0; h++)
			for (i = 0; i < dim; i++) {
				at = ((uint64_t)row * heads + h) * dim;
				j = i < half ? i + half : i - half;
				x = (double)ct_widen(c->in, d->qkv, at + i);
				cs = 1;
				sn = y = 0;
				if (i < c->rot_dim) {
					y = (double)ct_widen(c->in, d->qkv, at + j);
					at = (uint64_t)c->rg.positions[row] * half + i % half;
					cs = (double)d->cos[at];
					sn = (double)(i < half ? -d->sin[at] : d->sin[at]);
				}
				at = ((uint64_t)row * c->n_heads + h) * dim + i;
				exact[at] = x * cs + y * sn;
				bound[at] = fabs(exact[at]) *
						    (c->rg.dtype == AIOS_BF16 ? 0x1p-8 : 0x1p-11) +
					    (fabs(x) + fabs(y)) * 0x1p-23 +
					    (c->rg.dtype == AIOS_BF16 ? 0x1p-133 : 0x1p-24);
				if (c->rg.dtype == AIOS_F16 && fabs(exact[at]) > 60000)
					bound[at] = (double)INFINITY;
			}
	ct_near(what, c->rg.dtype, d->q, exact, bound, n);
}

static uint64_t rk_case(struct rk c)
{
	uint32_t dim = c.rg.head_dim, q_cols = c.n_heads * dim;
	uint32_t cols = (c.n_heads + 2 * c.rg.n_kv_heads) * dim;
	struct rk_data d = { 0 };
	uint64_t n_q, n_cache;
	uint16_t *q, *cache;
	char what[128];

	rk_make(&c, &d);
	n_q = (uint64_t)c.rg.n_tokens * q_cols;
	n_cache = rg_cache_elements(&c.rg);
	q = ct_alloc(n_q * 2);
	cache = ct_alloc(n_cache * 2);
	snprintf(what, sizeof(what), "rope_kv heads %u/%u x %u rot %u in %s norm %s dist %d",
		 c.n_heads, c.rg.n_kv_heads, dim, c.rot_dim, aios_dtype_name(c.in),
		 aios_dtype_name(c.norm), (int)c.dist);
	ct_each(t)
	{
		struct aios_op_rope_kv op = {
			.op = AIOS_OP_INIT(struct aios_op_rope_kv, AIOS_OP_ROPE_KV),
			.eps = 1e-6f,
			.weight_offset = c.offset,
			.n_heads = c.n_heads,
			.rot_dim = c.rot_dim,
			.table_rows = c.rg.max_kv,
			.norm_dtype = c.norm,
			.kv = { .dtype = c.rg.dtype,
				.n_pages = c.rg.n_pages,
				.page_size = c.rg.page_size,
				.n_kv_heads = c.rg.n_kv_heads,
				.head_dim = dim },
		};

		op.batch = rg_batch(t, &c.rg);
		op.kv.k = ct_inout(t, d.k0, n_cache * 2);
		op.kv.v = ct_inout(t, d.v0, n_cache * 2);
		op.qkv = ct_tensor_in(t, c.in, c.rg.n_tokens, cols, d.qkv, NULL, 1);
		op.q = ct_tensor_out(t, c.rg.dtype, c.rg.n_tokens, q_cols, 1);
		op.cos = ct_in(t, d.cos, (uint64_t)c.rg.max_kv * c.rot_dim * 2);
		op.sin = ct_in(t, d.sin, (uint64_t)c.rg.max_kv * c.rot_dim * 2);
		if (c.norm) {
			op.q_norm = ct_in(t, d.q_norm, (uint64_t)dim * aios_dtype_bytes(c.norm));
			op.k_norm = ct_in(t, d.k_norm, (uint64_t)dim * aios_dtype_bytes(c.norm));
		}
		ct_run(t, &op.op, NULL);
		ct_tensor_get(t, &op.q, q, NULL);
		ct_same(t, what, q, d.q, c.rg.dtype, n_q);
		ct_get(t, op.kv.k, cache, n_cache * 2);
		ct_same(t, "k pages", cache, d.k, c.rg.dtype, n_cache);
		ct_get(t, op.kv.v, cache, n_cache * 2);
		ct_same(t, "v pages", cache, d.v, c.rg.dtype, n_cache);
		ct_release(t);
	}
	if (!c.norm && c.dist != CT_SPECIAL)
		rk_float64(&c, &d, what);
	return digest_bytes(digest_bytes(DIGEST_START, q, n_q * 2), d.k, n_cache * 2);
}

static struct rk rk_base(void)
{
	struct rk c = {
		.n_heads = 4,
		.rot_dim = 32,
		.in = AIOS_F32,
		.norm = AIOS_BF16,
		.rg = { .seqs = { { 0, 4 }, { 17, 1 }, { 0, 0 }, { 30, 5 } },
			.n_seqs = 4,
			.padding = 3,
			.page_size = 16,
			.n_kv_heads = 2,
			.head_dim = 32,
			.dtype = AIOS_BF16,
			.order = 3 },
	};

	return c;
}

START_TEST(test_shapes)
{
	if (!ct_can(AIOS_OP_ROPE_KV, AIOS_PROFILE_FMA32))
		return;

	static const uint32_t dims[] = { 8, 16, 64, 128, 256, 264, 512 };
	static const uint32_t types[] = { AIOS_BF16, AIOS_NONE, AIOS_F32, AIOS_F16 };
	struct rk c;
	int i;

	for (i = 0; i < 14; i++) {
		c = rk_base();
		c.rg.head_dim = dims[i % 7];
		c.rot_dim = i % 3 ? c.rg.head_dim : c.rg.head_dim / 2;
		c.norm = types[i % 4];
		c.offset = i % 5 == 2 ? 1.0f : 0.0f;
		c.in = i % 2 ? AIOS_F32 : AIOS_BF16;
		c.rg.dtype = i % 4 == 3 ? AIOS_F16 : AIOS_BF16;
		c.rg.page_size = i % 2 ? 16 : 5;
		c.n_heads = i % 3 ? 4 : 2;
		rk_case(c);
	}
	ct_report("rope_kv");
}
END_TEST

START_TEST(test_distributions)
{
	if (!ct_can(AIOS_OP_ROPE_KV, AIOS_PROFILE_FMA32))
		return;

	struct rk c;
	int i;

	for (i = 0; i < 2 * CT_DISTS; i++) {
		c = rk_base();
		c.dist = (enum ct_dist)(i / 2);
		c.norm = i % 2 ? AIOS_NONE : AIOS_F32;
		rk_case(c);
	}
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_ROPE_KV, AIOS_PROFILE_FMA32))
		return;

	ct_frozen("rope_kv.bf16", rk_case(rk_base()));
}
END_TEST

/* Bad arrays are refused before a byte is written. */
START_TEST(test_bad_arrays)
{
	if (!ct_is_reference())
		return;

	struct rk c = rk_base();
	struct aios_status st = { 0 };
	struct rk_data d = { 0 };
	struct ct *t = &ct_dev[0];
	struct aios_op_rope_kv op = {
		.op = AIOS_OP_INIT(struct aios_op_rope_kv, AIOS_OP_ROPE_KV),
		.n_heads = 4,
		.rot_dim = 32,
		.table_rows = 20, /* positions go up to 34 */
	};

	c.norm = AIOS_NONE;
	rk_make(&c, &d);
	op.kv = (struct aios_kv_layer){ .dtype = AIOS_BF16,
					.n_pages = c.rg.n_pages,
					.page_size = 16,
					.n_kv_heads = 2,
					.head_dim = 32 };
	op.batch = rg_batch(t, &c.rg);
	op.kv.k = ct_in(t, d.k0, rg_cache_elements(&c.rg) * 2);
	op.kv.v = ct_in(t, d.v0, rg_cache_elements(&c.rg) * 2);
	op.qkv = ct_tensor_in(t, AIOS_F32, c.rg.n_tokens, 8 * 32, d.qkv, NULL, 0);
	op.q = ct_tensor_in(t, AIOS_BF16, c.rg.n_tokens, 4 * 32, d.q, NULL, 0);
	op.cos = ct_in(t, d.cos, 35 * 16 * 4);
	op.sin = ct_in(t, d.sin, 35 * 16 * 4);
	ck_assert_int_eq(t->ops->launch(t->dev, t->queue, &op.op, &st), -EINVAL);
	ck_assert_msg(ct_says(st.message, "the tables hold 20"), "%s", st.message);
	op.table_rows = 35;
	op.kv.n_pages = 1;
	ck_assert_int_eq(t->ops->launch(t->dev, t->queue, &op.op, &st), -EINVAL);
	op.kv.n_pages = c.rg.n_pages;
	op.rot_dim = 31;
	ct_refuse(t, &op.op, "rot_dim is 31");
	ct_release(t); /* checks that q, k and v, given as inputs, are unchanged */
}
END_TEST

Suite *test_rope_kv_suite(void);

Suite *test_rope_kv_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance rope_kv", &tc);

	tcase_add_test(tc, test_shapes);
	tcase_add_test(tc, test_distributions);
	tcase_add_test(tc, test_frozen);
	tcase_add_test(tc, test_bad_arrays);
	return s;
}
