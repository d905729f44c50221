// SPDX-License-Identifier: Apache-2.0
/*
 * test_matmul.c - every profile against the definition written out, and float64.
 */
#include "harness.h"

struct mm {
	uint32_t profile, dtype, t, n, k, segments, act, mid, out, bias, residual;
	enum ct_dist dist, w_dist; /* of x, of w */
};

/* Host side of a case. */
struct mm_data {
	uint32_t xt, wt, rows; /* types of x and w; rows of w */
	void *x, *w, *bias, *want;
	float *sx, *sw, *res;
	double *exact, *bound;
};

static uint32_t mm_xt(const struct mm *c)
{
	switch (c->profile) {
	case AIOS_PROFILE_TC_SM90_E4M3:
		return AIOS_E4M3;
	case AIOS_PROFILE_I8:
		return AIOS_I8;
	case AIOS_PROFILE_I8X2:
		return AIOS_I8X2;
	default:
		return c->dtype;
	}
}

static void mm_make(const struct mm *c, struct mm_data *d)
{
	uint64_t seed = c->k * 131 + c->n, i;

	d->xt = mm_xt(c);
	d->wt = d->xt == AIOS_I8X2 ? AIOS_I8 : d->xt;
	d->rows = c->act ? 2 * c->n : c->n;
	d->x = ct_alloc((uint64_t)c->t * c->k * 2);
	d->w = ct_alloc((uint64_t)d->rows * c->k * 2);
	ct_fill(c->dist, d->xt, seed, (uint64_t)c->t * c->k * (d->xt == AIOS_I8X2 ? 2 : 1), d->x);
	ct_fill(c->w_dist, d->wt, seed + 1, (uint64_t)d->rows * c->k, d->w);
	d->sx = ct_alloc(c->t * sizeof(float));
	d->sw = ct_alloc(d->rows * sizeof(float));
	for (i = 0; i < c->t; i++)
		d->sx[i] = (float)ct_uniform(seed + 2, i) * 0.01f;
	for (i = 0; i < d->rows; i++)
		d->sw[i] = (float)ct_uniform(seed + 3, i) * 0.01f;
	if (c->bias) {
		d->bias = ct_alloc(d->rows * 4);
		ct_fill(CT_NORMAL, c->bias, seed + 4, d->rows, d->bias);
	}
	if (c->residual) {
		d->res = ct_alloc((uint64_t)c->t * c->n * 4);
		ct_fill(CT_NORMAL, AIOS_F32, seed + 5, (uint64_t)c->t * c->n, d->res);
	}
	d->want = ct_alloc((uint64_t)c->t * c->n * 4);
	d->exact = ct_alloc((uint64_t)c->t * c->n * 8);
	d->bound = ct_alloc((uint64_t)c->t * c->n * 8);
}

/* One segment's chain by the definition. */
static float mm_chain(const struct mm *c, const struct mm_data *d, uint64_t x, uint64_t w,
		      uint32_t n)
{
	struct aios_tfdpa_unit u = aios_tfdpa_of(c->profile, d->xt);
	struct aios_cdna_unit cdna = aios_cdna_of(c->profile, d->xt);
	uint32_t size = aios_dtype_bytes(d->xt), i, l;
	float acc = 0.0f;

	if (cdna.terms)
		return aios_cdna_chain(cdna, (uint16_t *)d->x + x, (uint16_t *)d->w + w, n, acc);
	if (!u.terms) {
		for (i = 0; i < n; i++)
			acc = fmaf(ct_widen(d->xt, d->x, x + i), ct_widen(d->wt, d->w, w + i), acc);
		return acc;
	}
	for (i = 0; i < n; i += l) {
		l = n - i < (uint32_t)u.terms ? n - i : (uint32_t)u.terms;
		acc = aios_tfdpa(u, (char *)d->x + (x + i) * size, (char *)d->w + (w + i) * size, l,
				 acc);
	}
	return acc;
}

/* Neighbours of a list, recursively: another way to write the tree. */
static float mm_tree(const struct mm *c, const struct mm_data *d, uint64_t x, uint64_t w,
		     uint32_t n, uint32_t segments)
{
	if (segments == 1)
		return mm_chain(c, d, x, w, n);
	return mm_tree(c, d, x, w, n / 2, segments / 2) +
	       mm_tree(c, d, x + n / 2, w + n / 2, n / 2, segments / 2);
}

