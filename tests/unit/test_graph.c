// SPDX-License-Identifier: Apache-2.0
/* test_graph.c - which launches an op becomes on devices that lack its fused forms. */
#include <check.h>
#include <string.h>

#include "core/graph/run.h"

#include "mock_device.h"

Suite *test_graph_suite(void);

#define SCRATCH_BYTES (1u << 20)

struct fixture {
	struct mock_device mock;
	struct device *dev;
	struct queue queue;
	struct mm_arena scratch;
	struct graph_run run;
};

static void setup(struct fixture *f)
{
	struct aios_status st;

	f->dev = mock_open(&f->mock);
	ck_assert_int_eq(queue_open(f->dev, &f->queue, &st), 0);
	ck_assert_int_eq(mm_arena_init(&f->scratch, f->dev, AIOS_HEAP_DEVICE, SCRATCH_BYTES,
				       "scratch", &st),
			 0);
	f->run = (struct graph_run){ f->dev, &f->queue, &f->scratch };
}

static void teardown(struct fixture *f)
{
	ck_assert_uint_eq(f->scratch.used, 0);
	mm_arena_finish(&f->scratch);
	queue_close(&f->queue);
	mock_close(&f->mock, f->dev);
}

static struct aios_tensor tensor(uint32_t dtype, uint32_t rows, uint32_t cols)
{
	struct aios_tensor t = { .data = 4096 };

	tensor_rows(&t, dtype, rows, cols);
	return t;
}

static struct aios_op_matmul matmul(void)
{
	struct aios_op_matmul m = {
		.op = AIOS_OP_INIT(struct aios_op_matmul, AIOS_OP_MATMUL),
		.mid_type = AIOS_F32,
		.segments = 1,
		.x = tensor(AIOS_BF16, 3, 64),
		.w = tensor(AIOS_BF16, 64, 64),
		.out = tensor(AIOS_BF16, 3, 32),
	};

	return m;
}

#define FUSED(type) (1ull << (type))

static void expect(const struct fixture *f, const uint16_t *ops, uint32_t n)
{
	ck_assert_uint_eq(f->mock.n_ops, n);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_msg(f->mock.ops[i] == ops[i], "op %u is %s, not %s", i,
			      aios_op_name(f->mock.ops[i]), aios_op_name(ops[i]));
}

START_TEST(test_whole)
{
	struct aios_op_matmul m = matmul();
	struct aios_status st;
	struct fixture f;

	setup(&f);
	f.mock.scratch = 1000;
	m.act = AIOS_ACT_SILU_MUL;
	ck_assert_int_eq(graph_emit(&f.run, &m.op, &st), 0);
	expect(&f, (const uint16_t[]){ AIOS_OP_MATMUL }, 1);
	ck_assert_uint_eq(f.mock.last_scratch.bytes, 1000);
	ck_assert_uint_eq(f.mock.last_scratch.data, f.scratch.mem.addr);
	ck_assert_uint_eq(m.scratch.bytes, 0); /* the caller's descriptor is not touched */
	teardown(&f);
}
END_TEST

START_TEST(test_act_is_split)
{
	struct aios_op_matmul m = matmul();
	struct aios_status st;
	struct fixture f;

	setup(&f);
	f.mock.refuse_fused = FUSED(AIOS_OP_MATMUL);
	m.act = AIOS_ACT_SILU_MUL;
	ck_assert_int_eq(graph_emit(&f.run, &m.op, &st), 0);
	expect(&f, (const uint16_t[]){ AIOS_OP_MATMUL, AIOS_OP_GLU }, 2);
	teardown(&f);
}
END_TEST

START_TEST(test_residual_is_split)
{
	struct aios_op_matmul m = matmul();
	struct aios_status st;
	struct fixture f;

	setup(&f);
	f.mock.refuse_fused = FUSED(AIOS_OP_MATMUL);
	m.out = tensor(AIOS_F32, 3, 64);
	m.residual = m.out;
	ck_assert_int_eq(graph_emit(&f.run, &m.op, &st), 0);
	expect(&f, (const uint16_t[]){ AIOS_OP_MATMUL, AIOS_OP_ADD }, 2);
	teardown(&f);
}
END_TEST

