// SPDX-License-Identifier: Apache-2.0
/*
 * test_hip.c - the host side of the HIP driver on a libamdhip64 that is none (tests/fake), whose
 * kernels run on the host: what it finds, computes, and does when things fail or are lost; and
 * that it shares a process with the CUDA driver. What is the same for both vendors is tested in
 * test_cuda.c more closely.
 */
#include <check.h>
#include <dlfcn.h>
#include <string.h>

#include "env.h"
#include "gpu_bed.h"

#define N 1024 /* elements of a test's vectors */

/* With a gfx90a. */
static struct gpu_bed hip = {
	.library = "fake-libamdhip64.so",
	.driver = "hip.so",
	.gpu = { .version = 60342131,
		 .devices = 1,
		 .major = 9,
		 .wave = 64,
		 .units = 4,
		 .shared_max = 65536,
		 .memory = 64 * MIB },
};

static int (*hip_current)(int *dev), (*hip_set_current)(int dev);

static void hip_setup(void)
{
	gpu_bed_setup(&hip);
	*(void **)&hip_current = dlsym(hip.handle, "hipGetDevice");
	*(void **)&hip_set_current = dlsym(hip.handle, "hipSetDevice");
	*(void **)&hip.clear = dlsym(hip.handle, "hipDeviceReset");
}

/* The runtime of Debian 12, which knows neither hipLaunchHostFunc nor, here, graphs. */
static void hip_setup_old(void)
{
	hip.library = hip.fake ? hip.library : "fake-libamdhip64-old.so";
	hip_setup();
}

/* --- finding ----------------------------------------------------------------- */

/* The second has no UUID. */
START_TEST(test_probe_devices)
{
	static const struct gpu_bed_device two[2] = {
		{ "hip:GPU-0123456789abcdef", "pci:0000:83:00.0" },
		{ "hip:pci-0000:84:00.0", "pci:0000:84:00.0" },
	};

	gpu_bed_check_devices(&hip, two);
}
END_TEST

/* Without something that works: no devices, and one sentence. */
START_TEST(test_probe_reasons)
{
	hip.fake->init_result = 100;
	gpu_bed_check_none(&hip, "finds no AMD GPU");
	hip.fake->init_result = 101; /* what Debian's 5.2.3 says without /dev/kfd */
	gpu_bed_check_none(&hip, "finds no AMD GPU");
	hip.fake->init_result = 999;
	ck_assert_int_eq(gpu_bed_check_none(&hip, "hipInit failed"), 999);
	hip.fake->init_result = 0;
	hip.fake->devices = 0;
	gpu_bed_check_none(&hip, "counts no devices");
}
END_TEST

/* The tests' image has gfx90a and gfx1030. */
START_TEST(test_probe_targets)
{
	static const struct gpu_bed_target targets[] = {
		{ 9, 0, 64, true },   { 10, 3, 32, true }, { 9, 4, 64, false },
		{ 10, 1, 32, false }, { 1, 0, 64, false }, { 11, 0, 32, false },
	};
	struct aios_status st = { 0 };
	void *dev;

	gpu_bed_check_targets(&hip, targets, sizeof(targets) / sizeof(targets[0]), "gfx90a gfx1030",
			      "HIP 6.3.42131");
	hip.fake->major = 9;
	hip.fake->minor = 0;
	hip.fake->wave = 16;
	ck_assert_int_eq(hip.ops->open(&gpu_bed_host, 0, &dev, &st), -ENOTSUP);
	gpu_bed_check_empty(&hip);
}
END_TEST

/* --- kernels ----------------------------------------------------------------- */

/* a + b through ordinary memory, a graph or none; 0 when each sum is right. */
static int sums(const struct gpu_bed *bed, void *dev, void *queue, aios_addr at, bool graph,
		struct aios_status *st)
{
	const struct aios_driver_ops *ops = bed->ops;
	struct aios_op_add op = gpu_bed_add(at, 1, N);
	float in[2 * N], out[N] = { 0 };
	void *g = NULL;
	int ret, i;

	for (i = 0; i < 2 * N; i++)
		in[i] = (float)i * 0.37f + 1e-40f;
	ret = ops->copy(dev, queue, AIOS_COPY_TO_DEVICE, at, (uintptr_t)in, sizeof(in), st);
	if (ret == 0 && graph)
		ret = ops->graph_begin(dev, queue, st);
	if (ret == 0)
		ret = ops->launch(dev, queue, &op.op, st);
	if (ret == 0 && graph)
		ret = ops->graph_end(dev, queue, &g, st);
	if (ret == 0 && graph)
		ret = ops->graph_launch(dev, queue, g, st);
	if (ret == 0)
		ret = ops->copy(dev, queue, AIOS_COPY_TO_HOST, (uintptr_t)out, op.out.data,
				sizeof(out), st);
	if (ret == 0)
		ret = gpu_bed_finish(bed, dev, queue, st);
	if (g)
		ops->graph_destroy(dev, g);
	for (i = 0; i < N && ret == 0; i++)
		if (out[i] != in[i] + in[N + i])
			ret = aios_fail(st, -EIO, "sum %d is wrong", i);
	return ret;
}

