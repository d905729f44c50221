// SPDX-License-Identifier: Apache-2.0
/*
 * test_attention.c - paged attention against the contract written out for one
 * query at a time, and against softmax in float64.
 */
#include "ragged.h"

struct at {
	uint32_t profile, n_heads, window, chunk, out;
	float softcap;
	enum ct_dist dist;
	struct rg rg;
};

struct at_data {
	uint16_t *q, *k, *v;
	float *want; /* [rows][n_heads * head_dim] before rounding to the output's type */
	double *exact, *bound;
};

static uint32_t at_unit(const struct at *c)
{
	return aios_profile_info_of(c->profile).attention;
}

static float at_scale(const struct at *c)
{
	return 1.0f / sqrtf((float)c->rg.head_dim);
}

/* The dot unit's chain over n codes. */
static float at_chain(const struct at *c, const uint16_t *a, const uint16_t *b, uint32_t n,
		      float acc)
{
	struct aios_tfdpa_unit u = aios_tfdpa_of(at_unit(c), c->rg.dtype);
	struct aios_cdna_unit cdna = aios_cdna_of(at_unit(c), c->rg.dtype);
	uint32_t i;

	if (u.terms)
		return aios_tfdpa_chain(u, a, b, n, acc);
	if (cdna.terms)
		return aios_cdna_chain(cdna, a, b, n, acc);
	for (i = 0; i < n; i++)
		acc = fmaf(ct_widen(c->rg.dtype, a, i), ct_widen(c->rg.dtype, b, i), acc);
	return acc;
}

static uint16_t at_code(const struct at *c, float x)
{
	return c->rg.dtype == AIOS_BF16 ? aios_f32_to_bf16(x) : aios_f32_to_f16(x);
}

/* One query of the model: its keys lie in the cache of sequence s. */
struct at_query {
	const struct at *c;
	const struct at_data *d;
	const uint16_t *q;
	uint32_t s, kv_head, first, last;
};

static float at_score(const struct at_query *q, uint32_t key)
{
	const struct at *c = q->c;
	float dot = at_chain(c, q->q, q->d->k + rg_slot(&c->rg, q->s, key, q->kv_head, 0),
			     c->rg.head_dim, 0.0f);

	if (c->softcap != 0.0f)
		return aios_softcap(dot * at_scale(c), c->softcap) * AIOS_LOG2E;
	return dot * (at_scale(c) * AIOS_LOG2E);
}

/* acc[d] goes on over one block of 64 slots. Masked slots: code 0 on both sides, or skipped. */
static void at_block_values(const struct at_query *q, uint32_t start, const uint16_t *p,
			    const bool *visible, float alpha, float *acc)
{
	bool tc = at_unit(q->c) != AIOS_PROFILE_FMA32;
	uint16_t a[64], b[64];
	uint32_t d, j, n;

	for (d = 0; d < q->c->rg.head_dim; d++) {
		n = 0;
		for (j = 0; j < 64; j++) {
			if (!visible[j] && !tc)
				continue;
			a[n] = visible[j] ? p[j] : 0;
			b[n++] =
				visible[j] ?
					q->d->v[rg_slot(&q->c->rg, q->s, start + j, q->kv_head, d)] :
					0;
		}
		acc[d] = at_chain(q->c, a, b, n, acc[d] * alpha);
	}
}

