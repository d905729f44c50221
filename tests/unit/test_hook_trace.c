// SPDX-License-Identifier: Apache-2.0
/* test_hook_trace.c - the trace is JSON at any time, and its numbers are those of the calls. */
#include <check.h>
#include <math.h>
#include <string.h>

#include <jansson.h>

#include "hook_bed.h"

Suite *test_hook_trace_suite(void);

static json_t *read_trace(const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);

	ck_assert_msg(root != NULL, "line %d: %s", error.line, error.text);
	ck_assert(json_is_array(json_object_get(root, "traceEvents")));
	return root;
}

/* The first event of this name, or NULL. */
static const json_t *event(const json_t *root, const char *name)
{
	const json_t *events = json_object_get(root, "traceEvents");

	for (size_t i = 0; i < json_array_size(events); i++) {
		const json_t *e = json_array_get(events, i);

		if (strcmp(json_string_value(json_object_get(e, "name")), name) == 0)
			return e;
	}
	return NULL;
}

static json_int_t arg(const json_t *e, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(e, "args"), key));
}

static double real_arg(const json_t *e, const char *key)
{
	return json_real_value(json_object_get(json_object_get(e, "args"), key));
}

START_TEST(numbers)
{
	struct aios_op_attention attention;
	struct aios_op_matmul op;
	struct bed_cache cache;
	char args[600], path[512];
	const json_t *e;
	json_t *root;
	double us;
	struct bed b;

	if (!bed_open(&b))
		return;
	bed_folder_begin();
	snprintf(path, sizeof(path), "%s", bed_file("t.json"));
	snprintf(args, sizeof(args), "%s,gbs=10,gflops=5", path);
	ck_assert_msg(bed_hook(&b, "trace", args) == 0, "%s", b.st.message);
	root = read_trace(path); /* valid before anything happened */
	json_decref(root);
	bed_queue(&b);
	op = bed_matmul(&b, 5, 12, 32);
	op.op.layer = 8;
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	cache = bed_cache(&b, 3, 4, 4, 4);
	attention = bed_attention(&b, &cache);
	ck_assert_int_eq(bed_launch(&b, &attention.op), 0);
	op.x.cols = 31; /* refused by the driver: an event all the same */
	ck_assert_int_lt(bed_launch(&b, &op.op), 0);
	bed_sync(&b);

	root = read_trace(path); /* the wait has flushed; the process could die now */
	e = event(root, "matmul");
	ck_assert_ptr_nonnull(e);
	ck_assert_str_eq(json_string_value(json_object_get(e, "ph")), "X");
	ck_assert_int_eq(json_integer_value(json_object_get(e, "tid")), 1);
	ck_assert_int_eq(arg(e, "layer"), 7);
	ck_assert_int_eq(arg(e, "result"), 0);
	ck_assert_int_eq(arg(e, "bytes_read"), 5 * 32 * 2 + 12 * 32 * 2);
	ck_assert_int_eq(arg(e, "bytes_written"), 5 * 12 * 4);
	ck_assert_int_eq(arg(e, "flops"), 2 * 5 * 12 * 32);
	us = json_number_value(json_object_get(e, "dur"));
	ck_assert_double_gt(us, 0.0);
	ck_assert_double_lt(fabs(real_arg(e, "GFLOP/s") - 3840.0 / (us * 1000.0)), 0.001);
	ck_assert_double_lt(fabs(real_arg(e, "share_of_flops") - real_arg(e, "GFLOP/s") / 5.0),
			    0.001);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(e, "args"), "shape")),
			 "x bf16[5][32], w bf16[12][32], out f32[5][12]");
	/* rows at positions 4, 5, 6 see 5 + 6 + 7 keys; 4 heads of 32 */
	e = event(root, "attention");
	ck_assert_int_eq(arg(e, "flops"), 4 * (5 + 6 + 7) * 4 * 32);
	ck_assert_ptr_nonnull(event(root, "wait"));
	ck_assert_ptr_nonnull(event(root, "alloc"));
	ck_assert_ptr_nonnull(event(root, "memory"));
	json_decref(root);
	bed_close(&b);
	root = read_trace(path);
	ck_assert_ptr_nonnull(event(root, "free"));
	json_decref(root);
	bed_folder_end();
}
END_TEST

START_TEST(limits)
{
	struct aios_op_matmul op;
	char args[600];
	struct bed b;
	json_t *root;

	if (!bed_open(&b))
		return;
	bed_folder_begin();
	ck_assert_int_eq(bed_hook(&b, "trace", ""), -EINVAL);
	ck_assert_int_eq(bed_hook(&b, "trace", bed_file("none/t.json")), -ENOENT);
	snprintf(args, sizeof(args), "%s,loud", bed_file("t.json"));
	ck_assert_int_eq(bed_hook(&b, "trace", args), -EINVAL);
	snprintf(args, sizeof(args), "%s,max=2k,sync", bed_file("t.json"));
	ck_assert_msg(bed_hook(&b, "trace", args) == 0, "%s", b.st.message);
	bed_queue(&b);
	op = bed_matmul(&b, 2, 4, 32);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	bed_close(&b);
	ck_assert_uint_eq(bed_says(&b, "events are not in the trace"), 1);
	root = read_trace(bed_file("t.json"));
	ck_assert_ptr_nonnull(event(root, "process_name"));
	json_decref(root);
	bed_folder_end();
}
END_TEST

START_TEST(full_disk)
{
	struct aios_op_matmul op;
	struct bed b;

	if (!bed_open(&b))
		return;
	if (bed_hook(&b, "trace", "/dev/full") == 0) {
		/* pwrite() to it may succeed where nothing is kept */
		bed_queue(&b);
		op = bed_matmul(&b, 2, 4, 32);
		ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	} else {
		ck_assert_int_eq(b.st.code, -ENOSPC);
	}
	bed_close(&b);
}
END_TEST

Suite *test_hook_trace_suite(void)
{
	Suite *s = suite_create("hook_trace");
	TCase *tc = tcase_create("trace");

	tcase_add_test(tc, numbers);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, full_disk);
	suite_add_tcase(s, tc);
	return s;
}
