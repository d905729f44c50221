// SPDX-License-Identifier: Apache-2.0
/*
 * test_hip.c - the host side of the HIP driver on a libamdhip64 that is none (tests/fake), whose
 * kernels run on the host: what it finds, computes, and does when things fail or are lost; and
 * that it shares a process with the CUDA driver. What is the same for both vendors is tested in
 * test_cuda.c more closely.
 */
#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <aios/driver/driver.h>

#include "fake.h"

#define MIB ((uint64_t)1 << 20)
#define N 1024 /* elements of a test's vectors */

/* A library that is none, and the driver over it. */
struct hip_side {
	struct fake_gpu *fake;
	const struct aios_driver_ops *ops;
	int (*current)(int *dev);
	int (*set_current)(int dev);
	int (*clear)(void); /* hipDeviceReset */
};

static struct hip_side hip;
static const char *hip_library = "fake-libamdhip64.so";

static void hip_log(void *ctx, int level, const char *message)
{
	(void)ctx;
	(void)level;
	(void)message;
}

static const char *hip_param(void *ctx, const char *name)
{
	(void)ctx;
	if (strcmp(name, "staging") == 0 || strcmp(name, "pinned") == 0)
		return "1";
	return strcmp(name, "spin") == 0 ? "10" : "3";
}

static const struct aios_host host = {
	.size = sizeof(host), .abi_minor = AIOS_ABI_MINOR, .log = hip_log, .param = hip_param
};

static void *open_library(const char *name)
{
	const char *build = getenv("AIOS_TEST_BUILD");
	char path[1024];
	void *lib;

	snprintf(path, sizeof(path), "%s/tests/modules/%s", build && *build ? build : "build",
		 name);
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	ck_assert_msg(lib != NULL, "%s", dlerror());
	return lib;
}

/* First the library, then the driver that looks for it. */
static void open_side(struct hip_side *side, const char *library, const char *driver)
{
	void *lib = open_library(library);
	const struct aios_module *module;

	side->fake = dlsym(lib, "fake_gpu");
	*(void **)&side->current = dlsym(lib, "hipGetDevice");
	*(void **)&side->set_current = dlsym(lib, "hipSetDevice");
	*(void **)&side->clear = dlsym(lib, "hipDeviceReset");
	module = dlsym(open_library(driver), "aios_module");
	ck_assert(side->fake && module);
	side->ops = module->ops;
}

static void set_fake(struct fake_gpu *fake, int version, int major, int minor, int wave)
{
	memset(fake, 0, sizeof(*fake));
	fake->version = version;
	fake->devices = 1;
	fake->major = major;
	fake->minor = minor;
	fake->wave = wave;
	fake->units = 4;
	fake->shared_max = 65536;
	fake->memory = 64 * MIB;
}

static void hip_setup(void)
{
	if (!hip.fake)
		open_side(&hip, hip_library, "hip.so");
	set_fake(hip.fake, 60342131, 9, 0, 64);
}

/* The runtime of Debian 12, which knows neither hipLaunchHostFunc nor, here, graphs. */
static void hip_setup_old(void)
{
	hip_library = hip.fake ? hip_library : "fake-libamdhip64-old.so";
	hip_setup();
}

static void *hip_open(void)
{
	struct aios_status st = { 0 };
	void *dev = NULL;

	ck_assert_msg(hip.ops->open(&host, 0, &dev, &st) == 0, "%s", st.message);
	return dev;
}

static void *hip_queue(void *dev)
{
	struct aios_status st = { 0 };
	void *queue = NULL;

	ck_assert_msg(hip.ops->queue_create(dev, &queue, &st) == 0, "%s", st.message);
	return queue;
}

static uint64_t deadline(double seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec +
	       (uint64_t)(seconds * 1e9);
}

static int finish(const struct aios_driver_ops *ops, void *dev, void *queue, struct aios_status *st)
{
	uint64_t value = 0;
	int ret = ops->signal(dev, queue, &value, st);

	return ret ? ret : ops->wait(dev, queue, value, deadline(10), st);
}

