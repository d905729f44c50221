// SPDX-License-Identifier: Apache-2.0
/*
 * test_driver.c - what is not an op: devices, heaps, queues, graphs, two queues at once.
 */
#include <pthread.h>
#include <time.h>

#include "harness.h"

static uint64_t dr_deadline(double seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec +
	       (uint64_t)(seconds * 1e9);
}

START_TEST(test_probe)
{
	struct aios_device_desc d[4] = { { .size = sizeof(d[0]) }, { .size = sizeof(d[0]) } };
	struct aios_device_info info = { .size = sizeof(info) };
	struct aios_status st = { 0 };
	struct ct *t = &ct_dev[0];
	int n, again;

	n = t->ops->probe(&t->host, d, 4, &st);
	ck_assert_int_ge(n, 1);
	again = t->ops->probe(&t->host, NULL, 0, &st); /* only how many */
	ck_assert_int_eq(n, again);
	ck_assert_int_ge(d[0].score, 0);
	ck_assert_ptr_nonnull(strchr(d[0].id, ':'));
	ck_assert(d[0].name[0] && d[0].reason[0]);
	ck_assert_int_eq(t->ops->device_info(t->dev, &info, &st), 0);
	ck_assert_str_eq(info.id, d[0].id);
	ck_assert_uint_ge(info.units, 1);
	if (info.op_types) /* fma32 is for everybody who computes */
		ck_assert_uint_eq(info.profiles & 1, 1);
	ck_assert_uint_eq(info.profiles >> AIOS_PROFILE_COUNT, 0);
	ck_assert(!info.op_types || (info.profiles & (1u << info.best_profile)));
}
END_TEST

START_TEST(test_open_errors)
{
	struct aios_status st = { 0 };
	struct ct *t = &ct_dev[0];
	void *dev;

	ck_assert_int_lt(t->ops->open(&t->host, 1000, &dev, &st), 0);
	ck_assert_msg(st.message[0] != '\0', "no message");
	t->ops->close(NULL);
	t->ops->queue_destroy(t->dev, NULL);
	ck_assert_int_eq(t->ops->quiesce(t->dev, dr_deadline(1), &st), 0);
}
END_TEST

START_TEST(test_heaps)
{
	static const uint64_t sizes[] = { 1, 255, 4096, 1 << 20, (1 << 20) + 1, 5000000 };
	struct aios_heap_info info;
	struct aios_status st = { 0 };
	struct ct *t = &ct_dev[0];
	struct aios_mem m;
	uint32_t heap, i;

	for (heap = 0; heap < AIOS_HEAP_COUNT; heap++) {
		memset(&info, 0, sizeof(info));
		ck_assert_int_eq(t->ops->heap_info(t->dev, heap, &info, &st), 0);
		ck_assert_uint_le(info.free, info.total);
		for (i = 0; i < 6 && info.total; i++) {
			ck_assert_int_eq(t->ops->mem_alloc(t->dev, heap, sizes[i], &m, &st), 0);
			ck_assert_uint_eq(m.addr % 256, 0);
			ck_assert_uint_eq(m.bytes, sizes[i]);
			ck_assert_uint_eq(m.heap, heap);
			ck_assert(heap == AIOS_HEAP_DEVICE || m.host);
			if (m.host)
				memset(m.host, 1, sizes[i]);
			t->ops->mem_free(t->dev, &m);
		}
	}
	ck_assert_int_lt(t->ops->mem_alloc(t->dev, AIOS_HEAP_COUNT, 1, &m, &st), 0);
	ck_assert_int_lt(t->ops->mem_alloc(t->dev, 0, 0, &m, &st), 0);
	ck_assert_int_eq(t->ops->mem_alloc(t->dev, 0, UINT64_MAX / 2, &m, &st), -AIOS_EXHAUSTED);
	ck_assert_int_eq(t->ops->mem_alloc(t->dev, 0, UINT64_MAX, &m, &st), -AIOS_EXHAUSTED);
	ck_assert_msg(st.message[0] != '\0', "no message");
}
END_TEST