/* One chunk [start, end): m, l and acc. False when no key of it is visible. */
static bool at_chunk(const struct at_query *q, uint32_t start, uint32_t end, float *m, float *l,
		     float *acc)
{
	float s[64], m_new, alpha, p[64], sum[128];
	uint32_t b, j, i, any = 0;
	bool visible[64], seen;
	uint16_t codes[64];

	*m = -aios_inf();
	*l = 0.0f;
	memset(acc, 0, q->c->rg.head_dim * sizeof(*acc));
	for (b = start; b < end; b += 64) {
		m_new = *m;
		seen = false;
		for (j = 0; j < 64; j++) {
			visible[j] = b + j >= q->first && b + j <= q->last;
			if (!visible[j])
				continue;
			seen = true;
			s[j] = at_score(q, b + j);
			if (s[j] > m_new)
				m_new = s[j];
		}
		if (!seen)
			continue;
		any++;
		alpha = aios_exp2(*m - m_new);
		for (j = 0; j < 64; j++) {
			codes[j] = visible[j] ? at_code(q->c, aios_exp2(s[j] - m_new)) : 0;
			p[j] = ct_widen(q->c->rg.dtype, codes, j);
		}
		/* The halving tree as a heap: node i has children i's pair at distance h. */
		memcpy(sum, p, sizeof(p));
		for (i = 32; i >= 1; i /= 2)
			for (j = 0; j < i; j++)
				sum[j] = sum[j] + sum[j + i];
		*l = fmaf(*l, alpha, sum[0]);
		*m = m_new;
		at_block_values(q, b, codes, visible, alpha, acc);
	}
	return any > 0;
}

static void at_model_query(const struct at_query *q, float *out)
{
	float m, l, acc[512], total[512], big_m = 0, big_l = 0, e1, e2, m_new;
	uint32_t start, d, dim = q->c->rg.head_dim;
	bool first = true;

	for (start = 0; start <= q->last; start += q->c->chunk) {
		if (!at_chunk(q, start, start + q->c->chunk, &m, &l, acc))
			continue;
		if (first) {
			big_m = m;
			big_l = l;
			memcpy(total, acc, dim * sizeof(*acc));
			first = false;
			continue;
		}
		m_new = m > big_m ? m : big_m;
		e1 = aios_exp2(big_m - m_new);
		e2 = aios_exp2(m - m_new);
		big_l = fmaf(big_l, e1, l * e2);
		for (d = 0; d < dim; d++)
			total[d] = fmaf(total[d], e1, acc[d] * e2);
		big_m = m_new;
	}
	for (d = 0; d < dim; d++)
		out[d] = total[d] * (1.0f / big_l);
}

/*
 * float64 and its bound. The error of a score (in base 2) is ds: that of its dot
 * product (see test_matmul.c) times the scale, plus a few roundings of the score;
 * p is off by ds * ln 2 + 2 ulp of exp2 + half an ulp of the KV type, relatively;
 * the same in numerator and denominator, so twice; then the sum over n keys.
 */
