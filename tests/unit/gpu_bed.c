// SPDX-License-Identifier: Apache-2.0
/* gpu_bed.c - a GPU's driver over a vendor's library that is none. */
#include "gpu_bed.h"

#include <check.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "env.h"

#define ILLEGAL_ADDRESS 700 /* both vendors' number */

static void no_log(void *ctx, int level, const char *message)
{
	(void)ctx;
	(void)level;
	(void)message;
}

static const char *small_param(void *ctx, const char *name)
{
	(void)ctx;
	if (strcmp(name, "staging") == 0 || strcmp(name, "pinned") == 0)
		return "1";
	return strcmp(name, "spin") == 0 ? "10" : "3";
}

const struct aios_host gpu_bed_host = { .size = sizeof(gpu_bed_host),
					.abi_minor = AIOS_ABI_MINOR,
					.log = no_log,
					.param = small_param };

static void *load(const char *name)
{
	char path[1024];
	void *lib;

	snprintf(path, sizeof(path), "%s/tests/modules/%s", env_build(), name);
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	ck_assert_msg(lib != NULL, "%s", dlerror());
	return lib;
}

void gpu_bed_setup(struct gpu_bed *bed)
{
	const struct aios_module *module;

	if (!bed->fake) { /* first the library, then the driver that looks for it */
		bed->handle = load(bed->library);
		bed->fake = dlsym(bed->handle, "fake_gpu");
		module = dlsym(load(bed->driver), "aios_module");
		ck_assert(bed->fake && module);
		bed->ops = module->ops;
	}
	*bed->fake = bed->gpu;
}

void *gpu_bed_open(const struct gpu_bed *bed)
{
	struct aios_status st = { 0 };
	void *dev = NULL;

	ck_assert_msg(bed->ops->open(&gpu_bed_host, 0, &dev, &st) == 0, "%s", st.message);
	return dev;
}

void *gpu_bed_queue(const struct gpu_bed *bed, void *dev)
{
	struct aios_status st = { 0 };
	void *queue = NULL;

	ck_assert_msg(bed->ops->queue_create(dev, &queue, &st) == 0, "%s", st.message);
	return queue;
}

void gpu_bed_close(const struct gpu_bed *bed, void *dev, void *queue)
{
	if (queue)
		bed->ops->queue_destroy(dev, queue);
	bed->ops->close(dev);
	gpu_bed_check_empty(bed);
}

void gpu_bed_check_empty(const struct gpu_bed *bed)
{
	ck_assert_int_eq(bed->fake->contexts, 0);
	ck_assert_int_eq(bed->fake->retained, 0);
	ck_assert_int_eq(bed->fake->streams, 0);
	ck_assert_int_eq(bed->fake->events, 0);
	ck_assert_int_eq(bed->fake->graphs, 0);
	ck_assert_int_eq(bed->fake->execs, 0);
	ck_assert_int_eq(bed->fake->modules, 0);
	ck_assert_int_eq(bed->fake->allocations, 0);
}

uint64_t gpu_bed_deadline(double seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec +
	       (uint64_t)(seconds * 1e9);
}

int gpu_bed_finish(const struct gpu_bed *bed, void *dev, void *queue, struct aios_status *st)
{
	uint64_t value = 0;
	int ret = bed->ops->signal(dev, queue, &value, st);

	return ret ? ret : bed->ops->wait(dev, queue, value, gpu_bed_deadline(10), st);
}

void gpu_bed_lose(const struct gpu_bed *bed)
{
	bed->fake->fail_nth = 1;
	bed->fake->fail_result = ILLEGAL_ADDRESS;
	bed->fake->sticky = true;
}

struct aios_op_add gpu_bed_add(aios_addr at, uint32_t rows, uint32_t cols)
{
	struct aios_op_add op = { .op = AIOS_OP_INIT(struct aios_op_add, AIOS_OP_ADD) };

	op.a = (struct aios_tensor){ .data = at,
				     .dtype = AIOS_F32,
				     .rows = rows,
				     .cols = cols,
				     .row_bytes = (uint64_t)cols * 4 };
	op.b = op.out = op.a;
	op.b.data = at + rows * op.a.row_bytes;
	op.out.data = op.b.data + rows * op.a.row_bytes;
	return op;
}

/* --- what every vendor's driver has to show ------------------------------------------ */