/* Nothing is left in the library. */
static void check_empty(const struct fake_gpu *fake)
{
	ck_assert_int_eq(fake->streams, 0);
	ck_assert_int_eq(fake->events, 0);
	ck_assert_int_eq(fake->graphs, 0);
	ck_assert_int_eq(fake->execs, 0);
	ck_assert_int_eq(fake->modules, 0);
	ck_assert_int_eq(fake->allocations, 0);
}

/* --- finding ----------------------------------------------------------------- */

START_TEST(test_probe_devices)
{
	struct aios_device_desc d[3] = { { .size = sizeof(d[0]) } };
	struct aios_status st = { 0 };

	hip.fake->devices = 2;
	ck_assert_int_eq(hip.ops->probe(&host, d, 3, &st), 2);
	ck_assert_str_eq(d[0].id, "hip:GPU-0123456789abcdef");
	ck_assert_str_eq(d[1].id, "hip:pci-0000:84:00.0"); /* without a UUID */
	ck_assert_str_eq(d[0].alias, "pci:0000:83:00.0");
	ck_assert_str_eq(d[1].name, "Fake GPU 1");
	ck_assert_uint_eq(d[1].index, 1);
	ck_assert_uint_eq(d[0].memory, 64 * MIB);
	ck_assert_int_gt(d[0].score, 1000);
}
END_TEST

/* Without something that works: no devices, and one sentence. */
START_TEST(test_probe_reasons)
{
	static const struct {
		int result;
		const char *says;
	} cases[] = { { 100, "finds no AMD GPU" },
		      { 101, "finds no AMD GPU" }, /* what Debian's 5.2.3 says without /dev/kfd */
		      { 999, "hipInit failed" } };
	struct aios_device_desc d = { .size = sizeof(d) };
	struct aios_status st = { 0 };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hip.fake->init_result = cases[i].result;
		ck_assert_int_eq(hip.ops->probe(&host, &d, 1, &st), 0);
		ck_assert_msg(strstr(st.message, cases[i].says) != NULL, "%s", st.message);
	}
	ck_assert_int_eq(st.vendor, 999);
	hip.fake->init_result = 0;
	hip.fake->devices = 0;
	ck_assert_int_eq(hip.ops->probe(&host, &d, 1, &st), 0);
	ck_assert_msg(strstr(st.message, "counts no devices") != NULL, "%s", st.message);
}
END_TEST

/* The tests' image has gfx90a and gfx1030. */
START_TEST(test_probe_targets)
{
	static const struct {
		int major, minor, wave;
		bool runs;
	} cases[] = { { 9, 0, 64, true },   { 10, 3, 32, true }, { 9, 4, 64, false },
		      { 10, 1, 32, false }, { 1, 0, 64, false }, { 11, 0, 32, false } };
	struct aios_device_desc d = { .size = sizeof(d) };
	struct aios_device_info info = { .size = sizeof(info) };
	struct aios_status st = { 0 };
	void *dev;
	size_t i;
	int ret;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hip.fake->major = cases[i].major;
		hip.fake->minor = cases[i].minor;
		hip.fake->wave = cases[i].wave;
		ck_assert_int_eq(hip.ops->probe(&host, &d, 1, &st), 1);
		ck_assert_msg((d.score >= 0) == cases[i].runs, "%d.%d: %s", cases[i].major,
			      cases[i].minor, d.reason);
		ret = hip.ops->open(&host, 0, &dev, &st);
		ck_assert_int_eq(ret, cases[i].runs ? 0 : -ENOTSUP);
		if (ret) {
			ck_assert_msg(strstr(st.message, "gfx90a gfx1030") != NULL, "%s",
				      st.message);
			continue;
		}
		ck_assert_int_eq(hip.ops->device_info(dev, &info, &st), 0);
		ck_assert_uint_eq(info.wave, (uint32_t)cases[i].wave);
		ck_assert_msg(strstr(info.runtime, "HIP 6.3.42131") != NULL, "%s", info.runtime);
		hip.ops->close(dev);
	}
	hip.fake->major = 9;
	hip.fake->minor = 0;
	hip.fake->wave = 16;
	ck_assert_int_eq(hip.ops->open(&host, 0, &dev, &st), -ENOTSUP);
	check_empty(hip.fake);
}
END_TEST