START_TEST(test_launch_computes)
{
	static const int waves[] = { 32, 64 };
	struct aios_status st = { 0 };
	struct aios_mem m;
	void *dev, *queue;
	int i;

	for (i = 0; i < 6; i++) { /* each wave in three orders */
		hip.fake->wave = waves[i % 2];
		hip.fake->order = i / 2;
		dev = gpu_bed_open(&hip);
		queue = gpu_bed_queue(&hip, dev);
		ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 3 * N * 4, &m, &st), 0);
		ck_assert_msg(sums(&hip, dev, queue, m.addr, false, &st) == 0, "%s", st.message);
		ck_assert_str_eq(hip.fake->last_kernel, "gpu_add");
		hip.ops->mem_free(dev, &m);
		gpu_bed_close(&hip, dev, queue);
	}
}
END_TEST

/* A kernel waits for its turn in the stream, and a graph's kernels run at each replay. */
START_TEST(test_launch_later)
{
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&hip), *queue = gpu_bed_queue(&hip, dev);
	float one[3 * N];
	struct aios_op_add op;
	struct aios_mem m;
	uint64_t value;
	int i;

	ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_MAPPED, sizeof(one), &m, &st), 0);
	for (i = 0; i < 3 * N; i++)
		((float *)m.host)[i] = 1;
	op = gpu_bed_add(m.addr, 1, N);
	hip.fake->hold = true;
	ck_assert_int_eq(hip.ops->launch(dev, queue, &op.op, &st), 0);
	ck_assert_int_eq(hip.ops->signal(dev, queue, &value, &st), 0);
	ck_assert_int_eq(hip.ops->wait(dev, queue, value, gpu_bed_deadline(0.01), &st), -ETIMEDOUT);
	ck_assert(((float *)m.host)[2 * N] == 1);
	hip.fake->hold = false;
	ck_assert_int_eq(hip.ops->wait(dev, queue, value, gpu_bed_deadline(10), &st), 0);
	ck_assert(((float *)m.host)[2 * N] == 2);
	ck_assert_msg(sums(&hip, dev, queue, m.addr, true, &st) == 0, "%s", st.message);
	hip.ops->mem_free(dev, &m);
	gpu_bed_close(&hip, dev, queue);
}
END_TEST

/* Without hipLaunchHostFunc a callback delivers; without graphs graph_begin() says so. */
START_TEST(test_old_runtime)
{
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&hip), *queue = gpu_bed_queue(&hip, dev);
	struct aios_mem m;

	if (strstr(hip.library, "old") == NULL) { /* tests share one process */
		printf("skipped: the newer library is loaded already\n");
		gpu_bed_close(&hip, dev, queue);
		return;
	}
	ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 3 * N * 4, &m, &st), 0);
	ck_assert_msg(sums(&hip, dev, queue, m.addr, false, &st) == 0, "%s", st.message);
	ck_assert_int_eq(hip.ops->graph_begin(dev, queue, &st), -ENOTSUP);
	ck_assert_msg(strstr(st.message, "has no graphs") != NULL, "%s", st.message);
	ck_assert_msg(sums(&hip, dev, queue, m.addr, false, &st) == 0, "%s", st.message);
	hip.ops->mem_free(dev, &m);
	gpu_bed_close(&hip, dev, queue);
}
END_TEST

/* --- failures ---------------------------------------------------------------- */

