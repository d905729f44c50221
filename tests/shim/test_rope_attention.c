// SPDX-License-Identifier: Apache-2.0
/*
 * test_rope_attention.c - rope_kv and attention in one kernel leave the memory that they leave one
 * after the other: q, keys, values and outputs. On the shim.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aios/numerics.h>

#include "emit.h"
#include "env.h"
#include "shim_data.h"
#include "shim_run.h"

Suite *test_rope_attention_suite(void);

#define MAX_ROWS 6

struct ra_case {
	uint32_t profile, kv, out, norm; /* norm: 0 is none */
	uint32_t dim, kv_heads, group, page;
	uint32_t chunk, window;
	uint32_t units, wave, order;
	int32_t positions[MAX_ROWS]; /* of each row's sequence; -1: padding; up to the first -2 */
};

#define TC AIOS_PROFILE_TC_SM90
#define FMA AIOS_PROFILE_FMA32
#define BF16 AIOS_BF16
#define F16 AIOS_F16

static const struct ra_case ra_cases[] = {
	/* profile, kv, out, norm, dim, KV heads, group, page, chunk, window, units, wave, order */
	{ TC, BF16, BF16, BF16, 128, 2, 2, 16, 512, 0, 4, 32, SHIM_RANDOM, { 130, 0, 63, -2 } },
	{ TC, BF16, BF16, AIOS_F32, 128, 1, 4, 5, 64, 0, 9, 32, SHIM_FORWARD, { 200, -1, 64, -2 } },
	{ TC, F16, AIOS_F32, 0, 64, 2, 1, 8, 128, 70, 1, 32, SHIM_REVERSE, { 300, 127, -1, -2 } },
	{ TC, F16, F16, F16, 128, 1, 12, 16, 64, 0, 4, 32, SHIM_RANDOM, { 65, -2 } },
	{ TC, BF16, BF16, BF16, 64, 1, 7, 1, 512, 33, 4, 32, SHIM_RANDOM, { 600, 15, -2 } },
	{ FMA, BF16, BF16, BF16, 128, 2, 2, 16, 512, 0, 4, 32, SHIM_RANDOM, { 130, 0, 63, -2 } },
	{ FMA,
	  BF16,
	  AIOS_F32,
	  AIOS_F32,
	  128,
	  1,
	  5,
	  32,
	  64,
	  0,
	  9,
	  64,
	  SHIM_REVERSE,
	  { 200, -1, 64, -2 } },
	{ FMA, F16, F16, 0, 64, 2, 3, 7, 128, 70, 1, 64, SHIM_RANDOM, { 300, 127, -1, -2 } },
	{ FMA, F16, BF16, F16, 128, 1, 12, 16, 64, 0, 4, 32, SHIM_FORWARD, { 65, -2 } },
	{ AIOS_PROFILE_I8X2,
	  BF16,
	  AIOS_I8X2,
	  BF16,
	  128,
	  2,
	  4,
	  16,
	  64,
	  0,
	  8,
	  64,
	  SHIM_RANDOM,
	  { 129, 3, -2 } },
};

/* Memory of random floats of the type, up to about 1. */
static void *ra_floats(uint32_t dtype, uint64_t n, uint64_t *state)
{
	void *p = shim_alloc(n * aios_dtype_bytes(dtype));
	uint64_t i;

	for (i = 0; i < n; i++)
		shim_set(p, dtype, i, (float)(int32_t)shim_next(state) * 0x1p-31f);
	return p;
}

/* What both ops read and write. */
struct ra_bed {
	struct gpu_caps caps;
	struct aios_op_rope_kv rope;
	struct aios_op_attention attention;
	_Alignas(16) int32_t arrays[3][MAX_ROWS + 2];
	int32_t rows, *table;
	uint64_t kv_bytes, q_bytes, out_bytes;
	void *k[2], *v[2], *q[2], *out[2], *scale[2], *qkv, *angles, *norm[2], *scratch;
};

static void ra_batch(struct ra_bed *b, const struct ra_case *c)
{
	int32_t page = 0, s, i, most = 0;
	struct aios_batch *batch = &b->rope.batch;

	for (b->rows = 0; b->rows < MAX_ROWS && c->positions[b->rows] != -2; b->rows++)
		most = c->positions[b->rows] > most ? c->positions[b->rows] : most;
	batch->n_tokens = batch->n_seqs = (uint32_t)b->rows;
	batch->max_q = 1;
	batch->max_kv = (uint32_t)most + 1 + 70; /* a bound, as graphs have it */
	batch->max_blocks = batch->max_kv / c->page + 1;
	b->table = shim_alloc((uint64_t)b->rows * batch->max_blocks * 4);
	for (s = 0; s < b->rows; s++) {
		b->arrays[0][s] = c->positions[s];
		b->arrays[1][s] = b->arrays[2][s] = s;
		for (i = 0; i < (int32_t)batch->max_blocks; i++) {
			int32_t *slot = &b->table[s * (int32_t)batch->max_blocks + i];

			*slot = i * (int32_t)c->page <= c->positions[s] ? page++ : -1;
		}
	}
	b->arrays[2][s] = s;
	b->rope.kv.n_pages = (uint32_t)page;
	batch->positions = (uintptr_t)b->arrays[0];
	batch->seq_ids = (uintptr_t)b->arrays[1];
	batch->seq_start = (uintptr_t)b->arrays[2];
	batch->seq_len = (uintptr_t)b->arrays[0]; /* not read */
	batch->block_table = (uintptr_t)b->table;
}

