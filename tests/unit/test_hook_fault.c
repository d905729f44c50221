// SPDX-License-Identifier: Apache-2.0
/* test_hook_fault.c - the grammar of faults, and that what is asked for happens. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hook_bed.h"

#include "core/lib/clock.h"

Suite *test_hook_fault_suite(void);

static bool begin(struct bed *b, const char *args)
{
	if (!bed_open(b))
		return false;
	ck_assert_msg(bed_hook(b, "fault", args) == 0, "%s: %s", args, b->st.message);
	bed_queue(b);
	return true;
}

START_TEST(grammar)
{
	static const char *const good[] = {
		"launch@17=EIO,alloc%50=ENOMEM,copy@3=lost,wait@2=delay:100ms",
		"flip:op=matmul,layer=3,nth=1,row=0,col=5,bit=12,exhaust:heap=0,bytes=1M",
		"exhaust:bytes=0,launch@1=lost",
		"flip:op=add,flip:op=glu,out=out,quiesce@1=ETIMEDOUT",
	};
	static const char *const bad[][2] = {
		{ "", "needs a fault" },
		{ "launch", "SLOT@N=WHAT" },
		{ "launch@0=EIO", "from 1" },
		{ "launch@x=EIO", "from 1" },
		{ "launch@1=EWHAT", "or another errno" },
		{ "launch@1=delay:5", "delay:100ms" },
		{ "march@1=EIO", "a slot" },
		{ "flip:row=1", "op=NAME" },
		{ "flip:op=matmull", "op=NAME" },
		{ "flip:op=matmul,bit=64", "bit=N" },
		{ "flip:op=matmul,nth=0", "nth=N" },
		{ "flip:op=matmul,row=-1", "row=N" },
		{ "exhaust:heap=3", "heap=0, 1 or 2" },
		{ "exhaust:bytes=1X", "bytes=SIZE" },
		{ "launch@99999999999999999999=EIO", "from 1" },
	};
	struct bed b;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!bed_open(&b))
			return;
		ck_assert_msg(bed_hook(&b, "fault", good[i]) == 0, "%s: %s", good[i], b.st.message);
		bed_close(&b);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert(bed_open(&b));
		ck_assert_msg(bed_hook(&b, "fault", bad[i][0]) == -EINVAL, "'%s' is taken",
			      bad[i][0]);
		ck_assert_msg(strstr(b.st.message, bad[i][1]) != NULL, "'%s' says '%s'", bad[i][0],
			      b.st.message);
		bed_close(&b);
	}
}
END_TEST

START_TEST(calls)
{
	struct aios_mem mem[6];
	struct aios_op_matmul op;
	struct bed b;
	int rc;

	if (!begin(&b, "launch@2=EIO,alloc%3=ENOMEM"))
		return;
	/* bed_matmul() allocates three times: the third fails */
	for (int i = 1; i <= 6; i++) {
		rc = bed_ops(&b)->mem_alloc(bed_dev(&b), 0, 64, &mem[i - 1], &b.st);
		ck_assert_int_eq(rc, i % 3 == 0 ? -ENOMEM : 0);
	}
	for (int i = 0; i < 6; i++)
		if (i % 3 != 2)
			bed_ops(&b)->mem_free(bed_dev(&b), &mem[i]);
	bed_close(&b);
	ck_assert(begin(&b, "launch@2=EIO"));
	op = bed_matmul(&b, 2, 4, 32);
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	ck_assert_int_eq(bed_launch(&b, &op.op), -EIO);
	ck_assert_str_eq(b.st.message, "fault: call 2 of launch fails");
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	bed_close(&b);
}
END_TEST

static int can_reset(void *dev, struct aios_status *st)
{
	(void)dev, (void)st;
	return 0;
}

