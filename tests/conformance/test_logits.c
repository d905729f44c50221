// SPDX-License-Identifier: Apache-2.0
/*
 * test_logits.c - soft cap, bias, repetition, frequency, presence, in this order.
 */
#include "harness.h"

#define LO_ROWS 6
#define LO_COLS 500
#define LO_IDS 40

struct lo {
	float x[LO_ROWS * LO_COLS];
	struct aios_sample_row rows[LO_ROWS];
	struct aios_token_count counts[LO_ROWS * LO_IDS];
	struct aios_token_bias bias[LO_ROWS * LO_IDS];
};

static void lo_make(struct lo *l, enum ct_dist dist)
{
	uint32_t r, i;

	ct_fill(dist, AIOS_F32, 9, LO_ROWS * LO_COLS, l->x);
	for (r = 0; r < LO_ROWS; r++) {
		l->rows[r] = (struct aios_sample_row){
			.repetition = r % 3  ? 1.3f :
				      r == 0 ? 0.0f :
					       1.0f,
			.frequency = r % 2 ? 0.4f : 0.0f,
			.presence = r == 4 ? -0.7f :
				    r == 5 ? 0.2f :
					     0.0f,
			.counts_start = r * LO_IDS,
			.counts_n = r == 1 ? 0 : LO_IDS - r,
			.bias_start = r * LO_IDS,
			.bias_n = r * 7,
		};
		for (i = 0; i < LO_IDS; i++) { /* distinct ids; some are outside */
			l->counts[r * LO_IDS + i].id = (int32_t)(i * 13 + r) - 1;
			l->counts[r * LO_IDS + i].count = i % 4;
			l->bias[r * LO_IDS + i].id = (int32_t)(i * 17 + r) - 2;
			l->bias[r * LO_IDS + i].bias = i % 9 == 0 ? -aios_inf() :
								    (float)i * 0.25f - 3.0f;
		}
	}
}

static void lo_model(const struct lo *l, float cap, bool rows, float *y)
{
	const struct aios_sample_row *p;
	float *v, count;
	uint32_t r, i, j;

	memcpy(y, l->x, sizeof(l->x));
	for (r = 0; r < LO_ROWS; r++) {
		for (i = 0; i < LO_COLS && cap != 0; i++)
			y[r * LO_COLS + i] = aios_canon(cap * aios_tanh(y[r * LO_COLS + i] / cap));
		p = &l->rows[r];
		for (i = 0; i < LO_COLS && rows; i++) { /* by token, not by list */
			v = &y[r * LO_COLS + i];
			for (j = 0; j < p->bias_n; j++)
				if (l->bias[p->bias_start + j].id == (int32_t)i)
					*v = aios_canon(*v + l->bias[p->bias_start + j].bias);
			for (j = 0; j < p->counts_n; j++) {
				if (l->counts[p->counts_start + j].id != (int32_t)i)
					continue;
				if (p->repetition != 0 && p->repetition != 1)
					*v = *v > 0 ? *v / p->repetition : *v * p->repetition;
				count = (float)l->counts[p->counts_start + j].count;
				if (count > 0)
					*v = fmaf(-p->frequency, count, *v) - p->presence;
				*v = aios_canon(*v);
			}
		}
	}
}

static uint64_t lo_case(float cap, bool rows, enum ct_dist dist)
{
	struct lo *l = ct_alloc(sizeof(*l));
	float *want = ct_alloc(sizeof(l->x)), *got = ct_alloc(sizeof(l->x));

	lo_make(l, dist);
	lo_model(l, cap, rows, want);
	ct_each(t)
	{
		struct aios_op_logits op = {
			.op = AIOS_OP_INIT(struct aios_op_logits, AIOS_OP_LOGITS),
			.softcap = cap,
		};

		op.logits = ct_tensor_inout(t, AIOS_F32, LO_ROWS, LO_COLS, l->x, 1);
		if (rows) {
			op.params = ct_in(t, l->rows, sizeof(l->rows));
			op.counts = ct_in(t, l->counts, sizeof(l->counts));
			op.bias = ct_in(t, l->bias, sizeof(l->bias));
		}
		ct_run(t, &op.op, NULL);
		ct_tensor_get(t, &op.logits, got, NULL);
		ct_same(t, "logits", got, want, AIOS_F32, LO_ROWS * LO_COLS);
		ct_release(t);
	}
	return digest_bytes(DIGEST_START, got, sizeof(l->x));
}

START_TEST(test_all)
{
	if (!ct_can(AIOS_OP_LOGITS, AIOS_PROFILE_FMA32))
		return;

	int dist;

	for (dist = 0; dist < CT_DISTS; dist++) {
		lo_case(0, true, (enum ct_dist)dist);
		lo_case(30, true, (enum ct_dist)dist);
		lo_case(2, false, (enum ct_dist)dist);
	}
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_LOGITS, AIOS_PROFILE_FMA32))
		return;

	ct_frozen("logits", lo_case(30, true, CT_WIDE));
}
END_TEST

Suite *test_logits_suite(void);

Suite *test_logits_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance logits", &tc);

	tcase_add_test(tc, test_all);
	tcase_add_test(tc, test_frozen);
	return s;
}