static void at_float64_query(const struct at_query *q, double *exact, double *bound)
{
	struct aios_tfdpa_unit u = aios_tfdpa_of(at_unit(q->c), q->c->rg.dtype);
	bool cdna = aios_cdna_of(at_unit(q->c), q->c->rg.dtype).terms > 0;
	uint32_t dim = q->c->rg.head_dim, key, d, n = q->last - q->first + 1;
	double scale = (double)at_scale(q->c), *s = ct_alloc(n * 8), max = -INFINITY;
	double a, b, mag, ds = 0, sum = 0, rel, unit, chain, x, cap = (double)q->c->softcap;
	double least = q->c->rg.dtype == AIOS_F16 ? 0x1p-14 : 0x1p-126, flushed = 0;

	if (!aios_cdna_of(at_unit(q->c), q->c->rg.dtype).flush)
		least = 0;
	unit = q->c->rg.dtype == AIOS_BF16 ? 0x1p-9 : 0x1p-12;
	chain = cdna    ? 8 * 0x1p-24 :
		u.terms ? (u.terms + 1) * 4 * ldexp(1, -u.frac) + 0x1p-23 :
			  0x1p-24;
	for (key = 0; key < n; key++) {
		const uint16_t *k =
			q->d->k + rg_slot(&q->c->rg, q->s, q->first + key, q->kv_head, 0);

		x = mag = 0;
		for (d = 0; d < dim; d++) {
			a = (double)ct_widen(q->c->rg.dtype, q->q, d);
			b = (double)ct_widen(q->c->rg.dtype, k, d);
			x += a * b;
			mag += fabs(a * b);
			if (fabs(a) < least || fabs(b) < least)
				flushed += fabs(a * b);
		}
		ds = fmax(ds, flushed * scale);
		flushed = 0;
		x *= scale;
		ds = fmax(ds, mag * scale *
				      (chain * (dim / (u.terms ? (uint32_t)u.terms : 1) + 1) +
				       0x1p-20));
		s[key] = cap != 0 ? cap * tanh(x / cap) : x;
		max = fmax(max, s[key]);
	}
	for (key = 0; key < n; key++)
		sum += s[key] = exp(s[key] - max);
	rel = 2 * (ds * 1.5 + fabs(max) * 0x1p-21 + unit + 0x1p-20) +
	      (n / (u.terms ? (uint32_t)u.terms : 1) + 70) * chain;
	for (d = 0; d < dim; d++) {
		x = mag = flushed = 0;
		for (key = 0; key < n; key++) {
			a = (double)ct_widen(q->c->rg.dtype, q->d->v,
					     rg_slot(&q->c->rg, q->s, q->first + key, q->kv_head,
						     d));
			x += s[key] / sum * a;
			mag += s[key] / sum * fabs(a);
			flushed += fabs(a) < least ? s[key] / sum * fabs(a) : least * fabs(a);
		}
		exact[d] = x;
		/* p that round to zero: below 2^-133, or 2^-25 in fp16. */
		bound[d] = mag * rel + flushed + (q->c->rg.dtype == AIOS_F16 ? n * 0x1p-20 : 0) +
			   0x1p-120;
	}
}

static void at_make(struct at *c, struct at_data *d)
{
	uint32_t cols = c->n_heads * c->rg.head_dim, row, h, dim = c->rg.head_dim;
	uint64_t at;

	rg_make(&c->rg);
	d->q = ct_alloc((uint64_t)c->rg.n_tokens * cols * 2);
	for (row = 0; row < c->rg.n_tokens; row++)
		for (at = 0; at < cols; at++) /* of the row's sequence and position only */
			d->q[(uint64_t)row * cols + at] = at_code(
				c, ct_value(c->dist, c->rg.dtype, 77 + (uint64_t)c->rg.seq_ids[row],
					    ((uint64_t)c->rg.positions[row] << 16) + at));
	d->k = rg_cache(&c->rg, c->dist, 5, true);
	d->v = rg_cache(&c->rg, c->dist, 6, true);
	d->want = ct_alloc((uint64_t)c->rg.n_tokens * cols * 4);
	d->exact = ct_alloc((uint64_t)c->rg.n_tokens * cols * 8);
	d->bound = ct_alloc((uint64_t)c->rg.n_tokens * cols * 8);
	for (row = 0; row < c->rg.n_tokens; row++) {
		struct at_query q = { .c = c,
				      .d = d,
				      .s = (uint32_t)c->rg.seq_ids[row],
				      .last = (uint32_t)c->rg.positions[row] };

		if (c->rg.positions[row] < 0)
			continue; /* all +0 */
		q.first = c->window && q.last >= c->window ? q.last - c->window + 1 : 0;
		for (h = 0; h < c->n_heads; h++) {
			at = (uint64_t)row * cols + h * dim;
			q.q = d->q + at;
			q.kv_head = h / (c->n_heads / c->rg.n_kv_heads);
			at_model_query(&q, d->want + at);
			at_float64_query(&q, d->exact + at, d->bound + at);
		}
	}
}

static struct aios_op_attention at_op(struct ct *t, const struct at *c, const struct at_data *d)
{
	uint32_t cols = c->n_heads * c->rg.head_dim;
	struct aios_op_attention op = {
		.op = AIOS_OP_INIT(struct aios_op_attention, AIOS_OP_ATTENTION),
		.profile = (uint8_t)c->profile,
		.n_heads = c->n_heads,
		.scale = at_scale(c),
		.scale_log2 = at_scale(c) * AIOS_LOG2E,
		.softcap = c->softcap,
		.window = c->window,
		.chunk = c->chunk,
		.kv = { .dtype = c->rg.dtype,
			.n_pages = c->rg.n_pages,
			.page_size = c->rg.page_size,
			.n_kv_heads = c->rg.n_kv_heads,
			.head_dim = c->rg.head_dim },
	};

