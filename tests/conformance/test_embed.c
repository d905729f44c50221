// SPDX-License-Identifier: Apache-2.0
/*
 * test_embed.c - embedding rows, padding, ids outside the table.
 */
#include "harness.h"

static const uint32_t em_types[] = { AIOS_F32, AIOS_BF16, AIOS_F16 };

static uint64_t em_case(uint32_t dtype, uint32_t cols, float scale, enum ct_dist dist)
{
	static const int32_t ids[] = { 0, 6, -1, 3, 7, -2, INT32_MAX, INT32_MIN, 6, 1 };
	uint32_t rows = 7, n = sizeof(ids) / sizeof(ids[0]), i, j;
	void *table = ct_alloc((uint64_t)rows * cols * 4);
	float *want = ct_alloc((uint64_t)n * cols * 4), *got = ct_alloc((uint64_t)n * cols * 4), x;

	ct_fill(dist, dtype, cols, (uint64_t)rows * cols, table);
	for (i = 0; i < n; i++)
		for (j = 0; j < cols; j++) {
			want[i * cols + j] = aios_nan();
			if (ids[i] == -1)
				want[i * cols + j] = 0.0f;
			if (ids[i] < 0 || (uint32_t)ids[i] >= rows)
				continue;
			x = ct_widen(dtype, table, (uint32_t)ids[i] * cols + j);
			/* F32 without a scale is data movement: the bits of a NaN stay. */
			want[i * cols + j] = dtype == AIOS_F32 && scale == 1.0f ?
						     x :
						     aios_canon(scale == 1.0f ? x : x * scale);
		}
	ct_each(t)
	{
		struct aios_op_embed op = {
			.op = AIOS_OP_INIT(struct aios_op_embed, AIOS_OP_EMBED),
			.scale = scale,
			.n_tokens = n,
		};

		op.ids = ct_in(t, ids, sizeof(ids));
		op.table = ct_tensor_in(t, dtype, rows, cols, table, NULL, 1);
		op.out = ct_tensor_out(t, AIOS_F32, n, cols, 1);
		ct_run(t, &op.op, NULL);
		ct_tensor_get(t, &op.out, got, NULL);
		ct_same(t, "embed", got, want, AIOS_F32, (uint64_t)n * cols);
		ct_release(t);
	}
	return digest_bytes(DIGEST_START, got, (uint64_t)n * cols * 4);
}

START_TEST(test_rows)
{
	if (!ct_can(AIOS_OP_EMBED, AIOS_PROFILE_FMA32))
		return;

	static const uint32_t cols[] = { 1, 3, 64, 255, 257, 1024 };
	int i;

	for (i = 0; i < 6; i++)
		em_case(em_types[_i], cols[i], i % 2 ? 32.0f : 1.0f, CT_NORMAL);
	for (i = 0; i < 2 * CT_DISTS; i++)
		em_case(em_types[_i], 130, i % 2 ? 0.3f : 1.0f, (enum ct_dist)(i / 2));
}
END_TEST

START_TEST(test_frozen)
{
	if (!ct_can(AIOS_OP_EMBED, AIOS_PROFILE_FMA32))
		return;

	ct_frozen("embed.bf16", em_case(AIOS_BF16, 96, 1.5f, CT_WIDE));
}
END_TEST

START_TEST(test_refusals)
{
	if (!ct_can(AIOS_OP_EMBED, AIOS_PROFILE_FMA32))
		return;

	struct aios_op_embed op = {
		.op = AIOS_OP_INIT(struct aios_op_embed, AIOS_OP_EMBED),
		.n_tokens = 2,
		.table = { .data = 4096, .dtype = AIOS_I8, .rows = 2, .cols = 8, .row_bytes = 16 },
		.out = { .data = 4096, .dtype = AIOS_F32, .rows = 2, .cols = 8, .row_bytes = 32 },
	};

	ct_refuse(&ct_dev[0], &op.op, "table is of type i8");
	op.table.dtype = AIOS_BF16;
	op.out.rows = 3;
	ct_refuse(&ct_dev[0], &op.op, "out is [3][8], expected [2][8]");
}
END_TEST

Suite *test_embed_suite(void);

Suite *test_embed_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance embed", &tc);

	tcase_add_loop_test(tc, test_rows, 0, 3);
	tcase_add_test(tc, test_frozen);
	tcase_add_test(tc, test_refusals);
	return s;
}