static struct aios_tensor ra_tensor(void *data, uint32_t dtype, uint32_t rows, uint32_t cols)
{
	return (struct aios_tensor){
		.data = (uintptr_t)data,
		.dtype = dtype,
		.rows = rows,
		.cols = cols,
		.row_bytes = (uint64_t)cols * aios_dtype_bytes(dtype),
		.plane_bytes = dtype == AIOS_I8X2 ? (uint64_t)rows * cols : 0,
	};
}

static void ra_make(struct ra_bed *b, const struct ra_case *c)
{
	uint32_t heads = c->kv_heads * c->group, all = (heads + 2 * c->kv_heads) * c->dim, rows, i;
	struct aios_op_attention *a = &b->attention;
	struct aios_op_rope_kv *r = &b->rope;
	uint64_t state = 17, n;

	memset(b, 0, sizeof(*b));
	b->caps = (struct gpu_caps){ .wave = c->wave, .units = c->units, .shared_max = 232448 };
	b->caps.arch = c->profile == TC ? 90 : 0;
	r->op = (struct aios_op)AIOS_OP_INIT(struct aios_op_rope_kv, AIOS_OP_ROPE_KV);
	a->op = (struct aios_op)AIOS_OP_INIT(struct aios_op_attention, AIOS_OP_ATTENTION);
	ra_batch(b, c);
	rows = (uint32_t)b->rows;
	r->kv.dtype = c->kv;
	r->kv.page_size = c->page;
	r->kv.n_kv_heads = c->kv_heads;
	r->kv.head_dim = r->rot_dim = c->dim;
	n = (uint64_t)r->kv.n_pages * c->page * c->kv_heads * c->dim;
	b->kv_bytes = n * 2;
	b->q_bytes = (uint64_t)rows * heads * c->dim * 2;
	b->out_bytes = (uint64_t)rows * heads * c->dim * aios_dtype_bytes(c->out) * 2;
	b->qkv = ra_floats(AIOS_BF16, (uint64_t)rows * all, &state);
	b->angles = ra_floats(AIOS_F32, (uint64_t)r->batch.max_kv * c->dim, &state);
	for (i = 0; i < 2; i++) {
		uint64_t same = 5;

		b->k[i] = ra_floats(c->kv, n, &same);
		b->v[i] = ra_floats(c->kv, n, &same);
		b->q[i] = shim_alloc(b->q_bytes);
		b->out[i] = shim_alloc(b->out_bytes);
		b->scale[i] = shim_alloc(rows * 4);
		b->norm[i] = ra_floats(AIOS_F32, c->dim, &state);
	}
	r->qkv = ra_tensor(b->qkv, AIOS_BF16, rows, all);
	r->n_heads = a->n_heads = heads;
	r->eps = 1e-6f;
	r->table_rows = r->batch.max_kv;
	r->cos = (uintptr_t)b->angles;
	r->sin = r->cos + (uint64_t)r->batch.max_kv * c->dim * 2;
	r->norm_dtype = c->norm;
	r->q_norm = c->norm ? (uintptr_t)b->norm[0] : 0;
	r->k_norm = c->norm ? (uintptr_t)b->norm[1] : 0;
	a->batch = r->batch;
	a->profile = (uint8_t)c->profile;
	a->scale = 0.3f;
	a->scale_log2 = aios_mul(a->scale, AIOS_LOG2E);
	a->chunk = c->chunk;
	a->window = c->window;
}

/* The ops' addresses of run i. */
static void ra_aim(struct ra_bed *b, const struct ra_case *c, int i)
{
	struct aios_op_support answer = { .size = sizeof(answer) };
	uint32_t rows = (uint32_t)b->rows, cols = c->kv_heads * c->group * c->dim;

	b->rope.kv.k = (uintptr_t)b->k[i];
	b->rope.kv.v = (uintptr_t)b->v[i];
	b->attention.kv = b->rope.kv;
	b->rope.q = b->attention.q = ra_tensor(b->q[i], c->kv, rows, cols);
	b->attention.out = ra_tensor(b->out[i], c->out, rows, cols);
	if (aios_dtype_scaled(c->out))
		b->attention.out.scale = (uintptr_t)b->scale[i];
	gpu_query(&b->caps, &b->attention.op, &answer);
	ck_assert_msg(answer.level == AIOS_SUPPORT_EXACT, "%s", answer.reason);
	if (!b->scratch)
		b->scratch = shim_alloc(answer.scratch_bytes + 16);
	b->attention.scratch.data = (uintptr_t)b->scratch;
	b->attention.scratch.bytes = answer.scratch_bytes;
}