/* --- kernels ----------------------------------------------------------------- */

static struct aios_op_add add_op(aios_addr at)
{
	struct aios_op_add op = { .op = AIOS_OP_INIT(struct aios_op_add, AIOS_OP_ADD) };

	op.a = (struct aios_tensor){
		.data = at, .dtype = AIOS_F32, .rows = 1, .cols = N, .row_bytes = N * 4
	};
	op.b = op.out = op.a;
	op.b.data = at + N * 4;
	op.out.data = at + N * 8;
	return op;
}

/* a + b through ordinary memory, a graph or none; 0 when each sum is right. */
static int sums(const struct aios_driver_ops *ops, void *dev, void *queue, aios_addr at, bool graph,
		struct aios_status *st)
{
	struct aios_op_add op = add_op(at);
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
		ret = finish(ops, dev, queue, st);
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
		dev = hip_open();
		queue = hip_queue(dev);
		ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 3 * N * 4, &m, &st), 0);
		ck_assert_msg(sums(hip.ops, dev, queue, m.addr, false, &st) == 0, "%s", st.message);
		ck_assert_str_eq(hip.fake->last_kernel, "gpu_add");
		hip.ops->mem_free(dev, &m);
		hip.ops->queue_destroy(dev, queue);
		hip.ops->close(dev);
		check_empty(hip.fake);
	}
}
END_TEST

/* A kernel waits for its turn in the stream, and a graph's kernels run at each replay. */
START_TEST(test_launch_later)
{
	struct aios_status st = { 0 };
	void *dev = hip_open(), *queue = hip_queue(dev);
	float one[3 * N];
	struct aios_op_add op;
	struct aios_mem m;
	uint64_t value;
	int i;

	ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_MAPPED, sizeof(one), &m, &st), 0);
	for (i = 0; i < 3 * N; i++)
		((float *)m.host)[i] = 1;
	op = add_op(m.addr);
	hip.fake->hold = true;
	ck_assert_int_eq(hip.ops->launch(dev, queue, &op.op, &st), 0);
	ck_assert_int_eq(hip.ops->signal(dev, queue, &value, &st), 0);
	ck_assert_int_eq(hip.ops->wait(dev, queue, value, deadline(0.01), &st), -ETIMEDOUT);
	ck_assert(((float *)m.host)[2 * N] == 1);
	hip.fake->hold = false;
	ck_assert_int_eq(hip.ops->wait(dev, queue, value, deadline(10), &st), 0);
	ck_assert(((float *)m.host)[2 * N] == 2);
	ck_assert_msg(sums(hip.ops, dev, queue, m.addr, true, &st) == 0, "%s", st.message);
	hip.ops->mem_free(dev, &m);
	hip.ops->queue_destroy(dev, queue);
	hip.ops->close(dev);
	check_empty(hip.fake);
}
END_TEST

/* Without hipLaunchHostFunc a callback delivers; without graphs graph_begin() says so. */
START_TEST(test_old_runtime)
{
	struct aios_status st = { 0 };
	void *dev = hip_open(), *queue = hip_queue(dev);
	struct aios_mem m;

	if (strstr(hip_library, "old") == NULL) { /* tests share one process */
		printf("skipped: the newer library is loaded already\n");
		hip.ops->queue_destroy(dev, queue);
		hip.ops->close(dev);
		return;
	}
	ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 3 * N * 4, &m, &st), 0);
	ck_assert_msg(sums(hip.ops, dev, queue, m.addr, false, &st) == 0, "%s", st.message);
	ck_assert_int_eq(hip.ops->graph_begin(dev, queue, &st), -ENOTSUP);
	ck_assert_msg(strstr(st.message, "has no graphs") != NULL, "%s", st.message);
	ck_assert_msg(sums(hip.ops, dev, queue, m.addr, false, &st) == 0, "%s", st.message);
	hip.ops->mem_free(dev, &m);
	hip.ops->queue_destroy(dev, queue);
	hip.ops->close(dev);
	check_empty(hip.fake);
}
END_TEST