START_TEST(loss)
{
	uint64_t value;
	struct aios_op_matmul op;
	struct aios_mem mem;
	struct bed b;

	if (!begin(&b, "launch@2=lost"))
		return;
	op = bed_matmul(&b, 2, 4, 32);
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	ck_assert_int_eq(bed_launch(&b, &op.op), -AIOS_DEVICE_LOST);
	/* sticky, in every slot */
	ck_assert_int_eq(bed_launch(&b, &op.op), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(bed_ops(&b)->signal(bed_dev(&b), b.queue, &value, &b.st),
			 -AIOS_DEVICE_LOST);
	ck_assert_int_eq(bed_ops(&b)->mem_alloc(bed_dev(&b), 0, 64, &mem, &b.st),
			 -AIOS_DEVICE_LOST);
	/* until a reset that works */
	ck_assert_int_eq(bed_ops(&b)->reset(bed_dev(&b), &b.st), -ENOSYS);
	ck_assert_int_eq(bed_launch(&b, &op.op), -AIOS_DEVICE_LOST);
	b.layers[0].ops->reset = can_reset;
	ck_assert_int_eq(bed_ops(&b)->reset(bed_dev(&b), &b.st), 0);
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	bed_close(&b);
}
END_TEST

START_TEST(slow_fence)
{
	uint64_t value = 0, start;
	struct bed b;

	if (!begin(&b, "wait@1=delay:60ms,wait@2=delay:10s"))
		return;
	ck_assert_int_eq(bed_ops(&b)->signal(bed_dev(&b), b.queue, &value, &b.st), 0);
	start = clock_ns();
	ck_assert_int_eq(
		bed_ops(&b)->wait(bed_dev(&b), b.queue, value, start + 10000000000u, &b.st), 0);
	ck_assert_uint_ge(clock_ns() - start, 60000000u);
	/* later than the deadline: a timeout, then, and not after ten seconds */
	start = clock_ns();
	ck_assert_int_eq(bed_ops(&b)->wait(bed_dev(&b), b.queue, value, start + 50000000u, &b.st),
			 -ETIMEDOUT);
	ck_assert_uint_ge(clock_ns() - start, 50000000u);
	ck_assert_uint_lt(clock_ns() - start, 5000000000u);
	bed_close(&b);
}
END_TEST

START_TEST(exhaustion)
{
	struct aios_heap_info info;
	struct aios_mem mem[2];
	struct bed b;

	if (!begin(&b, "exhaust:heap=0,bytes=4k"))
		return;
	ck_assert_int_eq(bed_ops(&b)->mem_alloc(bed_dev(&b), 0, 3000, &mem[0], &b.st), 0);
	ck_assert_int_eq(bed_ops(&b)->heap_info(bed_dev(&b), 0, &info, &b.st), 0);
	ck_assert_uint_eq(info.total, 4096);
	ck_assert_uint_eq(info.free, 1096);
	ck_assert_int_eq(bed_ops(&b)->mem_alloc(bed_dev(&b), 0, 1097, &mem[1], &b.st),
			 -AIOS_EXHAUSTED);
	ck_assert_int_eq(bed_ops(&b)->mem_alloc(bed_dev(&b), 1, 8192, &mem[1], &b.st), 0);
	bed_ops(&b)->mem_free(bed_dev(&b), &mem[1]);
	bed_ops(&b)->mem_free(bed_dev(&b), &mem[0]);
	ck_assert_int_eq(bed_ops(&b)->mem_alloc(bed_dev(&b), 0, 4096, &mem[0], &b.st), 0);
	bed_ops(&b)->mem_free(bed_dev(&b), &mem[0]);
	bed_close(&b);
}
END_TEST

START_TEST(flips)
{
	struct aios_op_matmul op;
	float *out, before[8];
	uint32_t bits, want;
	struct bed b;

	if (!begin(&b, "flip:op=matmul,layer=3,nth=2,row=1,col=2,bit=12,flip:op=matmul,layer=9,"
		       "row=7"))
		return;
	op = bed_matmul(&b, 2, 4, 32);
	out = (float *)(uintptr_t)op.out.data;
	op.op.layer = 5; /* layer 4: not meant */
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	memcpy(before, out, sizeof(before));
	op.op.layer = 4; /* layer 3, the first time */
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	ck_assert_mem_eq(before, out, sizeof(before));
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	memcpy(&bits, &out[6], sizeof(bits));
	memcpy(&want, &before[6], sizeof(want));
	ck_assert_uint_eq(bits, want ^ 1u << 12);
	before[6] = out[6];
	ck_assert_mem_eq(before, out, sizeof(before));
	/* a place that the op does not have is said, not written */
	op.op.layer = 10;
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	ck_assert_uint_eq(bed_says(&b, "nothing is flipped"), 1);
	bed_close(&b);
}
END_TEST

START_TEST(never)
{
	struct bed b;

	if (!begin(&b, "flip:op=sample,nth=3"))
		return;
	bed_close(&b);
	ck_assert_uint_eq(bed_says(&b, "a flip of sample never happened: 0 of its launches"), 1);
}
END_TEST

Suite *test_hook_fault_suite(void)
{
	Suite *s = suite_create("hook_fault");
	TCase *tc = tcase_create("fault");

	tcase_add_test(tc, grammar);
	tcase_add_test(tc, calls);
	tcase_add_test(tc, loss);
	tcase_add_test(tc, slow_fence);
	tcase_add_test(tc, exhaustion);
	tcase_add_test(tc, flips);
	tcase_add_test(tc, never);
	suite_add_tcase(s, tc);
	return s;
}