void gpu_bed_check_devices(const struct gpu_bed *bed, const struct gpu_bed_device want[2])
{
	struct aios_device_desc d[3] = { { .size = sizeof(d[0]) } };
	struct aios_status st = { 0 };
	char name[32];
	uint32_t i;

	bed->fake->devices = 2;
	ck_assert_int_eq(bed->ops->probe(&gpu_bed_host, NULL, 0, &st), 2);
	ck_assert_int_eq(bed->ops->probe(&gpu_bed_host, d, 3, &st), 2);
	for (i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "Fake GPU %u", i);
		ck_assert_str_eq(d[i].id, want[i].id);
		ck_assert_str_eq(d[i].alias, want[i].alias);
		ck_assert_str_eq(d[i].name, name);
		ck_assert_uint_eq(d[i].index, i);
		ck_assert_uint_eq(d[i].memory, bed->gpu.memory);
		ck_assert_int_gt(d[i].score, 1000);
	}
	gpu_bed_check_empty(bed);
}

int64_t gpu_bed_check_none(const struct gpu_bed *bed, const char *part)
{
	struct aios_device_desc d = { .size = sizeof(d) };
	struct aios_status st = { 0 };

	ck_assert_int_eq(bed->ops->probe(&gpu_bed_host, &d, 1, &st), 0);
	ck_assert_msg(strstr(st.message, part) != NULL, "%s", st.message);
	return st.vendor;
}

static void check_target(const struct gpu_bed *bed, const struct gpu_bed_target *t,
			 const char *images, const char *runtime)
{
	struct aios_device_info info = { .size = sizeof(info) };
	struct aios_device_desc d = { .size = sizeof(d) };
	struct aios_status st = { 0 };
	void *dev;
	int ret;

	bed->fake->major = t->major;
	bed->fake->minor = t->minor;
	bed->fake->wave = t->wave;
	ck_assert_int_eq(bed->ops->probe(&gpu_bed_host, &d, 1, &st), 1);
	ck_assert_msg((d.score >= 0) == t->runs, "%d.%d: %s", t->major, t->minor, d.reason);
	ret = bed->ops->open(&gpu_bed_host, 0, &dev, &st);
	ck_assert_int_eq(ret, t->runs ? 0 : -ENOTSUP);
	if (ret) {
		ck_assert_msg(strstr(st.message, images) != NULL, "%s", st.message);
		return;
	}
	ck_assert_int_eq(bed->ops->device_info(dev, &info, &st), 0);
	ck_assert_uint_eq(info.wave, (uint32_t)t->wave);
	ck_assert_msg(strstr(info.runtime, runtime) != NULL, "%s", info.runtime);
	bed->ops->close(dev);
}

void gpu_bed_check_targets(const struct gpu_bed *bed, const struct gpu_bed_target *targets,
			   size_t n, const char *images, const char *runtime)
{
	size_t i;

	for (i = 0; i < n; i++)
		check_target(bed, &targets[i], images, runtime);
	gpu_bed_check_empty(bed);
}

/* Stops at the first failure, then gives back what it has. */
static int scenario(const struct gpu_bed *bed, struct aios_status *st)
{
	const struct aios_driver_ops *ops = bed->ops;
	struct aios_mem m = { 0 }, pinned = { 0 };
	void *dev = NULL, *queue = NULL;
	int ret;

	ret = ops->open(&gpu_bed_host, 0, &dev, st);
	if (ret)
		return ret;
	ret = ops->queue_create(dev, &queue, st);
	if (ret == 0)
		ret = ops->mem_alloc(dev, AIOS_HEAP_DEVICE, GPU_BED_BYTES, &m, st);
	if (ret == 0)
		ret = ops->mem_alloc(dev, AIOS_HEAP_PINNED, 4096, &pinned, st);
	if (ret == 0)
		ret = bed->work(bed, dev, queue, m.addr, st);
	if (ret == 0)
		ret = ops->quiesce(dev, gpu_bed_deadline(1), st);
	ops->mem_free(dev, &pinned);
	ops->mem_free(dev, &m);
	ops->queue_destroy(dev, queue);
	ops->close(dev);
	return ret;
}

void gpu_bed_sweep(struct gpu_bed *bed, int result, bool sticky)
{
	struct aios_status st;
	uint64_t n;
	int ret;

	for (n = 1;; n++) {
		gpu_bed_setup(bed);
		memset(&st, 0, sizeof(st));
		bed->fake->fail_nth = n;
		bed->fake->fail_result = result;
		bed->fake->sticky = sticky;
		ret = scenario(bed, &st);
		if (bed->fake->fail_nth) /* the scenario has fewer calls */
			break;
		ck_assert_msg(ret == 0 || st.message[0], "call %llu: %d without a message",
			      (unsigned long long)n, ret);
		if (sticky && bed->clear)
			bed->clear();
		gpu_bed_check_empty(bed);
		ck_assert_uint_lt(n, 2000);
	}
	ck_assert_msg(ret == 0, "%s", st.message);
	ck_assert_uint_gt(n, 100);
	gpu_bed_check_empty(bed);
}