START_TEST(test_loss)
{
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&hip), *old = gpu_bed_queue(&hip, dev), *queue;
	struct aios_op_add op;
	struct aios_mem m;
	uint64_t value = 0;

	ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 3 * N * 4, &m, &st), 0);
	op = gpu_bed_add(m.addr, 1, N);
	gpu_bed_lose(&hip);
	ck_assert_int_eq(hip.ops->launch(dev, old, &op.op, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(st.vendor, 700);
	ck_assert_msg(strstr(st.message, "hipErrorIllegalAddress") != NULL, "%s", st.message);
	ck_assert_int_eq(hip.ops->signal(dev, old, &value, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(hip.ops->quiesce(dev, gpu_bed_deadline(1), &st), -AIOS_DEVICE_LOST);

	ck_assert_msg(hip.ops->reset(dev, &st) == 0, "%s", st.message);
	ck_assert_int_eq(hip.ops->signal(dev, old, &value, &st), -AIOS_DEVICE_LOST);
	hip.ops->mem_free(dev, &m);
	hip.ops->queue_destroy(dev, old);
	queue = gpu_bed_queue(&hip, dev);
	ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 3 * N * 4, &m, &st), 0);
	ck_assert_msg(sums(&hip, dev, queue, m.addr, true, &st) == 0, "%s", st.message);
	hip.ops->mem_free(dev, &m);
	gpu_bed_close(&hip, dev, queue);
}
END_TEST

static int hip_work(const struct gpu_bed *bed, void *dev, void *queue, aios_addr at,
		    struct aios_status *st)
{
	return sums(bed, dev, queue, at, true, st);
}

START_TEST(test_nth_call_fails)
{
	hip.work = hip_work;
	gpu_bed_sweep(&hip, 2, false);
	gpu_bed_sweep(&hip, 1, false);
}
END_TEST

START_TEST(test_nth_call_loses_device)
{
	hip.work = hip_work;
	gpu_bed_sweep(&hip, 700, true);
}
END_TEST

/* --- neighbours ---------------------------------------------------------------- */

/* A program's own choice of a device stays, whatever the driver does with another. */
START_TEST(test_current_device_stays)
{
	struct aios_status st = { 0 };
	void *dev, *queue;
	struct aios_mem m;
	int current = -1;

	hip.fake->devices = 2;
	ck_assert_int_eq(hip_set_current(1), 0);
	dev = gpu_bed_open(&hip);
	queue = gpu_bed_queue(&hip, dev);
	ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 3 * N * 4, &m, &st), 0);
	ck_assert_msg(sums(&hip, dev, queue, m.addr, false, &st) == 0, "%s", st.message);
	ck_assert_int_eq(hip_current(&current), 0);
	ck_assert_int_eq(current, 1);
	hip.ops->mem_free(dev, &m);
	hip.ops->queue_destroy(dev, queue);
	ck_assert_int_eq(hip.ops->reset(dev, &st), 0);
	hip.ops->close(dev);
	ck_assert_int_eq(hip_current(&current), 0);
	ck_assert_int_eq(current, 1);
	ck_assert_int_eq(hip_set_current(0), 0);
}
END_TEST

/* Both drivers in one process, by turns; one loses its device and the other goes on. */
START_TEST(test_beside_cuda)
{
	struct aios_status st = { 0 };
	void *a, *qa, *b, *qb;
	struct gpu_bed cuda = { .library = "fake-libcuda.so", .driver = "cuda.so", .gpu = hip.gpu };
	struct aios_mem ma, mb;
	uint64_t value;
	int i;

	cuda.gpu.version = 13000;
	cuda.gpu.wave = 32;
	gpu_bed_setup(&cuda);
	ck_assert_ptr_ne(cuda.fake, hip.fake);
	a = gpu_bed_open(&hip);
	qa = gpu_bed_queue(&hip, a);
	b = gpu_bed_open(&cuda);
	qb = gpu_bed_queue(&cuda, b);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(hip.ops->mem_alloc(a, AIOS_HEAP_DEVICE, 3 * N * 4, &ma, &st), 0);
		ck_assert_int_eq(cuda.ops->mem_alloc(b, AIOS_HEAP_DEVICE, 3 * N * 4, &mb, &st), 0);
		ck_assert_msg(sums(&hip, a, qa, ma.addr, i == 1, &st) == 0, "%s", st.message);
		ck_assert_int_eq(cuda.ops->fill(b, qb, mb.addr, 7, 64, &st), 0);
		ck_assert_int_eq(gpu_bed_finish(&cuda, b, qb, &st), 0);
		ck_assert_int_eq(((unsigned char *)(uintptr_t)mb.addr)[63], 7);
		hip.ops->mem_free(a, &ma);
		cuda.ops->mem_free(b, &mb);
	}
	ck_assert_uint_eq(cuda.fake->launches, 0);
	gpu_bed_lose(&cuda);
	ck_assert_int_eq(cuda.ops->signal(b, qb, &value, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(hip.ops->mem_alloc(a, AIOS_HEAP_DEVICE, 3 * N * 4, &ma, &st), 0);
	ck_assert_msg(sums(&hip, a, qa, ma.addr, true, &st) == 0, "%s", st.message);
	hip.ops->mem_free(a, &ma);
	ck_assert_int_eq(cuda.ops->reset(b, &st), 0);
	gpu_bed_close(&cuda, b, qb);
	gpu_bed_close(&hip, a, qa);
}
END_TEST

Suite *test_hip_suite(void);

Suite *test_hip_suite(void)
{
	Suite *s = suite_create("hip");
	TCase *tc = tcase_create("hip"), *old;

	tcase_add_checked_fixture(tc, hip_setup, NULL);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_probe_devices);
	tcase_add_test(tc, test_probe_reasons);
	tcase_add_test(tc, test_probe_targets);
	suite_add_tcase(s, tc);
	if (skip_fibers())
		return s;
	old = tcase_create("old runtime");
	tcase_add_test(tc, test_launch_computes);
	tcase_add_test(tc, test_launch_later);
	tcase_add_test(tc, test_loss);
	tcase_add_test(tc, test_nth_call_fails);
	tcase_add_test(tc, test_nth_call_loses_device);
	tcase_add_test(tc, test_current_device_stays);
	tcase_add_test(tc, test_beside_cuda);
	tcase_add_checked_fixture(old, hip_setup_old, NULL);
	tcase_add_test(old, test_old_runtime);
	suite_add_tcase(s, old);
	return s;
}