START_TEST(test_copies)
{
	struct ct *t = &ct_dev[0];
	struct aios_status st = { 0 };
	uint8_t data[1000], got[1000];
	aios_addr a, b;
	uint32_t i;

	for (i = 0; i < 1000; i++)
		data[i] = (uint8_t)ct_random(1, i);
	a = ct_in(t, data, 1000);
	b = ct_out(t, 1000);
	ck_assert_int_eq(t->ops->copy(t->dev, t->queue, AIOS_COPY_ON_DEVICE, b, a, 1000, &st), 0);
	ct_get(t, b, got, 1000);
	ck_assert_mem_eq(got, data, 1000);
	ck_assert_int_eq(t->ops->fill(t->dev, t->queue, b + 1, 0x77, 998, &st), 0);
	ct_get(t, b, got, 1000);
	ck_assert(got[0] == data[0] && got[999] == data[999]);
	for (i = 1; i < 999; i++)
		ck_assert_uint_eq(got[i], 0x77);
	ck_assert_int_eq(t->ops->fill(t->dev, t->queue, b, 0, 0, &st), 0);
	ck_assert_int_eq(t->ops->copy(t->dev, t->queue, AIOS_COPY_TO_HOST, 0, 0, 0, &st), 0);
	ck_assert_int_eq(t->ops->copy(t->dev, t->queue, 9, b, a, 1, &st), -EINVAL);
}
END_TEST

START_TEST(test_timeline)
{
	uint64_t first = 0, second = 0, other = 0;
	struct aios_status st = { 0 };
	struct ct *t = &ct_dev[0];
	void *q;

	ck_assert_int_eq(t->ops->queue_create(t->dev, &q, &st), 0);
	ck_assert_int_eq(t->ops->signal(t->dev, q, &first, &st), 0);
	ck_assert_int_eq(t->ops->signal(t->dev, q, &second, &st), 0);
	ck_assert_uint_eq(first, 1);
	ck_assert_uint_eq(second, 2);
	ck_assert_int_eq(t->ops->wait(t->dev, q, second, dr_deadline(10), &st), 0);
	ck_assert_int_eq(t->ops->wait(t->dev, q, first, 0, &st), 0); /* reached: no time needed */
	ck_assert_int_lt(t->ops->wait(t->dev, q, 99, dr_deadline(0.01), &st), 0);
	if (t->ops->queue_wait) {
		ck_assert_int_eq(t->ops->signal(t->dev, t->queue, &other, &st), 0);
		ck_assert_int_eq(t->ops->queue_wait(t->dev, q, t->queue, other, &st), 0);
		ck_assert_int_eq(t->ops->signal(t->dev, q, &second, &st), 0);
		ck_assert_int_eq(t->ops->wait(t->dev, q, second, dr_deadline(10), &st), 0);
	}
	t->ops->queue_destroy(t->dev, q);
}
END_TEST

START_TEST(test_import)
{
	static _Alignas(4096) float page[1024];
	struct aios_status st = { 0 };
	struct ct *t = &ct_dev[0];
	struct aios_mem m;
	float got[16];
	uint32_t i;

	if (!t->ops->mem_import)
		return;
	for (i = 0; i < 1024; i++)
		page[i] = (float)i;
	ck_assert_int_eq(t->ops->mem_import(t->dev, page, sizeof(page), &m, &st), 0);
	ct_get(t, m.addr + 64, got, sizeof(got));
	ck_assert_mem_eq(got, page + 16, sizeof(got));
	t->ops->mem_free(t->dev, &m);
	ck_assert(page[17] == 17.0f);
	ck_assert_int_eq(t->ops->mem_import(t->dev, (char *)page + 2, 64, &m, &st), -EINVAL);
}
END_TEST

/* An addition with its arrays on the device. */
struct dr_add {
	struct aios_op_add op;
	float a[600], b[600];
};