static float mm_dot(const struct mm *c, const struct mm_data *d, uint32_t t, uint32_t row)
{
	const int8_t *x = (const int8_t *)d->x + (uint64_t)t * c->k;
	const int8_t *w = (const int8_t *)d->w + (uint64_t)row * c->k;
	int64_t sum = 0;
	uint32_t k;
	float dot;

	if (d->xt != AIOS_I8 && d->xt != AIOS_I8X2) {
		dot = mm_tree(c, d, (uint64_t)t * c->k, (uint64_t)row * c->k, c->k, c->segments);
	} else {
		for (k = 0; k < c->k; k++)
			sum += (d->xt == AIOS_I8 ? x[k] :
						   256 * x[k] + x[(uint64_t)c->t * c->k + k]) *
			       w[k];
		dot = (float)sum;
	}
	if (aios_dtype_scaled(d->xt))
		dot = dot * d->sx[t] * d->sw[row];
	if (d->bias)
		dot = dot + ct_widen(c->bias, d->bias, row);
	return dot;
}

static void mm_put(uint32_t dtype, void *out, uint64_t i, float v)
{
	if (dtype == AIOS_F32)
		((float *)out)[i] = aios_canon(v);
	else
		((uint16_t *)out)[i] = dtype == AIOS_BF16 ? aios_f32_to_bf16(v) :
							    aios_f32_to_f16(v);
}

/* What a flush to zero may take away: inputs, and results below 2^-126. */
static double mm_flushed(const struct mm *c, uint32_t xt, double a, double b)
{
	double least = xt == AIOS_F16 ? 0x1p-14 : 0x1p-126;

	if (!aios_cdna_of(c->profile, xt).flush)
		return 0;
	return 0x1p-124 + (fabs(a) < least || fabs(b) < least ? fabs(a * b) : 0);
}

/* The contract, one output at a time. */
static void mm_model(const struct mm *c, struct mm_data *d)
{
	uint32_t t, n;
	float v, up;

	for (t = 0; t < c->t; t++) {
		for (n = 0; n < c->n; n++) {
			v = mm_dot(c, d, t, n);
			if (c->act) {
				up = aios_round_to(mm_dot(c, d, t, c->n + n), c->mid);
				v = aios_round_to(v, c->mid);
				v = (c->act == AIOS_ACT_SILU_MUL ? aios_silu(v) :
								   aios_gelu_tanh(v)) *
				    up;
			}
			if (d->res)
				v = d->res[(uint64_t)t * c->n + n] + v;
			mm_put(c->out, d->want, (uint64_t)t * c->n + n, v);
		}
	}
}

/*
 * The exact dot in float64 and a bound of its error. fma32: K roundings of
 * partial sums, each at most the sum of magnitudes A: (K + S) * 2^-24 * A.
 * TFDPA: in each block up to L + 1 truncations below 2^-F of the largest term and
 * one of the result below 2^-23 (2^-13): blocks * ((L + 1) * 4 * 2^-F + 2^-keep) * A.
 * CDNA: a rounding of each product and each sum, or in each group of 8 as many
 * truncations below 2^-24 of the largest term, two of what meets and one rounding.
 * Integers: one rounding of the sum. Then one rounding each of scales, bias, output.
 */