static void ra_run(const struct ra_case *c, const struct gpu_launch *l, unsigned int n)
{
	struct shim_config config = { .wave = c->wave, .order = c->order, .seed = 4 + c->order };
	unsigned int i;

	for (i = 0; i < n; i++)
		ck_assert_int_eq(shim_run(&l[i], &config), 0);
}

static void ra_run_both(struct ra_bed *b, const struct ra_case *c)
{
	struct gpu_launch l[GPU_MAX_LAUNCHES];
	struct aios_status st = { 0 };
	unsigned int n;

	ck_assert_msg(!gpu_plan(&b->caps, &b->rope.op, l, GPU_MAX_LAUNCHES, &n, &st), "%s",
		      st.message);
	ra_run(c, l, n);
	ck_assert_msg(!gpu_plan(&b->caps, &b->attention.op, l, GPU_MAX_LAUNCHES, &n, &st), "%s",
		      st.message);
	ra_run(c, l, n);
}

static void ra_run_fused(struct ra_bed *b, const struct ra_case *c)
{
	struct gpu_launch l[GPU_MAX_LAUNCHES];
	struct aios_status st = { 0 };
	struct plan p = { .caps = &b->caps, .launches = l, .cap = GPU_MAX_LAUNCHES, .st = &st };
	const char *name;
	uint32_t blocks;

	ck_assert_msg(gpu_plan_rope_attention(&p, &b->rope, &b->attention) == 1, "%s", st.message);
	blocks = l[0].grid[0] * l[0].grid[1] * l[0].grid[2];
	name = gpu_kernel_name(l[0].kernel);
	ck_assert_msg(strncmp(name, "gpu_rope_attention", 18) == 0, "%s", name);
	ck_assert_msg(!strstr(name, "early") == (blocks > b->caps.units), "%s: %u blocks", name,
		      blocks);
	ra_run(c, l, p.n);
}

static void ra_free(struct ra_bed *b)
{
	int i;

	for (i = 0; i < 2; i++) {
		free(b->k[i]);
		free(b->v[i]);
		free(b->q[i]);
		free(b->out[i]);
		free(b->scale[i]);
		free(b->norm[i]);
	}
	free(b->qkv);
	free(b->angles);
	free(b->table);
	free(b->scratch);
}

/* Every case on the device that it names, and on one where there are many blocks for it. */
START_TEST(test_same_memory)
{
	const struct ra_case *c = &ra_cases[_i / 2];
	struct ra_bed b;

	if (skip_fibers())
		return;
	ra_make(&b, c);
	if (_i % 2)
		b.caps.units = 1;
	ra_aim(&b, c, 0);
	ra_run_both(&b, c);
	ra_aim(&b, c, 1);
	ra_run_fused(&b, c);
	ck_assert_int_eq(memcmp(b.q[0], b.q[1], b.q_bytes), 0);
	ck_assert_int_eq(memcmp(b.k[0], b.k[1], b.kv_bytes), 0);
	ck_assert_int_eq(memcmp(b.v[0], b.v[1], b.kv_bytes), 0);
	ck_assert_int_eq(memcmp(b.out[0], b.out[1], b.out_bytes), 0);
	ck_assert_int_eq(memcmp(b.scale[0], b.scale[1], (size_t)b.rows * 4), 0);
	ra_free(&b);
}
END_TEST

/* What is no pair stays two launches. */
START_TEST(test_no_pair)
{
	struct gpu_launch l[GPU_MAX_LAUNCHES];
	struct aios_status st = { 0 };
	struct ra_bed b;
	struct plan p = { .caps = &b.caps, .launches = l, .cap = GPU_MAX_LAUNCHES, .st = &st };
	struct aios_op_attention was;

	ra_make(&b, &ra_cases[0]);
	ra_aim(&b, &ra_cases[0], 0);
	was = b.attention;
	b.attention.q.data += 256;
	ck_assert_int_eq(gpu_plan_rope_attention(&p, &b.rope, &b.attention), 0);
	b.attention = was;
	b.attention.kv.v += 256;
	ck_assert_int_eq(gpu_plan_rope_attention(&p, &b.rope, &b.attention), 0);
	b.attention = was;
	b.attention.out.data = b.rope.qkv.data;
	ck_assert_int_eq(gpu_plan_rope_attention(&p, &b.rope, &b.attention), 0);
	b.attention = was;
	b.rope.rot_dim /= 2;
	ck_assert_int_eq(gpu_plan_rope_attention(&p, &b.rope, &b.attention), 0);
	b.rope.rot_dim *= 2;
	b.rope.batch.max_q = b.attention.batch.max_q = 2;
	ck_assert_int_eq(gpu_plan_rope_attention(&p, &b.rope, &b.attention), 0);
	ck_assert_uint_eq(p.n, 0);
	ra_free(&b);
}
END_TEST

Suite *test_rope_attention_suite(void)
{
	Suite *s = suite_create("rope_attention");
	TCase *tc = tcase_create("rope_attention");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_same_memory, 0,
			    2 * (int)(sizeof(ra_cases) / sizeof(ra_cases[0])));
	tcase_add_test(tc, test_no_pair);
	suite_add_tcase(s, tc);
	return s;
}