static void dr_add_make(struct ct *t, struct dr_add *d, uint64_t seed)
{
	d->op = (struct aios_op_add){ .op = AIOS_OP_INIT(struct aios_op_add, AIOS_OP_ADD) };
	ct_fill(CT_NORMAL, AIOS_F32, seed, 600, d->a);
	ct_fill(CT_NORMAL, AIOS_F32, seed + 1, 600, d->b);
	d->op.a = ct_tensor_inout(t, AIOS_F32, 6, 100, d->a, 0);
	d->op.b = ct_tensor_inout(t, AIOS_F32, 6, 100, d->b, 0);
	d->op.out = ct_tensor_out(t, AIOS_F32, 6, 100, 0);
}

static void dr_add_check(struct ct *t, const struct dr_add *d, const float *a, const float *b)
{
	float got[600];
	int i;

	ct_tensor_get(t, &d->op.out, got, NULL);
	for (i = 0; i < 600; i++)
		ck_assert_uint_eq(aios_bits(got[i]), aios_bits(a[i] + b[i]));
}

/* Capture runs nothing; replay takes what lies in memory then, but a copied host buffer as it was. */
START_TEST(test_graph)
{
	if (!ct_can(AIOS_OP_ADD, AIOS_PROFILE_FMA32))
		return;

	const struct aios_driver_ops *ops = ct_dev[0].ops;
	struct aios_status st = { 0 };
	struct ct *t = &ct_dev[0];
	float host[600], got[600];
	struct dr_add d;
	void *graph;
	int i;

	if (!ops->graph_begin)
		return;
	dr_add_make(t, &d, 1);
	for (i = 0; i < 600; i++)
		host[i] = (float)i;
	ck_assert_int_lt(ops->graph_end(t->dev, t->queue, &graph, &st), 0);
	ck_assert_int_eq(ops->graph_begin(t->dev, t->queue, &st), 0);
	ck_assert_int_lt(ops->graph_begin(t->dev, t->queue, &st), 0);
	ck_assert_int_eq(ops->copy(t->dev, t->queue, AIOS_COPY_TO_DEVICE, d.op.a.data,
				   (uintptr_t)host, 16, &st),
			 0);
	ck_assert_int_eq(ops->fill(t->dev, t->queue, d.op.b.data, 0, 16, &st), 0);
	ck_assert_int_eq(ops->launch(t->dev, t->queue, &d.op.op, &st), 0);
	d.op.op.size = 8; /* the descriptor was copied; a bad one is refused while capturing too */
	ck_assert_int_eq(ops->launch(t->dev, t->queue, &d.op.op, &st), -ENOTSUP);
	d.op.op.size = sizeof(d.op);
	ck_assert_int_eq(ops->graph_end(t->dev, t->queue, &graph, &st), 0);
	ct_tensor_get(t, &d.op.out, got, NULL);
	ck_assert_uint_eq(aios_bits(got[0]), 0xcdcdcdcdu); /* nothing ran */

	memset(host, 0xff, sizeof(host));
	for (i = 0; i < 4; i++) {
		d.a[i] = (float)i;
		d.b[i] = 0;
	}
	ck_assert_int_eq(ops->graph_launch(t->dev, t->queue, graph, &st), 0);
	dr_add_check(t, &d, d.a, d.b);
	for (i = 4; i < 600; i++)
		d.a[i] = (float)(i * 3);
	ct_put(t, d.op.a.data, d.a, 400); /* the first row, packed as on the device */
	ck_assert_int_eq(ops->graph_launch(t->dev, t->queue, graph, &st), 0);
	ct_tensor_get(t, &d.op.out, got, NULL);
	for (i = 0; i < 100; i++)
		ck_assert_uint_eq(aios_bits(got[i]), aios_bits(d.a[i] + d.b[i]));
	ops->graph_destroy(t->dev, graph);
	ops->graph_destroy(t->dev, NULL);
}
END_TEST