	op.batch = rg_batch(t, &c->rg);
	op.kv.k = ct_in(t, d->k, rg_cache_elements(&c->rg) * 2);
	op.kv.v = ct_in(t, d->v, rg_cache_elements(&c->rg) * 2);
	op.q = ct_tensor_in(t, c->rg.dtype, c->rg.n_tokens, cols, d->q, NULL, 1);
	op.out = ct_tensor_out(t, c->out, c->rg.n_tokens, cols, 1);
	return op;
}

static uint64_t at_case(struct at c)
{
	uint32_t cols = c.n_heads * c.rg.head_dim;
	uint64_t n, bytes, digest;
	uint8_t *got, *want;
	float *scale, *want_scale;
	struct at_data d = { 0 };
	char what[160];

	at_make(&c, &d);
	n = (uint64_t)c.rg.n_tokens * cols;
	bytes = ct_tensor_bytes(c.out, c.rg.n_tokens, cols);
	snprintf(what, sizeof(what),
		 "attention %s rows %u heads %u/%u x %u page %u window %u out %s",
		 aios_profile_info_of(c.profile).name, c.rg.n_tokens, c.n_heads, c.rg.n_kv_heads,
		 c.rg.head_dim, c.rg.page_size, c.window, aios_dtype_name(c.out));
	got = ct_alloc(bytes);
	want = ct_alloc(bytes);
	scale = ct_alloc(c.rg.n_tokens * 4);
	want_scale = ct_alloc(c.rg.n_tokens * 4);
	ct_round_rows(c.out, c.rg.n_tokens, cols, d.want, want, want_scale);
	ct_each(t)
	{
		struct aios_op_attention op = at_op(t, &c, &d);

		ct_run(t, &op.op, &op.scratch);
		ct_tensor_get(t, &op.out, got, aios_dtype_scaled(c.out) ? scale : NULL);
		ct_same(t, what, got, want, c.out, c.out == AIOS_I8X2 ? 2 * n : n);
		if (aios_dtype_scaled(c.out))
			ct_same(t, what, scale, want_scale, AIOS_F32, c.rg.n_tokens);
	}
	if (c.dist != CT_SPECIAL && c.dist != CT_EXTREME)
		ct_near(what, AIOS_F32, d.want, d.exact, d.bound, n);
	digest = digest_bytes(DIGEST_START, got, bytes);
	ct_each(t) ct_release(t);
	return digest;
}

static struct at at_base(uint32_t profile)
{
	struct at c = {
		.profile = profile,
		.n_heads = 4,
		.chunk = 128,
		.out = AIOS_BF16,
		.rg = { .seqs = { { 0, 5 }, { 63, 1 }, { 64, 3 }, { 0, 0 }, { 190, 4 } },
			.n_seqs = 5,
			.padding = 2,
			.page_size = 16,
			.n_kv_heads = 2,
			.head_dim = 32,
			.dtype = AIOS_BF16,
			.order = 9 },
	};

	return c;
}

/* Not a profile whose attention is another's. */
static bool at_own(uint32_t profile)
{
	return ct_can(AIOS_OP_ATTENTION, profile) &&
	       aios_profile_info_of(profile).attention == profile;
}