START_TEST(test_rmsnorm_is_split)
{
	struct aios_op_rmsnorm n = {
		.op = AIOS_OP_INIT(struct aios_op_rmsnorm, AIOS_OP_RMSNORM),
		.x = tensor(AIOS_F32, 3, 64),
		.add = tensor(AIOS_F32, 3, 64),
		.out = tensor(AIOS_I8X2, 3, 64),
	};
	struct aios_status st;
	struct fixture f;

	setup(&f);
	f.mock.refuse_fused = FUSED(AIOS_OP_RMSNORM);
	ck_assert_int_eq(graph_emit(&f.run, &n.op, &st), 0);
	expect(&f, (const uint16_t[]){ AIOS_OP_ADD, AIOS_OP_RMSNORM, AIOS_OP_QUANTISE }, 3);
	teardown(&f);
}
END_TEST

START_TEST(test_scaled_outputs_are_split)
{
	struct aios_op_attention a = {
		.op = AIOS_OP_INIT(struct aios_op_attention, AIOS_OP_ATTENTION),
		.out = tensor(AIOS_I8, 3, 64),
	};
	struct aios_op_glu g = {
		.op = AIOS_OP_INIT(struct aios_op_glu, AIOS_OP_GLU),
		.act = AIOS_ACT_SILU_MUL,
		.in = tensor(AIOS_F32, 3, 128),
		.out = tensor(AIOS_E4M3, 3, 64),
	};
	struct aios_status st;
	struct fixture f;

	setup(&f);
	f.mock.refuse_fused = FUSED(AIOS_OP_ATTENTION) | FUSED(AIOS_OP_GLU);
	ck_assert_int_eq(graph_emit(&f.run, &a.op, &st), 0);
	ck_assert_int_eq(graph_emit(&f.run, &g.op, &st), 0);
	expect(&f,
	       (const uint16_t[]){ AIOS_OP_ATTENTION, AIOS_OP_QUANTISE, AIOS_OP_GLU,
				   AIOS_OP_QUANTISE },
	       4);
	teardown(&f);
}
END_TEST

START_TEST(test_missing_op_is_named)
{
	struct aios_op_matmul m = matmul();
	struct aios_status st;
	struct fixture f;

	setup(&f);
	f.mock.refuse_fused = FUSED(AIOS_OP_MATMUL);
	f.mock.refuse = FUSED(AIOS_OP_GLU);
	m.act = AIOS_ACT_SILU_MUL;
	ck_assert_int_eq(graph_emit(&f.run, &m.op, &st), -ENOTSUP);
	ck_assert_str_eq(st.message, "driver mock cannot run glu: the test says no");
	teardown(&f);
}
END_TEST

/* Planning launches nothing and finds the scratch that running then takes. */
START_TEST(test_plan_equals_run)
{
	struct aios_op_matmul m = matmul();
	struct mm_arena dry;
	struct graph_run plan;
	struct aios_status st;
	struct fixture f;

	setup(&f);
	f.mock.refuse_fused = FUSED(AIOS_OP_MATMUL);
	f.mock.scratch = 5000;
	m.act = AIOS_ACT_SILU_MUL;
	mm_arena_init_dry(&dry, "scratch");
	plan = (struct graph_run){ f.dev, NULL, &dry };
	ck_assert_int_eq(graph_emit(&plan, &m.op, &st), 0);
	ck_assert_uint_eq(f.mock.n_ops, 0);
	ck_assert_int_eq(graph_emit(&f.run, &m.op, &st), 0);
	ck_assert_uint_eq(f.mock.n_ops, 2);
	ck_assert_uint_eq(dry.peak, f.scratch.peak);
	teardown(&f);
}
END_TEST

Suite *test_graph_suite(void)
{
	Suite *s = suite_create("graph");
	TCase *tc = tcase_create("emit");

	tcase_add_test(tc, test_whole);
	tcase_add_test(tc, test_act_is_split);
	tcase_add_test(tc, test_residual_is_split);
	tcase_add_test(tc, test_rmsnorm_is_split);
	tcase_add_test(tc, test_scaled_outputs_are_split);
	tcase_add_test(tc, test_missing_op_is_named);
	tcase_add_test(tc, test_plan_equals_run);
	suite_add_tcase(s, tc);
	return s;
}