static void mm_float64(const struct mm *c, struct mm_data *d)
{
	struct aios_tfdpa_unit u = aios_tfdpa_of(c->profile, d->xt);
	struct aios_cdna_unit cdna = aios_cdna_of(c->profile, d->xt);
	uint32_t t, n, k;
	double a, b, sum, mag, rel, unit, flushed;

	for (t = 0; t < c->t; t++) {
		for (n = 0; n < c->n; n++) {
			sum = mag = flushed = 0;
			for (k = 0; k < c->k; k++) {
				a = (double)ct_widen(d->xt, d->x, (uint64_t)t * c->k + k);
				if (d->xt == AIOS_I8X2)
					a = 256 * a +
					    ct_widen(d->xt, d->x, (uint64_t)(c->t + t) * c->k + k);
				b = (double)ct_widen(d->wt, d->w, (uint64_t)n * c->k + k);
				sum += a * b;
				mag += fabs(a * b);
				flushed += mm_flushed(c, d->xt, a, b);
			}
			rel = (c->k + c->segments) * 0x1p-24;
			if (u.terms)
				rel = (c->k / (double)u.terms + 1) *
					      ((u.terms + 1) * 4 * ldexp(1, -u.frac) +
					       ldexp(1, -u.keep)) +
				      c->segments * 0x1p-24;
			if (cdna.terms)
				rel += (c->k / 8.0 + 1) * 41 * 0x1p-24;
			if (d->xt == AIOS_I8 || d->xt == AIOS_I8X2)
				rel = 0x1p-24;
			if (aios_dtype_scaled(d->xt)) {
				sum *= (double)d->sx[t] * d->sw[n];
				mag *= (double)d->sx[t] * d->sw[n];
				rel += 0x1p-23;
			}
			if (d->bias) {
				sum += (double)ct_widen(c->bias, d->bias, n);
				mag += fabs((double)ct_widen(c->bias, d->bias, n));
			}
			if (d->res) {
				sum += (double)d->res[(uint64_t)t * c->n + n];
				mag += fabs((double)d->res[(uint64_t)t * c->n + n]);
			}
			unit = c->out == AIOS_F32 ? 0x1p-24 : c->out == AIOS_F16 ? 0x1p-11 : 0x1p-8;
			d->exact[(uint64_t)t * c->n + n] = sum;
			d->bound[(uint64_t)t * c->n + n] =
				mag * (rel + 0x1p-22) + fabs(sum) * unit + ldexp(1, -148) +
				flushed + (cdna.terms ? c->k * 0x1p-148 : 0);
			if (c->out == AIOS_F16)
				d->bound[(uint64_t)t * c->n + n] += 0x1p-25;
			if (mag > (c->out == AIOS_F16 ? 60000 : 0x1p126))
				d->bound[(uint64_t)t * c->n + n] = (double)INFINITY;
		}
	}
}

static void mm_launch(struct ct *t, const struct mm *c, const struct mm_data *d, void *got)
{
	struct aios_op_matmul op = {
		.op = AIOS_OP_INIT(struct aios_op_matmul, AIOS_OP_MATMUL),
		.profile = (uint8_t)c->profile,
		.act = (uint8_t)c->act,
		.mid_type = (uint8_t)c->mid,
		.bias_dtype = (uint8_t)c->bias,
		.segments = c->segments,
	};

	op.x = ct_tensor_in(t, d->xt, c->t, c->k, d->x, d->sx, c->k % 3);
	op.w = ct_tensor_in(t, d->wt, d->rows, c->k, d->w, d->sw, c->n % 2);
	op.out = ct_tensor_out(t, c->out, c->t, c->n, 1);
	if (d->bias)
		op.bias = ct_in(t, d->bias, d->rows * (uint64_t)aios_dtype_bytes(c->bias));
	if (d->res && c->out == AIOS_F32 && c->t % 2) { /* in place */
		op.out = ct_tensor_inout(t, c->out, c->t, c->n, d->res, 1);
		op.residual = op.out;
	} else if (d->res) {
		op.residual = ct_tensor_in(t, AIOS_F32, c->t, c->n, d->res, NULL, 2);
	}
	ct_run(t, &op.op, &op.scratch);
	ct_tensor_get(t, &op.out, got, NULL);
}

/* Returns the digest of the outputs. */
static uint64_t mm_case(struct mm c)
{
	char what[160];
	struct mm_data d = { 0 };
	uint64_t n = (uint64_t)c.t * c.n, digest;
	void *got;

	snprintf(what, sizeof(what), "matmul %s %s T %u N %u K %u S %u act %u out %s dist %d %d",
		 aios_profile_info_of(c.profile).name, aios_dtype_name(mm_xt(&c)), c.t, c.n, c.k,
		 c.segments, c.act, aios_dtype_name(c.out), (int)c.dist, (int)c.w_dist);
	mm_make(&c, &d);
	mm_model(&c, &d);
	got = ct_alloc(n * 4);
	ct_each(t)
	{
		mm_launch(t, &c, &d, got);
		ct_same(t, what, got, d.want, c.out, n);
	}
	if (!c.act && c.dist != CT_SPECIAL && c.w_dist != CT_SPECIAL) {
		mm_float64(&c, &d);
		ct_near(what, c.out, got, d.exact, d.bound, n);
	}
	digest = digest_bytes(DIGEST_START, got, n * aios_dtype_bytes(c.out));
	ct_each(t) ct_release(t);
	return digest;
}