START_TEST(test_batches)
{
	if (!ct_can(AIOS_OP_ATTENTION, (uint32_t)_i))
		return;

	static const uint32_t pages[] = { 1, 7, 16, 64, 128 };
	struct at c;
	int i;

	for (i = 0; i < 5; i++) {
		c = at_base((uint32_t)_i);
		c.rg.page_size = pages[i];
		c.rg.order = (uint64_t)i * 3;
		c.rg.dtype = i % 2 ? AIOS_F16 : AIOS_BF16;
		c.out = i % 2 ? AIOS_F32 : AIOS_BF16;
		at_case(c);
	}
	ct_report(aios_profile_info_of((uint32_t)_i).name);
}
END_TEST

START_TEST(test_shapes)
{
	if (!at_own((uint32_t)_i))
		return;

	static const uint32_t dims[] = { 8, 16, 24, 64, 136, 256 };
	static const uint32_t heads[][2] = { { 1, 1 }, { 3, 3 }, { 6, 2 }, { 17, 1 }, { 2, 1 } };
	struct at c;
	int i;

	for (i = 0; i < 6; i++) {
		c = at_base((uint32_t)_i);
		c.rg.head_dim = dims[i];
		c.n_heads = heads[i % 5][0];
		c.rg.n_kv_heads = heads[i % 5][1];
		c.rg.seqs[4].past = 129;
		at_case(c);
	}
}
END_TEST

START_TEST(test_windows_and_softcap)
{
	if (!at_own((uint32_t)_i))
		return;

	static const uint32_t windows[] = { 1, 2, 63, 64, 65, 100, 1000 };
	struct at c;
	int i;

	for (i = 0; i < 7; i++) {
		c = at_base((uint32_t)_i);
		c.window = windows[i];
		c.softcap = i % 2 ? 20.0f : 0.0f;
		c.out = AIOS_F32;
		at_case(c);
	}
}
END_TEST

START_TEST(test_distributions)
{
	if (!at_own((uint32_t)_i))
		return;

	struct at c;
	int i;

	for (i = 0; i < CT_DISTS; i++) {
		c = at_base((uint32_t)_i);
		c.dist = (enum ct_dist)i;
		c.rg.dtype = i % 2 ? AIOS_F16 : AIOS_BF16;
		c.rg.seqs[4].past = 70;
		at_case(c);
	}
}
END_TEST

START_TEST(test_outputs)
{
	if (!ct_can(AIOS_OP_ATTENTION, (uint32_t)_i))
		return;

	static const uint32_t outs[] = { AIOS_F32, AIOS_F16, AIOS_E4M3, AIOS_I8, AIOS_I8X2 };
	struct at c;
	int i;

	for (i = 0; i < 5; i++) {
		c = at_base((uint32_t)_i);
		c.out = outs[i];
		c.chunk = 64;
		at_case(c);
	}
}
END_TEST