/* --- failures ---------------------------------------------------------------- */

START_TEST(test_loss)
{
	struct aios_status st = { 0 };
	void *dev = hip_open(), *old = hip_queue(dev), *queue;
	struct aios_op_add op;
	struct aios_mem m;
	uint64_t value = 0;

	ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 3 * N * 4, &m, &st), 0);
	op = add_op(m.addr);
	hip.fake->fail_nth = 1;
	hip.fake->fail_result = 700;
	hip.fake->sticky = true;
	ck_assert_int_eq(hip.ops->launch(dev, old, &op.op, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(st.vendor, 700);
	ck_assert_msg(strstr(st.message, "hipErrorIllegalAddress") != NULL, "%s", st.message);
	ck_assert_int_eq(hip.ops->signal(dev, old, &value, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(hip.ops->quiesce(dev, deadline(1), &st), -AIOS_DEVICE_LOST);

	ck_assert_msg(hip.ops->reset(dev, &st) == 0, "%s", st.message);
	ck_assert_int_eq(hip.ops->signal(dev, old, &value, &st), -AIOS_DEVICE_LOST);
	hip.ops->mem_free(dev, &m);
	hip.ops->queue_destroy(dev, old);
	queue = hip_queue(dev);
	ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 3 * N * 4, &m, &st), 0);
	ck_assert_msg(sums(hip.ops, dev, queue, m.addr, true, &st) == 0, "%s", st.message);
	hip.ops->mem_free(dev, &m);
	hip.ops->queue_destroy(dev, queue);
	hip.ops->close(dev);
	check_empty(hip.fake);
}
END_TEST

/* A bit of everything; stops at the first failure, then gives back what it has. */
static int scenario(struct aios_status *st)
{
	const struct aios_driver_ops *ops = hip.ops;
	struct aios_mem m = { 0 }, pinned = { 0 };
	void *dev = NULL, *queue = NULL;
	int ret;

	ret = ops->open(&host, 0, &dev, st);
	if (ret)
		return ret;
	ret = ops->queue_create(dev, &queue, st);
	if (ret == 0)
		ret = ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 3 * N * 4, &m, st);
	if (ret == 0)
		ret = ops->mem_alloc(dev, AIOS_HEAP_PINNED, 4096, &pinned, st);
	if (ret == 0)
		ret = sums(ops, dev, queue, m.addr, true, st);
	if (ret == 0)
		ret = ops->quiesce(dev, deadline(1), st);
	ops->mem_free(dev, &pinned);
	ops->mem_free(dev, &m);
	ops->queue_destroy(dev, queue);
	ops->close(dev);
	return ret;
}

/* Let the n-th call fail, for each n until none does: an error with a message, and no leak. */
static void sweep(int result, bool sticky)
{
	struct aios_status st;
	uint64_t n;
	int ret;

	for (n = 1;; n++) {
		hip_setup();
		memset(&st, 0, sizeof(st));
		hip.fake->fail_nth = n;
		hip.fake->fail_result = result;
		hip.fake->sticky = sticky;
		ret = scenario(&st);
		if (hip.fake->fail_nth) /* the scenario has fewer calls */
			break;
		ck_assert_msg(ret == 0 || st.message[0], "call %llu: %d without a message",
			      (unsigned long long)n, ret);
		if (sticky) /* nothing can be given back to what is lost */
			hip.clear();
		check_empty(hip.fake);
		ck_assert_uint_lt(n, 2000);
	}
	ck_assert_msg(ret == 0, "%s", st.message);
	ck_assert_uint_gt(n, 100);
}

START_TEST(test_nth_call_fails)
{
	sweep(2, false);
	sweep(1, false);
}
END_TEST

