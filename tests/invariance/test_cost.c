// SPDX-License-Identifier: Apache-2.0
/*
 * test_cost.c - what a step costs the host with 256 requests running and 10,000 in the
 * queue, on a driver that computes nothing; beside it, what the same step costs with what cpu-ref
 * computes. Figures, and bounds that only a mistake of another order misses: the machine may be busy.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bed.h"
#include "core/lib/clock.h"

Suite *test_cost_suite(void);

enum {
	RUNNING = 256,
	QUEUED = 10000,
	STEPS = 100
};

static const char *const schedulers[] = { "fcfs", "priority", "fair", "deadline" };

/* A device that computes nothing: every answer is made of token 0. */
static int launch_nothing(void *dev, void *queue, const struct aios_op *op, struct aios_status *st)
{
	(void)dev;
	(void)queue;
	(void)op;
	(void)st;
	return 0;
}

static uint64_t drain(struct bed *b)
{
	uint64_t n = 0;

	while (event_pop(&b->e->events))
		n++;
	return n;
}

static const char *const sizes[] = { "engine.max_batch_size=256", "engine.max_batch_tokens=2048",
				     "engine.context_length=1024", "engine.kv_memory=512M", NULL };

/* The same step computed: 256 requests that decode. */
START_TEST(test_device_work)
{
	struct aios_request req = AIOS_REQUEST_INIT;
	int32_t token = 5;
	struct aios_status st;
	uint64_t id, wake, start, best = UINT64_MAX, took;
	struct bed b;

	bed_open(&b, bed_demo(), sizes);
	req.ids = &token;
	req.n_ids = 1;
	req.max_tokens = 900;
	req.ignore_eos = true;
	for (uint32_t i = 0; i < RUNNING; i++)
		ck_assert_msg(aios_submit(b.e, &req, &id, &st) == 0, "%s", st.message);
	for (int i = 0; i < 3; i++) {
		start = clock_ns();
		ck_assert_int_eq(engine_step(b.e, &wake, &st), 1);
		took = clock_ns() - start;
		best = took < best ? took : best;
		ck_assert_uint_eq(drain(&b), RUNNING);
	}
	printf("the same step with the device's work on cpu-ref: %.1f ms\n", (double)best / 1e6);
	bed_close(&b);
}
END_TEST

START_TEST(test_step_cost)
{
	static struct aios_driver_ops ops;
	char scheduler[64];
	const char *settings[] = { scheduler, sizes[0], sizes[1], sizes[2], sizes[3], NULL };
	struct aios_request req = AIOS_REQUEST_INIT;
	const struct aios_tenant tenant = { .weight = 1.0 };
	int32_t ids[24];
	struct aios_status st;
	uint64_t id, wake, start, plan, best = UINT64_MAX, took, begin;
	struct bed b;

	snprintf(scheduler, sizeof(scheduler), "engine.scheduler=%s", schedulers[_i]);
	bed_open(&b, bed_demo(), settings);
	ops = *b.e->device->ops;
	ops.launch = launch_nothing;
	b.e->device->ops = &ops;
	for (uint32_t i = 1; i < 16; i++)
		ck_assert_int_eq(aios_engine_tenant(b.e, i, &tenant, &st), 0);
	req.ids = ids;
	req.n_ids = 24;
	req.max_tokens = 900;
	req.ignore_eos = true;
	for (uint32_t i = 0; i < RUNNING + QUEUED; i++) {
		for (uint32_t k = 0; k < 24; k++)
			ids[k] = (int32_t)((i * 131 + k * 17) % 4000);
		req.tenant = i % 16;
		req.priority = (int32_t)(i % 9) - 4;
		req.deadline_ns = clock_ns() + i * 1000000ull;
		ck_assert_msg(aios_submit(b.e, &req, &id, &st) == 0, "%s", st.message);
	}
	for (int i = 0; i < 12; i++) {
		ck_assert_int_eq(engine_step(b.e, &wake, &st), 1);
		drain(&b);
	}
	ck_assert_uint_eq(b.e->step.now.n, RUNNING);
	begin = clock_ns();
	plan = b.e->stats.plan_ns;
	for (int i = 0; i < STEPS; i++) {
		start = clock_ns();
		ck_assert_int_eq(engine_step(b.e, &wake, &st), 1);
		took = clock_ns() - start;
		best = took < best ? took : best;
		ck_assert_uint_eq(drain(&b), RUNNING);
	}
	plan = (b.e->stats.plan_ns - plan) / STEPS;
	printf("%s, %d running, %d queued: %.1f us a plan, %.1f us a step (best %.1f) without the "
	       "device\n",
	       schedulers[_i], RUNNING, QUEUED, (double)plan / 1e3,
	       (double)(clock_ns() - begin) / STEPS / 1e3, (double)best / 1e3);
	ck_assert_uint_lt(best, 2000000);
	bed_close(&b);
}
END_TEST

Suite *test_cost_suite(void)
{
	Suite *s = suite_create("cost");
	TCase *tc = tcase_create("cost");

	tcase_set_timeout(tc, 120);
	bed_add_host(tc, test_step_cost, 4);
	bed_add_host(tc, test_device_work, 1);
	suite_add_tcase(s, tc);
	return s;
}