/* A prompt in one pass, in chunks and token by token: the same rows. */
START_TEST(test_prefill_is_decode)
{
	if (!at_own((uint32_t)_i))
		return;

	struct at whole = at_base((uint32_t)_i), part;
	uint32_t cols, at, n = 150, step;
	struct at_data dw = { 0 }, dp;
	float *all, *got;
	uint64_t i;

	whole.out = AIOS_F32;
	whole.rg.n_seqs = 1;
	whole.rg.padding = 0;
	whole.rg.seqs[0] = (struct rg_seq){ 0, n };
	cols = whole.n_heads * whole.rg.head_dim;
	at_make(&whole, &dw);
	all = ct_alloc((uint64_t)n * cols * 4);
	got = ct_alloc((uint64_t)n * cols * 4);
	for (step = 0; step < 3; step++) {
		for (at = 0; at < n; at += part.rg.seqs[0].rows) {
			struct ct *t = &ct_dev[(at + step) % ct_n];
			struct aios_op_attention op;

			part = whole;
			part.rg.seqs[0].past = at;
			part.rg.seqs[0].rows = step == 0 ? n : step == 1 ? 47 : 1;
			if (at + part.rg.seqs[0].rows > n)
				part.rg.seqs[0].rows = n - at;
			part.rg.padding = step;
			part.rg.order = at + step;
			rg_make(&part.rg);
			dp = dw;
			dp.k = rg_cache(&part.rg, part.dist, 5, true);
			dp.v = rg_cache(&part.rg, part.dist, 6, true);
			dp.q = ct_alloc((uint64_t)part.rg.n_tokens * cols * 2);
			memcpy(dp.q, dw.q + (uint64_t)at * cols,
			       (uint64_t)part.rg.seqs[0].rows * cols * 2);
			op = at_op(t, &part, &dp);
			ct_run(t, &op.op, &op.scratch);
			ct_tensor_get(t, &op.out, got, NULL);
			if (step == 0)
				memcpy(all, got, (uint64_t)n * cols * 4);
			ct_same(t, "a part of a prompt", got, all + (uint64_t)at * cols, AIOS_F32,
				(uint64_t)part.rg.seqs[0].rows * cols);
			for (i = (uint64_t)part.rg.seqs[0].rows * cols;
			     i < (uint64_t)part.rg.n_tokens * cols; i++)
				ck_assert_uint_eq(aios_bits(got[i]), 0);
			ct_release(t);
		}
	}
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_ATTENTION, (uint32_t)_i))
		return;

	struct at c = at_base((uint32_t)_i);
	char name[64];

	c.rg.head_dim = 64;
	c.window = 100;
	c.out = AIOS_F32;
	snprintf(name, sizeof(name), "attention.%s", aios_profile_info_of((uint32_t)_i).name);
	ct_frozen(name, at_case(c));
}
END_TEST

START_TEST(test_refusals)
{
	if (!ct_can(AIOS_OP_ATTENTION, AIOS_PROFILE_FMA32))
		return;

	struct at c = at_base(0);
	struct at_data d = { 0 };
	struct aios_op_attention good, op;
	struct aios_status st = { 0 };
	struct ct *t = &ct_dev[0];

	at_make(&c, &d);
	good = op = at_op(t, &c, &d);
	op.chunk = 96;
	ct_refuse(t, &op.op, "chunk is 96");
	op = good;
	op.kv.head_dim = 12;
	ct_refuse(t, &op.op, "head_dim is 12");
	op = good;
	op.n_heads = 5;
	ct_refuse(t, &op.op, "not a multiple");
	op = good;
	op.kv.dtype = AIOS_F32;
	ct_refuse(t, &op.op, "kv is of type f32");
	op = good;
	op.q.dtype = AIOS_F16;
	ct_refuse(t, &op.op, "q is of type f16");
	op = good;
	op.softcap = -1;
	ct_refuse(t, &op.op, "softcap");
	if (!ct_is_reference())
		return;
	/* What lies in memory is seen in the launch only: nothing may be written. */
	op = good;
	op.kv.n_pages = 2;
	ck_assert_int_eq(t->ops->launch(t->dev, t->queue, &op.op, &st), -EINVAL);
	ck_assert_msg(ct_says(st.message, "is page"), "%s", st.message);
	op = good;
	op.batch.max_blocks = 1;
	ck_assert_int_eq(t->ops->launch(t->dev, t->queue, &op.op, &st), -EINVAL);
}
END_TEST

Suite *test_attention_suite(void);

Suite *test_attention_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance attention", &tc);

	tcase_add_loop_test(tc, test_batches, 0, AIOS_PROFILE_COUNT);
	tcase_add_loop_test(tc, test_shapes, 0, AIOS_PROFILE_COUNT);
	tcase_add_loop_test(tc, test_windows_and_softcap, 0, AIOS_PROFILE_COUNT);
	tcase_add_loop_test(tc, test_distributions, 0, AIOS_PROFILE_COUNT);
	tcase_add_loop_test(tc, test_outputs, 0, 2);
	tcase_add_loop_test(tc, test_prefill_is_decode, 0, AIOS_PROFILE_COUNT);
	tcase_add_loop_test(tc, test_frozen, 0, AIOS_PROFILE_COUNT);
	tcase_add_test(tc, test_refusals);
	return s;
}