START_TEST(test_nth_call_loses_device)
{
	sweep(700, true);
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
	ck_assert_int_eq(hip.set_current(1), 0);
	dev = hip_open();
	queue = hip_queue(dev);
	ck_assert_int_eq(hip.ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 3 * N * 4, &m, &st), 0);
	ck_assert_msg(sums(hip.ops, dev, queue, m.addr, false, &st) == 0, "%s", st.message);
	ck_assert_int_eq(hip.current(&current), 0);
	ck_assert_int_eq(current, 1);
	hip.ops->mem_free(dev, &m);
	hip.ops->queue_destroy(dev, queue);
	ck_assert_int_eq(hip.ops->reset(dev, &st), 0);
	hip.ops->close(dev);
	ck_assert_int_eq(hip.current(&current), 0);
	ck_assert_int_eq(current, 1);
	ck_assert_int_eq(hip.set_current(0), 0);
}
END_TEST

/* Both drivers in one process, by turns; one loses its device and the other goes on. */
START_TEST(test_beside_cuda)
{
	struct aios_status st = { 0 };
	void *a, *qa, *b, *qb;
	struct hip_side cuda;
	struct aios_mem ma, mb;
	uint64_t value;
	int i;

	open_side(&cuda, "fake-libcuda.so", "cuda.so");
	set_fake(cuda.fake, 13000, 9, 0, 32);
	ck_assert_ptr_ne(cuda.fake, hip.fake);
	a = hip_open();
	qa = hip_queue(a);
	ck_assert_msg(cuda.ops->open(&host, 0, &b, &st) == 0, "%s", st.message);
	ck_assert_int_eq(cuda.ops->queue_create(b, &qb, &st), 0);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(hip.ops->mem_alloc(a, AIOS_HEAP_DEVICE, 3 * N * 4, &ma, &st), 0);
		ck_assert_int_eq(cuda.ops->mem_alloc(b, AIOS_HEAP_DEVICE, 3 * N * 4, &mb, &st), 0);
		ck_assert_msg(sums(hip.ops, a, qa, ma.addr, i == 1, &st) == 0, "%s", st.message);
		ck_assert_int_eq(cuda.ops->fill(b, qb, mb.addr, 7, 64, &st), 0);
		ck_assert_int_eq(finish(cuda.ops, b, qb, &st), 0);
		ck_assert_int_eq(((unsigned char *)(uintptr_t)mb.addr)[63], 7);
		hip.ops->mem_free(a, &ma);
		cuda.ops->mem_free(b, &mb);
	}
	ck_assert_uint_eq(cuda.fake->launches, 0);
	cuda.fake->fail_nth = 1;
	cuda.fake->fail_result = 700;
	cuda.fake->sticky = true;
	ck_assert_int_eq(cuda.ops->signal(b, qb, &value, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(hip.ops->mem_alloc(a, AIOS_HEAP_DEVICE, 3 * N * 4, &ma, &st), 0);
	ck_assert_msg(sums(hip.ops, a, qa, ma.addr, true, &st) == 0, "%s", st.message);
	hip.ops->mem_free(a, &ma);
	ck_assert_int_eq(cuda.ops->reset(b, &st), 0);
	cuda.ops->queue_destroy(b, qb);
	cuda.ops->close(b);
	hip.ops->queue_destroy(a, qa);
	hip.ops->close(a);
	check_empty(cuda.fake);
	check_empty(hip.fake);
}
END_TEST

Suite *test_hip_suite(void);

Suite *test_hip_suite(void)
{
	Suite *s = suite_create("hip");
	TCase *tc = tcase_create("hip"), *old = tcase_create("old runtime");

	tcase_add_checked_fixture(tc, hip_setup, NULL);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_probe_devices);
	tcase_add_test(tc, test_probe_reasons);
	tcase_add_test(tc, test_probe_targets);
#if !defined(__SANITIZE_THREAD__) /* fibers confuse the thread sanitizer */
	tcase_add_test(tc, test_launch_computes);
	tcase_add_test(tc, test_launch_later);
	tcase_add_test(tc, test_loss);
	tcase_add_test(tc, test_nth_call_fails);
	tcase_add_test(tc, test_nth_call_loses_device);
	tcase_add_test(tc, test_current_device_stays);
	tcase_add_test(tc, test_beside_cuda);
	tcase_add_checked_fixture(old, hip_setup_old, NULL);
	tcase_add_test(old, test_old_runtime);
#endif
	suite_add_tcase(s, tc);
	suite_add_tcase(s, old);
	return s;
}