static struct mm mm_base(uint32_t profile, uint32_t dtype)
{
	struct mm c = { .profile = profile,
			.dtype = dtype,
			.t = 3,
			.n = 17,
			.k = 64,
			.segments = 1,
			.mid = AIOS_F32,
			.out = AIOS_F32 };

	return c;
}

static const uint32_t mm_halves[2] = { AIOS_BF16, AIOS_F16 };

/* Sizes about the blocks, lanes and tiles of everybody: 1, L - 1, L, L + 1, primes. */
START_TEST(test_shapes)
{
	if (!ct_can(AIOS_OP_MATMUL, (uint32_t)_i))
		return;

	static const uint32_t ks[] = { 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 128, 131, 272, 521 };
	static const uint32_t ns[] = { 1, 15, 16, 17, 53 }, ts[] = { 1, 2, 4, 5, 33 };
	struct mm c;
	size_t i;

	for (i = 0; i < sizeof(ks) / sizeof(ks[0]); i++) {
		c = mm_base((uint32_t)_i, mm_halves[i % 2]);
		c.k = ks[i];
		c.n = ns[i % 5];
		c.t = ts[(i / 2) % 5];
		mm_case(c);
	}
	ct_report(aios_profile_info_of((uint32_t)_i).name);
}
END_TEST

/* Every distribution of x with every one of w. */
START_TEST(test_distributions)
{
	if (!ct_can(AIOS_OP_MATMUL, (uint32_t)_i))
		return;

	struct mm c;
	int i, j;

	for (i = 0; i < CT_ALL_DISTS; i++) {
		for (j = 0; j < CT_ALL_DISTS; j++) {
			c = mm_base((uint32_t)_i, mm_halves[(i + j) % 2]);
			c.dist = (enum ct_dist)i;
			c.w_dist = (enum ct_dist)j;
			c.k = 64;
			c.t = 5;
			mm_case(c);
			c.dtype = mm_halves[(i + j + 1) % 2];
			c.n = 9;
			c.t = 1;
			mm_case(c);
		}
	}
}
END_TEST

START_TEST(test_segments)
{
	if (!ct_can(AIOS_OP_MATMUL, (uint32_t)_i))
		return;

	struct mm c;
	uint32_t s;

	for (s = 1; s <= 16; s *= 2) {
		c = mm_base((uint32_t)_i, AIOS_BF16);
		c.segments = s;
		c.k = 32 * 16 * (s == 4 ? 3 : 1);
		c.t = 2;
		c.residual = s == 8;
		mm_case(c);
	}
}
END_TEST

START_TEST(test_epilogues)
{
	if (!ct_can(AIOS_OP_MATMUL, (uint32_t)_i))
		return;

	static const uint32_t floats[3] = { AIOS_F32, AIOS_BF16, AIOS_F16 };
	struct mm c;
	int i;

	for (i = 0; i < 3; i++) {
		c = mm_base((uint32_t)_i, AIOS_BF16);
		c.out = floats[i];
		c.bias = floats[(i + 1) % 3];
		mm_case(c);
		c.residual = 1;
		mm_case(c);
		c.t = 2;
		mm_case(c);
		c.residual = 0;
		c.act = AIOS_ACT_SILU_MUL;
		c.mid = floats[(i + 2) % 3];
		mm_case(c);
		c.act = AIOS_ACT_GELU_TANH_MUL;
		c.bias = 0;
		mm_case(c);
	}
}
END_TEST