struct dr_worker {
	struct ct *t;
	void *queue;
	struct dr_add d;
	int failed;
};

static void *dr_work(void *arg)
{
	struct dr_worker *w = arg;
	struct aios_status st = { 0 };
	uint64_t value;
	int i;

	for (i = 0; i < 200 && !w->failed; i++) {
		w->failed |= w->t->ops->launch(w->t->dev, w->queue, &w->d.op.op, &st);
		w->failed |= w->t->ops->signal(w->t->dev, w->queue, &value, &st);
		w->failed |= w->t->ops->wait(w->t->dev, w->queue, value, dr_deadline(10), &st);
	}
	return NULL;
}

/* Queues of one device and of different devices in threads of their own. */
START_TEST(test_queues_at_once)
{
	if (!ct_can(AIOS_OP_ADD, AIOS_PROFILE_FMA32))
		return;

	struct dr_worker *w = ct_alloc(4 * sizeof(*w));
	struct aios_status st = { 0 };
	pthread_t threads[4];
	int i;

	for (i = 0; i < 4; i++) {
		w[i].t = &ct_dev[(uint32_t)(i / 2) % ct_n];
		dr_add_make(w[i].t, &w[i].d, (uint64_t)i * 10);
		ck_assert_int_eq(w[i].t->ops->queue_create(w[i].t->dev, &w[i].queue, &st), 0);
	}
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, dr_work, &w[i]), 0);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(w[i].failed, 0);
		dr_add_check(w[i].t, &w[i].d, w[i].d.a, w[i].d.b);
		w[i].t->ops->queue_destroy(w[i].t->dev, w[i].queue);
	}
}
END_TEST

/* Unknown ops, absent and crooked addresses; a query does not mind them. */
START_TEST(test_refusals)
{
	if (!ct_can(AIOS_OP_ADD, AIOS_PROFILE_FMA32))
		return;

	struct aios_op_support yes = { .size = sizeof(yes) };
	struct aios_status st = { 0 };
	struct ct *t = &ct_dev[0];
	struct aios_op bad = { .size = sizeof(bad), .type = AIOS_OP_COUNT };
	struct dr_add d;
	struct aios_op_add op;

	ct_refuse(t, &bad, "unknown");
	bad.type = AIOS_OP_NONE;
	ct_refuse(t, &bad, "unknown");
	dr_add_make(t, &d, 1);
	op = d.op;
	op.a.data = 0;
	ck_assert_int_eq(t->ops->query_op(t->dev, &op.op, &yes), 0);
	ck_assert_uint_eq(yes.level, AIOS_SUPPORT_EXACT);
	ck_assert_int_eq(t->ops->launch(t->dev, t->queue, &op.op, &st), -ENOTSUP);
	ck_assert_msg(ct_says(st.message, "a has no address"), "%s", st.message);
	op = d.op;
	op.b.data += 4;
	ck_assert_int_eq(t->ops->launch(t->dev, t->queue, &op.op, &st), -ENOTSUP);
	ck_assert_msg(ct_says(st.message, "not aligned"), "%s", st.message);
	op = d.op;
	op.out.rows = op.a.rows = op.b.rows = 0; /* nothing to do is fine */
	ck_assert_int_eq(t->ops->launch(t->dev, t->queue, &op.op, &st), 0);
}
END_TEST

Suite *test_driver_suite(void);

Suite *test_driver_suite(void)
{
	TCase *tc;
	Suite *s = ct_suite("conformance driver", &tc);

	tcase_add_test(tc, test_probe);
	tcase_add_test(tc, test_open_errors);
	tcase_add_test(tc, test_heaps);
	tcase_add_test(tc, test_copies);
	tcase_add_test(tc, test_timeline);
	tcase_add_test(tc, test_import);
	tcase_add_test(tc, test_graph);
	tcase_add_test(tc, test_queues_at_once);
	tcase_add_test(tc, test_refusals);
	return s;
}