/* A row's bits are its own: alone, or among others, the same. */
START_TEST(test_neighbours)
{
	if (!ct_can(AIOS_OP_MATMUL, (uint32_t)_i))
		return;

	struct mm c = mm_base((uint32_t)_i, AIOS_BF16), one;
	struct mm_data d = { 0 }, e;
	uint32_t r;
	float *all, *got;

	c.t = 37;
	c.k = 160;
	if (mm_xt(&c) == AIOS_I8X2)
		return; /* its planes make a row of a case no case; covered by the model */
	mm_make(&c, &d);
	all = ct_alloc((uint64_t)c.t * c.n * 4);
	got = ct_alloc(c.n * 4);
	mm_launch(&ct_dev[0], &c, &d, all);
	for (r = 0; r < c.t; r += 6) {
		e = d;
		one = c;
		one.t = 1;
		e.x = (char *)d.x + (uint64_t)r * c.k * aios_dtype_bytes(d.xt);
		e.sx = d.sx + r;
		mm_launch(&ct_dev[ct_n - 1], &one, &e, got);
		ct_same(&ct_dev[ct_n - 1], "a row alone", got, all + (uint64_t)r * c.n, AIOS_F32,
			c.n);
	}
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_MATMUL, (uint32_t)_i))
		return;

	struct mm c = mm_base((uint32_t)_i, AIOS_BF16);
	char name[64];

	c.t = 5;
	c.n = 40;
	c.k = 512;
	c.segments = 4;
	c.dist = c.w_dist = CT_WIDE;
	snprintf(name, sizeof(name), "matmul.%s", aios_profile_info_of((uint32_t)_i).name);
	ct_frozen(name, mm_case(c));
}
END_TEST

static struct aios_op_matmul mm_refused(void)
{
	struct aios_op_matmul op = {
		.op = AIOS_OP_INIT(struct aios_op_matmul, AIOS_OP_MATMUL),
		.segments = 1,
		.x = { .data = 4096, .dtype = AIOS_BF16, .rows = 2, .cols = 64, .row_bytes = 128 },
		.w = { .data = 4096, .dtype = AIOS_BF16, .rows = 8, .cols = 64, .row_bytes = 128 },
		.out = { .data = 4096, .dtype = AIOS_F32, .rows = 2, .cols = 8, .row_bytes = 32 },
	};

	return op;
}

/* Every refusal leaves the message, and launch() does what query_op() said. */
START_TEST(test_refusals)
{
	if (!ct_can(AIOS_OP_MATMUL, AIOS_PROFILE_FMA32))
		return;

	struct aios_op_matmul op;
	struct ct *t = &ct_dev[0];

	op = mm_refused();
	op.op.size = 32;
	ct_refuse(t, &op.op, "bytes, expected at least");
	op = mm_refused();
	op.op.flags = 1;
	ct_refuse(t, &op.op, "flags");
	op = mm_refused();
	op.profile = AIOS_PROFILE_COUNT;
	ct_refuse(t, &op.op, "profile");
	op = mm_refused();
	op.x.dtype = AIOS_F32;
	ct_refuse(t, &op.op, "x is of type f32");
	op = mm_refused();
	op.w.dtype = AIOS_F16;
	ct_refuse(t, &op.op, "w is of type f16");
	op = mm_refused();
	op.w.cols = 32;
	ct_refuse(t, &op.op, "w is [8][32], expected [8][64]");
	op = mm_refused();
	op.act = AIOS_ACT_SILU_MUL;
	op.mid_type = AIOS_F32;
	ct_refuse(t, &op.op, "w is [8][64], expected [16][64]");
	op = mm_refused();
	op.x.row_bytes = 120;
	ct_refuse(t, &op.op, "x.row_bytes");
	op = mm_refused();
	op.x.layout = AIOS_LAYOUT_DRIVER + 1;
	ct_refuse(t, &op.op, "layout");
	op = mm_refused();
	op.segments = 3;
	ct_refuse(t, &op.op, "power of two");
	op = mm_refused();
	op.profile = AIOS_PROFILE_TC_SM90;
	op.segments = 8;
	ct_refuse(t, &op.op, "K = 64 is not cut");
	op = mm_refused();
	op.residual = op.out;
	op.residual.cols = 4;
	ct_refuse(t, &op.op, "residual is");
}
END_TEST

Suite *test_matmul_suite(void);

Suite *test_matmul_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance matmul", &tc);

	tcase_add_loop_test(tc, test_shapes, 0, AIOS_PROFILE_COUNT);
	tcase_add_loop_test(tc, test_distributions, 0, AIOS_PROFILE_COUNT);
	tcase_add_loop_test(tc, test_segments, 0, AIOS_PROFILE_COUNT);
	tcase_add_loop_test(tc, test_epilogues, 0, AIOS_PROFILE_COUNT);
	tcase_add_loop_test(tc, test_neighbours, 0, AIOS_PROFILE_COUNT);
	tcase_add_loop_test(tc, test_frozen, 0, AIOS_PROFILE_COUNT);
	tcase_add_test(tc, test_refusals);
	return s;
}
